//! Faults to order.

use std::time::Duration;

use ec2sim::request::Select;
use ec2sim::{Action, Delivery, Outage, Outcome, Request};

use crate::region::{NODE, Region};

fn look() -> Request {
    Request::DescribeNetworkInterfaces(Select::default())
}

#[test]
fn every_second_call_the_third_call_and_twice() {
    let region = Region::new();
    region.ec2.at(Action::DescribeNetworkInterfaces).every(2).throttles();
    let refused: Vec<bool> = (0..6).map(|_| region.call(look()).is_err()).collect();
    assert_eq!(refused, [false, true, false, true, false, true]);
    region.ec2.heal();
    region.ec2.at(Action::DescribeNetworkInterfaces).nth(3).is_broken();
    region.ec2.at_all().of("other").refuses("AuthFailure");
    let refused: Vec<bool> = (0..4).map(|_| region.call(look()).is_err()).collect();
    assert_eq!(refused, [false, false, true, false]);
    region.ec2.heal();
    region.ec2.at_all().times(2).refuses("ExpiredToken");
    let codes: Vec<_> = (0..3).map(|_| region.call(look()).err().map(|no| no.code.into_owned())).collect();
    assert_eq!(codes, [Some("ExpiredToken".to_owned()), Some("ExpiredToken".to_owned()), None]);
}

#[test]
fn a_chance_is_the_same_for_the_same_seed() {
    let story = |seed: u64| {
        let region = Region::new();
        region.ec2.set_seed(seed);
        region.ec2.at_all().percent(30).is_unavailable();
        (0..200).map(|_| region.call(look()).is_err()).collect::<Vec<bool>>()
    };
    assert_eq!(story(7), story(7));
    assert_ne!(story(7), story(8));
    let struck = story(7).iter().filter(|struck| **struck).count();
    assert!((30..=90).contains(&struck), "{struck}");
}

#[test]
fn a_lost_answer_is_done_and_a_dropped_request_is_not() {
    let region = Region::new();
    region.ec2.at(Action::CreateNetworkInterface).nth(1).loses_the_answer();
    region.ec2.at(Action::CreateNetworkInterface).nth(1).drops();
    assert_eq!(region.ec2.call(NODE, region.creation()).delivery, Delivery::Dropped);
    assert_eq!(region.fabric.enis().unwrap().len(), 1);
    let reply = region.ec2.call(NODE, region.creation());
    assert_eq!((reply.delivery, reply.outcome.is_err()), (Delivery::Dropped, true));
    assert_eq!(region.fabric.enis().unwrap().len(), 1);
    let outcomes: Vec<Outcome> = region.ec2.take_calls().into_iter().map(|call| call.outcome).collect();
    assert_eq!(outcomes, [Outcome::DoneAnswerLost, Outcome::Lost]);
}

#[test]
fn slow_silent_and_stale() {
    let region = Region::new();
    region.advance(60_000);
    region.create();
    region.ec2.at_all().nth(1).is_slow(Duration::from_secs(7));
    assert_eq!(region.ec2.call(NODE, look()).delivery, Delivery::After(Duration::from_secs(7)));
    region.ec2.heal();
    region.ec2.at_all().nth(1).hangs();
    assert_eq!(region.ec2.call(NODE, look()).delivery, Delivery::Never);
    region.ec2.heal();
    region.ec2.at(Action::DescribeNetworkInterfaces).nth(1).is_stale(Duration::from_secs(5));
    region.advance(4_000);
    assert!(region.describe(Select::default()).is_empty());
    assert_eq!(region.describe(Select::default()).len(), 1);
}

#[test]
fn an_outage_is_for_all_until_it_is_over() {
    let region = Region::new();
    region.ec2.outage(Outage::Unreachable);
    assert_eq!(region.ec2.call(NODE, region.creation()).delivery, Delivery::Dropped);
    region.ec2.outage(Outage::Silent);
    assert_eq!(region.ec2.call(NODE, region.creation()).delivery, Delivery::Never);
    region.ec2.outage(Outage::Unavailable);
    assert_eq!(region.code(region.creation()), "Unavailable");
    region.ec2.outage(Outage::No);
    region.create();
    assert_eq!(region.fabric.enis().unwrap().len(), 1);
}

#[test]
fn credentials_expire_and_are_renewed() {
    let region = Region::new();
    region.ec2.expire(NODE);
    assert_eq!(region.code(look()), "RequestExpired");
    assert!(region.ec2.call("another", look()).outcome.is_ok());
    region.ec2.renew(NODE);
    assert!(region.call(look()).is_ok());
}
