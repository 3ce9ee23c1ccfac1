//! JSON lines: an object a session, an object a row, an object a finding. A transfer between two servers is one object
//! with three lifelines, and its rows and findings have the number of the first of its sessions.
//!
//! Each has `schema`, which counts up when the meaning of a field changes; fields may be added without that.

use super::{Sheet, kind, label, provenance, several};
use crate::row::{Channel, Ends, Packet, Wire};
use crate::scene::{Lifeline, Role, TlsRole};
use serde_json::{Value, json};
use wharf_proto::{Lang, Moment, Verb};

/// The version of the objects.
pub const SCHEMA: u32 = 1;

/// The lines of a session.
#[must_use]
pub fn render(sheet: &Sheet<'_>) -> String {
    let mut out = String::new();
    let mut put = |value: Value| {
        out.push_str(&value.to_string());
        out.push('\n');
    };
    let no = sheet.no();
    let lifelines = &sheet.scene.lifelines;
    let address = |at: usize| lifelines.get(at).and_then(Lifeline::address);
    let two = !sheet.scene.is_joined();
    put(json!({
        "schema": SCHEMA, "kind": "session", "session": no, "sessions": sheet.scene.sessions,
        "client": address(usize::from(!two)),
        "server": address(1).filter(|_| two),
        "server_a": address(0).filter(|_| !two),
        "server_b": address(2),
        "passive": lifelines.iter().find(|of| of.role == Some(Role::Listens)).map(|of| of.who.key()),
        "tls_client": lifelines.iter().find(|of| of.tls == Some(TlsRole::Client)).map(|of| of.who.key()),
        "origin": sheet.origin.map(|origin| origin.as_secs_f64()),
    }));
    for step in sheet.shown() {
        let row = &step.row;
        let code = if let Packet::Reply(code) = row.packet { Some(code) } else { None };
        let (bytes, end) = match row.packet {
            Packet::Data { bytes, end } => {
                (Some(bytes), end.map(|end| format!("{end:?}").to_lowercase()))
            }
            _ => (None, None),
        };
        let data = match row.channel {
            Channel::Control => None,
            Channel::Data(no) => Some(no),
        };
        put(json!({
            "schema": SCHEMA, "kind": "row", "session": no, "of": step.session,
            "no": (row.no > 0).then_some(row.no),
            "at": row.at.filter(|_| !sheet.no_times).map(|at| at.since(Moment::START).as_secs_f64()),
            "from": sheet.key(step.from), "to": sheet.key(step.to), "data": data, "what": kind(row), "code": code,
            "verb": row.verb.map(Verb::name), "label": label(row, Lang::En), "bytes": bytes, "end": end,
            "client_port": row.ports.client.filter(|_| two),
            "server_port": row.ports.server.filter(|_| two),
            "ends": step.ends.map(|ends| ends.map(Ends::named)),
            "names": row.names.map(|address| address.to_string()),
            "again": row.is_again(), "tls": row.tls, "segments": row.wire.map(|wire| wire.segments),
            "lines": Some(several(row)).filter(|lines| !lines.is_empty()), "wire": row.wire.map(wire),
            "provenance": provenance(row),
        }));
    }
    for finding in &sheet.scene.findings {
        put(json!({
            "schema": SCHEMA, "kind": "finding", "session": no, "id": finding.rule.id,
            "severity": finding.severity.words(Lang::En),
            "confidence": finding.confidence.words(Lang::En),
            "side": finding.rule.side.words(Lang::En), "rows": finding.rows,
            "cause": finding.cause(sheet.lang), "advice": finding.advice(sheet.lang),
        }));
    }
    out
}

/// What the headers of a packet say.
fn wire(wire: Wire) -> Value {
    let header = wire.header;
    json!({
        "frame": Some(header.frame).filter(|frame| *frame > 0), "flags": wire.flags.to_string(),
        "seq": wire.seq, "ack": wire.flags.ack.then_some(wire.ack), "length": wire.length,
        "window": header.window, "hops": header.hops, "id": header.id,
    })
}
