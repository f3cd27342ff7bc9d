//! What the guest has to know of what is around it, in a file of the host that it reads.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// What to do, and where things are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Brief {
    /// What to run.
    pub part: Part,
    /// Only what has this in its name.
    pub only: Option<String>,
    /// The API, as the guest reaches it.
    pub ec2: String,
    /// The metadata service, as the guest reaches it.
    pub imds: String,
    /// The simulator's own endpoint, as the guest reaches it.
    pub control: String,
    /// The subnet of the pools.
    pub subnet: String,
    /// Their security group.
    pub group: String,
    /// The MAC of the primary ENI.
    pub primary_mac: String,
    /// The MAC of the NIC that is the VPC's.
    pub vpc_mac: String,
}

/// What is run in one boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// All scenarios up to the power cut.
    Before,
    /// What comes after it.
    After,
}

impl Brief {
    /// Reads it.
    ///
    /// # Panics
    ///
    /// When it is not there.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Writes it.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn write(&self, path: &Path) {
        let text = serde_json::to_string_pretty(self).expect("a brief in JSON");
        std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}
