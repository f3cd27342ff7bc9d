//! What the planner looks at: plain values, put together before each pass. What is not known is absent, never empty.

use std::collections::{BTreeMap, BTreeSet};

use ec2::{Creation, InstanceTypeLimits, MetadataInterface, NetworkInterfaceId, SecurityGroupId, Slot, Subnet};
use node::addresses::AddressUse;
use node::inventory::{Entry, Seen};
use node::names::{EniId, PciAddr, PoolName};
use node::record::Owner;
use serde::{Deserialize, Serialize};

use crate::declared::Reference;
use crate::kernel::HostLink;
use crate::tags::Identity;

/// A creation that EC2 was asked for, or will be: kept on disk before it is asked, under its client token. It is asked again
/// with the same content after the agent's death, which EC2 answers with the same ENI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Planned {
    pub(crate) pool: PoolName,
    pub(crate) request: Creation,
    /// Seconds since the boot.
    pub(crate) since: u64,
    /// Since when EC2 refuses it though an earlier try may have made it; in seconds since the boot. No other is made in its
    /// place before EC2 has said whether there is one.
    #[serde(default)]
    pub(crate) refused_since: Option<u64>,
}

/// The world, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    /// Seconds since the boot.
    pub(crate) now: u64,
    /// Whose agent this is; nothing before the instance metadata were read. Without it, nothing is asked of EC2.
    pub(crate) identity: Option<Identity>,
    /// The zone that the instance is in.
    pub(crate) availability_zone: Option<String>,
    /// The instance is about to end, or the node is: `deleteOnTermination` does what is left to do.
    pub(crate) leaving: bool,
    /// No new pods come to the node: nothing is made for them, and what is there is left as it is.
    pub(crate) cordoned: bool,
    /// What of EC2 the agent may change.
    pub(crate) mandate: Mandate,
    /// The inventory, the ENIs of others included.
    pub(crate) entries: Vec<Entry>,
    /// The creations under way.
    pub(crate) creations: Vec<Planned>,
    /// Who has an ENI, by the records of attachments.
    pub(crate) held: BTreeMap<EniId, Owner>,
    /// The uses of addresses of shared ENIs, cooling ones included.
    pub(crate) address_uses: Vec<AddressUse>,
    /// The host's links; nothing if the kernel did not say.
    pub(crate) links: Option<Vec<HostLink>>,
    /// How the devices are that are in user space's hands, or should be.
    pub(crate) devices: BTreeMap<EniId, Seen>,
    /// What the instance metadata say of the instance's interfaces; nothing if they were not read, or not whole.
    pub(crate) metadata: Option<Vec<MetadataInterface>>,
    /// When that was.
    pub(crate) metadata_at: u64,
    /// What the instance's type takes.
    pub(crate) limits: Option<InstanceTypeLimits>,
    /// Subnets, by how the manifests name them: all matches.
    pub(crate) subnets: BTreeMap<Reference, Vec<Subnet>>,
    /// Security groups, likewise. Those named by their id need no look.
    pub(crate) security_groups: BTreeMap<Reference, Vec<SecurityGroupId>>,
    /// How many plugins wait for an ENI, by pool.
    pub(crate) demand: BTreeMap<PoolName, u32>,
    /// What is being done right now: nothing further is planned for these.
    pub(crate) busy: BTreeSet<Subject>,
    /// What waits after an error.
    pub(crate) holds: BTreeMap<Hold, Held>,
    /// Slots that EC2 refused as taken though nothing known is there, until when that is believed.
    pub(crate) taken_slots: BTreeMap<Slot, u64>,
    /// ENIs whose attachment or detachment this process has asked for: the others' may never have been asked.
    pub(crate) asked: BTreeSet<EniId>,
    /// When EC2 was last asked about an ENI by its id, or it was learnt of otherwise.
    pub(crate) looked: BTreeMap<EniId, u64>,
    /// ENIs of which an answer was lost: what was asked for may have been done. They are looked at.
    pub(crate) doubtful: BTreeSet<EniId>,
    /// Attachments whose namespace is gone and whose pod is dead, since when.
    pub(crate) gone: BTreeMap<Owner, u64>,
    /// Uses of addresses whose pod is dead, since when.
    pub(crate) gone_uses: BTreeMap<Owner, u64>,
    /// Devices that the kubelet has given out.
    pub(crate) allocated: BTreeSet<PciAddr>,
    /// ENIs that are not offered any more, and whether the kubelet was asked since then which devices its pods have.
    pub(crate) withheld: BTreeMap<EniId, Asked>,
    /// Attachments whose release left something to do.
    pub(crate) unfinished: BTreeSet<Owner>,
    /// The node's own limits.
    pub(crate) limit: Limit,
}

/// What of EC2 is not this agent's to change. By default all of it is: a folder of manifests needs nobody's word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mandate {
    /// Why nothing is.
    pub(crate) nothing: Option<String>,
    /// The pools that are not, and why.
    pub(crate) not_for: BTreeMap<PoolName, String>,
}

impl Mandate {
    /// Why nothing may be changed for a pool.
    pub(crate) fn refusal(&self, pool: Option<&PoolName>) -> Option<&str> {
        self.nothing.as_ref().or_else(|| self.not_for.get(pool?)).map(String::as_str)
    }
}

/// Whether the kubelet was asked for its pods' devices since something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    NotYet,
    Since,
}

/// What the node's settings allow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    /// ENIs of all pools together; nothing if only the instance type limits them.
    pub(crate) max_enis: Option<u32>,
    /// Interfaces of the instance that are left to others, the primary one not counted.
    pub(crate) reserved_enis: u32,
    /// Seconds that a namespace has to be gone before its attachment is released.
    pub(crate) release_grace: u64,
    /// Seconds between the two sightings of an unattached ENI that nothing is known of.
    pub(crate) orphan_grace: u64,
    /// Whether ENIs that the original controller made for a pool of this node become the project's.
    pub(crate) adopt_original: bool,
}

/// What an action is about, so that two of them never meet. EC2 and the kernel are asked about one ENI side by side.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// A creation, by its client token.
    Creation(String),
    /// EC2's side of an ENI.
    Cloud(EniId),
    /// The kernel's side of an ENI.
    Link(EniId),
    /// An attachment that is being released.
    Attachment(Owner),
    /// The addresses of a use that is being released.
    AddressUse(Owner),
}

/// What an error holds back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hold {
    /// Every new ENI: the instance or the account takes no more.
    Growth,
    /// New ENIs of a pool.
    Pool(PoolName),
    /// New ENIs in a subnet, by its id.
    Subnet(String),
    /// One creation, by its client token.
    Creation(String),
    /// One thing that is done with an ENI in EC2: what EC2 refuses of it says nothing of the others.
    Cloud(EniId, Verb),
    /// One ENI in the kernel.
    Link(EniId),
    /// Release of an attachment.
    Attachment(Owner),
    /// Release of addresses.
    AddressUse(Owner),
    /// Looking at ENIs by their ids.
    Look,
}

/// What is done with an ENI in EC2, or because of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Attach,
    Detach,
    Delete,
    Adopt,
    Forget,
    Modify,
    Tag,
    AssignIpv4,
    AssignIpv6,
    UnassignIpv4,
    UnassignIpv6,
}

impl Verb {
    /// All of them.
    pub(crate) const ALL: [Self; 11] = [
        Self::Attach,
        Self::Detach,
        Self::Delete,
        Self::Adopt,
        Self::Forget,
        Self::Modify,
        Self::Tag,
        Self::AssignIpv4,
        Self::AssignIpv6,
        Self::UnassignIpv4,
        Self::UnassignIpv6,
    ];
}

impl Hold {
    /// All that can be held back of an ENI in EC2.
    pub(crate) fn all_of_cloud(eni: &EniId) -> impl Iterator<Item = Self> + '_ {
        Verb::ALL.into_iter().map(|verb| Self::Cloud(eni.clone(), verb))
    }
}

/// Until when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// Seconds since the boot.
    pub(crate) until: u64,
    /// How often it failed in a row.
    pub(crate) failures: u32,
    /// One line, for people.
    pub(crate) reason: String,
    /// What a plugin that waits for this is told, as a CNI error code.
    pub(crate) code: u32,
}

impl Observed {
    /// What holds something back now.
    pub(crate) fn hold(&self, hold: &Hold) -> Option<&Held> {
        self.holds.get(hold).filter(|held| held.until > self.now)
    }

    /// Whether something is being done about this.
    pub(crate) fn is_busy(&self, subject: &Subject) -> bool {
        self.busy.contains(subject)
    }
}

/// An ENI's id in EC2's words.
pub(crate) fn network_interface_id(id: &EniId) -> Result<NetworkInterfaceId, ec2::InvalidId> {
    id.as_str().parse()
}
