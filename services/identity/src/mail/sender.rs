//! Sends what waits, in every replica.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use platform_http::problem::Chain;
use time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::domain::{Kind, Mail, Purpose};
use super::post::{Post, PostError};
use super::store::MailStore;
use crate::accounts::StoreError;
use crate::capability;
use crate::language::Texts as _;

/// How soon a mail of another replica's request is noticed; one's own wakes the sender.
const POLL: StdDuration = StdDuration::from_secs(5);
/// Longer than one mail may take: nobody else tries it meanwhile.
const LEASE: Duration = Duration::minutes(2);
const LONGEST_PAUSE: Duration = Duration::hours(1);
const GIVEN_UP_AFTER: Duration = Duration::days(1);

/// How long links work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetimes {
    pub(crate) reset: Duration,
    pub(crate) verify: Duration,
}

/// Tells the sender that a mail waits. Cheap to clone; waking too often is harmless.
#[derive(Debug, Clone, Default)]
pub(crate) struct MailWaker(Arc<Notify>);

impl MailWaker {
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }
}

#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Post(#[from] PostError),
    #[error(transparent)]
    Random(#[from] capability::NoRandomness),
}

/// Sends mails.
pub(crate) struct Sender {
    store: Arc<dyn MailStore>,
    post: Post,
    /// Identity's public address, below which links lead.
    base: Url,
    lifetimes: Lifetimes,
    waker: MailWaker,
}

impl Sender {
    pub(crate) fn new(store: Arc<dyn MailStore>, post: Post, base: Url, lifetimes: Lifetimes) -> Self {
        Self { store, post, base, lifetimes, waker: MailWaker::default() }
    }

    /// To be called after each commit that lets a mail wait.
    pub(crate) fn waker(&self) -> MailWaker {
        self.waker.clone()
    }

    /// Sends until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.send_all(&stop).await {
                tracing::debug!(error = %Chain(&error), "can't read which mails wait");
            }
            tokio::select! {
                () = self.waker.0.notified() => {}
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn send_all(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        while !stop.is_cancelled() {
            let now = platform_service::now();
            let Some(mail) = self.store.take(now, now + LEASE).await? else { break };
            match self.send(&mail).await {
                Ok(()) => self.store.done(mail.id).await?,
                Err(error) => {
                    let hopeless = matches!(&error, SendError::Post(error) if error.is_permanent());
                    let kind = mail.kind.as_str();
                    if hopeless || now - mail.created_at > GIVEN_UP_AFTER {
                        tracing::warn!(error = %Chain(&error), kind, "a mail is given up");
                        self.store.done(mail.id).await?;
                    } else {
                        tracing::warn!(error = %Chain(&error), kind, "a mail did not leave; trying again later");
                        let pause = Duration::seconds(5 << mail.attempts.clamp(0, 12)).min(LONGEST_PAUSE);
                        self.store.postpone(mail.id, now + pause).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        let link = match mail.kind.purpose() {
            Some(purpose) => match self.link(mail, purpose).await? {
                Some(link) => link,
                // Withdrawn: there is nothing to send.
                None => return Ok(()),
            },
            None => format!("{}/forgotten", self.base),
        };
        let key = match mail.kind {
            Kind::VerifyEmail => "mail-verify",
            Kind::ChangeEmail => "mail-change",
            Kind::ResetPassword => "mail-reset",
            Kind::AddressTaken => "mail-taken",
            Kind::EmailChanged => "mail-email-changed",
            Kind::PasswordChanged => "mail-password-changed",
            Kind::SecondFactorOn => "mail-second-factor-on",
            Kind::SecondFactorOff => "mail-second-factor-off",
            Kind::RecoveryCodeUsed => "mail-recovery-code-used",
        };
        let subject = mail.language.text(&format!("{key}-subject"));
        let body = mail.language.text_with(&format!("{key}-text"), &[("link", &link)]);
        let end = mail.language.text("mail-end");
        Ok(self.post.send(&mail.email, subject, format!("{body}\n\n{end}\n")).await?)
    }

    /// A link that works once. It is kept before it is sent: one that arrives works. `None` when the mail was
    /// withdrawn.
    async fn link(&self, mail: &Mail, purpose: Purpose) -> Result<Option<String>, SendError> {
        let now = platform_service::now();
        let lifetime = match purpose {
            Purpose::ResetPassword => self.lifetimes.reset,
            Purpose::VerifyEmail | Purpose::ChangeEmail => self.lifetimes.verify,
        };
        let token = capability::generate()?;
        let hash = capability::sha256(token.as_bytes());
        let kept = self.store.insert_link(&hash, mail, purpose, now, now + lifetime).await?;
        Ok(kept.then(|| format!("{}{}?token={token}", self.base, purpose.path())))
    }
}
