//! Networks as patterns of hexadecimal digits, which every engine can compare.

use std::net::IpAddr;

use ipnet::IpNet;

/// What stands before the digits of an IPv4 address.
const MAPPED: &str = "00000000000000000000ffff";

/// Why a network has no pattern.
pub(super) const HOLDS_IPV4: &str = "holds the IPv6 addresses that stand for IPv4: leave those out";

/// Matches the 32 digits of the addresses in a network, IPv4 being mapped into IPv6. None for an IPv6 network that would hold
/// IPv4 as well: [`IpNet::contains`] knows no such thing.
pub(super) fn pattern(network: &IpNet) -> Option<String> {
    let (before, digits, length) = match network.network() {
        IpAddr::V4(address) => (MAPPED, format!("{:08x}", u32::from(address)), network.prefix_len()),
        IpAddr::V6(address) => ("", format!("{:032x}", u128::from(address)), network.prefix_len()),
    };
    let (whole, rest) = (usize::from(length / 4), length % 4);
    let mut pattern = format!("^{before}{}", &digits[..whole]);
    if rest > 0 {
        let first = u8::from_str_radix(&digits[whole..=whole], 16).ok()?;
        let last = first + (1 << (4 - rest)) - 1;
        let digits: String = (first..=last).filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
        pattern.extend(["[", &digits, "]"]);
    }
    let holds_ipv4 = before.is_empty() && network.contains(&IpAddr::V6("::ffff:0.0.0.0".parse().ok()?));
    (!holds_ipv4).then_some(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_a_beginning_of_digits() {
        for (network, expected) in [
            ("10.20.0.0/16", Some("^00000000000000000000ffff0a14")),
            ("172.16.0.0/12", Some("^00000000000000000000ffffac1")),
            ("10.64.0.0/10", Some("^00000000000000000000ffff0a[4567]")),
            ("198.51.100.7/32", Some("^00000000000000000000ffffc6336407")),
            ("0.0.0.0/0", Some("^00000000000000000000ffff")),
            ("2001:db8:8000::/33", Some("^20010db8[89abcdef]")),
            ("::/0", None),
        ] {
            assert_eq!(pattern(&network.parse().expect("a network")).as_deref(), expected, "{network}");
        }
    }
}
