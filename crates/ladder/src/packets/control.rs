//! The control connection of a captured session: its segments become commands, replies and what announces
//! data connections.

use super::flow::Flow;
use super::half::{Fresh, Half};
use super::speech::{Said, Speech};
use super::{Pen, State};
use crate::label::{self, ENCRYPTED, bounded, half_ended};
use crate::packet::Segment;
use crate::row::{Channel, Ends, Packet, Row};
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
}

impl Control {
    /// The control connection between these ends, of which this is the first segment.
    pub(super) fn new(ends: Ends, first: &Segment<'_>) -> Self {
        let flow = Flow::new(Channel::Control, ends, &Half::of_bytes(), first);
        Self { flow, speech: Speech::new() }
    }

    /// Whether TLS covers it.
    pub(super) fn is_sealed(&self) -> bool {
        self.speech.is_sealed()
    }

    /// Whether a reply has begun and not ended.
    pub(super) fn is_amid_reply(&self) -> bool {
        self.speech.is_amid_reply()
    }

    /// The next segment.
    pub(super) fn take(&mut self, from: Party, segment: &Segment<'_>, state: &mut State) {
        let row = state.record.next_no();
        self.rows(from, segment, state);
        let (first, _) = self.flow.conn.rows;
        let last = state.record.next_no().saturating_sub(1);
        self.flow.conn.rows = (if first == 0 { row } else { first }, last);
    }

    fn rows(&mut self, from: Party, segment: &Segment<'_>, state: &mut State) {
        let was_ending = self.flow.is_ending();
        let row = state.record.next_no();
        let fresh = self.flow.take(from, segment, row);
        let establishes = self.flow.establishes(from, segment);
        let mut pen = Pen::new(segment, Channel::Control, from, self.flow.ends);
        let ended = |state: &mut State, how| {
            if !was_ending {
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
        if segment.length > 0 {
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
    fn bytes(&mut self, pen: &mut Pen<'_>, fresh: &Fresh, state: &mut State) {
        let was_sealed = self.speech.is_sealed();
        if !was_sealed {
            let text = &mut self.flow.conn.side_mut(pen.from).text;
            fresh.ready.iter().for_each(|run| text.at(&run.bytes));
        }
        let said = self.speech.hear(pen.from, &fresh.ready);
        if was_sealed || self.speech.is_sealed() {
            let tls = self.flow.conn.tls.get_or_insert_default();
            for run in &fresh.ready {
                if run.torn {
                    tls.lose(pen.from);
                }
                tls.take(pen.from, &run.bytes);
            }
        }
        if said.is_empty() {
            let again = fresh.bytes == 0;
            let bytes = u64::from(pen.segment.length);
            let label = Text::from(format!("{bytes} B{}", self.why_unread(pen, fresh)));
            state.record.add(pen.row(Packet::Data { bytes, end: None }, label, again));
        }
        for said in said {
            let row = match said {
                Said::Command { verb, shown, line } => command(pen, state, verb, shown, &line),
                Said::Reply(reply) => self.reply(pen, state, &reply),
                Said::Stray(line) => {
                    let bytes = line.as_bytes().len() as u64;
                    pen.row(Packet::Data { bytes, end: None }, bounded(line), false)
                }
            };
            state.record.add(row);
        }
    }

    /// Why the bytes of a segment complete no line, in words behind their number.
    fn why_unread(&self, pen: &Pen<'_>, fresh: &Fresh) -> &'static str {
        let is_cut = usize::try_from(pen.segment.length) != Ok(pen.segment.payload.len());
        match pen.from {
            _ if self.speech.is_sealed() => ENCRYPTED,
            _ if fresh.bytes == 0 => "",
            _ if fresh.ready.is_empty() => ", ahead of a gap",
            _ if is_cut => ", cut in the capture",
            Party::Client => ", part of a command",
            Party::Server => ", part of a reply",
        }
    }

    fn reply(&mut self, pen: &mut Pen<'_>, state: &mut State, reply: &Reply) -> Row {
        let code = reply.code.value();
        let verb = state.dialogue.answered(code);
        state.summary.answered(code);
        if code >= 200 && verb.is_some_and(Verb::opens_transfer) {
            state.summary.transfer_ended(code < 400);
        }
        if matches!(verb, Some(Verb::Port | Verb::Eprt)) && code >= 200 {
            state.expected.answered(code < 400);
        }
        if (code, verb) == (234, Some(Verb::Auth)) {
            self.speech.seal();
        }
        let names = announced(reply, self.flow.ends.server);
        if let Some(address) = names {
            state.expected.announced(address);
        }
        let row = pen.row(Packet::Reply(code), label::reply(code, &reply.lines), false);
        Row { verb, names, ..row }
    }
}

fn command(
    pen: &mut Pen<'_>,
    state: &mut State,
    verb: Option<Verb>,
    shown: Text,
    line: &[u8],
) -> Row {
    state.dialogue.asked(verb);
    let names = match Command::parse(line) {
        Ok(Command::Port(address)) => Some(SocketAddr::V4(address)),
        Ok(Command::Eprt(Eprt::Address(address))) => Some(address),
        _ => None,
    };
    if let Some(address) = names {
        state.expected.offered(address);
    }
    let row = pen.row(Packet::Command, bounded(shown), false);
    Row { verb, names, ..row }
}

/// Where the server says that it listens. A 229 names a port only: the address is the server's own.
fn announced(reply: &Reply, server: SocketAddr) -> Option<SocketAddr> {
    match reply.code.value() {
        227 => parse_227(reply.text()).ok().map(SocketAddr::V4),
        229 => parse_229(reply.text()).ok().map(|port| SocketAddr::new(server.ip(), port)),
        _ => None,
    }
}
