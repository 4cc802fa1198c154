//! A connection's bytes on their way between hyper and the system.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::pace::Pace;

/// Up to this size one plain write of a copy costs less than a write of several pieces.
const SMALL: usize = 2048;

thread_local! {
    static COPY: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(SMALL));
}

/// A stream as hyper wants it.
#[derive(Debug)]
pub(crate) struct Io<S> {
    stream: TokioIo<S>,
    /// Whom to tell that something came.
    pace: Option<Arc<Pace>>,
}

impl<S> Io<S> {
    /// To an upstream.
    pub(crate) fn new(stream: S) -> Self {
        Self { stream: TokioIo::new(stream), pace: None }
    }

    /// From a client.
    pub(super) fn paced(stream: S, pace: Arc<Pace>) -> Self {
        Self { stream: TokioIo::new(stream), pace: Some(pace) }
    }
}

impl<S: AsyncRead + Unpin> Read for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let (Poll::Ready(Ok(())), Some(pace)) = (&polled, &self.pace) {
            pace.heard();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> Write for Io<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        match pieces {
            [piece] => return stream.poll_write(context, piece),
            pieces if pieces.iter().map(|piece| piece.len()).sum::<usize>() <= SMALL => {}
            pieces => return stream.poll_write_vectored(context, pieces),
        }
        COPY.with_borrow_mut(|copy| {
            copy.clear();
            pieces.iter().for_each(|piece| copy.extend_from_slice(piece));
            stream.poll_write(context, copy)
        })
    }
}
