//! ENIs of the original controller.

use node::inventory::{Entry, State};

use super::{Action, NOW, Plan, declared, entry, interface, link, name, names, observed, owner, plan, pool};
use crate::kernel::HostLink;
use crate::observe::{Held, Hold, Limit, Observed, Verb};

/// An ENI that the original controller made on this node for the NodeENI `data`, as the agent writes down what is not its own.
fn original(number: u32) -> Entry {
    let tags = [
        ("Name", "nodeeni-data-node-1-0000000a"),
        ("NodeENI", "data"),
        ("Node", "node-1"),
        ("kubernetes.io/cluster/managed-by", "nodeeni-controller"),
    ];
    let tags = tags.map(|(key, value)| (key.to_string(), value.to_string())).into();
    Entry { pool: None, tags, ..entry(&pool("data", 1), number, State::Ready) }
}

fn told_to(enis: impl IntoIterator<Item = Entry>) -> Observed {
    let mut world = observed(enis);
    world.metadata.as_mut().unwrap().extend(world.entries.iter().map(interface));
    world.limit = Limit { adopt_original: true, ..world.limit };
    world
}

fn planned(world: &Observed, min: u32) -> Plan {
    plan(&declared([pool("data", min)]), world)
}

#[test]
fn an_eni_of_the_original_controller_becomes_the_pools_and_no_other_is_made() {
    let plan = planned(&told_to([original(1)]), 1);
    let [Action::Adopt { pool, tags, .. }] = &plan.actions[..] else { panic!("{plan:?}") };
    assert_eq!(*pool, name("data"));
    assert!(tags.contains_key(crate::tags::CLUSTER) && !tags.contains_key("Name"), "{tags:?}");
    assert_eq!(plan.pools[&name("data")].coming, 1);
}

#[test]
fn without_the_word_of_node_toml_it_stays_a_strangers() {
    let plan = planned(&observed([original(1)]), 1);
    assert_eq!(names(&plan), ["create"]);
}

#[test]
fn what_a_pod_may_have_is_counted_and_not_adopted() {
    let mut gone = told_to([original(1)]);
    gone.links = Some(Vec::new());
    let mut held = told_to([original(1)]);
    held.held.insert(original(1).network_interface_id, owner("c1"));
    let mut tied = told_to([original(1)]);
    let upper = Some(node::host::Tie::Upper("ipvl0".to_string()));
    tied.links = Some(vec![HostLink { tie: upper, ..link(&original(1)) }]);
    for world in [gone, held, tied] {
        let plan = planned(&world, 1);
        assert_eq!(plan.actions, [], "{plan:?}");
        let standing = &plan.pools[&name("data")];
        assert_eq!(standing.in_use, 1);
        assert!(standing.waiting.iter().any(|why| why.contains("not adopted yet")), "{:?}", standing.waiting);
    }
}

#[test]
fn a_pool_that_is_full_takes_no_more_and_nothing_is_taken_down_for_it() {
    let own = entry(&pool("data", 1), 2, State::Ready);
    let plan = planned(&told_to([own, original(1)]), 1);
    assert_eq!(plan.actions, [], "{plan:?}");
    assert!(plan.pools[&name("data")].waiting[0].contains("left alone"));
}

#[test]
fn an_eni_of_another_pool_or_node_is_none() {
    for (key, value) in [("NodeENI", "other"), ("Node", "node-2"), ("kubernetes.io/cluster/managed-by", "x")] {
        let mut other = original(1);
        other.tags.insert(key.to_string(), value.to_string());
        assert_eq!(names(&planned(&told_to([other]), 0)), [""; 0], "{key}");
    }
}

#[test]
fn what_ec2_refuses_is_told_and_tried_again_later() {
    let mut world = told_to([original(1)]);
    let held = Held { until: NOW + 600, failures: 1, reason: "CreateTags: denied".to_string(), code: 100 };
    world.holds.insert(Hold::Cloud(original(1).network_interface_id, Verb::Adopt), held);
    let plan = planned(&world, 1);
    assert_eq!((plan.actions.len(), plan.wake_at), (0, Some(NOW + 600)));
    assert_eq!(plan.pools[&name("data")].waiting, ["CreateTags: denied"]);
}

#[test]
fn on_an_instance_that_ends_nothing_is_adopted() {
    let mut world = told_to([original(1)]);
    world.leaving = true;
    assert_eq!(planned(&world, 1).actions, []);
}
