//! DEL: gives back what the owner has on record. It needs neither namespace nor master, inventory or keys.

use crate::chain::Chain;
use crate::config::Outer;
use crate::error::Error;
use crate::{ground, reservation};
use cni::DelRequest;
use node::addresses;
use node::record::Owner;

/// Releases ours first, since the chain may hang, then the chain's in reverse; all is tried.
pub(crate) async fn del(request: &DelRequest) -> Vec<cni::Error> {
    let (outer, members) = Outer::to_release(&request.config);
    let own = own(&ground::owner(&request.attachment), &outer).await;
    let mut errors: Vec<cni::Error> = own.err().map(cni::Error::from).into_iter().collect();
    let chain =
        Chain { members: &members, config: &request.config, environment: &request.environment, limit: outer.limit };
    errors.extend(chain.del().await);
    errors
}

async fn own(owner: &Owner, outer: &Outer) -> Result<(), Error> {
    let settings = ground::settings()?;
    if let Err(error) = ground::direct_log(outer, &settings, ground::context(owner)) {
        log::warn!("going on without the log that the network configuration names: {}", cni::Error::from(error));
    }
    let store = ground::store(&settings)?;
    let _lock = ground::lock(&store).await?;
    let (uses, now) = (store.address_uses()?, ground::now()?);
    reservation::sweep(&store, &uses, now);
    let Some(usage) = uses.iter().find(|usage| usage.owner == *owner) else { return Ok(()) };
    let inventory = store.inventory().unwrap_or_else(|error| {
        log::warn!("giving back without the inventory: {error}");
        Vec::new()
    });
    Ok(addresses::release(&store, usage, &inventory, now)?)
}
