//! Where a request comes from.

use std::net::IpAddr;

use http::{HeaderMap, header};

/// The address of a request of which the gateway says nothing. It is nobody's, so nothing is counted by it: one
/// who fails often must not make everybody wait.
pub(super) const UNKNOWN: &str = "unknown";

/// The caller's address as the gateway says it (`Forwarded: for=…`, RFC 7239 §5.2), in the form that is
/// counted: an IPv6 network of 64 bits is one caller. Only the gateway reaches this service, and it removes
/// what callers send under that name.
pub(crate) fn client_address(headers: &HeaderMap) -> String {
    let forwarded = headers.get(header::FORWARDED).and_then(|value| value.to_str().ok());
    forwarded.and_then(parse).map_or_else(|| UNKNOWN.to_owned(), network)
}

fn parse(forwarded: &str) -> Option<IpAddr> {
    // The first element is the one next to the caller.
    let element = forwarded.split(',').next()?;
    let value = element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then(|| value.trim_matches('"'))
    })?;
    let bracketed = value.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(address, _)| address);
    let plain = || value.split_once(':').filter(|(_, port)| !port.contains(':')).map_or(value, |(it, _)| it);
    bracketed.unwrap_or_else(plain).parse().ok()
}

fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateways_word_is_read_in_every_form() {
        for (value, address) in [
            ("for=203.0.113.7", "203.0.113.7"),
            ("For=\"203.0.113.7:4711\";proto=https", "203.0.113.7"),
            ("proto=https; for=203.0.113.7, for=10.0.0.1", "203.0.113.7"),
            ("for=\"[2001:db8:cafe:1::17]:4711\"", "2001:db8:cafe:1::/64"),
            ("for=\"[::ffff:203.0.113.7]\"", "203.0.113.7"),
            // As our gateway writes it.
            ("for=192.0.2.9;host=\"courses.example.com\";proto=https", "192.0.2.9"),
            ("for=\"[2001:db8::1]\";host=\"localhost:8080\";proto=http", "2001:db8:0:0::/64"),
            ("for=_hidden", "unknown"),
            ("nonsense", "unknown"),
            ("", "unknown"),
        ] {
            let headers = HeaderMap::from_iter([(header::FORWARDED, value.parse().unwrap())]);
            assert_eq!(client_address(&headers), address, "{value}");
        }
        assert_eq!(client_address(&HeaderMap::new()), "unknown");
    }
}
