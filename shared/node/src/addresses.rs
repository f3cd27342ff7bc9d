//! The uses of addresses of shared ENIs. Written by the IPAM plugin.

use crate::names::EniId;
use crate::record::{Call, Owner};
use crate::store::Kept;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Who has which addresses of a shared ENI, in `addresses/<key>.json`. An address without one is free.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddressUse {
    /// Who has or had them.
    pub owner: Owner,
    /// The ENI that has them in EC2.
    pub network_interface_id: EniId,
    /// The addresses, at most one a family.
    pub addresses: Vec<IpAddr>,
    /// Used, or resting.
    pub state: AddressState,
    /// The call that took them.
    pub call: Call,
}

/// What a use is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AddressState {
    /// A pod has the addresses.
    Used,
    /// A pod had them; they rest until this many seconds since the boot.
    Cooling {
        /// Seconds since the boot.
        until: u64,
    },
}

impl AddressUse {
    /// Whether the addresses cannot be given out at this time, in seconds since the boot.
    pub fn holds_at(&self, now: u64) -> bool {
        match self.state {
            AddressState::Used => true,
            AddressState::Cooling { until } => now < until,
        }
    }
}

impl Kept for AddressUse {
    const FORMAT: u32 = 1;

    fn file_name(&self) -> String {
        self.owner.file_name()
    }
}
