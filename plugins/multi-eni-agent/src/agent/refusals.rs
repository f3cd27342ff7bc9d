//! What pods were refused. A plugin that was refused is gone, and its pod is tried again seconds later: who asks in between is to
//! hear why.

use std::collections::VecDeque;

use node::names::PoolName;
use node::record::{Owner, Pod};

use crate::view::RefusalView;

/// As many as a node's pods can ask for in ten minutes and anybody reads.
const MOST: usize = 64;
/// The kubelet tries again after five minutes at most.
const KEPT_FOR: u64 = 600;

/// The last refusal of each pod and pool, the oldest first. No more than [`MOST`].
#[derive(Debug, Default)]
pub(super) struct Refusals(VecDeque<RefusalView>);

impl Refusals {
    pub(super) fn add(&mut self, refusal: RefusalView) {
        self.forget(&refusal.owner, refusal.pod.as_ref(), &refusal.pool);
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(refusal);
    }

    /// It got what it was refused.
    pub(super) fn forget(&mut self, owner: &Owner, pod: Option<&Pod>, pool: &PoolName) {
        self.0.retain(|known| known.pool != *pool || !is_same(known, owner, pod));
    }

    /// Those that are not too old.
    pub(super) fn views(&self, now: u64) -> Vec<RefusalView> {
        let recent = |refusal: &&RefusalView| refusal.at.saturating_add(KEPT_FOR) > now;
        self.0.iter().filter(recent).cloned().collect()
    }
}

/// Each try has a container id of its own, so a pod is known by itself, if it is known.
fn is_same(known: &RefusalView, owner: &Owner, pod: Option<&Pod>) -> bool {
    known.owner == *owner || (pod.is_some() && known.pod.as_ref() == pod && known.owner.ifname == owner.ifname)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(pod: &str, container: u32, pool: &str, at: u64) -> RefusalView {
        RefusalView {
            pool: pool.parse().unwrap(),
            owner: Owner { network: "red".into(), container_id: format!("c{container}"), ifname: "net1".into() },
            pod: Some(Pod { namespace: "default".into(), name: pod.into(), uid: Some(format!("{pod}-uid")) }),
            at,
            why: format!("no, the {container}th time"),
        }
    }

    #[test]
    fn the_last_of_each_pod_and_pool_is_kept_for_ten_minutes() {
        let mut refusals = Refusals::default();
        refusals.add(refusal("web-0", 1, "red", 10));
        refusals.add(refusal("web-0", 2, "blue", 20));
        refusals.add(refusal("web-0", 3, "red", 30));
        refusals.add(refusal("web-1", 4, "red", 40));
        let whys = |refusals: &Refusals, now| refusals.views(now).iter().map(|known| known.at).collect::<Vec<_>>();
        assert_eq!(whys(&refusals, 100), [20, 30, 40]);
        assert_eq!(whys(&refusals, 630), [40]);
        let got = refusal("web-0", 5, "red", 0);
        refusals.forget(&got.owner, got.pod.as_ref(), &got.pool);
        assert_eq!(whys(&refusals, 100), [20, 40]);
    }

    #[test]
    fn of_more_than_anybody_reads_the_oldest_go() {
        let mut refusals = Refusals::default();
        for at in 0..1000 {
            refusals.add(refusal(&format!("web-{at}"), 1, "red", u64::from(at)));
            // Without a pod it is the container that is known.
            refusals.add(RefusalView { pod: None, ..refusal("", at, "red", u64::from(at)) });
        }
        assert_eq!(refusals.0.len(), MOST);
        assert_eq!(refusals.0.back().unwrap().at, 999);
    }
}
