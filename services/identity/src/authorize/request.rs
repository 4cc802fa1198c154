//! What a client asks for, read and checked. Until client and address are known to belong together nothing is
//! sent anywhere (RFC 6749 §4.1.2.1, RFC 9700 §4.11); from then on the client is told what is wrong.

use std::sync::Arc;

use platform_components::{Grant, Subject};

use crate::clients::{Client, Registry};
use crate::oauth::{ParameterError, Parameters, Scopes, split};
use crate::screens::Fault;

/// Where the endpoint is.
pub(crate) const PATH: &str = "/identity/authorize";
/// Ours: a sign-in not older than this was asked for. It stands in the address that the sign-in page returns to.
pub(super) const SIGNED_IN_AFTER: &str = "signed_in_after";

/// Longest `state` in bytes: it comes back in an address.
const LONGEST_STATE: usize = 2048;
/// Longest `nonce` in bytes, as the database keeps it.
const LONGEST_NONCE: usize = 500;
/// Longest list of scopes in bytes, as the database keeps it.
const LONGEST_SCOPE: usize = 1000;
/// base64url of a SHA-256 (RFC 7636 §4.2).
const CHALLENGE: usize = 43;

/// How the client hears of the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseMode {
    /// In the address that the browser goes to.
    Query,
    /// In a form that the browser sends (OAuth 2.0 Form Post Response Mode §2).
    FormPost,
}

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

/// What `prompt` asks for (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Prompt {
    pub(super) none: bool,
    pub(super) sign_in: bool,
    pub(super) consent: bool,
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

/// A form goes to a web server only: nobody posts one to an app.
fn response_mode(parameters: &Parameters<'_>, redirect_uri: &str) -> Option<ResponseMode> {
    match parameters.optional("response_mode").ok()? {
        None | Some("query") => Some(ResponseMode::Query),
        Some("form_post") if redirect_uri.starts_with("http") => Some(ResponseMode::FormPost),
        Some(_) => None,
    }
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

type Wrong = (&'static str, &'static str);

fn invalid(description: &'static str) -> Wrong {
    ("invalid_request", description)
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

/// PKCE is demanded of every client, and S256 of PKCE (RFC 9700 §2.1.1). An absent method means `plain`
/// (RFC 7636 §4.3).
fn challenge(challenge: Option<&str>, method: Option<&str>) -> Result<String, Wrong> {
    let challenge = challenge.ok_or_else(|| invalid("code_challenge is missing"))?;
    if method != Some("S256") {
        return Err(invalid("code_challenge_method must be S256"));
    }
    let url_safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if challenge.len() != CHALLENGE || !challenge.bytes().all(url_safe) {
        return Err(invalid("code_challenge must be the base64url of a SHA-256"));
    }
    Ok(challenge.to_owned())
}

/// Scopes that nobody knows are ignored (Core §3.1.2.1); one that the client may not have is refused.
fn scopes(registry: &Registry, client: &Client, text: Option<&str>) -> Result<Scopes, Wrong> {
    let wrong = |description| ("invalid_scope", description);
    let text = text.ok_or_else(|| wrong("scope is missing"))?;
    if text.len() > LONGEST_SCOPE {
        return Err(wrong("the list of scopes is too long"));
    }
    let asked = split(text).ok_or_else(|| wrong("the list of scopes is malformed"))?;
    let known: Scopes = asked.into_iter().filter(|scope| registry.scope(scope).is_some()).collect();
    let allowed = |scope: &str| {
        client.scopes.contains(scope)
            && registry
                .scope(scope)
                .is_some_and(|it| it.subject != Subject::Service && (client.first_party || it.third_party))
    };
    if known.is_empty() || !known.iter().all(allowed) {
        return Err(wrong("the client may not have a scope that it asks for, or asks for none"));
    }
    Ok(known)
}

fn prompt(text: Option<&str>) -> Result<Prompt, Wrong> {
    let mut prompt = Prompt::default();
    for value in text.unwrap_or_default().split_ascii_whitespace() {
        match value {
            "none" => prompt.none = true,
            // One browser has one session: to select another account is to sign in.
            "login" | "select_account" => prompt.sign_in = true,
            "consent" => prompt.consent = true,
            _ => return Err(invalid("prompt has an unknown value")),
        }
    }
    if prompt.none && (prompt.sign_in || prompt.consent) {
        return Err(invalid("prompt=none stands alone"));
    }
    Ok(prompt)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"version":1,"scopes":[
        {"name":"openid","audience":"identity","subject":"user","thirdParty":true},
        {"name":"order.buy","audience":"order","subject":"user"},
        {"name":"basket.sys.read","audience":"basket","subject":"service"}],
      "clients":[{"id":"app","type":"public","grants":["authorization_code"],
        "redirectUris":["https://app.example/cb"],"scopes":["openid"]}]}"#;
    const GOOD: &str = "client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&response_type=code&scope=openid\
        &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&state=x";

    /// The error's code, `page` for a page, or nothing.
    fn outcome(query: &str) -> &'static str {
        let registry = Registry::new(serde_json::from_str(FILE).unwrap()).unwrap();
        match read(&registry, &Parameters::parse(query.as_bytes()).unwrap()) {
            Ok(_) => "",
            Err(Refusal::Page(_)) => "page",
            Err(Refusal::Client { code, .. }) => code,
        }
    }

    #[test]
    fn a_request_without_fault_is_read_and_unknown_things_are_ignored() {
        for more in [
            "",
            "&claims=%7B%7D&acr_values=a&ui_locales=tr&display=page&login_hint=x&foo=bar",
            "&nonce=n",
            "&prompt=none",
            "&prompt=login+consent",
            "&max_age=0",
            "&response_mode=query",
            "&response_mode=form_post",
            "&prompt=&max_age=",
        ] {
            assert_eq!(outcome(&format!("{GOOD}{more}")), "", "{more}");
        }
        assert_eq!(outcome(&GOOD.replace("scope=openid", "scope=openid+unheard.of")), "");
    }

    #[test]
    fn without_client_and_address_nobody_is_told() {
        for (from, to) in [
            ("client_id=app", ""),
            ("client_id=app", "client_id=other"),
            ("client_id=app", "client_id=app&client_id=app"),
            ("redirect_uri=", "other="),
            ("redirect_uri=", "redirect_uri=https%3A%2F%2Fapp.example%2Fcb&redirect_uri="),
            ("app.example%2Fcb", "app.example%2Fcb%2F"),
            ("app.example%2Fcb", "app.example%2FCB"),
            ("app.example%2Fcb", "App.example%2Fcb"),
            ("app.example%2Fcb", "app.example%3A8443%2Fcb"),
            ("app.example%2Fcb", "app.example%2Fcb%23"),
            ("app.example%2Fcb", "app.example%2Fcb%3Fa"),
            ("app.example%2Fcb", "me%40app.example%2Fcb"),
            ("app.example%2Fcb", "app.example%2Fx%2F..%2Fcb"),
            ("app.example%2Fcb", "app.example.evil.example%2Fcb"),
            ("https%3A", "http%3A"),
        ] {
            assert_eq!(outcome(&GOOD.replacen(from, to, 1)), "page", "{to}");
        }
    }

    #[test]
    fn whatever_else_is_wrong_the_client_is_told() {
        for (from, to, code) in [
            ("response_type=code", "", "invalid_request"),
            ("response_type=code", "response_type=token", "unsupported_response_type"),
            ("response_type=code", "response_type=code+id_token", "unsupported_response_type"),
            ("response_type=code", "response_type=code&response_type=code", "invalid_request"),
            ("scope=openid", "", "invalid_scope"),
            ("scope=openid", "scope=", "invalid_scope"),
            ("scope=openid", "scope=order.buy", "invalid_scope"),
            ("scope=openid", "scope=basket.sys.read", "invalid_scope"),
            ("scope=openid", "scope=a%22b", "invalid_scope"),
            ("scope=openid", "scope=unheard.of", "invalid_scope"),
            ("code_challenge_method=S256", "", "invalid_request"),
            ("code_challenge_method=S256", "code_challenge_method=plain", "invalid_request"),
            ("code_challenge=E9", "x=E9", "invalid_request"),
            ("code_challenge=E9", "code_challenge=E", "invalid_request"),
            ("code_challenge=E9", "code_challenge=%2B9", "invalid_request"),
            ("state=x", "state=x&state=x", "invalid_request"),
            ("state=x", "max_age=-1", "invalid_request"),
            ("state=x", "max_age=%2B1", "invalid_request"),
            ("state=x", "max_age=99999999999999999999", "invalid_request"),
            ("state=x", "prompt=none+login", "invalid_request"),
            ("state=x", "prompt=create", "invalid_request"),
            ("state=x", "response_mode=fragment", "invalid_request"),
            ("state=x", "nonce=a%00b", "invalid_request"),
            ("state=x", "request=x", "request_not_supported"),
            ("state=x", "request_uri=x", "request_uri_not_supported"),
            ("state=x", "registration=x", "registration_not_supported"),
        ] {
            assert_eq!(outcome(&GOOD.replacen(from, to, 1)), code, "{to}");
        }
        for name in ["state", "nonce"] {
            assert_eq!(
                outcome(&format!("{}&{name}={}", GOOD.replace("&state=x", ""), "a".repeat(3000))),
                "invalid_request"
            );
        }
    }
}
