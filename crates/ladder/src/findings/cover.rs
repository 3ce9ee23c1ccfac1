//! TLS on data connections.

use super::login::{On, not_secured};
use super::{Blame, Confidence, Proof, Rule, Severity, Visible, say};
use crate::case::{Case, Exchange, code, refusal, says};
use crate::conn::Conn;
use crate::row::Row;
use crate::tls::Tls;
use std::time::Duration;
use wharf_proto::Verb;
use wharf_proto::tap::{HalfEnd, Party};

const REUSE: &[&str] = &["resum", "reuse", "re-use", "session_reuse"];
const PROTECTION: &[&str] = &[
    "prot p",
    "prot command",
    "protection level",
    "data connections must be",
    "must be encrypted",
    "ssl/tls required on the data",
    "requires encryption",
    "prot setting",
];
/// A handshake alone has fewer bytes.
const SMALL: u64 = 8192;
const SILENT: Duration = Duration::from_secs(10);
/// A TLS client that has not begun by then was not going to; few wait longer for it.
const PATIENT: Duration = Duration::from_secs(3);

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "T1",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Client,
        visible: Visible::Shape,
        hidden_by: &["T2", "T3", "T4"],
        cause: say(
            "the server demands that data connections resume the TLS session of the control connection, and this one \
             began a session of its own{}",
            "サーバーはデータコネクションがコントロールコネクションの TLS セッションを再開することを要求するが、新しいセッションで始まった{}",
        ),
        advice: say(
            "use a client that resumes TLS sessions; or tell the server not to ask for it (require_ssl_reuse=NO, \
             NoSessionReuseRequired)",
            "TLS セッションを再開できるクライアントを使うか、サーバーの要求を外す（require_ssl_reuse=NO、NoSessionReuseRequired）",
        ),
        find: |case| {
            if case.setting.logged {
                let wants = |row: &Row| matches!(code(row), 425 | 522) && says(row, REUSE);
                let row = refusal(case.transfers(), wants)?;
                return Some(Proof::of([row.no]).saying(format_args!(" ({})", code(row))));
            }
            let (conn, row) = not_resumed(case)?;
            let named = row.is_some_and(|row| says(row, REUSE));
            // Where nobody hears the reply, an empty listing looks the same.
            let severity = if row.is_some() { Severity::Failure } else { Severity::Warning };
            let code = row.map(|row| format!(" ({})", code(row))).unwrap_or_default();
            let row = row.map_or(conn.rows.1, |row| row.no);
            let proof = Proof::of([conn.rows.0, row]).saying(code).weighing(severity);
            Some(proof.doubted_if(!named))
        },
    },
    Rule {
        id: "T2",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Client,
        visible: Visible::Shape,
        hidden_by: &["T3", "T4"],
        cause: say(
            "after {} data connections that resumed the TLS session the next did not: the tickets of TLS 1.3, which count \
             once each, are used up",
            "{} 本のデータコネクションは TLS セッションを再開できたが、次はできなかった。一度しか使えない TLS 1.3 のチケットが尽きた",
        ),
        advice: say(
            "the client must keep the newest ticket of every connection; or hold both sides to TLS 1.2",
            "クライアントは各接続で最新のチケットを保存する。または双方を TLS 1.2 に限る",
        ),
        find: |case| {
            let (conn, row) = not_resumed(case)?;
            let before = |of: &&&Conn| of.rows.0 < conn.rows.0 && of.is_resumed() == Some(true);
            let count = case.data.iter().filter(before).count();
            let row = row.map_or(conn.rows.1, |row| row.no);
            (count > 0 && conn.is_of_new_tls()).then(|| Proof::of([conn.rows.0, row]).saying(count))
        },
    },
    Rule {
        id: "T3",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Either,
        visible: Visible::Shape,
        hidden_by: &[],
        cause: say(
            "on the data connection one side speaks TLS and the other does not: they disagree on PROT",
            "データコネクションで片方だけが TLS を話している。PROT が食い違っている",
        ),
        advice: say(
            "send PBSZ 0 and PROT P after the login, and look at both replies",
            "ログイン後に PBSZ 0 と PROT P を送り、両方の応答を確かめる",
        ),
        find: |case| {
            if let Some(note) = not_secured(case, On::Data, &["in clear", "invalidcontenttype"]) {
                return Some(Proof::of([note.no]));
            }
            let torn = |conn: &&&Conn| {
                let (client, server) = (&conn.client.first, &conn.server.first);
                let both = client.len() >= 3 && server.len() >= 3;
                let is_tls = |first: &[u8]| Tls::begins(first) || matches!(first, [21, 3, ..]);
                // What a connection began with is not known where its beginning was not seen.
                conn.opener.is_some() && both && is_tls(client) != is_tls(server)
            };
            let conn = case.data.iter().find(torn)?;
            Some(Proof::of([conn.rows.0, conn.rows.1]))
        },
    },
    Rule {
        id: "T4",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Client,
        visible: Visible::Words,
        hidden_by: &["T3"],
        cause: say(
            "the server demands that data connections are under TLS as well: {}",
            "サーバーはデータコネクションにも TLS を要求している：{}",
        ),
        advice: say(
            "send PBSZ 0 and PROT P after the login",
            "ログイン後に PBSZ 0 と PROT P を送る",
        ),
        find: |case| {
            let codes = [425, 503, 521, 522, 530, 534, 536, 550];
            let wants = |row: &Row| codes.contains(&code(row)) && says(row, PROTECTION);
            let prot =
                case.of([Verb::Prot]).filter(|one| one.argument().eq_ignore_ascii_case(b"c"));
            // Without PBSZ before it any PROT is out of order.
            let refused = prot.filter_map(Exchange::refused).find(|row| code(row) != 503);
            let asked =
                case.transfers().chain(case.of([Verb::Pasv, Verb::Epsv, Verb::Port, Verb::Eprt]));
            let wanted = refusal(asked, wants).filter(|row| !is_private(case, row));
            let row = wanted.or(refused)?;
            Some(Proof::of([row.no]).saying(&row.label))
        },
    },
    Rule {
        id: "T5",
        severity: Severity::Warning,
        confidence: Confidence::Likely,
        side: Blame::Either,
        visible: Visible::Shape,
        hidden_by: &["T1", "T2", "T3", "T4", "T6"],
        cause: say(
            "the {who} ended the data connection without saying close_notify: a cut file would look the same, and careful \
             peers report an error",
            "{who}が close_notify を送らずにデータコネクションを閉じた。途中で切れたファイルと区別できず、相手がエラーにすることがある",
        ),
        advice: say(
            "that side must say close_notify before its FIN (RFC 8446 section 6.1); an update often mends it",
            "その側は FIN の前に close_notify を送らなければならない（RFC 8446 6.1 節）。更新で直ることが多い",
        ),
        find: |case| {
            let (conn, party) = case.data.iter().find_map(|conn| Some((*conn, cut_by(conn)?)))?;
            let one = case.transfer_of(conn).and_then(Exchange::last);
            let bad = one.is_some_and(|row| code(row) >= 400);
            let worst = if bad { Severity::Failure } else { Severity::Warning };
            let rows = [conn.side(party).ended?.2, one.map_or(0, |row| row.no)];
            Some(Proof::of(rows).by(party).weighing(worst))
        },
    },
    Rule {
        id: "T6",
        severity: Severity::Warning,
        confidence: Confidence::Likely,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &["T3"],
        cause: say(
            "an upload ended without close_notify and the server called it complete ({}): a file that was cut on its way \
             would be kept as whole",
            "close_notify なしに終わったアップロードをサーバーが完了とした（{}）。途中で切れたファイルも完全とみなされる",
        ),
        advice: say(
            "tell the server to insist on close_notify (strict_ssl_read_eof), and compare size or hash",
            "サーバーに close_notify を要求させ（strict_ssl_read_eof など）、サイズやハッシュを照合する",
        ),
        find: |case| {
            let cut = |conn: &&&Conn| cut_by(conn) == Some(Party::Client) && conn.client.bytes > 0;
            let conn = case.data.iter().find(cut)?;
            let one = case.transfer_of(conn)?;
            let stores = matches!(one.verb, Some(Verb::Stor | Verb::Appe | Verb::Stou));
            let row = one.granted().filter(|_| stores)?;
            Some(Proof::of([conn.client.ended?.2, row.no]).saying(code(row)))
        },
    },
    Rule {
        id: "T7",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Client,
        visible: Visible::Shape,
        hidden_by: &["F3"],
        cause: say(
            "on a data connection that the server opened the client waits for TLS to begin: but it is the FTP client that \
             begins, whoever connected",
            "サーバーが開いたデータコネクションで、クライアントが TLS の開始を待っている。どちらが接続しても始めるのは FTP クライアントである",
        ),
        advice: say(
            "mend the client (RFC 4217 section 7), or use passive mode",
            "クライアントを直す（RFC 4217 7 節）か、パッシブモードを使う",
        ),
        find: |case| {
            let (conn, sure) = case.data.iter().copied().find_map(|conn| {
                let hello = matches!(*conn.server.first, [0x16, 3, _, _, _, 1, ..]);
                let reversed = conn.opener == Some(Party::Server) && hello;
                if reversed { Some((conn, true)) } else { Some((conn, waits_for_tls(case, conn)?)) }
            })?;
            let (first, last) = conn.rows;
            let waits = conn.opener?.other();
            let proof = Proof::of([first, last]).doubted_if(!sure);
            Some(match conn.side(waits).bytes {
                0 => proof.missing(first + 2, waits, conn.channel, "ClientHello"),
                _ => proof,
            })
        },
    },
];

/// A data connection under TLS that resumed nothing, and whose transfer failed for it; with the reply.
fn not_resumed<'a>(case: &Case<'a>) -> Option<(&'a Conn, Option<&'a Row>)> {
    case.data.iter().find_map(|conn| {
        if conn.is_resumed() != Some(false) {
            return None;
        }
        if !case.has_words() || (case.has_tls() && case.transfers().next().is_none()) {
            // Under TLS the reply is not heard; a connection that moved nothing is what can be seen.
            let closed = conn.first_end().is_some_and(|(party, ..)| party == Party::Server)
                || conn.has_said_all(Party::Server);
            let is_idle = |conn: &Conn| match (&conn.tls, conn.is_secured()) {
                (Some(tls), true) => tls.has_moved_nothing(),
                _ => conn.client.bytes.max(conn.server.bytes) < SMALL,
            };
            // A server that takes one such connection takes all.
            let taken = |conn: &&Conn| conn.is_resumed() == Some(false) && !is_idle(conn);
            let wants = closed && is_idle(conn) && !case.data.iter().any(taken);
            return wants.then_some((*conn, None));
        }
        let one = case.transfer_of(conn)?;
        let codes = [421, 425, 426, 431, 450, 451, 522, 534];
        let refusal = |row: &&&Row| {
            codes.contains(&code(row)) && (says(row, REUSE) || matches!(code(row), 425 | 522))
        };
        let row = one.replies.iter().rfind(refusal)?;
        Some((*conn, Some(*row)))
    })
}

/// Whether a client has said nothing on a data connection that the server opened, where TLS is wanted or may be, and how sure
/// that is of this kind: what the server says at the end, an alert, leaves no doubt. Under TLS nobody hears PROT.
fn waits_for_tls(case: &Case<'_>, conn: &Conn) -> Option<bool> {
    let (granted, opener) = (conn.granted?, conn.opener?);
    let (sends, waits) = (conn.side(opener), conn.side(opener.other()));
    let alerted = matches!(*sends.first, [0x15, 3, ..]);
    // On one host nobody knows who opened a connection of which TLS hides the announcement; but only the server that has
    // waited for a hello gives such an alert.
    let on_one_host = conn.ends.is_some_and(|ends| ends.client.ip() == ends.server.ip());
    if opener == Party::Client && !(alerted && conn.probable && on_one_host) {
        return None;
    }
    let prot = case.of([Verb::Prot]).filter(|one| one.granted().is_some()).last();
    let wanted = prot.is_some_and(|one| one.argument().eq_ignore_ascii_case(b"p"));
    let silent = waits.bytes == 0 && conn.missing() == 0 && !case.setting.has_partner;
    let ends = [conn.client.ended, conn.server.ended].into_iter().flatten().map(|(_, at, _)| at);
    let until = ends.min().unwrap_or(case.setting.end);
    let waited = until.since(granted);
    let is_it = silent
        && (alerted || sends.bytes == 0)
        && (wanted || (case.is_sealed() && prot.is_none()))
        && waited >= PATIENT;
    is_it.then_some(alerted || (wanted && waited >= SILENT))
}

/// Who ended a data connection under TLS with FIN, and without close_notify.
fn cut_by(conn: &Conn) -> Option<Party> {
    let tls = conn.tls.as_ref().filter(|tls| tls.is_secured())?;
    let sender = match conn.verb {
        Some(Verb::Stor | Verb::Appe | Verb::Stou) => Party::Client,
        Some(_) => Party::Server,
        // Who sends a file ends first; the bytes of a handshake say nothing about that.
        None => conn.first_end()?.0,
    };
    let ended = matches!(conn.side(sender).ended, Some((HalfEnd::Fin, ..)));
    (ended && tls.said_goodbye(sender) == Some(false)).then_some(sender)
}

/// Whether PROT P was in force when a row came.
fn is_private(case: &Case<'_>, row: &Row) -> bool {
    let before = |one: &&Exchange<'_>| one.granted().is_some_and(|reply| reply.no < row.no);
    let last = case.of([Verb::Prot]).filter(before).last();
    last.is_some_and(|one| one.argument().eq_ignore_ascii_case(b"p"))
}
