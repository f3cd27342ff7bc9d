//! What EC2 was asked for and has not, or has several of, or otherwise than it is needed. Whoever mends that tells nobody: it is asked for
//! again, the more seldom the longer it lasts.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::Need;

/// Seconds until it is asked for again at first, which double, up to the most of them.
const FIRST: u64 = 60;
const MOST: u64 = 900;

/// When each is asked for again.
#[derive(Debug, Default)]
pub(crate) struct Unclear(BTreeMap<Need, Again>);

#[derive(Debug, Clone, Copy)]
struct Again {
    at: u64,
    pause: u64,
}

impl Again {
    /// Nodes that asked together do not ask together again.
    fn after(pause: u64, now: u64) -> Self {
        Self { at: now + pause + fastrand::u64(0..=pause / 4), pause }
    }
}

impl Unclear {
    /// Of what is unclear now, what is to be asked for. What was just found to be so is not.
    pub(crate) fn due(&mut self, doubts: &BTreeSet<Need>, now: u64) -> BTreeSet<Need> {
        self.0.retain(|need, _| doubts.contains(need));
        let mut due = BTreeSet::new();
        for need in doubts {
            let again = self.0.entry(need.clone()).or_insert_with(|| Again::after(FIRST, now));
            if again.at <= now {
                *again = Again::after((again.pause * 2).min(MOST), now);
                due.insert(need.clone());
            }
        }
        due
    }

    /// When the next one is to be asked for.
    pub(crate) fn next(&self) -> Option<u64> {
        self.0.values().map(|again| again.at).min()
    }

    /// All of it is as if it were new.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declared::Reference;

    #[test]
    fn what_stays_unclear_is_asked_for_ever_more_seldom_and_never_quite_given_up() {
        let (mut unclear, mut now) = (Unclear::default(), 0);
        let doubts: BTreeSet<Need> = [Need::Subnet(Reference::Name("backend".to_string()))].into();
        assert_eq!(unclear.due(&doubts, now), [].into());
        for least in [60, 120, 240, 480, 900, 900] {
            let pause = unclear.next().unwrap() - now;
            assert!((least..=least + least / 4).contains(&pause), "{pause}");
            assert_eq!(unclear.due(&doubts, now + pause - 1), [].into());
            now += pause;
            assert_eq!(unclear.due(&doubts, now), doubts);
        }
        assert_eq!((unclear.due(&[].into(), now), unclear.next()), ([].into(), None));
        unclear.due(&doubts, now);
        assert!(unclear.next().unwrap() - now <= 75);
    }
}
