//! The feature *sessions*: browsers that somebody signed in with. A session's cookie holds 256 random bits and
//! the database their hash; its id is the `sid` of tokens, so that ending it ends them.

mod browser;
mod domain;
mod service;
mod store;

pub(crate) use browser::Browser;
pub(crate) use domain::{Methods, Session};
pub(crate) use service::Sessions;
pub(crate) use store::{PostgresSessions, SessionStore, SqlServerSessions, end_all_in, end_all_on_sqlserver};
