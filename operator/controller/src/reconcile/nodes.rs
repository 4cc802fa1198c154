//! From the objects of a plan to the nodes of the graph.

use crate::apply::{ApplyError, Owner, claims_of, complete};
use crate::build::Plan;
use crate::children::{ChildKey, Kind};
use crate::graph::Node;
use crate::status::Failure;

/// The plan's objects, taken out of it and completed; what can't be applied at all is a failure.
pub(super) fn nodes(owner: &Owner, plan: &mut Plan, failures: &mut Vec<Failure>) -> Vec<Node> {
    let mut nodes = Vec::with_capacity(plan.objects.len());
    for wanted in &mut plan.objects {
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
    let key = &node.complete.key;
    match key.kind {
        Kind::PersistentVolumeClaim | Kind::Job => vec![key.clone()],
        Kind::StatefulSet => claims_of(&node.complete),
        _ => Vec::new(),
    }
}
