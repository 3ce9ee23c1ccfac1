//! How fast bytes go through what reads and writes them: `cargo bench -p wharf-proto`.
//!
//! One function a thing that a session does for every byte or every line. The figures are this machine's; what
//! they are for is to be compared before and after a change.

#![expect(clippy::unwrap_used, reason = "the input is our own")]

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use wharf_proto::Command;
use wharf_proto::codec::{Inbound, Outbound, Settings};
use wharf_proto::line::{Arrival, LineReader};
use wharf_proto::listing::{Entry, FactSet, Format, Kind, read_listing};
use wharf_proto::params::{Format as Control, Mode, Representation, Structure, Type};
use wharf_proto::time::Timestamp;

/// How much a transfer hands over at a time.
const CHUNK: usize = 256 * 1024;
const NOW: Timestamp = Timestamp::new(1_795_352_700, 0);
/// The representations whose codecs differ.
const CODECS: [&str; 5] = ["ascii", "ebcdic", "block", "compressed", "records"];

fn main() {
    divan::main();
}

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
fn text() -> Vec<u8> {
    let line = b"The quick brown fox jumps over the lazy dog, and over it again.\n";
    line.iter().copied().cycle().take(CHUNK).collect()
}

fn sent(name: &str) -> Vec<u8> {
    let mut codec = Outbound::new(representation(name), &Settings::default()).unwrap();
    let mut wire = Vec::new();
    codec.push(&text(), &mut wire).unwrap();
    codec.finish(&mut wire).unwrap();
    wire
}

#[divan::bench(args = CODECS)]
fn send(bencher: Bencher<'_, '_>, name: &str) {
    let (file, mut wire) = (text(), Vec::with_capacity(2 * CHUNK));
    bencher.counter(BytesCount::new(CHUNK)).bench_local(|| {
        let mut codec = Outbound::new(representation(name), &Settings::default()).unwrap();
        wire.clear();
        codec.push(black_box(&file), &mut wire).unwrap();
        codec.finish(&mut wire).unwrap();
    });
}

#[divan::bench(args = CODECS)]
fn receive(bencher: Bencher<'_, '_>, name: &str) {
    let (wire, mut file) = (sent(name), Vec::with_capacity(2 * CHUNK));
    bencher.counter(BytesCount::new(CHUNK)).bench_local(|| {
        let mut codec = Inbound::new(representation(name), &Settings::default()).unwrap();
        file.clear();
        let mut rest = black_box(wire.as_slice());
        while !rest.is_empty() {
            let taken = codec.push(rest, &mut file).unwrap().consumed;
            rest = &rest[taken..];
        }
        codec.finish(&mut file).unwrap();
    });
}

#[divan::bench]
fn command_lines(bencher: Bencher<'_, '_>) {
    let lines = b"RETR pub/some/file-of-usual-length.tar.gz\r\nNOOP\r\n".repeat(100);
    bencher.counter(ItemsCount::new(200_usize)).bench_local(|| {
        let mut reader = LineReader::new(4096);
        reader.push(black_box(&lines));
        let mut count = 0;
        while let Some(Arrival::Line(line)) = reader.next() {
            count += usize::from(Command::parse(&line).is_ok());
        }
        assert_eq!(count, 200);
    });
}

fn entries() -> Vec<Entry> {
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

#[divan::bench(args = ["unix", "facts", "names"])]
fn write_rows(bencher: Bencher<'_, '_>, name: &str) {
    let (entries, format, mut rows) = (entries(), format(name), Vec::new());
    bencher.counter(ItemsCount::new(entries.len())).bench_local(|| {
        rows.clear();
        for entry in black_box(&entries) {
            format.write(&mut rows, entry, NOW);
        }
    });
}

#[divan::bench(args = ["unix", "facts"])]
fn read_rows(bencher: Bencher<'_, '_>, name: &str) {
    let mut rows = Vec::new();
    entries().iter().for_each(|entry| format(name).write(&mut rows, entry, NOW));
    bencher
        .counter(ItemsCount::new(1000_usize))
        .bench_local(|| assert_eq!(read_listing(black_box(&rows), NOW).flatten().count(), 1000));
}

/// Listings of some other families, a thousand rows each.
#[divan::bench(args = ["eplf", "dos", "vms", "mvs", "os400", "dls"])]
fn read_rows_of_other_hosts(bencher: Bencher<'_, '_>, family: &str) {
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
    let rows = row.repeat(1000);
    bencher
        .counter(ItemsCount::new(1000_usize))
        .bench_local(|| assert_eq!(read_listing(black_box(&rows), NOW).flatten().count(), 1000));
}

/// A folder of few entries, where the vote is most of the work.
#[divan::bench(args = ["unix", "facts"])]
fn read_ten_rows(bencher: Bencher<'_, '_>, name: &str) {
    let mut rows = Vec::new();
    entries().iter().take(10).for_each(|entry| format(name).write(&mut rows, entry, NOW));
    bencher
        .counter(ItemsCount::new(10_usize))
        .bench_local(|| assert_eq!(read_listing(black_box(&rows), NOW).flatten().count(), 10));
}
