//! A client with one connection, over which it asks again and again. It does nothing by itself: what a real client's
//! pool would hide, such as a connection that is closed between two requests, fails the test.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

pub(crate) struct Talk(BufReader<TcpStream>);

impl Talk {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    /// The body of a 200. `more` are whole lines of the head.
    pub(crate) async fn get(&mut self, path: &str, more: &str) -> String {
        let (status, body) = self.ask(path, more).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    /// Status and body.
    pub(crate) async fn ask(&mut self, path: &str, more: &str) -> (u16, String) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n{more}\r\n");
        self.0.get_mut().write_all(request.as_bytes()).await.unwrap();
        let (mut status, mut length, mut line) = (None, 0, String::new());
        loop {
            line.clear();
            assert_ne!(self.0.read_line(&mut line).await.unwrap(), 0, "the connection was closed");
            match line.trim_end().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().unwrap(),
                None if line == "\r\n" => break,
                None => status = line.split(' ').nth(1).and_then(|status| status.parse().ok()),
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        (status.expect("a status"), String::from_utf8(body).unwrap())
    }
}
