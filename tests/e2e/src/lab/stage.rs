//! A lab whose addresses come from a scripted IPAM plugin.

use node::record::Record;
use serde_json::Value;

use super::Lab;
use crate::{Answer, FakeIpam, Invocation, PodNetns};

/// A [`Lab`], and the IPAM plugin `fake-ipam` for it.
#[derive(Debug)]
pub struct Stage {
    /// The node.
    pub lab: Lab,
    /// The plugin.
    pub ipam: FakeIpam,
}

impl Stage {
    /// A node of so many ENIs, whose IPAM plugin has no answer for ADD yet.
    #[must_use]
    pub fn new(enis: u8) -> Self {
        let lab = Lab::with_enis(enis);
        let ipam = FakeIpam::install(lab.host.folder().join("fake"));
        Self { lab, ipam }
    }

    /// Its ADD gives 10.0.1.11/24, the address of the first ENI, in this version of CNI.
    #[must_use]
    pub fn giving(enis: u8, version: &str) -> Self {
        let stage = Self::new(enis);
        stage.ipam.answers("ADD", &[Answer::addresses(version, &["10.0.1.11/24"])]);
        stage
    }

    /// A call of `multi-eni`, which finds the IPAM plugin. The configuration has to name it.
    #[must_use]
    pub fn call(&self, pod: &PodNetns, container: &str, config: &Value) -> Invocation {
        self.lab.call(pod, container, config).search(self.ipam.folder())
    }

    /// All attachments on record.
    ///
    /// # Panics
    ///
    /// When they cannot be read.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.lab.store().records().expect("the records of attachments")
    }
}
