//! What a request says about whoever looks at a page: address and language.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};

use crate::language::Language;

/// The cookie that keeps the chosen language. Its prefix makes browsers refuse it from anywhere but this very
/// host over https; over plain http they would refuse the prefix itself.
pub(crate) fn language_cookie(https: bool) -> &'static str {
    if https { "__Host-web-language" } else { "web-language" }
}

/// A look at a page. Every request is one; nothing that is wrong with it keeps a page from being shown.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// `?lang=` for this answer, else the cookie, else the browser's preference, else Turkish.
    pub(crate) language: Language,
    /// The address without its query.
    pub(crate) path: String,
    /// `?cursor=`.
    pub(crate) cursor: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let of = |name: &str| {
            url::form_urlencoded::parse(query)
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        let chosen = from_cookie(&parts.headers);
        let language = Language::shown(of("lang").as_deref(), chosen, &parts.headers);
        Ok(Self { language, path: parts.uri.path().to_owned(), cursor: of("cursor") })
    }
}

fn from_cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let names = [language_cookie(true), language_cookie(false)];
    pairs.find(|(name, _)| names.contains(name)).map(|(_, code)| code)
}
