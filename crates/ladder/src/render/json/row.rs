//! The object of a row. A capture has many times as many of these as of all others, so they are written field by field, and
//! not put together as a map first. Fields stand in the order of their names, as those of the others do.

use super::SCHEMA;
use crate::render::{Sheet, kind, label, provenance, several};
use crate::row::{self, Channel, Ends, Packet};
use crate::scene::Step;
use serde::Serialize;
use std::net::SocketAddr;
use wharf_proto::tap::HalfEnd;
use wharf_proto::{Lang, Moment, Verb};

/// A row.
#[derive(Debug, Serialize)]
pub(super) struct RowLine {
    again: bool,
    at: Option<f64>,
    bytes: Option<u64>,
    client_port: Option<u16>,
    code: Option<u16>,
    data: Option<u32>,
    end: Option<&'static str>,
    ends: Option<[Option<String>; 2]>,
    from: &'static str,
    kind: &'static str,
    label: String,
    lines: Option<Vec<String>>,
    names: Option<SocketAddr>,
    no: Option<u32>,
    of: u64,
    provenance: &'static str,
    schema: u32,
    segments: Option<u32>,
    server_port: Option<u16>,
    session: u64,
    tls: bool,
    to: &'static str,
    verb: Option<&'static str>,
    what: &'static str,
    wire: Option<Wire>,
}

/// What the headers of its packet say.
#[derive(Debug, Serialize)]
struct Wire {
    ack: Option<u32>,
    flags: String,
    frame: Option<u64>,
    hops: u8,
    id: Option<u16>,
    length: u32,
    seq: u32,
    window: u16,
}

impl RowLine {
    /// The row of a step.
    pub(super) fn of(step: &Step, sheet: &Sheet<'_>) -> Self {
        let row = &step.row;
        let two = !sheet.scene.is_joined();
        let (bytes, end) = match row.packet {
            Packet::Data { bytes, end } => (Some(bytes), end.map(ending)),
            _ => (None, None),
        };
        let at = row.at.filter(|_| !sheet.no_times);
        Self {
            again: row.is_again(),
            at: at.map(|at| at.since(Moment::START).as_secs_f64()),
            bytes,
            client_port: row.ports.client.filter(|_| two),
            code: if let Packet::Reply(code) = row.packet { Some(code) } else { None },
            data: if let Channel::Data(no) = row.channel { Some(no) } else { None },
            end,
            ends: step.ends.map(|ends| ends.map(Ends::named)),
            from: sheet.key(step.from),
            kind: "row",
            label: label(row, Lang::En),
            lines: Some(several(row)).filter(|lines| !lines.is_empty()),
            names: row.names,
            no: (row.no > 0).then_some(row.no),
            of: step.session,
            provenance: provenance(row),
            schema: SCHEMA,
            segments: row.wire.map(|wire| wire.segments),
            server_port: row.ports.server.filter(|_| two),
            session: sheet.no(),
            tls: row.tls,
            to: sheet.key(step.to),
            verb: row.verb.map(Verb::name),
            what: kind(row),
            wire: row.wire.map(Wire::of),
        }
    }
}

impl Wire {
    fn of(wire: row::Wire) -> Self {
        let row::Wire { header, flags, seq, ack, length, .. } = wire;
        Self {
            ack: flags.ack.then_some(ack),
            flags: flags.to_string(),
            frame: Some(header.frame).filter(|frame| *frame > 0),
            hops: header.hops,
            id: header.id,
            length,
            seq,
            window: header.window,
        }
    }
}

/// A name for how a half ended.
fn ending(end: HalfEnd) -> &'static str {
    match end {
        HalfEnd::Fin => "fin",
        HalfEnd::Eof => "eof",
        HalfEnd::Reset => "reset",
        HalfEnd::Cut => "cut",
    }
}
