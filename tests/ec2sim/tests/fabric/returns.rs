//! What comes back when a pod's namespace dies.

use std::time::Duration;

use ec2sim::{Netns, NetnsError};

use crate::machine::{Lab, answers, configure, ok_in, run_in};

const LIMIT: Duration = Duration::from_secs(60);

/// Moves the link into a new namespace that nothing holds afterwards.
fn die_with_a_pod(machine: &Netns) -> Result<(), NetnsError> {
    let pod = Netns::create()?;
    let mover = machine.clone();
    let pod_inside = pod.clone();
    let child = pod_inside.run(|| std::process::Command::new("sleep").arg("infinity").spawn().unwrap())?;
    let mut child = child;
    ok_in(&mover, &format!("ip link set eth1 netns {} name net1", child.id()));
    assert!(ok_in(&pod, "ip -br link").contains("net1"));
    child.kill().unwrap();
    child.wait().unwrap();
    Ok(())
}

#[test]
fn a_link_that_died_with_a_namespace_comes_back_down_with_its_mac_and_name_and_works() {
    let lab = Lab::new();
    lab.fabric.keep().unwrap();
    die_with_a_pod(&lab.machine).unwrap();
    assert_eq!(lab.eni.await_return(1, LIMIT).unwrap(), "eth1");
    let link = ok_in(&lab.machine, "ip -o link show eth1");
    assert!(link.contains(&lab.eni.mac().to_string()) && link.contains("state DOWN"), "{link}");
    assert!(link.contains("mtu 9001"), "{link}");
    configure(&lab.machine, "eth1", "10.0.1.10/24", "2001:db8:0:1::10/128", "10.0.1.1");
    assert!(answers(&lab.machine, "10.0.2.20"));
}

#[test]
fn it_comes_back_each_time_and_is_still_guarded() {
    let lab = Lab::new();
    lab.fabric.keep().unwrap();
    for nth in 1..=3 {
        die_with_a_pod(&lab.machine).unwrap();
        lab.eni.await_return(nth, LIMIT).unwrap();
    }
    assert_eq!(lab.eni.returns(), ["eth1", "eth1", "eth1"]);
    configure(&lab.machine, "eth1", "10.0.1.77/24", "2001:db8:0:1::10/128", "10.0.1.1");
    assert!(!run_in(&lab.machine, "ping -n -c 1 -W 1 10.0.1.1").status.success());
    assert!(lab.eni.drops().unwrap().arp >= 1);
}

#[test]
fn its_name_taken_it_comes_back_as_the_kernel_would_name_it() {
    let lab = Lab::new();
    lab.fabric.keep().unwrap();
    let pod = Netns::create().unwrap();
    drop(pod);
    ok_in(&lab.machine, "ip link add dev0 type bridge");
    ok_in(&lab.machine, "ip link set eth1 down");
    ok_in(&lab.machine, "ip link set eth1 name away");
    ok_in(&lab.machine, "ip link add eth1 type bridge");
    ok_in(&lab.machine, "ip link del away");
    assert_eq!(lab.eni.await_return(1, LIMIT).unwrap(), "dev1");
    assert!(ok_in(&lab.machine, "ip -o link show dev1").contains(&lab.eni.mac().to_string()));
}

#[test]
fn it_can_come_back_under_the_name_that_it_had_in_the_pod() {
    let lab = Lab::new();
    lab.fabric.keep().unwrap();
    lab.eni.returns_as("net1").unwrap();
    die_with_a_pod(&lab.machine).unwrap();
    assert_eq!(lab.eni.await_return(1, LIMIT).unwrap(), "net1");
}

#[test]
fn what_died_before_the_fabric_kept_comes_back_when_it_does() {
    let lab = Lab::new();
    ok_in(&lab.machine, "ip link del eth1");
    lab.fabric.keep().unwrap();
    assert_eq!(lab.eni.await_return(1, LIMIT).unwrap(), "eth1");
}

#[test]
fn a_detached_eni_does_not_come_back() {
    let lab = Lab::new();
    lab.fabric.keep().unwrap();
    lab.eni.detach().unwrap();
    assert!(!run_in(&lab.machine, "ip link show eth1").status.success());
    lab.eni.attach(&lab.node).index(3).named("eth3").now().unwrap();
    assert!(lab.eni.returns().is_empty());
    ok_in(&lab.machine, "ip link show eth3");
}
