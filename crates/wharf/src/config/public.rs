//! The address that clients are told to connect to for data: said as itself, or as the name of a host.
//!
//! A name is looked up once, at the start, because a confined process can open neither the files nor the sockets that
//! it takes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

use serde::Deserialize;

/// The longest name, and the longest part of one, in octets (RFC 1035, section 2.3.4).
const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// What 227 shall name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum PublicAddress {
    /// This address.
    Address(Ipv4Addr),
    /// That of this host.
    Name(String),
}

impl FromStr for PublicAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(address) => Ok(Self::Address(address)),
            Err(_) if is_name(text) => Ok(Self::Name(text.to_owned())),
            Err(_) if text.contains(':') => Err(
                "an IPv4 address or a host name is wanted, without a port: 227 carries IPv4 only",
            ),
            Err(_) => Err("an IPv4 address or a host name is wanted: 192.0.2.1, ftp.example.net"),
        }
    }
}

impl TryFrom<String> for PublicAddress {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl PublicAddress {
    /// The name, where it is one.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Address(_) => None,
            Self::Name(name) => Some(name),
        }
    }

    /// The address, which a name is asked of the system for, and which may take as long as that takes. What is told
    /// otherwise says what to do.
    pub(super) fn look_up(&self) -> Result<Ipv4Addr, String> {
        match self {
            Self::Address(address) => Ok(*address),
            Self::Name(name) => first_ipv4(name, (name.as_str(), 0).to_socket_addrs()),
        }
    }
}

/// The first IPv4 address among those of this name.
fn first_ipv4(
    name: &str,
    found: io::Result<impl Iterator<Item = SocketAddr>>,
) -> Result<Ipv4Addr, String> {
    let found = found.map_err(|error| {
        format!(
            "the public address {name} is not found ({error}): correct the name, see that it resolves on this \
             machine, or say the IPv4 address itself"
        )
    })?;
    let ipv4 = |address: SocketAddr| match address {
        SocketAddr::V4(address) => Some(*address.ip()),
        SocketAddr::V6(_) => None,
    };
    found.filter_map(ipv4).next().ok_or_else(|| {
        format!(
            "the public address {name} has no IPv4 address, and 227 carries IPv4 only: give the name one, say an IPv4 \
             address, or leave it out where all clients come by IPv6 (EPSV names no address)"
        )
    })
}

/// Whether this may be the name of a host (RFC 1123, section 2.1): its last part is no number, or it would be an
/// address that somebody mistyped. An underscore is let through, because networks of containers have them.
fn is_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= LONGEST
        && name.split('.').all(label)
        && !name.rsplit('.').next().is_some_and(is_number)
}

/// Whether resolvers take this for a number: decimal, or hexadecimal behind 0x.
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    let digits = |digits: &str| digits.bytes().all(|c| c.is_ascii_hexdigit());
    hexadecimal.is_some_and(digits) || label.bytes().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_an_ipv4_address_nor_a_name_is_refused() {
        let long = "a".repeat(64);
        let longer = vec!["a"; 128].join(".");
        for text in [
            "",
            ".",
            "a..b",
            "-a.example",
            "a-.example",
            "a b",
            "a/b",
            "ftp.example:21",
            "::1",
            "[::1]",
            "café.example",
            "300.1.1.1",
            "192.0.2",
            "192.0.2.1.",
            "0x7f000001",
            "ftp.0x1",
            &long,
            &longer,
        ] {
            assert!(text.parse::<PublicAddress>().is_err(), "{text}");
        }
        let told = |text: &str| text.parse::<PublicAddress>().unwrap_err();
        assert!(told("2001:db8::1").contains("227 carries IPv4 only"), "{}", told("2001:db8::1"));
    }

    #[test]
    fn addresses_and_names_are_told_apart() {
        let address = Ipv4Addr::new(192, 0, 2, 1);
        assert_eq!("192.0.2.1".parse(), Ok(PublicAddress::Address(address)));
        let long = format!("{}.example", "a".repeat(63));
        for name in [
            "localhost",
            "ftp.example.net",
            "ftp.example.net.",
            "my_ftp",
            "3com.example",
            "0xg",
            "a",
            &long,
        ] {
            assert_eq!(name.parse(), Ok(PublicAddress::Name(name.to_owned())));
        }
    }

    #[test]
    fn of_the_addresses_of_a_name_the_first_of_ipv4_is_taken() {
        let found = |addresses: &[&str]| {
            let addresses = addresses.iter().map(|address| address.parse().unwrap());
            first_ipv4("h", Ok(addresses.collect::<Vec<_>>().into_iter()))
        };
        let both = found(&["[2001:db8::1]:0", "192.0.2.7:0", "192.0.2.8:0"]);
        assert_eq!(both, Ok(Ipv4Addr::new(192, 0, 2, 7)));
        for none in [&["[2001:db8::1]:0"][..], &[]] {
            let told = found(none).unwrap_err();
            assert!(told.contains("h has no IPv4 address, and 227 carries IPv4 only"), "{told}");
        }
    }

    #[test]
    fn a_name_that_is_not_found_is_told_with_what_to_do() {
        let found: io::Result<std::vec::IntoIter<_>> = Err(io::Error::other("no such host"));
        let told = first_ipv4("ftp.example.net", found).unwrap_err();
        assert!(
            told.starts_with("the public address ftp.example.net is not found (no such host)"),
            "{told}"
        );
        assert!(told.contains("say the IPv4 address itself"), "{told}");
    }
}
