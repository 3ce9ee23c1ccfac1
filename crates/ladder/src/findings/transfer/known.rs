//! What is known of one transfer: in which form it went, where it began, how much moved, and what was announced.

use crate::case::{Case, Exchange, code, says};
use crate::conn::Conn;
use crate::dialogue::sender;
use crate::row::Row;
use wharf_proto::Verb;
use wharf_proto::tap::{HalfEnd, Party};

/// Whether a command says a name, and not options alone.
pub(super) fn has_name(one: &Exchange<'_>) -> bool {
    let words = |row: &Row| row.label.to_string();
    one.command.is_some_and(|row| words(row).split(' ').skip(1).any(|word| !word.starts_with('-')))
}

pub(super) fn is_file(verb: Option<Verb>) -> bool {
    matches!(verb, Some(Verb::Retr | Verb::Stor | Verb::Stou | Verb::Appe))
}

/// The argument of the last exchange of a verb that was granted before this one.
fn in_force<'a>(case: &Case<'a>, verb: Verb, one: &Exchange<'_>) -> Option<&'a [u8]> {
    let at = one.command.map_or(0, |row| row.no);
    let before =
        |of: &&Exchange<'a>| of.granted().is_some() && of.command.is_some_and(|row| row.no < at);
    case.of([verb]).filter(before).last().map(Exchange::argument)
}

/// Whether TYPE A was in force, as it is where no TYPE was sent.
pub(super) fn is_text(case: &Case<'_>, one: &Exchange<'_>) -> bool {
    in_force(case, Verb::Type, one).is_none_or(|kind| matches!(kind, [b'A' | b'a', ..]))
}

pub(super) fn mode(case: &Case<'_>, one: &Exchange<'_>) -> u8 {
    let mode = in_force(case, Verb::Mode, one).and_then(|mode| mode.first());
    mode.map_or(b'S', u8::to_ascii_uppercase)
}

/// Whether the bytes on data connections are those of the files: stream mode, and no TLS that cannot be opened.
pub(super) fn is_plain(case: &Case<'_>) -> bool {
    case.of([Verb::Mode, Verb::Stru])
        .all(|one| matches!(one.argument(), [b'S' | b's' | b'F' | b'f', ..]))
        && case.data.iter().all(|conn| conn.is_readable())
}

/// The size of the file that a transfer moves, as its own 150 says, or SIZE before it.
pub(super) fn announced(case: &Case<'_>, one: &Exchange<'_>) -> Option<u64> {
    // Behind REST some servers say there what is left of it.
    let whole = one.preliminary().filter(|_| restart(case, one) == 0);
    whole.and_then(promised).or_else(|| sized(case, one))
}

/// The number of `150 Opening data connection for a (500 bytes)`.
fn promised(row: &Row) -> Option<u64> {
    let words = row.label.as_bytes();
    let head = words.get(..memchr::memmem::rfind(words, b" byte")?)?;
    let number = head.get(memchr::memrchr(b'(', head)? + 1..)?;
    str::from_utf8(number).ok()?.parse().ok()
}

/// The size of the file that a transfer moves, as SIZE said before it.
pub(super) fn sized(case: &Case<'_>, one: &Exchange<'_>) -> Option<u64> {
    let at = one.command?.no;
    let before = |of: &&Exchange<'_>| of.command.is_some_and(|row| row.no < at);
    told_size(one, case.exchanges.iter().rev().filter(before))
}

/// The size of the file that a transfer has stored, as SIZE or MLST said after it, or as it was fetched whole.
fn sized_after(case: &Case<'_>, one: &Exchange<'_>) -> Option<u64> {
    let at = one.command?.no;
    let after = |of: &&Exchange<'_>| of.command.is_some_and(|row| row.no > at);
    let fetched = || {
        let is_about = |of: &&Exchange<'_>| is_file(of.verb) && of.argument() == one.argument();
        let next = case.exchanges.iter().filter(after).find(is_about)?;
        let is_whole = next.verb == Some(Verb::Retr) && restart(case, next) == 0;
        moved(case, next).filter(|_| is_whole && next.granted().is_some())
    };
    told_size(one, case.exchanges.iter().filter(after)).or_else(fetched)
}

/// What the first SIZE or MLST of the same file said; what is stored between changes it.
fn told_size<'a: 'b, 'b>(
    one: &Exchange<'_>,
    others: impl Iterator<Item = &'b Exchange<'a>>,
) -> Option<u64> {
    let about = others.filter(|of| of.argument() == one.argument());
    let same = about.take_while(|of| sender(of.verb) == Party::Server);
    same.filter_map(|of| match of.verb? {
        Verb::Size => of.granted()?.label.as_bytes().get(4..),
        Verb::Mlst => size_fact(of.granted()?),
        _ => None,
    })
    .find_map(|number| str::from_utf8(number).ok()?.trim().parse().ok())
}

/// The size among the facts of MLST (RFC 3659 section 7.5.1).
fn size_fact(row: &Row) -> Option<&[u8]> {
    let lines = row.more.as_deref()?.words().split(|byte| *byte == b'\n');
    let facts = lines.map(<[u8]>::trim_ascii_start).flat_map(|line| {
        let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        line.get(..end).unwrap_or_default().split(|byte| *byte == b';')
    });
    facts
        .filter_map(|fact| fact.split_at_checked(5))
        .find_map(|(name, value)| name.eq_ignore_ascii_case(b"size=").then_some(value))
}

/// Whether all that went over a connection was captured, up to its end.
pub(super) fn is_whole(conn: &Conn) -> bool {
    conn.closed().is_some() && conn.missing() == 0
}

/// The bytes that a transfer moved, where all of them were captured.
pub(super) fn moved(case: &Case<'_>, one: &Exchange<'_>) -> Option<u64> {
    let conns = case.conns_of(one);
    let [conn] = conns.as_slice() else { return None };
    is_whole(conn).then(|| conn.carried(sender(one.verb)))
}

/// Where REST told a transfer to begin: it holds for the next transfer, whatever was asked between (RFC 959 section
/// 4.1.3 wants nothing between, but each transfer is prepared first).
pub(super) fn restart(case: &Case<'_>, one: &Exchange<'_>) -> u64 {
    let at = one.command.map_or(0, |row| row.no);
    let before = |of: &&Exchange<'_>| of.command.is_some_and(|row| row.no < at);
    let since = case.exchanges.iter().rev().filter(before);
    let mut since = since.take_while(|of| !of.verb.is_some_and(Verb::opens_transfer));
    let granted = |of: &&Exchange<'_>| of.verb == Some(Verb::Rest) && of.granted().is_some();
    let rest = since.find(granted);
    let number = rest.and_then(|rest| str::from_utf8(rest.argument()).ok()?.trim().parse().ok());
    number.unwrap_or(0)
}

/// Whether a transfer that REST was granted for began at the start of the file all the same.
pub(super) fn began_anew(case: &Case<'_>, one: &Exchange<'_>) -> bool {
    let size = match one.verb {
        Some(Verb::Retr) => sized(case, one),
        Some(Verb::Stor) => sized_after(case, one),
        _ => None,
    };
    restart(case, one) > 0 && size.is_some() && size == moved(case, one)
}

/// Who broke a transfer off, as far as its connection and its reply tell.
pub(super) fn breaker(case: &Case<'_>, one: &Exchange<'_>) -> Option<Party> {
    let conns = case.conns_of(one);
    let first = conns.iter().find_map(|conn| conn.first_end());
    // Who has sent all ends in order; that breaks nothing.
    let is_done = |who, how| {
        (who, sender(one.verb)) == (Party::Client, Party::Client) && how != HalfEnd::Reset
    };
    let first = first.filter(|(who, how, _)| !is_done(*who, *how)).map(|(who, ..)| who);
    // All but 426 speak of the server's own trouble.
    let own = one.refused().is_some_and(|row| code(row) != 426);
    first.or_else(|| own.then_some(Party::Server))
}

/// Whether the client ended a data connection while the server was sending: it broke it off, or the server came to no end. A
/// client that only has nothing to send may end its half at once.
pub(super) fn left_early(conn: &Conn) -> bool {
    let server = conn.server.ended.map(|(_, at, row)| (at, row));
    match conn.client.ended {
        Some((HalfEnd::Fin | HalfEnd::Reset, at, row)) => {
            let is_open = server.is_none_or(|end| end > (at, row));
            let is_whole = matches!(conn.server.ended, Some((HalfEnd::Fin, ..)));
            let sent = conn.server.bytes > 0 && conn.missing() == 0;
            let is_cut = conn.client.is_reset || !is_whole;
            sent && is_open && is_cut && !conn.has_said_all(Party::Server)
        }
        _ => false,
    }
}

/// Whether bytes begin as a stream of zlib does (RFC 1950 section 2.2).
pub(super) fn is_deflated(first: &[u8]) -> bool {
    match first {
        [a, b, ..] => a & 0x0f == 8 && u16::from_be_bytes([*a, *b]).is_multiple_of(31),
        _ => true,
    }
}

/// Words of a server that has understood the name, and refuses it for a reason of its own.
const UNDERSTOOD: &[&str] = &[
    "permission",
    "permitted",
    "denied",
    "not allowed to",
    "rights",
    "privilege",
    "quota",
    "already",
    "file exists",
    "in use",
    "busy",
    "read-only",
    "read only",
    "not empty",
    "no space",
    "disk full",
];
/// Words of one that cannot make a file of the name.
const ODD: &[&str] =
    &["no such", "not found", "name", "character", "charset", "encoding", "utf", "invalid"];

/// Whether a name with letters beyond ASCII was not found where charsets may differ.
pub(super) fn is_foreign(case: &Case<'_>, one: &Exchange<'_>) -> bool {
    let Some(row) = one.refused().filter(|row| matches!(code(row), 550 | 553 | 501)) else {
        return false;
    };
    let missing = match one.verb {
        Some(Verb::Retr | Verb::Cwd | Verb::Size | Verb::Mdtm | Verb::Dele | Verb::Rnfr) => true,
        // It need not be there.
        Some(Verb::Stor | Verb::Mkd) => says(row, ODD),
        _ => false,
    };
    let name = one.argument();
    let agreed = speaks_utf8(case) && str::from_utf8(name).is_ok();
    missing && !name.is_ascii() && !agreed && !says(row, UNDERSTOOD)
}

/// Whether the server says that its names are UTF-8.
fn speaks_utf8(case: &Case<'_>) -> bool {
    let has = |feat: &Exchange<'_>| feat.granted().is_some_and(|row| says(row, &["utf8"]));
    let takes = |opts: &Exchange<'_>| {
        opts.argument().to_ascii_uppercase().starts_with(b"UTF8") && opts.granted().is_some()
    };
    case.of([Verb::Feat]).any(has) || case.of([Verb::Opts]).any(takes)
}
