//! Transfers: what moved, what did not, and what was said of it.

mod known;
mod still;

use self::known::{
    announced, began_anew, breaker, has_name, is_deflated, is_file, is_foreign, is_plain, is_text,
    is_whole, left_early, mode, moved, restart,
};
use super::login::is_about_other_things;
use super::{Blame, Confidence, Proof, Rule, Severity, Visible, say};
use crate::case::{Exchange, code, refusal, says};
use crate::conn::Conn;
use crate::dialogue::sender;
use crate::row::{Channel, Row};
use std::time::Duration;
use wharf_proto::Verb;
use wharf_proto::tap::{HalfEnd, Party, Timer};

/// A final reply that has not come so long after the data connection has closed does not come.
const NO_FINAL: Duration = Duration::from_secs(60);
/// A connection that spoke within this time was not idle.
const BUSY: Duration = Duration::from_secs(5);
const FULL: &[&str] = &["quota", "disk full", "no space", "insufficient", "storage"];
/// There is nothing of that name.
const NONE: &[&str] = &["no such file", "not found"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "X1",
        severity: Severity::Warning,
        confidence: Confidence::Likely,
        side: Blame::Client,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "a binary file was moved as text (TYPE A): bytes that look like line ends were changed, so it is damaged",
            "バイナリファイルがテキスト（TYPE A）で転送された。改行に見えるバイトが変わり、壊れている",
        ),
        advice: say(
            "send TYPE I before the transfer, and move the file again",
            "転送前に TYPE I を送り、もう一度転送する",
        ),
        find: |case| {
            if !case.has_beginning() {
                return None;
            }
            let moved = |one: &&Exchange<'_>| {
                let sender = sender(one.verb);
                let nuls = case.conns_of(one).iter().any(|conn| conn.side(sender).text.nuls > 0);
                is_file(one.verb)
                    && one.granted().is_some()
                    && nuls
                    && is_text(case, one)
                    && is_plain(case)
            };
            let one = case.transfers().find(moved)?;
            Some(Proof::of(one.numbers()))
        },
    },
    Rule {
        id: "X2",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        side: Blame::Client,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "SIZE is refused because the type is A: it does not mean that the file is missing",
            "TYPE A のため SIZE が拒否された。ファイルがないという意味ではない",
        ),
        advice: say("send TYPE I before SIZE", "SIZE の前に TYPE I を送る"),
        find: |case| {
            let row = refusal(case.of([Verb::Size]), |row| says(row, &["ascii"]))?;
            Some(Proof::of([row.no]))
        },
    },
    Rule {
        id: "X3",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Either,
        visible: Visible::Words,
        hidden_by: &["N1", "X4", "X8", "D10", "D11", "D12", "D13", "D22", "N2"],
        cause: say(
            "the data connection was closed and the final reply never came: whether the file is complete was not said",
            "データコネクションは閉じたが、最後の応答が来ない。ファイルが完全かどうかは分からない",
        ),
        advice: say(
            "compare the size (SIZE) or a hash; wait longer, and keep the control connection alive during long transfers",
            "サイズ（SIZE）やハッシュを照合する。待ち時間を延ばし、長い転送中はコントロールコネクションを維持する",
        ),
        find: |case| {
            let one = case.transfers().find(|one| one.last().is_none())?;
            let closed = case.conns_of(one).iter().filter_map(|conn| conn.closed()).max()?;
            let in_order = case
                .conns_of(one)
                .iter()
                .all(|conn| !matches!(conn.first_end(), Some((_, HalfEnd::Reset, _))));
            let late = case.known_after(closed) >= NO_FINAL || case.timer(Timer::Reply).is_some();
            let end = case.control.and_then(Conn::first_end);
            // A server that dies closes its connections in any order.
            let dead = end.is_some_and(|(who, ..)| who == Party::Server);
            let gone = dead || end.is_some_and(|(.., at)| at >= closed);
            let after = case.conns_of(one).iter().map(|conn| conn.rows.1).max()?;
            ((late || gone) && in_order).then(|| {
                let asked = one.command.map_or(0, |row| row.no);
                let proof = Proof::of([asked, after]);
                proof
                    .missing(after, Party::Server, Channel::Control, "226")
                    .doubted_if(gone && !late)
            })
        },
    },
    Rule {
        id: "X4",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Server,
        visible: Visible::Shape,
        hidden_by: &[],
        cause: say(
            "the server ended the session while a file was still moving: it counts only what goes over the control \
             connection",
            "ファイルの転送中にサーバーがセッションを終えた。コントロールコネクションの動きだけを数えている",
        ),
        advice: say(
            "raise the server's idle limit, or send NOOP during long transfers",
            "サーバーの無通信制限を延ばすか、長い転送中に NOOP を送る",
        ),
        find: |case| {
            let spoken = case.replies().find(|row| code(row) == 421);
            let ended = case.control?.server.ended.map(|(_, at, row)| (at, row));
            let (at, row) = spoken.and_then(|row| Some((row.at?, row.no))).or(ended)?;
            let moving = |conn: &&&Conn| {
                let spoke =
                    conn.client.spoke.into_iter().chain(conn.server.spoke).map(|(_, last)| last);
                let open = conn.first_end().is_none_or(|(.., end)| end >= at);
                let long = spoke
                    .clone()
                    .max()
                    .is_some_and(|last| at.since(conn.begun) > BUSY && last >= conn.begun);
                open && long && spoke.max().is_some_and(|last| at.since(last) < BUSY)
            };
            let quit = case.of([Verb::Quit]).next().is_some();
            let conn = case.data.iter().find(moving).filter(|_| !quit)?;
            Some(Proof::of([row, conn.rows.1]))
        },
    },
    Rule {
        id: "X5",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Either,
        visible: Visible::Words,
        hidden_by: &["T1", "T2", "T3", "T4", "T5", "X4", "X10", "X14", "X17", "N1", "N2", "P3"],
        cause: say(
            "the transfer broke off: {}; side that ended it: {who}",
            "転送が途中で切れた：{}。切った側：{who}",
        ),
        advice: say(
            "look at that side: disk, quota, a user who gave up; else at the network. Go on with REST",
            "その側のディスク、クオータ、ユーザーによる中断を調べる。なければ経路を調べる。REST で続きから再開できる",
        ),
        find: |case| {
            let aborted = case.of([Verb::Abor]).next().is_some();
            let broke = |one: &&Exchange<'_>| {
                let refused = one.refused().is_some_and(|row| matches!(code(row), 426 | 450 | 451));
                let conns = case.conns_of(one);
                // Its connection may not be in the capture.
                let begun = conns.is_empty() && one.preliminary().is_some();
                let open = conns.iter().any(|conn| conn.is_open());
                refused && (case.setting.logged || open || begun)
            };
            let one = case.transfers().find(broke).filter(|_| !aborted)?;
            let proof = Proof::of(one.numbers()).by(breaker(case, one));
            let unseen = !case.setting.logged && case.conns_of(one).is_empty();
            Some(proof.saying(&one.refused()?.label).doubted_if(unseen))
        },
    },
    Rule {
        id: "X6",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Either,
        visible: Visible::Words,
        hidden_by: &["X13", "X1"],
        cause: say(
            "the transfer was called complete with fewer bytes than the file has: {}",
            "ファイルより少ないバイト数で転送完了とされた：{}",
        ),
        advice: say(
            "compare the sizes, and go on with REST; the closed connection was taken for the end of the file",
            "サイズを照合し、REST で続きを取得する。接続の切断がファイルの終わりとみなされた",
        ),
        find: |case| {
            let (one, size, got) = case.transfers().find_map(|one| {
                let size = announced(case, one)?;
                let got = moved(case, one)?;
                let whole = got + restart(case, one);
                let fits = one.verb == Some(Verb::Retr) && !is_text(case, one) && is_plain(case);
                (fits && one.granted().is_some() && whole < size).then_some((one, size, whole))
            })?;
            Some(Proof::of(one.numbers()).saying(format_args!("{got} < {size}")))
        },
    },
    Rule {
        id: "X7",
        severity: Severity::Warning,
        confidence: Confidence::Likely,
        side: Blame::Client,
        visible: Visible::Words,
        hidden_by: &["T3", "T7", "P3", "X17"],
        cause: say(
            "the client closed the data connection before the server had sent everything",
            "サーバーが送り終える前に、クライアントがデータコネクションを閉じた",
        ),
        advice: say(
            "the client must read up to the server's FIN, whatever replies have come",
            "クライアントは応答に関わらず、サーバーの FIN まで読む",
        ),
        find: |case| {
            let aborted = case.of([Verb::Abor]).next().is_some();
            let early = |one: &&Exchange<'_>| {
                one.verb == Some(Verb::Retr)
                    && case.conns_of(one).iter().any(|conn| left_early(conn))
            };
            let one = case.transfers().find(early).filter(|_| !aborted && is_plain(case))?;
            let conn = case.conns_of(one).into_iter().find(|conn| left_early(conn))?;
            Some(Proof::of([one.command.map_or(0, |row| row.no), conn.client.ended?.2]))
        },
    },
    Rule {
        id: "X8",
        severity: Severity::Warning,
        confidence: Confidence::Likely,
        side: Blame::Client,
        visible: Visible::Words,
        hidden_by: &["N1"],
        cause: say(
            "the client closed the control connection before the final reply to its upload: it cannot know whether it was \
             kept",
            "アップロードの最後の応答を待たずに、クライアントがコントロールコネクションを閉じた。保存されたか分からない",
        ),
        advice: say("wait for 226 before closing", "226 を待ってから閉じる"),
        find: |case| {
            let stores =
                |one: &&Exchange<'_>| sender(one.verb) == Party::Client && one.last().is_none();
            let one = case.transfers().find(stores)?;
            let (how, at, row) = case.control?.client.ended?;
            let sent = case
                .conns_of(one)
                .iter()
                .filter_map(|conn| conn.client.ended)
                .map(|end| end.1)
                .max()?;
            let first = case.control?.first_end()?.0 == Party::Client;
            (first && at >= sent && how != HalfEnd::Eof)
                .then(|| Proof::of([one.command.map_or(0, |row| row.no), row]))
        },
    },
    Rule {
        id: "X9",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Either,
        visible: Visible::Words,
        hidden_by: &["A2", "T4"],
        cause: say(
            "the server refuses the file or folder: {}",
            "サーバーがファイルまたはディレクトリを拒否した：{}",
        ),
        advice: say(
            "check the path (it counts from the folder of the last CWD), the rights there, and whether it is in use",
            "パス（最後の CWD からの相対）、その場所の権限、使用中でないかを確かめる",
        ),
        find: |case| {
            let plain = |row: &Row| {
                matches!(code(row), 550 | 553 | 450)
                    && !is_about_other_things(row)
                    && !says(row, FULL)
            };
            let refused = |one: &&Exchange<'_>| {
                let is_missing = |row: &Row| has_name(one) && says(row, NONE);
                one.refused().is_some_and(plain)
                    && (is_file(one.verb) || one.refused().is_some_and(is_missing))
                    && !is_foreign(case, one)
                    && case.conns_of(one).iter().all(|conn| conn.bytes() == 0)
            };
            // Who looks whether a folder is there goes on when it is not.
            let mut asked = case.exchanges.iter().rev().filter(|one| one.verb != Some(Verb::Quit));
            let last = asked.find(|one| one.command.is_some());
            let lost = last.filter(|one| {
                let refused = one.refused().is_some_and(plain);
                one.verb == Some(Verb::Cwd) && refused && !is_foreign(case, one)
            });
            let one = case.transfers().find(refused).or(lost)?;
            Some(Proof::of(one.numbers()).saying(&one.refused()?.label))
        },
    },
    Rule {
        id: "X10",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say("there is no room left at the server: {}", "サーバーに空きがない：{}"),
        advice: say(
            "free space there, or raise the quota",
            "サーバーの空きを増やすか、クオータを上げる",
        ),
        find: |case| {
            let full = |row: &Row| {
                matches!(code(row), 452 | 552)
                    || (matches!(code(row), 451 | 550 | 553) && says(row, FULL))
            };
            let row = refusal(&case.exchanges, full)?;
            Some(Proof::of([row.no]).saying(&row.label))
        },
    },
    Rule {
        id: "X11",
        severity: Severity::Info,
        confidence: Confidence::Likely,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &["A7"],
        cause: say(
            "the listing is refused because there is nothing to list: {}",
            "一覧するものがないため、一覧が拒否された：{}",
        ),
        advice: say("take it for an empty folder", "空のディレクトリとして扱う"),
        find: |case| {
            let lists = || case.of([Verb::Nlst, Verb::List, Verb::Mlsd]);
            let is_one =
                |row: &Row, words: &[&str]| matches!(code(row), 450 | 550) && says(row, words);
            // Of the folder where one is, which is there; of a name they say that there is none of it.
            let here = lists().filter(|one| !has_name(one));
            let row = refusal(lists(), |row| is_one(row, &["no files", "empty"]))
                .or_else(|| refusal(here, |row| is_one(row, NONE)))?;
            Some(Proof::of([row.no]).saying(&row.label))
        },
    },
    Rule {
        id: "X12",
        severity: Severity::Info,
        confidence: Confidence::Possible,
        side: Blame::Either,
        visible: Visible::Words,
        hidden_by: &["T1", "T3"],
        cause: say(
            "the listing came and was empty: an empty folder, another folder than meant, hidden names, or options that the \
             server does not take",
            "一覧は空だった。空のディレクトリ、別のディレクトリ、隠しファイル、または受け付けられない LIST オプションが考えられる",
        ),
        advice: say(
            "look with PWD where this is; try MLSD, or LIST -a",
            "PWD で場所を確かめ、MLSD や LIST -a を試す",
        ),
        find: |case| {
            let empty = |one: &&Exchange<'_>| {
                let conns = case.conns_of(one);
                let nothing =
                    conns.iter().all(|conn| conn.carried(Party::Server) == 0 && is_whole(conn));
                one.granted().is_some() && !conns.is_empty() && nothing && is_plain(case)
            };
            let one = case.of([Verb::List, Verb::Nlst, Verb::Mlsd]).find(empty)?;
            Some(Proof::of(one.numbers()))
        },
    },
    Rule {
        id: "X13",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "the server granted REST {}, and the transfer began at the start of the file all the same",
            "サーバーは REST {} を受け付けたのに、転送はファイルの先頭から始まった",
        ),
        advice: say(
            "send REST directly before RETR or STOR, with nothing between; check the size of what came",
            "REST は RETR や STOR の直前に送り、間に何も挟まない。転送後のサイズを確かめる",
        ),
        find: |case| {
            let ignored = |one: &&Exchange<'_>| began_anew(case, one);
            let one = case.transfers().find(ignored).filter(|_| is_plain(case))?;
            Some(Proof::of(one.numbers()).saying(restart(case, one)))
        },
    },
    Rule {
        id: "X14",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Either,
        visible: Visible::Words,
        hidden_by: &["T3"],
        cause: say(
            "MODE Z was granted and the bytes are not compressed: they begin with {}",
            "MODE Z が受け付けられたのに、データが圧縮されていない。先頭は {}",
        ),
        advice: say("use MODE S", "MODE S を使う"),
        find: |case| {
            let bad = |one: &&Exchange<'_>| {
                let first =
                    case.conns_of(one).into_iter().map(|conn| &conn.side(sender(one.verb)).first);
                mode(case, one) == b'Z'
                    && first.into_iter().any(|first| first.len() >= 2 && !is_deflated(first))
            };
            let clear =
                |one: &&Exchange<'_>| case.conns_of(one).iter().all(|conn| conn.tls.is_none());
            let one = case.transfers().filter(clear).find(bad)?;
            let conn = case.conns_of(one).into_iter().next()?;
            let first = &conn.side(sender(one.verb)).first;
            let shown: Vec<String> =
                first.iter().take(2).map(|byte| format!("{byte:02x}")).collect();
            Some(Proof::of(one.numbers()).saying(shown.join(" ")))
        },
    },
    Rule {
        id: "X15",
        severity: Severity::Failure,
        confidence: Confidence::Possible,
        side: Blame::Either,
        visible: Visible::Words,
        hidden_by: &["X16"],
        cause: say(
            "a name with letters beyond ASCII is not found: client and server disagree on the charset ({})",
            "ASCII 以外の文字を含む名前が見つからない。文字コードが食い違っている（{}）",
        ),
        advice: say(
            "send OPTS UTF8 ON where FEAT has UTF8; else set the charset of this server (CP932, EUC-JP, Latin-1)",
            "FEAT に UTF8 があれば OPTS UTF8 ON を送る。なければサーバーの文字コード（CP932、EUC-JP、Latin-1）を設定する",
        ),
        find: |case| {
            let one = case.exchanges.iter().find(|one| is_foreign(case, one))?;
            let what = match str::from_utf8(one.argument()) {
                Ok(_) => "UTF-8",
                Err(_) => "not UTF-8",
            };
            Some(Proof::of(one.numbers()).saying(what))
        },
    },
    Rule {
        id: "X16",
        severity: Severity::Failure,
        confidence: Confidence::Possible,
        side: Blame::Either,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "a name with the byte FF is not found: Telnet has a meaning for it, and one side did not double it",
            "バイト FF を含む名前が見つからない。Telnet の特殊文字であり、片方が二重にしていない",
        ),
        advice: say(
            "double FF in both directions (RFC 959 section 5.3.1), or use UTF-8, which has none",
            "双方向で FF を二重にする（RFC 959 5.3.1 節）か、FF のない UTF-8 を使う",
        ),
        find: |case| {
            let odd = |one: &&Exchange<'_>| {
                one.refused().is_some_and(|row| matches!(code(row), 500 | 501 | 550))
                    && one.argument().contains(&0xff)
            };
            let one = case.exchanges.iter().find(odd)?;
            Some(Proof::of(one.numbers()))
        },
    },
    Rule {
        id: "X17",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Either,
        visible: Visible::Shape,
        hidden_by: &["N2"],
        cause: say(
            "the transfer stood still for {}: the {who} neither sent nor took anything",
            "転送が{}止まった。{who}が送りも受け取りもしなかった",
        ),
        advice: say(
            "look at the disk and the program of that side; raise the time limit where it is only slow",
            "その側のディスクやプログラムを調べる。遅いだけなら制限時間を延ばす",
        ),
        find: still::stood_still,
    },
];
