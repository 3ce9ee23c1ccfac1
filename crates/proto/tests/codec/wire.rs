//! What comes from the data connection: files one behind the other, ends that are missing, nonsense.

use super::*;
use proptest::prelude::*;

/// Whether something in the transfer says where the file ends.
fn proves_its_end(how: Representation) -> bool {
    how.mode != Mode::Stream || how.structure != Structure::File
}

#[test]
fn markers_without_end_are_told_a_few_at_a_time() {
    let how = Representation { mode: Mode::Block, ..Representation::default() };
    let wire = [0x10, 0, 0].repeat(10_000);
    let (mut inbound, mut file) = (Inbound::new(how, &settings()).unwrap(), Vec::new());
    let (mut rest, mut told) = (wire.as_slice(), 0);
    while !rest.is_empty() {
        let progress = inbound.push(rest, &mut file).unwrap();
        assert!((1..=64).contains(&progress.events.len()), "{}", progress.events.len());
        told += progress.events.len();
        rest = &rest[progress.consumed..];
    }
    assert_eq!(told, 10_000);
}

#[test]
fn a_transfer_cut_short_is_not_a_file_wherever_that_happens() {
    let file = b"one\ntwo   \n\xff\xff\xff\xff\xff\nthree";
    for how in combinations() {
        let (wire, _) = send(how, file, 100).unwrap();
        for length in 0..wire.len() {
            let received = receive(how, &wire[..length], 100);
            assert_eq!(received.is_err(), proves_its_end(how), "{how:?} cut to {length}");
        }
    }
}

#[test]
fn bytes_behind_the_end_are_left_for_the_next_file() {
    for how in combinations().into_iter().filter(|how| proves_its_end(*how)) {
        let (mut wire, _) = send(how, b"first\n", 100).unwrap();
        let (second, _) = send(how, b"second\n", 100).unwrap();
        wire.extend_from_slice(&second);
        for size in [1, 3, 100] {
            let (file, left) = receive(how, &wire, size).unwrap();
            assert_eq!((&file[..], &left), (&b"first\n"[..], &second), "{how:?}");
        }
    }
}

#[test]
fn ends_of_records_under_stru_f_are_line_ends_in_text_and_nothing_in_bytes() {
    let wire = b"\x80\0\x02\x81\x0d\x00\0\x01\x82\x80\0\0\x40\0\x01\x83";
    let how = Representation {
        kind: Type::Ebcdic(Format::NonPrint),
        mode: Mode::Block,
        ..Representation::default()
    };
    assert_eq!(receive(how, wire, 1).unwrap().0, b"a\r\nb\nc\n");
    let how = Representation { kind: Type::Image, ..how };
    assert_eq!(receive(how, wire, 1).unwrap().0, b"\x81\x0d\x82\x83");
    let how = Representation { kind: Type::default(), ..how };
    assert_eq!(receive(how, b"\x80\0\x02a\r\x40\0\x01b", 1).unwrap().0, b"a\r\nb\n");
}

#[test]
fn markers_and_suspect_data_are_told_with_their_places() {
    let how = Representation { mode: Mode::Block, ..Representation::default() };
    let (mut inbound, mut file) = (Inbound::new(how, &settings()).unwrap(), Vec::new());
    let wire = b"\0\0\x03a\r\n\x10\0\x03abc\x20\0\x02b\r\x10\0\x01z\x40\0\x01\n";
    let mut events = Vec::new();
    for chunk in wire.chunks(4) {
        events.extend(inbound.push(chunk, &mut file).unwrap().events);
    }
    inbound.finish(&mut file).unwrap();
    assert_eq!(file, b"a\nb\n");
    let told: Vec<String> = events
        .iter()
        .map(|event| match event {
            Event::Marker { text, here } => format!("{text} = {}", here.unwrap()),
            Event::Suspect { at } => format!("suspect {at}"),
        })
        .collect();
    // Behind the second marker the codec holds a CR, which ours has to say.
    assert_eq!(told, ["abc = 2", "suspect 2", "z = 3.1"]);
}

#[test]
fn a_little_that_is_a_lot_is_taken_in_parts() {
    let how =
        Representation { kind: Type::Image, mode: Mode::Compressed, ..Representation::default() };
    let zeros = vec![0; 10_000_000];
    for mode in [Mode::Compressed, Mode::Deflate] {
        let how = Representation { mode, ..how };
        let (wire, _) = send(how, &zeros, 100_000).unwrap();
        let (mut inbound, mut rest, mut total) =
            (Inbound::new(how, &settings()).unwrap(), &wire[..], 0);
        loop {
            let mut file = Vec::new();
            let progress = inbound.push(rest, &mut file).unwrap();
            assert!(file.len() < 2_000_000);
            total += file.len();
            rest = &rest[progress.consumed..];
            if progress.ended {
                break;
            }
        }
        assert_eq!((total, rest.len()), (zeros.len(), 0));
    }
}

#[test]
fn a_file_whose_end_comes_just_when_enough_has_been_appended_ends() {
    let how =
        Representation { kind: Type::Image, mode: Mode::Compressed, ..Representation::default() };
    for length in (1 << 20) - 70..(1 << 20) + 70 {
        let (wire, _) = send(how, &vec![0; length], usize::MAX).unwrap();
        assert_eq!(receive(how, &wire, usize::MAX).unwrap().0.len(), length);
    }
}

#[test]
fn what_stands_behind_the_end_of_what_was_deflated_is_an_error() {
    let how = |structure, mode| Representation { kind: Type::Image, structure, mode };
    let plain = how(Structure::File, Mode::Deflate);
    for (structure, inner) in
        [(Structure::Record, &b"\xff\x02x"[..]), (Structure::Page, b"\x04\0\0\0x")]
    {
        let (wire, _) = send(plain, inner, 100).unwrap();
        assert_eq!(receive(how(structure, Mode::Deflate), &wire, 100), Err(WireError::BehindEnd));
    }
    let (wire, _) = send(how(Structure::File, Mode::Block), b"\x04\0\0\0x", 100).unwrap();
    assert_eq!(receive(how(Structure::Page, Mode::Block), &wire, 100), Err(WireError::BehindEnd));
}

#[test]
fn records_that_are_not_text_come_in_and_go_out_equal() {
    let wires: [&[u8]; 6] = [
        b"\xff\x02",
        b"\xff\x01\xff\x02",
        b"a\xff\x01\xff\x02",
        b"\xff\x01a\xff\x01\xff\x02",
        b"a\nb\xff\xff\xff\x01\xff\x01\r\n\xff\x01\xff\x02",
        b"\x93WREC\r\n\x1a\xff\x01\xff\x02",
    ];
    let how =
        Representation { kind: Type::Image, structure: Structure::Record, mode: Mode::Stream };
    for wire in wires {
        let (file, _) = receive(how, wire, 1).unwrap();
        assert_eq!(send(how, &file, 1).unwrap().0, wire);
        for mode in MODES {
            let how = Representation { mode, ..how };
            let (other, _) = send(how, &file, 3).unwrap();
            assert_eq!(receive(how, &other, 3).unwrap().0, file);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_file_or_an_error_however_they_are_cut(
        how in proptest::sample::select(combinations()),
        wire in proptest::collection::vec(
            prop_oneof![Just(0xff), 0u8..8, Just(64), Just(128), Just(b'\n'), any::<u8>()], 0..200),
        size in 1usize..40,
    ) {
        let deflated = Representation { structure: Structure::File, kind: Type::Image, ..how };
        let wire = if how.mode == Mode::Deflate { send(deflated, &wire, 99).unwrap().0 } else { wire };
        prop_assert_eq!(receive(how, &wire, size), receive(how, &wire, usize::MAX));
    }

    #[test]
    fn records_of_text_come_in_and_go_out_equal(
        records in proptest::collection::vec("[a-z \r\u{e9}]{0,90}", 0..20),
        kind in proptest::sample::select(vec![Type::default(), Type::Ebcdic(Format::Telnet)]),
    ) {
        let how = Representation { kind, structure: Structure::Record, mode: Mode::Stream };
        let file = records.iter().map(|record| format!("{record}\n")).collect::<String>();
        let (wire, losses) = send(how, file.as_bytes(), 7).unwrap();
        prop_assert_eq!(losses, Losses::default());
        let (back, _) = receive(how, &wire, 5).unwrap();
        prop_assert_eq!(&back, &file.as_bytes());
        prop_assert_eq!(send(how, &back, 99).unwrap().0, wire);
    }
}
