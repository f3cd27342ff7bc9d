//! A cache that several ask at once.

use super::cache::Cache;
use super::limits::Memory;
use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(super) struct Known<K, V> {
    cache: Mutex<Cache<K, V>>,
    /// Held while EC2 is asked: who wants the same meanwhile finds it in the cache afterwards.
    asking: tokio::sync::Mutex<()>,
}

impl<K: Eq + Hash + Clone, V: Clone> Known<K, V> {
    pub(super) fn new(memory: Memory) -> Self {
        Self { cache: Mutex::new(Cache::new(memory)), asking: tokio::sync::Mutex::new(()) }
    }

    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Vec<V>>
    where
        K: Borrow<Q>,
    {
        self.cache().get(key).map(<[V]>::to_vec)
    }

    pub(super) fn put(&self, key: K, values: Vec<V>) {
        self.cache().put(key, values);
    }

    pub(super) fn forget(&self, is_meant: impl Fn(&V) -> bool) {
        self.cache().forget(is_meant);
    }

    pub(super) async fn asking(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.asking.lock().await
    }

    fn cache(&self) -> MutexGuard<'_, Cache<K, V>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
