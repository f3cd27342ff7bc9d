//! NICs that pods drive themselves, by vfio-pci.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use node::inventory::{Entry, State};
use serde_json::{Value, json};

use super::{POOL, Scenario, one, pool};
use crate::guest::{Node, Testpmd};
use crate::{Invocation, Outcome, PodNetns, binaries};

const FILE: &str = "tests/e2e/src/guest/scenarios/vfio.rs";
/// The NICs' own driver.
const KERNEL: &str = "e1000e";
/// More points than any verb passes.
const ENDLESS: u32 = 200;

pub(super) const ALL: [Scenario; 8] = [
    Scenario {
        name: "adr_2_dpdk_drives_what_add_bound_and_del_brings_it_home",
        file: FILE,
        run: adr_2_dpdk_drives_what_add_bound_and_del_brings_it_home,
    },
    Scenario {
        name: "vfi_3_del_brings_the_kernels_driver_back_from_every_state",
        file: FILE,
        run: vfi_3_del_brings_the_kernels_driver_back_from_every_state,
    },
    Scenario {
        name: "vfi_6_the_groups_node_is_the_pods_until_del",
        file: FILE,
        run: vfi_6_the_groups_node_is_the_pods_until_del,
    },
    Scenario {
        name: "cra_2_cra_5_an_add_that_is_killed_at_any_point_of_a_bind_is_undone",
        file: FILE,
        run: cra_2_cra_5_an_add_that_is_killed_at_any_point_of_a_bind_is_undone,
    },
    Scenario {
        name: "vfi_3_del_ends_while_a_program_holds_the_group_and_the_agent_goes_on",
        file: FILE,
        run: vfi_3_del_ends_while_a_program_holds_the_group_and_the_agent_goes_on,
    },
    Scenario {
        name: "a_nic_that_is_unplugged_while_bound_is_no_obstacle_to_del",
        file: FILE,
        run: a_nic_that_is_unplugged_while_bound_is_no_obstacle_to_del,
    },
    Scenario {
        name: "a_nic_that_is_unplugged_under_dpdk_goes_when_that_ends",
        file: FILE,
        run: a_nic_that_is_unplugged_under_dpdk_goes_when_that_ends,
    },
    Scenario {
        name: "cra_2_an_agent_that_is_killed_on_the_way_to_a_bound_nic_goes_on",
        file: FILE,
        run: cra_2_an_agent_that_is_killed_on_the_way_to_a_bound_nic_goes_on,
    },
];

/// A node with one free ENI, and a pod that asks for it as a device.
struct Stage<'n> {
    node: &'n Node,
    eni: Entry,
    pci: String,
    pod: PodNetns,
}

impl<'n> Stage<'n> {
    fn new(node: &'n Node) -> Self {
        node.declare(POOL, &pool(1));
        let eni = one(node);
        let pci = node.pci(&eni);
        Self { node, eni, pci, pod: node.pod("pod1") }
    }

    fn config(&self) -> Value {
        json!({"eni": self.eni.network_interface_id, "mode": "vfio-pci", "ipam": {"type": "multi-eni-ipam"}})
    }

    fn add(&self) -> Invocation {
        self.node.call(&self.pod, "c1", &self.config())
    }

    fn group_node(&self) -> PathBuf {
        Path::new("/dev/vfio").join(self.node.group(&self.pci))
    }

    /// ADD, after which the group can be opened.
    #[track_caller]
    fn added(&self) -> Value {
        let result = self.add().run(&self.node.host).result();
        assert_eq!(self.node.driver(&self.pci), "vfio-pci");
        assert!(self.group_node().exists(), "{}", self.group_node().display());
        result
    }

    #[track_caller]
    fn assert_home(&self, what: &str) {
        let node = self.node;
        let (driver, over) = (node.driver(&self.pci), node.driver_override(&self.pci));
        assert_eq!((driver.as_str(), over.as_str()), (KERNEL, ""), "{what}");
        node.until(&format!("{what}: it has its name"), || node.link_name(&self.pci) == self.eni.host_name.as_str());
        let address = fs::read_to_string(format!("/sys/class/net/{}/address", self.eni.host_name)).expect("a MAC");
        assert_eq!(address.trim(), self.eni.mac_address.to_string(), "{what}");
        assert!(node.store().records().expect("the records").is_empty(), "{what}");
    }
}

fn adr_2_dpdk_drives_what_add_bound_and_del_brings_it_home(node: &Node) {
    let stage = Stage::new(node);
    let before = node.host.snapshot(&[]);
    let result = stage.added();
    assert_eq!(result["interfaces"][0]["name"], "net1");
    assert_eq!(result["interfaces"][0]["mac"], stage.eni.mac_address.to_string());
    assert_eq!(result["ips"][0]["interface"], 0);
    node.say(&format!("ADD vfio-pci: {} is {}", stage.pci, stage.group_node().display()));
    let mut testpmd = Testpmd::start(&stage.pci);
    let port = testpmd.until("Port 0: ");
    assert!(port.to_lowercase().ends_with(&stage.eni.mac_address.to_string()), "{port}");
    node.say(&format!("dpdk-testpmd drives it: {port}"));
    testpmd.until("Press enter to exit");
    testpmd.end();
    stage.add().verb("DEL").run(&node.host).empty();
    stage.assert_home("after DEL");
    before.assert_same(&node.host.snapshot(&[]));
    node.say(&format!("DEL: {} has {} again, {}, {}", stage.pci, KERNEL, stage.eni.host_name, stage.eni.mac_address));
}

fn write(path: &str, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{path}: {error}"));
}

fn vfi_3_del_brings_the_kernels_driver_back_from_every_state(node: &Node) {
    let stage = Stage::new(node);
    // What DEL brings back is not for the agent to bring back before it.
    node.kill();
    let device = format!("/sys/bus/pci/devices/{}", stage.pci);
    let unbind = || write(&format!("{device}/driver/unbind"), &stage.pci);
    let set_override = |text: &str| write(&format!("{device}/driver_override"), text);
    let states: [(&str, &dyn Fn()); 4] = [
        ("bound to vfio-pci", &|| {}),
        ("bound to the kernel's driver", &|| {
            unbind();
            set_override("\n");
            write("/sys/bus/pci/drivers_probe", &stage.pci);
            assert_eq!(node.driver(&stage.pci), KERNEL);
        }),
        ("unbound", &|| {
            unbind();
            set_override("\n");
        }),
        ("with an override left over", &|| {
            unbind();
            set_override("vfio-pci");
        }),
    ];
    for (state, bring_there) in states {
        stage.added();
        bring_there();
        stage.add().verb("DEL").run(&node.host).empty();
        stage.assert_home(state);
    }
}

fn vfi_6_the_groups_node_is_the_pods_until_del(node: &Node) {
    let stage = Stage::new(node);
    let mut config = stage.config();
    config["vfioGroupOwner"] = json!("1000:2000");
    config["vfioGroupMode"] = json!("0660");
    let call = node.call(&stage.pod, "c1", &config);
    drop(call.run(&node.host).result());
    let group = fs::metadata(stage.group_node()).expect("the group's node");
    assert_eq!((group.uid(), group.gid(), group.permissions().mode() & 0o777), (1000, 2000, 0o660));
    call.verb("DEL").run(&node.host).empty();
    stage.assert_home("after DEL");
}

fn cra_2_cra_5_an_add_that_is_killed_at_any_point_of_a_bind_is_undone(node: &Node) {
    let stage = Stage::new(node);
    node.kill();
    let faulty = node.call_of(&binaries::multi_eni_faulty(), &stage.pod, "c1", &stage.config());
    let mut deaths = 0;
    for point in 1..ENDLESS {
        let ended = Outcome::of(faulty.clone().env("MULTI_ENI_KILL_AT", point.to_string()).spawn(&node.host));
        let died = ended.output.signal().is_some();
        assert!(died || ended.output.status.success(), "{}", ended.output);
        stage.add().verb("DEL").run(&node.host).empty();
        stage.assert_home(&format!("ADD killed at point {point}"));
        if !died {
            break;
        }
        deaths = point;
    }
    assert!(deaths > 5 && deaths + 1 < ENDLESS, "{deaths} points");
    node.say(&format!("ADD vfio-pci killed at each of its {deaths} points: DEL brought the NIC home"));
}

fn vfi_3_del_ends_while_a_program_holds_the_group_and_the_agent_goes_on(node: &Node) {
    let stage = Stage::new(node);
    stage.added();
    let mut testpmd = Testpmd::start(&stage.pci);
    testpmd.until("Press enter to exit");
    stage.add().verb("DEL").run(&node.host).empty();
    node.say("DEL has ended though testpmd holds the group");
    testpmd.kill();
    node.until("the agent has brought it home", || node.store().records().expect("the records").is_empty());
    node.ready(POOL, 1);
    stage.assert_home("after testpmd ended");
    node.say("and when testpmd has ended, the agent brings the NIC home");
}

fn a_nic_that_is_unplugged_while_bound_is_no_obstacle_to_del(node: &Node) {
    let stage = Stage::new(node);
    stage.added();
    node.detach_by_hand(&stage.eni);
    node.until("the NIC is gone", || !node.nics().contains(&stage.pci));
    stage.add().verb("DEL").run(&node.host).empty();
    node.until("nobody has the NIC any more", || node.store().records().expect("the records").is_empty());
    one(node);
}

fn a_nic_that_is_unplugged_under_dpdk_goes_when_that_ends(node: &Node) {
    let stage = Stage::new(node);
    stage.added();
    let mut testpmd = Testpmd::start(&stage.pci);
    testpmd.until("Press enter to exit");
    node.detach_by_hand(&stage.eni);
    testpmd.kill();
    node.until("the NIC is gone", || !node.nics().contains(&stage.pci));
    stage.add().verb("DEL").run(&node.host).empty();
    node.until("nobody has the NIC any more", || node.store().records().expect("the records").is_empty());
    one(node);
}

fn cra_2_an_agent_that_is_killed_on_the_way_to_a_bound_nic_goes_on(node: &Node) {
    node.kill();
    let mut of_dpdk = pool(1);
    of_dpdk["enableDPDK"] = json!(true);
    of_dpdk["resourceName"] = json!("example.com/dpdk");
    node.declare(POOL, &of_dpdk);
    let is_up = || node.of_pool(POOL).iter().any(|eni| eni.state == State::Ready);
    let mut deaths = 0;
    while !is_up() {
        assert!(deaths < ENDLESS, "the pool never comes up");
        let point = (deaths + 1).to_string();
        node.start_as(&binaries::multi_eni_agent_faulty(), &[("MULTI_ENI_KILL_AT", &point)]);
        node.until("the agent dies, or the pool is up", || !node.is_running() || is_up());
        deaths += 1;
    }
    node.kill();
    node.start();
    let eni = one(node);
    let pci = node.pci(&eni);
    assert_eq!((node.driver(&pci).as_str(), node.enis().len()), ("vfio-pci", 1));
    node.say(&format!("a pool for user space is up after {deaths} lives of the agent: {pci} has vfio-pci"));
}
