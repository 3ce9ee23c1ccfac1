//! Login, and TLS on the control connection.

use super::control::{is_of_crowd, is_of_guesses};
use super::{Blame, Confidence, Proof, Rule, Severity, Visible, Words, say};
use crate::case::{Case, Exchange, code, refusal, says, says_word};
use crate::conn::Conn;
use crate::label;
use crate::row::{Channel, Packet, Remark, Row};
use crate::tls::Tls;
use std::collections::BTreeSet;
use std::time::Duration;
use wharf_proto::Verb;
use wharf_proto::tap::{HalfEnd, Party};

/// Words of our client for its distrust of a certificate.
const DISTRUST: &[&str] = &["certificate", "issuer", "expired", "not valid for"];
/// Words for terms that both sides could not agree on.
const TERMS: &[&str] = &["refused it", "broke it off", "nothing in common", "incompatible"];
/// Who leaves later than this behind the handshake of TLS has seen nothing wrong with the certificate.
const AT_ONCE: Duration = Duration::from_secs(3);
/// No record of TLS that holds QUIT is longer, under the ciphers of today.
const QUIT: u32 = 35;
/// The alerts of a client that does not trust a certificate (RFC 8446 section 6.2).
const ALERTS: &[&str] = &[
    "bad_certificate",
    "unsupported_certificate",
    "certificate_revoked",
    "certificate_expired",
    "certificate_unknown",
    "unknown_ca",
    "access_denied",
];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "A1",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Either,
        visible: Visible::Words,
        hidden_by: &["A2", "C8", "C10"],
        cause: say(
            "the server refuses this user or password{}",
            "サーバーがこのユーザー名またはパスワードを拒否した{}",
        ),
        advice: say(
            "check name and password; where they are right, at the server: the login shell (/etc/shells), PAM, the \
             user list, the lowest uid",
            "名前とパスワードを確かめる。正しければサーバーのログインシェル（/etc/shells）、PAM、ユーザーリスト、uid の下限を調べる",
        ),
        find: |case| {
            let login = case.of([Verb::Pass, Verb::Acct, Verb::User]).filter_map(Exchange::refused);
            let refused = login.filter(|row| matches!(code(row), 530 | 430)).map(|row| row.no);
            let counted = case.replies().filter(|row| is_of_guesses(row)).map(|row| row.no);
            let counted: BTreeSet<u32> = counted.collect();
            let what = if counted.is_empty() { "" } else { " (too many wrong ones)" };
            let rows: BTreeSet<u32> = refused.chain(counted).collect();
            Proof::of_any(rows.into_iter().collect()).map(|proof| proof.saying(what))
        },
    },
    Rule {
        id: "A2",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Client,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "the server demands TLS before a login",
            "サーバーはログイン前の TLS を要求している",
        ),
        advice: say(
            "use ftpes://, which sends AUTH TLS first",
            "AUTH TLS を先に送る ftpes:// を使う",
        ),
        find: |case| {
            let verbs = [Verb::User, Verb::Pass, Verb::Acct, Verb::Feat, Verb::Syst, Verb::Pwd];
            let codes = [421, 503, 521, 522, 530, 534, 550];
            let wants = |row: &Row| codes.contains(&code(row)) && is_about_tls(row);
            let row = refusal(case.of(verbs), wants).filter(|row| !case.is_covered(row))?;
            Some(Proof::of([row.no]))
        },
    },
    Rule {
        id: "A3",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "the server refuses AUTH ({}): TLS is off or has no certificate there, or a device between masks the command",
            "サーバーが AUTH を拒否した（{}）。TLS が無効、証明書がない、または途中の機器が遮っている",
        ),
        advice: say(
            "set up TLS and a certificate at the server; where it has both, try from another network",
            "サーバーに TLS と証明書を設定する。設定済みなら別のネットワークから試す",
        ),
        find: |case| {
            let tries: Vec<&Exchange<'_>> = case.of([Verb::Auth]).collect();
            let refused = tries.iter().filter_map(|one| one.refused()).next_back()?;
            let all = tries.iter().all(|one| one.granted().is_none());
            // Who goes on in clear has lost the cover and nothing else.
            let goes_on = case.of([Verb::Pass, Verb::User]).any(|one| {
                one.granted().is_some_and(|row| row.no > refused.no && code(row) == 230)
            });
            let severity = if goes_on { Severity::Warning } else { Severity::Failure };
            all.then(|| Proof::of([refused.no]).saying(code(refused)).weighing(severity))
        },
    },
    Rule {
        id: "A4",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Either,
        visible: Visible::Shape,
        hidden_by: &["A5", "A9", "C5", "C6", "T1", "T2", "T3", "T7"],
        cause: say(
            "TLS could not be begun on the control connection: {}",
            "コントロールコネクションで TLS を開始できなかった：{}",
        ),
        advice: SHARE_TERMS,
        find: |case| {
            if let Some(note) = not_secured(case, On::Control, &[]) {
                let proof = Proof::of([note.no]).saying(why(note));
                return Some(match says(note, NEEDS_ONE) {
                    true => proof.in_words(NO_CERTIFICATE, GIVE_ONE),
                    false => proof,
                });
            }
            if let Some((row, what)) = disagreed_on_data(case) {
                return Some(Proof::of([row]).saying(what).in_words(NO_TLS_ON_DATA, SHARE_TERMS));
            }
            let control = case.control?;
            let tls =
                control.tls.as_ref().filter(|tls| tls.client.is_some() && !tls.is_secured())?;
            let alert =
                [Party::Server, Party::Client].into_iter().find_map(|party| tls.alert(party));
            let (party, ..) = control.first_end()?;
            let row = alerts(case, control).unwrap_or(control.side(party).ended?.2);
            let what = alert.map_or_else(|| "closed".to_owned(), |alert| alert.to_string());
            Some(Proof::of([row]).saying(what).doubted_if(alert.is_none()))
        },
    },
    Rule {
        id: "A5",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Server,
        visible: Visible::Shape,
        hidden_by: &[],
        cause: say(
            "the client does not trust the server's certificate: {}",
            "クライアントがサーバー証明書を信頼していない：{}",
        ),
        advice: say(
            "give the server a certificate for its name, in date, with its chain; or trust its issuer (--ca), or just this one, whatever its dates (--pin)",
            "名前が合い、期限内で、中間証明書の揃った証明書にするか、発行者を信頼する（--ca）か、期限にかかわらずこの証明書だけを信頼する（--pin）",
        ),
        find: |case| {
            let words = match case.setting.teller {
                // It knows only the alert that the client gave, and has a mind of its own on the client's certificate.
                Some(Party::Server) => ALERTS,
                Some(Party::Client) | None => DISTRUST,
            };
            // What the server breaks off is no distrust of the client's.
            let is_its = |note: &&Row| !says(note, &["broke it off"]);
            let of = |on| not_secured(case, on, words).filter(is_its);
            if let Some(note) = of(On::Control).or_else(|| of(On::Data)) {
                return Some(Proof::of([note.no]).saying(why(note)));
            }
            let conns = case.control.iter().chain(&case.data);
            let distrusts = |conn: &&&Conn| {
                let alert = conn.tls.as_ref().and_then(|tls| tls.alert(Party::Client));
                alert.is_some_and(|alert| alert.is_about_trust())
            };
            let Some(conn) = conns.copied().find(|conn| distrusts(&conn)) else {
                let row = leaves_at_once(case)?;
                let proof = Proof::of([row]).saying(LEFT).doubted().doubted();
                return Some(match is_polite(case) {
                    true => proof.in_words(LOOKED, TRUST_IT).weighing(Severity::Info),
                    false => proof,
                });
            };
            let alert = conn.tls.as_ref()?.alert(Party::Client)?;
            let ended = || conn.client.ended.map_or(conn.rows.1, |(.., row)| row);
            Some(Proof::of([alerts(case, conn).unwrap_or_else(ended)]).saying(alert))
        },
    },
    Rule {
        id: "A6",
        severity: Severity::Failure,
        confidence: Confidence::Possible,
        side: Blame::Network,
        visible: Visible::Shape,
        hidden_by: &[],
        cause: say(
            "the encrypted control connection was reset by somebody else than the {who}: its packets come over another \
             number of hops",
            "暗号化されたコントロールコネクションが第三者にリセットされた。{who}を名乗るパケットのホップ数が違う",
        ),
        advice: say(
            "turn off FTP inspection (an FTP helper, StatefulFTP on Windows) in the firewalls between",
            "途中のファイアウォールの FTP 検査（FTP ヘルパー、Windows の StatefulFTP）を止める",
        ),
        find: |case| {
            let control = case.control.filter(|control| control.tls.is_some())?;
            let reset = |party| matches!(control.side(party).ended, Some((HalfEnd::Reset, ..)));
            let foreign =
                |party| control.side(party).hops.is_some_and(|(first, last)| first != last);
            let party =
                [Party::Server, Party::Client].into_iter().find(|p| reset(*p) && foreign(*p))?;
            Some(Proof::of([control.side(party).ended?.2]).by(party))
        },
    },
    Rule {
        id: "A7",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "the user's home is not there or lies outside of the server's root: PWD answers an empty path",
            "ユーザーのホームディレクトリがないか、サーバーのルートの外にある。PWD の応答が空のパスである",
        ),
        advice: say(
            "make the home folder, mount it, or correct it in the account",
            "ホームディレクトリを作るかマウントするか、アカウントの設定を直す",
        ),
        find: |case| {
            let mut asked = case.of([Verb::Pwd]).filter_map(Exchange::granted);
            let pwd = asked.find(|row| says(row, &["257 \"\""]))?;
            let looks = case.of([Verb::List, Verb::Nlst, Verb::Mlsd, Verb::Cwd]);
            let refused = looks.filter_map(Exchange::refused).next()?;
            Some(Proof::of([pwd.no, refused.no]))
        },
    },
    Rule {
        id: "A8",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Either,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "after CCC one side goes on with TLS and the other in clear, so neither understands the other",
            "CCC の後、片方は TLS のまま、もう片方は平文になり、互いに理解できない",
        ),
        advice: say("do not use CCC", "CCC を使わない"),
        find: |case| {
            let ccc = case.of([Verb::Ccc]).find_map(Exchange::granted)?;
            // A record may have a line feed in it.
            let is_under_tls = |row: &&Row| {
                let asks = row.packet == Packet::Command
                    && (row.tls || Tls::begins_with_data(row.label.as_bytes()));
                row.no > ccc.no && (asks || says(row, &["a record of tls"]))
            };
            let clear = |row: &Row| row.no > ccc.no && !row.tls;
            if let Some(row) =
                case.rows.iter().find(is_under_tls).filter(|_| case.replies().any(clear))
            {
                return Some(Proof::of([ccc.no, row.no]));
            }
            let after = |row: &&Row| row.no > ccc.no;
            let asked = case.rows.iter().filter(after).any(|row| row.packet == Packet::Command);
            let answered = case.replies().any(|row| row.no > ccc.no);
            // A server that ends the session before TLS has ended did not hear that it should.
            let control = case.control?;
            let (who, ..) = control.first_end()?;
            let end = control.side(who).ended?.2;
            let cleared = case.remarks(|remark| remark == Remark::Cleared);
            let broke = who == Party::Server && !cleared.into_iter().any(|note| note.no > ccc.no);
            (!answered && (asked || broke)).then(|| Proof::of([ccc.no, end]).doubted_if(!asked))
        },
    },
    Rule {
        id: "A9",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "the server agrees to TLS (234) and does not begin it: it answers the client's first message in clear, with {}",
            "サーバーは TLS に同意（234）したが開始せず、クライアントの最初のメッセージに平文の {} で答えた",
        ),
        advice: say(
            "look into the server's log for what its TLS lacks, a certificate or its key; without it have AUTH refused",
            "サーバーのログで TLS に足りないもの（証明書や鍵）を調べる。使えない間は AUTH を拒否させる",
        ),
        find: |case| {
            let agreed = case.of([Verb::Auth]).find_map(Exchange::granted)?;
            let tls = case.control?.tls.as_ref()?;
            let one_sided =
                tls.client.is_some() && tls.server.is_none() && tls.alert(Party::Server).is_none();
            let clear = case.replies().find(|row| row.no > agreed.no && !row.tls)?;
            one_sided.then(|| Proof::of([agreed.no, clear.no]).saying(code(clear)))
        },
    },
];

/// The row in which an alert of TLS went over a connection, the last one.
fn alerts(case: &Case<'_>, conn: &Conn) -> Option<u32> {
    let tls = conn.tls.as_ref()?;
    let is_it = |row: &&Row| {
        let alert = tls.alert(row.from).map(|alert| alert.to_string());
        let is_its = row.channel == conn.channel && matches!(row.packet, Packet::Data { .. });
        is_its && alert.is_some_and(|alert| row.label.to_string().contains(&alert))
    };
    case.rows.iter().rfind(is_it).map(|row| row.no)
}

/// Of A5, where the client leaves in order.
const LOOKED: Words = say(
    "the client says good-bye as soon as it has seen the server's certificate: it only wanted to see that (a monitor, \
     openssl s_client), or does not trust it",
    "クライアントはサーバー証明書を見てすぐに正しく切断した。証明書を調べただけ（監視、openssl s_client など）か、信頼していない",
);
const TRUST_IT: Words = say(
    "nothing, if it was a probe; else give the server a certificate that its clients trust, for its name, in date, with \
     its chain",
    "調べただけなら何もしなくてよい。そうでなければ、名前が合い、期限内で、中間証明書の揃った、信頼される証明書にする",
);

/// What A5 says of a client that tells nothing.
const LEFT: &str = "it leaves as soon as it has seen it";
/// Of A4, where it is of a data connection.
const NO_TLS_ON_DATA: Words = say(
    "TLS could not be begun on a data connection: {}",
    "データコネクションで TLS を開始できなかった：{}",
);

/// The alert of a server that wants the client's certificate (RFC 8446 section 6.2).
const NEEDS_ONE: &[&str] = &["certificaterequired", "certificate_required"];
/// Of A4, where that is it.
const NO_CERTIFICATE: Words = say(
    "the server wants a certificate of the client, which has shown none: {}",
    "サーバーはクライアント証明書を求めているが、示されなかった：{}",
);
const GIVE_ONE: Words = say(
    "give the client a certificate that the server trusts (--client-cert, --client-key), or have the server do without \
     (require_cert=NO)",
    "サーバーが信頼する証明書をクライアントに設定する（--client-cert、--client-key）か、サーバーの要求を外す（require_cert=NO）",
);

const SHARE_TERMS: Words = say(
    "both sides must share a TLS version and a cipher, and the name asked for must have a certificate",
    "双方が共通の TLS バージョンと暗号を持ち、求めた名前の証明書があるか確かめる",
);

/// Which connections a remark is looked for on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    Control,
    Data,
}

/// The remark that TLS could not be begun on such a connection, if its words are among these; without any, whatever
/// they are.
pub(super) fn not_secured<'a>(case: &Case<'a>, on: On, words: &[&str]) -> Option<&'a Row> {
    let is_there = |note: &&Row| (note.channel == Channel::Control) == (on == On::Control);
    let is_it = |note: &&Row| words.is_empty() || says(note, words);
    let notes = case.remarks(|remark| remark == Remark::NotSecured);
    notes.into_iter().find(|note| is_there(note) && is_it(note))
}

/// The row that says that the two sides could not agree on TLS for a data connection, and what it says.
fn disagreed_on_data(case: &Case<'_>) -> Option<(u32, String)> {
    if let Some(note) = not_secured(case, On::Data, TERMS) {
        return Some((note.no, why(note)));
    }
    case.data.iter().find_map(|conn| {
        let tls = conn.tls.as_ref().filter(|tls| tls.client.is_some() && !tls.is_secured())?;
        let alerts_of = [Party::Server, Party::Client].into_iter().filter_map(|of| tls.alert(of));
        let alert = alerts_of.into_iter().find(|alert| alert.is_about_terms())?;
        Some((alerts(case, conn)?, alert.to_string()))
    })
}

/// The end of a control connection that the client leaves as soon as it has seen the server's certificate: without a word,
/// or without waiting for what is answered to its first. GnuTLS does so under TLS 1.3, and does not say why.
fn leaves_at_once(case: &Case<'_>) -> Option<u32> {
    let control = case.control?;
    let (party, how, at) = control.first_end()?;
    let by_server = case.setting.teller == Some(Party::Server);
    // A server whose client has gone may notice that by its own answer.
    let left = party == Party::Client || (by_server && how == HalfEnd::Reset);
    let goodbye = says_goodbye_first(case, control);
    let (end, at) = match goodbye {
        Some(row) if !left => (row.no, row.at?),
        _ => (control.side(party).ended.filter(|_| left)?.2, at),
    };
    // Who says why has not left without a word, and who has resumed a TLS session was shown no certificate.
    let says_why = |of| {
        let alert = control.tls.as_ref().and_then(|tls| tls.alert(of));
        alert.is_some_and(|alert| !alert.is_goodbye())
    };
    if control.is_resumed() == Some(true)
        || [Party::Client, Party::Server].into_iter().any(says_why)
    {
        return None;
    }
    let secured = secured(case);
    let (from, begun) = match (secured, control.tls.as_ref().filter(|tls| tls.certificate)) {
        (Some(note), _) => (note.no, note.at?),
        (None, Some(_)) => (0, control.server.spoke?.1),
        (None, None) => return None,
    };
    let behind = |row: &&Row| row.no > from && row.no < end && row.channel == Channel::Control;
    let behind: Vec<&Row> = case.rows.iter().filter(behind).collect();
    let asks = |row: &&&Row| row.packet == Packet::Command && row.no > from && secured.is_some();
    let asked = u32::try_from(behind.iter().filter(asks).count()).unwrap_or(u32::MAX);
    if behind.iter().any(|row| row.verb == Some(Verb::Quit)) {
        return None;
    }
    let by_client = |row: &&&Row| row.from == Party::Client && !row.is_bare_ack();
    let word = behind.iter().find(by_client);
    let said = word.map_or(end, |row| row.no);
    let is_answer = |row: &&Row| {
        let speaks = matches!(row.packet, Packet::Reply(_) | Packet::Data { .. });
        row.from == Party::Server && speaks && row.no > said
    };
    let leaves = match asked.max(control.tls.as_ref().map_or(0, |tls| tls.said(Party::Client))) {
        0 => true,
        // A server answers at once, and does not see whether anybody has waited for it.
        1 => {
            // The answer may be there before a client that looks at the certificate beside its first word has done so.
            let wire = word.and_then(|row| row.wire);
            let leaves = goodbye.is_some() && wire.is_some_and(|wire| wire.length > QUIT);
            secured.is_some() && (by_server || leaves || !behind.iter().any(is_answer))
        }
        _ => false,
    };
    (leaves && case.data.is_empty() && at.since(begun) <= AT_ONCE).then_some(end)
}

/// The remark that the control connection is under TLS.
fn secured<'a>(case: &Case<'a>) -> Option<&'a Row> {
    let notes = case.remarks(|remark| remark == Remark::Secured);
    notes.into_iter().find(|note| note.channel == Channel::Control)
}

/// The record by which the client says close_notify, where the server has not ended before.
fn says_goodbye_first<'a>(case: &Case<'a>, control: &Conn) -> Option<&'a Row> {
    if !control.has_said_all(Party::Client) {
        return None;
    }
    let is_record = |row: &&Row| {
        let is_its = row.channel == Channel::Control && row.from == Party::Client;
        is_its && row.tls && matches!(row.packet, Packet::Data { .. })
    };
    let row = case.rows.iter().rfind(is_record)?;
    control.server.ended.is_none_or(|(.., end)| end > row.no).then_some(row)
}

/// Whether the client left with close_notify, and nothing said before it: who distrusts has no reason to be polite, and
/// who only looks has nothing to say.
fn is_polite(case: &Case<'_>) -> bool {
    let Some(control) = case.control else { return false };
    if control.told.is_some() {
        // Whoever tells a FIN under TLS in order has had close_notify before it.
        let asks = secured(case).is_none_or(|note| case.next_command(note).is_some());
        return !asks && matches!(control.client.ended, Some((HalfEnd::Fin, ..)));
    }
    let is_silent = control.tls.as_ref().is_some_and(|tls| tls.said(Party::Client) == 0);
    is_silent && control.has_said_all(Party::Client)
}

/// Why TLS could not be begun, as the remark says.
fn why(note: &Row) -> String {
    let said = note.label.to_string();
    let why = said.strip_prefix(label::NO_TLS).unwrap_or(&said);
    why.strip_prefix("TLS: ").unwrap_or(why).to_owned()
}

/// Whether a refusal speaks of something that another rule is for.
pub(super) fn is_about_other_things(row: &Row) -> bool {
    is_about_tls(row) || is_of_crowd(row)
}

/// Whether a server speaks of TLS.
fn is_about_tls(row: &Row) -> bool {
    says_word(row, &["tls", "ssl", "ftps"]) || says(row, &["encrypt", "secure connection"])
}
