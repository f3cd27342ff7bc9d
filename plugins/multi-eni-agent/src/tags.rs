//! The tags that every ENI of the project bears from its creation on: with them, EC2 alone can tell whose it is.

use ec2::Tags;
use node::names::PoolName;

/// Tells amazon-vpc-cni to leave the ENI alone, with the value [`NO_MANAGE_VALUE`] and no other (its `setUnmanagedENIs`).
pub(crate) const NO_MANAGE: &str = "node.k8s.amazonaws.com/no_manage";
/// The one value that amazon-vpc-cni takes for a yes.
pub(crate) const NO_MANAGE_VALUE: &str = "true";
/// The cluster's id: `cluster_id` of `node.toml`, or the UID of the namespace kube-system.
pub(crate) const CLUSTER: &str = "multi-eni.networking.k8s.aws/cluster";
/// The node's name.
pub(crate) const NODE: &str = "multi-eni.networking.k8s.aws/node";
/// The instance for which it was made: only that one's agent looks after it.
pub(crate) const INSTANCE: &str = "multi-eni.networking.k8s.aws/instance";
/// Its pool.
pub(crate) const POOL: &str = "multi-eni.networking.k8s.aws/pool";
/// The client token of its creation, by which a creation whose answer was lost is found again.
pub(crate) const TOKEN: &str = "multi-eni.networking.k8s.aws/token";
/// What EC2's console shows.
pub(crate) const NAME: &str = "Name";

/// What the controller that this project re-makes puts on its ENIs, with the value [`ORIGINAL_VALUE`].
const ORIGINAL: &str = "kubernetes.io/cluster/managed-by";
const ORIGINAL_VALUE: &str = "nodeeni-controller";
/// Its NodeENI, there.
const ORIGINAL_POOL: &str = "NodeENI";
/// Its node, there.
const ORIGINAL_NODE: &str = "Node";

/// Whose an ENI is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) cluster: String,
    pub(crate) node: String,
    pub(crate) instance: String,
}

impl Identity {
    /// The tags of one of its ENIs, the user's among them; the project's own win.
    pub(crate) fn tags(&self, pool: &PoolName, token: &str, users: &Tags) -> Tags {
        let mut tags = users.clone();
        let name = format!("{pool}-{}", self.node);
        tags.entry(NAME.to_string()).or_insert_with(|| name.chars().take(256).collect());
        let own = [
            (NO_MANAGE, NO_MANAGE_VALUE),
            (CLUSTER, &self.cluster),
            (NODE, &self.node),
            (INSTANCE, &self.instance),
            (POOL, pool.as_str()),
            (TOKEN, token),
        ];
        tags.extend(own.map(|(key, value)| (key.to_string(), value.to_string())));
        tags
    }

    /// What EC2 is asked for all of its ENIs by.
    pub(crate) fn filter(&self) -> Tags {
        [(CLUSTER, &self.cluster), (INSTANCE, &self.instance)]
            .map(|(key, value)| (key.to_string(), value.clone()))
            .into()
    }

    /// What an ENI of this pool lacks of its tags, or has with another value. The console's name is the user's once he has
    /// changed it there, and an ENI that another hand made has no token.
    pub(crate) fn lacking(&self, pool: &PoolName, users: &Tags, found: &Tags) -> Tags {
        let token = found.get(TOKEN).cloned().unwrap_or_default();
        let mut wished = self.tags(pool, &token, users);
        if token.is_empty() {
            wished.remove(TOKEN);
        }
        if !users.contains_key(NAME) {
            wished.remove(NAME);
        }
        missing(&wished, found)
    }

    /// The NodeENI for which the original controller made an ENI with these tags on this node; nothing if it made none such, or
    /// the ENI is a cluster's of this project already.
    pub(crate) fn originals_pool(&self, tags: &Tags) -> Option<PoolName> {
        let is = |key: &str, value: &str| tags.get(key).is_some_and(|found| found == value);
        let is_ours = tags.get(CLUSTER).is_none_or(|cluster| *cluster == self.cluster);
        let is_originals = is(ORIGINAL, ORIGINAL_VALUE) && is(ORIGINAL_NODE, &self.node) && is_ours;
        tags.get(ORIGINAL_POOL).filter(|_| is_originals)?.parse().ok()
    }

    /// Whether these tags say that an ENI is its own.
    pub(crate) fn owns(&self, tags: &Tags) -> bool {
        tags.get(CLUSTER) == Some(&self.cluster) && tags.get(INSTANCE) == Some(&self.instance)
    }
}

/// The pool that these tags name.
pub(crate) fn pool_of(tags: &Tags) -> Option<PoolName> {
    tags.get(POOL)?.parse().ok()
}

/// The tags that are missing or have another value, of those that are wished.
fn missing(wished: &Tags, found: &Tags) -> Tags {
    wished.iter().filter(|(key, value)| found.get(*key) != Some(value)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            cluster: "5f0c9a".to_string(),
            node: "node-1".to_string(),
            instance: "i-0123456789abcdef0".to_string(),
        }
    }

    #[test]
    fn no_user_tag_takes_an_eni_from_the_project() {
        let users =
            Tags::from([(NO_MANAGE.to_string(), "false".to_string()), (CLUSTER.to_string(), "other".to_string())]);
        let pool = "dataplane".parse().unwrap();
        let tags = identity().tags(&pool, "token", &users);
        assert_eq!(tags.get(NO_MANAGE).map(String::as_str), Some("true"));
        assert!(identity().owns(&tags));
        assert_eq!(pool_of(&tags), Some(pool));
    }

    #[test]
    fn another_instance_of_the_cluster_owns_it_not() {
        let other = Identity { instance: "i-0aaaaaaaaaaaaaaaa".to_string(), ..identity() };
        assert!(!other.owns(&identity().tags(&"p".parse().unwrap(), "t", &Tags::new())));
    }

    /// As the original controller tags an ENI (its `createENI`).
    fn originals() -> Tags {
        let tags = [
            ("Name", "nodeeni-dataplane-node-1-0000000a"),
            ("NodeENI", "dataplane"),
            ("Node", "node-1"),
            ("SubnetID", "subnet-0000000a"),
            ("kubernetes.io/cluster/managed-by", "nodeeni-controller"),
            ("node.k8s.amazonaws.com/no_manage", "true"),
        ];
        tags.map(|(key, value)| (key.to_string(), value.to_string())).into()
    }

    #[test]
    fn an_eni_of_the_original_controller_is_known_by_all_of_its_tags() {
        assert_eq!(identity().originals_pool(&originals()), Some("dataplane".parse().unwrap()));
        for key in ["NodeENI", "Node", "kubernetes.io/cluster/managed-by"] {
            let mut tags = originals();
            tags.remove(key);
            assert_eq!(identity().originals_pool(&tags), None, "without {key}");
            tags.insert(key.to_string(), "Not a name".to_string());
            assert_eq!(identity().originals_pool(&tags), None, "with another {key}");
        }
    }

    #[test]
    fn an_eni_that_another_cluster_of_this_project_has_is_not_the_originals() {
        let with = |cluster: &str| {
            let mut tags = originals();
            tags.insert(CLUSTER.to_string(), cluster.to_string());
            identity().originals_pool(&tags)
        };
        assert_eq!(with("other"), None);
        // Its tags were set, and that was not written down.
        assert_eq!(with(&identity().cluster), Some("dataplane".parse().unwrap()));
    }

    #[test]
    fn an_eni_that_becomes_ours_keeps_its_name_and_what_else_it_has() {
        let pool: PoolName = "dataplane".parse().unwrap();
        let lacking = identity().lacking(&pool, &Tags::new(), &originals());
        assert_eq!(lacking.keys().collect::<Vec<_>>(), [CLUSTER, INSTANCE, NODE, POOL]);
        let tags: Tags = originals().into_iter().chain(lacking).collect();
        assert!(identity().owns(&tags) && pool_of(&tags) == Some(pool.clone()));
        assert!(identity().lacking(&pool, &Tags::new(), &tags).is_empty());
    }

    #[test]
    fn missing_tags_are_those_that_lack_or_differ() {
        let wished = Tags::from([("a".to_string(), "1".to_string()), ("b".to_string(), "2".to_string())]);
        let found = Tags::from([("a".to_string(), "1".to_string()), ("b".to_string(), "3".to_string())]);
        assert_eq!(missing(&wished, &found), Tags::from([("b".to_string(), "2".to_string())]));
    }
}
