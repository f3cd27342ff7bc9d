//! No case of a public bug report is forgotten: each has tests, or a reason for having none.

use std::collections::BTreeSet;
use std::fs;

use e2e::cases::{self, Case, Test};

/// The kinds of cases that this release has to hold, as far as it has what they are about.
const KINDS: [&str; 11] = [
    "del-idempotence",
    "crash-recovery",
    "naming",
    "routing",
    "addressing",
    "mtu",
    "ipv6",
    "concurrency",
    "config-parse",
    "result-shape",
    "security",
];

/// Cases of other kinds that it has to hold, too: GC and STATUS.
const CASES: [&str; 2] = ["LEA-5", "UPG-3"];

/// What this release can be tried on.
const BENCHES: [&str; 4] = ["B1", "B2", "B3", "B6"];

fn everything() -> (Vec<Case>, Vec<Test>) {
    let all = cases::all();
    let tests = cases::tests(&cases::tree(), &cases::families(&all));
    (all, tests)
}

fn of_this_release(case: &Case) -> bool {
    let meant = KINDS.contains(&case.kind.as_str()) || CASES.contains(&case.id.as_str());
    meant && case.needs.is_empty() && case.benches.iter().all(|bench| BENCHES.contains(&bench.as_str()))
}

/// The ids of the cases that are so.
fn ids(cases: &[Case], is_so: impl Fn(&Case) -> bool) -> Vec<&str> {
    cases.iter().filter(|case| is_so(case)).map(|case| case.id.as_str()).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn every_case_has_a_test_or_a_reason() {
    let (cases, tests) = everything();
    let bare = ids(&cases, |case| case.tests(&tests).is_empty() && case.waiting.is_none());
    assert_eq!(bare, NONE, "neither tested nor waiting with a reason");
}

#[test]
fn every_case_of_this_release_has_a_test() {
    let (cases, tests) = everything();
    let untested = ids(&cases, |case| of_this_release(case) && case.tests(&tests).is_empty());
    assert_eq!(untested, NONE, "this release has to hold these, and no test does");
}

#[test]
fn no_case_waits_that_has_a_test() {
    let (cases, tests) = everything();
    let tested = ids(&cases, |case| case.waiting.is_some() && !case.tests(&tests).is_empty());
    assert_eq!(tested, NONE, "tested meanwhile: take `waiting` away, or say in `rest` what is not");
}

#[test]
fn every_id_in_a_test_name_is_a_case() {
    let (cases, tests) = everything();
    let known: BTreeSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(known.len(), cases.len(), "an id stands twice in cases.toml");
    let strange: Vec<&Test> =
        tests.iter().filter(|test| !test.cases.iter().all(|id| known.contains(id.as_str()))).collect();
    assert!(strange.is_empty(), "no such case: {strange:?}");
}

#[test]
fn the_page_of_cases_is_what_it_would_be_made_now() {
    let (cases, tests) = everything();
    let written = fs::read_to_string(cases::page_path()).expect("tests/CASES.md");
    assert!(
        written == cases::page(&cases, &tests),
        "tests/CASES.md is behind: run `cargo run -p e2e --bin cases -- --write`"
    );
}
