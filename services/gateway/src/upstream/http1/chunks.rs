//! A body in chunks (RFC 9112 §7.1), taken apart as it comes.

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Rubbish;

/// Bytes of extensions in one body. Nobody uses them but to keep somebody busy.
const MOST_EXTENSIONS: usize = 16 * 1024;
const LARGEST_TRAILERS: usize = 16 * 1024;
const MOST_TRAILERS: usize = 64;
/// More digits would not be a size that there is.
const MOST_DIGITS: u8 = 15;

/// Where in a body the reader is.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    at: At,
    extensions: usize,
    trailers: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum At {
    /// In a chunk's size, which has so many digits so far.
    Size(u64, u8),
    /// Behind it, where there are blanks.
    Blank(u64),
    /// Behind those, until the line ends.
    Extension(u64),
    /// At the second half of that line's end.
    SizeEnd(u64),
    Data(u64),
    /// At the end of the line that the data is.
    DataReturn,
    DataEnd,
    /// After the last chunk.
    Trailers,
    End,
}

impl Default for At {
    fn default() -> Self {
        Self::Size(0, 0)
    }
}

/// What comes next.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    /// Nothing before more was read.
    More,
    End,
}

impl Chunks {
    /// Takes the next piece off `bytes`.
    pub(super) fn next(&mut self, bytes: &mut Bytes) -> Result<Piece, Rubbish> {
        loop {
            if matches!(self.at, At::End) {
                return Ok(Piece::End);
            }
            let Some(&byte) = bytes.first() else { return Ok(Piece::More) };
            if let At::Data(left) = self.at {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                let left = left - length as u64;
                self.at = if left == 0 { At::DataReturn } else { At::Data(left) };
                return Ok(Piece::Data(bytes.split_to(length)));
            }
            bytes.advance(1);
            self.at = self.after(byte)?;
            if matches!(self.at, At::End) && !self.trailers.is_empty() {
                return trailers(&std::mem::take(&mut self.trailers)).map(Piece::Trailers);
            }
        }
    }

    /// Where the reader is after `byte`.
    fn after(&mut self, byte: u8) -> Result<At, Rubbish> {
        Ok(match (self.at, byte) {
            (At::Size(size, 1..) | At::Blank(size) | At::Extension(size), b'\r') => At::SizeEnd(size),
            (At::Size(size, 1..) | At::Blank(size), b';') => At::Extension(size),
            (At::Size(size, 1..), b' ' | b'\t') => At::Blank(size),
            (At::Blank(size), b' ' | b'\t') => self.extend(At::Blank(size))?,
            (At::Size(size, digits @ ..MOST_DIGITS), byte) => {
                let digit = char::from(byte).to_digit(16).ok_or(Rubbish::Chunk)?;
                At::Size((size << 4) | u64::from(digit), digits + 1)
            }
            (At::Extension(size), byte) if byte != b'\n' => self.extend(At::Extension(size))?,
            (At::SizeEnd(0), b'\n') => At::Trailers,
            (At::SizeEnd(size), b'\n') => At::Data(size),
            (At::DataReturn, b'\r') => At::DataEnd,
            (At::DataEnd, b'\n') => At::default(),
            (At::Trailers, byte) => self.trail(byte)?,
            _ => return Err(Rubbish::Chunk),
        })
    }

    fn extend(&mut self, at: At) -> Result<At, Rubbish> {
        self.extensions += 1;
        if self.extensions > MOST_EXTENSIONS { Err(Rubbish::LongChunk) } else { Ok(at) }
    }

    /// Keeps the trailers' bytes until the empty line behind them.
    fn trail(&mut self, byte: u8) -> Result<At, Rubbish> {
        self.trailers.push(byte);
        if self.trailers == b"\r\n" {
            self.trailers.clear();
            return Ok(At::End);
        }
        match self.trailers.len() {
            _ if self.trailers.ends_with(b"\r\n\r\n") => Ok(At::End),
            LARGEST_TRAILERS.. => Err(Rubbish::LongChunk),
            _ => Ok(At::Trailers),
        }
    }
}

fn trailers(bytes: &[u8]) -> Result<HeaderMap, Rubbish> {
    let mut room = [httparse::EMPTY_HEADER; MOST_TRAILERS];
    let fields = match httparse::parse_headers(bytes, &mut room)? {
        httparse::Status::Complete((length, fields)) if length == bytes.len() => fields,
        _ => return Err(Rubbish::Chunk),
    };
    let field = |field: &httparse::Header<'_>| {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Rubbish::Header)?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| Rubbish::Header)?;
        Ok((name, value))
    };
    fields.iter().map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a body holds, given in parts of so many bytes; and what is left over.
    fn read(body: &str, part: usize) -> Result<(String, Option<HeaderMap>, Bytes), Rubbish> {
        let mut chunks = Chunks::default();
        let (mut data, mut trailers) = (String::new(), None);
        let mut rest = Bytes::copy_from_slice(body.as_bytes());
        let mut bytes = Bytes::new();
        loop {
            match chunks.next(&mut bytes)? {
                Piece::Data(piece) => data.push_str(std::str::from_utf8(&piece).unwrap()),
                Piece::Trailers(map) => trailers = Some(map),
                Piece::More if rest.is_empty() => return Err(Rubbish::Chunk),
                Piece::More => bytes = rest.split_to(part.min(rest.len())),
                Piece::End => {
                    let left = [bytes.as_ref(), rest.as_ref()].concat();
                    return Ok((data, trailers, left.into()));
                }
            }
        }
    }

    #[test]
    fn chunks_are_read_however_they_arrive() {
        let body = "5\r\nhello\r\n00A;name=\"va;lue\"\r\n, the rest\r\n1 \r\n.\r\n0\r\nX-Sum: 42\r\nx-b:\r\n\r\nmore";
        for part in 1..body.len() {
            let (data, trailers, left) = read(body, part).unwrap();
            assert_eq!((data.as_str(), left.as_ref()), ("hello, the rest.", b"more".as_slice()), "{part}");
            let trailers = trailers.unwrap();
            assert_eq!((trailers.len(), &trailers["x-sum"]), (2, &HeaderValue::from_static("42")));
        }
        assert_eq!(read("0\r\n\r\n", 9).unwrap(), (String::new(), None, Bytes::new()));
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for wrong in [
            "zz\r\n",
            "\r\n",
            "-1\r\n",
            "0x5\r\nhello\r\n",
            " 5\r\nhello\r\n",
            "5\nhello\r\n",
            "5;a\nhello\r\n",
            "5 x\r\nhello\r\n",
            "0\r\nx: a\n\nmore\r\n\r\n",
            "5\r\nhelloXX0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "FFFFFFFFFFFFFFFFF\r\nhello\r\n",
            "0\r\nno trailer\r\n\r\n",
            "0\r\nx: a\0b\r\n\r\n",
        ] {
            assert!(read(wrong, 3).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let extension = "a".repeat(MOST_EXTENSIONS / 2);
        let body = format!("1;{extension}\r\nx\r\n").repeat(3);
        assert_eq!(read(&body, 999).unwrap_err(), Rubbish::LongChunk);
        let trailers = format!("0\r\nx: {}", "a".repeat(LARGEST_TRAILERS));
        assert_eq!(read(&trailers, 999).unwrap_err(), Rubbish::LongChunk);
        let many = format!("0\r\n{}\r\n", "a: b\r\n".repeat(MOST_TRAILERS + 1));
        assert!(matches!(read(&many, 999), Err(Rubbish::Head(_))));
    }
}
