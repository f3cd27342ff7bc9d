//! What EC2 was asked for and has not, or has several of. Whoever makes it, or makes it one, tells nobody: it is asked for again, the more
//! seldom the longer that lasts.

use std::collections::BTreeMap;

use crate::plan::Need;

/// Seconds until it is asked for again at first, which double, up to the most of them.
const FIRST: u64 = 60;
const MOST: u64 = 900;

/// When each is asked for again.
#[derive(Debug, Default)]
pub(crate) struct Unclear(BTreeMap<Need, Again>);

#[derive(Debug, Clone, Copy, Default)]
struct Again {
    at: u64,
    times: u32,
}

impl Unclear {
    /// EC2 has answered. Nodes that asked together do not ask together again.
    pub(crate) fn answered(&mut self, need: Need, is_clear: bool, now: u64) {
        if is_clear {
            self.0.remove(&need);
            return;
        }
        let again = self.0.entry(need).or_default();
        let pause = FIRST.saturating_mul(1 << again.times.min(32)).min(MOST);
        again.times = again.times.saturating_add(1);
        again.at = now + pause + fastrand::u64(0..=pause / 4);
    }

    /// When it may be asked for.
    pub(crate) fn next(&self, need: &Need) -> u64 {
        self.0.get(need).map_or(0, |again| again.at)
    }

    /// All of it may be asked for now.
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
        let need = Need::Subnet(Reference::Name("backend".to_string()));
        assert_eq!(unclear.next(&need), 0);
        for least in [60, 120, 240, 480, 900, 900] {
            unclear.answered(need.clone(), false, now);
            let pause = unclear.next(&need) - now;
            assert!((least..=least + least / 4).contains(&pause), "{pause}");
            now += pause;
        }
        unclear.answered(need.clone(), true, now);
        unclear.answered(need.clone(), false, now);
        assert!(unclear.next(&need) - now <= 75);
    }
}
