//! The byte examples of RFC 959 and of z/OS: files below `codec/` say which bytes of a transfer are which
//! local file.

use wharf_proto::codec::{Inbound, Outbound, Settings};
use wharf_proto::params::{Mode, Representation, Structure, Type};

struct Case {
    name: String,
    how: Representation,
    file: Vec<u8>,
    wire: Vec<u8>,
    both_ways: bool,
}

/// Strings in quotes and hexadecimal digits to bytes.
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, part) in text.split('"').enumerate() {
        if index % 2 == 0 {
            let digits = part.split_whitespace();
            out.extend(digits.map(|byte| u8::from_str_radix(byte, 16).expect("two digits")));
        } else {
            out.extend(unescape(part).bytes());
        }
    }
    out
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut parts = text.split('\\');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (code, rest) = match part.split_at(1) {
            ("n", rest) => ('\n', rest),
            ("r", rest) => ('\r', rest),
            ("x", rest) => (char::from(bytes(&rest[..2])[0]), &rest[2..]),
            ("u", rest) => {
                let (digits, rest) = rest[1..].split_once('}').expect("a closing brace");
                (char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap(), rest)
            }
            (other, _) => panic!("no escape: {other}"),
        };
        out.push(code);
        out.push_str(rest);
    }
    out
}

fn representation(text: &str) -> Representation {
    let fields: Vec<&[u8]> = text.split(" / ").map(str::as_bytes).collect();
    Representation {
        kind: Type::parse(fields[0]).unwrap(),
        structure: Structure::parse(fields[1]).unwrap(),
        mode: Mode::parse(fields[2]).unwrap(),
    }
}

fn cases(fixture: &str) -> Vec<Case> {
    let text = fixture.replace("\n  ", " ");
    let read = |case: &str| {
        let lines: Vec<&str> = case.trim_end().lines().collect();
        let [name, how, file, wire] = lines[..] else { panic!("not four lines: {case}") };
        let (direction, wire) = wire.split_once("wire:").expect("wire");
        Case {
            name: name.into(),
            how: representation(how),
            file: bytes(file.strip_prefix("file:").expect("file")),
            wire: bytes(wire),
            both_ways: direction == "=",
        }
    };
    text.split("case: ").skip(1).map(read).collect()
}

fn send(case: &Case, size: usize) -> Vec<u8> {
    let mut outbound = Outbound::new(case.how, &Settings::default()).unwrap();
    let mut wire = Vec::new();
    for chunk in case.file.chunks(size) {
        outbound.push(chunk, &mut wire).unwrap();
    }
    outbound.finish(&mut wire).unwrap();
    wire
}

fn receive(case: &Case, size: usize) -> Vec<u8> {
    let mut inbound = Inbound::new(case.how, &Settings::default()).unwrap();
    let mut file = Vec::new();
    for chunk in case.wire.chunks(size) {
        assert_eq!(inbound.push(chunk, &mut file).unwrap().consumed, chunk.len());
    }
    inbound.finish(&mut file).unwrap();
    file
}

fn check(fixture: &str, count: usize) {
    let cases = cases(fixture);
    assert_eq!(cases.len(), count);
    for case in &cases {
        for size in [1, 2, 3, 100] {
            let file = receive(case, size);
            assert_eq!(
                file.escape_ascii().to_string(),
                case.file.escape_ascii().to_string(),
                "{}",
                case.name
            );
            if case.both_ways {
                let wire = send(case, size);
                assert_eq!(
                    wire.escape_ascii().to_string(),
                    case.wire.escape_ascii().to_string(),
                    "{}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn the_examples_of_rfc_959_are_read_and_written_to_the_byte() {
    check(include_str!("rfc959.txt"), 19);
}

#[test]
fn the_examples_of_zos_are_read_and_written_to_the_byte() {
    check(include_str!("zos.txt"), 6);
}
