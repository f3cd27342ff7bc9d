//! The plugin that runs this one, as the configuration names it. It says where to look, never what to believe.

use cni::NetworkConfig;
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MainPlugin {
    /// `multi-eni`, which has an ENI on record.
    MultiEni,
    /// One whose interfaces have the MAC of the link that they sit on.
    SameMac {
        /// Its type.
        plugin: String,
        /// `master`: the name of that link.
        master: Option<String>,
        /// `linkInContainer`: whether that link is in the container.
        in_container: bool,
    },
    /// One whose frames a VPC would drop, or none that is known here, in words.
    Other(String),
}

impl MainPlugin {
    pub(super) fn of(config: &NetworkConfig) -> Self {
        let text = |key: &str| config.raw.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let plugin = config.plugin_type.clone().unwrap_or_default();
        match (plugin.as_str(), text("mode")) {
            ("multi-eni", _) => Self::MultiEni,
            ("ipvlan", _) | ("macvlan", Some("passthru")) => Self::SameMac {
                plugin,
                master: text("master").map(str::to_string),
                in_container: config.raw.get("linkInContainer").and_then(Value::as_bool).unwrap_or(false),
            },
            ("macvlan", mode) => Self::Other(format!("macvlan in mode {}", mode.unwrap_or("bridge"))),
            ("", _) => Self::Other("a plugin without a type".to_string()),
            _ => Self::Other(plugin),
        }
    }
}
