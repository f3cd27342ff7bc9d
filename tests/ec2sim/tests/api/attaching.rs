//! AttachNetworkInterface, DetachNetworkInterface and ModifyNetworkInterfaceAttribute.

use ec2sim::request::{AttachmentChange, ModifyNetworkInterfaceAttribute};
use ec2sim::{EniId, InstanceType, Timing};

use crate::region::{Region, deletion, detachment};

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html>: "in the same Availability Zone".
#[test]
fn an_eni_of_another_zone_is_not_attached() {
    let region = Region::new();
    let far = region.vpc.subnet("10.0.2.0/24").zone("us-east-1b").create().unwrap().eni().create().unwrap();
    assert_eq!(region.code(region.attachment(far.id(), 1)), "InvalidParameterCombination");
}

/// API_AttachNetworkInterface: the device index is a place of one card; two ENIs cannot have it.
#[test]
fn a_taken_device_index_is_refused_and_the_same_index_of_another_card_is_not() {
    let region = Region::new();
    let node = region.fabric.instance().kind("p4d.24xlarge").create().unwrap();
    let attach = |card: Option<u32>| {
        let eni = region.create().network_interface_id;
        let mut request = region.attachment(&eni, 1);
        request.instance_id = node.id().to_string();
        request.network_card_index = card;
        request
    };
    region.call(attach(Some(0))).unwrap();
    assert_eq!(region.code(attach(None)), "InvalidParameterValue");
    region.call(attach(Some(1))).unwrap();
    assert_eq!(region.code(attach(Some(4))), "InvalidParameterValue");
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AvailableIpPerENI.html>: an m5.xlarge takes 4 interfaces.
#[test]
fn one_more_than_the_type_takes_is_refused() {
    let region = Region::new();
    for index in 0..4 {
        region.attach(&region.create().network_interface_id, index);
    }
    let fifth = region.create().network_interface_id;
    assert_eq!(region.code(region.attachment(&fifth, 4)), "AttachmentLimitExceeded");
}

/// Limits change and tables of them are old: the refusal is what counts.
#[test]
fn a_limit_lower_than_the_types_is_refused_the_same_way() {
    let region = Region::new();
    region.ec2.refuse_beyond(region.node.id(), 1).unwrap();
    region.attach(&region.create().network_interface_id, 0);
    let second = region.create().network_interface_id;
    assert_eq!(region.code(region.attachment(&second, 1)), "AttachmentLimitExceeded");
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html#network-cards>: each card has its own number.
#[test]
fn a_card_takes_no_more_than_its_own() {
    let region = Region::new();
    region.ec2.define_type(InstanceType::with_cards("two.cards", &[2, 1], 10));
    let node = region.fabric.instance().kind("two.cards").create().unwrap();
    let attach = |card: u32, index: u32| {
        let mut request = region.attachment(&region.create().network_interface_id, index);
        request.instance_id = node.id().to_string();
        request.network_card_index = Some(card);
        request
    };
    region.call(attach(1, 1)).unwrap();
    assert_eq!(region.code(attach(1, 2)), "AttachmentLimitExceeded");
    region.call(attach(0, 0)).unwrap();
    region.call(attach(0, 1)).unwrap();
}

/// errors-overview: PrivateIpAddressLimitExceeded; a t3.micro has 2 addresses on each interface.
#[test]
fn an_eni_with_more_addresses_than_the_type_takes_is_not_attached() {
    let region = Region::new();
    let node = region.fabric.instance().kind("t3.micro").create().unwrap();
    let eni = region.subnet.eni().secondary("10.0.1.20").secondary("10.0.1.21").create().unwrap();
    let mut request = region.attachment(eni.id(), 1);
    request.instance_id = node.id().to_string();
    assert_eq!(region.code(request), "PrivateIpAddressLimitExceeded");
}

/// errors-overview: InvalidNetworkInterface.InUse, "cannot be deleted or attached to another instance".
#[test]
fn an_attached_eni_is_neither_attached_again_nor_deleted() {
    let region = Region::new();
    let eni = region.create().network_interface_id;
    region.attach(&eni, 1);
    assert_eq!(region.code(region.attachment(&eni, 2)), "InvalidNetworkInterface.InUse");
    assert_eq!(region.code(deletion(&eni)), "InvalidNetworkInterface.InUse");
}

/// using-eni.html: "You can't detach a primary network interface from an instance."
#[test]
fn the_primary_eni_is_not_detached() {
    let region = Region::new();
    let attachment = region.attach(&region.create().network_interface_id, 0);
    assert_eq!(region.code(detachment(&attachment)), "OperationNotPermitted");
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html>: not yours to attach or delete.
#[test]
fn what_a_service_manages_is_not_ours() {
    let region = Region::new();
    let eni = region.subnet.eni().managed_by("amazon-elb").create().unwrap();
    assert_eq!(region.code(region.attachment(eni.id(), 1)), "OperationNotPermitted");
    assert_eq!(region.code(deletion(eni.id())), "OperationNotPermitted");
    eni.attach(&region.node).index(2).now().unwrap();
    let attachment = eni.facts().unwrap().attachment.unwrap().attachment_id;
    assert_eq!(region.code(detachment(attachment.as_str())), "OperationNotPermitted");
}

/// errors-overview: IncorrectState, "The resource is not in a state that allows this".
#[test]
fn a_detachment_is_asked_for_once_unless_by_force() {
    let region = Region::with(Timing { detach: std::time::Duration::from_secs(9), ..Timing::instant() });
    let attachment = region.attach(&region.create().network_interface_id, 1);
    region.call(detachment(&attachment)).unwrap();
    assert_eq!(region.code(detachment(&attachment)), "IncorrectState");
    let forced =
        ec2sim::request::DetachNetworkInterface { force: ec2sim::request::Force::Yes, ..detachment(&attachment) };
    region.call(forced).unwrap();
    region.advance(9_000);
    assert_eq!(region.code(detachment(&attachment)), "InvalidAttachmentID.NotFound");
}

fn modification(eni: &EniId) -> ModifyNetworkInterfaceAttribute {
    ModifyNetworkInterfaceAttribute {
        network_interface_id: eni.to_string(),
        ..ModifyNetworkInterfaceAttribute::default()
    }
}

/// API_ModifyNetworkInterfaceAttribute: "You can specify only one attribute at a time."
#[test]
fn a_modify_changes_one_attribute() {
    let region = Region::new();
    let eni = region.create().network_interface_id;
    let attachment = region.attach(&eni, 1);
    assert_eq!(region.code(modification(&eni)), "MissingParameter");
    let change = AttachmentChange { attachment_id: Some(attachment), delete_on_termination: Some(true) };
    let one = ModifyNetworkInterfaceAttribute { attachment: Some(change.clone()), ..modification(&eni) };
    let two = ModifyNetworkInterfaceAttribute { source_dest_check: Some(false), ..one.clone() };
    assert_eq!(region.code(two), "InvalidParameterCombination");
    region.call(one).unwrap();
    assert!(region.look(&eni).unwrap().attachment.unwrap().delete_on_termination);
    region.call(ModifyNetworkInterfaceAttribute { source_dest_check: Some(false), ..modification(&eni) }).unwrap();
    region.call(ModifyNetworkInterfaceAttribute { description: Some("d".into()), ..modification(&eni) }).unwrap();
    let group = region.vpc.security_group("web").create().unwrap();
    let groups = vec![group.id.clone()];
    region.call(ModifyNetworkInterfaceAttribute { security_group_ids: groups, ..modification(&eni) }).unwrap();
    let seen = region.look(&eni).unwrap();
    assert_eq!((seen.source_dest_check, seen.description.as_str(), seen.groups), (false, "d", vec![group]));
    let other = AttachmentChange { attachment_id: Some("eni-attach-00000000000000fff".into()), ..change };
    let other = ModifyNetworkInterfaceAttribute { attachment: Some(other), ..modification(&eni) };
    assert_eq!(region.code(other), "InvalidAttachmentID.NotFound");
}

/// errors-overview: the codes of what is no identifier and of what is not there.
#[test]
fn what_is_malformed_and_what_is_missing_are_told_apart() {
    let region = Region::new();
    let eni = region.create().network_interface_id;
    let mut request = region.attachment(&eni, 1);
    request.instance_id = "i-1".into();
    assert_eq!(region.code(request.clone()), "InvalidInstanceID.Malformed");
    request.instance_id = "i-00000000000000fff".into();
    assert_eq!(region.code(request.clone()), "InvalidInstanceID.NotFound");
    request.network_interface_id = "eni-x".into();
    assert_eq!(region.code(request.clone()), "InvalidNetworkInterfaceId.Malformed");
    request.network_interface_id = "eni-00000000000000fff".into();
    assert_eq!(region.code(request), "InvalidNetworkInterfaceID.NotFound");
    assert_eq!(region.code(detachment("eni-attach-00000000000000fff")), "InvalidAttachmentID.NotFound");
}
