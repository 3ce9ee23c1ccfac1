//! How many instructions a piece of work takes: `cargo bench` here, with valgrind and gungraun-runner installed.
//!
//! Counts do not depend on how busy the machine is, so each has a limit, about an eighth above what it was when the
//! limit was set: whoever passes it has made the work heavier, or has a reason and sets a new one. What the compiler
//! chooses to inline counts too: EBCDIC takes twice as many or half with changes elsewhere, so its limit is wide.

#![expect(clippy::unwrap_used, reason = "the input is our own")]

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use wharf_ladder::capture::Capture;
use wharf_ladder::sessions::{Session as Captured, Sessions};
use wharf_ladder::{Options, text};
use wharf_proto::listing::Entry;
use wharf_proto::server::Session;

#[path = "../../crates/ladder/examples/trace-speed/made.rs"]
mod made;
#[path = "../../crates/proto/benches/bytes/work.rs"]
mod work;

/// As many instructions as it may be.
fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, instructions)]);
    LibraryBenchmarkConfig::default().tool(callgrind).clone()
}

fn room() -> Vec<u8> {
    Vec::with_capacity(2 * work::CHUNK)
}

fn file_to_send(codec: &'static str) -> (&'static str, Vec<u8>, Vec<u8>) {
    (codec, work::text(), room())
}

fn file_on_the_wire(codec: &'static str) -> (&'static str, Vec<u8>, Vec<u8>) {
    (codec, work::sent(codec), room())
}

fn folder(format: &'static str) -> (&'static str, Vec<Entry>, Vec<u8>) {
    (format, work::entries(), room())
}

fn listing(format: &'static str) -> Vec<u8> {
    work::rows(format, 1000)
}

/// A capture of so many sessions, with a file of so many full segments in each.
fn capture(sessions: u32, segments: u32) -> Vec<u8> {
    let mut made = made::Maker::new(Vec::new()).unwrap();
    (0..sessions).for_each(|_| made.session(segments).unwrap());
    made.out
}

fn judged(capture: &[u8]) -> Vec<Captured> {
    let (mut capture, mut sessions) = (Capture::open(capture).unwrap(), Sessions::default());
    capture.each_segment(|segment| sessions.push(segment)).unwrap();
    let all: Vec<Captured> = sessions.finish().into_iter().flatten().collect();
    assert!(all.iter().all(|session| session.findings().is_empty()));
    all
}

fn one() -> Captured {
    judged(&capture(1, 1)).remove(0)
}

// 256 KiB go out.
#[library_benchmark(setup = file_to_send)]
#[bench::ascii(args = ("ascii"), config = at_most(760_000))]
#[bench::ebcdic(args = ("ebcdic"), config = at_most(2_400_000))]
#[bench::block(args = ("block"), config = at_most(300_000))]
#[bench::compressed(args = ("compressed"), config = at_most(320_000))]
#[bench::records(args = ("records"), config = at_most(1_200_000))]
fn send((codec, file, mut wire): (&str, Vec<u8>, Vec<u8>)) -> (Vec<u8>, Vec<u8>) {
    work::send(codec, &file, &mut wire);
    (file, wire)
}

// 256 KiB come in.
#[library_benchmark(setup = file_on_the_wire)]
#[bench::ascii(args = ("ascii"), config = at_most(600_000))]
#[bench::ebcdic(args = ("ebcdic"), config = at_most(2_400_000))]
#[bench::block(args = ("block"), config = at_most(310_000))]
#[bench::compressed(args = ("compressed"), config = at_most(450_000))]
#[bench::records(args = ("records"), config = at_most(2_400_000))]
fn receive((codec, wire, mut file): (&str, Vec<u8>, Vec<u8>)) -> (Vec<u8>, Vec<u8>) {
    work::receive(codec, &wire, &mut file);
    (wire, file)
}

// 200 lines are read as commands.
#[library_benchmark]
#[bench::of_commands(args = (), setup = work::lines, config = at_most(200_000))]
fn lines(lines: Vec<u8>) -> Vec<u8> {
    work::command_lines(&lines);
    lines
}

// 50 commands are answered.
#[library_benchmark]
#[bench::answered(args = (), setup = work::session, config = at_most(260_000))]
fn commands(mut session: Session) -> Session {
    work::commands(&mut session);
    session
}

// 1,000 files are listed.
#[library_benchmark(setup = folder)]
#[bench::unix(args = ("unix"), config = at_most(1_100_000))]
#[bench::facts(args = ("facts"), config = at_most(1_200_000))]
#[bench::names(args = ("names"), config = at_most(190_000))]
fn write_rows((format, entries, mut rows): (&str, Vec<Entry>, Vec<u8>)) -> (Vec<Entry>, Vec<u8>) {
    work::write_rows(format, &entries, &mut rows);
    (entries, rows)
}

// 1,000 rows are read.
#[library_benchmark]
#[bench::unix(args = ("unix"), setup = listing, config = at_most(11_600_000))]
#[bench::facts(args = ("facts"), setup = listing, config = at_most(6_700_000))]
#[bench::dos(args = ("dos"), setup = work::rows_of_another_host, config = at_most(9_100_000))]
#[bench::vms(args = ("vms"), setup = work::rows_of_another_host, config = at_most(8_500_000))]
#[bench::mvs(args = ("mvs"), setup = work::rows_of_another_host, config = at_most(9_500_000))]
fn read_rows(rows: Vec<u8>) -> Vec<u8> {
    work::read_rows(&rows, 1000);
    rows
}

// 50 sessions of one segment each, or one session of 5,000, are found in a capture and judged.
#[library_benchmark(setup = capture)]
#[bench::tiny_sessions(args = (50, 1), config = at_most(10_700_000))]
#[bench::a_large_transfer(args = (1, 5000), config = at_most(48_500_000))]
fn trace(capture: Vec<u8>) -> (Vec<u8>, usize) {
    let sessions = judged(&capture).len();
    (capture, sessions)
}

// A session of 29 rows is drawn.
#[library_benchmark(setup = one)]
#[bench::as_text(args = (), config = at_most(139_000))]
fn draw(session: Captured) -> (Captured, String) {
    let drawn = text::scene(&session.scene(), &Options::default());
    (session, drawn)
}

library_benchmark_group!(
    name = bytes_and_lines,
    benchmarks = [send, receive, lines, commands, write_rows, read_rows]
);

library_benchmark_group!(name = captures, benchmarks = [trace, draw]);

main!(library_benchmark_groups = [bytes_and_lines, captures]);
