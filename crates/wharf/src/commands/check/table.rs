//! The table of the ways of moving data, with the whole of what its cells are short for below it, and the findings.

use wharf_client::Setup;
use wharf_ladder::findings::Finding;
use wharf_ladder::width::{columns, pad, wrap};
use wharf_ladder::{Ambiguous, Lang, Options, text};

use super::SETUPS;
use super::attempt::Cover;
use super::report::{Found, cover, setup_name};

/// Columns before the cells.
const HEAD: usize = 11;
/// Columns between two cells, and before the words below the table.
const GAP: usize = 4;

/// How a listing went.
pub(super) struct Cell {
    pub(super) cover: Cover,
    pub(super) setup: Setup,
    pub(super) works: bool,
    /// The server refuses the listing itself, which says nothing of the way.
    pub(super) is_refused: bool,
    /// Whether its data connection has resumed the TLS session; `None` where there is no TLS.
    pub(super) resumed: Option<bool>,
    /// In a few words.
    pub(super) short: String,
    /// In all words, where it failed.
    pub(super) whole: Option<String>,
}

/// The ways down, the covers across as far as there is room for them; below it why those failed that did.
pub(super) fn draw(cells: &[Cell], width: usize, lang: Lang) -> String {
    let mut covers: Vec<Cover> = Vec::new();
    for cell in cells {
        if !covers.contains(&cell.cover) {
            covers.push(cell.cover);
        }
    }
    let wide = |of: &Cover| wide(cells, *of, lang) + GAP;
    let fits = HEAD + covers.iter().map(wide).sum::<usize>() <= width + GAP;
    let tables: Vec<&[Cover]> =
        if fits { vec![&covers] } else { covers.iter().map(std::slice::from_ref).collect() };
    let mut out = String::new();
    for of in tables.into_iter().filter(|of| !of.is_empty()) {
        out += &table(cells, of, lang);
    }
    out + &reasons(cells, &covers, width, lang)
}

/// Columns of the cells of a cover.
fn wide(cells: &[Cell], of: Cover, lang: Lang) -> usize {
    let shorts = cells.iter().filter(|cell| cell.cover == of).map(|cell| cell.short.as_str());
    let all = shorts.chain([cover(of, lang)]);
    all.map(|words| columns(words, Ambiguous::One)).max().unwrap_or(0)
}

fn table(cells: &[Cell], covers: &[Cover], lang: Lang) -> String {
    let cell_of =
        |setup: Setup, of: Cover| cells.iter().find(|cell| cell.cover == of && cell.setup == setup);
    let row = |head: &str, words: &dyn Fn(Cover) -> String| {
        let each =
            covers.iter().map(|of| pad(&words(*of), wide(cells, *of, lang) + GAP, Ambiguous::One));
        let line = format!("{head:<HEAD$}{}", each.collect::<String>());
        line.trim_end().to_owned() + "\n"
    };
    let mut out = String::from("\n");
    out += &row("", &|of| cover(of, lang).to_owned());
    for setup in SETUPS {
        if covers.iter().any(|of| cell_of(setup, *of).is_some()) {
            let words =
                |of| cell_of(setup, of).map_or_else(|| "-".to_owned(), |cell| cell.short.clone());
            out += &row(&format!("  {}", setup_name(setup)), &words);
        }
    }
    out
}

/// Why ways failed, each reason once with the ways that it is of.
fn reasons(cells: &[Cell], covers: &[Cover], width: usize, lang: Lang) -> String {
    let mut reasons: Vec<(Cover, &str, Vec<&str>)> = Vec::new();
    for of in covers {
        for cell in cells.iter().filter(|cell| cell.cover == *of) {
            let Some(whole) = &cell.whole else { continue };
            match reasons.iter_mut().find(|(cover, words, _)| cover == of && words == whole) {
                Some((.., setups)) => setups.push(setup_name(cell.setup)),
                None => reasons.push((*of, whole, vec![setup_name(cell.setup)])),
            }
        }
    }
    let mut out = String::new();
    for (of, words, setups) in reasons {
        let (comma, colon) = lang.of((", ", ":"), ("、", "："));
        out += &format!("\n  {}{comma}{}{colon}\n", cover(of, lang), setups.join(" "));
        for line in wrap(words, width.saturating_sub(GAP).max(20), Ambiguous::One) {
            out += &format!("{:GAP$}{line}\n", "");
        }
    }
    out
}

/// The findings, beneath the name of the tries that they are of.
pub(super) fn verdicts(findings: &[Found], width: usize, lang: Lang) -> String {
    let options = Options { lang, width, ..Options::default() };
    let mut out = String::new();
    for of in [Cover::Explicit, Cover::Implicit, Cover::Clear] {
        let mut its: Vec<&Found> = findings.iter().filter(|found| found.cover == of).collect();
        while let Some(first) = its.first().copied() {
            let (same, others) = its.into_iter().partition(|found| found.setups == first.setups);
            its = others;
            let same: Vec<&Found> = same;
            let same: Vec<Finding> = same.iter().map(|found| found.finding.clone()).collect();
            let setups: Vec<&str> = first.setups.iter().map(|setup| setup_name(*setup)).collect();
            let (comma, colon) = lang.of((", ", ":"), ("、", "："));
            let comma = if setups.is_empty() { "" } else { comma };
            out += &format!("\n{}{comma}{}{colon}\n", cover(of, lang), setups.join(" "));
            out += &text::verdicts(&same, &options);
        }
    }
    out
}
