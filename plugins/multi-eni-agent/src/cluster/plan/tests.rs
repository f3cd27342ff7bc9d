use super::*;
use crate::cluster::memory::Learned;
use crate::cluster::original::Signs;
use crate::cluster::sweep::{Survey, instance_of};
use crate::cluster::world::{Node, World};
use crate::tags;
use ec2::{AttachmentStatus, InstanceAttachment, InstanceId, InstanceState, NetworkInterface, Slot, Status, Tags};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const GRACE: Duration = Duration::from_secs(300);

fn rules() -> Rules {
    Rules {
        cluster: "cluster-one".parse().unwrap(),
        gone_clusters: ["cluster-gone".parse().unwrap()].into(),
        grace: GRACE,
    }
}

fn now(seconds: u64) -> Now {
    Now { at: Duration::from_secs(seconds), wall: Timestamp::from_second(1_000_000).unwrap() }
}

fn instance(number: u8) -> InstanceId {
    format!("i-{number:017x}").parse().unwrap()
}

/// An ENI as EC2 may have it.
#[derive(Debug, Clone)]
struct Seen {
    number: u8,
    of: u8,
    cluster: &'static str,
    is_attached: bool,
    status: Status,
}

fn interface(seen: &Seen) -> NetworkInterface {
    let tags = [(tags::CLUSTER, seen.cluster.to_string()), (tags::INSTANCE, instance(seen.of).to_string())];
    let attachment = seen.is_attached.then(|| InstanceAttachment {
        id: "eni-attach-01234567".parse().unwrap(),
        instance: Some(instance(seen.of)),
        slot: Slot { network_card_index: 0, device_index: 1 },
        status: AttachmentStatus::Attached,
        delete_on_termination: false,
    });
    NetworkInterface {
        id: format!("eni-{:017x}", seen.number).parse().unwrap(),
        mac_address: format!("02:00:00:00:00:{:02x}", seen.number).parse().unwrap(),
        subnet: "subnet-01234567".parse().unwrap(),
        vpc: "vpc-01234567".parse().unwrap(),
        availability_zone: "eu-central-1a".to_string(),
        status: seen.status.clone(),
        security_groups: vec![],
        description: String::new(),
        ipv4: vec![],
        ipv6: vec![],
        source_dest_check: true,
        interface_type: "interface".to_string(),
        requester_managed: false,
        tags: tags.map(|(key, value)| (key.to_string(), value)).into_iter().collect::<Tags>(),
        attachment,
    }
}

fn world(living: &[u8]) -> World {
    let node = |number: &u8| {
        let node =
            Node { uid: number.to_string(), labels: std::iter::empty().collect(), instance: Some(instance(*number)) };
        (format!("node-{number}"), Arc::new(node))
    };
    World { nodes: living.iter().map(node).collect(), ..World::default() }
}

/// Looks at this once, and gives what the plan would delete.
fn look(memory: &mut Memory, world: &World, survey: Survey, at: u64) -> Vec<NetworkInterfaceId> {
    let rules = rules();
    memory.begins(&Action::Survey, world, now(at).at);
    memory.learns(&Action::Survey, Learned::Survey(survey), world, &rules, now(at).at);
    let deletions = plan(world, memory, &rules, now(at)).actions.into_iter().filter_map(|action| match action {
        Action::Delete(id) => Some(id),
        _ => None,
    });
    deletions.collect()
}

fn original_gone() -> Memory {
    let mut memory = Memory::default();
    memory.original.see(&Signs::default(), Duration::ZERO);
    memory
}

fn any_seen() -> impl Strategy<Value = Seen> {
    let clusters = prop_oneof![6 => Just("cluster-one"), 1 => Just("cluster-two"), 1 => Just("cluster-gone")];
    let statuses = prop_oneof![
        8 => Just(Status::Available), 1 => Just(Status::InUse), 1 => Just(Status::Attaching), 1 => Just(Status::Pending),
    ];
    (0..12_u8, 0..6_u8, clusters, prop::bool::weighted(0.2), statuses)
        .prop_map(|(number, of, cluster, is_attached, status)| Seen { number, of, cluster, is_attached, status })
}

/// What EC2 and the API server say at one moment.
#[derive(Debug, Clone)]
struct Moment {
    pause: u64,
    enis: BTreeMap<u8, Seen>,
    /// Instances that EC2 knows, and which of them are over.
    known: BTreeMap<u8, bool>,
    nodes: Vec<u8>,
}

fn any_moment() -> impl Strategy<Value = Moment> {
    let enis = prop::collection::vec(any_seen(), 0..12);
    let known = prop::collection::btree_map(0..6_u8, prop::bool::weighted(0.7), 0..4);
    (1..400_u64, enis, known, prop::collection::vec(0..6_u8, 0..2)).prop_map(|(pause, enis, known, nodes)| Moment {
        pause,
        enis: enis.into_iter().map(|seen| (seen.number, seen)).collect(),
        known,
        nodes,
    })
}

impl Moment {
    fn survey(&self) -> Survey {
        let state = |is_over: bool| if is_over { InstanceState::Terminated } else { InstanceState::Stopped };
        Survey {
            unattached: self.enis.values().map(interface).collect(),
            instances: self.known.iter().map(|(number, is_over)| (instance(*number), state(*is_over))).collect(),
        }
    }

    /// Whether an ENI has nobody here: what the rules say, in another way.
    fn has_nobody(&self, number: u8) -> bool {
        self.enis.get(&number).is_some_and(|seen| {
            let lives = self.nodes.contains(&seen.of) || self.known.get(&seen.of) == Some(&false);
            !lives && !seen.is_attached && seen.status == Status::Available && seen.cluster != "cluster-two"
        })
    }
}

proptest! {
    #[test]
    fn only_what_nobody_had_for_a_whole_grace_period_is_deleted(moments in prop::collection::vec(any_moment(), 1..12)) {
        let mut memory = original_gone();
        let mut at = 0;
        let mut seen: Vec<(u64, &Moment)> = Vec::new();
        for moment in &moments {
            at += moment.pause;
            seen.push((at, moment));
            for id in look(&mut memory, &world(&moment.nodes), moment.survey(), at) {
                let number = moment.enis.values().find(|seen| interface(seen).id == id).unwrap().number;
                let alone: Vec<u64> = seen.iter().rev().take_while(|(_, then)| then.has_nobody(number)).map(|(at, _)| *at).collect();
                prop_assert!(alone.len() >= 2 && at - alone.last().unwrap() >= GRACE.as_secs(), "{id} at {alone:?}");
                // The next look begins anew if it is there all the same.
                memory.sightings.forget(&id);
            }
        }
    }

    #[test]
    fn the_same_memory_and_world_are_the_same_plan(moment in any_moment(), at in 0..2000_u64) {
        let mut memory = original_gone();
        look(&mut memory, &world(&moment.nodes), moment.survey(), 1);
        let one = plan(&world(&moment.nodes), &mut memory.clone(), &rules(), now(at));
        let two = plan(&world(&moment.nodes), &mut memory.clone(), &rules(), now(at));
        prop_assert_eq!((one.actions, one.next), (two.actions, two.next));
    }
}

fn lone(number: u8) -> Seen {
    Seen { number, of: 1, cluster: "cluster-one", is_attached: false, status: Status::Available }
}

fn survey_of(seen: &[Seen]) -> Survey {
    Survey { unattached: seen.iter().map(interface).collect(), instances: BTreeMap::new() }
}

#[test]
fn what_was_seen_once_stays_and_what_was_seen_twice_goes() {
    let (mut memory, world) = (original_gone(), world(&[]));
    assert!(look(&mut memory, &world, survey_of(&[lone(1)]), 10).is_empty());
    assert!(look(&mut memory, &world, survey_of(&[lone(1)]), 309).is_empty());
    let gone = look(&mut memory, &world, survey_of(&[lone(1)]), 310);
    assert_eq!(gone, [interface(&lone(1)).id]);
}

#[test]
fn what_was_not_seen_in_between_begins_anew() {
    let (mut memory, world) = (original_gone(), world(&[]));
    look(&mut memory, &world, survey_of(&[lone(1)]), 10);
    look(&mut memory, &world, survey_of(&[]), 200);
    assert!(look(&mut memory, &world, survey_of(&[lone(1)]), 400).is_empty());
    assert_eq!(memory.sightings.len(), 1);
}

#[test]
fn an_instance_that_stopped_or_is_in_a_state_of_tomorrow_keeps_its_enis() {
    for state in [InstanceState::Stopped, InstanceState::Stopping, InstanceState::Other("hibernating".to_string())] {
        let (mut memory, world) = (original_gone(), world(&[]));
        let instances = [(instance(1), state)].into();
        let survey = Survey { instances, ..survey_of(&[lone(1)]) };
        look(&mut memory, &world, survey.clone(), 10);
        assert!(look(&mut memory, &world, survey, 2000).is_empty());
    }
}

#[test]
fn before_it_is_known_that_the_original_is_gone_nothing_is_asked_of_ec2() {
    let mut memory = Memory::default();
    let actions = plan(&world(&[]), &mut memory, &rules(), now(0)).actions;
    assert_eq!(actions, [Action::AskForOriginal]);
}

#[test]
fn what_is_under_way_is_not_begun_again_and_what_failed_after_a_pause_that_grows() {
    let (mut memory, world, rules) = (original_gone(), world(&[]), rules());
    let wants = |memory: &mut Memory, at: u64| plan(&world, memory, &rules, now(at)).actions.contains(&Action::Survey);
    assert!(wants(&mut memory, 0));
    memory.begins(&Action::Survey, &world, now(0).at);
    assert!(!wants(&mut memory, 5000));
    memory.learns(&Action::Survey, Learned::Failed("x".to_string()), &world, &rules, now(5000).at);
    assert!(!wants(&mut memory, 5001) && wants(&mut memory, 5002));
    memory.begins(&Action::Survey, &world, now(5002).at);
    memory.learns(&Action::Survey, Learned::Failed("x".to_string()), &world, &rules, now(6000).at);
    assert!(!wants(&mut memory, 6003) && wants(&mut memory, 6004));
}

/// An hour with an account that always has these ENIs and refuses to delete any: how often EC2 was asked, and how often for a deletion.
fn an_hour_of_refusals(memory: &mut Memory, seen: &[Seen]) -> (usize, usize) {
    let (world, rules) = (world(&[]), rules());
    let (mut surveys, mut deletions, mut at) = (0, 0, 0);
    while at < 7200 {
        let plan = plan(&world, memory, &rules, now(at));
        for action in plan.actions {
            memory.begins(&action, &world, now(at).at);
            let learned = match &action {
                Action::Survey => Learned::Survey(survey_of(seen)),
                Action::Delete(_) => Learned::Failed("DependencyViolation".to_string()),
                _ => Learned::Done,
            };
            // The first of the two hours is for pauses to grow.
            surveys += usize::from(at >= 3600 && action == Action::Survey);
            deletions += usize::from(at >= 3600 && matches!(action, Action::Delete(_)));
            memory.learns(&action, learned, &world, &rules, now(at).at);
        }
        at += 1;
    }
    (surveys, deletions)
}

#[test]
fn an_orphan_that_cannot_be_deleted_makes_no_more_looks_than_the_regular_ones() {
    let mut memory = original_gone();
    let (surveys, deletions) = an_hour_of_refusals(&mut memory, &[lone(1), lone(2)]);
    assert!((5..=8).contains(&surveys) && (10..=16).contains(&deletions), "{surveys} looks, {deletions} tries");
    // Another has deleted them.
    assert_eq!(memory.failures(), 2);
    look(&mut memory, &world(&[]), survey_of(&[]), 7300);
    assert_eq!(memory.failures(), 0);
}

#[test]
fn a_node_that_came_and_went_between_two_looks_is_looked_for() {
    let mut memory = original_gone();
    memory.begins(&Action::AskForOriginal, &world(&[]), now(0).at);
    memory.begins(&Action::Survey, &world(&[1]), now(0).at);
    memory.learns(&Action::Survey, Learned::Survey(Survey::default()), &world(&[1]), &rules(), now(0).at);
    let mut looks = |world: &World, at| plan(world, &mut memory, &rules(), now(at)).actions.contains(&Action::Survey);
    assert!(!looks(&world(&[1]), 100));
    assert!(!looks(&world(&[1, 2]), 110));
    assert!(looks(&world(&[1]), 120));
}

#[test]
fn an_interface_knows_its_instance_by_its_tag() {
    let mut eni = interface(&lone(1));
    assert_eq!(instance_of(&eni), Some(instance(1)));
    eni.tags.insert(tags::INSTANCE.to_string(), "somebody's text".to_string());
    assert_eq!(instance_of(&eni), None);
}
