//! A region of a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ec2sim::request::{
    AttachNetworkInterface, CreateNetworkInterface, DeleteNetworkInterface, DetachNetworkInterface, Select,
};
use ec2sim::response::NetworkInterface;
use ec2sim::{Clock, Ec2, EniId, Fabric, Instance, Refusal, Request, Response, Subnet, Timing, Vpc};

pub(crate) const NODE: &str = "AKIANODE";

/// A VPC with a subnet and an `m5.xlarge`, which takes 4 interfaces of 15 addresses.
pub(crate) struct Region {
    pub(crate) fabric: Fabric,
    pub(crate) ec2: Ec2,
    pub(crate) vpc: Vpc,
    pub(crate) subnet: Subnet,
    pub(crate) node: Instance,
    millis: Arc<AtomicU64>,
}

impl Region {
    pub(crate) fn new() -> Self {
        let fabric = Fabric::on_paper();
        let ec2 = Ec2::of(&fabric);
        let millis = Arc::new(AtomicU64::new(0));
        let time = Arc::clone(&millis);
        ec2.set_clock(Clock::new(move || Duration::from_millis(time.load(Ordering::SeqCst))));
        let vpc = fabric.vpc("10.0.0.0/16").ipv6("2001:db8::/56").create().unwrap();
        let subnet = vpc.subnet("10.0.1.0/24").ipv6("2001:db8:0:1::/64").create().unwrap();
        let node = fabric.instance().create().unwrap();
        Self { fabric, ec2, vpc, subnet, node, millis }
    }

    pub(crate) fn with(timing: Timing) -> Self {
        let region = Self::new();
        region.ec2.set_timing(timing);
        region
    }

    pub(crate) fn advance(&self, millis: u64) {
        self.millis.fetch_add(millis, Ordering::SeqCst);
        self.ec2.tick();
    }

    pub(crate) fn call(&self, request: impl Into<Request>) -> Result<Response, Refusal> {
        self.ec2.call(NODE, request).outcome
    }

    pub(crate) fn code(&self, request: impl Into<Request>) -> String {
        self.call(request).unwrap_err().code.into_owned()
    }

    pub(crate) fn creation(&self) -> CreateNetworkInterface {
        CreateNetworkInterface { subnet_id: self.subnet.id().to_string(), ..CreateNetworkInterface::default() }
    }

    pub(crate) fn create(&self) -> NetworkInterface {
        self.created(self.creation())
    }

    pub(crate) fn created(&self, request: CreateNetworkInterface) -> NetworkInterface {
        match self.call(request).unwrap() {
            Response::NetworkInterface(eni) => *eni,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn attachment(&self, eni: &EniId, index: u32) -> AttachNetworkInterface {
        AttachNetworkInterface {
            network_interface_id: eni.to_string(),
            instance_id: self.node.id().to_string(),
            device_index: Some(index),
            network_card_index: None,
        }
    }

    /// Gives the attachment's identifier.
    pub(crate) fn attach(&self, eni: &EniId, index: u32) -> String {
        match self.call(self.attachment(eni, index)).unwrap() {
            Response::Attached { attachment_id, .. } => attachment_id.to_string(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn describe(&self, select: Select) -> Vec<NetworkInterface> {
        match self.call(Request::DescribeNetworkInterfaces(select)).unwrap() {
            Response::NetworkInterfaces { items, .. } => items,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn look(&self, eni: &EniId) -> Option<NetworkInterface> {
        self.describe(Select::default().filter("network-interface-id", [eni.as_str()])).pop()
    }
}

pub(crate) fn detachment(attachment: &str) -> DetachNetworkInterface {
    DetachNetworkInterface { attachment_id: attachment.to_owned(), ..DetachNetworkInterface::default() }
}

pub(crate) fn deletion(eni: &EniId) -> DeleteNetworkInterface {
    DeleteNetworkInterface { network_interface_id: eni.to_string() }
}
