//! From the objects of a plan to the nodes of the graph.

use serde_json::Value;

use crate::apply::{ApplyError, Owner, complete};
use crate::build::Plan;
use crate::children::{ChildKey, Kind};
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

/// What comes into being with an object and may be opened by a Secret: itself, or the claims of a
/// StatefulSet's first pods.
pub(super) fn opened(node: &Node) -> Vec<ChildKey> {
    let (key, object) = (&node.complete.key, &node.complete.object);
    let claim = |name: String| ChildKey { kind: Kind::PersistentVolumeClaim, name };
    match key.kind {
        Kind::PersistentVolumeClaim | Kind::Job => vec![key.clone()],
        Kind::StatefulSet => object
            .pointer("/spec/volumeClaimTemplates")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|template| template.pointer("/metadata/name").and_then(Value::as_str))
            .map(|template| claim(format!("{template}-{}-0", key.name)))
            .collect(),
        _ => Vec::new(),
    }
}
