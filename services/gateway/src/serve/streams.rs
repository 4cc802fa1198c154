//! What the client of one HTTP/2 connection has yet to take of its answers, stream by stream.
//!
//! The system gives up a client that reads nothing (`TCP_USER_TIMEOUT`). On HTTP/2 one may read on and still grant a
//! stream no window, or a byte at a time, and so hold an upstream's connection and a place among the requests for
//! ever. An answer that waits for its upstream is not the client's doing, and nothing is waiting here then.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use slab::Slab;
use tokio::task::JoinHandle;

use super::body::Piece;
use super::flow::{Flow, Found};
use super::frames::Budget;
use super::pace::Pace;

/// The streams of one connection.
#[derive(Debug)]
pub(super) struct Streams {
    pace: Arc<Pace>,
    flows: RefCell<Slab<Flow>>,
    /// The request that began just now: its task is the next to be started.
    latest: Cell<Option<usize>>,
    /// Whether the socket took less than there was.
    full: Cell<bool>,
    pub(super) budget: Budget,
}

impl Streams {
    pub(super) fn new(pace: Arc<Pace>) -> Self {
        Self {
            pace,
            flows: RefCell::default(),
            latest: Cell::default(),
            full: Cell::default(),
            budget: Budget::default(),
        }
    }

    /// A request begins. Its task [`runs`](Self::runs) at once.
    pub(super) fn begin(this: &Rc<Self>) -> Answering {
        let key = this.flows.borrow_mut().insert(Flow::new());
        this.latest.set(Some(key));
        Answering { streams: this.clone(), key }
    }

    /// The task of the request that has just begun was started.
    pub(super) fn runs(&self, task: JoinHandle<()>) {
        if let Some(key) = self.latest.take() {
            self.change(key, |flow| flow.runs(task));
        }
    }

    /// Whether the socket took less than there was.
    pub(super) fn is_full(&self, full: bool) {
        self.full.set(full);
    }

    /// The look: gives up answers that nobody takes.
    pub(super) fn look(&self) {
        self.budget.look();
        // Then each stream waits for its turn, and how long is the system's concern.
        if self.full.get() {
            return;
        }
        for (_, flow) in self.flows.borrow_mut().iter_mut() {
            match flow.look() {
                Found::Fine => continue,
                // The stream is reset, and what the answer holds is given back.
                Found::Stalled(Some(task)) => task.abort(),
                // Its end lies in hyper, where nobody can take it back: others may finish.
                Found::Stalled(None) => self.pace.finish(),
                Found::Hopeless => {
                    self.pace.leave();
                    continue;
                }
            }
            metrics::counter!("gateway_streams_stalled_total").increment(1);
            tracing::debug!("a client does not take its answer");
        }
    }

    fn change(&self, key: usize, change: impl FnOnce(&mut Flow)) {
        let mut flows = self.flows.borrow_mut();
        let Some(flow) = flows.get_mut(key) else { return };
        change(flow);
        if flow.is_over() {
            flows.remove(key);
        }
    }

    /// Some of a piece was written.
    pub(super) fn taken(&self, key: usize, bytes: usize) {
        self.change(key, |flow| flow.take(bytes));
    }

    /// The rest of a piece never will be.
    pub(super) fn dropped(&self, key: usize, bytes: usize) {
        self.change(key, |flow| flow.drop_piece(bytes));
    }
}

/// A request in work, until its answer's end was handed over or it was given up.
#[derive(Debug)]
pub(super) struct Answering {
    streams: Rc<Streams>,
    key: usize,
}

impl Answering {
    /// Hands over a piece of the answer.
    pub(super) fn offer(&self, bytes: Bytes) -> Piece {
        // The place of a stream may be another's once nothing of it is left.
        if bytes.is_empty() {
            return Piece::new(bytes, None);
        }
        self.streams.change(self.key, |flow| flow.offer(bytes.len()));
        Piece::new(bytes, Some((self.streams.clone(), self.key)))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.streams.change(self.key, Flow::close);
    }
}

#[cfg(test)]
mod tests {
    use super::super::flow::{LEAST_BYTES, PATIENCE};
    use super::super::pace::{Order, Paces};
    use super::*;
    use bytes::Buf as _;

    /// A connection whose answers never come to an end by themselves.
    fn connection() -> (Arc<Pace>, Rc<Streams>) {
        let pace = Paces::default().begin();
        (pace.clone(), Rc::new(Streams::new(pace)))
    }

    fn answering(streams: &Rc<Streams>) -> (Answering, tokio::task::AbortHandle) {
        let answering = Streams::begin(streams);
        let task = tokio::task::spawn_local(std::future::pending());
        let handle = task.abort_handle();
        streams.runs(task);
        (answering, handle)
    }

    fn looks(streams: &Streams, times: u32) {
        (0..times).for_each(|_| streams.look());
    }

    async fn ended(task: &tokio::task::AbortHandle) -> bool {
        tokio::task::yield_now().await;
        task.is_finished()
    }

    const PIECE: Bytes = Bytes::from_static(&[0; 4096]);

    async fn locally(test: impl Future<Output = ()>) {
        tokio::task::LocalSet::new().run_until(test).await;
    }

    #[tokio::test]
    async fn an_answer_that_nobody_takes_is_given_up_alone() {
        locally(async {
            let (pace, streams) = connection();
            let (stuck, slow, idle) = (answering(&streams), answering(&streams), answering(&streams));
            let (_withheld, mut read) = (stuck.0.offer(PIECE), slow.0.offer(PIECE));
            for _ in 0..2 {
                looks(&streams, PATIENCE);
                assert!(!ended(&slow.1).await && !ended(&idle.1).await);
                read.advance(LEAST_BYTES);
            }
            assert!(ended(&stuck.1).await);
            assert_eq!(pace.order(), Order::Stay);
        })
        .await;
    }

    #[tokio::test]
    async fn a_byte_at_a_time_is_not_enough() {
        locally(async {
            let (_, streams) = connection();
            let (answer, task) = answering(&streams);
            let mut piece = answer.offer(PIECE);
            for _ in 0..PATIENCE {
                streams.look();
                piece.advance(1);
            }
            assert!(!ended(&task).await);
            streams.look();
            assert!(ended(&task).await);
        })
        .await;
    }

    #[tokio::test]
    async fn nobody_is_blamed_for_a_full_socket() {
        locally(async {
            let (_, streams) = connection();
            let (answer, task) = answering(&streams);
            let _piece = answer.offer(PIECE);
            streams.is_full(true);
            looks(&streams, 10 * PATIENCE);
            assert!(!ended(&task).await);
            streams.is_full(false);
            looks(&streams, PATIENCE + 1);
            assert!(ended(&task).await);
        })
        .await;
    }

    #[tokio::test]
    async fn whoever_leaves_the_end_of_an_answer_loses_the_connection() {
        locally(async {
            let (pace, streams) = connection();
            let (answer, _) = answering(&streams);
            let piece = answer.offer(PIECE);
            drop(answer);
            looks(&streams, PATIENCE);
            assert_eq!(pace.order(), Order::Stay);
            streams.look();
            assert_eq!(pace.order(), Order::Finish);
            looks(&streams, PATIENCE - 1);
            assert_eq!(pace.order(), Order::Stay);
            streams.look();
            assert_eq!(pace.order(), Order::Leave);
            drop(piece);
            assert!(streams.flows.borrow().is_empty());
        })
        .await;
    }

    #[tokio::test]
    async fn nothing_is_left_of_an_answer_that_was_taken() {
        locally(async {
            let (_, streams) = connection();
            let (first, _) = answering(&streams);
            let mut piece = first.offer(PIECE);
            drop(first);
            assert_eq!(streams.flows.borrow().len(), 1);
            piece.advance(PIECE.len());
            assert!(streams.flows.borrow().is_empty());
            // Its place is another's now, to whom it does nothing.
            let (second, _) = answering(&streams);
            let other = second.offer(PIECE);
            drop(piece);
            drop(second);
            assert_eq!(streams.flows.borrow().len(), 1);
            drop(other);
            assert!(streams.flows.borrow().is_empty());
        })
        .await;
    }
}
