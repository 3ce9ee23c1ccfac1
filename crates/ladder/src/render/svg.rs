//! The ladder as SVG: no script, no font but the reader's own, light and dark after the reader's taste.
//!
//! Below the last row stands what the marks mean, and what was found, as a picture is often shown alone. Each row is a
//! group with an id of its own, so that a finding can point at it. Labels are placed by their middle and never by spaces,
//! because no font's columns are relied on. Colour repeats what marks, lines and words say: what was sent again has two
//! heads, what was not seen is dashed, what did not come is dotted, and a dotted line breaks the lifelines where time or
//! bytes are left out.

use super::{Line, Sheet, escaped, is_control, label, several};
use crate::row::{Packet, Provenance, Remark, Row};
use crate::scene::Step;
use crate::text;
use crate::width::{Ambiguous, columns, ellipsize, spell_out, wrap};
use std::fmt::Write as _;

/// Lines of a picture at most; what follows goes into another one.
const ROWS: usize = 200;
/// The first lifeline, how far apart two and three of them are, what is right of the last, and the height of a row.
const LEFT: usize = 190;
const TWO: usize = 590;
const THREE: usize = 380;
const BESIDE: usize = 80;
/// The width of a column of the font, about.
const COLUMN: usize = 8;
const ROW: usize = 26;
/// Lines of a reply that are told to those who point at it.
const TITLE: usize = 40;
/// The height of a line below the rows.
const LINE: usize = 18;
const TOP: usize = 56;

/// Colours stand in each rule, since many viewers know no variables; those that know no media queries show it light.
const STYLE: &str = "\
.l{font:13px ui-monospace,'Noto Sans Mono CJK JP','MS Gothic',monospace;background:#fff;color:#595959}\
.l text{fill:#1a1a1a}.l .d{fill:#595959}.l line{stroke:#595959;stroke-width:1}.l .k{fill:#fff}\
.l .two{stroke-width:2}.l .cmd{stroke:#0b5cad}.l .ok{stroke:#1e6b2e}.l .no{stroke:#b3261e}.l .dat{stroke:#7a2e8e;stroke-width:3}\
.l .ack{stroke-dasharray:4 2}.l .gst{stroke:#b3261e;stroke-dasharray:1 3;stroke-width:2}.l .inf{stroke-dasharray:6 3}\
.l .brk{stroke-dasharray:2 4}.l g:target .hit,.l g.on .hit{fill:#8883}.l .hit{fill:none}\
.l text.no{fill:#b3261e;stroke:none}.l text.note{fill:#7a5900}\
@media(prefers-color-scheme:dark){.l{background:#16181c;color:#a8a8a8}\
.l text{fill:#f2f2f2}.l .d{fill:#a8a8a8}.l line{stroke:#a8a8a8}.l .k{fill:#16181c}\
.l .cmd{stroke:#7fb8ff}.l .ok{stroke:#7fd694}.l .no,.l .gst{stroke:#ff9a90}.l .dat{stroke:#d9a2ec}\
.l text.no{fill:#ff9a90;stroke:none}.l text.note{fill:#e6c15a}}";

/// The pictures of a scene in one, with what was found below the last.
#[must_use]
pub fn render(sheet: &Sheet<'_>) -> String {
    let mut album = Album::default();
    album.add(sheet);
    album.finish()
}

/// Pictures one below the other in one, as a file of this form holds one alone.
#[derive(Debug, Default)]
pub struct Album(Vec<Picture>);

impl Album {
    /// Adds the pictures of a scene, with what was found below the last of them.
    pub fn add(&mut self, sheet: &Sheet<'_>) {
        self.0.extend(drawn(sheet, &verdict(sheet), false));
    }

    /// How many bytes they are so far.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iter().map(|picture| picture.svg.len()).sum()
    }

    /// The one that holds them.
    #[must_use]
    pub fn finish(mut self) -> String {
        if self.0.len() == 1 {
            return self.0.remove(0).svg;
        }
        let width = self.0.iter().map(|picture| picture.width).max().unwrap_or(0);
        let height: usize = self.0.iter().map(|picture| picture.height).sum();
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"100%\">\n"
        );
        let mut y = 0;
        for Picture { svg, height, .. } in &self.0 {
            let inner = svg.strip_prefix(OPEN).unwrap_or(svg);
            let _ = write!(out, "{OPEN} y=\"{y}\" height=\"{height}\"{inner}");
            y += height;
        }
        out.push_str("</svg>\n");
        out
    }
}

/// A picture, and how large it is.
#[derive(Debug)]
struct Picture {
    svg: String,
    width: usize,
    height: usize,
}

/// How each begins.
const OPEN: &str = "<svg";

/// The pictures of a scene, one behind the other, without what was found. Each row is a link to the place that is named
/// after it, `#s1t28`.
pub(super) fn linked(sheet: &Sheet<'_>) -> String {
    drawn(sheet, &meaning(sheet), true).into_iter().map(|picture| picture.svg).collect()
}

fn drawn(sheet: &Sheet<'_>, below: &[Words], links: bool) -> Vec<Picture> {
    let lines = sheet.lines();
    if lines.is_empty() {
        return vec![picture(sheet, &[], (0, 1), below, links)];
    }
    let parts = lines.chunks(ROWS).count();
    let part = |(part, lines)| {
        let below = if part + 1 == parts { below } else { &[] };
        picture(sheet, lines, (part, parts), below, links)
    };
    lines.chunks(ROWS).enumerate().map(part).collect()
}

/// A line below the rows, and the class of it.
type Words = (&'static str, String);

/// What the marks mean, and what is folded.
fn meaning(sheet: &Sheet<'_>) -> Vec<Words> {
    sheet.meaning().map(|words| broken(sheet, "d", &words)).unwrap_or_default()
}

/// The same, and what was found.
fn verdict(sheet: &Sheet<'_>) -> Vec<Words> {
    let mut lines = meaning(sheet);
    for finding in &sheet.scene.findings {
        let (cause, advice) = (finding.cause(sheet.lang), finding.advice(sheet.lang));
        let cause = format!("{}: {}", finding.rule.id, spell_out(&cause, false));
        let advice = format!("→ {}", spell_out(&advice, false));
        lines.extend(broken(sheet, "no", &cause));
        lines.extend(broken(sheet, "d", &advice));
    }
    lines
}

/// Words as lines that have room beside the margins.
fn broken(sheet: &Sheet<'_>, class: &'static str, words: &str) -> Vec<Words> {
    let room = (last(sheet) - BESIDE) / COLUMN;
    wrap(words, room, Ambiguous::Two).into_iter().map(|line| (class, line)).collect()
}

/// Where a lifeline stands.
fn place(sheet: &Sheet<'_>, at: usize) -> usize {
    LEFT + at * if sheet.scene.is_joined() { THREE } else { TWO }
}

/// Where the last of them stands.
fn last(sheet: &Sheet<'_>) -> usize {
    place(sheet, sheet.scene.lifelines.len().saturating_sub(1))
}

/// One of several pictures, and what stands below it.
fn picture(
    sheet: &Sheet<'_>,
    lines: &[Line<'_>],
    (part, parts): (usize, usize),
    below: &[Words],
    links: bool,
) -> Picture {
    let mut out = String::new();
    let top = TOP + if sheet.scene.is_joined() { 18 } else { 0 };
    let foot = top + lines.len() * ROW + 16;
    let (width, height) = (last(sheet) + BESIDE, foot + below.len() * LINE);
    let id = format!("s{}p{part}", sheet.no());
    let names = escaped(&sheet.names().join(" – "));
    let (lang, no) = (sheet.lang, sheet.numbers());
    let title = match lang {
        wharf_proto::Lang::En => format!("FTP session {no}, part {} of {parts}", part + 1),
        wharf_proto::Lang::Ja => format!("FTP セッション {no}（{} / {parts}）", part + 1),
    };
    let code = lang.of("en", "ja");
    let _ = writeln!(
        out,
        "{OPEN} xmlns=\"http://www.w3.org/2000/svg\" class=\"l\" viewBox=\"0 0 {width} {height}\" width=\"100%\" role=\"img\" \
         lang=\"{code}\" aria-labelledby=\"{id}t {id}d\"><title id=\"{id}t\">{title}</title>\
         <desc id=\"{id}d\">{names}</desc><style>{STYLE}</style>\
         <rect class=\"k\" width=\"{width}\" height=\"{height}\"/>"
    );
    lifelines(&mut out, sheet, top, foot - 10);
    for (n, line) in lines.iter().enumerate() {
        let y = top + n * ROW;
        match line {
            Line::Silence(length) => {
                broken_off(&mut out, sheet, &text::pause(*length, "⋯", lang), y)
            }
            Line::Step(step) if links && step.row.no > 0 => {
                let _ = write!(out, "<a href=\"#s{}t{}\">", sheet.no(), step.row.no);
                row(&mut out, sheet, step, y);
                out.push_str("</a>\n");
            }
            Line::Step(step) => {
                row(&mut out, sheet, step, y);
                out.push('\n');
            }
        }
    }
    for (n, (class, words)) in below.iter().enumerate() {
        let words = escaped(words);
        let y = foot + n * LINE + 4;
        let _ = writeln!(out, "<text class=\"{class}\" x=\"40\" y=\"{y}\">{words}</text>");
    }
    out.push_str("</svg>\n");
    Picture { svg: out, width, height }
}

/// The lifelines with their names, and below these the parts of servers between which data goes.
fn lifelines(out: &mut String, sheet: &Sheet<'_>, top: usize, bottom: usize) {
    for (at, lifeline) in sheet.scene.lifelines.iter().enumerate() {
        let x = place(sheet, at);
        let is_last = at + 1 == sheet.scene.lifelines.len();
        let (anchor, head) = if is_last { ("end", x + BESIDE - 20) } else { ("middle", x) };
        let (title, from) = (escaped(&lifeline.title(sheet.lang)), top - 22);
        let _ = writeln!(
            out,
            "<text x=\"{head}\" y=\"24\" text-anchor=\"{anchor}\">{title}</text>\
             <line x1=\"{x}\" y1=\"{from}\" x2=\"{x}\" y2=\"{bottom}\"/>"
        );
        if let Some(role) = lifeline.part(sheet.lang) {
            let _ = writeln!(
                out,
                "<text class=\"d\" x=\"{head}\" y=\"42\" text-anchor=\"{anchor}\">{role}</text>"
            );
        }
    }
}

/// A line across all lifelines with words in its middle: something is left out here.
fn broken_off(out: &mut String, sheet: &Sheet<'_>, words: &str, y: usize) {
    let (from, to) = (LEFT, last(sheet));
    let middle = usize::midpoint(from, to);
    let room = columns(words, Ambiguous::Two) * COLUMN + 12;
    let (behind, above, text) = (middle.saturating_sub(room / 2), y - 9, y + 4);
    let words = escaped(words);
    let _ = writeln!(
        out,
        "<line class=\"brk\" x1=\"{from}\" y1=\"{y}\" x2=\"{to}\" y2=\"{y}\"/>\
         <rect class=\"k\" x=\"{behind}\" y=\"{above}\" width=\"{room}\" height=\"18\"/>\
         <text class=\"note\" x=\"{middle}\" y=\"{text}\" text-anchor=\"middle\">{words}</text>"
    );
}

fn row(out: &mut String, sheet: &Sheet<'_>, step: &Step, y: usize) {
    let row = &step.row;
    let id = if row.no > 0 { format!(" id=\"s{}r{}\"", sheet.no(), row.no) } else { String::new() };
    let no = if row.no > 0 { row.no.to_string() } else { "?".to_owned() };
    let (at, mark) = (sheet.time(row), text::mark(row).trim());
    let (text, above, width) = (y + 4, y - 12, last(sheet) + BESIDE);
    let _ = write!(
        out,
        "<g{id}><rect class=\"hit\" y=\"{above}\" width=\"{width}\" height=\"24\"/>\
         <text class=\"d\" x=\"40\" y=\"{text}\" text-anchor=\"end\">{no}</text>\
         <text class=\"d\" x=\"52\" y=\"{text}\">{mark}</text>\
         <text class=\"d\" x=\"134\" y=\"{text}\" text-anchor=\"end\">{at}</text>"
    );
    if is_left_out(row) {
        broken_off(out, sheet, &label(row, sheet.lang), y);
        out.push_str("</g>");
        return;
    }
    if !row.is_packet() {
        let middle = usize::midpoint(LEFT, last(sheet));
        let words = escaped(&label(row, sheet.lang));
        let _ = write!(
            out,
            "<text class=\"note\" x=\"{middle}\" y=\"{text}\" text-anchor=\"middle\">{words}</text></g>"
        );
        return;
    }
    if !sheet.scene.is_joined() {
        let port = |port: Option<u16>| port.map_or_else(String::new, |port| port.to_string());
        let (client, server) = (port(row.ports.client), port(row.ports.server));
        let _ = write!(
            out,
            "<text class=\"d\" x=\"{}\" y=\"{text}\" text-anchor=\"end\">{client}</text>\
             <text class=\"d\" x=\"{}\" y=\"{text}\">{server}</text>",
            LEFT - 8,
            last(sheet) + 8,
        );
    }
    arrow(out, sheet, step, y);
    out.push_str("</g>");
}

/// Whether bytes or rows are left out where it stands.
fn is_left_out(row: &Row) -> bool {
    matches!(row.packet, Packet::Omitted(_) | Packet::Note(Remark::Missing(_)))
}

fn arrow(out: &mut String, sheet: &Sheet<'_>, step: &Step, y: usize) {
    let (from, to) = (place(sheet, step.from), place(sheet, step.to));
    let back = |from: usize, by: usize| if step.is_rightwards() { from - by } else { from + by };
    let head = |tip: usize| {
        let back = back(tip, 8);
        format!("{back},{} {tip},{y} {back},{}", y - 4, y + 4)
    };
    // What was sent again has two heads.
    let heads: Vec<String> = [to, back(to, 7)]
        .into_iter()
        .take(1 + usize::from(step.row.is_again()))
        .map(head)
        .collect();
    let class = class(&step.row);
    let (left, middle) = (from.min(to), usize::midpoint(from, to));
    let most = from.abs_diff(to) - 36;
    // What is cut is told whole to those who point at it.
    let whole = label(&step.row, sheet.lang);
    let words = ellipsize(&whole, most / COLUMN, "…", Ambiguous::One);
    let room = columns(&words, Ambiguous::One) * COLUMN + 12;
    let behind = middle.saturating_sub(room / 2).max(left + 10);
    let title = title(&step.row, whole, &words);
    let words = escaped(&words);
    let (above, text) = (y - 9, y + 4);
    let _ =
        write!(out, "<line class=\"{class}\" x1=\"{from}\" y1=\"{y}\" x2=\"{to}\" y2=\"{y}\"/>");
    for head in heads {
        let _ = write!(
            out,
            "<polyline points=\"{head}\" fill=\"none\" stroke=\"currentColor\" class=\"{class}\"/>"
        );
    }
    let _ = write!(
        out,
        "<rect class=\"k\" x=\"{behind}\" y=\"{above}\" width=\"{room}\" height=\"18\"/>\
         <text x=\"{middle}\" y=\"{text}\" text-anchor=\"middle\">{title}{words}</text>"
    );
}

/// What is told to those who point at a label: all lines of a reply, or what was cut.
fn title(row: &Row, whole: String, words: &str) -> String {
    let mut lines = several(row);
    if lines.is_empty() && words != whole {
        lines.push(whole);
    }
    let left = lines.len().saturating_sub(TITLE);
    lines.truncate(TITLE);
    lines.extend((left > 0).then(|| format!("⋯ +{left}")));
    let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
    if lines.is_empty() { String::new() } else { format!("<title>{}</title>", lines.join("&#10;")) }
}

/// The classes of an arrow.
fn class(row: &Row) -> String {
    let what = match row.packet {
        Packet::Command => "cmd",
        Packet::Reply(code) if code < 400 => "ok",
        Packet::Reply(_) | Packet::Rst => "no",
        // Under TLS nobody knows what a segment of the control connection says.
        Packet::Data { .. } if is_control(row) => "",
        Packet::Data { .. } => "dat",
        Packet::Ack | Packet::Established => "ack",
        Packet::Absent => "gst",
        Packet::Syn | Packet::SynAck | Packet::Fin | Packet::Note(_) | Packet::Omitted(_) => "",
    };
    let guessed = !matches!(row.provenance, Provenance::Seen | Provenance::Absent);
    let two = !is_control(row) && what.is_empty();
    let classes = [what, if two { "two" } else { "" }, if guessed { "inf" } else { "" }];
    classes.iter().filter(|class| !class.is_empty()).copied().collect::<Vec<_>>().join(" ")
}
