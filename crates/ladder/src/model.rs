//! The session model: tap events in, rows out.
//!
//! What it adds to the events: the packets that an opened connection must have had, which verb a data
//! connection serves, which command a reply answers, and where the listener is that a PORT or a 227 names.
//! What it does not: it judges nothing (a missing reply stays missing) and places no bare ACKs (`acks.rs`
//! does, once the rows around them are known). Its memory is bounded, whatever the session does.

mod logged;

use crate::acks::with_acks;
use crate::case::{Case, Setting};
use crate::conn::Conn;
use crate::dialogue::{Dialogue, names_listener};
use crate::findings::{Finding, findings};
use crate::label::{self, bounded, half_ended};
use crate::more::More;
use crate::packets::{Packets, Telling};
use crate::reference::{Alignment, align};
use crate::row::{Channel, Ends, Packet, Ports, Provenance, Remark, Row};
use crate::sessions::Before;
use crate::summary::Summary;
use crate::text::{self, Options};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use wharf_proto::tap::{Event, HalfEnd, Party, SessionId, TlsFacts, What};
use wharf_proto::{Moment, Text, Verb};

/// Rows kept at most; above it the oldest go, save the session's beginning.
const MAX_ROWS: usize = 4096;
/// Rows of the session's beginning that always stay.
const HEAD: usize = 512;
/// Connections that the findings hear of at most.
const MAX_CONNS: usize = 256;
/// Data connections that may be open before the oldest is forgotten.
const MAX_OPEN: usize = 64;
/// How far back a row is looked for that a later event belongs to.
const LOOK_BACK: usize = 16;

/// One session as rows.
#[derive(Clone, Debug, Default)]
pub struct Ladder {
    session: Option<SessionId>,
    ends: Option<Ends>,
    rows: Vec<Row>,
    last_no: u32,
    dialogue: Dialogue,
    /// A listener, until the command or reply that names it comes.
    planned: Option<(Party, SocketAddr)>,
    open: VecDeque<Open>,
    conns: Vec<Conn>,
    last: Moment,
    teller: Option<Party>,
    /// The connections that are under TLS.
    covered: Vec<Channel>,
    summary: Summary,
    /// The row of a reply that did not end.
    amiss: Option<u32>,
    /// There has been a reply.
    has_replied: bool,
    /// A log told, which knows the words on the control connection, and little besides.
    logged: bool,
    /// It did not say when.
    untimed: bool,
}

/// A data connection that is open, at least by half.
#[derive(Clone, Debug)]
struct Open {
    no: u32,
    ports: Ports,
    verb: Option<Verb>,
    halves: u8,
}

/// What [`Ladder::add`] needs to know of a row.
struct Draft {
    at: Moment,
    channel: Channel,
    from: Party,
    ports: Ports,
    packet: Packet,
    verb: Option<Verb>,
    label: Text,
    provenance: Provenance,
}

impl Ladder {
    /// A session of which nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The session that these events tell, in their order.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut ladder = Self::new();
        for event in events {
            ladder.push(event);
        }
        ladder
    }

    /// Takes the next event. All events are to come from one teller; those of another session than the
    /// first event's are passed over.
    pub fn push(&mut self, event: &Event) {
        if *self.session.get_or_insert(event.session) != event.session {
            return;
        }
        self.summary.count(event);
        let at = event.at;
        self.last = self.last.max(at);
        self.teller.get_or_insert(event.teller);
        match &event.what {
            What::ControlOpened { client, server } => {
                self.control_opened(at, Ends { client: *client, server: *server });
            }
            What::Command { verb, line } => self.command(at, *verb, line),
            What::Reply { code, lines } => self.reply(at, *code, lines),
            What::NoReply { code, lines } => self.no_reply(at, *code, lines),
            What::DataPlanned { listener, address } => self.planned(*listener, *address),
            What::DataOpened { conn, opener, client, server } => {
                self.opened(at, *conn, *opener, Ends { client: *client, server: *server });
            }
            What::DataRefused { why } => {
                let label = format!("{}{why}", label::DATA_REFUSED);
                self.remark(at, event.teller, Remark::DataRefused, Text::from(label));
            }
            What::Secured { conn, facts } => self.secured(at, event.teller, *conn, facts),
            What::NotSecured { conn, why } => {
                let label = Text::from(format!("{}{why}", label::NO_TLS));
                self.remark(at, event.teller, Remark::NotSecured, label);
                self.of_conn(*conn);
            }
            What::ControlCleared => {
                self.remark(at, event.teller, Remark::Cleared, label::TLS_ENDS.into());
                self.covered.retain(|channel| *channel != Channel::Control);
            }
            What::DataEnded { conn, by, bytes, how } => self.ended(at, *conn, *by, *bytes, *how),
            What::TimerRanOut { timer } => {
                let label = Text::from(timer.to_string());
                self.remark(at, event.teller, Remark::TimerRanOut(*timer), label);
            }
            What::ControlClosed { by, how } => {
                let (packet, label) = match how {
                    HalfEnd::Cut => (Packet::Fin, label::FIN_ALONE.into()),
                    how => half_ended(*how),
                };
                self.control_row(at, *by, packet, None, label);
                let row = self.last_no;
                if let Some(conn) = self.conn_mut(None) {
                    conn.side_mut(*by).ended.get_or_insert((*how, at, row));
                    conn.rows.1 = row;
                }
            }
            _ => {}
        }
        self.shed();
    }

    /// The rows without bare ACKs, in order. Their numbers are those of the whole session once
    /// [`Ladder::numbered`] has put the ACKs in; here they only count up.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// All rows under their final numbers: as the reference session where this is one, else with bare
    /// ACKs by the general rule ([`with_acks`]).
    #[must_use]
    pub fn numbered(&self) -> Vec<Row> {
        if self.logged {
            return self.rows.clone();
        }
        match align(&self.rows) {
            Alignment::Same { rows, .. } => rows,
            Alignment::Differs(_) => with_acks(&self.rows),
        }
    }

    /// This session beside the reference session.
    #[must_use]
    pub fn align(&self) -> Alignment {
        align(&self.rows)
    }

    /// What went wrong in the session, as far as its teller can know; with the numbers of
    /// [`Ladder::numbered`].
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let (rows, conns, amiss) = self.finished();
        let setting = Setting {
            captured: false,
            logged: self.logged,
            teller: self.teller,
            missing: 0,
            end: self.last,
            is_amid_reply: false,
            amiss,
            before: Before::default(),
            has_partner: false,
        };
        findings(&Case::new(&rows, conns.iter().collect(), self.ends, setting))
    }

    /// All rows under their final numbers, and with those the connections and a reply that did not end.
    fn finished(&self) -> (Vec<Row>, Vec<Conn>, Option<[u32; 2]>) {
        let rows = self.numbered();
        let numbers: HashMap<u32, u32> = self
            .rows
            .iter()
            .zip(rows.iter().filter(|row| !row.is_bare_ack()))
            .map(|(told, row)| (told.no, row.no))
            .collect();
        let number = |no: u32| numbers.get(&no).copied().unwrap_or(0);
        let conns = self.conns.iter().map(|conn| conn.renumbered(number)).collect();
        (rows, conns, self.amiss.map(|no| [number(no); 2]))
    }

    /// The ends of the control connection, once told.
    #[must_use]
    pub fn ends(&self) -> Option<Ends> {
        self.ends
    }

    /// What the session came to so far.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The ladder as text; see [`text::render`].
    #[must_use]
    pub fn render_text(&self, options: &Options) -> String {
        text::render(&self.numbered(), self.ends, options)
    }

    /// A connection, none being the control connection.
    fn conn_mut(&mut self, no: Option<u32>) -> Option<&mut Conn> {
        let channel = no.map_or(Channel::Control, Channel::Data);
        self.conns.iter_mut().rfind(|conn| conn.channel == channel)
    }

    /// A connection is open: what is known of it.
    fn connected(&mut self, channel: Channel, ends: Ends, opener: Party, at: Moment, row: u32) {
        let mut conn = Conn::new(channel, Some(ends), at);
        conn.opener = Some(opener);
        conn.granted = Some(at);
        conn.rows = (row, self.last_no);
        if self.conns.len() >= MAX_CONNS {
            self.conns.remove(1);
        }
        self.conns.push(conn);
    }

    /// The remark just made is on this connection, none being the control connection.
    fn of_conn(&mut self, conn: Option<u32>) -> Option<&mut Conn> {
        if let (Some(no), Some(row)) = (conn, self.rows.last_mut()) {
            row.channel = Channel::Data(no);
        }
        let last = self.last_no;
        let of = self.conn_mut(conn)?;
        of.rows.1 = last;
        Some(of)
    }

    fn secured(&mut self, at: Moment, teller: Party, conn: Option<u32>, facts: &TlsFacts) {
        let channel = conn.map_or(Channel::Control, Channel::Data);
        let TlsFacts { version, cipher, resumed, .. } = facts;
        let label = label::secured(channel, version, cipher, *resumed);
        self.remark(at, teller, Remark::Secured, label);
        if self.covered.len() >= MAX_OPEN {
            self.covered.retain(|channel| *channel == Channel::Control);
        }
        self.covered.push(channel);
        if let Some(of) = self.of_conn(conn) {
            of.told = Some(Box::new(facts.clone()));
        }
    }

    fn control_opened(&mut self, at: Moment, ends: Ends) {
        self.ends = Some(ends);
        let first = self.last_no.saturating_add(1);
        let steps = [
            (Party::Client, Packet::Syn, "SYN"),
            (Party::Server, Packet::SynAck, "SYN, ACK"),
            (Party::Client, Packet::Established, "ACK"),
        ];
        for (from, packet, label) in steps {
            let provenance = Provenance::Inferred;
            let channel = Channel::Control;
            let label = Text::of(label);
            let ports = ends.into();
            self.add(Draft { at, channel, from, ports, packet, verb: None, label, provenance });
        }
        self.connected(Channel::Control, ends, Party::Client, at, first);
    }

    fn command(&mut self, at: Moment, verb: Option<Verb>, line: &Text) {
        self.dialogue.asked(verb, None);
        self.control_row(at, Party::Client, Packet::Command, verb, line.clone());
        if names_listener(verb) {
            self.name_listener(Party::Client);
        }
        if verb.is_some_and(Verb::opens_transfer) {
            self.serve_early_connection();
        }
    }

    /// In passive mode the client may connect before it sends the command; the connection then serves the
    /// command that comes.
    fn serve_early_connection(&mut self) {
        let Some(conn) = self.open.iter_mut().rfind(|conn| conn.verb.is_none() && conn.halves == 2)
        else {
            return;
        };
        conn.verb = self.dialogue.transfer.take();
        let (no, verb) = (conn.no, conn.verb);
        let channel = Channel::Data(no);
        if let Some(of) = self.conn_mut(Some(no)) {
            of.verb = verb;
        }
        for row in self.rows.iter_mut().rev().take(LOOK_BACK) {
            if row.channel == channel {
                row.verb = verb;
            }
        }
    }

    fn reply(&mut self, at: Moment, code: u16, lines: &[Text]) {
        let verb = self.dialogue.answered(code);
        self.has_replied = true;
        if code >= 200 && verb.is_some_and(Verb::opens_transfer) {
            self.summary.transfer_ended(code < 400);
        }
        self.control_row(at, Party::Server, Packet::Reply(code), verb, label::reply(code, lines));
        if let Some(row) = self.rows.last_mut() {
            row.more = More::of_reply(lines);
        }
        if matches!(code, 227..=229) {
            self.name_listener(Party::Server);
        }
        if self.logged && (code, verb) == (234, Some(Verb::Auth)) {
            self.covered.push(Channel::Control);
        }
    }

    /// What came in place of a reply: a line that is none, or what there was of one that did not end.
    fn no_reply(&mut self, at: Moment, code: Option<u16>, lines: &[Text]) {
        let (label, said) = match code {
            Some(code) => (label::unended(code, lines), unended(code, lines)),
            None => {
                let line = lines.first().cloned().unwrap_or_default();
                let said = [line.as_bytes(), b"\r\n"].concat();
                (line, said)
            }
        };
        let bytes = said.len() as u64;
        self.control_row(at, Party::Server, Packet::Data { bytes, end: None }, None, label);
        if let Some(row) = self.rows.last_mut() {
            row.more = More::of_bytes(&said);
        }
        let (row, is_first) = (self.last_no, !self.has_replied);
        if code.is_some() {
            self.amiss.get_or_insert(row);
        }
        if let Some(conn) = self.conn_mut(None).filter(|_| is_first) {
            let side = &mut conn.server;
            side.bytes = side.bytes.saturating_add(bytes);
            side.keep_first(&said);
        }
    }

    /// Writes the address of a listener to the row that names it, which may come before or after.
    fn planned(&mut self, listener: Party, address: SocketAddr) {
        let is_it = |row: &&mut Row| match listener {
            Party::Client => row.packet == Packet::Command && names_listener(row.verb),
            Party::Server => matches!(row.packet, Packet::Reply(227..=229)),
        };
        let mut recent = self.rows.iter_mut().rev().take(LOOK_BACK);
        match recent.find(is_it).filter(|row| row.names.is_none()) {
            Some(row) => row.names = Some(address),
            None => self.planned = Some((listener, address)),
        }
    }

    fn name_listener(&mut self, listener: Party) {
        if let Some((_, address)) = self.planned.take_if(|(party, _)| *party == listener)
            && let Some(row) = self.rows.last_mut()
        {
            row.names = Some(address);
        }
    }

    fn opened(&mut self, at: Moment, no: u32, opener: Party, ends: Ends) {
        let verb = self.dialogue.transfer.take();
        if self.open.len() >= MAX_OPEN {
            self.open.pop_front();
        }
        let ports = Ports::from(ends);
        self.open.push_back(Open { no, ports, verb, halves: 2 });
        // A 125 says that the connection was open when it was sent, even where the teller (a client that
        // reads the reply before it accepts) noticed it later.
        let before_125 = self.rows.pop_if(|row| {
            row.packet == Packet::Reply(125) && row.verb.is_some() && row.verb == verb
        });
        let at = before_125.as_ref().and_then(|row| row.at).unwrap_or(at);
        if before_125.is_some() {
            self.last_no = self.last_no.saturating_sub(1);
        }
        let channel = Channel::Data(no);
        let provenance = Provenance::Inferred;
        let first = self.last_no.saturating_add(1);
        for (from, packet, label) in
            [(opener, Packet::Syn, "SYN"), (opener.other(), Packet::SynAck, "SYN, ACK")]
        {
            let label = Text::of(label);
            self.add(Draft { at, channel, from, ports, packet, verb, label, provenance });
        }
        self.connected(channel, ends, opener, at, first);
        if let Some(conn) = self.conn_mut(Some(no)) {
            conn.verb = verb;
        }
        if let Some(row) = before_125 {
            self.append(row);
        }
    }

    fn ended(&mut self, at: Moment, no: u32, by: Party, bytes: u64, how: HalfEnd) {
        let conn = self.open.iter_mut().rfind(|conn| conn.no == no);
        let (ports, verb) = conn.map_or_else(Default::default, |conn| {
            conn.halves = conn.halves.saturating_sub(1);
            (conn.ports, conn.verb)
        });
        self.open.retain(|conn| conn.no != no || conn.halves > 0);
        let (packet, label) = match bytes {
            0 => half_ended(how),
            _ => (Packet::Data { bytes, end: Some(how) }, label::data(verb, bytes, Some(how))),
        };
        let channel = Channel::Data(no);
        let provenance = Provenance::Seen;
        self.add(Draft { at, channel, from: by, ports, packet, verb, label, provenance });
        if how != HalfEnd::Eof && !self.open.iter().any(|conn| conn.no == no) {
            self.covered.retain(|of| *of != channel);
        }
        let row = self.last_no;
        let Some(conn) = self.conn_mut(Some(no)) else { return };
        conn.rows.1 = row;
        conn.verb = verb.or(conn.verb);
        let begun = conn.begun;
        let side = conn.side_mut(by);
        side.bytes = side.bytes.saturating_add(bytes);
        side.spoke = (bytes > 0).then_some((begun, at)).or(side.spoke);
        if !matches!(how, HalfEnd::Eof | HalfEnd::Cut) {
            side.ended = Some((how, at, row));
            side.is_reset |= how == HalfEnd::Reset;
        }
    }

    fn remark(&mut self, at: Moment, teller: Party, remark: Remark, label: Text) {
        self.control_row(at, teller, Packet::Note(remark), None, label);
    }

    fn control_row(
        &mut self,
        at: Moment,
        from: Party,
        packet: Packet,
        verb: Option<Verb>,
        label: Text,
    ) {
        let ports = self.ends.map(Ports::from).unwrap_or_default();
        let channel = Channel::Control;
        let provenance = Provenance::Seen;
        self.add(Draft { at, channel, from, ports, packet, verb, label, provenance });
    }

    fn add(&mut self, draft: Draft) {
        let Draft { at, channel, from, ports, packet, verb, label, provenance } = draft;
        let at = (!self.untimed).then_some(at);
        let provenance = if self.logged { logged::provenance(packet) } else { provenance };
        let label = bounded(label);
        let (no, names, more, wire) = (0, None, None, None);
        let is_bytes = matches!(packet, Packet::Command | Packet::Reply(_) | Packet::Data { .. });
        let tls = is_bytes && self.covered.contains(&channel);
        self.append(Row {
            no,
            at,
            channel,
            from,
            ports,
            packet,
            verb,
            names,
            label,
            more,
            provenance,
            tls,
            wire,
        });
    }

    fn append(&mut self, row: Row) {
        self.last_no = self.last_no.saturating_add(1);
        self.rows.push(Row { no: self.last_no, ..row });
    }

    /// Drops old rows of a long session behind its beginning; a row that counts them keeps the numbers of
    /// all that follow.
    fn shed(&mut self) {
        if self.rows.len() <= MAX_ROWS {
            return;
        }
        let cut = MAX_ROWS / 2;
        let Some(keeps) = self.number_of(cut) else { return };
        let Some(first) = self.rows.drain(HEAD..cut).next() else { return };
        let label = Text::of(label::NOT_KEPT);
        let packet = Packet::Omitted(1);
        self.rows.insert(HEAD, Row { packet, label, verb: None, names: None, more: None, ..first });
        let has = self.number_of(HEAD + 1).unwrap_or(keeps);
        if let Some(row) = self.rows.get_mut(HEAD) {
            row.packet = Packet::Omitted(1 + keeps.saturating_sub(has));
        }
    }

    /// The final number of the row at `index`.
    fn number_of(&self, index: usize) -> Option<u32> {
        self.numbered().iter().filter(|row| !row.is_bare_ack()).nth(index).map(|row| row.no)
    }
}

/// The lines of a reply that did not end, as they go over the wire.
fn unended(code: u16, lines: &[Text]) -> Vec<u8> {
    let mut out = format!("{code:03}-").into_bytes();
    for (at, line) in lines.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b" " } else { b"" });
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out
}

impl From<Ladder> for Packets {
    /// The session as one of a capture is kept, so that whatever reads those reads it.
    fn from(ladder: Ladder) -> Self {
        let (rows, conns, amiss) = ladder.finished();
        let Ladder { ends, teller, summary, logged, .. } = ladder;
        Self::told(rows, summary, Telling { ends, conns, teller, logged, amiss })
    }
}
