//! The device-info document that Multus copies to the pod's network status (Device Information Specification 1.1.0 of the
//! Kubernetes Network Plumbing Working Group).

use crate::config::Config;
use crate::error::Error;
use cni::{Code, NetworkConfig};
use node::files::Folder;
use node::names::PciAddr;
use node::settings::Settings;
use serde_json::{Value, json};
use std::path::{Component, Path};

/// A place for the document, checked.
#[derive(Debug)]
pub(crate) struct DeviceInfo<'a> {
    folder: &'a Path,
    name: &'a str,
}

impl<'a> DeviceInfo<'a> {
    /// The place that the runtime gave, if it gave one.
    ///
    /// # Errors
    /// Code 7 for a place that is not directly in the folder of `node.toml`.
    pub(crate) fn of(config: &'a Config, settings: &'a Settings) -> Result<Option<Self>, Error> {
        config.device_info.as_deref().map(|path| Self::at(path, settings)).transpose()
    }

    /// The place that a DEL's configuration names; one that is none is not this plugin's to remove.
    pub(crate) fn remove(config: &NetworkConfig, settings: &Settings) -> Result<(), Error> {
        let path = config.runtime_config().and_then(|values| values.get("CNIDeviceInfoFile")).and_then(Value::as_str);
        let Some(Ok(place)) = path.map(|path| DeviceInfo::at(Path::new(path), settings)) else { return Ok(()) };
        if place.folder.is_dir() {
            Folder::of_others(place.folder)?.remove(place.name)?;
        }
        Ok(())
    }

    fn at<'b>(path: &'b Path, settings: &'b Settings) -> Result<DeviceInfo<'b>, Error> {
        let folder = settings.device_info_dir.as_path();
        let mut parts = path.strip_prefix(folder).map(Path::components).into_iter().flatten();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(name)), None) if name.to_str().is_some() => {
                Ok(DeviceInfo { folder, name: name.to_str().unwrap_or_default() })
            }
            _ => {
                let msg = format!(
                    "runtimeConfig.CNIDeviceInfoFile {} is not a file directly in {}",
                    path.display(),
                    folder.display()
                );
                Err(cni::Error::new(Code::CONFIG, msg).into())
            }
        }
    }

    /// Writes the document, unless a device plugin's is there already.
    pub(crate) fn write(&self, pci_address: PciAddr) -> Result<(), Error> {
        let folder = Folder::of_others(self.folder)?;
        if folder.read(self.name)?.is_none() {
            let document = json!({"type": "pci", "version": "1.1.0", "pci": {"pci-address": pci_address}});
            folder.write(self.name, document.to_string().as_bytes())?;
        }
        Ok(())
    }
}
