use super::*;

fn device(mac: &str, pci: Option<&str>) -> Device {
    Device {
        mac_address: mac.parse().unwrap(),
        pci_address: pci.map(|pci| pci.parse().unwrap()),
        network_interface_id: None,
    }
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(toml::from_str::<Settings>("").unwrap(), Settings::default());
}

#[test]
fn allow_covers_ranges_of_mac_and_pci_addresses() {
    let settings: Settings = toml::from_str(
        r#"
        [allow]
        mac_addresses = ["02:00:00:00:00:10-02:00:00:00:00:1f", "02:aa:00:00:00:01"]
        pci_addresses = ["0000:00:06.0-0000:00:08.7"]
        "#,
    )
    .unwrap();
    let allow = settings.allow.unwrap();
    assert!(allow.covers(&device("02:00:00:00:00:1f", None), None));
    assert!(allow.covers(&device("02:aa:00:00:00:01", None), None));
    assert!(allow.covers(&device("02:bb:00:00:00:01", Some("0000:00:07.0")), None));
    assert!(!allow.covers(&device("02:00:00:00:00:20", Some("0000:00:09.0")), None));
    assert!(!Allow::default().covers(&device("02:00:00:00:00:10", None), None));
}

#[test]
fn unknown_keys_and_ranges_that_are_none_are_refused() {
    for bad in ["statedir = '/x'", "[allow]\nmac_addresses = ['x']", "[allow]\npci_addresses = ['00:08.0-00:06.0']"] {
        assert!(toml::from_str::<Settings>(bad).is_err(), "{bad}");
    }
}

fn refusal(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.toml");
    std::fs::write(&path, text).unwrap();
    let error = Settings::read(&path).unwrap_err();
    std::error::Error::source(&error).unwrap().to_string()
}

#[test]
fn a_key_that_is_nearly_one_or_at_the_wrong_place_is_refused_with_what_is_meant() {
    for (text, said) in [
        ("statedir = '/x'", "statedir is no key of node.toml; state_dir is"),
        (
            "[agent]\ncluster_id = '12345678'",
            "cluster_id is no key of the table agent: write it before the first table",
        ),
        ("labels = { ng = 'x' }", "labels is no key of node.toml: write it in the table agent"),
        ("[agent]\nmax_eni = 3", "max_eni is no key of the table agent; max_enis is"),
        ("[alow]\ntags = { a = 'b' }", "alow is no key of node.toml; allow is"),
    ] {
        let error = refusal(text);
        assert!(error.contains(said), "{text}: {error}");
    }
    assert!(refusal("[agent]\nbanana = 3").contains("banana"));
}

#[test]
fn every_key_of_the_agent_is_read() {
    let settings: Settings = toml::from_str(
        r#"
        attach = "once"
        agent_program = "/opt/x"
        cluster_id = "0b2d4a3e-6f9e-4d8b-9b53-5d3c7f0a1e22"
        [agent]
        node_name = "ip-10-0-0-1.ec2.internal"
        labels = { "kubernetes.io/os" = "linux", ng = "multi-eni" }
        listen = ""
        ec2_endpoint = "http://127.0.0.1:5555"
        region = "eu-central-1"
        resync_seconds = 60
        max_enis = 4
        log_format = "json"
        log_level = "debug"
        [cluster]
        gone_clusters = ["8a1f2b3c-0000-4d8b-9b53-5d3c7f0a1e22"]
        "#,
    )
    .unwrap();
    assert_eq!(settings.attach, Attach::Once);
    assert_eq!(settings.cluster_id.unwrap().as_str(), "0b2d4a3e-6f9e-4d8b-9b53-5d3c7f0a1e22");
    assert_eq!(settings.agent.node_name().unwrap(), "ip-10-0-0-1.ec2.internal");
    assert_eq!(settings.agent.listen, None);
    assert_eq!(settings.agent.max_enis.map(u32::from), Some(4));
    assert_eq!(settings.agent.resync().as_secs(), 60);
    assert_eq!(settings.agent.log_level, log::LevelFilter::Debug);
    assert_eq!(settings.agent.log_format, LogFormat::Json);
    assert_eq!(settings.cluster.gone_clusters.len(), 1);
    let here = Agent::default().node_name().unwrap();
    assert!(!here.is_empty() && here == here.trim().to_lowercase(), "{here:?}");
}

#[test]
fn a_value_that_cannot_be_is_refused_with_its_line_and_what_to_write() {
    for (text, said) in [
        ("attach = 'always'", "`agent`, `once`, `never`"),
        ("cluster_id = 'prod'", "uuidgen"),
        ("agent_program = 'multi-eni-agent'", "from the root"),
        ("[agent]\nnode_name = 'Node'", "lower-case"),
        ("[agent]\nlisten = '61680'", "127.0.0.1:61680"),
        ("[agent]\nec2_endpoint = 'https://user:pass@host'", "https://"),
        ("[agent]\nec2_endpoint = 'ec2.eu-central-1.amazonaws.com'", "https://"),
        ("[agent]\nregion = ''", "eu-central-1"),
        ("[agent]\ndescribe_seconds = 60", "600 to 604800 seconds"),
        ("[agent]\nrelease_grace_seconds = 0", "1 to 604800 seconds"),
        ("[agent]\nmax_enis = 0", "nonzero"),
        ("[agent]\nresource_prefix = 'node.kubernetes.io'", "like example.com"),
        ("[agent]\nresource_prefix = 'a/b'", "like example.com"),
        ("[agent]\nlabels = { 'a b' = 'x' }", "is no label"),
        ("[agent]\nlog_level = 'loud'", "warn, info"),
        ("[cluster]\ngone_clusters = ['prod']", "uuidgen"),
    ] {
        let error = refusal(text);
        let line = text.lines().last().unwrap();
        assert!(error.contains(said) && error.contains(line), "{text}: {error}");
    }
}

#[test]
fn the_sample_shows_every_key_with_its_default_or_as_a_comment() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conf/node.toml");
    let sample = std::fs::read_to_string(path).unwrap();
    assert_eq!(toml::from_str::<Settings>(&sample).unwrap(), Settings::default());
    let is_key =
        |line: &str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
    let shown: String = sample
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| is_key(rest)).unwrap_or(line).to_string() + "\n")
        .collect();
    toml::from_str::<Settings>(&shown).unwrap_or_else(|error| panic!("{error}"));
    let shown: toml::Table = toml::from_str(&shown).unwrap();
    for (table, keys) in hint::TABLES {
        let content = if table.is_empty() { &shown } else { shown[table].as_table().unwrap() };
        let mut found: Vec<&str> = content.keys().map(String::as_str).collect();
        let mut known = keys.to_vec();
        found.sort_unstable();
        known.sort_unstable();
        assert_eq!(found, known, "table {table:?}");
    }
}

#[test]
fn upg_2_a_release_passes_over_what_a_newer_version_knows_and_no_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.toml");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Settings::read_to_release(&path)
    };
    let newer = "state_dir = '/x'\nfuture = 7\n[agent]\nfuture_seconds = 7\n[allow]\nfuture_ids = ['a']\n[future_table]\nkey = 1";
    assert!(Settings::read(&path).is_err() && read(newer).is_ok());
    assert!(Settings::read(&path).is_err());
    let expected = Settings { state_dir: "/x".into(), allow: Some(Allow::default()), ..Settings::default() };
    assert_eq!(read(newer).unwrap(), expected);
    assert_eq!(read("state_dir = '/x'").unwrap().state_dir, Path::new("/x"));
    for mistake in [
        "statedir = '/x'",
        "[agent]\nstate_dir = '/x'",
        "[future]\nstate_dir = '/x'",
        "future = 7\nattach = 'always'",
        "future = 7\nstate_dir = 7",
        "future =",
    ] {
        assert!(read(mistake).is_err(), "{mistake}");
    }
}
