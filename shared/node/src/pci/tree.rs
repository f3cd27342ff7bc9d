//! A folder that plays sysfs and `/dev`, for tests.

mod kernel;

pub(crate) use kernel::{Fault, Kernel};

use super::VFIO_PCI;
use crate::names::PciAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The function that a test is about.
pub(crate) const PCI: &str = "0000:00:06.0";

/// The folder. It starts with one function, at [`PCI`], bound to `ena`, in IOMMU group 7, and the driver `vfio-pci`.
#[derive(Debug)]
pub(crate) struct Tree {
    root: tempfile::TempDir,
}

impl Tree {
    pub(crate) fn new() -> Self {
        let tree = Self { root: tempfile::tempdir().unwrap() };
        for driver in ["ena", VFIO_PCI] {
            std::fs::create_dir_all(tree.driver(driver)).unwrap();
        }
        tree.file("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n");
        tree.file("sys/class/iommu/dmar0/x", "");
        tree.function(PCI, "0x020000").bind(PCI, Some("ena")).group(PCI, Some(7))
    }

    pub(crate) fn sysfs(&self) -> PathBuf {
        self.root.path().join("sys")
    }

    pub(crate) fn dev(&self) -> PathBuf {
        self.root.path().join("dev")
    }

    pub(crate) fn driver(&self, name: &str) -> PathBuf {
        self.sysfs().join("bus/pci/drivers").join(name)
    }

    pub(crate) fn folder(&self, address: &str) -> PathBuf {
        self.sysfs().join("bus/pci/devices").join(address)
    }

    pub(crate) fn address() -> PciAddr {
        PCI.parse().unwrap()
    }

    /// Writes a file, and makes the folders above it.
    pub(crate) fn file(&self, path: impl AsRef<Path>, content: &str) {
        let path = self.root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// A function of this class, without a driver and in no group.
    pub(crate) fn function(self, address: &str, class: &str) -> Self {
        let folder = format!("sys/bus/pci/devices/{address}");
        for (name, content) in [
            ("vendor", "0x1d0f"),
            ("device", "0xec20"),
            ("class", class),
            ("numa_node", "-1"),
            ("driver_override", "(null)"),
        ] {
            self.file(format!("{folder}/{name}"), &format!("{content}\n"));
        }
        self
    }

    /// The driver of a function.
    pub(crate) fn bind(self, address: &str, driver: Option<&str>) -> Self {
        let link = self.folder(address).join("driver");
        if link.is_symlink() {
            std::fs::remove_file(&link).unwrap();
        }
        if let Some(driver) = driver {
            std::fs::create_dir_all(self.driver(driver)).unwrap();
            std::fs::write(self.driver(driver).join("unbind"), "").unwrap();
            symlink(format!("../drivers/{driver}"), link).unwrap();
        }
        self
    }

    /// The group of a function, and the function in that group.
    pub(crate) fn group(self, address: &str, number: Option<u32>) -> Self {
        let link = self.folder(address).join("iommu_group");
        if link.is_symlink() {
            std::fs::remove_file(&link).unwrap();
        }
        if let Some(number) = number {
            let devices = self.sysfs().join(format!("kernel/iommu_groups/{number}/devices"));
            std::fs::create_dir_all(&devices).unwrap();
            symlink(self.folder(address), devices.join(address)).unwrap();
            symlink(format!("../../../../kernel/iommu_groups/{number}"), link).unwrap();
        }
        self
    }

    /// What a function is reserved for.
    pub(crate) fn reserve(self, address: &str, driver: &str) -> Self {
        self.file(format!("sys/bus/pci/devices/{address}/driver_override"), &format!("{driver}\n"));
        self
    }

    /// A machine without an IOMMU, where vfio's parameter to do without has this value.
    pub(crate) fn without_iommu(self, parameter: &str) -> Self {
        std::fs::remove_dir_all(self.sysfs().join("class/iommu")).unwrap();
        self.file("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", parameter);
        self.group(PCI, None)
    }

    /// Without this driver.
    pub(crate) fn without_driver(self, name: &str) -> Self {
        std::fs::remove_dir_all(self.driver(name)).unwrap();
        self
    }

    /// The driver that a function has.
    pub(crate) fn driver_of(&self, address: &str) -> Option<String> {
        let target = std::fs::read_link(self.folder(address).join("driver")).ok()?;
        Some(target.file_name().unwrap().to_str().unwrap().to_string())
    }

    /// What a function is reserved for.
    pub(crate) fn reserved_for(&self, address: &str) -> String {
        std::fs::read_to_string(self.folder(address).join("driver_override")).unwrap().trim().to_string()
    }
}
