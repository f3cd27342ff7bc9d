//! The tests of the source tree that carry a case's id.

use std::fs;
use std::path::Path;

use crate::guest::scenarios;

/// A test, by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Test {
    /// The file, relative to the top of the tree.
    pub path: String,
    /// The function.
    pub name: String,
    /// The ids in front of its name, in their own spelling: `DEL-1`.
    pub cases: Vec<String>,
}

/// All tests below `tree` that carry an id of one of these kinds of ids (`DEL`, `IP6`), by path and name.
///
/// # Panics
///
/// When a file cannot be read.
#[must_use]
pub fn tests(tree: &Path, families: &[&str]) -> Vec<Test> {
    let mut found = Vec::new();
    for folder in ["plugins", "shared", "tests"] {
        walk(&tree.join(folder), &mut |file| {
            let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let path = file.strip_prefix(tree).unwrap_or(file).display().to_string();
            found.extend(names(&text).into_iter().filter_map(|name| {
                let cases = ids(name, families);
                (!cases.is_empty()).then(|| Test { path: path.clone(), name: name.into(), cases })
            }));
        });
    }
    // A test boots the guest, and each of its scenarios is one by itself.
    found.extend(scenarios::all().into_iter().filter_map(|scenario| {
        let cases = ids(scenario.name, families);
        (!cases.is_empty()).then(|| Test { path: scenario.file.into(), name: scenario.name.into(), cases })
    }));
    found.sort();
    found
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path();
        if path.is_dir() {
            if !path.ends_with("target") {
                walk(&path, visit);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            visit(&path);
        }
    }
}

/// The functions with an attribute `#[test]`, or one that ends so.
fn names(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut attributed = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[") {
            attributed |= line.contains("test]") || line.contains("test(");
        } else if let Some(rest) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
            let name = rest.split(|character: char| !(character.is_alphanumeric() || character == '_')).next();
            names.extend(name.filter(|_| attributed));
            attributed = false;
        } else if !line.starts_with("//") {
            attributed = false;
        }
    }
    names
}

/// The ids in front of a name: `adr_1_rou_4_the_gateway` has two.
fn ids(name: &str, families: &[&str]) -> Vec<String> {
    let mut words = name.split('_');
    let mut ids = Vec::new();
    while let (Some(family), Some(number)) = (words.next(), words.next()) {
        let family = family.to_uppercase();
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if !families.contains(&family.as_str()) || !is_number {
            break;
        }
        ids.push(format!("{family}-{number}"));
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_carry_several_ids() {
        let families = ["DEL", "ADR", "ROU", "IP6"];
        assert_eq!(ids("adr_1_rou_4_the_gateway", &families), ["ADR-1", "ROU-4"]);
        assert_eq!(ids("ip6_1_nothing_is_tentative", &families), ["IP6-1"]);
        assert_eq!(ids("del_of_1_eni", &families), Vec::<String>::new());
        assert_eq!(ids("the_del_1_case", &families), Vec::<String>::new());
    }

    #[test]
    fn only_functions_that_are_tests_count() {
        let text = "#[test]\nfn del_1_a() {}\nfn del_1_b() {}\n  #[tokio::test]\n  async fn del_1_c() {}\n\
                    #[test]\n#[should_panic(expected = \"x\")]\nfn del_1_d() {}\n#[derive(Debug)]\nstruct X;\nfn del_1_e() {}";
        assert_eq!(names(text), ["del_1_a", "del_1_c", "del_1_d"]);
    }
}
