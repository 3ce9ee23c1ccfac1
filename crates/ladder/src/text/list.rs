//! The ladder where there is no room for lifelines: a list, `C>` before what the client sends and `S<`
//! before what the server sends; between three hosts, the letters of sender and receiver.

use super::{Options, Shown, label, mark, number, silence};
use crate::scene::Scene;
use crate::width::ellipsize;
use std::fmt::{self, Write as _};

/// The columns of a list, measured once.
pub(super) struct List<'a> {
    options: &'a Options,
    scene: &'a Scene,
    no: usize,
    room: usize,
    ellipsis: &'static str,
}

impl<'a> List<'a> {
    pub(super) fn new(shown: &[Shown<'_>], scene: &'a Scene, options: &'a Options) -> Self {
        let most = shown.iter().map(|shown| shown.row.no).max().unwrap_or(1);
        let no = most.to_string().len().max(3);
        let ellipsis = if options.ascii { "..." } else { "…" };
        let room = options.width().saturating_sub(no + 7 + usize::from(scene.is_joined()));
        Self { options, scene, no, room, ellipsis }
    }

    pub(super) fn row(&self, out: &mut String, shown: &Shown<'_>) -> fmt::Result {
        let Self { options, no, room, ellipsis, .. } = *self;
        let row = shown.row;
        if let Some(length) = shown.silence() {
            let words = ellipsize(&silence(length, options), room, ellipsis, options.ambiguous);
            writeln!(out, "{:indent$}{words}", "", indent = no + 7)?;
        }
        let (from, to) = (self.scene.letter(shown.from), self.scene.letter(shown.to));
        let way = match (row.is_packet(), self.scene.is_joined()) {
            (false, _) => "  ".to_owned(),
            (true, true) => format!("{from}>{to}"),
            (true, false) if shown.is_rightwards() => format!("{from}>"),
            (true, false) => format!("{from}<"),
        };
        let label = ellipsize(&label(row, options), room, ellipsis, options.ambiguous);
        number(out, row, no);
        writeln!(out, " {} {way} {label}", mark(row))?;
        let mut said = shown.beneath(options, room).into_iter();
        said.try_for_each(|said| writeln!(out, "{:no$}       {}", "", said.trim_end()))
    }
}
