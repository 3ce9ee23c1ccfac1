//! `check-reference [--draw] FILE [PORT]`: whether a capture holds the reference session, packet by packet.
//!
//! Reads pcap and pcapng, `-` from standard input, and takes the first session with a server on PORT (21). It
//! exits with 0 where the rows that must appear do so in their order and with their flags, else with 1 and
//! the first that does not; then, and with `--draw`, it draws the session. It is no general viewer of
//! captures.
#![expect(clippy::print_stdout, reason = "a check's result is what it prints")]
#![expect(clippy::print_stderr, reason = "what went wrong is for the person, not the pipe")]

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::process::ExitCode;
use wharf_ladder::capture::Capture;
use wharf_ladder::reference::{Kind, Line, REFERENCE, RefRow};
use wharf_ladder::{Alignment, Ends, Flags, Options, Packet, Packets, Row};

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let draw = arguments.first().is_some_and(|word| word == "--draw");
    arguments.drain(..usize::from(draw));
    let (file, port) = match arguments.as_slice() {
        [file] => (file, Ok(21)),
        [file, port] => (file, port.parse()),
        _ => {
            eprintln!("usage: check-reference [--draw] FILE [PORT]");
            return ExitCode::from(2);
        }
    };
    let packets = match port.map_err(Box::from).and_then(|port| read(file, port)) {
        Ok(packets) => packets,
        Err(error) => {
            eprintln!("check-reference: {file}: {error}");
            return ExitCode::from(2);
        }
    };
    let verdict = check(&packets);
    if draw || verdict.is_err() {
        print!("{}", packets.render_text(&Options { packets: true, ..Options::default() }));
    }
    match verdict {
        Ok(verdict) => println!("{verdict}"),
        Err(why) => {
            eprintln!("check-reference: {why}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// The session in a file. One that breaks off is told, and checked as far as it goes.
fn read(file: &str, port: u16) -> Result<Packets, Box<dyn Error>> {
    let source: Box<dyn Read + Send> = match file {
        "-" => Box::new(io::stdin()),
        file => Box::new(BufReader::new(File::open(file)?)),
    };
    let mut packets = Packets::of_port(port);
    let mut capture = Capture::open(source)?;
    if let Err(error) = capture.each_segment(|segment| {
        packets.push(segment);
    }) {
        eprintln!("check-reference: {file}: {error}");
    }
    Ok(packets)
}

/// What to say of a capture that is the reference session, or in what it first is not.
fn check(packets: &Packets) -> Result<String, String> {
    let ends = packets.ends().ok_or("no control connection on that port")?;
    let (rows, spare, again) = match packets.align() {
        Alignment::Same { rows, spare_acks, again } => (rows, spare_acks, again),
        Alignment::Differs(first) => {
            return Err(format!("{first}; {} bytes were not captured", packets.missing()));
        }
    };
    if packets.missing() > 0 {
        return Err(format!("{} bytes of the session were not captured", packets.missing()));
    }
    let core: Vec<(&RefRow, &Row)> =
        REFERENCE.iter().zip(&rows).filter(|(want, _)| want.kind != Kind::Ack).collect();
    for (want, row) in &core {
        flags(want.kind, row)
            .and_then(|()| ports(want.line, row, ends))
            .map_err(|why| format!("reference row {} ({}): {why}", want.no, want.kind))?;
    }
    let acks = REFERENCE.iter().zip(&rows).filter(|(want, _)| want.kind == Kind::Ack);
    let (seen, all) = acks
        .fold((0, 0), |(seen, all), (_, row)| (seen + usize::from(row.wire.is_some()), all + 1));
    Ok(format!(
        "the reference session: {} rows that must appear, in order; {seen} of {all} bare ACKs, \
         {spare} more; {again} sent again",
        core.len()
    ))
}

/// Whether a row came in one segment with the flags that its kind has.
fn flags(kind: Kind, row: &Row) -> Result<(), String> {
    let flags = row.wire.map(|wire| Flags { urg: false, ..wire.flags }).unwrap_or_default();
    let ack = Flags { ack: true, ..Flags::default() };
    let is_right = match kind {
        Kind::Syn => flags == Flags { syn: true, ..Flags::default() },
        Kind::SynAck => flags == Flags { syn: true, ..ack },
        Kind::Established | Kind::Ack => flags == ack,
        Kind::Command(_) | Kind::Reply(_) => flags == Flags { psh: true, ..ack },
        Kind::DataFin | Kind::Fin => Flags { psh: false, ..flags } == Flags { fin: true, ..ack },
    };
    let in_one = !matches!((kind, row.packet), (Kind::DataFin, Packet::Fin));
    match (is_right, in_one) {
        (false, _) => Err(format!("has the flags {flags}")),
        (true, false) => Err("has no data in the segment with the FIN".to_owned()),
        (true, true) => Ok(()),
    }
}

/// Whether a data connection comes from the port before the control port.
fn ports(line: Line, row: &Row, control: Ends) -> Result<(), String> {
    match (line, row.ports.server.map(|port| port.checked_add(1))) {
        (Line::Control, _) => Ok(()),
        (Line::First | Line::Second, Some(next)) if next == Some(control.server.port()) => Ok(()),
        (Line::First | Line::Second, _) => {
            Err(format!("the server's port is {}", row.ports.server.unwrap_or(0)))
        }
    }
}
