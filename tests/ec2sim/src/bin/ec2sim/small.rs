//! The world that is brought up without a description.

use ec2sim::Tags;

use crate::description::{Description, Eni, Place, SecurityGroup, Subnet, Vpc};

/// A VPC with two subnets in the instance's zone and one in another, two security groups, the instance's primary ENI and
/// so many more of it, `eth1` and on, each with an address of both families; beside them, if they are wanted, ENIs of
/// others.
pub(crate) fn small(enis: u32, company: Company) -> Description {
    let mut first = subnet("pods-a", 1, None);
    first.eni.push(Eni {
        index: Some(0),
        host_name: Some("ens5".into()),
        text: Some("primary".into()),
        ..Eni::default()
    });
    first.eni.extend((1..=enis).map(ours));
    if company == Company::Others {
        first.eni.extend(others(enis + 1));
    }
    let vpc = Vpc {
        ipv4: vec!["10.0.0.0/16".into()],
        ipv6: vec!["2001:db8::/56".into()],
        security_group: vec![group("default"), group("pods")],
        subnet: vec![first, subnet("pods-a-2", 2, None), subnet("pods-b", 3, Some("us-east-1b"))],
    };
    Description { vpc: vec![vpc], ..Description::default() }
}

/// Whose ENIs there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Company {
    Ours,
    Others,
}

fn subnet(name: &str, number: u8, zone: Option<&str>) -> Subnet {
    Subnet {
        ipv4: format!("10.0.{number}.0/24"),
        ipv6: Some(format!("2001:db8:0:{number}::/64")),
        zone: zone.map(str::to_owned),
        tags: named(name),
        eni: Vec::new(),
    }
}

fn group(name: &str) -> SecurityGroup {
    SecurityGroup { name: name.to_owned(), id: None, tags: named(name) }
}

fn named(name: &str) -> Tags {
    Tags::from([("Name".into(), name.into())])
}

fn ours(index: u32) -> Eni {
    Eni { ipv6: vec![format!("2001:db8:0:1::{:x}", 0x10 + index)], index: Some(index), ..Eni::default() }
}

/// One that amazon-vpc-cni has attached; one of EFA; and one of somebody who keeps it for
/// later.
fn others(index: u32) -> Vec<Eni> {
    vec![
        Eni { index: Some(index), vpc_cni_of: Some("demo".into()), ..Eni::default() },
        Eni { kind: Some("efa".into()), place: Place::Available, text: Some("for a job".into()), ..Eni::default() },
        Eni { place: Place::Available, text: Some("kept for later".into()), tags: named("mine"), ..Eni::default() },
    ]
}
