//! What upstreams are told by the gateway and by nobody else: where they are called, by whom, in which request. Written
//! once, as the lines that are sent.

use std::net::IpAddr;
use std::rc::Rc;

use http::HeaderValue;
use url::Url;

/// What every upstream is told about the public address; made once.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    host: String,
    pub(crate) https: bool,
}

impl Told {
    pub(crate) fn new(public: &Url) -> Self {
        let host = public.host_str().unwrap_or_default();
        let host = public.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Self { host, https: public.scheme() == "https" }
    }

    /// The lines that name a client and what it has called.
    pub(crate) fn client(&self, client: IpAddr) -> Rc<[u8]> {
        let node = match client {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("\"[{address}]\""),
        };
        let (host, proto) = (&self.host, if self.https { "https" } else { "http" });
        let lines = format!(
            "x-forwarded-for: {client}\r\nx-forwarded-host: {host}\r\nx-forwarded-proto: {proto}\r\n\
             forwarded: for={node};host=\"{host}\";proto={proto}\r\n"
        );
        lines.into_bytes().into()
    }
}

/// What is told about one request.
#[derive(Debug, Clone)]
pub(crate) struct Vouched {
    /// See [`Told::client`].
    pub(crate) client: Rc<[u8]>,
    pub(crate) request_id: HeaderValue,
    pub(crate) traceparent: HeaderValue,
    /// How the client speaks: for `Via` (RFC 9110 §7.6.3).
    pub(crate) version: http::Version,
}

impl Vouched {
    /// The longest that [`write`](Self::write) may get, in bytes.
    pub(crate) fn length(&self) -> usize {
        self.client.len() + self.request_id.len() + self.traceparent.len() + 64
    }

    /// Writes the lines into a head, behind all others: in `Via` the last is whoever was last.
    pub(crate) fn write(&self, head: &mut Vec<u8>) {
        head.extend_from_slice(&self.client);
        let via: &[u8] = match self.version {
            http::Version::HTTP_2 => b"via: 2 gateway\r\nx-request-id: ",
            http::Version::HTTP_10 => b"via: 1.0 gateway\r\nx-request-id: ",
            _ => b"via: 1.1 gateway\r\nx-request-id: ",
        };
        head.extend_from_slice(via);
        head.extend_from_slice(self.request_id.as_bytes());
        head.extend_from_slice(b"\r\ntraceparent: ");
        head.extend_from_slice(self.traceparent.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(public: &str, client: &str) -> String {
        let client = Told::new(&public.parse().unwrap()).client(client.parse().unwrap());
        let vouched = Vouched {
            client,
            request_id: HeaderValue::from_static("id"),
            traceparent: HeaderValue::from_static("00-1-2-00"),
            version: http::Version::HTTP_2,
        };
        let mut head = Vec::new();
        vouched.write(&mut head);
        assert!(head.len() <= vouched.length());
        String::from_utf8(head).unwrap()
    }

    #[test]
    fn upstreams_are_told_who_called_what() {
        assert_eq!(
            told("https://courses.example.com", "192.0.2.9"),
            "x-forwarded-for: 192.0.2.9\r\nx-forwarded-host: courses.example.com\r\nx-forwarded-proto: https\r\n\
             forwarded: for=192.0.2.9;host=\"courses.example.com\";proto=https\r\nvia: 2 gateway\r\n\
             x-request-id: id\r\ntraceparent: 00-1-2-00\r\n"
        );
        let lines = told("http://localhost:8080", "2001:db8::1");
        assert!(
            lines.contains("x-forwarded-for: 2001:db8::1\r\nx-forwarded-host: localhost:8080\r\n"),
            "{lines}"
        );
        assert!(
            lines.contains("forwarded: for=\"[2001:db8::1]\";host=\"localhost:8080\";proto=http\r\n"),
            "{lines}"
        );
    }
}
