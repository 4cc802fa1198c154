//! A body on its way from the upstream into the cache and to the first client, piece by piece.
//!
//! The upstream is read as quickly as it sends, whatever the client does: a slow one keeps nobody waiting,
//! and one that goes away loses nothing for the others. A body that grows too long is let go and streams on.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::Instant;

use super::variant::{Account, Held};
use crate::answer::AnswerBody;

/// An upstream that takes longer is read only as its client reads.
const LONGEST: Duration = Duration::from_secs(60);

/// Each takes some memory beside its bytes: what comes in crumbs is not kept.
const MOST_PIECES: usize = 4096;

/// How much may be filled.
pub(super) struct Bounds {
    /// One body, in bytes.
    pub(super) body: u64,
    /// All that are alive.
    pub(super) all: u64,
    pub(super) account: Account,
}

/// The body of an answer that is kept, or about to be.
pub(crate) struct Reader {
    source: Source,
    /// The next piece.
    next: usize,
}

enum Source {
    Held(Arc<Held>),
    Filling(Rc<Filling>),
}

struct Filling {
    state: RefCell<State>,
    hint: SizeHint,
}

struct State {
    pieces: Vec<Bytes>,
    end: End,
    waker: Option<Waker>,
}

enum End {
    Open,
    Whole(Arc<Held>),
    /// The rest is not kept: a frame that was read already, then what the upstream sends.
    Rest(Option<Frame<Bytes>>, Box<AnswerBody>),
    Broken(Option<BoxError>),
}

/// How a body's way into the cache ended.
pub(super) enum Filled {
    Whole(Arc<Held>),
    /// Too long, or with trailers, which are not kept.
    TooLong,
    Broken,
}

/// Begins to read `body`; `done` is told how it ended.
pub(super) fn begin(body: AnswerBody, bounds: Bounds, done: impl FnOnce(Filled) + 'static) -> Reader {
    let state = State { pieces: Vec::new(), end: End::Open, waker: None };
    let filling = Rc::new(Filling { hint: body.size_hint(), state: RefCell::new(state) });
    let reader = Reader { source: Source::Filling(filling.clone()), next: 0 };
    tokio::task::spawn_local(async move { done(filling.fill(body, bounds).await) });
    reader
}

impl Filling {
    async fn fill(&self, mut body: AnswerBody, mut bounds: Bounds) -> Filled {
        let deadline = Instant::now() + LONGEST;
        let mut length = 0;
        while !body.is_end_stream() {
            let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
            let frame = match tokio::time::timeout_at(deadline, frame).await {
                Ok(None) => break,
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => {
                    self.end(End::Broken(Some(error)));
                    return Filled::Broken;
                }
                Err(_) => {
                    self.end(End::Rest(None, Box::new(body)));
                    return Filled::TooLong;
                }
            };
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(trailers) => {
                    self.end(End::Rest(Some(trailers), Box::new(body)));
                    return Filled::TooLong;
                }
            };
            length += data.len() as u64;
            let pieces = self.state.borrow().pieces.len();
            if length > bounds.body
                || pieces >= MOST_PIECES
                || !bounds.account.grow(data.len() as u64, bounds.all)
            {
                self.end(End::Rest(Some(Frame::data(data)), Box::new(body)));
                return Filled::TooLong;
            }
            self.push(&data);
        }
        let pieces = std::mem::take(&mut self.state.borrow_mut().pieces);
        let held = Arc::new(Held::new(pieces, bounds.account));
        self.end(End::Whole(held.clone()));
        Filled::Whole(held)
    }

    /// A copy: what was read lies in a buffer that may be many times as long.
    fn push(&self, data: &Bytes) {
        let mut state = self.state.borrow_mut();
        state.pieces.push(Bytes::copy_from_slice(data));
        wake(&mut state);
    }

    fn end(&self, end: End) {
        let mut state = self.state.borrow_mut();
        state.end = end;
        wake(&mut state);
    }
}

fn wake(state: &mut State) {
    if let Some(waker) = state.waker.take() {
        waker.wake();
    }
}

impl Reader {
    pub(super) fn of(held: Arc<Held>) -> Self {
        Self { source: Source::Held(held), next: 0 }
    }

    pub(crate) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let filling = match &self.source {
            Source::Held(held) => return Poll::Ready(take(&held.pieces, &mut self.next)),
            Source::Filling(filling) => filling,
        };
        let mut state = filling.state.borrow_mut();
        let state = &mut *state;
        if let Some(piece) = take(&state.pieces, &mut self.next) {
            return Poll::Ready(Some(piece));
        }
        match &mut state.end {
            End::Open => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
            End::Whole(held) => Poll::Ready(take(&held.pieces, &mut self.next)),
            End::Rest(frame, body) => match frame.take() {
                Some(frame) => Poll::Ready(Some(Ok(frame))),
                None => Pin::new(&mut **body).poll_frame(context),
            },
            End::Broken(error) => Poll::Ready(error.take().map(Err)),
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        let filling = match &self.source {
            Source::Held(held) => return self.next >= held.pieces.len(),
            Source::Filling(filling) => filling,
        };
        let state = filling.state.borrow();
        match &state.end {
            End::Open | End::Broken(_) => false,
            End::Whole(held) => self.next >= held.pieces.len(),
            End::Rest(frame, body) => {
                frame.is_none() && self.next >= state.pieces.len() && body.is_end_stream()
            }
        }
    }

    /// The whole body's, as long as nothing was read.
    pub(crate) fn size_hint(&self) -> SizeHint {
        match &self.source {
            _ if self.next > 0 => SizeHint::default(),
            Source::Held(held) => SizeHint::with_exact(held.length()),
            Source::Filling(filling) => filling.hint,
        }
    }
}

fn take(pieces: &[Bytes], next: &mut usize) -> Option<Result<Frame<Bytes>, BoxError>> {
    let piece = pieces.get(*next)?;
    *next += 1;
    Some(Ok(Frame::data(piece.clone())))
}
