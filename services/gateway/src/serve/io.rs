//! A connection's bytes on their way between hyper and the system.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::frames::Counted;
use super::pace::Pace;
use super::streams::Streams;

/// Up to this size one plain write of a copy costs less than a write of several pieces.
const SMALL: usize = 2048;

/// What a client begins with that speaks HTTP/2 (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

thread_local! {
    static COPY: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(SMALL));
}

/// A client's stream as hyper wants it.
#[derive(Debug)]
pub(super) struct Io<S> {
    stream: TokioIo<S>,
    /// Whom to tell that something came, and who knows when to look whether the client is still there.
    pace: Arc<Pace>,
    /// What was read before hyper asked for it.
    ahead: Vec<u8>,
}

impl<S> Io<S> {
    pub(super) fn new(stream: S, pace: Arc<Pace>) -> Self {
        Self { stream: TokioIo::new(stream), pace, ahead: Vec::new() }
    }
}

impl<S: AsyncRead + Unpin> Read for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // Of which there is never more than fits into what hyper reads into.
        if !self.ahead.is_empty() {
            buffer.put_slice(&std::mem::take(&mut self.ahead));
            // Together with what there is behind it, if anything. An error stays for the next time.
            drop(Pin::new(&mut self.stream).poll_read(context, buffer));
            return Poll::Ready(Ok(()));
        }
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = polled {
            self.pace.heard();
        }
        polled
    }
}

impl<S: AsyncRead + Unpin> Io<S> {
    /// Whether the client begins as HTTP/2 does. What it sent stays to be read.
    pub(super) async fn begins_second(&mut self) -> io::Result<bool> {
        let mut bytes = [0; PREFACE.len()];
        while self.ahead.len() < PREFACE.len() && PREFACE.starts_with(&self.ahead) {
            let room = bytes.get_mut(self.ahead.len()..).unwrap_or_default();
            let length = self.stream.inner_mut().read(room).await?;
            if length == 0 {
                break;
            }
            self.ahead.extend_from_slice(room.get(..length).unwrap_or_default());
        }
        Ok(self.ahead == PREFACE)
    }

    /// The same on HTTP/2, where it is counted what comes.
    pub(super) fn counted(self, streams: Rc<Streams>) -> Io<Counted<S>> {
        let preface = PREFACE.len() - self.ahead.len();
        let stream = Counted::new(self.stream.into_inner(), streams, preface);
        Io { stream: TokioIo::new(stream), pace: self.pace, ahead: self.ahead }
    }

    /// Looks whether a client that waits for its answer has left. hyper would do it too, but asks for a whole
    /// buffer each time.
    ///
    /// # Errors
    /// When it has left, and what it sent so far deserves no answer.
    fn look(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if !self.ahead.is_empty() || !self.pace.is_watched() {
            return Ok(());
        }
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        match Pin::new(self.stream.inner_mut()).poll_read(context, &mut buffer) {
            Poll::Ready(Ok(())) => match buffer.filled() {
                [byte, ..] => {
                    self.ahead.push(*byte);
                    self.pace.heard();
                    // Whoever has just read and found nothing must read again.
                    context.waker().wake_by_ref();
                    Ok(())
                }
                [] if self.pace.left() => Err(io::ErrorKind::ConnectionAborted.into()),
                [] => Ok(()),
            },
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(()),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Write for Io<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // It is polled each time that hyper has done what it can.
        self.look(context)?;
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
