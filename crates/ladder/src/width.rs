//! How many columns a text takes on a terminal, and texts made to fit.
//!
//! Terminals disagree about joined emoji, selectors and invisible characters, and a peer may choose those
//! names on purpose. [`spell_out`] writes whatever cannot be seen, or whose width terminals count
//! differently, as an escape; what is left has one width, which is the sum of its characters. This file
//! does not know what a label means; it does not decode bytes either (`wharf_proto::Text` does).

use std::fmt::Write as _;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Characters which share one place on the screen beyond this number are spelt out.
const MARKS: usize = 5;

/// How wide a terminal draws the characters that Unicode calls ambiguous, `─ │ ▶ …` among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ambiguous {
    /// One column, as nearly everywhere.
    #[default]
    One,
    /// Two columns, as in some settings for Chinese, Japanese and Korean.
    Two,
}

/// The columns that `text` takes.
///
/// ```
/// use wharf_ladder::width::{Ambiguous, columns};
/// assert_eq!(columns("一覧 ok", Ambiguous::One), 7);
/// assert_eq!(columns("▶", Ambiguous::Two), 2);
/// ```
#[must_use]
pub fn columns(text: &str, ambiguous: Ambiguous) -> usize {
    if is_plain(text) {
        return text.len();
    }
    text.chars().map(|c| char_columns(c, ambiguous)).sum()
}

/// Whether each byte is a character of one column, as nearly always.
fn is_plain(text: &str) -> bool {
    are_plain(text.as_bytes())
}

/// Bytes as a text, where each is a character of one column that [`spell_out`] leaves as it is.
pub(crate) fn plain(bytes: &[u8]) -> Option<&str> {
    if are_plain(bytes) { std::str::from_utf8(bytes).ok() } else { None }
}

fn are_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

fn char_columns(c: char, ambiguous: Ambiguous) -> usize {
    match ambiguous {
        Ambiguous::One => c.width(),
        Ambiguous::Two => c.width_cjk(),
    }
    .unwrap_or(0)
}

/// Makes a text certain: control characters, invisible characters and clusters whose width terminals
/// count differently come out as `\u{N}`; with `ascii` everything above ASCII does, `…` as `...`.
///
/// ```
/// use wharf_ladder::width::spell_out;
/// assert_eq!(spell_out("日本\u{200b}\u{7}é", false), "日本\\u{200b}\\u{7}é");
/// assert_eq!(spell_out("é…", true), "\\u{e9}...");
/// ```
#[must_use]
pub fn spell_out(text: &str, ascii: bool) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        if ascii && c == '…' {
            visible.push_str("...");
        } else if c.is_control() || is_invisible(c) || (ascii && !c.is_ascii()) {
            spell(&mut visible, c);
        } else {
            visible.push(c);
        }
    }
    let mut out = String::with_capacity(visible.len());
    for cluster in visible.graphemes(true) {
        let sure = is_certain(cluster);
        for (n, c) in cluster.chars().enumerate() {
            if n >= MARKS || (n > 0 && !sure) {
                spell(&mut out, c);
            } else {
                out.push(c);
            }
        }
    }
    out
}

fn spell(out: &mut String, c: char) {
    let done = write!(out, "\\u{{{:x}}}", u32::from(c));
    debug_assert!(done.is_ok(), "writing to a String does not fail");
}

/// Whether the cluster is as wide as its characters together, in either setting.
fn is_certain(cluster: &str) -> bool {
    cluster.width() == columns(cluster, Ambiguous::One)
        && cluster.width_cjk() == columns(cluster, Ambiguous::Two)
}

/// Whether a character shows nothing by itself or steers what stands around it: the characters that
/// Unicode calls default-ignorable, the line and paragraph separators, annotations and tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Fits `text` into `max` columns: where it is longer, its middle gives way to `ellipsis`, and rather
/// more of the head stays than of the tail.
#[must_use]
pub fn ellipsize(text: &str, max: usize, ellipsis: &str, ambiguous: Ambiguous) -> String {
    if columns(text, ambiguous) <= max {
        return text.to_owned();
    }
    let mark = columns(ellipsis, ambiguous);
    let Some(room) = max.checked_sub(mark) else { return String::new() };
    if is_plain(text) {
        let (head, tail) = (room * 2 / 3, room - room * 2 / 3);
        let end = text.len() - tail;
        return [text.get(..head), Some(ellipsis), text.get(end..)].into_iter().flatten().collect();
    }
    let (head, used) = take(text.graphemes(true), room * 2 / 3, ambiguous);
    let (tail, _) = take(text.graphemes(true).rev(), room - used, ambiguous);
    let end: String = tail.into_iter().rev().collect();
    head.concat() + ellipsis + &end
}

fn take<'a>(
    clusters: impl Iterator<Item = &'a str>,
    room: usize,
    ambiguous: Ambiguous,
) -> (Vec<&'a str>, usize) {
    let mut used = 0;
    let mut taken = Vec::new();
    for cluster in clusters {
        let more = columns(cluster, ambiguous);
        if used + more > room {
            break;
        }
        used += more;
        taken.push(cluster);
    }
    (taken, used)
}

/// `text` with spaces behind it up to `max` columns.
#[must_use]
pub fn pad(text: &str, max: usize, ambiguous: Ambiguous) -> String {
    let spaces = max.saturating_sub(columns(text, ambiguous));
    let mut out = String::with_capacity(text.len() + spaces);
    out.push_str(text);
    out.extend(std::iter::repeat_n(' ', spaces));
    out
}

/// Breaks `text` into lines of at most `max` columns: after spaces and beside wide characters, but not
/// before a closing mark, inside a word in katakana, or between a word and the number behind it. A word
/// longer than a line is cut.
///
/// ```
/// use wharf_ladder::width::{Ambiguous, wrap};
/// assert_eq!(wrap("to be or not", 6, Ambiguous::One), ["to be", "or not"]);
/// assert_eq!(wrap("一覧を送る。", 10, Ambiguous::One), ["一覧を送", "る。"]);
/// ```
#[must_use]
pub fn wrap(text: &str, max: usize, ambiguous: Ambiguous) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in words(text) {
        let whole = columns(word, ambiguous);
        if used + columns(word.trim_end(), ambiguous) > max && !line.trim_end().is_empty() {
            lines.push(line.trim_end().to_owned());
            line.clear();
            used = 0;
        }
        if used + whole <= max {
            line.push_str(word);
            used += whole;
            continue;
        }
        for cluster in word.graphemes(true) {
            let more = columns(cluster, ambiguous);
            if used + more > max && cluster != " " {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push_str(cluster);
            used += more;
        }
    }
    if !line.trim_end().is_empty() || lines.is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// The pieces of a text between which a line may break, each with the space behind it.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut before = None;
    for (at, c) in text.char_indices() {
        let breaks = before.is_some_and(|before| may_break(before, c));
        if breaks {
            words.extend(text.get(start..at));
            start = at;
        }
        before = Some(c);
    }
    words.extend(text.get(start..));
    words
}

/// Whether a line may end between these two.
fn may_break(before: char, c: char) -> bool {
    let wide = |c| char_columns(c, Ambiguous::One) == 2;
    let katakana = |c| matches!(c, '\u{30a0}'..='\u{30ff}');
    match (before, c) {
        (_, ' ') => false,
        (' ', _) => !c.is_ascii_digit(),
        _ if closes(c) || opens(before) || (katakana(before) && katakana(c)) => false,
        _ => wide(before) || wide(c),
    }
}

fn closes(c: char) -> bool {
    matches!(c, '。' | '、' | '）' | '」' | '：' | 'ゃ' | 'ゅ' | 'ょ' | 'っ')
}

fn opens(c: char) -> bool {
    matches!(c, '（' | '「')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_joined_emoji_is_spelt_out_so_that_its_width_is_certain() {
        assert_eq!(spell_out("👩\u{200d}👧", false), "👩\\u{200d}👧");
        assert_eq!(spell_out("👍🏽", false), "👍\\u{1f3fd}");
        assert_eq!(spell_out("❤\u{fe0f}", false), "❤\\u{fe0f}");
    }

    #[test]
    fn a_letter_under_a_heap_of_marks_keeps_four_of_them() {
        let heap = "a".to_owned() + &"\u{301}".repeat(6);
        assert_eq!(spell_out(&heap, false), "a\u{301}\u{301}\u{301}\u{301}\\u{301}\\u{301}");
    }

    #[test]
    fn every_bidirectional_control_is_spelt_out() {
        for c in ['\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}']
        {
            assert_eq!(spell_out(&c.to_string(), false), format!("\\u{{{:x}}}", u32::from(c)));
        }
    }

    #[test]
    fn a_long_text_loses_its_middle_and_a_wide_character_is_not_cut_in_two() {
        let one = Ambiguous::One;
        assert_eq!(ellipsize("RETR a/very/long/name.txt", 16, "…", one), "RETR a/ver…e.txt");
        assert_eq!(ellipsize("日本語の長い名前", 8, "…", one), "日本…前");
        assert_eq!(ellipsize("日本語の長い名前", 8, "…", Ambiguous::Two), "日本…前");
        assert_eq!(ellipsize("abc", 3, "…", one), "abc");
        assert_eq!(ellipsize("abcd", 0, "…", one), "");
    }

    #[test]
    fn a_word_longer_than_the_line_is_cut_and_no_line_begins_with_a_closing_mark() {
        assert_eq!(wrap("abcdefgh ij", 4, Ambiguous::One), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("あい、う（え）", 4, Ambiguous::One), ["あ", "い、", "う", "（え", "）"]);
        assert_eq!(wrap("see RFC 959 3.2", 12, Ambiguous::One), ["see", "RFC 959 3.2"]);
        assert_eq!(wrap("", 4, Ambiguous::One), [""]);
    }

    #[test]
    fn the_glyphs_that_are_called_narrow_in_both_settings_are() {
        for glyph in ["╌", "►", "◄", "⋯"] {
            assert_eq!(columns(glyph, Ambiguous::Two), 1, "{glyph}");
        }
        for glyph in ["─", "═", "│", "▶", "◀", "…"] {
            assert_eq!(columns(glyph, Ambiguous::Two), 2, "{glyph}");
        }
    }
}
