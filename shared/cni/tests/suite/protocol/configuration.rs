//! The network configuration on stdin.

use std::io::{self, Read};

use cni::{Version, run_with};
use serde_json::{Value, json};

use crate::call::{Asked, Call, Recorder};

fn added(call: &Call) -> cni::AddRequest {
    let recorder = Recorder::default();
    call.run(&recorder).success();
    let Asked::Add(request) = recorder.only() else { panic!("not an ADD") };
    request
}

#[test]
fn a_missing_version_means_0_1_0_which_is_not_spoken() {
    let old = Call::of("ADD").without_config("cniVersion");
    for call in
        [old, Call::of("ADD").config("cniVersion", json!(null)), Call::of("ADD").config("cniVersion", json!(""))]
    {
        let message = call.run(&Recorder::default()).error(1);
        assert!(message.contains("\"0.1.0\"") && message.contains("0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"), "{message}");
    }
}

#[test]
fn a_version_that_is_none_cannot_be_decoded() {
    for version in [json!(1.1), json!("new"), json!(["1.1.0"]), json!({}), json!(true)] {
        let outcome = Call::of("ADD").config("cniVersion", version).run(&Recorder::default());
        outcome.error(6);
        assert_eq!(outcome.document()["cniVersion"], "1.1.0");
    }
}

#[test]
fn stdin_that_is_no_object_cannot_be_decoded() {
    let deep = "[".repeat(100_000);
    for stdin in ["", " ", "null", "[]", "1", "\"x\"", "{", "{}{}", "{} x", "\u{feff}{}", "{\"a\":}", &deep] {
        Call::of("ADD").stdin(stdin).run(&Recorder::default()).error(6);
    }
    Call::of("ADD").stdin(b"{\"name\":\"\xff\"}".as_slice()).run(&Recorder::default()).error(6);
}

#[test]
fn what_stands_on_stdin_is_never_shown() {
    for stdin in ["\"secret\"", "[\"secret\"]", "secret", "{\"token\": secret}", "{\"a\": \"secret\"} secret"] {
        let outcome = Call::of("ADD").stdin(stdin).run(&Recorder::default());
        outcome.error(6);
        assert!(!outcome.stdout.contains("secret") && outcome.stderr.is_empty(), "{outcome:?}");
    }
}

#[test]
fn a_configuration_has_a_size_limit() {
    let padded = |size: usize| {
        let mut call = Call::of("ADD").config("pad", json!(""));
        let rest = size - call.config.to_string().len();
        call.config["pad"] = "x".repeat(rest).into();
        assert_eq!(call.config.to_string().len(), size);
        call
    };
    padded(1 << 20).run(&Recorder::default()).success();
    let message = padded((1 << 20) + 1).run(&Recorder::default()).error(5);
    assert!(message.contains("1 MiB"), "{message}");
}

/// A stream that never ends, as a runtime with a bug may give.
struct Endless;

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(b' ');
        Ok(buffer.len())
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

#[test]
fn stdin_that_cannot_be_read_is_an_io_error() {
    let call = Call::of("DEL");
    let run = |stdin: &mut dyn Read| {
        let mut stdout = Vec::new();
        let status = run_with(&Recorder::default(), |key| call.env.get(key).cloned(), stdin, &mut stdout, io::sink());
        (status, serde_json::from_slice::<Value>(&stdout).unwrap()["code"].clone())
    };
    assert_eq!(run(&mut Endless), (1, json!(5)));
    assert_eq!(run(&mut Broken), (1, json!(5)));
}

#[test]
fn the_network_needs_a_valid_name() {
    let unnamed = Call::of("ADD").without_config("name");
    unnamed.run(&Recorder::default()).error(7);
    for name in [json!(null), json!(""), json!("a/b"), json!("_a"), json!(7), json!(["a"]), json!("a\u{0}")] {
        Call::of("ADD").config("name", name).run(&Recorder::default()).error(7);
    }
}

#[test]
fn the_checks_have_the_order_of_the_go_library() {
    let wrong_in_all = Call::of("ADD").without_env("CNI_IFNAME").stdin("{");
    wrong_in_all.run(&Recorder::default()).error(4);
    let broken = Call::of("ADD").stdin("{");
    broken.run(&Recorder::default()).error(6);
    let nameless = Call::of("ADD").without_config("name").config("cniVersion", json!("9.9.9"));
    nameless.run(&Recorder::default()).error(7);
    let future = Call::of("ADD").config("cniVersion", json!("9.9.9")).config("ipam", json!(7));
    future.run(&Recorder::default()).error(1);
}

#[test]
fn cfg_2_an_absent_or_empty_ipam_section_is_layer_2_only() {
    for call in [
        Call::of("ADD"),
        Call::of("ADD").config("ipam", json!({})),
        Call::of("ADD").config("ipam", json!(null)),
        Call::of("ADD").config("ipam", json!({"type": null})),
    ] {
        assert_eq!(added(&call).config.ipam_type, None);
    }
    let request = added(&Call::of("ADD").config("ipam", json!({"type": "host-local", "ranges": []})));
    assert_eq!(request.config.ipam_type.unwrap().as_str(), "host-local");
}

#[test]
fn cfg_2_an_ipam_section_without_a_type_is_refused() {
    for ipam in
        [json!({"type": ""}), json!({"subnet": "10.0.0.0/8"}), json!([]), json!("host-local"), json!({"type": 7})]
    {
        let message = Call::of("ADD").config("ipam", ipam).run(&Recorder::default()).error(7);
        assert!(message.contains("ipam"), "{message}");
    }
}

#[test]
fn cfg_3_an_ipam_type_never_leaves_its_folder() {
    for bad in ["../evil", "/bin/sh", "a/b", ".", ".."] {
        Call::of("ADD").config("ipam", json!({"type": bad})).run(&Recorder::default()).error(7);
    }
}

#[test]
fn everything_stays_as_it_came() {
    let call = Call::of("ADD")
        .config("runtimeConfig", json!({"deviceID": "0000:00:06.0"}))
        .config("args", json!({"cni": {"ips": ["10.0.0.5/24"]}}))
        .config("deviceID", json!("0000:00:06.0"))
        .config("nothing", json!(null));
    let config = added(&call).config;
    assert_eq!(Value::Object(config.raw.clone()), call.config);
    assert_eq!(config.runtime_config().unwrap()["deviceID"], "0000:00:06.0");
    assert_eq!(config.args_cni().unwrap()["ips"], json!(["10.0.0.5/24"]));
    assert_eq!(config.plugin_type.as_deref(), Some("recorder"));
    assert_eq!(config.version, Version::V1_1_0);
}

#[test]
fn null_is_like_absent() {
    let mut call = Call::of("ADD");
    for key in ["type", "ipam", "dns", "prevResult", "runtimeConfig", "args", "capabilities"] {
        call.config[key] = json!(null);
    }
    let config = added(&call).config;
    assert!(config.prev_result.is_none() && config.dns.is_none() && config.plugin_type.is_none());
    assert!(config.runtime_config().is_none() && config.args_cni().is_none());
    assert!(added(&Call::of("ADD").config("args", json!({"cni": null}))).config.args_cni().is_none());
}

#[test]
fn reserved_keys_of_the_wrong_type_are_refused() {
    for (key, value) in [
        ("type", json!(1)),
        ("dns", json!([])),
        ("dns", json!({"nameservers": "10.0.0.2"})),
        ("dns", json!({"search": [1]})),
        ("runtimeConfig", json!("x")),
        ("args", json!([])),
        ("args", json!({"cni": "x"})),
    ] {
        let message = Call::of("ADD").config(key, value).run(&Recorder::default()).error(7);
        assert!(message.contains(key), "{message}");
    }
}

#[test]
fn the_dns_of_the_configuration_is_read() {
    assert_eq!(added(&Call::of("ADD").config("dns", json!({}))).config.dns, None);
    let dns = json!({"nameservers": ["10.0.0.2"], "domain": "a.b", "search": ["b"], "options": ["ndots:1"]});
    let dns = added(&Call::of("ADD").config("dns", dns)).config.dns.unwrap();
    assert_eq!((dns.nameservers, dns.domain.as_deref()), (vec!["10.0.0.2".to_owned()], Some("a.b")));
}
