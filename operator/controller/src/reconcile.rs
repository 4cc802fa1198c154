//! One pass over one platform: dereference → validate → build → apply → status. A pass decides by what is
//! true now and can be repeated at any time; what it couldn't do, the next one does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use courseplatform_api::CoursePlatform;
use k8s_openapi::jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::{Client, Resource, ResourceExt};

use crate::apply::{ApplyError, Memory};
use crate::children::{Children, PlatformKey};
use crate::events::{self, Announcer};
use crate::metrics;
use crate::validate::Defaults;

mod clients;
mod nodes;
mod pass;
mod publish;

use clients::Clients;
use pass::Pass;
use publish::{Known, malformed};

/// A pass that takes longer has lost its server; the next one starts from what is true then.
const PASS_LIMIT: Duration = Duration::from_secs(120);
/// How often a platform is looked at without a reason, give or take a tenth.
const QUIET: Duration = Duration::from_mins(10);
/// Secrets that people make carry no label of ours, so no watch tells when a missing one has come; nor
/// when a stranger's object has gone.
const WAITING_FOR_A_PERSON: Duration = Duration::from_secs(15);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_mins(2);

/// Why a pass has to be repeated.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The API server couldn't be asked or failed.
    #[error("the API server: {0}")]
    Api(#[from] Box<kube::Error>),
    /// Objects could not be applied for reasons that may pass.
    #[error("{count} objects could not be applied, first {first}")]
    Apply {
        /// How many.
        count: usize,
        /// The first one.
        first: ApplyError,
    },
    /// It took too long.
    #[error("the pass took longer than {} s", PASS_LIMIT.as_secs())]
    TooLong,
    /// It ended in a bug.
    #[error("the pass ended unexpectedly: {0}")]
    Broken(tokio::task::JoinError),
}

impl PassError {
    const fn reason(&self) -> &'static str {
        match self {
            Self::Api(_) => "Api",
            Self::Apply { first, .. } => first.reason(),
            Self::TooLong => "Timeout",
            Self::Broken(_) => "Bug",
        }
    }
}

/// What all passes share.
pub struct Context {
    client: Client,
    children: Children,
    announcer: Announcer,
    defaults: Defaults,
    platforms: Mutex<HashMap<PlatformKey, Arc<tokio::sync::Mutex<State>>>>,
}

/// What is kept of a platform between passes.
#[derive(Debug, Default)]
struct State {
    /// Which platform of this name it is about.
    uid: String,
    memory: Memory,
    known: Known,
    clients: Clients,
    /// Passes that failed in a row.
    failures: u32,
}

impl Context {
    /// A context for passes that read `children`.
    #[must_use]
    pub fn new(client: Client, children: Children, announcer: Announcer, defaults: Defaults) -> Self {
        Self { client, children, announcer, defaults, platforms: Mutex::default() }
    }

    fn state(&self, key: &PlatformKey) -> Arc<tokio::sync::Mutex<State>> {
        let mut platforms = self.platforms.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(platforms.entry(key.clone()).or_default())
    }

    /// Forgets a platform that was deleted, and tells what stays of it.
    pub async fn forget(&self, platform: &DeserializeGuard<CoursePlatform>) {
        let key = key_of(platform);
        self.platforms.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        metrics::platform(metrics::Of { namespace: &key.namespace, name: &key.name }, false, false);
        let uid = platform.meta().uid.clone();
        let kept: Vec<String> = self
            .children
            .family(&key)
            .iter()
            .filter(|(_, seen)| seen.retained_by.is_some() && seen.retained_by == uid)
            .map(|(child, _)| child.to_string())
            .collect();
        tracing::info!(platform = %key, kept = kept.len(), "the platform was deleted");
        if let (Ok(platform), false) = (&platform.0, kept.is_empty()) {
            let news = vec![events::data_retained(&kept)];
            self.announcer.publish(&platform.object_ref(&()), news).await;
        }
    }
}

fn key_of(platform: &DeserializeGuard<CoursePlatform>) -> PlatformKey {
    PlatformKey { namespace: platform.namespace().unwrap_or_default(), name: platform.name_any() }
}

/// One pass, limited in time; a bug in it ends the pass and not the program.
///
/// # Errors
/// When it has to be repeated soon; [`again`] says when.
pub async fn reconcile(
    platform: Arc<DeserializeGuard<CoursePlatform>>,
    context: Arc<Context>,
) -> Result<Action, PassError> {
    let started = Instant::now();
    let key = key_of(&platform);
    let state = context.state(&key);
    let pass = tokio::spawn(async move {
        let mut state = state.lock().await;
        let outcome = match tokio::time::timeout(PASS_LIMIT, pass(&platform, &context, &mut state)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(PassError::TooLong),
        };
        state.failures = if outcome.is_ok() { 0 } else { state.failures.saturating_add(1) };
        outcome
    });
    let outcome = pass.await.unwrap_or_else(|error| Err(PassError::Broken(error)));
    let took = started.elapsed();
    metrics::reconciled(took);
    // The histogram's buckets are for dashboards; e2e/bench/operator.sh wants the very times.
    tracing::debug!(platform = %key, took_us = took.as_micros(), "a pass");
    outcome
}

/// What follows a failed pass: another one, later each time.
pub(crate) fn again(
    platform: &DeserializeGuard<CoursePlatform>,
    error: &PassError,
    context: &Context,
) -> Action {
    let key = key_of(platform);
    metrics::reconcile_failed(error.reason());
    // Nobody holds the lock now: the pass is over, and the next one hasn't begun.
    let failures = context.state(&key).try_lock().map_or(1, |state| state.failures);
    let pause = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE);
    tracing::warn!(platform = %key, %error, failures, ?pause, "the pass failed");
    Action::requeue(jittered(pause))
}

/// The duration, up to a tenth longer or shorter, so that platforms don't stay in step.
fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(rand::random_range(0.9..1.1))
}

async fn pass(
    platform: &DeserializeGuard<CoursePlatform>,
    context: &Context,
    state: &mut State,
) -> Result<Action, PassError> {
    let uid = platform.meta().uid.clone().unwrap_or_default();
    if state.uid != uid {
        *state = State { uid, ..State::default() };
    }
    // Its children go with it; making them anew would only hold that up.
    if platform.meta().deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    match &platform.0 {
        Ok(platform) => Pass { platform, context, state, now: Timestamp::now() }.run().await,
        Err(invalid) => {
            malformed(context, state, invalid).await?;
            Ok(Action::await_change())
        }
    }
}
