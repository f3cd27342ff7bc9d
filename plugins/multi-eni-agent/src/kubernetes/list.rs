//! A list that is followed by a watch: whole, or not known. While it is read anew, because the API server has forgotten what
//! was last seen of it, the one before stands.

use std::collections::BTreeMap;
use std::mem::take;

use kube::runtime::watcher::Event;

/// What a watch has told, by key.
#[derive(Debug)]
pub(crate) struct List<T> {
    whole: Option<BTreeMap<String, T>>,
    coming: BTreeMap<String, T>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { whole: None, coming: BTreeMap::new() }
    }
}

/// Whether what is known is something else now: a heartbeat, of which nothing is kept, changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Made,
    None,
}

impl<T: PartialEq> List<T> {
    /// All of it; nothing before the first whole list.
    pub(crate) fn whole(&self) -> Option<&BTreeMap<String, T>> {
        self.whole.as_ref()
    }

    /// Takes in what was told.
    pub(crate) fn take<K>(&mut self, event: Event<K>, read: impl Fn(K) -> (String, T)) -> Change {
        let is_changed = match event {
            Event::Init => {
                self.coming.clear();
                false
            }
            Event::InitApply(object) => {
                let (key, value) = read(object);
                self.coming.insert(key, value);
                false
            }
            Event::InitDone => {
                let before = self.whole.replace(take(&mut self.coming));
                before != self.whole
            }
            // What is told before the first list is whole makes none of it.
            Event::Apply(object) => self.whole.as_mut().is_some_and(|whole| {
                let (key, value) = read(object);
                let is_new = whole.get(&key) != Some(&value);
                whole.insert(key, value);
                is_new
            }),
            Event::Delete(object) => self.whole.as_mut().is_some_and(|whole| whole.remove(&read(object).0).is_some()),
        };
        if is_changed { Change::Made } else { Change::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(list: &mut List<u32>, event: Event<(&str, u32)>) -> Change {
        list.take(event, |(key, value)| (key.to_string(), value))
    }

    #[test]
    fn a_list_is_known_when_it_is_whole_and_what_changes_nothing_wakes_nobody() {
        let mut list = List::default();
        take(&mut list, Event::Init);
        take(&mut list, Event::InitApply(("a", 1)));
        assert!(list.whole().is_none());
        assert_eq!(take(&mut list, Event::InitDone), Change::Made);
        assert_eq!(take(&mut list, Event::Apply(("a", 1))), Change::None);
        assert_eq!(take(&mut list, Event::Apply(("a", 2))), Change::Made);
        assert_eq!(take(&mut list, Event::Delete(("b", 0))), Change::None);
        assert_eq!(take(&mut list, Event::Delete(("a", 0))), Change::Made);
    }

    #[test]
    fn one_that_is_told_before_the_list_is_no_list_of_one() {
        let mut list = List::default();
        assert_eq!(take(&mut list, Event::Apply(("a", 1))), Change::None);
        assert_eq!(take(&mut list, Event::Delete(("a", 1))), Change::None);
        assert!(list.whole().is_none());
    }

    #[test]
    fn what_is_read_anew_takes_the_place_of_the_old_at_its_end() {
        let mut list = List::default();
        for event in [Event::Init, Event::InitApply(("a", 1)), Event::InitApply(("b", 1)), Event::InitDone] {
            take(&mut list, event);
        }
        take(&mut list, Event::Init);
        take(&mut list, Event::InitApply(("b", 1)));
        assert_eq!(list.whole().map(BTreeMap::len), Some(2));
        assert_eq!(take(&mut list, Event::InitDone), Change::Made);
        assert_eq!(list.whole().map(BTreeMap::len), Some(1));
    }
}
