//! Taking down, the one way of it: ADD's rollback, DEL, GC and the agent's clean-up all come here.
//!
//! The plan is made of the record's "how it was before" and of what is found now, not of a journal of the steps that were
//! taken. A journal cannot know the step in which a process was killed, nor what the pod did to the link since; what is
//! found now shows both.

use crate::device::Device;
use crate::ground::{self, Ground};
use crate::names::{AltName, IfName};
use crate::netlink::{self, Link, LinkChange};
use crate::record::Home;
use crate::step::{Place, Step};

/// How the link is left on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Down, so that no daemon of the host takes it up: after DEL.
    Down,
    /// Up if it was up before: after an ADD that failed.
    AsBefore,
}

/// What is to be taken down.
#[derive(Debug, Clone, Copy)]
pub struct Release<'a> {
    /// The device.
    pub device: &'a Device,
    /// How it was before.
    pub home: &'a Home,
    /// What of the attachment outlives the device's leaving, as steps that undo it.
    pub leftovers: &'a [Step],
    /// How the link is left.
    pub ending: Ending,
}

/// What a release finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The device's link and where it is, if it is in either namespace.
    pub device: Option<(Place, Link)>,
    /// Every name and alternative name that another link of the host goes by.
    pub taken: Vec<String>,
    /// Whether the pod's namespace is still there.
    pub pod: bool,
}

/// What a release does, and what it cannot do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Whether the device will not be quite as it was when the steps are done.
    pub pending: bool,
}

/// What a release came to.
#[derive(Debug, Default)]
pub struct Released {
    /// Whether the device is not home, or not quite as it was.
    pub pending: bool,
    /// Every error on the way; steps behind one were tried all the same.
    pub errors: Vec<ground::Error>,
}

/// Looks for what a release has to know.
///
/// # Errors
/// Those of netlink.
pub async fn observe(ground: &mut Ground) -> Result<Observed, netlink::Error> {
    let device = ground.locate().await?;
    let host = ground.host().visit.netlink.links().await?;
    let mine = match &device {
        Some((Place::Host, link)) => Some(link.index),
        _ => None,
    };
    let others = host.into_iter().filter(|link| Some(link.index) != mine);
    let taken = others.flat_map(|link| std::iter::once(link.name).chain(link.altnames)).collect();
    Ok(Observed { device, taken, pod: ground.pod().is_some() })
}

/// Plans a release.
pub fn plan(release: &Release<'_>, observed: &Observed) -> Plan {
    let mut plan = Plan::default();
    if observed.pod {
        plan.steps.extend(release.leftovers.iter().cloned());
    }
    let Some((place, link)) = &observed.device else {
        plan.pending = true;
        return plan;
    };
    bring_home(&mut plan, release, observed, *place, link);
    restore(&mut plan, release, observed, link);
    plan
}

/// The link in the host's namespace, down, under its name there.
fn bring_home(plan: &mut Plan, release: &Release<'_>, observed: &Observed, place: Place, link: &Link) {
    let home = release.home;
    let name = name_at_home(plan, release, observed, link);
    let stays_up = place == Place::Host && release.ending == Ending::AsBefore && home.up && link.name == name.as_str();
    if link.up && !stays_up {
        plan.steps.push(Step::SetLink(LinkChange::Down));
    }
    // The kernel refuses a move while any of the link's names is taken where it goes, and a link the name that is an
    // alternative one of its own.
    let stranger = |altname: &&AltName| !home.altnames.contains(altname);
    let in_the_way = |altname: &&AltName| {
        stranger(altname)
            || altname.as_str() == name.as_str()
            || observed.taken.iter().any(|taken| taken == altname.as_str())
    };
    let altnames = altnames(link);
    plan.steps.extend(altnames.iter().filter(in_the_way).cloned().map(Step::DeleteAltName));
    if place == Place::Pod {
        plan.steps.push(Step::MoveLink { to: Place::Host, name: name.clone() });
    } else if link.name != name.as_str() {
        plan.steps.push(Step::SetLink(LinkChange::Name(name)));
    }
}

fn name_at_home(plan: &mut Plan, release: &Release<'_>, observed: &Observed, link: &Link) -> IfName {
    let is_taken = |name: &IfName| observed.taken.iter().any(|taken| taken == name.as_str());
    if !is_taken(&release.home.name) {
        return release.home.name.clone();
    }
    plan.pending = true;
    let current = link.name.parse::<IfName>().ok();
    let free = release.device.fallback_name().into_iter().chain(current).find(|name| !is_taken(name));
    free.unwrap_or_else(|| release.home.name.clone())
}

/// The link's attributes as they were.
fn restore(plan: &mut Plan, release: &Release<'_>, observed: &Observed, link: &Link) {
    let home = release.home;
    let has = altnames(link);
    for altname in &home.altnames {
        if observed.taken.iter().any(|taken| taken == altname.as_str()) {
            plan.pending = true;
        } else if !has.contains(altname) {
            plan.steps.push(Step::AddAltName(altname.clone()));
        }
    }
    let mut set = |change| plan.steps.push(Step::SetLink(change));
    if link.mtu != home.mtu {
        set(LinkChange::Mtu(home.mtu));
    }
    if link.mac != Some(home.mac_address) {
        set(LinkChange::Mac(home.mac_address));
    }
    if link.alias != home.alias {
        set(LinkChange::Alias(home.alias.clone().unwrap_or_default()));
    }
    let is_down = plan.steps.contains(&Step::SetLink(LinkChange::Down)) || !link.up;
    if release.ending == Ending::AsBefore && home.up && is_down {
        plan.steps.push(Step::SetLink(LinkChange::Up));
    }
}

fn altnames(link: &Link) -> Vec<AltName> {
    link.altnames.iter().filter_map(|name| name.parse().ok()).collect()
}

/// Observes, plans and applies. Never gives up: every step is tried.
pub async fn run(ground: &mut Ground, release: &Release<'_>) -> Released {
    let observed = match observe(ground).await {
        Ok(observed) => observed,
        Err(source) => {
            let step = "look for the device".to_string();
            return Released { pending: true, errors: vec![ground::Error::Netlink { step, source }] };
        }
    };
    let plan = plan(release, &observed);
    let errors = ground.apply_each(&plan.steps).await;
    Released { pending: plan.pending || !errors.is_empty(), errors }
}

#[cfg(test)]
mod tests;
