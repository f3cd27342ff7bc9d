//! What a network configuration says to this plugin: the keys of `ipam`, and the few outside it that are meant for it
//! too.

mod main_plugin;
mod member;
mod outer;
mod route;
mod selection;

pub(crate) use main_plugin::MainPlugin;
pub(crate) use member::Member;
pub(crate) use outer::Outer;
pub(crate) use selection::Selection;

use crate::family::Family;
use cni::{Keys, NetworkConfig};
use serde_json::Map;

/// The checked keys.
#[derive(Debug)]
pub(crate) struct Config {
    /// `addresses`; nothing where it is absent.
    pub(crate) addresses: Option<Selection>,
    /// `families`, each once; nothing where it is absent.
    pub(crate) families: Option<Vec<Family>>,
    /// `defaultRoute`
    pub(crate) default_route: bool,
    /// `vpcRoutes`
    pub(crate) vpc_routes: bool,
    /// `routes`
    pub(crate) routes: Vec<cni::Route>,
    /// `chain`
    pub(crate) chain: Vec<Member>,
    /// The keys outside `ipam`.
    pub(crate) outer: Outer,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// All faults of the keys of `ipam` in one, or all of those outside it.
    pub(crate) fn of(config: &NetworkConfig) -> Result<Self, cni::Error> {
        let (outer, empty) = (Outer::of(config)?, Map::new());
        let ipam = config.raw.get("ipam").and_then(|ipam| ipam.as_object()).unwrap_or(&empty);
        let mut keys = Keys::of(ipam, "ipam");
        // Its value has been checked where it was used: by the plugin that found us.
        keys.read::<String>("type");
        let read = Self {
            addresses: keys.read("addresses"),
            families: families(&mut keys),
            default_route: keys.read("defaultRoute").unwrap_or(false),
            vpc_routes: keys.read("vpcRoutes").unwrap_or(true),
            routes: route::read(&mut keys, config.version),
            chain: member::read(&mut keys),
            outer,
        };
        keys.finish()?;
        Ok(read)
    }
}

fn families(keys: &mut Keys<'_>) -> Option<Vec<Family>> {
    let mut families: Vec<Family> = Vec::new();
    for family in keys.read::<Vec<Family>>("families")? {
        if !families.contains(&family) {
            families.push(family);
        }
    }
    if families.is_empty() {
        keys.fault("families", "is empty, leave it away for all that the ENI has");
    }
    Some(families)
}

#[cfg(test)]
mod tests;
