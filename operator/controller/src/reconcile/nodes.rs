//! From the objects of a plan to the nodes of the graph.

use serde_json::Value;

use crate::apply::{ApplyError, Owner, complete};
use crate::build::Plan;
use crate::children::Kind;
use crate::graph::Node;
use crate::status::Failure;

/// The plan's objects, completed; what can't be applied at all is a failure.
pub(super) fn nodes(owner: &Owner, plan: &Plan, failures: &mut Vec<Failure>) -> Vec<Node> {
    let mut nodes = Vec::with_capacity(plan.objects.len());
    for wanted in &plan.objects {
        match complete(owner, wanted) {
            Some(complete) => nodes.push(Node::new(wanted, complete)),
            None => {
                let error = ApplyError::Unknown(wanted.kind().to_owned());
                failures.push(Failure { part: wanted.part, error });
            }
        }
    }
    nodes
}

/// The claims that come into being with an object: itself, or those of a StatefulSet's first pods.
pub(super) fn claims(node: &Node) -> Vec<String> {
    let (key, object) = (&node.complete.key, &node.complete.object);
    match key.kind {
        Kind::PersistentVolumeClaim => vec![key.name.clone()],
        Kind::StatefulSet => object
            .pointer("/spec/volumeClaimTemplates")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|template| template.pointer("/metadata/name").and_then(Value::as_str))
            .map(|template| format!("{template}-{}-0", key.name))
            .collect(),
        _ => Vec::new(),
    }
}
