//! A session as a lesson: each row in words, and below it what it means and where the RFC says so.

use super::{Options, label, number};
use crate::note;
use crate::row::Channel;
use crate::scene::Scene;
use crate::width::{columns, spell_out, wrap};
use std::fmt::Write as _;

/// Columns before the words of a note.
const INDENT: usize = 6;

/// Goes through the rows, those too that acknowledge and nothing else.
///
/// ```
/// use wharf_ladder::{Options, Scene, text};
/// assert_eq!(text::lesson(&Scene::of(1, &[], None, Vec::new()), &Options::default()), "");
/// ```
#[must_use]
pub fn lesson(scene: &Scene, options: &Options) -> String {
    let mut out = String::new();
    let lang = options.lang();
    let arrow = if options.ascii { "->" } else { "→" };
    let name = |at: usize| scene.name(at, lang);
    for step in &scene.steps {
        let row = &step.row;
        let channel = match row.channel {
            Channel::Control => lang.of("control", "制御").to_owned(),
            Channel::Data(no) => format!("{} {no}", lang.of("data", "データ")),
        };
        let (from, to) = (name(step.from), name(step.to));
        let mut head = String::new();
        number(&mut head, row, 3);
        head += &format!("  {from} {arrow} {to}, {channel}: ");
        let room = options.width().saturating_sub(columns(&head, options.ambiguous)).max(20);
        let mut words = wrap(&label(row, options), room, options.ambiguous).into_iter();
        let written = writeln!(out, "{head}{}", words.next().unwrap_or_default());
        debug_assert!(written.is_ok(), "writing to a String does not fail");
        let note = note::of_step(scene, step, lang).unwrap_or_default();
        let note = spell_out(&note, options.ascii);
        let note = wrap(&note, options.width().saturating_sub(INDENT), options.ambiguous);
        for line in words.chain(note).filter(|line| !line.is_empty()) {
            let written = writeln!(out, "{:INDENT$}{line}", "");
            debug_assert!(written.is_ok(), "writing to a String does not fail");
        }
    }
    out
}
