//! Prints the page of the cases and their tests, or with `--write` puts it where it belongs.
#![expect(clippy::expect_used, reason = "a tool of the tests, which fails as they do")]

use std::io::{Write, stdout};
use std::{env, fs};

use e2e::cases;

fn main() {
    let all = cases::all();
    let page = cases::page(&all, &cases::tests(&cases::tree(), &cases::families(&all)));
    if env::args().skip(1).any(|argument| argument == "--write") {
        fs::write(cases::page_path(), page).expect("the page of the cases");
    } else {
        stdout().write_all(page.as_bytes()).expect("somebody who reads");
    }
}
