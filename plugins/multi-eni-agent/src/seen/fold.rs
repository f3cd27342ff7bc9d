//! Folding of repeated lines: a line is written once, and then its count once a minute for as long as it comes again. Pure:
//! the time comes in.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How long a line is counted before its count is written.
pub(crate) const SPAN: Duration = Duration::from_secs(60);
/// Of more lines than this, the one that was written longest ago is forgotten.
const MOST: usize = 256;

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Write,
    /// It was written, and only counts; `first` if nothing was counted since it was.
    Count {
        first: bool,
    },
}

/// The lines that were written lately.
#[derive(Debug)]
pub(crate) struct Fold<L> {
    seen: HashMap<L, Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    written: Instant,
    repeats: u64,
}

impl<L> Default for Fold<L> {
    fn default() -> Self {
        Self { seen: HashMap::new() }
    }
}

/// A line and how often it came again since it, or its last count, was written.
pub(crate) type Count<L> = (L, u64);

impl<L: Hash + Eq + Clone> Fold<L> {
    /// A line comes. The counts are those that have to be written before it.
    pub(crate) fn meet(&mut self, line: &L, now: Instant) -> (Vec<Count<L>>, Verdict) {
        let mut counts = self.due(now);
        if let Some(seen) = self.seen.get_mut(line) {
            seen.repeats += 1;
            return (counts, Verdict::Count { first: seen.repeats == 1 });
        }
        if self.seen.len() >= MOST {
            counts.extend(self.forget_oldest());
        }
        self.seen.insert(line.clone(), Seen { written: now, repeats: 0 });
        (counts, Verdict::Write)
    }

    /// The counts whose minute is over. Lines that did not come again in theirs are forgotten.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Count<L>> {
        let mut counts = Vec::new();
        self.seen.retain(|line, seen| {
            if now.saturating_duration_since(seen.written) < SPAN {
                return true;
            }
            if seen.repeats == 0 {
                return false;
            }
            counts.push((line.clone(), seen.repeats));
            *seen = Seen { written: now, repeats: 0 };
            true
        });
        counts
    }

    /// When the next count has to be written; nothing if there is none to write.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.seen.values().filter(|seen| seen.repeats > 0).map(|seen| seen.written + SPAN).min()
    }

    /// All counts, at the end.
    pub(crate) fn drain(&mut self) -> Vec<Count<L>> {
        let all = self.seen.drain().filter(|(_, seen)| seen.repeats > 0);
        all.map(|(line, seen)| (line, seen.repeats)).collect()
    }

    fn forget_oldest(&mut self) -> Option<Count<L>> {
        let oldest = self.seen.iter().min_by_key(|(_, seen)| seen.written).map(|(line, _)| line.clone())?;
        let seen = self.seen.remove(&oldest)?;
        (seen.repeats > 0).then_some((oldest, seen.repeats))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn a_line_is_written_once_and_counted_every_minute() {
        let (start, mut fold) = (Instant::now(), Fold::default());
        assert_eq!(fold.meet(&"a", start), (vec![], Verdict::Write));
        assert_eq!(fold.next_due(), None);
        assert_eq!(fold.meet(&"a", start + seconds(1)), (vec![], Verdict::Count { first: true }));
        assert_eq!(fold.meet(&"b", start + seconds(2)), (vec![], Verdict::Write));
        assert_eq!(fold.meet(&"a", start + seconds(3)), (vec![], Verdict::Count { first: false }));
        assert_eq!(fold.next_due(), Some(start + SPAN));
        assert_eq!(fold.due(start + seconds(59)), vec![]);
        assert_eq!(fold.due(start + SPAN), vec![("a", 2)]);
        assert_eq!(fold.meet(&"a", start + seconds(70)), (vec![], Verdict::Count { first: true }));
        assert_eq!(fold.meet(&"c", start + seconds(130)), (vec![("a", 1)], Verdict::Write));
    }

    #[test]
    fn a_line_that_ended_is_written_again_when_it_comes_back() {
        let (start, mut fold) = (Instant::now(), Fold::default());
        fold.meet(&"a", start);
        assert_eq!(fold.meet(&"a", start + seconds(61)), (vec![], Verdict::Write));
    }

    #[test]
    fn the_end_leaves_no_count_unwritten() {
        let (start, mut fold) = (Instant::now(), Fold::default());
        fold.meet(&"a", start);
        fold.meet(&"a", start);
        fold.meet(&"b", start);
        assert_eq!(fold.drain(), vec![("a", 1)]);
        assert_eq!(fold.drain(), vec![]);
    }

    #[test]
    fn many_different_lines_are_not_all_remembered() {
        let (start, mut fold) = (Instant::now(), Fold::default());
        for number in 0..10_000_u64 {
            fold.meet(&number, start + Duration::from_millis(number));
        }
        assert!(fold.seen.len() <= MOST);
    }

    #[test]
    fn a_forgotten_line_leaves_its_count() {
        let (start, mut fold) = (Instant::now(), Fold::default());
        fold.meet(&0, start);
        fold.meet(&0, start);
        for number in 1..MOST {
            fold.meet(&number, start + seconds(1));
        }
        assert_eq!(fold.meet(&MOST, start + seconds(2)), (vec![(0, 1)], Verdict::Write));
    }
}
