//! `chain`: further IPAM plugins.

use cni::{Keys, PluginType};
use serde_json::{Map, Value};

/// The type under which this plugin is installed.
const OURSELVES: &str = "multi-eni-ipam";

/// A plugin of the chain.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) plugin_type: PluginType,
    /// What stands in place of `ipam` in its configuration.
    pub(crate) ipam: Map<String, Value>,
}

impl Member {
    fn of(ipam: Map<String, Value>) -> Result<Self, String> {
        let text = ipam.get("type").and_then(Value::as_str).ok_or("has no \"type\"")?;
        let plugin_type: PluginType = text.parse().map_err(|error: cni::NameError| error.to_string())?;
        if text == OURSELVES {
            return Err(format!("is {OURSELVES} itself, which would never end"));
        }
        Ok(Self { plugin_type, ipam })
    }
}

/// Reads the chain, and notes what is wrong in it.
pub(super) fn read(keys: &mut Keys<'_>) -> Vec<Member> {
    let written: Vec<Map<String, Value>> = keys.read("chain").unwrap_or_default();
    let mut members = Vec::new();
    for (index, ipam) in written.into_iter().enumerate() {
        match Member::of(ipam) {
            Ok(member) => members.push(member),
            Err(fault) => keys.fault("chain", format_args!("[{index}] {fault}")),
        }
    }
    members
}

/// Those that can be asked to release. An ADD with one that cannot be asked has never come as far as the chain.
pub(crate) fn releasable(ipam: Option<&Value>) -> Vec<Member> {
    let chain = ipam.and_then(|ipam| ipam.get("chain")).and_then(Value::as_array);
    let objects = chain.into_iter().flatten().filter_map(Value::as_object).cloned();
    let releasable = |ipam| match Member::of(ipam) {
        Ok(member) => Some(member),
        Err(fault) => {
            log::warn!("a member of the chain is passed over: it {fault}");
            None
        }
    };
    objects.filter_map(releasable).collect()
}
