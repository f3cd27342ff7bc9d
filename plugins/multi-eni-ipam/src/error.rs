//! Why an address could not be given, and the CNI code that says what the runtime can do about it.

use crate::family::Family;
use cni::Code;
use node::names::{EniId, MacAddr};
use node::{addresses, lock, logger, netlink, settings, store};
use std::net::IpAddr;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// An error of the protocol, or another plugin's own word, which is passed on as it is.
    #[error("{}", .0.msg)]
    Cni(cni::Error),
    #[error(transparent)]
    Settings(settings::Error),
    #[error(transparent)]
    Log(#[from] logger::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("cannot get at the addresses of shared ENIs")]
    Lock(#[from] lock::Error),
    #[error("cannot read the clock")]
    Clock(#[source] std::io::Error),
    #[error("cannot look for the link {master}")]
    Links {
        master: String,
        #[source]
        source: netlink::Error,
    },

    #[error("the device {0} is no ENI of the inventory, and multi-eni-ipam knows only those: use another ipam for it")]
    NotInInventory(String),
    #[error("the inventory's entry of {0} is unreadable, so nothing can be said of its addresses: try again")]
    UnreadableEntry(EniId),
    #[error("multi-eni has no ENI on record for {0}: multi-eni-ipam is run by multi-eni, after it took one; try again")]
    NoRecord(String),
    #[error(
        "multi-eni-ipam does not work under {0}: a VPC drops every frame whose source MAC is not the ENI's, \
         so use multi-eni, ipvlan, or macvlan with \"mode\": \"passthru\""
    )]
    MainPlugin(String),
    #[error(
        "{0} needs \"master\" to name the link of a shared ENI; \"linkName\" of its NodeENI makes that name stable"
    )]
    NoMaster(String),
    #[error("the master {0} is in the container (linkInContainer), but a shared ENI stays on the host")]
    MasterInContainer(String),
    #[error("there is no link {0} on this host yet: the ENI is not attached, or \"master\" is wrong")]
    NoLink(String),
    #[error("no agent has finished a pass since the boot, so it is not known yet which ENI {0} is: try again")]
    NoPass(String),
    #[error("the master {master} ({}) is no ENI of the inventory", mac_in_words(*.mac))]
    MasterNotInInventory { master: String, mac: Option<MacAddr> },
    #[error("the master {master} is {eni} of {pool}, but multi-eni-ipam gives out addresses of shared pools only")]
    NotShared { master: String, eni: EniId, pool: String },
    #[error("{eni} is {state}, its addresses cannot be given out now: try again")]
    NotReady { eni: EniId, state: String },

    #[error("{eni} has no {family} address{}", more(*.shared))]
    NoAddress { eni: EniId, family: Family, shared: Sharing },
    #[error("{eni} has no address{}", more(*.shared))]
    NoAddresses { eni: EniId, shared: Sharing },
    #[error("\"addresses\" asks for {wanted} {family} addresses, but {eni} has {has}")]
    TooMany { eni: EniId, family: Family, wanted: usize, has: usize },
    #[error("{eni} is shared, and gives one address of a family to a pod: leave \"addresses\" away")]
    SharedSelection { eni: EniId },
    #[error("{address} is asked for, but EC2 does not have it on {eni}, and it cannot be assigned from here")]
    NotOnEni { eni: EniId, address: IpAddr },
    #[error("{address} is asked for, but it is the primary address of {eni}, which is shared and stays on the host")]
    PrimaryOfShared { eni: EniId, address: IpAddr },
    #[error("{address} is asked for, but \"families\" does not have {}", Family::of(*.address))]
    FamilyNotWanted { address: IpAddr },
    #[error("{count} {family} addresses are asked for, but {eni} is shared, and gives one of a family to a pod")]
    OnePerFamily { eni: EniId, family: Family, count: usize },
    #[error("{address} is asked for, but {holder} has it")]
    Taken { address: IpAddr, holder: String },
    #[error("{address} is asked for, but it rests for {seconds} s more after {holder}: try again")]
    Resting { address: IpAddr, holder: String, seconds: u64 },
    #[error("no {family} address of {eni} is free: {used} are used and {cooling} are cooling; try again")]
    Exhausted { eni: EniId, family: Family, used: usize, cooling: usize },
    #[error("{owner} already has {addresses} of {eni}: DEL it first")]
    HasOthers { owner: String, addresses: String, eni: EniId },
    #[error("{address} of {eni} is in no CIDR of its subnet {subnet} that is on record: try again")]
    NoSubnet { eni: EniId, address: IpAddr, subnet: String },
    #[error("a route to {dst} needs an address of its family, and none is given")]
    RouteWithoutAddress { dst: String },
    #[error("{0} is no network that can be answered")]
    Cidr(#[from] cni::CidrError),

    #[error("{address} is not on {eni} in EC2 any more")]
    Gone { eni: EniId, address: IpAddr },
    #[error("{address} of {eni} is not in prevResult, but it is given to this attachment")]
    NotInResult { eni: EniId, address: IpAddr },
    #[error("no address is on record for {0}")]
    NothingGiven(String),

    #[error("the node's records cannot be read, so no address can be given")]
    Unreadable(#[source] Box<Error>),
    #[error("no agent has finished a pass since the boot: the node's ENIs are not known yet")]
    NoAgent,
    #[error("no address can be given")]
    NotAvailable(#[source] Box<Error>),
    #[error("GC needs cni.dev/valid-attachments in the network configuration; without it nothing is freed")]
    NoValidAttachments,
}

/// Whether the message is about a shared ENI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    Exclusive,
    Shared,
}

fn mac_in_words(mac: Option<MacAddr>) -> String {
    mac.map_or_else(|| "without a MAC".to_string(), |mac| mac.to_string())
}

fn more(sharing: Sharing) -> &'static str {
    match sharing {
        Sharing::Exclusive => "",
        Sharing::Shared => " beside its primary one",
    }
}

impl Error {
    fn code(&self) -> Code {
        match self {
            Self::Cni(error) => error.code,
            Self::Settings(settings::Error::Read { .. })
            | Self::Log(logger::Error::File(_))
            | Self::Store(_)
            | Self::Clock(_)
            | Self::Links { .. } => Code::IO,
            Self::Lock(lock::Error::File { .. } | lock::Error::System { .. }) => Code::IO,
            Self::Lock(lock::Error::Held { .. })
            | Self::NoRecord(_)
            | Self::UnreadableEntry(_)
            | Self::NoLink(_)
            | Self::NoPass(_)
            | Self::NotReady { .. }
            | Self::Taken { .. }
            | Self::Resting { .. }
            | Self::Exhausted { .. }
            | Self::NoSubnet { .. } => Code::TRY_AGAIN,
            Self::Settings(settings::Error::Content { .. })
            | Self::Log(logger::Error::Place { .. })
            | Self::NotInInventory(_)
            | Self::MainPlugin(_)
            | Self::NoMaster(_)
            | Self::MasterInContainer(_)
            | Self::MasterNotInInventory { .. }
            | Self::NotShared { .. }
            | Self::NoAddress { .. }
            | Self::NoAddresses { .. }
            | Self::TooMany { .. }
            | Self::SharedSelection { .. }
            | Self::NotOnEni { .. }
            | Self::PrimaryOfShared { .. }
            | Self::FamilyNotWanted { .. }
            | Self::OnePerFamily { .. }
            | Self::HasOthers { .. }
            | Self::RouteWithoutAddress { .. }
            | Self::NoValidAttachments => Code::CONFIG,
            Self::Gone { .. } | Self::NotInResult { .. } => Code::NOT_OURS,
            Self::NothingGiven(_) => Code::UNKNOWN_CONTAINER,
            Self::Unreadable(_) | Self::NoAgent | Self::NotAvailable(_) => Code::NOT_AVAILABLE,
            Self::Cidr(_) => Code::INTERNAL,
        }
    }
}

impl From<addresses::Error> for Error {
    fn from(error: addresses::Error) -> Self {
        match error {
            addresses::Error::Store(error) => error.into(),
            addresses::Error::Lock(error) => error.into(),
            addresses::Error::Clock(error) => Self::Clock(error),
        }
    }
}

impl From<cni::Error> for Error {
    fn from(error: cni::Error) -> Self {
        Self::Cni(error)
    }
}

impl From<Error> for cni::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Cni(error) => error,
            error => Self::from_chain(error.code(), &error),
        }
    }
}

/// All errors as one: the first, with the others in its details.
pub(crate) fn collected(errors: Vec<cni::Error>) -> Result<(), cni::Error> {
    let mut errors = errors.into_iter();
    let Some(first) = errors.next() else { return Ok(()) };
    Err(errors.fold(first, |first, other| first.with_details(format!("also: {other}"))))
}
