//! Cuts lines into pieces: bytes, since no log says what charset its names are in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What stands before and behind the first place of a word.
pub(super) fn split<'l>(text: &'l [u8], word: &[u8]) -> Option<(&'l [u8], &'l [u8])> {
    let at = text.windows(word.len().max(1)).position(|part| part == word)?;
    Some((text.get(..at)?, text.get(at + word.len()..)?))
}

/// What stands before and behind the last place of a word.
pub(super) fn rsplit<'l>(text: &'l [u8], word: &[u8]) -> Option<(&'l [u8], &'l [u8])> {
    let at = text.windows(word.len().max(1)).rposition(|part| part == word)?;
    Some((text.get(..at)?, text.get(at + word.len()..)?))
}

/// What stands between two words.
pub(super) fn between<'l>(text: &'l [u8], before: &[u8], behind: &[u8]) -> Option<&'l [u8]> {
    Some(split(split(text, before)?.1, behind)?.0)
}

/// Whether a text holds one of these words, in letters of either case.
pub(super) fn holds(text: &[u8], words: &[&str]) -> bool {
    let fits = |word: &&str| {
        text.windows(word.len().max(1)).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    };
    words.iter().any(fits)
}

/// The number that a text begins with, and what stands behind it.
pub(super) fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

/// A text that is a number and nothing else.
pub(super) fn whole<T: TryFrom<u64>>(text: &[u8]) -> Option<T> {
    number(text).filter(|(_, rest)| rest.is_empty()).and_then(|(number, _)| number.try_into().ok())
}

/// An address, without the form in which an IPv6 socket shows one of IPv4.
pub(super) fn ip(text: &[u8]) -> Option<IpAddr> {
    let ip: IpAddr = str::from_utf8(text).ok()?.parse().ok()?;
    Some(ip.to_canonical())
}

/// An address with a port: `10.0.0.1:21`, `[::1]:21`.
pub(super) fn socket(text: &[u8]) -> Option<SocketAddr> {
    let at: SocketAddr = str::from_utf8(text).ok()?.parse().ok()?;
    Some(SocketAddr::new(at.ip().to_canonical(), at.port()))
}

/// A host with a port, of which the name may say nothing: `ftp.example.com:21`.
pub(super) fn host(text: &[u8]) -> Option<SocketAddr> {
    socket(text).or_else(|| Some(at_port(whole(rsplit(text, b":")?.1)?)))
}

/// A port of a host that is not known.
pub(super) fn at_port(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
}

/// A host of which nothing is known.
pub(super) fn nobody() -> SocketAddr {
    at_port(0)
}

/// Whether a line begins as a reply does: three digits, then a blank, a hyphen or nothing.
pub(super) fn is_reply(line: &[u8]) -> bool {
    let digits = line.get(..3).is_some_and(|code| code.iter().all(u8::is_ascii_digit));
    let first = line.first().is_some_and(|digit| (b'1'..=b'6').contains(digit));
    digits && first && matches!(line.get(3), None | Some(b' ' | b'-'))
}

/// Whether a line begins with a verb of FTP.
pub(super) fn is_command(line: &[u8]) -> bool {
    let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    wharf_proto::Verb::named(word).is_some()
}
