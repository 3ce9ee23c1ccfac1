//! A capture made of rows: packets that could have been these, for programs that read captures.
//!
//! The packets are synthesised, also where the rows were captured: what is in them is what stands on the rows, in
//! which secrets have been redacted. Bytes of transfers are not in them; such a frame is cut behind its headers and says
//! how long it would be. Each packet has a comment with the number of its row and what was found there. Every frame is
//! raw IP, so no hardware address is invented. What was sent again is sent again here, what was not captured is left out of
//! the numbers, lines that came in pieces come in pieces, and where a log tells no port a
//! connection is given one, so that who reads the file finds the same sessions.

use super::{Sheet, label as said, provenance};
use crate::capture::Frame;
use crate::label;
use crate::packet::Link;
use crate::raw;
use crate::row::{Channel, Ends, Packet, Provenance, Remark, Row};
use crate::scene::Step;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use wharf_proto::tap::{HalfEnd, Party};
use wharf_proto::{Lang, Moment};

/// Where servers listen (RFC 959 section 5.2).
const FTP: u16 = 21;
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const SECRETS: u32 = 0x0a;
/// What the secrets of TLS are called in their block.
const TLS_KEY_LOG: u32 = 0x544c_534b;
const COMMENT: u16 = 1;
const RESOLUTION: u16 = 9;
/// The flags of TCP.
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;
/// The link types of frames that begin with their IP header, and with that of Ethernet.
const RAW: u16 = 101;
const ETHERNET: u16 = 1;
/// The longest payload of a synthesised segment, and how many of them a row of data has at most: more than 3 GiB, as
/// what has no segment is taken for lost by those who read it.
const MAX_PAYLOAD: u64 = 65_495;
const MAX_SEGMENTS: u64 = 1 << 16;

/// The beginning of the file: a section and an interface.
#[must_use]
pub fn begin() -> Vec<u8> {
    [section(), interface(RAW)].concat()
}

fn section() -> Vec<u8> {
    let mut section = 0x1a2b_3c4du32.to_le_bytes().to_vec();
    section.extend([1, 0, 0, 0]);
    section.extend([0xff; 8]);
    block(SECTION, &section)
}

fn interface(link: u16) -> Vec<u8> {
    let mut interface = link.to_le_bytes().to_vec();
    interface.extend([0; 6]);
    // Nanoseconds.
    option(&mut interface, RESOLUTION, &[9]);
    interface.extend([0; 4]);
    block(INTERFACE, &interface)
}

/// The beginning of a file of captured frames.
#[must_use]
pub fn begin_capture() -> Vec<u8> {
    let mut out = section();
    out.extend(interface(ETHERNET));
    out
}

/// A captured frame as it is, with all that it holds; `origin` is what its moment counts from, since 1970. One without an
/// Ethernet header is given an empty one, since many readers want one kind of frames in a file.
#[must_use]
pub fn frame(frame: &Frame<'_>, origin: Duration) -> Vec<u8> {
    let at = since_1970(origin, frame.at);
    let mut bytes = Vec::with_capacity(frame.bytes.len() + 14);
    if frame.link != Some(Link::Ethernet) {
        let is_six = frame.bytes.first().is_some_and(|first| first >> 4 == 6);
        bytes.extend([0; 12]);
        bytes.extend(if is_six { [0x86, 0xdd] } else { [0x08, 0x00] });
    }
    bytes.extend(frame.bytes);
    let added = bytes.len() - frame.bytes.len();
    enhanced(&bytes, frame.original + added, at, "", 0)
}

/// The beginning of a file of frames whose interfaces are told where the first frame of each comes.
#[must_use]
pub fn begin_frames() -> Vec<u8> {
    section()
}

/// The next interface of a file, numbered from 0, on which frames begin with this.
#[must_use]
pub fn interface_of(link: Link) -> Vec<u8> {
    interface(link.number())
}

/// The lines of a key log, for what follows.
#[must_use]
pub fn secrets(log: &[u8]) -> Vec<u8> {
    let length = u32::try_from(log.len()).unwrap_or(0).to_le_bytes();
    let mut body = [&TLS_KEY_LOG.to_le_bytes()[..], &length, log].concat();
    body.resize(body.len().next_multiple_of(4), 0);
    block(SECRETS, &body)
}

/// A frame as it was captured, on an interface of the file, with a comment; `origin` is what its moment counts from, since
/// 1970.
#[must_use]
pub fn captured(frame: &Frame<'_>, interface: usize, origin: Duration, comment: &str) -> Vec<u8> {
    let at = since_1970(origin, frame.at);
    enhanced(frame.bytes, frame.original, at, comment, interface)
}

/// What there is to say of the frames of a scene: the number of each, its row, and what was found there.
pub fn comments<'a>(sheet: &'a Sheet<'_>) -> impl Iterator<Item = (u64, String)> + 'a {
    sheet.shown().filter_map(|step| {
        let frame = step.row.wire?.header.frame;
        (frame > 0).then(|| (frame, comment(sheet, &step.row)))
    })
}

/// The packets of a session.
#[must_use]
pub fn session(sheet: &Sheet<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut wires: BTreeMap<usize, Wire> = BTreeMap::new();
    let mut now = Moment::START;
    let plan = Plan::of(sheet.shown());
    for (at, step) in sheet.shown().enumerate() {
        let row = &step.row;
        let (part, lost) = (plan.parts.get(&at), plan.lost.get(&at));
        now = row.at.unwrap_or(now).max(now);
        // That bytes are missing is known by who has them; its acknowledgment may be among those that are not shown.
        if matches!(row.packet, Packet::Note(Remark::Missing(_)))
            && let Some(wire) = wires.get_mut(&step.conn)
        {
            let at = since_1970(sheet.origin.unwrap_or_default(), now);
            out.extend(wire.packet(row.from.other(), ACK, b"", 0, at, ""));
        }
        if !is_sent(row) {
            continue;
        }
        let Some([from, to]) = step.ends else { continue };
        let ends = match row.from {
            Party::Client => Ends { client: from, server: to },
            Party::Server => Ends { client: to, server: from },
        };
        let wire = wires.entry(step.conn).or_insert_with(|| Wire::new(with_ports(ends, step)));
        let at = since_1970(sheet.origin.unwrap_or_default(), now);
        wire.row(row, part.map(Vec::as_slice), at, &comment(sheet, row), &mut out);
        wire.lose(row.from, lost.copied().unwrap_or_default());
    }
    out
}

/// Whether a row is a packet. What is only drawn for completeness would be seen by whoever reads the file.
fn is_sent(row: &Row) -> bool {
    let is_drawn = row.provenance == Provenance::Synthesised;
    row.is_packet() && row.packet != Packet::Absent && !is_drawn
}

/// What of the packets stands on other rows than theirs, by the places of those.
#[derive(Default)]
struct Plan {
    /// How many bytes were lost behind a row: before what the other side says next, which may acknowledge them.
    lost: BTreeMap<usize, u64>,
    /// The bytes of lines that came in several segments, as the row tells them that completes them.
    parts: BTreeMap<usize, Vec<u8>>,
}

impl Plan {
    fn of<'a>(steps: impl Iterator<Item = &'a Step>) -> Self {
        let mut plan = Self::default();
        let mut last: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let mut begun: BTreeMap<(usize, usize), Vec<(usize, u64)>> = BTreeMap::new();
        for (at, step) in steps.enumerate() {
            let row = &step.row;
            let key = (step.conn, side(row.from));
            match row.packet {
                Packet::Note(Remark::Missing(bytes)) => {
                    begun.remove(&key);
                    if let Some(behind) = last.get(&key) {
                        *plan.lost.entry(*behind).or_default() += bytes;
                    }
                }
                Packet::Data { bytes, .. } if is_part(row, bytes) => {
                    begun.entry(key).or_default().push((at, bytes));
                }
                Packet::Command | Packet::Reply(_) => {
                    plan.split(begun.remove(&key).unwrap_or_default(), at, &raw::bytes(row));
                }
                _ => {}
            }
            if is_sent(row) {
                last.insert(key, at);
            }
        }
        plan
    }

    /// Lines that are whole at a place, and of which so many bytes came before. What is blanked in them may make them shorter
    /// than they were; something is left for the place where they are whole.
    fn split(&mut self, before: Vec<(usize, u64)>, at: usize, lines: &[u8]) {
        if before.is_empty() {
            return;
        }
        let mut rest = lines;
        for (place, bytes) in before {
            let most = rest.len().saturating_sub(1);
            let bytes = usize::try_from(bytes).unwrap_or(most).min(most);
            let (part, behind) = rest.split_at_checked(bytes).unwrap_or_default();
            self.parts.insert(place, part.to_vec());
            rest = behind;
        }
        self.parts.insert(at, rest.to_vec());
    }
}

/// Whether a row tells of so many bytes that complete no line of the control connection.
fn is_part(row: &Row, bytes: u64) -> bool {
    let says = |end: &&str| row.label.as_bytes() == format!("{bytes} B{end}").as_bytes();
    row.channel == Channel::Control && !row.tls && label::PART.iter().any(says)
}

/// The ends of a connection with ports in place of those that nobody told: each connection has its own, and servers listen
/// where FTP does.
fn with_ports(ends: Ends, step: &Step) -> Ends {
    let own = match step.row.channel {
        Channel::Control => step.session % 16_384,
        Channel::Data(no) => {
            16_384 + (step.session.wrapping_mul(64).wrapping_add(no.into())) % 32_768
        }
    };
    let own = u16::try_from(own).unwrap_or(0) + 1024;
    let listens = if step.row.channel == Channel::Control { FTP } else { own };
    let with = |end: SocketAddr, port| match end.port() {
        0 => SocketAddr::new(end.ip(), port),
        _ => end,
    };
    Ends { client: with(ends.client, own), server: with(ends.server, listens) }
}

/// A connection as it is being synthesised.
struct Wire {
    ends: Ends,
    /// The next number of each side.
    next: [u32; 2],
}

impl Wire {
    fn new(ends: Ends) -> Self {
        Self { ends, next: [1_000, 5_000] }
    }

    /// The packets of a row. What was sent again ends where what was sent so far ends, and nothing is new in it.
    fn row(
        &mut self,
        row: &Row,
        part: Option<&[u8]>,
        at: Duration,
        comment: &str,
        out: &mut Vec<u8>,
    ) {
        let before = self.next;
        if row.is_again()
            && let Some(next) = self.next.get_mut(side(row.from))
        {
            *next = next.wrapping_sub(counted(row));
        }
        self.packets(row, part, at, comment, out);
        if row.is_again() {
            self.next = before;
        }
    }

    /// So many bytes of a side are not captured.
    fn lose(&mut self, from: Party, bytes: u64) {
        if let Some(next) = self.next.get_mut(side(from)) {
            *next = next.wrapping_add(u32::try_from(bytes % (1 << 32)).unwrap_or(0));
        }
    }

    fn packets(
        &mut self,
        row: &Row,
        part: Option<&[u8]>,
        at: Duration,
        comment: &str,
        out: &mut Vec<u8>,
    ) {
        let mut put = |flags: u8, payload: &[u8], length: u64, comment: &str| {
            out.extend(self.packet(row.from, flags, payload, length, at, comment));
        };
        match row.packet {
            Packet::Syn => put(SYN, b"", 0, comment),
            Packet::SynAck => put(SYN | ACK, b"", 0, comment),
            _ if part.is_some() => {
                let part = part.unwrap_or_default();
                put(PSH | ACK, part, part.len() as u64, comment);
            }
            // What is cut in the capture is cut here.
            Packet::Data { bytes, .. }
                if row.channel == Channel::Control
                    && row.label.as_bytes().ends_with(label::CUT_SHORT.as_bytes()) =>
            {
                put(PSH | ACK, b"", bytes, comment);
            }
            // What completes a line brings all of it; a line that is no reply is a row of its own.
            Packet::Data { .. }
                if row.channel == Channel::Control && !row.tls && !row.is_again() =>
            {
                let line = raw::bytes(row);
                put(PSH | ACK, &line, line.len() as u64, comment);
            }
            Packet::Command | Packet::Reply(_) => {
                let lines = raw::bytes(row);
                let length = lines.len() as u64;
                put(PSH | ACK, &lines, length, comment);
            }
            Packet::Data { bytes, end } => {
                // A run of segments stays one, of as many that are alike.
                let segments = row.wire.map_or(1, |wire| u64::from(wire.segments));
                let part = bytes.div_ceil(segments.clamp(1, MAX_SEGMENTS)).min(MAX_PAYLOAD);
                let mut left = bytes;
                for n in 0..MAX_SEGMENTS {
                    let length = left.min(part);
                    left -= length;
                    let last = left == 0 || n + 1 == MAX_SEGMENTS;
                    let flags = match end.filter(|_| last) {
                        Some(HalfEnd::Fin) => FIN | PSH | ACK,
                        Some(HalfEnd::Reset) => RST | ACK,
                        Some(HalfEnd::Eof | HalfEnd::Cut) | None => PSH | ACK,
                    };
                    put(flags, b"", length, if n == 0 { comment } else { "" });
                    if last {
                        break;
                    }
                }
                // What is more than that is a gap.
                self.lose(row.from, left);
            }
            Packet::Fin => put(FIN | ACK, b"", 0, comment),
            Packet::Rst => put(RST | ACK, b"", 0, comment),
            Packet::Established | Packet::Ack => put(ACK, b"", 0, comment),
            Packet::Absent | Packet::Note(_) | Packet::Omitted(_) => {}
        }
    }

    /// A segment in its block. Its payload may be shorter than it says.
    fn packet(
        &mut self,
        from: Party,
        flags: u8,
        payload: &[u8],
        length: u64,
        at: Duration,
        comment: &str,
    ) -> Vec<u8> {
        let (me, you) = (side(from), side(from.other()));
        let [seq, ack] = [me, you].map(|at| self.next.get(at).copied().unwrap_or(0));
        let counted = u32::try_from(length).unwrap_or(0) + u32::from(flags & 3 != 0);
        if let Some(next) = self.next.get_mut(me) {
            *next = seq.wrapping_add(counted);
        }
        let (source, target) = match from {
            Party::Client => (self.ends.client, self.ends.server),
            Party::Server => (self.ends.server, self.ends.client),
        };
        let ack = if flags & 16 == 0 { 0 } else { ack };
        let mut tcp = [source.port().to_be_bytes(), target.port().to_be_bytes()].concat();
        tcp.extend(seq.to_be_bytes());
        tcp.extend(ack.to_be_bytes());
        tcp.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        let whole = payload.len() == usize::from(length);
        tcp.extend(payload);
        if whole {
            let sum = tcp_sum(source.ip(), target.ip(), &tcp);
            tcp.splice(16..18, sum.to_be_bytes());
        }
        let mut frame = ip(source.ip(), target.ip(), length.saturating_add(20));
        let original = frame.len() + 20 + usize::from(length);
        frame.extend(tcp);
        enhanced(&frame, original, at, comment, 0)
    }
}

/// How many numbers a row takes that was sent again.
fn counted(row: &Row) -> u32 {
    match row.packet {
        Packet::Data { bytes, end } => {
            let fin = u32::from(end == Some(HalfEnd::Fin));
            u32::try_from(bytes % (1 << 32)).unwrap_or(0).wrapping_add(fin)
        }
        Packet::Command | Packet::Reply(_) => u32::try_from(raw::bytes(row).len()).unwrap_or(0),
        Packet::Syn | Packet::SynAck | Packet::Fin => 1,
        Packet::Established
        | Packet::Ack
        | Packet::Rst
        | Packet::Absent
        | Packet::Note(_)
        | Packet::Omitted(_) => 0,
    }
}

/// A packet of an interface in its block, with the length that it had.
fn enhanced(
    frame: &[u8],
    original: usize,
    at: Duration,
    comment: &str,
    interface: usize,
) -> Vec<u8> {
    let nanos = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
    let mut body = u32::try_from(interface).unwrap_or(0).to_le_bytes().to_vec();
    body.extend(half(nanos >> 32).to_le_bytes());
    body.extend(half(nanos & 0xffff_ffff).to_le_bytes());
    for size in [frame.len(), original] {
        body.extend(u32::try_from(size).unwrap_or(0).to_le_bytes());
    }
    body.extend(frame);
    body.resize(body.len().next_multiple_of(4), 0);
    if !comment.is_empty() {
        option(&mut body, COMMENT, comment.as_bytes());
        body.extend([0; 4]);
    }
    block(PACKET, &body)
}

/// A tap may say any time, also one beyond what can be counted.
fn since_1970(origin: Duration, at: Moment) -> Duration {
    origin.saturating_add(at.since(Moment::START))
}

fn half(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn side(party: Party) -> usize {
    usize::from(party == Party::Server)
}

fn comment(sheet: &Sheet<'_>, row: &Row) -> String {
    let mut out = format!("row {}, {}: {}", row.no, provenance(row), said(row, Lang::En));
    for finding in sheet.scene.findings.iter().filter(|finding| finding.rows.contains(&row.no)) {
        out += &format!("\n{} {}", finding.rule.id, finding.cause(sheet.lang));
    }
    out
}

/// An IP header. Where the two ends are of different families the packet is IPv6.
fn ip(source: IpAddr, target: IpAddr, payload: u16) -> Vec<u8> {
    match (source, target) {
        (IpAddr::V4(source), IpAddr::V4(target)) => {
            let mut header = vec![0x45, 0];
            header.extend(payload.saturating_add(20).to_be_bytes());
            header.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
            header.extend(source.octets());
            header.extend(target.octets());
            let sum = sum(&[&header]);
            header.splice(10..12, sum.to_be_bytes());
            header
        }
        (source, target) => {
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(payload.to_be_bytes());
            header.extend([6, 64]);
            for end in [source, target] {
                header.extend(six(end));
            }
            header
        }
    }
}

fn six(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

fn tcp_sum(source: IpAddr, target: IpAddr, tcp: &[u8]) -> u16 {
    let length = u32::try_from(tcp.len()).unwrap_or(0).to_be_bytes();
    let octets = |ip: Ipv4Addr| ip.octets().to_vec();
    let ends: Vec<u8> = match (source, target) {
        (IpAddr::V4(source), IpAddr::V4(target)) => [octets(source), octets(target)].concat(),
        (source, target) => [six(source), six(target)].concat(),
    };
    sum(&[&ends, &length, &[0, 0, 0, 6], tcp])
}

/// The checksum of the internet (RFC 1071); every part but the last has an even length.
fn sum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let word = |pair: &[u8]| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    };
    let mut sum = words.map(word).fold(0u32, u32::wrapping_add);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = value.get(..value.len().min(60_000)).unwrap_or_default();
    out.extend(code.to_le_bytes());
    out.extend(u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 12).unwrap_or(0).to_le_bytes();
    [&kind.to_le_bytes()[..], &length, body, &length].concat()
}
