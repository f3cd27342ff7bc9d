//! What the planner may ask for. Each action is one call of EC2 or one errand in the kernel.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use ec2::{Modification, SecurityGroupId, Slot, Subnet, Tags};
use node::inventory::{Pool, Seen, State};
use node::names::{EniId, IfName, PoolName};
use node::record::Owner;
use serde::Serialize;

use crate::observe::{Hold, Planned, Subject, Verb};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Action {
    /// Writes the intent of a new ENI and asks EC2 for it. The one who runs it chooses the client token.
    Create(Wanted),
    /// Asks EC2 again for what an intent says.
    CreateAgain(Planned),
    /// Attaches, after the intent is written.
    Attach { eni: EniId, slot: Slot },
    /// One attribute in EC2.
    Modify { eni: EniId, change: Change },
    /// Tags that lack or differ.
    Tag { eni: EniId, tags: Tags },
    /// Makes an ENI of the original controller one of this pool: these tags of ours first, if it lacks any.
    Adopt { eni: EniId, pool: PoolName, tags: Tags },
    /// Takes it out of what may be claimed and has it detached. Asked again if it is `Detaching` already.
    Detach { eni: EniId },
    /// Deletes what is on no instance.
    Delete { eni: EniId },
    /// Further addresses.
    AssignIpv4 { eni: EniId, count: u32 },
    /// Further addresses.
    AssignIpv6 { eni: EniId, count: u32 },
    /// Gives free addresses of a shared ENI back.
    UnassignIpv4 { eni: EniId, addresses: Vec<Ipv4Addr> },
    /// Gives free addresses of a shared ENI back.
    UnassignIpv6 { eni: EniId, addresses: Vec<Ipv6Addr> },
    /// Takes a link that the kernel shows into the inventory.
    Arrive { eni: EniId, name: IfName, mtu: Option<u32> },
    /// Puts a link right that differs from what it should be.
    LookAfter { eni: EniId, name: IfName, mtu: Option<u32>, why: String },
    /// Hands its device to user space.
    HandOver { eni: EniId },
    /// Gives its device back to the kernel's driver, and takes its link in.
    TakeBack { eni: EniId, name: IfName, mtu: Option<u32> },
    /// Writes down what its pool says of it now, and how its device is.
    Note { eni: EniId, pool: Pool, seen: Option<Seen> },
    /// Writes another state, which nothing but the node's own facts stand behind.
    Mark { eni: EniId, state: State, why: String },
    /// Forgets an ENI that is gone, or is another instance's.
    Forget { eni: EniId, why: String },
    /// Takes down an attachment whose pod is gone.
    Release { owner: Owner },
    /// Lets the addresses of a pod that is gone rest.
    ReleaseAddresses { owner: Owner },
}

/// A new ENI, but for its client token.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wanted {
    pub(crate) pool: PoolName,
    pub(crate) subnet: Subnet,
    pub(crate) security_groups: Vec<SecurityGroupId>,
    pub(crate) description: String,
    pub(crate) secondary_ipv4: u32,
    pub(crate) ipv6: u32,
    /// The user's.
    pub(crate) tags: Tags,
}

/// An attribute of an ENI in EC2.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Change {
    DeleteOnTermination(bool),
    SourceDestCheck(bool),
    SecurityGroups(Vec<SecurityGroupId>),
}

impl Change {
    /// In EC2's words; `DeleteOnTermination` is an attribute of the attachment.
    pub(crate) fn modification(&self, attachment: Option<&str>) -> Option<Modification> {
        Some(match self {
            Self::DeleteOnTermination(value) => {
                Modification::DeleteOnTermination { attachment: attachment?.parse().ok()?, value: *value }
            }
            Self::SourceDestCheck(value) => Modification::SourceDestCheck(*value),
            Self::SecurityGroups(groups) => Modification::SecurityGroups(groups.clone()),
        })
    }
}

impl Action {
    /// What it is about. A creation has no subject before its token is chosen.
    pub(crate) fn subject(&self) -> Option<Subject> {
        Some(self.about()?.0)
    }

    /// What holds it back when EC2 has refused it, of what is done with an ENI in EC2.
    pub(crate) fn hold(&self) -> Option<Hold> {
        match self.about()? {
            (Subject::Cloud(eni), Some(verb)) => Some(Hold::Cloud(eni, verb)),
            _ => None,
        }
    }

    /// The subject, and what is done with it in EC2.
    fn about(&self) -> Option<(Subject, Option<Verb>)> {
        let in_ec2 = |eni: &EniId, verb| (Subject::Cloud(eni.clone()), Some(verb));
        let alone = |subject| (subject, None);
        Some(match self {
            Self::Create(_) => return None,
            Self::CreateAgain(planned) => alone(Subject::Creation(planned.request.client_token.clone())),
            Self::Attach { eni, .. } => in_ec2(eni, Verb::Attach),
            Self::Detach { eni } => in_ec2(eni, Verb::Detach),
            Self::Delete { eni } => in_ec2(eni, Verb::Delete),
            Self::Adopt { eni, .. } => in_ec2(eni, Verb::Adopt),
            Self::Forget { eni, .. } => in_ec2(eni, Verb::Forget),
            Self::Modify { eni, .. } => in_ec2(eni, Verb::Modify),
            Self::Tag { eni, .. } => in_ec2(eni, Verb::Tag),
            Self::AssignIpv4 { eni, .. } => in_ec2(eni, Verb::AssignIpv4),
            Self::AssignIpv6 { eni, .. } => in_ec2(eni, Verb::AssignIpv6),
            Self::UnassignIpv4 { eni, .. } => in_ec2(eni, Verb::UnassignIpv4),
            Self::UnassignIpv6 { eni, .. } => in_ec2(eni, Verb::UnassignIpv6),
            Self::Arrive { eni, .. }
            | Self::LookAfter { eni, .. }
            | Self::HandOver { eni }
            | Self::TakeBack { eni, .. }
            | Self::Note { eni, .. }
            | Self::Mark { eni, .. } => alone(Subject::Link(eni.clone())),
            Self::Release { owner } => alone(Subject::Attachment(owner.clone())),
            Self::ReleaseAddresses { owner } => alone(Subject::AddressUse(owner.clone())),
        })
    }

    /// Its name, for metrics: one of few.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Create(_) | Self::CreateAgain(_) => "create",
            Self::Attach { .. } => "attach",
            Self::Modify { .. } => "modify",
            Self::Tag { .. } => "tag",
            Self::Adopt { .. } => "adopt",
            Self::Detach { .. } => "detach",
            Self::Delete { .. } => "delete",
            Self::AssignIpv4 { .. } | Self::AssignIpv6 { .. } => "assign",
            Self::UnassignIpv4 { .. } | Self::UnassignIpv6 { .. } => "unassign",
            Self::Arrive { .. } => "arrive",
            Self::LookAfter { .. } => "look-after",
            Self::HandOver { .. } => "hand-over",
            Self::TakeBack { .. } => "take-back",
            Self::Note { .. } => "note",
            Self::Mark { .. } => "mark",
            Self::Forget { .. } => "forget",
            Self::Release { .. } => "release",
            Self::ReleaseAddresses { .. } => "release-addresses",
        }
    }

    /// Whether EC2 is asked to change something.
    pub(crate) fn changes_ec2(&self) -> bool {
        match self {
            Self::Create(_)
            | Self::CreateAgain(_)
            | Self::Attach { .. }
            | Self::Modify { .. }
            | Self::Tag { .. }
            | Self::Adopt { .. }
            | Self::Detach { .. }
            | Self::Delete { .. }
            | Self::AssignIpv4 { .. }
            | Self::AssignIpv6 { .. }
            | Self::UnassignIpv4 { .. }
            | Self::UnassignIpv6 { .. } => true,
            Self::Forget { .. }
            | Self::Arrive { .. }
            | Self::LookAfter { .. }
            | Self::HandOver { .. }
            | Self::TakeBack { .. }
            | Self::Note { .. }
            | Self::Mark { .. }
            | Self::Release { .. }
            | Self::ReleaseAddresses { .. } => false,
        }
    }

    /// Whether it takes something away: such are never planned from what is unknown.
    #[cfg(test)]
    pub(crate) fn is_destructive(&self) -> bool {
        match self {
            Self::Detach { .. }
            | Self::Delete { .. }
            | Self::UnassignIpv4 { .. }
            | Self::UnassignIpv6 { .. }
            | Self::Forget { .. }
            | Self::Release { .. }
            | Self::ReleaseAddresses { .. } => true,
            Self::Create(_)
            | Self::CreateAgain(_)
            | Self::Attach { .. }
            | Self::Modify { .. }
            | Self::Tag { .. }
            | Self::Adopt { .. }
            | Self::AssignIpv4 { .. }
            | Self::AssignIpv6 { .. }
            | Self::Arrive { .. }
            | Self::LookAfter { .. }
            | Self::HandOver { .. }
            | Self::TakeBack { .. }
            | Self::Note { .. }
            | Self::Mark { .. } => false,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create(wanted) => write!(f, "create an ENI of pool {} in {}", wanted.pool, wanted.subnet.id),
            Self::CreateAgain(planned) => {
                write!(f, "create the ENI of pool {} with token {}", planned.pool, planned.request.client_token)
            }
            Self::Attach { eni, slot } => write!(f, "attach {eni} at {slot}"),
            Self::Modify { eni, change } => match change {
                Change::DeleteOnTermination(value) => write!(f, "set deleteOnTermination of {eni} to {value}"),
                Change::SourceDestCheck(value) => write!(f, "set sourceDestCheck of {eni} to {value}"),
                Change::SecurityGroups(_) => write!(f, "set the security groups of {eni}"),
            },
            Self::Tag { eni, tags } => {
                write!(f, "tag {eni} with {}", tags.keys().cloned().collect::<Vec<_>>().join(", "))
            }
            Self::Adopt { eni, pool, .. } => write!(f, "adopt {eni} of the original controller for pool {pool}"),
            Self::Detach { eni } => write!(f, "detach {eni}"),
            Self::Delete { eni } => write!(f, "delete {eni}"),
            Self::AssignIpv4 { eni, count } => write!(f, "assign {count} IPv4 addresses to {eni}"),
            Self::AssignIpv6 { eni, count } => write!(f, "assign {count} IPv6 addresses to {eni}"),
            Self::UnassignIpv4 { eni, addresses } => write!(f, "give {} IPv4 addresses of {eni} back", addresses.len()),
            Self::UnassignIpv6 { eni, addresses } => write!(f, "give {} IPv6 addresses of {eni} back", addresses.len()),
            Self::Arrive { eni, name, .. } => write!(f, "take {eni} in as {name}"),
            Self::LookAfter { eni, why, .. } => write!(f, "put the link of {eni} right: {why}"),
            Self::HandOver { eni } => write!(f, "hand {eni} over to vfio-pci"),
            Self::TakeBack { eni, name, .. } => write!(f, "take {eni} back from vfio-pci as {name}"),
            Self::Note { eni, .. } => write!(f, "write down how {eni} is"),
            Self::Mark { eni, state, why } => write!(f, "{eni} is {state}: {why}"),
            Self::Forget { eni, why } => write!(f, "forget {eni}: {why}"),
            Self::Release { owner } => write!(f, "release what {owner} had"),
            Self::ReleaseAddresses { owner } => write!(f, "let the addresses of {owner} rest"),
        }
    }
}
