//! What every page has: head, header, footer, and the headers of its answer.

use askama::Template;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use platform_http::{Keep, Problem};
use platform_pages::{Choice, SECURITY_HEADERS};

use super::State;
use crate::assets::{ICON, STYLE};
use crate::catalog::Card;
use crate::format;
use crate::language::{Language, Texts as _};
use crate::visit::Visit;

/// Nothing but our own style sheet, pictures and forms; nobody may frame a page. `script-src` is for the module
/// that makes pages quicker where there is JavaScript.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; font-src 'self'; connect-src 'self'; manifest-src 'self'; media-src 'self' https:; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Adds what keeps browsers from being used against whoever looks at a page.
pub(super) async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let policy = (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    for (name, value) in SECURITY_HEADERS.into_iter().chain([policy]) {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What a template needs for head, header and footer.
pub(super) struct Layout {
    pub(super) language: Language,
    pub(super) path: String,
    public_url: String,
}

impl Layout {
    pub(super) fn new(state: &State, visit: Visit) -> Self {
        Self { language: visit.language, path: visit.path, public_url: state.public_url.clone() }
    }

    pub(super) fn text(&self, key: &str) -> String {
        self.language.text(key)
    }

    /// The languages to choose from.
    pub(super) fn choices(&self) -> [Choice; 2] {
        self.language.choices()
    }

    pub(super) fn style(&self) -> &'static str {
        &STYLE.path
    }

    pub(super) fn icon(&self) -> &'static str {
        &ICON.path
    }

    /// The page's one public address.
    pub(super) fn canonical(&self) -> String {
        format!("{}{}", self.public_url, self.path)
    }

    /// Answers with a page.
    pub(super) fn answer(status: StatusCode, language: Language, page: &impl Template) -> Response {
        let html = match page.render() {
            Ok(html) => html,
            Err(error) => return Problem::internal(&error).into_response(),
        };
        let headers = [
            (header::CONTENT_LANGUAGE, HeaderValue::from_static(language.code())),
            // One address, two languages; and a session later.
            (header::VARY, HeaderValue::from_static("accept-language, cookie")),
            (header::CACHE_CONTROL, Keep::Own.value()),
        ];
        (status, headers, Html(html)).into_response()
    }
}

/// A course as a card shows it.
pub(super) struct CardView {
    pub(super) href: String,
    pub(super) name: String,
    /// Of the course's own text.
    pub(super) lang: String,
    /// Category, and the language it is taught in when that is not the page's.
    pub(super) facts: String,
    pub(super) price: String,
    pub(super) picture: Option<String>,
    /// The first letter, shown where there is no photo.
    pub(super) initial: String,
    /// One of four patterns behind it.
    pub(super) pattern: u8,
}

impl CardView {
    pub(super) fn new(card: &Card, category: Option<&str>, language: Language) -> Self {
        let taught_in = Language::parse(&card.language).filter(|taught_in| *taught_in != language);
        let taught_in = taught_in.map(|taught_in| language.text(&format!("taught-in-{}", taught_in.code())));
        let facts: Vec<_> = category.map(str::to_owned).into_iter().chain(taught_in).collect();
        Self {
            href: format!("/courses/{}-{}", card.slug, card.id),
            name: card.name.clone(),
            lang: card.language.clone(),
            facts: facts.join(" · "),
            price: price(card, language),
            picture: card.picture.as_ref().map(|id| format!("/photos/{id}/card.webp")),
            initial: card
                .name
                .chars()
                .find(|letter| letter.is_alphanumeric())
                .map(String::from)
                .unwrap_or_default(),
            pattern: card.id.as_bytes().last().copied().unwrap_or_default() % 4,
        }
    }
}

/// What a course costs, in words when it costs nothing.
pub(super) fn price(card: &Card, language: Language) -> String {
    if card.price.amount == 0 { language.text("price-free") } else { format::price(card.price, language) }
}
