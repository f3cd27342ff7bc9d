//! Choosing and claiming, under one short lock: the claim is the record, written before anything is touched.

use crate::choose::{Asker, Choice, Refusal, Taken, choose, home_name};
use crate::config::Config;
use crate::error::Error;
use crate::hand_over;
use crate::lookout::Lookout;
use crate::node_here::{LOCK_LIMIT, Node, PROC};
use crate::observe::World;
use crate::take_down::{of_record, wish};
use node::fault;
use node::inventory::{Entry, Mode};
use node::netlink::Link;
use node::record::{Call, Home, Namespace, Owner, Pending, Phase, Pod, Record};
use node::take_down::Only;
use std::path::Path;
use std::time::Duration;

/// How often devices of dead pods are taken over for one ADD: each time another ADD may be faster.
const TAKE_OVERS: usize = 8;
/// The claim lock is held for a few reads of the kernel and of `/run`.
const CLAIM_LIMIT: Duration = LOCK_LIMIT;

/// A device in the hands of an ADD.
#[derive(Debug)]
pub(crate) struct Claim {
    /// The record, as written.
    pub(crate) record: Record,
    /// What the inventory has about the device.
    pub(crate) entry: Option<Entry>,
    /// The host's side of the kernel, as it was chosen from.
    pub(crate) world: World,
    /// The device's link on the host; nothing if user space has it, or nobody.
    pub(crate) link: Option<Link>,
    /// Whether an earlier release of the device left something to do, which is the record's now.
    pub(crate) goes_on: bool,
}

impl Claim {
    /// Gives the device up before anything was done to it.
    ///
    /// # Errors
    /// Those of the records.
    pub(crate) fn give_up(&self, node: &Node) -> Result<(), Error> {
        if !self.goes_on {
            return Ok(node.store.remove_record(&self.record.owner)?);
        }
        let pending = Pending { device: true, ipam: false };
        Ok(node.store.write_record(&Record { phase: Phase::Released, pending, ..self.record.clone() })?)
    }
}

/// Who claims, and for where.
#[derive(Debug)]
pub(crate) struct Claimer<'a> {
    pub(crate) owner: Owner,
    pub(crate) pod: Option<Pod>,
    pub(crate) namespace: Namespace,
    pub(crate) config: &'a Config,
    pub(crate) call: Call,
    pub(crate) netlink: &'a node::netlink::Netlink,
}

/// Chooses a device and claims it. What a dead pod still holds of what is asked for is taken down first.
///
/// # Errors
/// [`Refusal`], locks, records.
pub(crate) async fn claim(node: &Node, claimer: &Claimer<'_>) -> Result<Claim, Error> {
    let mut refusal = None;
    let uid = claimer.pod.as_ref().and_then(|pod| pod.uid.as_deref());
    let mut lookout = Lookout::new(node, Path::new(PROC), uid);
    for _ in 0..TAKE_OVERS {
        match try_claim(node, claimer).await? {
            Tried::Claimed(claim) => return Ok(*claim),
            Tried::Held(holders, why) => {
                let Some(dead) = lookout.first_dead(&holders).await? else { return Err(why.into()) };
                log::warn!("{} is taken over from {}, whose namespace is gone", dead.device, dead.holder());
                of_record(node, &wish(node, dead, Only::IfTheSame, Some(LOCK_LIMIT))).await?;
                refusal = Some(why);
            }
        }
    }
    Err(refusal.unwrap_or(Refusal::NothingAsked).into())
}

enum Tried {
    Claimed(Box<Claim>),
    Held(Vec<Record>, Refusal),
}

async fn try_claim(node: &Node, claimer: &Claimer<'_>) -> Result<Tried, Error> {
    let _lock = node.store.claim_lock(CLAIM_LIMIT).await?;
    let world = World::read(node, claimer.netlink, claimer.config).await?;
    // The record of an earlier ADD was taken down before this: one that holds is of an ADD that goes on.
    if world.records.iter().any(|record| record.holds() && record.owner == claimer.owner) {
        return Err(Refusal::InProgress(claimer.owner.clone()).into());
    }
    let asker = Asker { owner: &claimer.owner, pod: claimer.pod.as_ref(), mode: claimer.config.mode };
    let taken = match choose(&world, &claimer.config.selector, node.settings.allow.as_ref(), asker)? {
        Choice::Take(taken) => *taken,
        Choice::IfDead(holders, why) => return Ok(Tried::Held(holders, why)),
    };
    refuse_to_forget(&world, &claimer.owner, &taken)?;
    let record = record(node, claimer, &world, &taken)?;
    node.store.write_record(&record)?;
    fault::point("claim");
    let goes_on = taken.unfinished.is_some();
    if let Some(unfinished) = taken.unfinished.filter(|unfinished| unfinished.owner != record.owner) {
        pass_on(node, unfinished)?;
    }
    Ok(Tried::Claimed(Box::new(Claim { record, entry: taken.entry, world, link: taken.link, goes_on })))
}

/// An owner has one record: that of an earlier device would be overwritten, and nobody would know what that was like at home.
fn refuse_to_forget(world: &World, owner: &Owner, taken: &Taken) -> Result<(), Refusal> {
    let goes_on = |record: &Record| taken.unfinished.as_ref() == Some(record);
    match world.records.iter().find(|record| record.owner == *owner && !goes_on(record)) {
        Some(record) => Err(Refusal::Unfinished { owner: owner.clone(), device: record.device.clone() }),
        None => Ok(()),
    }
}

/// What was left to do to the device is the new record's; what an IPAM plugin still owes stays with the old one.
fn pass_on(node: &Node, unfinished: Record) -> Result<(), Error> {
    if unfinished.pending.ipam {
        let pending = Pending { device: false, ipam: true };
        return Ok(node.store.write_record(&Record { pending, ..unfinished })?);
    }
    Ok(node.store.remove_record(&unfinished.owner)?)
}

fn record(node: &Node, claimer: &Claimer<'_>, world: &World, taken: &Taken) -> Result<Record, Error> {
    let pool = taken.entry.as_ref().and_then(|entry| entry.pool.as_ref());
    let mode = claimer.config.mode.or(pool.map(|pool| pool.mode)).unwrap_or_default();
    let useless = claimer.config.without_effect(mode);
    if !useless.is_empty() {
        return Err(Error::Plan(format!(
            "{} without effect in mode {mode}, which is the pool's: leave out",
            useless.join(", ")
        )));
    }
    let bound = match mode {
        Mode::Netdev => None,
        Mode::VfioPci => Some(hand_over::bound(node, claimer.config, world, taken)?),
    };
    if bound.is_none() {
        let link = taken.link.as_ref().ok_or_else(|| Refusal::Away { device: taken.device.clone() })?;
        check_mtu(claimer.config, link)?;
    }
    Ok(Record {
        owner: claimer.owner.clone(),
        pod: claimer.pod.clone(),
        device: taken.device.clone(),
        pool: pool.map(|pool| pool.name.clone()),
        mode,
        namespace: claimer.namespace.clone(),
        interface_name: claimer.config.interface_name.clone(),
        home: home(taken)?,
        bound,
        leftovers: Vec::new(),
        phase: Phase::Claimed,
        pending: Pending::default(),
        call: claimer.call.clone(),
    })
}

/// How the link was before: as an unfinished release still wishes it, else as it is.
fn home(taken: &Taken) -> Result<Option<Home>, Error> {
    if let Some(home) = taken.unfinished.as_ref().and_then(|unfinished| unfinished.home.clone()) {
        return Ok(Some(home));
    }
    let Some(link) = &taken.link else { return Ok(None) };
    let now = Home::of(link).ok_or_else(|| {
        Error::Plan(format!("link {} has a name or an address that it could not be given back", link.name))
    })?;
    Ok(Some(match home_name(taken) {
        Some(name) => Home { name, ..now },
        None => now,
    }))
}

/// An MTU that the driver cannot do is refused before anything is touched.
fn check_mtu(config: &Config, link: &Link) -> Result<(), Error> {
    let Some(mtu) = config.mtu else { return Ok(()) };
    let range = link.mtu_range();
    if range.contains(&mtu) {
        return Ok(());
    }
    Err(Error::Plan(format!("mtu {mtu} is not within the {} to {} of {}", range.start(), range.end(), link.name)))
}
