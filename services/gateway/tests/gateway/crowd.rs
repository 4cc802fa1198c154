//! Ten thousand connections that say nothing. The gateway has a process of its own here, since each side needs as many
//! files as there are connections.

use std::collections::BTreeMap;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::apart::Apart;
use crate::support::{WITHIN, routes, telling};
use crate::talk::Talk;

const CROWD: usize = 10_000;
/// What other tests of this process need.
const OTHERS: usize = 2_000;

/// How many connections this process may have here: all, unless the system's hard limit on open files is lower.
fn most() -> usize {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let files = limit.maximum.map_or(usize::MAX, |files| usize::try_from(files).unwrap());
    CROWD.min(files.checked_sub(OTHERS).expect("a test needs more open files than the system lets it have"))
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_that_say_nothing_keep_nobody_waiting_and_are_let_go() {
    let most = most();
    let gateway = Apart::start(&routes(telling().await), &[]).await;
    let mut crowd = Vec::with_capacity(most);
    while crowd.len() < most {
        let some = (0..100.min(most - crowd.len())).map(|_| TcpStream::connect(gateway.address()));
        crowd.extend(futures::future::join_all(some).await.into_iter().map(Result::unwrap));
    }
    Talk::to(gateway.address()).await.get("/open", "").await;
    let gone = crowd.into_iter().map(|mut stream| async move {
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(6 * WITHIN, stream.read_to_end(&mut answer)).await;
        // Some may be reset: what counts is that they end, and that nothing is said to them.
        assert!(ended.is_ok() && answer.is_empty(), "one keeps its connection, or is told {answer:?}");
    });
    futures::future::join_all(gone).await;
    #[allow(clippy::cast_precision_loss, reason = "ten thousand")]
    let silent = BTreeMap::from([("gateway_connections_silent_total".to_owned(), most as f64)]);
    gateway.counts_are(&silent, "the crowd").await;
    Talk::to(gateway.address()).await.get("/open", "").await;
}
