//! What somebody changes is put right.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::Cloud;
use e2e::cloud::{AGENT, CLUSTER_TAG, brisk};
use ec2sim::{Action, Clock, EniFacts, Timing};
use node::inventory::State;
use serde_json::json;

use crate::{POOL, fixed, link_of, look_again, only, with_pool};

const HOUR: Duration = Duration::from_secs(3600);

/// A pool of one, which a person changes at EC2's console; then the agent has it again as it was, with one call.
fn put_right(change: impl FnOnce(&Cloud, &EniFacts), by: Action) {
    let cloud = Cloud::new();
    cloud.declare(
        POOL,
        &json!({
            "min": 1, "max": 1, "secondaryIPv4Addresses": 2, "tags": {"team": "voice"}, "sourceDestCheck": false,
        }),
    );
    cloud.start();
    cloud.until_ready(POOL, 1);
    cloud.until("the check is off", |cloud| !only(cloud).source_dest_check);
    let before = only(&cloud);
    cloud.ec2.take_calls();
    change(&cloud, &before);
    assert_ne!(only(&cloud), before);
    let same = |eni: &EniFacts| EniFacts { secondaries: Vec::new(), ..eni.clone() };
    cloud.refresh();
    cloud.until("it is as it was", |cloud| {
        let now = only(cloud);
        same(&now) == same(&before) && now.secondaries.len() == before.secondaries.len()
    });
    assert_eq!(cloud.written(), [(by.name(), 1)].into(), "{cloud}");
    cloud.until("the inventory knows", |cloud| {
        let entry = cloud.of_pool(POOL).remove(0);
        let secondaries = entry.ipv4_addresses.iter().filter(|one| !one.primary).map(|one| one.address);
        secondaries.eq(only(cloud).secondaries) && entry.tags == before.tags
    });
}

#[test]
fn security_groups_are_put_right() {
    put_right(
        |cloud, eni| {
            let other = cloud.vpc.security_group("other").create().unwrap();
            cloud.console().set_groups(eni, &[&other.id]);
        },
        Action::ModifyNetworkInterfaceAttribute,
    );
}

#[test]
fn delete_on_termination_is_put_right() {
    put_right(
        |cloud, eni| cloud.console().set_delete_on_termination(eni, false),
        Action::ModifyNetworkInterfaceAttribute,
    );
}

#[test]
fn source_dest_check_is_put_right() {
    put_right(|cloud, eni| cloud.console().set_source_dest_check(eni, true), Action::ModifyNetworkInterfaceAttribute);
}

#[test]
fn tags_are_put_right() {
    put_right(
        |cloud, eni| {
            cloud.console().tag(eni, "team", "data");
            cloud.console().untag(eni, "node.k8s.amazonaws.com/no_manage");
        },
        Action::CreateTags,
    );
}

#[test]
fn adr_3_addresses_that_were_taken_away_are_replaced() {
    // An answer to a question about addresses that the agent itself changed a moment ago does not count.
    put_right(|cloud, eni| cloud.console().unassign_secondaries(eni), Action::AssignPrivateIpAddresses);
}

/// A person takes the tag of the cluster from an ENI, and the agent gets to know of it.
fn lose_cluster_tag(cloud: &Cloud, eni: &EniFacts) {
    cloud.console().untag(eni, CLUSTER_TAG);
    // Each other look is for what is attached, whatever its tags.
    cloud.until("the agent knows", |cloud| {
        cloud.refresh();
        cloud.of_pool(POOL).iter().any(|entry| !entry.tags.contains_key(CLUSTER_TAG))
    });
}

/// Whatever the agent looks at, it deletes nothing.
#[track_caller]
fn assert_is_never_deleted(cloud: &Cloud, eni: &EniFacts) {
    for _ in 0..2 {
        look_again(cloud);
        cloud.refresh();
    }
    look_again(cloud);
    let left = cloud.ec2.enis().unwrap();
    assert!(left.iter().any(|one| one.network_interface_id == eni.network_interface_id), "{cloud}");
    assert_eq!(cloud.calls_of(Action::DeleteNetworkInterface), [], "{cloud}");
}

#[test]
fn an_eni_whose_cluster_tag_is_gone_is_not_deleted() {
    let cloud = with_pool(1);
    let eni = only(&cloud);
    lose_cluster_tag(&cloud, &eni);
    cloud.declare(POOL, &fixed(0));
    cloud.until("it is off the instance or refused", |cloud| {
        cloud.refusals().iter().any(|(_, code)| code == "UnauthorizedOperation") || cloud.of_pool(POOL).is_empty()
    });
    assert_is_never_deleted(&cloud, &eni);
}

#[test]
fn an_eni_whose_cluster_tag_goes_while_it_is_detached_is_not_deleted_though_the_agent_may() {
    let timing = Timing { detach: HOUR, ..brisk() };
    let cloud = Cloud::builder().timing(timing).build();
    let hours = Arc::new(AtomicU32::new(0));
    let passed = Arc::clone(&hours);
    cloud.ec2.set_clock(Clock::new(move || {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + HOUR * passed.load(Ordering::SeqCst)
    }));
    // The installed policy would refuse it; here the agent itself has to leave it alone.
    let anything = r#"{"Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}"#;
    cloud.ec2.set_policy_of(AGENT, &anything.parse().unwrap());
    cloud.declare(POOL, &fixed(1));
    cloud.start();
    cloud.until_ready(POOL, 1);
    let eni = only(&cloud);
    cloud.declare(POOL, &fixed(0));
    cloud.until("it is asked to be detached", |cloud| !cloud.calls_of(Action::DetachNetworkInterface).is_empty());
    lose_cluster_tag(&cloud, &eni);
    hours.store(2, Ordering::SeqCst);
    cloud.until("the agent knows that it is off the instance", |cloud| {
        cloud.refresh();
        cloud.of_pool(POOL).iter().all(|entry| entry.state == State::Detached)
    });
    assert_is_never_deleted(&cloud, &eni);
}

#[test]
fn rou_1_what_a_host_daemon_does_to_a_ready_eni_is_undone() {
    let cloud = Cloud::new();
    cloud.declare(POOL, &json!({"min": 1, "max": 1, "mtu": 1500, "linkName": "data0"}));
    cloud.start();
    cloud.until_ready(POOL, 1);
    let settled = cloud.host.snapshot(&[]);
    assert!(settled.about("link data0 down ")[0].contains("mtu 1500"), "{settled:?}");
    let address = only(&cloud).primary;
    let script = format!(
        "for again in 1 2 3; do ip link set data0 up; ip addr add {address}/24 dev data0
         ip route add default via 10.0.1.1 dev data0 metric 512 proto dhcp
         ip route add default via 10.0.1.1 dev data0 table 10001; ip rule add from {address} lookup 10001 priority 10001
         done 2>/dev/null; ip addr add {address}/24 dev data0 2>/dev/null || true"
    );
    cloud.host.command("sh").args(["-c", &script]).run();
    cloud.until("all is as before", |cloud| settled.changes_to(&cloud.host.snapshot(&[])).is_empty());
    for script in ["ip addr add 10.9.9.9/32 dev data0", "ip link set data0 mtu 1400", "ip link set data0 name other"] {
        cloud.host.sh(script);
        cloud.until("all is as before", |cloud| settled.changes_to(&cloud.host.snapshot(&[])).is_empty());
    }
    // The kernel tells nobody that a link which is down has another alias (`netdev_state_change`, net/core/dev.c).
    cloud.host.sh("ip link set data0 alias mine");
    cloud.signal(nix::sys::signal::Signal::SIGHUP);
    cloud.until("all is as before", |cloud| settled.changes_to(&cloud.host.snapshot(&[])).is_empty());
    assert!(cloud.metric("multi_eni_drift_repaired_total{kind=\"link\"}") >= 4.0, "{}", cloud.metrics());
}

#[test]
fn rou_1_a_hot_plugged_eni_is_ready_though_a_daemon_is_faster() {
    let cloud = Cloud::new();
    // As a daemon with a rule for every link: it configures what comes, as soon as it comes.
    let daemon = cloud
        .host
        .command("sh")
        .args(["-c", "ip -o monitor link | while read -r _ name _; do case $name in eth*|ens[6-9]*) name=${name%%[:@]*}; ip link set $name up; ip addr add 10.0.1.99/24 dev $name; esac; done"])
        .spawn();
    cloud.declare(POOL, &fixed(2));
    cloud.start();
    cloud.until_ready(POOL, 2);
    daemon.kill();
    cloud.until("no ENI has an address of the host's", |cloud| {
        let host = cloud.host.snapshot(&[]);
        cloud.ours().iter().all(|eni| {
            let link = link_of(eni);
            host.about(&format!("address {link} ")).is_empty() && !host.about(&format!("link {link} down ")).is_empty()
        })
    });
}
