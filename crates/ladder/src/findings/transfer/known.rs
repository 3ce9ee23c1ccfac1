//! What is known of one transfer: in which form it went, where it began, how much moved, and what was announced.

use crate::case::{Case, Exchange};
use crate::conn::Conn;
use crate::dialogue::sender;
use crate::row::{Packet, Row};
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

/// The size of the file that a transfer moves, as SIZE said.
pub(super) fn announced(case: &Case<'_>, one: &Exchange<'_>) -> Option<u64> {
    let at = one.command?.no;
    let of_file = |of: &&Exchange<'_>| {
        of.argument() == one.argument() && of.command.is_some_and(|row| row.no < at)
    };
    let reply = case.of([Verb::Size]).filter(of_file).last()?.granted()?;
    str::from_utf8(reply.label.as_bytes().get(4..)?).ok()?.trim().parse().ok()
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

/// Where REST told a transfer to begin.
pub(super) fn restart(case: &Case<'_>, one: &Exchange<'_>) -> u64 {
    let before = one.command.map_or(0, |row| row.no);
    let last = case.exchanges.iter().rfind(|of| of.command.is_some_and(|row| row.no < before));
    let rest = last.into_iter().chain(prepared(case, one)).find(|of| of.verb == Some(Verb::Rest));
    let granted = rest.filter(|rest| rest.granted().is_some());
    let number = granted.and_then(|rest| str::from_utf8(rest.argument()).ok()?.trim().parse().ok());
    number.unwrap_or(0)
}

/// What was asked just before the setup of a transfer.
fn prepared<'a, 'b>(case: &'b Case<'a>, one: &Exchange<'_>) -> Option<&'b Exchange<'a>> {
    let no = one.command?.no;
    let is_its = |at: usize| {
        case.exchanges.get(at).and_then(|of| of.command).is_some_and(|row| row.no == no)
    };
    let setup = case.setups.iter().find(|setup| setup.transfer.is_some_and(is_its))?;
    case.exchanges.get(setup.asked.checked_sub(1)?)
}

/// Whether the client ended a data connection while the server was sending.
pub(super) fn left_early(conn: &Conn) -> bool {
    let server = conn.server.ended.map(|(_, at, row)| (at, row));
    match conn.client.ended {
        Some((HalfEnd::Fin | HalfEnd::Reset, at, row)) => {
            let is_open = server.is_none_or(|end| end > (at, row));
            let sent = conn.server.bytes > 0 && conn.missing() == 0;
            sent && is_open && !conn.has_said_all(Party::Server)
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

/// Whether a name with letters beyond ASCII was not found where charsets may differ.
pub(super) fn is_foreign(case: &Case<'_>, one: &Exchange<'_>) -> bool {
    let names = matches!(
        one.verb,
        Some(
            Verb::Retr
                | Verb::Cwd
                | Verb::Size
                | Verb::Mdtm
                | Verb::Dele
                | Verb::Rnfr
                | Verb::Stor
                | Verb::Mkd
        )
    );
    let missing = |row: &Row| matches!(row.packet, Packet::Reply(550 | 553 | 501));
    let agreed = case.of([Verb::Opts]).any(|opts| {
        opts.argument().to_ascii_uppercase().starts_with(b"UTF8") && opts.granted().is_some()
    });
    let valid = str::from_utf8(one.argument()).is_ok();
    names && one.refused().is_some_and(missing) && !one.argument().is_ascii() && !(agreed && valid)
}
