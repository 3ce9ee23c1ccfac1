//! A transfer that stands still: which side moves nothing, and for how long.

use super::Proof;
use crate::case::{Case, Exchange, code, says};
use crate::conn::Conn;
use crate::dialogue::sender;
use crate::row::Row;
use std::time::Duration;
use wharf_proto::Moment;
use wharf_proto::Verb;
use wharf_proto::tap::{Party, Timer};

/// A side that moves nothing for so long stands still.
const STALLED: Duration = Duration::from_secs(30);
/// The same where the server says so.
const SAID_TO: Duration = Duration::from_secs(2);
/// What servers say that have waited for bytes.
const WAITED: &[&str] =
    &["nothing moved", "data timeout", "no new data", "data connection timed out", "stalled"];

/// What X17 finds.
pub(super) fn stood_still(case: &Case<'_>) -> Option<Proof> {
    full(case).or_else(|| timed_out(case)).or_else(|| no_bytes(case)).or_else(|| in_words(case))
}

/// A side that has no room for more.
fn full(case: &Case<'_>) -> Option<Proof> {
    let full = |conn: &Conn, party| {
        let side = conn.side(party);
        // Who has ended takes nothing because it wants nothing.
        let end = side.ended.map(|(_, at, _)| at).or_else(|| conn.closed());
        let end = end.unwrap_or(case.setting.end);
        let since = side.full_since.map_or(Duration::ZERO, |since| end.since(since));
        side.full.max(since)
    };
    let both = case.data.iter().flat_map(|conn| [(conn, Party::Client), (conn, Party::Server)]);
    let (conn, party) = both.max_by_key(|(conn, party)| full(conn, *party))?;
    let time = full(conn, party);
    (time >= STALLED).then(|| Proof::of([conn.rows.0, conn.rows.1]).by(party).saying(seconds(time)))
}

/// A client that has told that it waited for the other side.
fn timed_out(case: &Case<'_>) -> Option<Proof> {
    let note = case.timer(Timer::DataIdle)?;
    let before = |one: &&Exchange<'_>| one.command.is_some_and(|row| row.no < note.no);
    let one = case.transfers().filter(before).last()?;
    let who = case.setting.teller.map_or_else(|| sender(one.verb), Party::other);
    Some(Proof::of([note.no]).by(who).saying(since(case, one, note)))
}

/// A connection that was open and on which nothing more came until an end gave up.
fn no_bytes(case: &Case<'_>) -> Option<Proof> {
    if !case.setting.captured {
        return None;
    }
    case.transfers().find_map(|one| {
        let refused = one.refused().filter(|row| matches!(code(row), 421 | 426))?;
        let asked = one.command.map_or(0, |row| row.no);
        let aborted = case.of([Verb::Abor]).filter_map(|of| of.command);
        let row = aborted.chain([refused]).find(|row| (asked..=refused.no).contains(&row.no))?;
        let conns = case.conns_of(one);
        let [conn] = conns.as_slice() else { return None };
        let (last, told) = (progress(conn)?, row.at?);
        // A server may close first and speak then.
        let open = conn.first_end().is_none_or(|(who, _, end)| {
            end >= told || (who == Party::Server && told.since(end) < SAID_TO)
        });
        let time = told.since(last);
        // What is sent and not taken comes again.
        let from = sender(one.verb);
        let again = conn.side(from).stuck.is_some_and(|stuck| stuck.at > last);
        let who = if again { from.other() } else { from };
        let proof = Proof::of([conn.rows.0, row.no]).by(who).saying(seconds(time));
        let said = says(refused, WAITED);
        let least = if said { SAID_TO } else { STALLED };
        (open && conn.missing() == 0 && time >= least).then(|| proof.doubted_if(!said))
    })
}

/// A server that says so, where what moved cannot be seen. It has waited for the client.
fn in_words(case: &Case<'_>) -> Option<Proof> {
    let waited = |one: &&Exchange<'_>| {
        let row = one.refused().filter(|row| matches!(code(row), 421 | 426));
        row.is_some_and(|row| says(row, WAITED))
    };
    let one = case.transfers().find(waited)?;
    let row = one.refused()?;
    let seen = case.setting.captured && !case.conns_of(one).is_empty();
    (!seen).then(|| Proof::of([row.no]).by(Party::Client).saying(since(case, one, row)))
}

/// How long nothing had moved when this row came. An end tells how much moved, and not when; but it may say itself how
/// long it has waited.
fn since(case: &Case<'_>, one: &Exchange<'_>, row: &Row) -> String {
    let conns = case.conns_of(one);
    let still = match conns.as_slice() {
        [conn] if conn.bytes() == 0 => conn.granted,
        [conn] if case.setting.captured => progress(conn),
        _ => None,
    };
    let time = still.zip(row.at).map(|(still, at)| at.since(still));
    let time = time.or_else(|| [Some(row), one.refused()].into_iter().flatten().find_map(said));
    time.map_or_else(|| "some time".to_owned(), seconds)
}

/// The time in `nothing moved on the data connection for 6 s`.
fn said(row: &Row) -> Option<Duration> {
    let words = row.label.to_string();
    let (_, behind) = words.rsplit_once(" for ")?;
    let (number, unit) = behind.split_once(' ')?;
    let is_seconds = unit.starts_with("second") || unit.trim_end_matches(['.', ')']) == "s";
    number.parse().ok().filter(|_| is_seconds).map(Duration::from_secs)
}

/// When something last moved on an open connection.
fn progress(conn: &Conn) -> Option<Moment> {
    let spoke = [conn.client.spoke, conn.server.spoke].into_iter().flatten();
    spoke.map(|(_, last)| last).chain(conn.granted).max()
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}
