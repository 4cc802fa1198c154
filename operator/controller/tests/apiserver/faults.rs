//! Every single write of an installation fails once, before or after the server did it: the end is the same.

use serde_json::{Value, json};

use crate::support::{FailNth, Fault, Kubelet, Namespace, snapshot};

/// Installs with the `n`th write failing. Returns the end state, and whether there was such a write.
async fn install(n: usize, fault: Fault) -> (Vec<Value>, bool) {
    let namespace = Namespace::new().await;
    let _kubelet = Kubelet::start(&namespace);
    let layer = FailNth::new(n, fault);
    let operator = namespace.operator_through(&layer).await;
    namespace.platform(json!({})).await;
    namespace.condition("Ready", "True", "AllComponentsReady").await;
    namespace.condition("Reconciled", "True", "Applied").await;
    operator.stop().await;
    (snapshot(&namespace).await, layer.has_failed())
}

/// How many installations run at a time.
const AT_ONCE: usize = 12;

async fn every_write_fails_once(fault: Fault) {
    let (expected, _) = install(usize::MAX, fault).await;
    let mut n = 1;
    loop {
        let round = futures::future::join_all((n..n + AT_ONCE).map(|n| install(n, fault))).await;
        for (offset, (found, failed)) in round.into_iter().enumerate() {
            if !failed {
                assert!(n + offset > 60, "an installation has more than {} writes", n + offset);
                return;
            }
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found, expected, "write {} failed ({fault:?})", n + offset);
            }
            assert_eq!(found.len(), expected.len(), "write {} failed ({fault:?})", n + offset);
        }
        n += AT_ONCE;
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
