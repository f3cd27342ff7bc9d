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
    pod.command("ping").args(["-c1", "-W5", "-I", "net1", "fe80:ec2::1"]).run();
    let mut checked = config.clone();
    checked["prevResult"] = result;
    lab.call(&pod, "c1", &checked).verb("CHECK").run(&lab.host).empty();
    add.clone().verb("DEL").run(&lab.host).empty();
    before.assert_same(&lab.host.snapshot(&[]));
    inside_before.assert_same(&pod.snapshot());
    assert!(lab.store().records().unwrap().is_empty());
    add.verb("DEL").run(&lab.host).empty();
}
