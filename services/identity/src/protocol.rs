//! Puts the protocol together: keys, clients, tokens and the endpoints over them.

use std::sync::Arc;

use axum::Router;
use platform_service::{Runtime, StartError};
use time::Duration;
use utoipa::openapi::OpenApi;

use crate::accounts::AccountStore;
use crate::authorize::Authorize;
use crate::clients::{Authentication, Clients};
use crate::grants::{GrantStore, Grants, GrantsInner, Rules, Sweeper, TokenStates};
use crate::keys::{Keeper, KeyStore, Occasion, Policy};
use crate::logout::Logout;
use crate::people::People;
use crate::screens::Screens;
use crate::tokens::Tokens;
use crate::userinfo::Userinfo;
use crate::{
    PUBLIC_PREFIX, Settings, authorize, discovery, grants, introspection, keys, logout, revocation, userinfo,
};

/// What the protocol takes from the rest of the service.
pub(crate) struct Parts<'a> {
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) grants: Arc<dyn GrantStore>,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) people: &'a People,
}

/// Every endpoint of the protocol, for the description of the API.
pub(crate) fn describe(document: &mut OpenApi) {
    document.merge(discovery::routes().into_openapi());
    document.merge(keys::routes().into_openapi());
    document.merge(authorize::routes().into_openapi());
    document.merge(grants::routes().into_openapi());
    document.merge(userinfo::routes().into_openapi());
    document.merge(introspection::routes().into_openapi());
    document.merge(revocation::routes().into_openapi());
    document.merge(logout::routes().into_openapi());
}

/// The clients, looked at again while the service runs.
pub(crate) fn clients(settings: &Settings, runtime: &mut Runtime) -> Clients {
    let clients = Clients::new(settings.clients_file.clone());
    runtime.depends_on(clients.dependency());
    let watched = clients.clone();
    runtime.spawn(|stop| async move { watched.run(stop).await });
    clients
}

/// Starts the protocol's background tasks; gives its routes, the keys that access tokens are checked with, and who
/// knows which of them have ended.
pub(crate) fn start(
    settings: &Settings,
    clients: Clients,
    parts: Parts<'_>,
    runtime: &mut Runtime,
) -> (Router, platform_auth::Keys, TokenStates) {
    let keeper = Keeper::new(parts.keys, settings.keyring_file.clone(), policy(settings));
    runtime.depends_on(keeper.dependency());
    let issuer = settings.common.issuer();
    debug_assert!(issuer.ends_with(PUBLIC_PREFIX));
    let keys = keeper.keys();
    let trusted = keeper.trusted();
    let tokens = Tokens::new(&issuer, keys.clone(), trusted.clone());
    runtime.spawn(|stop| keeper.run(stop));

    let sweeper = Sweeper::new(clients.clone(), Arc::clone(&parts.grants));
    runtime.spawn(|stop| sweeper.run(stop));

    let rules = Rules::new(&settings.tokens, parts.people.accounts.rules().verified_email_required);
    let states = TokenStates::new(clients.clone(), Arc::clone(&parts.grants));
    let grants = Grants::new(GrantsInner {
        clients: clients.clone(),
        authentication: Authentication::new(clients.clone(), Arc::clone(&parts.grants), &issuer),
        store: Arc::clone(&parts.grants),
        states: states.clone(),
        tokens: tokens.clone(),
        rules: rules.clone(),
        sign_in: parts.people.sign_in.clone(),
    });
    let screens = Screens::new(parts.people.pages.clone());
    let authorize = Authorize {
        clients: clients.clone(),
        sessions: parts.people.sessions.clone(),
        consents: parts.people.consents.clone(),
        store: parts.grants,
        screens: screens.clone(),
        tokens: tokens.clone(),
        rules,
    };
    let logout = Logout {
        clients: clients.clone(),
        sessions: parts.people.sessions.clone(),
        tokens: tokens.clone(),
        screens,
    };
    let userinfo = Userinfo { tokens, states: states.clone(), accounts: parts.accounts };
    let discovery = discovery::State::new(&issuer, clients, settings.tokens.password_grant);
    let routes = Router::from(discovery::routes().with_state(discovery))
        .merge(Router::from(keys::routes().with_state(keys::State::new(keys))))
        .merge(Router::from(authorize::routes().with_state(authorize)))
        .merge(Router::from(grants::routes().with_state(grants.clone())))
        .merge(Router::from(introspection::routes().with_state(grants.clone())))
        .merge(Router::from(revocation::routes().with_state(grants)))
        .merge(Router::from(userinfo::routes().with_state(userinfo)))
        .merge(Router::from(logout::routes().with_state(logout)));
    (routes, trusted, states)
}

/// The commands `rotate-keys` and `replace-keys`.
pub(crate) async fn rotate(
    settings: &Settings,
    store: Arc<dyn KeyStore>,
    occasion: Occasion,
) -> Result<(), StartError> {
    let keeper = Keeper::new(store, settings.keyring_file.clone(), policy(settings));
    let from = keeper.rotate(occasion, platform_service::now()).await?;
    tracing::info!(%from, "the newest signing key signs from then on");
    Ok(())
}

fn policy(settings: &Settings) -> Policy {
    Policy {
        period: Duration::days(i64::from(settings.tokens.key_rotation_days)),
        longest_token: Duration::try_from(settings.tokens.longest()).unwrap_or(Duration::DAY),
    }
}
