//! What is not the agent's to change in EC2, and a node to which no pods come.

use super::*;
use crate::observe::Mandate;

const WHY: &str = "its NodeENI is not managed yet";

fn not_for(pool: &str) -> Mandate {
    Mandate { nothing: None, not_for: [(name(pool), WHY.to_string())].into() }
}

/// One pool with an ENI too many, and one with one too few.
fn two() -> (Declared, Observed) {
    let (many, few) = (pool("many", 1), pool("few", 1));
    let world = observed((1..=2).map(|number| entry(&many, number, State::Ready)));
    (declared([few, many]), world)
}

#[test]
fn a_pool_that_nobody_has_put_into_its_care_stays_as_it_is_and_says_why() {
    let (declared, mut world) = two();
    world.mandate = not_for("many");
    let plan = plan(&declared, &world);
    assert_eq!(names(&plan), ["create"]);
    assert_eq!(plan.pools[&name("many")].waiting, [WHY]);
    assert_eq!(plan.pools[&name("many")].refusal, Some((11, WHY.to_string())));
    assert!(plan.pools[&name("few")].waiting.is_empty());
}

#[test]
fn nor_is_one_withdrawn_that_is_for_other_nodes_now() {
    let (_, mut world) = two();
    assert_eq!(names(&plan(&declared([]), &world)), ["detach", "detach"]);
    world.mandate = not_for("many");
    assert_eq!(names(&plan(&declared([]), &world)), [""; 0]);
}

#[test]
fn nothing_is_nothing_for_any_pool_and_for_what_was_begun() {
    let (declared, mut world) = two();
    world.creations.push(creation(&pool("few", 1), "token"));
    world.mandate.nothing = Some("another controller is at work".to_string());
    let plan = plan(&declared, &world);
    assert_eq!(names(&plan), [""; 0]);
    assert!(plan.pools.values().all(|standing| standing.waiting == ["another controller is at work"]));
}

#[test]
fn what_does_not_go_is_offered_to_the_kubelet_as_before() {
    let data = Pool { resource_name: Some("example.com/data".to_string()), ..pool("data", 0) };
    let mut world = observed([entry(&data, 1, State::Ready)]);
    assert_eq!(plan(&declared([data.clone()]), &world).withheld, [eni_id(1)].into());
    world.mandate = not_for("data");
    assert!(plan(&declared([data]), &world).withheld.is_empty());
}

#[test]
fn on_a_cordoned_node_who_waits_is_served_and_nothing_else_is_made_or_goes() {
    let data = Pool { warm: 1, max: Some(4), ..pool("data", 2) };
    let mut world = observed([]);
    world.cordoned = true;
    assert_eq!(names(&plan(&declared([data.clone()]), &world)), [""; 0]);
    world.demand.insert(name("data"), 1);
    assert_eq!(names(&plan(&declared([data.clone()]), &world)), ["create"]);
    let mut world = observed((1..=3).map(|number| entry(&data, number, State::Ready)));
    let surplus = Pool { warm: 0, min: Some(1), max: Some(1), ..data };
    assert_eq!(names(&plan(&declared([surplus.clone()]), &world)), ["detach", "detach"]);
    world.cordoned = true;
    assert_eq!(names(&plan(&declared([surplus]), &world)), [""; 0]);
    assert_eq!(names(&plan(&declared([]), &world)), ["detach", "detach", "detach"], "a withdrawn pool is no surplus");
}
