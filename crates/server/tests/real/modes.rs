//! MODE B, C and Z, STRU R and P, TYPE E: over real sockets, with a decoder of blocks of the test's own.

use crate::raw::{Raw, Running};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use wharf_proto::codec::{Inbound, Outbound, Settings};
use wharf_proto::params::{Mode, Representation, Structure, Type};

/// Reads blocks to the end of a file: its bytes, its markers.
fn file(data: &mut TcpStream) -> (Vec<u8>, Vec<String>) {
    let (mut bytes, mut markers) = (Vec::new(), Vec::new());
    loop {
        let mut head = [0; 3];
        data.read_exact(&mut head).unwrap();
        let mut block = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
        data.read_exact(&mut block).unwrap();
        match head[0] & 16 {
            0 => bytes.extend_from_slice(&block),
            _ => markers.push(String::from_utf8(block).unwrap()),
        }
        if head[0] & 64 != 0 {
            return (bytes, markers);
        }
    }
}

fn block(descriptor: u8, bytes: &[u8]) -> Vec<u8> {
    let count = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[descriptor, count[0], count[1]], bytes].concat()
}

fn block_mode(server: &Running) -> (Raw, TcpStream) {
    let mut bob = server.bob();
    bob.command("MODE B", 200);
    let data = bob.passive();
    (bob, data)
}

#[test]
fn one_data_connection_serves_files_and_listings_one_after_another() {
    let server = Running::new();
    server.write("a", "first");
    server.write("b", "");
    let (mut bob, mut data) = block_mode(&server);
    for (command, wanted) in [("RETR a", &b"first"[..]), ("RETR b", b""), ("NLST a", b"a\r\n")] {
        bob.command(command, 125);
        assert_eq!(file(&mut data).0, wanted, "{command}");
        bob.expect(250);
    }
    bob.command("RETR missing", 550);
    bob.command("MLSD", 125);
    assert!(String::from_utf8(file(&mut data).0).unwrap().contains("type=file;size=5;"));
    bob.expect(250);
    bob.command("MODE S", 200);
    assert_eq!(data.read(&mut [0]).unwrap(), 0, "the connection belongs to its mode");
    assert_eq!(bob.fetch("RETR a"), b"first");
}

#[test]
fn ten_thousand_pipelined_downloads_come_in_order_on_one_connection() {
    let server = Running::new();
    let many = 10_000;
    for n in 0..100 {
        server.write(&format!("f{n}"), format!("content {n}"));
    }
    let (mut bob, mut data) = block_mode(&server);
    let mut control = bob.control.try_clone().unwrap();
    let sender = thread::spawn(move || {
        for n in 0..many {
            control.write_all(format!("RETR f{}\r\n", n % 100).as_bytes()).unwrap();
        }
    });
    let reader = thread::spawn(move || {
        for n in 0..many {
            assert_eq!(file(&mut data).0, format!("content {}", n % 100).into_bytes());
        }
    });
    for _ in 0..many {
        bob.expect(125);
        bob.expect(250);
    }
    sender.join().unwrap();
    reader.join().unwrap();
}

#[test]
fn uploads_follow_each_other_and_a_refused_one_closes_the_connection() {
    let server = Running::new();
    let (mut bob, mut data) = block_mode(&server);
    bob.send("STOR a");
    bob.send("STOR b");
    data.write_all(&[block(0, b"one "), block(64, b"two"), block(64, b"next")].concat()).unwrap();
    for code in [125, 250, 125, 250] {
        bob.expect(code);
    }
    assert_eq!((server.read("a"), server.read("b")), (b"one two".to_vec(), b"next".to_vec()));
    data.write_all(&block(64, b"for nobody")).unwrap();
    bob.command("STOR missing/x", 553);
    assert!(matches!(data.read(&mut [0]), Ok(0) | Err(_)));
    bob.command("STOR c", 425);
    assert_eq!(server.names(), ["a", "b"]);
}

#[test]
fn an_upload_without_eof_is_not_complete() {
    let server = Running::new();
    let (mut bob, mut data) = block_mode(&server);
    bob.command("STOR a", 125);
    data.write_all(&block(0, b"all but the end")).unwrap();
    data.shutdown(Shutdown::Both).unwrap();
    bob.expect(426);
    assert!(!server.path().join("a").exists());
    bob.command("TYPE I", 200);
    assert_eq!(bob.command("SIZE a", 213), "15");
}

#[test]
fn abor_ends_a_running_transfer_and_the_connection_that_was_kept() {
    let server = Running::new();
    let big = std::fs::File::create(server.path().join("big")).unwrap();
    big.set_len(1 << 30).unwrap();
    server.write("a", "x");
    let (mut bob, mut data) = block_mode(&server);
    bob.command("RETR a", 125);
    file(&mut data);
    bob.expect(250);
    bob.command("RETR big", 125);
    bob.send("ABOR");
    bob.expect(426);
    bob.expect(226);
    bob.command("RETR a", 425);
}

#[test]
fn markers_are_sent_and_a_download_goes_on_from_one() {
    let server = Running::with(|config| config.policy.marker_interval = Some(1000));
    let content: Vec<u8> = (0..5000_u32).flat_map(u32::to_le_bytes).collect();
    server.write("f", &content);
    let (mut bob, mut data) = block_mode(&server);
    bob.command("RETR f", 125);
    let (bytes, markers) = file(&mut data);
    bob.expect(250);
    assert_eq!(bytes, content);
    assert!(markers.len() >= 15, "{markers:?}");
    bob.command(&format!("REST {}", markers[7]), 350);
    bob.command("RETR f", 125);
    let (rest, _) = file(&mut data);
    bob.expect(250);
    assert!(content.ends_with(&rest) && rest.len() < content.len());
}

#[test]
fn a_marker_of_the_client_is_answered_with_110_and_an_upload_goes_on_from_it() {
    let server = Running::new();
    let (mut bob, mut data) = block_mode(&server);
    bob.command("STOR f", 125);
    data.write_all(&[block(0, b"first half"), block(16, b"M1")].concat()).unwrap();
    let mark = bob.expect(110);
    assert_eq!(mark, "MARK M1 = 10");
    data.write_all(&block(0, b" lost")).unwrap();
    drop(data);
    bob.expect(426);
    let mut data = bob.passive();
    bob.command("REST 10", 350);
    bob.command("STOR f", 125);
    data.write_all(&block(64, b", second half")).unwrap();
    bob.expect(250);
    assert_eq!(server.read("f"), b"first half, second half");
}

#[test]
fn records_travel_by_the_codes_of_rfc_959_in_stream_mode() {
    let server = Running::new();
    let mut bob = server.bob();
    bob.command("TYPE A", 200);
    bob.command("STRU R", 200);
    bob.store("STOR f", b"one\xff\x01two \xff\xff\xff\x01\xff\x02");
    assert_eq!(server.read("f"), b"one\ntwo \xff\n");
    assert_eq!(bob.fetch("RETR f"), b"one\xff\x01two \xff\xff\xff\x01\xff\x02");
    assert_eq!(bob.fetch("NLST"), b"f\xff\x01\xff\x02");
}

#[test]
fn ebcdic_text_is_translated_both_ways() {
    let server = Running::new();
    let mut bob = server.bob();
    bob.command("TYPE E", 200);
    bob.store("STOR f", b"\xc8\x85\x93\x93\x96\x15");
    assert_eq!(server.read("f"), b"Hello\n");
    assert_eq!(bob.fetch("RETR f"), b"\xc8\x85\x93\x93\x96\x15");
}

#[test]
fn a_file_goes_out_and_comes_back_equal_in_every_representation() {
    let server = Running::new();
    let files: [(&str, Vec<u8>); 7] = [
        ("empty", Vec::new()),
        ("byte", b"x".to_vec()),
        ("lines", b"one\ntwo\n\nfour\n".to_vec()),
        ("no-end", b"one\ntwo".to_vec()),
        ("lone-cr", b"a\rb\n".to_vec()),
        ("ones", vec![b'1'; 3000]),
        ("many", (0..3000).flat_map(|n| format!("{n}\n").into_bytes()).collect()),
    ];
    for (name, content) in &files {
        server.write(name, content);
    }
    for mode in ["S", "B", "C", "Z"] {
        for structure in ["F", "R", "P"] {
            for kind in ["A", "A T", "E", "I", "L 8"] {
                let mut bob = server.bob();
                for command in
                    [format!("TYPE {kind}"), format!("STRU {structure}"), format!("MODE {mode}")]
                {
                    bob.command(&command, 200);
                }
                for (name, content) in &files {
                    let wire = transfer(&mut bob, mode, &format!("RETR {name}"), None);
                    let size = bob.command(&format!("SIZE {name}"), 213);
                    let stream = match mode {
                        "S" => Some(wire.clone()),
                        "Z" => Some(inflate(&wire)),
                        _ => None,
                    };
                    let counted = stream.is_none_or(|bytes| bytes.len().to_string() == size);
                    assert!(counted, "SIZE {name} in {kind} {structure} {mode}: {size}");
                    transfer(&mut bob, mode, &format!("STOR copy-{name}"), Some(&wire));
                    let copy = server.read(&format!("copy-{name}"));
                    let note = format!("TYPE {kind} STRU {structure} MODE {mode} {name}");
                    // A record of text has no end but its own, so it comes back as a whole line.
                    let whole = [content.as_slice(), b"\n"].concat();
                    let text_record = structure == "R" && kind != "I" && kind != "L 8";
                    assert!(copy == *content || (text_record && copy == whole), "{note}");
                }
            }
        }
    }
}

const DEFLATE: Representation =
    Representation { kind: Type::Image, structure: Structure::File, mode: Mode::Deflate };

fn inflate(wire: &[u8]) -> Vec<u8> {
    let (mut inbound, mut bytes) =
        (Inbound::new(DEFLATE, &Settings::default()).unwrap(), Vec::new());
    inbound.push(wire, &mut bytes).unwrap();
    inbound.finish(&mut bytes).unwrap();
    bytes
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let (mut outbound, mut wire) =
        (Outbound::new(DEFLATE, &Settings::default()).unwrap(), Vec::new());
    outbound.push(bytes, &mut wire).unwrap();
    outbound.finish(&mut wire).unwrap();
    wire
}

#[test]
fn a_restart_in_mode_z_counts_bytes_of_the_file_both_ways() {
    let server = Running::new();
    server.write("f", "0123456789");
    let mut bob = server.bob();
    bob.command("MODE Z", 200);
    bob.command("REST 7", 350);
    assert_eq!(inflate(&transfer(&mut bob, "Z", "RETR f", None)), b"789");
    bob.command("REST 4", 350);
    transfer(&mut bob, "Z", "STOR f", Some(&deflate(b"abc")));
    assert_eq!(server.read("f"), b"0123abc");
    bob.command("TYPE A", 200);
    for command in ["RETR f", "STOR f"] {
        bob.command("REST 4", 350);
        bob.command(command, 504);
    }
}

#[test]
fn a_listing_in_type_a_c_has_its_carriage_control() {
    let server = Running::new();
    server.write("-x", "");
    let mut bob = server.bob();
    bob.command("TYPE A C", 200);
    assert_eq!(bob.fetch("NLST"), b" -x\r\n");
}

#[test]
fn mlsd_of_a_file_is_a_501() {
    let server = Running::new();
    server.write("f", "x");
    let mut bob = server.bob();
    bob.pasv();
    bob.command("MLSD f", 501);
}

/// One transfer on a connection of its own; the client ends it after an upload.
fn transfer(bob: &mut Raw, mode: &str, command: &str, upload: Option<&[u8]>) -> Vec<u8> {
    let mut data = bob.passive();
    bob.command(command, 125);
    let mut wire = Vec::new();
    match upload {
        Some(bytes) => {
            data.write_all(bytes).unwrap();
            data.shutdown(Shutdown::Write).unwrap();
        }
        // The connection stays in the framed modes: the next PASV closes it.
        None if mode == "B" || mode == "C" => {
            bob.expect(250);
            bob.command("ABOR", 226);
            data.read_to_end(&mut wire).unwrap();
            return wire;
        }
        None => {
            data.read_to_end(&mut wire).unwrap();
        }
    }
    drop(data);
    let (code, text) = bob.reply();
    assert!(code == 226 || code == 250, "{command}: {code} {text}");
    wire
}

#[test]
fn what_is_not_as_it_was_is_said_with_the_last_reply() {
    let server = Running::new();
    server.write("f", "a\u{3042}\n");
    let mut bob = server.bob();
    bob.command("TYPE E", 200);
    let mut data = bob.passive();
    bob.command("RETR f", 125);
    data.read_to_end(&mut Vec::new()).unwrap();
    drop(data);
    assert!(bob.expect(226).ends_with("sent as SUB: 1 characters."));
    let (mut bob, mut data) = block_mode(&server);
    bob.command("STOR g", 125);
    data.write_all(&[block(32, b"doubt"), block(64, b"ful")].concat()).unwrap();
    assert!(bob.expect(250).ends_with("Marked as suspect by the sender: 1 places."));
    assert_eq!(server.read("g"), b"doubtful");
}

#[test]
fn what_can_be_refused_is_refused_before_the_transfer_begins_and_the_connection_stays() {
    let server = Running::new();
    server.write("f", "x");
    let (mut bob, mut data) = block_mode(&server);
    bob.command("RETR f", 125);
    file(&mut data);
    bob.expect(250);
    bob.command("REST 2", 350);
    bob.command("RETR f", 554);
    bob.command("STRU P", 200);
    bob.command("REST 1", 350);
    bob.command("RETR f", 504);
    bob.command("STRU F", 200);
    bob.command("RETR f", 125);
    assert_eq!(file(&mut data).0, b"x");
    bob.expect(250);
}
