//! The rules of payments. No I/O.

use platform_money::{Money, define_id};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::provider::{Decision, DeclineReason, ProviderCard};

define_id!(
    /// Identifies a payment; also the key of what is asked of the provider for it.
    PaymentId
);

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PaymentState {
    /// The provider's answer is not known: neither paid nor failed.
    Pending,
    /// The amount is held on the card.
    Authorized,
    /// Nothing is held, and never will be for this order.
    Declined(DeclineReason),
}

impl PaymentState {
    /// The stable name, in the API and in the store.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Authorized => "authorized",
            Self::Declined(_) => "declined",
        }
    }

    /// Why nothing is held.
    pub(crate) fn decline_reason(self) -> Option<DeclineReason> {
        match self {
            Self::Declined(reason) => Some(reason),
            Self::Pending | Self::Authorized => None,
        }
    }
}

impl From<Decision> for PaymentState {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Authorized => Self::Authorized,
            Decision::Declined(reason) => Self::Declined(reason),
        }
    }
}

/// What a caller asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) buyer: Uuid,
    pub(crate) order_id: Uuid,
    pub(crate) amount: Money,
}

/// A payment. There is one for an order, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payment {
    pub(crate) id: PaymentId,
    pub(crate) order_id: Uuid,
    pub(crate) buyer: Uuid,
    pub(crate) amount: Money,
    pub(crate) card: ProviderCard,
    pub(crate) state: PaymentState,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) version: i64,
}

impl Payment {
    /// A payment that nobody has decided yet.
    pub(crate) fn begin(request: Request, card: ProviderCard, now: OffsetDateTime) -> Self {
        Self {
            id: PaymentId::generate(),
            order_id: request.order_id,
            buyer: request.buyer,
            amount: request.amount,
            card,
            state: PaymentState::Pending,
            created_at: now,
            version: 1,
        }
    }
}
