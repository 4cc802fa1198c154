//! The feature *grants*: the token endpoint, one file a grant. `api` → a grant → `issue` (what a token says) with
//! `domain` (codes and families of refresh tokens) ← `store` (PostgreSQL or SQL Server). `state` says whether a
//! token is still good, `sweeper` ends and deletes what is over.

mod api;
mod authorization_code;
mod client_credentials;
mod domain;
mod issue;
mod password;
mod refresh_token;
mod state;
mod store;
mod sweeper;
mod token_exchange;

pub(crate) use api::{GRANT_TYPES, routes};
pub(crate) use domain::{Code, RefreshToken, Standing};
pub(crate) use issue::{Grants, GrantsInner, Rules};
pub(crate) use state::TokenStates;
pub(crate) use store::{GrantStore, PostgresGrants, SqlServerGrants, StoreError, TokenState};
pub(crate) use sweeper::Sweeper;
