//! Rounds of ADD and DEL of every kind, one ENI, the kinds in another order each time.

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
const WARM_UP: usize = 5;

pub(crate) fn measure(count: usize) -> Rounds {
    let site = Site::with_enis(1);
    let ours = Program::ours(&site, 0);
    let host_device = Program::host_device(&site, 0);
    let pod = site.pods[0].path().to_path_buf();
    site.lab.host.run(move || {
        let floor = Floor::open(0, &pod);
        let mut rounds = Rounds::default();
        for round in 0..WARM_UP + count {
            if round == WARM_UP {
                rounds = Rounds::default();
            }
            for turn in 0..3 {
                floor.tidy();
                match (round + turn) % 3 {
                    0 => rounds.floor.push(timed(|| floor.add()).1, timed(|| floor.del()).1),
                    1 => rounds.ours.pair(&ours),
                    _ => rounds.host_device.pair(&host_device),
                }
            }
        }
        rounds
    })
}

impl Times {
    fn pair(&mut self, program: &Program) {
        let [add, del] = ["ADD", "DEL"].map(|verb| {
            let command = program.command(verb);
            let (child, time) = timed(|| run(command));
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

/// Milliseconds.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let value = work();
    (value, milliseconds(start.elapsed()))
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
