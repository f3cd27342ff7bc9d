//! What can be asked of a VPC's thread.

use std::sync::mpsc;

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};

use super::{Drops, WireError};
use crate::ids::{EniId, SubnetId};
use crate::mac::MacAddr;
use crate::netns::Netns;

#[derive(Debug)]
pub(super) struct Call {
    pub(super) order: Order,
    pub(super) answer: mpsc::Sender<Result<Answer, WireError>>,
}

#[derive(Debug)]
pub(super) enum Order {
    AddSegment(Segment),
    Plug(Box<Port>),
    Unplug(EniId),
    Allow(EniId, Allowed),
    ReturnAs(EniId, String),
    Drops(EniId),
    Keep,
    Stop,
}

#[derive(Debug)]
pub(super) enum Answer {
    Done,
    Drops(Drops),
}

/// A subnet: a bridge with the router's addresses.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) subnet: SubnetId,
    pub(crate) gateway: Ipv4Network,
    pub(crate) ipv6: Option<Ipv6Network>,
    pub(crate) mac: MacAddr,
}

/// A plugged ENI: a pair of links, one end in the instance's namespace.
#[derive(Debug, Clone)]
pub(crate) struct Port {
    pub(crate) eni: EniId,
    pub(crate) subnet: SubnetId,
    pub(crate) mac: MacAddr,
    pub(crate) mtu: u32,
    pub(crate) host: Netns,
    pub(crate) host_name: String,
    pub(crate) allowed: Allowed,
}

/// The sources that may speak on an ENI, beside its own MAC and link-local IPv6.
#[derive(Debug, Clone)]
pub(crate) struct Allowed(pub(crate) Vec<IpNetwork>);
