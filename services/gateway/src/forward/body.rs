//! A request's body that can be given to a second attempt as long as nothing was read from it.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

/// A client has this long before its body begins to flow, and from then on must send at least this much on
/// average; a slow one holds a connection to an upstream.
const GRACE: Duration = Duration::from_secs(10);
const BYTES_PER_SECOND: u64 = 1024;

/// The client's body and what has happened to it; nothing at all for a request without one.
#[derive(Clone)]
pub(crate) struct Source(Option<Rc<Shared>>);

struct Shared {
    body: RefCell<Incoming>,
    /// The size as it was before anything was read.
    hint: SizeHint,
    limit: u64,
    idle: Duration,
    read: Cell<u64>,
    begun: Cell<Option<Instant>>,
    /// When the client has last sent something, or ended.
    moved: Cell<Option<Instant>>,
    /// Whether it is the client who keeps the request waiting.
    waits: Cell<bool>,
    fault: Cell<Option<Fault>>,
}

/// What the client did wrong with its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    TooLong,
    TooSlow,
    Broken,
}

/// The body of one attempt.
pub(crate) struct Resumable {
    source: Source,
    waiting: Option<Pin<Box<Sleep>>>,
}

/// A body can't be passed on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is longer than {0} bytes")]
    TooLong(u64),
    #[error("the body comes too slowly")]
    TooSlow,
    #[error("the client's body broke off")]
    Broken(#[source] hyper::Error),
}

impl Source {
    /// `limit` is in bytes; `idle` is how long the client may be silent.
    pub(crate) fn new(body: Incoming, limit: u64, idle: Duration) -> Self {
        if body.is_end_stream() {
            return Self(None);
        }
        Self(Some(Rc::new(Shared {
            hint: body.size_hint(),
            body: RefCell::new(body),
            limit,
            idle,
            read: Cell::new(0),
            begun: Cell::new(None),
            moved: Cell::new(None),
            waits: Cell::new(false),
            fault: Cell::new(None),
        })))
    }

    /// No body.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn has_body(&self) -> bool {
        self.0.is_some()
    }

    /// How long it is, if anything is to come.
    pub(crate) fn size(&self) -> Option<SizeHint> {
        self.0.as_ref().map(|shared| shared.hint)
    }

    /// The body for one more attempt.
    pub(crate) fn body(&self) -> Resumable {
        Resumable { source: self.clone(), waiting: None }
    }

    /// Whether something was read, so that no other attempt can be made.
    pub(crate) fn is_begun(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.begun.get().is_some())
    }

    /// Whether more of the body is wanted than the client has sent.
    pub(crate) fn waits(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.waits.get())
    }

    /// When the body last went on, if it ever did.
    pub(crate) fn moved(&self) -> Option<Instant> {
        self.0.as_ref().and_then(|shared| shared.moved.get())
    }

    /// What the client did wrong, if it did.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.0.as_ref().and_then(|shared| shared.fault.get())
    }
}

impl Shared {
    fn fail(&self, fault: Fault, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.fault.set(Some(fault));
        Poll::Ready(Some(Err(error)))
    }

    /// When the client must have sent something: it may neither be silent nor slow for long.
    fn deadline(&self) -> Instant {
        let begun = self.begun.get().unwrap_or_else(Instant::now);
        let earned = Duration::from_secs(self.read.get() / BYTES_PER_SECOND);
        (begun + GRACE + earned).min(Instant::now() + self.idle)
    }
}

impl Body for Resumable {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(shared) = self.source.0.clone() else { return Poll::Ready(None) };
        if shared.begun.get().is_none() {
            shared.begun.set(Some(Instant::now()));
        }
        let polled = Pin::new(&mut *shared.body.borrow_mut()).poll_frame(context);
        shared.waits.set(polled.is_pending());
        if polled.is_ready() {
            shared.moved.set(Some(Instant::now()));
        }
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.waiting = None;
                let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                shared.read.set(shared.read.get() + length);
                if shared.read.get() > shared.limit {
                    return shared.fail(Fault::TooLong, BodyError::TooLong(shared.limit));
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => shared.fail(Fault::Broken, BodyError::Broken(error)),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let waiting =
                    self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(shared.deadline())));
                match waiting.as_mut().poll(context) {
                    Poll::Ready(()) => shared.fail(Fault::TooSlow, BodyError::TooSlow),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}
