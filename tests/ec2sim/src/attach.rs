//! Attachments: an ENI's link in the namespace of an instance.

use std::net::IpAddr;
use std::sync::Arc;

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};

use crate::cloud::{Cloud, Inner, Played};
use crate::error::Error;
use crate::ids::{AttachmentId, EniId, InstanceId};
use crate::record::{AttachmentRecord, AttachmentStatus, EniRecord};
use crate::state::State;
use crate::wire::{Allowed, Port};

/// An attachment to be made.
#[derive(Debug)]
#[must_use = "nothing is attached before `now`"]
pub struct AttachBuilder {
    cloud: Arc<Cloud>,
    eni: EniId,
    instance: InstanceId,
    index: Option<u32>,
    card: u32,
    name: Option<String>,
    ends: Ends,
}

/// What becomes of an ENI when its instance ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Never,
    WithTheInstance,
}

impl AttachBuilder {
    pub(crate) fn new(cloud: Arc<Cloud>, eni: EniId, instance: InstanceId) -> Self {
        Self { cloud, eni, instance, index: None, card: 0, name: None, ends: Ends::Never }
    }

    /// The device index; the lowest free one of the card unless said.
    pub fn index(mut self, index: u32) -> Self {
        self.index = Some(index);
        self
    }

    /// The network card; 0 unless said.
    pub fn card(mut self, card: u32) -> Self {
        self.card = card;
        self
    }

    /// The link's name in the instance's namespace; `eth` and the device index unless said, on other cards than the
    /// first `eth`, 100 · card + index.
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// It is deleted when its instance ends (deleteOnTermination).
    pub fn ends_with_instance(mut self) -> Self {
        self.ends = Ends::WithTheInstance;
        self
    }

    /// Attaches. The link is there, and down, when this returns.
    pub fn now(self) -> Result<AttachmentId, Error> {
        let Self { cloud, eni: id, instance, index, card, name, ends } = self;
        cloud.change(|inner: &mut Inner| {
            let (vpc, eni) = (inner.state.vpc_of(&id)?, inner.state.eni(&id)?);
            if let Some(attachment) = &eni.attachment {
                return Err(Error::Attached { eni: id, instance: attachment.instance.clone() });
            }
            let index = slot(&inner.state, &instance, card, index)?;
            let host_name = name.unwrap_or_else(|| format!("eth{}", card * 100 + index));
            if inner.played == Played::ByTheKernel {
                inner.wire(&vpc)?.plug(Port {
                    eni: id.clone(),
                    subnet: eni.subnet.clone(),
                    mac: eni.mac,
                    mtu: eni.mtu,
                    host: inner.state.instance(&instance)?.host.clone().ok_or(Error::OnPaper)?,
                    host_name: host_name.clone(),
                    allowed: allowed(eni),
                })?;
            }
            let attachment = AttachmentId::nth(inner.state.next());
            let record = AttachmentRecord {
                id: attachment.clone(),
                instance,
                index,
                card,
                host_name,
                status: AttachmentStatus::Attached,
                delete_on_termination: ends == Ends::WithTheInstance,
                since: inner.clock.now(),
                plugged: true,
            };
            inner.state.change_eni(&id, |eni| eni.attachment = Some(record))?;
            Ok(attachment)
        })
    }
}

/// The wished or the lowest free device index of a card.
fn slot(state: &State, instance: &InstanceId, card: u32, wish: Option<u32>) -> Result<u32, Error> {
    if card >= state.instance(instance)?.cards {
        return Err(Error::Value { what: "network card", value: card.to_string(), rule: "the instance has fewer" });
    }
    let owner = |index: u32| state.index().in_slot(instance, (card, index)).cloned();
    let lowest = || (0..).find(|index| owner(*index).is_none()).unwrap_or(u32::MAX);
    let index = wish.unwrap_or_else(lowest);
    match owner(index) {
        Some(owner) => Err(Error::SlotInUse { instance: instance.clone(), card, index, owner }),
        None => Ok(index),
    }
}

/// The sources that may speak on an ENI.
pub(crate) fn allowed(eni: &EniRecord) -> Allowed {
    let v4 = std::iter::once(eni.primary).chain(eni.secondaries.iter().copied()).map(IpAddr::V4);
    let v6 = eni.ipv6.iter().copied().map(IpAddr::V6);
    let prefixes4 = eni.ipv4_prefixes.iter().copied().map(|prefix: Ipv4Network| IpNetwork::V4(prefix));
    let prefixes6 = eni.ipv6_prefixes.iter().copied().map(|prefix: Ipv6Network| IpNetwork::V6(prefix));
    Allowed(v4.chain(v6).map(IpNetwork::from).chain(prefixes4).chain(prefixes6).collect())
}
