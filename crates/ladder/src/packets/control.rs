//! The control connection of a captured session: its segments become commands, replies and what announces
//! data connections.

use super::flow::Flow;
use super::half::{Fresh, Half, Run};
use super::rewritten::{Named, Otherwise};
use super::speech::{Said, Speech, is_said};
use super::{Pen, State};
use crate::dialogue::names_listener;
use crate::label::{self, CUT, bounded, half_ended};
use crate::more::More;
use crate::packet::Segment;
use crate::row::{Channel, Ends, Packet, Remark, Row};
use crate::tls::{Heard, Keys, Tls};
use std::mem;
use std::net::SocketAddr;
use wharf_proto::address::{Eprt, parse_227, parse_229};
use wharf_proto::reply::Reply;
use wharf_proto::tap::{HalfEnd, Party};
use wharf_proto::{Command, Text, Verb};

/// The control connection.
#[derive(Debug)]
pub(super) struct Control {
    pub(super) flow: Flow,
    speech: Speech,
    cover: Cover,
    named: Named,
    /// The rows in which the last reply of several lines began and, so far, ended.
    reply: [u32; 2],
    /// Those of the first reply that ended with another code than it began with.
    amiss: Option<[u32; 2]>,
}

/// How far TLS covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cover {
    /// Not.
    Clear,
    /// Records come, and its terms may still be agreed on.
    Begun,
    /// Its terms are agreed on.
    Agreed,
    /// A side has gone back into the clear.
    Ended,
}

impl Control {
    /// The control connection between these ends, of which this is the first segment.
    pub(super) fn new(ends: Ends, first: &Segment<'_>, keys: &Keys) -> Self {
        let flow = Flow::new(Channel::Control, ends, &Half::of_bytes(), first, keys);
        let (speech, named) = (Speech::new(), Named::default());
        Self { flow, speech, cover: Cover::Clear, named, reply: [0; 2], amiss: None }
    }

    /// Whether TLS covers it that cannot be opened.
    pub(super) fn is_sealed(&self) -> bool {
        self.is_covered() && !self.flow.is_opened()
    }

    fn is_covered(&self) -> bool {
        matches!(self.cover, Cover::Begun | Cover::Agreed)
    }

    /// Whether a reply has begun and not ended.
    pub(super) fn is_amid_reply(&self) -> bool {
        !self.is_sealed() && self.speech.is_amid_reply()
    }

    /// How many bytes are held of what is not whole yet.
    pub(super) fn buffered(&self) -> usize {
        self.flow.buffered() + self.speech.buffered()
    }

    /// The rows in which a reply of several lines began and ended with another code, or has not ended.
    pub(super) fn amiss(&self) -> Option<[u32; 2]> {
        self.amiss.or_else(|| self.is_amid_reply().then_some(self.reply))
    }

    /// Its rows have other numbers.
    pub(super) fn renumber(&mut self, number: impl Fn(u32) -> u32) {
        self.flow.conn = self.flow.conn.renumbered(&number);
        self.reply = self.reply.map(&number);
        self.amiss = self.amiss.map(|rows| rows.map(&number));
    }

    /// The next segment.
    pub(super) fn take(&mut self, from: Party, segment: &Segment<'_>, state: &mut State) {
        let row = state.record.next_no();
        self.rows(from, segment, state);
        if self.is_covered() {
            state.summary.is_sealed = self.is_sealed();
        }
        let (first, _) = self.flow.conn.rows;
        let last = state.record.next_no().saturating_sub(1);
        self.flow.conn.rows = (if first == 0 { row } else { first }, last);
    }

    fn rows(&mut self, from: Party, segment: &Segment<'_>, state: &mut State) {
        let otherwise = self.named.otherwise(from, segment).filter(|_| !self.is_covered());
        let rest = otherwise.map(|Otherwise { line, rest }| {
            let pen = Pen::new(segment, Channel::Control, from, self.flow.ends);
            let line = self.speech.hide(&line);
            let label = Text::from([label::REWRITTEN.as_bytes(), line.as_bytes()].concat());
            state.record.add(pen.remark(Remark::Rewritten, bounded(label)));
            rest
        });
        if rest.is_some_and(|rest| rest.length == 0) {
            return;
        }
        let segment = rest.as_ref().unwrap_or(segment);
        let was_ending = self.flow.is_ending();
        let row = state.record.next_no();
        let fresh = self.flow.take(from, segment, row);
        let establishes = self.flow.establishes(from, segment);
        let mut pen = Pen::new(segment, Channel::Control, from, self.flow.ends);
        if let Some(row) = pen.unreachable() {
            return state.record.add(row);
        }
        for gap in self.flow.take_gaps_of_peer() {
            state.record.add(pen.missing(from.other(), gap.bytes));
        }
        for gap in &fresh.gaps {
            state.record.add(pen.missing(from, gap.bytes));
            if from == Party::Server {
                state.dialogue.lost(gap.until);
            }
        }
        let ends = !was_ending && self.flow.is_ending();
        let ended = |state: &mut State, how| {
            if ends {
                state.summary.closed(how);
            }
        };
        if segment.flags.rst {
            let (packet, label) = half_ended(HalfEnd::Reset);
            ended(state, HalfEnd::Reset);
            state.record.add(pen.row(packet, label, false));
            return;
        }
        if let Some(row) = pen.syn(fresh.syn) {
            state.record.add(row);
        }
        if segment.length > 0 && !fresh.is_probe {
            self.bytes(&mut pen, &fresh, state);
        }
        if segment.flags.fin {
            let (packet, label) = half_ended(HalfEnd::Fin);
            ended(state, HalfEnd::Fin);
            state.record.add(pen.row(packet, label, !fresh.fin));
        }
        if pen.made == 0 {
            state.record.add(pen.ack(establishes));
        }
    }

    /// The rows of a segment's bytes: what they complete, or that they complete nothing.
    fn bytes(&mut self, pen: &mut Pen<'_>, fresh: &Fresh<'_>, state: &mut State) {
        let mut heard = Heard::default();
        let before = state.record.next_no();
        let was_amid = self.speech.is_amid_reply();
        for run in &fresh.ready {
            heard.append(self.run(pen, run, state));
        }
        // What is sent again, or waits behind a gap, is no part of it yet.
        let is_new = pen.from == Party::Server && !fresh.ready.is_empty();
        if is_new && self.speech.is_amid_reply() {
            let begins = !was_amid || state.record.next_no() != before;
            let [first, _] = self.reply;
            self.reply = [if begins { before } else { first }, before];
        }
        if state.record.next_no() == before {
            let again = fresh.bytes == 0;
            let bytes = pen.segment.length.into();
            let is_said = is_said(pen.from, pen.segment.payload);
            pen.tls |= fresh.ready.is_empty() && self.is_covered() && !is_said;
            let label = match pen.tls {
                true => label::covered(bytes, &heard.words, self.flow.is_opened()),
                false => Text::from(format!("{bytes} B{}", why_unread(pen, fresh))),
            };
            state.record.add(pen.row(Packet::Data { bytes, end: None }, label, again));
        }
        self.remark(pen, state);
    }

    /// The rows of a run of bytes, and what it came to under TLS.
    fn run(&mut self, pen: &mut Pen<'_>, run: &Run<'_>, state: &mut State) -> Heard {
        let from = pen.from;
        let is_over = |flow: &Flow| flow.conn.tls.as_ref().is_some_and(|tls| tls.is_over(from));
        let is_clear = self.cover == Cover::Clear || is_over(&self.flow);
        // Where a capture begins amid a session, TLS may have begun before.
        let is_tls = Tls::begins(&run.bytes) || (run.torn && Tls::goes_on(&run.bytes));
        if is_clear && (run.torn || self.speech.is_between(from)) && is_tls {
            self.flow.cover();
            self.cover = Cover::Begun;
        }
        if self.cover == Cover::Clear || (self.cover == Cover::Ended && is_over(&self.flow)) {
            let text = &mut self.flow.conn.side_mut(from).text;
            if run.torn {
                text.tear();
            }
            text.at(&run.bytes);
            self.lines(pen, run, state);
            return Heard::default();
        }
        let mut heard = self.flow.uncover(from, run, is_said);
        pen.tls = true;
        let (plain, clear) = (mem::take(&mut heard.plain), mem::take(&mut heard.clear));
        self.lines(pen, &Run { torn: false, bytes: plain.into(), cut: false }, state);
        if !clear.is_empty() {
            pen.tls = false;
            // Who answers a hello in clear does not end what has not begun.
            let tls = self.flow.conn.tls.as_ref();
            let began = tls.is_none_or(|tls| tls.client.is_none() || tls.is_secured());
            if self.is_covered() {
                self.cover = Cover::Ended;
                state.summary.is_sealed &= began;
                let row = began.then(|| pen.remark(Remark::Cleared, label::TLS_ENDS.into()));
                row.into_iter().for_each(|row| state.record.add(row));
            }
            self.lines(pen, &Run { torn: run.torn, bytes: clear.into(), cut: false }, state);
        }
        heard
    }

    /// The rows of what bytes complete.
    fn lines(&mut self, pen: &mut Pen<'_>, run: &Run<'_>, state: &mut State) {
        if run.bytes.is_empty() && !run.torn {
            return;
        }
        for said in self.speech.hear(pen.from, run) {
            let row = match said {
                Said::Command { verb, shown, line } => {
                    if run.cut && line.is_empty() && matches!(verb, Some(Verb::Port | Verb::Eprt)) {
                        state.expected.hidden();
                    }
                    command(pen, state, verb, shown, &line)
                }
                Said::Reply { reply, shown } => self.reply(pen, state, &reply, &shown),
                Said::Amiss { reply, shown } => {
                    self.reply_amiss(state, &reply, &shown);
                    continue;
                }
                Said::Stray(line) => {
                    let bytes = line.as_bytes().len() as u64;
                    let more = More::of_bytes(&[line.as_bytes(), b"\r\n"].concat());
                    let packet = Packet::Data { bytes, end: None };
                    Row { more, ..pen.row(packet, bounded(line), false) }
                }
            };
            state.record.add(row);
        }
    }

    /// A remark that TLS has been agreed on.
    fn remark(&mut self, pen: &Pen<'_>, state: &mut State) {
        let is_secured = self.flow.conn.tls.as_ref().is_some_and(|tls| tls.is_secured());
        if self.cover == Cover::Begun && is_secured {
            self.cover = Cover::Agreed;
            let row = self.flow.conn.terms().map(|label| pen.remark(Remark::Secured, label));
            row.into_iter().for_each(|row| state.record.add(row));
        }
    }

    /// The row of a reply as it may be shown; what it announces is read as it came.
    fn reply(&mut self, pen: &mut Pen<'_>, state: &mut State, reply: &Reply, shown: &Reply) -> Row {
        let (verb, names) = self.answered(state, reply);
        let code = reply.code.value();
        let row = pen.row(Packet::Reply(code), label::reply(code, &shown.lines), false);
        Row { verb, names, more: More::of_reply(&shown.lines), ..row }
    }

    /// A reply of several lines has ended in a row that did not look like it: that is its row.
    fn reply_amiss(&mut self, state: &mut State, reply: &Reply, shown: &Reply) {
        let (verb, names) = self.answered(state, reply);
        let code = reply.code.value();
        self.amiss.get_or_insert(self.reply);
        let [_, last] = self.reply;
        state.record.amend(last, |row| Row {
            packet: Packet::Reply(code),
            label: label::reply(code, &shown.lines),
            verb,
            names,
            more: More::of_reply(&shown.lines),
            ..row
        });
    }

    /// A reply has come: the command that it answers, and the listener that it names.
    fn answered(&mut self, state: &mut State, reply: &Reply) -> (Option<Verb>, Option<SocketAddr>) {
        let code = reply.code.value();
        let verb = state.dialogue.answered(code);
        state.summary.answered(code);
        let is_login = matches!(verb, Some(Verb::User | Verb::Pass | Verb::Acct));
        state.refusals = state.refusals.saturating_add(u32::from(is_login && code == 530));
        if code >= 200 && verb.is_some_and(Verb::opens_transfer) {
            state.summary.transfer_ended(code < 400);
        }
        if matches!(verb, Some(Verb::Port | Verb::Eprt)) && code >= 200 {
            state.expected.answered(code < 400);
        }
        if (code, verb) == (234, Some(Verb::Auth)) {
            self.flow.cover();
            self.cover = Cover::Begun;
        }
        let names = announced(reply, self.flow.ends.server);
        match names {
            Some(address) => state.expected.announced(address),
            None if matches!(code, 227 | 229) => state.expected.hidden(),
            None => {}
        }
        (verb, names)
    }
}

fn command(
    pen: &mut Pen<'_>,
    state: &mut State,
    verb: Option<Verb>,
    shown: Text,
    line: &[u8],
) -> Row {
    state.dialogue.asked(verb, Some(pen.segment.ack));
    let parsed = names_listener(verb).then(|| Command::parse(line));
    let names = match parsed {
        Some(Ok(Command::Port(address))) => Some(SocketAddr::V4(address)),
        Some(Ok(Command::Eprt(Eprt::Address(address)))) => Some(address),
        _ => None,
    };
    if let Some(address) = names {
        state.expected.offered(address);
    }
    let row = pen.row(Packet::Command, bounded(shown), false);
    Row { verb, names, ..row }
}

/// Why the bytes of a segment complete no line, in words behind their number.
fn why_unread(pen: &Pen<'_>, fresh: &Fresh<'_>) -> &'static str {
    match pen.from {
        _ if fresh.bytes == 0 => "",
        _ if fresh.ready.is_empty() => label::AHEAD,
        _ if pen.segment.is_cut() => label::CUT_SHORT,
        // After CCC, from who goes on under TLS.
        _ if fresh.ready.iter().any(|run| Tls::begins_with_data(&run.bytes)) => label::A_RECORD,
        Party::Client => label::PART[0],
        Party::Server => label::PART[1],
    }
}

/// Where the server says that it listens. A 229 names a port only: the address is the server's own.
fn announced(reply: &Reply, server: SocketAddr) -> Option<SocketAddr> {
    // The last of its numbers may not be whole.
    if reply.text().ends_with(CUT.as_bytes()) {
        return None;
    }
    match reply.code.value() {
        227 => parse_227(reply.text()).ok().map(SocketAddr::V4),
        229 => parse_229(reply.text()).ok().map(|port| SocketAddr::new(server.ip(), port)),
        _ => None,
    }
}
