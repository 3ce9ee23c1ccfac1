//! Restart markers: a transfer breaks, and goes on from any of them.

use super::*;
use wharf_proto::codec::{Marker, NoRestart};

const INTERVAL: u64 = 100;

fn marking() -> Settings {
    Settings { marker_interval: Some(INTERVAL), ..settings() }
}

/// The rest of a file from a marker on.
fn send_from(how: Representation, file: &[u8], marker: Option<Marker>, size: usize) -> Vec<u8> {
    let (mut outbound, mut wire) = (Outbound::new(how, &marking()).unwrap(), Vec::new());
    let mut rest = file;
    if let Some(marker) = marker {
        outbound.resume_at(marker).unwrap();
        rest = &file[usize::try_from(marker.offset()).unwrap()..];
    }
    for chunk in rest.chunks(size) {
        outbound.push(chunk, &mut wire).unwrap();
    }
    outbound.finish(&mut wire).unwrap();
    wire
}

/// What came, and the markers with their places.
fn receive_from(
    how: Representation,
    wire: &[u8],
    have: &[u8],
    here: Option<Marker>,
) -> (Vec<u8>, Vec<(Marker, Option<Marker>)>) {
    let (mut inbound, mut file) = (Inbound::new(how, &marking()).unwrap(), have.to_vec());
    if let Some(here) = here {
        inbound.resume_at(here).unwrap();
    }
    let mut markers = Vec::new();
    for chunk in wire.chunks(11) {
        for event in inbound.push(chunk, &mut file).unwrap().events {
            let Event::Marker { text, here } = event else { panic!("{event:?}") };
            markers.push((Marker::parse(text.as_bytes()).unwrap(), here));
        }
    }
    inbound.finish(&mut file).unwrap();
    (file, markers)
}

fn files() -> Vec<Vec<u8>> {
    let line = |n: u8| vec![b'a' + n % 26; (n % 60).into()];
    let text: Vec<Vec<u8>> = noise(60).into_iter().map(line).collect();
    let mut records = b"\x93WREC\r\n\x1a".to_vec();
    for record in &text {
        records.extend([0, 4 + u8::try_from(record.len()).unwrap(), 0, 0]);
        records.extend(record);
    }
    vec![
        text.join(&b'\n'),
        text.join(&b"\n\n"[..]),
        text.join(&b"\n\x0c"[..]),
        noise(1500),
        records,
    ]
}

#[test]
fn a_transfer_goes_on_from_every_marker() {
    let mut restarts = 0;
    for how in combinations() {
        if !matches!(how.mode, Mode::Block | Mode::Compressed) || how.structure == Structure::Page {
            continue;
        }
        for file in files() {
            if how.kind.is_text() && file.starts_with(b"\x93") {
                continue;
            }
            let wire = send_from(how, &file, None, 77);
            assert!(wire == send_from(how, &file, None, 1), "{how:?}: chunks make no difference");
            let (whole, markers) = receive_from(how, &wire, &[], None);
            for (marker, here) in markers {
                // The first record is still held; the one before a marker is one to go on from.
                let Some(here) = here else { continue };
                let have = &whole[..usize::try_from(here.offset()).unwrap()];
                let rest = send_from(how, &file, Some(marker), 50);
                let (again, _) = receive_from(how, &rest, have, Some(here));
                assert!(again == whole, "{how:?} from {marker} to {here}");
                restarts += 1;
            }
        }
    }
    assert!(restarts > 1000, "{restarts}");
}

#[test]
fn markers_stand_at_the_interval_in_bytes_and_behind_the_next_line_in_text() {
    let how = |kind| Representation { kind, mode: Mode::Block, ..Representation::default() };
    let offsets = |how, file: &[u8]| -> Vec<u64> {
        let wire = send_from(how, file, None, 13);
        receive_from(how, &wire, &[], None).1.iter().map(|(marker, _)| marker.offset()).collect()
    };
    assert_eq!(offsets(how(Type::Image), &[7; 350]), [100, 200, 300]);
    let text = [&[b'x'; 149][..], b"\n", &[b'y'; 99], b"\n", &[b'z'; 300]].concat();
    assert_eq!(offsets(how(Type::default()), &text), [150, 250]);
    let pages = Representation { structure: Structure::Page, ..how(Type::Image) };
    assert_eq!(offsets(pages, &[7; 350]), [0; 0]);
}

#[test]
fn there_are_no_markers_in_stream_mode() {
    for mode in [Mode::Stream, Mode::Deflate] {
        for structure in STRUCTURES {
            let how = Representation { kind: Type::Image, structure, mode };
            let plain = send(how, &[7; 350], 350).unwrap().0;
            assert_eq!(send_from(how, &[7; 350], None, 350), plain);
        }
    }
}

#[test]
fn a_marker_is_in_ascii_whatever_the_type() {
    let how = Representation {
        kind: Type::Ebcdic(Format::NonPrint),
        mode: Mode::Block,
        ..Representation::default()
    };
    let wire = send_from(how, &[b'\n'; 101], None, 999);
    assert_eq!(wire[103..], b"\x10\0\x03100\x40\0\x01\x15"[..]);
}

#[test]
fn pages_cannot_be_restarted_and_a_marker_at_the_beginning_is_none() {
    let how = Representation { structure: Structure::Page, ..Representation::default() };
    let (mut outbound, mut inbound) =
        (Outbound::new(how, &marking()).unwrap(), Inbound::new(how, &marking()).unwrap());
    let marker = |text: &str| Marker::parse(text.as_bytes()).unwrap();
    assert_eq!(outbound.resume_at(marker("5")), Err(NoRestart));
    assert_eq!(inbound.resume_at(marker("5")), Err(NoRestart));
    assert_eq!((outbound.resume_at(marker("0")), inbound.resume_at(marker("0"))), (Ok(()), Ok(())));
}

#[test]
fn a_marker_that_we_never_gave_out_does_no_harm() {
    for how in combinations() {
        for text in ["7", "7.1", "7.2", "7.255"] {
            let marker = Marker::parse(text.as_bytes()).unwrap();
            let (mut outbound, mut inbound) =
                (Outbound::new(how, &marking()).unwrap(), Inbound::new(how, &marking()).unwrap());
            if outbound.resume_at(marker).is_err() || inbound.resume_at(marker).is_err() {
                continue;
            }
            let (mut wire, mut file) = (Vec::new(), Vec::new());
            if outbound.push(b"x\r\ny", &mut wire).is_ok() && outbound.finish(&mut wire).is_ok() {
                inbound.push(&wire, &mut file).unwrap();
                inbound.finish(&mut file).unwrap();
            }
        }
    }
}
