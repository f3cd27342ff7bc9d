//! Pools of the guest, and a node that has none.

use std::fs;

use node::inventory::{Entry, State};
use serde_json::{Value, json};

use super::Node;

impl Node {
    /// Writes the manifest of a pool: the region's subnet and security group, every node, and what `spec` says besides.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn declare(&self, name: &str, spec: &Value) {
        let mut whole =
            json!({"nodeSelector": {}, "subnetID": self.brief.subnet, "securityGroupIDs": [self.brief.group]});
        if let (Some(whole), Some(spec)) = (whole.as_object_mut(), spec.as_object()) {
            whole.extend(spec.clone());
        }
        let manifest = json!({
            "apiVersion": "networking.k8s.aws/v1alpha1", "kind": "NodeENI", "metadata": {"name": name}, "spec": whole,
        });
        let draft = self.host.folder().join("draft");
        fs::write(&draft, manifest.to_string()).expect("a manifest");
        fs::rename(draft, self.pools().join(format!("{name}.json"))).expect("a manifest in its folder");
    }

    /// Takes the manifest of a pool away.
    ///
    /// # Panics
    ///
    /// When it is not there.
    pub fn withdraw(&self, name: &str) {
        fs::remove_file(self.pools().join(format!("{name}.json"))).expect("a manifest");
    }

    /// The inventory's entries of this pool.
    ///
    /// # Panics
    ///
    /// When they cannot be read.
    #[must_use]
    pub fn of_pool(&self, pool: &str) -> Vec<Entry> {
        let mine = |entry: &Entry| entry.pool_name().is_some_and(|name| name.as_str() == pool);
        self.store().inventory().expect("the inventory").into_iter().filter(mine).collect()
    }

    /// Waits until a pool has so many ENIs, all of them free, and gives them.
    #[track_caller]
    pub fn ready(&self, pool: &str, count: usize) -> Vec<Entry> {
        let mut ready = Vec::new();
        self.until(&format!("{count} free ENIs of pool {pool}"), || {
            ready = self.of_pool(pool);
            ready.len() == count && ready.iter().all(|entry| entry.state == State::Ready)
        });
        ready
    }

    /// A node whose agent runs, without pods, pools and ENIs.
    ///
    /// # Panics
    ///
    /// When it does not come to that.
    pub fn calm(&self) {
        self.start();
        for entry in fs::read_dir("/run/netns").expect("the namespaces").map_while(Result::ok) {
            if entry.file_name() != "vpc" {
                self.host.command("ip").args(["netns", "del"]).arg(entry.file_name()).run();
            }
        }
        for manifest in fs::read_dir(self.pools()).expect("the pools").map_while(Result::ok) {
            fs::remove_file(manifest.path()).expect("a manifest");
        }
        self.until("no ENI of the project is left", || {
            let pools = self.store().inventory().expect("the inventory").iter().any(|entry| entry.pool.is_some());
            !pools && self.enis().is_empty() && self.nics().is_empty()
        });
    }
}
