//! The Describes: filters and pages.

use ec2sim::request::{CreateTags, DeleteTags, Select};
use ec2sim::response::NetworkInterface;
use ec2sim::{EniId, Request, Response, Tags};

use crate::region::Region;

fn ids(enis: &[NetworkInterface]) -> Vec<EniId> {
    enis.iter().map(|eni| eni.network_interface_id.clone()).collect()
}

/// API_DescribeNetworkInterfaces, "Filter.N".
#[test]
fn enis_are_found_by_instance_tag_subnet_status_and_vpc() {
    let region = Region::new();
    let tags = Tags::from([("pool".into(), "data".into())]);
    let ours = region.created(region.creation().tagged(&tags)).network_interface_id;
    let other = region.create().network_interface_id;
    region.attach(&ours, 1);
    let by = |name: &str, value: &str| ids(&region.describe(Select::default().filter(name, [value])));
    assert_eq!(by("attachment.instance-id", region.node.id().as_str()), vec![ours.clone()]);
    assert_eq!(by("tag:pool", "data"), vec![ours.clone()]);
    assert_eq!(by("tag:pool", "d*"), vec![ours.clone()]);
    assert_eq!(by("tag-key", "pool"), vec![ours.clone()]);
    assert_eq!(by("status", "available"), vec![other.clone()]);
    assert_eq!(by("subnet-id", region.subnet.id().as_str()), [ours.clone(), other.clone()]);
    assert_eq!(by("vpc-id", region.vpc.id().as_str()).len(), 2);
    let both = Select::default().filter("tag:pool", ["data"]).filter("status", ["available"]);
    assert!(region.describe(both).is_empty());
    let unknown = Select::default().filter("colour", ["red"]);
    assert_eq!(region.code(Request::DescribeNetworkInterfaces(unknown)), "InvalidParameterValue");
}

/// API_Filter: "Use a backslash to escape special characters."
#[test]
fn a_backslash_makes_a_wildcard_a_character() {
    let region = Region::new();
    let tagged = |value: &str| {
        let tags = Tags::from([("pool".into(), value.into())]);
        region.created(region.creation().tagged(&tags)).network_interface_id
    };
    let (starred, plain) = (tagged(r"*data?\"), tagged("a data b"));
    let by = |value: &str| ids(&region.describe(Select::default().filter("tag:pool", [value])));
    assert_eq!(by("*data*"), [starred.clone(), plain]);
    assert_eq!(by(r"\*data\?\\"), [starred]);
}

/// errors-overview: InvalidNetworkInterfaceID.NotFound; a filter only matches or does not.
#[test]
fn an_unknown_id_is_an_error_by_itself_and_left_out_by_filter() {
    let region = Region::new();
    let eni = region.create().network_interface_id;
    let missing = "eni-00000000000000fff";
    let by_filter = Select::default().filter("network-interface-id", [eni.as_str(), missing]);
    assert_eq!(ids(&region.describe(by_filter)), vec![eni.clone()]);
    let by_id = Select { ids: vec![eni.to_string(), missing.into()], ..Select::default() };
    assert_eq!(region.code(Request::DescribeNetworkInterfaces(by_id)), "InvalidNetworkInterfaceID.NotFound");
}

/// <https://docs.aws.amazon.com/ec2/latest/devguide/Query-Requests.html#api-pagination>.
#[test]
fn pages_bring_all_of_them_once() {
    let region = Region::new();
    let made: Vec<EniId> = (0..12).map(|_| region.create().network_interface_id).collect();
    let mut select = Select { max_results: Some(5), ..Select::default() };
    let mut seen = Vec::new();
    loop {
        let response = region.call(Request::DescribeNetworkInterfaces(select.clone())).unwrap();
        let Response::NetworkInterfaces { items, next_token } = response else { panic!() };
        assert!(items.len() <= 5);
        seen.extend(ids(&items));
        let Some(token) = next_token else { break };
        select.next_token = Some(token);
    }
    assert_eq!(seen, made);
    let broken = Select { next_token: Some("x".into()), ..Select::default() };
    assert_eq!(region.code(Request::DescribeNetworkInterfaces(broken)), "InvalidParameterValue");
}

/// API_CreateTags, API_DeleteTags.
#[test]
fn tags_are_set_and_taken_away() {
    let region = Region::new();
    let eni = region.create().network_interface_id;
    let resource_ids = vec![eni.to_string()];
    let tags = vec![("a".into(), "1".into()), ("b".into(), "2".into())];
    region.call(CreateTags { resource_ids: resource_ids.clone(), tags }).unwrap();
    let away = vec![("a".into(), None), ("b".into(), Some("not this".into()))];
    region.call(DeleteTags { resource_ids, tags: away }).unwrap();
    assert_eq!(region.look(&eni).unwrap().tags, Tags::from([("b".into(), "2".into())]));
    let missing = CreateTags { resource_ids: vec!["eni-00000000000000fff".into()], tags: Vec::new() };
    assert_eq!(region.code(missing), "InvalidNetworkInterfaceID.NotFound");
}

/// API_Subnet: AvailableIpAddressCount.
#[test]
fn subnets_tell_their_free_addresses_and_are_found_by_name() {
    let region = Region::new();
    let small = region.vpc.subnet("10.0.9.0/28").tag("Name", "small").create().unwrap();
    small.eni().secondary("10.0.9.9").create().unwrap();
    let select = Select::default().filter("tag:Name", ["small"]).filter("vpc-id", [region.vpc.id().as_str()]);
    let Response::Subnets { items, .. } = region.call(Request::DescribeSubnets(select)).unwrap() else { panic!() };
    assert_eq!((items.len(), items[0].available_ip_address_count), (1, 9));
    let missing = Select { ids: vec!["subnet-00000000000000fff".into()], ..Select::default() };
    assert_eq!(region.code(Request::DescribeSubnets(missing)), "InvalidSubnetID.NotFound");
}

/// API_DescribeSecurityGroups: a name is one VPC's, so that a filter by name finds several.
#[test]
fn groups_of_one_name_in_two_vpcs_both_come_back() {
    let region = Region::new();
    region.vpc.security_group("web").create().unwrap();
    region.fabric.vpc("10.9.0.0/16").create().unwrap().security_group("web").create().unwrap();
    let select = Select::default().filter("group-name", ["web"]);
    let response = region.call(Request::DescribeSecurityGroups(select)).unwrap();
    let Response::SecurityGroups { items, .. } = response else { panic!() };
    assert_eq!(items.len(), 2);
}

/// API_NetworkInfo: NetworkCards, MaximumNetworkInterfaces.
#[test]
fn a_type_tells_its_cards_and_an_unknown_one_is_refused() {
    let region = Region::new();
    let select = |name: &str| Request::DescribeInstanceTypes(Select { ids: vec![name.into()], ..Select::default() });
    let Response::InstanceTypes { items, .. } = region.call(select("p5.48xlarge")).unwrap() else { panic!() };
    assert_eq!((items[0].interfaces, items[0].cards.len(), items[0].cards[31]), (64, 32, 2));
    assert_eq!(region.code(select("x9.colossal")), "InvalidInstanceType");
}
