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
    let mut section = format!("\n**{}** {}\n\n", case.id, case.title);
    for test in tests {
        section.push_str(&format!("- `{}` in `{}`\n", test.name, test.path));
    }
    for (word, reason) in [("Waiting", &case.waiting), ("Not held yet", &case.rest)] {
        if let Some(reason) = reason {
            section.push_str(&format!("- {word}: {reason}\n"));
        }
    }
    section
}
