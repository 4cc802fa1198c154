//! HTTP/2 frame by frame (RFC 9113 §4), for what no well-behaved client would send or show.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const DATA: u8 = 0x0;
pub(crate) const HEADERS: u8 = 0x1;
pub(crate) const PRIORITY: u8 = 0x2;
pub(crate) const RST_STREAM: u8 = 0x3;
pub(crate) const SETTINGS: u8 = 0x4;
pub(crate) const PING: u8 = 0x6;
pub(crate) const GOAWAY: u8 = 0x7;
pub(crate) const WINDOW_UPDATE: u8 = 0x8;
pub(crate) const CONTINUATION: u8 = 0x9;
pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
const ACK: u8 = 0x1;

/// Error codes (RFC 9113 §7).
pub(crate) const PROTOCOL_ERROR: u8 = 0x1;
pub(crate) const CANCEL: u8 = 0x8;
pub(crate) const ENHANCE_YOUR_CALM: u8 = 0xb;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }

    /// The error code of a GOAWAY.
    pub(crate) fn error(&self) -> Option<u8> {
        (self.kind == GOAWAY).then(|| self.payload[7])
    }

    /// The error code with which this stream is reset.
    pub(crate) fn resets(&self, stream: u32) -> Option<u8> {
        (self.kind == RST_STREAM && self.stream == stream).then(|| self.payload[3])
    }
}

/// A frame as bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The header block of `GET path` (RFC 7541): two fields of the static table, two with a value.
pub(crate) fn get(path: &str) -> Vec<u8> {
    let text = |name: u8, value: &str| {
        let length = u8::try_from(value.len()).unwrap();
        [&[0x40 | name, length], value.as_bytes()].concat()
    };
    [vec![0x82, 0x86], text(1, "localhost"), text(4, path)].concat()
}

/// The whole request `GET path` as one frame.
pub(crate) fn request(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &get(path))
}

/// Lets so many bytes more be sent.
pub(crate) fn window(stream: u32, bytes: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

/// A connection on which the preface and the first settings were sent.
pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    connect_with(address, &[]).await
}

/// The same for a client that lets so many bytes of each answer be sent until it says more.
pub(crate) async fn connect_narrow(address: SocketAddr, window: u32) -> TcpStream {
    const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];
    connect_with(address, &[&INITIAL_WINDOW_SIZE[..], &window.to_be_bytes()].concat()).await
}

async fn connect_with(address: SocketAddr, settings: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, settings)).await.unwrap();
    stream
}

/// The next frame but settings and pings, which are answered; `None` when the connection has ended.
pub(crate) async fn next(stream: &mut TcpStream) -> Option<Frame> {
    loop {
        let came = any(stream).await?;
        let answer = match came.kind {
            SETTINGS => frame(SETTINGS, ACK, 0, &[]),
            PING => frame(PING, ACK, 0, &came.payload),
            _ => return Some(came),
        };
        if came.flags & ACK == 0 {
            stream.write_all(&answer).await.ok()?;
        }
    }
}

/// The next frame, whatever it is; `None` when the connection has ended.
pub(crate) async fn any(stream: &mut (impl AsyncRead + Unpin)) -> Option<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let [_, a, b, kind, flags, id @ ..] = head;
    let mut payload = vec![0; usize::from(u16::from_be_bytes([a, b]))];
    stream.read_exact(&mut payload).await.ok()?;
    Some(Frame { kind, flags, stream: u32::from_be_bytes(id), payload })
}
