//! ADD, CHECK and DEL of `multi-eni` with its own IPAM, on a simulated VPC.

use e2e::Lab;
use e2e::lab::POOL;
use serde_json::json;

#[test]
fn a_pod_gets_an_eni_and_gives_it_back_unchanged() {
    let lab = Lab::with_enis(2);
    let pod = lab.host.netns("pod1");
    let config = json!({"pool": POOL, "ipam": {"type": "multi-eni-ipam"}});
    let add = lab.call(&pod, "c1", &config);
    let before = lab.host.snapshot(&[]);
    let inside_before = pod.snapshot();
    let result = add.run(&lab.host).result();
    assert_eq!(result["ips"][0]["address"], "10.0.1.11/24", "{result:#}");
    pod.command("ping").args(["-c1", "-W5", "10.0.1.1"]).run();
    let mut checked = config.clone();
    checked["prevResult"] = result;
    lab.call(&pod, "c1", &checked).verb("CHECK").run(&lab.host).empty();
    add.clone().verb("DEL").run(&lab.host).empty();
    before.assert_same(&lab.host.snapshot(&[]));
    inside_before.assert_same(&pod.snapshot());
    assert!(lab.store().records().unwrap().is_empty());
    add.verb("DEL").run(&lab.host).empty();
}

#[test]
fn two_pods_reach_each_other_through_the_vpc_in_both_families() {
    let lab = Lab::with_enis(2);
    let config = json!({"pool": POOL, "ipam": {"type": "multi-eni-ipam"}});
    let pods = ["c1", "c2"].map(|name| lab.host.netns(name));
    for (pod, container) in pods.iter().zip(["c1", "c2"]) {
        drop(lab.call(pod, container, &config).run(&lab.host).result());
    }
    pods[0].command("ping").args(["-c1", "-W5", "10.0.1.12"]).run();
    pods[0].command("ping").args(["-6", "-c1", "-W5", "2001:db8:0:1::12"]).run();
}
