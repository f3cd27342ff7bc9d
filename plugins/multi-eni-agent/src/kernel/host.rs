//! The machine itself.

use super::{
    ArrivalWish, Arrived, Care, Error, Event, HostLink, Life, Machine, Outcome, PodUids, Unseen, Verdict, ipam,
};
use crate::devices::{self, GivenOut, KubeletError};
use futures_util::Stream;
use node::addresses::{self, AddressUse};
use node::ground::Side;
use node::host::View;
use node::inventory::{Entry, Seen};
use node::names::PciAddr;
use node::pci::Bus;
use node::record::{Pending, Record};
use node::store::{self, Store};
use node::verdict::{self, Pods, Sight};
use node::{arrival, device_info, pci, take_down, watch};
use std::path::PathBuf;
use std::sync::Arc;

/// Where things are on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The manifests of pools.
    pub(crate) pools_dir: PathBuf,
    /// The kubelet's folder; a pod whose folder is below it is alive.
    pub(crate) kubelet_dir: PathBuf,
    /// The processes of the host: `/proc`, or where a container has the host's.
    pub(crate) proc_dir: PathBuf,
    /// Where runtimes have device-info documents.
    pub(crate) device_info_dir: PathBuf,
    /// The PCI functions and their drivers.
    pub(crate) bus: Bus,
}

/// The machine that the agent runs on. Its calls are made in the host's network namespace, inside a tokio runtime.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    store: Arc<Store>,
    places: Places,
}

impl Host {
    /// The machine with these records.
    pub(crate) fn new(store: Arc<Store>, places: Places) -> Self {
        Self { store, places }
    }

    fn pods<'a>(&'a self, of_api: Option<&'a PodUids>) -> Pods<'a> {
        Pods { kubelet_dir: &self.places.kubelet_dir, of_api }
    }

    fn unreadable(&self, error: &store::Error) -> Life {
        Life::Unknown(Unseen::Unreadable { path: self.store.path().to_path_buf(), why: error.to_string() })
    }
}

impl Machine for Host {
    async fn links(&self) -> Result<Vec<HostLink>, Error> {
        let host = Side::here()?;
        Ok(View::read(&host.visit.netlink).await?.host_links(self.places.bus.sysfs()))
    }

    async fn arrive(&self, wish: &ArrivalWish) -> Result<Arrived, Error> {
        Ok(arrival::arrive(&self.store, wish, self.places.bus.sysfs()).await?)
    }

    async fn look_after(&self, wish: &ArrivalWish) -> Result<Care, Error> {
        Ok(arrival::look_after(&self.store, wish, self.places.bus.sysfs()).await?)
    }

    async fn verdicts(&self, records: &[Record], pods: Option<&PodUids>) -> Vec<Verdict> {
        if records.is_empty() {
            return Vec::new();
        }
        let asked = records.iter().map(|record| record.namespace.identity);
        let sight = Sight::look(&self.places.proc_dir, asked).await;
        let life = |record: &Record| {
            let life = verdict::of_record(record, &self.store, &sight, self.pods(pods));
            life.unwrap_or_else(|error| self.unreadable(&error))
        };
        records.iter().map(|record| Verdict { owner: record.owner.clone(), life: life(record) }).collect()
    }

    async fn address_verdicts(&self, uses: &[AddressUse], pods: Option<&PodUids>) -> Vec<Verdict> {
        if uses.is_empty() {
            return Vec::new();
        }
        let asked = uses.iter().filter_map(|usage| usage.namespace.as_ref()).map(|namespace| namespace.identity);
        let sight = Sight::look(&self.places.proc_dir, asked).await;
        let life = |usage: &AddressUse| {
            let life = verdict::of_use(usage, &self.store, &sight, self.pods(pods));
            life.unwrap_or_else(|error| self.unreadable(&error))
        };
        uses.iter().map(|usage| Verdict { owner: usage.owner.clone(), life: life(usage) }).collect()
    }

    async fn release(&self, record: &Record, pods: Option<&PodUids>) -> Result<Outcome, Error> {
        let (pods, Places { proc_dir, bus, .. }) = (self.pods(pods), &self.places);
        let outcome = take_down::of_dead(&self.store, record, pods, proc_dir, bus, async |record: &Record| {
            ipam::release(&record.call, &record.owner).await
        })
        .await?;
        if matches!(outcome, Outcome::Released | Outcome::Pending(_))
            && let Err(error) = device_info::remove(&self.store, &record.call.config, &self.places.device_info_dir)
        {
            log::warn!("the device-info document of {} stays: {error}", record.owner);
        }
        Ok(outcome)
    }

    async fn release_addresses(&self, usage: &AddressUse, pods: Option<&PodUids>) -> Result<Outcome, Error> {
        let (pods, proc_dir) = (self.pods(pods), &self.places.proc_dir);
        let outcome = addresses::of_dead(&self.store, usage, pods, proc_dir).await?;
        if outcome != Outcome::Released || !usage.has_chain() {
            return Ok(outcome);
        }
        if let Err(error) = ipam::release(&usage.call, &usage.owner).await {
            log::warn!("the chain of {} does not release: {error}", usage.owner);
            return Ok(Outcome::Pending(Pending { device: false, ipam: true }));
        }
        addresses::chain_released(&self.store, &usage.owner).await?;
        Ok(outcome)
    }

    async fn given_out(&self) -> Result<GivenOut, KubeletError> {
        devices::given_out(&self.places.kubelet_dir).await
    }

    async fn hand_over(&self, entry: &Entry) -> Result<(), Error> {
        Ok(arrival::hand_over(&self.store, entry, &self.places.bus).await.map(drop)?)
    }

    async fn take_back(&self, wish: &ArrivalWish) -> Result<Arrived, Error> {
        Ok(arrival::take_back(&self.store, wish, &self.places.bus).await?)
    }

    fn look_at(&self, device: PciAddr) -> Option<Seen> {
        let function = match pci::Function::read(self.places.bus.sysfs(), device) {
            Ok(function) => function?,
            Err(error) => {
                log::warn!("{device} cannot be looked at: {error}");
                return None;
            }
        };
        let write_combining =
            function.is_for_user_space().then(|| pci::write_combining(self.places.bus.sysfs(), device));
        Some(Seen {
            group: function.group.map(|group| group.to_string()),
            numa_node: function.numa_node,
            write_combining: write_combining.map(|found| found.to_string()),
            driver: function.driver,
        })
    }

    fn events(&self) -> Result<impl Stream<Item = Event> + Send + Unpin + 'static + use<>, Error> {
        let watched = watch::Watched { state_dir: self.store.path(), pools_dir: &self.places.pools_dir };
        Ok(watch::events(watched)?)
    }
}

#[cfg(test)]
mod tests;
