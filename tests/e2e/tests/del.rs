//! DEL of `multi-eni` when little is left of what ADD made, when others have it by now, and when the pod changed it.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]

use e2e::lab::Stage;
use e2e::{Answer, Invocation, LIMIT, Lab, PodNetns};
use node::record::Phase;
use serde_json::{Value, json};

/// A node whose NICs come back from dead namespaces, as NICs do, and the first one of them.
struct Scene(Stage);

impl Scene {
    fn new(enis: u8) -> Self {
        let stage = Stage::giving(enis, "1.0.0");
        stage.lab.fabric.keep().unwrap();
        Self(stage)
    }

    fn config(&self) -> Value {
        json!({"eni": self.eni(), "mtu": 1400, "ipam": {"type": "fake-ipam"}})
    }

    fn eni(&self) -> String {
        self.0.lab.enis[0].id().to_string()
    }

    fn call(&self, pod: &PodNetns, container: &str) -> Invocation {
        self.0.call(pod, container, &self.config())
    }

    fn add(&self, pod: &PodNetns, container: &str) {
        drop(self.call(pod, container).run(&self.0.lab.host).result());
    }

    /// The runtime takes the namespace away without a DEL, and the NIC comes back by itself.
    fn drop_namespace(&self, pod: &PodNetns, nth: usize) {
        pod.destroy();
        self.0.lab.enis[0].await_return(nth, LIMIT).unwrap();
    }
}

#[test]
fn del_1_netns_gone() {
    let scene = Scene::new(1);
    let host = &scene.0.lab.host;
    let file = host.folder().join("plain");
    std::fs::write(&file, "").unwrap();
    let before = host.snapshot(&[]);
    let ways: [fn(Invocation, &str) -> Invocation; 4] = [
        |call, _| call.without("CNI_NETNS"),
        |call, _| call.env("CNI_NETNS", ""),
        |call, file| call.netns(file),
        |call, _| call,
    ];
    for (nth, way) in ways.into_iter().enumerate() {
        let pod = host.netns(&format!("pod{nth}"));
        let add = scene.call(&pod, &format!("c{nth}"));
        drop(add.run(host).result());
        scene.drop_namespace(&pod, nth + 1);
        let del = way(add.verb("DEL"), file.to_str().unwrap());
        let earlier = scene.0.ipam.calls_of("DEL").len();
        del.run(host).empty();
        assert_eq!(scene.0.ipam.calls_of("DEL").len(), earlier + 1, "way {nth}");
        assert!(scene.0.records().is_empty(), "way {nth}");
        before.assert_same(&host.snapshot(&[]));
        del.run(host).empty();
        assert_eq!(scene.0.ipam.calls_of("DEL").len(), earlier + 2, "way {nth}");
    }
}

#[test]
fn del_1_a_device_that_died_with_its_netns_is_forgotten_with_a_warning() {
    let lab = Lab::with_enis(1);
    let pod = lab.host.netns("pod1");
    let add = lab.call(&pod, "c1", &json!({"pool": "data"}));
    drop(add.run(&lab.host).result());
    pod.destroy();
    let deleted = add.verb("DEL").run(&lab.host);
    deleted.empty();
    assert!(deleted.output.stderr.contains("died with its namespace"), "{}", deleted.output);
    assert!(lab.store().records().unwrap().is_empty());
}

#[test]
fn del_3_never_added() {
    let scene = Scene::new(1);
    let pod = scene.0.lab.host.netns("pod1");
    let before = scene.0.lab.host.snapshot(&[]);
    let del = scene.call(&pod, "never").verb("DEL");
    for _ in 0..2 {
        del.run(&scene.0.lab.host).empty();
    }
    assert_eq!(scene.0.ipam.calls_of("DEL").len(), 2);
    before.assert_same(&scene.0.lab.host.snapshot(&[]));
}

#[test]
fn del_3_record_deleted_but_device_in_the_netns() {
    let scene = Scene::new(2);
    let host = &scene.0.lab.host;
    let pod = host.netns("pod1");
    let before = host.snapshot(&[]);
    let inside = pod.snapshot();
    let add = scene.call(&pod, "c1");
    drop(add.run(host).result());
    let [record] = scene.0.records().try_into().unwrap();
    scene.0.lab.store().remove_record(&record.owner).unwrap();
    add.verb("DEL").run(host).empty();
    // Nobody knows any more that it had no alias before; that it is the project's stays on it.
    let alias = format!("+ {} alias {}\n", before.about("link eth1 ")[0], scene.eni());
    assert!(before.changes_to(&host.snapshot(&[])).ends_with(&alias), "{:?}", host.snapshot(&[]));
    inside.assert_same(&pod.snapshot());
    assert_eq!(scene.0.ipam.calls_of("DEL").len(), 1);
}

#[test]
fn del_3_a_device_without_a_record_in_a_netns_that_del_does_not_name_stays() {
    let scene = Scene::new(2);
    let host = &scene.0.lab.host;
    let (pod, other) = (host.netns("pod1"), host.netns("pod2"));
    scene.add(&pod, "c1");
    let inside = pod.snapshot();
    scene.call(&other, "c2").verb("DEL").run(host).empty();
    scene.call(&pod, "c2").verb("DEL").run(host).empty();
    inside.assert_same(&pod.snapshot());
    assert_eq!(scene.0.records().len(), 1);
}

#[test]
fn del_3_with_and_without_prev_result() {
    let scene = Scene::new(1);
    let host = &scene.0.lab.host;
    let pod = host.netns("pod1");
    let before = host.snapshot(&[]);
    for with_result in [false, true] {
        let add = scene.call(&pod, "c1");
        let result = add.run(host).result();
        let mut config = scene.config();
        if with_result {
            config["prevResult"] = result;
        }
        let del = scene.0.call(&pod, "c1", &config).verb("DEL");
        del.run(host).empty();
        before.assert_same(&host.snapshot(&[]));
        assert!(scene.0.records().is_empty());
    }
}

#[test]
fn del_5_late_del_leaves_the_next_owners_device_alone() {
    let scene = Scene::new(1);
    let host = &scene.0.lab.host;
    let (first, second) = (host.netns("pod1"), host.netns("pod2"));
    let before = host.snapshot(&[]);
    scene.add(&first, "c1");
    scene.drop_namespace(&first, 1);
    scene.add(&second, "c2");
    let inside = second.snapshot();
    assert_eq!(inside.about("address net1 10.0.1.11/24").len(), 1, "{inside:?}");
    let records = scene.0.records();
    for _ in 0..2 {
        scene.call(&first, "c1").verb("DEL").run(host).empty();
        // Some runtimes name a path that another sandbox has by now.
        scene.call(&second, "c1").verb("DEL").run(host).empty();
    }
    inside.assert_same(&second.snapshot());
    assert!(inside.about("link net1 up")[0].contains(" mtu 1400"), "{inside:?}");
    assert_eq!(scene.0.records(), records);
    assert_eq!(records[0].owner.container_id, "c2");
    scene.call(&second, "c2").verb("DEL").run(host).empty();
    before.assert_same(&host.snapshot(&[]));
}

#[test]
fn del_5_a_record_of_c1_beside_that_of_c2_gives_c1_nothing() {
    let scene = Scene::new(1);
    let host = &scene.0.lab.host;
    let (first, second) = (host.netns("pod1"), host.netns("pod2"));
    scene.add(&first, "c1");
    let [stale] = scene.0.records().try_into().unwrap();
    scene.call(&first, "c1").verb("DEL").run(host).empty();
    scene.add(&second, "c2");
    scene.0.lab.store().write_record(&stale).unwrap();
    let inside = second.snapshot();
    scene.call(&first, "c1").verb("DEL").run(host).empty();
    inside.assert_same(&second.snapshot());
    let [left] = scene.0.records().try_into().unwrap();
    assert_eq!(left.owner.container_id, "c2");
}

#[test]
fn host_name_taken_at_home_the_wish_stays_on_record_until_it_is_free() {
    let scene = Scene::new(1);
    let host = &scene.0.lab.host;
    let pod = host.netns("pod1");
    let before = host.snapshot(&[]);
    scene.add(&pod, "c1");
    host.command("ip").args(["link", "add", "eth1", "type", "bridge"]).run();
    scene.call(&pod, "c1").verb("DEL").run(host).empty();
    let eni = scene.eni();
    let fallback = format!("eni-{}", &eni[eni.len() - 10..]);
    assert_eq!(host.snapshot(&[]).about(&format!("link {fallback} down")).len(), 1, "{:?}", host.snapshot(&[]));
    let [wish] = scene.0.records().try_into().unwrap();
    assert_eq!((wish.phase, wish.home.as_ref().unwrap().name.as_str()), (Phase::Released, "eth1"));

    // Another pod may have the device all the same, and the wish goes with it.
    scene.add(&pod, "c2");
    scene.call(&pod, "c2").verb("DEL").run(host).empty();
    let [wish] = scene.0.records().try_into().unwrap();
    assert_eq!((wish.owner.container_id.as_str(), wish.home.as_ref().unwrap().name.as_str()), ("c2", "eth1"));

    host.command("ip").args(["link", "delete", "eth1"]).run();
    scene.add(&pod, "c3");
    scene.call(&pod, "c3").verb("DEL").run(host).empty();
    before.assert_same(&host.snapshot(&[]));
    assert!(scene.0.records().is_empty());
}

#[test]
fn host_name_free_again_a_repeated_del_gives_it_back() {
    let scene = Scene::new(1);
    let host = &scene.0.lab.host;
    let pod = host.netns("pod1");
    let before = host.snapshot(&[]);
    scene.add(&pod, "c1");
    host.command("ip").args(["link", "add", "eth1", "type", "bridge"]).run();
    scene.call(&pod, "c1").verb("DEL").run(host).empty();
    host.command("ip").args(["link", "delete", "eth1"]).run();
    scene.call(&pod, "c1").verb("DEL").run(host).empty();
    before.assert_same(&host.snapshot(&[]));
    assert!(scene.0.records().is_empty());
}

#[test]
fn what_the_pod_changed_is_as_it_was() {
    let scene = Scene::new(1);
    let host = &scene.0.lab.host;
    host.command("ip").args(["link", "property", "add", "dev", "eth1", "altname", "ens6"]).run();
    host.command("ip").args(["link", "set", "eth1", "alias", "the spare"]).run();
    let before = host.snapshot(&[]);
    let changes: [&[&str]; 9] = [
        &["set", "net1", "mtu", "1300"],
        &["set", "net1", "address", "02:00:00:00:00:99"],
        &["property", "add", "dev", "net1", "altname", "mine"],
        &["property", "del", "dev", "net1", "altname", "ens6"],
        &["property", "add", "dev", "net1", "altname", "lo0", "altname", "eth1"],
        &["set", "net1", "down"],
        &["set", "net1", "promisc", "on"],
        &["set", "net1", "address", "02:00:00:00:00:99", "mtu", "1500"],
        &["set", "net1", "alias", "changed"],
    ];
    for (nth, change) in changes.into_iter().enumerate() {
        let pod = host.netns(&format!("pod{nth}"));
        scene.add(&pod, "c1");
        pod.command("ip").arg("link").args(change).run();
        scene.call(&pod, "c1").verb("DEL").run(host).empty();
        before.assert_same(&host.snapshot(&[]));
        assert!(scene.0.records().is_empty(), "{change:?}");
    }
}

#[test]
fn a_link_that_the_pod_renamed_down_or_up_goes_home() {
    let scene = Scene::new(1);
    let host = &scene.0.lab.host;
    let before = host.snapshot(&[]);
    for state in ["down", "up"] {
        let pod = host.netns(&format!("pod{state}"));
        scene.add(&pod, "c1");
        pod.command("ip").args(["link", "set", "net1", "down"]).run();
        pod.command("ip").args(["link", "set", "net1", "name", "mine", "mtu", "1300", state]).run();
        pod.command("ip").args(["link", "add", "net1", "type", "bridge"]).run();
        scene.call(&pod, "c1").verb("DEL").run(host).empty();
        before.assert_same(&host.snapshot(&[]));
        assert_eq!(pod.snapshot().about("link net1 ").len(), 1, "the pod's own link is not ours");
    }
    assert!(scene.0.records().is_empty());
}

#[test]
fn the_ipam_plugins_error_passes_through_and_the_device_is_home() {
    let scene = Scene::new(1);
    let host = &scene.0.lab.host;
    let pod = host.netns("pod1");
    let before = host.snapshot(&[]);
    scene.add(&pod, "c1");
    scene.0.ipam.answers("DEL", &[Answer::fail(142, "the ledger is closed"), Answer::nothing()]);
    let error = scene.call(&pod, "c1").verb("DEL").run(host).error();
    assert_eq!(error.code, 142);
    assert!(error.msg.contains("the ledger is closed"), "{error:?}");
    before.assert_same(&host.snapshot(&[]));
    let [left] = scene.0.records().try_into().unwrap();
    assert!(left.pending.ipam && !left.pending.device && left.phase == Phase::Released, "{left:?}");
    scene.call(&pod, "c1").verb("DEL").run(host).empty();
    assert!(scene.0.records().is_empty());
    assert_eq!(scene.0.ipam.calls_of("DEL").len(), 2);
}

#[test]
fn a_configuration_that_became_wrong_keeps_no_device() {
    let scene = Scene::new(1);
    let host = &scene.0.lab.host;
    let pod = host.netns("pod1");
    let before = host.snapshot(&[]);
    scene.add(&pod, "c1");
    let mut config = scene.config();
    config["mtu"] = json!("many");
    config["timeoutSeconds"] = json!(-1);
    scene.0.call(&pod, "c1", &config).verb("DEL").run(host).empty();
    before.assert_same(&host.snapshot(&[]));
    assert!(scene.0.records().is_empty());
}

#[test]
fn an_ipam_plugin_that_owes_a_release_is_asked_again_after_the_device_has_passed_on() {
    let scene = Scene::new(1);
    let host = &scene.0.lab.host;
    let (first, second) = (host.netns("pod1"), host.netns("pod2"));
    let before = host.snapshot(&[]);
    scene.add(&first, "c1");
    scene.drop_namespace(&first, 1);
    scene.0.ipam.answers("DEL", &[Answer::fail(142, "the ledger is closed"), Answer::nothing()]);
    let taking_over = scene.call(&second, "c2");
    assert_eq!(taking_over.run(host).error().code, 142);
    drop(taking_over.run(host).result());
    let owed = scene.0.records().into_iter().find(|record| record.owner.container_id == "c1");
    assert!(owed.is_some_and(|record| record.pending.ipam && !record.pending.device), "{:?}", scene.0.records());

    let inside = second.snapshot();
    scene.call(&first, "c1").verb("DEL").run(host).empty();
    inside.assert_same(&second.snapshot());
    let asked = scene.0.ipam.calls_of("DEL");
    assert_eq!(asked.last().unwrap().environment["CNI_CONTAINERID"], "c1");
    taking_over.verb("DEL").run(host).empty();
    before.assert_same(&host.snapshot(&[]));
    assert!(scene.0.records().is_empty());
}

#[test]
fn of_what_is_left_to_do_a_claim_takes_what_is_the_devices_only() {
    let scene = Scene::new(1);
    let host = &scene.0.lab.host;
    let pod = host.netns("pod1");
    scene.add(&pod, "c1");
    host.command("ip").args(["link", "add", "eth1", "type", "bridge"]).run();
    scene.0.ipam.answers("DEL", &[Answer::fail(142, "the ledger is closed"), Answer::nothing()]);
    assert_eq!(scene.call(&pod, "c1").verb("DEL").run(host).error().code, 142);
    scene.add(&pod, "c2");
    let of = |container: &str| {
        let mut records = scene.0.records().into_iter();
        records.find(|record| record.owner.container_id == container).unwrap()
    };
    assert!(of("c1").pending.ipam && !of("c1").pending.device, "{:?}", of("c1"));
    assert_eq!(of("c2").home.unwrap().name.as_str(), "eth1");
    scene.call(&pod, "c1").verb("DEL").run(host).empty();
    assert_eq!(of("c2").phase, Phase::Committed);
    assert_eq!(scene.0.records().len(), 1);
}

#[test]
fn an_add_for_another_device_does_not_forget_the_first_ones_home() {
    let scene = Scene::new(2);
    let host = &scene.0.lab.host;
    let pod = host.netns("pod1");
    let before = host.snapshot(&[]);
    scene.add(&pod, "c1");
    host.command("ip").args(["link", "add", "eth1", "type", "bridge"]).run();
    scene.call(&pod, "c1").verb("DEL").run(host).empty();
    let other = scene.0.lab.enis[1].id().to_string();
    let other = scene.0.call(&pod, "c1", &json!({"eni": other, "ipam": {"type": "fake-ipam"}}));
    let error = other.run(host).error();
    assert_eq!(error.code, 11, "{error:?}");
    assert!(error.msg.contains("not wholly given back"), "{error:?}");
    let [wish] = scene.0.records().try_into().unwrap();
    assert_eq!((wish.phase, wish.home.as_ref().unwrap().name.as_str()), (Phase::Released, "eth1"));

    host.command("ip").args(["link", "delete", "eth1"]).run();
    drop(other.run(host).result());
    other.verb("DEL").run(host).empty();
    before.assert_same(&host.snapshot(&[]));
    assert!(scene.0.records().is_empty());
}

#[test]
fn settings_that_became_wrong_keep_no_address() {
    let scene = Scene::new(1);
    let host = &scene.0.lab.host;
    let pod = host.netns("pod1");
    let before = host.snapshot(&[]);
    scene.add(&pod, "c1");
    let del = scene.call(&pod, "c1").verb("DEL");
    scene.0.lab.write_settings("atach = 'agent'");
    let error = del.run(host).error();
    assert!(error.code == 7 && error.details.contains("atach is no key"), "{error:?}");
    assert_eq!(scene.0.ipam.calls_of("DEL").len(), 1);
    assert_eq!(scene.0.records().len(), 1, "the device is as it was");
    // The node's settings are newer than the plugin.
    scene.0.lab.write_settings("future_key = 7");
    let deleted = del.run(host);
    deleted.empty();
    assert!(deleted.output.stderr.contains("going on without future_key"), "{}", deleted.output);
    before.assert_same(&host.snapshot(&[]));
    assert!(scene.0.records().is_empty());
}

#[test]
fn a_record_that_cannot_even_be_set_aside_keeps_no_address() {
    let scene = Scene::new(1);
    let host = &scene.0.lab.host;
    let pod = host.netns("pod1");
    scene.add(&pod, "c1");
    let [record] = scene.0.records().try_into().unwrap();
    let file = scene.0.lab.state_dir().join(format!("attachments/{}.json", record.owner.key()));
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    std::fs::create_dir_all(file.with_extension("json.bad").join("in the way")).unwrap();
    assert_eq!(scene.call(&pod, "c1").verb("DEL").run(host).error().code, 5);
    assert_eq!(scene.0.ipam.calls_of("DEL").len(), 1);
}
