//! One HTML file: for each session its picture, the same as a table, and the findings with links to their rows.
//!
//! It works without script and loads nothing.

use super::{Sheet, escaped, label, provenance, seconds, svg};
use std::fmt::Write as _;
use wharf_proto::Lang;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color:#1a1a1a;background:#fff}@media(prefers-color-scheme:dark){body{color:#f2f2f2;background:#16181c}a{color:#7fb8ff}}\
table{border-collapse:collapse;font-size:.9rem}td,th{text-align:left;padding:.1rem .6rem;border-bottom:1px solid #8886}\
g:target text{font-weight:bold}dt{font-weight:bold;margin-top:.6rem}";

/// The beginning of the file.
#[must_use]
pub fn begin(lang: Lang) -> String {
    let title = lang.of("FTP sessions", "FTP セッション");
    format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head><body>\n\
         <h1>{title}</h1>\n",
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
                "<dt>{} ({}, {}, {})</dt><dd>{} [{}]<br>{}</dd>",
                finding.rule.id,
                finding.severity.words(lang),
                finding.confidence.words(lang),
                finding.rule.side.words(lang),
                escaped(&crate::width::spell_out(&finding.cause(lang), false)),
                rows.join(", "),
                escaped(&finding.advice(lang)),
            );
        }
        out.push_str("</dl>\n");
    }
    out.push_str(&svg::pictures(sheet, &[]));
    table(&mut out, sheet);
    out.push_str("</section>\n");
    out
}

/// The end of the file.
#[must_use]
pub fn end() -> &'static str {
    "</body></html>\n"
}

/// The rows for those who cannot see a picture.
fn table(out: &mut String, sheet: &Sheet<'_>) {
    let lang = sheet.lang;
    let heads = [
        lang.of("row", "行"),
        lang.of("time", "時刻"),
        lang.of("from", "送信元"),
        lang.of("to", "宛先"),
        lang.of("connection", "コネクション"),
        lang.of("what", "内容"),
        lang.of("known", "根拠"),
    ];
    let heads: String = heads.iter().map(|head| format!("<th scope=\"col\">{head}</th>")).collect();
    let caption = lang.of("The same rows as a table", "同じ行の表");
    let _ = writeln!(
        out,
        "<details><summary>{caption}</summary><table><caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>"
    );
    let name = |at: usize| sheet.scene.name(at, lang);
    for step in sheet.shown() {
        let row = &step.row;
        let channel = match row.channel {
            crate::row::Channel::Control => lang.of("control", "制御").to_owned(),
            crate::row::Channel::Data(no) => format!("{} {no}", lang.of("data", "データ")),
        };
        let no = if row.no > 0 { row.no.to_string() } else { String::new() };
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{no}</th><td>{}</td><td>{}</td><td>{}</td><td>{channel}</td><td>{}</td><td>{}</td></tr>",
            row.at.map(seconds).unwrap_or_default(),
            name(step.from),
            name(step.to),
            escaped(&label(row, lang)),
            provenance(row),
        );
    }
    out.push_str("</tbody></table></details>\n");
}
