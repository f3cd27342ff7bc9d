//! The servers, and a kubelet of the tests: its socket, what it is told, and its list of pods.

mod kubelet;
mod listing;
mod serving;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use node::inventory::Mode;
use node::names::PciAddr;
use node::store::Store;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::{Device, Devices, Health, Offers, Places, Service, serve};
use crate::agent::clock::BootClock;
use crate::agent::requests::Ask;
use kubelet::FakeKubelet;

pub(super) const RESOURCE: &str = "intel.com/ena";

pub(super) fn pci(slot: u8) -> PciAddr {
    format!("0000:00:{slot:02x}.0").parse().unwrap()
}

pub(super) fn device(slot: u8, mode: Mode) -> (PciAddr, Device) {
    let eni = format!("eni-{slot:017x}").parse().unwrap();
    (pci(slot), Device { eni, mode, health: Health::Healthy, numa_node: Some(0) })
}

pub(super) fn offers(devices: impl IntoIterator<Item = (PciAddr, Device)>) -> Offers {
    BTreeMap::from([(RESOURCE.to_string(), devices.into_iter().collect())])
}

/// A node with the device plugin, and with its kubelet's folder.
pub(super) struct Bench {
    pub(super) root: tempfile::TempDir,
    pub(super) devices: Devices,
    pub(super) asks: mpsc::Receiver<Ask>,
    end: Option<watch::Sender<()>>,
    task: JoinHandle<()>,
}

impl Bench {
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&root.path().join("state")).unwrap());
        let below = |folder: &str| root.path().join(folder);
        let places = Places { kubelet_dir: below("kubelet"), info_dir: below("devinfo/dp"), sysfs: below("sys") };
        let devices = Devices::open(store, places).unwrap();
        let (sender, asks) = mpsc::channel(8);
        let (end, ended) = watch::channel(());
        let service = Service { devices: devices.clone(), asks: sender, clock: BootClock::new().unwrap() };
        let task = tokio::spawn(serve(service, ended));
        Self { root, devices, asks, end: Some(end), task }
    }

    pub(super) fn kubelet_dir(&self) -> PathBuf {
        self.root.path().join("kubelet")
    }

    fn kubelet(&self) -> FakeKubelet {
        FakeKubelet::start(&self.kubelet_dir())
    }

    pub(super) fn documents(&self) -> Vec<String> {
        names(&self.root.path().join("devinfo/dp"))
    }

    /// A function of the fake sysfs, bound to this driver and in group 0 of this name.
    pub(super) fn function(&self, slot: u8, driver: &str, group: &str) {
        let sys = self.root.path().join("sys");
        let function = sys.join(format!("bus/pci/devices/{}", pci(slot)));
        let (driver, group_folder) = (sys.join("bus/pci/drivers").join(driver), sys.join("kernel/iommu_groups/0"));
        for folder in [&function, &driver, &group_folder.join("devices")] {
            std::fs::create_dir_all(folder).unwrap();
        }
        for (file, content) in [("vendor", "0x1d0f"), ("device", "0xec20"), ("class", "0x020000")] {
            std::fs::write(function.join(file), content).unwrap();
        }
        if !group.is_empty() {
            std::fs::write(group_folder.join("name"), group).unwrap();
        }
        for (link, target) in [("driver", driver), ("iommu_group", group_folder)] {
            drop(std::fs::remove_file(function.join(link)));
            std::os::unix::fs::symlink(target, function.join(link)).unwrap();
        }
    }

    /// Ends the servers, and waits for that.
    pub(super) async fn end(mut self) {
        drop(self.end.take());
        self.task.await.unwrap();
    }
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
