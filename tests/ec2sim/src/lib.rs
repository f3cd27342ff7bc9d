//! EC2 and its VPCs for tests: a fabric of network namespaces that routes, answers and drops as a VPC does, ENIs as links
//! in the namespace that plays the machine, and the instance metadata service over the same facts.
//!
//! ```no_run
//! # fn main() -> Result<(), ec2sim::Error> {
//! let fabric = ec2sim::Fabric::new();
//! let vpc = fabric.vpc("10.0.0.0/16").ipv6("2001:db8::/56").create()?;
//! let subnet = vpc.subnet("10.0.1.0/24").ipv6("2001:db8:0:1::/64").create()?;
//! let node = fabric.instance().kind("m5.xlarge").create()?;
//! let eni = subnet.eni().address("10.0.1.10").ipv6("2001:db8:0:1::10").create()?;
//! eni.attach(&node).index(1).named("eth1").now()?;
//! fabric.keep()?;
//! # Ok(()) }
//! ```

mod addressing;
mod api;
mod attach;
mod clock;
mod cloud;
mod due;
mod effects;
mod eni;
mod eni_builder;
mod error;
mod fabric;
mod facts;
mod hardware;
mod history;
mod ids;
mod imds;
mod index;
mod instance;
mod mac;
mod netns;
mod policy;
mod query;
mod rng;
mod security_group;
mod settle;
mod state;
mod subnet;
mod timing;
mod vpc;
mod wire;

pub use addressing::{IPV6_GATEWAY, ipv4_gateway};
pub use api::request::{self, Request};
pub use api::response::{self, Response};
pub use api::{
    Action, ApiFaultBuilder, Bucket, Call, Delivery, Ec2, Fault, InstanceType, Kind, Limits, Outage, Outcome, Refusal,
    Reply, Throttle,
};
pub use attach::AttachBuilder;
pub use clock::Clock;
pub use eni::Eni;
pub use eni_builder::EniBuilder;
pub use error::Error;
pub use fabric::Fabric;
pub use facts::{AttachmentFacts, EniFacts, InstanceFacts};
pub use hardware::{Hardware, Nic};
pub use ids::{AttachmentId, EniId, InstanceId, InvalidId, SubnetId, VpcId};
pub use imds::{FaultBuilder, Imds, ImdsBuilder, ImdsError, MetadataRequest, Snapshot, Trigger};
pub use instance::{Instance, InstanceBuilder};
pub use mac::{InvalidMac, MacAddr};
pub use netns::{Netns, NetnsError};
pub use policy::{Policy, PolicyError};
pub use query::{Server, ServerBuilder};
pub use security_group::SecurityGroupBuilder;
pub use state::{AttachmentStatus, EniStatus, InstanceState, SecurityGroup, Tags};
pub use subnet::{Subnet, SubnetBuilder};
pub use timing::{Lag, Timing};
pub use vpc::{Vpc, VpcBuilder};
pub use wire::{Drops, WireError};
