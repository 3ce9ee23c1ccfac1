//! A captured frame as a TCP segment: what its link type puts before the IP packet (`packet/link.rs`), IPv4 or
//! IPv6, TCP (RFC 9293 section 3.1).
//!
//! A frame that was cut when it was captured is read as far as it goes, and the segment still says how long
//! it was. Checksums are not looked at: a packet that never left its host has none yet. What ICMP says of a segment that did
//! not arrive is an empty segment back (`packet/icmp.rs`). What else is no TCP, or a fragment of an IP packet, is nothing here; nor does this file know what a connection is.

mod icmp;
mod link;

pub use icmp::Unreachable;
pub use link::Link;

use crate::capture::Frame;
use etherparse::{
    IpNumber, Ipv4HeaderSlice, LaxNetSlice, LaxSlicedPacket, TcpOptionElement, TcpSlice,
    TransportSlice,
};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use wharf_proto::Moment;

/// A TCP segment as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// When.
    pub at: Moment,
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// The sequence number of its first byte, or of its SYN.
    pub seq: u32,
    /// The next byte that its sender expects; of no meaning without [`Flags::ack`].
    pub ack: u32,
    /// Its flags.
    pub flags: Flags,
    /// How many bytes it carried.
    pub length: u32,
    /// The bytes, as far as they were captured.
    pub payload: &'a [u8],
    /// What else its headers tell.
    pub header: Header,
}

/// What the headers of a segment tell beside where it belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The number of its frame in the capture; zero where that is not known.
    pub frame: u64,
    /// The identification of its IP packet; IPv6 has none.
    pub id: Option<u16>,
    /// How many hops its IP packet had left.
    pub hops: u8,
    /// How many bytes more its sender takes, before scaling (RFC 7323).
    pub window: u16,
    /// How a SYN has that scaled, where it says so.
    pub scale: Option<u8>,
    /// It is no segment, but what ICMP says of one that went the other way.
    pub unreachable: Option<Unreachable>,
}

/// The flags of a segment. ECE and CWR say nothing about a session and are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// Opens a half.
    pub syn: bool,
    /// Ends a half in order.
    pub fin: bool,
    /// Breaks the connection off.
    pub rst: bool,
    /// Is to be handed to its reader at once.
    pub psh: bool,
    /// Holds data that is urgent (Telnet's Synch).
    pub urg: bool,
    /// Acknowledges.
    pub ack: bool,
}

impl<'a> Segment<'a> {
    /// The segment in an Ethernet frame, if there is one.
    ///
    /// ```
    /// use wharf_ladder::Segment;
    /// use wharf_proto::Moment;
    /// assert_eq!(Segment::of_ethernet(Moment::START, b"no frame"), None);
    /// ```
    #[must_use]
    pub fn of_ethernet(at: Moment, frame: &'a [u8]) -> Option<Self> {
        Self::of_packet(at, &LaxSlicedPacket::from_ethernet(frame).ok()?)
    }

    /// Whether the capture has not kept all of its bytes.
    pub(crate) fn is_cut(&self) -> bool {
        usize::try_from(self.length) != Ok(self.payload.len())
    }

    /// The segment in a frame of any link type, if there is one.
    #[must_use]
    pub fn of_frame(frame: &Frame<'a>) -> Option<Self> {
        let link = frame.link?;
        let plain = link.ipv4(frame.bytes).and_then(|ip| Self::of_ipv4(frame.at, ip));
        let mut segment = match plain {
            Some(segment) => segment,
            None => Self::of_packet(frame.at, &link.packet(frame.bytes)?)?,
        };
        segment.header.frame = frame.no;
        Some(segment)
    }

    fn of_packet(at: Moment, packet: &LaxSlicedPacket<'a>) -> Option<Self> {
        let tcp = match &packet.transport {
            Some(TransportSlice::Tcp(tcp)) => tcp,
            Some(TransportSlice::Icmpv4(icmp)) => {
                return icmp::segment(at, &Net::of(packet.net.as_ref()?)?, icmp.slice());
            }
            Some(TransportSlice::Icmpv6(icmp)) => {
                return icmp::segment(at, &Net::of(packet.net.as_ref()?)?, icmp.slice());
            }
            Some(_) => return None,
            None => return Self::of_cut_header(at, packet.net.as_ref()?),
        };
        Self::of_tcp(at, &Net::of(packet.net.as_ref()?)?, tcp)
    }

    /// The segment of a packet that was cut within the options of its TCP header: what stands before them is there.
    fn of_cut_header(at: Moment, net: &LaxNetSlice<'a>) -> Option<Self> {
        let packet = net.ip_payload_ref()?;
        let is_tcp = packet.ip_number == IpNumber::TCP && !packet.fragmented;
        let mut fixed = *packet.payload.first_chunk::<20>().filter(|_| is_tcp)?;
        let [.., offset, _, _, _, _, _, _, _] = &mut fixed;
        let header = usize::from(*offset >> 4) * 4;
        *offset = 5 << 4;
        let mut net = Net::of(net)?;
        net.cut = net.cut.checked_sub(header.checked_sub(packet.payload.len())?)?;
        Self::of_headers(at, &net, &TcpSlice::from_slice(&fixed).ok()?, &[])
    }

    /// The segment in an IPv4 packet, where nothing else is in it: what [`Segment::of_packet`] gives, at a fraction of the
    /// work.
    fn of_ipv4(at: Moment, packet: &'a [u8]) -> Option<Self> {
        let ip = Ipv4HeaderSlice::from_slice(packet).ok()?;
        let is_plain = ip.protocol() == IpNumber::TCP && !ip.is_fragmenting_payload();
        let (header, total) = (ip.slice().len(), usize::from(ip.total_len()));
        let payload = packet.get(header..total.min(packet.len())).filter(|_| is_plain)?;
        let net = Net::of_ipv4(&ip, header + payload.len());
        Self::of_tcp(at, &net, &TcpSlice::from_slice(payload).ok()?)
    }

    fn of_tcp(at: Moment, net: &Net, tcp: &TcpSlice<'a>) -> Option<Self> {
        Self::of_headers(at, net, tcp, tcp.payload())
    }

    fn of_headers(at: Moment, net: &Net, tcp: &TcpSlice<'_>, payload: &'a [u8]) -> Option<Self> {
        let Net { from, to, cut, id, hops } = *net;
        let length = u32::try_from(payload.len().saturating_add(cut)).ok()?;
        Some(Self {
            at,
            from: SocketAddr::new(from, tcp.source_port()),
            to: SocketAddr::new(to, tcp.destination_port()),
            seq: tcp.sequence_number(),
            ack: tcp.acknowledgment_number(),
            flags: Flags::of(tcp),
            length,
            payload,
            header: Header {
                id,
                hops,
                window: tcp.window_size(),
                scale: scale(tcp),
                ..Header::default()
            },
        })
    }
}

/// How far one sequence number is ahead of another; negative where it is behind. They wrap (RFC 9293 section 3.4).
pub(crate) fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from).cast_signed()
}

/// An acknowledgment of what is further ahead of all that was seen is of another connection, or nobody's; nor were bytes put
/// into another order that are.
pub(crate) const AHEAD: i32 = 4 * 1024 * 1024;

/// How a SYN has windows scaled (RFC 7323 section 2.2).
fn scale(tcp: &TcpSlice<'_>) -> Option<u8> {
    if !tcp.syn() {
        return None;
    }
    tcp.options_iterator().flatten().find_map(|option| match option {
        TcpOptionElement::WindowScale(shift) => Some(shift.min(14)),
        _ => None,
    })
}

impl Flags {
    fn of(tcp: &TcpSlice<'_>) -> Self {
        Self {
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            psh: tcp.psh(),
            urg: tcp.urg(),
            ack: tcp.ack(),
        }
    }
}

/// What the header of an IP packet tells.
struct Net {
    from: IpAddr,
    to: IpAddr,
    /// How many bytes were cut off its end.
    cut: usize,
    id: Option<u16>,
    hops: u8,
}

impl Net {
    /// What the header of a packet tells of which there are so many bytes.
    fn of_ipv4(header: &Ipv4HeaderSlice<'_>, has: usize) -> Self {
        Self {
            from: header.source_addr().into(),
            to: header.destination_addr().into(),
            cut: usize::from(header.total_len()).saturating_sub(has),
            id: Some(header.identification()),
            hops: header.ttl(),
        }
    }

    fn of(net: &LaxNetSlice<'_>) -> Option<Self> {
        match net {
            LaxNetSlice::Ipv4(ip) => {
                let header = ip.header();
                let extension = ip.extensions().auth.map_or(0, |auth| auth.slice().len());
                let has = header.slice().len() + extension + ip.payload().payload.len();
                Some(Self::of_ipv4(&header, has))
            }
            LaxNetSlice::Ipv6(ip) => {
                let header = ip.header();
                let has = ip.extensions().slice().len() + ip.payload().payload.len();
                Some(Self {
                    from: header.source_addr().into(),
                    to: header.destination_addr().into(),
                    cut: usize::from(header.payload_length()).saturating_sub(has),
                    id: None,
                    hops: header.hop_limit(),
                })
            }
            LaxNetSlice::Arp(_) => None,
        }
    }
}

impl fmt::Display for Flags {
    /// In the usual order, as `FIN, PSH, ACK`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = [
            (self.syn, "SYN"),
            (self.fin, "FIN"),
            (self.rst, "RST"),
            (self.psh, "PSH"),
            (self.urg, "URG"),
            (self.ack, "ACK"),
        ];
        let mut before = "";
        for (_, name) in flags.iter().filter(|(set, _)| *set) {
            write!(f, "{before}{name}")?;
            before = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `127.0.0.1:1180 > 127.0.0.1:21`, flags PSH and ACK, seq 7, ack 9, payload `NOOP\r\n`.
    fn frame() -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00]);
        frame.extend([0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        frame.extend([4, 156, 0, 21, 0, 0, 0, 7, 0, 0, 0, 9, 0x50, 0x18, 1, 0, 0, 0, 0, 0]);
        frame.extend(b"NOOP\r\n");
        frame
    }

    fn segment(frame: &[u8]) -> Option<Segment<'_>> {
        Segment::of_ethernet(Moment::START, frame)
    }

    #[test]
    fn an_ipv4_segment_is_read_field_by_field() {
        let frame = frame();
        let segment = segment(&frame).unwrap();
        assert_eq!(segment.from, "127.0.0.1:1180".parse().unwrap());
        assert_eq!(segment.to, "127.0.0.1:21".parse().unwrap());
        assert_eq!((segment.seq, segment.ack, segment.length), (7, 9, 6));
        assert_eq!(segment.payload, b"NOOP\r\n");
        assert_eq!(segment.flags.to_string(), "PSH, ACK");
    }

    #[test]
    fn an_ipv6_segment_behind_a_vlan_tag_is_read() {
        let mut six = vec![0; 12];
        six.extend([0x81, 0, 0, 5, 0x86, 0xdd]);
        six.extend([0x60, 0, 0, 0, 0, 20, 6, 64]);
        six.extend([0; 15].iter().chain(&[1]).chain(&[0; 15]).chain(&[1]));
        six.extend([0, 21, 4, 156, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 1, 0, 0, 0, 0, 0]);
        let segment = segment(&six).unwrap();
        assert_eq!(segment.from, "[::1]:21".parse().unwrap());
        assert_eq!(segment.flags, Flags { syn: true, ..Flags::default() });
        assert_eq!(segment.length, 0);
    }

    #[test]
    fn padding_behind_a_short_packet_is_not_payload() {
        let mut frame = frame();
        frame.extend([0; 20]);
        assert_eq!(segment(&frame).map(|segment| segment.payload), Some(&b"NOOP\r\n"[..]));
    }

    #[test]
    fn a_cut_frame_gives_what_is_there_and_the_length_that_was() {
        let frame = frame();
        let cut = segment(&frame[..frame.len() - 4]).unwrap();
        assert_eq!((cut.payload, cut.length), (&b"NO"[..], 6));
        assert_eq!(segment(&frame[..40]), None, "cut inside the TCP header");
    }

    #[test]
    fn a_frame_that_was_cut_within_the_options_of_tcp_gives_what_stands_before_them() {
        let mut frame = frame();
        // Twelve bytes of options, as with a timestamp.
        frame[17] += 12;
        frame[46] = 0x80;
        frame.splice(54..54, [1; 12]);
        for captured in 54..66 {
            let cut = segment(&frame[..captured]).unwrap();
            assert_eq!((cut.seq, cut.ack, cut.payload, cut.length), (7, 9, &b""[..], 6));
            assert_eq!(cut.flags.to_string(), "PSH, ACK");
        }
        assert_eq!(segment(&frame[..53]), None);
    }

    #[test]
    fn fragments_and_other_protocols_are_nothing() {
        let mut fragment = frame();
        fragment[20] = 0x20;
        assert_eq!(segment(&fragment), None);
        let mut udp = frame();
        udp[23] = 17;
        assert_eq!(segment(&udp), None);
    }

    /// The same with so many words of options behind the header of IP.
    fn with_options(words: u8) -> Vec<u8> {
        let mut frame = frame();
        frame[14] += words;
        frame[17] += 4 * words;
        frame.splice(34..34, vec![1; 4 * usize::from(words)]);
        frame
    }

    proptest! {
        #[test]
        fn the_short_way_through_a_frame_gives_what_the_long_one_does(
            words in 0u8..=10,
            is_raw: bool,
            noise in proptest::collection::vec((0usize..64, any::<u8>()), 0..4),
            cut in 0usize..40,
            padding in 0usize..8,
            junk in proptest::option::weighted(0.2, proptest::collection::vec(any::<u8>(), 0..128)),
        ) {
            let mut bytes = junk.unwrap_or_else(|| with_options(words));
            for (at, byte) in noise {
                // The headers, and above all how the two of IP and TCP begin.
                if let Some(place) = bytes.get_mut(12 + at) {
                    *place = byte;
                }
            }
            bytes.extend(vec![0; padding]);
            let bytes = bytes.get(..bytes.len().saturating_sub(cut)).unwrap_or_default();
            let (link, bytes) = match is_raw {
                true => (Link::Raw, bytes.get(14..).unwrap_or_default()),
                false => (Link::Ethernet, bytes),
            };
            let (at, original) = (Moment::START, bytes.len());
            let short = Segment::of_frame(&Frame { no: 7, at, link: Some(link), bytes, original });
            let long = link.packet(bytes).and_then(|packet| Segment::of_packet(at, &packet));
            let long = long.map(|mut segment| {
                segment.header.frame = 7;
                segment
            });
            prop_assert_eq!(short, long);
        }

        #[test]
        fn no_frame_makes_it_panic(
            mut frame in Just(frame()),
            noise in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8),
            cut in any::<proptest::sample::Index>(),
            junk in proptest::collection::vec(any::<u8>(), 0..128),
        ) {
            for (at, byte) in noise {
                *at.get_mut(&mut frame) = byte;
            }
            for frame in [&frame[..cut.index(frame.len())], &junk[..]] {
                if let Some(segment) = segment(frame) {
                    prop_assert!(segment.payload.len() <= segment.length as usize);
                }
            }
        }
    }
}
