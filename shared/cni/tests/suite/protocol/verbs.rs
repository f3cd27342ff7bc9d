//! Which verb gets what, and how each answer looks.

use std::io::{self, Read, Write};

use cni::{Code, Error, Version, run_with};
use serde_json::{Value, json};

use crate::call::{Asked, Call, Recorder};

#[test]
fn check_came_with_0_4_0_and_gc_and_status_with_1_1_0() {
    for version in Version::ALL {
        for (verb, first) in [("CHECK", Version::V0_4_0), ("GC", Version::V1_1_0), ("STATUS", Version::V1_1_0)] {
            let recorder = Recorder::default();
            let outcome = Call::of(verb).config("cniVersion", json!(version.as_str())).run(&recorder);
            if version >= first {
                outcome.silence();
                assert_eq!(recorder.asked.borrow().len(), 1);
            } else {
                assert!(outcome.error(1).contains(verb));
                assert_eq!(outcome.document()["cniVersion"], version.as_str());
                assert!(recorder.asked.borrow().is_empty());
            }
        }
    }
}

#[test]
fn a_check_needs_a_previous_result() {
    for call in [Call::of("CHECK").without_config("prevResult"), Call::of("CHECK").config("prevResult", json!(null))] {
        assert!(call.run(&Recorder::default()).error(7).contains("prevResult"));
    }
    Call::of("CHECK").config("prevResult", json!({"ips": 7})).run(&Recorder::default()).error(6);
    let recorder = Recorder::default();
    Call::of("CHECK").run(&recorder).silence();
    let Asked::Check(request) = recorder.only() else { panic!("not a CHECK") };
    assert!(request.config.prev_result.is_some());
}

#[test]
fn an_add_with_an_unreadable_previous_result_is_refused() {
    for broken in
        [json!("x"), json!({"ips": [{}]}), json!({"cniVersion": "9.9.9"}), json!({"ips": [{"address": "1.2.3.4"}]})]
    {
        assert!(Call::of("ADD").config("prevResult", broken).run(&Recorder::default()).error(6).contains("prevResult"));
    }
}

#[test]
fn a_del_goes_on_without_a_previous_result() {
    for given in [json!(null), json!({}), json!("x"), json!({"ips": [{"address": "null/32"}]})] {
        let recorder = Recorder::default();
        Call::of("DEL").config("prevResult", given).run(&recorder).silence();
        assert!(matches!(recorder.only(), Asked::Del(_)));
    }
}

#[test]
fn gc_and_status_have_no_previous_result() {
    let recorder = Recorder::default();
    Call::of("STATUS").config("prevResult", json!("x")).run(&recorder).silence();
    let Asked::Status(request) = recorder.only() else { panic!("not a STATUS") };
    assert_eq!((request.config.name.as_str(), request.config.prev_result), ("fast", None));
    Call::of("GC").config("prevResult", json!("x")).run(&recorder).silence();
}

fn valid(call: &Call) -> Option<Vec<(String, String)>> {
    let recorder = Recorder::default();
    call.run(&recorder).silence();
    let Asked::Gc(request) = recorder.only() else { panic!("not a GC") };
    Some(request.valid?.into_iter().map(|(id, ifname)| (id.to_string(), ifname.to_string())).collect())
}

#[test]
fn a_gc_tells_an_absent_list_from_an_empty_one() {
    let (new, old) = ("cni.dev/valid-attachments", "cni.dev/attachments");
    let one = json!([{"containerID": "a", "ifname": "net1"}]);
    let pair = vec![("a".to_owned(), "net1".to_owned())];
    assert_eq!(valid(&Call::of("GC")), None);
    assert_eq!(valid(&Call::of("GC").config(new, json!(null))), None);
    assert_eq!(valid(&Call::of("GC").config(new, json!([]))), Some(vec![]));
    assert_eq!(valid(&Call::of("GC").config(new, one.clone())), Some(pair.clone()));
    assert_eq!(valid(&Call::of("GC").config(old, one.clone())), Some(pair));
    // The key of the specification wins, even when it has nothing in it.
    assert_eq!(valid(&Call::of("GC").config(new, json!([])).config(old, one)), Some(vec![]));
}

#[test]
fn a_gc_with_a_malformed_list_frees_nothing() {
    for broken in [
        json!({}),
        json!("a"),
        json!([null]),
        json!(["a"]),
        json!([{"containerID": "a"}]),
        json!([{"ifname": "net1"}]),
        json!([{"containerID": "", "ifname": "net1"}]),
        json!([{"containerID": "a", "ifname": "a/b"}]),
        json!([{"containerID": "a", "ifname": "net1"}, {"containerID": 7, "ifname": "net1"}]),
    ] {
        let recorder = Recorder::default();
        Call::of("GC").config("cni.dev/valid-attachments", broken).run(&recorder).error(7);
        assert!(recorder.asked.borrow().is_empty());
    }
}

/// A stream that must not be touched.
struct Untouchable;

impl Read for Untouchable {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("VERSION has read stdin");
    }
}

#[test]
fn res_3_version_is_answered_without_reading_stdin() {
    let mut stdout = Vec::new();
    let env = |key: &str| (key == "CNI_COMMAND").then(|| "VERSION".into());
    assert_eq!(run_with(&Recorder::default(), env, Untouchable, &mut stdout, io::sink()), 0);
    let document: Value = serde_json::from_slice(&stdout).unwrap();
    let expected = json!({"cniVersion": "1.1.0", "supportedVersions": ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]});
    assert_eq!(document, expected);
    // Whatever version is asked.
    assert_eq!(Call::of("VERSION").config("cniVersion", json!("0.0.0")).run(&Recorder::default()).success(), expected);
}

#[test]
fn errors_are_told_in_the_version_of_the_configuration() {
    for version in Version::ALL {
        let fails = Some(Error::new(Code::SUBNET_FULL, "no address left").with_details("subnet-1"));
        let recorder = Recorder { fails, ..Recorder::default() };
        let outcome = Call::of("ADD").config("cniVersion", json!(version.as_str())).run(&recorder);
        assert_eq!(outcome.error(101), "no address left");
        assert_eq!(outcome.document()["details"], "subnet-1");
        assert_eq!(outcome.document()["cniVersion"], version.as_str());
        // Also where the name is what is wrong.
        let nameless = Call::of("ADD").config("cniVersion", json!(version.as_str())).without_config("name");
        assert_eq!(nameless.run(&Recorder::default()).document()["cniVersion"], version.as_str());
    }
}

#[test]
fn no_code_becomes_a_successful_exit_status() {
    for number in [256, 512, 1 << 31, u32::MAX] {
        let fails = Some(Error::new(Code::new(number).unwrap(), "far off"));
        Call::of("DEL").run(&Recorder { fails, ..Recorder::default() }).error(number);
    }
}

#[test]
fn a_panic_is_an_error_of_the_protocol() {
    for verb in ["ADD", "DEL", "CHECK", "GC", "STATUS"] {
        let recorder = Recorder { panics: true, ..Recorder::default() };
        let outcome = Call::of(verb).run(&recorder);
        outcome.error(999);
        let details = outcome.document()["details"].as_str().unwrap().to_owned();
        assert!(details.contains("call.rs:") && details.contains("as it was told"), "{details}");
        assert_eq!(outcome.stderr, "");
        let ifname = matches!(verb, "ADD" | "DEL" | "CHECK").then(|| "net1".to_owned());
        assert_eq!(recorder.died.take(), [(verb, ifname, details)]);
    }
}

struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_answer_that_nobody_takes_is_a_failure() {
    let call = Call::of("ADD");
    let (stdin, mut stderr) = (call.config.to_string(), Vec::new());
    let env = |key: &str| call.env.get(key).cloned();
    assert_eq!(run_with(&Recorder::default(), env, stdin.as_bytes(), Closed, &mut stderr), 1);
    assert!(String::from_utf8(stderr).unwrap().starts_with("recorder: cannot write the answer"));
    assert_eq!(run_with(&Recorder::default(), env, stdin.as_bytes(), Closed, Closed), 1);
}
