//! What the manifests of a folder mean for this node: the verb `check`.

use super::selector::NodeLabels;
use super::{Declared, Folder, Pool, Reference, SubnetChoice};
use node::inventory::{Mode, Sharing};
use node::names::PoolName;
use node::settings::Settings;
use std::fmt;
use std::path::Path;

/// Everything that can be said without EC2 and the kernel. Shown, each fault is one line.
#[derive(Debug)]
pub(crate) struct Report {
    declared: Declared,
    elsewhere: Vec<(PoolName, Vec<String>)>,
    /// What the settings lack for it.
    settings: Vec<String>,
}

/// Reads the folder as the agent would.
///
/// # Errors
/// The kernel's word on this node's name.
pub(crate) fn check(folder: &Path, settings: &Settings) -> std::io::Result<Report> {
    let labels = NodeLabels::of(&settings.agent)?;
    let mut folder = Folder::new(folder, &settings.agent.resource_prefix);
    let declared = folder.read(&labels);
    let elsewhere = folder.elsewhere(&labels);
    let mut lacking = Vec::new();
    if settings.cluster_id.is_none() && !declared.pools.is_empty() {
        lacking.push(
            "node.toml: cluster_id: is missing; the agent makes no ENI without it, write what `uuidgen` prints".into(),
        );
    }
    Ok(Report { declared, elsewhere, settings: lacking })
}

impl Report {
    /// Whether there is no fault.
    pub(crate) fn is_right(&self) -> bool {
        self.declared.faults.is_empty() && self.settings.is_empty()
    }

    /// The pools of this node.
    pub(crate) fn pools(&self) -> &[Pool] {
        &self.declared.pools
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for pool in &self.declared.pools {
            writeln!(f, "pool {pool}")?;
        }
        for (name, misses) in &self.elsewhere {
            writeln!(f, "pool {name} is for other nodes: this one has not {}", misses.join(", "))?;
        }
        for note in &self.declared.notes {
            writeln!(f, "note: {note}")?;
        }
        for fault in &self.settings {
            writeln!(f, "fault: {fault}")?;
        }
        for fault in &self.declared.faults {
            writeln!(f, "fault: {fault}")?;
        }
        let faults = self.declared.faults.len() + self.settings.len();
        write!(f, "{} for this node, ", count(self.declared.pools.len(), "pool"))?;
        write!(f, "{} for others, {}", self.elsewhere.len(), count(faults, "fault"))
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// What comes of a pool, in one line.
impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |references: &[Reference]| references.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        write!(f, "{}: {}; subnets {}", self.name, self.size(), list(&self.subnets))?;
        write!(f, "; groups {}", list(&self.security_groups))?;
        match self.sharing {
            Sharing::Exclusive => write!(f, "; an ENI to a pod")?,
            Sharing::Shared => write!(f, "; an address to a pod")?,
        }
        if self.mode == Mode::VfioPci {
            write!(f, ", bound to {}", self.mode)?;
        }
        if let Some(resource) = &self.resource_name {
            write!(f, ", as {resource}")?;
        }
        if let Some(address) = self.pci_address {
            write!(f, " (only what is at {address})")?;
        }
        write!(f, "; index from {}", self.device_index)?;
        if self.network_card > 0 {
            write!(f, " of card {}", self.network_card)?;
        }
        for (count, what) in [(self.secondary_ipv4, "secondary IPv4"), (self.ipv6, "IPv6")] {
            if count > 0 {
                write!(f, "; {count} {what}")?;
            }
        }
        if let Some(mtu) = self.mtu {
            write!(f, "; MTU {mtu}")?;
        }
        if let Some(name) = &self.link_name {
            write!(f, "; link {name}")?;
        }
        Ok(())
    }
}

impl Pool {
    fn size(&self) -> String {
        let least = match (self.min, self.subnet_choice) {
            (Some(min), _) => min.to_string(),
            (None, SubnetChoice::Each) if self.subnets.len() > 1 => "one for each subnet of the zone".to_string(),
            (None, SubnetChoice::Each | SubnetChoice::MostFree) => "1".to_string(),
        };
        let most = match self.max {
            Some(max) => format!(", at most {max}"),
            None if self.warm > 0 => ", up to what the instance type allows".to_string(),
            None => String::new(),
        };
        let warm = if self.warm > 0 { format!(", {} of them free", self.warm) } else { String::new() };
        format!("{least}{most}{warm}")
    }
}
