//! Choosing the language.

use axum::extract;
use axum::response::Response;
use platform_pages::is_local;
use time::Duration;

use super::{Form, State, go_to};
use crate::cookies::Cookie;
use crate::language::Language;

const KEPT: Duration = Duration::days(365);

/// Keeps the chosen language in a cookie and goes back to the page.
pub(super) async fn choose(extract::State(state): extract::State<State>, form: Form) -> Response {
    let back = Some(form.text("back")).filter(|path| is_local(path)).unwrap_or("/identity/sign-in");
    let language = Language::parse(form.text("language"));
    let cookie = language.and_then(|it| state.pages.jar().set(Cookie::Language, it.code(), Some(KEPT)));
    go_to(back, cookie)
}
