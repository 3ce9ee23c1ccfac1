//! The network below, the grammar of the dialogue, and transfers between servers.

use super::{Blame, Confidence, Proof, Rule, Severity, Visible, say};
use crate::case::{Exchange, Setup, code, says};
use crate::conn::{Conn, Stuck};
use crate::row::{Channel, Packet, Remark, Row};
use std::time::Duration;
use wharf_proto::Verb;
use wharf_proto::tap::{HalfEnd, Party};

/// NATs forget what was silent for longer than some time from here on.
const FORGETTING: Duration = Duration::from_secs(60);
/// Segments of at least this length are full, or nearly.
const FULL: u32 = 1_200;
const SILENT: Duration = Duration::from_secs(10);
/// So many pauses of one length are no chance.
const PAUSES: usize = 5;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "N1",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Network,
        visible: Visible::Shape,
        hidden_by: &[],
        cause: say(
            "the control connection was silent for {} s during a transfer, and dead afterwards: a NAT or firewall has \
             forgotten it",
            "転送中にコントロールコネクションが {} 秒間無通信となり、その後は通じなかった。NAT かファイアウォールが忘れた",
        ),
        advice: say(
            "turn on TCP keep-alive below that time, or send NOOP meanwhile; else raise the device's limit",
            "その時間より短い間隔の TCP キープアライブか NOOP を使う。または機器の制限時間を延ばす",
        ),
        find: |case| {
            let control = case.control?;
            let times: Vec<_> = case
                .rows
                .iter()
                .filter(|row| {
                    row.channel == Channel::Control && row.at.is_some() && !row.is_bare_ack()
                })
                .collect();
            let answers = |to: &Row, row: &Row| row.from != to.from && row.packet == Packet::Rst;
            let gap = (0..times.len()).filter_map(|at| times.get(at..)).find(|rows| match rows {
                [one, two, rest @ ..] => {
                    let (from, to) = (one.at.unwrap_or_default(), two.at.unwrap_or_default());
                    if to.since(from) < FORGETTING {
                        return false;
                    }
                    let moving = case.data.iter().any(|conn| {
                        let spoke = conn.client.spoke.into_iter().chain(conn.server.spoke);
                        spoke
                            .map(|(_, last)| last)
                            .any(|last| last > from && last.since(from) * 2 > to.since(from))
                    });
                    // A device that has forgotten it may answer the next word for the other side.
                    let refused = rest.first().is_some_and(|row| answers(two, row));
                    let dead = two.packet == Packet::Rst || refused || is_unheard(control, two);
                    moving && dead
                }
                _ => false,
            });
            if let Some([one, two, ..]) = gap {
                let quiet = two.at?.since(one.at?).as_secs();
                return Some(Proof::of([one.no, two.no]).saying(quiet));
            }
            None
        },
    },
    Rule {
        id: "N2",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Network,
        visible: Visible::Shape,
        hidden_by: &[],
        cause: say(
            "small packets pass and full ones ({} bytes) are sent again without end: a link on the way takes only shorter \
             ones and says so to nobody (MTU black hole)",
            "小さなパケットは通るが、最大長のパケット（{} バイト）は再送され続ける。途中の MTU が小さく、その通知も届いていない",
        ),
        advice: say(
            "let ICMP pass, clamp the MSS at the tunnel, or lower the MTU",
            "ICMP を通すか、トンネルで MSS を制限するか、MTU を下げる",
        ),
        find: |case| {
            let conns = case.control.iter().copied().chain(case.data.iter().copied());
            let stuck = |conn: &Conn| {
                [Party::Client, Party::Server].into_iter().find_map(|party| {
                    let side = conn.side(party);
                    let Stuck { length, times, at, row, .. } = side.stuck?;
                    let none_after = side.spoke.is_none_or(|(_, spoke)| spoke <= at);
                    let only_full = side.bytes <= u64::from(length) * 12;
                    // Who takes no more is no link that lets no more pass.
                    let takes = conn.side(party.other()).takes(length);
                    (times >= 4 && length >= FULL && none_after && only_full && takes)
                        .then_some((length, row))
                })
            };
            let (length, row) = conns.filter_map(stuck).next()?;
            Some(Proof::of([row]).saying(length))
        },
    },
    Rule {
        id: "N3",
        severity: Severity::Info,
        confidence: Confidence::Likely,
        side: Blame::Network,
        visible: Visible::Shape,
        hidden_by: &["N2"],
        cause: say(
            "the network loses packets: {} segments of a data connection were sent again",
            "パケットが失われている。データコネクションの {} セグメントが再送された",
        ),
        advice: say(
            "expect slow transfers; look for an overloaded or bad link",
            "転送は遅くなる。混雑または不良の回線を探す",
        ),
        find: |case| {
            let lossy = |conn: &&&Conn| {
                let again = u64::from(conn.client.again) + u64::from(conn.server.again);
                let longest = u64::from(conn.client.longest.max(conn.server.longest)).max(1);
                again >= 10 && again * 50 > conn.bytes() / longest
            };
            let conn = case.data.iter().find(lossy)?;
            let again = u64::from(conn.client.again) + u64::from(conn.server.again);
            Some(Proof::of([conn.rows.0, conn.rows.1]).saying(again))
        },
    },
    Rule {
        id: "N4",
        severity: Severity::Info,
        confidence: Confidence::Possible,
        side: Blame::Either,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "{} replies took just 40 or 200 ms: a line written in two pieces waits for a delayed ACK",
            "{} 個の応答が 40 または 200 ミリ秒ちょうどかかった。分割して書かれた行が遅延 ACK を待っている",
        ),
        advice: say(
            "write each line at once, and set TCP_NODELAY",
            "各行を一度に書き、TCP_NODELAY を設定する",
        ),
        find: |case| {
            let took =
                |one: &Exchange<'_>| Some(one.replies.first()?.at?.since(one.asked()?).as_millis());
            let times: Vec<u128> = case.exchanges.iter().filter_map(took).collect();
            // What every reply takes is the way, which the handshake tells where it was seen.
            let handshake = case.control.filter(|control| control.syns == 1);
            let way = handshake.and_then(|control| Some(control.granted?.since(control.begun)));
            let way = way.map(|way| way.as_millis()).or_else(|| times.iter().min().copied())?;
            let paused = |time: &&u128| matches!(time.saturating_sub(way), 38..=46 | 196..=212);
            let fixed = times.iter().filter(paused).count();
            let rows = case.rows.first().map(|row| row.no);
            (fixed >= PAUSES && fixed * 2 > times.len()).then(|| Proof::of(rows).saying(fixed))
        },
    },
    Rule {
        id: "N5",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        side: Blame::Either,
        visible: Visible::Shape,
        hidden_by: &[],
        cause: say(
            "the capture misses {} bytes of this session; what is said of it is less sure for that",
            "この記録にはセッションの {} バイトが欠けている。その分、判断は不確かになる",
        ),
        advice: say(
            "capture again with a larger buffer (tcpdump -B) and whole frames (-s 0)",
            "バッファを大きく（tcpdump -B）、フレーム全体を（-s 0）取り直す",
        ),
        find: |case| {
            let missing = case.setting.missing;
            let rows = case.remarks(|remark| matches!(remark, Remark::Missing(_)));
            (missing > 0).then(|| Proof::of(rows.iter().map(|row| row.no)).saying(missing))
        },
    },
    Rule {
        id: "N6",
        severity: Severity::Info,
        confidence: Confidence::Certain,
        side: Blame::Either,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "the data connections are not in the capture: what moved was not seen, only what was said of it",
            "データコネクションがキャプチャにない。転送の内容は見えず、応答の言葉だけが分かる",
        ),
        advice: say(
            "capture all that goes between the two hosts (tcpdump host ...), not only the port of the control connection",
            "コントロールコネクションのポートだけでなく、二つのホストの間のすべて（tcpdump host ...）をキャプチャする",
        ),
        find: |case| {
            // Where a connection was to come may be cut off, so that it is there and nobody knows whose it is.
            let names = |row: &&Row| {
                matches!(row.packet, Packet::Reply(227 | 229))
                    || matches!(row.verb, Some(Verb::Port | Verb::Eprt))
            };
            let is_cut = case.rows.iter().filter(names).any(|row| case.is_cut(row));
            let one = case.unseen_connection().filter(|_| !is_cut)?;
            Some(Proof::of(one.numbers()))
        },
    },
    Rule {
        id: "P1",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Either,
        visible: Visible::Words,
        hidden_by: &["P3"],
        cause: say(
            "replies and commands are out of step: {} is no answer to the command that waits, but to an earlier one",
            "応答とコマンドがずれている。{} は待っているコマンドではなく、以前のコマンドへの応答である",
        ),
        advice: say(
            "read every reply before the next command; to mend the session, connect anew",
            "次のコマンドの前に全応答を読む。回復するには接続し直す",
        ),
        find: |case| {
            let telling = [125, 150, 213, 215, 226, 227, 229, 230, 257, 331];
            let odd = |(at, one): &(usize, &Exchange<'_>)| {
                // A reply to no command says again what another has said, or is none that is known of.
                let is_double = one.command.is_none();
                if one.verb.is_none() && !(is_double && *at > 0 && !case.setting.logged) {
                    return false;
                }
                one.replies.iter().any(|row| {
                    let earlier = case.exchanges.iter().take(*at).rev().take(3);
                    let has_said = |one: &Exchange<'_>| {
                        one.replies.iter().any(|other| code(other) == code(row))
                    };
                    let fits = |before: &Exchange<'_>| {
                        before.verb.is_some_and(|verb| verb.row().allows(code(row)))
                            && (!is_double || has_said(before))
                    };
                    telling.contains(&code(row))
                        && one.verb.is_none_or(|verb| !verb.row().allows(code(row)))
                        && earlier.into_iter().any(fits)
                })
            };
            let (_, one) = case.exchanges.iter().enumerate().find(odd)?;
            Some(Proof::of(one.numbers()).saying(code(one.replies.last()?)))
        },
    },
    Rule {
        id: "P2",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "a reply of several lines never ends: its last line has another code than its first, or none",
            "複数行の応答が終わらない。最後の行のコードが最初と違うか、ない",
        ),
        advice: say(
            "the server must end it with the code of its first line and a space (RFC 959 section 4.2)",
            "サーバーは最初の行と同じコードと空白で終えなければならない（RFC 959 4.2 節）",
        ),
        find: |case| {
            let rows = case.setting.amiss?;
            let last = case.rows.iter().find(|row| row.no == rows[1]).and_then(|row| row.at);
            let waited = last.is_some_and(|at| case.known_after(at) >= SILENT) || case.is_ended();
            (waited || !case.setting.is_amid_reply).then(|| Proof::of(rows))
        },
    },
    Rule {
        id: "P3",
        severity: Severity::Info,
        confidence: Confidence::Likely,
        side: Blame::Either,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "ABOR was answered with {} replies: a transfer that breaks off has its own (426), ABOR another (226)",
            "ABOR への応答が {} 個だった。中断された転送（426）と ABOR（226）にそれぞれ応答がある",
        ),
        advice: say(
            "read until nothing more comes, and begin the next command then",
            "何も来なくなるまで読んでから、次のコマンドを送る",
        ),
        find: |case| {
            let abor = case.of([Verb::Abor]).next()?;
            let asked = abor.command?;
            let transfer = case
                .transfers()
                .filter(|one| one.command.is_some_and(|row| row.no < asked.no))
                .last()?;
            let running = transfer.last().is_none_or(|row| row.no > asked.no);
            let next = case.next_command(asked).map_or(u32::MAX, |row| row.no);
            let between = |row: &&Row| row.no > asked.no && row.no < next && code(row) >= 200;
            let count = case.replies().filter(between).count();
            let known = next != u32::MAX || case.is_ended() || case.known_after(asked.at?) > SILENT;
            (running && known && count != 2 && transfer.preliminary().is_some())
                .then(|| Proof::of([asked.no]).saying(count))
        },
    },
    Rule {
        id: "P4",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        side: Blame::Client,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "{} lines of the client do not end in CR LF, as they must",
            "クライアントの {} 行が、定められた CR LF で終わっていない",
        ),
        advice: say(
            "end each line with CR LF (RFC 959 section 5.3.1)",
            "各行を CR LF で終える（RFC 959 5.3.1 節）",
        ),
        find: |case| {
            let text = case.control?.client.text;
            let bare = text.lines.saturating_sub(text.crlf);
            let first = case.rows.iter().find(|row| row.packet == Packet::Command);
            (bare > 0).then(|| Proof::of(first.map(|row| row.no)).saying(bare))
        },
    },
    Rule {
        id: "P5",
        severity: Severity::Warning,
        confidence: Confidence::Possible,
        side: Blame::Client,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "the client breaks the session off at a final reply of several lines, which is legal",
            "複数行の最終応答は正しいのに、クライアントがそこでセッションを切った",
        ),
        advice: say("update the client", "クライアントを更新する"),
        find: |case| {
            let granted = case.transfers().filter_map(Exchange::granted);
            let row = granted.filter(|row| says(row, &["(+"])).last()?;
            let (how, at, ended) = case.control?.client.ended?;
            let at_once =
                at.since(row.at?) < Duration::from_secs(1) && case.next_command(row).is_none();
            // Who only closes may have got all that it wants.
            let rude = how == HalfEnd::Reset;
            (at_once && rude && ended > row.no).then(|| Proof::of([row.no, ended]))
        },
    },
    Rule {
        id: "F1",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "transfer between servers: the server refuses {}, the address of the other server",
            "サーバー間転送：もう一方のサーバーのアドレス {} が拒否された",
        ),
        advice: say(
            "let this server do FXP (--allow-fxp; allow_foreign_address), or copy through the client",
            "このサーバーで FXP を許可する（--allow-fxp など）か、クライアント経由でコピーする",
        ),
        find: |case| {
            let client = case.client()?;
            let other = |setup: &&Setup<'_>| {
                let foreign = setup
                    .address
                    .is_some_and(|address| address.ip() != client || case.setting.has_partner);
                setup.listener == Party::Client
                    && !setup.granted
                    && foreign
                    && case.setting.has_partner
            };
            let setup = case.setups.iter().find(other)?;
            let asked = case.exchanges.get(setup.asked)?;
            asked.refused()?;
            Some(Proof::of(asked.numbers()).saying(setup.address?))
        },
    },
    Rule {
        id: "F2",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Network,
        visible: Visible::Words,
        hidden_by: &["F1"],
        cause: say(
            "transfer between servers: the connection from one to the other{} does not come about",
            "サーバー間転送：サーバー同士の接続{}が成立しない",
        ),
        advice: say(
            "let the other server listen (exchange PASV and PORT), or copy through the client",
            "待ち受ける側を入れ替える（PASV と PORT を交換する）か、クライアント経由でコピーする",
        ),
        find: |case| {
            let dead = |conn: &&&Conn| conn.refused || (conn.is_unanswered() && conn.syns >= 2);
            let conn = case.data.iter().find(dead).filter(|_| case.setting.has_partner)?;
            let to = conn.ends.map(|ends| ends.server);
            Some(Proof::of([conn.rows.0, conn.rows.1]).saying(super::active::port(to)))
        },
    },
    Rule {
        id: "F3",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Client,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "transfer between servers under TLS: the data connection is open and both wait, for neither was told to begin \
             TLS",
            "TLS でのサーバー間転送：データコネクションは開いたが、どちらも TLS を始めるよう指示されず待っている",
        ),
        advice: say(
            "tell one of them with CPSV or SSCN to be the TLS client, or copy through the client",
            "CPSV か SSCN で一方を TLS クライアントにするか、クライアント経由でコピーする",
        ),
        find: |case| {
            let private = case
                .of([Verb::Prot])
                .any(|one| one.argument().eq_ignore_ascii_case(b"p") && one.granted().is_some());
            let silent = |conn: &&&Conn| {
                let until = conn.closed().unwrap_or(case.setting.end);
                conn.bytes() + conn.missing() == 0
                    && conn.granted.is_some_and(|granted| until.since(granted) >= SILENT)
            };
            let told = case.of([Verb::Cpsv, Verb::Sscn]).any(|one| one.granted().is_some());
            let fits = case.setting.has_partner && private && !told;
            let conn = case.data.iter().find(silent).filter(|_| fits)?;
            Some(Proof::of([conn.rows.0, conn.rows.1]))
        },
    },
];

/// Whether what the sender of a row of the control connection said then is sent again, and was never acknowledged.
fn is_unheard(control: &Conn, row: &Row) -> bool {
    let stuck = control.side(row.from).stuck;
    stuck.is_some_and(|stuck| {
        let is_it = row.wire.is_some_and(|wire| wire.seq == stuck.seq);
        is_it && (stuck.times >= 3 || row.is_again())
    })
}
