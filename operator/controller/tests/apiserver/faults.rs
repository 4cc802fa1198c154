//! Every single write of an installation fails once, before or after the server did it: the end is the same.
//!
//! Two fail in one installation, half of it apart. Neither hides what the other one breaks: after a write of the first
//! half passes come in any case, since there is more to install, and the one of the second half is the last that fails.

use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::support::{Calls, Doom, Fault, Kubelet, Namespace, Write, named, snapshot};

/// How many installations run at a time: enough that one always has work for the processor, and few enough that each
/// is soon over.
const AT_ONCE: usize = 4;
/// How often a status is written depends on how changes come together.
const STATUS: &str = "/courseplatforms/demo/status";

async fn end_state(namespace: &Namespace) -> Vec<Value> {
    namespace.platform(json!({})).await;
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    namespace.condition("Reconciled", "True", "Applied").await;
    snapshot(namespace).await
}

/// Installs without a fault. Returns the end state and the writes that led there.
async fn untroubled() -> (Vec<Value>, Vec<Write>) {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let calls = Calls::default();
    let operator = namespace.operator_through(&calls).await;
    let end = end_state(&namespace).await;
    operator.stop().await;
    (end, named(&calls, &namespace.name))
}

/// Installs with these writes failing. Returns the end state and the writes that never came.
async fn install(doomed: Vec<Write>, fault: Fault) -> (Vec<Value>, Vec<Write>) {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let doom = Doom::new(&namespace.name, fault, doomed);
    let operator = namespace.operator_through(&doom).await;
    let end = end_state(&namespace).await;
    operator.stop().await;
    (end, doom.left())
}

async fn every_write_fails_once(fault: Fault) {
    let (expected, writes) = untroubled().await;
    assert!(writes.len() > 60, "an installation has more than {} writes", writes.len());
    let half = writes.len().div_ceil(2);
    let installations = (0..half).map(|n| {
        let doomed: Vec<Write> = [n, n + half].iter().filter_map(|at| writes.get(*at)).cloned().collect();
        async move { (doomed.clone(), install(doomed, fault).await) }
    });
    let mut ended = stream::iter(installations).buffer_unordered(AT_ONCE);
    while let Some((doomed, (found, left))) = ended.next().await {
        assert!(left.iter().all(|(name, _)| name.ends_with(STATUS)), "{left:?} never came");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{doomed:?} failed ({fault:?})");
        }
        assert_eq!(found.len(), expected.len(), "{doomed:?} failed ({fault:?})");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_never_arrives_changes_nothing_in_the_end() {
    every_write_fails_once(Fault::NotSent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_is_lost_changes_nothing_in_the_end() {
    every_write_fails_once(Fault::AnswerLost).await;
}
