//! A sequence diagram for mermaid, which many wikis and forges draw.
//!
//! Renderers limit how much they take, so a long session is cut, and says so.

use super::{Sheet, label};
use crate::row::{Packet, Provenance};
use std::fmt::Write as _;

/// Rows drawn at most.
const MAX_ROWS: usize = 300;

/// The diagram of a session.
#[must_use]
pub fn render(sheet: &Sheet<'_>) -> String {
    let mut out = String::from("sequenceDiagram\n");
    let lang = sheet.lang;
    let letter = |at: usize| sheet.scene.letter(at);
    for (at, name) in sheet.names().iter().enumerate() {
        let _ = writeln!(out, "    participant {} as {}", letter(at), safe(name));
    }
    let all = format!("{},{}", letter(0), letter(sheet.scene.lifelines.len().saturating_sub(1)));
    let count = sheet.shown().count();
    for step in sheet.shown().take(MAX_ROWS) {
        let row = &step.row;
        let number = if row.no == 0 { String::new() } else { format!("{} ", row.no) };
        let words = safe(&format!("{number}{}", label(row, lang)));
        let (from, to) = (letter(step.from), letter(step.to));
        let arrow = match (row.packet, row.provenance) {
            (Packet::Note(_) | Packet::Omitted(_), _) => {
                let _ = writeln!(out, "    Note over {all}: {words}");
                continue;
            }
            (Packet::Absent, _) => "--x",
            (_, Provenance::Seen) if super::is_control(row) => "->>",
            (_, Provenance::Seen) => "-)",
            _ => "-->>",
        };
        let _ = writeln!(out, "    {from}{arrow}{to}: {words}");
        let findings = sheet.scene.findings.iter();
        for finding in findings.filter(|finding| finding.rows.last() == Some(&row.no)) {
            let said = safe(&format!("{}: {}", finding.rule.id, finding.cause(lang)));
            let _ = writeln!(out, "    Note over {all}: {said}");
        }
    }
    if let Some(more) = count.checked_sub(MAX_ROWS).filter(|more| *more > 0) {
        let said = lang.of("more rows, not drawn", "行は省略").to_owned();
        let _ = writeln!(out, "    Note over {all}: {more} {said}");
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
