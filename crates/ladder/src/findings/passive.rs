//! Data connections that the client opens.

mod elsewhere;

use self::elsewhere::{ELSEWHERE, from_elsewhere};
use super::active::{
    BUSY, REFUSED, came_to_nothing, has_failed, is_for_login, port, rejected_port,
};
use super::{
    Blame, Confidence, Proof, Rule, Severity, UNANSWERED, Visible, gets_no_answer, is_left_waiting,
    say,
};
use crate::case::{Case, Exchange, Setup, code, refusal, says};
use crate::conn::Conn;
use crate::row::{Channel, Packet, Remark, Row};
use std::net::IpAddr;
use std::time::Duration;
use wharf_proto::address::{is_private, parse_227, parse_229};
use wharf_proto::tap::{Party, Timer};
use wharf_proto::{Moment, Verb};

/// Words of a server that has found no port to listen at. Others end the session with the same code.
const LISTEN: &[&str] =
    &[" port", "listen", "socket", "bind", "passive", "pasv", "resource", "data connection"];
/// An open data connection on which nobody says anything for this long.
const SILENT: Duration = Duration::from_secs(10);

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "D10",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &["D14"],
        cause: say(
            "the server is behind a NAT and names its inside address {} in 227",
            "サーバーは NAT の内側にあり、227 で内部アドレス {} を伝えている",
        ),
        advice: say(
            "tell the server its outside address (--public-address; pasv_address, MasqueradeAddress); as a client use \
             EPSV, or pass over the address",
            "サーバーに外部アドレスを設定する（--public-address、pasv_address、MasqueradeAddress）。クライアントは EPSV を使うか、そのアドレスを無視する",
        ),
        find: |case| {
            // A server's log does not name the server: who comes from outside cannot go inside.
            let outside = case.server().or_else(|| case.client()).filter(|ip| !is_private(*ip));
            let setup = named_elsewhere(case, is_private).filter(|_| outside.is_some())?;
            Some(wrongly_named(case, setup, Severity::Warning)?.doubted_if(case.server().is_none()))
        },
    },
    Rule {
        id: "D11",
        severity: Severity::Failure,
        confidence: Confidence::Possible,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &["D10", "D14"],
        cause: say(
            "227 names {}, not the address that the client is connected to: a server with several addresses, or \
             one that names its outside address on the inside",
            "227 が接続先と違うアドレス {} を示している。複数アドレスのサーバーか、内側にも外部アドレスを伝えている",
        ),
        advice: say(
            "set the address for each listener apart; as a client use EPSV",
            "待ち受けごとにアドレスを設定する。クライアントは EPSV を使う",
        ),
        find: |case| {
            let server = case.server()?;
            let same = |named| is_private(named) == is_private(server);
            // To clients from outside a server behind a NAT is to name its outside address, to those inside only where
            // the NAT lets them come back in.
            let inside = is_private(server) && case.client().is_some_and(is_private);
            let setup = named_elsewhere(case, |named| same(named) || inside)?;
            let fails = same(setup.address?.ip()) || has_failed(case, setup);
            if !fails || case.setting.has_partner {
                return None;
            }
            wrongly_named(case, setup, Severity::Info)
        },
    },
    Rule {
        id: "D12",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Network,
        visible: Visible::Shape,
        // TLS has come about on it, or was refused there.
        hidden_by: &["D10", "D11", "D14", "D17", "D22", "F2", "T1", "T2", "T4"],
        cause: say(
            "passive mode: the client's connection to the server's data port{} does not come through, a firewall drops or \
             rejects it",
            "パッシブモード：サーバーのデータポート{}への接続が通らない。ファイアウォールが破棄または拒否している",
        ),
        advice: say(
            "give the server a range of passive ports and open it in every firewall, NAT and container before it",
            "サーバーのパッシブポート範囲を決め、その手前のファイアウォール、NAT、コンテナすべてで開ける",
        ),
        find: |case| {
            let unanswered =
                |conn: &&&Conn| conn.opener == Some(Party::Client) && gets_no_answer(case, conn);
            if let Some(conn) = case.data.iter().find(unanswered) {
                let (first, last) = conn.rows;
                return Some(
                    Proof::of([first, last])
                        .saying(rejected_port(conn, Party::Server))
                        .doubted_if(!conn.is_rejected())
                        .missing(last, Party::Server, conn.channel, "SYN, ACK"),
                );
            }
            if case.setting.logged {
                return in_vain(case).map(Proof::doubted);
            }
            if let Some(proof) = nobody_came(case) {
                return Some(proof);
            }
            let row = case.timer(Timer::DataOpen).filter(|_| !case.setting.captured)?;
            let before = |setup: &&Setup<'_>| {
                let asked = case.exchanges.get(setup.asked).and_then(|one| one.command);
                asked.is_some_and(|asked| asked.no < row.no)
            };
            let setup = case.setups.iter().rfind(before)?;
            let passive = setup.listener == Party::Server && setup.conns.is_empty();
            passive.then(|| Proof::of([row.no]).saying(port(setup.address)).doubted())
        },
    },
    Rule {
        id: "D13",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Server,
        visible: Visible::Shape,
        hidden_by: &["D10", "D11", "D14", "D17", "F2"],
        cause: say(
            "passive mode: the connection to the server's data port{} is refused: another host answers for it, the port \
             is not published, or the listener is closed already",
            "パッシブモード：サーバーのデータポート{}への接続が拒否された。別のホストに届いた、ポートが公開されていない、または待ち受けが閉じている",
        ),
        advice: say(
            "send control and data to the same host behind a balancer; publish the passive range of a container",
            "負荷分散装置の背後では、コントロールコネクションとデータコネクションを同じホストへ送る。コンテナではパッシブポート範囲を公開する",
        ),
        find: |case| {
            let refused = |conn: &&&Conn| conn.opener == Some(Party::Client) && conn.refused;
            if let Some(conn) = case.data.iter().find(refused) {
                let proof = Proof::of([conn.rows.0, conn.rows.1]);
                return Some(proof.saying(port(conn.ends.map(|ends| ends.server))));
            }
            let said = case.remarks(|remark| remark == Remark::DataFailed);
            if let Some(row) = said.into_iter().find(|row| says(row, REFUSED)) {
                let setup = passive_before(case, row)?;
                return Some(Proof::of([row.no]).saying(port(setup.address)));
            }
            let setup = came_to_nothing(case, Party::Server)?;
            let transfer = case.exchanges.get(setup.transfer?)?;
            // A client's tap tells when it waited in vain, and so also that it did not wait.
            let at_once = case.setting.teller == Some(Party::Client)
                && !case.setting.logged
                && case.timer(Timer::DataOpen).is_none()
                // One that was completed went to somebody else: between two servers.
                && transfer.granted().is_none()
                && transfer.refused().is_none_or(|row| matches!(code(row), 425 | 426));
            let named = |row: &&Row| code(row) == 425 && says(row, REFUSED);
            let row = transfer
                .refused()
                .filter(named)
                .or_else(|| transfer.command.filter(|_| at_once))?;
            Some(Proof::of([row.no]).saying(port(setup.address)).doubted())
        },
    },
    Rule {
        id: "D14",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Network,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "something between client and server rewrites where the data connection is to go: the same packet was seen as {}",
            "途中の機器がデータコネクションの接続先を書き換えている。同じパケットが二通りに見えた：{}",
        ),
        advice: say(
            "switch off the FTP helper (ALG) of the router or firewall on the way, or use TLS, which it cannot read; most of \
             them look at port 21 only",
            "途中のルーターやファイアウォールの FTP 支援機能（ALG）を切るか、内容を読めなくする TLS を使う。多くはポート 21 だけを見る",
        ),
        find: |case| {
            let note = case.remarks(|remark| remark == Remark::Rewritten).first().copied()?;
            let is_it =
                |row: &&Row| row.no < note.no && row.from == note.from && row.names.is_some();
            let row = case.rows.iter().rfind(is_it)?;
            // Where it meant well and does well there is nothing to mend yet.
            let works = case.transfers().any(|one| one.granted().is_some());
            let weight = if works { Severity::Warning } else { Severity::Failure };
            let other = note.label.to_string();
            let other = other.trim_start_matches("rewritten: ");
            let proof = Proof::of([row.no, note.no]).weighing(weight);
            Some(proof.saying(format_args!("\"{}\" / \"{other}\"", row.label)))
        },
    },
    Rule {
        id: "D15",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &["D18", "D19", "T4"],
        cause: say(
            "the server has no port left to listen at, or may not listen: {}",
            "サーバーに待ち受けるポートが残っていないか、待ち受けできない：{}",
        ),
        advice: say(
            "widen the range of passive ports, and look for data connections that were never closed",
            "パッシブポートの範囲を広げ、閉じられていないデータコネクションを探す",
        ),
        find: |case| {
            let row = refusal(case.of([Verb::Pasv, Verb::Epsv]), |row| {
                code(row) < 500 && (code(row) != 421 || says(row, LISTEN))
            })?;
            Some(Proof::of([row.no]).saying(&row.label))
        },
    },
    Rule {
        id: "D16",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Network,
        visible: Visible::Shape,
        hidden_by: &["T1", "T4"],
        cause: say(
            "the {who} turns the data connection away because it comes from another address than the session: {}",
            "データコネクションがセッションと違うアドレスから来たため、{who}が拒否した：{}",
        ),
        advice: say(
            "let control and data take the same way (proxy, balancer, gateway); relax the check knowingly",
            "コントロールコネクションとデータコネクションを同じ経路（プロキシ、負荷分散装置、ゲートウェイ）に通す。検査を緩めるなら、危険を理解したうえで行う",
        ),
        find: from_elsewhere,
    },
    Rule {
        id: "D17",
        severity: Severity::Warning,
        confidence: Confidence::Likely,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "EPSV does not work here and PASV does: an old server, or a firewall that does not know EPSV",
            "EPSV は使えず PASV は使える。古いサーバーか、EPSV を知らないファイアウォール",
        ),
        advice: say("use PASV with this server", "このサーバーでは PASV を使う"),
        find: |case| {
            let dead = |setup: &&Setup<'_>| {
                let is_epsv = verb_of(case, setup) == Some(Verb::Epsv);
                let failed = setup.conns.iter().any(|conn| conn.is_unanswered() || conn.refused);
                is_epsv && (refused_by(case, setup, &[500, 501, 502, 504, 522]) || failed)
            };
            let dead = case.setups.iter().find(dead)?;
            let works = |setup: &&Setup<'_>| {
                let is_pasv = verb_of(case, setup) == Some(Verb::Pasv);
                is_pasv
                    && setup.asked > dead.asked
                    && setup.granted
                    && (case.came_through(setup) || !case.setting.captured)
            };
            let works = case.setups.iter().find(works)?;
            let rows = [dead, works].map(|setup| command_no(case, setup));
            Some(Proof::of(rows))
        },
    },
    Rule {
        id: "D18",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Client,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "{} cannot carry an IPv6 address, and this session is over IPv6",
            "{} は IPv6 アドレスを運べないが、このセッションは IPv6 である",
        ),
        advice: say("use EPSV or EPRT", "EPSV または EPRT を使う"),
        find: |case| {
            let end = case.server().or_else(|| case.client())?;
            let six = matches!(end.to_canonical(), IpAddr::V6(_));
            let refused = |one: &&Exchange<'_>| {
                one.refused().is_some_and(|row| {
                    matches!(code(row), 425 | 500 | 501 | 522)
                        || says(row, &["ipv6", "epsv", "eprt"])
                })
            };
            let one = case.of([Verb::Pasv, Verb::Port]).find(refused).filter(|_| six)?;
            Some(Proof::of(one.numbers()).saying(one.verb?))
        },
    },
    Rule {
        id: "D19",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Client,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "after EPSV ALL the server takes no {} any more (RFC 2428 section 4)",
            "EPSV ALL の後、サーバーは {} を受け付けない（RFC 2428 4 節）",
        ),
        advice: say(
            "use EPSV for the rest of the session, or begin a new one",
            "セッションの残りは EPSV を使うか、新しいセッションを始める",
        ),
        find: |case| {
            let all = |one: &&Exchange<'_>| {
                one.argument().eq_ignore_ascii_case(b"all") && one.granted().is_some()
            };
            let all = case.of([Verb::Epsv]).find(all)?.command?;
            let late = |one: &&Exchange<'_>| {
                let refuses = |row: &Row| code(row) != 421 && !is_for_login(case, row);
                one.refused().is_some_and(refuses) && one.command.is_some_and(|row| row.no > all.no)
            };
            let one = case.of([Verb::Pasv, Verb::Port, Verb::Eprt]).find(late)?;
            Some(Proof::of([&[all.no][..], &one.numbers()].concat()).saying(one.verb?))
        },
    },
    Rule {
        id: "D20",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "the server's reply names no address that can be read: {}",
            "サーバーの応答からアドレスが読み取れない：{}",
        ),
        advice: say(
            "try the other of PASV and EPSV, or active mode, and report it to the maker of the server",
            "PASV と EPSV のもう一方かアクティブモードを試し、サーバーの作者に報告する",
        ),
        find: |case| {
            let unread = |row: &&Row| {
                let text = row.label.as_bytes().get(4..).unwrap_or_default();
                // Some logs have the codes alone.
                if case.setting.logged && text.is_empty() {
                    return false;
                }
                if case.is_cut(row) {
                    return false;
                }
                match row.packet {
                    Packet::Reply(227) => parse_227(text).is_err() && row.names.is_none(),
                    Packet::Reply(229) => parse_229(text).is_err() && row.names.is_none(),
                    _ => false,
                }
            };
            let row = case.replies().find(|row| unread(row))?;
            Some(Proof::of([row.no]).saying(&row.label))
        },
    },
    Rule {
        id: "D21",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Client,
        visible: Visible::Words,
        hidden_by: &["F3", "T7"],
        cause: say(
            "the data connection is open and nobody says anything: the client waits for bytes before it has sent the \
             command for the transfer",
            "データコネクションは開いたが双方が沈黙している。クライアントが転送コマンドを送る前にデータを待っている",
        ),
        advice: say(
            "send the transfer command first, begin TLS on the data connection after it",
            "先に転送コマンドを送り、その後でデータコネクションの TLS を始める",
        ),
        find: |case| {
            let silent = |conn: &&&Conn| {
                let until = conn.closed().unwrap_or(case.setting.end);
                let waited = conn.granted.is_some_and(|granted| until.since(granted) >= SILENT);
                let first = conn.client.spoke.or(conn.server.spoke);
                let late = first.is_some_and(|(first, _)| first.since(conn.begun) >= SILENT);
                let soon = |at: Moment| at >= conn.begun && at.since(conn.begun) < SILENT;
                // A hello that the server leaves without answer.
                let hello = conn.server.bytes == 0 && conn.client.first.starts_with(&[0x16, 3]);
                // What went under TLS may have been just that command.
                conn.verb.is_none()
                    && !case.is_sealed()
                    && (waited && (conn.bytes() == 0 || hello) || late)
                    && !case.exchanges.iter().any(|one| {
                        one.verb.is_some_and(Verb::opens_transfer) && one.asked().is_some_and(soon)
                    })
                    && (case.exchanges.is_empty() || case.transfer_of(conn).is_none())
            };
            let conn = case.data.iter().find(silent)?;
            Some(Proof::of([conn.rows.0, conn.rows.1]))
        },
    },
    Rule {
        id: "D22",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Network,
        visible: Visible::Shape,
        hidden_by: &["D1", "D10", "D11", "D14"],
        cause: say(
            "the data connection{} gets no answer in a session under TLS: a firewall that opens data ports by reading the \
             control connection can read nothing there",
            "TLS のセッションでデータコネクション{}に応答がない。コントロールコネクションを読んでデータポートを開けるファイアウォールには何も読めない",
        ),
        advice: say(
            "use passive mode, and open a fixed range of passive ports in the firewall before the server; an FTP helper \
             cannot help under TLS",
            "パッシブモードを使い、サーバー側のファイアウォールで固定のパッシブポート範囲を開ける。TLS では FTP ヘルパーは役に立たない",
        ),
        find: |case| {
            // What fails in clear too is not for want of a helper, nor is it where others like it come through.
            let in_clear = case.setting.before.in_clear;
            let is_hidden = |no, opener: Option<Party>| {
                let mut alike = case.data.iter().filter(|conn| conn.opener == opener);
                !is_in_clear(case, no) && !alike.any(|conn| conn.is_open())
            };
            let tls = case.has_tls() && !in_clear.fails;
            let unanswered =
                |conn: &&&Conn| is_left_waiting(case, conn) && is_hidden(conn.rows.0, conn.opener);
            if let Some(conn) = case.data.iter().find(unanswered).filter(|_| tls) {
                let to = conn.ends.map(|ends| match conn.opener {
                    Some(Party::Server) => ends.client,
                    _ => ends.server,
                });
                let (first, last) = conn.rows;
                let from = conn.opener.map_or(Party::Server, Party::other);
                let proof = Proof::of([first, last]).saying(port(to));
                let proof = proof.doubted_if(!in_clear.works);
                return Some(proof.missing(last, from, conn.channel, "SYN, ACK"));
            }
            let row = case.timer(Timer::DataOpen).filter(|_| tls && !case.setting.captured)?;
            let setup = case.setups.last();
            let opener = setup.map(|setup| setup.listener.other());
            let address = setup.and_then(|setup| setup.address);
            is_hidden(row.no, opener).then(|| Proof::of([row.no]).saying(port(address)).doubted())
        },
    },
    Rule {
        id: "D23",
        severity: Severity::Failure,
        confidence: Confidence::Possible,
        side: Blame::Network,
        visible: Visible::Words,
        hidden_by: &[],
        cause: say(
            "a part of a command is sent again and again and never arrives: a firewall's FTP helper drops commands that \
             are split over segments",
            "コマンドの一部が何度も再送され、届かない。分割されたコマンドをファイアウォールの FTP ヘルパーが破棄している",
        ),
        advice: say(
            "the client should write each command in one piece; or turn off the helper",
            "クライアントは各コマンドを一度に書き込む。またはヘルパーを止める",
        ),
        find: |case| {
            let stuck = case.control?.client.stuck?;
            let part =
                |row: &&Row| says(row, &["part of a command"]) && row.channel == Channel::Control;
            let part = case.rows.iter().rfind(part)?;
            // The part that does not arrive may be the last, with which the capture has the whole command.
            let is_stuck = |row: &Row| row.wire.is_some_and(|wire| wire.seq == stuck.seq);
            let lacks = case.next_command(part).is_none_or(is_stuck);
            (stuck.times >= 3 && lacks).then(|| Proof::of([part.no, stuck.row]))
        },
    },
];

/// Whether the control connection was in clear when this row came, in a session under TLS: before AUTH, or behind CCC.
fn is_in_clear(case: &Case<'_>, no: u32) -> bool {
    let granted = |verb| case.of([verb]).filter_map(Exchange::granted).map(|row| row.no);
    let cleared = case.remarks(|remark| remark == Remark::Cleared);
    let has_left = granted(Verb::Ccc).chain(cleared.iter().map(|row| row.no)).any(|at| at < no);
    has_left || granted(Verb::Auth).min().is_some_and(|at| no < at)
}

/// A 227 whose address is another than the control connection's, of a kind.
fn named_elsewhere<'a, 'b>(
    case: &'b Case<'a>,
    is_it: impl Fn(IpAddr) -> bool,
) -> Option<&'b Setup<'a>> {
    let server = case.server().map(|ip| ip.to_canonical());
    case.setups.iter().find(|setup| {
        let named = setup.address.map(|address| address.ip().to_canonical());
        let is_227 = verb_of(case, setup) == Some(Verb::Pasv);
        is_227
            && setup.listener == Party::Server
            && named.is_some_and(|named| Some(named) != server && is_it(named))
    })
}

/// The proof of an address that should not have been named; how bad it is where the client gets through all the same.
fn wrongly_named(case: &Case<'_>, setup: &Setup<'_>, got_through: Severity) -> Option<Proof> {
    let row = case.exchanges.get(setup.asked)?.last()?;
    let works = case.came_through(setup);
    let worst = if works { got_through } else { Severity::Failure };
    Some(Proof::of([row.no]).saying(setup.address?.ip()).weighing(worst))
}

/// What a log says of a passive data connection that nobody answered: the client's, that it waited; either's, that the
/// server saw none come.
fn in_vain(case: &Case<'_>) -> Option<Proof> {
    let said = case.remarks(|remark| remark == Remark::DataFailed);
    let timed_out = said.into_iter().find(|row| says(row, &["timed out", "timeout", "no route"]));
    let waited = || {
        let row = case.timer(Timer::Reply)?;
        let pending = |one: &&Exchange<'_>| {
            one.replies.is_empty() && one.command.is_some_and(|asked| asked.no < row.no)
        };
        case.transfers().find(pending).map(|_| row)
    };
    if let Some(row) = timed_out.or_else(waited) {
        let setup = passive_before(case, row)?;
        return Some(
            Proof::of([row.no]).saying(port(setup.address)).doubted_if(!says(row, &["connect to"])),
        );
    }
    let setup = came_to_nothing(case, Party::Server)?;
    let row = case.exchanges.get(setup.transfer?)?.refused()?;
    let other = [REFUSED, BUSY, ELSEWHERE].iter().any(|words| says(row, words));
    (!other).then(|| Proof::of([row.no]).saying(port(setup.address)).doubted())
}

/// What a server says that has waited for the client's connection, of which the capture has seen nothing.
fn nobody_came(case: &Case<'_>) -> Option<Proof> {
    let heard = case.setting.captured || case.setting.teller == Some(Party::Server);
    let setup = came_to_nothing(case, Party::Server).filter(|_| heard)?;
    let transfer = case.exchanges.get(setup.transfer?)?;
    let asked = transfer.command?;
    let row = transfer.refused().filter(|row| code(row) == 425)?;
    let waited = row.at?.since(asked.at?) >= UNANSWERED;
    // A capture of the control port alone has no SYN either.
    let captured = case.setting.captured && case.data.is_empty();
    let proof = Proof::of([asked.no, row.no])
        .saying(port(setup.address))
        .doubted()
        .doubted_if(captured || !case.is_at(Party::Server));
    (waited && !says(row, BUSY)).then(|| match case.unseen_transfer() {
        Some(_) => proof,
        None => proof.missing(asked.no, Party::Client, Channel::Data(0), "SYN"),
    })
}

/// The last passive listener before a row that no transfer came through.
fn passive_before<'a, 'b>(case: &'b Case<'a>, row: &Row) -> Option<&'b Setup<'a>> {
    let before = |setup: &&Setup<'_>| command_no(case, setup) < row.no;
    let last = case.setups.iter().rfind(before)?;
    (last.listener == Party::Server && last.granted && !case.came_through(last)).then_some(last)
}

fn verb_of(case: &Case<'_>, setup: &Setup<'_>) -> Option<Verb> {
    case.exchanges.get(setup.asked)?.verb
}

fn command_no(case: &Case<'_>, setup: &Setup<'_>) -> u32 {
    case.exchanges.get(setup.asked).and_then(|one| one.command).map_or(0, |row| row.no)
}

fn refused_by(case: &Case<'_>, setup: &Setup<'_>, codes: &[u16]) -> bool {
    let refused = case.exchanges.get(setup.asked).and_then(Exchange::refused);
    refused.is_some_and(|row| codes.contains(&code(row)))
}
