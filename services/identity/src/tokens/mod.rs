//! The feature *tokens*: makes access tokens and ID tokens, and checks those that come back. What is in them is
//! decided by the grants; who may have them is not decided here.

mod id_token;
mod issuer;
mod jti;
mod settings;

pub(crate) use id_token::IdToken;
pub(crate) use issuer::Tokens;
pub(crate) use jti::TokenId;
pub use settings::TokenSettings;
