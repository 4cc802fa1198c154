//! One request and the head of its answer.

use std::future::poll_fn;
use std::task::{Context, Poll};

use http::Response;

use super::body::Body;
use super::head::Head;
use super::parse::{Ends, Final, LARGEST_HEAD, Parsed, parse};
use super::sending::Sending;
use super::{Broken, Rubbish, poll_read};
use crate::forward::Resumable;
use crate::upstream::Connection;

/// Answers that come before the answer (RFC 9110 §15.2). Nobody has use for more.
const MOST_INTERIM: u32 = 16;

/// Sends a request and waits for the head of its answer. The body, of both, may still be on its way then.
///
/// # Errors
/// See [`Broken`]; the connection is closed.
pub(crate) async fn exchange(
    mut connection: Connection,
    head: &Head,
    body: Resumable,
) -> Result<Response<Body>, Broken> {
    let mut exchange = Exchange {
        head,
        sending: Some(Sending::new(head, body)),
        refused: None,
        reading: Reading::default(),
    };
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
    reading: Reading,
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    /// Of a head that is not complete.
    part: Vec<u8>,
    /// How many answers came that are not yet the answer.
    interim: u32,
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
                poll_read(&mut connection.stream, context, |bytes| self.reading.take(bytes, self.head));
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

    /// Nobody can have understood a request of which the head was not even sent, nor leave HTTP in the middle of one.
    fn check(&self, last: Final) -> Result<Final, Broken> {
        let switched = matches!(last.ends, Ends::Never);
        match &self.sending {
            Some(sending) if switched || !sending.is_past_head() => Err(Broken::Early),
            None if switched && self.refused.is_some() => Err(Broken::Early),
            _ => Ok(last),
        }
    }
}

impl Reading {
    /// Adds `bytes` to what was read before, and takes heads off it until there is one that is the answer's.
    fn take(&mut self, bytes: &[u8], asked: &Head) -> Result<Option<Final>, Broken> {
        if bytes.is_empty() {
            return Err(Broken::Closed);
        }
        if self.part.is_empty() {
            return self.take_whole(bytes, asked);
        }
        self.part.extend_from_slice(bytes);
        // Only the end of a line can be the head's: whoever sends it byte by byte must not have all of it read each time.
        if !bytes.contains(&b'\n') && self.part.len() < LARGEST_HEAD {
            return Ok(None);
        }
        let whole = std::mem::take(&mut self.part);
        self.take_whole(&whole, asked)
    }

    fn take_whole(&mut self, mut bytes: &[u8], asked: &Head) -> Result<Option<Final>, Broken> {
        loop {
            match parse(bytes, asked)? {
                Parsed::Final(last) => return Ok(Some(*last)),
                Parsed::Interim(_) if self.interim == MOST_INTERIM => return Err(Rubbish::Interim.into()),
                Parsed::Interim(length) => {
                    self.interim += 1;
                    bytes = bytes.get(length..).unwrap_or_default();
                }
                Parsed::Partly => {
                    self.part.extend_from_slice(bytes);
                    return Ok(None);
                }
            }
        }
    }
}
