//! Two deaths in a row, at every pair of calls in the life of an ENI.

use std::time::Duration;

use ec2sim::Action;
use tokio::time::{Instant, sleep};

use crate::agent::tests::world::World;

/// The life of an ENI.
const CALLS: [Action; 5] = [
    Action::CreateNetworkInterface,
    Action::AttachNetworkInterface,
    Action::ModifyNetworkInterfaceAttribute,
    Action::DetachNetworkInterface,
    Action::DeleteNetworkInterface,
];
/// An answer takes 150 ms: dead before it comes, and dead just after it came.
const AFTER: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(160)];
const STEP: Duration = Duration::from_millis(10);

/// A node whose agent dies soon after the next call of each of these actions in turn.
struct Mortal {
    world: World,
    deaths: Vec<Action>,
    after: Duration,
    /// Calls so far of the next of them.
    seen: usize,
}

impl Mortal {
    fn calls(&self) -> usize {
        self.deaths.last().map_or(0, |&action| self.world.ec2.calls_of(action).len())
    }

    /// Waits until it is so, and lets the agent die meanwhile.
    async fn until(&mut self, what: &str, is_so: impl Fn(&World) -> bool) {
        let end = Instant::now() + Duration::from_secs(3600);
        let mut looked = Instant::now();
        loop {
            if self.calls() > self.seen {
                sleep(self.after).await;
                self.world.kill().await;
                self.deaths.pop();
                sleep(Duration::from_secs(20)).await;
                self.world.start();
                self.seen = self.calls();
            }
            // The files are looked at less often than the calls.
            if looked.elapsed() >= Duration::from_secs(1) {
                looked = Instant::now();
                self.world.check();
                if is_so(&self.world) {
                    return;
                }
                assert!(Instant::now() < end, "{what} not within an hour\n{}", self.world);
            }
            let is_dull = self.deaths.is_empty();
            sleep(if is_dull { Duration::from_secs(2) } else { STEP }).await;
        }
    }
}

async fn dies_twice(first: Action, second: Action, after: Duration) {
    let mut world = World::new(77);
    world.declare("data", "min: 1\nmax: 1\ncooldownSeconds: 1");
    world.start();
    let mut mortal = Mortal { world, deaths: vec![second, first], after, seen: 0 };
    for _ in 0..2 {
        mortal.until("up", |world| world.in_state("data", node::inventory::State::Ready).len() == 1).await;
        mortal.world.declare("data", "min: 0\nmax: 1\ncooldownSeconds: 1");
        mortal.until("down", |world| world.ours_in_ec2().is_empty() && world.of_pool("data").is_empty()).await;
        mortal.world.declare("data", "min: 1\nmax: 1\ncooldownSeconds: 1");
    }
    let left: Vec<_> = mortal.deaths.iter().map(ToString::to_string).collect();
    assert!(left.is_empty(), "it did not die at {left:?}");
    mortal.until("up", |world| world.in_state("data", node::inventory::State::Ready).len() == 1).await;
    let world = &mortal.world;
    world.check_settled();
    let made: std::collections::BTreeSet<_> = world
        .ec2
        .calls_of(Action::CreateNetworkInterface)
        .iter()
        .map(|call| call.parameters["ClientToken"].clone())
        .collect();
    assert_eq!(made.len(), 3, "an ENI was made that nobody needed\n{world}");
    assert_eq!(world.ours_in_ec2().len(), 1, "{world}");
}

#[tokio::test(start_paused = true)]
async fn two_deaths_in_a_row_at_any_two_calls_leave_nothing_behind() {
    for first in CALLS {
        for second in CALLS {
            for after in AFTER {
                dies_twice(first, second, after).await;
            }
        }
    }
}

/// Of the five seconds that the agent has, the socket and the pages may need one each after its loop.
const OF_THE_LOOP: Duration = Duration::from_secs(3);

#[tokio::test(start_paused = true)]
async fn told_to_end_while_any_call_hangs_it_ends_in_time_and_the_next_goes_on() {
    for action in CALLS {
        let mut world = World::new(78);
        world.declare("data", "min: 1\nmax: 1\ncooldownSeconds: 1");
        world.ec2.at(action).times(1).hangs();
        world.start();
        let is_called = |world: &World| !world.ec2.calls_of(action).is_empty();
        let is_up = |world: &World| world.in_state("data", node::inventory::State::Ready).len() == 1;
        world.until("up, or called", 600, |world| is_called(world) || is_up(world)).await;
        if !is_called(&world) {
            world.declare("data", "min: 0\nmax: 1\ncooldownSeconds: 1");
        }
        world.until("called", 600, is_called).await;
        let begin = Instant::now();
        world.stop().await;
        // The clock of tokio counts whole milliseconds.
        assert!(begin.elapsed() <= OF_THE_LOOP + Duration::from_millis(1), "{action}: {:?}", begin.elapsed());
        world.declare("data", "min: 1\nmax: 1\ncooldownSeconds: 1");
        world.start();
        world.until_ready("data", 1).await;
        world.check_settled();
    }
}
