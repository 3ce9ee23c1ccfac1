//! Two sessions side by side as text: a line for what both have, one each for what only one has, and below what is to be seen
//! at once: where they part, what took longer, what was found in each.

use super::Options;
use crate::compare::{Likeness, Pair, compared as aligned, delta, slower};
use crate::scene::{Scene, Step};
use crate::width::{ellipsize, pad, spell_out, wrap};
use wharf_proto::Lang;

/// Steps that are named at most for having taken longer.
const SLOWEST: usize = 3;

/// Draws two sessions side by side.
#[must_use]
pub fn compared(left: &Scene, right: &Scene, options: &Options) -> String {
    let pairs = aligned(left, right);
    let half = options.width().saturating_sub(3) / 2;
    let ambiguous = options.ambiguous;
    let ellipsis = if options.ascii { "..." } else { "…" };
    let fit = |text: &str| {
        let text = spell_out(text, options.ascii);
        pad(&ellipsize(&text, half, ellipsis, ambiguous), half, ambiguous)
    };
    let mut out = String::new();
    let mut line = |left: &str, sign: &str, right: &str| {
        let line = format!("{} {sign} {}", fit(left), fit(right));
        out += line.trim_end();
        out.push('\n');
    };
    line(&title(left, options), " ", &title(right, options));
    for pair in &pairs {
        let [one, other] = pair.steps(left, right);
        let one = cell(left, pair.left, one, options);
        let other = cell(right, pair.right, other, options);
        line(&one, pair.likeness(left, right).sign(), &other);
    }
    for line in told(left, right, &pairs, options.lang(), options) {
        for part in wrap(&spell_out(&line, options.ascii), options.width(), ambiguous) {
            out += &part;
            out.push('\n');
        }
    }
    out
}

/// `#1 client 192.0.2.10:1180 – server 203.0.113.5:21`.
fn title(scene: &Scene, options: &Options) -> String {
    let numbers: Vec<String> = scene.sessions.iter().map(|no| format!("#{no}")).collect();
    let names: Vec<String> =
        scene.lifelines.iter().filter_map(crate::scene::Lifeline::address).collect();
    format!("{} {}", numbers.join(" "), names.join(if options.ascii { " - " } else { " – " }))
}

fn cell(scene: &Scene, place: Option<usize>, step: Option<&Step>, options: &Options) -> String {
    let Some((place, step)) = place.zip(step) else { return String::new() };
    let delta = delta(scene, place).filter(|_| !options.no_times);
    let delta = delta.map(|delta| format!(" {:>+8.3}", delta.as_secs_f64())).unwrap_or_default();
    let no = if step.row.no == 0 { String::new() } else { step.row.no.to_string() };
    let way = if step.is_rightwards() { '>' } else { '<' };
    format!("{no:>4}{delta} {way} {}", words(step, options.lang()))
}

fn words(step: &Step, lang: Lang) -> String {
    super::label(&step.row, &Options { lang, ..Options::default() }).into_owned()
}

/// What is to be seen at once.
fn told(left: &Scene, right: &Scene, pairs: &[Pair], lang: Lang, options: &Options) -> Vec<String> {
    let mut out = vec![match pairs.iter().find(|pair| pair.is_apart()) {
        Some(pair) => parting(left, right, pairs, *pair, lang),
        None => lang.of("They do not part.", "両者に違う段階はない。").to_owned(),
    }];
    if !options.no_times {
        let slower = slower(left, right, pairs).into_iter().take(SLOWEST);
        out.extend(slower.filter_map(|(pair, one, other)| {
            let [Some(a), Some(b)] = pair.steps(left, right) else { return None };
            let (words, no, its) = (words(a, lang), a.row.no, b.row.no);
            let (one, other) = (one.as_secs_f64(), other.as_secs_f64());
            Some(match lang {
                Lang::En => format!(
                    "Row {no} and row {its}, {words}: after {one:.3} s and after {other:.3} s"
                ),
                Lang::Ja => format!("行 {no} と行 {its}、{words}：{one:.3} 秒後と {other:.3} 秒後"),
            })
        }));
    }
    let found = |scene: &Scene| {
        let ids: Vec<&str> = scene.findings.iter().map(|found| found.rule.id).collect();
        if ids.is_empty() { lang.of("none", "なし").to_owned() } else { ids.join(" ") }
    };
    if !(left.findings.is_empty() && right.findings.is_empty()) {
        let (left, right) = (found(left), found(right));
        out.push(match lang {
            Lang::En => format!("Findings: {left} at the left, {right} at the right"),
            Lang::Ja => format!("所見：左は {left}、右は {right}"),
        });
    }
    out
}

/// Where they part: the first step that only one has, and what the other has in its place.
fn parting(left: &Scene, right: &Scene, pairs: &[Pair], first: Pair, lang: Lang) -> String {
    let of = |is_it: Likeness| {
        let at = pairs.iter().position(|pair| *pair == first)?;
        // What stands beside it: the lines up to the next that both have.
        let beside = pairs.get(at..)?.iter().take_while(|pair| pair.is_apart());
        let pair = beside.into_iter().find(|pair| pair.likeness(left, right) == is_it)?;
        let step = pair.steps(left, right).into_iter().flatten().next()?;
        let no = step.row.no;
        let words = words(step, lang);
        Some(match (no, lang) {
            (0, _) => words,
            (no, Lang::En) => format!("{words} (row {no})"),
            (no, Lang::Ja) => format!("{words}（行 {no}）"),
        })
    };
    let nothing = || lang.of("nothing", "なし").to_owned();
    let one = of(Likeness::Left).unwrap_or_else(nothing);
    let other = of(Likeness::Right).unwrap_or_else(nothing);
    match lang {
        Lang::En => format!("They part here: {one} at the left, {other} at the right"),
        Lang::Ja => format!("ここで分かれる：左は {one}、右は {other}"),
    }
}
