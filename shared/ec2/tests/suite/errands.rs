//! Deadlines, repetitions, pages and caches, in virtual time.

use crate::scripted::{Scripted, Then, creation, eni_id};
use ec2::{
    Action, Class, Code, Lifecycle, Limits, Memory, Modification, Network, Query, Rate, SecurityGroup, Selection, Slot,
    Subnet, Sweep,
};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

const SLOT: Slot = Slot { network_card_index: 0, device_index: 1 };

fn instance() -> ec2::InstanceId {
    "i-0123456789abcdef0".parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_throttled_is_sent_again_after_a_pause() {
    let endpoint = Scripted::of([Then::Refuses(Code::RequestLimitExceeded), Then::Refuses(Code::Ec2Throttled)]);
    let (ec2, seen) = endpoint.limited(Limits::default());
    ec2.attach(&eni_id(1), &instance(), SLOT).await.unwrap();
    let asked = endpoint.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked[1].at > asked[0].at && asked[2].at > asked[1].at);
    let outcomes: Vec<_> = seen.called.lock().unwrap().iter().map(|(_, outcome)| *outcome).collect();
    assert_eq!(outcomes, [Err(Class::Throttled), Err(Class::Throttled), Ok(())]);
    assert!(!seen.throttled.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_done_is_sent_again_only_if_that_does_no_harm() {
    for action in [Action::CreateNetworkInterface, Action::AttachNetworkInterface] {
        for fault in [Then::Hangs, Then::Refuses(Code::InternalError)] {
            let endpoint = Scripted::of([fault]);
            let (ec2, _) = endpoint.limited(Limits::default());
            let answer = match action {
                Action::CreateNetworkInterface => ec2.create(&creation()).await.map(|_| ()),
                _ => ec2.attach(&eni_id(1), &instance(), SLOT).await.map(|_| ()),
            };
            assert_eq!(answer.is_ok(), action.is_idempotent(), "{action}");
            assert_eq!(endpoint.asked().len(), if action.is_idempotent() { 2 } else { 1 });
            if let Err(error) = answer {
                assert!(error.may_have_happened() && error.subject.slot == Some(SLOT));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_a_lost_answer_does_not_say_that_nothing_was_done() {
    for code in [Code::UnauthorizedOperation, Code::NetworkInterfaceLimitExceeded, Code::GroupNotFound] {
        for (lost, may_have_happened) in [(Then::Hangs, true), (Then::Refuses(Code::RequestLimitExceeded), false)] {
            let scripted = Scripted::of([lost, Then::Refuses(code.clone())]);
            let (cloud, _) = scripted.limited(Limits::default());
            let error = cloud.delete(&eni_id(1)).await.unwrap_err();
            assert_eq!((error.code.clone(), error.may_have_happened()), (code.clone(), may_have_happened), "{error}");
        }
    }
    let (hangs, throttles) = (Then::Hangs, Then::Refuses(Code::RequestLimitExceeded));
    let scripted = Scripted::of([hangs].into_iter().chain(std::iter::repeat_n(throttles, 20)));
    let error = scripted.limited(Limits::default()).0.delete(&eni_id(1)).await.unwrap_err();
    assert_eq!((error.class, error.may_have_happened()), (Class::Throttled, true));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_is_not_asked_again_and_says_what_it_is_about() {
    let endpoint = Scripted::of([Then::Refuses(Code::InsufficientFreeAddressesInSubnet)]);
    let (ec2, _) = endpoint.limited(Limits::default());
    let error = ec2.create(&creation()).await.unwrap_err();
    assert_eq!((error.class, endpoint.asked().len()), (Class::Capacity, 1));
    let expected = "CreateNetworkInterface: InsufficientFreeAddressesInSubnet (subnet-01234567, sg-01234567)";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_errand_ends_within_its_deadline_whatever_happens() {
    let limits = Limits::default();
    for fault in [Then::Hangs, Then::Refuses(Code::RequestLimitExceeded), Then::Refuses(Code::ServiceUnavailable)] {
        let endpoint = Scripted::of(vec![fault; 1000]);
        let (ec2, _) = endpoint.limited(limits.clone());
        for _ in 0..50 {
            let start = Instant::now();
            let error = ec2.attached_to(&instance()).await.unwrap_err();
            assert!(start.elapsed() <= limits.read_total + Duration::from_millis(2), "{error}");
            assert!(matches!(error.class, Class::Throttled | Class::Transient), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ec2_5_a_subnet_that_is_full_costs_one_call_for_each_time_it_is_asked() {
    let endpoint = Scripted::of(vec![Then::Refuses(Code::InsufficientFreeAddressesInSubnet); 10]);
    let (ec2, _) = endpoint.limited(Limits::default());
    for _ in 0..10 {
        assert!(ec2.create(&creation()).await.is_err());
    }
    assert_eq!(endpoint.asked().len(), 10);
    // The bucket of those that change things does not hold up those that look.
    ec2.attached_to(&instance()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn reads_and_writes_have_a_bucket_each() {
    let limits = Limits { writes: Rate { per_second: 0.1, burst: 1.0 }, ..Limits::default() };
    let (ec2, _) = Scripted::default().limited(limits);
    let change = Modification::SourceDestCheck(false);
    ec2.modify(&eni_id(1), &change).await.unwrap();
    let start = Instant::now();
    ec2.attached_to(&instance()).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    ec2.modify(&eni_id(1), &change).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(9));
}

#[tokio::test(start_paused = true)]
async fn all_pages_are_read_and_a_lost_one_is_asked_again() {
    let endpoint =
        Scripted::of([Then::AnswersInPart, Then::AnswersInPart, Then::Refuses(Code::InternalError), Then::Answers]);
    let (ec2, _) = endpoint.limited(Limits::default());
    let enis = ec2.attached_to(&instance()).await.unwrap();
    assert_eq!(enis.len(), 3);
    let pages: Vec<_> = endpoint.asked().into_iter().map(|asked| asked.what.concat()).collect();
    assert_eq!(pages, ["", "page 1", "page 2", "page 2"]);
}

#[tokio::test(start_paused = true)]
async fn pages_that_go_round_in_circles_end() {
    let endpoint = Scripted::of(vec![Then::AnswersInPart; 2000]);
    let limits = Limits { reads: Rate { per_second: 1e6, burst: 1e6 }, ..Limits::default() };
    let (ec2, _) = endpoint.limited(limits);
    let error = ec2.attached_to(&instance()).await.unwrap_err();
    assert_eq!((error.code, endpoint.asked().len()), (Code::BadAnswer, 1000));
}

#[tokio::test(start_paused = true)]
async fn many_ids_are_asked_for_in_parts() {
    let endpoint = Scripted::default();
    let (ec2, _) = endpoint.limited(Limits::default());
    let ids: Vec<_> = (0..450).map(eni_id).collect();
    ec2.by_id(&ids).await.unwrap();
    assert_eq!(endpoint.asked().len(), 3);
    assert!(ec2.by_id(&[]).await.unwrap().is_empty());
    assert_eq!(endpoint.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn many_instances_are_asked_for_in_parts_and_each_part_is_read_whole() {
    let endpoint = Scripted::of([Then::AnswersInPart, Then::Refuses(Code::RequestLimitExceeded)]);
    let (ec2, _) = endpoint.limited(Limits::default());
    let ids: Vec<ec2::InstanceId> = (0..450).map(|number| format!("i-{number:017x}").parse().unwrap()).collect();
    assert_eq!(ec2.instance_states(&ids).await.unwrap().len(), 450);
    let pages: Vec<_> = endpoint.asked().into_iter().map(|asked| asked.what.concat()).collect();
    assert_eq!(pages, ["", "page 1", "page 1", "", ""]);
    assert!(ec2.instance_states(&[]).await.unwrap().is_empty());
    assert_eq!(endpoint.asked().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_part_of_the_instances_that_is_not_answered_is_no_answer_for_the_others() {
    let endpoint = Scripted::of([Then::Answers, Then::Refuses(Code::UnauthorizedOperation)]);
    let (ec2, _) = endpoint.limited(Limits::default());
    let ids: Vec<ec2::InstanceId> = (0..250).map(|number| format!("i-{number:017x}").parse().unwrap()).collect();
    assert_eq!(ec2.instance_states(&ids).await.unwrap_err().class, Class::Denied);
}

fn subnet(number: u32, name: &str) -> Subnet {
    Subnet {
        id: format!("subnet-{number:08x}").parse().unwrap(),
        name: Some(name.into()),
        vpc: "vpc-01234567".parse().unwrap(),
        availability_zone: "eu-central-1a".into(),
        ipv4_cidr: None,
        ipv6_cidrs: vec![],
        available_ipv4: 10,
    }
}

fn selection(ids: &[&str], names: &[&str]) -> Selection {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    Selection { ids: texts(ids), names: texts(names), vpc: None }
}

#[tokio::test(start_paused = true)]
async fn ids_and_names_are_joined_and_what_is_known_is_not_asked_again() {
    let subnets = vec![subnet(1, "blue"), subnet(2, "green"), subnet(3, "green")];
    let endpoint = Scripted::with_subnets(subnets);
    let (ec2, _) = endpoint.limited(Limits::default());
    let found = ec2.subnets(&selection(&["subnet-00000001"], &["green", "red"])).await.unwrap();
    let ids: Vec<_> = found.iter().map(|subnet| subnet.id.to_string()).collect();
    assert_eq!(ids, ["subnet-00000001", "subnet-00000002", "subnet-00000003"]);
    assert_eq!(endpoint.asked().len(), 2);

    // The same again, and that there is no red one, are known; blue by its name is not.
    assert_eq!(ec2.subnets(&selection(&["subnet-00000001"], &["green"])).await.unwrap().len(), 3);
    assert!(ec2.subnets(&selection(&[], &["red"])).await.unwrap().is_empty());
    assert_eq!(endpoint.asked().len(), 2);
    assert_eq!(ec2.subnets(&selection(&[], &["blue", "green"])).await.unwrap().len(), 3);
    assert_eq!(endpoint.asked()[2].what, ["blue"]);

    // That there is none is believed for a shorter while.
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(ec2.subnets(&selection(&[], &["red", "green"])).await.unwrap().len(), 2);
    assert_eq!(endpoint.asked()[3].what, ["red"]);
    tokio::time::advance(Duration::from_secs(300)).await;
    ec2.subnets(&selection(&[], &["green"])).await.unwrap();
    assert_eq!(endpoint.asked().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_security_groups_name_is_its_own_or_its_tag() {
    let group = |number: u32, name: &str, tag: Option<&str>| SecurityGroup {
        id: format!("sg-{number:08x}").parse().unwrap(),
        name: name.into(),
        tag_name: tag.map(str::to_string),
        vpc: "vpc-01234567".parse().unwrap(),
    };
    let groups = vec![group(1, "web", None), group(2, "other", Some("web")), group(3, "else", None)];
    let endpoint = Scripted::with_groups(groups);
    let (ec2, _) = endpoint.limited(Limits::default());
    let found = ec2.security_groups(&selection(&[], &["web"])).await.unwrap();
    assert_eq!(found.iter().map(|group| group.id.as_str()).collect::<Vec<_>>(), ["sg-00000001", "sg-00000002"]);
    assert_eq!(endpoint.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_the_same_at_once_asks_ec2_once() {
    let endpoint = Scripted::with_subnets(vec![subnet(1, "blue")]);
    let (ec2, _) = endpoint.limited(Limits::default());
    let select = selection(&[], &["blue"]);
    let (one, two, three) = tokio::join!(ec2.subnets(&select), ec2.subnets(&select), ec2.subnets(&select));
    assert_eq!(one.unwrap().len() + two.unwrap().len() + three.unwrap().len(), 3);
    assert_eq!(endpoint.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_known_is_had_at_once_while_others_wait_for_ec2() {
    let endpoint = Scripted::with_subnets(vec![subnet(1, "blue")]);
    let (ec2, _) = endpoint.limited(Limits::default());
    ec2.subnets(&selection(&[], &["blue"])).await.unwrap();
    ec2.instance_type("m5.xlarge").await.unwrap();
    (0..100).for_each(|_| endpoint.then(Then::Hangs));
    let start = Instant::now();
    let (blue, red, xlarge, tiny) = (selection(&[], &["blue"]), selection(&[], &["red"]), "m5.xlarge", "m5.tiny");
    let known = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(ec2.subnets(&blue).await.unwrap().len(), 1);
        ec2.instance_type(xlarge).await.unwrap();
        start.elapsed()
    };
    let (red, tiny, known) = tokio::join!(ec2.subnets(&red), ec2.instance_type(tiny), known);
    assert!(red.is_err() && tiny.is_err() && known < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_anothers_question_has_a_deadline_too() {
    let endpoint = Scripted::of(vec![Then::Hangs; 100]);
    let limits = Limits::default();
    let (ec2, _) = endpoint.limited(limits.clone());
    let select = selection(&[], &["blue"]);
    let start = Instant::now();
    let (one, two, three) = tokio::join!(ec2.subnets(&select), ec2.subnets(&select), ec2.instance_type("m5.xlarge"));
    for error in [one.unwrap_err(), two.unwrap_err(), three.unwrap_err()] {
        assert_eq!(error.code, Code::Timeout);
    }
    assert!(start.elapsed() <= limits.read_total + Duration::from_millis(2));
}

#[tokio::test(start_paused = true)]
async fn a_failed_lookup_is_not_taken_for_an_answer() {
    let endpoint = Scripted::with_subnets(vec![subnet(1, "blue")]);
    endpoint.then(Then::Refuses(Code::UnauthorizedOperation));
    let (ec2, _) = endpoint.limited(Limits::default());
    let select = selection(&[], &["blue"]);
    assert_eq!(ec2.subnets(&select).await.unwrap_err().class, Class::Denied);
    assert_eq!(ec2.subnets(&select).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_subnet_is_looked_at_again() {
    let subnets = vec![subnet(0x0123_4567, "blue"), subnet(2, "green")];
    let endpoint = Scripted::with_subnets(subnets);
    let (ec2, _) = endpoint.limited(Limits::default());
    ec2.subnets(&selection(&[], &["blue", "green"])).await.unwrap();
    endpoint.then(Then::Refuses(Code::InsufficientFreeAddressesInSubnet));
    ec2.create(&creation()).await.unwrap_err();
    ec2.subnets(&selection(&[], &["blue", "green"])).await.unwrap();
    assert_eq!(endpoint.asked().last().unwrap().what, ["blue"]);
}

#[tokio::test(start_paused = true)]
async fn limits_of_a_type_are_asked_for_once_also_if_there_is_no_such_type() {
    let endpoint = Scripted::default();
    let (ec2, _) = endpoint.limited(Limits::default());
    for _ in 0..3 {
        assert_eq!(ec2.instance_type("m5.xlarge").await.unwrap().interfaces, 4);
        let error = ec2.instance_type("m5.tiny").await.unwrap_err();
        assert_eq!((error.class, error.subject.name.as_deref()), (Class::NotFound, Some("m5.tiny")));
    }
    assert_eq!(endpoint.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cache_holds_no_more_than_it_may() {
    let facts = Memory { found: Duration::from_secs(300), missing: Duration::from_secs(300), entries: 3 };
    let endpoint = Scripted::default();
    let (ec2, _) = endpoint.limited(Limits { facts, ..Limits::default() });
    for name in ["a", "b", "c", "d", "d", "c", "b", "a"] {
        ec2.subnets(&selection(&[], &[name])).await.unwrap();
    }
    assert_eq!(endpoint.asked().len(), 5);
}
