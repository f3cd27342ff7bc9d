//! An ENI, its place and its addresses.

use super::{Holder, age};
use ipnetwork::IpNetwork;
use node::inventory::{Mode, Seen, Sharing, State};
use node::names::{EniId, IfName, MacAddr, PciAddr, PoolName};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

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
    /// The resource that the kubelet gives it out by.
    #[serde(default)]
    pub(crate) resource: Option<String>,
    /// The driver of its device when the agent last looked, and what it is to user space then.
    #[serde(default)]
    pub(crate) device: Seen,
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
    pub(crate) subnet_cidr: Option<IpNetwork>,
    /// Of its link on the host.
    #[serde(default)]
    pub(crate) mtu: Option<u32>,
    /// EC2's.
    #[serde(default)]
    pub(crate) attachment_id: Option<String>,
    #[serde(default)]
    pub(crate) addresses: Vec<AddressView>,
    #[serde(default)]
    pub(crate) owner: Option<Holder>,
    /// Whether the kubelet has given it to a container, which may have no attachment of it.
    #[serde(default)]
    pub(crate) is_given_out: bool,
    /// What the agent is doing to it, and why that waits.
    #[serde(default)]
    pub(crate) doing: Option<String>,
    #[serde(default)]
    pub(crate) last_error: Option<String>,
    /// When what failed is tried again.
    #[serde(default)]
    pub(crate) tried_again_at: Option<u64>,
}

impl EniView {
    /// The last error and how long it is until the next try, as text.
    pub(super) fn trouble(&self, now: u64) -> Option<String> {
        let error = self.last_error.as_ref()?;
        Some(match self.tried_again_at.map(|at| at.saturating_sub(now)) {
            None | Some(0) => format!("last error: {error}"),
            Some(left) => format!("last error: {error}; tried again in {}", age(left)),
        })
    }

    /// Whether it is the instance's primary one.
    pub(crate) fn is_primary_eni(&self) -> bool {
        self.slot == Some(SlotView { network_card_index: 0, device_index: 0 })
    }

    /// Its id, or words for one that has none yet.
    pub(crate) fn called(&self) -> String {
        match (&self.id, &self.pool) {
            (Some(id), _) => id.to_string(),
            (None, Some(pool)) => format!("a new ENI of pool {pool}"),
            (None, None) => "a new ENI".to_string(),
        }
    }

    /// An ENI of which nothing but its state is known.
    pub(crate) fn in_state(state: State) -> Self {
        Self {
            id: None,
            pool: None,
            sharing: Sharing::default(),
            mode: Mode::default(),
            resource: None,
            device: Seen::default(),
            state,
            since: None,
            slot: None,
            mac_address: None,
            pci_address: None,
            host_name: None,
            subnet: None,
            subnet_cidr: None,
            mtu: None,
            attachment_id: None,
            addresses: Vec::new(),
            owner: None,
            is_given_out: false,
            doing: None,
            last_error: None,
            tried_again_at: None,
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
