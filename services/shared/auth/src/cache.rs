//! Tokens that were checked before. A signature takes most of a check's time; here it is done once a token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

use crate::{KeySet, Verified};

/// Threads that look at the same moment rarely wait for each other.
const SHARDS: usize = 16;
/// Two generations of this many in each shard: 4096 tokens at most, some three megabytes.
const GENERATION: usize = 128;

/// A token's name here: its SHA-256, so that the token itself is not kept.
pub(crate) type TokenHash = [u8; 32];

/// Checked tokens, bounded in number. What is in use stays: whatever was not looked up while a generation
/// filled is forgotten.
#[derive(Debug, Default)]
pub(crate) struct VerifiedTokens {
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    young: HashMap<TokenHash, Arc<Verified>>,
    old: HashMap<TokenHash, Arc<Verified>>,
}

pub(crate) fn hash(token: &str) -> TokenHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

impl VerifiedTokens {
    /// What was found out about a token, as long as a new check would find the same: not beyond its expiry,
    /// nor beyond the removal of its key.
    pub(crate) fn get(&self, hash: &TokenHash, keys: &KeySet, now: i64) -> Option<Arc<Verified>> {
        let mut shard = self.shard(hash);
        let found = match shard.young.get(hash) {
            Some(found) => Arc::clone(found),
            None => {
                let found = shard.old.remove(hash)?;
                shard.put(*hash, Arc::clone(&found));
                found
            }
        };
        if found.holds(keys, now) {
            return Some(found);
        }
        shard.young.remove(hash);
        None
    }

    /// Remembers a token that was checked.
    pub(crate) fn put(&self, hash: TokenHash, verified: Arc<Verified>) {
        self.shard(&hash).put(hash, verified);
    }

    fn shard(&self, hash: &TokenHash) -> std::sync::MutexGuard<'_, Shard> {
        let shard = usize::from(hash[0]) % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn put(&mut self, hash: TokenHash, verified: Arc<Verified>) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, verified);
    }
}
