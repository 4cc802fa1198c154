//! What a request says about whoever looks at a page.

use std::convert::Infallible;

use axum::extract::{FromRef, FromRequestParts};
use http::HeaderMap;
use http::request::Parts;
use platform_pages::is_local;

use super::Pages;
use super::csrf::Csrf;
use crate::cookies::Cookie;
use crate::language::Language;

/// A look at a page. Every request is one; nothing that is wrong with it keeps a page from being shown.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// `?lang=` for this answer, else the cookie, else the browser's preference, else Turkish.
    pub(crate) language: Language,
    /// Path and query.
    pub(crate) address: String,
    pub(crate) headers: HeaderMap,
    /// What forms of this browser are checked with.
    pub(crate) csrf: Csrf,
    query: Vec<(String, String)>,
}

impl Visit {
    pub(crate) fn new(pages: &Pages, uri: &http::Uri, headers: &HeaderMap) -> Self {
        let query: Vec<_> = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let asked = query.iter().find(|(name, _)| name == "lang").map(|(_, code)| code.as_str());
        let language = Language::shown(asked, pages.jar().read(headers, Cookie::Language), headers);
        let address = uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
        Self { language, address, headers: headers.clone(), csrf: Csrf::of(pages.jar(), headers), query }
    }

    /// A parameter of the address that comes once.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut values = self.query.iter().filter(|(known, _)| known == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// Where to go on after signing in: `?continue=`, when it stays under the public address, else nowhere.
    pub(crate) fn continue_to(&self) -> Option<&str> {
        self.parameter("continue").filter(|path| is_local(path))
    }
}

impl<S> FromRequestParts<S> for Visit
where
    S: Send + Sync,
    Pages: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::new(&Pages::from_ref(state), &parts.uri, &parts.headers))
    }
}
