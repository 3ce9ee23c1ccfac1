//! What the screen says, in English and Japanese.

use wharf_ladder::Lang;

use super::app::View;
use super::entries::Entry;

/// `12 of 345 sessions`.
pub(super) fn count(shown: usize, all: usize, lang: Lang) -> String {
    match (lang, shown == all) {
        (Lang::En, true) if all == 1 => "1 session".to_owned(),
        (Lang::En, true) => format!("{all} sessions"),
        (Lang::En, false) => format!("{shown} of {all} sessions"),
        (Lang::Ja, true) => format!("セッション {all} 件"),
        (Lang::Ja, false) => format!("セッション {shown} / {all} 件"),
    }
}

/// `, 12 frames dropped`.
pub(super) fn dropped(frames: u64, lang: Lang) -> String {
    match (frames, lang) {
        (0, _) => String::new(),
        (_, Lang::En) => format!(", {frames} frames dropped by the kernel"),
        (_, Lang::Ja) => format!("、カーネルが {frames} フレームを取りこぼし"),
    }
}

/// `, 31250 before them forgotten`.
pub(super) fn forgotten(sessions: usize, lang: Lang) -> String {
    match (sessions, lang) {
        (0, _) => String::new(),
        (_, Lang::En) => format!(", {sessions} before them forgotten"),
        (_, Lang::Ja) => format!("、それ以前の {sessions} 件は保持していない"),
    }
}

/// The heads of the columns, in their order.
pub(super) fn columns(lang: Lang) -> [&'static str; 8] {
    match lang {
        Lang::En => ["no", "began", "took", "client", "server", "done", "bytes", "findings"],
        Lang::Ja => ["番号", "開始", "時間", "クライアント", "サーバー", "転送", "バイト", "所見"],
    }
}

/// The keys of a view.
pub(super) fn keys(view: &View, lang: Lang) -> &'static str {
    match view {
        View::List => lang.of(
            "Enter open  / filter  s sort  r reverse  m mark  d compare  f follow  ? help  q end",
            "Enter 開く  / 絞り込み  s 並べ替え  r 逆順  m 印  d 比較  f 追跡  ? ヘルプ  q 終了",
        ),
        View::Ladder(_) => lang.of(
            "n next finding  / filter  p packets  o notes  t times  f follow  ? help  q back",
            "n 次の所見  / 絞り込み  p 全パケット  o 注釈  t 時刻  f 追跡  ? ヘルプ  q 戻る",
        ),
        View::Diff(_) => lang.of(
            "n next difference  N the one before  ? help  q back",
            "n 次の相違  N 前の相違  ? ヘルプ  q 戻る",
        ),
    }
}

/// What was found in a session.
pub(super) fn verdict(entry: &Entry, lang: Lang) -> Vec<String> {
    let facts = &entry.facts;
    let mut lines =
        vec![format!("#{} {} → {}: {}", facts.no, facts.client, facts.server, facts.ending)];
    let findings = entry.scene.as_ref().map(|scene| scene.findings.as_slice()).unwrap_or_default();
    for finding in findings {
        lines.push(format!("! {}  {}", finding.rule.id, finding.cause(lang)));
        lines.push(format!("    → {}", finding.advice(lang)));
    }
    if findings.is_empty() && !facts.findings.is_empty() {
        lines.push(facts.findings.join(" "));
    }
    lines
}

/// All keys and signs.
pub(super) fn help(lang: Lang) -> &'static [&'static str] {
    match lang {
        Lang::En => &[
            "up, down, j, k, PgUp, PgDn, Home, End    go",
            "Enter    open the session         q, Esc    back; end",
            "/        show only what fits: in the list sessions, in a ladder rows",
            "         host 10.0.0.1, port 21, verb RETR, code 5*, finding D*, bytes 1000, longer 60,",
            "         failed, any word of the session; and, or, not, ( )",
            "s, r     sort by the next column; the other way round",
            "m, d     mark a session; compare the chosen one with it",
            "f        follow: stay with what comes last",
            "n, N     the next finding or difference; the one before",
            "p        show bare ACKs            o    notes beside the rows (from 122 columns on)",
            "t        times                     Ctrl-Z    stop for a while",
            "",
            "> chosen   ! proves a finding   * marked   ~ goes on, or was not seen   ? should have come",
            "C control connection (single line)   D data connection (double line)",
        ],
        Lang::Ja => &[
            "上下, j, k, PgUp, PgDn, Home, End    移動",
            "Enter    セッションを開く          q, Esc    戻る、終了",
            "/        一致するものだけを表示（一覧ではセッション、ラダーでは行）",
            "         host 10.0.0.1、port 21、verb RETR、code 5*、finding D*、bytes 1000、longer 60、",
            "         failed、セッション内の語。and, or, not, ( ) でつなぐ",
            "s, r     次の列で並べ替え、逆順",
            "m, d     セッションに印を付ける、選んだものと比べる",
            "f        追跡：最後に来たものを表示し続ける",
            "n, N     次の所見・相違、前の所見・相違",
            "p        ACK だけの行も表示        o    行の右に注釈（122 桁以上）",
            "t        時刻                      Ctrl-Z    一時停止",
            "",
            "> 選択   ! 所見の根拠   * 印   ~ 継続中、または実測でない   ? 来るはずで来なかった",
            "C 制御コネクション（一重線）   D データコネクション（二重線）",
        ],
    }
}
