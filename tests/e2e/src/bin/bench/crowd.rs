//! Many ADDs at once, against as many of the floor's at once.

use std::process::Child;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use crate::floor::Floor;
use crate::program::{Program, answer};
use crate::rounds::{milliseconds, timed};
use crate::site::Site;

/// Milliseconds until the last of them was done, of each round.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    pub(crate) size: u8,
    pub(crate) floor: Vec<f64>,
    pub(crate) ours: Vec<f64>,
}

pub(crate) fn measure(size: u8, rounds: usize) -> Crowd {
    let site = Site::with_enis(size);
    let pods: Vec<_> = site.pods.iter().map(|pod| pod.path().to_path_buf()).collect();
    let programs: Vec<_> = (0..pods.len()).map(|index| Program::ours(&site, index)).collect();
    site.lab.host.run(move || {
        let mut floors: Vec<_> = pods.iter().enumerate().map(|(index, pod)| Floor::open(index, pod)).collect();
        let mut crowd = Crowd { size, ..Crowd::default() };
        // The first round fills caches.
        for round in 0..=rounds {
            floors.iter().for_each(Floor::tidy);
            let floor;
            (floors, floor) = add_all(floors);
            floors.iter().for_each(|one| {
                one.del();
                one.tidy();
            });
            let ours = run_all(&programs, "ADD");
            run_all(&programs, "DEL");
            if round > 0 {
                crowd.floor.push(floor);
                crowd.ours.push(ours);
            }
        }
        crowd
    })
}

/// Each on a thread of its own, all let go at once.
fn add_all(floors: Vec<Floor>) -> (Vec<Floor>, f64) {
    let barrier = Arc::new(Barrier::new(floors.len() + 1));
    let start = |floor: Floor| {
        let barrier = barrier.clone();
        thread::spawn(move || {
            barrier.wait();
            floor.add();
            floor
        })
    };
    let threads: Vec<_> = floors.into_iter().map(start).collect();
    barrier.wait();
    let from = Instant::now();
    let floors = threads.into_iter().map(|thread| thread.join().expect("a floor's ADD")).collect();
    (floors, milliseconds(from.elapsed()))
}

fn run_all(programs: &[Program], verb: &str) -> f64 {
    let commands: Vec<_> = programs.iter().map(|program| program.command(verb)).collect();
    let (children, time) = timed(|| {
        let mut children: Vec<Child> =
            commands.into_iter().map(|mut command| command.spawn().expect("a plugin's start")).collect();
        for child in &mut children {
            child.wait().expect("a plugin's end");
        }
        children
    });
    children.into_iter().map(answer).for_each(drop);
    time
}
