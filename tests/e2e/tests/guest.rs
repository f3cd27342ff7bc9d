//! Real PCI NICs, in a guest: what of a node's life a veth cannot show.

use e2e::guest::{CUT, Machine, Part, Region, SAYS, scenarios};

/// Each scenario of a part has said that it came out right.
#[track_caller]
fn assert_all_ok(part: Part, only: Option<&str>, said: &[String]) {
    let chosen =
        scenarios::of(part).into_iter().filter(|scenario| only.is_none_or(|only| scenario.name.contains(only)));
    let is_ok = |name: &str| said.iter().any(|line| line.starts_with(&format!("{SAYS}{name} ok (")));
    let missing: Vec<&str> = chosen.map(|scenario| scenario.name).filter(|name| !is_ok(name)).collect();
    assert!(missing.is_empty(), "not right, or not even tried: {missing:?}");
}

#[test]
fn all_scenarios_up_to_a_power_cut_and_after_it() {
    let only = std::env::var("MULTI_ENI_GUEST_ONLY").ok().filter(|only| !only.is_empty());
    let is_chosen = |name: &str| only.as_deref().is_none_or(|only| name.contains(only));
    assert!(scenarios::all().iter().any(|scenario| is_chosen(scenario.name)), "no scenario has {only:?} in its name");
    let region = Region::raise();
    let machine = Machine::boot(&region, Part::Before, only.clone());
    let said = machine.said_until(CUT);
    assert_all_ok(Part::Before, only.as_deref(), &said);
    machine.cut_the_power();
    let machine = Machine::boot(&region, Part::After, only.clone());
    assert_all_ok(Part::After, only.as_deref(), &machine.said());
}
