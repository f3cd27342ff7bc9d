//! What the VPC's namespace can refuse.

use crate::ids::{EniId, SubnetId};
use crate::netns::NetnsError;

/// A request to the kernel that failed, with what it was for.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A netlink request failed.
    #[error("cannot {what}")]
    Netlink { what: String, source: rtnetlink::Error },
    /// The socket to the kernel could not be opened.
    #[error("cannot open a netlink socket")]
    Socket(#[source] std::io::Error),
    /// A link that was just made is not there.
    #[error("link {0} is not in the VPC's namespace")]
    NoLink(String),
    /// A kernel setting could not be written.
    #[error("cannot write {path}")]
    Sysctl { path: String, source: std::io::Error },
    /// `nft` could not be run: the Debian package is nftables.
    #[error("cannot run nft (package nftables)")]
    NftMissing(#[source] std::io::Error),
    /// `nft` refused the rules.
    #[error("nft: {0}")]
    Nft(String),
    /// `nft` answered with something else than its JSON.
    #[error("cannot read the answer of nft")]
    NftAnswer(#[source] serde_json::Error),
    /// An order named an ENI that has no link here.
    #[error("{0} has no link")]
    NotPlugged(EniId),
    /// An order named a subnet that has no bridge here.
    #[error("{0} has no bridge")]
    NoSegment(SubnetId),
    /// The namespace could not be made or entered.
    #[error("the VPC has no namespace")]
    Netns(#[from] NetnsError),
    /// No thread for the VPC.
    #[error("cannot start the VPC's thread")]
    Thread(#[source] std::io::Error),
    /// The VPC's thread has ended.
    #[error("the VPC's thread has ended")]
    Stopped,
}

impl WireError {
    /// Whether the kernel said that the name is in use.
    pub(super) fn is_name_taken(&self) -> bool {
        let Self::Netlink { source: rtnetlink::Error::NetlinkError(message), .. } = self else { return false };
        message.to_io().kind() == std::io::ErrorKind::AlreadyExists
    }
}
