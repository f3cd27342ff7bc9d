//! EC2 and the instance metadata service, in this project's own words.

mod action;
mod cloud;
mod error;
mod id;
mod interface;
mod metadata;
mod network;

pub use action::{Action, Kind};
pub use cloud::{Cloud, Lifecycle, Metadata, Network, Observer, Query};
pub use error::{Class, Code, Error, Subject};
pub use id::{AttachmentId, InstanceId, InvalidId, MacAddress, NetworkInterfaceId, SecurityGroupId, SubnetId, VpcId};
pub use interface::{
    AttachmentStatus, Creation, Force, InstanceAttachment, Ipv4, Ipv6, Modification, NetworkInterface, Slot, Status,
    Tags,
};
pub use metadata::{Instance, MetadataError, MetadataInterface};
pub use network::{Card, InstanceTypeLimits, SecurityGroup, Selection, Subnet};
