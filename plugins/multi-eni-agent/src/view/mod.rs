//! What people are shown of a node: plain values, filled by the agent or from the records alone, and how they are printed.
//! All times are seconds since the boot, a clock that nobody sets.

mod age;
mod explain;
mod from_store;
mod render;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use age::age;
pub(crate) use explain::{Asked, Explain, explain, render_explain};
pub(crate) use from_store::{enis, from_store, unfinished};
pub(crate) use render::render_status;

use node::inventory::{Mode, Sharing, State};
use node::names::{EniId, IfName, MacAddr, PciAddr, PoolName};
use node::record::{Owner, Phase, Pod, Record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

/// A node as it is seen. A reader of another version passes over what it does not know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Status {
    /// The node's name.
    pub(crate) node: String,
    pub(crate) instance: Option<Instance>,
    /// The running agent's; nothing if none runs, and this comes from the records.
    pub(crate) agent_version: Option<String>,
    /// When this was put together.
    pub(crate) as_of: u64,
    /// When the agent last finished a pass; nothing if none did since the boot.
    pub(crate) last_pass: Option<u64>,
    /// Whether the instance is about to end: nothing is attached any more.
    pub(crate) leaving: bool,
    pub(crate) slots: Option<Slots>,
    pub(crate) pools: Vec<PoolView>,
    pub(crate) enis: Vec<EniView>,
    /// Who waits for an ENI now.
    pub(crate) requests: Vec<RequestView>,
    /// What somebody should know: a plugin that died, a file that was set aside, a device that is not home.
    pub(crate) notes: Vec<String>,
}

/// EC2's words about the instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) instance_type: Option<String>,
    pub(crate) availability_zone: Option<String>,
}

/// The places for ENIs that the instance has, those of others included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Slots {
    pub(crate) limit: u32,
    pub(crate) used: u32,
}

impl Slots {
    pub(crate) fn free(self) -> u32 {
        self.limit.saturating_sub(self.used)
    }
}

/// A pool of this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PoolView {
    pub(crate) name: PoolName,
    #[serde(default)]
    pub(crate) sharing: Sharing,
    /// What its NodeENI asks for; nothing if there is none, or if this comes from the records.
    #[serde(default)]
    pub(crate) declared: Option<Declared>,
    /// How many ENIs it has in each state, by [`state_word`]; filled by [`Status::counted`].
    #[serde(default)]
    pub(crate) enis: BTreeMap<String, u32>,
    /// The addresses that its ENIs have for pods; filled by [`Status::counted`].
    #[serde(default)]
    pub(crate) addresses: AddressCounts,
    /// Why it is not as declared, one reason an entry.
    #[serde(default)]
    pub(crate) waiting: Vec<String>,
}

/// What a NodeENI asks for, in ENIs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Declared {
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) warm: u32,
}

/// Addresses of a shared pool that pods can have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AddressCounts {
    pub(crate) free: u32,
    pub(crate) cooling: u32,
    pub(crate) used: u32,
}

/// An ENI. What is not known yet of one that is only asked for is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EniView {
    #[serde(default)]
    pub(crate) id: Option<EniId>,
    /// Nothing for an ENI that is not the project's.
    #[serde(default)]
    pub(crate) pool: Option<PoolName>,
    #[serde(default)]
    pub(crate) sharing: Sharing,
    #[serde(default)]
    pub(crate) mode: Mode,
    pub(crate) state: State,
    /// When it came into that state.
    #[serde(default)]
    pub(crate) since: Option<u64>,
    #[serde(default)]
    pub(crate) slot: Option<SlotView>,
    #[serde(default)]
    pub(crate) mac_address: Option<MacAddr>,
    #[serde(default)]
    pub(crate) pci_address: Option<PciAddr>,
    #[serde(default)]
    pub(crate) host_name: Option<IfName>,
    #[serde(default)]
    pub(crate) subnet: Option<String>,
    #[serde(default)]
    pub(crate) addresses: Vec<AddressView>,
    #[serde(default)]
    pub(crate) owner: Option<Holder>,
    /// What the agent is doing to it, and why that waits.
    #[serde(default)]
    pub(crate) doing: Option<String>,
    #[serde(default)]
    pub(crate) last_error: Option<String>,
}

impl EniView {
    /// An ENI of which nothing but its state is known.
    pub(crate) fn in_state(state: State) -> Self {
        Self {
            id: None,
            pool: None,
            sharing: Sharing::default(),
            mode: Mode::default(),
            state,
            since: None,
            slot: None,
            mac_address: None,
            pci_address: None,
            host_name: None,
            subnet: None,
            addresses: Vec::new(),
            owner: None,
            doing: None,
            last_error: None,
        }
    }
}

/// Where an ENI sits in the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SlotView {
    pub(crate) network_card_index: u32,
    pub(crate) device_index: u32,
}

impl fmt::Display for SlotView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network_card_index, self.device_index)
    }
}

/// An address of an ENI.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AddressView {
    pub(crate) address: IpAddr,
    #[serde(flatten)]
    pub(crate) state: AddressState,
}

/// Who an address is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum AddressState {
    /// Whoever has the ENI: it is exclusive.
    OfEni,
    /// The host: it is a shared ENI's primary one.
    OfHost,
    /// The next pod.
    Free,
    /// Nobody until this time.
    Cooling { until: u64 },
    /// This pod.
    Used { holder: Holder },
}

/// An attachment as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Holder {
    #[serde(flatten)]
    pub(crate) owner: Owner,
    #[serde(default)]
    pub(crate) pod: Option<Pod>,
    /// The interface's name in the pod.
    #[serde(default)]
    pub(crate) interface_name: Option<IfName>,
    #[serde(default)]
    pub(crate) phase: Option<Phase>,
}

impl Holder {
    pub(crate) fn of_record(record: &Record) -> Self {
        Self {
            owner: record.owner.clone(),
            pod: record.pod.clone(),
            interface_name: Some(record.interface_name.clone()),
            phase: Some(record.phase),
        }
    }

    pub(crate) fn of_owner(owner: &Owner) -> Self {
        Self { owner: owner.clone(), pod: None, interface_name: None, phase: None }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As many digits as container runtimes show of an id.
        let container: String = self.owner.container_id.chars().take(12).collect();
        let ifname = &self.owner.ifname;
        match &self.pod {
            Some(pod) => write!(f, "{}/{} {ifname} (container {container})", pod.namespace, pod.name),
            None => write!(f, "container {container} {ifname}"),
        }
    }
}

/// A request for an ENI that is not answered yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestView {
    pub(crate) pool: PoolName,
    pub(crate) owner: Owner,
    #[serde(default)]
    pub(crate) pod: Option<Pod>,
    #[serde(default)]
    pub(crate) pod_uid: Option<String>,
    /// When it came.
    pub(crate) since: u64,
    /// When the plugin gives up.
    #[serde(default)]
    pub(crate) deadline: Option<u64>,
}

impl RequestView {
    pub(crate) fn holder(&self) -> Holder {
        Holder { pod: self.pod.clone(), ..Holder::of_owner(&self.owner) }
    }
}

impl Status {
    /// The same with every pool's counts taken from its ENIs, pools that only the ENIs name added, and all in order.
    pub(crate) fn counted(mut self) -> Self {
        for eni in &self.enis {
            let Some(name) = &eni.pool else { continue };
            if !self.pools.iter().any(|pool| pool.name == *name) {
                self.pools.push(PoolView::undeclared(name.clone(), eni.sharing));
            }
        }
        self.pools.sort_by(|a, b| a.name.cmp(&b.name));
        self.enis.sort_by(|a, b| (&a.pool, a.slot, &a.id).cmp(&(&b.pool, b.slot, &b.id)));
        for pool in &mut self.pools {
            pool.count(&self.enis);
        }
        self
    }
}

impl PoolView {
    /// A pool that has ENIs but no NodeENI.
    pub(crate) fn undeclared(name: PoolName, sharing: Sharing) -> Self {
        let (enis, addresses) = (BTreeMap::new(), AddressCounts::default());
        Self { name, sharing, declared: None, enis, addresses, waiting: Vec::new() }
    }

    fn count(&mut self, enis: &[EniView]) {
        self.enis.clear();
        self.addresses = AddressCounts::default();
        for eni in enis.iter().filter(|eni| eni.pool.as_ref() == Some(&self.name)) {
            *self.enis.entry(state_word(eni.state).to_string()).or_default() += 1;
            // What is not on the node can be given to no pod.
            for address in eni.addresses.iter().filter(|_| eni.state.is_on_node()) {
                match address.state {
                    AddressState::Free => self.addresses.free += 1,
                    AddressState::Cooling { .. } => self.addresses.cooling += 1,
                    AddressState::Used { .. } => self.addresses.used += 1,
                    AddressState::OfEni | AddressState::OfHost => {}
                }
            }
        }
    }

    /// How many of its ENIs are in this state.
    pub(crate) fn in_state(&self, state: State) -> u32 {
        self.enis.get(state_word(state)).copied().unwrap_or_default()
    }
}

/// Every state that an ENI can be in, in the order of its life.
pub(crate) const STATES: [State; 12] = [
    State::Creating,
    State::Created,
    State::Attaching,
    State::Attached,
    State::Ready,
    State::InUse,
    State::Cooling,
    State::Detaching,
    State::Detached,
    State::Deleting,
    State::Deleted,
    State::Quarantined,
];

/// A state in one word, as the files have it.
pub(crate) fn state_word(state: State) -> &'static str {
    match state {
        State::Creating => "creating",
        State::Created => "created",
        State::Attaching => "attaching",
        State::Attached => "attached",
        State::Ready => "ready",
        State::InUse => "in-use",
        State::Cooling => "cooling",
        State::Detaching => "detaching",
        State::Detached => "detached",
        State::Deleting => "deleting",
        State::Deleted => "deleted",
        State::Quarantined => "quarantined",
    }
}
