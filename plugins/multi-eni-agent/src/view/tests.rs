use super::explain::Explain;
use super::*;
use node::addresses::AddressUse;
use node::intent::Intent;
use node::inventory::Entry;
use node::inventory::{Sharing, State};
use node::record::{Owner, Pod, Record};
use node::store::{AgentPass, Store};
use serde_json::json;
use std::net::IpAddr;

const NOW: u64 = 10_000;

fn owner(container_id: &str) -> Owner {
    Owner { network: "red".into(), container_id: container_id.into(), ifname: "net1".into() }
}

fn pod() -> Pod {
    Pod { namespace: "default".into(), name: "web-0".into(), uid: Some("6f1b2c3d-uid".into()) }
}

fn eni(digit: u32, pool: &str, state: State) -> EniView {
    EniView {
        id: format!("eni-0000000{digit}").parse().ok(),
        pool: pool.parse().ok(),
        slot: Some(SlotView { network_card_index: 0, device_index: digit }),
        mac_address: format!("02:00:00:00:00:0{digit}").parse().ok(),
        host_name: format!("ens{digit}").parse().ok(),
        addresses: vec![AddressView {
            address: format!("10.0.1.{digit}").parse().unwrap(),
            state: AddressState::OfEni,
        }],
        since: Some(NOW - 200),
        ..EniView::in_state(state)
    }
}

fn pool(name: &str, max: u32) -> PoolView {
    let declared = Some(Declared { min: 1, max, warm: 1 });
    PoolView { declared, ..PoolView::undeclared(name.parse().unwrap(), Sharing::Exclusive) }
}

fn busy() -> Status {
    let held = EniView {
        owner: Some(Holder { pod: Some(pod()), ..Holder::of_owner(&owner("0123456789abcdef")) }),
        ..eni(1, "red", State::InUse)
    };
    let leaving = EniView {
        doing: Some("detaching, third try in 8s".into()),
        last_error: Some("IncorrectState".into()),
        ..eni(2, "red", State::Detaching)
    };
    Status {
        node: "node-1".into(),
        instance: Some(Instance {
            id: "i-0123".into(),
            instance_type: Some("m5.large".into()),
            availability_zone: None,
        }),
        agent_version: Some("0.1.0".into()),
        as_of: NOW,
        last_pass: Some(NOW - 12),
        slots: Some(Slots { limit: 3, used: 3 }),
        pools: vec![PoolView { waiting: vec!["subnet subnet-1 is full".into()], ..pool("red", 2) }],
        enis: vec![leaving, held],
        requests: vec![RequestView {
            pool: "red".parse().unwrap(),
            owner: owner("fedcba9876543210"),
            pod: Some(Pod { name: "web-1".into(), uid: Some("second-uid".into()), ..pod() }),
            since: NOW - 5,
            deadline: Some(NOW + 36),
        }],
        notes: vec!["the plugin of pod default/web-0 died".into()],
        ..Status::default()
    }
    .counted()
}

#[test]
fn a_status_is_the_same_after_its_way_as_json() {
    let mut status = busy();
    status.enis[0].addresses.push(AddressView {
        address: "2001:db8::5".parse().unwrap(),
        state: AddressState::Used { holder: Holder::of_owner(&owner("0123456789abcdef")) },
    });
    let cooling = AddressState::Cooling { until: 7 };
    status.enis[0].addresses.push(AddressView { address: "10.0.1.9".parse().unwrap(), state: cooling });
    let text = serde_json::to_string(&status).unwrap();
    assert_eq!(serde_json::from_str::<Status>(&text).unwrap(), status);
}

#[test]
fn a_status_of_another_version_is_read() {
    let status: Status = serde_json::from_value(json!({"node": "a", "new": 1, "enis": [{"state": "ready"}]})).unwrap();
    assert_eq!(status.enis, [EniView::in_state(State::Ready)]);
}

#[test]
fn a_status_reads_as_a_table() {
    let expected = "\
node node-1, instance i-0123 (m5.large)
agent 0.1.0, last pass 12s ago
slots 3 of 3 used, 0 free

POOL  KIND       MIN  MAX  WARM  READY  IN USE  COOLING  OTHER
red   exclusive  1    2    1     0      1       0        1 detaching

ENI           POOL  STATE      FOR  SLOT  MAC                LINK  ADDRESSES  OWNER
eni-00000001  red   in use     3m   0/1   02:00:00:00:00:01  ens1  10.0.1.1   default/web-0 net1
eni-00000002  red   detaching  3m   0/2   02:00:00:00:00:02  ens2  10.0.1.2   -

Doing:
  eni-00000002: detaching, third try in 8s; last error: IncorrectState

Waits:
  default/web-1 net1 (container fedcba987654) waits for an ENI of pool red for 5s, gives up in 36s
  pool red: subnet subnet-1 is full

Notes:
  the plugin of pod default/web-0 died
";
    let squeezed =
        |text: &str| text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
    let text = render_status(&busy(), NOW);
    assert_eq!(squeezed(&text), squeezed(expected), "{text}");
    let column = |line: &str| text.lines().find(|other| other.starts_with(line)).unwrap().find("02:00").unwrap();
    assert_eq!(column("eni-00000001"), column("eni-00000002"));
}

#[test]
fn nothing_at_all_is_said_too() {
    let text = render_status(&Status { node: "a".into(), ..Status::default() }, NOW);
    assert!(text.contains("no agent answers") && text.contains("no pass finished"), "{text}");
    assert!(text.ends_with("no ENI is on record\n"), "{text}");
}

#[test]
fn a_pod_is_found_by_name_by_uid_and_by_container() {
    for asked in ["default/web-0", "6f1b2c3d-uid", "0123456789ab", "0123456789abcdef"] {
        let answer = explain(&busy(), &asked.parse().unwrap(), NOW);
        assert_eq!(answer.has.len(), 1, "{asked}");
        assert_eq!(answer.has[0].eni, "eni-00000001".parse().ok());
    }
    let answer = explain(&busy(), &"default/web-0".parse().unwrap(), NOW);
    assert_eq!(answer.notes, ["the plugin of pod default/web-0 died"]);
    for asked in ["default/web", "0", "other/web-0", ""] {
        let answer = explain(&busy(), &asked.parse().unwrap(), NOW);
        assert!(answer.has.is_empty() && answer.waits.is_empty() && !answer.notes.is_empty(), "{asked}");
    }
}

#[test]
fn explain_says_every_reason_that_a_pod_waits_for() {
    let answer = explain(&busy(), &"second-uid".parse().unwrap(), NOW);
    let text = render_explain(&answer, NOW);
    let expected = "\
pod second-uid
  default/web-1 net1 (container fedcba987654) waits for an ENI of pool red for 5s, gives up in 36s:
    subnet subnet-1 is full
    pool red is at its max of 2
    eni-00000001 is held by default/web-0 net1 (container 0123456789ab) for 3m
    eni-00000002: detaching for 3m; detaching, third try in 8s; last error: IncorrectState
    all 3 slots of the instance are used
";
    assert_eq!(text, expected);
    let back: Explain = serde_json::from_str(&serde_json::to_string(&answer).unwrap()).unwrap();
    assert_eq!(back, answer);
}

#[test]
fn explain_says_what_a_pod_was_refused_until_it_asks_again_or_has_it() {
    let mut status = busy();
    let request = status.requests.remove(0);
    let refusal = |owner: &Owner, pod: &Option<Pod>| RefusalView {
        pool: request.pool.clone(),
        owner: Owner { container_id: "before".into(), ..owner.clone() },
        pod: pod.clone(),
        at: NOW - 12,
        why: "pool red has all of its 2 ENIs in use".into(),
    };
    status.refusals = vec![refusal(&request.owner, &request.pod), refusal(&owner("0123456789abcdef"), &Some(pod()))];
    let answer = explain(&status, &"second-uid".parse().unwrap(), NOW);
    let expected = "\
pod second-uid
  default/web-1 net1 (container before) was refused an ENI of pool red 12s ago:
    pool red has all of its 2 ENIs in use
";
    assert_eq!(render_explain(&answer, NOW), expected);
    let back: Explain = serde_json::from_str(&serde_json::to_string(&answer).unwrap()).unwrap();
    assert_eq!(back, answer);
    status.requests.push(request);
    assert!(explain(&status, &"second-uid".parse().unwrap(), NOW).refused.is_empty());
    let has = explain(&status, &"default/web-0".parse().unwrap(), NOW);
    assert!(has.has.len() == 1 && has.refused.is_empty(), "{has:?}");
}

#[test]
fn a_request_for_a_pool_that_nobody_declares_is_told_so() {
    let mut status = busy();
    status.requests[0].pool = "blue".parse().unwrap();
    let answer = explain(&status, &"second-uid".parse().unwrap(), NOW);
    assert_eq!(answer.waits[0].reasons, ["no NodeENI of this node declares pool blue"]);
}

fn entry(digit: u32, pool: &serde_json::Value) -> Entry {
    let text = json!({
        "networkInterfaceId": format!("eni-0000000{digit}"),
        "macAddress": format!("02:00:00:00:00:0{digit}"),
        "subnet": {"id": "subnet-1", "ipv4Cidr": "10.0.1.0/24"},
        "vpc": {},
        "ipv4Addresses": [
            {"address": format!("10.0.{digit}.10"), "primary": true},
            {"address": format!("10.0.{digit}.11")},
            {"address": format!("10.0.{digit}.12")},
            {"address": format!("10.0.{digit}.13")},
        ],
        "pool": pool,
        "deviceIndex": digit,
        "networkCardIndex": 0,
        "hostName": format!("ens{digit}"),
        "state": "ready",
    });
    serde_json::from_value(text).unwrap()
}

fn record(digit: u32, phase: &str) -> Record {
    let text = json!({
        "owner": owner(&format!("container-{digit}")),
        "pod": pod(),
        "device": {"macAddress": format!("02:00:00:00:00:0{digit}")},
        "mode": "netdev",
        "namespace": {"path": "/run/netns/x", "identity": {"cookie": null, "device": 4, "inode": 7}},
        "interfaceName": "net1",
        "home": {"name": "ens1", "altnames": [], "mtu": 1500, "macAddress": "02:00:00:00:00:01", "up": false},
        "leftovers": [],
        "phase": phase,
        "pending": {"device": true},
        "call": {"config": {}, "path": "", "args": ""},
    });
    serde_json::from_value(text).unwrap()
}

fn address_use(container: u32, address: &str, state: &serde_json::Value) -> AddressUse {
    let text = json!({
        "owner": owner(&format!("container-{container}")),
        "networkInterfaceId": "eni-00000003",
        "addresses": [address],
        "state": state,
        "call": {"config": {}, "path": "", "args": "K8S_POD_NAMESPACE=blue;K8S_POD_NAME=cache-0"},
    });
    serde_json::from_value(text).unwrap()
}

#[test]
fn without_an_agent_the_records_say_who_has_what() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(&root.path().join("state")).unwrap();
    store.write_agent_pass(&AgentPass { finished_at: 9_000 }).unwrap();
    let exclusive = json!({"name": "red"});
    for (digit, pool) in
        [(0, json!(null)), (1, exclusive.clone()), (2, exclusive), (3, json!({"name": "blue", "sharing": "shared"}))]
    {
        store.write_entry(&entry(digit, &pool)).unwrap();
    }
    store.write_record(&record(1, "committed")).unwrap();
    store.write_record(&record(2, "released")).unwrap();
    store.write_address_use(&address_use(7, "10.0.3.11", &json!("used"))).unwrap();
    store.write_address_use(&address_use(8, "10.0.3.12", &json!({"cooling": {"until": NOW + 20}}))).unwrap();
    store.write_address_use(&address_use(9, "10.0.3.13", &json!({"cooling": {"until": NOW}}))).unwrap();

    store.write_intent(&Intent { token: "red-1".parse().unwrap(), content: json!({"any": "thing"}) }).unwrap();

    let status = from_store(&store, "node-1", NOW).unwrap();

    assert_eq!((status.last_pass, status.agent_version.as_ref()), (Some(9_000), None));
    let [blue, red] = &status.pools[..] else { panic!("{:?}", status.pools) };
    assert_eq!(blue.addresses, AddressCounts { free: 1, cooling: 1, used: 1 });
    assert_eq!((red.in_state(State::InUse), red.in_state(State::Ready)), (1, 1));
    assert_eq!(red.addresses, AddressCounts::default());
    assert!(
        status.notes[0].contains("eni-00000002") || status.notes[0].contains("02:00:00:00:00:02"),
        "{:?}",
        status.notes
    );
    let text = render_status(&status, NOW);
    assert!(text.contains("(primary)"), "{text}");
    assert!(text.contains("cooling, 20s left"), "{text}");
    assert!(status.notes[1].contains("client token red-1"), "{:?}", status.notes);
    let answer = explain(&status, &"blue/cache-0".parse().unwrap(), NOW);
    assert_eq!(answer.has[0].addresses, ["10.0.3.11".parse::<IpAddr>().unwrap()]);
}

#[test]
fn no_name_and_no_error_speaks_to_the_terminal() {
    let mut status = busy();
    status.enis[0].last_error = Some("two\nlines \u{1b}[31m".into());
    status.notes.push("\u{9b}31m".into());
    if let Some(owner) = &mut status.enis[0].owner {
        owner.pod = Some(Pod { namespace: "default".into(), name: "\u{1b}]0;web\u{7}".into(), uid: None });
    }
    let answer = explain(&status, &"0123456789ab".parse().unwrap(), NOW);
    for text in [render_status(&status, NOW), render_explain(&answer, NOW)] {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }
}

#[test]
fn vfi_5_the_records_alone_show_of_each_eni_its_driver_group_write_combining_resource_and_owner() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(&root.path().join("state")).unwrap();
    let pool = json!({"name": "fast", "mode": "vfio-pci", "resourceName": "intel.com/fast"});
    for (digit, combined) in [(1, "no"), (2, "unknown"), (3, "unknown")] {
        let mut entry = entry(digit, &pool);
        entry.pci_address = format!("0000:00:0{}.0", digit + 5).parse().ok();
        let seen = json!({"driver": "vfio-pci", "group": format!("noiommu-{digit}"), "writeCombining": combined});
        entry.seen = serde_json::from_value(seen).unwrap();
        store.write_entry(&entry).unwrap();
    }
    store.write_record(&record(1, "committed")).unwrap();
    let given_out = json!({"devices": {"0000:00:07.0": {"resource": "intel.com/fast", "since": 1}}});
    let given_out: crate::devices::Allocations = serde_json::from_value(given_out).unwrap();
    store.write_agents_own(&given_out).unwrap();

    let text = render_status(&from_store(&store, "node-1", NOW).unwrap(), NOW);

    let line = |eni: &str| {
        let line = text.lines().find(|line| line.starts_with(eni)).unwrap_or_else(|| panic!("{text}"));
        line.split_whitespace().skip_while(|word| *word != "vfio-pci").collect::<Vec<_>>().join(" ")
    };
    let addresses = |digit: u32| format!("10.0.{digit}.10,10.0.{digit}.11,10.0.{digit}.12 and 1 more");
    let expected = |combined: &str, digit: u32, owner: &str| {
        format!("vfio-pci vfio-pci noiommu-{digit} {combined} intel.com/fast {} {owner}", addresses(digit))
    };
    assert_eq!(line("eni-00000001"), expected("no", 1, "default/web-0 net1"));
    assert_eq!(line("eni-00000002"), expected("unknown", 2, "given out by the kubelet"));
    assert_eq!(line("eni-00000003"), expected("unknown", 3, "-"));
    assert!(text.contains("DRIVER") && text.contains("GROUP") && text.contains("WRITE-COMBINING"), "{text}");
}
