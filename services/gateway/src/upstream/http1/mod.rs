//! HTTP/1.1 as a client of upstreams speaks it (RFC 9112): one request at a time on a connection, written and read by
//! whoever waits for the answer.
//!
//! There is no task for a connection and no buffer while it waits, which is why it is not hyper's
//! ([ADR 8](../../../../../docs/adr/0008-an-own-client-for-upstreams.md)). Heads are read by `httparse`, as hyper does.
//! An upstream is ours and still not believed: whatever may mean two things is refused, and a connection on which
//! anything was odd is not used again.

mod body;
mod chunks;
mod exchange;
mod head;
mod parse;
mod sending;

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;

pub(crate) use self::body::Body;
pub(crate) use self::exchange::exchange;
pub(crate) use self::head::Head;
use crate::forward::BodyError;

/// As much is read at once, in bytes.
const PART: usize = 32 * 1024;

thread_local! {
    /// What is read goes here first: a connection that waits needs no memory of its own.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; PART].into());
}

/// Why there is no answer, or no more of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// Nothing of the request was sent.
    #[error("it took nothing: {0}")]
    Unsent(#[source] io::Error),
    #[error("it broke: {0}")]
    Io(#[from] io::Error),
    #[error("it was closed too early")]
    Closed,
    #[error("it answered before it was asked")]
    Early,
    /// The client's body could not be passed on.
    #[error("the request's body ended early")]
    Body(#[source] BodyError),
    #[error("it is not HTTP/1.1: {0}")]
    Rubbish(Rubbish),
}

/// What an upstream did wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rubbish {
    #[error("{0}")]
    Head(#[from] httparse::Error),
    #[error("the head is too long")]
    LongHead,
    #[error("too many answers before the answer")]
    Interim,
    #[error("an empty line where the status should be")]
    Empty,
    #[error("a status that is none")]
    Status,
    #[error("a header that is none")]
    Header,
    #[error("Content-Length is no length, or several")]
    Length,
    #[error("a Transfer-Encoding that nobody asked for")]
    Coding,
    #[error("it left HTTP unasked")]
    Switched,
    #[error("a chunk that is none")]
    Chunk,
    #[error("too much beside the chunks")]
    LongChunk,
}

impl From<Rubbish> for Broken {
    fn from(rubbish: Rubbish) -> Self {
        Self::Rubbish(rubbish)
    }
}

/// Reads what there is and gives it to `take`; nothing at all is the end.
fn poll_read<T>(
    stream: &mut TcpStream,
    context: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        Pin::new(stream).poll_read(context, &mut buffer).map_ok(|()| take(buffer.filled()))
    })
}

/// Whether nothing has come on an idle connection: neither its end nor an answer that nobody asked for. Asks the
/// system only when there is news.
pub(super) fn is_quiet(stream: &TcpStream) -> bool {
    match stream.try_read(&mut [0]) {
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        Ok(0) => false,
        Ok(_) => {
            count_surplus();
            false
        }
    }
}

/// A connection that could have been used again ends, since more has come on it than was asked for. Whatever else
/// breaks one is counted where it is told: as a failure, or as an answer that was cut off.
fn count_surplus() {
    metrics::counter!("gateway_upstream_connections_broken_total").increment(1);
}
