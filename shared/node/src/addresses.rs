//! The uses of addresses of shared ENIs. Written by the IPAM plugin.

use crate::boot::seconds_since_boot;
use crate::fault;
use crate::inventory::{DEFAULT_COOLDOWN_SECONDS, Entry};
use crate::lock;
use crate::names::EniId;
use crate::record::{Call, Namespace, Owner};
use crate::store::{self, Kept, Store};
use crate::take_down::Outcome;
use crate::verdict::{self, Life, Pods, Sight};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

/// The lock over addresses is held for a few files of `/run`.
const LOCK_LIMIT: Duration = Duration::from_secs(30);

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
    /// The pod's namespace; nothing where the call named none that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Namespace>,
    /// The call that took them.
    pub call: Call,
    /// Whether they are given back, and an IPAM plugin that was chained behind ours still has something of that call: what is on
    /// record here is all that tells of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owes_chain: bool,
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

    /// Whether nothing has to be remembered of it any more.
    pub fn is_over_at(&self, now: u64) -> bool {
        !self.holds_at(now) && !self.owes_chain
    }

    /// Whether something of it is still to be given back.
    pub fn is_to_release(&self) -> bool {
        self.state == AddressState::Used || self.owes_chain
    }

    /// Whether IPAM plugins were chained behind ours in the call, which have given something too.
    pub fn has_chain(&self) -> bool {
        let chain = self.call.config.get("ipam").and_then(|ipam| ipam.get("chain"));
        chain.and_then(serde_json::Value::as_array).is_some_and(|members| !members.is_empty())
    }

    /// Its addresses, for people.
    pub fn words(&self) -> String {
        self.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// Why addresses could not be given back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The node's records.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The lock over addresses.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// The clock.
    #[error("the time since the boot cannot be read")]
    Clock(#[source] std::io::Error),
}

/// Lets the addresses of a use rest, if they are used: `now` is in seconds since the boot. The caller holds the lock over
/// addresses, and lets the chain release then, of which [`chain_released`] is to be told.
///
/// # Errors
/// Those of the store.
pub fn release(store: &Store, usage: &AddressUse, inventory: &[Entry], now: u64) -> Result<(), store::Error> {
    if usage.state != AddressState::Used {
        return Ok(());
    }
    fault::point("before addresses are given back");
    let until = now.saturating_add(cooldown(&usage.network_interface_id, inventory));
    let state = AddressState::Cooling { until };
    keep(store, &AddressUse { state, owes_chain: usage.has_chain(), ..usage.clone() }, now)?;
    fault::point("after addresses were given back");
    log::info!("{} of {} given back by {}", usage.words(), usage.network_interface_id, usage.owner);
    Ok(())
}

/// Notes that the chain of an owner has nothing any more of addresses that were given back.
///
/// # Errors
/// [`Error`].
pub async fn chain_released(store: &Store, owner: &Owner) -> Result<(), Error> {
    let _lock = store.addresses_lock(LOCK_LIMIT).await?;
    let now = seconds_since_boot().map_err(Error::Clock)?;
    let Some(usage) = store.address_uses()?.into_iter().find(|usage| usage.owner == *owner && usage.owes_chain) else {
        return Ok(());
    };
    Ok(keep(store, &AddressUse { owes_chain: false, ..usage }, now)?)
}

fn keep(store: &Store, usage: &AddressUse, now: u64) -> Result<(), store::Error> {
    if usage.is_over_at(now) { store.remove_address_use(&usage.owner) } else { store.write_address_use(usage) }
}

/// The rest of an address whose ENI is not in the inventory any more is that of a pool that says nothing.
fn cooldown(eni: &EniId, inventory: &[Entry]) -> u64 {
    let entry = inventory.iter().find(|entry| entry.network_interface_id == *eni);
    entry.and_then(|entry| entry.pool.as_ref()).map_or(DEFAULT_COOLDOWN_SECONDS, |pool| pool.cooldown_seconds)
}

/// Lets the addresses of a pod rest that is taken to be dead. Whether it is dead is looked at again, before the lock over
/// addresses is had, for which all pods of the node wait: what is gone does not come back, and a use that has changed meanwhile
/// is another. Of addresses that rest already, and whose chain has not released, nothing is changed.
///
/// # Errors
/// [`Error`].
pub async fn of_dead(store: &Store, usage: &AddressUse, pods: Pods<'_>, proc_dir: &Path) -> Result<Outcome, Error> {
    let sight = Sight::look(proc_dir, usage.namespace.iter().map(|namespace| namespace.identity)).await;
    let _lock = store.addresses_lock(LOCK_LIMIT).await?;
    let now = store.address_uses()?.into_iter().find(|now| now.owner == usage.owner);
    let is_the_same = |now: &AddressUse| now.addresses == usage.addresses && now.namespace == usage.namespace;
    let Some(usage) = now.filter(|now| now.is_to_release() && is_the_same(now)) else {
        return Ok(Outcome::Nothing);
    };
    match verdict::of_use(&usage, store, &sight, pods)? {
        Life::Gone => {}
        life => return Ok(Outcome::Spared(life)),
    }
    release(store, &usage, &store.inventory()?, seconds_since_boot().map_err(Error::Clock)?)?;
    Ok(Outcome::Released)
}

impl Kept for AddressUse {
    const FORMAT: u32 = 1;

    fn file_name(&self) -> String {
        self.owner.file_name()
    }
}
