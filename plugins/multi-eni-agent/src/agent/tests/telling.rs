//! What others are told of: each thing once, and nothing while nothing happens.

use std::sync::Arc;
use std::time::Duration;

use ec2sim::Action;
use k8s_openapi::jiff::Timestamp;
use node::ask::Reply;
use tokio::sync::{mpsc, watch};

use super::world::World;
use crate::agent::tidings::{About, Listeners, Tiding, What};
use crate::api::EniNodeStatus;
use crate::kubernetes::publish::boot::BootTime;
use crate::kubernetes::publish::shown::{Around, shown};
use crate::view::Status;

struct Heard {
    tidings: mpsc::Receiver<Tiding>,
    status: watch::Receiver<Option<Arc<Status>>>,
}

fn listen(world: &mut World) -> Heard {
    let ((tell_status, status), (tell_tidings, tidings)) = (watch::channel(None), mpsc::channel(256));
    world.listeners = Listeners { status: Some(tell_status), tidings: Some(tell_tidings) };
    Heard { tidings, status }
}

impl Heard {
    /// Since the last time, but for their words.
    fn whats(&mut self) -> Vec<What> {
        std::iter::from_fn(|| self.tidings.try_recv().ok()).map(|tiding| tiding.what).collect()
    }

    /// The object of the node as of the last pass.
    fn object(&self, before: Option<&EniNodeStatus>) -> EniNodeStatus {
        let status = self.status.borrow().clone().unwrap();
        let boot = BootTime::by(Timestamp::UNIX_EPOCH, 0);
        let before = before.map(|before| before.conditions.as_slice()).unwrap_or_default();
        shown(&status, &Around { node_uid: "uid", boot, before, slots: None, now: Timestamp::UNIX_EPOCH })
    }
}

#[tokio::test(start_paused = true)]
async fn the_life_of_an_eni_is_told_in_three_words_of_its_pool() {
    let mut world = World::new(61);
    let mut heard = listen(&mut world);
    world.declare("data", "min: 1\nmax: 1\ncooldownSeconds: 0");
    world.start();
    world.until_ready("data", 1).await;
    let attached = heard.tidings.try_recv().unwrap();
    assert_eq!((attached.what, attached.about), (What::Attached, About::Pool("data".parse().unwrap())));
    assert_eq!(attached.eni, Some(world.of_pool("data")[0].network_interface_id.clone()));
    world.declare("data", "min: 0\nmax: 1\ncooldownSeconds: 0");
    world.until("gone", 600, |world| world.of_pool("data").is_empty()).await;
    assert_eq!(heard.whats(), [What::Detached, What::Deleted]);
}

#[tokio::test(start_paused = true)]
async fn what_ec2_refuses_is_told_with_ec2s_word() {
    let mut world = World::new(62);
    let mut heard = listen(&mut world);
    world.ec2.at(Action::CreateNetworkInterface).refuses("UnauthorizedOperation");
    world.declare("data", "min: 1\nmax: 1");
    world.start();
    world.wait(600).await;
    let tiding = heard.tidings.try_recv().unwrap();
    assert_eq!(tiding.what, What::CreationFailed);
    assert!(tiding.note.contains("UnauthorizedOperation"), "{}", tiding.note);
    assert!(heard.whats().iter().all(|what| *what == What::CreationFailed));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_waits_for_long_is_told_once_and_then_how_it_ended() {
    let mut world = World::new(63);
    let mut heard = listen(&mut world);
    world.declare("data", "min: 0\nmax: 1");
    world.start();
    world.wait(60).await;
    world.region.set_latency(Duration::from_secs(60));
    assert!(world.add("web-0", "data", Duration::from_secs(30)).await.is_err());
    world.wait(1).await;
    let told: Vec<Tiding> = std::iter::from_fn(|| heard.tidings.try_recv().ok()).collect();
    assert_eq!(told.iter().map(|tiding| tiding.what).collect::<Vec<_>>(), [What::Waits, What::Refused], "{told:?}");
    for tiding in told {
        let About::Pod(pod) = tiding.about else { panic!("{:?}", tiding.about) };
        assert_eq!((pod.namespace.as_str(), pod.name.as_str()), ("default", "web-0"));
        assert!(tiding.note.contains("pool data"), "{}", tiding.note);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_pod_was_refused_is_shown_until_it_is_granted() {
    let mut world = World::new(65);
    let heard = listen(&mut world);
    world.declare("data", "min: 1\nmax: 1\ncooldownSeconds: 0");
    world.start();
    world.until_ready("data", 1).await;
    world.add("web-0", "data", Duration::from_secs(30)).await.unwrap();
    assert!(world.add("web-1", "data", Duration::from_secs(30)).await.is_err());
    world.wait(1).await;
    let refusals = |heard: &Heard| heard.status.borrow().clone().unwrap().refusals.clone();
    let shown = refusals(&heard);
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert_eq!(shown[0].why, "pool data has all of its 1 ENIs in use");
    assert_eq!(shown[0].pod.as_ref().map(|pod| pod.name.as_str()), Some("web-1"));
    world.del("web-0");
    let reply = world.ask("web-1", "data", Duration::from_secs(30)).unwrap();
    assert!(matches!(reply.await, Ok(Reply::Ready(_))));
    world.wait(1).await;
    assert_eq!(refusals(&heard), []);
}

#[tokio::test(start_paused = true)]
async fn a_node_on_which_nothing_happens_is_the_same_object_for_a_day() {
    let mut world = World::new(64);
    let mut heard = listen(&mut world);
    world.declare("data", "min: 2\nmax: 2");
    // One that cannot be filled, for a reason that lasts.
    world.declare("more", "min: 9\nmax: 9");
    world.start();
    world.until_ready("data", 2).await;
    world.wait(600).await;
    let first = heard.object(None);
    assert_eq!((first.counts.ready, first.problem.is_some()), (3, true), "{first:?}");
    heard.whats();
    for _ in 0..24 {
        world.wait(3600).await;
        assert_eq!(heard.object(Some(&first)), first);
    }
    assert_eq!(heard.whats(), []);
}
