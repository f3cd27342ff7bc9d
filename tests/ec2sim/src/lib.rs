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
//!
//! [`Ec2`] is the API over that state: as a model, called with values and synchronous, or over HTTP as the SDKs speak it
//! ([`Ec2::server`]). A region [on paper](Fabric::on_paper) needs no kernel and no root; with a [`Clock`] of the test's own
//! it runs in virtual time, and what a seed, a policy and ordered faults bring is the same story each time.
//!
//! ```
//! use std::time::Duration;
//! use ec2sim::request::{AttachNetworkInterface, CreateNetworkInterface};
//! use ec2sim::{Action, Clock, Ec2, Fabric, Response, Timing};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let region = Fabric::on_paper();
//! let subnet = region.vpc("10.0.0.0/16").create()?.subnet("10.0.1.0/24").create()?;
//! let node = region.instance().kind("m5.xlarge").create()?;
//! let ec2 = Ec2::of(&region);
//! ec2.set_clock(Clock::new(|| Duration::ZERO));
//! ec2.set_timing(Timing { attach: Duration::from_secs(2), ..Timing::instant() });
//! ec2.at(Action::AttachNetworkInterface).nth(1).loses_the_answer();
//!
//! let create = CreateNetworkInterface { subnet_id: subnet.id().to_string(), ..Default::default() };
//! let Response::NetworkInterface(eni) = ec2.call("AKIANODE", create).outcome? else { return Ok(()) };
//! let attach = AttachNetworkInterface {
//!     network_interface_id: eni.network_interface_id.to_string(),
//!     instance_id: node.id().to_string(),
//!     device_index: Some(1),
//!     network_card_index: Some(0),
//! };
//! assert_eq!(ec2.call("AKIANODE", attach).delivery, ec2sim::Delivery::Dropped);
//! assert_eq!(ec2.tick(), Some(Duration::from_secs(2)));
//! assert!(ec2.calls()[1].took_effect());
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
mod record;
mod rng;
mod security_group;
mod settle;
mod state;
mod subnet;
mod timing;
mod vpc;
mod wire;
mod wish;

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
pub use record::{AttachmentStatus, EniStatus, InstanceState, SecurityGroup, Tags};
pub use security_group::SecurityGroupBuilder;
pub use subnet::{Subnet, SubnetBuilder};
pub use timing::{Lag, Timing};
pub use vpc::{Vpc, VpcBuilder};
pub use wire::{Drops, WireError};
