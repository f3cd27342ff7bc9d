//! A list that is followed by a watch: whole, or not known. While it is read anew, because the API server has forgotten what
//! was last seen of it, the one before stands.

use std::collections::BTreeMap;

use kube::runtime::watcher::Event;

/// What a watch has told, by key.
#[derive(Debug)]
pub(super) struct List<T> {
    whole: Option<BTreeMap<String, T>>,
    coming: BTreeMap<String, T>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { whole: None, coming: BTreeMap::new() }
    }
}

impl<T> List<T> {
    /// Takes in what was told; what is whole afterwards, if this may have changed it.
    pub(super) fn take<K>(&mut self, event: Event<K>, read: impl Fn(K) -> (String, T)) -> Option<&BTreeMap<String, T>> {
        match event {
            Event::Init => {
                self.coming.clear();
                return None;
            }
            Event::InitApply(object) => {
                let (key, value) = read(object);
                self.coming.insert(key, value);
                return None;
            }
            Event::InitDone => self.whole = Some(std::mem::take(&mut self.coming)),
            Event::Apply(object) => {
                let (key, value) = read(object);
                self.whole.as_mut()?.insert(key, value);
            }
            Event::Delete(object) => {
                self.whole.as_mut()?.remove(&read(object).0);
            }
        }
        self.whole.as_ref()
    }
}
