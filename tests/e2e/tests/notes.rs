//! What a `multi-eni` that died leaves for the agent to tell of.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]

use std::os::unix::fs::PermissionsExt;

use e2e::lab::POOL;
use e2e::{Answer, FakeIpam, Invocation, Lab, Outcome, PodNetns, binaries};
use nix::sys::signal::Signal;
use node::notes::{Note, Notes};
use serde_json::json;

struct Stage {
    lab: Lab,
    pod: PodNetns,
    ipam: FakeIpam,
}

impl Stage {
    fn new() -> Self {
        let lab = Lab::with_enis(1);
        let (pod, ipam) = (lab.host.netns("pod1"), FakeIpam::install(lab.host.folder().join("ipam")));
        Self { lab, pod, ipam }
    }

    fn call(&self) -> Invocation {
        self.of(&binaries::multi_eni())
    }

    fn of(&self, plugin: &std::path::Path) -> Invocation {
        let config = json!({"cniVersion": "1.1.0", "pool": POOL, "ipam": {"type": "fake-ipam"}});
        self.lab.call_of(plugin, &self.pod, "c1", &config).search(self.ipam.folder())
    }

    /// An ADD that this signal ends while its IPAM plugin is at work.
    fn end_an_add(&self, signal: Signal) {
        let earlier = self.ipam.calls_of("ADD").len();
        self.ipam.answers("ADD", &[Answer::Hang]);
        let mut adding = self.call().spawn(&self.lab.host);
        self.ipam.wait_for_calls("ADD", earlier + 1);
        // The first SIGSEGV that no fault is behind only takes away the handler by which Rust tells stack overflows
        // (`signal_handler` in library/std/src/sys/pal/unix/stack_overflow.rs).
        while adding.is_running() {
            adding.signal(signal);
        }
        adding.end();
    }

    fn notes(&self) -> Notes {
        Notes::open(&self.lab.state_dir()).unwrap()
    }

    fn taken(&self) -> Vec<Note> {
        self.notes().take().unwrap()
    }

    #[track_caller]
    fn assert_told_of_once(&self) {
        let notes = self.taken();
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert_eq!((notes[0].program.as_str(), notes[0].verb.as_str()), ("multi-eni", "ADD"));
        assert_eq!(notes[0].owner.as_ref().unwrap().container_id, "c1");
        self.call().verb("DEL").run(&self.lab.host).empty();
        assert_eq!(self.taken(), []);
    }
}

#[test]
fn obs_2_an_add_that_was_killed_is_told_of_once_when_it_is_taken_down() {
    let stage = Stage::new();
    for signal in [Signal::SIGSEGV, Signal::SIGKILL, Signal::SIGABRT] {
        stage.end_an_add(signal);
        assert_eq!(stage.taken(), [], "{signal}: the dead write nothing");
        stage.call().verb("DEL").run(&stage.lab.host).empty();
        stage.assert_told_of_once();
    }
}

#[test]
fn obs_2_gc_and_the_next_add_tell_of_it_too() {
    let stage = Stage::new();
    stage.end_an_add(Signal::SIGSEGV);
    stage.ipam.answers("ADD", &[Answer::addresses("1.1.0", &["10.0.1.11/24"])]);
    drop(stage.call().run(&stage.lab.host).result());
    stage.assert_told_of_once();

    stage.end_an_add(Signal::SIGSEGV);
    let valid = json!({
        "cniVersion": "1.1.0", "name": "net", "type": "multi-eni", "pool": POOL, "ipam": {"type": "fake-ipam"},
        "cni.dev/valid-attachments": [],
    });
    stage.call().config(&valid).verb("GC").run(&stage.lab.host).empty();
    stage.assert_told_of_once();
}

#[test]
fn obs_2_a_panic_is_told_of_once_with_its_place() {
    let stage = Stage::new();
    stage.ipam.answers("ADD", &[Answer::addresses("1.1.0", &["10.0.1.11/24"])]);
    for point in ["1", "4"] {
        let add = stage.of(&binaries::multi_eni_faulty()).env("MULTI_ENI_PANIC_AT", point);
        let error = add.run(&stage.lab.host).error();
        assert_eq!(error.code, 999, "{error:?}");
        let folder = std::fs::read_dir(stage.notes().path()).unwrap();
        for file in folder.map(|file| file.unwrap().path()) {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
        }
        stage.call().verb("DEL").run(&stage.lab.host).empty();
        let note = stage.notes().take().unwrap().remove(0);
        assert!(note.what.contains("panicked") && note.details.contains("fault.rs:"), "{note:?}");
        assert_eq!(note.details, error.details);
        assert_eq!(stage.taken(), []);
    }
    assert!(stage.lab.store().records().unwrap().is_empty());
}

#[test]
fn obs_2_a_verb_that_ends_by_itself_leaves_no_note() {
    let stage = Stage::new();
    stage.ipam.answers("ADD", &[Answer::fail(11, "no address")]);
    assert_eq!(stage.call().run(&stage.lab.host).error().code, 11);
    stage.ipam.answers("ADD", &[Answer::Hang]);
    let adding = stage.call().spawn(&stage.lab.host);
    stage.ipam.wait_for_calls("ADD", 2);
    adding.signal(Signal::SIGTERM);
    assert_eq!(Outcome::of(adding).error().code, 11);
    stage.ipam.answers("ADD", &[Answer::addresses("1.1.0", &["10.0.1.11/24"])]);
    drop(stage.call().run(&stage.lab.host).result());
    stage.call().verb("DEL").run(&stage.lab.host).empty();
    assert!(!stage.lab.state_dir().join("notes").exists(), "no verb makes the folder without need");
}
