//! ADD: our own answer, then those of the chain.

use crate::chain::Chain;
use crate::config::Config;
use crate::error::Error;
use crate::plan::{self, Occupancy, Wish};
use crate::reservation::{self, Reservation};
use crate::{ground, observe, requested};
use cni::{AddRequest, CniResult, Code};
use node::addresses::{AddressState, AddressUse};
use node::inventory::Entry;
use node::netns::{self, Netns};
use node::record::{Call, Namespace, Owner};
use node::store::Store;
use std::net::IpAddr;
use std::path::Path;

pub(crate) async fn add(request: &AddRequest) -> Result<CniResult, Error> {
    let config = Config::of(&request.config)?;
    let requested = requested::of(&request.config, &request.environment.args)?;
    let settings = ground::settings()?;
    let owner = ground::owner(&request.attachment);
    ground::direct_log(&config.outer, &settings, ground::context(&owner))?;
    let store = ground::store(&settings)?;

    let own = own(&Asked { request, config: &config, owner: &owner, requested: &requested }, &store).await?;
    let chain = Chain {
        members: &config.chain,
        config: &request.config,
        environment: &request.environment,
        limit: config.outer.limit,
    };
    match chain.add(&request.interrupt).await {
        Ok(answers) => Ok(merged(own, answers)),
        Err(error) => {
            undo(&store, own.reservation).await;
            Err(error.into())
        }
    }
}

struct Asked<'a> {
    request: &'a AddRequest,
    config: &'a Config,
    owner: &'a Owner,
    requested: &'a [IpAddr],
}

/// Our own part of the answer.
struct Own {
    entry: Entry,
    result: CniResult,
    reservation: Option<Reservation>,
}

async fn own(asked: &Asked<'_>, store: &Store) -> Result<Own, Error> {
    match observe::exclusive(store, asked.owner)? {
        Some(entry) => {
            let addresses = plan::exclusive(&entry, &asked.wish())?;
            let result = plan::answer(&entry, &addresses, asked.config)?;
            Ok(Own { entry, result, reservation: None })
        }
        None => of_shared(asked, store).await,
    }
}

async fn of_shared(asked: &Asked<'_>, store: &Store) -> Result<Own, Error> {
    // All pods of the node wait for the lock: the pod's namespace is visited before it.
    let namespace = namespace(&asked.request.netns);
    let _lock = ground::lock(store).await?;
    let entry = observe::shared(store, asked.owner, &asked.config.outer.main).await?;
    let (uses, now) = (store.address_uses()?, ground::now()?);
    let occupancy = Occupancy { uses: &uses, owner: asked.owner, now };
    let addresses = plan::shared(&entry, &asked.wish(), &occupancy)?;
    let result = plan::answer(&entry, &addresses, asked.config)?;
    // First what is forgotten, then what is written: an old record of this owner is both.
    reservation::sweep(store, &uses, now);
    let usage = AddressUse {
        owner: asked.owner.clone(),
        network_interface_id: entry.network_interface_id.clone(),
        addresses,
        state: AddressState::Used,
        namespace,
        call: asked.call(),
        owes_chain: false,
    };
    let before = occupancy.own().filter(|usage| !usage.is_over_at(now));
    let reservation = Reservation::make(store, &usage, before)?;
    log::info!("{} of {} given to {}", usage.words(), usage.network_interface_id, usage.owner);
    Ok(Own { entry, result, reservation: Some(reservation) })
}

/// The pod's namespace, by which the agent knows later whether the pod is alive. What cannot be looked at is the main plugin's
/// to refuse. The host's own namespace, which a runtime may name too (`CNI_NETNS_OVERRIDE`), outlives every pod in it.
fn namespace(path: &Path) -> Option<Namespace> {
    let identity = || {
        let (host, pod) = (Netns::current()?, Netns::open(path)?);
        if pod.is_same(&host) { Ok(None) } else { pod.identity(&host).map(Some) }
    };
    let identity = identity().unwrap_or_else(|error: netns::Error| {
        log::warn!("the pod's namespace is not put on record: {}", cni::Error::from_chain(Code::NETNS, &error));
        None
    })?;
    Some(Namespace { path: path.to_path_buf(), identity })
}

impl Asked<'_> {
    fn wish(&self) -> Wish<'_> {
        Wish { selection: self.config.addresses, families: self.config.families.as_deref(), requested: self.requested }
    }

    fn call(&self) -> Call {
        let variable = |key| {
            let value = self.request.environment.variables.get(key);
            value.map(|value| value.to_string_lossy().into_owned()).unwrap_or_default()
        };
        Call { config: self.request.config.raw.clone(), path: variable("CNI_PATH"), args: variable("CNI_ARGS") }
    }
}

/// Adds the answers of the chain. Their interfaces are not ours to answer with, so no address of theirs is on one.
fn merged(own: Own, answers: Vec<CniResult>) -> CniResult {
    let Own { entry, mut result, .. } = own;
    for answer in answers {
        for ip in answer.ips {
            let address = ip.address.ip();
            if result.ips.iter().any(|known| known.address.ip() == address) {
                continue;
            }
            if !entry.addresses().any(|assigned| assigned == address) {
                log::warn!(
                    "{address} of the chain is not on {} in EC2: the VPC drops what is sent from it as it is",
                    entry.network_interface_id
                );
            }
            result.ips.push(cni::IpConfig { interface: None, ..ip });
        }
        result.routes.extend(answer.routes);
        if result.dns.is_empty() {
            result.dns = answer.dns;
        }
    }
    result
}

async fn undo(store: &Store, reservation: Option<Reservation>) {
    let Some(reservation) = reservation else { return };
    let undone = match ground::lock(store).await {
        Ok(_lock) => reservation.undo(store),
        Err(error) => Err(error),
    };
    if let Err(error) = undone {
        // The runtime's DEL, or a GC, has to do it.
        log::warn!("the addresses that were taken stay taken: {}", cni::Error::from(error));
    }
}
