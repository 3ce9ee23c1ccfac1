//! One HTML file: for each session what was found, with links to the rows that prove it, its picture, and the same rows as a
//! table, each of which opens: all lines of a reply, the fields of its packet, its bytes, what was found there.
//!
//! It loads nothing and works without script; with it the rows are filtered and gone through by keys. Bytes of transfers
//! are not in it, as such files are passed on.

use super::{Sheet, escaped, label, several, svg};
use crate::findings::Finding;
use crate::note;
use crate::raw;
use crate::row::{Channel, Row};
use crate::scene::Step;
use crate::text;
use crate::width::spell_out;
use std::fmt::Write as _;
use wharf_proto::Lang;

const STYLE: &str = include_str!("html.css");
const SCRIPT: &str = include_str!("html.js");
/// Bytes in a line of hex.
const HEX: usize = 16;

/// The beginning of the file.
#[must_use]
pub fn begin(lang: Lang) -> String {
    let title = lang.of("FTP sessions", "FTP セッション");
    let filter = lang.of("filter", "絞り込み");
    let keys = [
        ("/", filter),
        ("j k", lang.of("next row, row before", "次の行・前の行")),
        ("Enter", lang.of("open", "開く")),
        ("n N", lang.of("next finding, finding before", "次の所見・前の所見")),
    ];
    let keys: String = keys.iter().fold(String::new(), |mut out, (key, words)| {
        let _ = write!(out, " <kbd>{key}</kbd> {words}");
        out
    });
    format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head><body>\n\
         <h1>{title}</h1>\n<nav hidden><label>{filter} <input type=\"search\"></label> <output></output><small>{keys}</small></nav>\n",
        lang.of("en", "ja")
    )
}

/// A session.
#[must_use]
pub fn session(sheet: &Sheet<'_>) -> String {
    let lang = sheet.lang;
    let (no, numbers) = (sheet.no(), sheet.numbers());
    let names = escaped(&sheet.names().join(" – "));
    let mut out = format!(
        "<section><h2 id=\"s{no}\">{} {numbers}: {names}</h2>\n",
        lang.of("Session", "セッション")
    );
    if !sheet.scene.findings.is_empty() {
        let _ = writeln!(out, "<h3>{}</h3>\n<dl>", lang.of("Findings", "所見"));
        for finding in &sheet.scene.findings {
            let rows: Vec<String> = finding
                .rows
                .iter()
                .map(|row| format!("<a href=\"#s{no}r{row}\">{row}</a>"))
                .collect();
            let _ = writeln!(
                out,
                "<dt>{}</dt><dd>{} [{}]<br>{}</dd>",
                heading(finding, lang),
                escaped(&spell_out(&finding.cause(lang), false)),
                rows.join(", "),
                escaped(&finding.advice(lang)),
            );
        }
        out.push_str("</dl>\n");
    }
    out.push_str(&svg::linked(sheet));
    table(&mut out, sheet);
    out.push_str("</section>\n");
    out
}

/// The end of the file.
#[must_use]
pub fn end() -> String {
    format!("<script>{SCRIPT}</script></body></html>\n")
}

fn heading(finding: &Finding, lang: Lang) -> String {
    format!(
        "{} ({}, {}, {})",
        finding.rule.id,
        finding.severity.words(lang),
        finding.confidence.words(lang),
        finding.rule.side.words(lang)
    )
}

/// The rows, for those too who cannot see a picture.
fn table(out: &mut String, sheet: &Sheet<'_>) {
    let lang = sheet.lang;
    let heads = [
        ("num", lang.of("row", "行")),
        ("num", lang.of("time", "時刻")),
        ("", lang.of("mark", "印")),
        ("", lang.of("connection", "コネクション")),
        ("", lang.of("from", "送信元")),
        ("", lang.of("to", "宛先")),
        ("what", lang.of("what", "内容")),
    ];
    let heads = heads.iter().fold(String::new(), |mut out, (class, head)| {
        let _ = write!(out, "<th scope=\"col\" class=\"{class}\">{head}</th>");
        out
    });
    let caption =
        lang.of("The same rows as a table; each of them opens", "同じ行の表（各行は開ける）");
    let _ = writeln!(
        out,
        "<details><summary>{caption}</summary><table><caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>"
    );
    for step in sheet.shown() {
        line(out, sheet, step);
    }
    out.push_str("</tbody></table></details>\n");
}

/// A row of the table.
fn line(out: &mut String, sheet: &Sheet<'_>, step: &Step) {
    let (row, lang, no) = (&step.row, sheet.lang, sheet.no());
    let is_proof =
        row.no > 0 && sheet.scene.findings.iter().any(|found| found.rows.contains(&row.no));
    let class = if is_proof { " class=\"proof\"" } else { "" };
    let (group, number, id) = match row.no {
        0 => (String::new(), String::new(), String::new()),
        row => (
            format!(" data-g=\"s{no}r{row}\""),
            format!("<a href=\"#s{no}r{row}\">{row}</a>"),
            format!(" id=\"s{no}t{row}\""),
        ),
    };
    let channel = match row.channel {
        Channel::Control => lang.of("control", "コントロール").to_owned(),
        Channel::Data(no) => format!("{} {no}", lang.of("data", "データ")),
    };
    let name = |at: usize| sheet.scene.name(at, lang);
    let _ = writeln!(
        out,
        "<tr{group}{class}><th scope=\"row\" class=\"num\">{number}</th><td class=\"num\">{}</td><td>{}</td><td>{channel}</td>\
         <td>{}</td><td>{}</td><td class=\"what\"><details><summary>{}</summary><div{id}>{}</div></details></td></tr>",
        sheet.time(row),
        text::mark(row).trim(),
        name(step.from),
        name(step.to),
        escaped(&label(row, lang)),
        details(sheet, step),
    );
}

/// What a row of the table holds when it is open.
fn details(sheet: &Sheet<'_>, step: &Step) -> String {
    let (row, lang) = (&step.row, sheet.lang);
    let mut out = String::new();
    if let Some(words) = note::of_step(sheet.scene, step, lang) {
        let _ = write!(out, "<p>{}</p>", escaped(&spell_out(&words, false)));
    }
    for finding in sheet.scene.findings.iter().filter(|found| found.rows.contains(&row.no)) {
        let cause = escaped(&spell_out(&finding.cause(lang), false));
        let _ = write!(out, "<p class=\"found\">{}: {cause}</p>", heading(finding, lang));
    }
    let lines: Vec<String> = several(row).iter().map(|line| escaped(line)).collect();
    if !lines.is_empty() {
        let _ = write!(out, "<pre>{}</pre>", lines.join("\n"));
    }
    let place = if sheet.no_times { Vec::new() } else { raw::place(step, lang) };
    let known = (lang.of("known", "根拠"), row.provenance.words(lang).to_owned());
    let fields = place.into_iter().chain(raw::fields(row, lang)).chain([known]).fold(
        String::new(),
        |mut out, (name, value)| {
            let _ = write!(out, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
            out
        },
    );
    let _ = write!(out, "<dl class=\"wire\">{fields}</dl>");
    let dump = dump(row);
    if !dump.is_empty() {
        let words = lang.of("bytes", "バイト列");
        let _ = write!(
            out,
            "<details><summary>{words}</summary><pre class=\"hex\">{dump}</pre></details>"
        );
    }
    out
}

/// The bytes of the control connection.
fn dump(row: &Row) -> String {
    if row.channel != Channel::Control {
        return String::new();
    }
    let lines = raw::dump(&raw::bytes(row), HEX);
    lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("\n")
}
