//! The cluster agent's part of the settings, the table `[cluster]`.

use super::ClusterId;
use serde::Deserialize;
use std::collections::BTreeSet;

/// What only the cluster agent needs. Every key has a default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    /// Clusters of the administrator's that are gone for good: nothing in EC2 tells a cluster that is gone from one that is at rest.
    /// What their instances left behind is taken away with what this cluster's did.
    pub gone_clusters: BTreeSet<ClusterId>,
}
