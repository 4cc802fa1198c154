//! The smallest questions that tell whether a server answers, in its own protocol.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends `question` to a port of 127.0.0.1 and says whether the answer begins with `expected`.
pub(super) async fn answers(port: u16, question: &[u8], expected: &[u8]) -> bool {
    ask(port, question, expected.len()).await.is_some_and(|answer| answer == expected)
}

async fn ask(port: u16, question: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
    stream.write_all(question).await.ok()?;
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await.ok()?;
    Some(answer)
}

/// Whether somebody accepts connections on a port of 127.0.0.1.
pub(super) async fn accepts(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok()
}
