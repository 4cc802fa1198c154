//! Where a request comes from: the connection's address, unless that is a proxy we trust.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::HeaderMap;

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
}

/// Networks of proxies whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<(IpAddr, u8)>);

impl Networks {
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|(network, length)| match (network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                shared(u32::from(*network).into(), u32::from(address).into(), 32, *length)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                shared(u128::from(*network), u128::from(address), 128, *length)
            }
            _ => false,
        })
    }
}

/// Whether the first `length` of `bits` bits are the same.
fn shared(a: u128, b: u128, bits: u8, length: u8) -> bool {
    length == 0 || (a ^ b) >> (bits - length) == 0
}

impl FromStr for Networks {
    type Err = String;

    /// `10.0.0.0/8, fd00::/8, 192.0.2.7`
    fn from_str(text: &str) -> Result<Self, String> {
        let mut networks = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (address, length) = part.split_once('/').map_or((part, None), |(a, l)| (a, Some(l)));
            let wrong = || format!("{part:?} is no address or network such as 10.0.0.0/8");
            let address: IpAddr = address.parse().map_err(|_| wrong())?;
            let longest = if address.is_ipv4() { 32 } else { 128 };
            let length = length.map_or(Ok(longest), str::parse).map_err(|_| wrong())?;
            if length > longest {
                return Err(wrong());
            }
            networks.push((address, length));
        }
        Ok(Self(networks))
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.iter().map(|(address, length)| format!("{address}/{length}")).collect();
        f.write_str(&parts.join(","))
    }
}

/// The client's address: the nearest one in `X-Forwarded-For`, from the right, that is none of ours.
pub(crate) fn client_address(peer: Peer, headers: &HeaderMap, trusted: &Networks) -> IpAddr {
    let mut address = canonical(peer.address.ip());
    if !trusted.contain(address) {
        return address;
    }
    // By bytes: what a client wrote that is no text must not hide what the proxy wrote behind it.
    let values = headers.get_all("x-forwarded-for").iter().rev();
    for hop in values.flat_map(|value| value.as_bytes().rsplit(|&byte| byte == b',')) {
        let Some(hop) = std::str::from_utf8(hop).ok().and_then(|hop| parse_hop(hop.trim())) else { break };
        address = hop;
        if !trusted.contain(address) {
            break;
        }
    }
    address
}

/// The address in `Forwarded: for=…` (RFC 7239), which only a token of client `web` may send.
pub(crate) fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let value = headers.get("forwarded")?.to_str().ok()?;
    let first = value.split(',').next()?;
    let (_, node) = first
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    parse_hop(node.trim().trim_matches('"'))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let address = text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|it| it.ip()));
    let address = address.or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok());
    address.map(canonical)
}

/// `::ffff:192.0.2.1` is `192.0.2.1`: one client must not have two spellings.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn address(peer: &str, forwarded: &[&'static str], trusted: &str) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let peer = Peer { address: SocketAddr::new(peer.parse().unwrap(), 1) };
        client_address(peer, &headers, &trusted.parse().unwrap()).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(address("192.0.2.1", &["6.6.6.6"], ""), "192.0.2.1");
        assert_eq!(address("10.1.1.1", &["6.6.6.6"], "10.0.0.0/8"), "6.6.6.6");
        assert_eq!(address("192.0.2.1", &["6.6.6.6"], "10.0.0.0/8"), "192.0.2.1");
    }

    #[test]
    fn what_a_client_writes_in_front_is_not_believed() {
        assert_eq!(address("10.1.1.1", &["1.1.1.1, 6.6.6.6, 10.2.2.2"], "10.0.0.0/8"), "6.6.6.6");
        assert_eq!(address("10.1.1.1", &["1.1.1.1", "6.6.6.6"], "10.0.0.0/8"), "6.6.6.6");
        assert_eq!(address("10.1.1.1", &["6.6.6.6, rubbish"], "10.0.0.0/8"), "10.1.1.1");
        assert_eq!(address("10.1.1.1", &["1.1.1.1", "ş, 6.6.6.6"], "10.0.0.0/8"), "6.6.6.6");
        assert_eq!(address("10.1.1.1", &["1.1.1.1", "ş"], "10.0.0.0/8"), "10.1.1.1");
        assert_eq!(address("::ffff:10.1.1.1", &["[2001:db8::1]:80"], "10.0.0.0/8"), "2001:db8::1");
    }

    #[test]
    fn networks_are_read_and_wrong_ones_refused() {
        let networks: Networks = "10.0.0.0/8, fd00::/8,192.0.2.7".parse().unwrap();
        assert!(networks.contain("fd12::1".parse().unwrap()));
        assert!(networks.contain("192.0.2.7".parse().unwrap()));
        assert!(!networks.contain("192.0.2.8".parse().unwrap()));
        for wrong in ["x", "10.0.0.0/33", "10.0.0.0/x", "fd00::/129"] {
            assert!(wrong.parse::<Networks>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_visitors_address_is_read_from_forwarded() {
        let mut headers = HeaderMap::new();
        headers.insert("forwarded", HeaderValue::from_static("for=\"[2001:db8::1]\";proto=https"));
        assert_eq!(forwarded_for(&headers).unwrap().to_string(), "2001:db8::1");
        headers.insert("forwarded", HeaderValue::from_static("for=_hidden"));
        assert_eq!(forwarded_for(&headers), None);
    }
}
