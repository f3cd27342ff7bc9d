//! The tree.

use crate::client::Lab;

const SECOND: &str = "network/interfaces/macs/02:00:00:00:aa:01";

#[test]
fn the_instance_and_its_primary_eni_are_described() {
    let lab = Lab::new();
    let meta = |key| lab.meta(key).unwrap();
    assert_eq!(meta("instance-id"), "i-0123456789abcdef0");
    assert_eq!(meta("instance-type"), "m5.xlarge");
    assert_eq!(meta("placement/availability-zone"), "us-east-1a");
    assert_eq!(meta("placement/region"), "us-east-1");
    assert_eq!(meta("local-ipv4"), "10.0.1.10");
    assert!(meta("mac").starts_with("02:"));
}

#[test]
fn every_key_of_an_eni_is_there() {
    let lab = Lab::new();
    let meta = |key: &str| lab.meta(&format!("{SECOND}/{key}")).unwrap();
    assert_eq!(meta("device-number"), "1");
    assert_eq!(meta("interface-id"), lab.second.id().as_str());
    assert_eq!(meta("local-ipv4s"), "10.0.1.20\n10.0.1.21");
    assert_eq!(meta("ipv6s"), "2001:db8:0:1::20");
    assert_eq!(meta("ipv4-prefix"), "10.0.1.64/28");
    assert_eq!(meta("subnet-id"), lab.subnet.id().as_str());
    assert_eq!(meta("subnet-ipv4-cidr-block"), "10.0.1.0/24");
    assert_eq!(meta("subnet-ipv6-cidr-blocks"), "2001:db8:0:1::/64");
    assert_eq!(meta("vpc-ipv4-cidr-block"), "10.0.0.0/16");
    assert_eq!(meta("vpc-ipv4-cidr-blocks"), "10.0.0.0/16\n100.64.0.0/16");
    assert_eq!(meta("vpc-ipv6-cidr-blocks"), "2001:db8::/56");
    assert_eq!(meta("owner-id"), "123456789012");
    assert_eq!(meta("mac"), "02:00:00:00:aa:01");
    assert!(meta("vpc-id").starts_with("vpc-"));
}

#[test]
fn a_key_without_a_value_is_not_there_and_not_listed() {
    let lab = Lab::new();
    for key in ["security-group-ids", "security-groups", "ipv6-prefix", "network-card", "nonsense"] {
        assert_eq!(lab.meta(&format!("{SECOND}/{key}")), None, "{key}");
    }
    let listing = lab.meta(&format!("{SECOND}/")).unwrap();
    assert!(listing.lines().any(|line| line == "ipv6s") && !listing.contains("network-card"), "{listing}");
    assert_eq!(lab.meta("iam/security-credentials/"), None);
}

#[test]
fn the_network_card_is_told_where_the_type_has_several() {
    let lab = Lab::with_cards(2);
    assert_eq!(lab.meta(&format!("{SECOND}/network-card")).unwrap(), "1");
}

#[test]
fn folders_are_listed_with_or_without_their_last_slash() {
    let lab = Lab::new();
    let macs = lab.meta("network/interfaces/macs/").unwrap();
    assert!(macs.lines().any(|line| line == "02:00:00:00:aa:01/") && macs.lines().count() == 2, "{macs}");
    assert_eq!(lab.meta("network/interfaces/macs").unwrap(), macs);
    assert_eq!(lab.meta("network/").unwrap(), "interfaces/");
    assert_eq!(lab.get("/latest/").body, "dynamic/\nmeta-data/");
    assert_eq!(lab.meta("instance-id/"), None);
}

#[test]
fn the_identity_document_is_json() {
    let lab = Lab::new();
    let document = lab.get("/latest/dynamic/instance-identity/document").body;
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["region"], "us-east-1");
    assert_eq!(document["privateIp"], "10.0.1.10");
    assert_eq!(document["accountId"], "123456789012");
}

#[test]
fn a_detached_eni_is_gone_from_the_tree() {
    let lab = Lab::new();
    lab.second.detach().unwrap();
    assert_eq!(lab.meta(SECOND), None);
    assert_eq!(lab.fabric.enis().unwrap().len(), 2);
}

#[test]
fn what_is_announced_is_there_until_it_is_withdrawn() {
    let lab = Lab::new();
    let node = ec2sim::Ec2::of(&lab.fabric).instance(&lab.meta("instance-id").unwrap()).unwrap();
    assert_eq!(lab.meta("spot/instance-action"), None);
    node.announce("spot/instance-action", r#"{"action": "terminate"}"#).unwrap();
    assert!(lab.meta("spot/instance-action").unwrap().contains("terminate"));
    node.withdraw("spot/instance-action").unwrap();
    assert_eq!(lab.meta("spot/instance-action"), None);
}

#[test]
fn what_the_api_changes_is_in_the_metadata() {
    let lab = Lab::new();
    let ec2 = ec2sim::Ec2::of(&lab.fabric);
    let assign = ec2sim::request::AssignPrivateIpAddresses {
        network_interface_id: lab.second.id().to_string(),
        private_ip_addresses: vec!["10.0.1.99".parse().unwrap()],
        ..Default::default()
    };
    ec2.call("a", assign).outcome.unwrap();
    assert!(lab.meta(&format!("{SECOND}/local-ipv4s")).unwrap().ends_with("\n10.0.1.99"));
    let eni = lab.subnet.eni().mac("02:00:00:00:aa:02").create().unwrap();
    let attach = ec2sim::request::AttachNetworkInterface {
        network_interface_id: eni.id().to_string(),
        instance_id: lab.meta("instance-id").unwrap(),
        device_index: Some(2),
        network_card_index: None,
    };
    ec2.call("a", attach).outcome.unwrap();
    assert_eq!(lab.meta("network/interfaces/macs/02:00:00:00:aa:02/device-number").unwrap(), "2");
}
