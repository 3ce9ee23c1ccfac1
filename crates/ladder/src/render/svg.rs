//! The ladder as SVG: no script, no font but the reader's own, light and dark after the reader's taste.
//!
//! Each row is a group with an id of its own, so that a finding can point at it. Labels are placed by their middle and
//! never by spaces, because no font's columns are relied on. Colour repeats what lines and words say.

use super::{Sheet, escaped, is_control, label, seconds};
use crate::row::{Packet, Provenance, Row};
use std::fmt::Write as _;
use wharf_proto::tap::Party;

/// Rows of a picture at most; what follows goes into another one.
const ROWS: usize = 200;
/// The width of the picture, its lifelines, and the height of a row.
const WIDTH: usize = 860;
const LEFT: usize = 190;
const RIGHT: usize = 780;
const ROW: usize = 26;
const TOP: usize = 56;

/// Colours stand in each rule, since many viewers know no variables; those that know no media queries show it light.
const STYLE: &str = "\
.l{font:13px ui-monospace,'Noto Sans Mono CJK JP','MS Gothic',monospace;background:#fff;color:#595959}\
.l text{fill:#1a1a1a}.l .d{fill:#595959}.l line{stroke:#595959;stroke-width:1}.l .k{fill:#fff}\
.l .cmd{stroke:#0b5cad}.l .ok{stroke:#1e6b2e}.l .no{stroke:#b3261e}.l .dat{stroke:#7a2e8e;stroke-width:3}\
.l .ack{stroke-dasharray:4 2}.l .gst{stroke:#b3261e;stroke-dasharray:1 3;stroke-width:2}.l .inf{stroke-dasharray:6 3}\
.l text.no{fill:#b3261e;stroke:none}.l text.note{fill:#7a5900}\
@media(prefers-color-scheme:dark){.l{background:#16181c;color:#a8a8a8}\
.l text{fill:#f2f2f2}.l .d{fill:#a8a8a8}.l line{stroke:#a8a8a8}.l .k{fill:#16181c}\
.l .cmd{stroke:#7fb8ff}.l .ok{stroke:#7fd694}.l .no,.l .gst{stroke:#ff9a90}.l .dat{stroke:#d9a2ec}\
.l text.no{fill:#ff9a90;stroke:none}.l text.note{fill:#e6c15a}}";

/// The pictures of a session, one below the other.
#[must_use]
pub fn render(sheet: &Sheet<'_>) -> String {
    let rows: Vec<&Row> = sheet.shown().collect();
    let mut out = String::new();
    let parts = rows.chunks(ROWS).count().max(1);
    for (part, rows) in rows.chunks(ROWS).enumerate() {
        picture(&mut out, sheet, rows, part, parts);
    }
    if rows.is_empty() {
        picture(&mut out, sheet, &[], 0, 1);
    }
    out
}

fn picture(out: &mut String, sheet: &Sheet<'_>, rows: &[&Row], part: usize, parts: usize) {
    let height = TOP + rows.len() * ROW + 16;
    let id = format!("s{}p{part}", sheet.no);
    let [client, server] = sheet.names().map(|name| escaped(&name));
    let lang = sheet.lang;
    let title = match lang {
        wharf_proto::Lang::En => format!("FTP session {}, part {} of {parts}", sheet.no, part + 1),
        wharf_proto::Lang::Ja => format!("FTP セッション {}（{} / {parts}）", sheet.no, part + 1),
    };
    let code = lang.of("en", "ja");
    let bottom = height - 10;
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"l\" viewBox=\"0 0 {WIDTH} {height}\" width=\"100%\" role=\"img\" \
         lang=\"{code}\" aria-labelledby=\"{id}t {id}d\"><title id=\"{id}t\">{title}</title>\
         <desc id=\"{id}d\">{client} – {server}</desc><style>{STYLE}</style>\
         <rect class=\"k\" width=\"{WIDTH}\" height=\"{height}\"/>\
         <text x=\"{LEFT}\" y=\"24\" text-anchor=\"middle\">{client}</text>\
         <text x=\"{RIGHT}\" y=\"24\" text-anchor=\"end\">{server}</text>\
         <line x1=\"{LEFT}\" y1=\"34\" x2=\"{LEFT}\" y2=\"{bottom}\"/>\
         <line x1=\"{RIGHT}\" y1=\"34\" x2=\"{RIGHT}\" y2=\"{bottom}\"/>"
    );
    for (n, row) in rows.iter().enumerate() {
        line(out, sheet, row, TOP + n * ROW);
    }
    out.push_str("</svg>\n");
}

fn line(out: &mut String, sheet: &Sheet<'_>, row: &Row, y: usize) {
    let id = if row.no > 0 { format!(" id=\"s{}r{}\"", sheet.no, row.no) } else { String::new() };
    let words = escaped(&label(row, sheet.lang));
    let middle = usize::midpoint(LEFT, RIGHT);
    let no = if row.no > 0 { row.no.to_string() } else { "?".to_owned() };
    let at = row.at.map(seconds).unwrap_or_default();
    let mark = if is_control(row) { "C" } else { "D" };
    let port = |port: Option<u16>| port.map_or_else(String::new, |port| port.to_string());
    let (client, server) = (port(row.ports.client), port(row.ports.server));
    let text = y + 4;
    let _ = write!(
        out,
        "<g{id}><text class=\"d\" x=\"40\" y=\"{text}\" text-anchor=\"end\">{no}</text>\
         <text class=\"d\" x=\"52\" y=\"{text}\">{mark}</text>\
         <text class=\"d\" x=\"134\" y=\"{text}\" text-anchor=\"end\">{at}</text>"
    );
    if !row.is_packet() {
        let _ = writeln!(
            out,
            "<text class=\"note\" x=\"{middle}\" y=\"{text}\" text-anchor=\"middle\">{words}</text></g>"
        );
        return;
    }
    let (from, to) = match row.from {
        Party::Client => (LEFT, RIGHT),
        Party::Server => (RIGHT, LEFT),
    };
    let head = match row.from {
        Party::Client => format!("{},{} {to},{y} {},{}", to - 8, y - 4, to - 8, y + 4),
        Party::Server => format!("{},{} {to},{y} {},{}", to + 8, y - 4, to + 8, y + 4),
    };
    let class = class(row);
    let room = words.chars().count() * 8 + 12;
    let left = middle.saturating_sub(room / 2).max(LEFT + 10);
    let room = room.min(RIGHT - LEFT - 20);
    let _ = writeln!(
        out,
        "<text class=\"d\" x=\"{}\" y=\"{text}\" text-anchor=\"end\">{client}</text>\
         <text class=\"d\" x=\"{}\" y=\"{text}\">{server}</text>\
         <line class=\"{class}\" x1=\"{from}\" y1=\"{y}\" x2=\"{to}\" y2=\"{y}\"/>\
         <polyline points=\"{head}\" fill=\"none\" stroke=\"currentColor\" class=\"{class}\"/>\
         <rect class=\"k\" x=\"{left}\" y=\"{}\" width=\"{room}\" height=\"18\"/>\
         <text x=\"{middle}\" y=\"{text}\" text-anchor=\"middle\">{words}</text></g>",
        LEFT - 8,
        RIGHT + 8,
        y - 9,
    );
}

/// The classes of an arrow.
fn class(row: &Row) -> String {
    let what = match row.packet {
        Packet::Command => "cmd",
        Packet::Reply(code) if code < 400 => "ok",
        Packet::Reply(_) | Packet::Rst => "no",
        Packet::Data { .. } => "dat",
        Packet::Ack | Packet::Established => "ack",
        Packet::Absent => "gst",
        Packet::Syn | Packet::SynAck | Packet::Fin | Packet::Note(_) | Packet::Omitted(_) => "",
    };
    let guessed = matches!(row.provenance, Provenance::Inferred | Provenance::Synthesised);
    if guessed { format!("{what} inf") } else { what.to_owned() }
}
