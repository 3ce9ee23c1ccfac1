//! A session as a lesson: each row in words, and below it what it means and where the RFC says so.

use super::{Options, label, number};
use crate::note::note;
use crate::row::{Channel, Row};
use crate::width::{columns, spell_out, wrap};
use std::fmt::Write as _;
use wharf_proto::tap::Party;

/// Columns before the words of a note.
const INDENT: usize = 6;

/// Goes through the rows, those too that acknowledge and nothing else.
///
/// ```
/// use wharf_ladder::{Options, text};
/// assert_eq!(text::lesson(&[], &Options::default()), "");
/// ```
#[must_use]
pub fn lesson(rows: &[Row], options: &Options) -> String {
    let mut out = String::new();
    let lang = options.lang();
    for row in rows {
        let way = match (row.from, options.ascii) {
            (Party::Client, true) => "client -> server",
            (Party::Server, true) => "server -> client",
            (Party::Client, false) => lang.of("client → server", "クライアント → サーバー"),
            (Party::Server, false) => lang.of("server → client", "サーバー → クライアント"),
        };
        let channel = match row.channel {
            Channel::Control => lang.of("control", "制御").to_owned(),
            Channel::Data(no) => format!("{} {no}", lang.of("data", "データ")),
        };
        let head = format!("{}  {way}, {channel}: ", number(row, 3));
        let room = options.width().saturating_sub(columns(&head, options.ambiguous)).max(20);
        let mut words = wrap(&label(row, options), room, options.ambiguous).into_iter();
        let written = writeln!(out, "{head}{}", words.next().unwrap_or_default());
        debug_assert!(written.is_ok(), "writing to a String does not fail");
        let note = note(row, lang).map(|note| spell_out(&note, options.ascii)).unwrap_or_default();
        let note = wrap(&note, options.width().saturating_sub(INDENT), options.ambiguous);
        for line in words.chain(note).filter(|line| !line.is_empty()) {
            let written = writeln!(out, "{:INDENT$}{line}", "");
            debug_assert!(written.is_ok(), "writing to a String does not fail");
        }
    }
    out
}
