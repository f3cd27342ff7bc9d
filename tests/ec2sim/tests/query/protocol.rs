//! Requests and documents.

use std::time::{Duration, Instant};

use ec2sim::{Action, AttachmentStatus, Outage, Timing};

use crate::client::Lab;

#[test]
fn an_eni_is_made_with_its_tags_and_described() {
    let lab = Lab::new();
    let parameters = "Action=CreateNetworkInterface&Description=a+%3Cb%3E&ClientToken=t&TagSpecification.1.ResourceType=network-interface&TagSpecification.1.Tag.1.Key=k%2F1&TagSpecification.1.Tag.1.Value=v";
    let answer = lab.post(&format!("{parameters}&SubnetId={}", lab.subnet.id())).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.text("description"), Some("a &lt;b&gt;"));
    assert!(answer.body.contains("<tagSet><item><key>k/1</key><value>v</value></item></tagSet>"), "{}", answer.body);
    let found = "Action=DescribeNetworkInterfaces&Filter.1.Name=tag%3Ak%2F1&Filter.1.Value.1=v";
    let found = lab.post(found).unwrap();
    assert_eq!(found.text("networkInterfaceId"), answer.text("networkInterfaceId"));
    assert_eq!(found.header("x-amzn-requestid"), found.text("requestId"));
    assert_eq!(lab.ec2.calls()[0].principal, "AKIANODE");
}

#[test]
fn a_refusal_is_an_error_document_with_the_requests_id() {
    let lab = Lab::new();
    let answer = lab.post("Action=DeleteNetworkInterface&NetworkInterfaceId=eni-00000000000000fff").unwrap();
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text("Code"), Some("InvalidNetworkInterfaceID.NotFound"));
    assert_eq!(answer.text("RequestID"), Some(lab.ec2.calls()[0].request_id.as_str()));
    assert_eq!(answer.header("x-amzn-requestid"), answer.text("RequestID"));
    let unknown = lab.post("Action=RunInstances").unwrap();
    assert_eq!(unknown.header("x-amzn-requestid"), unknown.text("RequestID"));
    assert_eq!(unknown.text("Code"), Some("InvalidAction"));
    let unreadable = lab.post("Action=AttachNetworkInterface&NetworkInterfaceId=eni-1&InstanceId=i-1&DeviceIndex=x");
    assert_eq!(unreadable.unwrap().text("Code"), Some("InvalidParameterValue"));
}

#[test]
fn a_lost_answer_is_a_connection_that_ends() {
    let lab = Lab::new();
    lab.ec2.at(Action::CreateNetworkInterface).times(1).loses_the_answer();
    let create = format!("Action=CreateNetworkInterface&SubnetId={}", lab.subnet.id());
    assert!(lab.post(&create).is_none());
    assert_eq!(lab.post(&create).unwrap().status, 200);
}

#[test]
fn out_of_reach_nothing_listens_and_afterwards_the_same_port_does() {
    let lab = Lab::new();
    let look = "Action=DescribeSubnets";
    assert_eq!(lab.post(look).unwrap().status, 200);
    lab.ec2.outage(Outage::Unreachable);
    until(|| lab.is_refused());
    lab.ec2.outage(Outage::No);
    until(|| !lab.is_refused());
    assert_eq!(lab.post(look).unwrap().status, 200);
}

/// The server hears of it in its own time.
fn until(happened: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !happened() {
        assert!(Instant::now() < limit);
        std::thread::yield_now();
    }
}

#[test]
fn what_is_due_happens_without_a_call() {
    let lab = Lab::new();
    lab.ec2.set_timing(Timing { attach: Duration::from_millis(50), ..Timing::instant() });
    let eni = lab.subnet.eni().create().unwrap();
    let attach = format!(
        "Action=AttachNetworkInterface&NetworkInterfaceId={}&InstanceId={}&DeviceIndex=1",
        eni.id(),
        lab.node.id()
    );
    assert_eq!(lab.post(&attach).unwrap().status, 200);
    until(|| lab.ec2.next_due().is_none());
    let attachment = eni.facts().unwrap().attachment.unwrap();
    assert_eq!(attachment.status, AttachmentStatus::Attached);
}
