//! Who moves the money: one trait, and the fake provider behind it.
//!
//! Every call that has an effect carries a key; a provider does one thing once for each key, so that asking
//! again is always safe. An unknown outcome is not a failed one: ask again with the same key.

mod fake;

use std::fmt;

use async_trait::async_trait;
use platform_money::Money;
use uuid::Uuid;

pub(crate) use fake::FakeProvider;

use crate::cards::Card;

/// The provider's own name for a card; worthless to anybody but us and the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProviderCard(String);

impl ProviderCard {
    /// A name as it was stored.
    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why the provider refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeclineReason {
    /// The bank says no and not why.
    Refused,
    /// The account does not hold enough.
    InsufficientFunds,
}

impl DeclineReason {
    /// The stable name, in the API and in the store.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::InsufficientFunds => "insufficient_funds",
        }
    }
}

impl fmt::Display for DeclineReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the provider decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The amount is held on the card.
    Authorized,
    /// Nothing is held.
    Declined(DeclineReason),
}

/// Why the provider gave no decision. Never contains anything of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProviderError {
    /// The provider does not take this card.
    #[error("is not taken: use one of the test numbers of the documentation")]
    CardNotTaken,
    /// The provider is away. Whether it acted is unknown.
    #[error("the provider does not answer")]
    Unavailable,
}

/// A payment provider.
#[async_trait]
pub(crate) trait Provider: Send + Sync {
    /// Gives a card to the provider and gets its name for it.
    async fn tokenize(&self, card: Card) -> Result<ProviderCard, ProviderError>;

    /// Holds `amount` on `card`, once for each `key`.
    async fn authorize(
        &self,
        key: Uuid,
        card: &ProviderCard,
        amount: Money,
    ) -> Result<Decision, ProviderError>;

    /// What became of the authorization with this key; `None` when it never arrived.
    async fn find(&self, key: Uuid, card: &ProviderCard) -> Result<Option<Decision>, ProviderError>;
}
