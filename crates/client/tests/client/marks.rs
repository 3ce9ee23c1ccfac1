//! Restart markers with a server that calls places by names of its own, and with one that says odd things.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use wharf_client::{BYTES, Error, Fetched, Get, Progress, Put, Stored};
use wharf_proto::codec::{Inbound, Settings};
use wharf_proto::params::{Format, Mode, Representation, Type};
use wharf_testkit::scripted::{Host, Peer, Scripted};

use crate::support::{log_in, options, run};

const EBCDIC: Representation =
    Representation { kind: Type::Ebcdic(Format::NonPrint), mode: Mode::Block, ..BYTES };
const TIME: &str = "213 20240501123000";

fn block(codes: u8, bytes: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[codes, high, low], bytes].concat()
}

fn marker(name: &[u8]) -> Vec<u8> {
    block(16, name)
}

fn get(server: &Scripted, target: &Path) -> (Result<Fetched, Error>, bool) {
    let mut over = false;
    let result = run(async {
        let mut session = log_in(server, &options()).await;
        let request = Get { how: EBCDIC, ..Get::default() };
        let mut watch = |progress| over |= progress == Progress::StartsOver;
        session.get(&"x".into(), target, request, &mut watch).await
    });
    (result, over)
}

/// A session that fetches `x` and gets these bytes of it.
fn begins_to_get(host: &Host, wire: &[u8]) {
    let mut peer = host.accept();
    peer.login();
    peer.answer("MDTM x", TIME);
    peer.answer("TYPE E", "200 ok");
    peer.answer("MODE B", "200 ok");
    let data = peer.epsv();
    peer.answer("RETR x", "150 opening");
    data.give(wire);
    peer.say("426 broken off");
}

fn goes_on(peer: &mut Peer, mark: &str, wire: &[u8]) {
    let data = peer.epsv();
    peer.answer(&format!("REST {mark}"), "350 from there");
    peer.answer("RETR x", "150 opening");
    data.give(wire);
    peer.say("250 done");
}

#[test]
fn a_download_goes_on_from_the_name_that_the_server_gave_the_place() {
    let server = Scripted::sessions(|host| {
        let (a, b) = (block(0, &[0x81; 40_000]), block(0, &[0x82; 1000]));
        let odd = [marker(b""), marker(&[b'9'; 255]), marker(b"no word"), marker(b"\x01\xFF")];
        let first = [&marker(b"0")[..], &a, &a, &marker(b"A.7"), &b, &odd.concat()].concat();
        begins_to_get(host, &first);
        let mut peer = host.accept();
        peer.login();
        peer.answer("MDTM x", TIME);
        peer.answer("TYPE E", "200 ok");
        peer.answer("MODE B", "200 ok");
        goes_on(&mut peer, "A.7", &[&b[..], &block(64, &[0x83])].concat());
        peer.answer("MDTM x", TIME);
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x");
    assert_eq!(get(&server, &target).0.unwrap_err().code(), Some(426));
    let (result, over) = get(&server, &target);
    assert_eq!((result.unwrap().resumed_at, over), (81_000, false));
    let whole = ["a".repeat(80_000), "b".repeat(1000), "c".to_owned()].concat();
    assert!(fs::read_to_string(&target).unwrap() == whole);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_comes_from_another_place_than_the_marker_or_is_refused_there_is_fetched_anew() {
    for (reply, wire) in [
        ("350 ok", block(64, &[0x84; 2000])),
        ("350 ok", b"\x03 no block at all".to_vec()),
        ("501 what marker?", Vec::new()),
    ] {
        let server = Scripted::sessions(move |host| {
            let (a, b) = (block(0, &[0x81; 65_000]), block(0, &[0x82; 1000]));
            begins_to_get(host, &[&a[..], &b, &marker(b"M1"), &b].concat());
            let mut peer = host.accept();
            peer.login();
            peer.answer("MDTM x", TIME);
            peer.answer("TYPE E", "200 ok");
            peer.answer("MODE B", "200 ok");
            let data = peer.epsv();
            peer.answer("REST M1", reply);
            if reply.starts_with('3') {
                peer.answer("RETR x", "150 opening");
                let mut stream = data.open();
                stream.write_all(&wire).unwrap();
                peer.answer("ABOR", "426 broken off\n226 so be it");
            }
            let data = peer.epsv();
            peer.answer("RETR x", "150 opening");
            data.give(&block(64, &[0x81; 3]));
            peer.say("250 done");
            peer.answer("MDTM x", TIME);
        });
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        get(&server, &target).0.unwrap_err();
        let (result, over) = get(&server, &target);
        assert_eq!((result.unwrap().resumed_at, over), (0, true), "{reply}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "aaa");
    }
}

fn put(server: &Scripted, source: &Path) -> Result<Stored, Error> {
    run(async {
        let mut session = log_in(server, &options()).await;
        let request = Put { how: EBCDIC, resume: true, ..Put::default() };
        session.put(source, &"x".into(), request, &mut |_| {}).await
    })
}

/// The bytes of a file that came in blocks.
fn taken(wire: &[u8]) -> Vec<u8> {
    let mut file = Inbound::new(EBCDIC, &Settings::default()).unwrap();
    let mut bytes = Vec::new();
    let mut rest = wire;
    while !rest.is_empty() {
        let progress = file.push(rest, &mut bytes).unwrap();
        rest = &rest[progress.consumed..];
    }
    file.finish(&mut bytes).unwrap();
    bytes
}

/// A session that stores `x` and breaks off when the first marker has come; it says this of it.
fn begins_to_take(host: &Host, says: &str) {
    let mut peer = host.accept();
    peer.login();
    peer.answer("MDTM x", "550 no such file");
    peer.answer("TYPE E", "200 ok");
    peer.answer("MODE B", "200 ok");
    let data = peer.epsv();
    peer.answer("STOR x", "150 go on");
    let mut stream = data.open();
    let mut wire = vec![0; 1_100_000];
    stream.read_exact(&mut wire).unwrap();
    assert!(wire.windows(10).any(|bytes| bytes == b"\x10\0\x071048578"));
    peer.say(says);
    peer.say("426 broken off");
}

/// More than the way between two markers.
fn lines() -> String {
    (0..300_000).map(|n| format!("{n:05x}\n")).collect()
}

#[test]
fn an_upload_goes_on_from_what_the_server_calls_our_marker_and_odd_words_of_it_do_no_harm() {
    let server = Scripted::sessions(|host| {
        let odd = "110 restart?\n110-many\n110 lines\n110 MARK 1048578 = \x1b[2J\n110 MARK 99 = low\n\
             110 MARK 1048578\n110 MARK 1048578 = Z9\n110 MARK 1048572 = back\n110 MARK";
        begins_to_take(host, odd);
        let mut peer = host.accept();
        peer.login();
        peer.answer("TYPE E", "200 ok");
        peer.answer("MODE B", "200 ok");
        let data = peer.epsv();
        peer.answer("REST Z9", "350 from there");
        peer.answer("STOR x", "150 go on");
        assert!(taken(&data.take()) == lines().as_bytes()[1_048_578..]);
        peer.say("226 done");
    });
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("x");
    fs::write(&source, lines()).unwrap();
    assert_eq!(put(&server, &source).unwrap_err().code(), Some(426));
    assert_eq!(put(&server, &source).unwrap().resumed_at, 1_048_578);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_upload_whose_marker_the_server_has_forgotten_begins_anew() {
    for refused in ["REST Z9", "STOR x"] {
        let server = Scripted::sessions(move |host| {
            begins_to_take(host, "110 MARK 1048578 = Z9");
            let mut peer = host.accept();
            peer.login();
            peer.answer("TYPE E", "200 ok");
            peer.answer("MODE B", "200 ok");
            let _listens = peer.epsv();
            if refused == "STOR x" {
                peer.answer("REST Z9", "350 from there");
            }
            peer.answer(refused, "554 no such place");
            peer.answer("MDTM x", "550 no such file");
            let data = peer.epsv();
            peer.answer("STOR x", "150 go on");
            assert!(taken(&data.take()) == lines().as_bytes());
            peer.say("226 done");
        });
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("x");
        fs::write(&source, lines()).unwrap();
        put(&server, &source).unwrap_err();
        assert_eq!(put(&server, &source).unwrap().resumed_at, 0);
    }
}

#[test]
fn a_folder_that_takes_no_note_costs_the_upload_nothing() {
    let server = Scripted::sessions(|host| begins_to_take(host, "110 MARK 1048578 = Z9"));
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("x");
    fs::write(&source, lines()).unwrap();
    // What has the note's name cannot be removed, even by root.
    fs::create_dir(folder.path().join(".x.wharf-sent")).unwrap();
    assert_eq!(put(&server, &source).unwrap_err().code(), Some(426));
}
