//! DEL: gives back what the owner has on record. It needs neither namespace nor master, inventory or keys.

use crate::chain::Chain;
use crate::config::Outer;
use crate::error::Error;
use crate::{ground, reservation};
use cni::DelRequest;
use node::addresses;
use node::record::Owner;
use node::store::Store;

/// Releases ours first, since the chain may hang, then the chain's in reverse; all is tried. What the chain still has is on record
/// until it does not.
pub(crate) async fn del(request: &DelRequest) -> Vec<cni::Error> {
    let (outer, members) = Outer::to_release(&request.config);
    let owner = ground::owner(&request.attachment);
    let chain =
        Chain { members: &members, config: &request.config, environment: &request.environment, limit: outer.limit };
    let own = own(&owner, &outer).await;
    let left = chain.del().await;
    let settled = match &own {
        Ok(Some(store)) if left.is_empty() => addresses::chain_released(store, &owner).await.map_err(Error::from),
        _ => Ok(()),
    };
    let ours = [own.err(), settled.err()].into_iter().flatten().map(cni::Error::from);
    ours.chain(left).collect()
}

/// Gives back what is ours. The store, if the chain has to be remembered there.
async fn own(owner: &Owner, outer: &Outer) -> Result<Option<Store>, Error> {
    let settings = ground::settings_to_release()?;
    if let Err(error) = ground::direct_log(outer, &settings, ground::context(owner)) {
        log::warn!("going on without the log that the network configuration names: {}", cni::Error::from(error));
    }
    let store = ground::store(&settings)?;
    let lock = ground::lock(&store).await?;
    let (uses, now) = (store.address_uses()?, ground::now()?);
    reservation::sweep(&store, &uses, now);
    let Some(usage) = uses.iter().find(|usage| usage.owner == *owner) else { return Ok(None) };
    let inventory = store.inventory().unwrap_or_else(|error| {
        log::warn!("giving back without the inventory: {error}");
        Vec::new()
    });
    addresses::release(&store, usage, &inventory, now)?;
    drop(lock);
    Ok(usage.has_chain().then_some(store))
}
