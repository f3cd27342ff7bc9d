//! An ENI that comes to the node: out of the hands of the host's daemons, named and marked, and what tells that it came.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic that says what went wrong is how a test fails")]

use std::fs;

use e2e::lab::{POOL, pool};
use e2e::{Lab, Snapshot};
use node::arrival::{Arrived, Care, Error, Wish, arrive, look_after};
use node::files;
use node::ground::Side;
use node::host::{HostLink, Tie, View};
use node::intent::Intent;
use node::inventory::{Sharing, State};
use node::store::{self, Store};
use node::watch::{Event, Watched, events};
use serde_json::json;
use std::path::Path;

const OWN: &str = "multi-eni-ipam";

fn wish(lab: &Lab, name: &str) -> Wish {
    let mut entry = lab.entry(0);
    entry.state = State::Attached;
    Wish { entry, name: name.parse().unwrap(), mtu: Some(1500) }
}

fn shared(lab: &Lab, name: &str) -> Wish {
    let mut wish = wish(lab, name);
    wish.entry.pool = Some(pool("shared", Sharing::Shared));
    wish
}

fn arrives(lab: &Lab, wish: &Wish) -> Result<Arrived, Error> {
    let wish = wish.clone();
    lab.as_agent(move |store| async move { arrive(&store, &wish, Path::new("/sys")).await })
}

fn looked_after(lab: &Lab, wish: &Wish) -> Care {
    let wish = wish.clone();
    lab.as_agent(move |store| async move { look_after(&store, &wish, Path::new("/sys")).await.unwrap() })
}

fn right(care: Care) -> Arrived {
    match care {
        Care::Right(arrived) => arrived,
        Care::Held => panic!("no plugin has it"),
    }
}

/// The host's own network, which nothing may touch.
fn give_uplink(lab: &Lab) {
    lab.host.sh("ip link add uplink type bridge; ip link set uplink up
         ip addr add 10.9.0.2/24 dev uplink; ip addr add fd09::2/64 dev uplink nodad
         ip route add default via 10.9.0.1 dev uplink metric 100
         ip rule add from 10.9.0.2 lookup 10009 priority 10009");
}

/// What ec2-net-utils, cloud-init and a router's advertisement make of an ENI.
fn grab(lab: &Lab, link: &str) {
    lab.host.sh(&format!(
            "ip link set {link} up; ip addr add 10.0.1.11/24 dev {link}; ip addr add 10.0.1.99/24 dev {link}
             ip addr add 2001:db8:0:1::11/64 dev {link} nodad
             ip route add default via 10.0.1.1 dev {link} metric 512 proto dhcp
             ip route add default via fe80:ec2::1 dev {link} metric 512 proto ra
             ip route add 10.0.0.0/16 via 10.0.1.1 dev {link} table 10001
             ip route add default via 10.0.1.1 dev {link} table 10001
             ip rule add from 10.0.1.11 lookup 10001 priority 10001; ip rule add to 10.0.1.11/32 lookup 10001 priority 10002
             ip rule add from 10.0.1.99 lookup 10001 priority 10003
             ip -6 rule add from 2001:db8:0:1::11 lookup 10001 priority 10001"
        ),
    );
}

/// Nothing but the ENI's own line is another.
fn only_the_link_changed(before: &Snapshot, after: &Snapshot, becomes: &str) {
    let changes = before.changes_to(after);
    let mut lines: Vec<_> = changes.lines().collect();
    lines.sort_unstable();
    assert!(
        matches!(lines[..], [new, old] if new.starts_with(becomes) && old.starts_with("- link eth1 ")),
        "{changes}"
    );
}

#[test]
fn rou_1_a_hot_plugged_eni_is_taken_out_of_the_hands_of_the_hosts_daemons() {
    let lab = Lab::with_enis(2);
    give_uplink(&lab);
    let before = lab.host.snapshot(&[]);
    grab(&lab, "eth1");
    let arrived = arrives(&lab, &wish(&lab, "data0")).unwrap();
    assert_eq!((arrived.host_name.as_str(), arrived.mtu), ("data0", 1500));
    assert_eq!(arrived.cleaned.iter().filter(|step| step.starts_with("delete host rule")).count(), 4, "{arrived:?}");
    assert!(arrived.cleaned.iter().any(|step| step.contains("route 0.0.0.0/0 via 10.0.1.1")), "{arrived:?}");
    let after = lab.host.snapshot(&[]);
    only_the_link_changed(&before, &after, "+ link data0 down ");
    let line = after.about("link data0 ")[0];
    assert!(line.contains("mtu 1500") && line.contains(&format!("alias {}", lab.enis[0].id())), "{line}");
    // The pod's ADD finds it as any other, and gives it back as the agent left it.
    let mut entry = wish(&lab, "data0").entry;
    entry.host_name = arrived.host_name;
    entry.state = State::Ready;
    lab.write_entry(&entry);
    let pod = lab.host.netns("pod1");
    let call = lab.call(&pod, "c1", &json!({"eni": lab.enis[0].id().to_string(), "ipam": {"type": OWN}}));
    drop(call.run(&lab.host).result());
    call.verb("DEL").run(&lab.host).empty();
    after.assert_same(&lab.host.snapshot(&[]));
}

#[test]
fn rou_1_what_a_daemon_grabs_again_is_taken_from_it_and_what_is_right_is_not_written() {
    let lab = Lab::with_enis(1);
    give_uplink(&lab);
    let wish = wish(&lab, "data0");
    arrives(&lab, &wish).unwrap();
    let settled = lab.host.snapshot(&[]);
    assert_eq!(right(looked_after(&lab, &wish)).changed, Vec::<String>::new());
    grab(&lab, "data0");
    lab.host.sh("ip link set data0 mtu 1400 alias mine; ip link set data0 down; ip link set data0 name other up");
    let arrived = right(looked_after(&lab, &wish));
    assert!(!arrived.cleaned.is_empty() && arrived.changed.len() > arrived.cleaned.len(), "{arrived:?}");
    settled.assert_same(&lab.host.snapshot(&[]));
    assert_eq!(right(looked_after(&lab, &wish)).changed, Vec::<String>::new());
}

#[test]
fn nam_1_a_name_that_is_taken_is_had_when_it_is_free_again() {
    let lab = Lab::with_enis(1);
    let wish = wish(&lab, "data0");
    let fallback = wish.entry.network_interface_id.fallback_name();
    lab.host.sh("ip link add other type bridge; ip link property add dev other altname data0");
    assert_eq!(arrives(&lab, &wish).unwrap().host_name, fallback);
    assert_eq!(right(looked_after(&lab, &wish)).changed, Vec::<String>::new());
    lab.host.sh("ip link del other");
    let arrived = right(looked_after(&lab, &wish));
    assert_eq!(arrived.host_name.as_str(), "data0");
    assert_eq!(arrived.changed, ["set link name data0"]);
}

#[test]
fn nam_3_a_link_gets_the_name_that_is_an_alternative_one_of_its_own() {
    let lab = Lab::with_enis(1);
    lab.host.sh("ip link property add dev eth1 altname data0; ip link property add dev eth1 altname enp0s6");
    assert_eq!(arrives(&lab, &wish(&lab, "data0")).unwrap().host_name.as_str(), "data0");
    let snapshot = lab.host.snapshot(&[]);
    assert!(snapshot.about("link data0 ")[0].contains(r#"altnames ["enp0s6"]"#), "{snapshot:?}");
}

#[test]
fn mtu_2_an_mtu_that_the_driver_cannot_do_is_brought_within_its_range() {
    let lab = Lab::with_enis(1);
    let greatest = {
        let links = lab.as_agent(|_| async { View::read(&Side::here().unwrap().visit.netlink).await.unwrap().links });
        *links.iter().find(|link| link.name == "eth1").unwrap().mtu_range().end()
    };
    let wish = Wish { mtu: Some(u32::MAX), ..wish(&lab, "data0") };
    assert_eq!(arrives(&lab, &wish).unwrap().mtu, greatest);
    assert_eq!(right(looked_after(&lab, &wish)).changed, Vec::<String>::new());
}

#[test]
fn a_shared_eni_is_up_under_its_name_and_carries_nothing_of_the_host() {
    let lab = Lab::with_enis(1);
    give_uplink(&lab);
    let before = lab.host.snapshot(&[]);
    grab(&lab, "eth1");
    let wish = shared(&lab, "shared0");
    arrives(&lab, &wish).unwrap();
    let after = lab.host.snapshot(&[]);
    only_the_link_changed(&before, &after, "+ link shared0 up ");
    assert_eq!(lab.host.sh("cat /proc/sys/net/ipv6/conf/shared0/accept_ra").trim(), "0");
    grab(&lab, "shared0");
    assert_eq!(right(looked_after(&lab, &wish)).host_name.as_str(), "shared0");
    after.assert_same(&lab.host.snapshot(&[]));
    assert_eq!(right(looked_after(&lab, &wish)).changed, Vec::<String>::new());
}

#[test]
fn what_is_the_hosts_own_is_not_touched() {
    let lab = Lab::with_enis(1);
    let refused = |wish: &Wish, because: &str| {
        let before = lab.host.snapshot(&[]);
        let error = arrives(&lab, wish).unwrap_err();
        assert!(error.to_string().contains(because), "{error}");
        before.assert_same(&lab.host.snapshot(&[]));
        error
    };
    let usual = wish(&lab, "data0");
    let mut primary = usual.clone();
    (primary.entry.device_index, primary.entry.network_card_index) = (0, 0);
    assert!(matches!(refused(&primary, "primary"), Error::Primary(_)));
    lab.host.sh("ip link add br0 type bridge; ip link set eth1 master br0");
    assert!(matches!(refused(&usual, "belongs to br0"), Error::Tied { tie: Tie::Master(_), .. }));
    lab.host.sh("ip link set eth1 nomaster; ip link add mv0 link eth1 type macvlan");
    assert!(matches!(refused(&usual, "mv0 is on top"), Error::Tied { tie: Tie::Upper(_), .. }));
    assert!(matches!(refused(&shared(&lab, "data0"), "mv0 is on top"), Error::Tied { .. }));
    lab.host.sh("ip link del mv0; ip link set eth1 up; ip addr add 10.0.1.11/24 dev eth1
         ip route add default via 10.0.1.1 dev eth1 metric 512");
    assert!(matches!(refused(&usual, "default route"), Error::Tied { tie: Tie::DefaultRoute, .. }));
    lab.host.sh("ip link del eth1");
    assert!(matches!(refused(&usual, "no link"), Error::Absent(_)));
}

#[test]
fn what_a_plugin_has_is_left_alone() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    drop(lab.call(&pod, "c1", &json!({"pool": POOL})).run(&lab.host).result());
    assert_eq!(looked_after(&lab, &wish(&lab, "data0")), Care::Held);
    assert!(matches!(arrives(&lab, &wish(&lab, "data0")), Err(Error::Held(_))));
}

#[test]
fn the_links_of_the_host_are_seen_with_all_that_is_on_them() {
    let lab = Lab::with_enis(1);
    give_uplink(&lab);
    lab.host.sh("ip link property add dev eth1 altname enp0s6; ip link set eth1 up alias mine; ip addr add 10.0.1.11/24 dev eth1",
    );
    let links: Vec<HostLink> = lab.as_agent(|_| async {
        View::read(&Side::here().unwrap().visit.netlink).await.unwrap().host_links(Path::new("/sys"))
    });
    let of = |name: &str| links.iter().find(|link| link.name == name).unwrap();
    let eth1 = of("eth1");
    assert_eq!(eth1.mac_address, Some(lab.entry(0).mac_address));
    assert_eq!((eth1.up, eth1.alias.as_deref(), &eth1.tie), (true, Some("mine"), &None));
    assert_eq!(eth1.altnames, ["enp0s6"]);
    assert_eq!(eth1.addresses, ["10.0.1.11/24".parse().unwrap()]);
    assert_eq!(eth1.mtu, 9001);
    assert!(of("uplink").has_default_route());
    assert_eq!(of("lo").tie, Some(Tie::Loopback));
}

#[test]
fn links_and_files_that_change_wake_the_agent() {
    let lab = Lab::with_enis(1);
    let pools = lab.host.folder().join("pools");
    fs::create_dir(&pools).unwrap();
    let (host, state, entry) = (lab.host.clone(), lab.state_dir(), lab.entry(0));
    lab.as_agent(move |store| async move {
        let mut events = events(Watched { state_dir: &state, pools_dir: &pools }).unwrap();
        let mut until = async |event: Event| while events.next().await.unwrap() != event {};
        host.command("ip").args(["link", "set", "eth1", "mtu", "1400"]).run();
        until(Event::LinksChanged).await;
        store.write_entry(&entry).unwrap();
        until(Event::RecordsChanged).await;
        fs::write(pools.join("pool.yaml"), "x").unwrap();
        until(Event::ManifestsChanged).await;
        // A storm of them is as many events as there are kinds, however late they are read.
        for mtu in 1300..1340 {
            host.command("ip").args(["link", "set", "eth1", "mtu", &mtu.to_string()]).run();
            store.write_entry(&entry).unwrap();
        }
        until(Event::RecordsChanged).await;
        until(Event::LinksChanged).await;
        let marker = fs::write(pools.join("pool.yaml"), "y");
        marker.unwrap();
        let mut between = Vec::new();
        loop {
            match events.next().await.unwrap() {
                Event::ManifestsChanged => break,
                event => between.push(event),
            }
        }
        assert!(between.len() <= 4, "{between:?}");
    });
}

#[test]
fn cra_1_on_a_full_disk_what_was_written_stays_and_nothing_is_left_of_what_was_not() {
    let lab = Lab::with_enis(1);
    let folder = lab.host.folder().join("small");
    fs::create_dir(&folder).unwrap();
    let path = folder.display().to_string();
    lab.host.command("mount").args(["-t", "tmpfs", "-o", "size=128k", "small", &path]).run();
    let entry = lab.entry(0);
    lab.host.run(move || {
        let store = Store::open(&folder.join("state")).unwrap();
        let intent = |content: &str| Intent { token: "token-1".parse().unwrap(), content: content.to_string() };
        store.write_intent(&intent("before")).unwrap();
        store.write_entry(&entry).unwrap();
        assert!(fs::write(folder.join("filler"), vec![1; 1 << 20]).is_err());
        let large = "x".repeat(64 << 10);
        let full = |result: Result<(), store::Error>| match result {
            Err(store::Error::File(files::Error::System { source, .. })) => {
                assert_eq!(source.kind(), std::io::ErrorKind::StorageFull, "{source}");
            }
            other => panic!("{other:?}"),
        };
        full(store.write_intent(&intent(&large)));
        assert_eq!(store.intents::<String>().unwrap(), [intent("before")]);
        assert_eq!(store.inventory().unwrap(), std::slice::from_ref(&entry));
        let creating = fs::read_dir(folder.join("state/creating")).unwrap();
        assert_eq!(creating.map(|file| file.unwrap().file_name()).collect::<Vec<_>>(), ["token-1.json"]);
        fs::remove_file(folder.join("filler")).unwrap();
        store.write_intent(&intent("after")).unwrap();
        assert_eq!(store.intents::<String>().unwrap(), [intent("after")]);
    });
}
