//! The states of an order and the ways between them.

use std::fmt;
use std::str::FromStr;

/// Where an order stands.
///
/// ```text
/// submitted ──► awaiting payment ──► paid ──► partly refunded ──► refunded
///     │  └──── (nothing to pay) ──────▲ └───────────────────────────▲
///     └──────────────┴──► cancelled
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderState {
    /// Stored; its prices are frozen.
    Submitted,
    /// The buyer's card is being asked.
    AwaitingPayment,
    /// Paid for; the courses are the buyer's.
    Paid,
    /// The money for some lines went back.
    PartlyRefunded,
    /// The money for every line went back.
    Refunded,
    /// It never came to a payment.
    Cancelled,
}

/// A text that names no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such state of an order")]
pub struct UnknownState;

impl OrderState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Submitted,
        Self::AwaitingPayment,
        Self::Paid,
        Self::PartlyRefunded,
        Self::Refunded,
        Self::Cancelled,
    ];

    /// The stable name, in the API and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::AwaitingPayment => "awaiting_payment",
            Self::Paid => "paid",
            Self::PartlyRefunded => "partly_refunded",
            Self::Refunded => "refunded",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether there is a way from here to `next` in one step.
    #[must_use]
    pub const fn can_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Submitted, Self::AwaitingPayment | Self::Paid | Self::Cancelled)
                | (Self::AwaitingPayment, Self::Paid | Self::Cancelled)
                | (Self::Paid, Self::PartlyRefunded | Self::Refunded)
                | (Self::PartlyRefunded, Self::PartlyRefunded | Self::Refunded)
        )
    }

    /// Whether nothing can happen any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Refunded | Self::Cancelled)
    }
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OrderState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UnknownState)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written() {
        for state in OrderState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert_eq!("PAID".parse::<OrderState>(), Err(UnknownState));
    }

    #[test]
    fn a_final_state_is_one_without_a_way_out() {
        for state in OrderState::ALL {
            let way_out = OrderState::ALL.into_iter().any(|next| state.can_become(next));
            assert_eq!(state.is_final(), !way_out, "{state}");
        }
    }

    #[test]
    fn what_is_paid_can_not_be_cancelled_and_what_is_cancelled_never_paid() {
        for paid in [OrderState::Paid, OrderState::PartlyRefunded, OrderState::Refunded] {
            assert!(!paid.can_become(OrderState::Cancelled));
            assert!(!OrderState::Cancelled.can_become(paid));
        }
    }
}
