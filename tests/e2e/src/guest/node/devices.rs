//! The guest's PCI devices, read from sysfs as a person would.

use std::fs;
use std::path::{Path, PathBuf};

use node::inventory::Entry;

use super::Node;

/// Of what these are.
const NIC: &str = "0x020000";

impl Node {
    /// The PCI addresses of all NICs but the primary one and the VPC's, whatever their driver.
    ///
    /// # Panics
    ///
    /// When sysfs is not there.
    #[must_use]
    pub fn nics(&self) -> Vec<String> {
        let devices = fs::read_dir("/sys/bus/pci/devices").expect("the PCI devices").map_while(Result::ok);
        let addresses = devices.map(|device| device.file_name().to_string_lossy().into_owned());
        // Behind a port, so on another bus than the first.
        addresses.filter(|address| !address.starts_with("0000:00:") && attribute(address, "class") == NIC).collect()
    }

    /// Where an ENI's NIC sits, on record and in truth.
    ///
    /// # Panics
    ///
    /// When the record has no address.
    #[must_use]
    pub fn pci(&self, entry: &Entry) -> String {
        entry.pci_address.expect("the PCI address of an ENI that is ready").to_string()
    }

    /// The driver of a device; empty if it has none.
    #[must_use]
    pub fn driver(&self, address: &str) -> String {
        target(&device(address).join("driver"))
    }

    /// What a device's `driver_override` says; empty if it says nothing.
    #[must_use]
    pub fn driver_override(&self, address: &str) -> String {
        attribute(address, "driver_override").replace("(null)", "")
    }

    /// The number of a device's IOMMU group.
    #[must_use]
    pub fn group(&self, address: &str) -> String {
        target(&device(address).join("iommu_group"))
    }

    /// The name of a device's link in the first namespace; empty if it has none there.
    #[must_use]
    pub fn link_name(&self, address: &str) -> String {
        let names = fs::read_dir(device(address).join("net")).into_iter().flatten().map_while(Result::ok);
        names.map(|name| name.file_name().to_string_lossy().into_owned()).collect()
    }
}

fn device(address: &str) -> PathBuf {
    Path::new("/sys/bus/pci/devices").join(address)
}

fn attribute(address: &str, name: &str) -> String {
    fs::read_to_string(device(address).join(name)).unwrap_or_default().trim().to_owned()
}

fn target(link: &Path) -> String {
    let target = fs::read_link(link).unwrap_or_default();
    target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
