//! JSON lines: an object a session, an object a row, an object a finding.
//!
//! Each has `schema`, which counts up when the meaning of a field changes; fields may be added without that.

use super::{Sheet, kind, label, party, provenance};
use crate::row::{Channel, Packet};
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
    put(json!({
        "schema": SCHEMA, "kind": "session", "session": sheet.no,
        "client": sheet.ends.map(|ends| ends.client.to_string()),
        "server": sheet.ends.map(|ends| ends.server.to_string()),
        "origin": sheet.origin.map(|origin| origin.as_secs_f64()),
    }));
    for row in sheet.shown() {
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
            "schema": SCHEMA, "kind": "row", "session": sheet.no,
            "no": (row.no > 0).then_some(row.no),
            "at": row.at.map(|at| at.since(Moment::START).as_secs_f64()),
            "from": party(row.from), "data": data, "what": kind(row), "code": code,
            "verb": row.verb.map(Verb::name), "label": label(row, Lang::En), "bytes": bytes, "end": end,
            "client_port": row.ports.client, "server_port": row.ports.server,
            "names": row.names.map(|address| address.to_string()),
            "again": row.is_again(), "segments": row.wire.map(|wire| wire.segments),
            "provenance": provenance(row),
        }));
    }
    for finding in sheet.findings {
        put(json!({
            "schema": SCHEMA, "kind": "finding", "session": sheet.no, "id": finding.rule.id,
            "severity": finding.severity.words(Lang::En),
            "confidence": finding.confidence.words(Lang::En),
            "side": finding.rule.side.words(Lang::En), "rows": finding.rows,
            "cause": finding.cause(sheet.lang), "advice": finding.advice(sheet.lang),
        }));
    }
    out
}
