//! A sequence diagram for mermaid, which many wikis and forges draw: one for all sessions, since a text holds one.
//!
//! Commands and what else opens or moves something are solid, replies dashed, data has an open head, what broke off or did
//! not come ends in a cross. Mermaid counts the arrows itself; it is told where the numbers of rows jump. Renderers limit how
//! much they take, so a long text is cut, and says so.

use super::{Sheet, label};
use crate::findings::Finding;
use crate::row::{Channel, Packet, Provenance, Row};
use crate::scene::{Lifeline, Who};
use crate::text;
use std::fmt::Write as _;
use std::net::IpAddr;
use wharf_proto::Lang;

/// Rows drawn at most.
const MAX_ROWS: usize = 300;
/// Participants at most: beyond them nobody sees who is who.
const MAX_PARTICIPANTS: usize = 40;

/// The diagram of a session.
#[must_use]
pub fn render(sheet: &Sheet<'_>) -> String {
    let mut diagram = Diagram::default();
    diagram.add(sheet);
    diagram.finish()
}

/// A diagram of sessions, one below the other.
#[derive(Debug, Default)]
pub struct Diagram {
    participants: Vec<Participant>,
    /// What stands above each session where there are several, and its rows.
    parts: Vec<(String, String)>,
    rows: usize,
    /// Sessions and rows that are not drawn.
    left: (usize, usize),
    /// What `~` means before a label, where it stands before one.
    guessed: Vec<&'static str>,
    lang: Lang,
}

/// A host; clients are one whatever their port, servers are not.
#[derive(Debug)]
struct Participant {
    id: String,
    key: (Who, Option<IpAddr>, Option<u16>),
    /// Its name with all that is known of it, and with what holds for all sessions.
    names: [String; 2],
    /// In how many sessions it is.
    sessions: usize,
}

impl Diagram {
    /// Adds a session.
    pub fn add(&mut self, sheet: &Sheet<'_>) {
        self.lang = sheet.lang;
        let count = sheet.shown().count();
        let full = self.participants.len() + sheet.scene.lifelines.len() > MAX_PARTICIPANTS;
        let room = if full { 0 } else { MAX_ROWS.saturating_sub(self.rows) };
        if room == 0 {
            self.left = (self.left.0 + 1, self.left.1 + count);
            return;
        }
        let names = sheet.names();
        let lifelines = sheet.scene.lifelines.iter().zip(&names);
        let ids: Vec<String> =
            lifelines.map(|(of, name)| self.participant(of, name, sheet)).collect();
        let all = [ids.first(), ids.last()].map(|id| id.map_or("", String::as_str)).join(",");
        let lines = rows(sheet, &ids, &all, room);
        let words = sheet.lang.of("Session", "セッション");
        let head = safe(&format!("{words} {}: {}", sheet.numbers(), names.join(" – ")));
        self.parts.push((format!("    Note over {all}: {head}\n"), lines));
        let drawn = sheet.shown().take(room).map(|step| &step.row);
        for (_, words) in text::explained(drawn, sheet.lang).filter(|(mark, _)| *mark == '~') {
            if !self.guessed.contains(&words) {
                self.guessed.push(words);
            }
        }
        self.rows += count.min(room);
        self.left.1 += count.saturating_sub(room);
    }

    /// The whole text.
    #[must_use]
    pub fn finish(self) -> String {
        let mut out = String::from("sequenceDiagram\n");
        for one in &self.participants {
            let [whole, common] = &one.names;
            let name = if one.sessions > 1 { common } else { whole };
            let _ = writeln!(out, "    participant {} as {}", one.id, safe(name));
        }
        let several = self.parts.len() + self.left.0 > 1;
        for (head, rows) in &self.parts {
            out += if several { head } else { "" };
            out += rows;
        }
        let ends = [self.participants.first(), self.participants.last()];
        if let [Some(first), Some(last)] = ends {
            for words in self.guessed.iter().map(|words| (*words).to_owned()).chain(self.rest()) {
                let _ = writeln!(out, "    Note over {},{}: {}", first.id, last.id, safe(&words));
            }
        }
        out
    }

    /// What there is to say of what is not drawn.
    fn rest(&self) -> Option<String> {
        let (sessions, rows) = self.left;
        let lang = self.lang;
        let (some, more) = match lang {
            Lang::En => {
                (format!("{sessions} more sessions, "), format!("{rows} more rows, not drawn"))
            }
            Lang::Ja => (format!("さらに {sessions} セッション、"), format!("{rows} 行は省略")),
        };
        (rows > 0).then(|| if sessions > 0 { some + &more } else { more })
    }

    /// The id of a host.
    fn participant(&mut self, of: &Lifeline, name: &str, sheet: &Sheet<'_>) -> String {
        let port = of.port.filter(|_| of.who != Who::Client && of.who != Who::Third);
        let key = (of.who, of.ip, port);
        if let Some(known) = self.participants.iter_mut().find(|known| known.key == key) {
            known.sessions += 1;
            return known.id.clone();
        }
        let same = self.participants.iter().filter(|known| known.key.0 == of.who).count();
        let letter = of.who.letter();
        let id = if same == 0 { letter.to_owned() } else { format!("{letter}{}", same + 1) };
        let common = Lifeline { port, role: None, tls: None, ..of.clone() }.title(sheet.lang);
        let names = [name.to_owned(), common];
        self.participants.push(Participant { id: id.clone(), key, names, sessions: 1 });
        id
    }
}

/// The rows of a session, so many at most, between the participants of these ids.
fn rows(sheet: &Sheet<'_>, ids: &[String], all: &str, most: usize) -> String {
    let mut out = String::new();
    let id = |at: usize| ids.get(at).map_or("", String::as_str);
    let lang = sheet.lang;
    // Each finding stands behind the last row that proves it, or, where none is drawn, at the end.
    let mut left: Vec<&Finding> = sheet.scene.findings.iter().collect();
    let said =
        |found: &Finding| note(all, &safe(&format!("{}: {}", found.rule.id, found.cause(lang))));
    // The number that mermaid gives to the next arrow, and whether it shows any.
    let (mut next, mut counts) = (None, false);
    for step in sheet.shown().take(most) {
        let row = &step.row;
        let words = safe(&label(row, lang));
        match arrow(row) {
            None => out += &note(all, &words),
            Some(arrow) => {
                if row.no == 0 && counts {
                    out += "    autonumber off\n";
                    counts = false;
                } else if row.no > 0 && (!counts || next != Some(row.no)) {
                    let _ = writeln!(out, "    autonumber {}", row.no);
                    counts = true;
                }
                next = Some(if row.no > 0 { row.no } else { next.unwrap_or(0) } + 1);
                let guessed = !matches!(row.provenance, Provenance::Seen | Provenance::Absent);
                let (from, to) = (id(step.from), id(step.to));
                let mark = if guessed { "~ " } else { "" };
                let _ = writeln!(out, "    {from}{arrow}{to}: {mark}{words}");
            }
        }
        let is_proven = |found: &&Finding| row.no > 0 && found.rows.last() == Some(&row.no);
        left.retain(|found| {
            let here = is_proven(found);
            if here {
                out += &said(found);
            }
            !here
        });
    }
    out.extend(left.into_iter().map(said));
    out
}

fn note(all: &str, words: &str) -> String {
    format!("    Note over {all}: {words}\n")
}

/// The arrow of a row; none for a remark.
fn arrow(row: &Row) -> Option<&'static str> {
    Some(match (row.packet, row.channel) {
        (Packet::Note(_) | Packet::Omitted(_), _) => return None,
        (Packet::Absent, _) => "--x",
        (Packet::Rst, _) => "-x",
        (Packet::Reply(_), _) => "-->>",
        (_, Channel::Data(_)) => "-)",
        (_, Channel::Control) => "->>",
    })
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
            // Two of them begin a formula.
            '$' => out.push_str("#36;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    // The bare word ends a block, and `wrap:` before the others is an order.
    let begins = |word: &str| out.trim_start().to_ascii_lowercase().starts_with(word);
    if out.trim().eq_ignore_ascii_case("end") {
        return format!("({out})");
    }
    if begins("wrap:") || begins("nowrap:") || begins(":") {
        out.replacen(':', "#58;", 1)
    } else {
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_peer_says_is_an_order_to_the_renderer() {
        assert_eq!(safe("a;b#c<d>%%{init}"), "a#59;b#35;c#lt;d#gt;#37;#37;{init}");
        assert_eq!(safe("END"), "(END)");
        assert_eq!(safe("nowrap: x"), "nowrap#58; x");
        assert_eq!(safe("$$x$$\u{7}\n"), "#36;#36;x#36;#36;  ");
    }
}
