//! Filters of Describe calls.

use crate::endpoint::{By, InterfaceFilter, Lookup};
use crate::id::{InstanceId, NetworkInterfaceId};
use crate::interface::Tags;
use aws_sdk_ec2::types::Filter;

pub(super) fn of_interfaces(which: &InterfaceFilter) -> Vec<Filter> {
    match which {
        InterfaceFilter::AttachedTo(instance) => vec![filter("attachment.instance-id", [instance.as_str()])],
        InterfaceFilter::Tagged(tags) => of_tags(tags).collect(),
        InterfaceFilter::Unattached(tags) => of_tags(tags).chain([filter("status", ["available"])]).collect(),
        InterfaceFilter::Ids(ids) => vec![filter("network-interface-id", ids.iter().map(NetworkInterfaceId::as_str))],
    }
}

pub(super) fn of_instances(ids: &[InstanceId]) -> Vec<Filter> {
    vec![filter("instance-id", ids.iter().map(InstanceId::as_str))]
}

fn of_tags(tags: &Tags) -> impl Iterator<Item = Filter> {
    tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), [value.as_str()]))
}

pub(super) fn of_subnets(lookup: &Lookup) -> Vec<Filter> {
    by(lookup, "subnet-id")
}

pub(super) fn of_security_groups(lookup: &Lookup) -> Vec<Filter> {
    by(lookup, "group-id")
}

fn by(lookup: &Lookup, id: &str) -> Vec<Filter> {
    let name = match lookup.by {
        By::Id => id,
        By::TagName => "tag:Name",
        By::GroupName => "group-name",
    };
    let vpc = lookup.vpc.as_ref().map(|vpc| filter("vpc-id", [vpc.as_str()]));
    [Some(filter(name, lookup.values.iter().map(String::as_str))), vpc].into_iter().flatten().collect()
}

fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    values.into_iter().fold(Filter::builder().name(name), |filter, value| filter.values(literal(value))).build()
}

/// EC2 takes `*` and `?` in a value for wildcards unless a backslash stands before them (EC2, "Filtering").
fn literal(value: &str) -> String {
    value.replace('\\', "\\\\").replace('*', "\\*").replace('?', "\\?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_meant_literally() {
        assert_eq!(literal(r"prod-*?\x"), r"prod-\*\?\\x");
    }

    #[test]
    fn a_lookup_in_a_vpc_has_two_filters() {
        let lookup = Lookup {
            by: By::GroupName,
            values: BTreeSet::from(["a".to_string(), "b".to_string()]),
            vpc: Some("vpc-01234567".parse().unwrap()),
        };
        let filters = of_security_groups(&lookup);
        assert_eq!((filters[0].name(), filters[0].values().len()), (Some("group-name"), 2));
        assert_eq!((filters[1].name(), filters[1].values()), (Some("vpc-id"), &["vpc-01234567".to_string()][..]));
    }
}
