//! grant_type=password (RFC 6749 §4.3), for clients that opt in where the platform allows it: RFC 9700 §2.4 says
//! it must not be used, so it is off unless somebody needs it. Never for what an administrator may do.

use http::HeaderMap;
use platform_components::Role;
use time::OffsetDateTime;

use super::issue::{Grants, TokenAnswer, asked};
use crate::clients::Client;
use crate::oauth::{OAuthError, Parameters};

impl Grants {
    pub(super) async fn password(
        &self,
        client: &Client,
        _headers: &HeaderMap,
        parameters: &Parameters<'_>,
        _now: OffsetDateTime,
    ) -> Result<TokenAnswer, OAuthError> {
        parameters.required("username")?;
        parameters.required("password")?;
        let registry = self.clients.registry();
        let asked = asked(parameters)?.unwrap_or_else(|| client.scopes.clone());
        if asked.iter().any(|scope| registry.scope(scope).is_none_or(|it| it.role == Some(Role::Admin))) {
            return Err(OAuthError::invalid_scope("not by password"));
        }
        Err(OAuthError::busy())
    }
}
