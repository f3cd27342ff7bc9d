//! The document about a device that Multus copies into the pod's network status: what a device plugin writes, by the Device
//! Information Specification 1.1.0 of the Kubernetes Network Plumbing Working Group.

use std::path::Path;

use node::files::{Error, Folder};
use node::names::PciAddr;
use serde_json::json;

/// What comes after the device in a file's name.
const ENDING: &str = "-device.json";

/// The file's name, of the resource and the device.
fn file_name(resource: &str, device: PciAddr) -> String {
    format!("{}{device}{ENDING}", beginning(resource))
}

fn beginning(resource: &str) -> String {
    format!("{}-", resource.replace('/', "-"))
}

/// Writes it, readable for all.
pub(super) fn write(folder: &Path, resource: &str, device: PciAddr) -> Result<(), Error> {
    let document = json!({"type": "pci", "version": "1.1.0", "pci": {"pci-address": device}});
    Folder::of_others(folder)?.publish(&file_name(resource, device), document.to_string().as_bytes())
}

/// Removes those of a resource's devices that are no more, an earlier agent's among them.
pub(super) fn keep_only(folder: &Path, resource: &str, is_there: impl Fn(&PciAddr) -> bool) -> Result<(), Error> {
    // Where there is no folder there is no document; of_others would make it.
    if !folder.is_dir() {
        return Ok(());
    }
    let folder = Folder::of_others(folder)?;
    let beginning = beginning(resource);
    for name in folder.names(ENDING)? {
        let device = name.strip_prefix(&beginning).and_then(|rest| rest.strip_suffix(ENDING));
        if device.and_then(|device| device.parse().ok()).is_some_and(|device| !is_there(&device)) {
            folder.remove(&name)?;
        }
    }
    Ok(())
}
