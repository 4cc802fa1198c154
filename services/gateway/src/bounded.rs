//! A map that never holds more than so many entries. What is in use stays: whatever was not looked up while
//! a generation filled is forgotten.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

#[derive(Debug)]
pub(crate) struct Bounded<K, V> {
    // Whatever the keys are made of, so few of them can't be made to collide to any effect.
    young: HashMap<K, V, RandomState>,
    old: HashMap<K, V, RandomState>,
    generation: usize,
}

impl<K: Hash + Eq, V: Clone> Bounded<K, V> {
    /// Holds `most` entries at most.
    pub(crate) fn new(most: usize) -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), generation: (most / 2).max(1) }
    }

    pub(crate) fn get<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if let Some(found) = self.young.get(key) {
            return Some(found.clone());
        }
        let (key, found) = self.old.remove_entry(key)?;
        self.put(key, found.clone());
        Some(found)
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(crate) fn remove<Q>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Forgets all but those that `is_kept`.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(&V) -> bool) {
        self.young.retain(|_, value| is_kept(value));
        self.old.retain(|_, value| is_kept(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_grows_and_keeps_what_is_used() {
        let mut map = Bounded::new(100);
        map.put(0, "used");
        for key in 1..10_000 {
            map.put(key, "once");
            assert_eq!(map.get(&0), Some("used"));
            assert!(map.young.len() + map.old.len() <= 100);
        }
        map.remove(&0);
        assert_eq!(map.get(&0), None);
    }
}
