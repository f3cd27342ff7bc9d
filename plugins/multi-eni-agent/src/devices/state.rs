//! What the loop, the servers and those who look at the node share: what is offered, what is given out, and how the kubelet was
//! heard of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use node::inventory::Mode;
use node::names::PciAddr;
use node::pci::{self, Function};
use node::store::{self, Store};
use tokio::sync::watch;

use super::answer::Gift;
use super::{Allocations, Device, GivenOut, Health, Offers, document};
use crate::apply::policy::reason;
use crate::view::ResourceView;

/// Where things are.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The kubelet's folder.
    pub(crate) kubelet_dir: PathBuf,
    /// The documents about devices.
    pub(crate) info_dir: PathBuf,
    /// `/sys`.
    pub(crate) sysfs: PathBuf,
}

/// Why a device is not given. Each says what to do: it ends as an event of the pod.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{device} is no device of {resource} on this node: delete the pod, so that it gets one that is")]
    Unknown { device: String, resource: String },
    #[error("{device} cannot be given out, {why}: delete the pod, so that it gets another one")]
    Unhealthy { device: PciAddr, why: String },
    #[error("{device} is not bound to vfio-pci but to {driver}: see the last error of its ENI in the agent's status")]
    Unbound { device: PciAddr, driver: String },
    #[error("the group of {device} is not there: is the module vfio-pci still loaded?")]
    NoGroup { device: PciAddr },
    #[error("{device} cannot be looked at")]
    Sysfs {
        device: PciAddr,
        #[source]
        source: pci::Error,
    },
    #[error("nothing is given out while the node's records cannot be written")]
    Records(#[from] store::Error),
}

/// How the kubelet was heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kubelet {
    /// Nobody looked for it yet.
    #[default]
    Unknown,
    /// Its socket is not there.
    Absent,
    /// Its socket is there.
    Present,
}

/// How a resource stands with the kubelet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Registration {
    /// How often the kubelet took it.
    pub(crate) taken: u64,
    /// Streams of the kubelet that wait for changes of the list.
    pub(crate) listeners: u32,
    /// Why it was not taken at the last try.
    pub(crate) error: Option<String>,
}

/// Everything about devices. A clone is the same.
#[derive(Debug, Clone)]
pub(crate) struct Devices {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<Store>,
    places: Places,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    offers: Offers,
    allocations: Allocations,
    registrations: BTreeMap<String, Registration>,
    kubelet: Kubelet,
}

impl Devices {
    /// Nothing is offered yet; what was given out before the agent began is on disk.
    ///
    /// # Errors
    /// Those of reading.
    pub(crate) fn open(store: Arc<Store>, places: Places) -> Result<Self, store::Error> {
        let allocations = store.agents_own(Allocations::FILE)?.unwrap_or_default();
        let state = Mutex::new(State { allocations, ..State::default() });
        Ok(Self { inner: Arc::new(Inner { store, places, state, changed: watch::Sender::new(()) }) })
    }

    pub(crate) fn places(&self) -> &Places {
        &self.inner.places
    }

    /// Offers these from now on, and no others.
    pub(crate) fn offer(&self, offers: Offers) {
        let mut state = self.state();
        let State { offers: now, registrations, .. } = &mut *state;
        if *now == offers {
            return;
        }
        let earlier = std::mem::replace(now, offers);
        for resource in earlier.keys().chain(now.keys()) {
            let is_there = |device: &PciAddr| now.get(resource).is_some_and(|devices| devices.contains_key(device));
            if let Err(error) = document::keep_only(&self.inner.places.info_dir, resource, is_there) {
                log::warn!("documents about devices of {resource} stay that are no more: {}", reason(&error));
            }
        }
        registrations.retain(|resource, _| now.contains_key(resource));
        drop(state);
        self.inner.changed.send_replace(());
    }

    /// What is offered.
    pub(crate) fn offers(&self) -> Offers {
        self.state().offers.clone()
    }

    /// The devices of a resource.
    pub(super) fn list(&self, resource: &str) -> BTreeMap<PciAddr, Device> {
        self.state().offers.get(resource).cloned().unwrap_or_default()
    }

    /// What is given out.
    pub(crate) fn allocations(&self) -> Allocations {
        self.state().allocations.clone()
    }

    /// Gives devices of a resource to a container; each is in use from now on.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(crate) fn allocate(
        &self,
        resource: &str,
        devices: &BTreeSet<PciAddr>,
        now: u64,
    ) -> Result<BTreeMap<PciAddr, Gift>, Refusal> {
        let mut state = self.state();
        let offered = state.offers.get(resource);
        let mut gifts = BTreeMap::new();
        for device in devices {
            let unknown = || Refusal::Unknown { device: device.to_string(), resource: resource.to_string() };
            let found = offered.and_then(|offered| offered.get(device)).ok_or_else(unknown)?;
            if let Health::Unhealthy(why) = &found.health {
                return Err(Refusal::Unhealthy { device: *device, why: why.clone() });
            }
            gifts.insert(*device, self.gift(*device, found.mode)?);
        }
        let mut allocations = state.allocations.clone();
        allocations.allocate(resource, devices, now);
        // On disk before the kubelet hears of it: an agent that dies now must not take the device for a free one.
        self.inner.store.write_agents_own(&allocations)?;
        state.allocations = allocations;
        drop(state);
        for device in devices {
            if let Err(error) = document::write(&self.inner.places.info_dir, resource, *device) {
                log::warn!("Multus will not know {device}: {}", reason(&error));
            }
        }
        Ok(gifts)
    }

    fn gift(&self, device: PciAddr, mode: Mode) -> Result<Gift, Refusal> {
        if mode == Mode::Netdev {
            return Ok(Gift::Link);
        }
        let function = Function::read(&self.inner.places.sysfs, device);
        let function = function.map_err(|source| Refusal::Sysfs { device, source })?;
        let driver = function.as_ref().and_then(|function| function.driver.clone());
        match function {
            Some(function) if function.is_for_user_space() => {
                function.group.map(Gift::Group).ok_or(Refusal::NoGroup { device })
            }
            _ => Err(Refusal::Unbound { device, driver: driver.unwrap_or_else(|| "no driver".to_string()) }),
        }
    }

    /// The kubelet was asked at `asked_at` which devices its pods have; all times in seconds since the boot.
    pub(crate) fn look(&self, given_out: &GivenOut, asked_at: u64, now: u64, grace: u64) {
        let mut state = self.state();
        let mut allocations = state.allocations.clone();
        let of_ours = given_out.0.iter().filter(|(resource, _)| state.offers.contains_key(*resource));
        let of_ours = GivenOut(of_ours.map(|(resource, devices)| (resource.clone(), devices.clone())).collect());
        allocations.look(&of_ours, asked_at, now, grace);
        if allocations == state.allocations {
            return;
        }
        if let Err(error) = self.inner.store.write_agents_own(&allocations) {
            log::warn!("what the kubelet has given out is written down later: {}", reason(&error));
        }
        state.allocations = allocations;
    }

    /// One more of the kubelet's streams waits for changes of a resource's list, until this is dropped.
    pub(super) fn listen(&self, resource: &str) -> Listener {
        self.change_registration(resource, |registration| registration.listeners += 1);
        Listener { devices: self.clone(), resource: resource.to_string() }
    }

    /// The resources, as people are shown them.
    pub(crate) fn views(&self) -> Vec<ResourceView> {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let state = self.state();
        let view = |(name, devices): (&String, &BTreeMap<PciAddr, Device>)| {
            let registration = state.registrations.get(name).cloned().unwrap_or_default();
            let healthy = devices.values().filter(|device| device.health == Health::Healthy).count();
            ResourceView {
                name: name.clone(),
                devices: count(devices.len()),
                healthy: count(healthy),
                given_out: count(state.allocations.count(name)),
                registrations: registration.taken,
                is_listened_to: registration.listeners > 0,
                error: registration.error.filter(|_| state.kubelet == Kubelet::Present),
            }
        };
        state.offers.iter().map(view).collect()
    }

    /// How a resource stands with the kubelet.
    pub(super) fn registration(&self, resource: &str) -> Registration {
        self.state().registrations.get(resource).cloned().unwrap_or_default()
    }

    pub(super) fn change_registration(&self, resource: &str, change: impl FnOnce(&mut Registration)) {
        change(self.state().registrations.entry(resource.to_string()).or_default());
    }

    /// How the kubelet was heard of.
    #[cfg(test)]
    pub(super) fn kubelet(&self) -> Kubelet {
        self.state().kubelet
    }

    /// The kubelet was looked for; how it was before.
    pub(super) fn found_kubelet(&self, found: Kubelet) -> Kubelet {
        std::mem::replace(&mut self.state().kubelet, found)
    }

    /// Is told when what is offered changes, and when a stream of the kubelet ends.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.inner.changed.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream of the kubelet.
#[derive(Debug)]
pub(super) struct Listener {
    devices: Devices,
    resource: String,
}

impl Drop for Listener {
    fn drop(&mut self) {
        let fewer = |registration: &mut Registration| registration.listeners = registration.listeners.saturating_sub(1);
        self.devices.change_registration(&self.resource, fewer);
        self.devices.inner.changed.send_replace(());
    }
}
