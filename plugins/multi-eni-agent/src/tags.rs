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
pub(crate) fn missing(wished: &Tags, found: &Tags) -> Tags {
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

    #[test]
    fn missing_tags_are_those_that_lack_or_differ() {
        let wished = Tags::from([("a".to_string(), "1".to_string()), ("b".to_string(), "2".to_string())]);
        let found = Tags::from([("a".to_string(), "1".to_string()), ("b".to_string(), "3".to_string())]);
        assert_eq!(missing(&wished, &found), Tags::from([("b".to_string(), "2".to_string())]));
    }
}
