//! How fast bytes go through what reads and writes them: `cargo bench -p wharf-proto`.
//!
//! One function a thing that a session does for every byte or every line. The figures are this machine's; what
//! they are for is to be compared before and after a change.

#![expect(clippy::unwrap_used, reason = "the input is our own")]

mod work;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

/// The representations whose codecs differ.
const CODECS: [&str; 5] = ["ascii", "ebcdic", "block", "compressed", "records"];

fn main() {
    divan::main();
}

#[divan::bench(args = CODECS)]
fn send(bencher: Bencher<'_, '_>, name: &str) {
    let (file, mut wire) = (work::text(), Vec::with_capacity(2 * work::CHUNK));
    let bencher = bencher.counter(BytesCount::new(work::CHUNK));
    bencher.bench_local(|| work::send(name, &file, &mut wire));
}

#[divan::bench(args = CODECS)]
fn receive(bencher: Bencher<'_, '_>, name: &str) {
    let (wire, mut file) = (work::sent(name), Vec::with_capacity(2 * work::CHUNK));
    let bencher = bencher.counter(BytesCount::new(work::CHUNK));
    bencher.bench_local(|| work::receive(name, &wire, &mut file));
}

#[divan::bench]
fn command_lines(bencher: Bencher<'_, '_>) {
    let lines = work::lines();
    bencher.counter(ItemsCount::new(200_usize)).bench_local(|| work::command_lines(&lines));
}

#[divan::bench]
fn commands(bencher: Bencher<'_, '_>) {
    let mut session = work::session();
    bencher.counter(ItemsCount::new(50_usize)).bench_local(|| work::commands(&mut session));
}

#[divan::bench(args = ["unix", "facts", "names"])]
fn write_rows(bencher: Bencher<'_, '_>, name: &str) {
    let (entries, mut rows) = (work::entries(), Vec::new());
    let bencher = bencher.counter(ItemsCount::new(entries.len()));
    bencher.bench_local(|| work::write_rows(name, &entries, &mut rows));
}

#[divan::bench(args = ["unix", "facts"])]
fn read_rows(bencher: Bencher<'_, '_>, name: &str) {
    let rows = work::rows(name, 1000);
    bencher.counter(ItemsCount::new(1000_usize)).bench_local(|| work::read_rows(&rows, 1000));
}

/// Listings of some other families, a thousand rows each.
#[divan::bench(args = ["eplf", "dos", "vms", "mvs", "os400", "dls"])]
fn read_rows_of_other_hosts(bencher: Bencher<'_, '_>, family: &str) {
    let rows = work::rows_of_another_host(family);
    bencher.counter(ItemsCount::new(1000_usize)).bench_local(|| work::read_rows(&rows, 1000));
}

/// A folder of few entries, where the vote is most of the work.
#[divan::bench(args = ["unix", "facts"])]
fn read_ten_rows(bencher: Bencher<'_, '_>, name: &str) {
    let rows = work::rows(name, 10);
    bencher.counter(ItemsCount::new(10_usize)).bench_local(|| work::read_rows(&rows, 10));
}
