//! What is looked up: each a task of its own, which ends with what it was told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ec2::{Instance, InstanceId, MetadataError, MetadataInterface, SecurityGroup, Selection, Subnet, Tags, VpcId};
use node::addresses::AddressUse;
use node::names::EniId;
use node::record::Record;

use super::clock::Clock;
use super::site::Site;
use super::work::Ended;
use crate::declared::Reference;
use crate::kernel::Machine;
use crate::observe::network_interface_id;

/// What the instance metadata say.
#[derive(Debug, Clone)]
pub(crate) struct MetadataAnswer {
    pub(crate) instance: Instance,
    pub(crate) interfaces: Vec<MetadataInterface>,
    pub(crate) leaving: bool,
}

/// How EC2 is asked for ENIs.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    AttachedTo(InstanceId),
    Tagged(Tags),
    Ids(BTreeSet<EniId>),
}

pub(crate) async fn metadata<C: ec2::Cloud, M: Machine, K: Clock>(site: Arc<Site<C, M, K>>) -> Ended {
    let answer: Result<MetadataAnswer, MetadataError> = async {
        Ok(MetadataAnswer {
            instance: site.cloud.instance().await?,
            interfaces: site.cloud.interfaces().await?,
            leaving: site.cloud.leaving().await?,
        })
    }
    .await;
    Ended::Metadata(answer)
}

pub(crate) async fn limits<C: ec2::Cloud, M: Machine, K: Clock>(site: Arc<Site<C, M, K>>, kind: String) -> Ended {
    Ended::Limits(site.cloud.instance_type(&kind).await)
}

/// Names are of this VPC; an id is its own.
fn selections(wanted: &BTreeSet<Reference>, vpc: Option<VpcId>) -> impl Iterator<Item = Selection> {
    let (mut ids, mut names) = (Selection::default(), Selection { vpc, ..Selection::default() });
    for reference in wanted {
        match reference {
            Reference::Id(id) => ids.ids.insert(id.clone()),
            Reference::Name(name) => names.names.insert(name.clone()),
        };
    }
    [ids, names].into_iter().filter(|selection| !selection.ids.is_empty() || !selection.names.is_empty())
}

pub(crate) async fn subnets<C: ec2::Cloud, M: Machine, K: Clock>(
    site: Arc<Site<C, M, K>>,
    wanted: BTreeSet<Reference>,
    vpc: Option<VpcId>,
) -> Ended {
    let mut found: Vec<Subnet> = Vec::new();
    for selection in selections(&wanted, vpc) {
        match site.cloud.subnets(&selection).await {
            Ok(some) => found.extend(some),
            Err(error) => return Ended::Subnets(Err(error)),
        }
    }
    let means = |reference: &Reference, subnet: &Subnet| match reference {
        Reference::Id(id) => subnet.id.as_str() == id,
        Reference::Name(name) => subnet.name.as_ref() == Some(name),
    };
    let answer = matched(&wanted, &found, means, |subnet| subnet.id.to_string());
    Ended::Subnets(Ok(answer))
}

pub(crate) async fn security_groups<C: ec2::Cloud, M: Machine, K: Clock>(
    site: Arc<Site<C, M, K>>,
    wanted: BTreeSet<Reference>,
    vpc: Option<VpcId>,
) -> Ended {
    let mut found: Vec<SecurityGroup> = Vec::new();
    for selection in selections(&wanted, vpc) {
        match site.cloud.security_groups(&selection).await {
            Ok(some) => found.extend(some),
            Err(error) => return Ended::SecurityGroups(Err(error)),
        }
    }
    let means = |reference: &Reference, group: &SecurityGroup| match reference {
        Reference::Id(id) => group.id.as_str() == id,
        Reference::Name(name) => group.name == *name || group.tag_name.as_ref() == Some(name),
    };
    let answer = matched(&wanted, &found, means, |group| group.id.to_string());
    Ended::SecurityGroups(Ok(answer))
}

/// What each reference means, each thing once.
fn matched<T: Clone>(
    wanted: &BTreeSet<Reference>,
    found: &[T],
    means: impl Fn(&Reference, &T) -> bool,
    id: impl Fn(&T) -> String,
) -> BTreeMap<Reference, Vec<T>> {
    let of = |reference: &Reference| {
        let mut seen = BTreeSet::new();
        found.iter().filter(|one| means(reference, one) && seen.insert(id(one))).cloned().collect()
    };
    wanted.iter().map(|reference| (reference.clone(), of(reference))).collect()
}

pub(crate) async fn describe<C: ec2::Cloud, M: Machine, K: Clock>(
    site: Arc<Site<C, M, K>>,
    question: Question,
) -> Ended {
    let answer = match &question {
        Question::AttachedTo(instance) => site.cloud.attached_to(instance).await,
        Question::Tagged(tags) => site.cloud.tagged(tags).await,
        Question::Ids(enis) => {
            let ids: Vec<_> = enis.iter().filter_map(|eni| network_interface_id(eni).ok()).collect();
            site.cloud.by_id(&ids).await
        }
    };
    Ended::Described(answer)
}

pub(crate) async fn given_out<C: ec2::Cloud, M: Machine, K: Clock>(site: Arc<Site<C, M, K>>) -> Ended {
    Ended::GivenOut(site.machine.given_out().await)
}

pub(crate) async fn verdicts<C: ec2::Cloud, M: Machine, K: Clock>(
    site: Arc<Site<C, M, K>>,
    records: Vec<Record>,
    uses: Vec<AddressUse>,
) -> Ended {
    let pods = site.pods();
    Ended::Verdicts {
        records: site.machine.verdicts(&records, pods.as_deref()).await,
        uses: site.machine.address_verdicts(&uses, pods.as_deref()).await,
    }
}
