//! The gateway's own pages, which are no service's: the description of all APIs, as a document, to read and to try.
//!
//! They are limited by address and are the first to make room for others. What they are made from is kept, so that
//! however many ask for them, services are hardly asked.

mod attempt;
mod docs;
mod gathered;
mod openapi;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::request::Parts;
use http::{Request, StatusCode, header};
use platform_components::Priority;
use platform_http::Problem;
use tower::ServiceExt as _;

pub(crate) use self::gathered::Pages;
use crate::answer::AnswerBody;
use crate::core::{Core, Live};
use crate::guard::{self, Peer};
use crate::limit::{self, Who};

/// Whether a path is answered by the gateway itself.
pub(crate) fn is_ours(path: &str) -> bool {
    matches!(path, "/docs" | "/docs/try" | "/services/openapi.json")
}

/// Answers a request for one of the pages.
///
/// # Errors
/// A 429 or 503 before anything is done.
pub(crate) async fn answer(
    core: &Core,
    live: &Live,
    peer: Peer,
    parts: Parts,
) -> Result<http::Response<AnswerBody>, Problem> {
    let shared = &core.shared;
    let _permit = shared.load.admit(Priority::Low)?;
    let address = guard::client_address(peer, &parts.headers, &shared.trusted);
    let who = Who { subject: None, client: None, address };
    let told = live.table.pages_limit().map(|class| limit::take(&shared.limits, class, who)).transpose()?;
    let Ok(mut response) = core.pages.clone().oneshot(Request::from_parts(parts, Body::empty())).await;
    if let Some(told) = told {
        told.write(response.headers_mut());
    }
    Ok(response.map(AnswerBody::Page))
}

pub(crate) fn router(pages: Pages) -> Router {
    Router::new()
        .route("/services/openapi.json", get(document))
        .route("/docs", get(page))
        .route("/docs/try", get(attempt))
        .with_state(Arc::new(pages))
}

async fn document(State(pages): State<Arc<Pages>>) -> Result<Response, Problem> {
    let gathered = pages.current().await?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, gathered.cache_control()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, gathered.document.clone()).into_response())
}

async fn page(State(pages): State<Arc<Pages>>) -> Result<Response, Problem> {
    let gathered = pages.current().await?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, gathered.cache_control()),
        (header::CONTENT_SECURITY_POLICY, docs::policy()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, gathered.page.clone()).into_response())
}

/// Leads to what a form of the page asks for.
async fn attempt(State(pages): State<Arc<Pages>>, RawQuery(fields): RawQuery) -> Result<Response, Problem> {
    let gathered = pages.current().await?;
    let target = gathered.operations.target(fields.as_deref().unwrap_or_default())?;
    let headers = [(header::LOCATION, target.as_str()), (header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}
