//! Answers that are believed for a while.

use super::limits::Memory;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use tokio::time::Instant;

/// What was answered for each key: values, or none. Each entry ends by itself; of the entries there is a bound, and the
/// one that was put first gives way.
#[derive(Debug)]
pub struct Cache<K, V> {
    memory: Memory,
    entries: HashMap<K, Entry<V>>,
    /// How many were ever put: the order of the entries.
    count: u64,
}

#[derive(Debug)]
struct Entry<V> {
    values: Vec<V>,
    ends: Instant,
    number: u64,
}

impl<K: Eq + Hash + Clone, V> Cache<K, V> {
    /// An empty one.
    pub fn new(memory: Memory) -> Self {
        Self { memory, entries: HashMap::new(), count: 0 }
    }

    /// What is believed of the key: no values mean that there are none, and nothing that it is not known.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&[V]>
    where
        K: Borrow<Q>,
    {
        let entry = self.entries.get(key)?;
        (Instant::now() < entry.ends).then_some(entry.values.as_slice())
    }

    /// Keeps what was answered.
    pub fn put(&mut self, key: K, values: Vec<V>) {
        if self.memory.entries == 0 {
            return;
        }
        if self.entries.len() >= self.memory.entries && !self.entries.contains_key(&key) {
            self.make_room();
        }
        let life = if values.is_empty() { self.memory.missing } else { self.memory.found };
        self.count += 1;
        self.entries.insert(key, Entry { values, ends: Instant::now() + life, number: self.count });
    }

    /// Forgets every entry with such a value.
    pub fn forget(&mut self, is_meant: impl Fn(&V) -> bool) {
        self.entries.retain(|_, entry| !entry.values.iter().any(&is_meant));
    }

    /// How many entries there are, those that have ended and were not yet cleared away among them.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn make_room(&mut self) {
        let now = Instant::now();
        self.entries.retain(|_, entry| now < entry.ends);
        if self.entries.len() < self.memory.entries {
            return;
        }
        let first = self.entries.iter().min_by_key(|(_, entry)| entry.number).map(|(key, _)| key.clone());
        if let Some(first) = first {
            self.entries.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const MEMORY: Memory = Memory { found: Duration::from_secs(100), missing: Duration::from_secs(10), entries: 4 };

    #[derive(Debug, Clone)]
    enum Step {
        Put(u8, Vec<u8>),
        Forget(u8),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..8u8, prop::collection::vec(any::<u8>(), 0..3)).prop_map(|(key, values)| Step::Put(key, values)),
            1 => any::<u8>().prop_map(Step::Forget),
            2 => (0..40u64).prop_map(Step::Wait),
        ]
    }

    /// The plainest thing that does the same: all that was put, the last first.
    #[derive(Default)]
    struct Model(Vec<(u8, Vec<u8>, Instant)>);

    impl Model {
        fn put(&mut self, key: u8, values: Vec<u8>) {
            let life = if values.is_empty() { MEMORY.missing } else { MEMORY.found };
            self.0.retain(|(other, _, _)| *other != key);
            self.0.insert(0, (key, values, Instant::now() + life));
        }

        fn get(&self, key: u8) -> Option<&[u8]> {
            let alive = self.0.iter().find(|(other, _, ends)| *other == key && Instant::now() < *ends);
            alive.map(|(_, values, _)| values.as_slice())
        }
    }

    async fn holds(steps: Vec<Step>) -> Result<(), TestCaseError> {
        tokio::time::pause();
        let (mut cache, mut model) = (Cache::new(MEMORY), Model::default());
        for step in steps {
            match step {
                Step::Put(key, values) => {
                    cache.put(key, values.clone());
                    model.put(key, values);
                    prop_assert!(cache.get(&key).is_some());
                }
                Step::Forget(value) => {
                    cache.forget(|other| *other == value);
                    model.0.retain(|(_, values, _)| !values.contains(&value));
                }
                Step::Wait(seconds) => tokio::time::advance(Duration::from_secs(seconds)).await,
            }
            prop_assert!(cache.len() <= MEMORY.entries);
            for key in 0..8 {
                // The bound may have cost an entry, but what is answered is the last that was put, and not too old.
                prop_assert!(cache.get(&key).is_none_or(|values| model.get(key) == Some(values)), "key {key}");
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn an_answer_is_the_last_that_was_put_and_never_too_old(steps in prop::collection::vec(step(), 0..60)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(holds(steps))?;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn that_there_is_none_is_believed_for_a_shorter_while() {
        let mut cache = Cache::new(MEMORY);
        cache.put("is", vec![1]);
        cache.put("is not", vec![]);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!((cache.get(&"is"), cache.get(&"is not")), (Some(&[1][..]), Some(&[][..])));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!((cache.get(&"is"), cache.get(&"is not")), (Some(&[1][..]), None));
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(cache.get(&"is"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_gives_way_and_what_has_ended_before_it() {
        let mut cache = Cache::new(MEMORY);
        cache.put(0, vec![]);
        (1..4).for_each(|key| cache.put(key, vec![key]));
        tokio::time::advance(Duration::from_secs(50)).await;
        cache.put(4, vec![4]);
        assert!((1..=4).all(|key| cache.get(&key).is_some()));
        cache.put(5, vec![5]);
        assert_eq!((cache.get(&1), cache.len()), (None, 4));
    }
}
