//! From bytes to an answer's head, and how its body will end (RFC 9112 §6.3).

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header, response};

use super::chunks::Chunks;
use super::head::Head;
use super::{Broken, Rubbish};

/// The longest head of an answer, in bytes.
pub(super) const LARGEST_HEAD: usize = 64 * 1024;
const MOST_HEADERS: usize = 100;

/// A head that was read.
pub(super) enum Parsed {
    /// There is more to come of it.
    Partly,
    /// Not the answer yet (RFC 9110 §15.2), and so many bytes long.
    Interim(usize),
    Final(Box<Final>),
}

pub(super) struct Final {
    pub(super) parts: response::Parts,
    pub(super) ends: Ends,
    /// Whether the connection may be used again.
    pub(super) persists: bool,
    /// What came behind the head.
    pub(super) rest: Bytes,
}

/// Where an answer's body ends.
#[derive(Debug)]
pub(super) enum Ends {
    /// After so many bytes.
    After(u64),
    WithLastChunk(Box<Chunks>),
    WithConnection,
    /// It is no body: what comes is not HTTP any more.
    Never,
}

/// Looks for a head at the begin of `bytes`, which are all that there is so far.
pub(super) fn parse(bytes: &[u8], asked: &Head) -> Result<Parsed, Broken> {
    // Only servers are told to skip such lines (RFC 9112 §2.2), and it may be the rest of another answer.
    if matches!(bytes.first(), Some(b'\r' | b'\n')) {
        return Err(Rubbish::Empty.into());
    }
    let mut room = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut read = httparse::Response::new(&mut []);
    let parsed =
        httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut read, bytes, &mut room);
    let length = match parsed.map_err(Rubbish::Head)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial if bytes.len() >= LARGEST_HEAD => return Err(Rubbish::LongHead.into()),
        httparse::Status::Partial => return Ok(Parsed::Partly),
    };
    let status = read.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(Rubbish::Status)?;
    let switched = status == StatusCode::SWITCHING_PROTOCOLS;
    if status.is_informational() && !switched {
        return Ok(Parsed::Interim(length));
    }
    if switched && !asked.upgrades {
        return Err(Rubbish::Switched.into());
    }
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = status;
    // One piece of memory for all of it: most answers are short, and live equally long.
    let all = Bytes::copy_from_slice(bytes);
    let mut told = Told::default();
    parts.headers.reserve(read.headers.len() + 4);
    for field in read.headers {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Rubbish::Header)?;
        told.heed(&name, field.value)?;
        let value =
            HeaderValue::from_maybe_shared(slice(&all, bytes, field.value)).map_err(|_| Rubbish::Header)?;
        parts.headers.append(name, value);
    }
    let first = read.version == Some(0);
    let ends = if switched { Ends::Never } else { told.ends(status, &asked.method, first)? };
    // Of two lengths one was meant to deceive somebody (RFC 9112 §6.3).
    let doubtful = told.chunked && told.length.is_some();
    // What it announces may still come, and must not be the next one's.
    let odd =
        status == StatusCode::NO_CONTENT && (told.chunked || told.length.is_some_and(|length| length > 0));
    let asked_to_close = told.closes || (first && !told.stays);
    let persists =
        !asked_to_close && !doubtful && !odd && !matches!(ends, Ends::WithConnection | Ends::Never);
    Ok(Parsed::Final(Box::new(Final { parts, ends, persists, rest: all.slice(length..) })))
}

/// The part of `all`, a copy of `bytes`, that is `part` of these.
fn slice(all: &Bytes, bytes: &[u8], part: &[u8]) -> Bytes {
    if part.is_empty() {
        return Bytes::new();
    }
    let begin = part.as_ptr().addr() - bytes.as_ptr().addr();
    all.slice(begin..begin + part.len())
}

/// What headers tell about the body and the connection.
#[derive(Debug, Default)]
struct Told {
    length: Option<u64>,
    chunked: bool,
    closes: bool,
    stays: bool,
}

impl Told {
    fn heed(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), Rubbish> {
        if *name == header::CONTENT_LENGTH {
            let length = length(value).ok_or(Rubbish::Length)?;
            if self.length.is_some_and(|other| other != length) {
                return Err(Rubbish::Length);
            }
            self.length = Some(length);
        } else if *name == header::TRANSFER_ENCODING {
            // No other was offered, and twice is once too often.
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Rubbish::Coding);
            }
            self.chunked = true;
        } else if *name == header::CONNECTION {
            for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                self.closes |= option.eq_ignore_ascii_case(b"close");
                self.stays |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        Ok(())
    }

    fn ends(&self, status: StatusCode, method: &Method, first: bool) -> Result<Ends, Rubbish> {
        if self.chunked && first {
            return Err(Rubbish::Coding);
        }
        if *method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Ok(Ends::After(0));
        }
        Ok(match self.length {
            _ if self.chunked => Ends::WithLastChunk(Box::default()),
            Some(length) => Ends::After(length),
            None => Ends::WithConnection,
        })
    }
}

/// Digits and nothing else (RFC 9110 §8.6).
fn length(value: &[u8]) -> Option<u64> {
    let text =
        std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method) -> Head {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.method = method;
        Head::of_test(&parts, None)
    }

    fn read(text: &str) -> Result<Parsed, Broken> {
        parse(text.as_bytes(), &asked(Method::GET))
    }

    fn last(text: &str) -> Final {
        match read(text) {
            Ok(Parsed::Final(last)) => *last,
            Ok(Parsed::Partly) => panic!("partly: {text:?}"),
            Ok(Parsed::Interim(_)) => panic!("interim: {text:?}"),
            Err(error) => panic!("{error}: {text:?}"),
        }
    }

    #[test]
    fn a_head_is_read_whole_or_waited_for() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\nx-a:\r\n\r\nhello";
        for length in 0..text.len() - 5 {
            assert!(matches!(read(&text[..length]), Ok(Parsed::Partly)), "{length}");
        }
        let last = last(text);
        assert_eq!(last.parts.headers["content-length"], "5");
        assert_eq!(last.parts.headers.get_all("x-a").iter().collect::<Vec<_>>(), ["b", ""]);
        assert_eq!(last.rest, "hello");
        assert!(last.persists && matches!(last.ends, Ends::After(5)));
        let interim = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
        assert!(matches!(read(interim), Ok(Parsed::Interim(length)) if length == interim.len()));
    }

    #[test]
    fn where_the_body_ends_is_one_thing_only() {
        for (headers, persists) in
            [("transfer-encoding: Chunked", true), ("content-length: 3\r\ntransfer-encoding: chunked", false)]
        {
            let last = last(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n"));
            assert!(matches!(last.ends, Ends::WithLastChunk(_)), "{headers}");
            assert_eq!(last.persists, persists, "{headers}");
        }
        let last_of = |text: &str| last(&format!("{text}\r\n\r\n"));
        assert!(matches!(last_of("HTTP/1.1 200 OK").ends, Ends::WithConnection));
        assert!(matches!(last_of("HTTP/1.1 304 Not Modified\r\ncontent-length: 7").ends, Ends::After(0)));
        assert!(matches!(
            last_of("HTTP/1.1 200 OK\r\ncontent-length: 7\r\ncontent-length: 7").ends,
            Ends::After(7)
        ));
        for wrong in [
            "HTTP/1.1 200 OK\r\ncontent-length: +7",
            "HTTP/1.1 200 OK\r\ncontent-length: 7, 7",
            "HTTP/1.1 200 OK\r\ncontent-length:",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999",
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\ncontent-length: 8",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked",
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked",
            "HTTP/1.1 200 OK\r\n x: folded",
            "HTTP/1.1 200 OK\r\nx : y",
            "HTTP/1.1 099 No",
            "\r\nHTTP/1.1 200 OK",
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x",
        ] {
            assert!(matches!(read(&format!("{wrong}\r\n\r\n")), Err(Broken::Rubbish(_))), "{wrong:?}");
        }
        let head = parse(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n", &asked(Method::HEAD));
        assert!(
            matches!(head, Ok(Parsed::Final(last)) if matches!(last.ends, Ends::After(0)) && last.persists)
        );
    }

    #[test]
    fn a_connection_is_kept_when_both_sides_may() {
        for (head, persists) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 0", true),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: x, Close", false),
            ("HTTP/1.1 200 OK", false),
            ("HTTP/1.1 204 No Content", true),
            ("HTTP/1.1 204 No Content\r\ncontent-length: 5", false),
            ("HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked", false),
            ("HTTP/1.1 304 Not Modified\r\ncontent-length: 5", true),
            ("HTTP/1.0 200 OK\r\ncontent-length: 0", false),
            ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive", true),
        ] {
            assert_eq!(last(&format!("{head}\r\n\r\n")).persists, persists, "{head}");
        }
    }

    #[test]
    fn too_many_headers_and_too_long_heads_are_refused() {
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MOST_HEADERS + 1));
        assert!(matches!(read(&many), Err(Broken::Rubbish(Rubbish::Head(_)))));
        let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(LARGEST_HEAD));
        assert!(matches!(read(&long), Err(Broken::Rubbish(Rubbish::LongHead))));
    }
}
