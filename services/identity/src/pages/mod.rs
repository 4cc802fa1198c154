//! stub
use crate::People;
use crate::cookies::Jar;
#[derive(Clone)]
pub(crate) struct Pages;
impl Pages { pub(crate) fn new(_: &url::Url, _: Jar) -> Self { Self } }
pub(crate) struct State;
impl State { pub(crate) fn new(_: &People) -> Self { Self } }
pub(crate) fn routes(_: State) -> axum::Router { axum::Router::new() }
