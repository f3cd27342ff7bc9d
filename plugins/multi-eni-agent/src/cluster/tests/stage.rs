//! A cluster of a test: its API server, its account, and as many cluster agents as it likes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ec2::{Limited, Limits, Unobserved};
use ec2sim::request::TerminateInstances;
use ec2sim::{Clock, Ec2, Eni, Fabric, Instance, Policy, Subnet, Timing};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::api_server::{ApiServer, ENI_NODES, NODE_ENIS, NODES};
use crate::agent::tests::region::{NODE as KEY, Region};
use crate::cluster::apply::Hands;
use crate::cluster::health::Health;
use crate::cluster::lease::{Candidate, Tenure};
use crate::cluster::run::works;
use crate::cluster::shown::Shown;
use crate::cluster::sweep::Rules;
use crate::tags;

/// This cluster's id, and that of another of the same account.
pub(super) const CLUSTER: &str = "0b2d4a3e-6f9e-4d8b-9b53-5d3c7f0a1e22";
pub(super) const OTHER: &str = "8a1f2b3c-6f9e-4d8b-9b53-5d3c7f0a1e22";
pub(super) const GRACE: Duration = Duration::from_secs(300);
pub(super) const FINALIZER: &str = "nodeeni.networking.k8s.aws/finalizer";
/// Longer than anything here takes.
const BOUND: Duration = Duration::from_secs(4 * 3600);

pub(super) struct Stage {
    pub(super) api: ApiServer,
    pub(super) ec2: Ec2,
    pub(super) region: Region,
    pub(super) rules: Rules,
    fabric: Fabric,
    subnet: Subnet,
    instances: BTreeMap<String, Instance>,
    agents: BTreeMap<String, Agent>,
    ticker: JoinHandle<()>,
}

struct Agent {
    task: JoinHandle<()>,
    end: oneshot::Sender<()>,
    pub(super) tenure: Tenure,
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.ticker.abort();
        self.agents.values().for_each(|agent| agent.task.abort());
    }
}

/// The installed policy, for this cluster and those that are gone.
pub(super) fn policy(gone: &[&str]) -> Policy {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../install/iam/cluster-agent.json");
    let ids: Vec<String> = std::iter::once(&CLUSTER).chain(gone).map(|id| format!("{id:?}")).collect();
    let text = std::fs::read_to_string(path).unwrap();
    text.replace("\"CLUSTER_ID\"", &format!("[{}]", ids.join(", "))).parse().unwrap()
}

impl Stage {
    pub(super) fn new() -> Self {
        fastrand::seed(7);
        let fabric = Fabric::on_paper();
        let ec2 = Ec2::of(&fabric);
        ec2.set_clock(Clock::of_tokio());
        let vpc = fabric.vpc("10.0.0.0/16").create().unwrap();
        let subnet = vpc.subnet("10.0.0.0/17").create().unwrap();
        let spare = fabric.instance().create().unwrap();
        ec2.set_timing(Timing::realistic());
        ec2.set_policy_of(KEY, &policy(&[]));
        let region = Region::new(ec2.clone(), spare);
        let ticker = tokio::spawn(region.clone().tick());
        let rules = Rules { cluster: CLUSTER.parse().unwrap(), gone_clusters: [].into(), grace: GRACE };
        let (api, instances, agents) = (ApiServer::default(), BTreeMap::new(), BTreeMap::new());
        Self { api, ec2, region, rules, fabric, subnet, instances, agents, ticker }
    }

    /// An agent at work for the NodeENI `data`, in a cluster of these Nodes.
    pub(super) async fn at_work(nodes: &[&str]) -> Self {
        let mut stage = Self::new();
        for node in nodes {
            stage.node(node);
        }
        stage.declare("data", &json!({}));
        stage.start("one");
        stage.until("it is managed", |stage| stage.is_managed("data")).await;
        stage
    }

    /// One after a cluster that is gone.
    pub(super) fn after(gone: &str) -> Self {
        let mut stage = Self::new();
        stage.rules.gone_clusters.insert(gone.parse().unwrap());
        stage.ec2.set_policy_of(KEY, &policy(&[gone]));
        stage
    }

    /// An agent begins.
    pub(super) fn start(&mut self, name: &str) {
        let hands = self.hands(name);
        let shown = Shown::new(Health::new(None));
        let (mut candidate, tenure) =
            Candidate::new(hands.client.clone(), "multi-eni-system", name.to_string(), shown.health.clone());
        let (end, ended) = oneshot::channel();
        let of_work = tenure.clone();
        let task = tokio::spawn(async move {
            tokio::select! {
                () = works(&hands, of_work, &shown) => {}
                () = candidate.run() => {}
                _ = ended => {}
            }
            candidate.give_back().await;
        });
        self.agents.insert(name.to_string(), Agent { task, end, tenure });
    }

    /// Works without asking anybody for a Lease.
    pub(super) fn works_alone(&self, name: &str) -> JoinHandle<()> {
        let hands = self.hands(name);
        let shown = Shown::new(Health::new(None));
        tokio::spawn(async move { crate::cluster::agent::Agent::new(&hands, &shown).run().await })
    }

    fn hands(&self, name: &str) -> Hands<Limited<Region>> {
        let limits = Limits { read_total: Duration::from_secs(180), ..Limits::default() };
        let cloud = Limited::new(self.region.clone(), limits, Arc::new(Unobserved), 7);
        Hands { client: self.api.client(name), cloud, rules: self.rules.clone() }
    }

    /// An agent ends as it is told to.
    pub(super) async fn stop(&mut self, name: &str) {
        let agent = self.agents.remove(name).unwrap();
        agent.end.send(()).unwrap();
        agent.task.await.unwrap();
    }

    /// An agent ends as its machine does.
    pub(super) fn kill(&mut self, name: &str) {
        self.agents.remove(name).unwrap().task.abort();
    }

    /// Whether an agent may work.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.agents[name].tenure.is_held()
    }

    pub(super) async fn rest(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// Waits until it holds; gives the seconds that it took.
    pub(super) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) -> u64 {
        let begin = Instant::now();
        while !holds(self) {
            assert!(begin.elapsed() < BOUND, "never: {what}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        begin.elapsed().as_secs()
    }

    /// A node with its instance and its agent's report.
    pub(super) fn node(&mut self, name: &str) {
        let instance = self.fabric.instance().create().unwrap();
        let provider = format!("aws:///eu-central-1a/{}", instance.id());
        self.instances.insert(name.to_string(), instance);
        let metadata = json!({ "name": name, "uid": format!("uid-of-{name}"), "labels": { "ng": "multi-eni" } });
        self.api.put(NODES, json!({ "metadata": metadata, "spec": { "providerID": provider } }));
        self.report(name, &json!([]), &json!([]));
    }

    pub(super) fn instance(&self, node: &str) -> String {
        self.instances[node].id().to_string()
    }

    /// What a node's agent says: its ENIs and its pools.
    pub(super) fn report(&self, node: &str, enis: &Value, pools: &Value) {
        let status = json!({
            "nodeUID": format!("uid-of-{node}"), "instanceID": self.instance(node),
            "enis": enis, "pools": pools, "counts": {},
        });
        self.api.put(ENI_NODES, json!({ "metadata": { "name": node }, "spec": {}, "status": status }));
    }

    /// The Node is gone, and with it what it owns.
    pub(super) fn node_goes(&self, name: &str) {
        self.api.delete(NODES, name);
        self.api.delete(ENI_NODES, name);
    }

    /// The instance ends; what bears no deleteOnTermination stays.
    pub(super) fn instance_ends(&self, node: &str) {
        let request = TerminateInstances { instance_ids: vec![self.instance(node)] };
        self.ec2.call("ADMIN", request).outcome.unwrap();
    }

    /// An ENI of a pool that the node's agent made.
    pub(super) fn eni(&self, pool: &str, node: &str) -> Eni {
        self.eni_of(CLUSTER, pool, &self.instance(node))
    }

    pub(super) fn eni_of(&self, cluster: &str, pool: &str, instance: &str) -> Eni {
        let eni = self.subnet.eni().tag(tags::CLUSTER, cluster).tag(tags::POOL, pool);
        eni.tag(tags::INSTANCE, instance).tag(tags::NODE, "node").create().unwrap()
    }

    /// The same, attached.
    pub(super) fn attached(&self, pool: &str, node: &str, index: u32) -> Eni {
        let eni = self.eni(pool, node);
        eni.attach(&self.instances[node]).index(index).now().unwrap();
        eni
    }

    /// Attaches an ENI to a node by hand, whatever it was made for.
    pub(super) fn attach_to(&self, node: &str, eni: &Eni) {
        eni.attach(&self.instances[node]).index(1).now().unwrap();
    }

    pub(super) fn exists(&self, eni: &Eni) -> bool {
        self.ec2.enis().unwrap().iter().any(|other| other.network_interface_id == *eni.id())
    }

    /// A NodeENI for all nodes with the label, with these fields besides.
    pub(super) fn declare(&self, name: &str, more: &Value) {
        let mut spec = json!({
            "nodeSelector": { "ng": "multi-eni" }, "subnetIDs": ["subnet-0123456789abcdef0"],
            "securityGroupIDs": ["sg-0123456789abcdef0"],
        });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.api.put(
            NODE_ENIS,
            json!({
                "apiVersion": "networking.k8s.aws/v1alpha1", "kind": "NodeENI",
                "metadata": { "name": name, "generation": 1 }, "spec": spec,
            }),
        );
    }

    pub(super) fn node_eni(&self, name: &str) -> Option<Value> {
        self.api.object(NODE_ENIS, name)
    }

    /// A condition of a NodeENI: its status, reason and message.
    pub(super) fn condition(&self, name: &str, of: &str) -> Option<(String, String, String)> {
        let object = self.node_eni(name)?;
        let all = object.pointer("/status/conditions")?.as_array()?.clone();
        let found = all.into_iter().find(|condition| condition["type"] == of)?;
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_string();
        Some((text("status"), text("reason"), text("message")))
    }

    pub(super) fn is_managed(&self, name: &str) -> bool {
        self.condition(name, "Managed").is_some_and(|(status, ..)| status == "True")
    }

    /// How many ENIs were deleted by an agent.
    pub(super) fn deletions(&self) -> usize {
        self.ec2.calls_of(ec2sim::Action::DeleteNetworkInterface).iter().filter(|call| call.took_effect()).count()
    }

    /// How often a path was written.
    pub(super) fn writes(&self, path: &str) -> usize {
        let writes = |asked: &&super::api_server::Asked| asked.method != http::Method::GET && asked.path.contains(path);
        self.api.asked().iter().filter(writes).count()
    }
}

/// An ENI as an agent reports it.
pub(super) fn reported(id: &str, pool: &str, state: &str) -> Value {
    json!({
        "id": id, "pool": pool, "state": state, "since": "2026-01-01T00:00:00Z", "deviceIndex": 1,
        "attachmentID": "eni-attach-0123456789abcdef0",
    })
}
