//! What a seed brings: a world, what happens to it, and calm at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use ec2sim::{Action, EniFacts, Lag, Outage, Subnet, Timing};
use node::names::EniId;
use tokio::time::sleep;

use super::faults;
use super::journal::Journal;
use super::plugin::{Plugin, Slow};
use super::pods::{Pods, Wish};
use super::strangers;
use crate::agent::tests::region::NODE;
use crate::agent::tests::world::World;

/// A type of instance, and how many interfaces its first network card takes.
const KINDS: [(&str, u32); 6] =
    [("m5.large", 3), ("m5.xlarge", 4), ("m5.4xlarge", 8), ("m5.24xlarge", 15), ("c6in.32xlarge", 8), ("t3.medium", 3)];

/// A pool as it is declared.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) name: &'static str,
    subnets: Vec<usize>,
    pub(super) min: Option<u32>,
    pub(super) max: Option<u32>,
    pub(super) warm: u32,
    pub(super) wish: Wish,
    most_free: bool,
    rest: String,
}

impl Declared {
    /// How many ENIs it has to have when so many pods have one, and there is room.
    pub(super) fn target(&self, in_use: u32) -> u32 {
        let least = if self.most_free { 1 } else { u32::try_from(self.subnets.len()).unwrap() };
        let min = self.min.unwrap_or(least);
        let max = self.max.or((self.warm == 0).then_some(min));
        let wished = match self.wish {
            Wish::Whole => min.max(in_use + self.warm),
            Wish::Address => min.max(self.warm),
        };
        max.map_or(wished, |max| wished.min(max)).max(in_use)
    }
}

/// A node in bad weather.
pub(super) struct Weather {
    pub(super) rng: fastrand::Rng,
    pub(super) world: World,
    pub(super) journal: Journal,
    pub(super) pods: Pods,
    pub(super) pools: Vec<Declared>,
    pub(super) room: u32,
    subnets: Vec<Subnet>,
    strangers: BTreeMap<String, EniFacts>,
    /// For a failure: what happened when.
    story: Vec<String>,
}

impl Weather {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (kind, interfaces) = rng.choice(KINDS).unwrap();
        let world = World::of_kind(seed, kind);
        let subnets = std::iter::once(world.subnet.clone())
            .chain((2..=3).map(|number| world.vpc.subnet(&format!("10.0.{number}.0/24")).create().unwrap()))
            .collect();
        let journal = Journal::between(&world.ec2, &world.machine);
        let (store, machine) = (world.store.clone(), world.machine.clone());
        let pods = Pods::new(Plugin { store, machine, journal: journal.clone() });
        let mut weather = Self {
            rng,
            world,
            journal,
            pods,
            pools: Vec::new(),
            room: interfaces - 1,
            subnets,
            strangers: BTreeMap::new(),
            story: vec![format!("an instance of type {kind}")],
        };
        weather.populate();
        weather.declare_pools();
        weather
    }

    pub(super) fn story(&self) -> String {
        self.story.iter().map(|line| format!("  {line}\n")).collect()
    }

    fn tell(&mut self, words: impl std::fmt::Display) {
        self.story.push(format!("{:?} {words}", self.world.ec2.now()));
    }

    /// ENIs of others, and some that an earlier life of this node has left behind.
    fn populate(&mut self) {
        let count = self.rng.u32(0..=6);
        for _ in 0..count {
            let subnet = self.rng.choice(&self.subnets).unwrap().clone();
            let (words, stranger) = strangers::arrive(&self.world, &subnet, &mut self.rng, self.room);
            self.tell(words);
            if let Some(eni) = stranger {
                self.strangers.insert(eni.network_interface_id.to_string(), eni);
            }
        }
        self.count_room();
    }

    fn count_room(&mut self) {
        let attached = self.world.instance.enis().unwrap();
        let of_others = attached.iter().filter(|eni| self.strangers.contains_key(eni.network_interface_id.as_str()));
        let limit = KINDS.iter().find(|(kind, _)| *kind == self.world.instance.facts().unwrap().instance_type);
        self.room = limit.unwrap().1 - 1 - u32::try_from(of_others.count()).unwrap();
    }

    fn declare_pools(&mut self) {
        let names = ["alpha", "beta", "gamma"];
        let count = self.rng.usize(1..=names.len());
        for name in names.into_iter().take(count) {
            let pool = self.any_pool(name, None);
            self.declare(pool);
        }
    }

    /// What a pool shares is what it was made with.
    fn any_pool(&mut self, name: &'static str, wish: Option<Wish>) -> Declared {
        let rng = &mut self.rng;
        let wish = wish.unwrap_or(if rng.u32(0..6) == 0 { Wish::Address } else { Wish::Whole });
        let mut subnets: Vec<usize> = (0..self.subnets.len()).collect();
        rng.shuffle(&mut subnets);
        subnets.truncate(rng.usize(1..=3));
        let max = rng.bool().then(|| rng.u32(0..=4));
        let most = max.unwrap_or(3);
        let min = rng.bool().then(|| rng.u32(0..=most.min(3)));
        let warm = if rng.bool() { 0 } else { rng.u32(0..=most.min(2)) };
        let most_free = rng.bool();
        let mut rest = format!("cooldownSeconds: {}\n", rng.choice([0, 1, 30, 120]).unwrap());
        let extras = [
            "sourceDestCheck: false",
            "deleteOnTermination: false",
            "mtu: 1500",
            "tags: {team: net}",
            "deviceIndex: 3",
            "description: of a storm",
        ];
        for extra in extras {
            if rng.u32(0..4) == 0 {
                rest.push_str(extra);
                rest.push('\n');
            }
        }
        match wish {
            Wish::Address => rest.push_str("sharing: shared\nsecondaryIPv4Addresses: 2\n"),
            Wish::Whole if rng.u32(0..4) == 0 => rest.push_str("secondaryIPv4Addresses: 1\n"),
            Wish::Whole => {}
        }
        Declared { name, subnets, min, max, warm, wish, most_free, rest }
    }

    fn declare(&mut self, pool: Declared) {
        let ids: Vec<String> = pool.subnets.iter().map(|&place| self.subnets[place].id().to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let number = |key: &str, value: Option<u32>| value.map(|n| format!("{key}: {n}\n")).unwrap_or_default();
        let choice = if pool.most_free { "subnetChoice: mostFree\n" } else { "" };
        let sizes = [number("min", pool.min), number("max", pool.max), number("warm", Some(pool.warm))].concat();
        self.world.declare_in(pool.name, &ids, &format!("{sizes}{choice}{}", pool.rest));
        self.tell(format_args!("declared {pool:?}"));
        self.pools.retain(|other| other.name != pool.name);
        self.pools.push(pool);
    }

    /// The whole storm.
    pub(super) async fn rage(&mut self) {
        self.world.start();
        let acts = self.rng.usize(25..=60);
        for _ in 0..acts {
            self.act().await;
            self.pass_time().await;
            let slow = self.slow();
            self.pods.tend(&mut self.world, slow).await;
            self.world.check();
            self.pods.check(&self.world);
        }
    }

    fn slow(&mut self) -> Slow {
        Slow(Duration::from_millis(self.rng.choice([0, 1, 50, 2000]).unwrap()))
    }

    async fn pass_time(&mut self) {
        // Also between two things that happen at the same time.
        for _ in 0..self.rng.u32(0..12) {
            tokio::task::yield_now().await;
        }
        let millis = match self.rng.u32(0..10) {
            0 => 0,
            1..=3 => self.rng.u64(1..400),
            4..=6 => self.rng.u64(400..6_000),
            7..=8 => self.rng.u64(6_000..90_000),
            _ => self.rng.u64(90_000..1_500_000),
        };
        sleep(Duration::from_millis(millis)).await;
    }

    async fn act(&mut self) {
        let what = self.rng.u32(0..100);
        match what {
            0..=24 => self.start_pod(),
            25..=36 => {
                let slow = self.slow();
                self.pods.stop(&mut self.rng, slow);
                self.tell("a pod ends");
            }
            37..=42 => {
                self.pods.die(&mut self.rng);
                self.tell("a pod dies");
            }
            43..=47 => {
                self.pods.kill_plugin(&mut self.rng);
                self.tell("a plugin is killed");
            }
            48..=64 => {
                let words = faults::order(&self.world.ec2, &mut self.rng);
                self.tell(words);
            }
            65..=78 => self.kill_agent().await,
            79..=80 => self.stop_agent().await,
            81..=84 => self.declare_otherwise(),
            85..=87 => self.turn_timing(),
            88..=90 => self.meddle(),
            91..=92 => self.outage(),
            93 => {
                self.world.ec2.heal();
                self.world.ec2.outage(Outage::No);
                self.world.ec2.renew(NODE);
                self.tell("EC2 is well again");
            }
            94 => {
                let gone = self.rng.bool();
                self.world.region.set_metadata_gone(gone);
                self.tell(format_args!("metadata gone: {gone}"));
            }
            95 => {
                let blind = self.rng.bool();
                self.world.machine.set_blind(blind);
                self.tell(format_args!("blind: {blind}"));
            }
            96 => {
                self.world.instance.announce("spot/instance-action", "{}").unwrap();
                self.tell("the instance is about to end");
            }
            97 => {
                self.world.instance.withdraw("spot/instance-action").unwrap();
                self.tell("the instance does not end");
            }
            98 => {
                self.world.ec2.expire(NODE);
                self.tell("the credentials expire");
            }
            _ => self.reboot().await,
        }
    }

    fn start_pod(&mut self) {
        let place = self.rng.usize(0..self.pools.len());
        let (name, wish) = (self.pools[place].name, self.pools[place].wish);
        let slow = self.slow();
        self.pods.start(name, wish, slow);
        self.tell(format_args!("a pod of {name}"));
    }

    async fn kill_agent(&mut self) {
        if self.world.is_running() {
            self.world.kill().await;
            self.tell("the agent is killed");
        }
        if self.rng.u32(0..4) > 0 {
            let pause = self.rng.choice([0, 0, 1, 500, 20_000]).unwrap();
            sleep(Duration::from_millis(pause)).await;
            self.world.start();
            self.tell("the agent starts");
        }
    }

    async fn stop_agent(&mut self) {
        if self.world.is_running() {
            self.world.stop().await;
            self.tell("the agent is told to end");
        }
        self.world.start();
    }

    fn declare_otherwise(&mut self) {
        let place = self.rng.usize(0..self.pools.len());
        let (name, wish) = (self.pools[place].name, self.pools[place].wish);
        if self.rng.u32(0..4) == 0 && self.pools.len() > 1 {
            self.world.withdraw(name);
            self.pools.remove(place);
            self.tell(format_args!("{name} is withdrawn"));
            return;
        }
        let pool = self.any_pool(name, Some(wish));
        self.declare(pool);
    }

    fn turn_timing(&mut self) {
        let mut seconds = |most: u64| Duration::from_millis(self.rng.u64(0..=most * 1000));
        let plug = seconds(20);
        let timing = Timing {
            available: seconds(5),
            visible: seconds(8),
            plug,
            attach: plug + seconds(20),
            unplug: seconds(5),
            detach: Duration::from_secs(5) + seconds(60),
            metadata: seconds(60),
            describe_lag: Lag::UpTo(seconds(90)),
            ..Timing::realistic()
        };
        self.world.ec2.set_timing(timing);
        self.tell(format_args!("{timing:?}"));
        let latency = Duration::from_millis(self.rng.u64(0..4000));
        self.world.region.set_latency(latency);
    }

    fn outage(&mut self) {
        let outage = self.rng.choice([Outage::Unreachable, Outage::Silent, Outage::Unavailable]).unwrap();
        self.world.ec2.outage(outage);
        self.tell(format_args!("{outage:?}"));
    }

    /// A daemon of the host, or somebody at the console.
    fn meddle(&mut self) {
        let entries: Vec<_> = self.world.entries().into_iter().filter(|entry| entry.pool.is_some()).collect();
        let Some(entry) = self.rng.choice(&entries) else { return };
        let what = self.rng.u32(0..5);
        let on_host = self.world.machine.find(entry.mac_address).is_some_and(|link| link.pod.is_none());
        if on_host {
            self.world.machine.meddle(entry.mac_address, |link| match what {
                0 => link.mtu = 1400,
                1 => link.name = "ens77".to_string(),
                2 => link.up = !link.up,
                3 => link.addresses.push("10.0.1.9/24".parse().unwrap()),
                _ => link.alias = None,
            });
        }
        let id = entry.network_interface_id.to_string();
        let words = strangers::drift(&self.world.ec2, &id, &mut self.rng);
        self.tell(words);
    }

    /// Nothing in `/run` outlives a boot, and the kernel names its links anew.
    async fn reboot(&mut self) {
        if self.world.is_running() {
            self.world.kill().await;
        }
        let macs: Vec<_> = self.world.entries().iter().map(|entry| (entry.mac_address, entry.device_index)).collect();
        self.pods.reboot();
        strangers::wipe(&self.world);
        for (mac, index) in macs {
            if self.world.machine.find(mac).is_some() {
                self.world.machine.meddle(mac, |link| {
                    (link.pod, link.alias, link.up) = (None, None, false);
                    link.name = format!("ens{}", 5 + index);
                    link.addresses.clear();
                });
            }
        }
        self.tell("the machine boots again");
        sleep(Duration::from_secs(30)).await;
        self.world.start();
    }

    /// All faults end.
    pub(super) async fn calm(&mut self) {
        let world = &mut self.world;
        world.ec2.heal();
        world.ec2.outage(Outage::No);
        world.ec2.renew(NODE);
        world.ec2.set_timing(Timing::realistic());
        world.region.set_latency(Duration::from_millis(150));
        world.region.set_metadata_gone(false);
        world.machine.set_blind(false);
        world.instance.withdraw("spot/instance-action").unwrap();
        if !world.is_running() {
            world.start();
        }
        self.tell("calm");
        self.pods.calm(&mut self.world).await;
        self.count_room();
    }

    /// The strangers are as they were, and nobody has tried otherwise.
    pub(super) fn check_strangers(&self) {
        let now = self.world.ec2.enis().unwrap();
        for (id, before) in &self.strangers {
            let after = now.iter().find(|eni| eni.network_interface_id.as_str() == id);
            assert_eq!(after, Some(before), "{}", self.world);
        }
        let reads = |action: Action| action.kind() == ec2sim::Kind::Read;
        for call in self.world.ec2.calls().iter().filter(|call| call.principal == NODE && !reads(call.action)) {
            let about = call.parameters.values().find(|value| self.strangers.contains_key(*value));
            assert!(about.is_none(), "{} of {about:?}, which is another's\n{}", call.action, self.world);
        }
    }

    /// How many ENIs each pool has that are fit for pods.
    pub(super) fn has(&self, pool: &str) -> Vec<EniId> {
        let fit = self.world.of_pool(pool).into_iter().filter(|entry| entry.state.is_on_node());
        fit.map(|entry| entry.network_interface_id).collect()
    }
}
