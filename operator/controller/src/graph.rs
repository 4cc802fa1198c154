//! The rollout as a graph, looked at anew in each pass: servers → provisioning → a component's migration →
//! the component → those that come after it (gateway, then web). An object whose way isn't clear is left
//! as it is; everything else goes on, so order waits for its own migration and not for everybody's
//! (OPERATOR rule 8). Pure: it knows what was seen and what is wanted, and starts nothing.

use std::collections::BTreeMap;

use platform_components::{Name, ServerKind, component, components};

use crate::apply::{Complete, Memory};
use crate::build::{Part, Stage, Wanted};
use crate::children::{ChildKey, Facts, Family, JobState, Kind, Workload};

/// An object of the plan, completed.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it belongs to.
    pub part: Part,
    /// When it may be applied.
    pub stage: Stage,
    /// The object.
    pub complete: Complete,
}

impl Node {
    /// A node of a wanted object and its completed form.
    #[must_use]
    pub fn new(wanted: &Wanted, complete: Complete) -> Self {
        Self { part: wanted.part, stage: wanted.stage, complete }
    }
}

/// How far a Deployment or StatefulSet has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollout {
    /// It doesn't exist.
    Absent,
    /// It exists.
    Present {
        /// Whether it is what is wanted now, and its status is about that.
        current: bool,
        /// What its controller tells.
        workload: Workload,
    },
}

impl Rollout {
    /// Whether what is wanted now has been rolled out.
    #[must_use]
    pub fn done(&self) -> bool {
        matches!(self, Self::Present { current: true, workload } if workload.rolled_out())
    }

    /// Whether all its pods are ready, whichever template they are of.
    #[must_use]
    pub fn ready(&self) -> bool {
        matches!(self, Self::Present { workload, .. } if workload.all_ready())
    }
}

/// How far a Job has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// None is wanted.
    NotNeeded,
    /// It is wanted and wasn't made yet.
    Absent,
    /// It exists.
    Present(JobState),
}

impl Task {
    /// Whether what follows it may go on.
    #[must_use]
    pub const fn done(&self) -> bool {
        matches!(self, Self::NotNeeded | Self::Present(JobState::Complete))
    }

    /// Why it failed, when it did.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        match self {
            Self::Present(JobState::Failed { reason, message }) => Some(format!("{reason}: {message}")),
            _ => None,
        }
    }
}

/// One component's way.
#[derive(Clone, Debug)]
pub struct ComponentProgress {
    /// Its migration.
    pub migration: Task,
    /// Its Deployment.
    pub rollout: Rollout,
    /// What its Deployment waits for, in words; empty when the way is clear.
    pub waits_for: Vec<String>,
}

/// How far everything has come.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The managed servers.
    pub servers: BTreeMap<ServerKind, Rollout>,
    /// Databases, users and topology.
    pub provision: Task,
    /// The components.
    pub components: BTreeMap<Name, ComponentProgress>,
}

impl Progress {
    /// Looks at what was seen with what is wanted in mind.
    #[must_use]
    pub fn of(nodes: &[Node], family: &Family, memory: &Memory) -> Self {
        let look = Look { nodes, family, memory };
        let servers: BTreeMap<ServerKind, Rollout> = nodes
            .iter()
            .filter_map(|node| match (node.part, node.complete.key.kind) {
                (Part::Server(kind), Kind::StatefulSet) => Some((kind, look.rollout(&node.complete))),
                _ => None,
            })
            .collect();
        let provision = look.task(Part::Provision, Stage::Provision);
        let mut progress = Self { servers, provision, components: BTreeMap::new() };
        for entry in components() {
            let part = Part::Component(entry.name);
            let rollout = nodes
                .iter()
                .find(|node| node.part == part && node.complete.key.kind == Kind::Deployment)
                .map_or(Rollout::Absent, |node| look.rollout(&node.complete));
            let migration = look.task(part, Stage::Migrate);
            let one = ComponentProgress { migration, rollout, waits_for: Vec::new() };
            progress.components.insert(entry.name, one);
        }
        for entry in components() {
            let waits_for = progress.serve_waits_for(entry.name);
            if let Some(one) = progress.components.get_mut(&entry.name) {
                one.waits_for = waits_for;
            }
        }
        progress
    }

    /// What an object waits for, in words; empty when it may be applied.
    #[must_use]
    pub fn waits_for(&self, node: &Node) -> Vec<String> {
        match (node.stage, node.part) {
            (Stage::Base | Stage::Server, _) => Vec::new(),
            (Stage::Provision, _) => self.servers_that_start(),
            (Stage::Migrate, _) => self.provisioning(),
            (Stage::Seed, Part::Component(name)) => self.migration_of(name),
            (Stage::Serve, Part::Component(name)) => self.serve_waits_for(name),
            // Not made by *build*; what belongs to no component waits for none.
            (Stage::Seed | Stage::Serve, _) => Vec::new(),
        }
    }

    fn servers_that_start(&self) -> Vec<String> {
        self.servers
            .iter()
            .filter(|(_, rollout)| !rollout.ready())
            .map(|(kind, _)| kind.to_string())
            .collect()
    }

    fn provisioning(&self) -> Vec<String> {
        if self.provision.done() { Vec::new() } else { vec!["databases and users".to_owned()] }
    }

    fn migration_of(&self, name: Name) -> Vec<String> {
        let done = self.components.get(&name).is_some_and(|one| one.migration.done());
        if done { Vec::new() } else { vec!["its migration".to_owned()] }
    }

    fn serve_waits_for(&self, name: Name) -> Vec<String> {
        let entry = component(name);
        let mut waits = self.migration_of(name);
        if !entry.servers.is_empty() && waits.is_empty() {
            waits = self.provisioning();
        }
        waits.extend(
            entry.after.iter().filter(|before| self.holds_back(**before, name)).map(ToString::to_string),
        );
        waits
    }

    /// Whether `before` is still to be waited for by `after`.
    ///
    /// A component that has failed for good doesn't hold back the *first* start of another: a shop without
    /// payments is better than none. An upgrade does stop there, since what runs is worth more.
    fn holds_back(&self, before: Name, after: Name) -> bool {
        let Some(one) = self.components.get(&before) else { return false };
        if one.rollout.done() {
            return false;
        }
        let stuck = matches!(&one.rollout, Rollout::Present { workload, .. } if workload.stuck.is_some());
        let failed = stuck || one.migration.failure().is_some();
        let first = self.components.get(&after).is_none_or(|one| one.rollout == Rollout::Absent);
        !(first && failed)
    }
}

struct Look<'a> {
    nodes: &'a [Node],
    family: &'a Family,
    memory: &'a Memory,
}

impl Look<'_> {
    fn rollout(&self, complete: &Complete) -> Rollout {
        match self.family.get(&complete.key) {
            Some(seen) => match &seen.facts {
                Facts::Workload(workload) => Rollout::Present {
                    current: seen.applied.as_ref() == Some(&complete.hash)
                        && !self.memory.is_stale(&complete.key, seen),
                    workload: workload.clone(),
                },
                _ => Rollout::Absent,
            },
            None => Rollout::Absent,
        }
    }

    fn task(&self, part: Part, stage: Stage) -> Task {
        let key: Option<&ChildKey> = self
            .nodes
            .iter()
            .find(|node| node.part == part && node.stage == stage && node.complete.key.kind == Kind::Job)
            .map(|node| &node.complete.key);
        match key {
            None => Task::NotNeeded,
            Some(key) => match self.family.get(key).map(|seen| &seen.facts) {
                Some(Facts::Job(state)) => Task::Present(state.clone()),
                _ => Task::Absent,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::children::Seen;
    use serde_json::json;

    fn node(part: Part, stage: Stage, kind: Kind, name: &str) -> Node {
        let key = ChildKey { kind, name: name.to_owned() };
        let complete = Complete { key, keep: false, hash: "new".to_owned(), object: json!({}) };
        Node { part, stage, complete }
    }

    fn nodes() -> Vec<Node> {
        let mut nodes = vec![
            node(Part::Server(ServerKind::Postgres), Stage::Server, Kind::StatefulSet, "postgres"),
            node(Part::Provision, Stage::Provision, Kind::Job, "provision"),
        ];
        for entry in components() {
            let part = Part::Component(entry.name);
            if entry.migrates {
                nodes.push(node(part, Stage::Migrate, Kind::Job, &format!("{}-migrate", entry.name)));
            }
            nodes.push(node(part, Stage::Serve, Kind::Deployment, entry.name.as_str()));
        }
        nodes
    }

    fn seen(hash: &str, facts: Facts) -> Seen {
        Seen {
            uid: "u".to_owned(),
            generation: 1,
            controller: None,
            retained_by: None,
            owned_fields: 0,
            applied: Some(hash.to_owned()),
            retry: None,
            deleting: false,
            component: None,
            facts,
        }
    }

    fn running(hash: &str) -> Seen {
        let workload = Workload {
            generation: 1,
            observed_generation: 1,
            desired: 1,
            current: 1,
            updated: 1,
            ready: 1,
            available: 1,
            ..Workload::default()
        };
        seen(hash, Facts::Workload(workload))
    }

    fn put(family: &mut Family, kind: Kind, name: &str, seen: Seen) {
        family.insert(ChildKey { kind, name: name.to_owned() }, seen);
    }

    fn waits(family: &Family, kind: Kind, name: &str) -> Vec<String> {
        let nodes = nodes();
        let progress = Progress::of(&nodes, family, &Memory::default());
        let node = nodes.iter().find(|node| node.complete.key.kind == kind && node.complete.key.name == name);
        progress.waits_for(node.unwrap())
    }

    fn provisioned() -> Family {
        let mut family = Family::new();
        put(&mut family, Kind::StatefulSet, "postgres", running("new"));
        put(&mut family, Kind::Job, "provision", seen("new", Facts::Job(JobState::Complete)));
        family
    }

    #[test]
    fn provisioning_waits_for_the_managed_servers() {
        assert_eq!(waits(&Family::new(), Kind::Job, "provision"), ["postgres"]);
        assert!(waits(&provisioned(), Kind::Job, "provision").is_empty());
    }

    #[test]
    fn a_component_waits_for_its_own_migration_only() {
        let mut family = provisioned();
        let complete = seen("new", Facts::Job(JobState::Complete));
        put(&mut family, Kind::Job, "order-migrate", complete);
        assert!(waits(&family, Kind::Deployment, "order").is_empty());
        assert_eq!(waits(&family, Kind::Deployment, "payment"), ["its migration"]);
    }

    #[test]
    fn a_component_without_servers_starts_at_once() {
        assert!(waits(&Family::new(), Kind::Deployment, "photostock").is_empty());
    }

    #[test]
    fn web_waits_for_the_gateway_of_the_new_version() {
        let mut family = provisioned();
        put(&mut family, Kind::Deployment, "gateway", running("old"));
        assert_eq!(waits(&family, Kind::Deployment, "web"), ["gateway"]);
        put(&mut family, Kind::Deployment, "gateway", running("new"));
        assert!(waits(&family, Kind::Deployment, "web").is_empty());
    }

    #[test]
    fn a_failed_component_stops_an_upgrade_and_not_a_first_start() {
        let mut family = provisioned();
        for entry in components().iter().filter(|entry| entry.name != Name::Payment) {
            put(
                &mut family,
                Kind::Job,
                &format!("{}-migrate", entry.name),
                seen("new", Facts::Job(JobState::Complete)),
            );
            if entry.name != Name::Gateway {
                put(&mut family, Kind::Deployment, entry.name.as_str(), running("new"));
            }
        }
        let failed = JobState::Failed { reason: "BackoffLimitExceeded".to_owned(), message: String::new() };
        put(&mut family, Kind::Job, "payment-migrate", seen("new", Facts::Job(failed)));
        assert!(waits(&family, Kind::Deployment, "gateway").is_empty());
        put(&mut family, Kind::Deployment, "gateway", running("old"));
        assert_eq!(waits(&family, Kind::Deployment, "gateway"), ["payment"]);
    }

    #[test]
    fn pods_that_fail_after_a_rollout_hold_nobody_back() {
        let mut family = provisioned();
        for entry in components() {
            let mut seen = running("new");
            if let Facts::Workload(workload) = &mut seen.facts {
                workload.available = 0;
                workload.ready = 0;
                workload.rollout_done = true;
            }
            put(&mut family, Kind::Deployment, entry.name.as_str(), seen);
        }
        assert!(waits(&family, Kind::Deployment, "web").is_empty());
    }
}
