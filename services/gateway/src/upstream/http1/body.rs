//! The body of an answer, read as whoever takes it asks for more.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::net::TcpStream;

use super::chunks::Piece;
use super::parse::Ends;
use super::sending::Sending;
use super::{Broken, count_broken, poll_read};
use crate::upstream::Connection;

/// What is left of an answer. The connection is given back as soon as all of it was read, and closed when this is
/// dropped before.
pub(crate) struct Body {
    /// `None` once all was read.
    connection: Option<Connection>,
    /// The request's body, when the answer began before its end.
    sending: Option<Sending>,
    ends: Ends,
    persists: bool,
    /// What was read and not yet taken.
    ahead: Bytes,
}

impl Body {
    pub(super) fn new(
        connection: Connection,
        sending: Option<Sending>,
        ends: Ends,
        persists: bool,
        ahead: Bytes,
    ) -> Self {
        let mut body = Self { connection: Some(connection), sending, ends, persists, ahead };
        if matches!(body.ends, Ends::After(0)) {
            body.finish();
        }
        body
    }

    /// Takes all of it, when all of it is here.
    pub(crate) fn take_whole(&mut self) -> Option<Bytes> {
        let Ends::After(left) = self.ends else { return None };
        let left = usize::try_from(left).ok().filter(|left| *left <= self.ahead.len())?;
        let whole = self.ahead.split_to(left);
        self.ends = Ends::After(0);
        self.finish();
        Some(whole)
    }

    /// The connection and what came on it already, when it is none of HTTP's any more.
    pub(crate) fn into_switched(self) -> Option<(TcpStream, Bytes)> {
        matches!(self.ends, Ends::Never).then_some(())?;
        Some((self.connection?.stream, self.ahead))
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        matches!(self.ends, Ends::After(0))
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self.ends {
            Ends::After(left) => SizeHint::with_exact(left),
            _ => SizeHint::default(),
        }
    }

    /// The next piece.
    ///
    /// # Errors
    /// See [`Broken`]; there will be no more.
    pub(crate) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.connection.is_none() {
            return Poll::Ready(None);
        }
        self.send_on(context);
        let polled = self.poll_piece(context);
        if matches!(polled, Poll::Ready(Err(_))) {
            self.connection = None;
        }
        polled.map(Result::transpose)
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, Broken>> {
        loop {
            match &mut self.ends {
                Ends::After(_) | Ends::WithConnection if self.ahead.is_empty() => {}
                Ends::After(left) => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(self.ahead.len());
                    *left -= length as u64;
                    let piece = self.ahead.split_to(length);
                    if matches!(self.ends, Ends::After(0)) {
                        self.finish();
                    }
                    return Poll::Ready(Ok(Some(Frame::data(piece))));
                }
                Ends::WithConnection => {
                    return Poll::Ready(Ok(Some(Frame::data(std::mem::take(&mut self.ahead)))));
                }
                Ends::WithLastChunk(chunks) => match chunks.next(&mut self.ahead)? {
                    Piece::Data(piece) => return Poll::Ready(Ok(Some(Frame::data(piece)))),
                    Piece::Trailers(trailers) => {
                        self.finish();
                        return Poll::Ready(Ok(Some(Frame::trailers(trailers))));
                    }
                    Piece::End => {
                        self.finish();
                        return Poll::Ready(Ok(None));
                    }
                    Piece::More => {}
                },
                Ends::Never => return Poll::Ready(Ok(None)),
            }
            if !ready!(self.poll_read(context))? {
                if !matches!(self.ends, Ends::WithConnection) {
                    return Poll::Ready(Err(Broken::Closed));
                }
                self.finish();
                return Poll::Ready(Ok(None));
            }
        }
    }

    /// Reads more; false at the connection's end.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, Broken>> {
        let Some(connection) = &mut self.connection else { return Poll::Ready(Ok(false)) };
        self.ahead = ready!(poll_read(&mut connection.stream, context, Bytes::copy_from_slice))?;
        Poll::Ready(Ok(!self.ahead.is_empty()))
    }

    /// The request's body goes on meanwhile; an upstream that no longer takes it may have its reasons.
    fn send_on(&mut self, context: &mut Context<'_>) {
        let (Some(sending), Some(connection)) = (&mut self.sending, &mut self.connection) else { return };
        match sending.poll(&mut connection.stream, context) {
            Poll::Pending => {}
            Poll::Ready(sent) => {
                self.persists &= sent.is_ok();
                self.sending = None;
            }
        }
    }

    /// All was read. What comes behind it belongs to nothing, and a request of which something is left to send
    /// has no end.
    fn finish(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if !self.ahead.is_empty() {
            count_broken();
        } else if self.persists && self.sending.is_none() {
            connection.give_back();
        }
    }
}
