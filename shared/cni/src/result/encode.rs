//! Results written in the shape of each version.

use serde_json::{Map, Value, json};

use super::{CniResult, Dns, Interface, IpConfig, Route};
use crate::Version;

pub(super) fn result(result: &CniResult, version: Version) -> Value {
    let mut object = Map::new();
    object.insert("cniVersion".into(), version.as_str().into());
    if !result.interfaces.is_empty() {
        object.insert("interfaces".into(), result.interfaces.iter().map(|one| interface(one, version)).collect());
    }
    object.insert("ips".into(), result.ips.iter().map(|one| ip(one, version)).collect());
    object.insert("routes".into(), result.routes.iter().map(|one| route(one, version)).collect());
    // Present even when empty: there are decoders that want it.
    object.insert("dns".into(), dns(&result.dns));
    Value::Object(object)
}

fn interface(interface: &Interface, version: Version) -> Value {
    let mut object = Map::new();
    object.insert("name".into(), interface.name.as_str().into());
    put(&mut object, "mac", interface.mac.as_deref());
    put(&mut object, "sandbox", interface.sandbox.as_deref());
    if version >= Version::V1_1_0 {
        put(&mut object, "mtu", interface.mtu);
        put(&mut object, "socketPath", interface.socket_path.as_deref());
        put(&mut object, "pciID", interface.pci_id.as_deref());
    }
    Value::Object(object)
}

fn ip(ip: &IpConfig, version: Version) -> Value {
    let mut object = Map::new();
    if version < Version::V1_0_0 {
        object.insert("version".into(), if ip.address.is_ipv4() { "4" } else { "6" }.into());
    }
    put(&mut object, "interface", ip.interface);
    object.insert("address".into(), ip.address.to_string().into());
    put(&mut object, "gateway", ip.gateway.map(|gateway| gateway.to_string()));
    Value::Object(object)
}

fn route(route: &Route, version: Version) -> Value {
    let mut object = Map::new();
    object.insert("dst".into(), route.dst.to_string().into());
    put(&mut object, "gw", route.gw.map(|gw| gw.to_string()));
    if version >= Version::V1_1_0 {
        put(&mut object, "mtu", route.mtu);
        put(&mut object, "advmss", route.advmss);
        put(&mut object, "priority", route.priority);
        put(&mut object, "table", route.table);
        put(&mut object, "scope", route.scope);
    }
    Value::Object(object)
}

fn dns(dns: &Dns) -> Value {
    let mut object = Map::new();
    let lists = [("nameservers", &dns.nameservers), ("search", &dns.search), ("options", &dns.options)];
    for (key, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        object.insert(key.into(), json!(list));
    }
    put(&mut object, "domain", dns.domain.as_deref());
    Value::Object(object)
}

fn put(object: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        object.insert(key.into(), value.into());
    }
}
