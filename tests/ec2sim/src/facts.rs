//! What a test may know of an ENI or an instance, joined from the records and detached from the fabric.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnetwork::{Ipv4Network, Ipv6Network};
use serde::Serialize;

use crate::cloud::Inner;
use crate::error::Error;
use crate::ids::{AttachmentId, EniId, InstanceId, SubnetId, VpcId};
use crate::mac::MacAddr;
use crate::record::{AttachmentStatus, EniRecord, EniStatus, SecurityGroup, Tags};
use crate::state::State;

/// An instance, as its metadata describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstanceFacts {
    pub instance_id: InstanceId,
    pub instance_type: String,
    pub availability_zone: String,
    pub region: String,
    pub account_id: String,
    /// How many network cards the instance type has.
    pub network_cards: u32,
}

/// The attachment of an ENI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttachmentFacts {
    pub attachment_id: AttachmentId,
    pub instance_id: InstanceId,
    pub device_index: u32,
    pub network_card: u32,
    /// The link's name in the instance's namespace when the ENI was attached.
    pub host_name: String,
    pub status: AttachmentStatus,
    pub delete_on_termination: bool,
}

/// An ENI with all that EC2 knows of it and its surroundings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EniFacts {
    pub network_interface_id: EniId,
    pub mac: MacAddr,
    /// Octets, 9001 unless the builder said otherwise.
    pub mtu: u32,
    pub primary: Ipv4Addr,
    pub secondaries: Vec<Ipv4Addr>,
    pub ipv6: Vec<Ipv6Addr>,
    pub ipv4_prefixes: Vec<Ipv4Network>,
    pub ipv6_prefixes: Vec<Ipv6Network>,
    pub subnet_id: SubnetId,
    pub subnet_ipv4: Ipv4Network,
    pub subnet_ipv6: Option<Ipv6Network>,
    pub availability_zone: String,
    pub vpc_id: VpcId,
    pub vpc_ipv4: Vec<Ipv4Network>,
    pub vpc_ipv6: Vec<Ipv6Network>,
    pub security_groups: Vec<SecurityGroup>,
    pub owner_id: String,
    pub attachment: Option<AttachmentFacts>,
    pub status: EniStatus,
    pub tags: Tags,
    pub description: String,
    pub interface_type: String,
    pub source_dest_check: bool,
}

impl EniFacts {
    /// The primary address and then the secondaries, in the order of the metadata's `local-ipv4s`.
    pub fn ipv4(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        std::iter::once(self.primary).chain(self.secondaries.iter().copied())
    }
}

pub(crate) fn eni(state: &State, id: &EniId) -> Result<EniFacts, Error> {
    of_record(state, id, state.eni(id)?.clone())
}

fn of_record(state: &State, id: &EniId, eni: EniRecord) -> Result<EniFacts, Error> {
    let subnet = state.subnet(&eni.subnet)?.clone();
    let vpc = state.vpc(&subnet.vpc)?.clone();
    let status = eni.status();
    Ok(EniFacts {
        network_interface_id: id.clone(),
        mac: eni.mac,
        mtu: eni.mtu,
        primary: eni.primary,
        secondaries: eni.secondaries,
        ipv6: eni.ipv6,
        ipv4_prefixes: eni.ipv4_prefixes,
        ipv6_prefixes: eni.ipv6_prefixes,
        subnet_id: eni.subnet,
        subnet_ipv4: subnet.ipv4,
        subnet_ipv6: subnet.ipv6,
        availability_zone: subnet.zone,
        vpc_id: subnet.vpc,
        vpc_ipv4: vpc.ipv4,
        vpc_ipv6: vpc.ipv6,
        security_groups: eni.groups,
        owner_id: state.account.clone(),
        attachment: eni.attachment.map(|attachment| AttachmentFacts {
            attachment_id: attachment.id,
            instance_id: attachment.instance,
            device_index: attachment.index,
            network_card: attachment.card,
            host_name: attachment.host_name,
            status: attachment.status,
            delete_on_termination: attachment.delete_on_termination,
        }),
        status,
        tags: eni.tags,
        description: eni.description,
        interface_type: eni.interface_type,
        source_dest_check: eni.source_dest_check,
    })
}

pub(crate) fn instance(state: &State, id: &InstanceId) -> Result<InstanceFacts, Error> {
    let instance = state.instance(id)?;
    Ok(InstanceFacts {
        instance_id: id.clone(),
        instance_type: instance.kind.clone(),
        availability_zone: instance.zone.clone(),
        region: state.region.clone(),
        account_id: state.account.clone(),
        network_cards: instance.cards,
    })
}

/// The ENIs of an instance, by network card and device index.
pub(crate) fn enis_of(state: &State, instance: &InstanceId) -> Result<Vec<EniFacts>, Error> {
    state.index().at(instance).map(|(_, id)| eni(state, id)).collect()
}

/// The same, as it was then.
pub(crate) fn enis_then(inner: &Inner, instance: &InstanceId, then: Duration) -> Result<Vec<EniFacts>, Error> {
    let state = &inner.state;
    let now = state.index().at(instance).map(|(_, id)| id);
    let ids: BTreeSet<&EniId> = inner.history.changed_after(then).into_iter().chain(now).collect();
    let records = ids.into_iter().filter_map(|id| Some((id, inner.history.at(id, then)?)));
    let attached = records.filter(|(_, record)| record.attachment_to(instance).is_some());
    let facts: Result<Vec<EniFacts>, Error> =
        attached.map(|(id, record)| of_record(state, id, record.clone())).collect();
    let mut facts = facts?;
    facts.sort_by_key(|eni| eni.attachment.as_ref().map(|at| (at.network_card, at.device_index)));
    Ok(facts)
}
