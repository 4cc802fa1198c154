//! How long clients may take, and how a connection learns that it must end: one look a second at all
//! connections of a thread, instead of a timer and a subscription for each.

use std::cell::RefCell;
use std::rc::{self, Rc};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::task::Context;

use futures::task::AtomicWaker;

use super::streams::Streams;

/// A client has so many looks to send a whole head, and an idle connection to send the next request.
const PATIENCE: u32 = 31;
/// HTTP/2 has pings of its own to find out whether somebody is there.
const NEVER: u32 = u32::MAX;

/// The connection reads, and so learns what becomes of the client.
const REST: u8 = 0;
/// A request without a body waits for its answer.
const WAIT: u8 = 1;
/// The same with a body, which may be the reason for an answer that has yet to go out.
const SEND: u8 = 2;
/// Looks after which nobody waits for that answer any more.
const GONE: u32 = 2;

const STAY: u8 = 0;
const FINISH: u8 = 1;
const LEAVE: u8 = 2;

/// What the thread knows about one connection.
#[derive(Debug)]
pub(super) struct Pace {
    /// Requests in work.
    active: AtomicU32,
    /// Looks since the client has owed a request; 0 while it owes none.
    owing: AtomicU32,
    /// Whether it has sent something of a request that is not whole yet, or never any request.
    partly: AtomicBool,
    /// Whether somebody must look if the client is still there.
    watch: AtomicU8,
    /// Looks since the client left in the middle of a request with a body; 0 as long as it is there.
    gone: AtomicU32,
    order: AtomicU8,
    waker: AtomicWaker,
}

/// What a connection is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order {
    Stay,
    /// Answer what has begun, then end.
    Finish,
    Leave,
}

impl Pace {
    fn new() -> Self {
        Self {
            active: AtomicU32::new(0),
            owing: AtomicU32::new(1),
            partly: AtomicBool::new(true),
            watch: AtomicU8::new(REST),
            gone: AtomicU32::new(0),
            order: AtomicU8::new(STAY),
            waker: AtomicWaker::new(),
        }
    }

    /// Wakes the task of `context` when there is an order.
    pub(super) fn register(&self, context: &Context<'_>) {
        self.waker.register(context.waker());
    }

    /// Each order is given once.
    pub(super) fn order(&self) -> Order {
        match self.order.load(Ordering::Relaxed) {
            STAY => Order::Stay,
            FINISH => {
                self.order.store(STAY, Ordering::Relaxed);
                Order::Finish
            }
            _ => Order::Leave,
        }
    }

    fn give(&self, order: u8) {
        self.order.fetch_max(order, Ordering::Relaxed);
        self.waker.wake();
    }

    /// Asks the connection to answer what has begun, then to end.
    pub(super) fn finish(&self) {
        self.give(FINISH);
    }

    /// Ends the connection.
    pub(super) fn leave(&self) {
        self.give(LEAVE);
    }

    /// Something came from the client.
    pub(super) fn heard(&self) {
        self.partly.store(true, Ordering::Relaxed);
    }

    /// Whether the client was in the middle of something, and it is that which it owes.
    pub(super) fn is_partly(&self) -> bool {
        self.partly.load(Ordering::Relaxed) && self.owing.load(Ordering::Relaxed) != NEVER
    }

    /// Whether a request is in work, during which nothing is read.
    pub(super) fn is_watched(&self) -> bool {
        self.watch.load(Ordering::Relaxed) != REST && !self.is_gone()
    }

    /// The client has left; true when the connection is to end at once.
    pub(super) fn left(&self) -> bool {
        self.gone.store(1, Ordering::Relaxed);
        self.watch.load(Ordering::Relaxed) == WAIT
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed) > 0
    }

    fn is_over(&self) -> bool {
        if self.is_gone() {
            return self.gone.fetch_add(1, Ordering::Relaxed) > GONE;
        }
        match self.owing.load(Ordering::Relaxed) {
            0 | NEVER => false,
            looks => {
                self.owing.store(looks + 1, Ordering::Relaxed);
                looks > PATIENCE
            }
        }
    }
}

/// A request in work, until its answer was sent or given up.
#[derive(Debug)]
pub(super) struct Busy(Arc<Pace>);

impl Busy {
    /// `whole`: nothing follows the request's head.
    pub(super) fn new(pace: &Arc<Pace>, version: http::Version, whole: bool) -> Self {
        pace.active.fetch_add(1, Ordering::Relaxed);
        let (owing, watch) = match version {
            http::Version::HTTP_2 => (NEVER, REST),
            _ => (0, if whole { WAIT } else { SEND }),
        };
        pace.owing.store(owing, Ordering::Relaxed);
        pace.watch.store(watch, Ordering::Relaxed);
        pace.partly.store(false, Ordering::Relaxed);
        Self(pace.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.watch.store(REST, Ordering::Relaxed);
        let last = self.0.active.fetch_sub(1, Ordering::Relaxed) == 1;
        if last && self.0.owing.load(Ordering::Relaxed) == 0 {
            self.0.owing.store(1, Ordering::Relaxed);
            // What was heard since was the body of this request.
            self.0.partly.store(false, Ordering::Relaxed);
        }
    }
}

/// The connections of one thread.
#[derive(Debug, Default)]
pub(super) struct Paces {
    all: RefCell<Vec<Weak<Pace>>>,
    /// What more there is of those on HTTP/2.
    second: RefCell<Vec<rc::Weak<Streams>>>,
}

impl Paces {
    pub(super) fn begin(&self) -> Arc<Pace> {
        let pace = Arc::new(Pace::new());
        self.all.borrow_mut().push(Arc::downgrade(&pace));
        pace
    }

    /// The connection turns out to be one of HTTP/2.
    pub(super) fn begin_second(&self, pace: Arc<Pace>) -> Rc<Streams> {
        let streams = Rc::new(Streams::new(pace));
        self.second.borrow_mut().push(Rc::downgrade(&streams));
        streams
    }

    /// The look: ends connections whose clients have owed a request for too long, and answers that nobody takes.
    pub(super) fn look(&self) {
        self.all.borrow_mut().retain(|pace| match pace.upgrade() {
            Some(pace) => {
                if pace.is_over() {
                    pace.leave();
                }
                true
            }
            None => false,
        });
        self.second.borrow_mut().retain(|streams| match streams.upgrade() {
            Some(streams) => {
                streams.look();
                true
            }
            None => false,
        });
    }

    /// Lets all connections finish what has begun.
    pub(super) fn finish(&self) {
        for pace in self.all.borrow().iter().filter_map(Weak::upgrade) {
            pace.finish();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_owes_a_request_must_leave() {
        let paces = Paces::default();
        let (silent, busy, idle, second) = (paces.begin(), paces.begin(), paces.begin(), paces.begin());
        let _answering = Busy::new(&busy, http::Version::HTTP_11, true);
        drop(Busy::new(&idle, http::Version::HTTP_11, true));
        drop(Busy::new(&second, http::Version::HTTP_2, true));
        for _ in 0..PATIENCE {
            paces.look();
            assert_eq!((silent.order(), idle.order()), (Order::Stay, Order::Stay));
        }
        paces.look();
        assert_eq!((silent.order(), idle.order()), (Order::Leave, Order::Leave));
        assert!(silent.is_partly() && !idle.is_partly());
        assert_eq!((busy.order(), second.order()), (Order::Stay, Order::Stay));
        paces.finish();
        assert_eq!((busy.order(), busy.order()), (Order::Finish, Order::Stay));
        drop(silent);
        paces.look();
        assert_eq!(paces.all.borrow().len(), 3);
    }
}
