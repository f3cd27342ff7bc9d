//! GC: gives back what no valid attachment of this network has.

use crate::chain::{Chain, Stale};
use crate::config::{Config, Outer};
use crate::error::Error;
use crate::{ground, reservation};
use cni::{ContainerId, GcRequest, IfName};
use node::addresses::{self, AddressUse};
use node::record::{Call, Owner, Record};
use node::store::Store;
use serde_json::{Map, Value};

/// Frees ours first, then has the chain free its own; all is tried. What the chain still has is on record until it does not.
pub(crate) async fn gc(request: &GcRequest) -> Vec<cni::Error> {
    let Some(valid) = &request.valid else { return vec![Error::NoValidAttachments.into()] };
    let config = match Config::of(&request.config) {
        Ok(config) => config,
        Err(error) => return vec![error],
    };
    let network = Network { name: request.config.name.as_str(), valid };
    let Own { stale, store, mut errors } = own(&network, &config.outer).await.unwrap_or_else(Own::failed);
    let chain = Chain {
        members: &config.chain,
        config: &request.config,
        environment: &request.environment,
        limit: config.outer.limit,
    };
    let collected = chain.gc(&stale).await;
    errors.extend(collected.errors);
    if let Some(store) = store {
        let released = stale.iter().filter(|stale| stale.owes && !collected.unreleased.contains(stale));
        for stale in released {
            let settled = addresses::chain_released(&store, &network.owner(stale)).await;
            errors.extend(settled.err().map(|error| Error::from(error).into()));
        }
    }
    errors
}

/// What came of our own part.
struct Own {
    stale: Vec<Stale>,
    /// Nothing if it could not be opened.
    store: Option<Store>,
    errors: Vec<cni::Error>,
}

impl Own {
    fn failed(error: Error) -> Self {
        Self { stale: Vec::new(), store: None, errors: vec![error.into()] }
    }
}

/// A network with its valid attachments.
struct Network<'a> {
    name: &'a str,
    valid: &'a [(ContainerId, IfName)],
}

impl Network<'_> {
    /// Whether the owner is of this network and not valid.
    fn is_stale(&self, owner: &Owner) -> bool {
        let is_owner = |(container_id, ifname): &(ContainerId, IfName)| {
            container_id.as_str() == owner.container_id && ifname.as_str() == owner.ifname
        };
        owner.network == self.name && !self.valid.iter().any(is_owner)
    }

    fn owner(&self, stale: &Stale) -> Owner {
        let Stale { container_id, ifname, .. } = stale.clone();
        Owner { network: self.name.to_string(), container_id, ifname }
    }
}

async fn own(network: &Network<'_>, outer: &Outer) -> Result<Own, Error> {
    let settings = ground::settings()?;
    let context = Map::from_iter([("network".to_string(), Value::String(network.name.to_string()))]);
    ground::direct_log(outer, &settings, context)?;
    let store = ground::store(&settings)?;
    let mut stale = taken_whole(network, &store)?;
    let (released, errors) = shared(network, &store).await?;
    stale.extend(released);
    Ok(Own { stale, store: Some(store), errors })
}

async fn shared(network: &Network<'_>, store: &Store) -> Result<(Vec<Stale>, Vec<cni::Error>), Error> {
    let _lock = ground::lock(store).await?;
    let (uses, inventory, now) = (store.address_uses()?, store.inventory()?, ground::now()?);
    reservation::sweep(store, &uses, now);
    let is_stale = |usage: &&AddressUse| usage.is_to_release() && network.is_stale(&usage.owner);
    let (mut stale, mut errors) = (Vec::new(), Vec::new());
    for usage in uses.iter().filter(is_stale) {
        match addresses::release(store, usage, &inventory, now).map_err(Error::from) {
            Ok(()) => stale.push(Stale { owes: usage.has_chain(), ..as_stale(&usage.owner, &usage.call) }),
            Err(error) => errors.push(error.into()),
        }
    }
    Ok((stale, errors))
}

/// The attachments that have a whole ENI: theirs is `multi-eni`'s to free, but what they have of the chain is not.
fn taken_whole(network: &Network<'_>, store: &Store) -> Result<Vec<Stale>, Error> {
    let records: Vec<Record> = store.records()?;
    let stale = records.iter().filter(|record| network.is_stale(&record.owner));
    Ok(stale.map(|record| as_stale(&record.owner, &record.call)).collect())
}

fn as_stale(owner: &Owner, call: &Call) -> Stale {
    Stale {
        container_id: owner.container_id.clone(),
        ifname: owner.ifname.clone(),
        args: call.args.clone(),
        owes: false,
    }
}
