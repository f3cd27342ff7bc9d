//! Two hundred storms, and how to have one of them again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use node::inventory::State;

use super::lines;
use super::pods::Wish;
use super::weather::{Declared, Weather};

/// How many storms there are, unless said: a number, or the first and the last as `200..300`.
const SEEDS: &str = "MULTI_ENI_STORM_SEEDS";
/// One storm alone, with the agent's log.
const SEED: &str = "MULTI_ENI_STORM_SEED";
/// A file that tests add a line to, for the one who runs them.
const SUMMARY: &str = "MULTI_ENI_TEST_SUMMARY";
/// After so many that fail, the others are not waited for.
const ENOUGH: usize = 5;
/// Where this is `true`, nobody is there who wants fewer for a reason.
const CI: &str = "CI";
/// How many there are then at least.
const LEAST: usize = 200;

/// The seeds that this run is to have, at least one of them.
fn chosen() -> Vec<u64> {
    let seeds = asked_for();
    assert!(!seeds.is_empty(), "{SEEDS} leaves no seed: nothing would be tested");
    let watched = std::env::var(CI).is_ok_and(|value| value == "true");
    assert!(!watched || seeds.len() >= LEAST, "{} seeds where {CI}=true asks for {LEAST}", seeds.len());
    seeds
}

fn asked_for() -> Vec<u64> {
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{SEEDS}, {SEED}: {text:?} is no number"));
    if let Ok(seed) = std::env::var(SEED) {
        return vec![number(&seed)];
    }
    let text = std::env::var(SEEDS).unwrap_or_else(|_| "200".to_string());
    match text.split_once("..") {
        Some((first, end)) => (number(first)..number(end)).collect(),
        None => (0..number(&text)).collect(),
    }
}

/// One storm, and what must be so after it.
async fn storm(weather: &mut Weather) {
    weather.rage().await;
    weather.calm().await;
    weather.settle("it converges").await;
    weather.judge();
    // And there is a way out of everything.
    if weather.rng.bool() {
        weather.pods.stop_all(&mut weather.world).await;
        for pool in std::mem::take(&mut weather.pools) {
            weather.world.withdraw(pool.name);
        }
        weather.settle("it ends").await;
        weather.judge();
    }
    weather.world.kill().await;
}

impl Weather {
    /// Waits until nothing is left to do.
    async fn settle(&self, what: &str) {
        let mut why = String::new();
        for _ in 0..360 {
            self.world.wait(60).await;
            why = self.unsettled();
            if why.is_empty() {
                return;
            }
        }
        panic!("{what} not within six hours: {why}\n{}", self.world);
    }

    /// What is not yet as it has to be.
    fn unsettled(&self) -> String {
        let mut why = String::new();
        let intents = self.world.store.intents::<crate::observe::Planned>().unwrap();
        if !intents.is_empty() {
            writeln!(why, "{} intents are left", intents.len()).unwrap();
        }
        let targets: BTreeMap<&str, u32> =
            self.pools.iter().map(|pool| (pool.name, pool.target(self.in_use(pool)))).collect();
        let wished: u32 = targets.values().sum();
        let entries: Vec<_> = self.world.entries().into_iter().filter(|entry| entry.pool.is_some()).collect();
        // One that was made, and for which the instance has no place, waits for one.
        let waits = |state| wished > self.room && matches!(state, State::Created | State::Detached);
        let is_right = |state| matches!(state, State::Ready | State::InUse) || waits(state);
        for entry in entries.iter().filter(|entry| !is_right(entry.state)) {
            writeln!(why, "{} is {}", entry.network_interface_id, entry.state).unwrap();
        }
        let mine = |eni: &ec2sim::EniFacts| {
            let filter = [
                (crate::tags::CLUSTER, "5f0c9a1e-cluster"),
                (crate::tags::INSTANCE, self.world.instance.id().as_str()),
            ];
            filter.iter().all(|(key, value)| eni.tags.get(*key).is_some_and(|found| found == value))
        };
        for eni in self.world.ours_in_ec2().iter().filter(|eni| mine(eni)) {
            let id = eni.network_interface_id.as_str();
            if !entries.iter().any(|entry| entry.network_interface_id.as_str() == id) {
                writeln!(why, "{id} is in EC2 and not on record").unwrap();
            }
        }
        let has: BTreeMap<&str, u32> =
            self.pools.iter().map(|pool| (pool.name, u32::try_from(self.has(pool.name).len()).unwrap())).collect();
        let all: u32 = has.values().sum();
        for (name, target) in &targets {
            let fits = if wished <= self.room { has[name] == *target } else { has[name] <= *target };
            if !fits {
                writeln!(why, "{name} has {} of {target}", has[name]).unwrap();
            }
        }
        if wished > self.room && all != self.room {
            writeln!(why, "{all} ENIs where {} fit and {wished} are wished", self.room).unwrap();
        }
        why
    }

    /// How many ENIs of a pool pods have, or addresses of.
    fn in_use(&self, pool: &Declared) -> u32 {
        match pool.wish {
            Wish::Whole => self.pods.running_in(pool.name),
            Wish::Address => {
                let uses = self.world.store.address_uses().unwrap();
                let used: BTreeSet<_> = uses.into_iter().map(|usage| usage.network_interface_id).collect();
                let of_pool = self.world.of_pool(pool.name);
                let used = of_pool.iter().filter(|entry| used.contains(&entry.network_interface_id));
                u32::try_from(used.count()).unwrap()
            }
        }
    }

    /// What must be so when nothing happens any more.
    fn judge(&self) {
        self.world.check();
        self.pods.check(&self.world);
        self.check_strangers();
        let faults = self.journal.faults();
        assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), self.world);
        for entry in self.world.entries().iter().filter(|entry| entry.pool.is_some() && entry.state.is_on_node()) {
            let enis = self.world.ec2.enis().unwrap();
            let id = entry.network_interface_id.as_str();
            let at =
                enis.iter().find(|eni| eni.network_interface_id.as_str() == id).and_then(|eni| eni.attachment.as_ref());
            assert!(at.is_some_and(|at| at.device_index == entry.device_index), "{id}\n{}", self.world);
        }
    }
}

/// Runs one seed; what went wrong, if anything did.
fn run(seed: u64) -> Result<usize, String> {
    lines::begin();
    let story = Mutex::new(String::new());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut weather = Weather::new(seed);
            let told = AssertUnwindSafe(storm(&mut weather));
            let outcome = futures_util::FutureExt::catch_unwind(told).await;
            *story.lock().unwrap() = weather.story();
            let calls = weather.world.ec2.calls().len();
            outcome.map(|()| calls).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }));
    let panics = lines::panics();
    let story = story.into_inner().unwrap();
    match outcome {
        Ok(calls) if panics.is_empty() => Ok(calls),
        Ok(_) | Err(_) => Err(format!("{}\nwhat happened:\n{story}{}", panics.join("\n"), lines::last())),
    }
}

#[test]
fn two_hundred_storms_end_well() {
    lines::listen(std::env::var(SEED).is_ok());
    let (seeds, started) = (chosen(), Instant::now());
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let (ran, calls) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::SeqCst)) {
                    match run(seed) {
                        Ok(made) => drop(calls.fetch_add(made, Ordering::SeqCst)),
                        Err(why) => drop(failures.lock().unwrap().insert(seed, why)),
                    }
                    ran.fetch_add(1, Ordering::SeqCst);
                    if failures.lock().unwrap().len() >= ENOUGH {
                        break;
                    }
                }
            });
        }
    });
    let (failures, ran, calls) = (failures.into_inner().unwrap(), ran.into_inner(), calls.into_inner());
    let words = format!(
        "storm: {ran} seeds, {} failed, {calls} calls of EC2, {:.0} s",
        failures.len(),
        started.elapsed().as_secs_f64()
    );
    println!("{words}");
    if let Some(path) = std::env::var_os(SUMMARY) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        std::io::Write::write_all(&mut file, format!("{words}\n").as_bytes()).unwrap();
    }
    for (seed, why) in &failures {
        println!(
            "\nseed {seed} failed; again with\n  {SEED}={seed} cargo nextest run -p multi-eni-agent storms\n{why}"
        );
    }
    let failed: Vec<_> = failures.keys().collect();
    assert!(failures.is_empty(), "seeds {failed:?} failed");
    assert_eq!(ran, seeds.len(), "all ran");
}

#[test]
fn the_same_seed_is_the_same_story() {
    let calls = |seed| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut weather = Weather::new(seed);
            weather.rage().await;
            weather.world.ec2.calls()
        })
    };
    assert!(calls(7) == calls(7));
}
