//! The ladder where there is no room for lifelines: a list, `C>` before what the client sends and `S<`
//! before what the server sends; between three hosts, the letters of sender and receiver.

use super::{Options, Shown, label, mark, number, silence};
use crate::scene::Lifeline;
use crate::width::ellipsize;
use std::fmt;

pub(super) fn write(
    out: &mut impl fmt::Write,
    shown: &[Shown<'_>],
    lifelines: &[Lifeline],
    options: &Options,
) -> fmt::Result {
    let no = shown.iter().map(|shown| shown.row.no).max().unwrap_or(1).to_string().len().max(3);
    let ellipsis = if options.ascii { "..." } else { "…" };
    let letter = |at: usize| lifelines.get(at).map_or("", |of| of.who.letter());
    let is_joined = lifelines.len() > 2;
    let room = options.width().saturating_sub(no + 7 + usize::from(is_joined));
    for shown in shown {
        let row = shown.row;
        if let Some(length) = shown.silence() {
            let words = ellipsize(&silence(length, options), room, ellipsis, options.ambiguous);
            writeln!(out, "{:indent$}{words}", "", indent = no + 7)?;
        }
        let (from, to) = (letter(shown.from), letter(shown.to));
        let way = match (row.is_packet(), is_joined) {
            (false, _) => "  ".to_owned(),
            (true, true) => format!("{from}>{to}"),
            (true, false) if shown.is_rightwards() => format!("{from}>"),
            (true, false) => format!("{from}<"),
        };
        let label = ellipsize(&label(row, options), room, ellipsis, options.ambiguous);
        writeln!(out, "{} {} {way} {label}", number(row, no), mark(row))?;
    }
    Ok(())
}
