//! TerminateInstances.

use std::time::Duration;

use ec2sim::request::TerminateInstances;
use ec2sim::{EniStatus, InstanceState, Request, Response, Timing};

use crate::region::Region;

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html>, "Termination behavior".
#[test]
fn what_is_marked_ends_with_its_instance_and_the_rest_is_left_available() {
    let region = Region::with(Timing { terminate: Duration::from_secs(20), ..Timing::instant() });
    let (marked, left) = (region.subnet.eni().create().unwrap(), region.subnet.eni().create().unwrap());
    marked.attach(&region.node).index(0).ends_with_instance().now().unwrap();
    left.attach(&region.node).index(1).now().unwrap();
    let request = TerminateInstances { instance_ids: vec![region.node.id().to_string()] };
    region.call(request.clone()).unwrap();
    let late = region.create().network_interface_id;
    assert_eq!(region.code(region.attachment(&late, 2)), "IncorrectState");
    assert_eq!(state(&region), InstanceState::ShuttingDown);
    region.advance(20_000);
    assert_eq!(state(&region), InstanceState::Terminated);
    assert_eq!(region.look(marked.id()), None);
    let seen = region.look(left.id()).unwrap();
    assert_eq!((seen.status, seen.attachment), (EniStatus::Available, None));
    region.call(request).unwrap();
}

fn state(region: &Region) -> InstanceState {
    let response = region.call(Request::DescribeInstances(ec2sim::request::Select::default())).unwrap();
    let Response::Instances { items, .. } = response else { panic!() };
    items[0].state
}
