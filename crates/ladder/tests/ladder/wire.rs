//! Segments made by hand: connections on which two ends send, with sequence numbers kept for them.

use std::net::SocketAddr;
use std::time::Duration;
use wharf_ladder::packet::{Header, Unreachable};
use wharf_ladder::{Flags, Packets, Segment};
use wharf_proto::Moment;

/// No flags.
pub(crate) const NONE: Flags =
    Flags { syn: false, fin: false, rst: false, psh: false, urg: false, ack: false };
/// An acknowledgment.
pub(crate) const ACK: Flags = Flags { ack: true, ..NONE };
/// A line or the bytes of a transfer.
pub(crate) const PSH: Flags = Flags { psh: true, ..ACK };
/// The end of a half.
pub(crate) const FIN: Flags = Flags { fin: true, ..ACK };
/// The beginning of a half.
pub(crate) const SYN: Flags = Flags { syn: true, ..NONE };
/// A broken connection.
pub(crate) const RST: Flags = Flags { rst: true, ..ACK };

/// A segment that owns its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    pub(crate) at: Moment,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: Flags,
    pub(crate) length: u32,
    pub(crate) payload: Vec<u8>,
    pub(crate) header: Header,
}

impl Owned {
    pub(crate) fn of(segment: &Segment<'_>) -> Self {
        let Segment { at, from, to, seq, ack, flags, length, payload, header } = *segment;
        Self { at, from, to, seq, ack, flags, length, payload: payload.to_vec(), header }
    }

    pub(crate) fn segment(&self) -> Segment<'_> {
        let Self { at, from, to, seq, ack, flags, length, ref payload, header } = *self;
        Segment { at, from, to, seq, ack, flags, length, payload, header }
    }
}

/// Who sends on a connection: the end that opened it, or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Opener,
    Acceptor,
}
pub(crate) use End::{Acceptor, Opener};

/// A capture as it is being made.
#[derive(Default)]
pub(crate) struct Wire {
    now: Moment,
    connections: Vec<Connection>,
    pub(crate) segments: Vec<Owned>,
}

struct Connection {
    ends: [SocketAddr; 2],
    /// The next number of each end.
    next: [u32; 2],
}

impl Wire {
    /// A control connection on port 21 with a greeting: connection 0.
    pub(crate) fn greeted() -> Self {
        let mut wire = Self::default();
        wire.connect("192.0.2.10:1180", "203.0.113.5:21");
        wire.says("220 ready");
        wire
    }

    /// Opens a connection and gives its number.
    pub(crate) fn connect(&mut self, from: &str, to: &str) -> usize {
        let conn = self.connection(from, to);
        self.shake_hands(conn);
        conn
    }

    /// Opens another connection between the same ends, far from the numbers of the first.
    pub(crate) fn reconnect(&mut self, conn: usize) {
        let connection = self.connections.get_mut(conn).expect("a connection");
        connection.next = connection.next.map(|next| next.wrapping_add(100_000));
        self.shake_hands(conn);
    }

    fn shake_hands(&mut self, conn: usize) {
        self.put(conn, Opener, SYN, b"");
        self.put(conn, Acceptor, Flags { ack: true, ..SYN }, b"");
        self.put(conn, Opener, ACK, b"");
    }

    /// A connection of which nothing has been sent.
    pub(crate) fn connection(&mut self, from: &str, to: &str) -> usize {
        let ends = [from, to].map(|end| end.parse().expect("an address"));
        // So that numbers wrap within each connection.
        self.connections.push(Connection { ends, next: [u32::MAX - 20, u32::MAX - 10] });
        self.connections.len() - 1
    }

    /// Sends a segment.
    pub(crate) fn put(&mut self, conn: usize, end: End, flags: Flags, payload: &[u8]) {
        let connection = self.connections.get_mut(conn).expect("a connection");
        let (me, you) = (end as usize, 1 - end as usize);
        let [seq, ack] = [connection.next[me], connection.next[you]];
        let length = u32::try_from(payload.len()).expect("a short payload");
        let taken = length + u32::from(flags.syn) + u32::from(flags.fin);
        connection.next[me] = seq.wrapping_add(taken);
        let (from, to) = (connection.ends[me], connection.ends[you]);
        let ack = if flags.ack { ack } else { 0 };
        self.now = self.now + Duration::from_micros(100);
        let at = self.now;
        let payload = payload.to_vec();
        let header = Header { hops: 64, window: 60_000, ..Header::default() };
        self.segments.push(Owned { at, from, to, seq, ack, flags, length, payload, header });
    }

    /// The moment of what was sent last, or to which time has passed since.
    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    /// The last segment had so many hops left.
    pub(crate) fn hops(&mut self, hops: u8) {
        self.segments.last_mut().expect("a segment").header.hops = hops;
    }

    /// Of the last segment only so many bytes are captured.
    pub(crate) fn cut(&mut self, bytes: usize) {
        self.segments.last_mut().expect("a segment").payload.truncate(bytes);
    }

    /// An end says that it takes nothing more.
    pub(crate) fn full(&mut self, conn: usize, end: End) {
        self.put(conn, end, ACK, b"");
        self.segments.last_mut().expect("a segment").header.window = 0;
    }

    /// An end asks whether the other is still there, with the last byte that it has sent.
    pub(crate) fn probes(&mut self, conn: usize, end: End) {
        self.put(conn, end, ACK, b"");
        let last = self.segments.last_mut().expect("a segment");
        (last.seq, last.length, last.payload) = (last.seq.wrapping_sub(1), 1, vec![0]);
    }

    /// A host says by ICMP that the last segment did not arrive.
    pub(crate) fn unreachable(&mut self, by: &str, code: u8) {
        let last = self.segments.last().cloned().expect("a segment");
        let unreachable = Some(Unreachable { by: by.parse().expect("an address"), code });
        let header = Header { hops: 60, unreachable, ..Header::default() };
        let (from, to, flags, ack) = (last.to, last.from, NONE, 0);
        self.now = self.now + Duration::from_micros(100);
        self.segments.push(Owned { at: self.now, from, to, flags, ack, header, ..last });
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// Sends the last segment once more.
    pub(crate) fn again(&mut self) {
        let last = self.segments.last().cloned().expect("a segment");
        self.segments.push(Owned { at: self.now, ..last });
    }

    /// The last segment goes by again with another line in it.
    pub(crate) fn rewritten(&mut self, line: &str) {
        let last = self.segments.last().cloned().expect("a segment");
        let payload = format!("{line}\r\n").into_bytes();
        let length = u32::try_from(payload.len()).expect("a short line");
        self.segments.push(Owned { at: self.now, payload, length, ..last });
    }

    /// Sends what the capture does not see.
    pub(crate) fn unseen(&mut self, conn: usize, end: End, flags: Flags, payload: &[u8]) {
        self.put(conn, end, flags, payload);
        self.segments.pop();
    }

    /// A line of the server on the control connection.
    pub(crate) fn says(&mut self, line: &str) {
        self.put(0, Acceptor, PSH, format!("{line}\r\n").as_bytes());
    }

    /// A command and its reply.
    pub(crate) fn asks(&mut self, command: &str, reply: &str) {
        self.put(0, Opener, PSH, format!("{command}\r\n").as_bytes());
        self.says(reply);
    }

    /// The session on port 21.
    pub(crate) fn packets(&self) -> Packets {
        let mut packets = Packets::of_port(21);
        for segment in &self.segments {
            packets.push(&segment.segment());
        }
        packets
    }

    /// What stands on its rows.
    pub(crate) fn labels(&self) -> Vec<String> {
        self.packets().rows().iter().map(|row| row.label.to_string()).collect()
    }
}
