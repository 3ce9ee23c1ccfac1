//! `trace-speed FILE`: how fast a capture is read and its sessions are found and judged, and in how much memory.
//!
//! With `--draw` it draws them as text too, and prints none of it. Made for captures of a gigabyte:
//! `trace-speed --make FILE MEBIBYTES [SEGMENTS]` writes one, of many sessions with a transfer of so many full segments
//! each: a megabyte, if nothing is said.
#![expect(clippy::print_stdout, reason = "a measurement's result is what it prints")]

mod made;

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Seek as _, Write as _};
use std::time::Instant;
use wharf_ladder::capture::Capture;
use wharf_ladder::sessions::Sessions;
use wharf_ladder::{Options, Segment, text};

/// How many full segments a transfer has.
const SEGMENTS: u32 = 724;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [make, file, mebibytes] if make == "--make" => {
            make_capture(file, mebibytes.parse()?, SEGMENTS)
        }
        [make, file, mebibytes, segments] if make == "--make" => {
            make_capture(file, mebibytes.parse()?, segments.parse()?)
        }
        [file] => measure(file, false),
        [draw, file] if draw == "--draw" => measure(file, true),
        _ => Err("usage: trace-speed [--draw] FILE | --make FILE MEBIBYTES [SEGMENTS]".into()),
    }
}

fn measure(file: &str, draws: bool) -> Result<(), Box<dyn Error>> {
    let bytes = std::fs::metadata(file)?.len();
    let begun = Instant::now();
    let mut capture = Capture::open(File::open(file)?)?;
    let mut sessions = Sessions::default();
    let (mut count, mut findings, mut drawn) = (0u64, 0usize, 0usize);
    let mut take = |groups: Vec<Vec<wharf_ladder::sessions::Session>>| {
        for session in groups.into_iter().flatten() {
            count += 1;
            if draws {
                let scene = session.scene();
                findings += scene.findings.len();
                drawn += text::scene(&scene, &Options::default()).len();
            } else {
                findings += session.findings().len();
            }
        }
    };
    let mut frames = 0u64;
    while let Some(frame) = capture.next_frame()? {
        if let Some(segment) = Segment::of_frame(&frame) {
            sessions.push(&segment);
        }
        frames += 1;
        if frames.is_multiple_of(512) {
            take(sessions.take_finished());
        }
    }
    take(sessions.finish());
    let took = begun.elapsed().as_secs_f64();
    let speed = bytes as f64 / 1_048_576.0 / took;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!(
        "{frames} frames, {count} sessions, {findings} findings, {drawn} B of text: {took:.2} s, {speed:.0} MiB/s, {peak}"
    );
    Ok(())
}

/// Writes sessions in passive mode until the file is long enough.
fn make_capture(file: &str, mebibytes: u64, segments: u32) -> Result<(), Box<dyn Error>> {
    let mut made = made::Maker::new(BufWriter::new(File::create(file)?))?;
    while made.out.stream_position()? < mebibytes << 20 {
        made.session(segments)?;
    }
    Ok(made.out.flush()?)
}
