//! The states of an ENI
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkInterface.html>).

use std::time::Duration;

use ec2sim::request::Select;
use ec2sim::{Action, AttachmentStatus, EniStatus, Lag, Outcome, Timing};

use crate::region::{Region, deletion, detachment};

fn slow() -> Timing {
    Timing {
        available: Duration::from_secs(1),
        plug: Duration::from_secs(1),
        attach: Duration::from_secs(2),
        detach: Duration::from_secs(5),
        ..Timing::instant()
    }
}

#[test]
fn an_eni_goes_from_pending_to_available_to_in_use_and_back_when_each_time_has_come() {
    let region = Region::with(slow());
    let eni = region.create();
    assert_eq!(eni.status, EniStatus::Pending);
    let id = &eni.network_interface_id;
    region.advance(1_000);
    assert_eq!(region.look(id).unwrap().status, EniStatus::Available);
    let attachment = region.attach(id, 1);
    let seen = region.look(id).unwrap();
    assert_eq!((seen.status, seen.attachment.unwrap().status), (EniStatus::Attaching, AttachmentStatus::Attaching));
    region.advance(2_000);
    let seen = region.look(id).unwrap();
    assert_eq!((seen.status, seen.attachment.unwrap().status), (EniStatus::InUse, AttachmentStatus::Attached));
    region.call(detachment(&attachment)).unwrap();
    assert_eq!(region.code(deletion(id)), "InvalidNetworkInterface.InUse");
    region.advance(4_999);
    assert_eq!(region.look(id).unwrap().status, EniStatus::Detaching);
    region.advance(1);
    assert_eq!(region.look(id).unwrap().attachment, None);
    region.call(deletion(id)).unwrap();
    assert_eq!(region.look(id), None);
}

#[test]
fn a_describe_is_as_old_as_its_lag() {
    let region = Region::with(Timing { describe_lag: Lag::Fixed(Duration::from_secs(3)), ..Timing::instant() });
    region.advance(10_000);
    let eni = region.create();
    assert_eq!(region.look(&eni.network_interface_id), None);
    region.advance(2_999);
    assert_eq!(region.look(&eni.network_interface_id), None);
    region.advance(1);
    assert!(region.look(&eni.network_interface_id).is_some());
    region.attach(&eni.network_interface_id, 1);
    let mine = Select::default().filter("attachment.instance-id", [region.node.id().as_str()]);
    assert!(region.describe(mine.clone()).is_empty());
    region.advance(3_000);
    assert_eq!(region.describe(mine.clone()).len(), 1);
    let attachment = region.describe(mine.clone())[0].attachment.clone().unwrap().attachment_id;
    region.call(detachment(attachment.as_str())).unwrap();
    assert_eq!(region.describe(mine.clone()).len(), 1);
    region.advance(3_000);
    assert!(region.describe(mine).is_empty());
}

#[test]
fn the_log_has_every_call_with_what_it_was_about() {
    let region = Region::new();
    let eni = region.create();
    region.attach(&eni.network_interface_id, 2);
    assert_eq!(region.code(deletion(&eni.network_interface_id)), "InvalidNetworkInterface.InUse");
    let calls = region.ec2.calls();
    let actions: Vec<Action> = calls.iter().map(|call| call.action).collect();
    let expected = [Action::CreateNetworkInterface, Action::AttachNetworkInterface, Action::DeleteNetworkInterface];
    assert_eq!(actions, expected);
    assert_eq!(calls[1].parameters["DeviceIndex"], "2");
    assert_eq!(calls[1].parameters["InstanceId"], region.node.id().as_str());
    assert_eq!(calls[2].outcome, Outcome::Refused("InvalidNetworkInterface.InUse".into()));
}

#[test]
fn the_metadata_have_an_attached_eni_after_their_delay() {
    let region = Region::new();
    let eni = region.create();
    region.attach(&eni.network_interface_id, 1);
    assert_eq!(region.node.enis().unwrap()[0].network_interface_id, eni.network_interface_id);
    assert_eq!(region.fabric.enis().unwrap().len(), 1);
    assert!(region.vpc.id().as_str().starts_with("vpc-"));
}
