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
