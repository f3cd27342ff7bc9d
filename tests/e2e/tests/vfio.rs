//! Mode `vfio-pci`, by the real programs on a folder that plays sysfs: what is bound, what is told, and that all comes back.
#![expect(clippy::unwrap_used, reason = "a panic that says what went wrong is how a test fails")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use e2e::pci::{Iommu, Machine, PCI};
use e2e::{Answer, FakeIpam, Invocation, Lab, Outcome, PodNetns, Snapshot, binaries};
use nix::sys::signal::Signal;
use node::arrival::{self, HandedOver, Wish, hand_over, take_back};
use node::inventory::{Entry, Mode, State};
use node::names::PciAddr;
use node::pci::{Bus, Group, Write, Writing, Written};
use node::record::{Phase, Record};
use node::settings::Settings;
use serde_json::{Value, json};

/// More points than an ADD passes.
const ENDLESS: u32 = 100;

/// A node of one ENI, which is a PCI device, and what the node was like before.
struct Scene {
    machine: Machine,
    lab: Lab,
    ipam: FakeIpam,
    before: Snapshot,
}

impl Scene {
    fn new() -> Self {
        Self::with(Iommu::On, "")
    }

    fn with(iommu: Iommu, settings: &str) -> Self {
        let lab = Lab::with_enis(1);
        let machine = Machine::of(&lab, iommu, settings);
        let ipam = FakeIpam::install(lab.host.folder().join("fake"));
        ipam.answers("ADD", &[Answer::addresses("1.0.0", &["10.0.1.11/24"])]);
        let before = lab.host.snapshot(&[]);
        Self { machine, lab, ipam, before }
    }

    /// Bound by the agent when it was attached.
    fn of_vfio_pool() -> Self {
        let scene = Self::new();
        let mut entry = scene.lab.store().inventory().unwrap().remove(0);
        entry.pool.as_mut().unwrap().mode = Mode::VfioPci;
        entry.pool.as_mut().unwrap().resource_name = Some("example.com/fast".to_string());
        scene.lab.write_entry(&entry);
        scene.machine.reserve("vfio-pci");
        scene.machine.rebind(Some("vfio-pci"));
        let before = scene.lab.host.snapshot(&[]);
        Self { before, ..scene }
    }

    fn call(&self, pod: &PodNetns, config: &Value) -> Invocation {
        self.lab.call(pod, "c1", config).search(self.ipam.folder())
    }

    fn faulty(&self, pod: &PodNetns, config: &Value) -> Invocation {
        self.lab.call_of(&binaries::multi_eni_faulty(), pod, "c1", config).search(self.ipam.folder())
    }

    fn run(&self, call: &Invocation) -> Outcome {
        call.run(&self.lab.host)
    }

    fn record(&self) -> Option<Record> {
        self.lab.store().records().unwrap().into_iter().next()
    }

    /// The device is the kernel's as before, with its link, and nothing is on record.
    #[track_caller]
    fn assert_clean(&self, what: &str) {
        assert_eq!(self.machine.driver().as_deref(), Some("ena"), "{what}");
        assert_eq!(self.machine.reserved_for(), "(null)", "{what}");
        assert_eq!(self.record(), None, "{what}");
        let changes = self.before.changes_to(&self.lab.host.snapshot(&[]));
        assert!(changes.is_empty(), "{what}:\n{changes}");
    }
}

/// The device by its address, in this mode and with the fake IPAM plugin.
fn of_device() -> Value {
    with(&json!({}))
}

fn with(more: &Value) -> Value {
    let mut config = json!({"deviceID": PCI, "mode": "vfio-pci", "ipam": {"type": "fake-ipam"}});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

fn without_ipam(more: &Value) -> Value {
    let mut config = with(more);
    config.as_object_mut().unwrap().remove("ipam");
    config
}

#[test]
fn vfi_3_add_hands_the_device_over_and_del_gives_it_back() {
    let scene = Scene::new();
    let pod = scene.lab.host.netns("pod");
    let inside = pod.snapshot();
    let add = scene.call(&pod, &of_device());
    let result = scene.run(&add).result();
    let interface = json!({"name": "net1", "mac": scene.lab.enis[0].mac().to_string(), "sandbox": pod.path()});
    assert_eq!(result["interfaces"], json!([interface]));
    assert_eq!(result["ips"], json!([{"address": "10.0.1.11/24", "interface": 0}]));
    assert_eq!(scene.machine.driver().as_deref(), Some("vfio-pci"));
    assert_eq!(scene.machine.log(), ["ena/unbind", "drivers_probe"]);
    let record = scene.record().unwrap();
    assert_eq!((record.mode, record.phase), (Mode::VfioPci, Phase::Committed));
    assert_eq!(record.home.unwrap().name.as_str(), "eth1");
    assert_eq!(record.bound.unwrap().before.as_deref(), Some("ena"));
    inside.assert_same(&pod.snapshot());

    let mut checked = of_device();
    checked["prevResult"] = result;
    scene.run(&scene.call(&pod, &checked).verb("CHECK")).empty();
    scene.run(&add.clone().verb("DEL")).empty();
    assert_eq!(scene.machine.log()[2..], ["vfio-pci/unbind", "drivers_probe"]);
    assert_eq!(scene.ipam.calls_of("DEL").len(), 1);
    scene.assert_clean("after DEL");
    scene.run(&add.verb("DEL")).empty();
    scene.assert_clean("after a second DEL");
}

#[test]
fn adr_2_the_answer_has_name_mac_sandbox_addresses_and_the_pci_address_and_no_mtu() {
    let scene = Scene::new();
    let pod = scene.lab.host.netns("pod");
    scene.ipam.answers("ADD", &[Answer::addresses("1.1.0", &["10.0.1.11/24"])]);
    let result = scene.run(&scene.call(&pod, &with(&json!({"cniVersion": "1.1.0"})))).result();
    let mac = scene.lab.enis[0].mac().to_string();
    let interface = json!({"name": "net1", "mac": mac, "sandbox": pod.path(), "pciID": PCI});
    assert_eq!(result["interfaces"], json!([interface]));
    assert_eq!(result["ips"], json!([{"address": "10.0.1.11/24", "interface": 0}]));
}

/// What somebody may have done to the device by the time of a DEL.
const MEANWHILE: [(&str, Option<&str>, &str); 5] = [
    ("the kernel's", Some("ena"), "(null)"),
    ("the kernel's, reserved", Some("ena"), "vfio-pci"),
    ("user space's", Some("vfio-pci"), "vfio-pci"),
    ("nobody's", None, "(null)"),
    ("nobody's, reserved", None, "vfio-pci"),
];

#[test]
fn vfi_3_del_ends_right_in_whatever_state_the_device_is() {
    let scene = Scene::new();
    for (what, driver, reserved) in MEANWHILE {
        let pod = scene.lab.host.netns("pod");
        let add = scene.call(&pod, &of_device());
        drop(scene.run(&add).result());
        if driver != Some("vfio-pci") {
            scene.machine.rebind(driver);
        }
        scene.machine.reserve(reserved);
        pod.destroy();
        scene.run(&add.verb("DEL")).empty();
        scene.assert_clean(what);
    }
}

#[test]
fn vfi_3_a_device_that_a_process_holds_does_not_hold_up_del_and_goes_home_later() {
    let mut scene = Scene::new();
    let pod = scene.lab.host.netns("pod");
    let add = scene.call(&pod, &of_device());
    drop(scene.run(&add).result());
    scene.machine.hold();
    let deleted = scene.run(&add.clone().verb("DEL"));
    deleted.empty();
    assert!(deleted.output.stderr.contains("a process has it open"), "{}", deleted.output);
    let record = scene.record().unwrap();
    assert!(record.phase == Phase::Released && record.pending.device && !record.pending.ipam, "{record:?}");
    // Nothing is begun behind it, and nobody waits for it again.
    let again = scene.run(&scene.call(&pod, &of_device()));
    assert_eq!(again.error().code, 103, "{}", again.output);
    scene.run(&add.clone().verb("DEL")).empty();
    assert!(scene.record().unwrap().pending.device);
    assert_eq!(scene.machine.log().iter().filter(|line| *line == "vfio-pci/unbind").count(), 0);

    scene.machine.let_go();
    e2e::until("the device is let go", || scene.machine.driver().is_none());
    scene.run(&add.verb("DEL")).empty();
    scene.assert_clean("when nobody holds it any more");
}

#[test]
fn vfi_6_a_give_back_that_was_interrupted_goes_on_when_the_groups_node_is_gone() {
    let mut scene = Scene::new();
    let pod = scene.lab.host.netns("pod");
    let add = scene.call(&pod, &with(&json!({"vfioGroupMode": "0660"})));
    drop(scene.run(&add).result());
    scene.machine.hold();
    scene.run(&add.clone().verb("DEL")).empty();
    assert!(scene.record().unwrap().pending.device);
    scene.machine.let_go();
    e2e::until("the device is let go", || scene.machine.driver().is_none());
    assert!(!scene.machine.path("dev/vfio/7").exists());
    scene.run(&add.verb("DEL")).empty();
    scene.assert_clean("when nobody holds it any more");
}

#[test]
fn vfi_1_what_is_missing_is_told_before_the_kernel_loses_the_device() {
    for (iommu, settings, said) in [
        (Iommu::Off, "", "enable_unsafe_noiommu_mode"),
        (Iommu::Off, "allow_no_iommu = true", "enable_unsafe_noiommu_mode"),
        (Iommu::Unsafe, "", "allow_no_iommu = true"),
    ] {
        let scene = Scene::with(iommu, settings);
        let pod = scene.lab.host.netns("pod");
        let add = scene.call(&pod, &of_device());
        let outcome = scene.run(&add);
        let error = outcome.error();
        assert!(error.code == 105 && format!("{error:?}").contains(said), "{iommu:?}: {error:?}");
        assert_eq!(scene.machine.log(), [""; 0]);
        scene.assert_clean(said);
    }
    let scene = Scene::new();
    fs::rename(scene.machine.path("sys/bus/pci/drivers/vfio-pci"), scene.machine.path("away")).unwrap();
    let pod = scene.lab.host.netns("pod");
    let error = scene.run(&scene.call(&pod, &of_device())).error();
    assert!(error.code == 105 && error.msg.contains("modprobe"), "{error:?}");
    fs::rename(scene.machine.path("away"), scene.machine.path("sys/bus/pci/drivers/vfio-pci")).unwrap();
    scene.assert_clean("without the module");
}

#[test]
fn vfi_1_without_an_iommu_the_group_of_the_binding_is_found() {
    let scene = Scene::with(Iommu::Unsafe, "allow_no_iommu = true");
    let pod = scene.lab.host.netns("pod");
    let add = scene.call(&pod, &with(&json!({"vfioGroupMode": "0660"})));
    drop(scene.run(&add).result());
    let node = scene.machine.path("dev/vfio/noiommu-7");
    assert_eq!(fs::metadata(node).unwrap().permissions().mode() & 0o777, 0o660);
    scene.run(&add.verb("DEL")).empty();
    scene.assert_clean("after DEL");
}

fn owner_and_mode(node: &Path) -> (u32, u32, u32) {
    let metadata = fs::metadata(node).unwrap();
    (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777)
}

#[test]
fn vfi_6_the_node_of_the_group_is_given_away_for_as_long_as_the_pod_has_it() {
    let scene = Scene::of_vfio_pool();
    let pod = scene.lab.host.netns("pod");
    let node = scene.machine.path("dev/vfio/7");
    let before = owner_and_mode(&node);
    let keys = json!({"deviceID": PCI, "vfioGroupOwner": "1000:2000", "vfioGroupMode": "0660"});
    let add = scene.call(&pod, &keys);
    drop(scene.run(&add).result());
    assert_eq!(owner_and_mode(&node), (1000, 2000, 0o660));
    scene.run(&add.verb("DEL")).empty();
    assert_eq!(owner_and_mode(&node), before);
}

#[test]
fn dev_4_what_the_agent_bound_stays_bound_and_is_given_by_its_device_id_only() {
    let scene = Scene::of_vfio_pool();
    let pod = scene.lab.host.netns("pod");
    let config = json!({"deviceID": PCI, "pool": "data", "ipam": {"type": "multi-eni-ipam"}});
    let add = scene.call(&pod, &config);
    let result = scene.run(&add).result();
    assert_eq!(result["ips"][0]["address"], "10.0.1.11/24");
    assert_eq!(result["interfaces"][0]["mac"], scene.lab.enis[0].mac().to_string());
    let record = scene.record().unwrap();
    assert!(record.home.is_none() && record.bound.unwrap().was_so());
    let error = scene.run(&scene.lab.call(&pod, "c2", &json!({"deviceID": PCI}))).error();
    assert!(error.code == 103 && error.msg.contains("c1") && error.msg.contains("c2"), "{error:?}");
    scene.run(&add.verb("DEL")).empty();
    assert_eq!((scene.machine.driver().as_deref(), scene.record()), (Some("vfio-pci"), None));
    assert_eq!(scene.machine.log(), [""; 0]);
    scene.before.assert_same(&scene.lab.host.snapshot(&[]));

    let error = scene.run(&scene.call(&pod, &json!({"pool": "data"}))).error();
    let names = ["data", "example.com/fast", "deviceID"].iter().all(|name| format!("{error:?}").contains(name));
    assert!(error.code == 7 && names, "{error:?}");
    let error = scene.run(&scene.call(&pod, &json!({"deviceID": PCI, "pool": "other"}))).error();
    assert!(error.code == 106 && error.msg.contains("pool data") && error.msg.contains("pool other"), "{error:?}");
    let error = scene.run(&scene.call(&pod, &json!({"deviceID": PCI, "mtu": 1400}))).error();
    assert!(error.code == 7 && error.msg.contains("mtu"), "{error:?}");
}

#[test]
fn a_device_on_another_driver_of_user_space_is_used_and_left_as_it_is() {
    let scene = Scene::new();
    scene.machine.rebind(Some("igb_uio"));
    let pod = scene.lab.host.netns("pod");
    let add = scene.call(&pod, &of_device());
    let result = scene.run(&add).result();
    let mut checked = of_device();
    checked["prevResult"] = result;
    scene.run(&scene.call(&pod, &checked).verb("CHECK")).empty();
    scene.run(&add.verb("DEL")).empty();
    assert_eq!((scene.machine.driver().as_deref(), scene.record()), (Some("igb_uio"), None));
    assert_eq!(scene.machine.log(), [""; 0]);
    let error = scene.run(&scene.call(&pod, &json!({"pool": "data", "mode": "vfio-pci"}))).error();
    assert_eq!(error.code, 103, "{error:?}");
    let error = scene.run(&scene.call(&pod, &with(&json!({"vfioGroupMode": "0660"})))).error();
    assert!(error.code == 7 && scene.record().is_none(), "{error:?}");
}

#[test]
fn cra_5_a_failure_after_the_binding_brings_the_kernels_driver_back() {
    let scene = Scene::new();
    let pod = scene.lab.host.netns("pod");
    let fail = Answer::fail(11, "no address");
    scene.ipam.answers("ADD", &[fail]);
    let failed = scene.run(&scene.call(&pod, &of_device()));
    assert_eq!(failed.error().code, 11);
    scene.assert_clean("an IPAM plugin that fails");

    let refused = Scene::new();
    refused.machine.refuse("vfio-pci");
    let pod = refused.lab.host.netns("pod");
    let failed = refused.run(&refused.call(&pod, &without_ipam(&json!({}))));
    assert_eq!(failed.error().code, 104, "{}", failed.output);
    refused.assert_clean("a driver that refuses the device");
}

#[test]
fn cra_5_whatever_an_add_that_dies_leaves_del_puts_right() {
    let scene = Scene::new();
    let pod = scene.lab.host.netns("pod");
    let config = without_ipam(&json!({"vfioGroupMode": "0660"}));
    let mut deaths = 0;
    for point in 1..ENDLESS {
        let add = scene.faulty(&pod, &config).env("MULTI_ENI_KILL_AT", point.to_string());
        let ended = Outcome::of(add.spawn(&scene.lab.host));
        scene.run(&scene.call(&pod, &config).verb("DEL")).empty();
        scene.assert_clean(&format!("ADD killed at point {point}"));
        match ended.output.signal() {
            Some(signal) => assert_eq!(signal, Signal::SIGKILL as i32, "{}", ended.output),
            None => break,
        }
        deaths = point;
    }
    assert!((7..ENDLESS - 1).contains(&deaths), "an ADD with a binding has {deaths} points");
}

#[test]
fn cra_5_whatever_a_del_that_dies_leaves_the_next_one_puts_right() {
    let scene = Scene::new();
    let pod = scene.lab.host.netns("pod");
    let config = without_ipam(&json!({}));
    for point in 1..ENDLESS {
        drop(scene.run(&scene.call(&pod, &config)).result());
        let del = scene.faulty(&pod, &config).verb("DEL").env("MULTI_ENI_KILL_AT", point.to_string());
        let ended = Outcome::of(del.spawn(&scene.lab.host));
        scene.run(&scene.call(&pod, &config).verb("DEL")).empty();
        scene.assert_clean(&format!("DEL killed at point {point}"));
        if ended.output.signal().is_none() {
            return;
        }
    }
    panic!("the DEL never came to its end");
}

#[test]
fn gc_gives_back_what_is_not_valid_any_more() {
    let scene = Scene::new();
    let pod = scene.lab.host.netns("pod");
    let mut config = with(&json!({"cniVersion": "1.1.0"}));
    scene.ipam.answers("ADD", &[Answer::addresses("1.1.0", &["10.0.1.11/24"])]);
    drop(scene.run(&scene.call(&pod, &config)).result());
    config["cni.dev/valid-attachments"] = json!([]);
    scene.run(&scene.call(&pod, &config).verb("GC")).empty();
    scene.assert_clean("after GC");
}

#[test]
fn check_tells_a_device_that_is_not_in_the_hands_of_user_space_any_more() {
    let scene = Scene::new();
    let pod = scene.lab.host.netns("pod");
    let result = scene.run(&scene.call(&pod, &of_device())).result();
    let mut checked = of_device();
    checked["prevResult"] = result;
    let check = scene.call(&pod, &checked).verb("CHECK");
    scene.run(&check).empty();
    let node = scene.machine.path("dev/vfio/7");
    fs::rename(&node, scene.machine.path("away")).unwrap();
    let error = scene.run(&check).error();
    assert!(error.code == 107 && error.msg.contains("dev/vfio/7"), "{error:?}");
    fs::rename(scene.machine.path("away"), &node).unwrap();
    scene.run(&check).empty();
    scene.machine.rebind(None);
    let error = scene.run(&check).error();
    assert!(error.code == 107 && error.msg.contains("has no driver"), "{error:?}");
}

#[test]
fn mul_3_the_device_info_file_of_a_device_of_user_space_lives_from_add_to_del() {
    let scene = Scene::new();
    let pod = scene.lab.host.netns("pod");
    let path = scene.lab.host.folder().join("devinfo/default-net1.json");
    let add = scene.call(&pod, &with(&json!({"runtimeConfig": {"CNIDeviceInfoFile": path}})));
    drop(scene.run(&add).result());
    let document: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(document, json!({"type": "pci", "version": "1.1.0", "pci": {"pci-address": PCI}}));
    scene.run(&add.verb("DEL")).empty();
    assert!(!path.exists());
}

#[test]
fn mul_1_every_spelling_of_the_address_means_the_device_of_user_space() {
    let scene = Scene::of_vfio_pool();
    for keys in [
        json!({"deviceID": PCI}),
        json!({"pciBusID": "00:06.0"}),
        json!({"runtimeConfig": {"deviceID": PCI}}),
        json!({"deviceID": PCI, "pciBusID": PCI}),
    ] {
        let pod = scene.lab.host.netns("pod");
        let add = scene.call(&pod, &keys);
        drop(scene.run(&add).result());
        assert_eq!(scene.record().unwrap().device.pci_address.unwrap().to_string(), PCI, "{keys}");
        scene.run(&add.verb("DEL")).empty();
        pod.destroy();
    }
    let pod = scene.lab.host.netns("pod");
    let error = scene.run(&scene.call(&pod, &json!({"deviceID": PCI, "pciBusID": "0000:00:07.0"}))).error();
    assert_eq!(error.code, 7);
}

#[test]
fn cfg_2_no_ipam_section_is_no_address_and_one_without_a_plugin_leaves_the_device_alone() {
    let scene = Scene::new();
    let pod = scene.lab.host.netns("pod");
    let add = scene.call(&pod, &without_ipam(&json!({})));
    let result = scene.run(&add).result();
    assert_eq!(result.get("ips").and_then(Value::as_array).map_or(0, Vec::len), 0);
    scene.run(&add.verb("DEL")).empty();
    let probes = scene.machine.log();
    for ipam in [json!({"type": ""}), json!({"type": "no-such-plugin"})] {
        let outcome = scene.run(&scene.call(&pod, &with(&json!({"ipam": ipam}))));
        drop(outcome.error());
        scene.assert_clean("an IPAM section without a plugin");
    }
    assert_eq!(scene.machine.log(), probes);
}

#[test]
fn sec_3_what_is_the_hosts_is_not_handed_over() {
    let scene = Scene::new();
    let pod = scene.lab.host.netns("pod");
    let refused = |what: &str| {
        let error = scene.run(&scene.call(&pod, &of_device())).error();
        assert_eq!(error.code, 106, "{what}: {error:?}");
        assert_eq!(scene.machine.log(), [""; 0], "{what}");
    };
    let entry = scene.lab.store().inventory().unwrap().remove(0);
    let mut primary = entry.clone();
    primary.device_index = 0;
    scene.lab.write_entry(&primary);
    refused("the primary ENI");
    let mut of_nobody = entry.clone();
    of_nobody.pool = None;
    scene.lab.write_entry(&of_nobody);
    refused("an ENI of no pool");
    scene.lab.write_entry(&entry);
    scene.lab.host.sh("ip link set eth1 up; ip route add default dev eth1");
    refused("the link of the default route");
    scene
        .lab
        .host
        .sh("ip route del default; ip link set eth1 down; ip link add br0 type bridge; ip link set eth1 master br0");
    refused("the port of a bridge");
}

#[test]
fn an_eni_that_is_not_ready_or_no_pci_device_is_not_handed_over() {
    let scene = Scene::new();
    let pod = scene.lab.host.netns("pod");
    let mut entry = scene.lab.store().inventory().unwrap().remove(0);
    entry.state = State::Detaching;
    scene.lab.write_entry(&entry);
    assert_eq!(scene.run(&scene.call(&pod, &of_device())).error().code, 11);
    entry.state = State::Ready;
    entry.pci_address = None;
    scene.lab.write_entry(&entry);
    let error = scene.run(&scene.call(&pod, &json!({"pool": "data", "mode": "vfio-pci"}))).error();
    assert!(error.code == 7 && error.msg.contains("PCI"), "{error:?}");
    assert_eq!(scene.machine.log(), [""; 0]);
}

/// Writes in this process, which is no program of ours.
#[derive(Debug)]
struct Here;

impl Write for Here {
    fn write<'a>(&'a self, writing: Writing<'a>) -> Written<'a> {
        Box::pin(async move {
            let mut file = fs::OpenOptions::new().write(true).truncate(true).open(writing.path)?;
            Ok(file.write_all(writing.text.as_bytes())?)
        })
    }

    fn goes_on(&self, _: PciAddr) -> bool {
        false
    }
}

impl Scene {
    fn bus(&self) -> Bus {
        Bus::of(&Settings::read(&self.lab.settings()).unwrap()).with_writer(Arc::new(Here))
    }

    fn entry(&self) -> Entry {
        self.lab.store().inventory().unwrap().remove(0)
    }

    /// As the agent does it.
    fn hand_over(&self, entry: Entry) -> Result<HandedOver, arrival::Error> {
        let bus = self.bus();
        self.lab.as_agent(move |store| async move { hand_over(&store, &entry, &bus).await })
    }
}

#[test]
fn vfi_3_the_agent_hands_an_eni_over_when_it_comes_and_takes_it_back_before_it_goes() {
    let scene = Scene::new();
    let entry = scene.entry();
    let unknown = Entry { original_driver: None, ..entry.clone() };
    assert!(matches!(scene.hand_over(unknown), Err(arrival::Error::NoDriverOnRecord(_))));
    assert_eq!((scene.machine.log(), scene.machine.reserved_for().as_str()), (Vec::new(), "(null)"));

    let handed = scene.hand_over(entry.clone()).unwrap();
    assert_eq!((handed.group, handed.original_driver.as_deref()), (Group::Iommu(7), Some("ena")));
    assert_eq!(handed.changed, ["set driver override vfio-pci", "unbind driver", "probe for driver vfio-pci"]);
    assert_eq!(scene.hand_over(entry.clone()).unwrap().changed, [""; 0]);

    let (bus, wish) = (scene.bus(), Wish { name: entry.host_name.clone(), mtu: entry.mtu, entry });
    let arrived = scene.lab.as_agent(move |store| async move { take_back(&store, &wish, &bus).await.unwrap() });
    assert_eq!(arrived.host_name.as_str(), "eth1");
    assert_eq!(arrived.changed[..3], ["clear driver override", "unbind driver", "probe for driver ena"]);
    assert_eq!((scene.machine.driver().as_deref(), scene.machine.reserved_for().as_str()), (Some("ena"), "(null)"));
}

#[test]
fn vfi_3_the_agent_leaves_alone_what_a_pod_has_and_what_is_the_hosts() {
    let scene = Scene::new();
    let pod = scene.lab.host.netns("pod");
    let add = scene.call(&pod, &json!({"deviceID": PCI}));
    drop(scene.run(&add).result());
    assert!(matches!(scene.hand_over(scene.entry()), Err(arrival::Error::Held(_))));
    scene.run(&add.verb("DEL")).empty();
    let primary = Entry { device_index: 0, ..scene.entry() };
    assert!(matches!(scene.hand_over(primary), Err(arrival::Error::Primary(_))));
    scene.lab.host.sh("ip link set eth1 up; ip route add default dev eth1");
    assert!(matches!(scene.hand_over(scene.entry()), Err(arrival::Error::Tied { .. })));
    assert_eq!(scene.machine.log(), [""; 0]);
}
