//! One request and the head of its answer.

use std::future::poll_fn;
use std::task::{Context, Poll};

use http::Response;

use super::body::Body;
use super::head::Head;
use super::parse::{Final, LARGEST_HEAD, Parsed, parse};
use super::sending::Sending;
use super::{Broken, poll_read};
use crate::forward::Resumable;
use crate::upstream::Connection;

/// Sends a request and waits for the head of its answer. The body, of both, may still be on its way then.
///
/// # Errors
/// See [`Broken`]; the connection is closed.
pub(crate) async fn exchange(
    mut connection: Connection,
    head: &Head,
    body: Resumable,
) -> Result<Response<Body>, Broken> {
    let mut exchange =
        Exchange { head, sending: Some(Sending::new(head, body)), refused: None, read: Vec::new() };
    let last = poll_fn(|context| exchange.poll(&mut connection, context)).await?;
    let Final { parts, ends, persists, rest } = last;
    let persists = persists && exchange.refused.is_none();
    let body = Body::new(connection, exchange.sending, ends, persists, rest);
    Ok(Response::from_parts(parts, body))
}

struct Exchange<'a> {
    head: &'a Head,
    /// `None` once all is sent.
    sending: Option<Sending>,
    /// Why the rest could not be sent. There may be an answer that says more.
    refused: Option<Broken>,
    /// What was read of a head that is not complete.
    read: Vec<u8>,
}

impl Exchange<'_> {
    fn poll(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_>,
    ) -> Poll<Result<Final, Broken>> {
        if let Err(broken) = self.poll_send(connection, context) {
            return Poll::Ready(Err(broken));
        }
        loop {
            let read =
                poll_read(&mut connection.stream, context, |bytes| take(&mut self.read, bytes, self.head));
            let taken = match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(taken)) => taken,
                Poll::Ready(Err(error)) => Err(error.into()),
            };
            match taken {
                Ok(None) => {}
                Ok(Some(last)) => return Poll::Ready(self.check(last)),
                Err(broken) => return Poll::Ready(Err(self.refused.take().unwrap_or(broken))),
            }
        }
    }

    /// Sends on. What fails in the middle of it is told only when there is no answer either.
    fn poll_send(&mut self, connection: &mut Connection, context: &mut Context<'_>) -> Result<(), Broken> {
        let Some(sending) = &mut self.sending else { return Ok(()) };
        match sending.poll(&mut connection.stream, context) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.sending = None,
            Poll::Ready(Err(Broken::Io(error))) if sending.is_unsent(self.head) => {
                return Err(Broken::Unsent(error));
            }
            Poll::Ready(Err(broken @ Broken::Body(_))) => return Err(broken),
            Poll::Ready(Err(broken)) => {
                self.refused = Some(broken);
                self.sending = None;
            }
        }
        Ok(())
    }

    /// Nobody can have understood a request of which the head was not even sent.
    fn check(&self, last: Final) -> Result<Final, Broken> {
        match &self.sending {
            Some(sending) if !sending.is_past_head() => Err(Broken::Early),
            _ => Ok(last),
        }
    }
}

/// Adds `bytes` to what was `read` before, and takes heads off it until there is one that is the answer's.
fn take(read: &mut Vec<u8>, bytes: &[u8], asked: &Head) -> Result<Option<Final>, Broken> {
    if bytes.is_empty() {
        return Err(Broken::Closed);
    }
    if !read.is_empty() {
        read.extend_from_slice(bytes);
        // Only the end of a line can be the head's: whoever sends it byte by byte must not have all of it read each time.
        if !bytes.contains(&b'\n') && read.len() < LARGEST_HEAD {
            return Ok(None);
        }
        let whole = std::mem::take(read);
        return take_whole(read, &whole, asked);
    }
    take_whole(read, bytes, asked)
}

fn take_whole(read: &mut Vec<u8>, mut bytes: &[u8], asked: &Head) -> Result<Option<Final>, Broken> {
    loop {
        match parse(bytes, asked)? {
            Parsed::Final(last) => return Ok(Some(*last)),
            Parsed::Interim(length) => bytes = bytes.get(length..).unwrap_or_default(),
            Parsed::Partly => {
                read.extend_from_slice(bytes);
                return Ok(None);
            }
        }
    }
}
