//! Where the device-info document of a pod is: see [`node::device_info`].

use crate::config::Config;
use crate::error::Error;
use crate::node_here::Node;
use cni::Code;
use node::device_info::{self, DeviceInfo};
use node::settings::Settings;
use serde_json::{Map, Value};

/// The place that the runtime gave, if it gave one.
///
/// # Errors
/// Code 7 for a place that is not directly in the folder of `node.toml`.
pub(crate) fn place<'a>(config: &'a Config, settings: &'a Settings) -> Result<Option<DeviceInfo<'a>>, Error> {
    let Some(path) = config.device_info.as_deref() else { return Ok(None) };
    let folder = settings.device_info_dir.as_path();
    let elsewhere = || {
        let msg = format!(
            "runtimeConfig.CNIDeviceInfoFile {} is not a file directly in {}",
            path.display(),
            folder.display()
        );
        Error::from(cni::Error::new(Code::CONFIG, msg))
    };
    DeviceInfo::new(path, folder).map(Some).ok_or_else(elsewhere)
}

/// Removes the document that the configuration of an attachment names, which has been taken down.
///
/// # Errors
/// Those of the file and of the records.
pub(crate) fn remove(node: &Node, config: &Map<String, Value>) -> Result<(), Error> {
    Ok(device_info::remove(&node.store, config, &node.settings.device_info_dir)?)
}
