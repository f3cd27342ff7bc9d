use std::collections::{BTreeMap, BTreeSet};

use ec2::{AttachmentStatus, InstanceAttachment, Ipv4, NetworkInterface, Slot, Status};
use node::inventory::{Entry, State};
use node::names::EniId;
use node::record::Owner;

use super::{Known, Learned, Scope, learn};
use crate::declared::Pool;
use crate::kernel::HostLink;
use crate::plan::tests::{NOW, creation, eni_id, entry, identity, interface, link, mac, owner, pool, subnet};
use crate::tags::Identity;

/// What is known beside EC2's answer; by default the kernel shows nothing, and the metadata neither.
struct World {
    identity: Identity,
    pools: Vec<Pool>,
    subnets: Vec<ec2::Subnet>,
    metadata: Option<Vec<ec2::MetadataInterface>>,
    links: Option<Vec<HostLink>>,
    held: BTreeMap<EniId, Owner>,
}

fn world() -> World {
    World {
        identity: identity(),
        pools: vec![pool("data", 1)],
        subnets: Vec::new(),
        metadata: Some(Vec::new()),
        links: Some(Vec::new()),
        held: BTreeMap::new(),
    }
}

impl World {
    fn learn(&self, entries: &[Entry], answer: &[NetworkInterface], scope: &Scope, now: u64) -> Learned {
        let known = Known {
            identity: &self.identity,
            pools: &self.pools,
            subnets: &self.subnets,
            metadata: self.metadata.as_deref(),
            links: self.links.as_deref(),
            held: &self.held,
            orphan_grace: 300,
        };
        learn(entries, &[], answer, scope, &known, now)
    }

    /// The entry after one answer, and whether it is forgotten.
    fn after(&self, entry: &Entry, answer: &[NetworkInterface], scope: &Scope, now: u64) -> Option<Entry> {
        let learned = self.learn(std::slice::from_ref(entry), answer, scope, now);
        if !learned.forget.is_empty() {
            return None;
        }
        Some(learned.write.into_iter().next().unwrap_or_else(|| entry.clone()))
    }
}

fn ids(number: u32) -> Scope {
    Scope::Ids(BTreeSet::from([eni_id(number)]))
}

/// As EC2 has it, on no instance.
fn available(number: u32) -> NetworkInterface {
    let data = pool("data", 1);
    NetworkInterface {
        id: eni_id(number).as_str().parse().unwrap(),
        mac_address: mac(number).to_string().parse().unwrap(),
        subnet: "subnet-0000000a".parse().unwrap(),
        vpc: "vpc-0000000a".parse().unwrap(),
        availability_zone: "eu-central-1a".to_string(),
        status: Status::Available,
        security_groups: vec!["sg-0000000a".parse().unwrap()],
        description: String::new(),
        ipv4: vec![Ipv4 { address: std::net::Ipv4Addr::from(0x0a00_0100 + number), primary: true }],
        ipv6: Vec::new(),
        source_dest_check: true,
        interface_type: "interface".to_string(),
        requester_managed: false,
        tags: identity().tags(&data.name, "token", &data.tags),
        attachment: None,
    }
}

/// As EC2 has it on an instance.
fn attached_to(number: u32, instance: &str, status: AttachmentStatus) -> NetworkInterface {
    let attachment = InstanceAttachment {
        id: format!("eni-attach-{number:017x}").parse().unwrap(),
        instance: Some(instance.parse().unwrap()),
        slot: Slot { network_card_index: 0, device_index: number },
        status,
        delete_on_termination: true,
    };
    NetworkInterface { status: Status::InUse, attachment: Some(attachment), ..available(number) }
}

fn attached(number: u32) -> NetworkInterface {
    attached_to(number, &identity().instance, AttachmentStatus::Attached)
}

#[test]
fn what_is_as_it_was_is_not_written_again() {
    let ready = entry(&pool("data", 1), 1, State::Ready);
    assert_eq!(world().learn(&[ready], &[attached(1)], &Scope::Attached, NOW), Learned::default());
}

#[test]
fn lea_1_an_attachment_that_ec2_does_not_show_yet_is_not_taken_for_lost() {
    for state in [State::Attaching, State::Attached, State::Ready, State::InUse, State::Cooling] {
        let mut eni = entry(&pool("data", 1), 1, state);
        eni.upkeep.since = NOW - 5;
        for answer in [vec![], vec![available(1)]] {
            let after = world().after(&eni, &answer, &ids(1), NOW).unwrap();
            assert_eq!(after.state, state, "{answer:?}");
        }
    }
}

#[test]
fn an_attachment_that_is_gone_everywhere_for_the_grace_period_is_believed_gone() {
    let ready = entry(&pool("data", 1), 1, State::Ready);
    let first = world().after(&ready, &[available(1)], &ids(1), NOW).unwrap();
    assert_eq!((first.state, first.upkeep.unattached_since), (State::Ready, Some(NOW)));
    let soon = world().after(&first, &[available(1)], &ids(1), NOW + 299).unwrap();
    assert_eq!(soon.state, State::Ready);
    let late = world().after(&soon, &[available(1)], &ids(1), NOW + 300).unwrap();
    assert_eq!(late.state, State::Detached);
}

#[test]
fn what_the_kernel_the_metadata_or_a_record_still_shows_is_not_gone() {
    let ready = entry(&pool("data", 1), 1, State::Ready);
    let mut first = ready.clone();
    first.upkeep.unattached_since = Some(NOW - 1000);
    let mut worlds = [world(), world(), world(), world(), world()];
    worlds[0].links = Some(vec![link(&ready)]);
    worlds[1].metadata = Some(vec![interface(&ready)]);
    worlds[2].held.insert(eni_id(1), owner("c1"));
    worlds[3].links = None;
    worlds[4].metadata = None;
    for world in worlds {
        assert_eq!(world.after(&first, &[available(1)], &ids(1), NOW).unwrap().state, State::Ready);
    }
}

#[test]
fn imd_3_an_eni_is_dropped_after_three_looks_that_nothing_contradicts() {
    let mut eni = entry(&pool("data", 1), 1, State::Ready);
    for (look, now) in [(1, NOW), (1, NOW + 1), (2, NOW + 10)] {
        eni = world().after(&eni, &[], &Scope::Tagged, now).unwrap();
        assert_eq!(eni.upkeep.unseen, look);
    }
    let mut held = world();
    held.held.insert(eni_id(1), owner("c1"));
    assert!(held.after(&eni, &[], &Scope::Tagged, NOW + 20).is_some());
    assert!(world().after(&eni, &[], &Scope::Tagged, NOW + 20).is_none());
    let seen = world().after(&eni, &[attached(1)], &Scope::Tagged, NOW + 20).unwrap();
    assert_eq!(seen.upkeep.unseen, 0);
}

#[test]
fn a_detachment_ends_when_ec2_says_available() {
    let detaching = entry(&pool("data", 1), 1, State::Detaching);
    let still = attached_to(1, &identity().instance, AttachmentStatus::Detaching);
    assert_eq!(world().after(&detaching, &[still], &ids(1), NOW).unwrap().state, State::Detaching);
    assert_eq!(world().after(&detaching, &[available(1)], &ids(1), NOW).unwrap().state, State::Detached);
}

#[test]
fn an_answer_from_before_the_detachment_brings_nothing_back() {
    for state in [State::Detached, State::Deleting, State::Detaching] {
        let mut eni = entry(&pool("data", 1), 1, state);
        eni.upkeep.since = NOW - 5;
        assert_eq!(world().after(&eni, &[attached(1)], &ids(1), NOW).unwrap().state, state);
    }
}

#[test]
fn a_creation_whose_attachment_was_asked_for_by_a_dead_agent_goes_on_where_ec2_is() {
    let mut attaching = entry(&pool("data", 1), 1, State::Attaching);
    attaching.upkeep.attachment_id = None;
    let never = world().after(&attaching, &[available(1)], &ids(1), NOW).unwrap();
    assert_eq!(never.state, State::Created);
    let asked = world().after(&attaching, &[attached(1)], &ids(1), NOW).unwrap();
    assert_eq!(asked.state, State::Attached);
    assert_eq!(asked.upkeep.attachment_id.as_deref(), Some("eni-attach-00000000000000001"));
}

#[test]
fn ours_without_a_record_is_taken_in_and_waits_for_a_second_look() {
    let learned = world().learn(&[], &[available(1), attached(2)], &Scope::Tagged, NOW);
    let states: Vec<_> = learned.write.iter().map(|entry| (entry.state, entry.upkeep.found)).collect();
    assert_eq!(states, [(State::Created, true), (State::Attached, false)]);
    let first = &learned.write[0];
    assert!(world().after(first, &[available(1)], &ids(1), NOW + 10).unwrap().upkeep.found);
    assert!(!world().after(first, &[available(1)], &ids(1), NOW + 300).unwrap().upkeep.found);
}

#[test]
fn lea_2_what_is_just_being_made_here_is_not_taken_for_an_orphan() {
    let data = pool("data", 1);
    let world = world();
    let known = Known {
        identity: &world.identity,
        pools: &world.pools,
        subnets: &[],
        metadata: None,
        links: None,
        held: &world.held,
        orphan_grace: 300,
    };
    let learned = learn(&[], &[creation(&data, "token")], &[available(1)], &Scope::Tagged, &known, NOW);
    assert_eq!(learned, Learned::default());
}

#[test]
fn strangers_on_the_instance_are_known_and_those_elsewhere_are_not() {
    let stranger = |number| NetworkInterface { tags: ec2::Tags::new(), ..attached(number) };
    let elsewhere = NetworkInterface {
        tags: ec2::Tags::new(),
        ..attached_to(2, "i-0aaaaaaaaaaaaaaaa", AttachmentStatus::Attached)
    };
    let mut world = world();
    let seen = HostLink { name: "ens7".to_string(), ..link(&entry(&pool("data", 1), 1, State::Ready)) };
    world.links = Some(vec![seen]);
    let learned = world.learn(&[], &[stranger(1), elsewhere], &Scope::Attached, NOW);
    let known: Vec<_> = learned.write.iter().map(|entry| (entry.host_name.as_str(), entry.pool.clone())).collect();
    assert_eq!(known, [("ens7", None)]);
}

#[test]
fn an_eni_that_somebody_took_to_another_instance_is_forgotten_unless_it_is_here() {
    let ready = entry(&pool("data", 1), 1, State::Ready);
    let elsewhere = attached_to(1, "i-0aaaaaaaaaaaaaaaa", AttachmentStatus::Attached);
    assert!(world().after(&ready, std::slice::from_ref(&elsewhere), &ids(1), NOW).is_none());
    let mut worlds = [world(), world(), world()];
    worlds[0].links = Some(vec![link(&ready)]);
    worlds[1].links = None;
    worlds[2].metadata = Some(vec![interface(&ready)]);
    for here in worlds {
        assert!(here.after(&ready, std::slice::from_ref(&elsewhere), &ids(1), NOW).is_some());
    }
}

#[test]
fn adr_3_addresses_follow_ec2_but_not_an_answer_older_than_our_change() {
    let mut eni = entry(&pool("data", 1), 1, State::Ready);
    eni.ipv4_addresses.push(node::inventory::Ipv4Address { address: "10.0.1.77".parse().unwrap(), primary: false });
    let lost = world().after(&eni, &[attached(1)], &ids(1), NOW).unwrap();
    assert_eq!(lost.ipv4_addresses.len(), 1);
    eni.upkeep.addresses_changed_at = NOW - 5;
    let fresh = world().after(&eni, &[attached(1)], &ids(1), NOW).unwrap();
    assert_eq!(fresh.ipv4_addresses.len(), 2);
}

#[test]
fn an_entry_without_its_subnets_cidrs_gets_them_when_they_are_known() {
    let whole = entry(&pool("data", 1), 1, State::Ready);
    let mut lacking = whole.clone();
    lacking.subnet.ipv4_cidr = None;
    let mut world = world();
    assert_eq!(world.after(&lacking, &[attached(1)], &ids(1), NOW).unwrap().subnet.ipv4_cidr, None);
    world.subnets = vec![subnet(&whole.subnet.id, "eu-central-1a", 9)];
    assert_eq!(world.after(&lacking, &[attached(1)], &ids(1), NOW).unwrap().subnet, whole.subnet);
}
