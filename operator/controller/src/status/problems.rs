//! Pods that can't run, told in the resource so that nobody has to look for them.

use courseplatform_api::Problem;

use crate::children::{Facts, Family, Kind};

/// How many are told; the first ones tell enough.
const TOLD: usize = 10;

pub(super) fn problems(family: &Family) -> Vec<Problem> {
    family
        .iter()
        .filter(|(key, seen)| key.kind == Kind::Pod && !seen.deleting)
        .filter_map(|(key, seen)| match &seen.facts {
            Facts::Pod(pod) => pod.problem.as_ref().map(|problem| Problem {
                component: seen.component.clone().unwrap_or_default(),
                pod: key.name.clone(),
                reason: problem.reason.clone(),
                message: problem.message.clone(),
            }),
            _ => None,
        })
        .take(TOLD)
        .collect()
}
