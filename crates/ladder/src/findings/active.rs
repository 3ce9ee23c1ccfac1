//! Data connections that the server opens.

use super::{Blame, Confidence, Proof, Rule, Severity, UNANSWERED, Visible, gets_no_answer, say};
use crate::case::{Case, Exchange, Setup, code, refusal, says};
use crate::conn::Conn;
use crate::row::{Channel, Packet, Row};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use wharf_proto::Verb;
use wharf_proto::address::is_private;
use wharf_proto::tap::{Party, Timer};

pub(super) const BUSY: &[&str] =
    &["address already in use", "already in use", "bind", "can't assign", "cannot assign"];

/// Words of a server that does not connect to where the client is not.
const FOREIGN: &[&str] =
    &["foreign", "illegal", "won't", "only to", "reject", "not match", "mismatch"];
/// Words of a server that wants a login first.
const LOGIN: &[&str] = &["login", "log in", "logged", "authenticat", "user", "pass "];

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "D1",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Network,
        visible: Visible::Words,
        hidden_by: &["D14"],
        cause: say(
            "the client is behind a NAT and names its inside address {}, where the server cannot connect to",
            "クライアントは NAT の内側にあり、サーバーから届かない内部アドレス {} を伝えている",
        ),
        advice: say(
            "use passive mode, or tell the client its outside address and let the NAT pass the port",
            "パッシブモードを使うか、クライアントに外部アドレスを設定して NAT でポートを通す",
        ),
        find: |case| {
            // A server's log does not name the server: who comes from outside does not listen inside.
            let server = case.server().or_else(|| case.client())?;
            let client = case.client();
            let bad = |setup: &&Setup<'_>| {
                let Some(address) = setup.address else { return false };
                let elsewhere = is_elsewhere(case, setup);
                let outside =
                    !is_private(server) || address.ip().is_loopback() != server.is_loopback();
                let inside = is_private(address.ip()) && (outside || elsewhere);
                let failed = !setup.granted || !case.came_through(setup);
                // A server that sees the client at the address that it names needs no NAT to fail; elsewhere a NAT may
                // follow, and is likely where the server turns the address down.
                let own = client.is_some_and(|client| address.ip() == client);
                let seen = own
                    && (setup.granted
                        || case.is_at(Party::Server)
                        || (is_private(server) && !elsewhere));
                let known = client.is_some() || !is_private(server);
                setup.listener == Party::Client && inside && known && !seen && failed
            };
            let setup = case.setups.iter().find(bad).filter(|setup| has_failed(case, setup))?;
            let asked = case.exchanges.get(setup.asked)?;
            let own =
                client.is_some_and(|client| setup.address.is_some_and(|it| it.ip() == client));
            let named = asked.refused().is_some_and(|row| says(row, FOREIGN));
            let proof = Proof::of(asked.numbers()).saying(setup.address?.ip());
            let near = is_private(server) && !server.is_loopback();
            Some(proof.doubted_if(own).doubted_if(own && !named).doubted_if(near))
        },
    },
    Rule {
        id: "D2",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Network,
        visible: Visible::Shape,
        hidden_by: &["D1", "D5", "D8", "D14", "D22", "F2"],
        cause: say(
            "active mode: the server's connection to the client{} gets no answer, a firewall or NAT before the client \
             drops it",
            "アクティブモード：サーバーからクライアント{}への接続に応答がない。クライアント側のファイアウォールか NAT が破棄している",
        ),
        advice: say(
            "use passive mode (EPSV, PASV), in which the client opens the data connection",
            "クライアントからデータコネクションを開くパッシブモード（EPSV、PASV）を使う",
        ),
        find: |case| {
            let unanswered =
                |conn: &&&Conn| conn.opener == Some(Party::Server) && gets_no_answer(case, conn);
            if let Some(conn) = case.data.iter().find(unanswered) {
                let (first, last) = conn.rows;
                return Some(
                    Proof::of([first, last]).saying(rejected_port(conn, Party::Client)).missing(
                        last,
                        Party::Client,
                        conn.channel,
                        "SYN, ACK",
                    ),
                );
            }
            let setup = came_to_nothing(case, Party::Client)?;
            let transfer = case.exchanges.get(setup.transfer?)?;
            let told = transfer.refused().filter(|row| code(row) == 425);
            let row =
                told.or_else(|| case.timer(Timer::DataOpen)).or_else(|| gave_up(case, transfer))?;
            let unseen = case.unseen_transfer().is_some();
            let seen_nothing = case.is_at(Party::Client) || case.is_at(Party::Server);
            let busy = says(row, BUSY) || says(row, REFUSED);
            (!busy).then(|| {
                let asked = case.exchanges.get(setup.asked).and_then(|one| one.command);
                let proof = Proof::of([asked.map_or(0, |row| row.no), row.no])
                    .saying(port(setup.address))
                    .doubted_if(unseen || !seen_nothing);
                let after = transfer.command.map_or(row.no, |row| row.no);
                match unseen {
                    true => proof,
                    false => proof.missing(after, Party::Server, Channel::Data(0), "SYN"),
                }
            })
        },
    },
    Rule {
        id: "D3",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Client,
        visible: Visible::Shape,
        hidden_by: &["D1", "D8", "D14", "F2"],
        cause: say(
            "active mode: the client{} refuses the server's connection, nothing listens there any more",
            "アクティブモード：クライアント{}が接続を拒否した。待ち受けがもうない",
        ),
        advice: say(
            "the client closed its listener too early or named another port; in a container publish the port, or use \
             passive mode",
            "待ち受けを早く閉じたか、違うポートを伝えた。コンテナならポートを公開するか、パッシブモードを使う",
        ),
        find: |case| {
            let refused = |conn: &&&Conn| conn.opener == Some(Party::Server) && conn.refused;
            if let Some(conn) = case.data.iter().find(refused) {
                let proof = Proof::of([conn.rows.0, conn.rows.1]);
                return Some(proof.saying(port(conn.ends.map(|ends| ends.client))));
            }
            let setup = came_to_nothing(case, Party::Client)?;
            let transfer = case.exchanges.get(setup.transfer?)?;
            let row = transfer.refused().filter(|row| code(row) == 425 && says(row, REFUSED))?;
            Some(Proof::of([row.no]).saying(port(setup.address)).doubted())
        },
    },
    Rule {
        id: "D4",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &["D2", "D3"],
        cause: say(
            "the server cannot use its own data port: {}",
            "サーバーが自分のデータポートを使えない：{}",
        ),
        advice: say(
            "two sessions share port 20 or one passive port: let the server reuse addresses, or use more ports",
            "ポート 20 やパッシブポートが重なっている。SO_REUSEADDR を使うか、ポートを増やす",
        ),
        find: |case| {
            let busy = |row: &Row| code(row) == 425 && says(row, BUSY);
            let row = refusal(case.transfers(), busy)?;
            Some(Proof::of([row.no]).saying(&row.label))
        },
    },
    Rule {
        id: "D5",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &["D1"],
        cause: say(
            "active mode: seen from the server, it never tries to connect to the client{}: a rule of its own host keeps \
             the SYN back",
            "アクティブモード：サーバー側で見ても、クライアント{}への SYN が出ていない。サーバー自身の送信規則が止めている",
        ),
        advice: say(
            "let connections out at the server, from port 20 or any port",
            "サーバーからの外向き接続（ポート 20 または任意）を許可する",
        ),
        find: |case| {
            let here = case.setting.captured
                && case.is_at(Party::Server)
                && case.unseen_transfer().is_none();
            let setup = came_to_nothing(case, Party::Client).filter(|_| here)?;
            let transfer = case.exchanges.get(setup.transfer?)?;
            let asked = transfer.command?;
            let waited = transfer.last().and_then(|row| row.at).unwrap_or(case.setting.end);
            let promised = transfer.preliminary().is_some() || transfer.refused().is_some();
            let long = waited.since(asked.at?) >= Duration::from_secs(10);
            let refused = transfer.refused().is_some_and(|row| says(row, REFUSED));
            (promised && long && !refused).then(|| {
                // A capture of the control port alone has no SYN either.
                Proof::of(transfer.numbers())
                    .saying(port(setup.address))
                    .doubted_if(case.data.is_empty())
                    .missing(asked.no, Party::Server, Channel::Data(0), "SYN")
            })
        },
    },
    Rule {
        id: "D6",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Server,
        visible: Visible::Words,
        hidden_by: &["D1", "D8", "D18", "D19", "F1"],
        cause: say(
            "the server does not do active mode: {}",
            "サーバーがアクティブモードに対応していない：{}",
        ),
        advice: say("use passive mode (EPSV, PASV)", "パッシブモード（EPSV、PASV）を使う"),
        find: |case| {
            let codes = [500, 501, 502, 504, 520, 522];
            let asked = case.of([Verb::Port, Verb::Eprt]);
            let row = refusal(asked, |row| codes.contains(&code(row)))?;
            let later = |setup: &Setup<'_>| {
                setup.listener == Party::Client
                    && setup.granted
                    && case
                        .exchanges
                        .get(setup.asked)
                        .and_then(|one| one.command)
                        .is_some_and(|it| it.no > row.no)
            };
            let mended = case.setups.iter().any(later);
            (!mended).then(|| Proof::of([row.no]).saying(&row.label))
        },
    },
    Rule {
        id: "D7",
        severity: Severity::Failure,
        confidence: Confidence::Certain,
        side: Blame::Client,
        visible: Visible::Words,
        hidden_by: &["D1", "D6", "D8", "D15", "D17", "D18", "D20", "F1", "T4"],
        cause: say(
            "a transfer was asked for without a data connection being agreed on first: {} needs PORT or PASV before \
             each transfer",
            "データコネクションの取り決め（PORT や PASV）なしに {} が送られた。取り決めは転送のたびに必要である",
        ),
        advice: say(
            "send PORT, EPRT, PASV or EPSV anew before each transfer, and look at its reply",
            "転送のたびに PORT、EPRT、PASV、EPSV のいずれかを送り、その応答を確かめる",
        ),
        find: |case| {
            let names =
                |row: &Row| says(row, &["port or pasv", "pasv or port", "use port", "use pasv"]);
            let lacks = |one: &&Exchange<'_>| {
                let prepared = case.setups.iter().any(|setup| {
                    let transfer = setup.transfer.and_then(|at| case.exchanges.get(at));
                    let its = transfer.and_then(|of| of.command).map(|row| row.no);
                    setup.granted && its.is_some() && its == one.command.map(|row| row.no)
                });
                one.refused().is_some_and(|row| {
                    let lacks = matches!(code(row), 425 | 503) && !prepared;
                    names(row) || (lacks && !is_for_login(case, row))
                })
            };
            let one = case.transfers().find(lacks).filter(|_| case.has_beginning())?;
            Some(Proof::of(one.numbers()).saying(one.verb?))
        },
    },
    Rule {
        id: "D8",
        severity: Severity::Failure,
        confidence: Confidence::Likely,
        side: Blame::Client,
        visible: Visible::Words,
        hidden_by: &["D1", "F1"],
        cause: say(
            "the server refuses to connect to {}: another host than the client's, or a privileged port (RFC 2577)",
            "サーバーが {} への接続を拒否した。クライアントと違うホストか、特権ポート（RFC 2577）",
        ),
        advice: say(
            "this protects others and is meant so; for transfers between servers the server must allow FXP",
            "他者を守るための正しい動作。サーバー間転送にはサーバーで FXP を許可する",
        ),
        find: |case| {
            let client = case.client()?;
            let foreign = |setup: &&Setup<'_>| {
                let bad = |address: SocketAddr| address.port() < 1024 || address.ip() != client;
                setup.listener == Party::Client && !setup.granted && setup.address.is_some_and(bad)
            };
            let setup = case.setups.iter().find(foreign)?;
            let asked = case.exchanges.get(setup.asked)?;
            asked.refused()?;
            Some(Proof::of(asked.numbers()).saying(setup.address?))
        },
    },
];

pub(super) const REFUSED: &[&str] = &["connection refused", "refused"];

/// A setup that was granted, for which a transfer was asked, and to which nobody connected.
pub(super) fn came_to_nothing<'a, 'b>(
    case: &'b Case<'a>,
    listener: Party,
) -> Option<&'b Setup<'a>> {
    let nothing = |setup: &&Setup<'_>| {
        let sealed = setup.address.is_none() && !case.setting.logged;
        setup.listener == listener
            && setup.granted
            && !sealed
            && setup.transfer.is_some()
            && setup.conns.is_empty()
            // A log says nothing of connections, but for this.
            && (!case.setting.logged || lacks_connection(case, setup))
    };
    case.setups.iter().find(nothing)
}

/// Whether the server has said that there was no data connection.
fn lacks_connection(case: &Case<'_>, setup: &Setup<'_>) -> bool {
    let transfer = setup.transfer.and_then(|at| case.exchanges.get(at));
    transfer.and_then(Exchange::refused).is_some_and(|row| code(row) == 425)
}

/// The row in which the client gave up a transfer after it had waited for its data connection.
fn gave_up<'a>(case: &Case<'a>, transfer: &Exchange<'a>) -> Option<&'a Row> {
    transfer.preliminary()?;
    let asked = transfer.command?;
    let leaves = |row: &&Row| match row.packet {
        Packet::Command => row.verb == Some(Verb::Abor),
        Packet::Fin | Packet::Rst => row.channel == Channel::Control && row.from == Party::Client,
        _ => false,
    };
    let row = case.rows.iter().find(|row| row.no > asked.no && leaves(row))?;
    (row.at?.since(asked.at?) >= UNANSWERED).then_some(row)
}

/// Whether the data connection that a setup was for did not come about, or the setup was refused itself.
pub(super) fn has_failed(case: &Case<'_>, setup: &Setup<'_>) -> bool {
    let transfer = setup.transfer.and_then(|at| case.exchanges.get(at));
    let lacks = |one: &Exchange<'_>| {
        one.refused().is_some_and(|row| matches!(code(row), 421 | 425 | 426))
            || one.last().is_none()
    };
    !setup.granted
        || transfer.is_some_and(lacks)
        || setup.conns.iter().any(|conn| conn.is_unanswered() || conn.refused)
}

/// Whether the server says of an address that the client is not there, and no other host of the client's network is meant:
/// a NAT between the two has given it another.
fn is_elsewhere(case: &Case<'_>, setup: &Setup<'_>) -> bool {
    let asked = case.exchanges.get(setup.asked).and_then(Exchange::refused);
    let (Some(named), Some(client), Some(row)) = (setup.address, case.client(), asked) else {
        return false;
    };
    let client = client.to_canonical();
    let neighbour = named.ip() != client && network(named.ip()) == network(client);
    says(row, FOREIGN) && named.port() >= 1024 && !neighbour && !case.setting.has_partner
}

/// The part of an address that hosts side by side have in common.
fn network(ip: IpAddr) -> Vec<u8> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.octets().iter().take(3).copied().collect(),
        IpAddr::V6(ip) => ip.octets().iter().take(8).copied().collect(),
    }
}

/// Whether a refusal is for want of a login.
pub(super) fn is_for_login(case: &Case<'_>, row: &Row) -> bool {
    let login = case.of([Verb::User, Verb::Pass, Verb::Acct]).filter_map(Exchange::granted);
    let is_in = login.filter(|reply| code(reply) < 300).any(|reply| reply.no < row.no);
    let before = case.has_beginning() && !case.is_sealed() && !is_in;
    code(row) == 530 || (code(row) == 503 && (says(row, LOGIN) || before))
}

/// The same of an end of a connection, with what ICMP says of it: ` (10.0.0.1:1182, ICMP port unreachable, from 10.0.0.1)`.
pub(super) fn rejected_port(conn: &Conn, listener: Party) -> String {
    let end = conn.ends.map(|ends| match listener {
        Party::Client => ends.client,
        Party::Server => ends.server,
    });
    match (end, conn.unreachable) {
        (Some(end), Some(told)) => format!(" ({end}, {told})"),
        (end, _) => port(end),
    }
}

/// ` (10.0.0.1:1182)`, without words of a language.
pub(super) fn port(address: Option<SocketAddr>) -> String {
    address.map_or_else(String::new, |address| format!(" ({address})"))
}
