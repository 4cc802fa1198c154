//! The body of an answer: ours, whole; or an upstream's, passed on piece by piece as it comes.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use tower_http::compression::CompressionBody;

use crate::cache::Reader;
use crate::gone;
use crate::limit::Permit;
use crate::upstream::{self, Broken, Lease};

/// What a client gets.
pub(crate) enum AnswerBody {
    /// Something of ours.
    Whole(Option<Bytes>),
    /// One of the gateway's own pages.
    Page(axum::body::Body),
    /// What an upstream sends.
    Stream(Box<Streaming>),
    /// What the cache holds, or is about to.
    Kept(Reader),
    /// Any of these, compressed on its way.
    Compressed(Pin<Box<CompressionBody<AnswerBody>>>),
}

/// An upstream's body, and what is given back when it ends.
pub(crate) struct Streaming {
    body: upstream::Body,
    /// `None` once it has ended, in whatever way.
    held: Option<(Lease, Permit)>,
    idle: Duration,
    until: Option<Instant>,
    waiting: Option<Pin<Box<Sleep>>>,
    /// Why there is no more, until whoever reads is told.
    cut: Option<Cut>,
}

/// The answer ends before it is complete; the client sees its connection (or stream) reset.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("the upstream broke off: {0}")]
    Broken(#[source] Broken),
    #[error("the upstream fell silent")]
    Silent,
    #[error("the upstream took too long")]
    Late,
}

impl Cut {
    fn reason(&self) -> &'static str {
        match self {
            Self::Broken(_) => "broken",
            Self::Silent => "silent",
            Self::Late => "late",
        }
    }
}

impl Streaming {
    pub(crate) fn new(
        body: upstream::Body,
        lease: Lease,
        permit: Permit,
        idle: Duration,
        until: Option<Instant>,
    ) -> Self {
        Self { body, held: Some((lease, permit)), idle, until, waiting: None, cut: None }
    }

    fn end(&mut self) {
        self.held = None;
        self.waiting = None;
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(cut) = self.cut.take() {
            return Poll::Ready(Some(Err(cut)));
        }
        let polled = self.poll_piece(context);
        if let Poll::Ready(Some(Err(cut))) = polled {
            self.note(&cut);
            self.cut = Some(cut);
            // hyper throws away what it has not sent yet: what came before has this turn to go out.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        polled
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        // A client that reads slowly keeps the upstream from ever being late.
        if self.until.is_some_and(|until| until <= Instant::now()) {
            return Poll::Ready(Some(Err(Cut::Late)));
        }
        match self.body.poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.waiting = None;
                // Nothing follows trailers, and nobody asks.
                if frame.is_trailers() || self.body.is_end_stream() {
                    self.end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(Cut::Broken(error)))),
            Poll::Pending => {
                let idle = Instant::now() + self.idle;
                let deadline = self.until.map_or(idle, |until| until.min(idle));
                let waiting =
                    self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
                waiting.as_mut().poll(context).map(|()| {
                    let late = self.until.is_some_and(|until| until <= Instant::now());
                    Some(Err(if late { Cut::Late } else { Cut::Silent }))
                })
            }
        }
    }

    /// There will be no more, and it is not the client's doing.
    fn note(&mut self, cut: &Cut) {
        tracing::warn!(error = %cut, "an answer was cut off");
        metrics::counter!("gateway_answers_cut_total", "reason" => cut.reason()).increment(1);
        self.end();
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        // It was neither read to its end nor cut off.
        if self.held.is_some() {
            gone::while_reading();
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Page(body) => {
                Pin::new(body).poll_frame(context).map(|it| it.map(|it| it.map_err(BoxError::from)))
            }
            Self::Compressed(body) => body.as_mut().poll_frame(context),
            Self::Kept(reader) => reader.poll_frame(context),
            Self::Stream(streaming) => {
                streaming.poll_next(context).map(|it| it.map(|it| it.map_err(BoxError::from)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Page(body) => body.is_end_stream(),
            Self::Compressed(body) => body.is_end_stream(),
            Self::Kept(reader) => reader.is_end_stream(),
            Self::Stream(streaming) => streaming.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Page(body) => body.size_hint(),
            Self::Compressed(body) => body.size_hint(),
            Self::Kept(reader) => reader.size_hint(),
            Self::Stream(streaming) => streaming.body.size_hint(),
        }
    }
}
