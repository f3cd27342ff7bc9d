//! The cluster as its agent sees it: plain values, of which only what it looks at is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use ec2::InstanceId;
use k8s_openapi::api::core::v1 as core;
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;

use super::listed::Listed;
use super::text::short;
use crate::api::{EniNodeStatus, NodeEniStatus};
use crate::declared::{NodeLabels, Review};

/// The finalizer that keeps a NodeENI until EC2 has none of its ENIs; the original's name.
pub(crate) const FINALIZER: &str = "nodeeni.networking.k8s.aws/finalizer";

/// What the watches have told. Each kind is whole: before its first list is, there is no world.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    /// By name.
    pub(crate) nodes: BTreeMap<String, Arc<Node>>,
    /// By name.
    pub(crate) node_enis: BTreeMap<String, Arc<NodeEni>>,
    /// By the Node's name.
    pub(crate) eni_nodes: BTreeMap<String, Arc<Report>>,
}

/// What a node's agent says, in its ENINode.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Report {
    /// Of one that cannot be read, whose it is and no more.
    pub(crate) status: EniNodeStatus,
    /// Why it cannot be read: then nothing is known of the node's ENIs.
    pub(crate) unreadable: Option<String>,
}

/// A Node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) uid: String,
    pub(crate) labels: NodeLabels,
    /// Its instance; nothing if it has no provider ID, or another provider's.
    pub(crate) instance: Option<InstanceId>,
}

/// A NodeENI.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeEni {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) version: String,
    pub(crate) generation: Option<i64>,
    pub(crate) is_deleted: bool,
    pub(crate) finalizers: Vec<String>,
    /// What is to be said of its `spec` without a node.
    pub(crate) review: Review,
    /// Whether its ENIs stay when their instance ends.
    pub(crate) keeps_its_enis: bool,
    pub(crate) status: NodeEniStatus,
    /// What the status lists as attached, whoever wrote it.
    pub(crate) listed: Listed,
}

impl Node {
    /// Of an object: its name, and what matters. Its heartbeats do not.
    pub(crate) fn of(node: core::Node) -> (String, Self) {
        let provider = node.spec.as_ref().and_then(|spec| spec.provider_id.as_deref());
        // `aws:///eu-central-1a/i-0123456789abcdef0`: the zone is not always there.
        let instance = provider.and_then(|id| id.strip_prefix("aws://")?.rsplit('/').next()?.parse().ok());
        let (name, uid) = (node.name_any(), node.uid().unwrap_or_default());
        (name, Self { uid, instance, labels: node.metadata.labels.unwrap_or_default().into_iter().collect() })
    }
}

impl NodeEni {
    /// Of an object: its name, and what matters. It is read as any object, since one that is written wrongly must not hide the others.
    pub(crate) fn of(object: DynamicObject) -> (String, Self) {
        let name = object.name_any();
        let spec = object.data.get("spec").filter(|spec| !spec.is_null());
        let listed = Listed::of(object.data.get("status"));
        // What an earlier version has written and cannot be read any more is written anew.
        let status = object.data.get("status").cloned().and_then(|status| serde_json::from_value(status).ok());
        let status =
            status.unwrap_or_else(|| NodeEniStatus { attachments: listed.attachments(), ..Default::default() });
        let keeps = spec.and_then(|spec| spec.get("deleteOnTermination")).and_then(Value::as_bool) == Some(false);
        let seen = Self {
            review: Review::of(&name, spec),
            name: name.clone(),
            uid: object.uid().unwrap_or_default(),
            version: object.resource_version().unwrap_or_default(),
            generation: object.metadata.generation,
            is_deleted: object.metadata.deletion_timestamp.is_some(),
            keeps_its_enis: keeps,
            status,
            listed,
            finalizers: object.metadata.finalizers.unwrap_or_default(),
        };
        (name, seen)
    }

    /// Whether it has the finalizer.
    pub(crate) fn has_finalizer(&self) -> bool {
        self.finalizers.iter().any(|finalizer| finalizer == FINALIZER)
    }
}

impl Report {
    /// Of an object: the Node's name, and what its agent says. It is read as any object, as a NodeENI is.
    pub(crate) fn of(object: &DynamicObject) -> (String, Self) {
        let name = object.name_any();
        let Some(status) = object.data.get("status").filter(|status| !status.is_null()) else {
            return (name, Self::default());
        };
        let report = match serde_path_to_error::deserialize(status) {
            Ok(status) => Self { status, unreadable: None },
            Err(error) => Self::unreadable(status, short(&format!("status.{}: {}", error.path(), error.inner()))),
        };
        if let Some(why) = &report.unreadable {
            log::warn!("ENINode {name} cannot be read, so which ENIs its node has is not known: {why}");
        }
        (name, report)
    }

    fn unreadable(status: &Value, why: String) -> Self {
        let text = |key: &str| status.get(key).and_then(Value::as_str).map(ToString::to_string);
        let (node_uid, instance_id) = (text("nodeUID"), text("instanceID"));
        Self { status: EniNodeStatus { node_uid, instance_id, ..EniNodeStatus::default() }, unreadable: Some(why) }
    }
}

impl World {
    /// The ENINodes of Nodes that are there. One of a Node of the same name that was before says nothing of this one.
    pub(crate) fn reports(&self) -> impl Iterator<Item = (&str, &Report)> {
        self.eni_nodes.iter().filter_map(|(name, report)| {
            let node = self.nodes.get(name)?;
            let is_of_it = report.status.node_uid.as_ref().is_none_or(|uid| *uid == node.uid);
            is_of_it.then_some((name.as_str(), report.as_ref()))
        })
    }

    /// The instances of which the API server knows a Node.
    pub(crate) fn instances(&self) -> impl Iterator<Item = InstanceId> {
        let by_agents = self.reports().filter_map(|(_, report)| report.status.instance_id.as_ref()?.parse().ok());
        self.nodes.values().filter_map(|node| node.instance.clone()).chain(by_agents)
    }
}
