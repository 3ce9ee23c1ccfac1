//! Every FTP session of a capture: whose a segment is.
//!
//! A control connection is known by its port, or on any port by what both sides say on it; data connections by
//! what the sessions have announced, scored, because addresses alone do not decide. Where TLS hides what was
//! announced the time, the hosts and what TLS shows in clear must do, and the session says that it is only
//! probable. A data connection between two servers is of both sessions, which belong together.
//!
//! Memory is bounded: sessions are given away when they are over ([`Sessions::take_finished`]), or before that
//! where too many are open; the rest of such a session begins anew.

mod claims;
mod copies;
mod kept;
mod over;
mod probe;
mod turns;
mod visits;

use crate::findings::{Finding, findings};
use crate::packet::{Flags, Segment};
use crate::packets::{Keep, Packets};
use crate::row::Ends;
use crate::tls::Keys;
use copies::Copies;
use foldhash::{HashMap, HashMapExt as _};
use probe::{Probe, Verdict};
use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use turns::Turns;
use wharf_proto::Moment;

/// Ports on which a control connection is known by its SYN.
pub const CONTROL_PORTS: [u16; 3] = [21, 990, 2121];
/// Connections remembered at most, those included that are no FTP.
const MAX_FLOWS: usize = 1 << 16;
/// What the open sessions may weigh, in rows.
const MAX_WEIGHT: usize = 160_000;
/// What a session weighs without its rows.
const WEIGHT: usize = 24;
/// Sessions that may have announced the same port and be remembered for it.
const MAX_NAMERS: usize = 64;

/// The sessions of a capture that are not over.
#[derive(Debug)]
pub struct Sessions {
    ports: Vec<u16>,
    flows: HashMap<Key, Owner>,
    open: BTreeMap<u64, Box<Open>>,
    /// Who has announced a listener at a port.
    namers: HashMap<u16, VecDeque<u64>>,
    /// Whose control connection is between two hosts.
    pairs: HashMap<[IpAddr; 2], VecDeque<u64>>,
    /// How often a server's control port was connected to, and since when.
    visits: HashMap<SocketAddr, VecDeque<Visit>>,
    next: u64,
    weight: usize,
    /// What they may weigh together.
    most: usize,
    turns: Turns,
    copies: Copies,
    keys: Keys,
    keep: Keep,
    now: Moment,
}

/// A session of a capture.
#[derive(Debug)]
pub struct Session {
    /// Counts the sessions of the capture from 1.
    pub no: u64,
    /// The session.
    pub packets: Packets,
    /// The sessions that it shares a data connection with: the other server's.
    pub partners: Vec<u64>,
    /// It was given away before it was over, because too many were open.
    pub is_cut: bool,
    /// What had come to the same server before it.
    pub before: Before,
    /// The moment up to which the capture was read when it was given away.
    pub until: Moment,
}

impl Session {
    /// What went wrong in it.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let end = self.until.max(self.packets.last_seen());
        findings(&self.packets.case(end, self.before, !self.partners.is_empty()))
    }
}

/// What came to a server before a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// Sessions from the same client in the minute before.
    pub lately: u32,
    /// Those of them that were still open.
    pub open: u32,
    /// How often a login was refused in that minute.
    pub refused: u32,
    /// What came of the data connections of sessions without TLS from the same client.
    pub in_clear: InClear,
}

/// What came of data connections where the control connection was not under TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InClear {
    /// One was open.
    pub works: bool,
    /// One got no answer.
    pub fails: bool,
}

impl std::ops::BitOrAssign for InClear {
    fn bitor_assign(&mut self, other: Self) {
        self.works |= other.works;
        self.fails |= other.fails;
    }
}

/// An open session.
#[derive(Debug)]
struct Open {
    session: Session,
    /// When its control connection was last heard.
    heard: Moment,
    /// When anything of it was.
    last: Moment,
    weight: usize,
    keys: Vec<Key>,
    /// The ports that it has announced.
    named: Vec<u16>,
    /// Whether a connection that begins may be its.
    is_asked: bool,
}

/// A visit of a client at a server.
#[derive(Clone, Copy, Debug)]
struct Visit {
    client: IpAddr,
    at: Moment,
    session: u64,
    /// How often a login was refused in it, and when the last time.
    refused: (u32, Moment),
    in_clear: InClear,
    is_open: bool,
}

/// The two ends of a connection, the lesser first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key(SocketAddr, SocketAddr);

impl Hash for Key {
    /// In few pieces: each segment is looked up several times.
    fn hash<H: Hasher>(&self, state: &mut H) {
        for end in [self.0, self.1] {
            match end.ip() {
                IpAddr::V4(ip) => {
                    state.write_u64(u64::from(ip.to_bits()) << 16 | u64::from(end.port()));
                }
                IpAddr::V6(ip) => {
                    state.write_u128(ip.to_bits());
                    state.write_u16(end.port());
                }
            }
        }
    }
}

/// Whose a connection is.
#[derive(Debug)]
enum Owner {
    One(u64),
    /// Of the sessions of two servers.
    Two(u64, u64),
    /// Of this session by time and hosts alone: its first words may say otherwise.
    Guessed(u64, Box<Probe>),
    /// Not known yet.
    Unknown(Box<Probe>),
    /// Nobody's.
    None,
}

impl Default for Sessions {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Sessions {
    /// The sessions of a capture in which control connections go to these ports too.
    #[must_use]
    pub fn new(ports: &[u16]) -> Self {
        let ports = CONTROL_PORTS.iter().chain(ports).copied().collect();
        Self {
            ports,
            flows: HashMap::new(),
            open: BTreeMap::new(),
            namers: HashMap::new(),
            pairs: HashMap::new(),
            visits: HashMap::new(),
            next: 1,
            weight: 0,
            most: MAX_WEIGHT,
            turns: Turns::default(),
            copies: Copies::default(),
            keys: Keys::default(),
            keep: Keep::default(),
            now: Moment::START,
        }
    }

    /// The same, keeping those rows of each session.
    #[must_use]
    pub fn keeping(mut self, keep: Keep) -> Self {
        // One session alone must have room.
        self.most = MAX_WEIGHT.max(keep.rows.saturating_mul(2));
        self.keep = keep;
        self
    }

    /// The same with the secrets of a key log, which may still be learning.
    #[must_use]
    pub fn with_keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    /// Takes the next segment of the capture. One that the capture has before what it answers waits a little for its
    /// turn.
    pub fn push(&mut self, segment: &Segment<'_>) {
        self.now = self.now.max(segment.at);
        let is_nobodys = matches!(self.flows.get(&key(segment)), Some(Owner::None));
        if is_nobodys && !segment.flags.syn {
            return;
        }
        // First those that have waited long enough by now.
        self.go_on();
        if segment.flags.syn {
            while let Some(held) = self.turns.before(segment) {
                self.route(&held.segment());
            }
        }
        if self.turns.is_due(segment) {
            self.route(segment);
        }
        self.go_on();
    }

    /// Those whose turn it is by now.
    fn go_on(&mut self) {
        while let Some(held) = self.turns.next(self.now) {
            self.route(&held.segment());
        }
    }

    /// Takes a segment whose turn it is.
    fn route(&mut self, segment: &Segment<'_>) {
        let key = key(segment);
        match self.flows.get_mut(&key) {
            Some(Owner::None) if !segment.flags.syn => {}
            _ if self.copies.is_copy(segment) => {}
            None => self.unknown(key, segment),
            Some(Owner::None) => {
                self.flows.remove(&key);
                self.unknown(key, segment);
            }
            Some(Owner::One(id)) => {
                let id = *id;
                // The same ends may be used again, by another session.
                let is_spent = segment.flags.syn
                    && self
                        .open
                        .get(&id)
                        .is_some_and(|open| open.session.packets.is_spent(segment));
                if is_spent || !self.give(id, segment) {
                    self.flows.remove(&key);
                    self.unknown(key, segment);
                }
            }
            Some(Owner::Two(a, b)) => {
                let (a, b) = (*a, *b);
                self.give(a, segment);
                self.give(b, segment);
            }
            Some(Owner::Guessed(id, probe)) => {
                let (id, thought) = (*id, probe.think_again(segment));
                self.think_again(key, id, thought, segment);
            }
            Some(Owner::Unknown(probe)) => {
                let verdict = probe.hear(segment);
                self.judge(key, verdict);
            }
        }
    }

    /// The sessions that are open, in the order in which they began.
    pub fn open(&self) -> impl Iterator<Item = &Session> {
        self.open.values().map(|open| &open.session)
    }

    /// Nothing has come up to this moment, so that what is over by then is known to be.
    pub fn pass(&mut self, now: Moment) {
        self.now = self.now.max(now);
        self.go_on();
    }

    /// The moment of the last segment.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.now
    }

    /// A segment of a connection that nobody has.
    fn unknown(&mut self, key: Key, segment: &Segment<'_>) {
        let begins = segment.flags.syn || segment.length > 0;
        if !begins || self.claim(key, segment, None) {
            return;
        }
        match self.control_ends(segment) {
            Some(ends) => self.begin(key, ends, segment),
            None => {
                let mut probe = Box::<Probe>::default();
                let verdict = probe.hear(segment);
                self.remember(key, Owner::Unknown(probe));
                self.judge(key, verdict);
            }
        }
    }

    /// The ends of a connection to a port that control connections go to.
    fn control_ends(&self, segment: &Segment<'_>) -> Option<Ends> {
        let (from, to) = (segment.from, segment.to);
        let is_control = |end: SocketAddr| self.ports.contains(&end.port());
        match segment.flags {
            Flags { syn: true, ack: false, .. } => {
                is_control(to).then_some(Ends { client: from, server: to })
            }
            Flags { syn: true, ack: true, .. } => {
                is_control(from).then_some(Ends { client: to, server: from })
            }
            _ if is_control(to) => Some(Ends { client: from, server: to }),
            _ if is_control(from) => Some(Ends { client: to, server: from }),
            _ => None,
        }
    }

    /// What a probe has found.
    fn judge(&mut self, key: Key, verdict: Verdict) {
        match verdict {
            Verdict::Wait => {}
            Verdict::Nothing => {
                if let Some(owner) = self.flows.get_mut(&key) {
                    *owner = Owner::None;
                }
            }
            Verdict::Control(ends) => {
                let Some(Owner::Unknown(probe)) = self.flows.remove(&key) else { return };
                let mut segments = probe.segments();
                if let Some(first) = segments.next() {
                    self.begin(key, ends, &first);
                }
                self.give_rest(key, segments);
            }
            Verdict::Data => {
                let Some(Owner::Unknown(probe)) = self.flows.remove(&key) else { return };
                let mut segments = probe.segments();
                let Some(first) = segments.next() else { return };
                if !self.claim(key, &first, Some(&probe)) {
                    self.remember(key, Owner::None);
                    return;
                }
                self.give_rest(key, segments);
            }
        }
    }

    /// Gives what a probe has kept behind the first segment to those whose the connection is.
    fn give_rest<'s>(&mut self, key: Key, rest: impl Iterator<Item = Segment<'s>>) {
        let ids = match self.flows.get(&key) {
            Some(Owner::One(id)) => [Some(*id), None],
            Some(Owner::Two(a, b)) => [Some(*a), Some(*b)],
            Some(Owner::Guessed(..) | Owner::Unknown(_) | Owner::None) | None => return,
        };
        for segment in rest {
            for id in ids.into_iter().flatten() {
                self.give(id, &segment);
            }
        }
    }

    /// A control connection begins.
    fn begin(&mut self, key: Key, ends: Ends, segment: &Segment<'_>) {
        let no = self.next;
        self.next += 1;
        let before = self.visit(ends, no, segment.at);
        let packets = Packets::between(ends).keeping(self.keep).with_keys(self.keys.clone());
        let (partners, until) = (Vec::new(), segment.at);
        let session = Session { no, packets, partners, is_cut: false, before, until };
        let (heard, last) = (segment.at, segment.at);
        let (keys, named) = (vec![key], Vec::new());
        let open = Open { session, heard, last, weight: 0, keys, named, is_asked: true };
        self.open.insert(no, Box::new(open));
        self.weight += WEIGHT;
        let pair = self.pairs.entry(pair(ends.client, ends.server)).or_default();
        if pair.len() >= MAX_NAMERS {
            pair.pop_front();
        }
        pair.push_back(no);
        self.remember(key, Owner::One(no));
        self.give(no, segment);
    }

    /// Gives a segment to a session; says whether it is of it.
    fn give(&mut self, id: u64, segment: &Segment<'_>) -> bool {
        let Some(open) = self.open.get_mut(&id) else { return false };
        let packets = &mut open.session.packets;
        let refusals = packets.refusals();
        let Some(is_control) = packets.take(segment) else { return false };
        let refusals = packets.refusals().saturating_sub(refusals);
        open.last = open.last.max(segment.at);
        let mut news = Vec::new();
        let ends = packets.ends();
        if is_control && segment.length > 0 {
            open.heard = segment.at;
            news = packets.take_news();
            if !open.is_asked {
                news.clear();
            }
            for listener in &news {
                let namers = self.namers.entry(listener.port()).or_default();
                if namers.len() >= MAX_NAMERS {
                    namers.pop_front();
                }
                if !namers.contains(&id) {
                    namers.push_back(id);
                    open.named.push(listener.port());
                }
            }
        }
        let weight = packets.weight();
        self.weight = self.weight.saturating_sub(open.weight) + weight;
        open.weight = weight;
        let is_deaf = is_control && open.is_asked && packets.takes_no_more();
        if let Some(ends) = ends.filter(|_| refusals > 0) {
            self.refused(ends, id, refusals, segment.at);
        }
        for listener in news {
            self.meet(id, listener);
        }
        if is_deaf {
            self.forget_names(id);
        }
        true
    }

    fn own(&mut self, key: Key, id: u64) {
        if let Some(open) = self.open.get_mut(&id) {
            // What a session has been over for long is forgotten with the flows that are nobody's.
            if open.keys.len() < MAX_FLOWS / 64 {
                open.keys.push(key);
            }
        }
    }

    /// Remembers whose a connection is, within bounds: first those go that are nobody's.
    fn remember(&mut self, key: Key, owner: Owner) {
        if self.flows.len() >= MAX_FLOWS && !self.flows.contains_key(&key) {
            self.flows.retain(|_, owner| !matches!(owner, Owner::Unknown(_) | Owner::None));
            if self.flows.len() >= MAX_FLOWS {
                let open = &self.open;
                self.flows.retain(|_, owner| match owner {
                    Owner::One(id) | Owner::Two(id, _) | Owner::Guessed(id, _) => {
                        open.contains_key(id)
                    }
                    Owner::Unknown(_) | Owner::None => false,
                });
            }
            if self.flows.len() >= MAX_FLOWS {
                return;
            }
        }
        self.flows.insert(key, owner);
    }
}

fn key(segment: &Segment<'_>) -> Key {
    ordered(segment.from, segment.to)
}

fn ordered(a: SocketAddr, b: SocketAddr) -> Key {
    if a <= b { Key(a, b) } else { Key(b, a) }
}

fn pair(a: SocketAddr, b: SocketAddr) -> [IpAddr; 2] {
    let (a, b) = (a.ip(), b.ip());
    if a <= b { [a, b] } else { [b, a] }
}
