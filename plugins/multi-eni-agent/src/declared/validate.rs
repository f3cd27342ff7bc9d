//! What the fields of a NodeENI mean, and what they may be: everything that can be said without EC2 and the kernel, so that it
//! is said when the manifest is written and not when an ENI fails.

mod counts;
mod device;
mod references;
mod tags;
mod texts;

use super::fault::Faults;
use super::manifest::NodeEniSpec;
use super::pool::Pool;
use super::selector::Selector;
use node::inventory::{Mode, Sharing};
use node::names::PoolName;
use std::fmt::Display;
use std::ops::RangeInclusive;

/// A manifest that is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Valid {
    pub(super) pool: Pool,
    pub(super) selector: Selector,
}

/// What is found while a spec is looked at.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) faults: Faults,
    pub(super) notes: Faults,
}

/// The pool of a spec, of which the fields with these keys could not be read. It counts only if no fault was found.
pub(super) fn valid(
    name: &PoolName,
    spec: &NodeEniSpec,
    misshapen: &[String],
    resource_prefix: &str,
    found: &mut Found,
) -> Valid {
    let selector = Selector::of(spec, &mut found.faults);
    let mode = device::mode(spec, found);
    let ipv6 = counts::ipv6(spec, &mut found.faults);
    let pool = Pool {
        name: name.clone(),
        subnets: references::subnets(spec, &mut found.faults),
        security_groups: references::security_groups(spec, &mut found.faults),
        subnet_choice: spec.subnet_choice.unwrap_or_default(),
        device_index: device::index(spec, &mut found.faults),
        network_card: device::network_card(spec, &mut found.faults),
        delete_on_termination: spec.delete_on_termination.unwrap_or(true),
        description: texts::description(spec, &mut found.faults),
        mtu: device::mtu(spec, ipv6, &mut found.faults),
        sharing: spec.sharing.unwrap_or_default(),
        mode,
        pci_address: device::pci_address(spec, found),
        resource_name: device::resource_name(spec, resource_prefix, &mut found.faults),
        warm: spec.warm.unwrap_or(0),
        min: spec.min,
        max: spec.max,
        cooldown_seconds: counts::cooldown(spec, &mut found.faults),
        secondary_ipv4: counts::secondary_ipv4(spec, &mut found.faults),
        ipv6,
        tags: tags::tags(spec, &mut found.faults),
        source_dest_check: spec.source_dest_check.unwrap_or(true),
        link_name: texts::link_name(spec, &mut found.faults),
    };
    counts::sizes(&pool, found);
    if misshapen.is_empty() {
        together(&pool, &mut found.faults);
    }
    found.faults.forget(misshapen);
    Valid { pool, selector }
}

/// What is right by itself and not beside another field.
fn together(pool: &Pool, faults: &mut Faults) {
    if pool.sharing == Sharing::Shared {
        if pool.mode == Mode::VfioPci {
            faults.push("spec.enableDPDK", "is for an ENI that one pod has; a shared one stays with the kernel");
        }
        if pool.resource_name.is_some() {
            faults.push("spec.resourceName", "is for an ENI that one pod has; a shared one is no device to give out");
        }
        if pool.secondary_ipv4 == 0 && pool.ipv6 == 0 {
            let why = "is missing; a shared pool gives out addresses, so write how many each ENI keeps free";
            faults.push("spec.secondaryIPv4Addresses", why);
        }
    }
    if pool.link_name.is_some() {
        if pool.mode == Mode::VfioPci {
            faults.push("spec.linkName", "is the name of a kernel's link, and with enableDPDK there is none");
        }
        if !pool.has_at_most_one() {
            faults.push("spec.linkName", "is one name, and this pool may have several ENIs on a node; write max: 1");
        }
    }
}

/// The number if it is in the range, else the default and a fault.
fn within<T: PartialOrd + Display + Copy>(
    path: &str,
    value: Option<T>,
    range: &RangeInclusive<T>,
    default: T,
    faults: &mut Faults,
) -> T {
    let value = value.unwrap_or(default);
    if !range.contains(&value) {
        faults.push(path, format_args!("is {value} and has to be {} to {}", range.start(), range.end()));
    }
    value
}

/// A text that is there: the original's defaults are empty ones.
fn said(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}
