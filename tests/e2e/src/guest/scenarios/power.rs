//! A power cut. The records were in memory and are gone; what EC2 knows is all that is left.

use crate::guest::Node;
use crate::{Outcome, binaries};

use super::netdev::reaches_the_vpc;
use super::{POOL, Scenario, one, pool};

const FILE: &str = "tests/e2e/src/guest/scenarios/power.rs";

/// The last of its boot: the power goes after it.
pub(super) const BEFORE: [Scenario; 1] = [Scenario {
    name: "cra_4_the_power_goes_in_the_middle_of_an_add",
    file: FILE,
    run: cra_4_the_power_goes_in_the_middle_of_an_add,
}];

pub(super) const AFTER: [Scenario; 1] = [Scenario {
    name: "cra_4_what_was_attached_before_a_power_cut_serves_after_it",
    file: FILE,
    run: cra_4_what_was_attached_before_a_power_cut_serves_after_it,
}];

fn cra_4_the_power_goes_in_the_middle_of_an_add(node: &Node) {
    node.declare(POOL, &pool(1));
    one(node);
    let pod = node.pod("pod1");
    let config = serde_json::json!({"pool": POOL, "ipam": {"type": "multi-eni-ipam"}});
    let add = node.call_of(&binaries::multi_eni_faulty(), &pod, "c1", &config);
    // The first death after the device has moved.
    for point in 1.. {
        let ended = Outcome::of(add.clone().env("MULTI_ENI_KILL_AT", point.to_string()).spawn(&node.host));
        assert!(ended.output.signal().is_some(), "{}", ended.output);
        if !pod.snapshot().about("link net1 ").is_empty() {
            return;
        }
    }
}

fn cra_4_what_was_attached_before_a_power_cut_serves_after_it(node: &Node) {
    let nics = node.nics();
    assert_eq!(nics.len(), 1, "{nics:?}");
    node.declare(POOL, &pool(1));
    node.start();
    let eni = one(node);
    assert_eq!(node.pci(&eni), nics[0]);
    node.say(&format!("after the power cut: {} is at {}, {}", eni.network_interface_id, nics[0], eni.host_name));
    let pod = node.pod("pod1");
    drop(node.add(&pod, "c1", POOL).run(&node.host).result());
    reaches_the_vpc(&pod);
    node.add(&pod, "c1", POOL).verb("DEL").run(&node.host).empty();
    assert_eq!(node.enis().len(), 1, "{:?}", node.enis());
}
