//! grant_type=client_credentials (RFC 6749 §4.4): a client for itself. Nothing is asked of the database.

use platform_components::Subject;
use time::OffsetDateTime;

use super::issue::{Access, GATEWAY, Grants, TokenAnswer, asked};
use crate::clients::{Client, Registry};
use crate::oauth::{OAuthError, Parameters, Scopes};

impl Grants {
    pub(super) fn client_credentials(
        &self,
        client: &Client,
        parameters: &Parameters<'_>,
        now: OffsetDateTime,
    ) -> Result<TokenAnswer, OAuthError> {
        if client.public {
            return Err(OAuthError::unauthorized_client("a public client has no token of its own"));
        }
        let registry = self.clients.registry();
        let own = |scope: &str| registry.scope(scope).is_some_and(|it| it.subject != Subject::User);
        let scopes = match asked(parameters)? {
            Some(scopes) => scopes,
            None => client.scopes.filtered(own),
        };
        if scopes.is_empty() || !scopes.iter().all(|scope| client.scopes.contains(scope) && own(scope)) {
            return Err(OAuthError::invalid_scope("the client has no such scope of its own"));
        }
        let access = Access {
            subject: client.id.clone(),
            client_id: &client.id,
            audience: audience(&registry, &scopes)?,
            scopes: &scopes,
            expires_at: now + self.rules.service,
            family: None,
            user: None,
            actor: None,
        };
        self.access(access, now)
    }
}

/// The one audience of the scopes: a service's own for system scopes; the gateway for those that a user could
/// have too, since they are used through it.
fn audience<'a>(registry: &'a Registry, scopes: &Scopes) -> Result<&'a str, OAuthError> {
    let mut audiences = scopes
        .iter()
        .filter_map(|scope| registry.scope(scope))
        .map(|scope| if scope.subject == Subject::Service { scope.audience.as_str() } else { GATEWAY });
    let first = audiences.next().unwrap_or(GATEWAY);
    if audiences.any(|audience| audience != first) {
        return Err(OAuthError::invalid_scope("the scopes are of several audiences: ask for one at a time"));
    }
    Ok(first)
}
