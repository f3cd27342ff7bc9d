//! What a killed `multi-eni`, a damaged record and another boot leave, and that the next call puts it right.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use e2e::lab::POOL;
use e2e::{Invocation, LIMIT, Lab, Outcome, PodNetns, Snapshot, binaries};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// More points than any verb passes.
const ENDLESS: u32 = 200;

/// A node of two ENIs with what it looked like before.
struct Stage {
    lab: Lab,
    before: Snapshot,
}

impl Stage {
    fn new() -> Self {
        let lab = Lab::with_enis(2);
        lab.fabric.keep().unwrap();
        let before = lab.host.snapshot(&[]);
        Self { lab, before }
    }

    fn eni(&self) -> String {
        self.lab.enis[0].id().to_string()
    }

    /// A configuration of many steps, with leftovers in the pod.
    fn config(&self) -> Value {
        json!({
            "eni": self.eni(), "mtu": 1400, "sourceRouting": true, "blockInstanceMetadata": true,
            "ipam": {"type": "multi-eni-ipam"},
        })
    }

    fn call(&self, pod: &PodNetns, container: &str) -> Invocation {
        self.lab.call(pod, container, &self.config())
    }

    fn add(&self, pod: &PodNetns, container: &str) {
        drop(self.call(pod, container).run(&self.lab.host).result());
    }

    fn of_pool(&self, pod: &PodNetns, container: &str) -> Invocation {
        self.lab.call(pod, container, &json!({"pool": POOL, "ipam": {"type": "multi-eni-ipam"}}))
    }

    /// Whether a call that dies at this point does die there.
    fn dies(&self, call: &Invocation, point: u32) -> bool {
        assert!(point < ENDLESS, "the call never came to its end");
        let ended = Outcome::of(call.clone().env("MULTI_ENI_KILL_AT", point.to_string()).spawn(&self.lab.host));
        match ended.output.signal() {
            Some(signal) => {
                assert_eq!(signal, Signal::SIGKILL as i32, "{}", ended.output);
                true
            }
            None => {
                assert!(ended.output.status.success(), "{}", ended.output);
                false
            }
        }
    }

    fn faulty(&self, pod: &PodNetns, container: &str) -> Invocation {
        self.lab.call_of(&binaries::multi_eni_faulty(), pod, container, &self.config())
    }

    /// The namespace goes, and the first ENI's NIC comes back if it was in there.
    fn drop_namespace(&self, pod: &PodNetns) {
        let was_inside = pod.snapshot().about("link ").iter().any(|link| !link.starts_with("link lo "));
        let nth = self.lab.enis[0].returns().len() + 1;
        pod.destroy();
        if was_inside {
            self.lab.enis[0].await_return(nth, LIMIT).unwrap();
        }
    }

    fn collect_garbage(&self) {
        let config = json!({
            "cniVersion": "1.1.0", "name": "net", "type": "multi-eni", "pool": POOL,
            "ipam": {"type": "multi-eni-ipam"}, "cni.dev/valid-attachments": [],
        });
        let folder = binaries::multi_eni_ipam();
        let gc = Invocation::new(binaries::multi_eni())
            .verb("GC")
            .without("CNI_CONTAINERID")
            .without("CNI_IFNAME")
            .search(folder.parent().unwrap())
            .env("MULTI_ENI_NODE_TOML", self.lab.settings().display().to_string())
            .config(&config);
        gc.run(&self.lab.host).empty();
    }

    /// One ADD: the device works, CHECK finds no fault, and each device is with one holder.
    #[track_caller]
    fn assert_attached(&self, add: &Invocation, pod: &PodNetns, config: &Value, container: &str) {
        let result = add.run(&self.lab.host).result();
        pod.command("ping").args(["-c1", "-W20", "10.0.1.1"]).run();
        let mut checked = config.clone();
        checked["prevResult"] = result;
        self.lab.call(pod, container, &checked).verb("CHECK").run(&self.lab.host).empty();
        let records = self.lab.store().records().unwrap();
        let held: Vec<_> =
            records.iter().filter(|record| record.holds()).map(|record| record.device.to_string()).collect();
        assert_eq!(held.iter().collect::<HashSet<_>>().len(), held.len(), "{held:?}");
    }

    #[track_caller]
    fn assert_clean(&self, what: &str) {
        let changes = self.before.changes_to(&self.lab.host.snapshot(&[]));
        assert!(changes.is_empty(), "{what}:\n{changes}");
        let records = self.lab.store().records().unwrap();
        assert!(records.is_empty(), "{what}: {records:?}");
    }
}

/// For every point of ADD: a fresh pod, an ADD that dies there, and what comes then.
fn after_every_death_of_add(then: impl Fn(&Stage, &PodNetns, &str)) {
    let stage = Stage::new();
    let mut points = 0;
    for point in 1.. {
        let name = format!("pod{point}");
        let pod = stage.lab.host.netns(&name);
        let died = stage.dies(&stage.faulty(&pod, &name), point);
        then(&stage, &pod, &name);
        stage.assert_clean(&format!("ADD killed at point {point}"));
        if !died {
            break;
        }
        points = point;
    }
    assert!(points > 20, "an ADD of many steps has only {points} points");
}

#[test]
fn cra_2_add_killed_at_every_point_then_the_same_add_again() {
    after_every_death_of_add(|stage, pod, name| {
        stage.assert_attached(&stage.call(pod, name), pod, &stage.config(), name);
        assert_eq!(stage.lab.store().records().unwrap().len(), 1);
        stage.call(pod, name).verb("DEL").run(&stage.lab.host).empty();
    });
}

#[test]
fn cra_2_add_killed_at_every_point_then_del() {
    after_every_death_of_add(|stage, pod, name| {
        let empty = stage.lab.host.netns(&format!("{name}-empty")).snapshot();
        stage.call(pod, name).verb("DEL").run(&stage.lab.host).empty();
        empty.assert_same(&pod.snapshot());
    });
}

#[test]
fn cra_2_add_killed_at_every_point_then_an_add_of_another_container_on_the_same_eni() {
    after_every_death_of_add(|stage, pod, name| {
        stage.drop_namespace(pod);
        let next = format!("{name}-next");
        let other = stage.lab.host.netns(&next);
        stage.assert_attached(&stage.call(&other, &next), &other, &stage.config(), &next);
        let inside = other.snapshot();
        stage.call(pod, name).verb("DEL").run(&stage.lab.host).empty();
        inside.assert_same(&other.snapshot());
        stage.call(&other, &next).verb("DEL").run(&stage.lab.host).empty();
    });
}

#[test]
fn cra_2_add_killed_at_every_point_then_an_add_of_the_same_eni_while_the_namespace_lives() {
    after_every_death_of_add(|stage, pod, name| {
        let next = format!("{name}-next");
        let other = stage.lab.host.netns(&next);
        let error = stage.call(&other, &next).run(&stage.lab.host).error();
        assert_eq!(error.code, 103, "{error:?}");
        stage.call(pod, name).verb("DEL").run(&stage.lab.host).empty();
        stage.assert_attached(&stage.call(&other, &next), &other, &stage.config(), &next);
        stage.call(&other, &next).verb("DEL").run(&stage.lab.host).empty();
    });
}

#[test]
fn cra_2_add_killed_at_every_point_then_adds_of_the_pool() {
    after_every_death_of_add(|stage, pod, name| {
        let config = json!({"pool": POOL, "ipam": {"type": "multi-eni-ipam"}});
        let (second, third) = (format!("{name}-2"), format!("{name}-3"));
        let pods = [&second, &third].map(|name| stage.lab.host.netns(name));
        stage.assert_attached(&stage.of_pool(&pods[0], &second), &pods[0], &config, &second);
        stage.drop_namespace(pod);
        stage.assert_attached(&stage.of_pool(&pods[1], &third), &pods[1], &config, &third);
        for (pod, name) in [(&pods[0], &second), (&pods[1], &third), (pod, &name.to_string())] {
            stage.of_pool(pod, name).verb("DEL").run(&stage.lab.host).empty();
        }
    });
}

#[test]
fn cra_2_add_killed_at_every_point_then_gc() {
    after_every_death_of_add(|stage, pod, _| {
        let empty = stage.lab.host.netns(&format!("{}-empty", pod.path().file_name().unwrap().display())).snapshot();
        stage.collect_garbage();
        empty.assert_same(&pod.snapshot());
    });
}

/// For every point of DEL: a fresh pod with an ENI, a DEL that dies there, and what comes then.
fn after_every_death_of_del(then: impl Fn(&Stage, &PodNetns, &str)) {
    let stage = Stage::new();
    let mut points = 0;
    for point in 1.. {
        let name = format!("pod{point}");
        let pod = stage.lab.host.netns(&name);
        stage.add(&pod, &name);
        let died = stage.dies(&stage.faulty(&pod, &name).verb("DEL"), point);
        then(&stage, &pod, &name);
        stage.assert_clean(&format!("DEL killed at point {point}"));
        if !died {
            break;
        }
        points = point;
    }
    assert!(points > 4, "a DEL of many steps has only {points} points");
}

#[test]
fn cra_2_del_killed_at_every_point_then_del() {
    after_every_death_of_del(|stage, pod, name| {
        let empty = stage.lab.host.netns(&format!("{name}-empty")).snapshot();
        stage.call(pod, name).verb("DEL").run(&stage.lab.host).empty();
        empty.assert_same(&pod.snapshot());
        stage.call(pod, name).verb("DEL").run(&stage.lab.host).empty();
    });
}

#[test]
fn cra_2_del_killed_at_every_point_then_gc() {
    after_every_death_of_del(|stage, _, _| stage.collect_garbage());
}

#[test]
fn cra_2_del_killed_at_every_point_then_an_add_of_the_same_container() {
    after_every_death_of_del(|stage, pod, name| {
        stage.assert_attached(&stage.call(pod, name), pod, &stage.config(), name);
        stage.call(pod, name).verb("DEL").run(&stage.lab.host).empty();
    });
}

#[test]
fn cra_2_del_killed_at_every_point_then_an_add_of_another_container() {
    after_every_death_of_del(|stage, pod, name| {
        stage.drop_namespace(pod);
        let next = format!("{name}-next");
        let other = stage.lab.host.netns(&next);
        stage.assert_attached(&stage.call(&other, &next), &other, &stage.config(), &next);
        stage.call(&other, &next).verb("DEL").run(&stage.lab.host).empty();
    });
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Empty,
    Half,
    Nuls,
    Folder,
}

const DAMAGES: [Damage; 4] = [Damage::Empty, Damage::Half, Damage::Nuls, Damage::Folder];

impl Damage {
    fn done_to(self, file: &Path) {
        let content = fs::read(file).unwrap();
        match self {
            Self::Empty => fs::write(file, "").unwrap(),
            Self::Half => fs::write(file, &content[..content.len() / 2]).unwrap(),
            Self::Nuls => fs::write(file, vec![0; content.len()]).unwrap(),
            Self::Folder => {
                fs::remove_file(file).unwrap();
                fs::create_dir(file).unwrap();
            }
        }
    }
}

fn only_file(folder: &Path) -> PathBuf {
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let json: Vec<_> =
        files.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
    assert_eq!(json.len(), 1, "{json:?}");
    json[0].clone()
}

#[test]
fn cra_1_a_damaged_record_is_set_aside_and_the_device_goes_home() {
    for damage in DAMAGES {
        let stage = Stage::new();
        let host = &stage.lab.host;
        let pod = host.netns("pod1");
        let mut config = stage.config();
        config["logFile"] = json!("plugin.log");
        let call = stage.lab.call(&pod, "c1", &config);
        drop(call.run(host).result());
        let record = only_file(&stage.lab.state_dir().join("attachments"));
        damage.done_to(&record);
        call.clone().verb("DEL").run(host).empty();
        let aside = format!("{}.bad", record.display());
        assert!(Path::new(&aside).exists(), "{damage:?}");
        let log = fs::read_to_string(stage.lab.log_dir().join("plugin.log")).unwrap();
        let lines: Vec<_> = log.lines().filter(|line| line.contains(&aside)).collect();
        assert_eq!(lines.len(), 1, "{damage:?}: {log}");

        call.clone().verb("DEL").run(host).empty();
        let other = host.netns("pod2");
        stage.assert_attached(&stage.call(&other, "c2"), &other, &stage.config(), "c2");
        stage.call(&other, "c2").verb("DEL").run(host).empty();
        assert!(stage.lab.store().records().unwrap().is_empty());
    }
}

#[test]
fn cra_1_a_damaged_record_is_no_obstacle_to_adds_of_others() {
    for damage in DAMAGES {
        let stage = Stage::new();
        let host = &stage.lab.host;
        let pod = host.netns("pod1");
        stage.add(&pod, "c1");
        damage.done_to(&only_file(&stage.lab.state_dir().join("attachments")));
        stage.drop_namespace(&pod);
        let other = host.netns("pod2");
        stage.assert_attached(&stage.call(&other, "c2"), &other, &stage.config(), "c2");
        stage.call(&pod, "c1").verb("DEL").run(host).empty();
        stage.call(&other, "c2").verb("DEL").run(host).empty();
        stage.assert_clean(&format!("{damage:?}"));
    }
}

#[test]
fn cra_1_a_damaged_file_of_the_agent_keeps_no_device() {
    for damage in DAMAGES {
        for file in ["inventory", "agent.json"] {
            let stage = Stage::new();
            let host = &stage.lab.host;
            let pod = host.netns("pod1");
            stage.add(&pod, "c1");
            let file = match file {
                "inventory" => stage.lab.state_dir().join(file).join(format!("{}.json", stage.eni())),
                file => stage.lab.state_dir().join(file),
            };
            damage.done_to(&file);
            stage.call(&pod, "c1").verb("DEL").run(host).empty();
            stage.assert_clean(&format!("{damage:?} of {}", file.display()));
            // Its writer writes it anew.
            if file.is_dir() {
                fs::remove_dir(&file).unwrap();
            }
            stage.lab.write_entry(&stage.lab.entry(0));
            stage.lab.note_agent_pass();
            stage.assert_attached(&stage.call(&pod, "c1"), &pod, &stage.config(), "c1");
            stage.call(&pod, "c1").verb("DEL").run(host).empty();
            stage.assert_clean(&format!("{damage:?} of {}", file.display()));
        }
    }
}

#[test]
fn cra_4_records_of_another_boot_hold_nothing() {
    let stage = Stage::new();
    let host = &stage.lab.host;
    let pod = host.netns("pod1");
    stage.add(&pod, "c1");
    let file = only_file(&stage.lab.state_dir().join("attachments"));
    let mut record: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    stage.call(&pod, "c1").verb("DEL").run(host).empty();
    record["bootId"] = json!("00000000-0000-4000-8000-000000000000");
    for container in ["c2", "c1"] {
        fs::write(&file, record.to_string()).unwrap();
        stage.assert_attached(&stage.call(&pod, container), &pod, &stage.config(), container);
        stage.call(&pod, container).verb("DEL").run(host).empty();
        stage.call(&pod, "c1").verb("DEL").run(host).empty();
        stage.assert_clean(container);
    }
}
