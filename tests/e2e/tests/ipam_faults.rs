//! IPAM plugins that fail, and runtimes that lose patience: nothing of the ADD is left, and the message says why.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]

use e2e::lab::Stage;
use e2e::{Answer, CniError, Invocation, Outcome, PodNetns, Snapshot};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

struct Scene {
    stage: Stage,
    pod: PodNetns,
    before: [Snapshot; 2],
}

impl Scene {
    fn new() -> Self {
        let stage = Stage::new(1);
        let pod = stage.lab.host.netns("pod1");
        let before = [stage.lab.host.snapshot(&[]), pod.snapshot()];
        Self { stage, pod, before }
    }

    fn add(&self, more: &Value) -> Invocation {
        let mut config = json!({"pool": "data", "ipam": {"type": "fake-ipam"}});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.stage.call(&self.pod, "c1", &config)
    }

    /// The error of an ADD that left nothing.
    #[track_caller]
    fn failure(&self, outcome: &Outcome) -> CniError {
        let error = outcome.error();
        assert_is_readable(&error);
        self.assert_as_before();
        error
    }

    #[track_caller]
    fn assert_as_before(&self) {
        self.before[0].assert_same(&self.stage.lab.host.snapshot(&[]));
        self.before[1].assert_same(&self.pod.snapshot());
        let records = self.stage.records();
        assert!(records.is_empty(), "{records:?}");
    }

    fn fail_with(&self, answer: Answer) -> CniError {
        self.stage.ipam.answers("ADD", &[answer]);
        let released = self.stage.ipam.calls_of("DEL").len();
        let error = self.failure(&self.add(&json!({})).run(&self.stage.lab.host));
        assert_eq!(self.stage.ipam.calls_of("DEL").len(), released + 1, "what it may have given is released");
        error
    }
}

/// The pod's event shows one line.
#[track_caller]
fn assert_is_readable(error: &CniError) {
    let is_one_line = !error.msg.contains(['\n', '\r']);
    assert!(!error.msg.is_empty() && error.msg.len() <= 200 && is_one_line, "{error:?}");
}

#[test]
fn obs_2_an_ipam_plugin_that_hangs_ends_with_the_adds_time() {
    let scene = Scene::new();
    scene.stage.ipam.answers("ADD", &[Answer::Hang]);
    let error = scene.failure(&scene.add(&json!({"timeoutSeconds": 1})).run(&scene.stage.lab.host));
    assert_eq!(error.code, 11, "{error:?}");
    assert_eq!(scene.stage.ipam.calls_of("DEL").len(), 1);
    let ps = scene.stage.lab.host.command("ps").args(["-eo", "args"]).run();
    assert!(!ps.contains("fake-ipam"), "{ps}");
}

#[test]
fn obs_2_an_ipam_plugin_that_a_signal_ends() {
    let scene = Scene::new();
    for signal in [Signal::SIGSEGV, Signal::SIGKILL, Signal::SIGABRT] {
        let error = scene.fail_with(Answer::Crash { signal: signal as i32 });
        assert!(error.msg.contains(signal.as_str()) && error.msg.contains("fake-ipam"), "{error:?}");
    }
}

#[test]
fn obs_2_an_ipam_plugin_that_answers_rubbish() {
    let scene = Scene::new();
    let good = json!({"cniVersion": "1.0.0", "ips": [{"address": "10.0.1.11/24"}]}).to_string();
    let rubbish = [
        "rubbish".to_string(),
        String::new(),
        " \n".to_string(),
        "null".to_string(),
        "[]".to_string(),
        good[..good.len() - 1].to_string(),
        format!("{good}\n{good}"),
        format!("{good} and more"),
        "x".repeat(100_000),
        json!({"cniVersion": "9.9.9", "ips": [{"address": "10.0.1.11/24"}]}).to_string(),
        json!({"cniVersion": "1.0.0", "ips": [{"address": "10.0.1.11"}]}).to_string(),
        json!({"cniVersion": "1.0.0", "ips": [{"address": "10.0.1.300/24"}]}).to_string(),
        json!({"cniVersion": "1.0.0", "ips": []}).to_string(),
        "{}".to_string(),
    ];
    for text in rubbish {
        let error = scene.fail_with(Answer::Print(text.clone()));
        assert!([6, 7].contains(&error.code), "{text:.50}: {error:?}");
    }
}

#[test]
fn obs_2_an_ipam_plugins_own_error_passes_through() {
    let scene = Scene::new();
    let error = scene.fail_with(Answer::fail(142, "the range is used up"));
    assert_eq!(error.code, 142, "{error:?}");
    assert!(error.msg.contains("the range is used up"), "{error:?}");
    assert_eq!(scene.fail_with(Answer::fail(11, "later")).code, 11);
    // What another plugin wrote is not rewritten, however long it is.
    let long = format!("first line\nsecond line {}", "ä".repeat(1000));
    scene.stage.ipam.answers("ADD", &[Answer::fail(143, &long)]);
    let error = scene.add(&json!({})).run(&scene.stage.lab.host).error();
    assert_eq!((error.code, error.msg), (143, long));
    scene.assert_as_before();
}

#[test]
fn obs_2_an_ipam_plugin_that_exits_without_a_word() {
    let scene = Scene::new();
    let exit = |stdout: &str, stderr: &str| Answer::Exit { status: 3, stdout: stdout.into(), stderr: stderr.into() };
    for answer in [exit("", ""), exit("", "cannot open the ledger\n"), exit("oh no", "x")] {
        let error = scene.fail_with(answer);
        assert!(error.msg.contains("fake-ipam"), "{error:?}");
    }
    scene.stage.ipam.answers("ADD", &[exit("", "cannot open the ledger\n")]);
    let outcome = scene.add(&json!({})).run(&scene.stage.lab.host);
    assert!(outcome.output.stderr.contains("cannot open the ledger"), "{}", outcome.output);
    scene.assert_as_before();
}

#[test]
fn obs_2_an_ipam_plugin_that_is_not_there() {
    let scene = Scene::new();
    for kind in ["no-such-ipam", "../fake-ipam", ""] {
        let outcome = scene.add(&json!({"ipam": {"type": kind}})).run(&scene.stage.lab.host);
        if kind.is_empty() && outcome.output.status.success() {
            panic!("an IPAM plugin without a name: {}", outcome.output);
        }
        let error = scene.failure(&outcome);
        assert_eq!(error.code, 7, "{kind}: {error:?}");
    }
}

#[test]
fn an_answer_that_the_kernel_refuses_is_undone() {
    let scene = Scene::new();
    let answer = json!({
        "cniVersion": "1.0.0",
        "ips": [{"address": "10.0.1.11/24"}],
        "routes": [{"dst": "10.9.0.0/16", "gw": "224.0.0.1"}],
    });
    let error = scene.fail_with(Answer::Print(answer.to_string()));
    assert_eq!(error.code, 999, "{error:?}");
}

#[test]
fn a_rollback_whose_release_fails_too_tells_the_first_error() {
    let scene = Scene::new();
    scene.stage.ipam.answers("DEL", &[Answer::fail(150, "nor that"), Answer::nothing()]);
    scene.stage.ipam.answers("ADD", &[Answer::fail(142, "the range is used up")]);
    let error = scene.add(&json!({})).run(&scene.stage.lab.host).error();
    assert_eq!(error.code, 142, "{error:?}");
    scene.before[0].assert_same(&scene.stage.lab.host.snapshot(&[]));
    let [left] = scene.stage.records().try_into().unwrap();
    assert!(left.pending.ipam && !left.holds(), "{left:?}");
    scene.add(&json!({})).verb("DEL").run(&scene.stage.lab.host).empty();
    scene.assert_as_before();
}

#[test]
fn a_signal_in_the_middle_of_add_undoes_it() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let scene = Scene::new();
        scene.stage.ipam.answers("ADD", &[Answer::Hang]);
        let adding = scene.add(&json!({})).spawn(&scene.stage.lab.host);
        scene.stage.ipam.wait_for_calls("ADD", 1);
        adding.signal(signal);
        let error = scene.failure(&Outcome::of(adding));
        assert_eq!(error.code, 11, "{error:?}");
        assert!(error.msg.contains(signal.as_str()), "{error:?}");
        assert_eq!(scene.stage.ipam.calls_of("DEL").len(), 1);

        scene.stage.ipam.answers("ADD", &[Answer::addresses("1.0.0", &["10.0.1.11/24"])]);
        drop(scene.add(&json!({})).run(&scene.stage.lab.host).result());
    }
}

/// A plugin behind `multi-eni-ipam` is a process of a process of the ADD.
#[test]
fn a_member_of_the_chain_does_not_outlive_the_add_that_it_was_to_serve() {
    let config = json!({
        "timeoutSeconds": 8, "ipam": {"type": "multi-eni-ipam", "chain": [{"type": "fake-ipam"}]},
    });
    for signal in [None, Some(Signal::SIGTERM)] {
        let scene = Scene::new();
        scene.stage.ipam.answers("ADD", &[Answer::Hang]);
        let adding = scene.add(&config).spawn(&scene.stage.lab.host);
        scene.stage.ipam.wait_for_calls("ADD", 1);
        if let Some(signal) = signal {
            adding.signal(signal);
        }
        assert_eq!(scene.failure(&Outcome::of(adding)).code, 11);
        let ps = scene.stage.lab.host.command("ps").args(["-eo", "args"]).run();
        assert!(!ps.contains("fake-ipam"), "{ps}");
        let calls = scene.stage.ipam.calls();
        let verbs: Vec<_> = calls.iter().map(e2e::Call::verb).collect();
        assert!(matches!(verbs[..], ["ADD", "DEL", ..]) && !verbs[1..].contains(&"ADD"), "{verbs:?}");
    }
}

#[test]
fn obs_2_every_refusal_is_one_short_line() {
    let scene = Scene::new();
    scene.stage.ipam.answers("ADD", &[Answer::addresses("1.0.0", &["10.0.1.11/24"])]);
    let long = "x".repeat(300);
    let refused = [
        json!({"pool": null}),
        json!({"pool": "other"}),
        json!({"pool": long}),
        json!({"eni": "eni-0aaaaaaaaaaaaaaaa"}),
        json!({"device": long}),
        json!({"mtu": 100_000}),
        json!({"mtu": 20, "rpFilter": 9, "timeoutSeconds": 0, "mode": "x", "logLevel": long, "interfaceName": long}),
        json!({"pol": "data"}),
        json!({"interfaceName": "lo"}),
        json!({"logFile": "/etc/passwd"}),
        json!({"mode": "vfio-pci"}),
    ];
    for more in refused {
        let error = scene.failure(&scene.add(&more).run(&scene.stage.lab.host));
        assert!([2, 7, 11, 106].contains(&error.code), "{more}: {error:?}");
    }
    let gone = scene.add(&json!({})).netns(format!("/run/netns/{long}")).run(&scene.stage.lab.host);
    assert_eq!(scene.failure(&gone).code, 8);
}
