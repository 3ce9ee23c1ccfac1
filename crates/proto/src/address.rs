//! Addresses of data connections as text: PORT and 227 (RFC 959 section 5.3.2), EPRT and 229
//! (RFC 2428 sections 2 and 3).
//!
//! What we are told by a command is read strictly, what a server answers is searched for in whatever
//! prose it stands in (RFC 1123 section 4.1.2.6). Whether an address may be used (is it the peer's,
//! is the port privileged) is not decided here.

use crate::number::decimal;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};

use thiserror::Error;

/// Why a text is not the address of a data connection.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// PORT has not six numbers, or EPRT not three fields.
    #[error("wrong number of fields")]
    FieldCount,
    /// A number is empty or has something else than digits in it.
    #[error("not a number")]
    NotANumber,
    /// One of the six numbers of PORT or 227 is above 255.
    #[error("number above 255")]
    OutOfRange,
    /// EPRT does not begin with a character from 33 to 126.
    #[error("no usable delimiter")]
    BadDelimiter,
    /// The host is not an address of the family that was named.
    #[error("not an address of the family")]
    BadHost,
    /// The port is not a number from 1 to 65535.
    #[error("not a port")]
    BadPort,
    /// There is no address in the reply.
    #[error("no address in the reply")]
    NotFound,
}

/// What an EPRT command asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eprt {
    /// Connect here.
    Address(SocketAddr),
    /// Connect by a network protocol that we do not know; to be answered with 522 and the families
    /// that we do (RFC 2428 section 2).
    UnknownFamily(u32),
}

/// Reads the argument of PORT, `h1,h2,h3,h4,p1,p2`: six decimal numbers of up to three digits, with
/// spaces around the whole and nowhere else (RFC 959 section 5.3.2).
///
/// # Errors
/// `FieldCount`, `NotANumber`, `OutOfRange`, and `BadPort` for port 0.
pub fn parse_port(argument: &[u8]) -> Result<SocketAddrV4, AddressError> {
    let mut fields = argument.trim_ascii().split(|&byte| byte == b',');
    let mut numbers = [0; 6];
    for number in &mut numbers {
        *number = octet(fields.next().ok_or(AddressError::FieldCount)?)?;
    }
    if fields.next().is_some() {
        return Err(AddressError::FieldCount);
    }
    from_six(numbers)
}

/// Prints the argument of PORT.
#[must_use]
pub fn print_port(address: SocketAddrV4) -> String {
    let [h1, h2, h3, h4] = address.ip().octets();
    let [p1, p2] = address.port().to_be_bytes();
    format!("{h1},{h2},{h3},{h4},{p1},{p2}")
}

/// Reads the argument of EPRT, `|family|host|port|` with any delimiter from 33 to 126 (RFC 2428
/// section 2). Family 1 is IPv4, 2 is IPv6 without a zone.
///
/// # Errors
/// `BadDelimiter`, `FieldCount`, `NotANumber` for the family, `BadHost`, `BadPort`.
pub fn parse_eprt(argument: &[u8]) -> Result<Eprt, AddressError> {
    let argument = argument.trim_ascii();
    let delimiter = *argument.first().ok_or(AddressError::BadDelimiter)?;
    if !is_delimiter(delimiter) {
        return Err(AddressError::BadDelimiter);
    }
    let mut fields = argument.split(|&byte| byte == delimiter);
    let mut field = || fields.next().ok_or(AddressError::FieldCount);
    let (_, family, host, port, end) = (field()?, field()?, field()?, field()?, field()?);
    if !end.is_empty() || fields.next().is_some() {
        return Err(AddressError::FieldCount);
    }
    let host = str::from_utf8(host).map_err(|_| AddressError::BadHost);
    let ip = match decimal(family).ok_or(AddressError::NotANumber)? {
        1 => host?.parse().map(IpAddr::V4),
        2 => host?.parse().map(IpAddr::V6),
        other => return Ok(Eprt::UnknownFamily(other)),
    };
    let ip = ip.map_err(|_| AddressError::BadHost)?;
    Ok(Eprt::Address(SocketAddr::new(ip, port_number(port)?)))
}

/// Prints the argument of EPRT, with the usual delimiter. A mapped IPv4 address is printed as the
/// IPv6 address that it is; see [`canonical`].
#[must_use]
pub fn print_eprt(address: SocketAddr) -> String {
    let family = if address.is_ipv4() { 1 } else { 2 };
    format!("|{family}|{}|{}|", address.ip(), address.port())
}

/// Finds the address in the text of a 227 reply: the first six numbers that are parted by commas,
/// in parentheses or not, with or without spaces after the commas (RFC 1123 section 4.1.2.6).
///
/// # Errors
/// `NotFound` when there are no six such numbers, `OutOfRange` and `BadPort` when the first six are
/// no address.
pub fn parse_227(text: &[u8]) -> Result<SocketAddrV4, AddressError> {
    let mut before = b' ';
    for (at, &byte) in text.iter().enumerate() {
        if byte.is_ascii_digit()
            && !before.is_ascii_digit()
            && let Some(numbers) = six_numbers(text.get(at..).unwrap_or_default())
        {
            return from_six(numbers?);
        }
        before = byte;
    }
    Err(AddressError::NotFound)
}

/// Prints the part of a 227 reply that carries the address, `(h1,h2,h3,h4,p1,p2)`.
#[must_use]
pub fn print_227(address: SocketAddrV4) -> String {
    format!("({})", print_port(address))
}

/// Finds the port in the text of a 229 reply, `(|||port|)` with any delimiter that is not a digit;
/// the parentheses may be missing (RFC 2428 section 3).
///
/// # Errors
/// `NotFound` when there is no such thing, `BadPort` when the port is not from 1 to 65535.
pub fn parse_229(text: &[u8]) -> Result<u16, AddressError> {
    let in_parentheses = text.windows(2).enumerate().filter(|(_, pair)| pair[0] == b'(');
    let starts = in_parentheses.map(|(at, _)| at + 1).chain(0..text.len());
    for at in starts {
        if let Some(port) = delimited_port(text.get(at..).unwrap_or_default()) {
            return port_number(port);
        }
    }
    Err(AddressError::NotFound)
}

/// Prints the part of a 229 reply that carries the port, `(|||port|)`.
#[must_use]
pub fn print_229(port: u16) -> String {
    format!("(|||{port}|)")
}

/// The address as its own family sees it: an IPv4 address mapped into IPv6 (`::ffff:192.0.2.1`, what
/// a socket for both families reports) becomes the IPv4 address.
#[must_use]
pub fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

/// The address with an IPv4-mapped IPv6 address made plain; others stay whole, with their scope.
pub fn unmapped(at: SocketAddr) -> SocketAddr {
    match canonical(at.ip()) {
        ip if ip == at.ip() => at,
        ip => SocketAddr::new(ip, at.port()),
    }
}

/// Whether an address has no meaning on the public Internet, so that a server which announces it to
/// a public peer is misconfigured: private (RFC 1918), shared by a carrier's NAT (RFC 6598),
/// link-local, loopback, unspecified, and unique local IPv6 (RFC 4193).
#[must_use]
pub fn is_private(ip: IpAddr) -> bool {
    match canonical(ip) {
        IpAddr::V4(ip) => is_private_v4(ip),
        IpAddr::V6(ip) => is_private_v6(ip),
    }
}

const fn is_private_v4(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    let shared = first == 100 && second & 0xC0 == 64;
    shared || ip.is_private() || ip.is_link_local() || ip.is_loopback() || ip.is_unspecified()
}

const fn is_private_v6(ip: Ipv6Addr) -> bool {
    ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback() || ip.is_unspecified()
}

const fn is_delimiter(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

fn octet(digits: &[u8]) -> Result<u8, AddressError> {
    if digits.len() > 3 {
        let only_digits = digits.iter().all(u8::is_ascii_digit);
        return Err(if only_digits { AddressError::OutOfRange } else { AddressError::NotANumber });
    }
    let number: u32 = decimal(digits).ok_or(AddressError::NotANumber)?;
    u8::try_from(number).map_err(|_| AddressError::OutOfRange)
}

fn port_number(digits: &[u8]) -> Result<u16, AddressError> {
    let number = decimal::<u16>(digits);
    number.filter(|&port| port != 0).ok_or(AddressError::BadPort)
}

fn from_six(numbers: [u8; 6]) -> Result<SocketAddrV4, AddressError> {
    let [h1, h2, h3, h4, p1, p2] = numbers;
    match u16::from_be_bytes([p1, p2]) {
        0 => Err(AddressError::BadPort),
        port => Ok(SocketAddrV4::new(Ipv4Addr::new(h1, h2, h3, h4), port)),
    }
}

/// Six numbers at the beginning of the text, if it is that.
fn six_numbers(text: &[u8]) -> Option<Result<[u8; 6], AddressError>> {
    let mut rest = text;
    let mut fields: [&[u8]; 6] = [b""; 6];
    for (nth, field) in fields.iter_mut().enumerate() {
        if nth > 0 {
            rest = rest.strip_prefix(b",")?.trim_ascii_start();
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        (*field, rest) = rest.split_at_checked(digits)?;
    }
    let mut numbers = [0; 6];
    for (number, field) in numbers.iter_mut().zip(fields) {
        match octet(field) {
            Ok(value) => *number = value,
            Err(error) => return Some(Err(error)),
        }
    }
    Some(Ok(numbers))
}

/// The digits of `|||digits|` at the beginning of the text, if it is that.
fn delimited_port(text: &[u8]) -> Option<&[u8]> {
    let (&[first, second, third], rest) = text.split_first_chunk()?;
    if !is_delimiter(first) || first.is_ascii_digit() || first != second || second != third {
        return None;
    }
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (port, end) = rest.split_at_checked(digits)?;
    (digits > 0 && end.first() == Some(&first)).then_some(port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn v4(text: &str) -> SocketAddrV4 {
        text.parse().unwrap()
    }

    #[test]
    fn port_argument_is_read_and_printed() {
        assert_eq!(parse_port(b" 192,168,1,2,4,158 "), Ok(v4("192.168.1.2:1182")));
        assert_eq!(print_port(v4("192.168.1.2:1182")), "192,168,1,2,4,158");
    }

    #[test]
    fn port_argument_with_signs_spaces_or_wrong_count_is_refused() {
        use AddressError::{BadPort, FieldCount, NotANumber, OutOfRange};
        for (text, error) in [
            ("1,2,3,4,5", FieldCount),
            ("1,2,3,4,5,6,7", FieldCount),
            ("", NotANumber),
            ("1,2,3,4,5,", NotANumber),
            ("+1,2,3,4,5,6", NotANumber),
            ("-1,2,3,4,5,6", NotANumber),
            ("1, 2,3,4,5,6", NotANumber),
            ("256,2,3,4,5,6", OutOfRange),
            ("1,2,3,4,5,0006", OutOfRange),
            ("1,2,3,4,5,99999999999", OutOfRange),
            ("1,2,3,4,0,0", BadPort),
            ("1,2,3,4,0x1,0", NotANumber),
        ] {
            assert_eq!(parse_port(text.as_bytes()), Err(error), "{text}");
        }
    }

    #[test]
    fn eprt_argument_of_both_families_is_read() {
        let v4 = "132.235.1.2:6275".parse().unwrap();
        let v6 = "[1080::8:800:200C:417A]:5282".parse().unwrap();
        assert_eq!(parse_eprt(b"|1|132.235.1.2|6275|"), Ok(Eprt::Address(v4)));
        assert_eq!(parse_eprt(b"|2|1080::8:800:200C:417A|5282|"), Ok(Eprt::Address(v6)));
        assert_eq!(parse_eprt(b"~1~132.235.1.2~6275~"), Ok(Eprt::Address(v4)));
        assert_eq!(print_eprt(v4), "|1|132.235.1.2|6275|");
        assert_eq!(print_eprt(v6), "|2|1080::8:800:200c:417a|5282|");
    }

    #[test]
    fn eprt_of_an_unknown_family_says_which() {
        assert_eq!(parse_eprt(b"|3|anything|21|"), Ok(Eprt::UnknownFamily(3)));
    }

    #[test]
    fn eprt_that_is_malformed_is_refused_with_its_cause() {
        use AddressError::{BadDelimiter, BadHost, BadPort, FieldCount, NotANumber};
        for (text, error) in [
            (&b""[..], BadDelimiter),
            (b"\x7F1\x7F1.2.3.4\x7F21\x7F", BadDelimiter),
            (b"\xE91\xE91.2.3.4\xE921\xE9", BadDelimiter),
            (b"|1|1.2.3.4|21", FieldCount),
            (b"|1|1.2.3.4|21|x", FieldCount),
            (b"|1|1.2.3.4|21||", FieldCount),
            (b"|x|1.2.3.4|21|", NotANumber),
            (b"||1.2.3.4|21|", NotANumber),
            (b"|1|::1|21|", BadHost),
            (b"|2|1.2.3.4|21|", BadHost),
            (b"|2|fe80::1%eth0|21|", BadHost),
            (b"|1|1.2.3.4 |21|", BadHost),
            (b"|1|\xFF|21|", BadHost),
            (b"|1|1.2.3.4|0|", BadPort),
            (b"|1|1.2.3.4|65536|", BadPort),
            (b"|1|1.2.3.4|+21|", BadPort),
            (b"|1|1.2.3.4||", BadPort),
        ] {
            assert_eq!(parse_eprt(text), Err(error), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn address_of_a_227_reply_is_found_in_any_prose() {
        for text in [
            "Entering Passive Mode (10,0,0,1,4,158).",
            "Entering Passive Mode 10,0,0,1,4,158",
            "=10,0,0,1,4,158",
            "227 Passive mode 2.0, 3 ways: 10, 0, 0, 1, 4, 158;",
            "(10,0,0,1,4,158,9)",
        ] {
            assert_eq!(parse_227(text.as_bytes()), Ok(v4("10.0.0.1:1182")), "{text}");
        }
        assert_eq!(print_227(v4("10.0.0.1:1182")), "(10,0,0,1,4,158)");
    }

    #[test]
    fn reply_227_without_an_address_is_refused() {
        use AddressError::{BadPort, NotFound, OutOfRange};
        for (text, error) in [
            ("Entering Passive Mode", NotFound),
            ("(1,2,3,4,5)", NotFound),
            ("(1,2,3,4,5,", NotFound),
            ("(256,0,0,1,4,158)", OutOfRange),
            ("(10,0,0,1,0,0)", BadPort),
        ] {
            assert_eq!(parse_227(text.as_bytes()), Err(error), "{text}");
        }
    }

    #[test]
    fn port_of_a_229_reply_is_found_with_any_delimiter() {
        for text in [
            "Entering Extended Passive Mode (|||6446|)",
            "Extended Passive Mode OK (!!!6446!).",
            "|||6446|",
            "Wait ...1. then (|||6446|)",
            "Entering Extended Passive Mode...(|||6446|)",
        ] {
            assert_eq!(parse_229(text.as_bytes()), Ok(6446), "{text}");
        }
        assert_eq!(print_229(6446), "(|||6446|)");
    }

    #[test]
    fn epsv_reply_with_bad_delimiter_is_refused() {
        for text in ["(||6446|)", "(|!|6446|)", "(|||6446!)", "(|||6446", "(   6446 )", "(|||)"] {
            assert_eq!(parse_229(text.as_bytes()), Err(AddressError::NotFound), "{text}");
        }
    }

    #[test]
    fn epsv_reply_with_an_impossible_port_is_refused() {
        for text in ["(|||0|)", "(|||65536|)", "(|||99999999999999999999|)"] {
            assert_eq!(parse_229(text.as_bytes()), Err(AddressError::BadPort), "{text}");
        }
    }

    #[test]
    fn mapped_address_is_canonical_as_ipv4() {
        let canonical_text = |text: &str| canonical(text.parse().unwrap()).to_string();
        assert_eq!(canonical_text("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(canonical_text("2001:db8::1"), "2001:db8::1");
    }

    #[test]
    fn addresses_without_meaning_outside_are_private() {
        for text in [
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.2",
            "169.254.1.1",
            "0.0.0.0",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in ["172.32.0.1", "100.128.0.1", "100.63.0.1", "8.8.8.8", "2001:db8::1"] {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn addresses_come_back_as_printed(ip: u32, port in 1u16.., ip6: u128) {
            let address = SocketAddrV4::new(Ipv4Addr::from(ip), port);
            prop_assert_eq!(parse_port(print_port(address).as_bytes()), Ok(address));
            prop_assert_eq!(parse_227(print_227(address).as_bytes()), Ok(address));
            prop_assert_eq!(parse_229(print_229(port).as_bytes()), Ok(port));
            for address in [SocketAddr::V4(address), SocketAddr::from((Ipv6Addr::from(ip6), port))] {
                let printed = print_eprt(address);
                prop_assert_eq!(parse_eprt(printed.as_bytes()), Ok(Eprt::Address(address)));
            }
        }

        #[test]
        fn no_text_makes_a_parser_panic(text in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = (parse_port(&text), parse_eprt(&text), parse_227(&text), parse_229(&text));
        }
    }
}
