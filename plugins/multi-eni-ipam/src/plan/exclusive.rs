//! The addresses of an ENI that is a pod's own.

use super::Wish;
use crate::config::Selection;
use crate::error::{Error, Sharing};
use crate::family::Family;
use node::inventory::Entry;
use std::net::IpAddr;

/// The addresses to answer with.
///
/// # Errors
/// What is asked for and is not on the ENI.
pub(crate) fn exclusive(entry: &Entry, wish: &Wish<'_>) -> Result<Vec<IpAddr>, Error> {
    wish.check_requested(entry)?;
    let families = wish.families(entry, Sharing::Exclusive, |family| family.assigned(entry).len())?;
    let mut addresses = Vec::new();
    for family in families {
        match wish.requested_of(family) {
            requested if requested.is_empty() => addresses.extend(selected(entry, wish, family)?),
            requested => addresses.extend(requested),
        }
    }
    Ok(addresses)
}

fn selected(entry: &Entry, wish: &Wish<'_>, family: Family) -> Result<Vec<IpAddr>, Error> {
    let assigned = family.assigned(entry);
    let has = assigned.len();
    let wanted = match wish.selection.unwrap_or(Selection::Primary) {
        Selection::Primary => 1,
        Selection::All => has,
        Selection::Count(count) => count.get(),
    };
    if wanted > has {
        return Err(Error::TooMany { eni: entry.network_interface_id.clone(), family, wanted, has });
    }
    Ok(assigned.into_iter().take(wanted).map(|one| one.address).collect())
}
