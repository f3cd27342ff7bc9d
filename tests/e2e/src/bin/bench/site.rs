//! Where it is measured: a node whose records lie in its own `/run`, as on a real one.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::{Lab, PodNetns};
use node::store::{AgentPass, Store};

/// The node's records.
const STATE: &str = "/run/multi-eni";

/// A node with ENIs, and a pod's namespace for each.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) lab: Lab,
    pub(crate) pods: Vec<PodNetns>,
}

impl Site {
    pub(crate) fn with_enis(count: u8) -> Self {
        let lab = Lab::with_enis(count);
        let pods = (1..=count).map(|number| lab.host.netns(&format!("pod{number}"))).collect();
        let entries: Vec<_> = (0..lab.enis.len()).map(|index| lab.entry(index)).collect();
        lab.host.run(move || {
            let store = Store::open(Path::new(STATE)).expect("the node's records");
            for entry in &entries {
                store.write_entry(entry).expect("an entry of the inventory");
            }
            store.write_agent_pass(&AgentPass { finished_at: 1 }).expect("the agent's word");
        });
        let site = Self { lab, pods };
        fs::write(site.settings(), format!("state_dir = {STATE:?}\nlog_dir = \"/run/log\"\n")).expect("node.toml");
        site
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.lab.host.folder().join("bench.toml")
    }
}

/// The name on the host of an ENI, counted from 0.
pub(crate) fn host_name(index: usize) -> String {
    format!("eth{}", index + 1)
}

/// The primary address of an ENI, counted from 0, with the length of its subnet.
pub(crate) fn address(index: usize) -> String {
    format!("10.0.1.{}/24", 11 + index)
}

/// The VPC, for which every pod gets a route.
pub(crate) const VPC: &str = "10.0.0.0/16";
/// The subnet's router.
pub(crate) const GATEWAY: &str = "10.0.1.1";
/// Another one than that of the link, so that it has to be set and put back.
pub(crate) const MTU: u32 = 1500;
/// That of the link on the host.
pub(crate) const HOST_MTU: u32 = 9001;
/// The name in the pod.
pub(crate) const POD_NAME: &str = "net1";
