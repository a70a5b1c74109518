//! Where a use comes from, as far as somebody could act on it.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Category;

/// The first that applies of: a named network, the job, `roaming`, the /24 or /48, the token label, unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    Network(String),
    Job(String),
    /// An interactive client outside the named networks: a person who moves.
    Roaming,
    /// The IPv4 /24 or IPv6 /48.
    Address(IpNet),
    TokenLabel(String),
    #[default]
    Unknown,
}

impl Origin {
    /// The text in reports and storage: the network's or job's name as it is, `roaming`, `198.51.100.0/24`, `unknown`.
    pub fn text(&self) -> String {
        match self {
            Self::Network(name) | Self::Job(name) | Self::TokenLabel(name) => name.clone(),
            Self::Roaming => "roaming".to_owned(),
            Self::Address(net) => net.to_string(),
            Self::Unknown => "unknown".to_owned(),
        }
    }

    /// One letter for storage beside [`Origin::text`].
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Network(_) => "n",
            Self::Job(_) => "j",
            Self::Roaming => "r",
            Self::Address(_) => "a",
            Self::TokenLabel(_) => "l",
            Self::Unknown => "u",
        }
    }

    /// The inverse of [`Origin::kind`] and [`Origin::text`]; anything else is `Unknown`.
    pub fn parse(kind: &str, text: &str) -> Self {
        match kind {
            "n" => Self::Network(text.to_owned()),
            "j" => Self::Job(text.to_owned()),
            "r" => Self::Roaming,
            "a" => text.parse().map_or(Self::Unknown, Self::Address),
            "l" => Self::TokenLabel(text.to_owned()),
            _ => Self::Unknown,
        }
    }

    /// A label says which token, not where it runs: it leaves the origin open, as `Unknown` does.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::TokenLabel(_) | Self::Unknown)
    }

    pub fn of(networks: &NamedNetworks, category: Category, ip: Option<IpAddr>, job: Option<&str>, label: Option<&str>) -> Self {
        OriginRef::of(ip.and_then(|ip| networks.name_of(ip)), category, ip, job, label).to_owned()
    }
}

/// An [`Origin`] that borrows its names: most are compared and never kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OriginRef<'a> {
    Network(&'a str),
    Job(&'a str),
    Roaming,
    Address(IpNet),
    TokenLabel(&'a str),
    Unknown,
}

impl<'a> OriginRef<'a> {
    /// The first that applies; `network` is the name of the network that the address lies in.
    pub fn of(
        network: Option<&'a str>,
        category: Category,
        ip: Option<IpAddr>,
        job: Option<&'a str>,
        label: Option<&'a str>,
    ) -> Self {
        if let Some(name) = network {
            return Self::Network(name);
        }
        if let Some(job) = job {
            return Self::Job(job);
        }
        match ip {
            Some(_) if category.interactive() => Self::Roaming,
            Some(ip) => Self::Address(neighbourhood(ip)),
            None => label.map_or(Self::Unknown, Self::TokenLabel),
        }
    }

    pub fn to_owned(self) -> Origin {
        match self {
            Self::Network(name) => Origin::Network(name.to_owned()),
            Self::Job(name) => Origin::Job(name.to_owned()),
            Self::Roaming => Origin::Roaming,
            Self::Address(net) => Origin::Address(net),
            Self::TokenLabel(label) => Origin::TokenLabel(label.to_owned()),
            Self::Unknown => Origin::Unknown,
        }
    }
}

/// The IPv4 /24 or IPv6 /48 around an address; IPv4-mapped IPv6 counts as IPv4.
fn neighbourhood(ip: IpAddr) -> IpNet {
    let ip = ip.to_canonical();
    let length = if ip.is_ipv4() { 24 } else { 48 };
    IpNet::new(ip, length).map_or_else(|_| IpNet::from(ip), |net| net.trunc())
}

/// A network of IPv4-mapped IPv6 addresses as one of IPv4.
pub fn canonical(net: IpNet) -> IpNet {
    let length = net.prefix_len().checked_sub(128 - 32).filter(|_| net.addr().is_ipv6());
    length.and_then(|length| IpNet::new(net.addr().to_canonical(), length).ok()).filter(|net| net.addr().is_ipv4()).unwrap_or(net)
}

/// `[[origin]]`: networks that have a name. The longest prefix wins.
#[derive(Clone, Debug, Default)]
pub struct NamedNetworks {
    by_length: Vec<(IpNet, String)>,
}

impl NamedNetworks {
    pub fn new(networks: Vec<(IpNet, String)>) -> Self {
        let mut networks: Vec<(IpNet, String)> = networks.into_iter().map(|(net, name)| (canonical(net), name)).collect();
        networks.sort_by_key(|(net, _)| std::cmp::Reverse(net.prefix_len()));
        Self { by_length: networks }
    }

    pub fn name_of(&self, ip: IpAddr) -> Option<&str> {
        self.position_of(ip).map(|position| self.name_at(position))
    }

    /// Which network an address lies in, for those who remember it by address.
    pub fn position_of(&self, ip: IpAddr) -> Option<usize> {
        let ip = ip.to_canonical();
        self.by_length.iter().position(|(net, _)| net.contains(&ip))
    }

    /// Every network with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&IpNet, &str)> {
        self.by_length.iter().map(|(network, name)| (network, name.as_str()))
    }

    /// The name of a network by its [`position`](Self::position_of).
    pub fn name_at(&self, position: usize) -> &str {
        &self.by_length[position].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn the_first_that_applies_is_the_origin() {
        let networks = NamedNetworks::new(vec![
            ("10.20.0.0/16".parse().expect("a network"), "build-farm".to_owned()),
            ("10.20.7.0/24".parse().expect("a network"), "release".to_owned()),
            ("::ffff:192.0.2.0/120".parse().expect("a network"), "mapped".to_owned()),
        ]);
        let of = |category, address, job, label| Origin::of(&networks, category, ip(address), job, label).text();
        assert_eq!(of(Category::GitClient, "10.20.1.1", Some("nightly"), None), "build-farm");
        assert_eq!(of(Category::GitClient, "::ffff:10.20.7.9", None, None), "release");
        assert_eq!(of(Category::GitClient, "192.0.2.9", None, None), "mapped");
        assert_eq!(of(Category::GitClient, "198.51.100.7", Some("nightly"), None), "nightly");
        assert_eq!(of(Category::Ide, "198.51.100.7", None, None), "roaming");
        assert_eq!(of(Category::Ci, "198.51.100.7", None, Some("mirror")), "198.51.100.0/24");
        assert_eq!(of(Category::Ci, "2001:db8:1:2::3", None, None), "2001:db8:1::/48");
        assert_eq!(of(Category::GitClient, "", None, Some("mirror")), "mirror");
        assert_eq!(of(Category::GitClient, "", None, None), "unknown");
    }

    #[test]
    fn storage_gives_back_what_it_got() {
        for origin in [
            Origin::Network("a".into()),
            Origin::Job("b".into()),
            Origin::Roaming,
            Origin::of(&NamedNetworks::default(), Category::Ci, ip("198.51.100.7"), None, None),
            Origin::TokenLabel("c".into()),
            Origin::Unknown,
        ] {
            assert_eq!(Origin::parse(origin.kind(), &origin.text()), origin);
        }
    }
}
