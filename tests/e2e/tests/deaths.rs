//! Attachments whose pods are gone without a DEL: what tells that they are, what takes them down, and that shrinking and
//! claiming exclude each other.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use e2e::lab::POOL;
use e2e::{HostCommand, Invocation, LIMIT, Lab, Outcome as Ended, POD_UID, PodNetns, Running, binaries, until};
use nix::sys::signal::Signal;
use node::inventory::State;
use node::notes::Notes;
use node::pci::Bus;
use node::record::{Phase, Record};
use node::settings::Settings;
use node::take_down::{Outcome, of_dead};
use node::take_out::Taken;
use node::verdict::{Life, PodUids, Pods, Sight, Unseen, of_record};
use serde_json::json;

const OWN: &str = "multi-eni-ipam";

/// A process of the node whose `/proc` is the agent's view.
struct View {
    process: Running,
}

impl View {
    /// That of the node's own processes, the runtime and its plugins.
    fn of_node(lab: &Lab) -> Self {
        Self::through(lab, lab.host.command("sh"))
    }

    /// That of a container with processes of its own, which sees the node's mounts.
    fn of_container(lab: &Lab) -> Self {
        Self::through(lab, lab.host.command("unshare").args(["--pid", "--fork", "--kill-child", "--mount-proc", "sh"]))
    }

    fn through(lab: &Lab, shell: HostCommand) -> Self {
        let ready = tempfile::Builder::new().prefix("ready-").tempdir_in(lab.host.folder()).unwrap();
        let file = ready.path().join("file").display().to_string();
        let script = format!("echo > {file}; exec sleep 600");
        let process = shell.args(["-c", &script]).limit(Duration::from_secs(900)).spawn();
        until("the view's process runs", || Path::new(&file).exists());
        Self { process }
    }

    fn proc_dir(&self) -> PathBuf {
        format!("/proc/{}/root/proc", self.process.pid()).into()
    }
}

/// A node with two pods that have an ENI each.
struct Stage {
    lab: Lab,
    pods: Vec<PodNetns>,
}

impl Stage {
    fn new() -> Self {
        let lab = Lab::with_enis(2);
        lab.fabric.keep().unwrap();
        let pods: Vec<_> = ["pod0", "pod1"].map(|name| lab.host.netns(name)).into();
        let stage = Self { lab, pods };
        for nth in 0..2 {
            drop(stage.call(nth).run(&stage.lab.host).result());
        }
        stage
    }

    fn call(&self, nth: usize) -> Invocation {
        let eni = self.lab.enis[nth].id().to_string();
        let config = json!({"eni": eni, "sourceRouting": true, "ipam": {"type": OWN}});
        self.lab.call(&self.pods[nth], &format!("c{nth}"), &config).of_pod()
    }

    /// The pod goes without a DEL, and its NIC comes back.
    fn kill(&self, nth: usize) {
        self.pods[nth].destroy();
        self.lab.enis[nth].await_return(1, LIMIT).unwrap();
    }

    fn record(&self, nth: usize) -> Record {
        let id = format!("c{nth}");
        let records = self.lab.store().records().unwrap();
        records.into_iter().find(|record| record.owner.container_id == id).unwrap()
    }

    fn life(&self, view: &View, nth: usize, of_api: Option<PodUids>) -> Life {
        let (record, proc_dir, kubelet_dir) = (self.record(nth), view.proc_dir(), self.lab.kubelet_dir());
        self.lab.as_agent(move |store| async move {
            let pods = Pods { kubelet_dir: &kubelet_dir, of_api: of_api.as_ref() };
            of_record(&record, &store, &Sight::look(&proc_dir, [record.namespace.identity]).await, pods).unwrap()
        })
    }

    /// Releases it, and says how often its IPAM plugin was asked to.
    fn release(&self, view: &View, nth: usize) -> (Outcome, u32) {
        let (record, proc_dir, kubelet_dir) = (self.record(nth), view.proc_dir(), self.lab.kubelet_dir());
        self.lab.as_agent(move |store| async move {
            let pods = Pods { kubelet_dir: &kubelet_dir, of_api: None };
            let bus = Bus::of(&Settings::default());
            let mut freed = 0;
            let outcome = of_dead(&store, &record, pods, &proc_dir, &bus, async |_: &Record| {
                freed += 1;
                Ok::<_, String>(())
            })
            .await
            .unwrap();
            (outcome, freed)
        })
    }
}

#[test]
fn the_attachment_of_a_dead_pod_is_released_and_a_living_ones_is_not() {
    let stage = Stage::new();
    let view = View::of_node(&stage.lab);
    assert_eq!(stage.life(&view, 0, None), Life::Alive);
    assert_eq!(stage.release(&view, 0), (Outcome::Spared(Life::Alive), 0));
    stage.kill(0);
    assert_eq!(stage.life(&view, 0, None), Life::Gone);
    let living = (stage.record(1), stage.pods[1].snapshot());
    assert_eq!(stage.release(&view, 0), (Outcome::Released, 1));
    assert_eq!(stage.release(&view, 1), (Outcome::Spared(Life::Alive), 0));
    assert_eq!(stage.lab.store().records().unwrap(), std::slice::from_ref(&living.0));
    living.1.assert_same(&stage.pods[1].snapshot());
    let links = stage.lab.host.snapshot(&[]);
    assert!(links.about("link eth1 ")[0].starts_with("link eth1 down "), "{links:?}");
    // It is a pod's again, and a late DEL of the dead one is nobody's business.
    let next = stage.lab.host.netns("next");
    let config = json!({"eni": stage.lab.enis[0].id().to_string(), "ipam": {"type": OWN}});
    drop(stage.lab.call(&next, "c9", &config).run(&stage.lab.host).result());
}

#[test]
fn obs_2_a_note_tells_of_a_killed_add_whose_attachment_is_released() {
    let stage = Stage::new();
    let view = View::of_node(&stage.lab);
    stage.kill(0);
    let file = stage.lab.state_dir().join(format!("attachments/{}.json", stage.record(0).owner.key()));
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace(r#""phase":"committed""#, r#""phase":"claimed""#)).unwrap();
    let owner = stage.record(0).owner;
    assert_eq!(stage.release(&view, 0), (Outcome::Released, 1));
    let notes = Notes::open(&stage.lab.state_dir()).unwrap().take().unwrap();
    assert!(matches!(&notes[..], [note] if note.owner.as_ref() == Some(&owner)), "{notes:?}");
}

#[test]
fn a_pod_that_is_alive_keeps_its_eni_though_its_namespace_is_gone() {
    let stage = Stage::new();
    let view = View::of_node(&stage.lab);
    stage.kill(0);
    assert_eq!(stage.life(&view, 0, Some(PodUids::from([POD_UID.to_string()]))), Life::Alive);
    assert_eq!(stage.life(&view, 0, Some(PodUids::new())), Life::Gone);
    fs::create_dir_all(stage.lab.kubelet_dir().join("pods").join(POD_UID)).unwrap();
    assert_eq!(stage.release(&view, 0), (Outcome::Spared(Life::Alive), 0));
    assert_eq!(stage.record(0).phase, Phase::Committed);
}

#[test]
fn an_agent_that_does_not_see_the_nodes_processes_releases_nothing() {
    let stage = Stage::new();
    let view = View::of_container(&stage.lab);
    // The mounts of namespaces are there to be seen, and are believed.
    assert_eq!(stage.life(&view, 0, None), Life::Alive);
    stage.kill(0);
    let before = stage.lab.host.snapshot(&[]);
    let unseen = Life::Unknown(Unseen::OtherProcesses(view.proc_dir()));
    assert_eq!(stage.life(&view, 0, None), unseen);
    assert_eq!(stage.release(&view, 0), (Outcome::Spared(unseen), 0));
    assert_eq!(stage.record(0).phase, Phase::Committed);
    before.assert_same(&stage.lab.host.snapshot(&[]));
    // The same machine seen as a whole tells what that agent could not.
    assert_eq!(stage.life(&View::of_node(&stage.lab), 0, None), Life::Gone);
}

#[test]
fn a_namespace_that_only_a_process_has_is_alive() {
    let stage = Stage::new();
    let view = View::of_node(&stage.lab);
    let mut process = stage.pods[0].command("sleep").arg("600").spawn();
    assert!(process.is_running());
    let entered = |running: &Running| fs::read_link(format!("/proc/{}/ns/net", running.pid())).unwrap();
    let own = entered(&view.process);
    until("the process is in the pod's namespace", || entered(&process) != own);
    stage.pods[0].destroy();
    assert_eq!(stage.life(&view, 0, None), Life::Alive);
    assert_eq!(stage.release(&view, 0), (Outcome::Spared(Life::Alive), 0));
    process.kill();
    stage.lab.enis[0].await_return(1, LIMIT).unwrap();
    assert_eq!(stage.life(&view, 0, None), Life::Gone);
}

#[test]
fn nam_1_what_went_home_under_another_name_is_named_as_it_was_when_it_can_be() {
    let stage = Stage::new();
    let view = View::of_node(&stage.lab);
    stage.lab.host.sh("ip link add eth1 type bridge");
    stage.call(0).verb("DEL").run(&stage.lab.host).empty();
    assert_eq!(stage.record(0).phase, Phase::Released);
    assert!(matches!(stage.release(&view, 0), (Outcome::Pending(pending), _) if pending.device));
    stage.lab.host.sh("ip link del eth1");
    assert_eq!(stage.release(&view, 0).0, Outcome::Released);
    let links = stage.lab.host.snapshot(&[]);
    assert_eq!(links.about("link eth1 ").len(), 1, "{links:?}");
}

#[test]
fn what_is_pending_of_an_eni_that_left_the_node_is_forgotten() {
    let stage = Stage::new();
    let view = View::of_node(&stage.lab);
    stage.lab.host.sh("ip link add eth1 type bridge");
    stage.call(0).verb("DEL").run(&stage.lab.host).empty();
    let pending = stage.record(0);
    // As a real device's, whose absence says nothing by itself.
    let pci_address = Some("0000:00:06.0".parse().unwrap());
    let device = node::device::Device { pci_address, ..pending.device.clone() };
    stage.lab.store().write_record(&Record { device, ..pending }).unwrap();
    let name = stage.lab.entry(0).network_interface_id.fallback_name();
    stage.lab.host.sh(&format!("ip link set {name} netns pod1 name away"));
    assert!(matches!(stage.release(&view, 0), (Outcome::Pending(pending), _) if pending.device));
    stage.lab.store().remove_entry(&stage.lab.entry(0)).unwrap();
    assert_eq!(stage.release(&view, 0).0, Outcome::Released);
    assert_eq!(stage.lab.store().records().unwrap().len(), 1);
}

#[test]
fn an_attachment_that_a_plugin_works_on_is_left_to_it() {
    let stage = Stage::new();
    let view = View::of_node(&stage.lab);
    stage.kill(0);
    let store = stage.lab.store();
    let lock = store.try_device_lock(&stage.record(0).device.lock_name()).unwrap().unwrap();
    assert_eq!(stage.release(&view, 0), (Outcome::Busy, 0));
    drop(lock);
    let file = stage.lab.state_dir().join(format!("attachments/{}.json", stage.record(0).owner.key()));
    let [mut text, id, other_id] =
        [fs::read_to_string(&file).unwrap(), stage.lab.enis[0].id().to_string(), stage.lab.enis[1].id().to_string()];
    let [mac, other_mac] = [0, 1].map(|nth| stage.lab.entry(nth).mac_address.to_string());
    assert_eq!(stage.release(&view, 0), (Outcome::Released, 1));
    // A record whose device is another pod's by now is only a record.
    text = text.replace(&id, &other_id).replace(&mac, &other_mac);
    fs::write(&file, text).unwrap();
    assert_eq!(stage.release(&view, 0), (Outcome::Released, 1));
    assert_eq!(stage.life(&view, 1, None), Life::Alive);
    assert_eq!(store.records().unwrap().len(), 1);
}

fn take_out(lab: &Lab) -> Taken {
    let eni = lab.entry(0).network_interface_id;
    lab.as_agent(move |store| async move {
        store.take_out(&eni, &[State::Ready, State::Cooling], State::Detaching, LIMIT).await.unwrap()
    })
}

#[test]
fn cra_2_an_eni_that_a_killed_add_has_is_not_taken_out_and_one_that_it_has_not_is() {
    let lab = Lab::with_enis(1);
    let config = json!({"pool": POOL, "ipam": {"type": OWN}});
    let (mut held, mut taken) = (0, 0);
    for point in 1.. {
        let pod = lab.host.netns(&format!("pod{point}"));
        let call = lab.call_of(&binaries::multi_eni_faulty(), &pod, "c1", &config);
        let ended = Ended::of(call.clone().env("MULTI_ENI_KILL_AT", point.to_string()).spawn(&lab.host));
        let died = ended.output.signal() == Some(Signal::SIGKILL as i32);
        assert!(died || ended.output.status.success(), "{}", ended.output);
        let has = lab.store().records().unwrap().iter().any(Record::holds);
        match take_out(&lab) {
            Taken::Held(owner) => {
                assert!(has && owner.container_id == "c1");
                held += 1;
            }
            Taken::Out(entry) => {
                assert!(!has && entry.state == State::Detaching);
                taken += 1;
            }
            other => panic!("{other:?}"),
        }
        lab.write_entry(&lab.entry(0));
        call.verb("DEL").run(&lab.host).empty();
        assert!(matches!(take_out(&lab), Taken::Out(_)));
        // What is taken out is nobody's to claim any more.
        let error = lab.call(&pod, "c2", &config).run(&lab.host).error();
        assert_eq!(error.code, 11, "{error:?}");
        lab.write_entry(&lab.entry(0));
        pod.destroy();
        if !died {
            break;
        }
    }
    assert!(held > 0, "the ADD never claimed: {held} times held, {taken} times taken");
}

/// How an ADD and an agent that shrinks the pool meet.
#[derive(Debug, Clone, Copy)]
enum Meeting {
    /// The ADD has claimed and goes no further, when the agent comes.
    AddFirst,
    /// The agent has taken the ENI out, and the ADD was stopped before the lock.
    AgentFirst,
    /// Both wait for the lock: the ADD came first, or the agent did.
    AddWaitsLonger,
    AgentWaitsLonger,
}

/// How many files of this process are this one.
fn times_open(process: &str, path: &Path) -> usize {
    let same = |other: fs::Metadata| {
        let file = fs::metadata(path).unwrap();
        (other.dev(), other.ino()) == (file.dev(), file.ino())
    };
    // Other files of it come and go meanwhile.
    let files = fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten();
    files.filter_map(|file| fs::metadata(file.path()).ok()).filter(|file| same(file.clone())).count()
}

fn stop(process: &Running) {
    process.signal(Signal::SIGSTOP);
    let stat = format!("/proc/{}/stat", process.pid());
    until("the ADD is stopped", || fs::read_to_string(&stat).unwrap().contains(") T "));
}

impl Meeting {
    /// What came of both.
    fn takes_place(self, lab: &Lab, call: &Invocation) -> (Taken, Ended) {
        let (store, claim) = (lab.store(), lab.state_dir().join("lock/claim"));
        // A file that is open here is the lock that this test has; one more, that the agent's thread waits for it.
        let agent_waits = || until("the agent waits for the lock", || times_open("self", &claim) == 2);
        let add_waits = |adding: &Running| {
            until("the ADD waits for the lock", || times_open(&adding.pid().to_string(), &claim) == 1);
        };
        let device = match self {
            Self::AddFirst => store.try_device_lock(&lab.entry(0).device().lock_name()).unwrap(),
            _ => None,
        };
        let lock = match self {
            Self::AddFirst => None,
            _ => Some(store.try_device_lock("claim").unwrap().unwrap()),
        };
        thread::scope(|scope| {
            let take = || scope.spawn(|| take_out(lab));
            match self {
                Self::AddFirst => {
                    let adding = call.spawn(&lab.host);
                    until("the ADD has claimed", || store.records().unwrap().iter().any(Record::holds));
                    let taken = take_out(lab);
                    drop(device);
                    (taken, Ended::of(adding))
                }
                Self::AgentFirst => {
                    let adding = call.spawn(&lab.host);
                    add_waits(&adding);
                    stop(&adding);
                    let taking = take();
                    agent_waits();
                    drop(lock);
                    let taken = taking.join().unwrap();
                    adding.signal(Signal::SIGCONT);
                    (taken, Ended::of(adding))
                }
                Self::AddWaitsLonger | Self::AgentWaitsLonger => {
                    let early = matches!(self, Self::AgentWaitsLonger).then(|| {
                        let taking = take();
                        agent_waits();
                        taking
                    });
                    let adding = call.spawn(&lab.host);
                    add_waits(&adding);
                    let taking = early.unwrap_or_else(take);
                    agent_waits();
                    drop(lock);
                    (taking.join().unwrap(), Ended::of(adding))
                }
            }
        })
    }
}

#[test]
fn con_1_adds_and_an_agent_that_shrinks_exclude_each_other() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let call = lab.call(&pod, "c1", &json!({"pool": POOL}));
    let meetings = [Meeting::AddFirst, Meeting::AgentFirst, Meeting::AddWaitsLonger, Meeting::AgentWaitsLonger];
    let (mut claimed, mut out) = (0, 0);
    for meeting in meetings.repeat(5) {
        let (taken, added) = meeting.takes_place(&lab, &call);
        let has = lab.store().records().unwrap().iter().any(Record::holds);
        let is_out = lab.store().inventory().unwrap()[0].state == State::Detaching;
        assert!(has != is_out, "{meeting:?}: {taken:?}, {}", added.output);
        match taken {
            Taken::Held(owner) => {
                assert!(has && owner.container_id == "c1", "{meeting:?}");
                drop(added.result());
                assert_eq!(pod.snapshot().about("link net1 ").len(), 1, "{meeting:?}");
                claimed += 1;
            }
            Taken::Out(entry) => {
                assert!(is_out && entry.state == State::Detaching, "{meeting:?}");
                assert_eq!(added.error().code, 11, "{meeting:?}");
                assert!(pod.snapshot().about("link net1 ").is_empty(), "{meeting:?}");
                out += 1;
            }
            other => panic!("{meeting:?}: {other:?}"),
        }
        match meeting {
            Meeting::AddFirst => assert!(has, "{meeting:?}"),
            Meeting::AgentFirst => assert!(is_out, "{meeting:?}"),
            Meeting::AddWaitsLonger | Meeting::AgentWaitsLonger => {}
        }
        call.clone().verb("DEL").run(&lab.host).empty();
        lab.write_entry(&lab.entry(0));
    }
    assert!(claimed > 0 && out > 0, "{claimed} times claimed, {out} times taken out");
}

#[test]
fn cra_2_a_taker_that_is_killed_with_the_lock_in_its_hand_leaves_the_eni_to_the_next() {
    let lab = Lab::with_enis(1);
    let lock = lab.state_dir().join("lock/claim").display().to_string();
    let locker = lab.host.command("flock").args(["--close", &lock, "sleep", "600"]).spawn();
    let eni = lab.entry(0).network_interface_id;
    until("nobody gets by the one that has the lock", || {
        let eni = eni.clone();
        let none = Duration::ZERO;
        lab.as_agent(move |store| async move { store.take_out(&eni, &[], State::Detaching, none).await.is_err() })
    });
    locker.kill();
    let pod = lab.host.netns("pod1");
    drop(lab.call(&pod, "c1", &json!({"pool": POOL})).run(&lab.host).result());
    assert!(matches!(take_out(&lab), Taken::Held(_)));
}
