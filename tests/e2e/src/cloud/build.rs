//! A node with an agent, to be made.

use std::cell::RefCell;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ec2sim::{Clock, Ec2, Fabric, Imds, Instance, Lag, Policy, SecurityGroup, Server, Subnet, Timing, Vpc};

use super::{AGENT, CLUSTER, Cloud};
use crate::{Host, cases};

/// Where the agent shows its pages; each node has a loopback of its own.
pub(super) const LISTEN: &str = "127.0.0.1:61680";

/// A region that takes its time, and not so much of it that a test does.
#[must_use]
pub fn brisk() -> Timing {
    let millis = Duration::from_millis;
    Timing {
        available: millis(40),
        visible: Duration::ZERO,
        plug: millis(80),
        rename: millis(20),
        attach: millis(120),
        unplug: millis(80),
        detach: millis(300),
        terminate: millis(300),
        metadata: millis(80),
        describe_lag: Lag::Fixed(Duration::ZERO),
    }
}

/// A node with an agent, to be made.
#[derive(Debug)]
#[must_use = "nothing is made before `build`"]
pub struct CloudBuilder {
    name: String,
    kind: String,
    timing: Timing,
    top: String,
    agent: String,
    place: Place,
}

/// Where the region's services are reached: at free ports of loopback, or where an installation looks for them.
#[derive(Debug, Clone)]
struct Place {
    addresses: &'static [&'static str],
    ec2: &'static str,
    imds: &'static str,
}

const ANYWHERE: Place = Place { addresses: &[], ec2: "127.0.0.1:0", imds: "127.0.0.1:0" };

/// As tests/cluster/overlay says it. Pods reach the first one, too.
const INSTALLED: Place = Place { addresses: &["10.96.0.2/32"], ec2: "10.96.0.2:8080", imds: "127.0.0.1:1338" };

impl Default for CloudBuilder {
    fn default() -> Self {
        Self {
            name: "node-1".into(),
            kind: "m5.4xlarge".into(),
            timing: brisk(),
            top: String::new(),
            agent: String::new(),
            place: ANYWHERE,
        }
    }
}

/// What is made on a thread of the node.
struct Region {
    fabric: Fabric,
    ec2: Ec2,
    vpc: Vpc,
    subnet: Subnet,
    group: SecurityGroup,
    instance: Instance,
    server: Server,
    imds: Imds,
}

impl CloudBuilder {
    /// Its name; `node-1` unless said.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Its instance's type.
    pub fn kind(mut self, kind: &str) -> Self {
        self.kind = kind.into();
        self
    }

    /// How long EC2 takes; [`brisk`] unless said.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Lines of `node.toml` before its first table.
    pub fn top(mut self, lines: &str) -> Self {
        self.top = lines.into();
        self
    }

    /// Lines of the table `[agent]` of `node.toml`.
    pub fn agent(mut self, lines: &str) -> Self {
        self.agent = lines.into();
        self
    }

    /// With the region's services where the tests' installation of the project looks for them.
    pub fn for_an_installation(mut self) -> Self {
        self.place = INSTALLED;
        self
    }

    /// Makes it. No agent runs yet, and no manifest is there.
    ///
    /// # Panics
    ///
    /// Without root's rights.
    #[must_use]
    pub fn build(self) -> Cloud {
        let host = Host::new();
        for address in self.place.addresses {
            host.command("ip").args(["address", "add", address, "dev", "lo"]).run();
        }
        let (kind, timing, place) = (self.kind.clone(), self.timing, self.place.clone());
        let region = host.run(move || raise(&kind, timing, &place));
        let uplink =
            "ip link set ens5 up; ip addr add 10.0.1.10/24 dev ens5; ip route add default via 10.0.1.1 dev ens5";
        host.sh(uplink);
        let pools = host.folder().join("pools");
        for folder in [pools.clone(), host.kubelet_dir().join("pods")] {
            fs::create_dir_all(folder).expect("a folder of the node");
        }
        let Region { fabric, ec2, vpc, subnet, group, instance, server, imds } = region;
        let cloud = Cloud {
            agent: RefCell::new(None),
            server: RefCell::new(Some(server)),
            imds: RefCell::new(Some(imds)),
            ec2,
            instance,
            vpc,
            subnet,
            group,
            fabric,
            host,
            name: self.name,
            cluster: RefCell::new(CLUSTER.into()),
            pools,
        };
        cloud.long_since();
        cloud.write_settings(&self.top, &self.agent);
        cloud.ec2.set_policy_of(AGENT, &installed_policy("node-agent", CLUSTER));
        cloud
    }
}

fn raise(kind: &str, timing: Timing, place: &Place) -> Region {
    let fabric = Fabric::new();
    // What dies with a pod's namespace comes back, as a real NIC does.
    fabric.keep().expect("links that come back");
    let vpc = fabric.vpc("10.0.0.0/16").ipv6("2001:db8::/56").create().expect("a VPC");
    let subnet = vpc.subnet("10.0.1.0/24").ipv6("2001:db8:0:1::/64").create().expect("a subnet");
    let group = vpc.security_group("pods").create().expect("a security group");
    let instance = fabric.instance().kind(kind).create().expect("an instance");
    let primary = subnet.eni().address("10.0.1.10").create().expect("a primary ENI");
    primary.attach(&instance).index(0).named("ens5").ends_with_instance().now().expect("the primary ENI's attachment");
    let ec2 = Ec2::of(&fabric);
    ec2.set_timing(timing);
    let server = ec2.server().listening_on(place.ec2).serve().expect("the API's server");
    let imds = Imds::of(&instance).listening_on(place.imds).serve().expect("the metadata service");
    Region { fabric, ec2, vpc, subnet, group, instance, server, imds }
}

/// The policy of this name in `install/iam`, of this cluster.
pub(super) fn installed_policy(name: &str, cluster_id: &str) -> Policy {
    let path = cases::tree().join("install/iam").join(name).with_extension("json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.replace("CLUSTER_ID", cluster_id).parse().expect("a policy")
}

impl Cloud {
    /// What is so in the region has long been so: whoever is behind knows of it, too.
    pub fn long_since(&self) {
        self.ec2.set_clock(Clock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()));
    }

    /// The policy of `install/` for a node's agent, of this cluster.
    #[must_use]
    pub fn installed_policy() -> Policy {
        installed_policy("node-agent", CLUSTER)
    }

    /// What `install/` has for a node's agent beside it, for the time of a move from the original controller.
    #[must_use]
    pub fn policy_to_adopt() -> Policy {
        installed_policy("node-agent-adopt", CLUSTER)
    }

    /// Writes `node.toml`: the node's own folders and endpoints, and what the test adds.
    ///
    /// # Panics
    ///
    /// While EC2 or the metadata service is not served.
    pub fn write_settings(&self, top: &str, agent: &str) {
        let text = format!(
            "{}cluster_id = {:?}\nagent_program = {:?}\n{top}\n\
             [agent]\nnode_name = {:?}\npools_dir = {:?}\nlisten = {LISTEN:?}\nec2_endpoint = {:?}\n\
             imds_endpoint = {:?}\n{agent}\n",
            self.host.named_folders(),
            self.cluster_id(),
            crate::binaries::multi_eni_agent().display().to_string(),
            self.name,
            self.pools.display().to_string(),
            self.ec2_url(),
            self.with_imds(Imds::url),
        );
        fs::write(self.settings(), text).expect("node.toml");
    }
}
