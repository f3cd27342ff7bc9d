//! Many calls of `multi-eni` at once: a device is in one hand at a time, and nothing stands still.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;

use e2e::lab::POOL;
use e2e::{Invocation, LIMIT, Lab, Outcome, POD_UID, PodNetns};
use serde_json::{Value, json};

const ENIS: u8 = 8;
const WORKERS: usize = 20;
/// How often a pod comes and goes in the storm, all workers together.
const ROUNDS: usize = 1000;

fn pods(lab: &Lab) -> Vec<PodNetns> {
    (0..WORKERS).map(|number| lab.host.netns(&format!("pod{number}"))).collect()
}

fn mac(result: &Value) -> String {
    result["interfaces"][0]["mac"].as_str().unwrap().to_string()
}

#[test]
fn con_1_twenty_adds_at_once_for_eight_enis() {
    let lab = Lab::with_enis(ENIS);
    let before = lab.host.snapshot(&[]);
    let config = json!({"pool": POOL, "ipam": {"type": "multi-eni-ipam"}});
    let pods = pods(&lab);
    let call = |number: usize| lab.call(&pods[number], &format!("c{number}"), &config);
    let running: Vec<_> = (0..WORKERS).map(|number| call(number).spawn(&lab.host)).collect();
    let (mut given, mut refused) = (Vec::new(), 0);
    for outcome in running.into_iter().map(Outcome::of) {
        if outcome.output.status.success() {
            given.push(mac(&outcome.result()));
        } else {
            assert_eq!(outcome.error().code, 11, "{}", outcome.output);
            refused += 1;
        }
    }
    assert_eq!((given.iter().collect::<HashSet<_>>().len(), given.len(), refused), (8, 8, 12));
    assert_eq!(lab.store().records().unwrap().len(), 8);
    let running: Vec<_> = (0..WORKERS).map(|number| call(number).verb("DEL").spawn(&lab.host)).collect();
    running.into_iter().for_each(|running| Outcome::of(running).empty());
    before.assert_same(&lab.host.snapshot(&[]));
    assert!(lab.store().records().unwrap().is_empty());
}

#[test]
fn con_1_twenty_adds_at_once_for_one_eni() {
    let lab = Lab::with_enis(2);
    let config = json!({"eni": lab.enis[0].id().to_string()});
    let pods = pods(&lab);
    let call = |number: usize| lab.call(&pods[number], &format!("c{number}"), &config);
    let running: Vec<_> = (0..WORKERS).map(|number| call(number).spawn(&lab.host)).collect();
    let outcomes: Vec<_> = running.into_iter().map(Outcome::of).collect();
    let (given, refused): (Vec<_>, Vec<_>) = outcomes.iter().partition(|outcome| outcome.output.status.success());
    assert_eq!(given.len(), 1, "{outcomes:?}");
    assert!(refused.iter().all(|outcome| outcome.error().code == 103), "{outcomes:?}");
}

#[test]
fn con_1_the_same_add_twenty_times_at_once_leaves_one_attachment() {
    let lab = Lab::with_enis(4);
    let before = lab.host.snapshot(&[]);
    let pod = lab.host.netns("pod1");
    let call = lab.call(&pod, "c1", &json!({"pool": POOL}));
    let running: Vec<_> = (0..WORKERS).map(|_| call.spawn(&lab.host)).collect();
    let outcomes: Vec<_> = running.into_iter().map(Outcome::of).collect();
    let records = lab.store().records().unwrap();
    assert!(records.len() <= 1, "{records:?}");
    let inside = pod.snapshot();
    assert!(inside.about("link ").len() <= 2, "{inside:?}\n{outcomes:?}");
    call.verb("DEL").run(&lab.host).empty();
    before.assert_same(&lab.host.snapshot(&[]));
    assert!(lab.store().records().unwrap().is_empty());
}

/// What the workers of the storm share.
struct Storm {
    lab: Lab,
    in_hand: Mutex<HashSet<String>>,
    left: AtomicUsize,
    given: AtomicUsize,
}

impl Storm {
    fn work(&self, pod: &PodNetns, number: usize) {
        let config = json!({"pool": POOL});
        while let Ok(left) = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
            let container = format!("c{number}-{left}");
            let call = |config: &Value| self.lab.call(pod, &container, config);
            let added = call(&config).run(&self.lab.host);
            let mut device = None;
            if added.output.status.success() {
                let result = added.result();
                let mac = mac(&result);
                assert!(self.in_hand.lock().unwrap().insert(mac.clone()), "{mac} is in two hands");
                device = Some(mac);
                self.given.fetch_add(1, Ordering::Relaxed);
                if left % 3 == 0 {
                    let mut checked = config.clone();
                    checked["prevResult"] = result;
                    call(&checked).verb("CHECK").run(&self.lab.host).empty();
                }
            } else {
                assert_eq!(added.error().code, 11, "{}", added.output);
            }
            if let Some(device) = device {
                assert!(self.in_hand.lock().unwrap().remove(&device));
            }
            // A runtime sends a DEL after an ADD that failed; some are killed before they do.
            if added.output.status.success() || left % 4 == 0 {
                call(&config).verb("DEL").run(&self.lab.host).empty();
            }
        }
    }
}

#[test]
fn con_1_a_storm_of_a_thousand_pods() {
    let lab = Lab::with_enis(ENIS);
    let before = lab.host.snapshot(&[]);
    let pods = pods(&lab);
    let storm = Storm { lab, in_hand: Mutex::default(), left: AtomicUsize::new(ROUNDS), given: AtomicUsize::new(0) };
    thread::scope(|scope| {
        for (number, pod) in pods.iter().enumerate() {
            let storm = &storm;
            scope.spawn(move || storm.work(pod, number));
        }
    });
    assert!(storm.given.load(Ordering::Relaxed) >= usize::from(ENIS));
    before.assert_same(&storm.lab.host.snapshot(&[]));
    let records = storm.lab.store().records().unwrap();
    assert!(records.is_empty(), "{records:?}");
    for pod in &pods {
        assert_eq!(pod.snapshot().about("link ").len(), 1, "{:?}", pod.snapshot());
    }
}

#[test]
fn con_1_records_are_the_kernel_when_the_storm_stops_half_way() {
    let lab = Lab::with_enis(ENIS);
    let pods = pods(&lab);
    let (say, heard) = mpsc::channel();
    thread::scope(|scope| {
        for (number, pod) in pods.iter().enumerate() {
            let (lab, say) = (&lab, say.clone());
            scope.spawn(move || {
                let call = lab.call(pod, &format!("c{number}"), &json!({"pool": POOL}));
                for _ in 0..4 {
                    call.clone().verb("DEL").run(&lab.host).empty();
                    let added = call.run(&lab.host);
                    say.send((number, added.output.status.success())).unwrap();
                }
            });
        }
    });
    drop(say);
    let mut holding = [false; WORKERS];
    heard.iter().for_each(|(number, holds)| holding[number] = holds);
    let records = lab.store().records().unwrap();
    for (number, pod) in pods.iter().enumerate() {
        let inside = pod.snapshot();
        let record = records.iter().find(|record| record.owner.container_id == format!("c{number}"));
        assert_eq!(record.is_some(), holding[number], "{number}: {records:?}");
        assert_eq!(inside.about("link net1 ").len(), usize::from(holding[number]), "{number}: {inside:?}");
        if let Some(record) = record {
            assert!(inside.about("link net1 ")[0].contains(&record.device.mac_address.to_string()), "{inside:?}");
        }
    }
    assert_eq!(records.len(), usize::from(ENIS), "the last ADDs had all there was");
}

#[test]
fn con_1_gc_beside_adds_leaves_records_and_kernel_the_same() {
    let lab = Lab::with_enis(ENIS);
    let before = lab.host.snapshot(&[]);
    let pods = pods(&lab);
    let config = json!({"pool": POOL});
    let call = |number: usize| lab.call(&pods[number], &format!("c{number}"), &config);
    let more = json!({"cniVersion": "1.1.0", "pool": POOL, "cni.dev/valid-attachments": []});
    let gc = lab.call(&pods[0], "none", &more).verb("GC");
    let running = AtomicUsize::new(usize::from(ENIS));
    thread::scope(|scope| {
        for number in 0..usize::from(ENIS) {
            let (running, call, lab) = (&running, &call, &lab);
            scope.spawn(move || {
                for _ in 0..8 {
                    let added = call(number).run(&lab.host);
                    if !added.output.status.success() {
                        assert_eq!(added.error().code, 11, "{}", added.output);
                    }
                    call(number).verb("DEL").run(&lab.host).empty();
                }
                drop(call(number).run(&lab.host));
                running.fetch_sub(1, Ordering::Relaxed);
            });
        }
        while running.load(Ordering::Relaxed) > 0 {
            gc.run(&lab.host).empty();
        }
    });
    let records = lab.store().records().unwrap();
    for (number, pod) in pods.iter().enumerate() {
        let inside = pod.snapshot();
        let record = records.iter().find(|record| record.owner.container_id == format!("c{number}"));
        assert_eq!(inside.about("link net1 ").len(), usize::from(record.is_some()), "{number}: {inside:?}");
    }
    gc.run(&lab.host).empty();
    before.assert_same(&lab.host.snapshot(&[]));
    assert!(lab.store().records().unwrap().is_empty());
}

fn of_pod(lab: &Lab, pod: &PodNetns, container: &str, config: &Value) -> Invocation {
    lab.call(pod, container, config).of_pod()
}

#[test]
fn con_3_the_new_sandboxs_add_comes_before_the_old_ones_del() {
    let lab = Lab::with_enis(2);
    let before = lab.host.snapshot(&[]);
    let config = json!({"pool": POOL, "ipam": {"type": "multi-eni-ipam"}});
    let (first, second) = (lab.host.netns("pod1"), lab.host.netns("pod2"));
    let one = of_pod(&lab, &first, "c1", &config).run(&lab.host).result();
    let two = of_pod(&lab, &second, "c2", &config).run(&lab.host).result();
    assert_ne!(mac(&one), mac(&two));
    for _ in 0..2 {
        of_pod(&lab, &first, "c1", &config).verb("DEL").run(&lab.host).empty();
    }
    let mut checked = config.clone();
    checked["prevResult"] = two;
    of_pod(&lab, &second, "c2", &checked).verb("CHECK").run(&lab.host).empty();
    of_pod(&lab, &second, "c2", &config).verb("DEL").run(&lab.host).empty();
    before.assert_same(&lab.host.snapshot(&[]));
}

#[test]
fn con_3_a_fixed_device_is_taken_over_from_a_dead_sandbox_only() {
    let lab = Lab::with_enis(2);
    lab.fabric.keep().unwrap();
    std::fs::create_dir_all(lab.kubelet_dir().join("pods").join(POD_UID)).unwrap();
    let before = lab.host.snapshot(&[]);
    let config = json!({"eni": lab.enis[0].id().to_string(), "ipam": {"type": "multi-eni-ipam"}});
    let (first, second) = (lab.host.netns("pod1"), lab.host.netns("pod2"));
    let one = of_pod(&lab, &first, "c1", &config).run(&lab.host).result();
    let refused = of_pod(&lab, &second, "c2", &config).run(&lab.host).error();
    assert_eq!(refused.code, 11, "{refused:?}");
    assert!(refused.msg.len() <= 200 && format!("{refused:?}").contains("c1"), "{refused:?}");
    let mut checked = config.clone();
    checked["prevResult"] = one;
    of_pod(&lab, &first, "c1", &checked).verb("CHECK").run(&lab.host).empty();

    first.destroy();
    lab.enis[0].await_return(1, LIMIT).unwrap();
    checked["prevResult"] = of_pod(&lab, &second, "c2", &config).run(&lab.host).result();
    for _ in 0..2 {
        of_pod(&lab, &first, "c1", &config).verb("DEL").run(&lab.host).empty();
        of_pod(&lab, &second, "c2", &checked).verb("CHECK").run(&lab.host).empty();
    }
    of_pod(&lab, &second, "c2", &config).verb("DEL").run(&lab.host).empty();
    before.assert_same(&lab.host.snapshot(&[]));
}

#[test]
fn con_3_a_live_pods_device_is_not_another_pods_though_its_sandbox_is_gone() {
    let lab = Lab::with_enis(2);
    lab.fabric.keep().unwrap();
    let folder = lab.kubelet_dir().join("pods").join(POD_UID);
    std::fs::create_dir_all(&folder).unwrap();
    let config = json!({"eni": lab.enis[0].id().to_string()});
    let (first, second) = (lab.host.netns("pod1"), lab.host.netns("pod2"));
    drop(of_pod(&lab, &first, "c1", &config).run(&lab.host).result());
    first.destroy();
    lab.enis[0].await_return(1, LIMIT).unwrap();
    let other = lab.call(&second, "c2", &config).args("K8S_POD_NAMESPACE=default;K8S_POD_NAME=q;K8S_POD_UID=q-1");
    let refused = other.run(&lab.host).error();
    assert_eq!(refused.code, 103, "{refused:?}");
    std::fs::remove_dir(folder).unwrap();
    drop(other.run(&lab.host).result());
}
