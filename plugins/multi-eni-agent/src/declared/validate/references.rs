//! Subnets and security groups: by id and by name, all of them together, each once.

use super::said;
use crate::declared::fault::Faults;
use crate::declared::limits::{EC2_TEXT, MOST_GROUPS};
use crate::declared::manifest::NodeEniSpec;
use crate::declared::pool::Reference;

/// Those of the four fields, in the original's order.
pub(super) fn subnets(spec: &NodeEniSpec, faults: &mut Faults) -> Vec<Reference> {
    let mut all = Vec::new();
    ids("subnet-", one("spec.subnetID", spec.subnet_id.as_ref()), &mut all, faults);
    ids("subnet-", each("spec.subnetIDs", spec.subnet_ids.as_ref()), &mut all, faults);
    names(one("spec.subnetName", spec.subnet_name.as_ref()), &mut all, faults);
    names(each("spec.subnetNames", spec.subnet_names.as_ref()), &mut all, faults);
    if all.is_empty() {
        faults
            .push("spec.subnetIDs", "is missing, and so are subnetID, subnetName and subnetNames; write at least one");
    }
    all
}

/// Those of the two fields: names are added to the ids.
pub(super) fn security_groups(spec: &NodeEniSpec, faults: &mut Faults) -> Vec<Reference> {
    let mut all = Vec::new();
    ids("sg-", each("spec.securityGroupIDs", spec.security_group_ids.as_ref()), &mut all, faults);
    names(each("spec.securityGroupNames", spec.security_group_names.as_ref()), &mut all, faults);
    if all.is_empty() {
        faults.push("spec.securityGroupIDs", "is missing, and so is securityGroupNames; write at least one");
    }
    if all.len() > MOST_GROUPS {
        let why = format_args!("with securityGroupNames has {} groups; an ENI takes {MOST_GROUPS}", all.len());
        faults.push("spec.securityGroupIDs", why);
    }
    all
}

fn one<'a>(path: &str, text: Option<&'a String>) -> Vec<(String, &'a str)> {
    said(text).map(|text| (path.to_string(), text)).into_iter().collect()
}

fn each<'a>(path: &str, texts: Option<&'a Vec<String>>) -> Vec<(String, &'a str)> {
    let texts = texts.into_iter().flatten().enumerate();
    texts.map(|(index, text)| (format!("{path}[{index}]"), text.as_str())).collect()
}

fn ids(prefix: &str, found: Vec<(String, &str)>, all: &mut Vec<Reference>, faults: &mut Faults) {
    for (path, text) in found {
        if !is_id(prefix, text) {
            faults.push(
                path,
                format_args!("{text:?} is no id; it is {prefix} and 8 or 17 lower-case hexadecimal digits"),
            );
        }
        add(Reference::Id(text.to_string()), all);
    }
}

/// EC2, "Longer IDs".
fn is_id(prefix: &str, text: &str) -> bool {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.strip_prefix(prefix).is_some_and(|digits| matches!(digits.len(), 8 | 17) && digits.bytes().all(hex))
}

fn names(found: Vec<(String, &str)>, all: &mut Vec<Reference>, faults: &mut Faults) {
    for (path, text) in found {
        if text.is_empty() || text.chars().count() > EC2_TEXT || text.chars().any(char::is_control) {
            faults.push(path, format_args!("{text:?} is no name; EC2 has 1 to {EC2_TEXT} characters in one"));
        } else if text.contains(['*', '?', '\\']) {
            faults.push(path, format_args!("{text:?} has one of * ? \\, which EC2's filters read as a pattern"));
        }
        add(Reference::Name(text.to_string()), all);
    }
}

fn add(reference: Reference, all: &mut Vec<Reference>) {
    if !all.contains(&reference) {
        all.push(reference);
    }
}
