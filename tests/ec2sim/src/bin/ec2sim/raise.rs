//! From the description to a running fabric.

use anyhow::{Context, Result};
use ec2sim::{Eni, Fabric, Imds, Instance, Netns, SubnetBuilder, VpcBuilder};
use serde_json::{Value, json};

use crate::description::{self, Description};
use crate::named::NamedNetns;

/// The namespaces that were asked for by name.
pub(crate) struct Places {
    host: Option<NamedNetns>,
    fabric: Option<NamedNetns>,
}

impl Places {
    pub(crate) fn open(host: Option<&str>, fabric: Option<&str>) -> Result<Self> {
        let open = |name: Option<&str>| name.map(NamedNetns::open_or_make).transpose();
        Ok(Self { host: open(host)?, fabric: open(fabric)? })
    }
}

/// Fields drop in their order: the service, then the links.
pub(crate) struct Raised {
    imds: Imds,
    instance: Instance,
    fabric: Fabric,
}

pub(crate) fn raise(description: &Description, places: &Places, imds: &str) -> Result<Raised> {
    let fabric = description.region.as_deref().map_or_else(Fabric::new, Fabric::in_region);
    let instance = instance(&fabric, &description.instance, places)?;
    for (number, of) in description.vpc.iter().enumerate() {
        let place = places.fabric.as_ref().filter(|_| number == 0).map(NamedNetns::netns);
        vpc(&fabric, of, place, &instance)?;
    }
    fabric.keep()?;
    let imds = Imds::of(&instance).listening_on(imds).serve()?;
    Ok(Raised { imds, instance, fabric })
}

impl Raised {
    pub(crate) fn report(&self, places: &Places) -> Result<Value> {
        let name = |place: &Option<NamedNetns>| place.as_ref().map(|place| place.name().to_owned());
        Ok(json!({
            "imds": self.imds.url(),
            "host_netns": name(&places.host),
            "fabric_netns": name(&places.fabric),
            "instance": self.instance.facts()?,
            "enis": self.instance.enis()?,
        }))
    }

    pub(crate) fn take_down(self) -> Result<()> {
        drop(self.imds);
        self.fabric.delete().context("cannot take everything down")
    }
}

fn instance(fabric: &Fabric, of: &description::Instance, places: &Places) -> Result<Instance> {
    let machine = places.host.as_ref().map_or_else(Netns::of_this_thread, |place| Ok(place.netns().clone()))?;
    let mut builder = fabric.instance_in(&machine).network_cards(of.network_cards.unwrap_or(1));
    builder = of.id.iter().fold(builder, |builder, id| builder.id(id));
    builder = of.kind.iter().fold(builder, |builder, kind| builder.kind(kind));
    builder = of.zone.iter().fold(builder, |builder, zone| builder.zone(zone));
    builder.create().context("cannot make the instance")
}

fn vpc(fabric: &Fabric, of: &description::Vpc, place: Option<&Netns>, instance: &Instance) -> Result<()> {
    let (first, more) = of.ipv4.split_first().context("a VPC needs an IPv4 CIDR")?;
    let mut builder = more.iter().fold(fabric.vpc(first), |builder, cidr| builder.and_ipv4(cidr));
    builder = of.ipv6.iter().fold(builder, |builder, cidr| builder.ipv6(cidr));
    builder = place.into_iter().fold(builder, VpcBuilder::in_namespace);
    let vpc = builder.create().with_context(|| format!("cannot make VPC {first}"))?;
    for subnet in &of.subnet {
        let mut builder = vpc.subnet(&subnet.ipv4);
        builder = subnet.ipv6.iter().fold(builder, |builder, cidr| builder.ipv6(cidr));
        builder = subnet.zone.iter().fold(builder, |builder, zone| SubnetBuilder::zone(builder, zone));
        let made = builder.create().with_context(|| format!("cannot make subnet {}", subnet.ipv4))?;
        for (number, of) in subnet.eni.iter().enumerate() {
            let what = || format!("cannot make ENI {} of subnet {}", number + 1, subnet.ipv4);
            let eni = eni(&made, of).with_context(what)?;
            attach(&eni, of, instance).with_context(what)?;
        }
    }
    Ok(())
}

fn eni(subnet: &ec2sim::Subnet, of: &description::Eni) -> Result<Eni> {
    let mut builder = subnet.eni();
    builder = of.id.iter().fold(builder, |builder, id| builder.id(id));
    builder = of.mac.iter().fold(builder, |builder, mac| builder.mac(mac));
    builder = of.mtu.iter().fold(builder, |builder, mtu| builder.mtu(*mtu));
    builder = of.address.iter().fold(builder, |builder, address| builder.address(address));
    builder = of.secondary.iter().fold(builder, |builder, address| builder.secondary(address));
    builder = of.ipv6.iter().fold(builder, |builder, address| builder.ipv6(address));
    builder = of.ipv4_prefix.iter().fold(builder, |builder, prefix| builder.ipv4_prefix(prefix));
    builder = of.ipv6_prefix.iter().fold(builder, |builder, prefix| builder.ipv6_prefix(prefix));
    builder = of.group.iter().fold(builder, |builder, group| builder.group(&group.id, &group.name));
    Ok(builder.create()?)
}

fn attach(eni: &Eni, of: &description::Eni, instance: &Instance) -> Result<()> {
    let mut builder = eni.attach(instance).card(of.card);
    builder = of.index.iter().fold(builder, |builder, index| builder.index(*index));
    builder = of.host_name.iter().fold(builder, |builder, name| builder.named(name));
    builder.now()?;
    Ok(())
}
