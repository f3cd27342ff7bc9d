//! A second node of a cluster: an object of the API and an instance in EC2, with nobody on it.

use ec2sim::{Eni, Instance, Netns};
use serde_json::json;

use super::Cluster;
use crate::cloud::CLUSTER_TAG;

/// Where it is: its ENIs are made there.
#[derive(Debug)]
pub struct OtherNode {
    /// Its name.
    pub name: String,
    /// Itself, in EC2's eyes.
    pub instance: Instance,
}

impl Cluster {
    /// Makes one.
    ///
    /// # Panics
    ///
    /// When there is one of this name.
    #[must_use]
    pub fn other_node(&self, name: &str) -> OtherNode {
        let machine = self.cloud.host.run(|| Netns::create().expect("a machine"));
        let instance = self.cloud.fabric.instance_in(&machine).create().expect("an instance");
        let facts = instance.facts().expect("the instance's facts");
        let provider_id = format!("aws:///{}/{}", facts.availability_zone, facts.instance_id);
        self.apply(&json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"providerID": provider_id},
        }));
        OtherNode { name: name.to_owned(), instance }
    }

    /// An ENI of a pool on another node as its agent would have made it, of this cluster, attached and not marked to end with
    /// its instance.
    ///
    /// # Panics
    ///
    /// When EC2 does not take it.
    #[must_use]
    pub fn eni_on(&self, node: &OtherNode, pool: &str, cluster_id: &str) -> Eni {
        let own = |key: &str| format!("multi-eni.networking.k8s.aws/{key}");
        let instance = node.instance.id().to_string();
        let tags = [(own("node"), &node.name), (own("instance"), &instance), (own("pool"), &pool.to_owned())]
            .map(|(key, value)| (key, value.clone()));
        let labelled =
            self.cloud.subnet.eni().tag(CLUSTER_TAG, cluster_id).tag("node.k8s.amazonaws.com/no_manage", "true");
        let eni = tags.iter().fold(labelled, |eni, (key, value)| eni.tag(key, value)).create().expect("an ENI");
        eni.attach(&node.instance).now().expect("an attachment");
        eni
    }
}
