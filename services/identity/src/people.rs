//! Puts together what is about people: accounts, sessions, passwords, second factors, mails and pages.

use std::sync::Arc;

use platform_service::{Runtime, StartError};
use time::Duration;

use crate::PUBLIC_PREFIX;
use crate::accounts::{Accounts, Hasher, Rules, SignIn, Words};
use crate::clients::Clients;
use crate::consents::Consents;
use crate::cookies::Jar;
use crate::mail::{Lifetimes, Post, Sender};
use crate::pages::Pages;
use crate::second_factor::SecondFactors;
use crate::sessions::Sessions;
use crate::settings::{self, Settings};
use crate::stores::Stores;
use crate::throttle::Throttle;
use crate::upkeep::Upkeep;

/// Everything that is about people: accounts, sessions, passwords, pages.
pub(crate) struct People {
    pub(crate) accounts: Accounts,
    pub(crate) sessions: Sessions,
    pub(crate) consents: Consents,
    pub(crate) sign_in: SignIn,
    pub(crate) second_factors: SecondFactors,
    pub(crate) throttle: Throttle,
    pub(crate) pages: Pages,
}

impl People {
    /// Starts what works beside the requests: mails that wait, upkeep.
    pub(crate) fn new(
        settings: &Settings,
        stores: Stores,
        clients: Clients,
        runtime: &mut Runtime,
    ) -> Result<Self, StartError> {
        let public_url = &settings.common.server.public_url;
        let host = public_url.host_str().unwrap_or("localhost");
        let post = Post::new(settings.mail.clone(), host);
        let rules = Rules {
            sign_up_open: settings.accounts.sign_up == settings::SignUp::Open,
            mail_reaches_people: post.reaches_people(),
            verified_email_required: settings
                .accounts
                .require_verified_email
                .unwrap_or(post.reaches_people()),
            second_factor: settings.accounts.second_factor_required_for,
            words: Words::of_platform(host),
        };
        let lifetimes = Lifetimes {
            reset: Duration::minutes(i64::from(settings.mail.reset_link_minutes)),
            verify: Duration::hours(i64::from(settings.mail.verify_link_hours)),
        };
        let base = settings.common.server.public(PUBLIC_PREFIX, "");
        let sender = Sender::new(Arc::clone(&stores.mails), post, base, lifetimes);
        let wakers = (stores.relay.clone(), sender.waker());
        runtime.spawn(|stop| sender.run(stop));

        let hasher = Hasher::new(&settings.passwords)?;
        let throttle = Throttle::new(stores.throttle, &settings.limits);
        let accounts = Accounts::new(
            Arc::clone(&stores.accounts),
            Arc::clone(&stores.mails),
            hasher.clone(),
            throttle.clone(),
            rules,
            wakers,
        );
        let jar = Jar { https: public_url.scheme() == "https" };
        let lifetime = Duration::days(i64::from(settings.accounts.session_days));
        let sessions = Sessions::new(stores.sessions, stores.accounts, jar, lifetime);
        let consents = Consents::new(stores.consents, clients);
        let sign_in = SignIn::new(accounts.clone(), hasher, throttle.clone());
        let second_factors = SecondFactors::new(
            stores.second_factors,
            accounts.clone(),
            throttle.clone(),
            settings.keyring_file.clone(),
        );
        let first = settings.accounts.first_admin_file.clone();
        let swept = (throttle.clone(), second_factors.clone());
        let upkeep = Upkeep::new(accounts.clone(), sessions.clone(), swept, stores.mails, first);
        runtime.spawn(|stop| upkeep.run(stop));
        let pages = Pages::new(public_url, jar);
        Ok(Self { accounts, sessions, consents, sign_in, second_factors, throttle, pages })
    }
}
