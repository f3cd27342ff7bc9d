//! What to say about a key of the settings that nobody knows.

use super::near::nearest;
use serde::de::Error;

/// The keys of each table; the first is the file itself.
pub(super) const TABLES: [(&str, &[&str]); 4] = [
    (
        "",
        &[
            "state_dir",
            "log_dir",
            "kubelet_dir",
            "device_info_dir",
            "sysfs_dir",
            "dev_dir",
            "allow_no_iommu",
            "attach",
            "agent_program",
            "cluster_id",
            "allow",
            "agent",
            "cluster",
        ],
    ),
    ("allow", &["mac_addresses", "pci_addresses", "subnet_ids", "tags"]),
    (
        "agent",
        &[
            "node_name",
            "labels",
            "manifests",
            "pools_dir",
            "adopt_original",
            "listen",
            "ec2_endpoint",
            "imds_endpoint",
            "region",
            "resync_seconds",
            "describe_seconds",
            "device_plugin_info_dir",
            "resource_prefix",
            "release_grace_seconds",
            "orphan_grace_seconds",
            "max_enis",
            "reserved_enis",
            "reads_per_second",
            "writes_per_second",
            "proc_dir",
            "log_format",
            "log_level",
        ],
    ),
    ("cluster", &["gone_clusters"]),
];

/// The first unknown key that something can be said about.
pub(super) fn of(text: &str) -> Option<toml::de::Error> {
    let file: toml::Table = toml::from_str(text).ok()?;
    let hints = TABLES.iter().filter_map(|&(table, known)| {
        let content = if table.is_empty() { Some(&file) } else { file.get(table).and_then(toml::Value::as_table) };
        content?.keys().filter(|key| !known.contains(&key.as_str())).find_map(|key| hint(table, known, key))
    });
    hints.map(toml::de::Error::custom).next()
}

fn hint(table: &str, known: &[&str], key: &str) -> Option<String> {
    let place = if table.is_empty() { "node.toml".to_string() } else { format!("the table {table}") };
    let no_key = format!("{key} is no key of {place}");
    match TABLES.iter().find(|(_, keys)| keys.contains(&key)) {
        Some(("", _)) => Some(format!("{no_key}: write it before the first table")),
        Some((belongs, _)) => Some(format!("{no_key}: write it in the table {belongs}")),
        None => nearest(key, known.iter().copied()).map(|meant| format!("{no_key}; {meant} is")),
    }
}
