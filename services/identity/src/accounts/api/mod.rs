//! Accounts over HTTP, as JSON: one's own, and for administrators everybody's.

mod access;
mod admin;
mod applications;
mod documents;
mod own;
mod problems;
#[cfg(test)]
mod tests;

use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use access::refuse_ended;

use super::service::Accounts;
use crate::consents::Consents;
use crate::sessions::Sessions;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct State {
    accounts: Accounts,
    sessions: Sessions,
    consents: Consents,
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
        public: impl Fn(&str) -> Url,
    ) -> Self {
        Self { accounts, sessions, consents, own: public("/v1/account"), users: public("/v1/users") }
    }
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
        .routes(routes!(applications::list))
        .routes(routes!(applications::withdraw))
        .routes(routes!(admin::list))
        .routes(routes!(admin::show))
        .routes(routes!(admin::lock, admin::unlock))
        .routes(routes!(admin::set_roles))
        .routes(routes!(admin::end_sessions))
}
