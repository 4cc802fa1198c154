//! What a route of the gateway does beside leading somewhere: keeping answers, and changing headers. Like the
//! rest of `routes.yaml`, fields are added and never change their meaning.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How answers of a route are kept (RFC 9111), as far as their own `Cache-Control` lets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct CacheRule {
    /// How many answers of one address are kept that differ by what their `Vary` names.
    #[serde(skip_serializing_if = "is_variants")]
    pub variants: u8,
    /// How long a request waits for another one that asks for the same; then it goes to the upstream itself.
    #[serde(skip_serializing_if = "is_wait")]
    pub wait_seconds: u8,
}

const VARIANTS: u8 = 8;
const WAIT: u8 = 5;

impl Default for CacheRule {
    fn default() -> Self {
        Self { variants: VARIANTS, wait_seconds: WAIT }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_variants(number: &u8) -> bool {
    *number == VARIANTS
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_wait(seconds: &u8) -> bool {
    *seconds == WAIT
}

/// What becomes of headers in one direction: first some are removed, then set, then added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct HeaderRules {
    /// In place of whatever there is.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// Beside whatever there is.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub add: BTreeMap<String, String>,
    /// Names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
}

impl HeaderRules {
    /// Whether headers pass as they are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.add.is_empty() && self.remove.is_empty()
    }
}
