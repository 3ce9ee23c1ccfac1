//! What the screen says, in English and Japanese.

use wharf_ladder::Lang;

use super::app::View;
use super::entries::Entry;
use super::ladder::Panel;

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

/// Said where lines have no room.
pub(super) fn more(lines: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("... {lines} more lines: Enter"),
        Lang::Ja => format!("… 残り {lines} 行（Enter で表示）"),
    }
}

/// The same of what was found in a session.
pub(super) fn more_findings(lines: usize, lang: Lang) -> String {
    match lang {
        Lang::En => format!("... {lines} more lines: + for room, n for the next finding"),
        Lang::Ja => format!("… 残り {lines} 行（+ で広げる、n で次の所見）"),
    }
}

/// Said where nothing is left to be shown.
pub(super) fn no_row_fits(lang: Lang) -> &'static str {
    lang.of("no row fits: / to ask for others", "一致する行がない。/ で条件を変える")
}

/// Said while the rows of a session are read anew.
pub(super) fn reading_again(lang: Lang) -> &'static str {
    lang.of("reading it again ...", "読み直し中…")
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
            "Enter open  / filter  s sort  r reverse  m mark  d diff  f follow  ? help  q",
            "Enter 開く  / 絞り込み  s 並べ替え  r 逆順  m 印  d 比較  f 追跡  ? ヘルプ  q",
        ),
        View::Ladder(ladder) => match ladder.panel {
            Panel::Rows => lang.of(
                "Enter all  x bytes  n finding  / filter  m mark  d diff  i numbers  ? help  q",
                "Enter 全文  x バイト列  n 所見  / 絞り込み  m 印  d 比較  i 数値  ? ヘルプ  q",
            ),
            Panel::Detail => lang.of(
                "up, down scroll  left, right other rows  x bytes  n finding  ? help  q back",
                "上下：スクロール  左右：前後の行  x バイト列  n 次の所見  ? ヘルプ  q 戻る",
            ),
            Panel::Compared | Panel::Numbers => lang.of(
                "up, down scroll  left, right other rows  ? help  q back",
                "上下：スクロール  左右：前後の行  ? ヘルプ  q 戻る",
            ),
        },
        View::Diff(_) => lang.of(
            "n next difference  N the one before  ? help  q back",
            "n 次の相違  N 前の相違  ? ヘルプ  q 戻る",
        ),
    }
}

/// What was found in a session, beginning with this finding.
pub(super) fn verdict(entry: &Entry, first: usize, lang: Lang) -> Vec<String> {
    let facts = &entry.facts;
    let mut lines =
        vec![format!("#{} {} → {}: {}", facts.no, facts.client, facts.server, facts.ending)];
    let findings = entry.scene.as_ref().map(|scene| scene.findings.as_slice()).unwrap_or_default();
    let (before, from) = findings.split_at(first.min(findings.len()));
    for finding in from.iter().chain(before) {
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
            "Enter  open the session; in a ladder, all of the chosen row   q, Esc  back",
            "/      show only what fits: in a ladder rows, in the list sessions:",
            "       host 10.0.0.1, port 21, verb RETR, code 5*, finding D*, bytes 1000,",
            "       longer 60, failed, any word of the session; and, or, not, ( )",
            "m, d   mark a session, or a row; compare the chosen one with it",
            "n, N   the next finding or difference; the one before",
            "f      follow: stay with what comes last      Ctrl-Z  stop for a while",
            "s, r   in the list: sort by the next column; the other way round",
            "",
            "x      in a ladder: the packet, headers and bytes",
            "i      the numbers of the session: how long, how fast, what was sent again",
            "m      times count from the marked row",
            "w      all lines of replies, beneath their rows",
            "p      every packet, bare ACKs too     t  times     o  notes (122 columns)",
            "+, -   more or less room for what is told of the chosen row or session",
            "left, right   scroll sideways; in all of a row, to other rows",
            "",
            "> chosen  ! proves a finding  * marked  ~ goes on, or not seen  ? did not come",
            "C control connection (single line)   D data connection (double line)  T TLS",
        ],
        Lang::Ja => &[
            "上、下、j、k、PgUp、PgDn、Home、End    移動",
            "Enter  セッションを開く。ラダーでは選んだ行の全文   q, Esc  戻る、終了",
            "/      一致するものだけを表示（ラダーでは行、一覧ではセッション）",
            "       host 10.0.0.1、port 21、verb RETR、code 5*、finding D*、bytes 1000、",
            "       longer 60、failed、セッション内の語。and、or、not、( ) でつなぐ",
            "m, d   セッションか行に印を付ける、選んだものと比べる",
            "n, N   次の所見・相違、前の所見・相違",
            "f      追跡：最後に来たものを表示し続ける     Ctrl-Z  一時停止",
            "s, r   一覧で：次の列で並べ替え、逆順",
            "",
            "x      ラダーで：パケットのヘッダーとバイト列",
            "i      セッションの数値：所要時間、速度、再送",
            "m      時刻は印の行から数える",
            "w      複数行の応答を行の下に全部表示",
            "p      全パケット（ACK だけの行も）    t  時刻    o  注釈（122 桁以上）",
            "+, -   下の欄の高さ（一覧でも）",
            "左右   横にスクロール。行の全文では前後の行へ",
            "",
            "> 選択  ! 所見の根拠  * 印  ~ 継続中か実測でない  ? 来るはずで来なかった",
            "C コントロールコネクション（一重線）   D データコネクション（二重線）   T TLS",
        ],
    }
}
