//! STATUS: could an ADD be answered now? Reads this node's files, and its links if it is asked about exhaustion.

use crate::chain::Chain;
use crate::config::{Config, MainPlugin};
use crate::error::Error;
use crate::plan::{self, Occupancy, Wish};
use crate::{ground, observe};
use cni::StatusRequest;
use node::record::Owner;
use node::settings::Settings;
use node::store::Store;
use serde_json::{Map, Value};

pub(crate) async fn status(request: &StatusRequest) -> Result<(), Error> {
    let config = Config::of(&request.config)?;
    let settings = ground::settings()?;
    let context = Map::from_iter([("network".to_string(), Value::String(request.config.name.to_string()))]);
    ground::direct_log(&config.outer, &settings, context)?;
    let store = known(&settings).map_err(|error| Error::Unreadable(Box::new(error)))?.ok_or(Error::NoAgent)?;
    if let (MainPlugin::SameMac { .. }, true) = (&config.outer.main, config.outer.status_on_exhaustion) {
        has_free(&store, &config).await.map_err(|error| Error::NotAvailable(Box::new(error)))?;
    }
    let chain = Chain {
        members: &config.chain,
        config: &request.config,
        environment: &request.environment,
        limit: config.outer.limit,
    };
    Ok(chain.status().await?)
}

/// The records, if an agent has made them.
fn known(settings: &Settings) -> Result<Option<Store>, Error> {
    let store = ground::store(settings)?;
    store.inventory()?;
    Ok(store.agent_pass()?.map(|_| store))
}

/// Whether somebody who has nothing yet would get something. No lock: nothing is written on this look.
async fn has_free(store: &Store, config: &Config) -> Result<(), Error> {
    let nobody = Owner { network: String::new(), container_id: String::new(), ifname: String::new() };
    let entry = observe::shared(store, &nobody, &config.outer.main).await?;
    let (uses, now) = (store.address_uses()?, ground::now()?);
    let wish = Wish { selection: config.addresses, families: config.families.as_deref(), requested: &[] };
    plan::shared(&entry, &wish, &Occupancy { uses: &uses, owner: &nobody, now }).map(drop)
}
