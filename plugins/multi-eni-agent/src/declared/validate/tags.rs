//! The user's own tags.

use crate::declared::fault::Faults;
use crate::declared::limits::{MOST_TAGS, TAG_VALUE};
use crate::declared::manifest::NodeEniSpec;
use std::collections::BTreeMap;

/// Keys that somebody else knows an ENI by: those of this project, of amazon-vpc-cni (its sweep of leaked ENIs deletes by them)
/// and of the VPC resource controller.
const OF_OTHERS: [&str; 5] = [
    "multi-eni.networking.k8s.aws/",
    "node.k8s.amazonaws.com/",
    "cluster.k8s.amazonaws.com/",
    "eks:eni:",
    "vpcresources.k8s.aws/",
];

pub(super) fn tags(spec: &NodeEniSpec, faults: &mut Faults) -> BTreeMap<String, String> {
    let tags = spec.tags.clone().unwrap_or_default();
    if tags.len() > MOST_TAGS {
        faults.push("spec.tags", format_args!("has {} tags; {MOST_TAGS} fit beside the agent's own", tags.len()));
    }
    for (key, value) in &tags {
        if let Some(why) = refusal(key, value) {
            faults.push(format!("spec.tags.{key}"), why);
        }
    }
    tags
}

fn refusal(key: &str, value: &str) -> Option<String> {
    // EC2 reserves it in any case of letters.
    let is_of_aws = key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    if is_of_aws {
        return Some("starts with aws:, which is EC2's own".into());
    }
    if let Some(owner) = OF_OTHERS.iter().find(|owner| key.starts_with(**owner)) {
        return Some(format!("starts with {owner}, by which a controller knows its ENIs"));
    }
    if key.is_empty() || key.chars().count() > 128 {
        return Some("is no key of a tag: EC2 has 1 to 128 characters in one".into());
    }
    (value.chars().count() > TAG_VALUE).then(|| format!("has a value of more than EC2's {TAG_VALUE} characters"))
}
