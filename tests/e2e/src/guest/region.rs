//! The region that the machine is an instance of: of records only, since its NICs are the machine's.

use std::sync::Arc;

use ec2sim::{Ec2, EniFacts, Fabric, Hardware, Imds, Instance, Server};

use super::brief::{Brief, Part};
use crate::cloud::{AGENT, Cloud, brisk};

/// Where the guest's user network has the loopback of this machine
/// (<https://www.qemu.org/docs/master/system/devices/net.html>).
const HOST: &str = "10.0.2.2";
/// What that network gives to the guest, which is the primary ENI's address for that.
pub(super) const PRIMARY: &str = "10.0.2.15";
/// The NIC of the VPC's own namespace in the guest.
pub(super) const VPC_MAC: &str = "02:00:5e:00:00:01";

/// A region with one instance. Its parts go in the order of its fields: the servers first.
#[derive(Debug)]
pub struct Region {
    control: Server,
    api: Server,
    imds: Imds,
    ec2: Ec2,
    instance: Instance,
    subnet: String,
    group: String,
    primary: EniFacts,
    _fabric: Fabric,
}

impl Region {
    /// The region, served on this machine's loopback, with the agent's installed policy in force.
    ///
    /// # Panics
    ///
    /// When a port cannot be had.
    #[must_use]
    pub fn raise() -> Self {
        let fabric = Fabric::on_paper();
        let vpc = fabric.vpc("10.0.0.0/16").ipv6("2001:db8::/56").create().expect("a VPC");
        let subnet = vpc.subnet("10.0.1.0/24").ipv6("2001:db8:0:1::/64").create().expect("a subnet");
        let of_nodes = vpc.subnet("10.0.2.0/24").create().expect("a subnet of nodes");
        let group = vpc.security_group("pods").create().expect("a security group");
        let instance = fabric.instance().kind("m5.4xlarge").create().expect("an instance");
        let primary = of_nodes.eni().address(PRIMARY).create().expect("a primary ENI");
        primary.attach(&instance).index(0).named("eth0").ends_with_instance().now().expect("its attachment");
        let ec2 = Ec2::of(&fabric);
        ec2.set_timing(brisk());
        ec2.set_policy_of(AGENT, &Cloud::installed_policy());
        Self {
            control: ec2.control().serve().expect("the simulator's endpoint"),
            api: ec2.server().serve().expect("the API's server"),
            imds: Imds::of(&instance).serve().expect("the metadata service"),
            ec2,
            subnet: subnet.id().to_string(),
            group: group.id.clone(),
            primary: primary.facts().expect("the primary ENI's facts"),
            instance,
            _fabric: fabric,
        }
    }

    /// What the guest is told.
    #[must_use]
    pub fn brief(&self, part: Part, only: Option<String>) -> Brief {
        let seen = |port: u16| format!("http://{HOST}:{port}");
        Brief {
            part,
            only,
            ec2: seen(self.api.address().port()),
            imds: seen(self.imds.address().port()),
            control: seen(self.control.address().port()),
            subnet: self.subnet.clone(),
            group: self.group.clone(),
            primary_mac: self.primary_mac(),
            vpc_mac: VPC_MAC.into(),
        }
    }

    /// The MAC of the primary ENI.
    #[must_use]
    pub fn primary_mac(&self) -> String {
        self.primary.mac.to_string()
    }

    /// The other ENIs that are attached.
    ///
    /// # Panics
    ///
    /// When the region is gone.
    #[must_use]
    pub fn attached(&self) -> Vec<EniFacts> {
        let enis = self.instance.enis().expect("the instance's ENIs");
        enis.into_iter().filter(|eni| eni.mac != self.primary.mac).collect()
    }

    /// From now on this machine is told of NICs.
    pub fn tell(&self, hardware: impl Hardware + 'static) {
        self.ec2.set_hardware(Arc::new(hardware));
    }
}
