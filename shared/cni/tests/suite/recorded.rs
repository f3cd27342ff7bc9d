//! Releases of calls that are over.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use cni::{Code, Invocation, RecordedCall, RecordedIpam, Version};
use serde_json::{Map, Value, json};

fn config(of: &Value) -> Map<String, Value> {
    of.as_object().unwrap().clone()
}

/// The IPAM plugin of a call with this configuration and this `CNI_PATH`.
fn ipam(config: &Map<String, Value>, path: &str) -> Result<Option<RecordedIpam>, cni::Error> {
    RecordedCall { config, path, args: "IP=10.0.0.5", container_id: "c1", ifname: "net1" }.ipam()
}

#[test]
fn a_release_is_run_with_what_is_on_record_and_nothing_of_the_caller() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fake");
    let out = folder.path().display();
    fs::write(&file, format!("#!/bin/sh\nenv | grep ^CNI_ | sort > {out}/env\ncat > {out}/stdin\n")).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    let config = config(&json!({"cniVersion": "1.0.0", "name": "n", "ipam": {"type": "fake"}, "other": [1]}));
    let path = format!("relative:{out}");
    let RecordedIpam { delegate, version, environment } = ipam(&config, &path).unwrap().unwrap();
    assert_eq!((version, environment.path.as_slice()), (Version::V1_0_0, &[folder.path().to_path_buf()][..]));
    let limit = Duration::from_secs(60);
    let invocation = Invocation { config: &config, version, environment: &environment, limit };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(delegate.del(&invocation)).unwrap();
    let expected = format!(
        "CNI_ARGS=IP=10.0.0.5\nCNI_COMMAND=DEL\nCNI_CONTAINERID=c1\nCNI_IFNAME=net1\nCNI_NETNS=\nCNI_PATH={path}\n"
    );
    assert_eq!(fs::read_to_string(folder.path().join("env")).unwrap(), expected);
    let stdin: Value = serde_json::from_slice(&fs::read(folder.path().join("stdin")).unwrap()).unwrap();
    assert_eq!(stdin, Value::Object(config));
}

#[test]
fn a_configuration_without_an_ipam_plugin_releases_nothing() {
    for none in [json!({}), json!({"ipam": {}}), json!({"ipam": null}), json!({"ipam": {"type": 7}})] {
        assert!(ipam(&config(&none), "/").unwrap().is_none(), "{none}");
    }
}

#[test]
fn what_cannot_be_run_any_more_is_said() {
    let fake = |version: &str| config(&json!({"cniVersion": version, "ipam": {"type": "fake"}}));
    let code = |config: &Map<String, Value>| ipam(config, "/nowhere").unwrap_err().code;
    assert_eq!(code(&fake("1.0.0")), Code::CONFIG);
    assert_eq!(code(&fake("9.9.9")), Code::CONFIG);
    assert_eq!(code(&config(&json!({"cniVersion": "1.0.0", "ipam": {"type": "../fake"}}))), Code::CONFIG);
}
