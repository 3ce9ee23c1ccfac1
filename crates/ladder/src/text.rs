//! The ladder as text: one line a row, at any width, for a terminal or a file.
//!
//! From 60 columns on, two lifelines with an arrow a row, or three where two servers take part; from 100 on also the time since the start; from
//! 120 on the notes stand at the right, below that under the ladder. Narrower than 60 it becomes a list.
//! Control rows are single lines marked `C`, data rows double lines marked `D`; what was not seen is dashed
//! and marked `~`, remarks are marked `!`. Colour repeats that and is never the only sign of anything.
//!
//! No control character leaves this file but its own colours and line feeds, whatever a label holds. The
//! same rows and options give the same bytes.

mod beside;
mod brush;
mod compared;
mod lane;
mod lesson;
mod list;
mod margin;
mod three;
mod verdict;

pub use beside::beside;
pub use compared::compared;
pub use lesson::{lesson, lesson_notes};
pub use verdict::verdicts;

use crate::label::{Digits, spoken};
use crate::note;
use crate::row::{Channel, Ends, Packet, Provenance, Row};
use crate::scene::Scene;
use crate::width::{Ambiguous, columns, pad, plain, spell_out, wrap};
use lane::Lane;
use list::List;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;
use three::Three;
use wharf_proto::{Lang, Moment};

/// The narrowest ladder; below it the rows become a list.
const NARROW: usize = 60;
/// Nothing is gained beyond this.
const WIDE: usize = 200;
/// From here on the time since the start has a column of its own.
const ABSOLUTE: usize = 100;
/// From here on notes stand beside the rows.
const BESIDE: usize = 120;
/// A silence of more than this has a row of its own.
pub(crate) const SILENCE: Duration = Duration::from_secs(1);
/// Spaces to write some of.
const BLANKS: &str = "                                ";
/// How far the further lines of a reply are moved in beneath their row.
const INDENT: usize = 4;

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Columns; taken as at least 20 and at most 200.
    pub width: usize,
    /// How wide the terminal draws ambiguous characters.
    pub ambiguous: Ambiguous,
    /// Only ASCII, whatever a label holds; words are then English.
    pub ascii: bool,
    /// SGR colours, of the 16 that every terminal has.
    pub colour: bool,
    /// Shows the bare ACKs, which are folded otherwise.
    pub packets: bool,
    /// The language of words and notes.
    pub lang: Lang,
    /// Notes: beside the rows from 120 columns on, under the ladder below that.
    pub notes: bool,
    /// Leaves out every time, so that two runs of the same session give the same text.
    pub no_times: bool,
    /// Shows all lines of a reply, those behind the first beneath its row.
    pub whole: bool,
    /// Times count from this moment, and not each from the row before.
    pub since: Option<Moment>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            width: 80,
            ambiguous: Ambiguous::One,
            ascii: false,
            colour: false,
            packets: false,
            lang: Lang::En,
            notes: false,
            no_times: false,
            whole: false,
            since: None,
        }
    }
}

impl Options {
    /// The language of what is drawn: where there is nothing but ASCII it is English.
    #[must_use]
    pub fn lang(&self) -> Lang {
        if self.ascii { Lang::En } else { self.lang }
    }

    /// The columns that are used, within what can be drawn.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width.clamp(20, WIDE)
    }
}

/// Draws the rows of a session; `ends` are the addresses for the header.
///
/// ```
/// use wharf_ladder::{Options, text};
/// let text = text::render(&[], None, &Options { width: 60, ..Options::default() });
/// assert_eq!(text, " No       d/s  port  client                    server  port\n");
/// ```
#[must_use]
pub fn render(rows: &[Row], ends: Option<Ends>, options: &Options) -> String {
    scene(&Scene::of(1, rows, ends, Vec::new()), options)
}

/// Draws a scene.
#[must_use]
pub fn scene(scene: &Scene, options: &Options) -> String {
    let shown = shown(scene, options);
    let table = Table::new(&shown, scene, options);
    // A line is rarely longer, with three bytes for each part of an arrow.
    let mut out = String::with_capacity((shown.len() + 4) * (options.width() + 80));
    let done = table
        .header(&mut out, scene)
        .and_then(|()| shown.iter().try_for_each(|shown| table.row(&mut out, shown)))
        .and_then(|()| foot(&mut out, scene, &shown, options));
    debug_assert!(done.is_ok(), "writing to a String does not fail");
    out
}

/// A scene as lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    /// The lines above the rows: who stands at the lifelines.
    pub head: Vec<String>,
    /// The lines of each row that is not folded, by its place among the steps of the scene; a silence stands before its row.
    pub rows: Vec<(usize, Vec<String>)>,
    /// What stands below: the meaning of marks, and notes where they have no room beside the rows.
    pub foot: Vec<String>,
}

/// Draws a scene line by line.
#[must_use]
pub fn draw(scene: &Scene, options: &Options) -> Drawing {
    let shown = shown(scene, options);
    let table = Table::new(&shown, scene, options);
    let row = |shown: &Shown<'_>| lines(&written(|out| table.row(out, shown)));
    Drawing {
        head: lines(&written(|out| table.header(out, scene))),
        rows: shown.iter().map(|shown| (shown.place, row(shown))).collect(),
        foot: lines(&written(|out| foot(out, scene, &shown, options))),
    }
}

/// What rows stand in, by the columns that there are and the lifelines.
enum Table<'a> {
    List(List<'a>),
    Two(Lane<'a>),
    Three(Three<'a>),
}

impl<'a> Table<'a> {
    fn new(shown: &[Shown<'_>], scene: &'a Scene, options: &'a Options) -> Self {
        match scene.lifelines.len() {
            _ if options.width() < NARROW => Self::List(List::new(shown, scene, options)),
            2 => Self::Two(Lane::new(shown, options)),
            _ => Self::Three(Three::new(shown, options)),
        }
    }

    fn header(&self, out: &mut String, scene: &Scene) -> fmt::Result {
        match (self, scene.lifelines.as_slice()) {
            (Self::Two(lane), [client, server]) => lane.header(out, client, server),
            (Self::Three(three), lifelines) => three.header(out, lifelines),
            (Self::List(_) | Self::Two(_), _) => Ok(()),
        }
    }

    fn row(&self, out: &mut String, shown: &Shown<'_>) -> fmt::Result {
        match self {
            Self::List(list) => list.row(out, shown),
            Self::Two(lane) => lane.row(out, shown),
            Self::Three(three) => three.row(out, shown),
        }
    }
}

/// What stands below the rows.
fn foot(out: &mut String, scene: &Scene, shown: &[Shown<'_>], options: &Options) -> fmt::Result {
    legend(out, scene, shown.len(), options)?;
    let below = options.notes && options.width() < BESIDE;
    if below { note_list(out, shown, options) } else { Ok(()) }
}

fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut out = String::new();
    let done = write(&mut out);
    debug_assert!(done.is_ok(), "writing to a String does not fail");
    out
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// A row that is not folded, with its times.
struct Shown<'a> {
    row: &'a Row,
    /// Its place among the steps of the scene.
    place: usize,
    /// The places of its lifelines.
    from: usize,
    to: usize,
    /// Since the latest of the rows before it.
    since: Option<Duration>,
    /// What stands in the column of these: that, or the time since a moment of choice, and the sign of it.
    delta: Option<(&'static str, Duration)>,
    /// Since the first row that has one.
    start: Option<Duration>,
    /// What it means, where that is wanted.
    note: Option<String>,
}

impl Shown<'_> {
    /// The silence before it, where it is long enough to show.
    fn silence(&self) -> Option<Duration> {
        self.since.filter(|since| *since > SILENCE)
    }

    fn is_rightwards(&self) -> bool {
        self.from < self.to
    }

    /// The lines of a reply behind the first, where they are wanted, in so many columns.
    fn beneath(&self, options: &Options, room: usize) -> Vec<String> {
        if !options.whole {
            return Vec::new();
        }
        let said = self.row.several();
        let lines = said.iter().skip(1).flat_map(|line| {
            let line = spell_out(&line.to_string(), options.ascii);
            wrap(&line, room.saturating_sub(INDENT + 1), options.ambiguous)
        });
        let indented = |line: String| pad(&(" ".repeat(INDENT) + &line), room, options.ambiguous);
        lines.map(indented).collect()
    }
}

fn shown<'a>(scene: &'a Scene, options: &Options) -> Vec<Shown<'a>> {
    let mut origin: Option<Moment> = None;
    let mut before: Option<Moment> = None;
    let steps = scene.steps.iter().enumerate();
    let steps = steps.filter(|(_, step)| options.packets || !step.row.is_bare_ack());
    let shown = steps.map(|(place, step)| {
        let row = &step.row;
        let at = row.at.filter(|_| !options.no_times);
        let first = origin.is_none();
        origin = origin.or(at);
        let start = at.zip(origin).map(|(at, origin)| at.since(origin));
        let since = at.map(|at| before.map_or(Duration::ZERO, |before| at.since(before)));
        let delta = match (at, options.since) {
            (Some(at), Some(from)) if at < from => Some(("-", from.since(at))),
            (Some(at), Some(from)) => Some(("+", at.since(from))),
            _ => since.map(|since| (if first { "" } else { "+" }, since)),
        };
        before = before.max(at);
        let words = || note::of_step(scene, step, options.lang());
        let note = options.notes.then(words).flatten();
        let note = note.map(|words| spell_out(&words, options.ascii));
        Shown { row, place, from: step.from, to: step.to, since, delta, start, note }
    });
    shown.collect()
}

/// `C` or `D` for the connection, then `~` for what was not seen, `T` for what went under TLS; `!` for a remark.
pub(crate) fn mark(row: &Row) -> &'static str {
    let seen = row.provenance == Provenance::Seen;
    match (row.packet, row.channel) {
        (Packet::Command | Packet::Reply(_) | Packet::Data { .. }, channel) if seen && row.tls => {
            if channel == Channel::Control {
                "CT"
            } else {
                "DT"
            }
        }
        (Packet::Note(_), _) => " !",
        (Packet::Omitted(_), _) => "  ",
        (Packet::Absent, Channel::Control) => "C?",
        (Packet::Absent, Channel::Data(_)) => "D?",
        (_, Channel::Control) if seen => "C ",
        (_, Channel::Control) => "C~",
        (_, Channel::Data(_)) if seen => "D ",
        (_, Channel::Data(_)) => "D~",
    }
}

/// The label as it may be shown.
fn label<'a>(row: &'a Row, options: &Options) -> Cow<'a, str> {
    if let Packet::Omitted(rows) = row.packet {
        return omitted(rows, options.lang()).into();
    }
    let label = match plain(row.label.as_bytes()) {
        Some(label) => Cow::Borrowed(label),
        None => spell_out(&row.label.to_string(), options.ascii).into(),
    };
    spoken(label, row, options.lang())
}

/// What stands in place of rows that were dropped.
pub(crate) fn omitted(rows: u32, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{rows} rows not kept; --rows N keeps more"),
        Lang::Ja => format!("{rows} 行は保持していない（--rows N で増やせる）"),
    }
}

/// Writes the number of a row; nothing for one that did not come.
fn number(out: &mut String, row: &Row, width: usize) {
    match row.no {
        0 => blank(out, width),
        no => decimal(out, no.into(), width, ' '),
    }
}

/// Writes a number in at least so many columns: what `{:>width$}` does, many times as fast.
fn decimal(out: &mut String, number: u64, width: usize, fill: char) {
    let digits = Digits::of(number);
    let digits = digits.as_str();
    (digits.len()..width).for_each(|_| out.push(fill));
    out.push_str(digits);
}

/// Writes so many spaces.
fn blank(out: &mut String, columns: usize) {
    put(out, BLANKS, columns);
}

/// Writes so many bytes of something that goes on as it begins.
fn put(out: &mut String, run: &str, mut bytes: usize) {
    while bytes > 0 && !run.is_empty() {
        let part = run.get(..bytes).unwrap_or(run);
        out.push_str(part);
        bytes -= part.len();
    }
}

/// A silence in words: `⋯ 61.2 s ⋯`.
fn silence(length: Duration, options: &Options) -> String {
    pause(length, if options.ascii { "..." } else { "⋯" }, options.lang())
}

/// The same between these dots.
pub(crate) fn pause(length: Duration, dots: &str, lang: Lang) -> String {
    let unit = lang.of("s", "秒");
    let tenths = length.as_millis() / 100;
    format!("{dots} {}.{} {unit} {dots}", tenths / 10, tenths % 10)
}

/// What the marks mean and what was folded, under the ladder.
fn legend(
    out: &mut impl fmt::Write,
    scene: &Scene,
    shown: usize,
    options: &Options,
) -> fmt::Result {
    match meaning(scene, shown, options.lang()) {
        Some(words) => indented(out, "", &words, options),
        None => Ok(()),
    }
}

/// What a mark begins or ends with, on which of the rows that have it, and what it means there.
type Mark = (char, fn(&Row) -> bool, [&'static str; 2]);

/// All marks: the two kinds of connections, and what else there is to say of a row.
const MARKS: [Mark; 7] = [
    ('C', |_| true, ["C control connection", "C はコントロールコネクション"]),
    ('D', |_| true, ["D data connection", "D はデータコネクション"]),
    (
        '~',
        |row| row.provenance != Provenance::Probable,
        ["~ not seen: inferred, or drawn for completeness", "~ は実測でなく推定または補完"],
    ),
    (
        '~',
        |row| row.provenance == Provenance::Probable,
        [
            "~ dashed: of this session probably, by time and hosts alone",
            "~ と破線は時刻とホストから見て、おそらくこのセッションのもの",
        ],
    ),
    ('T', |_| true, ["T under TLS", "T は TLS による保護"]),
    ('?', |_| true, ["? should have come and did not", "? は来るはずで来なかったもの"]),
    ('!', |_| true, ["! a remark, not a packet", "! はパケットでなく注記"]),
];

/// The marks that stand on some of these rows, and what they mean.
pub(crate) fn explained<'a>(
    rows: impl Iterator<Item = &'a Row> + Clone,
    lang: Lang,
) -> impl Iterator<Item = (char, &'static str)> {
    MARKS.iter().filter_map(move |(letter, is_of, [en, ja])| {
        let stands = rows.clone().any(|row| mark(row).contains(*letter) && is_of(row));
        stands.then(|| (*letter, lang.of(*en, *ja)))
    })
}

/// What the marks mean that stand on some row, and how many rows are folded of which so many are shown.
pub(crate) fn meaning(scene: &Scene, shown: usize, lang: Lang) -> Option<String> {
    let folded = scene.steps.len().saturating_sub(shown);
    let acks = |lang| match lang {
        Lang::En if folded == 1 => "1 bare ACK folded".to_owned(),
        Lang::En => format!("{folded} bare ACKs folded"),
        Lang::Ja => format!("ACK のみの {folded} 行は省略"),
    };
    let mut parts: Vec<String> = explained(scene.steps.iter().map(|step| &step.row), lang)
        .map(|(_, words)| words.to_owned())
        .collect();
    parts.extend((folded > 0).then(|| acks(lang)));
    (!parts.is_empty()).then(|| parts.join(lang.of("; ", "、")))
}

fn note_list(out: &mut impl fmt::Write, shown: &[Shown<'_>], options: &Options) -> fmt::Result {
    writeln!(out)?;
    for Shown { row, note, .. } in shown {
        if let Some(words) = note {
            indented(out, &format!("{:>3}", row.no), words, options)?;
        }
    }
    Ok(())
}

/// Wraps a text beside its number.
fn indented(out: &mut impl fmt::Write, head: &str, text: &str, options: &Options) -> fmt::Result {
    let room = options.width().saturating_sub(columns(head, options.ambiguous).max(3) + 2);
    for (n, line) in wrap(text, room, options.ambiguous).iter().enumerate() {
        let head = if n == 0 { head } else { "" };
        writeln!(out, "{}  {line}", pad(head, 3, options.ambiguous))?;
    }
    Ok(())
}
