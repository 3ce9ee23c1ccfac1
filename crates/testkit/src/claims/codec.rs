//! The codecs, in every representation: whatever comes over a data connection, and whatever is in a file.

use wharf_proto::codec::{Inbound, LocalError, Outbound, Settings, WireError};
use wharf_proto::params::{Format, Mode, Representation, Structure, Type};

use super::folded;

/// The bytes that mean something in one representation or another.
const TELLING: &[u8] = &[0xff, 0, 1, 2, 3, 0x40, 0x80, 0x10, 0x15, b'\r', b'\n', b'x'];

/// A representation and the size of the chunks, by two bytes.
fn choice(data: &[u8]) -> Option<(Representation, usize, &[u8])> {
    const FORMATS: [Format; 3] = [Format::NonPrint, Format::Telnet, Format::Carriage];
    const STRUCTURES: [Structure; 3] = [Structure::File, Structure::Record, Structure::Page];
    const MODES: [Mode; 4] = [Mode::Stream, Mode::Block, Mode::Compressed, Mode::Deflate];
    let [how, size, bytes @ ..] = data else { return None };
    let nth = usize::from(*how);
    let format = FORMATS[nth / 12 % 3];
    let kind = match nth / 36 % 3 {
        0 => Type::Image,
        1 => Type::Ascii(format),
        _ => Type::Ebcdic(format),
    };
    let (structure, mode) = (STRUCTURES[nth / 4 % 3], MODES[nth % 4]);
    Some((Representation { kind, structure, mode }, 1 + usize::from(*size % 64), bytes))
}

fn receive(how: Representation, wire: &[u8], size: usize) -> Result<(Vec<u8>, Vec<u8>), WireError> {
    let (mut file, mut left) = (Vec::new(), Vec::new());
    let Some(mut inbound) = Inbound::new(how, &Settings::default()) else {
        panic!("{how:?} is carried out")
    };
    let mut chunks = wire.chunks(size);
    'transfer: for chunk in &mut chunks {
        let mut rest = chunk;
        while !rest.is_empty() {
            let progress = inbound.push(rest, &mut file)?;
            assert!(progress.consumed > 0 || progress.ended, "a push that takes nothing: {how:?}");
            rest = &rest[progress.consumed..];
            if progress.ended {
                left.extend_from_slice(rest);
                break 'transfer;
            }
        }
    }
    left.extend(chunks.flatten());
    inbound.finish(&mut file)?;
    Ok((file, left))
}

fn send(how: Representation, file: &[u8], size: usize) -> Result<Vec<u8>, LocalError> {
    let mut wire = Vec::new();
    let settings = Settings { marker_interval: Some(16), ..Settings::default() };
    let Some(mut outbound) = Outbound::new(how, &settings) else {
        panic!("{how:?} is carried out")
    };
    for chunk in file.chunks(size) {
        outbound.push(chunk, &mut wire)?;
    }
    outbound.finish(&mut wire)?;
    Ok(wire)
}

/// What comes over a data connection is a file, and the same one however it was cut, or an error. The first
/// two bytes are the representation and the size of the chunks.
pub fn inbound(data: &[u8]) {
    let Some((how, size, wire)) = choice(data) else { return };
    let deflated = Representation { kind: Type::Image, structure: Structure::File, ..how };
    for wire in [wire.to_vec(), folded(wire, TELLING)] {
        let inflates = how.mode == Mode::Deflate;
        let made = inflates.then(|| send(deflated, &wire, wire.len().max(1)).ok()).flatten();
        for wire in [Some(wire), made].into_iter().flatten() {
            // Of what is wrong in two ways, the cuts decide which is found first.
            let whole = receive(how, &wire, wire.len().max(1)).ok();
            assert_eq!(receive(how, &wire, size).ok(), whole, "{how:?}");
        }
    }
}

/// What is in a file goes out and comes back, or is refused, the same however it was cut; bytes come back
/// equal, while text may lose what its TYPE has no room for. The first two bytes are as above.
pub fn outbound(data: &[u8]) {
    let Some((how, size, file)) = choice(data) else { return };
    for file in [file.to_vec(), folded(file, TELLING)] {
        let back = |size| {
            // Where a marker stands may depend on the cuts; what is between markers may not.
            let wire = send(how, &file, size).ok()?;
            let Ok((back, left)) = receive(how, &wire, size) else {
                panic!("{how:?}: what we sent is not taken: {}", wire.escape_ascii())
            };
            assert!(left.is_empty(), "{how:?}: {} bytes behind the end", left.len());
            Some(back)
        };
        let whole = back(file.len().max(1));
        assert_eq!(back(size), whole, "{how:?}");
        if let (Some(whole), false) = (whole, how.kind.is_text()) {
            assert_eq!(whole, file, "{how:?}");
        }
    }
}
