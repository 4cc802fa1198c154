//! An answer's body as hyper takes it, which keeps its request in work until its last piece.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use axum::BoxError;
use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

use super::pace::Busy;
use super::streams::{Answering, Streams};
use crate::answer::AnswerBody;

/// An answer's body.
pub(super) struct Paced {
    body: AnswerBody,
    _busy: Busy,
    /// On HTTP/2.
    answering: Option<Answering>,
}

impl Paced {
    pub(super) fn new(body: AnswerBody, busy: Busy, answering: Option<Answering>) -> Self {
        Self { body, _busy: busy, answering }
    }
}

impl Body for Paced {
    type Data = Piece;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        polled.map_ok(|frame| {
            frame.map_data(|bytes| match &self.answering {
                Some(answering) => answering.offer(bytes),
                None => Piece::new(bytes, None),
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A piece of an answer, which tells when it is taken.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Bytes,
    whose: Option<(Rc<Streams>, usize)>,
}

impl Piece {
    /// `whose`: the place of its stream.
    pub(super) fn new(bytes: Bytes, whose: Option<(Rc<Streams>, usize)>) -> Self {
        Self { bytes, whose }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some((streams, key)) = &self.whose
            && count > 0
        {
            streams.taken(*key, count);
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some((streams, key)) = &self.whose
            && !self.bytes.is_empty()
        {
            streams.dropped(*key, self.bytes.len());
        }
    }
}
