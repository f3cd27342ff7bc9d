//! The tree of metadata as a pure function of what is known. A key without a value is not in it, so it is 404 and not
//! listed, as on a real instance.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::error::Error;
use crate::facts::{EniFacts, InstanceFacts};
use crate::instance::Instance;

/// What the service knew at some time.
#[derive(Debug, Clone)]
pub struct Snapshot {
    instance: InstanceFacts,
    enis: Vec<EniFacts>,
    announced: BTreeMap<String, String>,
}

impl Snapshot {
    pub(super) fn of(instance: &Instance) -> Result<Self, Error> {
        Ok(Self { instance: instance.facts()?, enis: instance.enis_of_metadata()?, announced: instance.announced()? })
    }

    /// The primary ENI: device index 0 of card 0.
    fn primary(&self) -> Option<&EniFacts> {
        let slot =
            |eni: &&EniFacts| eni.attachment.as_ref().is_some_and(|at| (at.network_card, at.device_index) == (0, 0));
        self.enis.iter().find(slot)
    }
}

/// Whole paths, without a leading slash, and their texts.
#[derive(Debug, Default)]
pub(super) struct Tree(BTreeMap<String, String>);

impl Tree {
    pub(super) fn of(snapshot: &Snapshot, credentials: &BTreeMap<String, String>) -> Self {
        let mut tree = Self::default();
        tree.instance(&snapshot.instance);
        tree.put("latest/dynamic/instance-identity", "document", identity(snapshot));
        if let Some(primary) = snapshot.primary() {
            tree.put(META, "mac", primary.mac.to_string());
            tree.put(META, "local-ipv4", primary.primary.to_string());
            tree.put(META, "local-hostname", hostname(primary, &snapshot.instance));
            tree.put(META, "hostname", hostname(primary, &snapshot.instance));
            tree.put(META, "security-groups", lines(primary.security_groups.iter().map(|group| &group.name)));
        }
        for eni in &snapshot.enis {
            tree.eni(eni, &snapshot.instance);
        }
        for (path, text) in &snapshot.announced {
            tree.put(META, path, text.clone());
        }
        for (role, document) in credentials {
            tree.put(&format!("{META}/iam/security-credentials"), role, document.clone());
        }
        tree
    }

    /// The text of a key, or the listing of a folder with or without its last slash; folders in it end with a slash.
    pub(super) fn get(&self, path: &str) -> Option<String> {
        let path = path.trim_start_matches('/');
        if let Some(text) = self.0.get(path) {
            return Some(text.clone());
        }
        let folder = if path.is_empty() || path.ends_with('/') { path.to_owned() } else { format!("{path}/") };
        let below = self.0.keys().filter_map(|key| key.strip_prefix(&folder));
        let names: BTreeSet<String> = below.map(|rest| first_part(rest).to_owned()).collect();
        (!names.is_empty()).then(|| lines(&names))
    }

    fn put(&mut self, folder: &str, key: &str, text: String) {
        if !text.is_empty() {
            self.0.insert(format!("{folder}/{key}"), text);
        }
    }

    fn instance(&mut self, instance: &InstanceFacts) {
        self.put(META, "instance-id", instance.instance_id.to_string());
        self.put(META, "instance-type", instance.instance_type.clone());
        self.put(META, "placement/availability-zone", instance.availability_zone.clone());
        self.put(META, "placement/region", instance.region.clone());
        self.put(META, "services/domain", "amazonaws.com".into());
        self.put(META, "services/partition", "aws".into());
    }

    fn eni(&mut self, eni: &EniFacts, instance: &InstanceFacts) {
        let folder = format!("{META}/network/interfaces/macs/{}", eni.mac);
        let mut put = |key: &str, text: String| self.put(&folder, key, text);
        put("mac", eni.mac.to_string());
        put("interface-id", eni.network_interface_id.to_string());
        put("owner-id", eni.owner_id.clone());
        put("local-hostname", hostname(eni, instance));
        put("local-ipv4s", lines(eni.ipv4()));
        put("ipv6s", lines(&eni.ipv6));
        put("ipv4-prefix", lines(&eni.ipv4_prefixes));
        put("ipv6-prefix", lines(&eni.ipv6_prefixes));
        put("subnet-id", eni.subnet_id.to_string());
        put("subnet-ipv4-cidr-block", eni.subnet_ipv4.to_string());
        put("subnet-ipv6-cidr-blocks", lines(eni.subnet_ipv6));
        put("vpc-id", eni.vpc_id.to_string());
        put("vpc-ipv4-cidr-block", lines(eni.vpc_ipv4.first()));
        put("vpc-ipv4-cidr-blocks", lines(&eni.vpc_ipv4));
        put("vpc-ipv6-cidr-blocks", lines(&eni.vpc_ipv6));
        put("security-group-ids", lines(eni.security_groups.iter().map(|group| &group.id)));
        put("security-groups", lines(eni.security_groups.iter().map(|group| &group.name)));
        if let Some(at) = &eni.attachment {
            put("device-number", at.device_index.to_string());
            if instance.network_cards > 1 {
                put("network-card", at.network_card.to_string());
            }
        }
    }
}

const META: &str = "latest/meta-data";

fn first_part(rest: &str) -> &str {
    rest.find('/').map_or(rest, |slash| &rest[..=slash])
}

fn lines<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join("\n")
}

/// `ip-10-0-1-10.ec2.internal`; in other regions than the first the region stands in it.
fn hostname(eni: &EniFacts, instance: &InstanceFacts) -> String {
    let address = eni.primary.to_string().replace('.', "-");
    match instance.region.as_str() {
        "us-east-1" => format!("ip-{address}.ec2.internal"),
        region => format!("ip-{address}.{region}.compute.internal"),
    }
}

fn identity(snapshot: &Snapshot) -> String {
    let instance = &snapshot.instance;
    let document = json!({
        "accountId": instance.account_id,
        "architecture": "x86_64",
        "availabilityZone": instance.availability_zone,
        "instanceId": instance.instance_id,
        "instanceType": instance.instance_type,
        "privateIp": snapshot.primary().map(|eni| eni.primary.to_string()),
        "region": instance.region,
        "version": "2017-09-30",
    });
    format!("{document:#}")
}
