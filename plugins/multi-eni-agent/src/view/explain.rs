//! `explain POD`: what a pod has, and what it waits for and why.

use super::render::waiting;
use super::table::one_line;
use super::{AddressState, EniView, Holder, PoolView, RefusalView, RequestView, Status, age};
use node::inventory::State;
use node::names::{EniId, PoolName};
use node::record::{Owner, Phase};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// How a user names a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    /// `namespace/name`.
    Pod { namespace: String, name: String },
    /// Its UID, or the beginning of its container id.
    Id(String),
}

/// Fewer digits name too many containers.
const SHORTEST_ID: usize = 6;

impl FromStr for Asked {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.split_once('/') {
            Some((namespace, name)) => Self::Pod { namespace: namespace.to_string(), name: name.to_string() },
            None => Self::Id(text.to_string()),
        })
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod { namespace, name } => write!(f, "{namespace}/{name}"),
            Self::Id(id) => f.write_str(id),
        }
    }
}

impl Asked {
    fn is(&self, holder: &Holder) -> bool {
        match self {
            Self::Pod { namespace, name } => {
                holder.pod.as_ref().is_some_and(|pod| pod.namespace == *namespace && pod.name == *name)
            }
            Self::Id(id) => {
                let uid = holder.pod.as_ref().and_then(|pod| pod.uid.as_deref());
                let begins = id.len() >= SHORTEST_ID && holder.owner.container_id.starts_with(id.as_str());
                uid == Some(id.as_str()) || begins || holder.owner.container_id == *id
            }
        }
    }
}

/// What is known of a pod on this node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Explain {
    /// The pod, as it was asked for.
    pub(crate) pod: String,
    pub(crate) has: Vec<Has>,
    pub(crate) waits: Vec<Waits>,
    /// What it was refused and does not ask for at this moment.
    pub(crate) refused: Vec<RefusalView>,
    /// What else a user should know.
    pub(crate) notes: Vec<String>,
}

/// An ENI, or an address of one, that the pod has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Has {
    pub(crate) eni: Option<EniId>,
    pub(crate) pool: Option<PoolName>,
    pub(crate) holder: Holder,
    pub(crate) addresses: Vec<IpAddr>,
    /// What is done to it, and the last error.
    pub(crate) remarks: Vec<String>,
}

/// A request of the pod that is not answered, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Waits {
    pub(crate) request: RequestView,
    pub(crate) reasons: Vec<String>,
}

/// What a status says about a pod, as of `now`.
pub(crate) fn explain(status: &Status, asked: &Asked, now: u64) -> Explain {
    let mut answer = Explain { pod: asked.to_string(), ..Explain::default() };
    answer.has = status.enis.iter().flat_map(|eni| held(eni, asked, now)).collect();
    let requests = status.requests.iter().filter(|request| asked.is(&request.holder()));
    answer.waits = requests
        .map(|request| Waits { request: request.clone(), reasons: reasons(status, &request.pool, now) })
        .collect();
    let refused = status.refusals.iter().filter(|refusal| asked.is(&refusal.holder()));
    answer.refused = refused.filter(|refusal| !answer.is_over(refusal)).cloned().collect();
    answer.notes = notes(status, asked, &answer);
    answer
}

impl Explain {
    /// Whether the pod asks again, or has it by now: one that is free is taken without a question.
    fn is_over(&self, refusal: &RefusalView) -> bool {
        let is_same = |owner: &Owner, pool| owner.ifname == refusal.owner.ifname && pool == Some(&refusal.pool);
        self.waits.iter().any(|waits| is_same(&waits.request.owner, Some(&waits.request.pool)))
            || self.has.iter().any(|has| is_same(&has.holder.owner, has.pool.as_ref()))
    }
}

fn held(eni: &EniView, asked: &Asked, now: u64) -> Vec<Has> {
    let has = |holder: &Holder, addresses: Vec<IpAddr>| {
        let setup = (holder.phase == Some(Phase::Claimed)).then(|| "taken, and not yet set up".to_string());
        let remarks = [setup, eni.doing.clone(), eni.trouble(now)].into_iter().flatten().collect();
        Has { eni: eni.id.clone(), pool: eni.pool.clone(), holder: holder.clone(), addresses, remarks }
    };
    let whole = eni.owner.iter().filter(|holder| asked.is(holder));
    let whole = whole.map(|holder| has(holder, eni.addresses.iter().map(|view| view.address).collect()));
    let mut all: Vec<Has> = whole.collect();
    for view in &eni.addresses {
        let AddressState::Used { holder } = &view.state else { continue };
        if !asked.is(holder) {
            continue;
        }
        match all.iter_mut().find(|has| has.holder.owner == holder.owner) {
            Some(has) if has.addresses.contains(&view.address) => {}
            Some(has) => has.addresses.push(view.address),
            None => all.push(has(holder, vec![view.address])),
        }
    }
    all
}

/// Why a pool has nothing to give: what the agent says, then what the ENIs show.
fn reasons(status: &Status, name: &PoolName, now: u64) -> Vec<String> {
    let Some(pool) = status.pools.iter().find(|pool| pool.name == *name) else {
        return vec![format!("no NodeENI of this node declares pool {name}")];
    };
    let mut reasons = pool.waiting.clone();
    if status.leaving {
        reasons.push("the instance or its node is about to end: nothing is attached any more".to_string());
    }
    reasons.extend(at_its_max(pool));
    let of_pool = status.enis.iter().filter(|eni| eni.pool.as_ref() == Some(name));
    reasons.extend(of_pool.filter_map(|eni| not_free(eni, now)));
    if let Some(slots) = status.slots.filter(|slots| slots.free() == 0) {
        reasons.push(format!("all {} slots of the instance are used", slots.limit));
    }
    if reasons.is_empty() {
        reasons.push(format!("pool {name} has no ENI yet, and the agent has not said why: see its log"));
    }
    reasons
}

fn at_its_max(pool: &PoolView) -> Option<String> {
    let declared = pool.declared?;
    let total: u32 = pool.enis.values().sum();
    (total >= declared.max).then(|| format!("pool {} is at its max of {}", pool.name, declared.max))
}

fn not_free(eni: &EniView, now: u64) -> Option<String> {
    let since = eni.since.map(|since| format!(" for {}", age(now.saturating_sub(since)))).unwrap_or_default();
    let why = [eni.doing.clone(), eni.trouble(now)];
    let why: String = why.into_iter().flatten().map(|why| format!("; {why}")).collect();
    match (&eni.owner, eni.state) {
        (Some(owner), _) => Some(format!("{} is held by {owner}{since}", eni.called())),
        (None, State::Ready) => None,
        (None, state) => Some(format!("{}: {state}{since}{why}", eni.called())),
    }
}

fn notes(status: &Status, asked: &Asked, answer: &Explain) -> Vec<String> {
    let mut notes = Vec::new();
    if answer.has.is_empty() && answer.waits.is_empty() && answer.refused.is_empty() {
        notes.push(
            "nothing on this node has or asks for it: its plugin was not called yet, or has ended, or it is on another node"
                .to_string(),
        );
        if matches!(asked, Asked::Pod { .. }) && status.requests.iter().any(|request| request.pod.is_none()) {
            notes.push("requests wait whose pod has no name here: ask with the pod's UID or container id".to_string());
        }
        if status.agent_version.is_none() {
            notes.push("no agent answers, so who waits is not known".to_string());
        }
    }
    let about = |note: &&String| match asked {
        Asked::Pod { .. } => note.contains(&format!("pod {asked}")),
        Asked::Id(id) => id.len() >= SHORTEST_ID && note.contains(id.as_str()),
    };
    notes.extend(status.notes.iter().filter(about).cloned());
    notes
}

/// The explanation as text, every line ended, ages as of `now`.
pub(crate) fn render_explain(answer: &Explain, now: u64) -> String {
    let mut lines = vec![format!("pod {}", answer.pod)];
    for has in &answer.has {
        let eni = has.eni.as_ref().map_or_else(|| "an ENI".to_string(), ToString::to_string);
        let pool = has.pool.as_ref().map(|pool| format!(" of pool {pool}")).unwrap_or_default();
        let name = has.holder.interface_name.as_ref().map(|name| format!(" as {name}")).unwrap_or_default();
        let addresses: Vec<String> = has.addresses.iter().map(ToString::to_string).collect();
        let addresses = if addresses.is_empty() { String::new() } else { format!(" with {}", addresses.join(", ")) };
        lines.push(format!("  has {eni}{pool}{name}{addresses} ({})", has.holder.owner));
        lines.extend(has.remarks.iter().map(|remark| format!("    {remark}")));
    }
    for waits in &answer.waits {
        lines.push(format!("  {}:", waiting(&waits.request, now)));
        lines.extend(waits.reasons.iter().map(|reason| format!("    {reason}")));
    }
    for refused in &answer.refused {
        let ago = age(now.saturating_sub(refused.at));
        lines.push(format!("  {} was refused an ENI of pool {} {ago} ago:", refused.holder(), refused.pool));
        lines.push(format!("    {}", refused.why));
    }
    lines.extend(answer.notes.iter().map(|note| format!("  {note}")));
    lines.iter().map(|line| one_line(line) + "\n").collect()
}
