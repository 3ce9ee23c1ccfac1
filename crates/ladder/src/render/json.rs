//! JSON lines: an object a session, an object a row, an object a finding. A transfer between two servers is one object
//! with three lifelines, and its rows and findings have the number of the first of its sessions. A list has an object a session
//! and no rows.
//!
//! Each has `schema`, which counts up when the meaning of a field changes; fields may be added without that.

mod row;

use super::{Sheet, kind, label};
use crate::beside::{Beside, Fate};
use crate::compare::{self, Likeness, Pair};
use crate::row::{Channel, Ends};
use crate::scene::{Lifeline, Role, Scene, Step, TlsRole, Who};
use crate::sessions::Session;
use crate::statistics::{Statistics, Transfer};
use row::RowLine;
use serde::Serialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use wharf_proto::tap::Party;
use wharf_proto::{Lang, Moment, Verb};

/// The version of the objects.
pub const SCHEMA: u32 = 1;

/// The lines of a session.
#[must_use]
pub fn render(sheet: &Sheet<'_>) -> String {
    let mut out = String::new();
    let no = sheet.no();
    let lifelines = &sheet.scene.lifelines;
    let address = |at: usize| lifelines.get(at).and_then(Lifeline::address);
    let two = !sheet.scene.is_joined();
    let session = json!({
        "schema": SCHEMA, "kind": "session", "session": no, "sessions": sheet.scene.sessions,
        "client": address(usize::from(!two)),
        "server": address(1).filter(|_| two),
        "server_a": address(0).filter(|_| !two),
        "server_b": address(2),
        "passive": lifelines.iter().find(|of| of.role == Some(Role::Listens)).map(|of| of.who.key()),
        "tls_client": lifelines.iter().find(|of| of.tls == Some(TlsRole::Client)).map(|of| of.who.key()),
        "origin": sheet.origin.map(|origin| origin.as_secs_f64()),
    });
    put(&mut out, session, sheet.no_times);
    for step in sheet.shown() {
        line(&mut out, &RowLine::of(step, sheet));
    }
    for finding in &sheet.scene.findings {
        let finding = json!({
            "schema": SCHEMA, "kind": "finding", "session": no, "id": finding.rule.id,
            "severity": finding.severity.words(Lang::En),
            "confidence": finding.confidence.words(Lang::En),
            "side": finding.rule.side.words(Lang::En), "rows": finding.rows,
            "cause": finding.cause(sheet.lang), "advice": finding.advice(sheet.lang),
        });
        line(&mut out, &finding);
    }
    out
}

/// Adds an object as a line.
fn line(out: &mut String, value: &impl Serialize) {
    let json = serde_json::to_string(value);
    debug_assert!(json.is_ok(), "names are words, and no number is infinite");
    out.push_str(&json.unwrap_or_default());
    out.push('\n');
}

/// What is a time, or comes of one.
const TIMES: [&str; 15] = [
    "at",
    "origin",
    "round_trip",
    "greeted",
    "logged_in",
    "longest_wait",
    "longest_verb",
    "longest_row",
    "waited",
    "took",
    "rate",
    "shut",
    "delta",
    "server_ahead",
    "one_way",
];

/// Adds an object as a line, without its times where none are wanted.
fn put(out: &mut String, mut value: Value, no_times: bool) {
    if no_times {
        without_times(&mut value);
    }
    line(out, &value);
}

fn without_times(value: &mut Value) {
    let Value::Object(fields) = value else { return };
    for (name, value) in fields {
        if TIMES.contains(&name.as_str()) {
            *value = Value::Null;
        } else {
            without_times(value);
        }
    }
}

/// The line of a session in a list: between whom it was, when it began and how long it took, how it ended, what it came to, and
/// the rules that found something, the worst of which is its verdict. `origin` is what its moments count from, since 1970.
#[must_use]
pub fn listed(session: &Session, origin: Option<Duration>, no_times: bool) -> String {
    let (packets, summary) = (&session.packets, session.packets.summary());
    let named = |end: fn(Ends) -> SocketAddr| packets.ends().map(end).and_then(Ends::named);
    let at = summary.span().map(|(first, _)| first);
    let found = session.findings();
    let worst = found.iter().map(|finding| finding.rule.severity).max();
    let ids: Vec<&str> = found.iter().map(|finding| finding.rule.id).collect();
    // Under TLS that could not be opened nobody knows of replies, and where nothing was seen of data, of bytes.
    let count = |number: u32| (!summary.is_sealed).then_some(number);
    let bytes = |number: u64| (!summary.is_blind).then_some(number);
    let line = json!({
        "schema": SCHEMA, "kind": "listed", "session": session.no, "partners": session.partners,
        "client": named(|ends| ends.client), "server": named(|ends| ends.server),
        "origin": secs(origin), "at": secs(at.map(|at| at.since(Moment::START))),
        "took": secs(at.map(|_| summary.duration())), "ending": summary.ending.words(Lang::En),
        "transfers": count(summary.transfers), "failed": count(summary.failed),
        "to_client": bytes(summary.to_client), "to_server": bytes(summary.to_server),
        "missing": packets.missing(), "sealed": summary.is_sealed, "cut": session.is_cut,
        "verdict": worst.map(|severity| severity.words(Lang::En)), "findings": ids,
    });
    let mut out = String::new();
    put(&mut out, line, no_times);
    out
}

/// The lines of a session's numbers: one of its control connection, one of each data connection. Times are in seconds, rates in
/// bytes a second.
#[must_use]
pub fn statistics(session: &Session, no_times: bool) -> String {
    let Statistics { round_trip, greeted, logged_in, longest, again, transfers } =
        session.statistics();
    let first = json!({
        "schema": SCHEMA, "kind": "statistics", "session": session.no,
        "round_trip": secs(round_trip), "greeted": secs(greeted), "logged_in": secs(logged_in),
        "longest_wait": secs(longest.map(|(wait, ..)| wait)),
        "longest_verb": longest.map(|(_, verb, _)| verb.name()), "longest_row": longest.map(|(.., row)| row),
        "again": again, "missing": session.packets.missing(),
    });
    let mut out = String::new();
    put(&mut out, first, no_times);
    for one in &transfers {
        put(&mut out, transfer(session.no, one), no_times);
    }
    out
}

fn transfer(no: u64, one: &Transfer) -> Value {
    let by = if one.by == Party::Client { Who::Client } else { Who::Server };
    json!({
        "schema": SCHEMA, "kind": "transfer", "session": no, "data": one.conn, "row": one.row,
        "verb": one.verb.map(Verb::name), "by": by.key(), "bytes": one.bytes, "code": one.code,
        "round_trip": secs(one.round_trip), "waited": secs(one.waited), "took": secs(one.took), "rate": one.rate(),
        "segments": one.segments, "again": one.again, "missing": one.missing,
        "window_least": one.window.map(|(least, _)| least), "window_most": one.window.map(|(_, most)| most),
        "shut": one.shut.as_secs_f64(), "tls_resumed": one.resumed,
    })
}

fn secs(time: Option<Duration>) -> Option<f64> {
    time.map(|time| time.as_secs_f64())
}

/// The lines of two sessions that are compared: an object, and one for each step.
#[must_use]
pub fn compared(left: &Scene, right: &Scene, no_times: bool) -> String {
    let pairs = compare::compared(left, right);
    let numbers = |scene: &Scene| scene.sessions.clone();
    let mut out = String::new();
    let first = json!({
        "schema": SCHEMA, "kind": "comparison", "left": numbers(left), "right": numbers(right),
        "parts_at": pairs.iter().position(Pair::is_apart),
    });
    put(&mut out, first, no_times);
    for pair in &pairs {
        let side = |scene: &Scene, at: Option<usize>| {
            let row = &scene.steps.get(at?)?.row;
            let delta = compare::delta(scene, at?).map(|delta| delta.as_secs_f64());
            Some(
                json!({ "no": row.no, "delta": delta, "what": kind(row), "label": label(row, Lang::En) }),
            )
        };
        let likeness = match pair.likeness(left, right) {
            Likeness::Same => "same",
            Likeness::Alike => "alike",
            Likeness::Left => "left",
            Likeness::Right => "right",
        };
        let object = json!({
            "schema": SCHEMA, "kind": "pair", "likeness": likeness,
            "left": side(left, pair.left), "right": side(right, pair.right),
        });
        put(&mut out, object, no_times);
    }
    out
}

/// The lines of a session that was captured at both ends: an object, and one for each packet.
#[must_use]
pub fn beside(beside: &Beside, no_times: bool) -> String {
    let ends = |ends: Ends| json!({ "client": ends.client.to_string(), "server": ends.server.to_string() });
    let translated = beside.translated();
    let translated: Vec<Value> = translated
        .iter()
        .map(|(data, here, there)| json!({ "data": data, "at_client": ends(*here), "at_server": ends(*there) }))
        .collect();
    let mut out = String::new();
    let first = json!({
        "schema": SCHEMA, "kind": "beside",
        "at_client": beside.client.no, "at_server": beside.server.no, "translated": translated,
        "server_ahead": beside.clock.map(|clock| clock.ahead as f64 / 1e9),
        "one_way": secs(beside.clock.map(|clock| clock.one_way)),
    });
    put(&mut out, first, no_times);
    for packet in &beside.lines {
        let [here, there] = beside.steps(packet);
        let Some(row) = here.or(there).map(|step| &step.row) else { continue };
        let side = |step: Option<&Step>| {
            step.map(|step| json!({ "no": step.row.no, "label": label(&step.row, Lang::En) }))
        };
        let fate = match packet.fate {
            Fate::Arrived => "arrived",
            Fate::Rewritten => "rewritten",
            Fate::Lost => "lost",
            Fate::Foreign => "foreign",
            Fate::Unseen => "unseen",
        };
        let from = if row.from == Party::Client { Who::Client } else { Who::Server };
        let data = if let Channel::Data(no) = row.channel { Some(no) } else { None };
        let object = json!({
            "schema": SCHEMA, "kind": "packet", "fate": fate, "from": from.key(), "data": data, "what": kind(row),
            "at": secs(beside.at(packet)), "took": secs(packet.took),
            "at_client": side(here), "at_server": side(there),
        });
        put(&mut out, object, no_times);
    }
    out
}
