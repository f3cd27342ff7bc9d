//! An ADD that has to wait for others ends in its time, and when the runtime wants it; nothing of it is left.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]

use e2e::lab::Stage;
use e2e::{CniError, Invocation, Outcome, PodNetns, until};
use nix::sys::signal::Signal;
use node::lock::Lock;
use node::record::{Phase, Record};
use serde_json::{Value, json};

struct Scene {
    stage: Stage,
    pod: PodNetns,
}

impl Scene {
    fn new() -> Self {
        let stage = Stage::giving(1, "1.0.0");
        let pod = stage.lab.host.netns("pod1");
        Self { stage, pod }
    }

    fn add(&self, more: &Value) -> Invocation {
        let mut config = json!({"pool": "data", "ipam": {"type": "fake-ipam"}});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.stage.call(&self.pod, "c1", &config)
    }

    /// The error of an ADD that has a second.
    fn short(&self) -> CniError {
        self.add(&json!({"timeoutSeconds": 1})).run(&self.stage.lab.host).error()
    }

    /// Somebody else works on the device.
    fn held(&self) -> Lock {
        let name = self.stage.lab.entry(0).device().lock_name();
        self.stage.lab.store().try_device_lock(&name).unwrap().unwrap()
    }

    fn record(&self) -> Option<Record> {
        self.stage.records().pop()
    }
}

#[track_caller]
fn assert_is_late(error: &CniError) {
    assert!(error.code == 11 && error.msg.contains("within 1 s (timeoutSeconds)"), "{error:?}");
}

#[test]
fn the_lock_of_the_device_is_waited_for_no_longer_than_the_add_may_take() {
    let scene = Scene::new();
    let before = scene.stage.lab.host.snapshot(&[]);
    let lock = scene.held();
    assert_is_late(&scene.short());
    assert_eq!(scene.record(), None);
    drop(lock);
    before.assert_same(&scene.stage.lab.host.snapshot(&[]));
    drop(scene.add(&json!({})).run(&scene.stage.lab.host).result());
}

#[test]
fn the_claim_lock_is_waited_for_no_longer_than_the_add_may_take() {
    let scene = Scene::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = scene.stage.lab.store();
    let _lock = runtime.block_on(store.claim_lock(e2e::LIMIT)).unwrap();
    assert_is_late(&scene.short());
    assert_eq!(scene.record(), None);
}

#[test]
fn an_earlier_attachment_is_taken_down_within_the_adds_time() {
    let scene = Scene::new();
    drop(scene.add(&json!({})).run(&scene.stage.lab.host).result());
    let lock = scene.held();
    assert_is_late(&scene.short());
    assert_eq!(scene.record().unwrap().phase, Phase::Committed, "nothing was done to it");
    drop(lock);
    scene.add(&json!({})).verb("DEL").run(&scene.stage.lab.host).empty();
    assert_eq!(scene.record(), None);
}

#[test]
fn a_signal_ends_the_wait_for_the_device_and_the_claim() {
    let scene = Scene::new();
    let _lock = scene.held();
    let adding = scene.add(&json!({})).spawn(&scene.stage.lab.host);
    until("the claim", || scene.record().is_some());
    adding.signal(Signal::SIGTERM);
    let error = Outcome::of(adding).error();
    assert!(error.code == 11 && error.msg.contains("SIGTERM"), "{error:?}");
    assert_eq!(scene.record(), None);
}

#[test]
fn a_claim_that_is_given_up_keeps_what_an_earlier_release_left_to_do() {
    let scene = Scene::new();
    let host = &scene.stage.lab.host;
    drop(scene.add(&json!({})).run(host).result());
    host.command("ip").args(["link", "add", "eth1", "type", "bridge"]).run();
    scene.add(&json!({})).verb("DEL").run(host).empty();
    let other = scene.stage.call(&scene.pod, "c2", &json!({"pool": "data", "timeoutSeconds": 1}));
    let lock = scene.held();
    assert_is_late(&other.run(host).error());
    drop(lock);
    let [left] = scene.stage.records().try_into().unwrap();
    assert_eq!((left.phase, left.home.as_ref().unwrap().name.as_str()), (Phase::Released, "eth1"));
    assert!(left.pending.device, "{left:?}");
}
