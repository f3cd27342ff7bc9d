//! What can be done to an attachment's device and to the namespaces that it is in, as data: a plan is a list of these, and
//! so is its log.

use crate::names::{AltName, IfName};
use crate::netlink::{LinkChange, Route, Rule};
use crate::pci::Change;
use crate::sysctl::Sysctl;
use ipnetwork::IpNetwork;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which of the two namespaces of an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The one in which the plugin was started.
    Host,
    /// The pod's.
    Pod,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::Pod => "pod",
        })
    }
}

/// Whether the kernel looks for an address elsewhere before it uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detection {
    /// At once: EC2 gives an address to one interface only.
    Off,
    /// Duplicate address detection.
    On,
}

/// One change. Applying one that is already so changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Changes an attribute of the device's link, where it is.
    SetLink(LinkChange),
    /// Moves the device's link into the other namespace, and names it there.
    MoveLink {
        /// Where to.
        to: Place,
        /// Its name there.
        name: IfName,
    },
    /// Gives the device's link an alternative name.
    AddAltName(AltName),
    /// Takes one from it.
    DeleteAltName(AltName),
    /// Sets a sysctl of the device's link, where it is.
    SetSysctl {
        /// Which.
        sysctl: Sysctl,
        /// To what.
        value: i64,
    },
    /// Gives the device's link an address.
    AddAddress {
        /// Address and prefix length.
        address: IpNetwork,
        /// Whether it is looked for elsewhere first.
        detection: Detection,
    },
    /// Takes an address from the device's link.
    DeleteAddress(IpNetwork),
    /// Waits until duplicate address detection has ended on the device's link; a duplicate is an error.
    AwaitDetection,
    /// Adds a route. One over a link is one over the device's, whatever index it says.
    AddRoute {
        /// In which namespace.
        place: Place,
        /// The route.
        route: Route,
    },
    /// Removes a route.
    DeleteRoute {
        /// In which namespace.
        place: Place,
        /// The route.
        route: Route,
    },
    /// Adds a rule.
    AddRule {
        /// In which namespace.
        place: Place,
        /// The rule.
        rule: Rule,
    },
    /// Removes a rule.
    DeleteRule {
        /// In which namespace.
        place: Place,
        /// The rule.
        rule: Rule,
    },
    /// Changes the device's PCI function.
    ChangeFunction(Change),
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Something is different now.
    Changed,
    /// It was so before.
    AlreadySo,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetLink(change) => write!(f, "set link {change}"),
            Self::MoveLink { to, name } => write!(f, "move link to {to} as {name}"),
            Self::AddAltName(name) => write!(f, "add alternative name {name}"),
            Self::DeleteAltName(name) => write!(f, "delete alternative name {name}"),
            Self::SetSysctl { sysctl, value } => write!(f, "set sysctl {sysctl} {value}"),
            Self::AddAddress { address, detection: Detection::Off } => write!(f, "add address {address}"),
            Self::AddAddress { address, detection: Detection::On } => write!(f, "add address {address} with detection"),
            Self::DeleteAddress(address) => write!(f, "delete address {address}"),
            Self::AwaitDetection => write!(f, "await duplicate address detection"),
            Self::AddRoute { place, route } => write!(f, "add {place} route {route}"),
            Self::DeleteRoute { place, route } => write!(f, "delete {place} route {route}"),
            Self::AddRule { place, rule } => write!(f, "add {place} rule {rule}"),
            Self::DeleteRule { place, rule } => write!(f, "delete {place} rule {rule}"),
            Self::ChangeFunction(change) => change.fmt(f),
        }
    }
}
