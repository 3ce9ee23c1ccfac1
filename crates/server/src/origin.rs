//! Where a client comes from, as limits and counts see it, and which networks are trusted.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wharf_proto::address::canonical;

/// How much of an IPv6 address is counted: a host is given a network of this size and picks any address in it.
const IPV6_PREFIX: u32 = 64;

/// An IPv4 address, or the /64 of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Origin(IpAddr);

impl Origin {
    /// That of this address.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match canonical(address) {
            IpAddr::V4(v4) => v4.into(),
            IpAddr::V6(v6) => {
                let network = !(u128::MAX >> IPV6_PREFIX);
                Ipv6Addr::from_bits(v6.to_bits() & network).into()
            }
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => write!(f, "{v4}"),
            IpAddr::V6(v6) => write!(f, "{v6}/{IPV6_PREFIX}"),
        }
    }
}

/// A network as it is written, `192.0.2.0/24`; an address alone is the network of itself.
pub fn network(text: &str) -> Option<IpNet> {
    let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(alone)
}

/// Networks whose clients are never delayed or banned, and for whom places are held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted(Vec<IpNet>);

impl Trusted {
    /// These networks and no other.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether a client of this address is trusted.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = canonical(address);
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl Default for Trusted {
    /// The machine itself.
    fn default() -> Self {
        const V4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
        const V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128);
        Self(vec![V4.into(), V6.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(address: &str) -> Origin {
        Origin::of(address.parse().unwrap())
    }

    #[test]
    fn an_ipv6_host_is_one_origin_whichever_of_its_addresses_it_picks() {
        assert_eq!(origin("2001:db8::1"), origin("2001:db8::ffff:1:2:3"));
        assert_ne!(origin("2001:db8::1"), origin("2001:db8:0:1::1"));
        assert_eq!(origin("2001:db8::1").to_string(), "2001:db8::/64");
    }

    #[test]
    fn an_ipv4_address_is_one_however_it_is_written() {
        assert_eq!(origin("192.0.2.1"), origin("::ffff:192.0.2.1"));
        assert_ne!(origin("192.0.2.1"), origin("192.0.2.2"));
    }

    #[test]
    fn the_machine_itself_is_trusted_and_nobody_else_unless_it_is_said() {
        let trusted = Trusted::default();
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(trusted.contains(address.parse().unwrap()), "{address}");
        }
        for address in ["10.0.0.1", "::2", "128.0.0.1"] {
            assert!(!trusted.contains(address.parse().unwrap()), "{address}");
        }
        let office = Trusted::new(vec!["10.0.0.0/8".parse().unwrap()]);
        assert!(office.contains(IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3))));
        assert!(!office.contains(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
}
