//! ADD where the pool has no free ENI: it is asked for.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic that says what went wrong is how a test fails")]

mod agent;
mod crowd;
mod once;
mod unasked;

use std::fs;
use std::time::{Duration, Instant};

use agent::{FakeAgent, listen, ready, refused};
use e2e::lab::POOL;
use e2e::{CniError, Invocation, Lab, Outcome, POD_UID, PodNetns, Snapshot};
use nix::sys::signal::Signal;
use node::ask::SOCKET;
use node::boot::seconds_since_boot;
use node::inventory::Entry;
use node::store::AgentPass;
use serde_json::json;

/// Far from the time that an ADD asks for unless it is told otherwise, and more than a process needs on any machine.
const AT_ONCE: Duration = Duration::from_secs(20);

/// A lab whose ENIs are not in the inventory yet, and their entries.
fn not_yet(count: u8) -> (Lab, Vec<Entry>) {
    let lab = Lab::with_enis(count);
    let entries: Vec<_> = (0..count.into()).map(|index| lab.entry(index)).collect();
    entries.iter().for_each(|entry| lab.store().remove_entry(entry).unwrap());
    (lab, entries)
}

fn add(lab: &Lab, pod: &PodNetns, container: &str) -> Invocation {
    lab.call(pod, container, &json!({"pool": POOL, "ipam": {"type": "multi-eni-ipam"}})).of_pod()
}

/// An ADD that asks for three quarters of a second.
fn hasty_add(lab: &Lab, pod: &PodNetns, container: &str) -> Invocation {
    lab.call(pod, container, &json!({"pool": POOL, "timeoutSeconds": 1}))
}

#[track_caller]
fn assert_nothing_left(lab: &Lab, before: &Snapshot) {
    before.assert_same(&lab.host.snapshot(&[]));
    assert!(lab.store().records().unwrap().is_empty());
    assert_claim_lock_is_free(lab);
}

#[track_caller]
fn assert_claim_lock_is_free(lab: &Lab) {
    assert!(lab.store().try_device_lock("claim").unwrap().is_some(), "a lock is held while the agent is asked");
}

#[test]
fn upg_3_an_empty_pool_gets_an_eni_while_the_add_waits() {
    let (lab, entries) = not_yet(1);
    let before = lab.host.snapshot(&[]);
    let (pod, store) = (lab.host.netns("pod1"), lab.store());
    let agent = FakeAgent::serve(&lab, move |_| {
        assert!(store.try_device_lock("claim").unwrap().is_some(), "a lock is held while the agent is asked");
        store.write_entry(&entries[0]).unwrap();
        Some(ready(&entries[0]))
    });
    let result = add(&lab, &pod, "c1").run(&lab.host).result();
    assert_eq!(result["ips"][0]["address"], "10.0.1.11/24", "{result:#}");
    let [asked] = &agent.asked()[..] else { panic!("more or less than one question: {:?}", agent.asked()) };
    assert_eq!((asked.pool.as_str(), asked.pod.as_ref().and_then(|pod| pod.uid.as_deref())), (POOL, Some(POD_UID)));
    assert_eq!((asked.owner.container_id.as_str(), asked.owner.ifname.as_str()), ("c1", "net1"));
    assert!(asked.deadline_ms <= 45_000, "a quarter of the time is left for the moves: {asked:?}");
    add(&lab, &pod, "c1").verb("DEL").run(&lab.host).empty();
    assert_nothing_left(&lab, &before);
    assert_eq!(agent.asked().len(), 1, "DEL asks nobody");
}

#[test]
fn ec2_5_what_the_agent_refuses_with_reaches_the_runtime() {
    let (lab, _) = not_yet(1);
    let before = lab.host.snapshot(&[]);
    let pod = lab.host.netns("pod1");
    for code in [7, 11, 100, 101, 102] {
        let answer = refused(code, &format!("no, for reason {code}"), "subnet-1");
        let _agent = FakeAgent::serve(&lab, move |_| Some(answer.clone()));
        let error = add(&lab, &pod, "c1").run(&lab.host).error();
        assert_eq!((error.code, error.msg), (code, format!("no, for reason {code}")));
        assert_eq!(error.details, "subnet-1");
        fs::remove_file(lab.state_dir().join(SOCKET)).unwrap();
    }
    assert_nothing_left(&lab, &before);
}

/// Refused, with what to do.
#[track_caller]
fn assert_nobody_attaches(error: &CniError) {
    assert_eq!(error.code, 11, "{error:?}");
    assert!(error.msg.contains("pool data") && error.msg.contains("start multi-eni-agent"), "{error:?}");
    assert!(error.msg.len() <= 200 && error.details.contains("no ENI on this node"), "{error:?}");
}

#[test]
fn upg_3_without_an_agent_the_add_says_at_once_what_to_do() {
    let (lab, _) = not_yet(1);
    let before = lab.host.snapshot(&[]);
    let pod = lab.host.netns("pod1");
    let refused_at_once = || {
        let began = Instant::now();
        assert_nobody_attaches(&add(&lab, &pod, "c1").run(&lab.host).error());
        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    };
    refused_at_once();
    drop(listen(&lab));
    refused_at_once();
    assert_nothing_left(&lab, &before);
}

/// An agent has just finished one.
fn note_a_pass(lab: &Lab) {
    lab.store().write_agent_pass(&AgentPass { finished_at: seconds_since_boot().unwrap() }).unwrap();
}

/// An update takes the agent of a node away for some seconds.
#[test]
fn upg_3_an_agent_that_was_here_is_waited_for() {
    let (lab, entries) = not_yet(1);
    note_a_pass(&lab);
    let pod = lab.host.netns("pod1");
    let running = add(&lab, &pod, "c1").spawn(&lab.host);
    let store = lab.store();
    let first = listen(&lab);
    // The one that it finds ends without an answer.
    drop(first.accept().unwrap());
    drop(first);
    fs::remove_file(lab.state_dir().join(SOCKET)).unwrap();
    let agent = FakeAgent::serve(&lab, move |_| {
        store.write_entry(&entries[0]).unwrap();
        Some(ready(&entries[0]))
    });
    let result = Outcome::of(running).result();
    assert_eq!(result["ips"][0]["address"], "10.0.1.11/24", "{result:#}");
    assert_eq!(agent.asked().len(), 1);
}

#[test]
fn upg_3_an_agent_that_does_not_come_back_is_given_up_in_time() {
    let (lab, _) = not_yet(1);
    note_a_pass(&lab);
    let before = lab.host.snapshot(&[]);
    let pod = lab.host.netns("pod1");
    let listener = listen(&lab);
    let running = hasty_add(&lab, &pod, "c1").spawn(&lab.host);
    drop(listener.accept().unwrap());
    drop(listener);
    assert_nobody_attaches(&Outcome::of(running).error());
    assert_nothing_left(&lab, &before);
}

#[test]
fn upg_3_a_slow_agent_is_left_in_time_and_nothing_stays_behind() {
    let (lab, entries) = not_yet(1);
    let before = lab.host.snapshot(&[]);
    let pod = lab.host.netns("pod1");
    let agent = FakeAgent::serve(&lab, |_| None);
    let error = hasty_add(&lab, &pod, "c1").run(&lab.host).error();
    assert_eq!(error.code, 11, "{error:?}");
    assert!(error.msg.contains("pool data") && error.msg.contains("try again"), "{error:?}");
    agent.await_withdrawal();
    assert!(agent.asked()[0].deadline_ms <= 750, "{:?}", agent.asked());
    assert_nothing_left(&lab, &before);

    // The ENI comes after all. The runtime's next try has another container ID, and asks nobody.
    lab.write_entry(&entries[0]);
    drop(hasty_add(&lab, &pod, "c2").run(&lab.host).result());
    assert_eq!(agent.asked().len(), 1);
}

#[test]
fn cra_2_an_add_that_dies_while_it_waits_withdraws_its_request() {
    let (lab, _) = not_yet(1);
    let before = lab.host.snapshot(&[]);
    let pod = lab.host.netns("pod1");
    let agent = FakeAgent::serve(&lab, |_| None);
    let running = add(&lab, &pod, "c1").spawn(&lab.host);
    agent.await_question();
    assert_claim_lock_is_free(&lab);
    running.kill();
    agent.await_withdrawal();
    assert_nothing_left(&lab, &before);
}

#[test]
fn cra_2_an_add_that_is_told_to_stop_while_it_waits_stops() {
    let (lab, _) = not_yet(1);
    let before = lab.host.snapshot(&[]);
    let pod = lab.host.netns("pod1");
    let agent = FakeAgent::serve(&lab, |_| None);
    let running = add(&lab, &pod, "c1").spawn(&lab.host);
    agent.await_question();
    running.signal(Signal::SIGTERM);
    let error = Outcome::of(running).error();
    assert_eq!(error.code, 11, "{error:?}");
    assert!(error.msg.contains("SIGTERM"), "{error:?}");
    agent.await_withdrawal();
    assert_nothing_left(&lab, &before);
}

#[test]
fn ec2_5_what_the_agent_calls_ready_and_the_plugin_must_refuse_makes_no_hot_loop() {
    let (lab, entries) = not_yet(1);
    let before = lab.host.snapshot(&[]);
    let pod = lab.host.netns("pod1");
    let agent = FakeAgent::serve(&lab, move |_| Some(ready(&entries[0])));
    let error = hasty_add(&lab, &pod, "c1").run(&lab.host).error();
    assert_eq!(error.code, 11, "{error:?}");
    assert!(error.details.contains("no ENI on this node"), "{error:?}");
    let asked = agent.asked().len();
    assert!((1..=10).contains(&asked), "asked {asked} times");
    assert_nothing_left(&lab, &before);
}

#[test]
fn sec_3_a_socket_that_is_not_roots_alone_is_not_asked() {
    use std::os::unix::fs::PermissionsExt;
    let (lab, _) = not_yet(1);
    let pod = lab.host.netns("pod1");
    let agent = FakeAgent::serve(&lab, |_| None);
    fs::set_permissions(lab.state_dir().join(SOCKET), PermissionsExt::from_mode(0o666)).unwrap();
    let error = add(&lab, &pod, "c1").run(&lab.host).error();
    assert_eq!(error.code, 5, "{error:?}");
    assert!(error.details.contains("others than root"), "{error:?}");
    assert!(agent.asked().is_empty());
}
