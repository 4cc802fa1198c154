//! The steps of one pass, in their order: dereference → validate → build → apply → status.

use std::collections::{BTreeSet, HashSet};

use courseplatform_api::{CoursePlatform, CoursePlatformStatus, VersionStatus};
use k8s_openapi::jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};

use super::clients::Told;
use super::nodes::{nodes, opened};
use super::{Context, PassError, QUIET, State, WAITING_FOR_A_PERSON, jittered, publish};
use crate::apply::{Applier, Change, Orphan, Owner};
use crate::build::{Opens, Part, Plan, build, first_admin_secret};
use crate::children::{ChildKey, Kind, PlatformKey};
use crate::dereference::{client_secrets, dereference};
use crate::events;
use crate::graph::{Node, Progress};
use crate::status::{self, Failure, Findings, Stamp};
use crate::validate::{Fault, Invalid, ValidatedPlatform, validate};
use crate::{labels, metrics};

pub(super) struct Pass<'a> {
    pub(super) platform: &'a CoursePlatform,
    pub(super) context: &'a Context,
    pub(super) state: &'a mut State,
    pub(super) now: Timestamp,
}

impl Pass<'_> {
    pub(super) async fn run(mut self) -> Result<Action, PassError> {
        let before = self.state.known.latest(self.platform);
        // The cache may be older than what we wrote; the version must never be pinned twice.
        let mut current = self.platform.clone();
        current.status = Some(before.clone());
        let told = Told::of(&self.context.children.family(&self.owner().key));
        let known = self.state.clients.known(&told);
        let found = dereference(&self.context.client, &current, known).await.map_err(Box::new)?;
        self.state.clients.learn(told, &found.client_secrets);
        match validate(&current, &found, &self.context.defaults) {
            Ok(valid) => self.bring_about(valid, before).await,
            Err(faults) => self.refuse(&faults, before).await,
        }
    }

    async fn refuse(
        &mut self,
        faults: &[Invalid],
        before: CoursePlatformStatus,
    ) -> Result<Action, PassError> {
        let now = self.now.to_string();
        let after = status::refused(faults, &before, self.stamp(&now));
        self.write_status(&before, after, Vec::new()).await?;
        if faults.iter().any(|fault| fault.fault == Fault::Reference) {
            return Ok(Action::requeue(jittered(WAITING_FOR_A_PERSON)));
        }
        Ok(Action::await_change())
    }

    async fn bring_about(
        &mut self,
        mut valid: ValidatedPlatform,
        before: CoursePlatformStatus,
    ) -> Result<Action, PassError> {
        let before = self.pin_version(&valid, before).await?;
        let mut plan = build(&valid);
        let owner = self.owner();
        let mut failures = Vec::new();
        let mut done = Done::default();
        if !valid.paused {
            self.secrets(&owner, &plan, &mut done, &mut failures).await;
            if done.has_new_clients {
                // identity's list is made of what lies in the clients' Secrets, so it is built when they
                // are all there, and no client is missing from it even for a moment.
                let found = client_secrets(&self.context.client, self.platform).await;
                valid.client_secrets = found.map_err(Box::new)?;
                plan = build(&valid);
            }
            // There by what the watches told, and gone by now: the next pass makes it anew.
            done.misses_a_client |= done.clients.iter().any(|id| !valid.client_secrets.contains_key(id));
        }
        let nodes = nodes(&owner, &mut plan, &mut failures);
        if !valid.paused {
            self.apply(&owner, &plan, &nodes, &mut done, &mut failures).await;
        }
        let valid = &valid;
        let family = self.context.children.family(&owner.key);
        let progress = Progress::of(&nodes, &family, &self.state.memory);
        let admin_secret = first_admin_secret(valid);
        let findings = Findings {
            platform: valid,
            progress: &progress,
            family: &family,
            failures: &failures,
            before: &before,
            admin_secret: Some(&admin_secret),
        };
        let now = self.now.to_string();
        let after = status::evaluated(&findings, self.stamp(&now));
        self.write_status(&before, after, events::of_changes(&done.changes, &done.orphans)).await?;
        next(failures)
    }

    fn owner(&self) -> Owner {
        Owner {
            key: PlatformKey {
                namespace: self.platform.namespace().unwrap_or_default(),
                name: self.platform.name_any(),
            },
            uid: self.platform.uid().unwrap_or_default(),
            retry: self.platform.annotations().get(labels::RETRY_ANNOTATION).cloned(),
        }
    }

    fn stamp<'t>(&self, now: &'t str) -> Stamp<'t> {
        Stamp { generation: self.platform.metadata.generation, now }
    }

    /// Writes the version that is aimed at into the status before anything of it is made, so that an
    /// operator of another version that takes over in the middle goes on with it (OPERATOR rule 1).
    async fn pin_version(
        &mut self,
        valid: &ValidatedPlatform,
        before: CoursePlatformStatus,
    ) -> Result<CoursePlatformStatus, PassError> {
        let version = before.version.clone().unwrap_or_default();
        if version.target.as_ref() == Some(&valid.version) || valid.paused {
            return Ok(before);
        }
        let pinned = CoursePlatformStatus {
            version: Some(VersionStatus { target: Some(valid.version.clone()), ..version }),
            ..before
        };
        self.state.known.write(&self.context.client, self.platform, pinned.clone()).await?;
        Ok(pinned)
    }

    /// Makes the Secrets that aren't there: first of all, since everything mounts them.
    async fn secrets(&mut self, owner: &Owner, plan: &Plan, done: &mut Done, failures: &mut Vec<Failure>) {
        let family = self.context.children.family(&owner.key);
        let mut applier =
            Applier { client: &self.context.client, owner, family: &family, memory: &mut self.state.memory };
        for spec in &plan.secrets {
            match applier.secret(spec).await {
                Ok(change) => {
                    done.has_new_clients |= spec.client.is_some() && change == Change::Created;
                    done.clients.extend(spec.client.clone());
                    done.note(ChildKey { kind: Kind::Secret, name: spec.name.clone() }, change);
                }
                Err(error) => {
                    // What is made before the Secret that opens it would look as if that one was lost.
                    done.locked.extend(spec.opens.as_ref().map(Opens::key));
                    done.misses_a_client |= spec.client.is_some() && error.is_transient();
                    failures.push(Failure { part: spec.part, error });
                }
            }
        }
    }

    /// Applies what the graph lets through, in the order of the plan. What fails holds up nobody else.
    async fn apply(
        &mut self,
        owner: &Owner,
        plan: &Plan,
        nodes: &[Node],
        done: &mut Done,
        failures: &mut Vec<Failure>,
    ) {
        let family = self.context.children.family(&owner.key);
        let progress = Progress::of(nodes, &family, &self.state.memory);
        let mut applier =
            Applier { client: &self.context.client, owner, family: &family, memory: &mut self.state.memory };
        for node in nodes {
            let key = &node.complete.key;
            // Written without a client whose Secret is only late, the list would end that one's tokens.
            let incomplete = key.kind == Kind::Secret && done.misses_a_client;
            let locked = incomplete || opened(node).iter().any(|key| done.locked.contains(key));
            if locked || !progress.waits_for(node).is_empty() {
                continue;
            }
            match applier.object(&node.complete).await {
                Ok(change) => done.note(key.clone(), change),
                Err(error) => {
                    failures.push(Failure { part: node.part, error });
                    continue;
                }
            }
            if key.kind == Kind::StatefulSet {
                match applier.claims(&node.complete).await {
                    Ok(changes) => changes.into_iter().for_each(|(claim, change)| done.note(claim, change)),
                    Err(error) => failures.push(Failure { part: node.part, error }),
                }
            }
        }
        let secrets =
            plan.secrets.iter().map(|spec| ChildKey { kind: Kind::Secret, name: spec.name.clone() });
        let wanted: BTreeSet<ChildKey> =
            nodes.iter().map(|node| node.complete.key.clone()).chain(secrets).collect();
        let (orphans, errors) = applier.orphans(&wanted).await;
        done.orphans = orphans;
        failures.extend(errors.into_iter().map(|error| Failure { part: Part::Platform, error }));
    }

    async fn write_status(
        &mut self,
        before: &CoursePlatformStatus,
        after: CoursePlatformStatus,
        mut news: Vec<events::News>,
    ) -> Result<(), PassError> {
        let (namespace, name) = (self.platform.namespace().unwrap_or_default(), self.platform.name_any());
        let of = metrics::Of { namespace: &namespace, name: &name };
        publish::metrics(of, before, &after);
        news.extend(events::of_status(before, &after));
        self.state.known.write(&self.context.client, self.platform, after).await?;
        self.context.announcer.publish(&self.platform.object_ref(&()), news).await;
        Ok(())
    }
}

/// What a pass did.
#[derive(Debug, Default)]
struct Done {
    changes: Vec<(ChildKey, Change)>,
    orphans: Vec<Orphan>,
    /// What is opened by a Secret that couldn't be made.
    locked: HashSet<ChildKey>,
    /// The OAuth clients that have their Secret.
    clients: Vec<String>,
    /// Whether the Secret of one was made.
    has_new_clients: bool,
    /// Whether one has no Secret for a reason that may pass.
    misses_a_client: bool,
}

impl Done {
    fn note(&mut self, key: ChildKey, change: Change) {
        if change != Change::None {
            tracing::info!(child = %key, ?change, "applied");
            self.changes.push((key, change));
        }
    }
}

/// When to look again, by the worst that happened.
fn next(failures: Vec<Failure>) -> Result<Action, PassError> {
    let count = failures.len();
    let mut waits_for_a_person = false;
    for failure in failures {
        if failure.error.is_transient() {
            return Err(PassError::Apply { count, first: failure.error });
        }
        tracing::warn!(error = %failure.error, "an object could not be applied");
        waits_for_a_person = true;
    }
    let pause = if waits_for_a_person { WAITING_FOR_A_PERSON } else { QUIET };
    Ok(Action::requeue(jittered(pause)))
}
