//! EC2 and the instance metadata service, in this project's own words.
//!
//! - What callers want stands in small traits: [`Lifecycle`], [`Query`], [`Network`] and [`Metadata`], all of which are
//!   [`Cloud`], and [`Sweep`] for who looks after a whole cluster. An [`Error`] has EC2's [`Code`], and its [`Class`] by one table.
//! - [`Client::connect`] gives the real thing. It is [`Limited`] over [`Wire`]: [`Limited`] makes errands of requests, with
//!   turns, deadlines, repetitions, pages and caches, and an [`Endpoint`] sends one request at a time.
//! - So another EC2 is another [`Endpoint`]: `Limited::new(endpoint, limits, observer, seed)` is then the code that runs
//!   on a node, and in tokio's paused time thousands of them run within seconds.
//!
//! The AWS SDK is seen by nothing outside of this crate.

mod action;
mod client;
mod cloud;
mod endpoint;
mod error;
mod id;
mod imds;
mod instance;
mod interface;
mod limited;
mod metadata;
mod network;
mod sdk;

pub use action::{Action, Kind};
pub use client::{Client, Options, Unobserved, Wire};
pub use cloud::{Cloud, Lifecycle, Metadata, Network, Observer, Query, Sweep};
pub use endpoint::{By, Endpoint, FILTER_VALUES, InterfaceFilter, Lookup, Page};
pub use error::{Class, Code, Error, Subject};
pub use id::{AttachmentId, InstanceId, InvalidId, MacAddress, NetworkInterfaceId, SecurityGroupId, SubnetId, VpcId};
pub use imds::{Imds, InvalidEndpoint};
pub use instance::InstanceState;
pub use interface::{
    AttachmentStatus, Creation, Force, InstanceAttachment, Ipv4, Ipv6, Modification, NetworkInterface, Slot, Status,
    Tags,
};
pub use limited::{Bucket, Cache, Late, Limited, Limits, Memory, Rate};
pub use metadata::{Instance, MetadataError, MetadataInterface};
pub use network::{Card, InstanceTypeLimits, SecurityGroup, Selection, Subnet};
pub use sdk::address_of;
