//! Instance types and their limits, as DescribeInstanceTypes tells them
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AvailableIpPerENI.html> has the same numbers for people).

use std::collections::BTreeMap;

/// What a type allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceType {
    pub name: String,
    /// Of all cards together.
    pub interfaces: u32,
    /// The primary address counts.
    pub ipv4_per_interface: u32,
    pub ipv6_per_interface: u32,
    /// How many interfaces each network card takes, by its index.
    pub cards: Vec<u32>,
}

impl InstanceType {
    /// A type of one network card.
    #[must_use]
    pub fn new(name: &str, interfaces: u32, addresses_per_interface: u32) -> Self {
        Self::with_cards(name, &[interfaces], addresses_per_interface)
    }

    /// A type with these network cards.
    #[must_use]
    pub fn with_cards(name: &str, cards: &[u32], addresses_per_interface: u32) -> Self {
        Self {
            name: name.to_owned(),
            interfaces: cards.iter().sum(),
            ipv4_per_interface: addresses_per_interface,
            ipv6_per_interface: addresses_per_interface,
            cards: cards.to_vec(),
        }
    }
}

/// Type, network cards, interfaces of each, addresses of each family on each interface.
const TABLE: &[(&str, usize, u32, u32)] = &[
    ("t2.micro", 1, 2, 2),
    ("t3.micro", 1, 2, 2),
    ("t3.small", 1, 3, 4),
    ("t3.medium", 1, 3, 6),
    ("t3.large", 1, 3, 12),
    ("c7g.medium", 1, 2, 4),
    ("m5.large", 1, 3, 10),
    ("m6i.large", 1, 3, 10),
    ("m5.xlarge", 1, 4, 15),
    ("m5.2xlarge", 1, 4, 15),
    ("m5.4xlarge", 1, 8, 30),
    ("m7i.4xlarge", 1, 8, 30),
    ("m5.24xlarge", 1, 15, 50),
    ("c5n.18xlarge", 1, 15, 50),
    ("hpc6id.32xlarge", 2, 1, 50),
    ("c6in.32xlarge", 2, 8, 50),
    ("m6in.32xlarge", 2, 8, 50),
    ("p4d.24xlarge", 4, 15, 50),
    ("p5.48xlarge", 32, 2, 50),
];

pub(crate) fn table() -> BTreeMap<String, InstanceType> {
    let row = |(name, cards, interfaces, addresses): &(&str, usize, u32, u32)| {
        let of = InstanceType::with_cards(name, &vec![*interfaces; *cards], *addresses);
        (of.name.clone(), of)
    };
    TABLE.iter().map(row).collect()
}
