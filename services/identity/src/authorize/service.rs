//! What becomes of a request: sign-in, consent, or a code for the client. Whatever was shown to somebody is checked
//! again when they come back.

use std::sync::Arc;

use axum::response::Response;
use http::HeaderMap;
use platform_components::Grant;
use platform_http::problem::Chain;
use time::OffsetDateTime;
use uuid::Uuid;

use super::addresses::{encode, sign_in_address};
use super::decision::{needs_consent, needs_sign_in};
use super::request::{AuthorizationRequest, PATH, Recipient, Refusal, ResponseMode, read};
use super::response::{response_parameters, see_other, to_client};
use crate::accounts::{self, Account};
use crate::clients::Clients;
use crate::consents::Consents;
use crate::grants::{self, Code, GrantStore, Rules};
use crate::oauth::{Parameters, Scopes, Secret};
use crate::pages::Form;
use crate::screens::{Consent, Fault, Screens};
use crate::sessions::{Session, Sessions};
use crate::tokens::Tokens;

/// Longest request in bytes.
const LONGEST_REQUEST: usize = 16 * 1024;
/// What the consent page sends back of the request.
const KEPT: [&str; 10] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
];

/// What the endpoint works with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Authorize {
    pub(crate) clients: Clients,
    pub(crate) sessions: Sessions,
    pub(crate) consents: Consents,
    pub(crate) store: Arc<dyn GrantStore>,
    pub(crate) tokens: Tokens,
    pub(crate) rules: Rules,
    pub(crate) screens: Screens,
}

impl From<grants::StoreError> for Refusal {
    fn from(error: grants::StoreError) -> Self {
        unavailable(&error)
    }
}

impl From<accounts::StoreError> for Refusal {
    fn from(error: accounts::StoreError) -> Self {
        unavailable(&error)
    }
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> Refusal {
    tracing::warn!(error = %Chain(error), "can't authorize now");
    Refusal::Page(Fault::Unavailable)
}

impl Authorize {
    /// Answers a client's request.
    pub(super) async fn answer(&self, headers: &HeaderMap, raw: &[u8]) -> Response {
        let outcome = self.request(headers, raw).await;
        outcome.unwrap_or_else(|refusal| self.refused(headers, refusal))
    }

    /// Tells whoever can be told that nothing comes of it.
    pub(super) fn refused(&self, headers: &HeaderMap, refusal: Refusal) -> Response {
        match refusal {
            Refusal::Page(fault) => self.screens.error(headers, fault),
            Refusal::Client { recipient, code, description } => {
                let parameters = [("error", code), ("error_description", description)];
                self.tell(headers, &recipient, &parameters)
            }
        }
    }

    /// Tells the client, by the browser's next address or by a form that the browser sends.
    fn tell(&self, headers: &HeaderMap, recipient: &Recipient, outcome: &[(&str, &str)]) -> Response {
        let parameters = response_parameters(recipient, &self.tokens.issuer, outcome);
        match recipient.mode {
            ResponseMode::Query => to_client(&recipient.redirect_uri, &parameters),
            ResponseMode::FormPost => self.screens.hand_over(headers, &recipient.redirect_uri, &parameters),
        }
    }

    async fn request(&self, headers: &HeaderMap, raw: &[u8]) -> Result<Response, Refusal> {
        let parameters = parameters(raw)?;
        let request = read(&self.clients.registry(), &parameters)?;
        let now = platform_service::now();
        let signed_in = self.signed_in(headers).await?;
        let session = signed_in.as_ref().map(|(session, _)| session);
        let expected = self.expected(&request, now)?;
        if needs_sign_in(&request, session, expected, now) {
            if request.prompt.none {
                return Err(refuse(&request, "login_required", "nobody is signed in, or not as asked for"));
            }
            let address = sign_in_address(&parameters, &request, session, now)
                .ok_or_else(|| refuse(&request, "invalid_request", "the request is too long"))?;
            return Ok(see_other(&address));
        }
        let Some((session, account)) = signed_in else {
            return Err(refuse(&request, "login_required", "nobody is signed in"));
        };
        let client = &request.recipient.client;
        let given =
            if client.first_party { None } else { self.consents.given(account.id, &client.id).await? };
        if needs_consent(&request, given.as_ref()) {
            if request.prompt.none {
                return Err(refuse(&request, "consent_required", "the user has not agreed to this"));
            }
            return Ok(self.ask(headers, &parameters, &request, &account));
        }
        self.code(headers, &request, &session, now).await
    }

    /// Answers whoever has just decided; everything is checked again.
    pub(super) async fn decided(
        &self,
        headers: &HeaderMap,
        raw: &[u8],
        form: &Form,
    ) -> Result<Response, Refusal> {
        let encoded = {
            let all = parameters(raw)?;
            encode(all.iter().filter(|(name, _)| KEPT.contains(name)))
        };
        let parameters = parameters(encoded.as_bytes())?;
        let request = read(&self.clients.registry(), &parameters)?;
        let now = platform_service::now();
        let account_id = form.field("account").and_then(|id| id.parse::<Uuid>().ok());
        let signed_in = self.signed_in(headers).await?;
        let Some((session, account)) = signed_in.filter(|(_, account)| account_id == Some(account.id)) else {
            // Signed out meanwhile, or somebody else is there: from the beginning.
            return Ok(see_other(&format!("{PATH}?{encoded}")));
        };
        match form.field("decision") {
            Some("allow") => {}
            Some("deny") => return Err(refuse(&request, "access_denied", "the user did not agree")),
            _ => return Err(Refusal::Page(Fault::Malformed)),
        }
        let client_id = &request.recipient.client.id;
        let given = self.consents.given(account.id, client_id).await?.unwrap_or_default();
        let scopes: Scopes = given.iter().chain(request.scopes.iter()).collect();
        // What was agreed to long ago and is no scope any more need not be kept.
        let registry = self.clients.registry();
        let scopes = scopes.filtered(|scope| registry.scope(scope).is_some());
        self.consents.give(account.id, client_id, &scopes, now).await?;
        self.code(headers, &request, &session, now).await
    }

    async fn signed_in(&self, headers: &HeaderMap) -> Result<Option<(Session, Account)>, Refusal> {
        Ok(self.sessions.current(headers).await?)
    }

    /// Whom the client expects. A hint that can't be read (its key may be long gone) says nothing, but without
    /// interaction it can't be answered either.
    fn expected(&self, request: &AuthorizationRequest, now: OffsetDateTime) -> Result<Option<Uuid>, Refusal> {
        let Some(hint) = &request.hint else { return Ok(None) };
        let claims = self.tokens.hint(hint, now).filter(|it| it.aud == request.recipient.client.id);
        match claims.and_then(|claims| claims.sub.parse().ok()) {
            Some(account) => Ok(Some(account)),
            None if request.prompt.none => Err(refuse(request, "login_required", "the hint can't be read")),
            None => Ok(None),
        }
    }

    fn ask(
        &self,
        headers: &HeaderMap,
        parameters: &Parameters<'_>,
        request: &AuthorizationRequest,
        account: &Account,
    ) -> Response {
        let recipient = &request.recipient;
        let asked = |name: &&'static str| {
            let value = parameters.optional(name).ok().flatten()?;
            Some((*name, value.to_owned()))
        };
        let mut hidden: Vec<_> = KEPT.iter().filter_map(asked).collect();
        hidden.push(("account", account.id.hyphenated().to_string()));
        let consent = Consent {
            client: &recipient.client.title,
            scopes: request.scopes.iter().collect(),
            account,
            hidden,
            origin: self.clients.registry().redirect_origin(&recipient.client.id, &recipient.redirect_uri),
            address: format!("{PATH}?{}", encode(parameters.iter())),
            days: self.days(request),
        };
        self.screens.consent(headers, consent)
    }

    /// For how many days at most a client may do what it is let do now, without asking again.
    fn days(&self, request: &AuthorizationRequest) -> i64 {
        let client = &request.recipient.client;
        // What has no refresh token ends with its access token, within a day all the same.
        if !client.may(Grant::RefreshToken) {
            return 1;
        }
        let session = self.sessions.lifetime().whole_days();
        let longest = self.rules.refresh_max.whole_days();
        if request.scopes.contains("offline_access") { longest } else { longest.min(session) }
    }

    async fn code(
        &self,
        headers: &HeaderMap,
        request: &AuthorizationRequest,
        session: &Session,
        now: OffsetDateTime,
    ) -> Result<Response, Refusal> {
        let secret = Secret::new();
        let code = Code {
            client_id: request.recipient.client.id.clone(),
            account_id: session.account_id,
            session_id: session.id,
            redirect_uri: request.recipient.redirect_uri.clone(),
            scopes: request.scopes.clone(),
            nonce: request.nonce.clone(),
            challenge: request.challenge.clone(),
            auth_time: session.auth_time,
            methods: session.methods,
            issued_at: now,
            expires_at: now + self.rules.code,
            used_at: None,
            family_id: None,
        };
        self.store.insert_code(&secret.hash(), &code).await?;
        // Taken back in this very moment: whoever did that may not have seen the code.
        let client = &request.recipient.client;
        if !client.first_party && self.consents.given(session.account_id, &client.id).await?.is_none() {
            return Err(refuse(request, "access_denied", "the user does not agree any more"));
        }
        let parameters = [("code", secret.encode())];
        let parameters = parameters.each_ref().map(|(name, value)| (*name, value.as_str()));
        Ok(self.tell(headers, &request.recipient, &parameters))
    }
}

fn parameters(raw: &[u8]) -> Result<Parameters<'_>, Refusal> {
    if raw.len() > LONGEST_REQUEST {
        return Err(Refusal::Page(Fault::Malformed));
    }
    Parameters::parse(raw).map_err(|_| Refusal::Page(Fault::Malformed))
}

fn refuse(request: &AuthorizationRequest, code: &'static str, description: &'static str) -> Refusal {
    Refusal::Client { recipient: Box::new(request.recipient.clone()), code, description }
}
