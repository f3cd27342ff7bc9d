//! Whatever is called in whatever order, by a seed: what must always hold does, and the same seed is the same story.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ec2sim::request::{
    AssignPrivateIpAddresses, CreateNetworkInterface, Select, TerminateInstances, UnassignPrivateIpAddresses,
};
use ec2sim::{Call, EniId, Hardware, Instance, Lag, Nic, Request, Response, Timing};

use crate::region::{NODE, Region, deletion, detachment};

const SEEDS: u64 = 40;
const CALLS: u32 = 300;

/// The NICs that the machines have.
#[derive(Default)]
struct Slots(Mutex<BTreeSet<EniId>>);

impl Hardware for Slots {
    fn plug(&self, nic: &Nic) {
        assert!(self.0.lock().unwrap().insert(nic.eni.network_interface_id.clone()), "{nic:?}");
    }

    fn renamed(&self, nic: &Nic) {
        assert!(self.0.lock().unwrap().contains(&nic.eni.network_interface_id), "{nic:?}");
    }

    fn unplug(&self, nic: &Nic) {
        assert!(self.0.lock().unwrap().remove(&nic.eni.network_interface_id), "{nic:?}");
    }
}

/// Knuth's generator for 64 bits.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap() % sides
    }
}

struct Story {
    region: Region,
    nodes: Vec<Instance>,
    slots: Arc<Slots>,
    dice: Dice,
}

impl Story {
    fn new(seed: u64) -> Self {
        let region = Region::new();
        let slots = Arc::new(Slots::default());
        region.ec2.set_hardware(slots.clone());
        region.ec2.set_seed(seed);
        let mut dice = Dice(seed);
        let mut delay = |most: u32| Duration::from_millis(dice.below(most).into());
        region.ec2.set_timing(Timing {
            available: delay(500),
            visible: delay(500),
            plug: delay(2_000),
            rename: delay(500),
            attach: delay(3_000),
            unplug: delay(2_000),
            detach: delay(5_000),
            terminate: delay(9_000),
            metadata: delay(2_000),
            describe_lag: Lag::UpTo(delay(3_000)),
        });
        region.ec2.at_all().percent(5).loses_the_answer();
        region.ec2.at_all().percent(5).is_broken();
        let nodes = (0..3).map(|_| region.fabric.instance().create().unwrap()).collect();
        Self { region, nodes, slots, dice }
    }

    fn eni(&mut self) -> Option<ec2sim::EniFacts> {
        let enis = self.region.ec2.enis().unwrap();
        (!enis.is_empty()).then(|| enis[self.dice.below(u32::try_from(enis.len()).unwrap()) as usize].clone())
    }

    fn step(&mut self) {
        let kind = self.dice.below(20);
        let picked = self.eni();
        let request: Option<Request> = match (kind, picked) {
            (0..=4, _) | (_, None) => {
                let secondary_private_ip_address_count = Some(self.dice.below(3));
                Some(CreateNetworkInterface { secondary_private_ip_address_count, ..self.region.creation() }.into())
            }
            (5..=9, Some(eni)) => {
                let mut attach = self.region.attachment(&eni.network_interface_id, self.dice.below(4));
                attach.instance_id = self.nodes[self.dice.below(3) as usize].id().to_string();
                Some(attach.into())
            }
            (10..=12, Some(eni)) => eni.attachment.map(|at| detachment(at.attachment_id.as_str()).into()),
            (13..=14, Some(eni)) => Some(deletion(&eni.network_interface_id).into()),
            (15..=16, Some(eni)) => Some(
                AssignPrivateIpAddresses {
                    network_interface_id: eni.network_interface_id.to_string(),
                    secondary_private_ip_address_count: Some(self.dice.below(6)),
                    ..AssignPrivateIpAddresses::default()
                }
                .into(),
            ),
            (17, Some(eni)) => Some(
                UnassignPrivateIpAddresses {
                    network_interface_id: eni.network_interface_id.to_string(),
                    private_ip_addresses: eni.secondaries,
                }
                .into(),
            ),
            (18, Some(_)) => Some(Request::DescribeNetworkInterfaces(Select::default())),
            (_, Some(_)) if self.dice.below(20) == 0 => {
                let instance_ids = vec![self.nodes[self.dice.below(3) as usize].id().to_string()];
                Some(TerminateInstances { instance_ids }.into())
            }
            (_, Some(_)) => None,
        };
        if let Some(request) = request {
            self.region.ec2.call(NODE, request);
        }
        let pause = self.dice.below(1_500);
        self.region.advance(pause.into());
    }

    fn check(&self, seed: u64) {
        let enis = self.region.ec2.enis().unwrap();
        let addresses: Vec<_> = enis.iter().flat_map(|eni| eni.ipv4().collect::<Vec<_>>()).collect();
        let different: BTreeSet<_> = addresses.iter().collect();
        assert_eq!(addresses.len(), different.len(), "seed {seed}: an address is two ENIs'");
        let slots: Vec<_> = enis.iter().filter_map(|eni| eni.attachment.as_ref()).collect();
        let places: BTreeSet<_> = slots.iter().map(|at| (&at.instance_id, at.network_card, at.device_index)).collect();
        assert_eq!(slots.len(), places.len(), "seed {seed}: a slot is two ENIs'");
        for node in &self.nodes {
            assert!(node.enis().unwrap().len() <= 4, "seed {seed}: more than the type takes");
        }
        assert_eq!(self.free(), 251 - u32::try_from(addresses.len()).unwrap(), "seed {seed}: free addresses");
    }

    fn free(&self) -> u32 {
        // An order of the story must not strike what looks at it.
        let reply = loop {
            let reply = self.region.ec2.call(NODE, Request::DescribeSubnets(Select::default()));
            if reply.outcome.is_ok() {
                break reply;
            }
        };
        let Ok(Response::Subnets { items, .. }) = reply.outcome else { panic!() };
        items[0].available_ip_address_count
    }

    /// When nothing is to come, the machines have what is attached.
    fn rest(&self, seed: u64) {
        self.region.advance(60_000);
        assert_eq!(self.region.ec2.next_due(), None);
        let enis = self.region.ec2.enis().unwrap();
        let attached = enis.into_iter().filter(|eni| eni.attachment.is_some()).map(|eni| eni.network_interface_id);
        assert_eq!(*self.slots.0.lock().unwrap(), attached.collect::<BTreeSet<EniId>>(), "seed {seed}");
    }
}

fn story(seed: u64) -> Vec<Call> {
    let mut story = Story::new(seed);
    for _ in 0..CALLS {
        story.step();
        story.check(seed);
    }
    story.rest(seed);
    story.region.ec2.take_calls()
}

#[test]
fn whatever_is_called_addresses_and_slots_are_one_enis_and_machines_have_what_is_attached() {
    for seed in 0..SEEDS {
        story(seed);
    }
}

#[test]
fn the_same_seed_is_the_same_story() {
    assert_eq!(story(7), story(7));
}
