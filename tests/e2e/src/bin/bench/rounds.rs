//! Rounds of ADD and DEL of every kind, one ENI, the kinds in every order equally often.
//!
//! Most of what is measured is a wait for the kernel's grace periods, which come at their own pace. What asks for one right
//! after another has ended waits longer than what comes at any moment, as pods do; so every measurement starts after a
//! pause that has nothing to do with what ran before it. Without, the floor would be slower than the plugins, whose start
//! is such a pause.

use std::thread;
use std::time::{Duration, Instant};

use crate::floor::Floor;
use crate::program::{Program, answer, run};
use crate::site::Site;

/// Milliseconds of each round.
#[derive(Debug, Default, Clone)]
pub(crate) struct Times {
    pub(crate) add: Vec<f64>,
    pub(crate) del: Vec<f64>,
}

/// The kinds, index by index of the same rounds.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    pub(crate) floor: Times,
    pub(crate) ours: Times,
    pub(crate) host_device: Times,
}

/// The first rounds fill caches and are not counted.
const WARM_UP: usize = 6;

/// Every order of the three kinds, so that each follows each of the others equally often.
const ORDERS: [[Kind; 3]; 6] = {
    use Kind::{Floor, HostDevice, Ours};
    [
        [Floor, Ours, HostDevice],
        [Ours, HostDevice, Floor],
        [HostDevice, Floor, Ours],
        [Ours, Floor, HostDevice],
        [HostDevice, Ours, Floor],
        [Floor, HostDevice, Ours],
    ]
};

#[derive(Debug, Clone, Copy)]
enum Kind {
    Floor,
    Ours,
    HostDevice,
}

pub(crate) fn measure(count: usize) -> Rounds {
    let site = Site::with_enis(1);
    let ours = Program::ours(&site, 0);
    let host_device = Program::host_device(&site, 0);
    let pod = site.pods[0].path().to_path_buf();
    site.lab.host.run(move || {
        let floor = Floor::open(0, &pod);
        let (mut rounds, mut pauses) = (Rounds::default(), Pauses::default());
        for (round, order) in ORDERS.iter().cycle().take(WARM_UP + count).enumerate() {
            if round == WARM_UP {
                rounds = Rounds::default();
            }
            for kind in order {
                floor.tidy();
                match kind {
                    Kind::Floor => {
                        let add = pauses.before(|| floor.add()).1;
                        rounds.floor.push(add, pauses.before(|| floor.del()).1);
                    }
                    Kind::Ours => rounds.ours.pair(&ours, &mut pauses),
                    Kind::HostDevice => rounds.host_device.pair(&host_device, &mut pauses),
                }
            }
        }
        rounds
    })
}

impl Times {
    fn pair(&mut self, program: &Program, pauses: &mut Pauses) {
        let [add, del] = ["ADD", "DEL"].map(|verb| {
            let command = program.command(verb);
            let (child, time) = pauses.before(|| run(command));
            answer(child);
            time
        });
        self.push(add, del);
    }

    fn push(&mut self, add: f64, del: f64) {
        self.add.push(add);
        self.del.push(del);
    }
}

/// Pauses of 0 to 20 ms, the same ones in every run.
#[derive(Debug, Default)]
pub(crate) struct Pauses(u64);

impl Pauses {
    /// Milliseconds of what comes after a pause.
    pub(crate) fn before<T>(&mut self, work: impl FnOnce() -> T) -> (T, f64) {
        // Knuth's linear congruential generator; its upper bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        thread::sleep(Duration::from_micros((self.0 >> 33) % 20_000));
        timed(work)
    }
}

/// Milliseconds.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let value = work();
    (value, milliseconds(start.elapsed()))
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
