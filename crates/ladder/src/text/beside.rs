//! One session at both ends as text: what was translated, how the clocks stand, a line a packet, and what was lost or changed
//! between the two.

use super::Options;
use crate::beside::{Beside, Fate, Line};
use crate::row::Ends;
use crate::statistics::span;
use crate::width::{ellipsize, spell_out, wrap};
use wharf_proto::Lang;

/// Columns before the words of a packet.
const BEFORE: usize = 4 + 1 + 4 + 1 + 9 + 1 + 9 + 1 + 2;
/// Rows that are named at most.
const NAMED: usize = 8;

/// Draws a session that was captured at both ends.
#[must_use]
pub fn beside(beside: &Beside, options: &Options) -> String {
    let lang = options.lang();
    let mut out = String::new();
    for line in head(beside, lang, options) {
        paragraph(&mut out, &line, options);
    }
    let heads = match lang {
        Lang::En => ["C.No", "S.No", "s", "one way"],
        Lang::Ja => ["C 行", "S 行", "秒", "片道"],
    };
    let [c, s, at, took] = heads.map(|head| head.to_owned());
    let right = |text: &str, room: usize| {
        let free = room.saturating_sub(crate::width::columns(text, options.ambiguous));
        " ".repeat(free) + text
    };
    out += &format!("{} {} {} {}\n", right(&c, 4), right(&s, 4), right(&at, 9), right(&took, 9));
    for line in &beside.lines {
        packet(&mut out, beside, line, options);
    }
    for line in foot(beside, lang) {
        paragraph(&mut out, &line, options);
    }
    out
}

fn paragraph(out: &mut String, line: &str, options: &Options) {
    for part in wrap(&spell_out(line, options.ascii), options.width(), options.ambiguous) {
        *out += &part;
        out.push('\n');
    }
}

fn packet(out: &mut String, beside: &Beside, line: &Line, options: &Options) {
    let lang = options.lang();
    let steps = beside.steps(line);
    let no = |at: usize| match steps.get(at).copied().flatten() {
        Some(step) if step.row.no > 0 => step.row.no.to_string(),
        _ => "-".to_owned(),
    };
    let Some(step) = steps.into_iter().flatten().next() else { return };
    let times = !options.no_times;
    let at = beside.at(line).filter(|_| times);
    let at = at.map_or_else(String::new, |at| format!("{:.3}", at.as_secs_f64()));
    let took = match (line.fate, line.took.filter(|_| times)) {
        (Fate::Lost, _) => lang.of("lost", "消失").to_owned(),
        (Fate::Foreign, _) => lang.of("foreign", "由来不明").to_owned(),
        (Fate::Arrived | Fate::Rewritten, Some(took)) => span(took),
        (Fate::Arrived | Fate::Rewritten | Fate::Unseen, _) => String::new(),
    };
    let room = 9usize.saturating_sub(crate::width::columns(&took, options.ambiguous));
    let way = if step.is_rightwards() { '>' } else { '<' };
    let mark = if line.fate == Fate::Rewritten { '~' } else { ' ' };
    let ellipsis = if options.ascii { "..." } else { "…" };
    let fit = |words: &str| {
        let words = spell_out(words, options.ascii);
        let room = options.width().saturating_sub(BEFORE + 1);
        ellipsize(&words, room, ellipsis, options.ambiguous)
    };
    let words = fit(&super::label(&step.row, options));
    *out += &format!(
        "{:>4} {:>4} {at:>9} {}{took} {way}{mark} {words}\n",
        no(0),
        no(1),
        " ".repeat(room)
    );
    // What the other end has in its place.
    if let (Fate::Rewritten, [_, Some(there)]) = (line.fate, steps) {
        let at = lang.of("at the server: ", "サーバー側では：");
        let words = fit(&format!("{at}{}", super::label(&there.row, options)));
        *out += &format!("{}{words}\n", " ".repeat(BEFORE + 1));
    }
}

/// Who is where, and how the clocks stand.
fn head(beside: &Beside, lang: Lang, options: &Options) -> Vec<String> {
    let (client, server) = (beside.client.no, beside.server.no);
    let mut out = vec![match lang {
        Lang::En => format!("Session {client} at the client's end, {server} at the server's"),
        Lang::Ja => format!("クライアント側のセッション {client}、サーバー側のセッション {server}"),
    }];
    let arrow = |ends: Ends| {
        format!("{} {} {}", ends.client, if options.ascii { "-" } else { "–" }, ends.server)
    };
    for (conn, here, there) in beside.translated() {
        let what = match (conn, lang) {
            (None, Lang::En) => "Control connection".to_owned(),
            (None, Lang::Ja) => "コントロールコネクション".to_owned(),
            (Some(no), Lang::En) => format!("Data connection {no}"),
            (Some(no), Lang::Ja) => format!("データコネクション {no}"),
        };
        let (here, there) = (arrow(here), arrow(there));
        out.push(match lang {
            Lang::En => format!("{what}: {here} at the client, {there} at the server: addresses are translated between them"),
            Lang::Ja => format!("{what}：クライアント側では {here}、サーバー側では {there}。途中でアドレスが変換されている"),
        });
    }
    if options.no_times {
        return out;
    }
    out.push(match beside.clock {
        None => lang
            .of(
                "Clocks: not set against each other, since no packet of each direction was seen at both ends",
                "時計：両側で観測されたパケットが双方向にないため、ずれは不明",
            )
            .to_owned(),
        Some(clock) => {
            let seconds = clock.ahead.unsigned_abs() as f64 / 1e9;
            let way = span(clock.one_way);
            match (lang, clock.ahead < 0) {
                (Lang::En, false) => format!("Clocks: the server's is {seconds:.4} s ahead; one way takes {way} at least, taken as equal both ways"),
                (Lang::En, true) => format!("Clocks: the server's is {seconds:.4} s behind; one way takes {way} at least, taken as equal both ways"),
                (Lang::Ja, false) => format!("時計：サーバーが {seconds:.4} 秒進んでいる。片道は最短 {way}（往路と復路は等しいとみなす）"),
                (Lang::Ja, true) => format!("時計：サーバーが {seconds:.4} 秒遅れている。片道は最短 {way}（往路と復路は等しいとみなす）"),
            }
        }
    });
    out
}

/// What happened between the two ends.
fn foot(beside: &Beside, lang: Lang) -> Vec<String> {
    let rows = |fate: Fate, at: usize| {
        let its = beside.lines.iter().filter(|line| line.fate == fate);
        let no =
            |line: &Line| beside.steps(line).get(at).copied().flatten().map(|step| step.row.no);
        its.filter_map(no).collect::<Vec<u32>>()
    };
    let named = |rows: &[u32]| {
        let first: Vec<String> = rows.iter().take(NAMED).map(u32::to_string).collect();
        let more = if rows.len() > NAMED { ", …" } else { "" };
        first.join(", ") + more
    };
    let mut out = Vec::new();
    let mut say = |rows: &[u32], en: &str, ja: &str| {
        if !rows.is_empty() {
            let (count, named) = (rows.len(), named(rows));
            let words = lang.of(en, ja).replace("{n}", &count.to_string());
            out.push(words.replace("{}", &named));
        }
    };
    say(
        &rows(Fate::Rewritten, 0),
        "! Something between the ends rewrites what is said ({n} lines, the client's rows {}): an FTP ALG or a proxy",
        "! 途中の機器が文字列を書き換えている（{n} 行、クライアント側の行 {}）：FTP ALG またはプロキシ",
    );
    say(
        &rows(Fate::Lost, 0),
        "! {n} packets of the client did not arrive at the server (its rows {})",
        "! クライアントが送ったパケット {n} 個がサーバーに届いていない（クライアント側の行 {}）",
    );
    say(
        &rows(Fate::Lost, 1),
        "! {n} packets of the server did not arrive at the client (the server's rows {})",
        "! サーバーが送ったパケット {n} 個がクライアントに届いていない（サーバー側の行 {}）",
    );
    say(
        &rows(Fate::Foreign, 0),
        "! The client got {n} packets that the server did not send (the client's rows {}): something between made them",
        "! サーバーが送っていないパケット {n} 個がクライアントに届いた（クライアント側の行 {}）：途中の機器が作ったもの",
    );
    say(
        &rows(Fate::Foreign, 1),
        "! The server got {n} packets that the client did not send (the server's rows {}): something between made them",
        "! クライアントが送っていないパケット {n} 個がサーバーに届いた（サーバー側の行 {}）：途中の機器が作ったもの",
    );
    if out.is_empty() {
        out.push(
            lang.of(
                "What was sent at one end arrived at the other, as it was sent.",
                "一方が送ったものは、そのまま他方に届いている。",
            )
            .to_owned(),
        );
    }
    out
}
