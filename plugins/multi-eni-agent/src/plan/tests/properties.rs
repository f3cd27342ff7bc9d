//! What holds of every plan, whatever the world.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::life::may_become;
use crate::observe::Mandate;
use crate::view::STATES;

fn state() -> impl Strategy<Value = State> {
    proptest::sample::select(STATES.to_vec()).prop_filter("no file", |state| *state != State::Creating)
}

prop_compose! {
    fn world()(
        states in proptest::collection::vec((state(), 0_u64..100, any::<bool>(), any::<bool>(), any::<bool>()), 0..12),
        (min, max, warm) in (0_u32..6, 0_u32..8, 0_u32..4),
        (demand, leaving, links, metadata, ours) in (0_u32..3, any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
    ) -> (Declared, Observed) {
        let data = Pool { min: Some(min), max: Some(max.max(min)), warm, ..pool("data", 0) };
        let mut held = BTreeMap::new();
        let entries: Vec<_> = (1_u32..).zip(&states).map(|(number, &(state, age, is_held, found, tagged))| {
            if is_held {
                held.insert(eni_id(number), owner(&format!("c{number}")));
            }
            let mut entry = entry(&data, number, state);
            entry.upkeep.since = NOW - age;
            entry.upkeep.found = found;
            if !tagged {
                entry.tags.clear();
            }
            entry
        }).collect();
        let mut world = observed(entries);
        world.held = held;
        world.leaving = leaving;
        world.demand.insert(name("data"), demand);
        world.limits = Some(limits(6));
        if !links { world.links = None; }
        if !metadata { world.metadata = None; }
        (declared(ours.then_some(data)), world)
    }
}

proptest! {
    #[test]
    fn no_plan_takes_anything_from_a_pod_or_from_others((declared, world) in world()) {
        for action in plan(&declared, &world).actions {
            let (Action::Detach { eni } | Action::Delete { eni }) = &action else { continue };
            let entry = world.entries.iter().find(|entry| entry.network_interface_id == *eni).unwrap();
            prop_assert!(!world.held.contains_key(eni) || entry.state == State::Detaching, "{action}");
            prop_assert!(entry.pool.is_some());
            prop_assert!(!world.leaving);
            if let Action::Delete { .. } = action {
                prop_assert!(matches!(entry.state, State::Created | State::Detached | State::Deleting));
                prop_assert!(identity().owns(&entry.tags) && !entry.upkeep.found);
            }
        }
    }

    #[test]
    fn every_mark_is_a_legal_transition((declared, world) in world()) {
        for action in plan(&declared, &world).actions {
            if let Action::Mark { eni, state, .. } = &action {
                let entry = world.entries.iter().find(|entry| entry.network_interface_id == *eni).unwrap();
                prop_assert!(may_become(entry.state, *state), "{} to {state}", entry.state);
            }
        }
    }

    #[test]
    fn no_two_actions_are_about_the_same((declared, world) in world()) {
        let mut subjects = BTreeSet::new();
        for action in plan(&declared, &world).actions {
            if let Some(subject) = action.subject() {
                prop_assert!(subjects.insert(subject), "{action}");
            }
        }
    }

    #[test]
    fn no_plan_grows_beyond_what_is_declared_or_what_the_instance_takes((declared, world) in world()) {
        let plan = plan(&declared, &world);
        let made = plan.actions.iter().filter(|action| matches!(action, Action::Create(_))).count();
        if made > 0 {
            let standing = &plan.pools[&name("data")];
            prop_assert!(standing.have() as usize + made <= standing.max.unwrap() as usize);
            prop_assert!(plan.slots.unwrap().used() as usize + made <= 6);
        }
    }

    #[test]
    fn what_is_not_the_agents_to_change_in_ec2_is_not_changed_and_the_kernels_side_goes_on(
        (declared, world) in world(),
        everything in any::<bool>(),
    ) {
        let why = "it is not".to_string();
        let mandate = match everything {
            true => Mandate { nothing: Some(why), ..Mandate::default() },
            false => Mandate { not_for: [(name("data"), why)].into(), ..Mandate::default() },
        };
        let without = plan(&declared, &Observed { mandate, ..world.clone() });
        prop_assert!(!without.actions.iter().any(Action::changes_ec2), "{:?}", without.actions);
        prop_assert!(without.withheld.is_empty());
        let mut local = plan(&declared, &world).actions;
        local.retain(|action| !action.changes_ec2());
        prop_assert_eq!(without.actions, local);
    }

    #[test]
    fn on_a_cordoned_node_no_surplus_goes_and_only_who_waits_is_served((declared, world) in world()) {
        let is_declared = !declared.pools.is_empty();
        let plan = plan(&declared, &Observed { cordoned: true, ..world.clone() });
        let made = plan.actions.iter().filter(|action| matches!(action, Action::Create(_))).count();
        prop_assert!(made <= world.demand[&name("data")] as usize);
        let goes = |action: &Action| match action {
            Action::Detach { eni } => world.entries.iter().any(|entry| {
                entry.network_interface_id == *eni && entry.state != State::Detaching
            }),
            _ => false,
        };
        prop_assert!(!is_declared || !plan.actions.iter().any(goes), "{:?}", plan.actions);
    }

    #[test]
    fn the_same_world_has_the_same_plan((declared, world) in world()) {
        prop_assert_eq!(plan(&declared, &world), plan(&declared, &world));
    }
}

/// A node with so many ENIs in ten pools, each of which needs something.
fn large(count: u32) -> (Declared, Observed) {
    let pools: Vec<_> =
        (0..10).map(|number| Pool { mtu: Some(9001), ..pool(&format!("pool-{number}"), count / 10) }).collect();
    let entries = (1..=count).map(|number| {
        let of = &pools[number as usize % pools.len()];
        entry(of, number, if number % 3 == 0 { State::InUse } else { State::Ready })
    });
    let mut world = observed(entries);
    world.limits = Some(limits(count + 1));
    for link in world.links.as_mut().unwrap() {
        link.mtu = 1500;
    }
    (declared(pools), world)
}

/// Milliseconds of one plan, the least of several.
fn time(count: u32) -> f64 {
    let (declared, world) = large(count);
    let once = |_| {
        let start = std::time::Instant::now();
        let plan = plan(&declared, &world);
        assert!(plan.actions.len() >= count as usize / 2);
        start.elapsed().as_secs_f64() * 1000.0
    };
    (0..5).map(once).fold(f64::INFINITY, f64::min)
}

/// `make bench` has the numbers from here, as this is where a plan can be made without a node.
#[test]
fn a_plan_grows_with_the_enis_and_not_with_their_square() {
    let [small, large] = [1000, 8000].map(time);
    if let Some(path) = std::env::var_os("MULTI_ENI_PLAN_TIMES") {
        let times = serde_json::json!({"1000": small, "8000": large});
        std::fs::write(path, times.to_string()).unwrap();
    }
    // Eight times the ENIs are 64 times the pairs.
    assert!(large < small * 32.0, "1000 ENIs take {small} ms, 8000 take {large} ms");
}
