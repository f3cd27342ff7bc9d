//! The environment variables.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::call::{Asked, Call, Recorder};

#[test]
fn the_environment_of_an_add_reaches_the_plugin() {
    let recorder = Recorder::default();
    let call = Call::of("ADD")
        .env("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAME=pg-0;X=y")
        .env("CNI_PATH", "/opt/cni/bin::/usr/lib/cni")
        .env("CNI_NETNS_OVERRIDE", "TRUE");
    call.run(&recorder).success();
    let Asked::Add(request) = recorder.only() else { panic!("not an ADD") };
    assert_eq!(request.attachment.to_string(), "fast/c0ffee/net1");
    assert_eq!(request.netns, Path::new("/run/netns/blue"));
    assert_eq!(request.environment.path, ["/opt/cni/bin", "/usr/lib/cni"].map(PathBuf::from));
    assert_eq!(request.environment.args.pod().name.as_deref(), Some("pg-0"));
    assert!(request.environment.netns_override);
    assert!(!request.interrupt.is_raised());
    assert_eq!(request.environment.variables["CNI_ARGS"], OsString::from("IgnoreUnknown=1;K8S_POD_NAME=pg-0;X=y"));
    assert!(!request.environment.variables.contains_key("CNI_COMMAND"));
}

#[test]
fn each_verb_needs_its_own_variables() {
    let needs = [
        ("ADD", "CNI_CONTAINERID, CNI_IFNAME, CNI_NETNS"),
        ("CHECK", "CNI_CONTAINERID, CNI_IFNAME, CNI_NETNS"),
        ("DEL", "CNI_CONTAINERID, CNI_IFNAME"),
    ];
    for (verb, all) in needs {
        let mut bare = Call::of(verb);
        bare.env.retain(|key, _| key == "CNI_COMMAND");
        assert_eq!(bare.run(&Recorder::default()).error(4), format!("{verb} needs {all}"));
        for one in all.split(", ") {
            let message = format!("{verb} needs {one}");
            assert_eq!(Call::of(verb).without_env(one).run(&Recorder::default()).error(4), message);
            assert_eq!(Call::of(verb).env(one, "").run(&Recorder::default()).error(4), message);
        }
    }
    for verb in ["GC", "STATUS"] {
        let mut bare = Call::of(verb).env("CNI_ARGS", "nonsense");
        bare.env.retain(|key, _| matches!(key.as_str(), "CNI_COMMAND" | "CNI_ARGS"));
        bare.run(&Recorder::default()).silence();
    }
}

#[test]
fn every_fault_of_the_environment_is_named_at_once() {
    let call = Call::of("ADD").env("CNI_CONTAINERID", "_x").env("CNI_IFNAME", "a/b").without_env("CNI_NETNS");
    let outcome = call.env("CNI_ARGS", "broken").run(&Recorder::default());
    let message = outcome.error(4);
    let whole = format!("{message}{}", outcome.document()["details"].as_str().unwrap());
    for fault in ["CNI_NETNS", "CNI_CONTAINERID", "CNI_IFNAME", "CNI_ARGS"] {
        assert!(whole.contains(fault), "{whole}");
    }
}

#[test]
fn cfg_3_invalid_names_are_refused() {
    for bad in ["", "_x", "a/b", "a b", "../x"] {
        Call::of("DEL").env("CNI_CONTAINERID", bad).run(&Recorder::default()).error(4);
    }
    for bad in ["", ".", "..", "a/b", "a:b", "a b", "1234567890123456", "eth%d", "all"] {
        Call::of("ADD").env("CNI_IFNAME", bad).run(&Recorder::default()).error(4);
    }
    for variable in ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_ARGS"] {
        let call = Call::of("ADD").env(variable, OsStr::from_bytes(b"a\xff"));
        assert!(call.run(&Recorder::default()).error(4).contains(variable));
    }
}

#[test]
fn a_del_needs_no_netns() {
    for call in [Call::of("DEL").without_env("CNI_NETNS"), Call::of("DEL").env("CNI_NETNS", "")] {
        let recorder = Recorder::default();
        call.run(&recorder).silence();
        let Asked::Del(request) = recorder.only() else { panic!("not a DEL") };
        assert_eq!(request.netns, None);
    }
}

#[test]
fn a_path_is_only_needed_for_delegates() {
    let recorder = Recorder::default();
    Call::of("ADD").without_env("CNI_PATH").run(&recorder).success();
    let Asked::Add(request) = recorder.only() else { panic!("not an ADD") };
    assert!(request.environment.path.is_empty());
}

#[test]
fn the_netns_override_is_a_truth_value() {
    for (value, expected) in [("1", true), ("true", true), ("True", true), ("0", false), ("", false), ("yes", false)] {
        let recorder = Recorder::default();
        Call::of("ADD").env("CNI_NETNS_OVERRIDE", value).run(&recorder).success();
        let Asked::Add(request) = recorder.only() else { panic!("not an ADD") };
        assert_eq!(request.environment.netns_override, expected, "{value:?}");
    }
}

#[test]
fn an_unknown_command_is_named() {
    for command in ["add", "UPDATE", "ADD ", "\u{0}"] {
        assert!(Call::of(command).run(&Recorder::default()).error(4).contains("CNI_COMMAND"));
    }
    Call::of("ADD").env("CNI_COMMAND", OsStr::from_bytes(b"\xff")).run(&Recorder::default()).error(4);
}

#[test]
fn without_a_command_the_plugin_says_what_it_is() {
    for call in [Call::of("").without_env("CNI_COMMAND"), Call::of("")] {
        let outcome = call.run(&Recorder::default());
        outcome.silence();
        assert_eq!(
            outcome.stderr,
            "recorder: remembers what it was asked\nCNI protocol versions supported: 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n"
        );
    }
}
