//! Facts about a network, as `ip` tells them: it is the judge that our own netlink code is not.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::Host;

/// Fields of routes that name them; they stand first in their line, in this order.
const ROUTE_NAME: [&str; 5] = ["table", "type", "dst", "dev", "gateway"];

pub(super) fn facts(host: &Host, namespace: &[&str]) -> BTreeSet<String> {
    let ip = |arguments: &[&str]| -> Vec<Value> {
        let output = host.command("ip").args(namespace).args(["-j", "-d"]).args(arguments).run();
        if output.trim().is_empty() { Vec::new() } else { serde_json::from_str(&output).expect("JSON of ip") }
    };
    let mut facts = BTreeSet::new();
    for link in ip(&["address", "show"]) {
        facts.insert(link_fact(&link));
        facts.extend(address_facts(&link));
    }
    for family in ["inet", "inet6"] {
        let routes = ip(&["-f", family, "route", "show", "table", "all"]);
        facts.extend(routes.iter().filter(|route| !is_the_kernels_own(route)).map(|route| route_fact(family, route)));
        facts.extend(ip(&["-f", family, "rule", "show"]).iter().map(|rule| rule_fact(family, rule)));
    }
    facts
}

fn link_fact(link: &Value) -> String {
    let state = if has_flag(link, "UP") { "up" } else { "down" };
    let mut fact = format!("link {} {state} mac {} mtu {}", text(link, "ifname"), text(link, "address"), link["mtu"]);
    for (key, word) in [("altnames", "altnames"), ("ifalias", "alias"), ("master", "master")] {
        if let Some(value) = link.get(key) {
            fact.push_str(&format!(" {word} {}", plain(value)));
        }
    }
    fact
}

fn address_facts(link: &Value) -> Vec<String> {
    let addresses = link["addr_info"].as_array().map(Vec::as_slice).unwrap_or_default();
    let lasting = addresses.iter().filter(|address| !text(address, "local").starts_with("fe80:"));
    lasting
        .map(|address| {
            let mut fact = format!("address {} {}", text(link, "ifname"), text(address, "local"));
            if let Some(peer) = address.get("address") {
                fact.push_str(&format!(" peer {}", plain(peer)));
            }
            fact + &format!("/{} scope {}", address["prefixlen"], text(address, "scope"))
        })
        .collect()
}

/// Link-local and multicast routes of IPv6 come and go with the carrier.
fn is_the_kernels_own(route: &Value) -> bool {
    let destination = text(route, "dst");
    text(route, "protocol") == "kernel" && (destination.starts_with("fe80:") || destination == "ff00::/8")
}

fn route_fact(family: &str, route: &Value) -> String {
    let mut fields = route.as_object().cloned().unwrap_or_default();
    fields.entry("table").or_insert_with(|| "main".into());
    fields.entry("type").or_insert_with(|| "unicast".into());
    if let Some(Value::Array(flags)) = fields.get_mut("flags") {
        flags.retain(|flag| !["dead", "linkdown"].contains(&flag.as_str().unwrap_or_default()));
    }
    fields.retain(|key, _| !["expires", "cache"].contains(&key.as_str()));
    let named = ROUTE_NAME.map(|key| fields.remove(key).map(|value| format!(" {key} {}", plain(&value))));
    format!("route {family}{}{}", named.into_iter().flatten().collect::<String>(), rest(&fields))
}

fn rule_fact(family: &str, rule: &Value) -> String {
    format!("rule {family}{}", rest(&rule.as_object().cloned().unwrap_or_default()))
}

fn rest(fields: &Map<String, Value>) -> String {
    let told = fields.iter().filter(|(_, value)| value.as_array().is_none_or(|list| !list.is_empty()));
    told.map(|(key, value)| format!(" {key} {}", plain(value))).collect()
}

fn has_flag(link: &Value, flag: &str) -> bool {
    link["flags"].as_array().is_some_and(|flags| flags.iter().any(|one| one == flag))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), String::from)
}
