//! Accounts over HTTP, as JSON: one's own, and for administrators everybody's.

mod access;
mod admin;
mod applications;
mod documents;
mod own;
mod problems;
mod second_factor;
#[cfg(test)]
mod tests;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use platform_http::{Json, Problem, entity_tag, problem};
use serde::Serialize;
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(crate) use access::refuse_ended;

use super::domain::Account;
use super::service::Accounts;
use crate::consents::Consents;
use crate::second_factor::SecondFactors;
use crate::sessions::Sessions;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State {
    accounts: Accounts,
    sessions: Sessions,
    consents: Consents,
    second_factors: SecondFactors,
    /// The public address of one's own account.
    own: Url,
    /// The public address of the list of users.
    users: Url,
}

impl State {
    /// `public` gives the public address of a path below `/identity`.
    pub(crate) fn new(
        accounts: Accounts,
        sessions: Sessions,
        consents: Consents,
        second_factors: SecondFactors,
        public: impl Fn(&str) -> Url,
    ) -> Self {
        let (own, users) = (public("/v1/account"), public("/v1/users"));
        Self { accounts, sessions, consents, second_factors, own, users }
    }

    /// The caller's account. A token may be valid a little longer than its account.
    async fn account(&self, id: Uuid) -> Result<Account, Problem> {
        Ok(self.accounts.find(id).await?.ok_or(problem::NOT_FOUND)?)
    }
}

/// Something of an account that a change of it changes.
fn versioned(account: &Account, document: impl Serialize) -> Response {
    ([(header::ETAG, entity_tag(account.version))], no_store(document)).into_response()
}

/// Something that is personal, or shown only once: no cache keeps it.
fn no_store(document: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(document)).into_response()
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(own::sign_up))
        .routes(routes!(own::show, own::change, own::delete))
        .routes(routes!(own::change_password))
        .routes(routes!(own::change_email))
        .routes(routes!(own::verify_again))
        .routes(routes!(own::start_teaching))
        .routes(routes!(own::sessions, own::end_sessions))
        .routes(routes!(own::end_session))
        .routes(routes!(second_factor::show, second_factor::set_up, second_factor::confirm))
        .routes(routes!(second_factor::remove))
        .routes(routes!(second_factor::new_codes))
        .routes(routes!(applications::list))
        .routes(routes!(applications::withdraw))
        .routes(routes!(admin::list))
        .routes(routes!(admin::show))
        .routes(routes!(admin::lock, admin::unlock))
        .routes(routes!(admin::set_roles))
        .routes(routes!(admin::end_sessions))
        .routes(routes!(admin::remove_second_factor))
}
