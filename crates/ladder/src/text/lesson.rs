//! A session as a lesson: each row in words, and below it what it means and where the RFC says so.

use super::{Options, label, number};
use crate::note::{Taught, taught};
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
    for (step, taught) in scene.steps.iter().zip(taught(scene, lang)) {
        let row = &step.row;
        let channel = match row.channel {
            Channel::Control => lang.of("control", "コントロール").to_owned(),
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
        let indented = words.chain(paragraphs(&taught, INDENT, options));
        for line in indented.filter(|line| !line.is_empty()) {
            let written = writeln!(out, "{:INDENT$}{line}", "");
            debug_assert!(written.is_ok(), "writing to a String does not fail");
        }
    }
    out
}

/// What a lesson says of the rows that are shown, without the rows, each beneath its number.
///
/// ```
/// use wharf_ladder::{Options, Scene, text};
/// assert_eq!(text::lesson_notes(&Scene::of(1, &[], None, Vec::new()), &Options::default()), "");
/// ```
#[must_use]
pub fn lesson_notes(scene: &Scene, options: &Options) -> String {
    let mut out = String::new();
    for (step, taught) in scene.steps.iter().zip(taught(scene, options.lang())) {
        let row = &step.row;
        if taught.note.is_empty() || (row.is_bare_ack() && !options.packets) {
            continue;
        }
        for (n, line) in paragraphs(&taught, INDENT, options).enumerate() {
            let mut head = String::new();
            if n == 0 {
                number(&mut head, row, 3);
            }
            let written = writeln!(out, "{head:<INDENT$}{line}");
            debug_assert!(written.is_ok(), "writing to a String does not fail");
        }
    }
    out
}

/// The note and what is said besides, each in lines of its own.
fn paragraphs(taught: &Taught, indent: usize, options: &Options) -> impl Iterator<Item = String> {
    let room = options.width().saturating_sub(indent);
    let lines = |words: &str| wrap(&spell_out(words, options.ascii), room, options.ambiguous);
    let (note, more) = (lines(&taught.note), lines(&taught.more));
    note.into_iter().chain(more.into_iter().filter(|line| !line.is_empty()))
}
