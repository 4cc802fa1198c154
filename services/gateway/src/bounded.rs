//! A map that never holds more than so many entries. What is in use stays: whatever was not looked up while
//! a generation filled is forgotten.

use std::collections::HashMap;
use std::hash::Hash;

#[derive(Debug)]
pub(crate) struct Bounded<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Bounded<K, V> {
    /// Holds `most` entries at most.
    pub(crate) fn new(most: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation: (most / 2).max(1) }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        if let Some(found) = self.young.get(key) {
            return Some(found.clone());
        }
        let found = self.old.remove(key)?;
        self.put(key.clone(), found.clone());
        Some(found)
    }

    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
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
