//! How many, and how long.

use super::{Found, within};
use crate::declared::fault::Faults;
use crate::declared::limits::{COOLDOWN, IPV6, SECONDARY_IPV4};
use crate::declared::manifest::NodeEniSpec;
use crate::declared::pool::Pool;

/// Beside the primary one.
pub(super) fn secondary_ipv4(spec: &NodeEniSpec, faults: &mut Faults) -> u32 {
    within("spec.secondaryIPv4Addresses", spec.secondary_ipv4_addresses, &SECONDARY_IPV4, 0, faults)
}

/// All that an ENI has.
pub(super) fn ipv6(spec: &NodeEniSpec, faults: &mut Faults) -> u32 {
    within("spec.ipv6Addresses", spec.ipv6_addresses, &IPV6, 0, faults)
}

/// How long an ENI rests after a pod.
pub(super) fn cooldown(spec: &NodeEniSpec, faults: &mut Faults) -> u64 {
    within("spec.cooldownSeconds", spec.cooldown_seconds, &COOLDOWN, 30, faults)
}

/// How `warm`, `min` and `max` go together.
pub(super) fn sizes(pool: &Pool, found: &mut Found) {
    match pool.max {
        Some(max) => {
            for (path, value) in [("spec.warm", Some(pool.warm)), ("spec.min", pool.min)] {
                if let Some(value) = value.filter(|&value| value > max) {
                    found.faults.push(path, format_args!("is {value} and spec.max is {max}; it can be at most that"));
                }
            }
            if max == 0 {
                found.notes.push("spec.max", "is 0: the pool has no ENI, and gives up those that no pod has");
            }
        }
        None if pool.min == Some(0) && pool.warm == 0 => {
            let why =
                "is 0 without spec.warm and spec.max: the pool never has an ENI; write max to let it grow on demand";
            found.notes.push("spec.min", why);
        }
        None => {}
    }
}
