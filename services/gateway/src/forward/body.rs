//! A request's body that can be given to a second attempt as long as nothing was read from it.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

/// The client's body and what has happened to it.
#[derive(Clone)]
pub(crate) struct Source(Arc<Shared>);

struct Shared {
    body: Mutex<Body>,
    /// The size and the end as they were before anything was read.
    hint: SizeHint,
    empty: bool,
    limit: u64,
    begun: AtomicBool,
    exceeded: AtomicBool,
}

/// The body of one attempt.
pub(crate) struct Resumable {
    source: Source,
    read: u64,
}

/// The body is longer than its route allows, or the client broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is longer than {0} bytes")]
    TooLong(u64),
    #[error("the client's body broke off")]
    Broken(#[source] axum::Error),
}

impl Source {
    pub(crate) fn new(body: Body, limit: u64) -> Self {
        Self(Arc::new(Shared {
            hint: body.size_hint(),
            empty: body.is_end_stream(),
            body: Mutex::new(body),
            limit,
            begun: AtomicBool::new(false),
            exceeded: AtomicBool::new(false),
        }))
    }

    /// The body for one more attempt.
    pub(crate) fn body(&self) -> Resumable {
        Resumable { source: self.clone(), read: 0 }
    }

    /// Whether something was read, so that no other attempt can be made.
    pub(crate) fn is_begun(&self) -> bool {
        self.0.begun.load(Ordering::Acquire)
    }

    /// Whether the body turned out to be longer than allowed.
    pub(crate) fn exceeded(&self) -> bool {
        self.0.exceeded.load(Ordering::Acquire)
    }
}

impl HttpBody for Resumable {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let shared = self.source.0.clone();
        let mut body = shared.body.lock().unwrap_or_else(PoisonError::into_inner);
        let frame = match Pin::new(&mut *body).poll_frame(context) {
            Poll::Ready(Some(frame)) => frame.map_err(BodyError::Broken),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        };
        shared.begun.store(true, Ordering::Release);
        if let Ok(data) = frame.as_ref().map(|frame| frame.data_ref().map_or(0, Bytes::len)) {
            self.read += data as u64;
            if self.read > shared.limit {
                shared.exceeded.store(true, Ordering::Release);
                return Poll::Ready(Some(Err(BodyError::TooLong(shared.limit))));
            }
        }
        Poll::Ready(Some(frame))
    }

    fn is_end_stream(&self) -> bool {
        self.source.0.empty
    }

    fn size_hint(&self) -> SizeHint {
        if self.read == 0 { self.source.0.hint } else { SizeHint::default() }
    }
}
