//! What a component depends on, and whether it is there now.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

/// How often a dependency that is there is looked at.
const INTERVAL_UP: Duration = Duration::from_secs(5);
/// How soon a missing one is looked at again, since requests wait for it: at first at once, for stores that
/// are about to be there, then less often, for those that stay away.
const FIRST_INTERVAL_DOWN: Duration = Duration::from_millis(10);
const LAST_INTERVAL_DOWN: Duration = Duration::from_millis(500);
/// A dependency that does not answer within this is not there.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether a component can serve without a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Without it the component is not ready: its own store.
    Hard,
    /// Reported, but the component stays ready: the broker, peers. So a dead broker takes nothing down.
    Soft,
}

/// Why a dependency is not usable; its text is shown by `/readyz`, so it must hold no secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CheckError(pub String);

impl CheckError {
    /// Makes a check's failure out of any error.
    pub fn new(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Unknown,
    Up,
    Down(String),
}

type Check = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), CheckError>> + Send>> + Send + Sync>;

/// One dependency and how to look at it.
pub struct Dependency {
    name: &'static str,
    need: Need,
    check: Check,
}

/// The component's dependencies and their last known state. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub struct Readiness(Arc<RwLock<Inner>>);

#[derive(Default)]
struct Inner {
    phase: Phase,
    states: Vec<(&'static str, Need, State)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
enum Phase {
    #[default]
    Starting,
    Serving,
    Draining,
}

/// What `/readyz` answers.
#[derive(Debug, Serialize)]
pub struct Report {
    ready: bool,
    phase: Phase,
    dependencies: Vec<DependencyReport>,
}

#[derive(Debug, Serialize)]
struct DependencyReport {
    name: &'static str,
    required: bool,
    up: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Dependency {
    /// A dependency called `name` (such as `postgres`), looked at by `check`.
    pub fn new<F, Fut>(name: &'static str, need: Need, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), CheckError>> + Send + 'static,
    {
        Self { name, need, check: Box::new(move || Box::pin(check())) }
    }
}

impl Readiness {
    /// Registers a dependency and looks at it until `stop`, from a task of its own.
    pub fn watch(&self, dependency: Dependency, stop: CancellationToken) {
        let Dependency { name, need, check } = dependency;
        self.write(|inner| inner.states.push((name, need, State::Unknown)));
        let readiness = self.clone();
        tokio::spawn(async move {
            let mut interval_down = FIRST_INTERVAL_DOWN;
            while !stop.is_cancelled() {
                let state = match tokio::time::timeout(CHECK_TIMEOUT, check()).await {
                    Ok(Ok(())) => State::Up,
                    Ok(Err(error)) => State::Down(error.to_string()),
                    Err(_) => State::Down(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())),
                };
                let pause = if state == State::Up { INTERVAL_UP } else { interval_down };
                let doubled = (interval_down * 2).min(LAST_INTERVAL_DOWN);
                interval_down = if state == State::Up { FIRST_INTERVAL_DOWN } else { doubled };
                readiness.record(name, state);
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => {}
                }
            }
        });
    }

    /// The component has started: from now on its dependencies decide.
    pub fn serving(&self) {
        self.write(|inner| inner.phase = Phase::Serving);
    }

    /// The component is about to stop: not ready, whatever its dependencies say.
    pub fn draining(&self) {
        self.write(|inner| inner.phase = Phase::Draining);
    }

    /// Whether the component should get requests now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.report().ready
    }

    /// The state of everything, for `/readyz`.
    #[must_use]
    pub fn report(&self) -> Report {
        let inner = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let dependencies = inner.states.iter().map(|(name, need, state)| DependencyReport {
            name,
            required: *need == Need::Hard,
            up: *state == State::Up,
            reason: match state {
                State::Up => None,
                State::Unknown => Some("not looked at yet".to_owned()),
                State::Down(reason) => Some(reason.clone()),
            },
        });
        let dependencies: Vec<_> = dependencies.collect();
        let ready = inner.phase == Phase::Serving && dependencies.iter().all(|it| it.up || !it.required);
        Report { ready, phase: inner.phase, dependencies }
    }

    fn record(&self, name: &'static str, state: State) {
        metrics::gauge!("dependency_up", "dependency" => name).set(if state == State::Up {
            1.0
        } else {
            0.0
        });
        self.write(|inner| {
            let Some(known) = inner.states.iter_mut().find(|known| known.0 == name) else { return };
            match (&known.2, &state) {
                (State::Unknown | State::Up, State::Down(reason)) => {
                    tracing::warn!(dependency = name, reason, "dependency is away");
                }
                (State::Down(_), State::Up) => tracing::info!(dependency = name, "dependency is back"),
                _ => {}
            }
            known.2 = state;
        });
    }

    fn write(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl Report {
    /// Whether the component should get requests now.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn after_checks(hard: bool, soft: bool) -> Readiness {
        let readiness = Readiness::default();
        let stop = CancellationToken::new();
        for (name, need, up) in [("store", Need::Hard, hard), ("broker", Need::Soft, soft)] {
            let check = move || async move { if up { Ok(()) } else { Err(CheckError::new("refused")) } };
            readiness.watch(Dependency::new(name, need, check), stop.clone());
        }
        readiness.serving();
        while readiness
            .report()
            .dependencies
            .iter()
            .any(|it| it.reason.as_deref() == Some("not looked at yet"))
        {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        readiness
    }

    #[tokio::test]
    async fn only_a_hard_dependency_decides() {
        assert!(after_checks(true, true).await.is_ready());
        assert!(after_checks(true, false).await.is_ready());
        assert!(!after_checks(false, true).await.is_ready());
    }

    #[tokio::test]
    async fn the_report_names_what_is_away() {
        let report = serde_json::to_value(after_checks(false, true).await.report()).unwrap();
        assert_eq!(report["dependencies"][0]["name"], "store");
        assert_eq!(report["dependencies"][0]["reason"], "refused");
    }

    #[tokio::test]
    async fn a_draining_component_is_not_ready() {
        let readiness = after_checks(true, true).await;
        readiness.draining();
        assert!(!readiness.is_ready());
    }
}
