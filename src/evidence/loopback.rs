//! What is this machine's own. It is one question for what may leave in clear text, what passes no proxy, whom no list of hosts
//! keeps out, and who may read without a token.

use std::net::IpAddr;

/// Whether a host, as it stands in an address, is this machine: the names that are reserved for it (RFC 6761), and its addresses.
/// Whatever other name leads here may lead elsewhere tomorrow.
pub fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(ip) = address.parse() {
        return is_loopback_address(ip);
    }
    // A name that is written out to the root is the same host.
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// The same of an address, whichever family it is written in.
pub fn is_loopback_address(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_reserved_names_and_its_addresses_however_they_are_written() {
        for host in [
            "localhost",
            "LocalHost",
            "localhost.",
            "otel.localhost",
            "OTEL.LOCALHOST.",
            "127.0.0.1",
            "127.255.255.254",
            "::1",
            "[::1]",
            "0:0:0:0:0:0:0:1",
            "[0:0:0:0:0:0:0:1]",
            "::ffff:127.0.0.1",
            "[::ffff:127.8.9.10]",
            "[::ffff:7f00:1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            ".",
            "[]",
            "localhost..",
            "[localhost]",
            "localhost.example.test",
            "notlocalhost",
            "127.0.0.1.example.test",
            "127.0.0.1.",
            "127.1",
            "0.0.0.0",
            "::",
            "10.0.0.1",
            "128.0.0.1",
            "::2",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "fe80::1",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
