//! Paying: store the wish, ask the provider, write down what it decided.
//!
//! Whatever crashes in between, the same request again goes on from where it stood: the payment is found by
//! its order, and the provider is asked by the payment's id.

use std::sync::Arc;
use std::time::Duration;

<<<<<<< HEAD

=======
>>>>>>> money
use super::domain::{Payment, PaymentState, Request};
use super::store::{Begun, PaymentStore, StoreError};
use crate::cards::CardToken;
use crate::provider::{Decision, Provider, ProviderError};

/// A caller waits this long for the provider; then the payment is pending.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why a payment can't be made or continued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayError {
    /// The order is paid by somebody else.
    #[error("the order is somebody else's")]
    NotYours,
    /// The order has a payment of another amount.
    #[error("the order has a payment of another amount")]
    AmountDiffers,
    /// The store has no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) payment: Payment,
    /// Whether this request made the payment, or found it.
    pub(crate) made: bool,
}

/// Makes the payments of the service.
#[derive(Clone)]
pub(crate) struct Process {
    payments: PaymentStore,
    provider: Arc<dyn Provider>,
}

impl Process {
    pub(crate) fn new(payments: PaymentStore, provider: Arc<dyn Provider>) -> Self {
        Self { payments, provider }
    }

    /// Pays an order, or goes on with the payment that it has.
    pub(crate) async fn pay(&self, request: Request, token: &CardToken) -> Result<Outcome, PayError> {
        let begun = self.payments.begin(request, token, platform_service::now()).await?;
        let (payment, made) = match begun {
            Begun::Made(payment) => (payment, true),
            Begun::Existing(payment) if payment.buyer != request.buyer => return Err(PayError::NotYours),
            Begun::Existing(payment) if payment.amount != request.amount => {
                return Err(PayError::AmountDiffers);
            }
            Begun::Existing(payment) => (payment, false),
        };
        if payment.state != PaymentState::Pending {
            return Ok(Outcome { payment, made });
        }
        match self.ask(&payment, made).await {
            Ok(decision) => {
                let payment = self.payments.decide(payment, decision, platform_service::now()).await?;
                Ok(Outcome { payment, made })
            }
            Err(error) => {
                // Unknown is not failed: the payment stays pending until somebody asks again.
                tracing::warn!(payment = %payment.id, %error, "the outcome of a payment is unknown");
                Ok(Outcome { payment, made })
            }
        }
    }

    async fn ask(&self, payment: &Payment, first: bool) -> Result<Decision, ProviderError> {
        let asking = async {
            if !first && let Some(decision) = self.provider.find(payment.id.0, &payment.card).await? {
                return Ok(decision);
            }
            self.provider.authorize(payment.id.0, &payment.card, payment.amount).await
        };
        tokio::time::timeout(PATIENCE, asking).await.unwrap_or(Err(ProviderError::Unavailable))
    }
}
