//! What EC2 does wrong, by chance.

use std::time::Duration;

use ec2sim::{Action, ApiFaultBuilder, Ec2};

use crate::agent::tests::region::NODE;

/// What the agent calls.
const ACTIONS: [Action; 12] = [
    Action::CreateNetworkInterface,
    Action::AttachNetworkInterface,
    Action::AttachNetworkInterface,
    Action::ModifyNetworkInterfaceAttribute,
    Action::DetachNetworkInterface,
    Action::DetachNetworkInterface,
    Action::DeleteNetworkInterface,
    Action::DeleteNetworkInterface,
    Action::DescribeNetworkInterfaces,
    Action::DescribeNetworkInterfaces,
    Action::DescribeSubnets,
    Action::AssignPrivateIpAddresses,
];

/// Orders a fault, and says which.
pub(super) fn order(ec2: &Ec2, rng: &mut fastrand::Rng) -> String {
    let action = rng.choice(ACTIONS).unwrap();
    let is_any = rng.u32(0..8) == 0;
    let (share, times) = (rng.choice([20, 50, 100]).unwrap(), rng.u32(1..8));
    let at = || {
        let builder: ApiFaultBuilder<'_> = if is_any { ec2.at_all() } else { ec2.at(action) };
        builder.of(NODE).percent(share).times(times)
    };
    let seconds = rng.u64(1..30);
    let words = match rng.u32(0..12) {
        0..=1 => {
            at().throttles();
            "throttles".to_string()
        }
        2 => {
            at().is_broken();
            "is broken".to_string()
        }
        3 => {
            at().hangs();
            "hangs".to_string()
        }
        4 => {
            at().drops();
            "drops".to_string()
        }
        5..=7 => {
            at().loses_the_answer();
            "loses the answer".to_string()
        }
        8 => {
            at().is_slow(Duration::from_secs(seconds));
            format!("takes {seconds} s")
        }
        9 => {
            let age = Duration::from_secs(seconds * 5);
            ec2.at(Action::DescribeNetworkInterfaces).of(NODE).times(times).is_stale(age);
            return format!("{times} Describes are {age:?} old");
        }
        10 => {
            at().refuses("UnauthorizedOperation");
            "denies".to_string()
        }
        _ => {
            let code = honest_refusal(action, rng);
            ec2.at(action).of(NODE).percent(share).times(times).refuses(code);
            return format!("{action}: {code}, {share} % up to {times} times");
        }
    };
    let of = if is_any { "every call".to_string() } else { action.to_string() };
    format!("{of} {words}, {share} % up to {times} times")
}

/// What this action may be refused with.
fn honest_refusal(action: Action, rng: &mut fastrand::Rng) -> &'static str {
    let codes: &[&str] = match action {
        Action::CreateNetworkInterface => {
            &["InsufficientFreeAddressesInSubnet", "NetworkInterfaceLimitExceeded", "InvalidParameterValue"]
        }
        Action::AttachNetworkInterface => {
            &["AttachmentLimitExceeded", "InvalidNetworkInterfaceID.NotFound", "IncorrectState"]
        }
        Action::DeleteNetworkInterface => &["InvalidNetworkInterface.InUse", "InvalidParameterValue"],
        Action::DetachNetworkInterface => &["IncorrectState"],
        Action::ModifyNetworkInterfaceAttribute => &["InvalidNetworkInterfaceID.NotFound", "IncorrectState"],
        Action::AssignPrivateIpAddresses => &["InsufficientFreeAddressesInSubnet", "PrivateIpAddressLimitExceeded"],
        _ => &["InternalError"],
    };
    rng.choice(codes.iter().copied()).unwrap()
}
