//! The numbers of one shard's callers: bounded, whoever comes. A number that is not ahead of now says nothing, so
//! those are forgotten first; then those of who has not come for longest.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// Two generations of this many in each shard.
const GENERATION: usize = 25_000;

/// When each caller would have done what it asked for, by the hash of its name.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    young: HashMap<u64, u64, RandomState>,
    old: HashMap<u64, u64, RandomState>,
}

impl Arrivals {
    /// The number of a caller, when it has one.
    pub(super) fn get(&mut self, hash: u64) -> Option<&mut u64> {
        match self.young.get_mut(&hash) {
            Some(arrival) => Some(arrival),
            None => self.old.get_mut(&hash),
        }
    }

    /// The number of a caller; it is `now` for one that has none yet.
    pub(super) fn entry(&mut self, hash: u64, now: u64) -> &mut u64 {
        if self.young.len() >= GENERATION && !self.young.contains_key(&hash) {
            self.make_room(now);
        }
        let old = &mut self.old;
        // Who comes stays among the young.
        self.young.entry(hash).or_insert_with(|| old.remove(&hash).unwrap_or(now))
    }

    /// Looks at a whole generation, and then not again before at least half of one has come.
    fn make_room(&mut self, now: u64) {
        self.young.retain(|_, arrival| *arrival > now);
        if self.young.len() > GENERATION / 2 {
            self.old = std::mem::take(&mut self.young);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_used_nothing_up_is_forgotten_first() {
        let mut arrivals = Arrivals::default();
        *arrivals.entry(0, 0) = 1_000;
        for hash in 1..1_000_000 {
            // Each of them is full again when the next one comes.
            *arrivals.entry(hash, hash / 10_000) = hash / 10_000;
        }
        assert_eq!(*arrivals.entry(0, 100), 1_000);
        assert!(arrivals.len() <= GENERATION + 1, "{}", arrivals.len());
    }

    #[test]
    fn it_never_grows_beyond_two_generations_and_keeps_who_comes() {
        let mut arrivals = Arrivals::default();
        *arrivals.entry(0, 0) = u64::MAX;
        for hash in 1..200_000 {
            *arrivals.entry(hash, 0) = u64::MAX;
            assert!(arrivals.len() <= 2 * GENERATION);
            if hash % 10_000 == 0 {
                assert_eq!(*arrivals.entry(0, 0), u64::MAX);
            }
        }
        assert_eq!(arrivals.get(1), None);
    }
}
