//! A file goes out and comes back, through everything that is carried out.

use super::*;
use proptest::prelude::*;

/// What comes back of a file, as the table in the documentation of `codec` says it.
fn expected(how: Representation, file: &[u8]) -> Vec<u8> {
    match (how.kind, how.structure) {
        (Type::Ascii(_), Structure::File | Structure::Page) => {
            let mut out = Vec::new();
            for (index, byte) in file.iter().enumerate() {
                if (*byte, file.get(index + 1)) != (b'\r', Some(&b'\n')) {
                    out.push(*byte);
                }
            }
            out
        }
        (Type::Ebcdic(_), _) => file
            .utf8_chunks()
            .flat_map(|chunk| {
                let beyond = |c: char| if u32::from(c) > 0xff { '\u{1a}' } else { c };
                let assumed = chunk.invalid().iter().copied().map(char::from);
                chunk.valid().chars().map(beyond).chain(assumed).collect::<Vec<char>>()
            })
            .collect::<String>()
            .into_bytes(),
        (Type::Ascii(_), Structure::Record) | (Type::Image | Type::Local(_), _) => file.to_vec(),
    }
}

fn check(how: Representation, file: &[u8], size: usize) {
    let context = || format!("{how:?}: {} bytes in chunks of {size}", file.len());
    let wire = match send(how, file, size) {
        Err(LocalError::TooLongForPages) => {
            // Line ends may have made text longer.
            assert!(how.structure == Structure::Page, "{}", context());
            assert!(file.len() > if how.kind.is_text() { 32_640 } else { 65_280 }, "{}", context());
            return;
        }
        sent => sent.unwrap().0,
    };
    let (back, left) = receive(how, &wire, size).unwrap();
    assert!(back == expected(how, file), "{}", context());
    assert_eq!(left, [], "{}", context());
    if how.mode != Mode::Deflate {
        assert!(wire == send(how, file, usize::MAX).unwrap().0, "{}", context());
    }
    assert!(back == receive(how, &wire, usize::MAX).unwrap().0, "{}", context());
}

#[test]
fn the_usual_and_the_awkward_files_come_back() {
    let files: [&[u8]; 24] = [
        b"",
        b"a",
        b"\n",
        b"\r",
        b"\xff",
        b"\0",
        b"\x93",
        b"one\ntwo\n",
        b"no\nfinal newline",
        b"lone\rreturn\r",
        b"dos\r\nlines\r\n",
        b"\r\r\n\n\r",
        b"\n\n\n\n\n",
        b"\x0cpage\n\x0c\x0c\n",
        b"\xff\xff\xff\xff",
        b"\xff\x01\xff\x02\xff\x03",
        "gr\u{fc}n \u{20ac} \u{65e5}\n".as_bytes(),
        b"latin \xe9\xe8\n",
        b"\x93WREC\r\n",
        b"\x93WPAG\r\n",
        &[b' '; 200],
        &[0; 200],
        &[0xff; 600],
        &[b'\n'; 300],
    ];
    for how in combinations() {
        for file in files {
            for size in [1, 2, 7] {
                check(how, file, size);
            }
        }
    }
}

#[test]
fn long_files_come_back() {
    let mut runs = vec![b'x'; 50_000];
    runs.extend([0; 5_000]);
    runs.extend([b' '; 6_000]);
    let mut lines = Vec::new();
    for line in noise(500) {
        lines.extend(std::iter::repeat_n(line | 0x40, line.into()));
        lines.push(b'\n');
    }
    for how in combinations() {
        for file in [&noise(64 * 1024), &runs, &lines] {
            check(how, file, 1000);
        }
        check(how, &noise(20_000), 1);
    }
}

#[test]
fn every_byte_of_every_code_page_comes_back() {
    let file: Vec<u8> = (0..=255u8).map(char::from).collect::<String>().into_bytes();
    for code_page in [CodePage::Ibm1047, CodePage::Ibm037, CodePage::Ibm500] {
        let settings = Settings { code_page, ..Settings::default() };
        for how in combinations().into_iter().filter(|how| matches!(how.kind, Type::Ebcdic(_))) {
            let (mut wire, mut back) = (Vec::new(), Vec::new());
            let mut outbound = Outbound::new(how, &settings).unwrap();
            outbound.push(&file, &mut wire).unwrap();
            outbound.finish(&mut wire).unwrap();
            assert_eq!(outbound.losses(), Losses::default());
            let mut inbound = Inbound::new(how, &settings).unwrap();
            assert_eq!(inbound.push(&wire, &mut back).unwrap().consumed, wire.len());
            inbound.finish(&mut back).unwrap();
            assert_eq!(back, file, "{how:?}");
        }
    }
}

#[test]
fn what_is_lost_is_counted() {
    let how = Representation { kind: Type::Ebcdic(Format::NonPrint), ..Representation::default() };
    let (wire, losses) = send(how, b"\xe2\x82\xac\xe9\n", 2).unwrap();
    assert_eq!(wire, b"\x3f\x51\x15");
    assert_eq!(losses, Losses { substituted: 1, assumed: 1, split: 0 });

    let how = Representation { structure: Structure::Record, ..how };
    let (mut inbound, mut file) = (Inbound::new(how, &settings()).unwrap(), Vec::new());
    inbound.push(b"\x81\x15\x82\xff\x01\xff\x02", &mut file).unwrap();
    inbound.finish(&mut file).unwrap();
    assert_eq!(file, b"a\nb\n");
    assert_eq!(inbound.losses(), Losses { split: 1, ..Losses::default() });
}

#[test]
fn a_logical_byte_that_is_not_eight_bits_is_not_carried_out() {
    let how = Representation { kind: Type::Local(36), ..Representation::default() };
    assert!(Outbound::new(how, &settings()).is_none() && Inbound::new(how, &settings()).is_none());
    assert!(!wharf_proto::codec::is_carried_out(how));
}

#[test]
fn only_bytes_in_a_stream_pass_through() {
    for how in combinations() {
        let expected = matches!(how.kind, Type::Image | Type::Local(8))
            && (how.structure, how.mode) == (Structure::File, Mode::Stream);
        assert_eq!(wharf_proto::codec::passes_through(how), expected);
        if expected {
            assert_eq!(send(how, b"a\r\n\xff", 2).unwrap().0, b"a\r\n\xff");
        }
    }
}

#[test]
fn the_rows_of_a_listing_are_lines_of_text_whatever_the_parameters() {
    for how in combinations() {
        let (rows, mut wire) = (b"drwx a\r\n-rw- b\r\n", Vec::new());
        match Outbound::listing(how, &settings()) {
            Some(mut outbound) => {
                for chunk in rows.chunks(3) {
                    outbound.push(chunk, &mut wire).unwrap();
                }
                outbound.finish(&mut wire).unwrap();
            }
            None => wire.extend_from_slice(rows),
        }
        let kind = if how.kind.is_text() { how.kind } else { Type::default() };
        let structure = match how.structure {
            Structure::Page => Structure::File,
            Structure::File | Structure::Record => how.structure,
        };
        let read = Representation { kind, structure, mode: how.mode };
        assert_eq!(receive(read, &wire, 5).unwrap().0, b"drwx a\n-rw- b\n", "{how:?}");
    }
}

/// Bytes folded to those with a meaning somewhere.
fn file() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        Just(b'\n'),
        Just(b'\r'),
        Just(0xff),
        Just(0),
        Just(b' '),
        Just(0x40),
        Just(0x15),
        Just(0x0c),
        Just(b'x'),
        1u8..4,
        any::<u8>(),
    ];
    let run = (byte.clone(), 1usize..140).prop_map(|(byte, count)| vec![byte; count]);
    let bytes = proptest::collection::vec(byte, 0..60);
    let part = prop_oneof![4 => bytes, 1 => run];
    proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_file_comes_back_however_it_is_cut(
        how in proptest::sample::select(combinations()), file in file(), size in 1usize..200,
    ) {
        check(how, &file, size);
    }
}
