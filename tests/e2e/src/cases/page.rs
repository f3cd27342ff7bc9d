//! `tests/CASES.md`.

use super::{Case, Test};

const HEAD: &str = "\
# Public bug reports, and the tests that hold them

What people who do this job ran into in other projects, each turned into tests whose names carry its id. This page is made
from `tests/e2e/cases.toml` and from the names of the tests by `cargo run -p e2e --bin cases -- --write`; a test holds that
it is.
";

/// The page for these cases and tests.
#[must_use]
pub fn page(cases: &[Case], tests: &[Test]) -> String {
    let mut page = String::from(HEAD);
    let tested = cases.iter().filter(|case| !case.tests(tests).is_empty()).count();
    page.push_str(&format!("\n{tested} of {} cases have tests.\n", cases.len()));
    let mut kind = "";
    for case in cases {
        if case.kind != kind {
            kind = &case.kind;
            page.push_str(&format!("\n## {kind}\n"));
        }
        page.push_str(&section(case, &case.tests(tests)));
    }
    page
}

fn section(case: &Case, tests: &[&Test]) -> String {
    let tested = tests.iter().map(|test| format!("- `{}` in `{}`\n", test.name, test.path));
    let reasons = [("Waiting", &case.waiting), ("Not held yet", &case.rest)];
    let open = reasons.iter().filter_map(|(word, reason)| Some(format!("- {word}: {}\n", reason.as_ref()?)));
    let items: String = tested.chain(open).collect();
    let gap = if items.is_empty() { "" } else { "\n" };
    format!("\n**{}** {}\n{gap}{items}", case.id, case.title)
}
