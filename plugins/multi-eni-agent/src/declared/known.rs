//! Names of fields: those that a manifest may have beside `spec`, and what others call those of `spec`.

/// The fields of a manifest beside `spec` that say nothing to a pool: those that an API server writes.
pub(super) const TOP: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// Kubernetes' `ObjectMeta`.
pub(super) const METADATA: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// What a field of `spec` is called elsewhere and here, too far apart for a typing error.
pub(super) const CALLED_ELSEWHERE: [(&str, &str); 18] = [
    ("cooldown", "cooldownSeconds"),
    ("dpdkEnabled", "enableDPDK"),
    ("dpdk", "enableDPDK"),
    ("groups", "securityGroupIDs"),
    ("interfaceName", "linkName"),
    ("ipv6AddressCount", "ipv6Addresses"),
    ("matchExpressions", "nodeSelectorExpressions"),
    ("matchLabels", "nodeSelector"),
    ("maxSize", "max"),
    ("minSize", "min"),
    ("networkCardIndex", "networkCard"),
    ("nodeAffinity", "nodeSelectorExpressions"),
    ("secondaryIPv4", "secondaryIPv4Addresses"),
    ("secondaryPrivateIpAddressCount", "secondaryIPv4Addresses"),
    ("securityGroups", "securityGroupIDs"),
    ("subnets", "subnetIDs"),
    ("warmENITarget", "warm"),
    ("warmPool", "warm"),
];
