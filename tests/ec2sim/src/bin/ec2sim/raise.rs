//! From the description to a running fabric.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use ec2sim::{
    Ec2, Eni, EniFacts, Fabric, Imds, Instance, InstanceBuilder, Netns, Policy, Server, SubnetBuilder, VpcBuilder,
};
use serde_json::{Value, json};

use crate::Arguments;
use crate::description::{self, Description, Place, Timing};
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

/// The credentials that the environment names. The simulator takes any: the key is who calls.
const ACCESS_KEY: &str = "AKIASIMULATOR";
const SECRET_KEY: &str = "simulator";

/// The instance's role, for a client that asks the metadata service for its credentials.
const ROLE: &str = "node";

/// As <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html> shows it.
fn credentials() -> String {
    let document = json!({
        "Code": "Success",
        "LastUpdated": "2026-01-01T00:00:00Z",
        "Type": "AWS-HMAC",
        "AccessKeyId": ACCESS_KEY,
        "SecretAccessKey": SECRET_KEY,
        "Token": "simulator",
        "Expiration": "2099-01-01T00:00:00Z",
    });
    format!("{document:#}")
}

/// Fields drop in their order: the services, then the links.
pub(crate) struct Raised {
    imds: Imds,
    api: Server,
    control: Server,
    instance: Instance,
    region: String,
    ec2: Ec2,
    fabric: Fabric,
}

pub(crate) fn raise(description: &Description, places: &Places, arguments: &Arguments) -> Result<Raised> {
    let fabric = description.region.as_deref().map_or_else(Fabric::new, Fabric::in_region);
    let instance = instance(&fabric, &description.instance, places)?;
    for (number, of) in description.vpc.iter().enumerate() {
        let place = places.fabric.as_ref().filter(|_| number == 0).map(NamedNetns::netns);
        vpc(&fabric, of, place, &instance)?;
    }
    fabric.keep()?;
    let ec2 = Ec2::of(&fabric);
    ec2.set_seed(arguments.seed);
    ec2.set_timing(match arguments.timing.or(description.timing) {
        None | Some(Timing::Realistic) => ec2sim::Timing::realistic(),
        Some(Timing::Instant) => ec2sim::Timing::instant(),
    });
    if let Some(path) = &arguments.policy {
        let policy = Policy::read(path).with_context(|| format!("cannot use {}", path.display()))?;
        ec2.set_policy(&policy);
    }
    let region = instance.facts()?.region;
    let imds = Imds::of(&instance).listening_on(&arguments.imds).credentials(ROLE, &credentials()).serve()?;
    let api = ec2.server().in_namespace(&instance.netns()?).listening_on(&arguments.ec2).serve()?;
    let control = ec2.control().listening_on(&arguments.control).serve()?;
    Ok(Raised { imds, api, control, instance, region, ec2, fabric })
}

impl Raised {
    pub(crate) fn report(&self, places: &Places) -> Result<Value> {
        let name = |place: &Option<NamedNetns>| place.as_ref().map(|place| place.name().to_owned());
        Ok(json!({
            "ec2": self.api.url(),
            "imds": self.imds.url(),
            "control": self.control.url(),
            "environment": self.environment(),
            "host_netns": name(&places.host),
            "fabric_netns": name(&places.fabric),
            "instance": self.instance.facts()?,
            "enis": self.instance.enis()?,
            "available": self.available()?,
        }))
    }

    /// What a person wants to know first.
    pub(crate) fn summary(&self, places: &Places) -> Result<String> {
        let facts = self.instance.facts()?;
        let (id, kind, zone) = (&facts.instance_id, &facts.instance_type, &facts.availability_zone);
        let machine = places.host.as_ref().map_or_else(|| "here".into(), |place| format!("in netns {}", place.name()));
        let mut text = format!(
            "\nup until Ctrl-C\n  EC2 API    {}\n  metadata   {}\n  control    {}   curl it: faults, outages, the log of calls\n  instance   {id} {kind} {zone}, {machine}\n",
            self.api.url(),
            self.imds.url(),
            self.control.url(),
        );
        for eni in self.ec2.enis()? {
            let at = eni.attachment.as_ref().map_or_else(|| "available".into(), |at| at.host_name.clone());
            text += &format!("  ENI        {} {at} {} {}\n", eni.network_interface_id, eni.primary, eni.description);
        }
        Ok(text)
    }

    /// The ENIs that are nowhere.
    fn available(&self) -> Result<Vec<EniFacts>> {
        Ok(self.ec2.enis()?.into_iter().filter(|eni| eni.attachment.is_none()).collect())
    }

    /// What a client of AWS on the machine needs.
    fn environment(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.into()),
            ("AWS_REGION", self.region.clone()),
            ("AWS_ENDPOINT_URL_EC2", self.api.url()),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", self.imds.url()),
        ])
    }

    /// The same for a shell.
    pub(crate) fn exports(&self) -> String {
        let environment = self.environment();
        environment.iter().map(|(name, value)| format!("export {name}={value}\n")).collect()
    }

    pub(crate) fn take_down(self) -> Result<()> {
        drop((self.imds, self.api, self.control));
        self.fabric.delete().context("cannot take everything down")
    }
}

fn instance(fabric: &Fabric, of: &description::Instance, places: &Places) -> Result<Instance> {
    let machine = places.host.as_ref().map_or_else(Netns::of_this_thread, |place| Ok(place.netns().clone()))?;
    let mut builder = of.network_cards.into_iter().fold(fabric.instance_in(&machine), InstanceBuilder::network_cards);
    builder = of.id.iter().fold(builder, |builder, id| builder.id(id));
    builder = of.kind.iter().fold(builder, |builder, kind| builder.kind(kind));
    builder = of.zone.iter().fold(builder, |builder, zone| builder.zone(zone));
    builder = of.tags.iter().fold(builder, |builder, (key, value)| builder.tag(key, value));
    builder.create().context("cannot make the instance")
}

fn vpc(fabric: &Fabric, of: &description::Vpc, place: Option<&Netns>, instance: &Instance) -> Result<()> {
    let (first, more) = of.ipv4.split_first().context("a VPC needs an IPv4 CIDR")?;
    let mut builder = more.iter().fold(fabric.vpc(first), |builder, cidr| builder.and_ipv4(cidr));
    builder = of.ipv6.iter().fold(builder, |builder, cidr| builder.ipv6(cidr));
    builder = place.into_iter().fold(builder, VpcBuilder::in_namespace);
    let vpc = builder.create().with_context(|| format!("cannot make VPC {first}"))?;
    for group in &of.security_group {
        let mut builder = vpc.security_group(&group.name);
        builder = group.id.iter().fold(builder, |builder, id| builder.id(id));
        builder = group.tags.iter().fold(builder, |builder, (key, value)| builder.tag(key, value));
        builder.create().with_context(|| format!("cannot make security group {}", group.name))?;
    }
    for subnet in &of.subnet {
        let mut builder = vpc.subnet(&subnet.ipv4);
        builder = subnet.ipv6.iter().fold(builder, |builder, cidr| builder.ipv6(cidr));
        builder = subnet.tags.iter().fold(builder, |builder, (key, value)| builder.tag(key, value));
        builder = subnet.zone.iter().fold(builder, |builder, zone| SubnetBuilder::zone(builder, zone));
        let made = builder.create().with_context(|| format!("cannot make subnet {}", subnet.ipv4))?;
        for (number, of) in subnet.eni.iter().enumerate() {
            let what = || format!("cannot make ENI {} of subnet {}", number + 1, subnet.ipv4);
            let eni = eni(&made, of, instance).with_context(what)?;
            if of.place == Place::Attached {
                attach(&eni, of, instance).with_context(what)?;
            }
        }
    }
    Ok(())
}

fn eni(subnet: &ec2sim::Subnet, of: &description::Eni, instance: &Instance) -> Result<Eni> {
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
    builder = of.tags.iter().fold(builder, |builder, (key, value)| builder.tag(key, value));
    builder = of.text.iter().fold(builder, |builder, text| builder.description(text));
    builder = of.kind.iter().fold(builder, |builder, kind| builder.interface_type(kind));
    builder = of.vpc_cni_of.iter().fold(builder, |builder, cluster| builder.made_by_vpc_cni(instance.id(), cluster));
    builder = of.managed_by.iter().fold(builder, |builder, requester| builder.managed_by(requester));
    Ok(builder.create()?)
}

fn attach(eni: &Eni, of: &description::Eni, instance: &Instance) -> Result<()> {
    let mut builder = eni.attach(instance).card(of.card);
    builder = of.index.iter().fold(builder, |builder, index| builder.index(*index));
    builder = of.host_name.iter().fold(builder, |builder, name| builder.named(name));
    builder.now()?;
    Ok(())
}
