//! CreateNetworkInterface.

use std::time::Duration;

use ec2sim::request::{CreateNetworkInterface, TagSpecification};
use ec2sim::{Limits, Tags, Timing};

use crate::region::{Region, deletion};

/// <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>.
#[test]
fn a_client_token_makes_one_eni_and_is_for_one_request() {
    let region = Region::new();
    let request = CreateNetworkInterface { client_token: Some("t".into()), ..region.creation() };
    let first = region.created(request.clone());
    let second = region.created(request.clone());
    assert_eq!(first.network_interface_id, second.network_interface_id);
    let other = CreateNetworkInterface { description: Some("other".into()), ..request };
    assert_eq!(region.code(other), "IdempotentParameterMismatch");
    assert_eq!(region.fabric.enis().unwrap().len(), 1);
}

/// The same page: the answer is the first one's, whatever has become of what was made.
#[test]
fn the_token_of_a_deleted_eni_makes_no_other() {
    let region = Region::new();
    let request = CreateNetworkInterface { client_token: Some("t".into()), ..region.creation() };
    let first = region.created(request.clone()).network_interface_id;
    region.call(deletion(&first)).unwrap();
    assert_eq!(region.created(request).network_interface_id, first);
    assert!(region.fabric.enis().unwrap().is_empty());
}

/// errors-overview: InsufficientFreeAddressesInSubnet. A /28 has 11 addresses for ENIs
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>).
#[test]
fn a_full_subnet_gives_nothing_and_takes_nothing() {
    let region = Region::new();
    let small = region.vpc.subnet("10.0.9.0/28").create().unwrap();
    let request = |secondary: u32| CreateNetworkInterface {
        subnet_id: small.id().to_string(),
        secondary_private_ip_address_count: Some(secondary),
        ..CreateNetworkInterface::default()
    };
    assert_eq!(region.code(request(11)), "InsufficientFreeAddressesInSubnet");
    let eni = region.created(request(10));
    assert_eq!(region.code(request(0)), "InsufficientFreeAddressesInSubnet");
    region.call(deletion(&eni.network_interface_id)).unwrap();
    region.created(request(0));
}

/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>: "Network interfaces per Region".
#[test]
fn the_account_has_a_limit() {
    let region = Region::new();
    region.ec2.set_limits(Limits { interfaces_per_region: 2 });
    region.create();
    region.create();
    assert_eq!(region.code(region.creation()), "NetworkInterfaceLimitExceeded");
}

/// errors-overview: InvalidSubnetID.NotFound, InvalidGroup.NotFound.
#[test]
fn subnets_and_groups_have_to_be_there_and_of_one_vpc() {
    let region = Region::new();
    let subnet = |id: &str| CreateNetworkInterface { subnet_id: id.into(), ..CreateNetworkInterface::default() };
    assert_eq!(region.code(subnet("")), "MissingParameter");
    assert_eq!(region.code(subnet("subnet-1")), "InvalidSubnetID.Malformed");
    assert_eq!(region.code(subnet("subnet-00000000000000fff")), "InvalidSubnetID.NotFound");
    let foreign = region.fabric.vpc("10.9.0.0/16").create().unwrap().security_group("web").create().unwrap();
    let with = |group: &str| CreateNetworkInterface { security_group_ids: vec![group.into()], ..region.creation() };
    assert_eq!(region.code(with("sg-0fff")), "InvalidGroup.NotFound");
    assert_eq!(region.code(with(&foreign.id)), "InvalidGroup.NotFound");
    assert_eq!(region.code(with("web")), "InvalidGroupId.Malformed");
    let six = CreateNetworkInterface { security_group_ids: vec!["sg-1".into(); 6], ..region.creation() };
    assert_eq!(region.code(six), "SecurityGroupsPerInterfaceLimitExceeded");
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html>, "Tag restrictions".
#[test]
fn tags_come_with_the_eni_and_have_their_rules() {
    let region = Region::new();
    let tags = Tags::from([("a".into(), "b".into())]);
    assert_eq!(region.created(region.creation().tagged(&tags)).tags, tags);
    let with = |key: &str| region.creation().tagged(&Tags::from([(key.into(), "v".into())]));
    assert_eq!(region.code(with("aws:x")), "InvalidParameterValue");
    let many: Tags = (0..51).map(|n| (n.to_string(), String::new())).collect();
    assert_eq!(region.code(region.creation().tagged(&many)), "TagLimitExceeded");
    let twice = TagSpecification {
        resource_type: "network-interface".into(),
        tags: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
    };
    let twice = CreateNetworkInterface { tag_specifications: vec![twice], ..region.creation() };
    assert_eq!(region.code(twice), "InvalidParameterValue");
    let wrong = TagSpecification { resource_type: "instance".into(), tags: Vec::new() };
    let wrong = CreateNetworkInterface { tag_specifications: vec![wrong], ..region.creation() };
    assert_eq!(region.code(wrong), "InvalidParameterValue");
}

/// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>: what was made may not be found at once.
#[test]
fn a_new_eni_may_not_be_found_for_seconds() {
    let region = Region::with(Timing { visible: Duration::from_secs(2), ..Timing::instant() });
    let eni = region.create().network_interface_id;
    assert_eq!(region.code(region.attachment(&eni, 1)), "InvalidNetworkInterfaceID.NotFound");
    region.advance(2_000);
    region.attach(&eni, 1);
}
