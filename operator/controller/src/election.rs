//! Leader election by a Lease of our own. Every write is a PUT with the `resourceVersion` that was
//! read, so two candidates can't both win; a lease counts as expired when *this* process has seen no
//! change of it for its whole duration, so clocks of different nodes are never compared. It must not
//! know what the leader does: it says when leading begins and when it is over.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How the election is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// Who this candidate is; unique, also between two lives of one pod.
    pub identity: String,
    /// How long a holder that falls silent keeps the lease. Written into it in whole seconds.
    pub duration: Duration,
    /// A holder that couldn't renew for this long gives up; shorter than `duration`.
    pub deadline: Duration,
    /// How often the holder renews and the others look.
    pub period: Duration,
}

impl Settings {
    /// The usual times (those of client-go): 15 s, given up after 10 s, renewed every 2 s.
    #[must_use]
    pub fn new(namespace: String, name: String, identity: String) -> Self {
        Self {
            namespace,
            name,
            identity,
            duration: Duration::from_secs(15),
            deadline: Duration::from_secs(10),
            period: Duration::from_secs(2),
        }
    }
}

/// How leading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// We were asked to stop; the lease was given back as far as the server could be reached.
    Released,
    /// Somebody else holds the lease, or it couldn't be renewed in time. What the leader does must
    /// end at once: the process exits.
    Lost,
}

/// One candidate.
#[derive(Clone)]
pub struct Candidate {
    api: Api<Lease>,
    settings: Settings,
}

/// What was read last, and since when it has been unchanged by the local clock.
struct Seen {
    lease: Lease,
    since: Instant,
}

/// The lease is ours. Dropping it changes nothing on the server.
pub struct Leadership {
    candidate: Candidate,
    lease: Lease,
    renewed: Instant,
}

impl Candidate {
    /// A candidate; it does nothing until [`Candidate::acquire`].
    #[must_use]
    pub fn new(client: Client, settings: Settings) -> Self {
        Self { api: Api::namespaced(client, &settings.namespace), settings }
    }

    /// Waits until the lease is ours. `None` when `stop` came first.
    ///
    /// Trouble with the server is logged and waited out: a candidate that can't reach it isn't leader,
    /// and that is all there is to say.
    pub async fn acquire(&self, stop: &CancellationToken) -> Option<Leadership> {
        let mut seen: Option<Seen> = None;
        loop {
            let started = Instant::now();
            match self.attempt(&mut seen).await {
                Ok(Some(lease)) => {
                    tracing::info!(identity = self.settings.identity, "this replica leads");
                    return Some(Leadership { candidate: self.clone(), lease, renewed: started });
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "the lease can't be read or taken"),
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(self.settings.period) => {}
            }
        }
    }

    /// One look at the lease, and an attempt to take it when it is free.
    async fn attempt(&self, seen: &mut Option<Seen>) -> Result<Option<Lease>, kube::Error> {
        let Some(lease) = self.api.get_opt(&self.settings.name).await? else {
            let fresh = Lease {
                metadata: ObjectMeta { name: Some(self.settings.name.clone()), ..ObjectMeta::default() },
                spec: Some(self.taken(None)),
            };
            return won(self.api.create(&PostParams::default(), &fresh).await);
        };
        let unchanged = seen
            .as_ref()
            .filter(|seen| seen.lease.metadata.resource_version == lease.metadata.resource_version)
            .map(|seen| seen.since);
        let since = unchanged.unwrap_or_else(Instant::now);
        let free = self.is_free(&lease, since);
        let next = free.then(|| Lease { spec: Some(self.taken(lease.spec.as_ref())), ..lease.clone() });
        *seen = Some(Seen { lease, since });
        match next {
            Some(next) => won(self.api.replace(&self.settings.name, &PostParams::default(), &next).await),
            None => Ok(None),
        }
    }

    fn is_free(&self, lease: &Lease, unchanged_since: Instant) -> bool {
        let Some(spec) = &lease.spec else { return true };
        let holder = spec.holder_identity.as_deref().unwrap_or_default();
        if holder.is_empty() || holder == self.settings.identity {
            return true;
        }
        let duration = spec
            .lease_duration_seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(self.settings.duration, Duration::from_secs);
        unchanged_since.elapsed() >= duration
    }

    /// The specification with us as the holder.
    fn taken(&self, previous: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let changes = previous.is_some_and(|spec| {
            spec.holder_identity.as_deref().unwrap_or_default() != self.settings.identity
        });
        let transitions = previous.and_then(|spec| spec.lease_transitions).unwrap_or_default();
        LeaseSpec {
            holder_identity: Some(self.settings.identity.clone()),
            lease_duration_seconds: Some(whole_seconds(self.settings.duration)),
            acquire_time: match previous {
                Some(spec) if !changes => spec.acquire_time.clone(),
                _ => Some(now.clone()),
            },
            renew_time: Some(now),
            lease_transitions: Some(transitions.saturating_add(i32::from(changes))),
            ..previous.cloned().unwrap_or_default()
        }
    }
}

impl Leadership {
    /// Renews until `stop` (then gives the lease back) or until it is lost.
    pub async fn hold(mut self, stop: &CancellationToken) -> Ended {
        let settings = self.candidate.settings.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => {
                    self.release().await;
                    return Ended::Released;
                }
                () = tokio::time::sleep(settings.period) => {}
            }
            // Counted from before the call: the server may have stored it long before it answered.
            let started = Instant::now();
            let remaining = settings.deadline.saturating_sub(self.renewed.elapsed());
            match tokio::time::timeout(remaining, self.renew()).await {
                Ok(Ok(())) => self.renewed = started,
                Ok(Err(Renewal::Taken { holder })) => {
                    tracing::error!(holder, "another replica took the lease");
                    return Ended::Lost;
                }
                Ok(Err(Renewal::Failed(error))) => tracing::warn!(%error, "the lease could not be renewed"),
                Err(_) => tracing::warn!("the lease could not be renewed in time"),
            }
            if self.renewed.elapsed() >= settings.deadline {
                tracing::error!(deadline = ?settings.deadline, "no renewal within the deadline");
                return Ended::Lost;
            }
        }
    }

    async fn renew(&mut self) -> Result<(), Renewal> {
        let candidate = &self.candidate;
        let next = Lease { spec: Some(candidate.taken(self.lease.spec.as_ref())), ..self.lease.clone() };
        match candidate.api.replace(&candidate.settings.name, &PostParams::default(), &next).await {
            Ok(lease) => {
                self.lease = lease;
                Ok(())
            }
            Err(error) if status_code(&error) == Some(409) || status_code(&error) == Some(404) => {
                self.look_again().await
            }
            Err(error) => Err(Renewal::Failed(error)),
        }
    }

    /// Somebody wrote the lease. It stays ours when our name is still in it (an answer of ours was
    /// lost, or a person added a label); the next renewal then uses what was read.
    async fn look_again(&mut self) -> Result<(), Renewal> {
        let candidate = &self.candidate;
        let lease = candidate.api.get(&candidate.settings.name).await.map_err(Renewal::Failed)?;
        let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone()).unwrap_or_default();
        if holder != candidate.settings.identity {
            return Err(Renewal::Taken { holder });
        }
        self.lease = lease;
        let next = Lease { spec: Some(candidate.taken(self.lease.spec.as_ref())), ..self.lease.clone() };
        self.lease = candidate
            .api
            .replace(&candidate.settings.name, &PostParams::default(), &next)
            .await
            .map_err(Renewal::Failed)?;
        Ok(())
    }

    /// Leaves the lease without a holder, so that the next candidate need not wait for its end.
    async fn release(mut self) {
        let candidate = &self.candidate;
        if let Some(spec) = &mut self.lease.spec {
            spec.holder_identity = None;
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        let params = PostParams::default();
        let put = candidate.api.replace(&candidate.settings.name, &params, &self.lease);
        match tokio::time::timeout(candidate.settings.period, put).await {
            Ok(Ok(_)) => tracing::info!("the lease is given back"),
            Ok(Err(error)) => tracing::warn!(%error, "the lease could not be given back; it will expire"),
            Err(_) => tracing::warn!("the lease could not be given back in time; it will expire"),
        }
    }
}

/// Why a renewal didn't happen.
enum Renewal {
    Taken { holder: String },
    Failed(kube::Error),
}

/// A lost race is no error: somebody else was quicker.
fn won(result: Result<Lease, kube::Error>) -> Result<Option<Lease>, kube::Error> {
    match result {
        Ok(lease) => Ok(Some(lease)),
        Err(error) if status_code(&error) == Some(409) => Ok(None),
        Err(error) => Err(error),
    }
}

fn status_code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// At least one: the API refuses a lease without a duration.
fn whole_seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX).max(1)
}
