//! Routing policy rules.

use super::{Ask, Error, Netlink, Operation};
use ipnetwork::IpNetwork;
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A rule of the form "packets from and to here use this table"; other selectors of a rule that was read are kept out,
/// and such a rule is marked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// Source of the packets; a prefix length of 0 is any.
    pub from: IpNetwork,
    /// Destination of the packets; nothing is any.
    pub to: Option<IpNetwork>,
    /// Where it stands; the smaller goes first.
    pub priority: u32,
    /// Number of the table to look in; 0 for a rule that does something else.
    pub table: u32,
    /// Name of the link that the packets come in by.
    pub iif: Option<String>,
    /// Name of the link that the packets are bound to.
    pub oif: Option<String>,
}

impl Rule {
    /// Packets from `source` use `table`.
    pub fn from_source(source: IpNetwork, table: u32, priority: u32) -> Self {
        Self { from: source, to: None, priority, table, iif: None, oif: None }
    }

    /// Whether the rule speaks of just this address, as source or as destination.
    pub fn is_for(&self, address: IpAddr) -> bool {
        let only = |network: IpNetwork| network.ip() == address && network.prefix() == host_length(address);
        only(self.from) || self.to.is_some_and(only)
    }

    fn from_message(message: &RuleMessage) -> Option<Self> {
        let any: IpAddr = match message.header.family {
            AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
            AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => return None,
        };
        let mut rule = Self::from_source(IpNetwork::new(any, 0).ok()?, u32::from(message.header.table), 0);
        for attribute in &message.attributes {
            match attribute {
                RuleAttribute::Source(ip) => rule.from = IpNetwork::new(*ip, message.header.src_len).ok()?,
                RuleAttribute::Destination(ip) => rule.to = IpNetwork::new(*ip, message.header.dst_len).ok(),
                RuleAttribute::Priority(priority) => rule.priority = *priority,
                RuleAttribute::Table(table) => rule.table = *table,
                RuleAttribute::Iifname(name) => rule.iif = Some(name.clone()),
                RuleAttribute::Oifname(name) => rule.oif = Some(name.clone()),
                _ => {}
            }
        }
        Some(rule)
    }

    fn to_message(&self) -> RuleMessage {
        let mut message = RuleMessage::default();
        message.header.family = if self.from.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        message.header.action = RuleAction::ToTable;
        message.header.table = u8::try_from(self.table).unwrap_or_default();
        if self.from.prefix() > 0 {
            message.header.src_len = self.from.prefix();
            message.attributes.push(RuleAttribute::Source(self.from.ip()));
        }
        if let Some(to) = self.to {
            message.header.dst_len = to.prefix();
            message.attributes.push(RuleAttribute::Destination(to.ip()));
        }
        message.attributes.push(RuleAttribute::Priority(self.priority));
        message.attributes.push(RuleAttribute::Table(self.table));
        message.attributes.extend(self.iif.clone().map(RuleAttribute::Iifname));
        message.attributes.extend(self.oif.clone().map(RuleAttribute::Oifname));
        message
    }
}

fn host_length(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: from {}", self.priority, self.from)?;
        if let Some(to) = self.to {
            write!(f, " to {to}")?;
        }
        write!(f, " lookup {}", self.table)
    }
}

impl Netlink {
    /// All rules of both families.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn rules(&self) -> Result<Vec<Rule>, Error> {
        let found =
            self.dump(RouteNetlinkMessage::GetRule(RuleMessage::default()), Operation::new("list the rules")).await?;
        let rule = |message| match message {
            RouteNetlinkMessage::NewRule(message) => Rule::from_message(&message),
            _ => None,
        };
        Ok(found.into_iter().filter_map(rule).collect())
    }

    /// Adds a rule.
    ///
    /// # Errors
    /// The kernel's; `EEXIST` if there is the same one.
    pub async fn add_rule(&self, rule: &Rule) -> Result<(), Error> {
        let operation = Operation::new(format!("add rule {rule}"));
        self.send(RouteNetlinkMessage::NewRule(rule.to_message()), Ask::Create, operation).await
    }

    /// Removes a rule.
    ///
    /// # Errors
    /// The kernel's; `ENOENT` if there is none.
    pub async fn delete_rule(&self, rule: &Rule) -> Result<(), Error> {
        let operation = Operation::new(format!("remove rule {rule}"));
        self.send(RouteNetlinkMessage::DelRule(rule.to_message()), Ask::Change, operation).await
    }
}
