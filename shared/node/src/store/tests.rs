use super::*;

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
    let path = store.path().join("creating/old.json");
    let mut value: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert!(value.as_object_mut().unwrap().remove("processNamespace").is_some());
    std::fs::write(&path, value.to_string()).unwrap();
    assert_eq!(store.intents::<String>().unwrap(), [intent("old", "o")]);
}
