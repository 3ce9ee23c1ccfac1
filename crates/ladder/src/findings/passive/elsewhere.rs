//! Data connections that come from another address than the session, or that are taken for such ones: what the server says of
//! them, what was seen of them, what an end tells, and how it looks where TLS hides the reply.

use super::super::{Proof, Words, say};
use crate::case::{Case, code, refusal, says};
use crate::conn::Conn;
use crate::label;
use crate::row::{Remark, Row};
use std::time::Duration;
use wharf_proto::tap::Party;

/// Words of a server that was connected to from another address than the session's.
pub(super) const ELSEWHERE: &[&str] =
    &["security", "bad ip", "ip address", "foreign", "not match", "mismatch"];
/// A server that closes a connection no later than this has not waited for anything on it.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Of D16, where TLS hides what the server says of it.
const CLOSED_AT_ONCE: Words = say(
    "the server closes every data connection as soon as it is open, before TLS can begin on it: perhaps because it comes \
     from another address than the session",
    "サーバーがどのデータコネクションも、TLS が始まる前にすぐ閉じている。セッションと違うアドレスから来たためかもしれない",
);
const SAME_WAY: Words = say(
    "look into the server's log; let control and data take the same way (proxy, balancer, gateway)",
    "サーバーのログを調べる。コントロールコネクションとデータコネクションを同じ経路（プロキシ、負荷分散装置、ゲートウェイ）に通す",
);

/// What D16 finds.
pub(super) fn from_elsewhere(case: &Case<'_>) -> Option<Proof> {
    let told = turned_away(case).or_else(|| stranger(case)).or_else(|| strange(case));
    told.or_else(|| closed_before_tls(case))
}

/// A server that says that a data connection came from elsewhere.
fn turned_away(case: &Case<'_>) -> Option<Proof> {
    let turns = |row: &Row| matches!(code(row), 425 | 421) && says(row, ELSEWHERE);
    let row = refusal(case.transfers(), turns)?;
    Some(Proof::of([row.no]).by(Party::Server).saying(&row.label))
}

/// A data connection that was seen to come from elsewhere, of a transfer that was refused.
fn stranger(case: &Case<'_>) -> Option<Proof> {
    let ends = case.ends.filter(|_| !case.setting.has_partner)?;
    let elsewhere = |conn: &&Conn| {
        let Some(data) = conn.ends.filter(|_| conn.is_open()) else { return false };
        let [ours, its] = match conn.opener {
            Some(Party::Client) => [ends.client, data.client],
            Some(Party::Server) => [ends.server, data.server],
            None => return false,
        };
        ours.ip().to_canonical() != its.ip().to_canonical()
    };
    case.transfers().find_map(|one| {
        let conn = case.conns_of(one).into_iter().find(elsewhere)?;
        let refuses =
            |row: &&Row| matches!(code(row), 421 | 425) || code(row) == 426 && conn.bytes() == 0;
        let row = one.refused().filter(refuses)?;
        let (opener, data) = (conn.opener?, conn.ends?);
        let from = if opener == Party::Client { data.client } else { data.server };
        let proof = Proof::of([conn.rows.0, row.no]).by(opener.other());
        Some(proof.saying(format_args!("{from}, {}", row.label)).doubted())
    })
}

/// What an end tells of a connection that it has turned away, where the transfer then came to nothing.
fn strange(case: &Case<'_>) -> Option<Proof> {
    let note = case.remarks(|remark| remark == Remark::DataRefused).first().copied()?;
    let its = case.transfers().find(|one| one.last().is_none_or(|row| row.no > note.no))?;
    let fails = its.last().is_none_or(|row| matches!(code(row), 421 | 425 | 426));
    let said = note.label.to_string();
    let said = said.strip_prefix(label::DATA_REFUSED).unwrap_or(&said);
    fails.then(|| Proof::of([note.no]).by(note.from).saying(said).doubted())
}

/// What D16 finds where TLS hides the reply: a server that takes connections and says nothing on any of them, not even its
/// hello, before it closes them.
fn closed_before_tls(case: &Case<'_>) -> Option<Proof> {
    let at_once = |conn: &&Conn| {
        let granted = conn.granted.filter(|_| conn.opener == Some(Party::Client));
        let Some((Party::Server, _, end)) = conn.first_end() else { return false };
        // Who has not begun TLS may not have been asked to: the file is missing, or its folder is empty and goes in clear.
        let hello = conn.client.first.starts_with(&[0x16, 3]);
        hello && granted.is_some_and(|granted| end.since(granted) <= AT_ONCE)
    };
    let is_sealed = case.setting.captured && case.is_sealed() && !case.setting.has_partner;
    let silent = case.data.iter().all(|conn| conn.server.bytes == 0 && conn.missing() == 0);
    let conn = case.data.iter().copied().find(at_once).filter(|_| is_sealed && silent)?;
    let end = conn.server.ended?.2;
    let proof = Proof::of([conn.rows.0, end]).by(Party::Server);
    Some(proof.in_words(CLOSED_AT_ONCE, SAME_WAY).doubted().doubted())
}
