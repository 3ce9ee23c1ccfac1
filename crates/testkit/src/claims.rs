//! What must hold of any bytes at all, a function a claim: the bodies of the fuzz targets.
//!
//! Each takes bytes as they come, and where the bytes that matter are few, also folded to those; where
//! there is a stream, it is read whole and byte by byte, and must come to the same. They panic where a
//! claim does not hold. The targets in `fuzz/` run them on bytes made up by a fuzzer, and the tests of
//! `wharf-proto` on those in `fuzz/corpus`.

mod client;
mod codec;

use std::path::Path;
use std::{fs, io};

pub use client::client;
pub use codec::{inbound, outbound};

use wharf_proto::Command;
use wharf_proto::address::{
    Eprt, parse_227, parse_229, parse_eprt, parse_port, print_227, print_229, print_eprt,
    print_port,
};
use wharf_proto::ascii::{Decoder, Encoder};
use wharf_proto::line::{Arrival, LineReader};
use wharf_proto::listing::{Entry, FactSet, Kind, mlsx, read_listing, unix};
use wharf_proto::redact::redacted;
use wharf_proto::reply::{Reply, ReplyReader};
use wharf_proto::time::Timestamp;

use crate::steps::{Cut, Step, same_however_cut, walk};

/// The time at which listings are read.
const NOW: Timestamp = Timestamp::new(1_795_352_700, 0);

/// The name of a claim, which is that of its fuzz target and its corpus, and the claim.
pub type Claim = (&'static str, fn(&[u8]));

/// All claims.
pub const ALL: [Claim; 10] = [
    ("line", line),
    ("command", command),
    ("reply", reply),
    ("address", address),
    ("listing", listing),
    ("ascii", ascii),
    ("inbound", inbound),
    ("outbound", outbound),
    ("server", server),
    ("client", client),
];

/// Runs a claim on each file in the folder of its name, and says how many there are.
///
/// # Errors
/// Where the folder or a file in it cannot be read.
pub fn run_on_corpus((name, claim): Claim, corpus: &Path) -> io::Result<usize> {
    let mut count = 0;
    for file in fs::read_dir(corpus.join(name))? {
        claim(&fs::read(file?.path())?);
        count += 1;
    }
    Ok(count)
}

/// The bytes, each replaced by one of these.
fn folded(data: &[u8], alphabet: &[u8]) -> Vec<u8> {
    data.iter().map(|byte| alphabet[usize::from(*byte) % alphabet.len()]).collect()
}

/// Lines: no cut makes a difference, and what is kept is bounded. The first byte is the cap.
pub fn line(data: &[u8]) {
    let Some((cap, bytes)) = data.split_first() else { return };
    let cap = usize::from(cap % 32);
    for bytes in [bytes.to_vec(), folded(bytes, b"ab \r\n\0\xff\xf0\xf2\xf4\xfa\xfb\xfd\xfe")] {
        let (mut whole, mut single) = (LineReader::new(cap), LineReader::new(cap));
        let all = arrivals(&mut whole, &bytes, bytes.len().max(1));
        assert_eq!(all, arrivals(&mut single, &bytes, 1));
        assert_eq!(whole.buffered(), single.buffered());
        assert!(whole.buffered() <= cap + 4, "{} bytes are kept", whole.buffered());
        assert_eq!(whole.take_rest(), single.take_rest());
    }
}

fn arrivals(reader: &mut LineReader, bytes: &[u8], size: usize) -> Vec<Arrival> {
    let mut all = Vec::new();
    for chunk in bytes.chunks(size) {
        reader.push(chunk);
        all.extend(reader.by_ref());
    }
    all
}

/// The lines in these bytes.
fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = LineReader::new(1 << 20);
    let line = |arrival| match arrival {
        Arrival::Line(line) => Some(line),
        Arrival::TooLong | Arrival::Interrupt | Arrival::Mark | Arrival::Answer(_) => None,
    };
    arrivals(&mut reader, bytes, bytes.len().max(1)).into_iter().filter_map(line).collect()
}

/// Commands: what parses is sent as one line and parses to the same, and a secret is not shown.
pub fn command(data: &[u8]) {
    let (_, shown) = redacted(data);
    let Ok(command) = Command::parse(data) else { return };
    if let Command::Pass(secret) = &command
        && !secret.reveal().is_empty()
    {
        assert_eq!(shown.as_bytes().to_ascii_uppercase(), "PASS …".as_bytes());
    }
    let Ok(sent) = command.encode() else {
        let ends = data.iter().any(|byte| matches!(byte, b'\n' | 0));
        return assert!(ends, "{command:?} is not sent");
    };
    let [line] = lines(&sent).try_into().unwrap_or_else(|lines| panic!("{lines:?}"));
    assert_eq!(Command::parse(&line), Ok(command));
}

/// Replies: what is read is written so that it is read as the same.
pub fn reply(data: &[u8]) {
    for bytes in [data.to_vec(), folded(data, b"112233445560- -\r\n\n\na\xff")] {
        let mut reader = ReplyReader::new();
        for line in lines(&bytes) {
            if let Ok(Some(reply)) = reader.line(line) {
                assert_eq!(reread(&reply), [reply]);
            }
        }
    }
}

fn reread(reply: &Reply) -> Vec<Reply> {
    let mut reader = ReplyReader::new();
    lines(&reply.encode()).into_iter().filter_map(|line| reader.line(line).ok()?).collect()
}

/// Addresses: what is read is printed so that it is read as the same.
pub fn address(data: &[u8]) {
    for text in [data.to_vec(), folded(data, b"0123456789,,,|||().:af E")] {
        if let Ok(at) = parse_port(&text) {
            assert_eq!(parse_port(print_port(at).as_bytes()), Ok(at));
        }
        if let Ok(at) = parse_227(&text) {
            assert_eq!(parse_227(print_227(at).as_bytes()), Ok(at));
        }
        if let Ok(port) = parse_229(&text) {
            assert_eq!(parse_229(print_229(port).as_bytes()), Ok(port));
        }
        if let Ok(Eprt::Address(at)) = parse_eprt(&text) {
            assert_eq!(parse_eprt(print_eprt(at).as_bytes()), Ok(Eprt::Address(at)));
        }
    }
}

/// Listings: what is read is written so that it is read as the same entry, in the form that can say it.
pub fn listing(data: &[u8]) {
    let alphabet = b"-dlrwx0123456789 :->JanFeb;=typefilesizemodify.\r\n";
    for text in [data.to_vec(), folded(data, alphabet)] {
        let rows = text.split(|byte| *byte == b'\n').count();
        let entries: Vec<_> = read_listing(&text, NOW).collect();
        assert!(entries.len() <= rows);
        entries.into_iter().flatten().for_each(|entry| rewrite(&entry));
    }
}

fn rewrite(entry: &Entry) {
    let mut row = Vec::new();
    mlsx::write_row(&mut row, entry, FactSet::ALL);
    let Some(again) = mlsx::read(&row) else { panic!("{}", row.escape_ascii()) };
    // In a row of facts a name is as it is, but for what no row can hold (RFC 3659 section 2.2).
    let clean = |byte: &u8| if matches!(byte, b'\n' | 0) { b'?' } else { *byte };
    let name: Vec<u8> = entry.name.iter().map(clean).collect();
    assert_eq!(again.name, name, "{}", row.escape_ascii());
    if matches!(entry.kind, Kind::File | Kind::Folder) {
        assert_eq!(again.kind, entry.kind, "{}", row.escape_ascii());
    }
    row.clear();
    unix::write_row(&mut row, entry, NOW);
    // A name of blanks alone cannot be told from none in this form.
    let blank = name.trim_ascii().is_empty();
    assert!(blank || unix::read(&row, NOW).is_some(), "{}", row.escape_ascii());
}

/// NVT-ASCII: no cut makes a difference, and text without CR comes back. The first byte is the size of the
/// chunks.
pub fn ascii(data: &[u8]) {
    let Some((size, text)) = data.split_first() else { return };
    let size = 1 + usize::from(size % 8);
    for text in [text.to_vec(), folded(text, b"ab\r\n")] {
        let encoded = encode(&text, text.len().max(1));
        assert_eq!(encoded, encode(&text, size));
        assert_eq!(decode(&text, text.len().max(1)), decode(&text, size));
        if !text.contains(&b'\r') {
            assert_eq!(decode(&encoded, size), text);
        }
    }
}

fn encode(text: &[u8], size: usize) -> Vec<u8> {
    let (mut encoder, mut out) = (Encoder::new(), Vec::new());
    text.chunks(size).for_each(|chunk| encoder.encode(chunk, &mut out));
    out
}

fn decode(text: &[u8], size: usize) -> Vec<u8> {
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    text.chunks(size).for_each(|chunk| decoder.decode(chunk, &mut out));
    decoder.finish(&mut out);
    out
}

/// The server machine: any walk keeps the rules that [`crate::watch`] lists, no cut makes a difference,
/// and what waits inside is bounded. The first byte says whether the walk begins with a login.
pub fn server(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let (logged_in, steps) = (first % 2 == 1, Step::decode(rest));
    same_however_cut(&steps, logged_in);
    walk(&steps, Cut::Wanted, logged_in);
}
