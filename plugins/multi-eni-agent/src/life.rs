//! The life of an ENI: which state may come after which. Everything that changes a state asks here.

use node::inventory::{Entry, State};

/// Every legal transition, by the state that it leaves.
///
/// `Creating` has no file in the inventory, since EC2 has not yet said the ENI's id: it is an intent under `creating/`.
const TRANSITIONS: [(State, &[State]); 12] = [
    // Refused by EC2, or made.
    (State::Creating, &[State::Created, State::Deleted]),
    (State::Created, &[State::Attaching, State::Attached, State::Deleting, State::Deleted]),
    // Back to `Created` when EC2 refused, or was never asked.
    (
        State::Attaching,
        &[State::Attached, State::Created, State::Ready, State::Detaching, State::Detached, State::Deleted],
    ),
    (
        State::Attached,
        &[State::Ready, State::InUse, State::Detaching, State::Detached, State::Quarantined, State::Deleted],
    ),
    (
        State::Ready,
        &[State::InUse, State::Attached, State::Detaching, State::Detached, State::Quarantined, State::Deleted],
    ),
    // Never to `Detaching`: nothing is taken from a pod.
    (State::InUse, &[State::Cooling, State::Ready, State::Detached, State::Quarantined, State::Deleted]),
    (
        State::Cooling,
        &[
            State::Ready,
            State::InUse,
            State::Attached,
            State::Detaching,
            State::Detached,
            State::Quarantined,
            State::Deleted,
        ],
    ),
    (State::Detaching, &[State::Detached, State::Deleted]),
    (State::Detached, &[State::Attaching, State::Attached, State::Deleting, State::Deleted]),
    // Back to `Detached` when EC2 refused.
    (State::Deleting, &[State::Deleted, State::Detached]),
    (State::Deleted, &[]),
    (
        State::Quarantined,
        &[State::Ready, State::InUse, State::Attached, State::Detaching, State::Detached, State::Deleted],
    ),
];

/// A transition that is not in the table: a fault of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an ENI that is {from} does not become {to}")]
pub(crate) struct Illegal {
    pub(crate) from: State,
    pub(crate) to: State,
}

/// Whether an ENI may go from one state to another.
pub(crate) fn may_become(from: State, to: State) -> bool {
    TRANSITIONS.iter().any(|(state, next)| *state == from && next.contains(&to))
}

/// The entry in its next state, since `now` (seconds since the boot). The state that it has already is no transition.
///
/// # Errors
/// [`Illegal`].
pub(crate) fn become_state(entry: &mut Entry, to: State, now: u64) -> Result<(), Illegal> {
    let from = entry.state;
    if from == to {
        return Ok(());
    }
    if !may_become(from, to) {
        return Err(Illegal { from, to });
    }
    entry.state = to;
    entry.upkeep.since = now;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::STATES;

    #[test]
    fn every_state_has_its_line_and_a_way_to_the_end() {
        for state in STATES {
            assert_eq!(TRANSITIONS.iter().filter(|(from, _)| *from == state).count(), 1, "{state}");
            let mut reached = vec![state];
            let mut next = 0;
            while let Some(&from) = reached.get(next) {
                let further: Vec<_> = STATES.into_iter().filter(|&to| may_become(from, to)).collect();
                reached.extend(further.into_iter().filter(|to| !reached.contains(to)).collect::<Vec<_>>());
                next += 1;
            }
            assert!(reached.contains(&State::Deleted), "{state} never ends");
        }
    }

    #[test]
    fn nothing_in_the_hands_of_a_pod_is_detached_or_deleted_by_us() {
        assert!(!may_become(State::InUse, State::Detaching));
        assert!(!may_become(State::InUse, State::Deleting));
    }

    #[test]
    fn nothing_is_deleted_that_may_still_be_attached() {
        for from in STATES {
            let is_off = matches!(from, State::Created | State::Detached);
            assert_eq!(may_become(from, State::Deleting), is_off, "{from}");
        }
    }

    #[test]
    fn nothing_comes_after_the_end() {
        assert!(STATES.into_iter().all(|to| !may_become(State::Deleted, to)));
    }
}
