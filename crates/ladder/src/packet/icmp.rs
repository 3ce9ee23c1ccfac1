//! What ICMP says of a TCP segment that did not arrive (RFC 792, RFC 4443 section 3.1): who says so, and why.
//!
//! The message quotes the segment as far as its ports and number. It is read as an empty segment from whom could not be
//! reached, so that it goes where the answer would have gone.

use super::{Flags, Header, Net, Segment};
use etherparse::{IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use wharf_proto::Moment;

/// Why a segment did not arrive, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// The host, or a router or firewall on the way.
    pub by: IpAddr,
    /// The code of the message, which IPv4 and IPv6 number apart.
    pub code: u8,
}

impl Unreachable {
    /// Why, in the terms of the RFCs.
    #[must_use]
    pub fn why(self) -> &'static str {
        match (self.by, self.code) {
            (IpAddr::V4(_), 0) => "network unreachable",
            (IpAddr::V6(_), 0) => "no route to the host",
            (IpAddr::V4(_), 1) | (IpAddr::V6(_), 3) => "host unreachable",
            (IpAddr::V4(_), 3) | (IpAddr::V6(_), 4) => "port unreachable",
            (IpAddr::V4(_), 9 | 10 | 13) | (IpAddr::V6(_), 1) => "administratively prohibited",
            (IpAddr::V6(_), 5 | 6) => "rejected by policy",
            _ => "destination unreachable",
        }
    }
}

impl fmt::Display for Unreachable {
    /// As `ICMP port unreachable, from 203.0.113.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ICMP {}, from {}", self.why(), self.by)
    }
}

/// IPv4's "fragmentation needed", which is no refusal.
const TOO_BIG: u8 = 4;

/// What a message in this IP packet says of a TCP segment.
pub(super) fn segment<'a>(at: Moment, net: &Net, message: &[u8]) -> Option<Segment<'a>> {
    let [kind, code, ..] = *message else { return None };
    let quoted = message.get(8..)?;
    let (from, to, tcp) = match (net.from, kind) {
        (IpAddr::V4(_), 3) if code != TOO_BIG => {
            let ip = Ipv4HeaderSlice::from_slice(quoted).ok()?;
            let is_first = ip.fragments_offset().value() == 0;
            (ip.protocol() == IpNumber::TCP && is_first).then_some(())?;
            let (from, to) = (ip.source_addr().into(), ip.destination_addr().into());
            (from, to, quoted.get(ip.slice().len()..)?)
        }
        (IpAddr::V6(_), 1) => {
            let ip = Ipv6HeaderSlice::from_slice(quoted).ok()?;
            (ip.next_header() == IpNumber::TCP).then_some(())?;
            let (from, to) = (ip.source_addr().into(), ip.destination_addr().into());
            (from, to, quoted.get(ip.slice().len()..)?)
        }
        _ => return None,
    };
    let [a, b, c, d, seq @ ..] = tcp.get(..8)? else { return None };
    let (from, to): (IpAddr, IpAddr) = (from, to);
    let unreachable = Some(Unreachable { by: net.from, code });
    Some(Segment {
        at,
        from: SocketAddr::new(to, u16::from_be_bytes([*c, *d])),
        to: SocketAddr::new(from, u16::from_be_bytes([*a, *b])),
        seq: u32::from_be_bytes(seq.try_into().ok()?),
        ack: 0,
        flags: Flags::default(),
        length: 0,
        payload: &[],
        header: Header { id: net.id, hops: net.hops, unreachable, ..Header::default() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of IPv4 from a firewall: type 3 with this code, and the beginning of a SYN from 192.0.2.10:1180 to
    /// 203.0.113.5:21, number 7.
    fn four(kind: u8, code: u8, quoted: usize) -> Vec<u8> {
        let ip = |length, protocol, from: [u8; 4], to: [u8; 4]| {
            [&[0x45, 0, 0, length, 0, 9, 0, 0, 60, protocol, 0, 0][..], &from, &to].concat()
        };
        let syn = [&ip(40, 6, [192, 0, 2, 10], [203, 0, 113, 5])[..], &[4, 156, 0, 21, 0, 0, 0, 7]];
        let message = [&[kind, code, 0, 0, 0, 0, 0, 0][..], &syn.concat()[..quoted]].concat();
        let length = 20 + u8::try_from(message.len()).unwrap();
        [ip(length, 1, [198, 51, 100, 1], [192, 0, 2, 10]), message].concat()
    }

    fn read(packet: &[u8]) -> Option<Segment<'_>> {
        Segment::of_packet(Moment::START, &etherparse::LaxSlicedPacket::from_ip(packet).ok()?)
    }

    #[test]
    fn a_message_of_ipv4_names_the_connection_and_who_rejects_it() {
        for (code, why) in [
            (13, "ICMP administratively prohibited, from 198.51.100.1"),
            (3, "ICMP port unreachable, from 198.51.100.1"),
            (1, "ICMP host unreachable, from 198.51.100.1"),
        ] {
            let packet = four(3, code, 28);
            let segment = read(&packet).unwrap();
            assert_eq!(segment.from, "203.0.113.5:21".parse().unwrap());
            assert_eq!(segment.to, "192.0.2.10:1180".parse().unwrap());
            assert_eq!((segment.seq, segment.length, segment.flags), (7, 0, Flags::default()));
            assert_eq!(segment.header.unreachable.unwrap().to_string(), why);
        }
    }

    #[test]
    fn a_message_of_ipv6_is_read_too() {
        let ip = |next: u8, length: u8| {
            let ends =
                [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1], &[0x20, 1, 0xd, 0xb8], &[0; 11], &[2]];
            [&[0x60, 0, 0, 0, 0, length, next, 64][..], &ends.concat()].concat()
        };
        let message =
            [&[1, 1, 0, 0, 0, 0, 0, 0][..], &ip(6, 20), &[4, 156, 0, 21, 0, 0, 0, 7]].concat();
        let packet = [ip(58, u8::try_from(message.len()).unwrap()), message].concat();
        let segment = read(&packet).unwrap();
        assert_eq!(segment.from, "[2001:db8::2]:21".parse().unwrap());
        let why = segment.header.unreachable.unwrap().to_string();
        assert_eq!(why, "ICMP administratively prohibited, from 2001:db8::1");
    }

    #[test]
    fn what_is_cut_too_big_or_an_echo_says_nothing() {
        for packet in
            [four(3, 13, 27), four(3, 13, 4), four(3, 4, 28), four(8, 0, 28), four(11, 0, 28)]
        {
            assert_eq!(read(&packet), None, "{packet:?}");
        }
    }
}
