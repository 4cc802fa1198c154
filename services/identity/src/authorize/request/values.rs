//! What single parameters of a request may say.

use platform_components::Subject;

use crate::clients::{Client, Registry};
use crate::oauth::{Parameters, Scopes, split};

/// Longest list of scopes in bytes, as the database keeps it.
const LONGEST_SCOPE: usize = 1000;
/// base64url of a SHA-256 (RFC 7636 §4.2).
const CHALLENGE: usize = 43;

/// How the client hears of the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::authorize) enum ResponseMode {
    /// In the address that the browser goes to.
    Query,
    /// In a form that the browser sends (OAuth 2.0 Form Post Response Mode §2).
    FormPost,
}

/// What `prompt` asks for (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::authorize) struct Prompt {
    pub(in crate::authorize) none: bool,
    pub(in crate::authorize) sign_in: bool,
    pub(in crate::authorize) consent: bool,
}

/// The code of an error, and what is wrong.
pub(super) type Wrong = (&'static str, &'static str);

pub(super) fn invalid(description: &'static str) -> Wrong {
    ("invalid_request", description)
}

/// How the client hears of it, when it is said rightly. A form goes to a web server only: nobody posts one to an app.
pub(super) fn response_mode(parameters: &Parameters<'_>, redirect_uri: &str) -> Option<ResponseMode> {
    match parameters.optional("response_mode").ok()? {
        None | Some("query") => Some(ResponseMode::Query),
        Some("form_post") if redirect_uri.starts_with("http") => Some(ResponseMode::FormPost),
        Some(_) => None,
    }
}

/// PKCE is demanded of every client, and S256 of PKCE (RFC 9700 §2.1.1). An absent method means `plain`
/// (RFC 7636 §4.3).
pub(super) fn challenge(challenge: Option<&str>, method: Option<&str>) -> Result<String, Wrong> {
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
pub(super) fn scopes(registry: &Registry, client: &Client, text: Option<&str>) -> Result<Scopes, Wrong> {
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

pub(super) fn prompt(text: Option<&str>) -> Result<Prompt, Wrong> {
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
