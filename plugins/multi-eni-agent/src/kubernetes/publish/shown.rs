//! A node's ENINode, out of what its agent shows of it. Pure: the same status is the same object, whenever it is asked.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use node::inventory::{Mode, State};

use super::boot::BootTime;
use crate::api::{Eni, EniCounts, EniNodeStatus, Owner, PoolStatus, Slots};
use crate::view::{self, EniView, Holder, PoolView, Status, state_word};

/// More than any instance type takes.
const MOST_ENIS: usize = 128;
/// More than a node has a use for.
const MOST_POOLS: usize = 128;
/// As many addresses as the largest instance types have on an ENI, and the primary ones.
const MOST_ADDRESSES: usize = 102;
const MOST_REASONS: usize = 8;
/// The most bytes of a text for people: a table has one of them on its line.
const MOST_TEXT: usize = 256;

/// The condition of the node as a whole.
const READY: &str = "Ready";

/// What stands around a status.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    /// The UID of the Node.
    pub(crate) node_uid: &'a str,
    pub(crate) boot: BootTime,
    /// The conditions as they were shown last.
    pub(crate) before: &'a [Condition],
    /// The slots as they were shown last. They stand until they are known again: of an object that its manager takes back, server-side
    /// apply makes null, and the schema refuses that.
    pub(crate) slots: Option<Slots>,
    pub(crate) now: Timestamp,
}

/// The status of the ENINode.
pub(crate) fn shown(status: &Status, around: &Around<'_>) -> EniNodeStatus {
    let ours: Vec<&EniView> = status.enis.iter().filter(|eni| eni.pool.is_some()).collect();
    let instance = status.instance.as_ref();
    EniNodeStatus {
        node_uid: Some(around.node_uid.to_string()),
        instance_id: instance.map(|instance| instance.id.clone()),
        instance_type: instance.and_then(|instance| instance.instance_type.clone()),
        availability_zone: instance.and_then(|instance| instance.availability_zone.clone()),
        agent_version: status.agent_version.clone(),
        slots: status.slots.map(slots).or(around.slots),
        enis: ours.iter().take(MOST_ENIS).map(|eni| of_eni(eni, around.boot)).collect(),
        pools: status.pools.iter().take(MOST_POOLS).map(of_pool).collect(),
        counts: counts(&ours),
        problem: problem(status, &ours),
        conditions: vec![ready(status, around)],
    }
}

fn slots(of: view::Slots) -> Slots {
    Slots { limit: of.limit, used: of.used, free: of.free() }
}

fn of_eni(eni: &EniView, boot: BootTime) -> Eni {
    let text = |it: &dyn std::fmt::Display| it.to_string();
    Eni {
        id: eni.id.as_ref().map(ToString::to_string).unwrap_or_default(),
        pool: eni.pool.as_ref().map(ToString::to_string),
        state: state_word(state(eni)).to_string(),
        since: eni.since.and_then(|since| boot.rfc3339(since)),
        mac_address: eni.mac_address.as_ref().map(|mac| text(mac)),
        pci_address: eni.pci_address.as_ref().map(|place| text(place)),
        device_index: eni.slot.map(|slot| slot.device_index),
        network_card_index: eni.slot.map(|slot| slot.network_card_index),
        subnet_id: eni.subnet.clone(),
        subnet_cidr: eni.subnet_cidr.as_ref().map(|cidr| text(cidr)),
        addresses: eni.addresses.iter().take(MOST_ADDRESSES).map(|one| one.address.to_string()).collect(),
        host_name: eni.host_name.as_ref().map(|name| text(name)),
        mtu: eni.mtu,
        mode: Some(mode_word(eni.mode).to_string()),
        driver: eni.device.driver.clone(),
        resource_name: eni.resource.clone(),
        attachment_id: eni.attachment_id.clone(),
        owner: eni.owner.as_ref().map(of_holder),
        last_error: eni.last_error.as_deref().map(cut),
    }
}

/// The kubelet's word that a container has it counts as much as a record.
fn state(eni: &EniView) -> State {
    match eni.state {
        State::Ready | State::Cooling if eni.is_given_out => State::InUse,
        state => state,
    }
}

fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Netdev => "netdev",
        Mode::VfioPci => "vfio-pci",
    }
}

fn of_holder(holder: &Holder) -> Owner {
    let pod = holder.pod.as_ref();
    Owner {
        namespace: pod.map(|pod| pod.namespace.clone()),
        pod: pod.map(|pod| pod.name.clone()),
        pod_uid: pod.and_then(|pod| pod.uid.clone()),
        container_id: Some(holder.owner.container_id.clone()),
        ifname: Some(holder.owner.ifname.clone()),
    }
}

fn of_pool(pool: &PoolView) -> PoolStatus {
    let declared = pool.declared;
    PoolStatus {
        name: pool.name.to_string(),
        generation: pool.generation,
        min: declared.map(|declared| declared.min),
        // What nothing limits has no number.
        max: declared.map(|declared| declared.max).filter(|&max| max != u32::MAX),
        warm: declared.map(|declared| declared.warm),
        target: pool.target,
        waiting: pool.waiting.iter().take(MOST_REASONS).map(|reason| cut(reason)).collect(),
    }
}

fn counts(enis: &[&EniView]) -> EniCounts {
    let mut by_state: BTreeMap<&str, u32> = BTreeMap::new();
    enis.iter().for_each(|eni| *by_state.entry(state_word(state(eni))).or_default() += 1);
    let of = |states: &[State]| states.iter().filter_map(|state| by_state.get(state_word(*state))).sum();
    EniCounts {
        total: by_state.values().sum(),
        ready: of(&[State::Ready]),
        in_use: of(&[State::InUse]),
        cooling: of(&[State::Cooling]),
        // One that is on no instance is on its way to one, or is deleted at once.
        coming: of(&[State::Creating, State::Created, State::Attaching, State::Attached, State::Detached]),
        quarantined: of(&[State::Quarantined]),
        leaving: of(&[State::Detaching, State::Deleting, State::Deleted]),
    }
}

/// The newest first: what went wrong with an ENI since it came into its state, then why a pool is not as it should be.
fn problem(status: &Status, enis: &[&EniView]) -> Option<String> {
    let failed = enis.iter().filter(|eni| eni.last_error.is_some()).max_by_key(|eni| (eni.since, eni.id.clone()));
    let of_eni = failed.and_then(|eni| Some(format!("{}: {}", eni.called(), eni.last_error.as_ref()?)));
    let mut waiting =
        status.pools.iter().filter_map(|pool| Some(format!("pool {}: {}", pool.name, pool.waiting.first()?)));
    of_eni.or_else(|| waiting.next()).as_deref().map(cut)
}

fn ready(status: &Status, around: &Around<'_>) -> Condition {
    let waiting = status.pools.iter().filter(|pool| !pool.waiting.is_empty()).map(|pool| pool.name.as_str());
    let waiting: Vec<&str> = waiting.collect();
    let (holds, reason, message) = match (status.leaving, &waiting[..]) {
        (true, _) => {
            ("False", "Leaving", "the instance or its Node is about to end: nothing is attached any more".to_string())
        }
        (false, []) => ("True", "AsDeclared", "every pool has what it should have".to_string()),
        (false, waiting) => ("False", "Waiting", format!("not as declared: {}", waiting.join(", "))),
    };
    let before = around.before.iter().find(|before| before.type_ == READY && before.status == holds);
    Condition {
        type_: READY.to_string(),
        status: holds.to_string(),
        observed_generation: None,
        last_transition_time: before
            .map_or_else(|| Time(whole_second(around.now)), |before| before.last_transition_time.clone()),
        reason: reason.to_string(),
        message: cut(&message),
    }
}

/// As precise as the API keeps it.
fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn cut(text: &str) -> String {
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    match line.len() <= MOST_TEXT {
        true => line,
        false => format!("{}…", &line[..line.floor_char_boundary(MOST_TEXT)]),
    }
}
