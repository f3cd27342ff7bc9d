//! The EC2 API as a model: typed requests and replies over the region's state, synchronous, without HTTP.

mod action;
mod assign;
mod attach;
mod authorize;
mod calls;
mod check;
mod create;
mod describe_enis;
mod describe_others;
mod detach;
mod ec2;
mod fault;
mod filter;
mod modify;
mod pattern;
mod pipeline;
mod refusal;
pub mod request;
mod resources;
pub mod response;
mod settings;
mod tags;
mod terminate;
pub(crate) mod text;
mod throttle;
mod types;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub use action::{Action, Kind};
pub use calls::{Call, Outcome};
pub use ec2::{Delivery, Ec2, Reply};
pub use fault::{ApiFaultBuilder, Fault, Outage};
pub use refusal::Refusal;
pub use throttle::{Bucket, Throttle};
pub use types::InstanceType;

pub(crate) use pattern::matches;

use crate::cloud::Inner;
use crate::ids::{AttachmentId, EniId};
use crate::policy::Policy;
use crate::record::Tags;
use crate::rng::Rng;
use crate::timing::Lag;
use fault::Faults;
use request::{CreateNetworkInterface, Request};
use response::{NetworkInterface, Response};
use throttle::Buckets;

/// What an account may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// "Network interfaces per Region" of <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>.
    pub interfaces_per_region: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { interfaces_per_region: 5_000 }
    }
}

/// What the API remembers beside the region's state.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) types: BTreeMap<String, InstanceType>,
    pub(crate) limits: Limits,
    /// ENIs that the API has made, which are not visible at once.
    pub(crate) made: BTreeSet<EniId>,
    pub(crate) attachments: BTreeMap<AttachmentId, EniId>,
    pub(crate) tokens: BTreeMap<String, (CreateNetworkInterface, NetworkInterface)>,
    pub(crate) calls: Vec<Call>,
    pub(crate) asked: u64,
    pub(crate) rng: Rng,
    pub(crate) faults: Faults,
    pub(crate) outage: Outage,
    pub(crate) buckets: Option<Buckets>,
    /// Whose credentials have expired.
    pub(crate) expired: BTreeSet<String>,
    /// For everybody who has none of their own.
    pub(crate) policy: Option<Arc<Policy>>,
    pub(crate) policies: BTreeMap<String, Arc<Policy>>,
    /// Condition keys that principals bring, as `aws:PrincipalTag/…`.
    pub(crate) principals: BTreeMap<String, Tags>,
    /// The statements that have allowed something.
    pub(crate) granted: BTreeSet<String>,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            types: types::table(),
            limits: Limits::default(),
            made: BTreeSet::new(),
            attachments: BTreeMap::new(),
            tokens: BTreeMap::new(),
            calls: Vec::new(),
            asked: 0,
            rng: Rng::of_seed(0),
            faults: Faults::default(),
            outage: Outage::default(),
            buckets: None,
            expired: BTreeSet::new(),
            policy: None,
            policies: BTreeMap::new(),
            principals: BTreeMap::new(),
            granted: BTreeSet::new(),
        }
    }
}

/// The action itself, when nothing else stands against it.
fn carry_out(
    inner: &mut Inner,
    request: &Request,
    now: Duration,
    stale: Option<Duration>,
) -> Result<Response, Refusal> {
    match request {
        Request::DescribeNetworkInterfaces(of) => {
            let then = now.saturating_sub(stale.unwrap_or_else(|| lag(inner)));
            describe_enis::answer(inner, of, then)
        }
        Request::CreateNetworkInterface(of) => create::answer(inner, of, now),
        Request::AttachNetworkInterface(of) => attach::answer(inner, of, now),
        Request::ModifyNetworkInterfaceAttribute(of) => modify::answer(inner, of),
        Request::DetachNetworkInterface(of) => detach::detach(inner, of, now),
        Request::DeleteNetworkInterface(of) => detach::delete(inner, of),
        Request::AssignPrivateIpAddresses(of) => assign::ipv4(inner, of),
        Request::UnassignPrivateIpAddresses(of) => assign::unassign_ipv4(inner, of),
        Request::AssignIpv6Addresses(of) => assign::ipv6(inner, of),
        Request::UnassignIpv6Addresses(of) => assign::unassign_ipv6(inner, of),
        Request::CreateTags(of) => tags::create(inner, of),
        Request::DeleteTags(of) => tags::delete(inner, of),
        Request::DescribeSubnets(of) => describe_others::subnets(inner, of),
        Request::DescribeSecurityGroups(of) => describe_others::security_groups(inner, of),
        Request::DescribeInstanceTypes(of) => describe_others::instance_types(inner, of),
        Request::DescribeInstances(of) => describe_others::instances(inner, of),
        Request::TerminateInstances(of) => terminate::answer(inner, of, now),
    }
}

fn lag(inner: &mut Inner) -> Duration {
    match inner.timing.describe_lag {
        Lag::Fixed(lag) => lag,
        Lag::UpTo(most) => inner.api.rng.duration_up_to(most),
    }
}
