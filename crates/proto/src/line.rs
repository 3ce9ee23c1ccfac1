//! Bytes of the control connection to lines, with the Telnet layer taken out
//! (RFC 959 section 5.3, RFC 854, RFC 1123 section 4.1.2.10 and 4.1.2.12).
//!
//! Both machines read through this: commands at the server, reply lines at the client. It is not a
//! command parser (what is in a line, a stray CR included, is for the layer above to judge) and not
//! a Telnet implementation: every option is refused, and sub-negotiation is thrown away.
//!
//! House rules of this file:
//! - One byte at a time or all at once, the arrivals are the same.
//! - Between lines nothing is allocated: an idle session costs the struct alone.
//! - What a peer can make us keep is one line of at most the cap, plus what was just pushed.

use memchr::memchr3;

const LF: u8 = b'\n';
const CR: u8 = b'\r';
const NUL: u8 = 0;

/// Telnet: end of sub-negotiation.
const SE: u8 = 240;
/// Telnet: the data mark of a Synch.
const DM: u8 = 242;
/// Telnet: interrupt process.
const IP: u8 = 244;
/// Telnet: start of sub-negotiation.
const SB: u8 = 250;
const WILL: u8 = 251;
const WONT: u8 = 252;
const DO: u8 = 253;
const DONT: u8 = 254;
const IAC: u8 = 255;

/// Longest sub-negotiation that is skipped in silence. A peer has no business to send any, for we
/// refuse all options; the number only has to be larger than the harmless ones.
const SUBNEGOTIATION_CAP: u16 = 512;

/// Something that came in on the control connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A line, without its end. It holds any byte but LF; a CR in it is one that was not followed
    /// by LF.
    Line(Vec<u8>),
    /// The line that is arriving is longer than the cap, or is spoilt by a sub-negotiation without
    /// end. Given once, as soon as it is known; the rest of the line is dropped.
    TooLong,
    /// Telnet Interrupt Process (IAC IP), which goes before an urgent ABOR or STAT.
    Interrupt,
    /// Telnet Data Mark (IAC DM), the end of a Synch.
    Mark,
    /// The peer offered or asked for a Telnet option. These three bytes refuse it and are to be
    /// sent back before the next reply.
    Answer([u8; 3]),
}

/// Where we are in a Telnet sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Telnet {
    /// In plain data.
    #[default]
    Data,
    /// After IAC.
    Command,
    /// After IAC and WILL, WONT, DO or DONT: the option's number comes next.
    Option(u8),
    /// In a sub-negotiation, so many bytes of it seen.
    Subnegotiation(u16),
    /// The same, after an IAC.
    SubnegotiationCommand(u16),
}

/// Splits the bytes of a control connection into [`Arrival`]s.
///
/// Push what was received, then take arrivals until there are none. The iterator is not finished
/// when it answers `None`: it goes on after the next push.
///
/// ```
/// use wharf_proto::line::{Arrival, LineReader};
///
/// let mut reader = LineReader::new(4096);
/// reader.push(b"NOOP\r\nQU");
/// assert_eq!(reader.next(), Some(Arrival::Line(b"NOOP".to_vec())));
/// assert_eq!(reader.next(), None);
/// reader.push(b"IT\r\n");
/// assert_eq!(reader.next(), Some(Arrival::Line(b"QUIT".to_vec())));
/// ```
#[derive(Clone, Debug)]
pub struct LineReader {
    cap: usize,
    /// Received and not yet looked at, from `taken` on.
    input: Vec<u8>,
    taken: usize,
    /// The line so far.
    line: Vec<u8>,
    /// A CR came and its meaning depends on the next byte; it is not yet in `line`.
    after_cr: bool,
    /// The line is over the cap: drop bytes until its end.
    dropping: bool,
    telnet: Telnet,
}

impl LineReader {
    /// A reader of lines of at most `cap` bytes, the line's end not counted.
    #[must_use]
    pub const fn new(cap: usize) -> Self {
        Self {
            cap,
            input: Vec::new(),
            taken: 0,
            line: Vec::new(),
            after_cr: false,
            dropping: false,
            telnet: Telnet::Data,
        }
    }

    /// Adds bytes as they were received.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.input.drain(..self.taken);
            self.taken = 0;
        }
        self.input.extend_from_slice(bytes);
    }

    /// The line that these bytes are, without its end, where none has begun and nothing in them has another meaning: what
    /// pushing them would give, without keeping them. As nearly always where a peer sends a line at a time.
    ///
    /// ```
    /// use wharf_proto::line::LineReader;
    ///
    /// let reader = LineReader::new(4096);
    /// assert_eq!(reader.whole(b"NOOP\r\n"), Some(&b"NOOP"[..]));
    /// assert_eq!(reader.whole(b"NOOP\r\nQUIT\r\n"), None);
    /// ```
    #[must_use]
    pub fn whole<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let is_between = self.telnet == Telnet::Data && !self.dropping && self.buffered() == 0;
        let line = bytes.strip_suffix(b"\r\n").filter(|line| line.len() <= self.cap)?;
        (is_between && memchr3(LF, CR, IAC, line).is_none()).then_some(line)
    }

    /// Gives everything that has come in since the last line, and forgets it.
    ///
    /// For the moment when the meaning of the stream changes (AUTH, CCC): a peer that sent anything
    /// behind such a command tried to have it executed on the other side of the change (RFC 4217
    /// section 15.2 and the STARTTLS injection attacks). The bytes of a partial line come first, with
    /// Telnet already taken out of them, then the bytes nobody has looked at, as they are.
    pub fn take_rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.line);
        if self.after_cr {
            rest.push(CR);
        }
        match self.telnet {
            Telnet::Data => {}
            Telnet::Command => rest.push(IAC),
            Telnet::Option(verb) => rest.extend([IAC, verb]),
            Telnet::Subnegotiation(_) => rest.extend([IAC, SB]),
            Telnet::SubnegotiationCommand(_) => rest.extend([IAC, SB, IAC]),
        }
        rest.extend_from_slice(self.unread());
        *self = Self::new(self.cap);
        rest
    }

    /// How many bytes [`take_rest`](Self::take_rest) would give. Zero between lines.
    #[must_use]
    pub fn buffered(&self) -> usize {
        let telnet = match self.telnet {
            Telnet::Data => 0,
            Telnet::Command => 1,
            Telnet::Option(_) | Telnet::Subnegotiation(_) => 2,
            Telnet::SubnegotiationCommand(_) => 3,
        };
        self.line.len() + usize::from(self.after_cr) + telnet + self.unread().len()
    }

    /// The line that has begun and not ended, without a CR that may belong to its end.
    #[must_use]
    pub fn begun(&self) -> &[u8] {
        &self.line
    }

    fn unread(&self) -> &[u8] {
        self.input.get(self.taken..).unwrap_or_default()
    }

    /// Reads on until there is an arrival or no more input.
    fn read(&mut self) -> Option<Arrival> {
        loop {
            if self.telnet == Telnet::Data && !self.after_cr {
                let arrival = self.take_plain_run();
                if arrival.is_some() {
                    return arrival;
                }
            }
            let byte = *self.unread().first()?;
            self.taken += 1;
            let arrival = self.step(byte);
            if arrival.is_some() {
                return arrival;
            }
        }
    }

    /// Moves the bytes before the next one with a meaning into the line, all at once.
    fn take_plain_run(&mut self) -> Option<Arrival> {
        let unread = self.input.get(self.taken..).unwrap_or_default();
        let length = memchr3(LF, CR, IAC, unread).unwrap_or(unread.len());
        self.taken += length;
        if self.dropping {
            return None;
        }
        if length > self.cap - self.line.len() {
            return self.give_up_line();
        }
        self.line.extend_from_slice(&unread[..length]);
        None
    }

    /// The Telnet layer: one byte from the connection.
    fn step(&mut self, byte: u8) -> Option<Arrival> {
        match self.telnet {
            Telnet::Data if byte == IAC => {
                self.telnet = Telnet::Command;
                None
            }
            Telnet::Data => self.data(byte),
            Telnet::Command => self.command(byte),
            Telnet::Option(verb) => {
                self.telnet = Telnet::Data;
                refusal(verb, byte).map(Arrival::Answer)
            }
            Telnet::Subnegotiation(seen) => self.subnegotiation(seen, byte),
            Telnet::SubnegotiationCommand(_) if byte == SE => {
                self.telnet = Telnet::Data;
                None
            }
            Telnet::SubnegotiationCommand(seen) if byte == IAC => {
                self.telnet = Telnet::Subnegotiation(seen);
                None
            }
            Telnet::SubnegotiationCommand(seen) => self.subnegotiation(seen, byte),
        }
    }

    /// The byte after an IAC.
    fn command(&mut self, byte: u8) -> Option<Arrival> {
        self.telnet = Telnet::Data;
        match byte {
            IAC => self.data(IAC),
            WILL..=DONT => {
                self.telnet = Telnet::Option(byte);
                None
            }
            SB => {
                self.telnet = Telnet::Subnegotiation(0);
                None
            }
            IP => Some(Arrival::Interrupt),
            DM => Some(Arrival::Mark),
            SE..SB => None,
            // Not Telnet at all: a name in a charset of old, sent by someone who has never heard of
            // doubling an IAC.
            0..SE => either(self.data(IAC), self.data(byte)),
        }
    }

    /// A byte within a sub-negotiation, which ends at IAC SE (seen by the caller). One that is too
    /// long, or runs over the end of the line, is none: its bytes belong to a name with 0xFF 0xFA in
    /// it, which we have lost.
    fn subnegotiation(&mut self, seen: u16, byte: u8) -> Option<Arrival> {
        if byte == LF || seen >= SUBNEGOTIATION_CAP {
            self.telnet = Telnet::Data;
            let spoilt = if self.dropping { None } else { self.give_up_line() };
            return either(spoilt, self.data(byte));
        }
        self.telnet = if byte == IAC {
            Telnet::SubnegotiationCommand(seen + 1)
        } else {
            Telnet::Subnegotiation(seen + 1)
        };
        None
    }

    /// The line layer: one byte of data.
    fn data(&mut self, byte: u8) -> Option<Arrival> {
        let after_cr = std::mem::replace(&mut self.after_cr, byte == CR);
        match (after_cr, byte) {
            (_, LF) => self.end_line(),
            (false, CR) => None,
            (false, _) => self.keep(byte),
            (true, CR | NUL) => self.keep(CR),
            (true, _) => either(self.keep(CR), self.keep(byte)),
        }
    }

    /// Adds a byte to the line, if there is room.
    fn keep(&mut self, byte: u8) -> Option<Arrival> {
        if self.dropping {
            return None;
        }
        if self.line.len() >= self.cap {
            return self.give_up_line();
        }
        self.line.push(byte);
        None
    }

    fn give_up_line(&mut self) -> Option<Arrival> {
        self.line = Vec::new();
        self.dropping = true;
        Some(Arrival::TooLong)
    }

    fn end_line(&mut self) -> Option<Arrival> {
        if std::mem::take(&mut self.dropping) {
            return None;
        }
        Some(Arrival::Line(std::mem::take(&mut self.line)))
    }
}

impl Iterator for LineReader {
    type Item = Arrival;

    /// The next arrival, or `None` until more bytes are pushed.
    fn next(&mut self) -> Option<Arrival> {
        let arrival = self.read();
        if self.unread().is_empty() {
            self.input = Vec::new();
            self.taken = 0;
        }
        arrival
    }
}

/// The arrival of two steps, both already made. Never do both have one: a line that has just been
/// given up ends in silence.
fn either(first: Option<Arrival>, second: Option<Arrival>) -> Option<Arrival> {
    first.or(second)
}

/// The answer that keeps an option off (RFC 854: only a change is answered, so that two parties
/// never answer each other for ever).
const fn refusal(verb: u8, option: u8) -> Option<[u8; 3]> {
    match verb {
        WILL => Some([IAC, DONT, option]),
        DO => Some([IAC, WONT, option]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAP: usize = 16;

    fn read_all(reader: &mut LineReader, chunks: &[&[u8]]) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        for chunk in chunks {
            reader.push(chunk);
            arrivals.extend(reader.by_ref());
        }
        arrivals
    }

    fn arrivals(bytes: &[u8]) -> Vec<Arrival> {
        read_all(&mut LineReader::new(CAP), &[bytes])
    }

    fn line(text: &[u8]) -> Arrival {
        Arrival::Line(text.to_vec())
    }

    #[test]
    fn lines_end_at_crlf_and_at_a_bare_lf() {
        assert_eq!(arrivals(b"NOOP\r\n\r\nQUIT\n"), [line(b"NOOP"), line(b""), line(b"QUIT")]);
    }

    #[test]
    fn a_line_without_end_is_kept_until_its_end_comes() {
        let mut reader = LineReader::new(CAP);
        assert_eq!(read_all(&mut reader, &[b"CW", b"D a\r"]), []);
        assert_eq!(reader.buffered(), 6);
        assert_eq!(read_all(&mut reader, &[b"\n"]), [line(b"CWD a")]);
        assert_eq!(reader.buffered(), 0);
    }

    #[test]
    fn cr_nul_is_a_cr_within_the_line() {
        assert_eq!(arrivals(b"a\r\0b\r\n"), [line(b"a\rb")]);
    }

    #[test]
    fn cr_before_anything_else_stays_as_it_is() {
        assert_eq!(arrivals(b"a\rb\r\r\n\r\r\0\n"), [line(b"a\rb\r"), line(b"\r\r")]);
    }

    #[test]
    fn nul_without_cr_is_kept() {
        assert_eq!(arrivals(b"a\0b\n"), [line(b"a\0b")]);
    }

    #[test]
    fn doubled_iac_is_one_byte_of_the_name() {
        assert_eq!(arrivals(b"CWD \xFF\xFFa\r\n"), [line(b"CWD \xFFa")]);
    }

    #[test]
    fn iac_before_a_byte_that_is_no_command_is_a_byte_of_the_name() {
        assert_eq!(arrivals(b"\xFFa\xFF\r\n\xFF\n"), [line(b"\xFFa\xFF"), line(b"\xFF")]);
    }

    #[test]
    fn interrupt_and_mark_before_abor_arrive_in_order() {
        let expected = [Arrival::Interrupt, Arrival::Mark, line(b"ABOR")];
        assert_eq!(arrivals(b"\xFF\xF4\xFF\xF2ABOR\r\n"), expected);
    }

    #[test]
    fn interrupt_between_cr_and_lf_does_not_part_them() {
        assert_eq!(arrivals(b"a\r\xFF\xF4\n"), [Arrival::Interrupt, line(b"a")]);
    }

    #[test]
    fn offered_and_asked_options_are_refused() {
        let expected =
            [Arrival::Answer([IAC, DONT, 1]), Arrival::Answer([IAC, WONT, IAC]), line(b"")];
        assert_eq!(arrivals(&[IAC, WILL, 1, IAC, DO, IAC, LF]), expected);
    }

    #[test]
    fn refusals_by_the_peer_are_not_answered() {
        assert_eq!(arrivals(&[IAC, WONT, 1, IAC, DONT, 3, b'a', LF]), [line(b"a")]);
    }

    #[test]
    fn other_telnet_commands_and_subnegotiation_are_dropped() {
        let bytes = [&b"a\xFF\xF1\xFF\xF9"[..], &[IAC, SB, 24, IAC, IAC, SE, IAC, SE], b"b\n"];
        assert_eq!(arrivals(&bytes.concat()), [line(b"ab")]);
    }

    #[test]
    fn subnegotiation_across_a_line_end_spoils_that_line_only() {
        assert_eq!(arrivals(b"a\xFF\xFAbc\r\nQUIT\r\n"), [Arrival::TooLong, line(b"QUIT")]);
    }

    #[test]
    fn endless_subnegotiation_spoils_the_line() {
        let mut bytes = vec![IAC, SB];
        bytes.extend([b'x'; 600]);
        bytes.extend(b"\nQUIT\n");
        assert_eq!(arrivals(&bytes), [Arrival::TooLong, line(b"QUIT")]);
    }

    #[test]
    fn line_of_the_cap_is_given_and_one_byte_more_is_too_long() {
        let full = [b'x'; CAP];
        let bytes = [&full[..], b"\r\n", &full, b"y\r\nQUIT\n"].concat();
        assert_eq!(arrivals(&bytes), [line(&full), Arrival::TooLong, line(b"QUIT")]);
    }

    #[test]
    fn too_long_is_told_once_and_before_the_line_ends() {
        let mut reader = LineReader::new(CAP);
        let flood = [b'x'; 4096];
        assert_eq!(read_all(&mut reader, &[&flood, &flood]), [Arrival::TooLong]);
        assert_eq!((reader.buffered(), reader.line.capacity()), (0, 0));
        assert_eq!(read_all(&mut reader, &[b"\r\nQUIT\r\n"]), [line(b"QUIT")]);
    }

    #[test]
    fn nothing_is_allocated_between_lines() {
        let mut reader = LineReader::new(CAP);
        read_all(&mut reader, &[b"NOOP\r\n"]);
        assert_eq!((reader.input.capacity(), reader.line.capacity()), (0, 0));
        reader.push(b"NOOP\r\n");
        assert!(reader.next().is_some());
        assert_eq!((reader.input.capacity(), reader.line.capacity()), (0, 0));
    }

    #[test]
    fn bytes_behind_a_line_are_given_as_the_rest() {
        let mut reader = LineReader::new(CAP);
        reader.push(b"AUTH TLS\r\nUSER x\r\n");
        assert_eq!(reader.next(), Some(line(b"AUTH TLS")));
        assert_eq!(reader.buffered(), 8);
        assert_eq!(reader.take_rest(), b"USER x\r\n");
        assert_eq!(reader.buffered(), 0);
        assert_eq!(read_all(&mut reader, &[b"NOOP\n"]), [line(b"NOOP")]);
    }

    #[test]
    fn the_rest_has_the_partial_line_and_what_is_pending() {
        let mut reader = LineReader::new(CAP);
        read_all(&mut reader, &[b"ab\r\xFF"]);
        assert_eq!(reader.buffered(), 4);
        assert_eq!(reader.take_rest(), b"ab\r\xFF");
    }

    /// Bytes folded to those with a meaning here.
    fn telling_bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            proptest::sample::select(vec![CR, LF, NUL, IAC, SE, DM, IP, SB, WILL, WONT, DO, DONT]),
            b'a'..=b'd',
            any::<u8>(),
        ];
        proptest::collection::vec(byte, 0..200)
    }

    /// What a peer may send at once: a line as nearly all are, or anything.
    fn telling_piece() -> impl Strategy<Value = Vec<u8>> {
        let ended = |mut bytes: Vec<u8>| {
            bytes.extend(b"\r\n");
            bytes
        };
        let plain = proptest::collection::vec(b'a'..=b'd', 0..24).prop_map(ended);
        prop_oneof![2 => plain, 1 => telling_bytes().prop_map(ended), 1 => telling_bytes()]
    }

    proptest! {
        #[test]
        fn byte_by_byte_gives_the_same_arrivals(bytes in telling_bytes(), cap in 0usize..20) {
            let mut whole = LineReader::new(cap);
            let mut single = LineReader::new(cap);
            let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(read_all(&mut whole, &[&bytes]), read_all(&mut single, &bytewise));
            prop_assert_eq!(whole.buffered(), single.buffered());
            prop_assert_eq!(whole.take_rest(), single.take_rest());
        }

        #[test]
        fn a_line_that_is_taken_whole_is_what_pushing_its_bytes_gives(
            pieces in proptest::collection::vec(telling_piece(), 0..12),
            cap in 0usize..20,
        ) {
            let (mut short, mut long) = (LineReader::new(cap), LineReader::new(cap));
            for piece in &pieces {
                let by_short = match short.whole(piece) {
                    Some(whole) => vec![line(whole)],
                    None => read_all(&mut short, &[piece]),
                };
                prop_assert_eq!(by_short, read_all(&mut long, &[piece]));
                prop_assert_eq!(short.buffered(), long.buffered());
            }
            prop_assert_eq!(short.take_rest(), long.take_rest());
        }

        #[test]
        fn what_is_buffered_is_bounded_by_the_cap(bytes in telling_bytes(), cap in 0usize..20) {
            let mut reader = LineReader::new(cap);
            read_all(&mut reader, &[&bytes]);
            prop_assert!(reader.buffered() <= cap + 4);
            prop_assert!(reader.line.capacity() <= (2 * cap).max(8));
            prop_assert_eq!(reader.input.capacity(), 0);
        }

        #[test]
        fn a_line_comes_through_when_its_cr_and_iac_are_escaped(
            text in proptest::collection::vec(any::<u8>().prop_filter("no LF", |b| *b != LF), 0..50),
        ) {
            let mut wire = Vec::new();
            for &byte in &text {
                match byte {
                    CR => wire.extend([CR, NUL]),
                    IAC => wire.extend([IAC, IAC]),
                    other => wire.push(other),
                }
            }
            wire.extend(b"\r\n");
            let mut reader = LineReader::new(50);
            prop_assert_eq!(read_all(&mut reader, &[&wire]), vec![line(&text)]);
        }
    }
}
