//! The document about a device that Multus copies into the pod's network status: what a device plugin writes, by the Device
//! Information Specification 1.1.0 of the Kubernetes Network Plumbing Working Group.

use std::path::Path;

use node::files::{Error, Folder};
use node::names::PciAddr;
use serde_json::json;

/// The file's name, of the resource and the device.
fn file_name(resource: &str, device: PciAddr) -> String {
    format!("{}-{device}-device.json", resource.replace('/', "-"))
}

/// Writes it, readable for all.
pub(super) fn write(folder: &Path, resource: &str, device: PciAddr) -> Result<(), Error> {
    let document = json!({"type": "pci", "version": "1.1.0", "pci": {"pci-address": device}});
    Folder::of_others(folder)?.publish(&file_name(resource, device), document.to_string().as_bytes())
}

/// Removes it, if it is there.
pub(super) fn remove(folder: &Path, resource: &str, device: PciAddr) -> Result<(), Error> {
    // Where there is no folder there is no document; of_others would make it.
    if folder.is_dir() {
        Folder::of_others(folder)?.remove(&file_name(resource, device))?;
    }
    Ok(())
}
