//! The policies that the project installs, for a node's agent and for the cluster's, against the calls of an agent's whole life.

use std::path::Path;

use ec2sim::request::{
    AssignIpv6Addresses, AssignPrivateIpAddresses, AttachmentChange, CreateTags, ModifyNetworkInterfaceAttribute,
    Select, UnassignIpv6Addresses, UnassignPrivateIpAddresses,
};
use ec2sim::{EniId, Policy, Refusal, Request, Response, Tags};

use crate::region::{Region, deletion, detachment};

const CLUSTER: &str = "multi-eni.networking.k8s.aws/cluster";
const NO_MANAGE: &str = "node.k8s.amazonaws.com/no_manage";

fn installed() -> Policy {
    policy("node-agent.json")
}

fn policy(file: &str) -> Policy {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../install/iam").join(file);
    std::fs::read_to_string(path).unwrap().replace("CLUSTER_ID", "one").parse().unwrap()
}

fn tags() -> Tags {
    Tags::from([(CLUSTER.into(), "one".into()), (NO_MANAGE.into(), "true".into()), ("Name".into(), "data".into())])
}

/// Everything that an agent does, up to the first refusal.
fn life(region: &Region) -> Result<(), Refusal> {
    for look in [
        Request::DescribeNetworkInterfaces,
        Request::DescribeSubnets,
        Request::DescribeSecurityGroups,
        Request::DescribeInstanceTypes,
    ] {
        region.call(look(Select::default()))?;
    }
    let Response::NetworkInterface(eni) = region.call(region.creation().tagged(&tags()))? else { panic!() };
    let id = &eni.network_interface_id;
    let Response::Attached { attachment_id, .. } = region.call(region.attachment(id, 1))? else { panic!() };
    modify(region, id, attachment_id.as_str())?;
    addresses(region, id)?;
    let drifted = vec![("Name".to_owned(), "data".to_owned())];
    region.call(CreateTags { resource_ids: vec![id.to_string()], tags: drifted })?;
    region.call(detachment(attachment_id.as_str()))?;
    region.call(deletion(id)).map(drop)
}

fn modify(region: &Region, eni: &EniId, attachment: &str) -> Result<(), Refusal> {
    let empty = || ModifyNetworkInterfaceAttribute {
        network_interface_id: eni.to_string(),
        ..ModifyNetworkInterfaceAttribute::default()
    };
    let change = AttachmentChange { attachment_id: Some(attachment.into()), delete_on_termination: Some(true) };
    region.call(ModifyNetworkInterfaceAttribute { attachment: Some(change), ..empty() })?;
    region.call(ModifyNetworkInterfaceAttribute { source_dest_check: Some(false), ..empty() })?;
    let groups = vec!["sg-pods".into()];
    region.call(ModifyNetworkInterfaceAttribute { security_group_ids: groups, ..empty() }).map(drop)
}

fn addresses(region: &Region, eni: &EniId) -> Result<(), Refusal> {
    let network_interface_id = eni.to_string();
    let more = AssignPrivateIpAddresses {
        network_interface_id: network_interface_id.clone(),
        secondary_private_ip_address_count: Some(1),
        ..AssignPrivateIpAddresses::default()
    };
    let Response::AssignedIpv4 { addresses, .. } = region.call(more)? else { panic!() };
    let network_interface_id = network_interface_id.as_str();
    region.call(UnassignPrivateIpAddresses {
        network_interface_id: network_interface_id.into(),
        private_ip_addresses: addresses,
    })?;
    let more = AssignIpv6Addresses {
        network_interface_id: network_interface_id.into(),
        ipv6_address_count: Some(1),
        ..AssignIpv6Addresses::default()
    };
    let Response::AssignedIpv6 { addresses, .. } = region.call(more)? else { panic!() };
    let away = UnassignIpv6Addresses { network_interface_id: network_interface_id.into(), ipv6_addresses: addresses };
    region.call(away).map(drop)
}

fn region() -> Region {
    let region = Region::new();
    region.vpc.security_group("pods").id("sg-pods").create().unwrap();
    region
}

#[test]
fn it_lets_the_life_of_an_eni_pass_and_each_statement_has_its_part() {
    let (region, policy) = (region(), installed());
    region.ec2.set_policy(&policy);
    life(&region).unwrap();
    let mut statements = policy.statements();
    statements.sort_unstable();
    let granted = region.ec2.granted();
    assert_eq!(granted, statements);
}

#[test]
fn without_any_one_statement_that_life_ends_early() {
    let policy = installed();
    for statement in policy.statements() {
        let region = region();
        region.ec2.set_policy(&policy.without(statement));
        let refused = life(&region).unwrap_err();
        assert_eq!(refused.code, "UnauthorizedOperation", "{statement}");
    }
}

#[test]
fn it_reaches_no_eni_of_others() {
    let (region, policy) = (region(), installed());
    region.ec2.set_policy(&policy);
    let of_the_cni = region.subnet.eni().made_by_vpc_cni(region.node.id(), "one").create().unwrap();
    let of_another = region.subnet.eni().tag(CLUSTER, "two").create().unwrap();
    let of_nobody = region.subnet.eni().create().unwrap();
    for eni in [of_the_cni.id(), of_another.id(), of_nobody.id()] {
        assert_eq!(region.code(region.attachment(eni, 1)), "UnauthorizedOperation");
        assert_eq!(region.code(deletion(eni)), "UnauthorizedOperation");
        assert_eq!(modify(&region, eni, "eni-attach-00000000000000fff").unwrap_err().code, "UnauthorizedOperation");
        let theft = CreateTags { resource_ids: vec![eni.to_string()], tags: vec![(CLUSTER.into(), "one".into())] };
        assert_eq!(region.code(theft), "UnauthorizedOperation");
    }
    let mut without = tags();
    without.remove(NO_MANAGE);
    assert_eq!(region.code(region.creation().tagged(&without)), "UnauthorizedOperation");
}

/// Everything that the cluster's agent does, up to the first refusal.
fn sweep(region: &Region, orphan: &EniId) -> Result<(), Refusal> {
    region.call(Request::DescribeNetworkInterfaces(Select::default()))?;
    region.call(Request::DescribeInstances(Select::default()))?;
    region.call(deletion(orphan)).map(drop)
}

#[test]
fn each_statement_of_the_cluster_agent_has_its_part_in_a_sweep() {
    let policy = policy("cluster-agent.json");
    let region = region();
    region.ec2.set_policy(&policy);
    let orphan = region.subnet.eni().tag(CLUSTER, "one").create().unwrap();
    sweep(&region, orphan.id()).unwrap();
    let mut statements = policy.statements();
    statements.sort_unstable();
    assert_eq!(region.ec2.granted(), statements);
    for statement in statements {
        let region = self::region();
        region.ec2.set_policy(&policy.without(statement));
        let orphan = region.subnet.eni().tag(CLUSTER, "one").create().unwrap();
        assert_eq!(sweep(&region, orphan.id()).unwrap_err().code, "UnauthorizedOperation", "{statement}");
    }
}

#[test]
fn the_cluster_agent_deletes_no_eni_of_others_and_does_nothing_but_delete() {
    let region = region();
    region.ec2.set_policy(&policy("cluster-agent.json"));
    let of_ours = region.subnet.eni().tag(CLUSTER, "one").create().unwrap();
    let of_another = region.subnet.eni().tag(CLUSTER, "two").create().unwrap();
    let of_nobody = region.subnet.eni().create().unwrap();
    for eni in [of_another.id(), of_nobody.id()] {
        assert_eq!(region.code(deletion(eni)), "UnauthorizedOperation");
    }
    assert_eq!(region.code(region.attachment(of_ours.id(), 1)), "UnauthorizedOperation");
    assert_eq!(region.code(region.creation().tagged(&tags())), "UnauthorizedOperation");
    let claim =
        CreateTags { resource_ids: vec![of_another.id().to_string()], tags: vec![(CLUSTER.into(), "one".into())] };
    assert_eq!(region.code(claim), "UnauthorizedOperation");
}
