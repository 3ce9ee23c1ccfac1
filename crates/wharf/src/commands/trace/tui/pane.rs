//! What there is to tell of a row: its facts and all that was said, or its headers and bytes, and what was found there; and of
//! two rows, where they differ.

use wharf_ladder::scene::Step;
use wharf_ladder::{Channel, Ends, Lang, Packet, Row, Scene, compare, note, raw};
use wharf_proto::Moment;

/// Lines of a row that are compared at most.
const MAX_LINES: usize = 1000;

/// How a row is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// In words.
    Words,
    /// As headers and bytes, so many a line.
    Bytes(usize),
}

/// All that is known of a row, line by line, and what was found there.
pub(super) fn detail(scene: &Scene, step: &Step, shape: Shape, lang: Lang) -> Vec<String> {
    let mut lines = match shape {
        Shape::Words => facts(scene, step, lang),
        Shape::Bytes(each) => packet(scene, step, each, lang),
    };
    for finding in scene.findings.iter().filter(|finding| finding.is_at(&step.row)) {
        let rows: Vec<String> = finding.rows.iter().map(u32::to_string).collect();
        lines.push(format!(
            "! {}  {} ({}, {}, {}; {} {})",
            finding.rule.id,
            finding.cause(lang),
            finding.severity.words(lang),
            finding.confidence.words(lang),
            finding.rule.side.words(lang),
            lang.of("rows", "行"),
            rows.join(", "),
        ));
        lines.push(format!("    → {}", finding.advice(lang)));
    }
    if shape == Shape::Words {
        lines.extend(note::of_step(scene, step, lang).map(|words| format!("    {words}")));
        lines.extend(said(&step.row));
    }
    lines
}

/// A line of two rows beside each other: what the left one has, and the right one.
pub(super) type Pair = (Option<String>, Option<String>);

/// The sign of such a line.
pub(super) fn sign(pair: &Pair) -> &'static str {
    match pair {
        (Some(left), Some(right)) if left == right => "=",
        (Some(_), Some(_)) => "~",
        (Some(_), None) => "<",
        (None, _) => ">",
    }
}

/// Two rows line by line: what both say stands on one line, what one says on its own.
pub(super) fn compared(scene: &Scene, left: &Step, right: &Step, lang: Lang) -> Vec<Pair> {
    let lines = |step: &Step| {
        let mut lines = facts(scene, step, lang);
        match said(&step.row) {
            said if said.is_empty() => {}
            said => {
                lines.pop();
                lines.extend(said);
            }
        }
        lines.truncate(MAX_LINES);
        lines
    };
    let (left, right) = (lines(left), lines(right));
    let line = |side: &[String], at: Option<usize>| side.get(at?).cloned();
    let pairs = compare::common(&left, &right).into_iter();
    joined(pairs.map(|(one, other)| (line(&left, one), line(&right, other))).collect())
}

/// How much later the right one of two rows was.
pub(super) fn between(left: &Step, right: &Step) -> Option<String> {
    let (left, right) = (left.row.at?, right.row.at?);
    let (sign, time) =
        if left <= right { ("+", right.since(left)) } else { ("-", left.since(right)) };
    Some(format!("{sign}{}.{:06}", time.as_secs(), time.subsec_micros()))
}

/// The facts of a row.
fn facts(scene: &Scene, step: &Step, lang: Lang) -> Vec<String> {
    let row = &step.row;
    let mut second = vec![connection(row, lang), row.provenance.words(lang).to_owned()];
    if row.tls {
        second.push(lang.of("under TLS", "TLS の下").to_owned());
    }
    if let Some(wire) = row.wire {
        second.push(wire.flags.to_string().replace(", ", " "));
        if wire.segments > 1 {
            second.push(format!("{} {}", wire.segments, lang.of("segments", "セグメント")));
        }
        if wire.again {
            second.push(lang.of("sent again", "再送").to_owned());
        }
    }
    if let Some(names) = row.names {
        second.push(format!("{} {names}", lang.of("names", "伝える場所")));
    }
    if let Packet::Data { bytes, .. } = row.packet {
        second.push(format!("{bytes} B"));
    }
    let second = second.join(lang.of(", ", "、"));
    vec![head(scene, step, lang), format!("    {second}"), format!("    {}", row.words(lang))]
}

/// `row 20, 0.256000 s: server 203.0.113.5:20 → client 192.0.2.10:1182`.
fn head(scene: &Scene, step: &Step, lang: Lang) -> String {
    let row = &step.row;
    let at = |end: usize| match step.ends {
        Some(ends) => ends.get(end).copied().and_then(Ends::named),
        None => None,
    };
    let at = |end: usize| at(end).map_or_else(String::new, |end| format!(" {end}"));
    let mut first = match row.no {
        0 => String::new(),
        no => format!("{} {no}", lang.of("row", "行")),
    };
    if let Some(moment) = row.at {
        let time = moment.since(Moment::START);
        let unit = lang.of("s", "秒");
        first += &format!(", {}.{:06} {unit}", time.as_secs(), time.subsec_micros());
    }
    let name = |at: usize| scene.name(at, lang);
    first + &format!(": {}{} → {}{}", name(step.from), at(0), name(step.to), at(1))
}

/// All lines of a reply of several.
fn said(row: &Row) -> Vec<String> {
    row.several().iter().map(|line| format!("    {line}")).collect()
}

/// The headers of a row's packet, and its bytes.
fn packet(scene: &Scene, step: &Step, each: usize, lang: Lang) -> Vec<String> {
    let mut lines = vec![head(scene, step, lang)];
    let fields = raw::fields(&step.row, lang);
    lines.extend(fields.iter().map(|(name, value)| format!("    {name}  {value}")));
    let bytes = raw::bytes(&step.row);
    if bytes.is_empty() {
        let none =
            lang.of("its bytes are not kept, or it has none", "バイト列は保持していないか、ない");
        lines.push(format!("    {none}"));
    }
    lines.extend(raw::dump(&bytes, each).iter().map(|line| format!("    {line}")));
    lines
}

fn connection(row: &Row, lang: Lang) -> String {
    match row.channel {
        Channel::Control => lang.of("control connection", "コントロールコネクション").to_owned(),
        Channel::Data(no) => format!("{} {no}", lang.of("data connection", "データコネクション")),
    }
}

/// The same with what each has alone between two common lines set beside each other.
fn joined(pairs: Vec<Pair>) -> Vec<Pair> {
    let mut out = Vec::with_capacity(pairs.len());
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let close = |left: &mut Vec<String>, right: &mut Vec<String>, out: &mut Vec<Pair>| {
        let (mut ones, mut others) = (left.drain(..), right.drain(..));
        loop {
            match (ones.next(), others.next()) {
                (None, None) => return,
                pair => out.push(pair),
            }
        }
    };
    for pair in pairs {
        match pair {
            (Some(one), None) => left.push(one),
            (None, Some(other)) => right.push(other),
            both => {
                close(&mut left, &mut right, &mut out);
                out.push(both);
            }
        }
    }
    close(&mut left, &mut right, &mut out);
    out
}
