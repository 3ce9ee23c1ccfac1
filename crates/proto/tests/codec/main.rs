//! The representation layer as its users see it: every TYPE, STRU and MODE, both ways.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy knows test functions, not their helpers"
)]

mod combinations;
mod fixtures;
mod restart;
mod wire;

use wharf_proto::codec::{
    CodePage, Event, Inbound, LocalError, Losses, Outbound, Settings, WireError,
};
use wharf_proto::params::{Format, Mode, Representation, Structure, Type};

const STRUCTURES: [Structure; 3] = [Structure::File, Structure::Record, Structure::Page];
const MODES: [Mode; 4] = [Mode::Stream, Mode::Block, Mode::Compressed, Mode::Deflate];
const FORMATS: [Format; 3] = [Format::NonPrint, Format::Telnet, Format::Carriage];

/// All that is carried out: 96 of them.
fn combinations() -> Vec<Representation> {
    let mut kinds = vec![Type::Image, Type::Local(8)];
    kinds.extend(FORMATS.map(Type::Ascii));
    kinds.extend(FORMATS.map(Type::Ebcdic));
    let mut all = Vec::new();
    for kind in kinds {
        for structure in STRUCTURES {
            all.extend(MODES.map(|mode| Representation { kind, structure, mode }));
        }
    }
    all
}

fn settings() -> Settings {
    Settings { code_page: CodePage::Ibm500, ..Settings::default() }
}

/// The transfer of a file that comes in chunks of this size.
fn send(how: Representation, file: &[u8], size: usize) -> Result<(Vec<u8>, Losses), LocalError> {
    let mut outbound = Outbound::new(how, &settings()).unwrap();
    let mut wire = Vec::new();
    for chunk in file.chunks(size) {
        outbound.push(chunk, &mut wire)?;
    }
    outbound.finish(&mut wire)?;
    assert_eq!(outbound.offset(), file.len() as u64);
    Ok((wire, outbound.losses()))
}

/// The file of a transfer that comes in chunks of this size, and what was not taken.
fn receive(how: Representation, wire: &[u8], size: usize) -> Result<(Vec<u8>, Vec<u8>), WireError> {
    let mut inbound = Inbound::new(how, &settings()).unwrap();
    let (mut file, mut chunks) = (Vec::new(), wire.chunks(size));
    let mut left = Vec::new();
    'transfer: for chunk in &mut chunks {
        let mut rest = chunk;
        while !rest.is_empty() {
            let progress = inbound.push(rest, &mut file)?;
            rest = &rest[progress.consumed..];
            if progress.ended {
                left.extend_from_slice(rest);
                break 'transfer;
            }
            assert!(progress.consumed > 0);
        }
    }
    left.extend(chunks.flatten());
    inbound.finish(&mut file)?;
    assert_eq!(inbound.offset(), file.len() as u64);
    Ok((file, left))
}

/// A generator of bytes that look random and are the same every time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}
