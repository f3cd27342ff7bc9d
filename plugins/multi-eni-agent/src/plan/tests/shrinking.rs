use super::*;
use crate::observe::Subject;

fn three() -> (Pool, Observed) {
    let data = pool("data", 1);
    let world = observed((1..=3).map(|number| entry(&data, number, State::Ready)));
    (data, world)
}

#[test]
fn the_last_ones_in_go_first() {
    let (data, world) = three();
    assert_eq!(
        words(&plan(&declared([data]), &world)),
        ["detach eni-00000000000000002", "detach eni-00000000000000003"]
    );
}

#[test]
fn what_somebody_has_stays_and_counts() {
    let (data, mut world) = three();
    world.held.insert(eni_id(3), owner("c1"));
    let data = Pool { max: Some(3), ..data };
    let plan = plan(&declared([data]), &world);
    assert!(!words(&plan).contains(&"detach eni-00000000000000003".to_string()));
}

#[test]
fn nothing_goes_before_it_was_idle_for_the_cooldown() {
    let (data, mut world) = three();
    for entry in &mut world.entries {
        entry.upkeep.since = NOW - 10;
    }
    let plan = plan(&declared([data]), &world);
    assert_eq!(words(&plan), Vec::<String>::new());
    assert_eq!(plan.wake_at, Some(NOW + 20));
}

#[test]
fn an_eni_that_was_made_for_one_who_gave_up_waits_for_the_next_try() {
    let data = pool("data", 0);
    let mut world = observed([entry(&data, 1, State::Created)]);
    world.entries[0].upkeep.since = NOW - 10;
    let rests = plan(&declared([data.clone()]), &world);
    assert_eq!(words(&rests), Vec::<String>::new());
    assert_eq!(rests.wake_at, Some(NOW + 20));
    world.now = NOW + 20;
    assert_eq!(words(&plan(&declared([data]), &world)), ["delete eni-00000000000000001"]);
}

#[test]
fn nothing_goes_while_somebody_waits() {
    let (data, mut world) = three();
    world.demand.insert(name("data"), 1);
    assert_eq!(words(&plan(&declared([data]), &world)), Vec::<String>::new());
}

#[test]
fn imd_3_what_is_not_known_takes_nothing_away() {
    let (data, world) = three();
    let by_name = Pool { subnets: vec![Reference::Name("x".to_string())], min: None, ..data.clone() };
    let forget: [fn(&mut Observed); 1] = [|world| world.links = None];
    for forget in forget {
        let mut world = world.clone();
        forget(&mut world);
        let plan = plan(&declared([data.clone()]), &world);
        assert!(plan.actions.iter().all(|action| !action.is_destructive()), "{:?}", words(&plan));
        let plan = super::plan(&declared([]), &world);
        assert!(plan.actions.iter().all(|action| !action.is_destructive()), "{:?}", words(&plan));
    }
    let plan = plan(&declared([by_name]), &world);
    assert!(plan.actions.iter().all(|action| !action.is_destructive()), "{:?}", words(&plan));
}

#[test]
fn a_pool_that_is_declared_no_more_goes_but_for_what_is_in_use() {
    let data = pool("data", 3);
    let mut world =
        observed([entry(&data, 1, State::Ready), entry(&data, 2, State::InUse), entry(&data, 3, State::Detached)]);
    world.held.insert(eni_id(2), owner("c1"));
    assert_eq!(words(&plan(&declared([]), &world)), ["delete eni-00000000000000003", "detach eni-00000000000000001"]);
}

#[test]
fn lea_2_what_was_found_without_a_record_is_not_deleted_at_the_first_look() {
    let data = pool("data", 0);
    let mut found = entry(&data, 1, State::Created);
    found.upkeep.found = true;
    found.upkeep.unattached_since = Some(NOW - 10);
    let mut world = observed([found]);
    world.asked.clear();
    let first = plan(&declared([data.clone()]), &world);
    assert_eq!(words(&first), Vec::<String>::new());
    assert_eq!(first.wake_at, Some(NOW + 290));
    world.now = NOW + 300;
    let second = plan(&declared([data.clone()]), &world);
    assert_eq!(second.needs, [Need::Look(eni_id(1))].into());
    world.entries[0].upkeep.found = false;
    assert_eq!(words(&plan(&declared([data]), &world)), ["delete eni-00000000000000001"]);
}

#[test]
fn lea_2_nothing_without_our_tags_is_ever_deleted() {
    let data = pool("data", 0);
    for tags in
        [ec2::Tags::new(), Identity { cluster: "other".to_string(), ..identity() }.tags(&data.name, "t", &data.tags)]
    {
        let world = observed([Entry { tags, ..entry(&data, 1, State::Detached) }]);
        assert_eq!(words(&plan(&declared([data.clone()]), &world)), Vec::<String>::new());
    }
}

#[test]
fn the_primary_eni_is_never_detached_whatever_the_inventory_says() {
    let data = pool("data", 1);
    let world = observed([Entry { device_index: 0, ..entry(&data, 1, State::Ready) }]);
    assert_eq!(words(&plan(&declared([]), &world)), Vec::<String>::new());
}

#[test]
fn what_is_being_worked_on_is_left_alone() {
    let (data, mut world) = three();
    world.busy = [2, 3].map(|number| Subject::Cloud(eni_id(number))).into();
    let plan = plan(&declared([data]), &world);
    assert_eq!(words(&plan), Vec::<String>::new());
}

#[test]
fn ec2_3_a_detachment_is_waited_for_with_looks_that_become_rarer() {
    let data = pool("data", 0);
    let mut world = observed([Entry {
        upkeep: Upkeep { since: NOW - 4, ..Upkeep::default() },
        ..entry(&data, 1, State::Detaching)
    }]);
    world.looked.insert(eni_id(1), NOW - 1);
    let plan = plan(&declared([data]), &world);
    assert_eq!(words(&plan), Vec::<String>::new());
    assert!(plan.needs.is_empty());
    assert_eq!(plan.wake_at, Some(NOW + 1));
}

#[test]
fn a_detachment_that_may_never_have_been_asked_for_is_asked_for() {
    let data = pool("data", 0);
    let mut world = observed([entry(&data, 1, State::Detaching)]);
    world.asked.clear();
    assert_eq!(words(&plan(&declared([data]), &world)), ["detach eni-00000000000000001"]);
}

#[test]
fn cra_1_an_eni_whose_record_was_damaged_is_not_detached_under_its_pod() {
    let (data, mut world) = three();
    world.links.as_mut().unwrap().retain(|link| link.mac_address != Some(mac(3)));
    assert_eq!(words(&plan(&declared([data]), &world)), ["detach eni-00000000000000002"]);
    assert!(!words(&plan(&declared([]), &world)).contains(&"detach eni-00000000000000003".to_string()));
}

#[test]
fn lea_1_nothing_is_detached_before_the_metadata_say_whether_the_node_is_going_away() {
    let (data, mut world) = three();
    world.entries.push(entry(&data, 4, State::Detaching));
    (world.identity, world.metadata) = (None, None);
    world.asked.clear();
    for declared in [declared([data]), declared([])] {
        assert_eq!(words(&plan(&declared, &world)), Vec::<String>::new());
    }
}

#[test]
fn a_number_that_the_manifest_says_needs_no_look_at_subnets() {
    let (data, mut world) = three();
    world.subnets.clear();
    assert_eq!(names(&plan(&declared([data]), &world)), ["detach", "detach"]);
}

#[test]
fn a_healthy_eni_does_not_go_for_one_that_is_out_of_order() {
    let data = pool("data", 1);
    let world = observed([entry(&data, 1, State::Ready), entry(&data, 2, State::Quarantined)]);
    assert_eq!(words(&plan(&declared([Pool { max: Some(2), ..data }]), &world)), Vec::<String>::new());
}
