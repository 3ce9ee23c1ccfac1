//! What is measured, in time by `main.rs` and in instructions by the `counted` package: the input, and the work on it.

use std::hint::black_box;

use wharf_proto::codec::{Inbound, Outbound, Settings};
use wharf_proto::line::{Arrival, LineReader};
use wharf_proto::listing::{Entry, FactSet, Format, Kind, read_listing};
use wharf_proto::params::{Format as Control, Mode, Representation, Structure, Type};
use wharf_proto::server::{Output, Policy, Session};
use wharf_proto::time::Timestamp;
use wharf_proto::{Command, Moment};

/// How much a transfer hands over at a time.
pub(crate) const CHUNK: usize = 256 * 1024;
const NOW: Timestamp = Timestamp::new(1_795_352_700, 0);

fn representation(name: &str) -> Representation {
    let plain = Representation::default();
    let image = Representation { kind: Type::Image, ..plain };
    match name {
        "ascii" => plain,
        "ebcdic" => Representation { kind: Type::Ebcdic(Control::NonPrint), ..plain },
        "block" => Representation { mode: Mode::Block, ..image },
        "compressed" => Representation { mode: Mode::Compressed, ..image },
        _ => Representation { structure: Structure::Record, ..plain },
    }
}

/// Text with lines of 64 bytes.
pub(crate) fn text() -> Vec<u8> {
    let line = b"The quick brown fox jumps over the lazy dog, and over it again.\n";
    line.iter().copied().cycle().take(CHUNK).collect()
}

/// The text as it goes over the wire.
pub(crate) fn sent(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    send(name, &text(), &mut wire);
    wire
}

/// A file goes out.
pub(crate) fn send(name: &str, file: &[u8], wire: &mut Vec<u8>) {
    let mut codec = Outbound::new(representation(name), &Settings::default()).unwrap();
    wire.clear();
    codec.push(black_box(file), wire).unwrap();
    codec.finish(wire).unwrap();
}

/// A file comes in.
pub(crate) fn receive(name: &str, wire: &[u8], file: &mut Vec<u8>) {
    let mut codec = Inbound::new(representation(name), &Settings::default()).unwrap();
    file.clear();
    let mut rest = black_box(wire);
    while !rest.is_empty() {
        let taken = codec.push(rest, file).unwrap().consumed;
        rest = &rest[taken..];
    }
    codec.finish(file).unwrap();
}

/// Two hundred lines.
pub(crate) fn lines() -> Vec<u8> {
    b"RETR pub/some/file-of-usual-length.tar.gz\r\nNOOP\r\n".repeat(100)
}

/// Lines are cut and read as commands.
pub(crate) fn command_lines(lines: &[u8]) {
    let mut reader = LineReader::new(4096);
    reader.push(black_box(lines));
    let mut count = 0;
    while let Some(Arrival::Line(line)) = reader.next() {
        count += usize::from(Command::parse(&line).is_ok());
    }
    assert_eq!(count, 200);
}

/// A session with nobody in it yet.
pub(crate) fn session() -> Session {
    let (client, server) = (([192, 0, 2, 7], 40000).into(), ([192, 0, 2, 1], 21).into());
    let mut session = Session::new(Policy::default().into(), client, server, true);
    session.handle_opened(Moment::START);
    while session.poll_output().is_some() {}
    session
}

/// The server's machine answers fifty commands.
pub(crate) fn commands(session: &mut Session) {
    let mut replies = 0;
    for _ in 0..50 {
        session.handle_bytes(Moment::START, black_box(b"NOOP\r\n"));
        while let Some(output) = session.poll_output() {
            replies += usize::from(matches!(output, Output::Send(_)));
        }
    }
    assert_eq!(replies, 50);
}

/// A folder of a thousand files.
pub(crate) fn entries() -> Vec<Entry> {
    let entry = |n: i64| {
        let mut entry = Entry::new(format!("entry-{n:06}.dat").into_bytes(), Kind::File);
        entry.size = Some(n.unsigned_abs() * 977);
        entry.modified = Some(Timestamp::new(NOW.seconds() - n * 3600, 0));
        entry.mode = Some(0o100_644);
        entry
    };
    (0..1000).map(entry).collect()
}

fn format(name: &str) -> Format {
    match name {
        "unix" => Format::Unix,
        "names" => Format::Names,
        _ => Format::Facts(FactSet::DEFAULT),
    }
}

/// The folder is listed.
pub(crate) fn write_rows(name: &str, entries: &[Entry], rows: &mut Vec<u8>) {
    let format = format(name);
    rows.clear();
    for entry in black_box(entries) {
        format.write(rows, entry, NOW);
    }
}

/// The listing of the first `count` files.
pub(crate) fn rows(name: &str, count: usize) -> Vec<u8> {
    let mut rows = Vec::new();
    write_rows(name, &entries()[..count], &mut rows);
    rows
}

/// A listing of another family, of a thousand rows.
pub(crate) fn rows_of_another_host(family: &str) -> Vec<u8> {
    let row: &[u8] = match family {
        "eplf" => b"+i8388621.48594,m825718503,r,s280,up644,\tdjb.html\r\n",
        "dos" => b"04-14-00  03:47PM                  589 read me.htm\r\n",
        "vms" => {
            b"CII-MANUAL.TEX;1  213/216  29-JAN-1996 03:33:12  [ANONYMOUS]   (RWED,RWED,,)\r\n"
        }
        "mvs" => b"WPTA01 3290   2004/03/04  1    3  FB      80  3125  PS  USER.CNTL.DS\r\n",
        "os400" => b"PEP             4019 04/03/18 18:58:16 *STMF      einladung.zip\r\n",
        _ => b"pub/              =  Public area\r\n",
    };
    row.repeat(1000)
}

/// A listing is read, whose rows are `count`.
pub(crate) fn read_rows(rows: &[u8], count: usize) {
    assert_eq!(read_listing(black_box(rows), NOW).flatten().count(), count);
}
