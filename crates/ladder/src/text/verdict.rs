//! The findings as text, under the ladder that they are of.

use super::Options;
use crate::findings::{Finding, Severity};
use crate::width::{columns, pad, spell_out, wrap};
use std::fmt::Write as _;
use wharf_proto::Lang;

/// The findings, each with its rows, how bad and how sure it is, its cause and what to do. Nothing where nothing
/// was found.
///
/// ```
/// use wharf_ladder::{Options, text};
/// assert_eq!(text::verdicts(&[], &Options::default()), "");
/// ```
#[must_use]
pub fn verdicts(findings: &[Finding], options: &Options) -> String {
    let mut out = String::new();
    for finding in findings {
        let lang = options.lang();
        let mark = if finding.severity == Severity::Info { ' ' } else { '!' };
        let head = format!("{mark} {:<3}", finding.rule.id);
        let facts = facts(finding, lang);
        let (open, close) = lang.of((" (", ")"), ("（", "）"));
        let cause = format!("{}{open}{facts}{close}", finding.cause(lang));
        let cause = spell_out(&cause, options.ascii);
        let advice = spell_out(&finding.advice(lang), options.ascii);
        let arrow = if options.ascii { "=>" } else { "→" };
        part(&mut out, &head, &cause, options);
        part(&mut out, &format!("  {:>3}", arrow), &advice, options);
    }
    out
}

/// `rows 15, 17; failure, likely, network`.
fn facts(finding: &Finding, lang: Lang) -> String {
    let numbers: Vec<String> = finding.rows.iter().map(u32::to_string).collect();
    let rows = match (numbers.as_slice(), lang) {
        ([], _) => String::new(),
        ([one], Lang::En) => format!("row {one}; "),
        (many, Lang::En) => format!("rows {}; ", many.join(", ")),
        (many, Lang::Ja) => format!("行 {}、", many.join("・")),
    };
    let words = [
        finding.severity.words(lang),
        finding.confidence.words(lang),
        finding.rule.side.words(lang),
    ];
    rows + &words.join(lang.of(", ", "、"))
}

/// Words wrapped beside their head.
fn part(out: &mut String, head: &str, text: &str, options: &Options) {
    let indent = 6;
    let room = options.width().saturating_sub(indent);
    for (n, line) in wrap(text, room, options.ambiguous).iter().enumerate() {
        let head = if n == 0 { head } else { "" };
        debug_assert!(columns(head, options.ambiguous) <= indent, "a head is short");
        let written = writeln!(out, "{}{line}", pad(head, indent, options.ambiguous));
        debug_assert!(written.is_ok(), "writing to a String does not fail");
    }
}
