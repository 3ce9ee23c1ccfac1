//! The ladder where there is no room for lifelines: a list, `C>` before what the client sends and `S<`
//! before what the server sends.

use super::{Options, Shown, label, mark, number, silence};
use crate::width::ellipsize;
use std::fmt;
use wharf_proto::tap::Party;

pub(super) fn write(
    out: &mut impl fmt::Write,
    shown: &[Shown<'_>],
    options: &Options,
) -> fmt::Result {
    let no = shown.iter().map(|shown| shown.row.no).max().unwrap_or(1).to_string().len().max(3);
    let ellipsis = if options.ascii { "..." } else { "…" };
    let room = options.width().saturating_sub(no + 7);
    for shown in shown {
        let row = shown.row;
        if let Some(length) = shown.silence() {
            let words = ellipsize(&silence(length, options), room, ellipsis, options.ambiguous);
            writeln!(out, "{:indent$}{words}", "", indent = no + 7)?;
        }
        let way = match row.from {
            _ if !row.is_packet() => "  ",
            Party::Client => "C>",
            Party::Server => "S<",
        };
        let label = ellipsize(&label(row, options), room, ellipsis, options.ambiguous);
        writeln!(out, "{} {} {way} {label}", number(row, no), mark(row))?;
    }
    Ok(())
}
