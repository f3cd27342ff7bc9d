//! When something is due though nothing happens.

use std::time::Duration;

use node::settings;

/// Seconds over which the nodes of a cluster that start together spread what is not urgent.
const SPREAD: u64 = 300;
/// Seconds after a start within which what nobody waits for is looked up, once those first looks are over: of 5,000 nodes in one
/// account, which takes 20 such calls a second, nobody is refused.
const QUIET: u64 = 4 * SPREAD;

/// What EC2 is asked for by the clock: the one and the other by turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Attached,
    Tagged,
}

/// When what is next due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timetable {
    resync: Duration,
    describe: Duration,
    pub(crate) next_resync: u64,
    pub(crate) next_describe: u64,
    pub(crate) turn: Turn,
    /// What is not urgent is looked up from then on.
    pub(crate) quiet_until: u64,
    pub(crate) last_describe: Option<u64>,
}

impl Timetable {
    pub(crate) fn of(settings: &settings::Agent, now: u64) -> Self {
        let (resync, describe) = (settings.resync(), settings.describe());
        let first = now + fastrand::u64(0..=SPREAD);
        let next_resync = now + jittered(resync);
        let turn = Turn::Attached;
        let quiet_until = now + fastrand::u64(SPREAD..=QUIET);
        Self { resync, describe, next_resync, next_describe: first, turn, quiet_until, last_describe: None }
    }

    /// For a process that does one pass and ends.
    pub(crate) fn at_once(settings: &settings::Agent, now: u64) -> Self {
        Self { next_describe: now, quiet_until: now, ..Self::of(settings, now) }
    }

    pub(crate) fn resynced(&mut self, now: u64) {
        self.next_resync = now + jittered(self.resync);
    }

    /// EC2 was asked; it is asked again after so long, or a little later.
    pub(crate) fn described(&mut self, now: u64) {
        let pause = self.describe.as_secs();
        self.next_describe = now + pause + fastrand::u64(0..=pause / 10);
        self.last_describe = Some(now);
        self.turn = match self.turn {
            Turn::Attached => Turn::Tagged,
            Turn::Tagged => Turn::Attached,
        };
    }

    /// EC2 could not say; it is asked again after so long.
    pub(crate) fn not_described(&mut self, at: u64) {
        self.next_describe = at;
    }
}

/// Between three and five quarters of it.
fn jittered(pause: Duration) -> u64 {
    let pause = pause.as_secs();
    (pause - pause / 4 + fastrand::u64(0..=pause / 2)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_is_spread_and_the_others_are_far_enough_apart() {
        let settings = settings::Agent::default();
        for _ in 0..100 {
            let mut table = Timetable::of(&settings, 1000);
            assert!((1000..=1300).contains(&table.next_describe));
            assert!((1300..=2200).contains(&table.quiet_until));
            assert!((1225..=1375).contains(&table.next_resync));
            table.described(2000);
            assert!((2600..=2660).contains(&table.next_describe));
            assert_eq!(table.turn, Turn::Tagged);
        }
    }
}
