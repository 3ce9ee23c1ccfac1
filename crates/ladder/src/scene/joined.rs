//! Two servers, one client: their sessions as one scene.
//!
//! Each session has all that went over its own control connection, and both have the data connections between the
//! servers, each as if the other server were its client. So a connection that both have is drawn once; the words on it are
//! those of the session whose server sends, which knows whether it retrieves or stores.

use super::{Lifeline, Role, Scene, Step, TlsRole, Who};
use crate::conn::Conn;
use crate::findings::{Finding, with_ghosts};
use crate::row::{Channel, Ends, Packet, Row};
use crate::sessions::Session;
use std::collections::HashMap;
use std::net::SocketAddr;
use wharf_proto::tap::Party;
use wharf_proto::{Moment, Text};

/// The places of the lifelines: the third party stands between the servers.
const A: usize = 0;
const THIRD: usize = 1;
const B: usize = 2;

/// A session that may be joined with others.
#[derive(Debug)]
pub struct Part<'a> {
    /// The number of the session.
    pub no: u64,
    /// Its rows.
    pub rows: &'a [Row],
    /// The ends of its control connection.
    pub ends: Ends,
    /// Its connections.
    pub conns: Vec<&'a Conn>,
    /// What was found in it.
    pub findings: Vec<Finding>,
}

impl<'a> Part<'a> {
    /// A session of a capture whose ends are known.
    #[must_use]
    pub fn of(session: &'a Session) -> Option<Self> {
        let packets = &session.packets;
        Some(Self {
            no: session.no,
            rows: packets.rows(),
            ends: packets.ends()?,
            conns: packets.conns(),
            findings: session.findings(),
        })
    }
}

/// A connection of a part.
type Wire = (usize, Channel);

/// The data connections that two parts have, each as its own.
#[derive(Default)]
struct Twins {
    /// For a connection that is drawn as another part's: that one.
    drawn_as: HashMap<Wire, Wire>,
    /// The other way round.
    of: HashMap<Wire, Wire>,
}

impl Twins {
    fn are(&mut self, second: Wire, first: Wire) {
        self.drawn_as.insert(second, first);
        self.of.insert(first, second);
    }

    /// Whether it goes between the servers.
    fn has(&self, wire: Wire) -> bool {
        self.drawn_as.contains_key(&wire) || self.of.contains_key(&wire)
    }
}

/// Joins the sessions of a transfer between servers; nothing where there are not just two servers.
#[must_use]
pub fn join(parts: &[Part<'_>]) -> Option<Scene> {
    let mut servers: Vec<SocketAddr> = Vec::new();
    for part in parts {
        if !servers.contains(&part.ends.server) {
            servers.push(part.ends.server);
        }
    }
    let [first, second] = servers.as_slice() else { return None };
    let twins = twins(parts);
    let roles = [*first, *second].map(|server| role(parts, &twins, server));
    let (a, b) = match roles {
        [Some(Role::Connects), _] => (1, 0),
        _ => (0, 1),
    };
    let third = parts.first()?.ends.client;
    let of = |who, at: usize| {
        let server = servers.get(at);
        let (ip, port) = (server.map(|end| end.ip()), server.map(|end| end.port()));
        let tls = server.and_then(|server| tls(parts, &twins, *server));
        Lifeline { who, ip, port, role: roles.get(at).copied().flatten(), tls }
    };
    let (who, ip) = (Who::Third, Some(third.ip()));
    let third = Lifeline { who, ip, port: None, role: None, tls: None };
    let lifelines = vec![of(Who::A, a), third, of(Who::B, b)];
    let mut sessions: Vec<u64> = parts.iter().map(|part| part.no).collect();
    sessions.sort_unstable();
    let mut joining =
        Joining { parts, twins, a: *servers.get(a)?, conns: HashMap::new(), data: HashMap::new() };
    let (steps, numbers) = joining.steps();
    let findings = joining.findings(&numbers);
    Some(Scene { sessions, lifelines, steps, findings })
}

/// Which data connections are the same: those of one server's sessions and of the other's between the same ends, in the
/// order in which they came.
fn twins(parts: &[Part<'_>]) -> Twins {
    let mut first: HashMap<(SocketAddr, SocketAddr), Vec<Wire>> = HashMap::new();
    let mut twins = Twins::default();
    for (at, part) in parts.iter().enumerate() {
        for conn in part.conns.iter().filter(|conn| conn.channel != Channel::Control) {
            let Some(Ends { client, server }) = conn.ends else { continue };
            let key = (client.min(server), client.max(server));
            let wire = (at, conn.channel);
            let waiting = first.entry(key).or_default();
            let is_other = |(other, _): &Wire| {
                parts.get(*other).is_some_and(|other| other.ends.server != part.ends.server)
            };
            match waiting.iter().position(is_other) {
                Some(place) => {
                    twins.are(wire, waiting.remove(place));
                }
                None => waiting.push(wire),
            }
        }
    }
    twins
}

/// What a server does in the data connections that it shares; where there are none, what it was asked to do.
fn role(parts: &[Part<'_>], twins: &Twins, server: SocketAddr) -> Option<Role> {
    let mut listens = false;
    let mut connects = false;
    let ours = || parts.iter().enumerate().filter(|(_, part)| part.ends.server == server);
    for (at, part) in ours() {
        for conn in part.conns.iter().filter(|conn| twins.has((at, conn.channel))) {
            listens |= conn.opener == Some(Party::Client);
            connects |= conn.opener == Some(Party::Server);
        }
    }
    if !listens && !connects {
        let named = ours().flat_map(|(_, part)| part.rows).filter(|row| row.names.is_some());
        for row in named {
            listens |= row.from == Party::Server;
            connects |= row.from == Party::Client;
        }
    }
    match (listens, connects) {
        (true, true) => Some(Role::Both),
        (true, false) => Some(Role::Listens),
        (false, true) => Some(Role::Connects),
        (false, false) => None,
    }
}

/// What a server does in the TLS on the data connections that it shares.
fn tls(parts: &[Part<'_>], twins: &Twins, server: SocketAddr) -> Option<TlsRole> {
    let (mut begins, mut answers) = (false, false);
    for (at, part) in parts.iter().enumerate().filter(|(_, part)| part.ends.server == server) {
        for conn in part.conns.iter().filter(|conn| twins.has((at, conn.channel))) {
            let side = conn.tls.as_ref().and_then(|tls| tls.client_side());
            begins |= side == Some(Party::Server);
            answers |= side == Some(Party::Client);
        }
    }
    match (begins, answers) {
        (true, true) => Some(TlsRole::Both),
        (true, false) => Some(TlsRole::Client),
        (false, true) => Some(TlsRole::Server),
        (false, false) => None,
    }
}

/// Under which numbers the rows of the parts are in the scene.
type Numbers = HashMap<(usize, u32), u32>;

struct Joining<'p, 'a> {
    parts: &'p [Part<'a>],
    twins: Twins,
    a: SocketAddr,
    /// The numbers of connections in the scene.
    conns: HashMap<Wire, usize>,
    /// The numbers of data connections among the data connections of the scene.
    data: HashMap<Wire, u32>,
}

impl Joining<'_, '_> {
    /// The steps in the order of time, and the numbers that the rows get.
    fn steps(&mut self) -> (Vec<Step>, Numbers) {
        let mut all: Vec<(Moment, usize, Row)> = Vec::new();
        for (at, part) in self.parts.iter().enumerate() {
            let mut now = Moment::START;
            for row in with_ghosts(part.rows, &part.findings) {
                now = now.max(row.at.unwrap_or(now));
                all.push((now, at, row));
            }
        }
        // Stable: the rows of a part keep their order.
        all.sort_by_key(|(now, ..)| *now);
        let mut steps = Vec::with_capacity(all.len());
        let mut numbers = Numbers::new();
        let mut next = 1u32;
        for (_, at, row) in all {
            if self.twins.drawn_as.contains_key(&(at, row.channel)) {
                continue;
            }
            let no = if row.no == 0 { 0 } else { next };
            if no > 0 {
                numbers.insert((at, row.no), no);
                next = next.saturating_add(row.weight());
            }
            let Some(step) = self.step(at, row, no) else { continue };
            steps.push(step);
        }
        (steps, numbers)
    }

    fn step(&mut self, at: usize, row: Row, no: u32) -> Option<Step> {
        let part = self.parts.get(at)?;
        let wire = (at, row.channel);
        let is_shared = self.twins.of.contains_key(&wire);
        let server = if part.ends.server == self.a { A } else { B };
        let client = if is_shared { A + B - server } else { THIRD };
        let (from, to) = match row.from {
            Party::Client => (client, server),
            Party::Server => (server, client),
        };
        let ends = match row.channel {
            Channel::Control => Some(part.ends),
            Channel::Data(_) => part.conns.iter().find(|conn| conn.channel == row.channel)?.ends,
        };
        let ends = ends.map(|ends| match row.from {
            Party::Client => [ends.client, ends.server],
            Party::Server => [ends.server, ends.client],
        });
        let fresh = self.conns.len();
        let conn = *self.conns.entry(wire).or_insert(fresh);
        let channel = match row.channel {
            Channel::Control => Channel::Control,
            Channel::Data(_) => {
                let next = u32::try_from(self.data.len()).unwrap_or(u32::MAX).saturating_add(1);
                Channel::Data(*self.data.entry(wire).or_insert(next))
            }
        };
        let told =
            if is_shared && row.from == Party::Client { self.twin(wire, &row) } else { None };
        let (verb, label) =
            told.map_or((row.verb, row.label), |twin| (twin.verb, twin.label.clone()));
        let label = self.labelled(at, row.packet, ends, label);
        let row = Row { no, channel, verb, label, ..row };
        Some(Step { row, session: part.no, from, to, conn, ends })
    }

    /// The same packet as the other part has it.
    fn twin(&self, wire: Wire, row: &Row) -> Option<&Row> {
        let twin = self.twins.of.get(&wire)?;
        let same = |other: &&Row| {
            other.channel == twin.1
                && other.at == row.at
                && other.from != row.from
                && std::mem::discriminant(&other.packet) == std::mem::discriminant(&row.packet)
        };
        self.parts.get(twin.0)?.rows.iter().find(same)
    }

    /// With the ports on a SYN, since no lifeline shows them; and with the session, where a server has several.
    fn labelled(
        &self,
        at: usize,
        packet: Packet,
        ends: Option<[SocketAddr; 2]>,
        label: Text,
    ) -> Text {
        let mut words = Vec::new();
        let server = |at: usize| self.parts.get(at).map(|part| part.ends.server);
        if (0..self.parts.len()).any(|other| other != at && server(other) == server(at)) {
            let no = self.parts.get(at).map_or(0, |part| part.no);
            words.extend(format!("#{no} ").into_bytes());
        }
        words.extend_from_slice(label.as_bytes());
        if let (Packet::Syn, Some([from, to])) = (packet, ends) {
            words.extend(format!(" {} > {}", from.port(), to.port()).into_bytes());
        }
        Text::from(words)
    }

    /// What was found in the parts, each once, with the numbers of the scene.
    fn findings(&self, numbers: &Numbers) -> Vec<Finding> {
        let mut out: Vec<Finding> = Vec::new();
        for (at, part) in self.parts.iter().enumerate() {
            for finding in &part.findings {
                let finding = finding.renumbered(|no| self.number(numbers, at, no));
                let is_known = |other: &Finding| {
                    other.rule.id == finding.rule.id && other.rows == finding.rows
                };
                if !out.iter().any(is_known) {
                    out.push(finding);
                }
            }
        }
        out.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        out
    }

    /// The number of a part's row in the scene, under which its twin is drawn where it is not drawn itself.
    fn number(&self, numbers: &Numbers, at: usize, no: u32) -> u32 {
        let own = numbers.get(&(at, no)).copied();
        own.or_else(|| {
            let part = self.parts.get(at)?;
            let row = part.rows.iter().find(|row| row.no == no)?;
            let (of, channel) = *self.twins.drawn_as.get(&(at, row.channel))?;
            let rows = self.parts.get(of)?.rows.iter().filter(|other| other.channel == channel);
            let same = rows.clone().find(|other| other.at == row.at && other.from != row.from);
            let twin = same.or_else(|| rows.clone().next())?;
            numbers.get(&(of, twin.no)).copied()
        })
        .unwrap_or(0)
    }
}
