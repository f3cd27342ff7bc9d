//! ENIs of others, what an earlier life of this node has left, and people at the console.

use std::collections::BTreeMap;

use ec2sim::request::{CreateTags, ModifyNetworkInterfaceAttribute};
use ec2sim::{Ec2, Eni, EniBuilder, EniFacts, Hardware, Nic, Subnet};

use crate::agent::tests::world::{GROUP, World};
use crate::tags::{CLUSTER, INSTANCE, Identity, NODE, POOL};

/// The principal of people.
const USER: &str = "AKIAUSER";

/// An ENI that is there before the agent is: what it is, and its facts if it is another's.
pub(super) fn arrive(world: &World, subnet: &Subnet, rng: &mut fastrand::Rng, room: u32) -> (String, Option<EniFacts>) {
    let make = |builder: EniBuilder| builder.group(GROUP, "pods").create().unwrap();
    let instance = world.instance.id();
    let taken = u32::try_from(world.instance.enis().unwrap().len()).unwrap() - 1;
    let (words, eni) = match rng.u32(0..6) {
        0 if taken + 1 < room => {
            let eni = make(subnet.eni().made_by_vpc_cni(instance, "one"));
            attach(world, &eni, rng.u32(1..=3));
            ("an ENI of amazon-vpc-cni on the instance", eni)
        }
        0 | 1 => ("an ENI of nobody", make(subnet.eni())),
        2 => ("an ENI of another cluster", make(tagged(subnet, "other", instance.as_str(), "alpha"))),
        3 => {
            let other = "i-0aaaaaaaaaaaaaaaa";
            ("an ENI of another node", make(tagged(subnet, "5f0c9a1e-cluster", other, "alpha")))
        }
        4 => {
            let pool = rng.choice(["alpha", "delta"]).unwrap();
            let eni = make(tagged(subnet, "5f0c9a1e-cluster", instance.as_str(), pool));
            return (format!("{} of {pool} was left behind", eni.id()), None);
        }
        _ if taken + 1 < room => {
            let pool = rng.choice(["alpha", "delta"]).unwrap();
            let eni = make(tagged(subnet, "5f0c9a1e-cluster", instance.as_str(), pool));
            attach(world, &eni, rng.u32(1..=3));
            plug(world, &eni);
            return (format!("{} of {pool} was left behind on the instance", eni.id()), None);
        }
        _ => ("an ENI of nobody", make(subnet.eni())),
    };
    (format!("{}: {words}", eni.id()), Some(eni.facts().unwrap()))
}

/// At this index, or the next one that is free.
fn attach(world: &World, eni: &Eni, from: u32) {
    let attached = (from..20).any(|index| eni.attach(&world.instance).index(index).now().is_ok());
    assert!(attached);
}

fn plug(world: &World, eni: &Eni) {
    let eni = eni.facts().unwrap();
    let link_name = eni.attachment.as_ref().unwrap().host_name.clone();
    world.machine.plug(&Nic { eni, link_name });
}

fn tagged(subnet: &Subnet, cluster: &str, instance: &str, pool: &str) -> EniBuilder {
    let identity =
        Identity { cluster: cluster.to_string(), node: "node-1".to_string(), instance: instance.to_string() };
    let tags = identity.tags(&pool.parse().unwrap(), "00000000000000000000000000000000", &BTreeMap::new());
    debug_assert!([CLUSTER, INSTANCE, NODE, POOL].iter().all(|key| tags.contains_key(*key)));
    tags.iter().fold(subnet.eni(), |builder, (key, value)| builder.tag(key, value))
}

/// Somebody changes one of ours at the console.
pub(super) fn drift(ec2: &Ec2, id: &str, rng: &mut fastrand::Rng) -> String {
    let modify = || ModifyNetworkInterfaceAttribute { network_interface_id: id.to_string(), ..Default::default() };
    let done = match rng.u32(0..3) {
        0 => {
            let value = Some(rng.bool());
            ec2.call(USER, ModifyNetworkInterfaceAttribute { source_dest_check: value, ..modify() }).outcome
        }
        1 => {
            let resource_ids = vec![id.to_string()];
            ec2.call(USER, CreateTags { resource_ids, tags: vec![("team".into(), "other".into())] }).outcome
        }
        _ => {
            let description = Some("of the console".to_string());
            ec2.call(USER, ModifyNetworkInterfaceAttribute { description, ..modify() }).outcome
        }
    };
    format!("somebody meddles with {id}: {}", if done.is_ok() { "done" } else { "refused" })
}

/// `/run` is empty after a boot.
pub(super) fn wipe(world: &World) {
    for folder in ["inventory", "attachments", "addresses", "creating"] {
        for file in std::fs::read_dir(world.store.path().join(folder)).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
    }
}
