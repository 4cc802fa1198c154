//! What an HTTP/2 client sends beside requests and their bodies: settings, pings, resets, windows. Each costs work and
//! none has a limit of its own, so there is one for all together. hyper limits the rest: headers without end, empty
//! data, resets by the handful. What the frames mean is not for this module.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::streams::Streams;

/// So many may come at once, and then so many each second, as nghttp2 has it for resets.
const BURST: u32 = 1000;
const MORE: u32 = 33;
/// And one more for so much that was sent: who gets much has much to acknowledge.
const BYTES_EACH: usize = 1024;

/// The length of a frame's head, and the place of its kind in there (RFC 9113 §4.1).
const HEAD: u8 = 9;
const KIND: u8 = 3;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;

/// How much of this a connection may still send.
#[derive(Debug)]
pub(super) struct Budget {
    left: Cell<u32>,
    /// Bytes that were sent, as long as they paid for nothing.
    sent: Cell<usize>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { left: Cell::new(BURST), sent: Cell::new(0) }
    }
}

impl Budget {
    pub(super) fn look(&self) {
        self.left.set((self.left.get() + MORE).min(BURST));
    }

    fn earn(&self, bytes: usize) {
        self.sent.set(self.sent.get().saturating_add(bytes));
    }

    /// False when there is nothing left.
    fn spend(&self) -> bool {
        if let Some(sent) = self.sent.get().checked_sub(BYTES_EACH) {
            self.sent.set(sent);
            return true;
        }
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }
}

/// Where in the client's bytes a connection is.
#[derive(Debug)]
struct Place {
    /// Bytes until the next frame.
    skip: usize,
    /// Bytes of its head that are known.
    known: u8,
    /// The length of its payload, as far as it is known.
    length: usize,
}

impl Place {
    /// Walks over `bytes` and calls `each` with the kind of each frame; false as soon as it is.
    fn walk(&mut self, mut bytes: &[u8], each: impl Fn(u8) -> bool) -> bool {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            let Some((&byte, rest)) = bytes.get(skipped..).and_then(<[u8]>::split_first) else { return true };
            bytes = rest;
            if self.known < KIND {
                self.length = self.length << 8 | usize::from(byte);
            } else if self.known == KIND && !each(byte) {
                return false;
            }
            self.known += 1;
            if self.known == HEAD {
                *self = Self { skip: self.length, known: 0, length: 0 };
            }
        }
    }
}

/// A client's side of a connection, counted.
#[derive(Debug)]
pub(super) struct Counted<S> {
    stream: S,
    streams: Rc<Streams>,
    place: Place,
}

impl<S> Counted<S> {
    /// `before`: bytes that come before the first frame.
    pub(super) fn new(stream: S, streams: Rc<Streams>, before: usize) -> Self {
        Self { stream, streams, place: Place { skip: before, known: 0, length: 0 } }
    }

    fn wrote(&self, polled: &Poll<io::Result<usize>>) {
        self.streams.is_full(polled.is_pending());
        if let Poll::Ready(Ok(bytes)) = polled {
            self.streams.budget.earn(*bytes);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, streams, place } = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(stream).poll_read(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        let allowed = |kind| matches!(kind, DATA | HEADERS | CONTINUATION) || streams.budget.spend();
        if place.walk(read, allowed) {
            return Poll::Ready(Ok(()));
        }
        metrics::counter!("gateway_connections_flooding_total").increment(1);
        Poll::Ready(Err(io::Error::other("too many frames that are neither request nor body")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.wrote(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, length: u8) -> Vec<u8> {
        let head = [0, 0, length, kind, 0, 0, 0, 0, 1];
        [&head[..], &vec![PING; usize::from(length)]].concat()
    }

    fn kinds(parts: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
        let mut place = Place { skip: 24, known: 0, length: 0 };
        let seen = std::cell::RefCell::new(Vec::new());
        for part in parts {
            place.walk(&part, |kind| {
                seen.borrow_mut().push(kind);
                true
            });
        }
        seen.into_inner()
    }

    #[test]
    fn frames_are_told_apart_however_they_arrive() {
        let sent = [vec![PING; 24], frame(4, 0), frame(DATA, 200), frame(PING, 8), frame(0xfe, 9)].concat();
        for size in [1, 2, 8, 9, 10, 100, sent.len()] {
            let parts = sent.chunks(size).map(<[u8]>::to_vec);
            assert_eq!(kinds(parts), [4, DATA, PING, 0xfe], "in parts of {size}");
        }
    }

    #[test]
    fn a_burst_is_let_through_and_what_was_sent_pays_for_more() {
        let spent = |budget: &Budget| std::iter::from_fn(|| budget.spend().then_some(())).count();
        let budget = Budget::default();
        assert_eq!(spent(&budget), BURST as usize);
        budget.look();
        assert_eq!(spent(&budget), MORE as usize);
        budget.earn(10 * BYTES_EACH + 1);
        assert_eq!(spent(&budget), 10);
        (0..BURST).for_each(|_| budget.look());
        assert_eq!(spent(&budget), BURST as usize, "it never is more than at the beginning");
    }
}
