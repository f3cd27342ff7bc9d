use super::*;
use serde_json::{Value, json};

fn store(root: &tempfile::TempDir) -> Store {
    Store::open(&root.path().join("state")).unwrap()
}

fn intent(token: &str, content: &str) -> Intent<String> {
    Intent { token: token.parse().unwrap(), content: content.to_string() }
}

#[test]
fn an_intent_is_kept_until_it_is_forgotten() {
    let root = tempfile::tempdir().unwrap();
    let (one, other) = (intent("token-1", "one"), intent("token-2", "other"));
    store(&root).write_intent(&one).unwrap();
    store(&root).write_intent(&other).unwrap();
    assert_eq!(store(&root).intents::<String>().unwrap(), [one.clone(), other.clone()]);
    store(&root).remove_intent(&one.token).unwrap();
    store(&root).remove_intent(&one.token).unwrap();
    assert_eq!(store(&root).intents::<String>().unwrap(), [other]);
}

#[test]
fn cra_1_an_unreadable_intent_is_set_aside_and_hides_no_other() {
    let root = tempfile::tempdir().unwrap();
    let store = store(&root);
    let newer = format!(r#"{{"format":9,"bootId":"{}","content":{{}}}}"#, store.boot_id);
    for damage in [&b""[..], br#"{"format":1,"#, &[0; 64], newer.as_bytes()] {
        store.write_intent(&intent("whole", "w")).unwrap();
        std::fs::write(store.path().join("creating/torn.json"), damage).unwrap();
        let found = store.intents::<String>().unwrap();
        assert_eq!(found, [intent("whole", "w")], "{damage:?}");
    }
    std::fs::create_dir(store.path().join("creating/torn.json")).unwrap();
    assert_eq!(store.intents::<String>().unwrap().len(), 1);
    assert!(store.path().join("creating/torn.json.bad").exists());
}

#[test]
fn cra_4_an_intent_of_another_boot_is_none() {
    let root = tempfile::tempdir().unwrap();
    let store = store(&root);
    store.write_intent(&intent("old", "o")).unwrap();
    let path = store.path().join("creating/old.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let boot = BootId::current().unwrap().to_string();
    std::fs::write(&path, text.replace(&boot, "11111111-2222-3333-4444-555555555555")).unwrap();
    assert!(store.intents::<String>().unwrap().is_empty());
}

#[test]
fn a_token_is_a_files_name() {
    for bad in ["", "..", "a/b", "a b", &"x".repeat(65)] {
        assert!(bad.parse::<Token>().is_err(), "{bad:?}");
    }
    assert!("a".repeat(64).parse::<Token>().is_ok());
}

#[test]
fn a_file_of_an_earlier_version_does_not_say_who_wrote_it_and_is_read() {
    let root = tempfile::tempdir().unwrap();
    let store = store(&root);
    store.write_intent(&intent("old", "o")).unwrap();
    rewrite(&store.path().join("creating/old.json"), |value| {
        assert!(value.as_object_mut().unwrap().remove("processNamespace").is_some());
    });
    assert_eq!(store.intents::<String>().unwrap(), [intent("old", "o")]);
}

/// Puts into each object what a newer version might write there; tags and configurations have the keys of others.
fn with_more(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let ours = fields.iter_mut().filter(|(key, _)| !matches!(key.as_str(), "tags" | "config"));
            ours.for_each(|(_, value)| with_more(value));
            fields.insert("ofTomorrow".to_string(), json!({"a": [1]}));
        }
        Value::Array(items) => items.iter_mut().for_each(with_more),
        _ => {}
    }
}

fn rewrite(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(path, value.to_string()).unwrap();
}

#[test]
fn upg_2_what_a_newer_version_adds_to_a_file_is_passed_over() {
    let root = tempfile::tempdir().unwrap();
    let store = store(&root);
    let entry: Entry = serde_json::from_value(json!({
        "networkInterfaceId": "eni-0123456789abcdef0", "macAddress": "02:00:00:00:00:01",
        "subnet": {"id": "subnet-1", "ipv4Cidr": "10.0.3.0/24"}, "vpc": {"ipv4Cidrs": ["10.0.0.0/16"]},
        "ipv4Addresses": [{"address": "10.0.3.10", "primary": true}], "ipv6Addresses": [{"address": "2001:db8::1"}],
        "pool": {"name": "data", "sharing": "shared"}, "deviceIndex": 1, "networkCardIndex": 0, "hostName": "ens6",
        "state": "ready", "upkeep": {"since": 7},
    }))
    .unwrap();
    let owner = Owner { network: "n".to_string(), container_id: "c1".to_string(), ifname: "net1".to_string() };
    let (namespace, call) = (
        json!({"path": "/run/netns/x", "identity": {"cookie": 1, "device": 4, "inode": 7}}),
        json!({"config": {"type": "multi-eni"}, "path": "", "args": ""}),
    );
    let record: Record = serde_json::from_value(json!({
        "owner": owner, "device": {"macAddress": "02:00:00:00:00:01", "networkInterfaceId": "eni-0123456789abcdef0"},
        "pod": {"namespace": "default", "name": "p"}, "mode": "netdev", "namespace": namespace, "interfaceName": "net1",
        "home": {"name": "ens6", "altnames": [], "mtu": 9001, "macAddress": "02:00:00:00:00:01", "up": false},
        "leftovers": [], "phase": "committed", "call": call,
    }))
    .unwrap();
    let usage: AddressUse = serde_json::from_value(json!({
        "owner": owner, "networkInterfaceId": "eni-0123456789abcdef0", "addresses": ["10.0.3.10"], "state": "used",
        "namespace": namespace, "call": call,
    }))
    .unwrap();
    store.write_entry(&entry).unwrap();
    store.write_record(&record).unwrap();
    store.write_address_use(&usage).unwrap();
    store.write_agent_pass(&AgentPass { finished_at: 7 }).unwrap();
    for file in [
        format!("inventory/{}.json", entry.network_interface_id),
        format!("attachments/{}", owner.file_name()),
        format!("addresses/{}", owner.file_name()),
        AGENT_FILE.to_string(),
    ] {
        rewrite(&store.path().join(file), with_more);
    }
    assert_eq!(store.inventory().unwrap(), [entry]);
    assert_eq!(store.records().unwrap(), [record]);
    assert_eq!(store.address_uses().unwrap(), [usage]);
    assert_eq!(store.agent_pass().unwrap(), Some(AgentPass { finished_at: 7 }));
}

#[test]
fn upg_2_a_use_of_before_has_no_namespace_and_is_read() {
    let root = tempfile::tempdir().unwrap();
    let store = store(&root);
    let owner = Owner { network: "n".to_string(), container_id: "c1".to_string(), ifname: "net1".to_string() };
    let usage: AddressUse = serde_json::from_value(json!({
        "owner": owner, "networkInterfaceId": "eni-0123456789abcdef0", "addresses": ["10.0.3.10"], "state": "used",
        "call": {"config": {}, "path": "", "args": ""},
    }))
    .unwrap();
    store.write_address_use(&usage).unwrap();
    let path = store.path().join("addresses").join(owner.file_name());
    let kept: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(kept["content"].get("namespace"), None);
    assert_eq!(store.address_uses().unwrap(), [AddressUse { namespace: None, ..usage }]);
}

#[test]
fn cra_1_an_unreadable_entry_is_passed_over_by_its_readers_and_set_aside_by_its_writer() {
    let root = tempfile::tempdir().unwrap();
    let store = store(&root);
    let file = store.path().join("inventory/eni-0123456789abcdef0.json");
    std::fs::write(&file, b"{").unwrap();
    assert!(store.inventory().unwrap().is_empty());
    assert!(file.exists());
    assert!(store.inventory_to_keep().unwrap().is_empty());
    assert!(!file.exists());
    assert_eq!(store.set_aside(), 1);
}

#[test]
fn cra_1_of_two_that_find_a_file_unreadable_one_sets_it_aside() {
    let root = tempfile::tempdir().unwrap();
    let store = store(&root);
    let file = store.path().join("creating/torn.json");
    std::fs::write(&file, "{").unwrap();
    let other = Lock::try_take(&store.locks, ASIDE_LOCK).unwrap();
    assert_eq!(store.intents::<String>().unwrap(), []);
    assert!(file.exists() && store.set_aside() == 0);
    drop(other);
    assert_eq!(store.intents::<String>().unwrap(), []);
    assert!(!file.exists() && store.set_aside() == 1);
}

#[test]
fn cra_1_what_its_owner_wrote_anew_meanwhile_is_read_and_stays() {
    let root = tempfile::tempdir().unwrap();
    let store = store(&root);
    let whole = intent("whole", "w");
    store.write_intent(&whole).unwrap();
    // Who found it torn comes to set it aside when it is whole again, or when another one has.
    assert_eq!(store.put_aside(&store.creating, "whole.json").unwrap(), Some(whole));
    assert_eq!(store.put_aside::<Intent<String>>(&store.creating, "gone.json").unwrap(), None);
    assert!(store.path().join("creating/whole.json").exists());
    assert_eq!(store.set_aside(), 0);
}
