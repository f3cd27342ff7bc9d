//! What the object says.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use node::inventory::{Sharing, State};
use node::record::{Owner, Pod};
use serde_json::json;

use crate::api::EniNodeStatus;
use crate::kubernetes::publish::boot::BootTime;
use crate::kubernetes::publish::shown::{Around, shown};
use crate::view::{AddressState, AddressView, Declared, EniView, Holder, Instance, PoolView, SlotView, Slots, Status};

const UID: &str = "0b2d4a3e-6f9e-4d8b-9b53-5d3c7f0a1e22";
const CLOCK: i64 = 1_764_056_036;
const SINCE_BOOT: u64 = 36;

pub(super) fn eni(number: u32, state: State) -> EniView {
    EniView {
        id: format!("eni-{number:017x}").parse().ok(),
        pool: "data".parse().ok(),
        since: Some(6),
        slot: Some(SlotView { network_card_index: 0, device_index: number }),
        mac_address: "02:00:00:00:00:01".parse().ok(),
        pci_address: "0000:00:06.0".parse().ok(),
        host_name: "eni-0000000001".parse().ok(),
        subnet: Some("subnet-0000000a".to_string()),
        subnet_cidr: "10.0.1.0/24".parse().ok(),
        mtu: Some(9001),
        attachment_id: Some("eni-attach-0000000a".to_string()),
        addresses: vec![AddressView { address: "10.0.1.11".parse().unwrap(), state: AddressState::OfEni }],
        ..EniView::in_state(state)
    }
}

pub(super) fn status(enis: impl IntoIterator<Item = EniView>) -> Status {
    let declared = Some(Declared { min: 1, max: 2, warm: 0 });
    Status {
        node: "node-1".to_string(),
        instance: Some(Instance {
            id: "i-0123456789abcdef0".to_string(),
            instance_type: Some("m5.large".to_string()),
            availability_zone: Some("eu-central-1a".to_string()),
        }),
        agent_version: Some("0.1.0".to_string()),
        as_of: SINCE_BOOT,
        slots: Some(Slots { limit: 3, used: 2 }),
        pools: vec![PoolView { declared, ..PoolView::undeclared("data".parse().unwrap(), Sharing::Exclusive) }],
        enis: enis.into_iter().collect(),
        ..Status::default()
    }
    .counted()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn around(before: &[Condition], now: i64) -> Around<'_> {
    Around { node_uid: UID, boot: BootTime::by(at(CLOCK), SINCE_BOOT), before, slots: None, now: at(now) }
}

fn object(status: &Status) -> EniNodeStatus {
    shown(status, &around(&[], CLOCK))
}

#[test]
fn an_eni_is_shown_with_its_place_its_addresses_and_its_pod() {
    let owner = Owner { network: "data".into(), container_id: "c1".into(), ifname: "net1".into() };
    let pod = Pod { namespace: "default".into(), name: "web-0".into(), uid: Some("uid-1".into()) };
    let holder = Holder { pod: Some(pod), ..Holder::of_owner(&owner) };
    let object = object(&status([EniView { owner: Some(holder), ..eni(1, State::InUse) }]));
    let text = serde_json::to_value(&object).unwrap();
    let expected = json!({
        "id": "eni-00000000000000001", "pool": "data", "state": "in-use", "since": "2025-11-25T07:33:26Z",
        "macAddress": "02:00:00:00:00:01", "pciAddress": "0000:00:06.0", "deviceIndex": 1, "networkCardIndex": 0,
        "subnetID": "subnet-0000000a", "subnetCIDR": "10.0.1.0/24", "addresses": ["10.0.1.11"],
        "hostName": "eni-0000000001", "mtu": 9001, "mode": "netdev", "attachmentID": "eni-attach-0000000a",
        "owner": {"namespace": "default", "pod": "web-0", "podUID": "uid-1", "containerID": "c1", "ifname": "net1"},
    });
    assert_eq!(text["enis"][0], expected);
    assert_eq!(text["slots"], json!({"limit": 3, "used": 2, "free": 1}));
    assert_eq!(text["counts"]["inUse"], 1);
    assert_eq!((text["nodeUID"].as_str(), text["instanceID"].as_str()), (Some(UID), Some("i-0123456789abcdef0")));
    assert_eq!(text["conditions"][0]["status"], "True", "{text:#}");
}

#[test]
fn what_is_on_the_wire_is_read_as_it_was_written() {
    let failed = EniView { last_error: Some("x".into()), ..eni(2, State::Attaching) };
    let object = object(&status([eni(1, State::Ready), failed]));
    let text = serde_json::to_string(&object).unwrap();
    assert_eq!(serde_json::from_str::<EniNodeStatus>(&text).unwrap(), object);
}

#[test]
fn slots_that_are_not_known_any_more_stand_as_they_were_shown() {
    let known = object(&status([])).slots;
    assert!(known.is_some());
    let forgotten = Status { slots: None, ..status([]) };
    assert_eq!(shown(&forgotten, &Around { slots: known, ..around(&[], CLOCK) }).slots, known);
    assert_eq!(object(&forgotten).slots, None);
}

#[test]
fn every_state_counts_once() {
    let all = crate::view::STATES.into_iter().zip(1..).map(|(state, number)| eni(number, state));
    let counts = object(&status(all)).counts;
    assert_eq!(counts.total, 12);
    assert_eq!((counts.ready, counts.in_use, counts.cooling, counts.quarantined), (1, 1, 1, 1));
    assert_eq!((counts.coming, counts.leaving), (5, 3));
}

#[test]
fn what_the_kubelet_has_given_out_is_in_use_and_what_is_not_the_projects_is_not_shown() {
    let given_out = EniView { is_given_out: true, ..eni(1, State::Ready) };
    let others = EniView { pool: None, ..eni(2, State::Ready) };
    let object = object(&status([given_out, others]));
    assert_eq!((object.counts.total, object.counts.in_use, object.enis.len()), (1, 1, 1));
    assert_eq!(object.enis[0].state, "in-use");
}

#[test]
fn a_time_until_the_next_try_and_the_time_of_the_pass_change_nothing() {
    let refused = Some("IncorrectState".to_string());
    let mut later = status([EniView { last_error: refused, tried_again_at: Some(90), ..eni(1, State::Attaching) }]);
    let before = object(&later);
    assert_eq!(before.problem.as_deref(), Some("eni-00000000000000001: IncorrectState"));
    (later.as_of, later.last_pass) = (SINCE_BOOT + 60, Some(SINCE_BOOT + 60));
    later.enis[0].tried_again_at = Some(240);
    assert_eq!(shown(&later, &around(&before.conditions, CLOCK + 60)), before);
}

#[test]
fn a_condition_keeps_its_time_until_it_changes() {
    let mut waiting = status([]);
    let first = object(&waiting);
    waiting.pools[0].waiting = vec!["subnet subnet-0000000a is full".to_string()];
    let second = shown(&waiting, &around(&first.conditions, CLOCK + 10));
    let condition = &second.conditions[0];
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("False", "Waiting"));
    assert_eq!(condition.last_transition_time.0, at(CLOCK + 10));
    assert_eq!(second.problem.as_deref(), Some("pool data: subnet subnet-0000000a is full"));
    waiting.leaving = true;
    let third = shown(&waiting, &around(&second.conditions, CLOCK + 20));
    assert_eq!(third.conditions[0].reason, "Leaving");
    assert_eq!(third.conditions[0].last_transition_time.0, at(CLOCK + 10), "its status is what it was");
}

#[test]
fn an_object_has_a_bound_whatever_a_node_has() {
    let mut many = status((0..1000).map(|number| EniView {
        last_error: Some("é".repeat(10_000)),
        addresses: vec![AddressView { address: "2001:db8::1".parse().unwrap(), state: AddressState::OfEni }; 1000],
        ..eni(number, State::Quarantined)
    }));
    many.pools[0].waiting = vec!["a\nreason".repeat(1000); 1000];
    let object = object(&many);
    let size = serde_json::to_string(&object).unwrap().len();
    assert!(size < 512 << 10, "{size} bytes");
    assert_eq!(object.counts.total, 1000, "what is cut is counted");
    assert!(!object.problem.unwrap().contains('\n'));
}
