//! Where answers are kept: bounded in bytes, shared by all threads.
//!
//! An address is forgotten without being looked for: each path has a place among [`MARKS`] moments, and what
//! was asked for before that moment is no longer used. Paths that share a place are forgotten together.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use quick_cache::sync::Cache as Map;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};

use super::variant::Variant;
use crate::bounded::Bounded;
use crate::clock::{millis, now_millis, now_nanos};

const MARKS: usize = 1024;
/// What an address takes beside its variants, roughly, in bytes.
const OVERHEAD: u64 = 256;
/// Addresses whose answers can't be kept that are remembered.
const PASSED: usize = 4096;

/// All variants of one address, the newest last.
#[derive(Debug, Default)]
pub(super) struct Resource {
    variants: Vec<Arc<Variant>>,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Box<str>, Arc<Resource>> for Bytes {
    fn weight(&self, key: &Box<str>, resource: &Arc<Resource>) -> u64 {
        let variants: u64 = resource.variants.iter().map(|variant| variant.weight()).sum();
        key.len() as u64 + OVERHEAD + variants
    }
}

#[derive(Clone)]
struct Evictions;

impl Lifecycle<Box<str>, Arc<Resource>> for Evictions {
    type RequestState = ();

    fn on_evict(&self, _state: &mut (), _key: Box<str>, _resource: Arc<Resource>) {
        metrics::counter!("gateway_cache_evictions_total").increment(1);
    }
}

/// What is kept.
pub(super) struct Store {
    map: Map<Box<str>, Arc<Resource>, Bytes, DefaultHashBuilder, Evictions>,
    marks: Box<[AtomicU64]>,
    /// Until when answers of an address are not waited for, in milliseconds.
    passed: Mutex<Bounded<u64, u64>>,
    /// Bytes of bodies in memory, kept or not.
    pub(super) alive: Arc<AtomicU64>,
    /// At most so many bytes are kept.
    pub(super) most: u64,
}

impl Store {
    /// Keeps at most `most` bytes.
    ///
    /// # Errors
    /// Never with these options.
    pub(super) fn new(most: u64) -> anyhow::Result<Self> {
        // One part: an answer may then be as long as all of it.
        let options =
            OptionsBuilder::new().shards(1).estimated_items_capacity(1000).weight_capacity(most).build();
        let options = options.map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(Self {
            map: Map::with_options(options, Bytes, DefaultHashBuilder::default(), Evictions),
            marks: (0..MARKS).map(|_| AtomicU64::new(0)).collect(),
            passed: Mutex::new(Bounded::new(PASSED)),
            alive: Arc::default(),
            most,
        })
    }

    /// What is kept under a key for a request with these headers, and whether there is anything else. Callers
    /// with `credentials` get only what is public.
    pub(super) fn find(
        &self,
        key: &str,
        place: Place,
        request: &HeaderMap,
        credentials: bool,
    ) -> (Option<Arc<Variant>>, Option<Arc<Variant>>) {
        let Some(resource) = self.map.get(key) else { return (None, None) };
        let right = |variant: &&Arc<Variant>| {
            variant.matches(request)
                && (!credentials || variant.freshness.public)
                && self.is_current(variant, place)
        };
        (resource.variants.iter().rev().find(right).cloned(), resource.variants.last().cloned())
    }

    /// Whether nothing was changed at this place since the variant was asked for.
    pub(super) fn is_current(&self, variant: &Variant, place: Place) -> bool {
        self.marks.get(place.0).is_some_and(|mark| mark.load(Ordering::Acquire) < variant.begun)
    }

    /// Keeps a variant, in place of the one that answers the same requests; the oldest of more than `variants`
    /// goes.
    pub(super) fn keep(&self, key: &str, variant: Arc<Variant>, variants: usize) {
        let known = self.map.peek(key).unwrap_or_default();
        let others = known.variants.iter().filter(|it| !it.is_alike(&variant));
        let mut all: Vec<_> = others.cloned().collect();
        all.push(variant);
        all.drain(..all.len().saturating_sub(variants));
        self.map.insert(key.into(), Arc::new(Resource { variants: all }));
        self.tell();
    }

    pub(super) fn forget(&self, key: &str) {
        self.map.remove(key);
        self.tell();
    }

    fn tell(&self) {
        #[allow(clippy::cast_precision_loss, reason = "far below 2⁵³")]
        metrics::gauge!("gateway_cache_bytes").set(self.map.weight() as f64);
    }

    /// What was asked for before now is no longer used.
    pub(super) fn mark(&self, place: Place) {
        if let Some(mark) = self.marks.get(place.0) {
            mark.fetch_max(now_nanos(), Ordering::AcqRel);
        }
    }

    /// For `pause`, requests for this key go to the upstream without waiting for each other.
    pub(super) fn pass(&self, key: &str, pause: Duration) {
        self.passed().put(hash(key), now_millis() + millis(pause));
    }

    pub(super) fn is_passed(&self, key: &str) -> bool {
        self.passed().get(&hash(key)).is_some_and(|until| until > now_millis())
    }

    fn passed(&self) -> std::sync::MutexGuard<'_, Bounded<u64, u64>> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a path's mark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(usize);

impl Place {
    pub(super) fn of(path: &str) -> Self {
        Self(usize::try_from(hash(path)).unwrap_or_default() % MARKS)
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
