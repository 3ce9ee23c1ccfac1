//! Files in EBCDIC, in records and in blocks: what goes over the wire, and what it becomes here.

use std::fs;
use std::io::{Read, Write};

use wharf_client::{BYTES, Error, Get, Proof, Put, Transfer, quiet};
use wharf_proto::params::{Format, Mode, Representation, Structure, Type};
use wharf_testkit::scripted::{Peer, Scripted};

use crate::support::{log_in, options, run};

const EBCDIC: Representation = Representation { kind: Type::Ebcdic(Format::NonPrint), ..BYTES };
const RECORDS: Representation = Representation { structure: Structure::Record, ..EBCDIC };
const BLOCKS: Representation = Representation { mode: Mode::Block, ..BYTES };
/// `one` and `two` in EBCDIC.
const ONE: [u8; 3] = [0x96, 0x95, 0x85];
const TWO: [u8; 3] = [0xA3, 0xA6, 0x96];

fn shown(server: &Scripted, how: Representation) -> Result<(Transfer, Vec<u8>), Error> {
    run(async {
        let mut session = log_in(server, &options()).await;
        let mut bytes = Vec::new();
        let transfer = session.fetch_as(&"x".into(), how, &mut bytes, &mut quiet()).await?;
        Ok((transfer, bytes))
    })
}

fn give(peer: &mut Peer, bytes: &[u8]) {
    let data = peer.epsv();
    peer.answer("RETR x", "150 opening");
    data.give(bytes);
    peer.say("226 done");
}

#[test]
fn text_in_ebcdic_becomes_lines_of_utf_8_and_goes_back_as_it_came() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE E", "200 ok");
        let wire = [&ONE[..], &[0x15], &TWO, &[0x15]].concat();
        give(peer, &wire);
    });
    assert_eq!(shown(&server, EBCDIC).unwrap().1, b"one\ntwo\n");
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE E", "200 ok");
        let data = peer.epsv();
        peer.answer("STOR x", "150 go on");
        assert_eq!(data.take(), [&ONE[..], &[0x15], &TWO, &[0x15]].concat());
        peer.say("226 done");
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    fs::write(&path, "one\ntwo\n").unwrap();
    run(async {
        let mut session = log_in(&server, &options()).await;
        let request = Put { how: EBCDIC, ..Put::default() };
        session.put(&path, &"x".into(), request, &mut quiet()).await.unwrap();
    });
}

#[test]
fn a_record_of_text_is_a_line_and_what_follows_in_the_session_is_bytes_again() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE E", "200 ok");
        peer.answer("STRU R", "200 ok");
        give(peer, &[&ONE[..], &[0xFF, 0x01], &TWO, &[0xFF, 0x03]].concat());
        peer.answer("TYPE I", "200 ok");
        peer.answer("STRU F", "200 ok");
        peer.answer("SIZE x", "213 3");
        give(peer, b"raw");
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        let (mut lines, mut raw) = (Vec::new(), Vec::new());
        session.fetch_as(&"x".into(), RECORDS, &mut lines, &mut quiet()).await.unwrap();
        session.fetch(&"x".into(), 0, &mut raw, &mut quiet()).await.unwrap();
        assert_eq!((lines.as_slice(), raw.as_slice()), (&b"one\ntwo\n"[..], &b"raw"[..]));
    });
}

#[test]
fn a_file_in_blocks_ends_with_its_last_block_though_the_connection_stays() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        peer.answer("MODE B", "200 ok");
        let data = peer.epsv();
        peer.answer("RETR x", "125 opening");
        let mut stream = data.open();
        stream.write_all(&[0, 0, 3, b'o', b'n', b'e', 0x40, 0, 1, b'!']).unwrap();
        // The client closes it, since it wants no more.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        peer.say("250 done, and the connection stays");
    });
    assert_eq!(shown(&server, BLOCKS).unwrap().1, b"one!");
}

#[test]
fn blocks_that_are_none_and_blocks_without_an_end_are_told_apart() {
    for (wire, cut) in [(&b"\x00\x00\x03one"[..], true), (b"\x03\x00\x03one", false)] {
        let server = Scripted::session(move |peer| {
            peer.login();
            peer.answer("TYPE I", "200 ok");
            peer.answer("MODE B", "200 ok");
            let data = peer.epsv();
            peer.answer("RETR x", "125 opening");
            let mut stream = data.open();
            stream.write_all(wire).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            if cut {
                peer.say("250 done");
            } else {
                peer.answer("ABOR", "426 broken off\n226 so be it");
            }
        });
        match shown(&server, BLOCKS).unwrap_err() {
            Error::Unproven { missing: Proof::EndMark, .. } => assert!(cut),
            Error::NotInForm { .. } => assert!(!cut),
            error => panic!("{error}"),
        }
    }
}

#[test]
fn a_server_without_records_says_so_and_no_file_is_made() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("MDTM x", "213 20240501123000");
        peer.answer("TYPE E", "200 ok");
        peer.answer("STRU R", "504 only files");
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x");
    let error = run(async {
        let mut session = log_in(&server, &options()).await;
        let request = Get { how: RECORDS, ..Get::default() };
        session.get(&"x".into(), &target, request, &mut quiet()).await.unwrap_err()
    });
    assert_eq!(error.code(), Some(504));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
