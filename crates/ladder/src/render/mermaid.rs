//! A sequence diagram for mermaid, which many wikis and forges draw.
//!
//! Renderers limit how much they take, so a long session is cut, and says so.

use super::{Sheet, label};
use crate::row::{Packet, Provenance};
use std::fmt::Write as _;
use wharf_proto::tap::Party;

/// Rows drawn at most.
const MAX_ROWS: usize = 300;

/// The diagram of a session.
#[must_use]
pub fn render(sheet: &Sheet<'_>) -> String {
    let mut out = String::from("sequenceDiagram\n");
    let [client, server] = sheet.names();
    let lang = sheet.lang;
    let _ = writeln!(out, "    participant C as {}", safe(&client));
    let _ = writeln!(out, "    participant S as {}", safe(&server));
    let count = sheet.shown().count();
    for row in sheet.shown().take(MAX_ROWS) {
        let number = if row.no == 0 { String::new() } else { format!("{} ", row.no) };
        let words = safe(&format!("{number}{}", label(row, lang)));
        let (from, to) = if row.from == Party::Client { ("C", "S") } else { ("S", "C") };
        let arrow = match (row.packet, row.provenance) {
            (Packet::Note(_) | Packet::Omitted(_), _) => {
                let _ = writeln!(out, "    Note over C,S: {words}");
                continue;
            }
            (Packet::Absent, _) => "--x",
            (_, Provenance::Seen) if super::is_control(row) => "->>",
            (_, Provenance::Seen) => "-)",
            _ => "-->>",
        };
        let _ = writeln!(out, "    {from}{arrow}{to}: {words}");
        for finding in sheet.findings.iter().filter(|finding| finding.rows.last() == Some(&row.no))
        {
            let said = safe(&format!("{}: {}", finding.rule.id, finding.cause(lang)));
            let _ = writeln!(out, "    Note over C,S: {said}");
        }
    }
    if let Some(more) = count.checked_sub(MAX_ROWS).filter(|more| *more > 0) {
        let said = lang.of("more rows, not drawn", "行は省略").to_owned();
        let _ = writeln!(out, "    Note over C,S: {more} {said}");
    }
    out
}

/// Words without what the language of the diagrams has a meaning for.
fn safe(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            ';' => out.push_str("#59;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '%' => out.push_str("#37;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    // The bare word ends a block.
    if out.trim().eq_ignore_ascii_case("end") { format!("({out})") } else { out }
}
