//! A provider that moves nothing: each documented test number has one outcome.
//!
//! It takes no other number, so that nobody ever types a real one. It remembers nothing either: the outcome
//! is a function of the card, the same in every replica and after every restart.

use std::time::Duration;

use async_trait::async_trait;
use platform_money::Money;
use uuid::Uuid;

use super::{Decision, DeclineReason, Provider, ProviderCard, ProviderError};
use crate::cards::Card;

/// How late the answer for the late card is: later than anybody waits.
const LATE: Duration = Duration::from_secs(60);

/// Test numbers and the names that this provider gives them.
const CARDS: [(&str, &str); 5] = [
    ("4242424242424242", PAID),
    ("4000000000000002", REFUSED),
    ("4000000000009995", INSUFFICIENT),
    ("4000000000000119", DOWN),
    ("4000000000000259", LATE_PAID),
];
const PAID: &str = "fake_paid";
const REFUSED: &str = "fake_refused";
const INSUFFICIENT: &str = "fake_insufficient_funds";
const DOWN: &str = "fake_provider_down";
const LATE_PAID: &str = "fake_answer_late";

/// The fake provider.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FakeProvider;

#[async_trait]
impl Provider for FakeProvider {
    async fn tokenize(&self, card: Card) -> Result<ProviderCard, ProviderError> {
        let known = CARDS.iter().find(|(number, _)| *number == card.number.digits());
        let (_, name) = known.ok_or(ProviderError::CardNotTaken)?;
        Ok(ProviderCard((*name).to_owned()))
    }

    async fn authorize(
        &self,
        key: Uuid,
        card: &ProviderCard,
        _amount: Money,
    ) -> Result<Decision, ProviderError> {
        if card.as_str() == LATE_PAID {
            tokio::time::sleep(LATE).await;
        }
        self.find(key, card).await?.ok_or(ProviderError::Unavailable)
    }

    async fn find(&self, _key: Uuid, card: &ProviderCard) -> Result<Option<Decision>, ProviderError> {
        match card.as_str() {
            PAID | LATE_PAID => Ok(Some(Decision::Authorized)),
            REFUSED => Ok(Some(Decision::Declined(DeclineReason::Refused))),
            INSUFFICIENT => Ok(Some(Decision::Declined(DeclineReason::InsufficientFunds))),
            _ => Err(ProviderError::Unavailable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform_money::Currency;

    async fn outcome(number: &str) -> Result<Decision, ProviderError> {
        let card = FakeProvider.tokenize(Card { number: number.parse().unwrap() }).await?;
        FakeProvider.authorize(Uuid::nil(), &card, Money::new(1, Currency::TRY)).await
    }

    #[tokio::test]
    async fn each_test_number_has_its_documented_outcome() {
        assert_eq!(outcome("4242424242424242").await, Ok(Decision::Authorized));
        assert_eq!(outcome("4000000000000002").await, Ok(Decision::Declined(DeclineReason::Refused)));
        assert_eq!(
            outcome("4000000000009995").await,
            Ok(Decision::Declined(DeclineReason::InsufficientFunds))
        );
        assert_eq!(outcome("4000000000000119").await, Err(ProviderError::Unavailable));
    }

    #[tokio::test]
    async fn a_number_that_may_be_real_is_not_taken() {
        assert_eq!(outcome("5555555555554444").await, Err(ProviderError::CardNotTaken));
    }
}
