//! `trace-speed FILE`: how fast a capture is read and its sessions are found and judged, and in how much memory.
//!
//! With `--draw` it draws them as text too, and prints none of it. Made for captures of a gigabyte: `trace-speed --make FILE MEBIBYTES [SEGMENTS]` writes one, of many
//! sessions with a transfer of so many full segments each: a megabyte, if nothing is said.
#![expect(clippy::print_stdout, reason = "a measurement's result is what it prints")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Instant;
use wharf_ladder::capture::Capture;
use wharf_ladder::sessions::Sessions;
use wharf_ladder::{Options, Segment, text};

/// Bytes of a full segment, and how many of them a transfer has.
const FULL: usize = 1448;
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
    let mut out = Maker { out: BufWriter::new(File::create(file)?), written: 24, micros: 0 };
    let header = [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 101].map(u32::to_le_bytes).concat();
    out.out.write_all(&header)?;
    let mut n = 0u32;
    while out.written < mebibytes << 20 {
        out.session(n, segments)?;
        n += 1;
    }
    out.out.flush()?;
    Ok(())
}

struct Maker {
    out: BufWriter<File>,
    written: u64,
    micros: u64,
}

/// A connection: addresses' last bytes, ports, and the next number of each side.
struct Line {
    client: (u32, u16),
    server: u16,
    next: [u32; 2],
}

impl Maker {
    fn session(&mut self, n: u32, segments: u32) -> Result<(), Box<dyn Error>> {
        let port = u16::try_from(20_000 + n % 40_000)?;
        let mut control = Line { client: (n, port), server: 21, next: [1, 1] };
        let mut data = Line { client: (n, port.wrapping_add(1)), server: 50_000, next: [1, 1] };
        self.open(&mut control)?;
        let says: [(usize, &[u8]); 9] = [
            (1, b"220 ready\r\n"),
            (0, b"USER ann\r\n"),
            (1, b"331 password\r\n"),
            (0, b"PASS secret\r\n"),
            (1, b"230 in\r\n"),
            (0, b"TYPE I\r\n"),
            (1, b"200 ok\r\n"),
            (0, b"PASV\r\n"),
            (1, b"227 ok (203,0,113,5,195,80)\r\n"),
        ];
        for (side, line) in says {
            self.put(&mut control, side, 0x18, line)?;
        }
        self.put(&mut control, 0, 0x18, b"RETR file\r\n")?;
        self.open(&mut data)?;
        self.put(&mut control, 1, 0x18, b"150 go\r\n")?;
        let full = [7; FULL];
        for segment in 0..segments {
            self.put(&mut data, 1, 0x10, &full)?;
            if segment % 2 == 1 {
                self.put(&mut data, 0, 0x10, b"")?;
            }
        }
        for line in [&mut data, &mut control] {
            if line.server == 21 {
                self.put(line, 1, 0x18, b"226 done\r\n")?;
            }
            self.put(line, 1, 0x11, b"")?;
            self.put(line, 0, 0x11, b"")?;
            self.put(line, 1, 0x10, b"")?;
        }
        Ok(())
    }

    fn open(&mut self, line: &mut Line) -> Result<(), Box<dyn Error>> {
        self.put(line, 0, 0x02, b"")?;
        self.put(line, 1, 0x12, b"")?;
        self.put(line, 0, 0x10, b"")
    }

    fn put(
        &mut self,
        line: &mut Line,
        side: usize,
        flags: u8,
        payload: &[u8],
    ) -> Result<(), Box<dyn Error>> {
        let client = 0x0a00_0000 | line.client.0;
        let server = 0xcb00_7105u32;
        let (from, to) = if side == 0 { (client, server) } else { (server, client) };
        let (source, target) =
            if side == 0 { (line.client.1, line.server) } else { (line.server, line.client.1) };
        let (seq, ack) = (line.next[side], line.next[1 - side]);
        let taken = u32::try_from(payload.len())? + u32::from(flags & 3 != 0);
        line.next[side] = seq.wrapping_add(taken);
        let length = u16::try_from(40 + payload.len())?;
        let mut frame = vec![0x45, 0];
        frame.extend(length.to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        frame.extend(from.to_be_bytes());
        frame.extend(to.to_be_bytes());
        frame.extend(source.to_be_bytes());
        frame.extend(target.to_be_bytes());
        frame.extend(seq.to_be_bytes());
        frame.extend(ack.to_be_bytes());
        frame.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        frame.extend(payload);
        self.micros += 20;
        let size = u32::try_from(frame.len())?;
        let (seconds, micros) = (self.micros / 1_000_000, self.micros % 1_000_000);
        let head = [u32::try_from(seconds)?, u32::try_from(micros)?, size, size];
        self.out.write_all(&head.map(u32::to_le_bytes).concat())?;
        self.out.write_all(&frame)?;
        self.written += u64::from(size) + 16;
        Ok(())
    }
}
