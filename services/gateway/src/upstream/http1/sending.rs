//! A request's body on its way to an upstream, as the client sends it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BufMut as _, Bytes};
use http::{HeaderMap, HeaderName};
use http_body::Body as _;
use tokio::io::AsyncWrite as _;
use tokio::net::TcpStream;

use super::Broken;
use super::head::{Framing, Head, write_headers};
use crate::forward::Resumable;

/// What a chunk's size takes at most, with the ends of two lines.
const AROUND_CHUNK: usize = 20;

/// What is left to be sent.
pub(super) struct Sending {
    /// To be written next.
    out: Bytes,
    /// Whether that is, or begins with, the request's head.
    in_head: bool,
    /// `None` once nothing more comes from it.
    body: Option<Resumable>,
    framing: Framing,
    trailers: Vec<HeaderName>,
}

impl Sending {
    pub(super) fn new(head: &Head, body: Resumable) -> Self {
        let framed = head.framing != Framing::None;
        Self {
            out: head.bytes.clone(),
            in_head: true,
            body: framed.then_some(body),
            framing: head.framing,
            trailers: head.trailers.clone(),
        }
    }

    /// Whether nothing was written.
    pub(super) fn is_unsent(&self, head: &Head) -> bool {
        self.in_head && self.out.len() == head.bytes.len()
    }

    /// Whether all of the head was written.
    pub(super) fn is_past_head(&self) -> bool {
        !self.in_head
    }

    /// Writes what there is, until all is written.
    pub(super) fn poll(
        &mut self,
        stream: &mut TcpStream,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Broken>> {
        loop {
            while !self.out.is_empty() {
                let written = ready!(Pin::new(&mut *stream).poll_write(context, &self.out))?;
                if written == 0 {
                    return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()));
                }
                self.out.advance(written);
            }
            self.in_head = false;
            let Some(body) = &mut self.body else { return Poll::Ready(Ok(())) };
            self.out = match ready!(Pin::new(body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.piece(data)?,
                    Err(frame) => self.end(frame.into_trailers().ok())?,
                },
                Some(Err(error)) => return Poll::Ready(Err(Broken::Body(error))),
                None => self.end(None)?,
            };
        }
    }

    /// A piece of the body as it is written.
    fn piece(&mut self, data: Bytes) -> io::Result<Bytes> {
        match &mut self.framing {
            Framing::Length(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(io::ErrorKind::InvalidData)?;
                Ok(data)
            }
            // An empty one would be the last.
            Framing::Chunked if data.is_empty() => Ok(data),
            Framing::Chunked => {
                let mut out = Vec::with_capacity(data.len() + AROUND_CHUNK);
                out.put_slice(format!("{:x}\r\n", data.len()).as_bytes());
                out.put_slice(&data);
                out.put_slice(b"\r\n");
                Ok(out.into())
            }
            Framing::None => Ok(Bytes::new()),
        }
    }

    /// What is written at the body's end.
    fn end(&mut self, trailers: Option<HeaderMap>) -> io::Result<Bytes> {
        self.body = None;
        match self.framing {
            // An upstream that waits for more would take the next request for it.
            Framing::Length(1..) => Err(io::ErrorKind::UnexpectedEof.into()),
            Framing::Length(0) | Framing::None => Ok(Bytes::new()),
            Framing::Chunked => {
                let mut out = b"0\r\n".to_vec();
                let trailers = trailers.unwrap_or_default();
                write_headers(&mut out, trailers.iter().filter(|(name, _)| self.trailers.contains(name)));
                out.put_slice(b"\r\n");
                Ok(out.into())
            }
        }
    }
}
