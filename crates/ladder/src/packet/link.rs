//! What a frame begins with: the link types of captures, and the IP packet behind each
//! (<https://www.tcpdump.org/linktypes.html>).

use etherparse::{EtherType, LaxSlicedPacket};

/// A link type that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Ethernet, VLAN tags and PPPoE within it; Linux gives loopback this header too.
    Ethernet,
    /// BSD's loopback: four bytes for the family, in the order of that machine or of the network.
    Null,
    /// PPP, with or without the two bytes of HDLC before it.
    Ppp,
    /// An IP packet and nothing before it.
    Raw,
    /// Linux' "any" interface.
    Cooked,
    /// The same in its second version.
    CookedTwo,
}

const IPV4: [u8; 2] = [0x08, 0x00];
const PPPOE: [u8; 2] = [0x88, 0x64];
const VLAN: [u8; 2] = [0x81, 0x00];

impl Link {
    /// The link type of this number.
    pub(crate) fn of_number(number: u32) -> Option<Self> {
        Some(match number {
            0 | 108 => Self::Null,
            1 => Self::Ethernet,
            9 | 50 => Self::Ppp,
            12 | 14 | 101 | 228 | 229 => Self::Raw,
            113 => Self::Cooked,
            276 => Self::CookedTwo,
            _ => return None,
        })
    }

    /// The number of this link type.
    pub(crate) fn number(self) -> u16 {
        match self {
            Self::Null => 0,
            Self::Ethernet => 1,
            Self::Ppp => 9,
            Self::Raw => 101,
            Self::Cooked => 113,
            Self::CookedTwo => 276,
        }
    }

    /// The packet in a frame where it is seen at once that it is of IPv4; there may be one where it is not.
    pub(super) fn ipv4(self, frame: &[u8]) -> Option<&[u8]> {
        match self {
            Self::Ethernet => frame.get(12..)?.strip_prefix(&IPV4),
            Self::Raw => Some(frame),
            Self::Null | Self::Ppp | Self::Cooked | Self::CookedTwo => None,
        }
    }

    /// The packet in a frame.
    pub(super) fn packet(self, frame: &[u8]) -> Option<LaxSlicedPacket<'_>> {
        match self {
            Self::Ethernet => match behind_pppoe(frame) {
                Some(ip) => LaxSlicedPacket::from_ip(ip).ok(),
                None => LaxSlicedPacket::from_ethernet(frame).ok(),
            },
            Self::Null => LaxSlicedPacket::from_ip(frame.get(4..)?).ok(),
            Self::Ppp => LaxSlicedPacket::from_ip(behind_ppp(frame)?).ok(),
            Self::Raw => LaxSlicedPacket::from_ip(frame).ok(),
            Self::Cooked => of_ether_type(frame.get(14..16)?, frame.get(16..)?),
            Self::CookedTwo => of_ether_type(frame.get(..2)?, frame.get(20..)?),
        }
    }
}

fn of_ether_type<'a>(number: &[u8], packet: &'a [u8]) -> Option<LaxSlicedPacket<'a>> {
    let number = u16::from_be_bytes(number.try_into().ok()?);
    Some(LaxSlicedPacket::from_ether_type(EtherType(number), packet))
}

/// The IP packet of a PPPoE session (RFC 2516 section 4), behind one VLAN tag at most.
fn behind_pppoe(frame: &[u8]) -> Option<&[u8]> {
    let at = if frame.get(12..14) == Some(&VLAN) { 16 } else { 12 };
    let session = frame.get(at..)?.strip_prefix(&PPPOE)?;
    behind_ppp(session.get(6..)?)
}

/// The IP packet of a PPP frame (RFC 1661 section 2).
fn behind_ppp(frame: &[u8]) -> Option<&[u8]> {
    match frame.strip_prefix(&[0xff, 0x03]).unwrap_or(frame) {
        [0x00, 0x21 | 0x57, packet @ ..] | [0x21 | 0x57, packet @ ..] => Some(packet),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::capture::Frame;
    use crate::packet::Segment;
    use wharf_proto::Moment;

    use super::Link::{self, *};

    const IP: [u8; 46] = [
        0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 4, 156, 0, 21, 0,
        0, 0, 7, 0, 0, 0, 9, 0x50, 0x18, 1, 0, 0, 0, 0, 0, b'N', b'O', b'O', b'P', b'\r', b'\n',
    ];

    fn payload(link: Link, header: &[u8]) -> Option<Vec<u8>> {
        let bytes = [header, &IP].concat();
        let (no, at, link, original) = (1, Moment::START, Some(link), bytes.len());
        let frame = Frame { no, at, link, bytes: &bytes, original };
        Segment::of_frame(&frame).map(|segment| segment.payload.to_vec())
    }

    #[test]
    fn the_packet_is_found_behind_the_header_of_every_link_type() {
        let mac = [7; 12];
        let pppoe = [0x88, 0x64, 0x11, 0, 0, 1, 0, 48, 0, 0x21];
        for (link, header) in [
            (Ethernet, [&mac[..], &[8, 0]].concat()),
            (Ethernet, [&mac[..], &[0x81, 0, 0, 5, 8, 0]].concat()),
            (Ethernet, [&mac[..], &[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0]].concat()),
            (Ethernet, [&mac[..], &pppoe].concat()),
            (Ethernet, [&mac[..], &[0x81, 0, 0, 5], &pppoe].concat()),
            (Null, vec![2, 0, 0, 0]),
            (Null, vec![0, 0, 0, 2]),
            (Ppp, vec![0xff, 3, 0, 0x21]),
            (Ppp, vec![0x21]),
            (Raw, vec![]),
            (Cooked, [&[0, 0, 3, 4, 0, 6][..], &[0; 8], &[8, 0]].concat()),
            (CookedTwo, [&[8, 0][..], &[0; 18]].concat()),
        ] {
            assert_eq!(
                payload(link, &header).as_deref(),
                Some(&b"NOOP\r\n"[..]),
                "{link:?} {header:?}"
            );
        }
    }

    #[test]
    fn a_frame_of_another_protocol_is_nothing() {
        assert_eq!(payload(Ppp, &[0xc0, 0x21]), None);
        assert_eq!(payload(Cooked, &[0; 15]), None);
        assert_eq!(payload(Ethernet, &[0x88, 0x64]), None);
    }
}
