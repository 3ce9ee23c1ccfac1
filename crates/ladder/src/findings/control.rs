//! The control connection: whether it opens, what answers, and how it ends.

use super::login::{On, not_secured};
use super::{Blame, Confidence, Proof, Rule, Severity, Visible, Words, say};
use crate::case::{Case, Exchange, code, refusal, says};
use crate::conn::Conn;
use crate::row::{Channel, Packet, Row};
use crate::tls::Tls;
use std::time::Duration;
use wharf_proto::Verb;
use wharf_proto::tap::{HalfEnd, Party, Timer};

/// A greeting later than this is late.
const LATE: Duration = Duration::from_secs(3);
/// A silence of both sides from here on is no pause.
const SILENT: Duration = Duration::from_secs(10);
/// A server that says so has timed a client out after no less.
const IDLE: Duration = Duration::from_secs(3);
/// So many sessions in a minute are a burst.
const BURST: u32 = 5;
/// So many refused logins in a minute make others suspicious.
const GUESSES: u32 = 3;
/// The port of implicit TLS.
const IMPLICIT: u16 = 990;
/// Words of a server that has as many sessions as it allows.
const FULL: &[&str] = &[
    "too many connections",
    "too many sessions",
    "too many users",
    "too many clients",
    "(the maximum)",
    "connections as",
    "as many sessions as",
    "セッションが多すぎ",
    "セッションの数に達し",
];
/// Words of such a server, if nothing else is meant by them.
const CROWD: &[&str] = &[
    "too many",
    "maximum number",
    "max clients",
    "connection limit",
    "limit reached",
    "sessions from",
];
/// Words for what guesses at passwords are.
const GUESSED: &[&str] =
    &["wrong password", "attempt", "failed", "failure", "authentic", "incorrect", "invalid", "bad"];
/// Words of a server that has waited for a command.
const WAITED: &[&str] =
    &["timeout", "timed out", "idle", "inactiv", "too long", "in time", "時間内に"];
/// Words of a server that has waited for the bytes of a file.
const STALLED: &[&str] =
    &["data timeout", "new data", "data transfer", "data connection", "stalled"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "C1",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Network,
        visible: Visible::Shape,
        hidden_by: &["C9"],
        cause: say(
            "nobody answers at port {}: the host is down, or a firewall drops or rejects what goes there",
            "ポート {} から応答がない。ホストが停止しているか、ファイアウォールが破棄または拒否している",
        ),
        advice: say(
            "check address and port, and whether the firewalls of both sides let the port through",
            "アドレスとポートを確かめ、両側のファイアウォールがそのポートを通すか調べる",
        ),
        find: |case| {
            let control = case.control.filter(|control| control.is_unanswered())?;
            let (first, last) = control.rows;
            let told = control.unreachable.map_or_else(String::new, |told| format!(" ({told})"));
            (control.syns >= 2 || control.is_rejected()).then(|| {
                Proof::of([first, last])
                    .saying(format_args!("{}{told}", server_port(case)))
                    .doubted_if(!control.is_rejected())
                    .missing(last, Party::Server, Channel::Control, "SYN, ACK")
            })
        },
    },
    Rule {
        id: "C2",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Server,
        visible: Visible::Shape,
        hidden_by: &[],
        cause: say(
            "nothing listens at port {}: the host refuses the connection",
            "ポート {} で待ち受けがなく、接続が拒否された",
        ),
        advice: say(
            "start the server, or use the port it listens on; often 21, 2121, or 990 for implicit TLS",
            "サーバーを起動するか、正しいポート（21、2121、暗黙的 TLS なら 990 など）を使う",
        ),
        find: |case| {
            let control = case.control.filter(|control| control.refused && control.syns > 0)?;
            Some(Proof::of([control.rows.0, control.rows.1]).saying(server_port(case)))
        },
    },
    Rule {
        id: "C3",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Server,
        visible: Visible::Shape,
        hidden_by: &["C5"],
        cause: say(
            "the server accepts the connection and closes it without a word: it turns this client away, has \
             reached a limit, or crashes",
            "サーバーが接続を受けた直後に何も送らず閉じた。このクライアントの拒否、接続数の上限、異常終了など",
        ),
        advice: say(
            "look into the server's log; check its access lists (TCP wrappers) and connection limits",
            "サーバーのログを見て、アクセス制限（TCP wrappers など）と接続数の上限を確かめる",
        ),
        find: |case| {
            let control =
                case.control.filter(|control| control.is_open() && control.bytes() == 0)?;
            let (who, ..) = control.first_end()?;
            let row = control.server.ended?.2;
            (who == Party::Server && case.replies().next().is_none()).then(|| Proof::of([row]))
        },
    },
    Rule {
        id: "C4",
        severity: Severity::Warning,
        confidence: Confidence::Likely,
        side: Blame::Server,
        visible: Visible::Shape,
        hidden_by: &[],
        cause: say(
            "the greeting came only after {} s: the server looks up the client's name or user (reverse DNS, ident) \
             first",
            "最初の応答まで {} 秒かかった。サーバーが逆引き DNS や ident を待っている",
        ),
        advice: say(
            "turn off reverse lookups and ident at the server (UseReverseDNS, IdentLookups), or mend the DNS",
            "サーバーの逆引きと ident（UseReverseDNS、IdentLookups など）を止めるか、DNS を直す",
        ),
        find: |case| {
            let control = case.control?;
            let greeting = greeting(case)?.replies.first().copied()?;
            let waited = greeting.at?.since(control.granted?);
            (waited > LATE).then(|| {
                Proof::of([greeting.no]).saying(format_args!("{:.1}", waited.as_secs_f64()))
            })
        },
    },
    Rule {
        id: "C5",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Either,
        visible: Visible::Shape,
        hidden_by: &[],
        cause: say(
            "the connection to port {} is open and both sides are silent: the server waits for TLS to begin \
             (implicit TLS), the client for a greeting",
            "ポート {} で双方が沈黙している。サーバーは TLS の開始（暗黙的 TLS）を、クライアントは最初の応答（220）を待っている",
        ),
        advice: say(
            "use ftps:// (implicit TLS) at this port, or port 21 with AUTH TLS (ftpes://)",
            "このポートでは ftps://（暗黙的 TLS）を使うか、21 番ポートで AUTH TLS（ftpes://）を使う",
        ),
        find: |case| {
            let (control, port) = (case.control?, server_port(case));
            let first = control.rows.0 + 2;
            let proof = Proof::of([first, control.rows.1]).saying(port).missing(
                first,
                Party::Server,
                Channel::Control,
                "220",
            );
            is_silent(case, control).then(|| match port {
                IMPLICIT => proof,
                _ => proof.in_words(NO_GREETING, MEND_GREETING).doubted(),
            })
        },
    },
    Rule {
        id: "C6",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Client,
        visible: Visible::Shape,
        hidden_by: &[],
        cause: say(
            "the client begins with TLS and the server answers in clear: it does not speak implicit TLS here",
            "クライアントが最初から TLS で話し、サーバーが平文で答えた。このポートは暗黙的 TLS ではない",
        ),
        advice: say(
            "use explicit TLS at this port: ftpes://, which begins in clear and asks with AUTH TLS",
            "このポートでは明示的 TLS（ftpes://、平文で始めて AUTH TLS で求める）を使う",
        ),
        find: |case| {
            let control = case.control?;
            let is_first = case.exchanges.iter().all(|one| one.command.is_none());
            if let Some(note) = not_secured(case, On::Control, &["in clear"]).filter(|_| is_first) {
                return Some(Proof::of([note.no]));
            }
            let digits = control.server.first.iter().take(3).all(u8::is_ascii_digit);
            let clear = digits && control.server.first.len() >= 3;
            let spoke = |party: Party| {
                let is_its = |row: &&Row| {
                    let is_words = matches!(
                        row.packet,
                        Packet::Data { .. } | Packet::Reply(_) | Packet::Command
                    );
                    row.channel == Channel::Control && row.from == party && is_words
                };
                case.rows.iter().find(is_its).map(|row| row.no)
            };
            let rows = [Party::Client, Party::Server].into_iter().filter_map(spoke);
            (Tls::begins(&control.client.first) && clear).then(|| Proof::of(rows))
        },
    },
    Rule {
        id: "C7",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Client,
        visible: Visible::Shape,
        hidden_by: &[],
        cause: say(
            "this is no FTP server: it speaks {}",
            "FTP サーバーではなく、{} が応答している",
        ),
        advice: say(
            "use a client for that protocol (SFTP is not FTP), or the port of the FTP server",
            "そのプロトコルのクライアントを使う（SFTP は FTP ではない）か、FTP のポートを使う",
        ),
        find: |case| {
            let first = &case.control?.server.first;
            let known: [(&[u8], &str); 6] = [
                (b"SSH-", "SSH"),
                (b"HTTP/", "HTTP"),
                (b"* OK", "IMAP"),
                (b"+OK", "POP3"),
                (b"RFB ", "VNC"),
                (b"<!DO", "HTTP"),
            ];
            let (_, name) = known.into_iter().find(|(begin, _)| first.starts_with(begin))?;
            let row = case
                .rows
                .iter()
                .find(|row| row.from == Party::Server && matches!(row.packet, Packet::Data { .. }));
            Some(Proof::of(row.map(|row| row.no)).saying(name))
        },
    },
    Rule {
        id: "C8",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "the server has as many sessions as it allows, of this address, of this user or at all",
            "このアドレス、このユーザー、または全体のセッション数がサーバーの上限に達している",
        ),
        advice: say(
            "use fewer connections at a time, close those left over, wait; or raise the server's limit",
            "同時接続を減らし、残った接続を閉じて待つ。またはサーバーの上限を上げる",
        ),
        find: |case| {
            let early = |one: &&Exchange<'_>| {
                matches!(one.verb, None | Some(Verb::User | Verb::Pass | Verb::Auth))
            };
            let row = refusal(case.exchanges.iter().filter(early), is_of_crowd)?;
            Some(Proof::of([row.no]))
        },
    },
    Rule {
        id: "C9",
        severity: Severity::Failure,
        confidence: Confidence::Possible,
        side: Blame::Network,
        visible: Visible::Shape,
        hidden_by: &[],
        cause: say(
            "after {} sessions within a minute the server does not answer any more: a firewall or a guard (fail2ban) \
             has banned this client",
            "1 分間に {} 回接続した後、応答がなくなった。ファイアウォールや fail2ban が遮断したと思われる",
        ),
        advice: say(
            "wait, ask for the address to be allowed, and use one session for many transfers",
            "しばらく待ち、アドレスの許可を求め、一つのセッションで多くの転送を行う",
        ),
        find: |case| {
            let before = case.setting.before;
            let control = case.control.filter(|control| control.is_unanswered())?;
            let banned = before.lately >= BURST || before.refused >= GUESSES;
            (banned && control.syns >= 2).then(|| {
                let (first, last) = control.rows;
                let proof = Proof::of([first, last]).missing(
                    last,
                    Party::Server,
                    Channel::Control,
                    "SYN, ACK",
                );
                match before.refused {
                    GUESSES.. => proof.in_words(BANNED, LOG_IN_RIGHT).saying(before.refused),
                    _ => proof.saying(before.lately),
                }
            })
        },
    },
    Rule {
        id: "C10",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "vsftpd gives up over a setting of its own: {}",
            "vsftpd が自身の設定の問題で中断した：{}",
        ),
        advice: say(
            "mend what the text names: a writable root inside chroot, a missing home, pasv_address, seccomp",
            "文面が示す設定（chroot 内の書き込み可能なルート、ホームディレクトリの欠落、pasv_address、seccomp）を直す",
        ),
        find: |case| {
            // What its TLS says is no fault of its settings.
            let is_it = |row: &&Row| {
                code(row) == 500 && says(row, &["oops"]) && !says(row, &["ssl", "tls"])
            };
            let row = case.replies().find(is_it)?;
            let said = row.label.to_string();
            Some(Proof::of([row.no]).saying(said.get(4..).unwrap_or_default()))
        },
    },
    Rule {
        id: "C11",
        severity: Severity::Warning,
        confidence: Confidence::Certain,
        side: Blame::Client,
        visible: Visible::Words,
        hidden_by: &["X4", "X17"],
        cause: say(
            "the server ends the session because no command came for {} s",
            "{} 秒間コマンドがなかったため、サーバーがセッションを終えた",
        ),
        advice: say(
            "send NOOP before that time is over, or connect anew when there is something to do",
            "その時間より前に NOOP を送るか、必要になってから接続し直す",
        ),
        find: |case| {
            let is_it = |row: &&Row| code(row) == 421 && says(row, WAITED) && !is_about_data(row);
            let told = || case.timer(Timer::Idle).or_else(|| case.timer(Timer::Login));
            let row = case.replies().find(is_it).or_else(told)?;
            let is_in = case.replies().any(|other| code(other) == 230 && other.no < row.no);
            // A capture that begins amid the session has no login to show.
            let began = case.control.and_then(|control| control.granted);
            if let Some(began) = began.filter(|_| !is_in) {
                let waited = row.at?.since(began);
                let proof = Proof::of([row.no]).saying(waited.as_secs());
                return (waited >= IDLE).then(|| proof.in_words(NO_LOGIN, LOG_IN_SOONER));
            }
            let asked =
                case.rows.iter().filter(|other| other.no < row.no && other.from == Party::Client);
            let quiet = row.at?.since(asked.filter_map(|row| row.at).max()?);
            (quiet >= IDLE).then(|| Proof::of([row.no]).saying(quiet.as_secs_f64().round()))
        },
    },
    Rule {
        id: "C12",
        severity: Severity::Info,
        confidence: Confidence::Likely,
        side: Blame::Either,
        visible: Visible::Words,
        hidden_by: &["X8", "N1"],
        cause: say(
            "QUIT was not answered with 221 before the connection was broken off; nothing was lost by it",
            "QUIT への 221 がないまま接続が切れた。失われたものはない",
        ),
        advice: say("nothing needs to be done", "対処の必要はない"),
        find: |case| {
            let quit = case.of([Verb::Quit]).last().filter(|quit| quit.replies.is_empty())?;
            let control = case.control?;
            let (party, how, _) = control.first_end()?;
            let broken = how == HalfEnd::Reset || party == Party::Server;
            let asked = quit.command?.no;
            let after = control.side(party).ended?.2 > asked;
            (broken && after)
                .then(|| Proof::of([asked]).missing(asked, Party::Server, Channel::Control, "221"))
        },
    },
    Rule {
        id: "C13",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &[
            "C10", "C11", "A4", "A6", "A8", "D2", "D3", "D12", "D13", "D22", "X3", "X4", "X17",
            "N1", "N2", "P2",
        ],
        cause: say(
            "the server ended the session and left {} without its reply: it crashed, was stopped, or turns the client away \
             without a word",
            "サーバーが {} に応答せずにセッションを終えた。異常終了、停止、または無言の拒否と思われる",
        ),
        advice: say(
            "look into the server's log at this moment; connect anew, and see whether the same command does it again",
            "その時刻のサーバーのログを調べる。接続し直し、同じコマンドで再び起きるか確かめる",
        ),
        find: |case| {
            let (who, ..) = case.control?.first_end()?;
            let (.., end) = case.control?.server.ended?;
            let left = |one: &&Exchange<'_>| {
                one.last().is_none() && one.command.is_some_and(|asked| asked.no < end)
            };
            let verb = |one: &Exchange<'_>| one.verb.filter(|verb| *verb != Verb::Quit);
            let one = case.exchanges.iter().find(left)?;
            let asked = one.command?;
            let spoken = case.replies().any(|row| code(row) == 421);
            let told = case.setting.logged || case.setting.is_amid_reply;
            (who == Party::Server && !spoken && !told).then_some(())?;
            Some(Proof::of([asked.no, end]).saying(verb(one)?).missing(
                one.replies.last().map_or(asked.no, |row| row.no),
                Party::Server,
                Channel::Control,
                "a reply",
            ))
        },
    },
];

/// Of C5, at a port that is not the usual one of implicit TLS.
const NO_GREETING: Words = say(
    "the connection to port {} is open and no greeting comes: the server looks up the client's name or user (reverse DNS, \
     ident), hangs, or waits for TLS to begin (implicit TLS)",
    "ポート {} への接続は開いたが最初の応答（220）が来ない。サーバーが逆引き DNS や ident を待っているか、止まっているか、TLS の開始（暗黙的 TLS）を待っている",
);
const MEND_GREETING: Words = say(
    "look into the server's log, turn off reverse lookups and ident there, or restart it; where the port is one of \
     implicit TLS, use ftps://",
    "サーバーのログを見て、逆引きと ident を止めるか再起動する。暗黙的 TLS のポートなら ftps:// を使う",
);
/// Of C9, behind refused logins.
const BANNED: Words = say(
    "after {} refused logins within a minute the server does not answer any more: a firewall or a guard (fail2ban) has \
     banned this client",
    "1 分間にログインが {} 回拒否された後、応答がなくなった。ファイアウォールや fail2ban が遮断したと思われる",
);
const LOG_IN_RIGHT: Words = say(
    "wait, or ask for the address to be allowed, and correct the name or password before the next login",
    "しばらく待つか、アドレスの許可を求め、次のログインの前に名前とパスワードを直す",
);
/// Of C11, where nobody had logged in.
const NO_LOGIN: Words = say(
    "the server ends the session because nobody had logged in after {} s",
    "{} 秒たってもログインがなかったため、サーバーがセッションを終えた",
);
const LOG_IN_SOONER: Words = say(
    "have name and password ready before you connect, or raise the server's time for a login",
    "ユーザー名とパスワードを用意してから接続するか、サーバーのログインの制限時間を延ばす",
);

/// Whether a refusal says that there are as many sessions as the server allows.
pub(super) fn is_of_crowd(row: &Row) -> bool {
    let may_be = || says(row, CROWD) && !says(row, &["command"]) && !is_of_guesses(row);
    matches!(code(row), 421 | 530) && (says(row, FULL) || may_be())
}

/// Whether a refusal says that there were too many wrong passwords.
pub(super) fn is_of_guesses(row: &Row) -> bool {
    let counts = || says(row, &["too many", "maximum", "exceeded"]) && says(row, GUESSED);
    let ours = || says(row, &["パスワードの誤りが多すぎ"]);
    matches!(code(row), 421 | 530) && (ours() || counts()) && !says(row, &["command"])
}

/// Whether a server that gives up has waited for the bytes of a file, and not for a command.
pub(super) fn is_about_data(row: &Row) -> bool {
    says(row, STALLED)
}

/// Whether the control connection is open and nobody has said anything for long.
fn is_silent(case: &Case<'_>, control: &Conn) -> bool {
    let until = control.closed().unwrap_or(case.setting.end);
    let open = control.granted.map(|granted| until.since(granted));
    let long = open.is_some_and(|open| open >= SILENT) || case.timer(Timer::Reply).is_some();
    control.is_open() && control.bytes() == 0 && case.exchanges.is_empty() && long
}

/// The greeting.
pub(super) fn greeting<'a, 'b>(case: &'b Case<'a>) -> Option<&'b Exchange<'a>> {
    case.exchanges.first().filter(|first| first.command.is_none())
}

fn server_port(case: &Case<'_>) -> u16 {
    case.ends.map_or(0, |ends| ends.server.port())
}
