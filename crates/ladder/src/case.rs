//! A session as the findings read it: who asked what and what was answered, which listener was named and what
//! came of it, and the connections.
//!
//! It is made of rows and [connections](Conn), whoever has told them, so that a tap and a capture of the same
//! session are read alike. It judges nothing.

use crate::conn::Conn;
use crate::dialogue::Waiting;
use crate::label::CUT;
use crate::more::More;
use crate::row::{Channel, Ends, Packet, Remark, Row};
use crate::sessions::Before;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use wharf_proto::tap::{Party, Timer};
use wharf_proto::{Moment, Verb};

/// Where it was looked from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vantage {
    /// At this end: its tap, or a capture that the times of the handshake place there.
    At(Party),
    /// Somewhere between, or unknown.
    Between,
}

/// What is known of a session beside its rows and connections.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Whether packets were seen, not only what an end told.
    pub captured: bool,
    /// Whether a log told: of the words on the control connection, and nothing of data connections that could be judged.
    pub logged: bool,
    /// The end that told, where one did.
    pub teller: Option<Party>,
    /// Bytes that the capture missed.
    pub missing: u64,
    /// The last moment of which anything is known: the end of the capture.
    pub end: Moment,
    /// Whether a reply has begun and not ended.
    pub is_amid_reply: bool,
    /// The rows in which a reply of several lines began and ended with another code, or has not ended.
    pub amiss: Option<[u32; 2]>,
    /// What came to the server before.
    pub before: Before,
    /// Whether another session shares a data connection with this one, or was meant to.
    pub has_partner: bool,
}

/// A session to be judged.
#[derive(Debug)]
pub struct Case<'a> {
    pub(crate) rows: &'a [Row],
    pub(crate) ends: Option<Ends>,
    pub(crate) control: Option<&'a Conn>,
    pub(crate) data: Vec<&'a Conn>,
    pub(crate) exchanges: Vec<Exchange<'a>>,
    pub(crate) setups: Vec<Setup<'a>>,
    /// The transfers, by the number of the row of their command, and which exchange each is.
    transfers: Vec<(u32, usize)>,
    pub(crate) setting: Setting,
    pub(crate) vantage: Vantage,
}

/// A command and what was answered; the greeting has no command.
#[derive(Clone, Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) verb: Option<Verb>,
    pub(crate) command: Option<&'a Row>,
    pub(crate) replies: Vec<&'a Row>,
}

/// A listener that was asked for or named, and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Setup<'a> {
    /// The exchange of PORT, PASV and the like.
    pub(crate) asked: usize,
    pub(crate) listener: Party,
    pub(crate) address: Option<SocketAddr>,
    /// Whether it was granted.
    pub(crate) granted: bool,
    /// The connections that came to it.
    pub(crate) conns: Vec<&'a Conn>,
    /// The exchange of the transfer that it was for.
    pub(crate) transfer: Option<usize>,
}

impl<'a> Case<'a> {
    /// Reads a session.
    #[must_use]
    pub fn new(
        rows: &'a [Row],
        conns: Vec<&'a Conn>,
        ends: Option<Ends>,
        setting: Setting,
    ) -> Self {
        let control = conns.iter().copied().find(|conn| conn.channel == Channel::Control);
        let is_data = |conn: &&Conn| conn.channel != Channel::Control && !setting.logged;
        let data: Vec<&Conn> = conns.into_iter().filter(is_data).collect();
        let exchanges = exchanges(rows);
        let setups = setups(&exchanges, &data);
        let asked = exchanges.iter().enumerate().filter(|(_, one)| one.is_transfer());
        let transfers = asked.filter_map(|(at, one)| Some((one.command?.no, at))).collect();
        let vantage = match (setting.teller, control) {
            (Some(teller), _) => Vantage::At(teller),
            (None, Some(control)) => vantage(control),
            (None, None) => Vantage::Between,
        };
        Self { rows, ends, control, data, exchanges, setups, transfers, setting, vantage }
    }

    /// The exchanges of these verbs.
    pub(crate) fn of<const N: usize>(
        &self,
        verbs: [Verb; N],
    ) -> impl Iterator<Item = &Exchange<'a>> {
        self.exchanges.iter().filter(move |one| one.verb.is_some_and(|verb| verbs.contains(&verb)))
    }

    /// The exchanges of transfers.
    pub(crate) fn transfers(&self) -> impl Iterator<Item = &Exchange<'a>> {
        self.transfers.iter().filter_map(|(_, at)| self.exchanges.get(*at))
    }

    /// Every reply.
    pub(crate) fn replies(&self) -> impl Iterator<Item = &'a Row> + '_ {
        self.exchanges.iter().flat_map(|one| one.replies.iter().copied())
    }

    /// The remarks of an end.
    pub(crate) fn remarks(&self, is_it: impl Fn(Remark) -> bool) -> Vec<&'a Row> {
        let rows = self.rows.iter();
        rows.filter(|row| matches!(row.packet, Packet::Note(remark) if is_it(remark))).collect()
    }

    /// The remarks on this timer.
    pub(crate) fn timer(&self, timer: Timer) -> Option<&'a Row> {
        self.remarks(|remark| remark == Remark::TimerRanOut(timer)).first().copied()
    }

    /// Whether the control connection was under TLS when this row came.
    pub(crate) fn is_covered(&self, row: &Row) -> bool {
        let granted = self.of([Verb::Auth]).filter_map(Exchange::granted);
        granted.map(|reply| reply.no).any(|no| no < row.no)
            || self.remarks(|remark| remark == Remark::Secured).iter().any(|note| note.no < row.no)
    }

    /// Whether the control connection has been under TLS at all.
    pub(crate) fn has_tls(&self) -> bool {
        self.control.is_some_and(|control| control.tls.is_some() || control.told.is_some())
            || self.of([Verb::Auth]).any(|one| one.granted().is_some())
    }

    /// Whether what was said went under TLS that could not be opened, so that nobody heard a login.
    pub(crate) fn is_sealed(&self) -> bool {
        self.has_tls() && self.of([Verb::User, Verb::Pass]).next().is_none()
    }

    /// Whether the beginning of the session is known.
    pub(crate) fn has_beginning(&self) -> bool {
        let opened = self.control.is_some_and(|control| control.opener.is_some());
        match (self.setting.captured, self.setting.logged) {
            (true, _) => opened,
            (false, true) => opened || self.of([Verb::User]).next().is_some(),
            (false, false) => true,
        }
    }

    /// The data connections of an exchange: those that serve its verb and were open between it and the next
    /// transfer.
    pub(crate) fn conns_of(&self, exchange: &Exchange<'_>) -> Vec<&'a Conn> {
        let from = exchange.command.map_or(0, |row| row.no);
        let until = self.transfers.get(self.transfers.partition_point(|(no, _)| *no <= from));
        let until = until.map_or(u32::MAX, |(no, _)| *no);
        let overlaps = |conn: &&&Conn| conn.rows.0 < until && conn.rows.1 > from;
        let serves = |conn: &&&Conn| conn.verb.is_none() || conn.verb == exchange.verb;
        self.data.iter().filter(overlaps).filter(serves).copied().collect()
    }

    /// The transfer that a data connection serves.
    pub(crate) fn transfer_of(&self, conn: &Conn) -> Option<&Exchange<'a>> {
        // The last that began before the connection ended; the one before that ended as it began, and so on.
        let (first, last) = conn.rows;
        let begun = self.transfers.partition_point(|(no, _)| *no < last);
        let over = self.transfers.partition_point(|(no, _)| *no <= first).saturating_sub(1);
        let mut open = self.transfers.get(over..begun)?.iter().rev();
        let serves = |one: &&Exchange<'a>| conn.verb.is_none() || conn.verb == one.verb;
        open.find_map(|(_, at)| self.exchanges.get(*at).filter(serves))
    }

    /// A transfer that came through over a connection that was not captured: then none was, and that none was seen proves
    /// nothing.
    pub(crate) fn unseen_transfer(&self) -> Option<&Exchange<'a>> {
        self.unseen(|one| one.granted().is_some())
    }

    /// A transfer whose connection was open, as the server says, and was not captured; whatever came of it.
    pub(crate) fn unseen_connection(&self) -> Option<&Exchange<'a>> {
        // Who says 150 may still have to open one (RFC 959 section 5.4).
        let opened = |row: &Row| matches!(code(row), 426 | 451 | 452 | 551 | 552);
        self.unseen(|one| one.last().is_some_and(|row| code(row) < 400 || opened(row)))
    }

    /// The first transfer that was begun and ended in such a way, where the capture has no data connection at all.
    fn unseen(&self, ended: impl Fn(&Exchange<'_>) -> bool) -> Option<&Exchange<'a>> {
        let unseen = self.setting.captured && self.data.is_empty() && !self.setting.has_partner;
        let is_it = |one: &&Exchange<'_>| one.preliminary().is_some() && ended(one);
        self.transfers().find(is_it).filter(|_| unseen)
    }

    /// The first row behind this one on the control connection that the client sent.
    pub(crate) fn next_command(&self, row: &Row) -> Option<&'a Row> {
        self.rows.iter().find(|next| next.no > row.no && next.packet == Packet::Command)
    }

    /// Whether the capture has cut the end of a line off.
    pub(crate) fn is_cut(&self, row: &Row) -> bool {
        self.setting.missing > 0 && row.label.as_bytes().ends_with(CUT.as_bytes())
    }

    /// How long after a moment anything is known.
    pub(crate) fn known_after(&self, at: Moment) -> Duration {
        self.setting.end.since(at)
    }

    /// The server's address, where it is known.
    pub(crate) fn server(&self) -> Option<IpAddr> {
        self.ends.map(|ends| ends.server.ip()).filter(|ip| !ip.is_unspecified())
    }

    /// The client's address, where it is known.
    pub(crate) fn client(&self) -> Option<IpAddr> {
        self.ends.map(|ends| ends.client.ip()).filter(|ip| !ip.is_unspecified())
    }

    /// Whether the transfer that a setup was for came through: its connection was seen open, or, where none was seen, it
    /// was called complete.
    pub(crate) fn came_through(&self, setup: &Setup<'_>) -> bool {
        let transfer = || setup.transfer.and_then(|at| self.exchanges.get(at));
        match setup.conns.is_empty() {
            true => transfer().is_some_and(|one| one.granted().is_some()),
            false => setup.conns.iter().any(|conn| conn.is_open()),
        }
    }

    /// Whether the control connection has ended.
    pub(crate) fn is_ended(&self) -> bool {
        self.control.is_some_and(|control| control.first_end().is_some())
    }
}

impl<'a> Exchange<'a> {
    /// Its last reply, if that ends it.
    pub(crate) fn last(&self) -> Option<&'a Row> {
        self.replies.last().copied().filter(|row| code(row) >= 200)
    }

    /// Its last reply, if that refuses it.
    pub(crate) fn refused(&self) -> Option<&'a Row> {
        self.last().filter(|row| code(row) >= 400)
    }

    /// Its last reply, if that grants it.
    pub(crate) fn granted(&self) -> Option<&'a Row> {
        self.last().filter(|row| code(row) < 400)
    }

    /// Its preliminary reply.
    pub(crate) fn preliminary(&self) -> Option<&'a Row> {
        self.replies.first().copied().filter(|row| code(row) < 200)
    }

    /// Whether it is one of a transfer.
    fn is_transfer(&self) -> bool {
        self.verb.is_some_and(Verb::opens_transfer)
    }

    /// What stands behind its verb.
    pub(crate) fn argument(&self) -> &'a [u8] {
        let line = self.command.map_or(&b""[..], |row| row.label.as_bytes());
        let space = line.iter().position(|byte| *byte == b' ');
        space.and_then(|at| line.get(at + 1..)).unwrap_or_default()
    }

    /// The rows of the command and of the last reply.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.command.into_iter().chain(self.replies.last().copied()).map(|row| row.no).collect()
    }

    /// When it was asked.
    pub(crate) fn asked(&self) -> Option<Moment> {
        self.command.and_then(|row| row.at)
    }
}

/// The first of these exchanges that was refused in a way.
pub(crate) fn refusal<'a: 'b, 'b>(
    exchanges: impl IntoIterator<Item = &'b Exchange<'a>>,
    is_it: impl Fn(&Row) -> bool,
) -> Option<&'a Row> {
    exchanges.into_iter().find_map(|one| one.refused().filter(|row| is_it(row)))
}

/// The code of a reply; zero for other rows.
pub(crate) fn code(row: &Row) -> u16 {
    if let Packet::Reply(code) = row.packet { code } else { 0 }
}

/// Whether a row's words hold one of these, in any case and in any line.
pub(crate) fn says(row: &Row, words: &[&str]) -> bool {
    holds(row, words, |_, _| true)
}

/// Whether a row's words hold one of these as a word of its own, and not within another, such as a user's name.
pub(crate) fn says_word(row: &Row, words: &[&str]) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    holds(row, words, |before, behind| is_edge(before.last()) && is_edge(behind.first()))
}

/// Whether a row's words hold one of these where what stands before it and behind it fits.
fn holds(row: &Row, words: &[&str], fits: impl Fn(&[u8], &[u8]) -> bool) -> bool {
    let more = row.more.as_deref().map(More::words);
    [Some(row.label.as_bytes()), more].into_iter().flatten().any(|said| {
        let said = said.to_ascii_lowercase();
        let is_at = |at: usize, word: &[u8]| {
            let (before, behind) = said.split_at_checked(at).unwrap_or_default();
            behind.strip_prefix(word).is_some_and(|behind| fits(before, behind))
        };
        words.iter().any(|word| (0..said.len()).any(|at| is_at(at, word.as_bytes())))
    })
}

fn exchanges(rows: &[Row]) -> Vec<Exchange<'_>> {
    let mut out: Vec<Exchange<'_>> = Vec::new();
    let mut waiting: Waiting<usize> = Waiting::default();
    let mut is_torn = false;
    for row in rows.iter().filter(|row| row.channel == Channel::Control) {
        if matches!(row.packet, Packet::Note(Remark::Missing(_))) {
            is_torn |= row.from == Party::Server;
        } else if let Some(wire) = row.wire.filter(|_| is_torn && row.from == Party::Server) {
            waiting.lost(wire.seq);
            is_torn = false;
        }
        match row.packet {
            Packet::Command => {
                waiting.asked(out.len(), row.verb, row.wire.map(|wire| wire.ack));
                let command = Some(row);
                out.push(Exchange { verb: row.verb, command, replies: Vec::new() });
            }
            Packet::Reply(code) => {
                let at = waiting.answered(code, |verb| verb == row.verb);
                match at.and_then(|at| out.get_mut(at)) {
                    Some(one) => one.replies.push(row),
                    None => {
                        let (verb, command) = (None, None);
                        out.push(Exchange { verb, command, replies: vec![row] });
                    }
                }
            }
            _ => {}
        }
    }
    out
}

fn setups<'a>(exchanges: &[Exchange<'a>], data: &[&'a Conn]) -> Vec<Setup<'a>> {
    let mut out: Vec<Setup<'a>> = Vec::new();
    for (at, one) in exchanges.iter().enumerate() {
        let Some(verb) = one.verb else { continue };
        let listener = match verb {
            Verb::Port | Verb::Eprt | Verb::Lprt => Party::Client,
            Verb::Pasv | Verb::Epsv | Verb::Lpsv | Verb::Cpsv => Party::Server,
            _ => {
                if verb.opens_transfer()
                    && let Some(setup) = out.last_mut()
                    && setup.transfer.is_none()
                {
                    setup.transfer = Some(at);
                }
                continue;
            }
        };
        let names = match listener {
            Party::Client => one.command,
            Party::Server => one.last(),
        };
        let address = names.and_then(|row| row.names);
        let granted = one.granted().is_some();
        out.push(Setup {
            asked: at,
            listener,
            address,
            granted,
            conns: Vec::new(),
            transfer: None,
        });
    }
    let begins: Vec<u32> = out.iter().map(|setup| first_row(exchanges, setup)).collect();
    for conn in data {
        let Some(ends) = conn.ends else { continue };
        let listens = |setup: &Setup<'_>| match setup.listener {
            Party::Client => ends.client.port(),
            Party::Server => ends.server.port(),
        };
        let fits = |(setup, begins): &(&mut Setup<'_>, &u32)| {
            setup.address.is_some_and(|address| address.port() == listens(setup))
                && **begins < conn.rows.1
        };
        if let Some((setup, _)) = out.iter_mut().zip(&begins).rfind(fits) {
            setup.conns.push(conn);
        }
    }
    out
}

fn first_row(exchanges: &[Exchange<'_>], setup: &Setup<'_>) -> u32 {
    exchanges.get(setup.asked).and_then(|one| one.command).map_or(0, |row| row.no)
}

/// Where a capture was made, by the times of the handshake: near a side that answers at once.
fn vantage(control: &Conn) -> Vantage {
    let (Some(granted), Some(settled)) = (control.granted, control.settled) else {
        return Vantage::Between;
    };
    let (server, client) = (granted.since(control.begun), settled.since(granted));
    let near = Duration::from_millis(1);
    match (server < near, client < near) {
        (true, false) if client > server * 4 => Vantage::At(Party::Server),
        (false, true) if server > client * 4 => Vantage::At(Party::Client),
        _ => Vantage::Between,
    }
}
