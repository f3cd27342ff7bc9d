//! Pods that come and go, and the kubelet that runs their plugins.

use std::time::Duration;

use node::ask::Reply;
use node::names::PoolName;
use node::record::Owner;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::plugin::{Came, Plugin, Slow, had_by};
use crate::agent::tests::world::World;

/// How long an ADD may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// How its plugin gets an ENI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Whole,
    Address,
}

#[derive(Debug)]
enum Doing {
    Adding(JoinHandle<Came>),
    Asking(oneshot::Receiver<Reply>),
    Running,
    /// Its plugin was killed in the middle; the kubelet says DEL, or the pod is gone without.
    Broken,
    Deleting(JoinHandle<()>),
    /// Its namespace is gone.
    Dead,
}

#[derive(Debug)]
struct Pod {
    owner: Owner,
    pool: PoolName,
    wish: Wish,
    until: Instant,
    doing: Doing,
}

/// The pods of the node.
#[derive(Debug)]
pub(super) struct Pods {
    plugin: Plugin,
    pods: Vec<Pod>,
    count: u32,
}

impl Pods {
    pub(super) fn new(plugin: Plugin) -> Self {
        Self { plugin, pods: Vec::new(), count: 0 }
    }

    /// A new pod: its ADD begins.
    pub(super) fn start(&mut self, pool: &str, wish: Wish, slow: Slow) {
        self.count += 1;
        let owner = World::owner(&format!("pod-{:03}", self.count));
        let pool: PoolName = pool.parse().unwrap();
        let doing = Doing::Adding(self.add(&owner, &pool, wish, slow));
        self.pods.push(Pod { owner, pool, wish, until: Instant::now() + PATIENCE, doing });
    }

    fn add(&self, owner: &Owner, pool: &PoolName, wish: Wish, slow: Slow) -> JoinHandle<Came> {
        let (plugin, owner, pool) = (self.plugin.clone(), owner.clone(), pool.clone());
        match wish {
            Wish::Whole => tokio::spawn(plugin.add(owner, pool, slow)),
            Wish::Address => tokio::spawn(plugin.add_address(owner, pool, slow)),
        }
    }

    /// Everybody takes a step.
    pub(super) async fn tend(&mut self, world: &mut World, slow: Slow) {
        for mut pod in std::mem::take(&mut self.pods) {
            let is_late = Instant::now() >= pod.until;
            pod.doing = match pod.doing {
                Doing::Adding(task) if task.is_finished() => match task.await.unwrap() {
                    Came::Has => Doing::Running,
                    Came::NothingFree | Came::Failed if is_late => self.del(&pod.owner, slow),
                    Came::NothingFree | Came::Failed => {
                        match world.ask(&pod.owner.container_id, pod.pool.as_str(), PATIENCE) {
                            Some(reply) => Doing::Asking(reply),
                            None => self.del(&pod.owner, slow),
                        }
                    }
                },
                Doing::Asking(_) if is_late => self.del(&pod.owner, slow),
                Doing::Asking(mut reply) => match reply.try_recv() {
                    Ok(Reply::Ready(_)) => Doing::Adding(self.add(&pod.owner, &pod.pool, pod.wish, slow)),
                    Err(TryRecvError::Empty) => Doing::Asking(reply),
                    Ok(_) | Err(TryRecvError::Closed) => self.del(&pod.owner, slow),
                },
                Doing::Deleting(task) if task.is_finished() => {
                    task.await.unwrap();
                    continue;
                }
                other => other,
            };
            self.pods.push(pod);
        }
    }

    fn del(&self, owner: &Owner, slow: Slow) -> Doing {
        Doing::Deleting(tokio::spawn(self.plugin.clone().del(owner.clone(), slow)))
    }

    /// One of those that this can be done to.
    fn pick(&mut self, rng: &mut fastrand::Rng, fits: impl Fn(&Doing) -> bool) -> Option<usize> {
        let places: Vec<usize> = (0..self.pods.len()).filter(|&place| fits(&self.pods[place].doing)).collect();
        rng.choice(places)
    }

    /// A pod that runs ends, or one whose plugin broke down.
    pub(super) fn stop(&mut self, rng: &mut fastrand::Rng, slow: Slow) {
        let ends = |doing: &Doing| matches!(doing, Doing::Running | Doing::Broken | Doing::Dead);
        if let Some(place) = self.pick(rng, ends) {
            self.pods[place].doing = self.del(&self.pods[place].owner, slow);
        }
    }

    /// A pod that runs is gone, and no DEL comes, or a late one.
    pub(super) fn die(&mut self, rng: &mut fastrand::Rng) {
        if let Some(place) = self.pick(rng, |doing| matches!(doing, Doing::Running | Doing::Broken)) {
            self.bury(place);
        }
    }

    fn bury(&mut self, place: usize) {
        let owner = self.pods[place].owner.clone();
        // From here on the agent may take it, once it has seen that the namespace is gone.
        self.plugin.journal.gave(&owner);
        self.plugin.machine.die(&owner);
        self.pods[place].doing = Doing::Dead;
    }

    /// A plugin is killed in the middle.
    pub(super) fn kill_plugin(&mut self, rng: &mut fastrand::Rng) {
        let at_work = |doing: &Doing| matches!(doing, Doing::Adding(_) | Doing::Asking(_) | Doing::Deleting(_));
        let Some(place) = self.pick(rng, at_work) else { return };
        if let Doing::Adding(task) = &self.pods[place].doing {
            task.abort();
        }
        if let Doing::Deleting(task) = &self.pods[place].doing {
            task.abort();
        }
        self.pods[place].doing = Doing::Broken;
    }

    /// The machine boots again: no pod is left, nor any record.
    pub(super) fn reboot(&mut self) {
        for pod in self.pods.drain(..) {
            match pod.doing {
                Doing::Adding(task) => task.abort(),
                Doing::Deleting(task) => task.abort(),
                Doing::Asking(_) | Doing::Running | Doing::Broken | Doing::Dead => {}
            }
        }
        self.plugin.journal.all_gave();
    }

    /// What broke is cleared away, and of the rest nobody is in the middle of anything any more.
    pub(super) async fn calm(&mut self, world: &mut World) {
        for place in 0..self.pods.len() {
            if matches!(self.pods[place].doing, Doing::Broken) {
                self.bury(place);
            }
        }
        let restless = |pod: &Pod| matches!(pod.doing, Doing::Adding(_) | Doing::Asking(_) | Doing::Deleting(_));
        while self.pods.iter().any(restless) {
            world.wait(1).await;
            self.tend(world, Slow(Duration::ZERO)).await;
        }
        self.pods.retain(|pod| !matches!(pod.doing, Doing::Dead));
    }

    /// Everything ends properly.
    pub(super) async fn stop_all(&mut self, world: &mut World) {
        for place in 0..self.pods.len() {
            self.pods[place].doing = self.del(&self.pods[place].owner, Slow(Duration::ZERO));
        }
        self.calm(world).await;
    }

    /// How many run in a pool.
    pub(super) fn running_in(&self, pool: &str) -> u32 {
        let runs = |pod: &&Pod| pod.pool.as_str() == pool && matches!(pod.doing, Doing::Running);
        u32::try_from(self.pods.iter().filter(runs).count()).unwrap()
    }

    /// What must be so at any moment of the pods that run: they have what they were given, and nobody else has.
    pub(super) fn check(&self, world: &World) {
        for pod in self.pods.iter().filter(|pod| matches!(pod.doing, Doing::Running) && pod.wish == Wish::Whole) {
            let eni = had_by(&self.plugin.store, &pod.owner);
            let eni = eni.unwrap_or_else(|| panic!("{} runs and has no record\n{world}", pod.owner));
            let entry = self.plugin.store.entry(&eni).unwrap();
            let entry = entry.unwrap_or_else(|| panic!("{} has {eni}, which is forgotten\n{world}", pod.owner));
            let link = self.plugin.machine.find(entry.mac_address);
            let has = link.and_then(|link| link.pod);
            assert_eq!(has.as_ref(), Some(&pod.owner), "{eni}\n{world}");
        }
    }
}
