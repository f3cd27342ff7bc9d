//! Taking down, the one way of it: ADD's rollback, DEL, GC and the agent's clean-up all come here.
//!
//! The plan is made of the record's "how it was before" and of what is found now, not of a journal of the steps that were
//! taken. A journal cannot know the step in which a process was killed, nor what the pod did to the link since; what is
//! found now shows both.

use crate::device::Device;
use crate::ground::{self, Ground};
use crate::names::{AltName, IfName};
use crate::netlink::{self, Link, LinkChange};
use crate::pci::{self, Change, Function};
use crate::record::{Bound, Home};
use crate::step::{Place, Step};
use std::time::Duration;

/// How long a link may take to come when its driver has its device again, or from a namespace that died: the kernel tears
/// namespaces down one after another, behind everybody's back.
pub(crate) const RETURN_LIMIT: Duration = Duration::from_secs(2);

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
    /// How its link was before, if it had one.
    pub home: Option<&'a Home>,
    /// How its PCI function was before, where that was changed.
    pub bound: Option<&'a Bound>,
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

/// Plans a release, as far as it is about the link.
pub fn plan(release: &Release<'_>, observed: &Observed) -> Plan {
    let mut plan = Plan::default();
    if observed.pod {
        plan.steps.extend(release.leftovers.iter().cloned());
    }
    let Some(home) = release.home else { return plan };
    let Some((place, link)) = &observed.device else {
        plan.pending = true;
        return plan;
    };
    let return_home = ReturnHome { release, home, observed, link };
    return_home.bring_home(&mut plan, *place);
    return_home.restore(&mut plan);
    plan
}

/// Plans what gives the function back. Before its driver goes, its group's node is as it was: another device may be in it. With the
/// driver the kernel takes the node away.
pub fn plan_function(bound: &Bound, function: &Function) -> Vec<Change> {
    let has_node = function.group.is_some() && function.driver.as_deref() == Some(pci::VFIO_PCI);
    let node = bound.node.filter(|_| has_node).map(Change::Node);
    let driver = match (&bound.before, bound.was_so()) {
        // A driver of user space that is not ours to bind is not ours to bind again.
        (Some(driver), true) if driver != pci::VFIO_PCI => Vec::new(),
        (before, _) => pci::back(function, before.as_deref()),
    };
    node.into_iter().chain(driver).collect()
}

/// A link on its way home.
struct ReturnHome<'a> {
    release: &'a Release<'a>,
    home: &'a Home,
    observed: &'a Observed,
    link: &'a Link,
}

impl ReturnHome<'_> {
    /// The link in the host's namespace, down, under its name there.
    fn bring_home(&self, plan: &mut Plan, place: Place) {
        let Self { release, home, link, .. } = self;
        let name = self.name_at_home(plan);
        let stays_up =
            place == Place::Host && release.ending == Ending::AsBefore && home.up && link.name == name.as_str();
        if link.up && !stays_up {
            plan.steps.push(Step::SetLink(LinkChange::Down));
        }
        // The kernel refuses a move while any of the link's names is taken where it goes, and a link the name that is an
        // alternative one of its own.
        let stranger = |altname: &&AltName| !home.altnames.contains(altname);
        let in_the_way = |altname: &&AltName| {
            stranger(altname) || altname.as_str() == name.as_str() || self.is_taken(altname.as_str())
        };
        let altnames = altnames(link);
        plan.steps.extend(altnames.iter().filter(in_the_way).cloned().map(Step::DeleteAltName));
        if place == Place::Pod {
            plan.steps.push(Step::MoveLink { to: Place::Host, name: name.clone() });
        } else if link.name != name.as_str() {
            plan.steps.push(Step::SetLink(LinkChange::Name(name)));
        }
    }

    fn name_at_home(&self, plan: &mut Plan) -> IfName {
        if !self.is_taken(self.home.name.as_str()) {
            return self.home.name.clone();
        }
        plan.pending = true;
        let current = self.link.name.parse::<IfName>().ok();
        let fallback = self.release.device.fallback_name();
        let free = fallback.into_iter().chain(current).find(|name| !self.is_taken(name.as_str()));
        free.unwrap_or_else(|| self.home.name.clone())
    }

    /// The link's attributes as they were.
    fn restore(&self, plan: &mut Plan) {
        let Self { release, home, link, .. } = self;
        let has = altnames(link);
        for altname in &home.altnames {
            if self.is_taken(altname.as_str()) {
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

    fn is_taken(&self, name: &str) -> bool {
        self.observed.taken.iter().any(|taken| taken == name)
    }
}

fn altnames(link: &Link) -> Vec<AltName> {
    link.altnames.iter().filter_map(|name| name.parse().ok()).collect()
}

/// Observes, plans and applies. Never gives up: every step is tried.
pub async fn run(ground: &mut Ground, release: &Release<'_>) -> Released {
    let mut errors = match release.bound {
        Some(bound) => hand_back(ground, bound).await,
        None => Vec::new(),
    };
    if release.bound.is_some() && release.home.is_some() && errors.is_empty() {
        ground.await_return(RETURN_LIMIT).await;
    }
    let observed = match observe(ground).await {
        Ok(observed) => observed,
        Err(source) => {
            let step = "look for the device".to_string();
            errors.push(ground::Error::Netlink { step, source });
            return Released { pending: true, errors };
        }
    };
    let plan = plan(release, &observed);
    errors.extend(ground.apply_each(&plan.steps).await);
    Released { pending: plan.pending || !errors.is_empty(), errors }
}

/// The device's function as it was before.
async fn hand_back(ground: &mut Ground, bound: &Bound) -> Vec<ground::Error> {
    let step = || "give the device back to its driver".to_string();
    let function = match ground.function().await {
        Ok(Some(function)) => function,
        Ok(None) => return vec![ground::Error::NoFunction(step())],
        Err(source) => return vec![ground::Error::Function { step: step(), source: Box::new(source) }],
    };
    let steps: Vec<_> = plan_function(bound, &function).into_iter().map(Step::ChangeFunction).collect();
    ground.apply_each(&steps).await
}

#[cfg(test)]
mod tests;
