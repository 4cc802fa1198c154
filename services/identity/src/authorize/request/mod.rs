//! What a client asks for, read and checked. Until client and address are known to belong together nothing is
//! sent anywhere (RFC 6749 §4.1.2.1, RFC 9700 §4.11); from then on the client is told what is wrong.

mod values;

use std::sync::Arc;

use platform_components::Grant;

use crate::clients::{Client, Registry};
use crate::oauth::{ParameterError, Parameters, Scopes};
use crate::screens::Fault;
pub(super) use values::{Prompt, ResponseMode};
use values::{Wrong, challenge, invalid, prompt, response_mode, scopes};

/// Where the endpoint is.
pub(crate) const PATH: &str = "/identity/authorize";
/// Ours: a sign-in not older than this was asked for. It stands in the address that the sign-in page returns to.
pub(super) const SIGNED_IN_AFTER: &str = "signed_in_after";

/// Longest `state` in bytes: it comes back in an address.
const LONGEST_STATE: usize = 2048;
/// Longest `nonce` in bytes, as the database keeps it.
const LONGEST_NONCE: usize = 500;

/// Who gets the response, and what it says back.
#[derive(Clone)]
pub(super) struct Recipient {
    pub(super) client: Arc<Client>,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) mode: ResponseMode,
}

/// Why a request is not answered with a code.
pub(super) enum Refusal {
    /// Nobody can be told but the person in front of the browser.
    Page(Fault),
    /// The client is told (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
    Client { recipient: Box<Recipient>, code: &'static str, description: &'static str },
}

/// A request that can be answered.
pub(super) struct AuthorizationRequest {
    pub(super) recipient: Recipient,
    pub(super) scopes: Scopes,
    pub(super) nonce: Option<String>,
    pub(super) challenge: String,
    pub(super) prompt: Prompt,
    /// Seconds that may have passed since the password was given.
    pub(super) max_age: Option<i64>,
    pub(super) signed_in_after: Option<i64>,
    /// An ID token of whom the client expects.
    pub(super) hint: Option<String>,
}

/// The client and its address, before anything else.
fn recipient(registry: &Registry, parameters: &Parameters<'_>) -> Result<Recipient, Fault> {
    let client = parameters.required("client_id").ok().and_then(|id| registry.client(id));
    let client = client.filter(|client| client.may(Grant::AuthorizationCode)).ok_or(Fault::UnknownClient)?;
    let redirect_uri = parameters.required("redirect_uri").map_err(|_| Fault::UnknownAddress)?;
    if !client.redirects_to(redirect_uri) {
        return Err(Fault::UnknownAddress);
    }
    Ok(Recipient {
        client: Arc::clone(client),
        redirect_uri: redirect_uri.to_owned(),
        mode: response_mode(parameters, redirect_uri).unwrap_or(ResponseMode::Query),
        state: parameters.bounded("state", LONGEST_STATE).ok().flatten().map(str::to_owned),
    })
}

/// Reads a request.
pub(super) fn read(
    registry: &Registry,
    parameters: &Parameters<'_>,
) -> Result<AuthorizationRequest, Refusal> {
    let recipient = recipient(registry, parameters).map_err(Refusal::Page)?;
    match details(registry, parameters, recipient.clone()) {
        Ok(request) => Ok(request),
        Err((code, description)) => {
            Err(Refusal::Client { recipient: Box::new(recipient), code, description })
        }
    }
}

fn details(
    registry: &Registry,
    parameters: &Parameters<'_>,
    recipient: Recipient,
) -> Result<AuthorizationRequest, Wrong> {
    // RFC 6749 §3.1: nothing stands twice.
    let parameters = parameters.clone().each_once(&[]).map_err(|_| invalid("a parameter stands twice"))?;
    let optional = |name, longest| match parameters.bounded(name, longest) {
        Ok(value) => Ok(value),
        Err(ParameterError::TooLong("state")) => Err(invalid("state is too long")),
        Err(ParameterError::TooLong("nonce")) => Err(invalid("nonce is too long")),
        Err(_) => Err(invalid("a parameter is too long")),
    };
    optional("state", LONGEST_STATE)?;
    // Core §6 and §7.2.1: what is not supported has errors of its own.
    for (name, code) in [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
        ("registration", "registration_not_supported"),
    ] {
        if optional(name, usize::MAX)?.is_some() {
            return Err((code, "this parameter is not taken"));
        }
    }
    match optional("response_type", 100)? {
        Some("code") => {}
        Some(_) => return Err(("unsupported_response_type", "response_type must be code")),
        None => return Err(invalid("response_type is missing")),
    }
    if response_mode(&parameters, &recipient.redirect_uri).is_none() {
        return Err(invalid("response_mode must be query, or form_post to a web address"));
    }
    let challenge =
        challenge(optional("code_challenge", usize::MAX)?, optional("code_challenge_method", usize::MAX)?)?;
    let scopes = scopes(registry, &recipient.client, optional("scope", usize::MAX)?)?;
    let prompt = prompt(optional("prompt", usize::MAX)?)?;
    let seconds = |name, wrong| match optional(name, usize::MAX)? {
        Some(text) => match text.parse() {
            Ok(seconds @ 0..) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Some(seconds)),
            _ => Err(invalid(wrong)),
        },
        None => Ok(None),
    };
    let nonce = optional("nonce", LONGEST_NONCE)?;
    if nonce.is_some_and(|nonce| nonce.contains(char::is_control)) {
        // It is kept as text, which has no such characters.
        return Err(invalid("nonce has control characters"));
    }
    Ok(AuthorizationRequest {
        scopes,
        nonce: nonce.map(str::to_owned),
        challenge,
        prompt,
        max_age: seconds("max_age", "max_age must be a number of seconds")?,
        signed_in_after: seconds(SIGNED_IN_AFTER, "this parameter is ours")?,
        hint: optional("id_token_hint", usize::MAX)?.map(str::to_owned),
        recipient,
    })
}

#[cfg(test)]
mod tests;
