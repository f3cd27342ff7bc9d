//! The real SDK against the simulated EC2, which keeps EC2's rules.

use crate::scripted::eni_id;
use ec2::{
    AttachmentStatus, Class, Client, Code, Creation, Force, InstanceId, InstanceState, Lifecycle, Limits, Metadata,
    Modification, Network, NetworkInterface, Options, Query, Rate, Selection, Slot, Status, SubnetId, Sweep, Tags,
};
use ec2sim::{Action, Ec2, Fabric, Imds, Instance, Outage, Outcome, Server, Subnet, Vpc};
use std::collections::BTreeSet;
use std::time::Duration;

const KEY: &str = "AKIANODE";
const CREDENTIALS: &str = r#"{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "AKIANODE", "SecretAccessKey": "s",
    "Token": "t", "LastUpdated": "2020-01-01T00:00:00Z", "Expiration": "2099-01-01T00:00:00Z"}"#;

/// A region on paper with one node, and a client that finds region, credentials and EC2 as an agent does.
struct Region {
    api: Ec2,
    vpc: Vpc,
    subnet: Subnet,
    group: String,
    node: Instance,
    client: Client,
    _servers: (Server, Imds),
    _fabric: Fabric,
}

fn at(device_index: u32) -> Slot {
    Slot { network_card_index: 0, device_index }
}

impl Region {
    fn new() -> Self {
        let limits = Limits {
            reads: Rate { per_second: 1000.0, burst: 1000.0 },
            writes: Rate { per_second: 1000.0, burst: 1000.0 },
            ..Limits::default()
        };
        Self::with(limits)
    }

    fn with(limits: Limits) -> Self {
        let fabric = Fabric::on_paper();
        let api = Ec2::of(&fabric);
        let vpc = fabric.vpc("10.0.0.0/16").ipv6("2001:db8::/56").create().unwrap();
        let subnet = vpc.subnet("10.0.0.0/20").ipv6("2001:db8::/64").tag("Name", "blue").create().unwrap();
        let group = vpc.security_group("web").tag("Name", "the web").create().unwrap().id;
        let node = fabric.instance().create().unwrap();
        subnet.eni().create().unwrap().attach(&node).index(0).now().unwrap();
        let imds = Imds::of(&node).credentials("node", CREDENTIALS).serve().unwrap();
        let server = api.server().serve().unwrap();
        let options =
            Options { ec2_endpoint: Some(server.url()), imds_endpoint: Some(imds.url()), limits, ..Options::default() };
        let client = Client::connect(options).unwrap();
        Self { api, vpc, subnet, group, node, client, _servers: (server, imds), _fabric: fabric }
    }

    fn subnet(&self) -> SubnetId {
        self.subnet.id().to_string().parse().unwrap()
    }

    fn node(&self) -> InstanceId {
        self.node.id().to_string().parse().unwrap()
    }

    fn creation(&self, token: &str) -> Creation {
        Creation {
            client_token: token.into(),
            subnet: self.subnet(),
            security_groups: vec![self.group.parse().unwrap()],
            description: "of a test".into(),
            secondary_ipv4_count: 2,
            ipv6_count: 1,
            tags: Tags::from([("cluster".into(), "one".into()), ("Name".into(), token.into())]),
        }
    }

    async fn create(&self, token: &str) -> NetworkInterface {
        self.client.create(&self.creation(token)).await.unwrap()
    }

    async fn described(&self, eni: &NetworkInterface) -> NetworkInterface {
        self.client.by_id(std::slice::from_ref(&eni.id)).await.unwrap().remove(0)
    }

    fn calls(&self, action: Action) -> usize {
        self.api.calls_of(action).len()
    }
}

#[tokio::test]
async fn an_eni_lives_and_dies_in_one_call_for_each_step() {
    let region = Region::new();
    let ec2 = &region.client;
    let eni = region.create("a").await;
    assert_eq!((eni.ipv4.len(), eni.ipv6.len(), eni.tags["cluster"].as_str()), (3, 1, "one"));
    assert_eq!(eni.ipv4.iter().filter(|address| address.primary).count(), 1);
    assert_eq!((region.described(&eni).await.status, eni.subnet.clone()), (Status::Available, region.subnet()));

    let attachment = ec2.attach(&eni.id, &region.node(), at(1)).await.unwrap();
    let there = ec2.attached_to(&region.node()).await.unwrap();
    assert_eq!(there.len(), 2);
    let found = there.iter().find(|other| other.id == eni.id).and_then(|eni| eni.attachment.as_ref()).unwrap();
    assert_eq!((found.id.clone(), found.slot, found.status), (attachment.clone(), at(1), AttachmentStatus::Attached));
    assert!(!found.delete_on_termination);

    let other = region.vpc.security_group("other").create().unwrap().id;
    for change in [
        Modification::DeleteOnTermination { attachment: attachment.clone(), value: true },
        Modification::SourceDestCheck(false),
        Modification::SecurityGroups(vec![other.parse().unwrap()]),
        Modification::Description("changed".into()),
    ] {
        ec2.modify(&eni.id, &change).await.unwrap();
    }
    ec2.tag(&eni.id, &Tags::from([("late".into(), "tag".into())])).await.unwrap();
    let ipv4 = ec2.assign_ipv4(&eni.id, 2).await.unwrap();
    let ipv6 = ec2.assign_ipv6(&eni.id, 1).await.unwrap();
    let changed = region.described(&eni).await;
    assert!(changed.attachment.as_ref().unwrap().delete_on_termination && !changed.source_dest_check);
    assert_eq!((changed.security_groups[0].as_str(), changed.description.as_str()), (other.as_str(), "changed"));
    assert_eq!((changed.tags.len(), changed.ipv4.len(), changed.ipv6.len()), (3, 5, 2));

    ec2.unassign_ipv4(&eni.id, &ipv4).await.unwrap();
    ec2.unassign_ipv6(&eni.id, &ipv6).await.unwrap();
    ec2.detach(&eni.id, &attachment, Force::No).await.unwrap();
    ec2.delete(&eni.id).await.unwrap();
    assert!(ec2.by_id(std::slice::from_ref(&eni.id)).await.unwrap().is_empty());
    let error = ec2.delete(&eni.id).await.unwrap_err();
    assert_eq!((&error.code, error.class), (&Code::NetworkInterfaceIdNotFound, Class::NotFound));
    assert_eq!(error.request_id.as_ref(), region.api.calls().last().map(|call| &call.request_id));

    assert_eq!(region.calls(Action::ModifyNetworkInterfaceAttribute), 4);
    for once in [Action::CreateNetworkInterface, Action::AttachNetworkInterface, Action::DetachNetworkInterface] {
        assert_eq!(region.calls(once), 1);
    }
}

#[tokio::test]
async fn the_same_creation_is_one_eni_and_another_with_its_token_is_refused() {
    let region = Region::new();
    assert_eq!(region.create("a").await.id, region.create("a").await.id);
    let other = Creation { description: "another".into(), ..region.creation("a") };
    assert_eq!(region.client.create(&other).await.unwrap_err().code, Code::IdempotentParameterMismatch);
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_still_one_eni() {
    let region = Region::new();
    region.api.at(Action::CreateNetworkInterface).times(2).loses_the_answer();
    let eni = region.create("a").await;
    let made = region.client.tagged(&Tags::from([("cluster".into(), "one".into())])).await.unwrap();
    assert_eq!(made.iter().map(|eni| &eni.id).collect::<Vec<_>>(), [&eni.id]);
    assert_eq!(region.calls(Action::CreateNetworkInterface), 3);
}

#[tokio::test]
async fn an_attach_whose_answer_is_lost_is_not_asked_again_and_may_have_been_done() {
    let region = Region::new();
    let eni = region.create("a").await;
    region.api.at(Action::AttachNetworkInterface).times(1).loses_the_answer();
    let error = region.client.attach(&eni.id, &region.node(), at(1)).await.unwrap_err();
    assert!(error.may_have_happened(), "{error}");
    assert_eq!(region.calls(Action::AttachNetworkInterface), 1);
    assert_eq!(region.described(&eni).await.attachment.unwrap().slot, at(1));
}

#[tokio::test]
async fn every_second_call_throttled_costs_time_and_no_more() {
    let region = Region::new();
    region.api.at_all().every(2).throttles();
    let eni = region.create("a").await;
    let attachment = region.client.attach(&eni.id, &region.node(), at(1)).await.unwrap();
    let change = Modification::DeleteOnTermination { attachment, value: true };
    region.client.modify(&eni.id, &change).await.unwrap();
    let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused(code) if code == "RequestLimitExceeded");
    let calls = region.api.calls();
    assert!(calls.iter().any(|call| refused(&call.outcome)));
    assert_eq!(calls.iter().filter(|call| call.took_effect()).count(), 3);
}

#[tokio::test]
async fn a_silent_ec2_costs_the_deadline_and_nothing_after_it() {
    let limits = Limits {
        read_attempt: Duration::from_millis(200),
        read_total: Duration::from_millis(500),
        write_attempt: Duration::from_millis(200),
        write_total: Duration::from_millis(500),
        ..Limits::default()
    };
    let region = Region::with(limits);
    region.client.attached_to(&region.node()).await.unwrap();
    region.api.outage(Outage::Silent);
    assert_eq!(region.client.attached_to(&region.node()).await.unwrap_err().code, Code::Timeout);
    assert_eq!(region.client.create(&region.creation("a")).await.unwrap_err().code, Code::Timeout);
    region.api.outage(Outage::Unreachable);
    let error = region.client.delete(&eni_id(1)).await.unwrap_err();
    assert_eq!((error.code, error.class), (Code::Unreachable, Class::Transient));
    region.api.outage(Outage::No);
    region.client.attached_to(&region.node()).await.unwrap();
}

#[tokio::test]
async fn ec2_1_a_taken_slot_is_known_as_such_and_the_next_one_gets_the_same_eni() {
    let region = Region::new();
    let (first, second) = (region.create("a").await, region.create("b").await);
    region.client.attach(&first.id, &region.node(), at(1)).await.unwrap();
    let error = region.client.attach(&second.id, &region.node(), at(1)).await.unwrap_err();
    assert!(error.is_slot_taken());
    assert_eq!(error.subject.slot, Some(at(1)));
    region.client.attach(&second.id, &region.node(), at(2)).await.unwrap();
    let error = region.client.attach(&second.id, &region.node(), at(3)).await.unwrap_err();
    assert_eq!((error.class, error.is_slot_taken()), (Class::InUse, false), "{error}");
    // An m5.xlarge takes four: the primary one, these two, and one more.
    let third = region.create("c").await;
    region.client.attach(&third.id, &region.node(), at(3)).await.unwrap();
    let fourth = region.create("d").await;
    let error = region.client.attach(&fourth.id, &region.node(), at(4)).await.unwrap_err();
    assert_eq!((error.code, error.class), (Code::AttachmentLimitExceeded, Class::Limit));
    assert_eq!(error.subject.eni, Some(fourth.id));
}

#[tokio::test]
async fn ec2_5_a_full_subnet_is_named() {
    let region = Region::new();
    let small = region.vpc.subnet("10.0.128.0/28").create().unwrap();
    let into = |token: &str| Creation {
        subnet: small.id().to_string().parse().unwrap(),
        ipv6_count: 0,
        secondary_ipv4_count: 9,
        ..region.creation(token)
    };
    region.client.create(&into("a")).await.unwrap();
    let error = region.client.create(&into("b")).await.unwrap_err();
    assert_eq!(error.class, Class::Capacity);
    let start = format!("CreateNetworkInterface: InsufficientFreeAddressesInSubnet ({}", small.id());
    assert!(error.to_string().starts_with(&start), "{error}");
}

#[tokio::test]
async fn what_the_policy_does_not_allow_is_denied() {
    let region = Region::new();
    let policy = r#"{"Version": "2012-10-17", "Statement": [
        {"Sid": "Look", "Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}]}"#;
    region.api.set_policy(&policy.parse().unwrap());
    region.client.attached_to(&region.node()).await.unwrap();
    let error = region.client.create(&region.creation("a")).await.unwrap_err();
    assert_eq!((error.code, error.class), (Code::UnauthorizedOperation, Class::Denied));
    assert_eq!(region.calls(Action::CreateNetworkInterface), 1);
}

#[tokio::test]
async fn credentials_that_expire_are_denied_until_they_are_good_again() {
    let region = Region::new();
    region.client.attached_to(&region.node()).await.unwrap();
    region.api.expire(KEY);
    let error = region.client.attached_to(&region.node()).await.unwrap_err();
    assert_eq!(error.class, Class::Denied, "{error}");
    assert!(error.code.is_of_old_credentials());
    region.api.renew(KEY);
    region.client.attached_to(&region.node()).await.unwrap();
}

#[tokio::test]
async fn more_than_a_page_is_read_whole() {
    let region = Region::new();
    for _ in 0..1100 {
        region.subnet.eni().tag("cluster", "one").create().unwrap();
    }
    let found = region.client.tagged(&Tags::from([("cluster".into(), "one".into())])).await.unwrap();
    assert_eq!(found.iter().map(|eni| &eni.id).collect::<BTreeSet<_>>().len(), 1100);
    assert_eq!(region.calls(Action::DescribeNetworkInterfaces), 2);
    let ids: Vec<_> = found.into_iter().map(|eni| eni.id).collect();
    assert_eq!(region.client.by_id(&ids).await.unwrap().len(), 1100);
}

#[tokio::test]
async fn an_id_that_ec2_does_not_know_is_left_out() {
    let region = Region::new();
    let eni = region.create("a").await;
    let found = region.client.by_id(&[eni_id(1), eni.id.clone()]).await.unwrap();
    assert_eq!(found.into_iter().map(|eni| eni.id).collect::<Vec<_>>(), [eni.id]);
}

#[tokio::test]
async fn what_is_attached_to_nothing_is_found_by_its_tags_alone() {
    let region = Region::new();
    let (free, attached) = (region.create("free").await, region.create("attached").await);
    region.client.attach(&attached.id, &region.node(), at(1)).await.unwrap();
    region.subnet.eni().tag("cluster", "two").create().unwrap();
    let found = region.client.unattached(&Tags::from([("cluster".into(), "one".into())])).await.unwrap();
    assert_eq!(found.into_iter().map(|eni| eni.id).collect::<Vec<_>>(), [free.id]);
}

#[tokio::test]
async fn an_instance_that_ec2_does_not_know_hides_no_other_one() {
    let region = Region::new();
    let unknown = "i-00000000000000001".parse().unwrap();
    let ids = [unknown, region.node()];
    let states = region.client.instance_states(&ids).await.unwrap();
    assert_eq!(states.into_iter().collect::<Vec<_>>(), [(region.node(), InstanceState::Running)]);
    let end = ec2sim::request::TerminateInstances { instance_ids: vec![region.node().to_string()] };
    region.api.call("ADMIN", end).outcome.unwrap();
    let states = region.client.instance_states(&ids).await.unwrap();
    assert!(states[&region.node()].is_over());
}

#[tokio::test]
async fn subnets_and_groups_are_found_by_id_and_by_name_and_types_by_theirs() {
    let region = Region::new();
    let green = region.vpc.subnet("10.0.64.0/20").tag("Name", "green").create().unwrap();
    let select = |ids: &[&str], names: &[&str]| Selection {
        ids: ids.iter().map(ToString::to_string).collect(),
        names: names.iter().map(ToString::to_string).collect(),
        vpc: None,
    };
    let found = region.client.subnets(&select(&[&region.subnet(), "no-subnet"], &["green", "red"])).await.unwrap();
    let ids: BTreeSet<_> = found.iter().map(|subnet| subnet.id.to_string()).collect();
    assert_eq!(ids, BTreeSet::from([region.subnet().to_string(), green.id().to_string()]));
    for name in ["web", "the web"] {
        let found = region.client.security_groups(&select(&[], &[name])).await.unwrap();
        assert_eq!(found.iter().map(|group| group.id.as_str()).collect::<Vec<_>>(), [region.group.as_str()]);
    }
    let odd = region.vpc.subnet("10.0.80.0/20").tag("Name", r"g?e*n\").create().unwrap();
    let found = region.client.subnets(&select(&[], &[r"g?e*n\"])).await.unwrap();
    assert_eq!(found.iter().map(|subnet| subnet.id.to_string()).collect::<Vec<_>>(), [odd.id().to_string()]);
    assert!(region.client.subnets(&select(&[], &["g*"])).await.unwrap().is_empty(), "no wildcard");
    let limits = region.client.instance_type("m5.xlarge").await.unwrap();
    assert_eq!((limits.interfaces, limits.ipv4_per_interface, limits.cards.len()), (4, 15, 1));
    assert_eq!(region.client.instance_type("m5.tiny").await.unwrap_err().class, Class::NotFound);
}

#[tokio::test]
async fn region_and_instance_are_those_of_the_metadata_service() {
    let region = Region::new();
    let instance = region.client.instance().await.unwrap();
    assert_eq!((instance.id, instance.instance_type.as_str()), (region.node(), "m5.xlarge"));
    assert_eq!(region.client.interfaces().await.unwrap().len(), 1);
    assert!(!region.client.leaving().await.unwrap());
}
