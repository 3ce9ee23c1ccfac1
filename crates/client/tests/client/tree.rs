//! Trees fetched from servers with block mode, without it, and with odd ideas of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use wharf_client::{
    Deed, Direction, Error, Happened, Options, Pool, SyncRequest, Tally, TreeRequest, Verdict,
};
use wharf_testkit::scripted::{Host, Peer, Scripted};

use crate::support::{options, run, site};

/// What came of fetching a tree.
struct Told {
    result: Result<Tally, Error>,
    done: BTreeMap<String, Verdict>,
    failed: BTreeMap<String, String>,
    notes: Vec<String>,
}

fn fetch(
    server: &Scripted,
    target: &Path,
    jobs: usize,
    request: &TreeRequest,
    options: Options,
) -> Told {
    let (mut done, mut failed, mut notes) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let mut watch = |happened| match happened {
        Happened::Done { path, kind: Deed::Fetch, verdict, .. } => {
            assert_eq!(done.insert(path.to_string(), verdict), None, "told twice");
        }
        Happened::Failed { path, error, .. } => {
            drop(failed.insert(path.to_string(), error.to_string()))
        }
        Happened::LeftOut { path, why, .. } => drop(failed.insert(path.to_string(), why)),
        Happened::Note(note) => notes.push(note),
        _ => {}
    };
    let site = site(server.address(), options);
    let result = run(async {
        let pool = Pool::new(site, jobs);
        let tally = pool.get_tree(&"pub".into(), target, request, &mut watch).await;
        pool.close().await;
        tally
    });
    Told { result, done, failed, notes }
}

fn block(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[0x40, length[0], length[1]], bytes].concat()
}

/// Lets a session in that works in block mode, and gives its data connection.
fn begin_blocks(peer: &mut Peer) -> TcpStream {
    peer.login();
    peer.features(&["MLST size*;modify*;", "MODE B"]);
    peer.answer("TYPE I", "200 ok");
    peer.answer("MODE B", "200 ok");
    peer.answer("MODE B", "200 ok");
    let data = peer.epsv();
    data.open()
}

/// Lets a session in that moves a file a connection.
fn begin_streams(peer: &mut Peer, host_is_new: bool) {
    peer.login();
    peer.features(&["MLST size*;modify*;"]);
    peer.answer("TYPE I", "200 ok");
    if host_is_new {
        peer.answer("NOOP", "200 ok");
    }
}

fn give(peer: &mut Peer, command: &str, bytes: &[u8]) {
    let data = peer.epsv();
    peer.answer(command, "150 opening");
    data.give(bytes);
    peer.say("226 done");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const LISTING: &[u8] = b"type=cdir; .\r\ntype=file;size=3;modify=20240501123000; a\r\n\
    type=file;size=4; b\r\ntype=file;size=0; empty\r\ntype=file;size=1; ../evil\r\n";

#[test]
fn in_block_mode_all_files_come_over_one_connection_and_a_refused_one_hurts_no_other() {
    let server = Scripted::session(|peer| {
        let mut data = begin_blocks(peer);
        peer.answer("MLSD pub", "125 listing");
        data.write_all(&block(LISTING)).unwrap();
        peer.say("250 listed");
        peer.expect("RETR pub/a");
        peer.expect("RETR pub/b");
        peer.expect("RETR pub/empty");
        // The bytes are ahead of the replies, and of a refusal in between.
        data.write_all(&[block(b"one"), block(b"")].concat()).unwrap();
        peer.say("125 a\n250 a\n550 b: no such file\n125 empty\n250 empty");
        peer.answer("MODE S", "200 ok");
        peer.answer("QUIT", "221 bye");
        assert_eq!(data.read(&mut [0]).unwrap(), 0);
    });
    let folder = tempfile::tempdir().unwrap();
    let told = fetch(&server, &folder.path().join("t"), 4, &TreeRequest::default(), options());
    let tally = told.result.unwrap();
    assert_eq!((tally.done, tally.failed, tally.moved), (2, 2, 3));
    assert_eq!(told.done.len(), 2);
    assert!(
        told.failed["b"].contains("no such file") && told.failed.contains_key("../evil"),
        "{:?}",
        told.failed
    );
    assert_eq!(names(folder.path()), ["t"]);
    assert_eq!(names(&folder.path().join("t")), ["a", "empty"]);
    assert_eq!(fs::read(folder.path().join("t/a")).unwrap(), b"one");
}

#[test]
fn a_server_that_says_blocks_and_sends_a_stream_is_asked_again_without_them() {
    let server = Scripted::sessions(|host: &Host| {
        let mut peer = host.accept();
        let mut data = begin_blocks(&mut peer);
        peer.answer("MLSD pub", "125 listing");
        data.write_all(b"type=file;size=3; a\r\n").unwrap();
        data.shutdown(Shutdown::Write).unwrap();
        peer.expect_any_end();
        let mut peer = host.accept();
        begin_streams(&mut peer, false);
        give(&mut peer, "MLSD pub", b"type=file;size=3; a\r\n");
        give(&mut peer, "RETR pub/a", b"one");
        peer.answer("QUIT", "221 bye");
    });
    let folder = tempfile::tempdir().unwrap();
    let told = fetch(&server, folder.path(), 1, &TreeRequest::default(), options());
    assert_eq!(told.result.unwrap().done, 1);
    assert!(told.notes.iter().any(|note| note.starts_with("no block mode")), "{:?}", told.notes);
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"one");
}

#[test]
fn what_is_in_flight_when_the_session_breaks_is_fetched_by_the_next_one() {
    let server = Scripted::sessions(|host: &Host| {
        let mut peer = host.accept();
        let mut data = begin_blocks(&mut peer);
        peer.answer("MLSD pub", "125 listing");
        data.write_all(&block(b"type=file;size=3; a\r\ntype=file;size=3; b\r\n")).unwrap();
        peer.say("250 listed");
        peer.expect("RETR pub/a");
        peer.expect("RETR pub/b");
        data.write_all(&block(b"one")[..4]).unwrap();
        peer.say("125 a");
        peer.shut();
        peer.expect_any_end();
        let mut peer = host.accept();
        peer.login();
        peer.features(&["MLST size*;modify*;", "MODE B"]);
        peer.answer("TYPE I", "200 ok");
        peer.answer("MODE B", "200 ok");
        let mut data = peer.epsv().open();
        // What the session broke at comes last.
        peer.expect("RETR pub/b");
        peer.answer("RETR pub/a", "125 b\n250 b\n125 a\n250 a");
        data.write_all(&[block(b"two"), block(b"one")].concat()).unwrap();
        peer.answer("MODE S", "200 ok");
        peer.answer("QUIT", "221 bye");
    });
    let folder = tempfile::tempdir().unwrap();
    let told = fetch(&server, folder.path(), 1, &TreeRequest::default(), options());
    assert_eq!(told.result.unwrap().done, 2);
    assert_eq!(told.failed, BTreeMap::new());
    assert_eq!(fs::read(folder.path().join("b")).unwrap(), b"two");
}

#[test]
fn without_block_mode_the_question_for_the_port_and_the_command_go_in_one_write() {
    let server = Scripted::session(|peer| {
        begin_streams(peer, true);
        give(peer, "MLSD pub", b"type=file;size=3; a\r\ntype=file;size=3; b\r\n");
        for (name, bytes) in [("a", b"one"), ("b", b"two")] {
            // Both must be here before the first is answered.
            peer.expect("EPSV");
            peer.expect(&format!("RETR pub/{name}"));
            let listener = peer.listen();
            let port = listener.local_addr().unwrap().port();
            peer.say(&format!("229 here (|||{port}|)\n150 opening"));
            wharf_testkit::scripted::Data::Accept(listener).give(bytes);
            peer.say("226 done");
        }
        peer.answer("QUIT", "221 bye");
    });
    let folder = tempfile::tempdir().unwrap();
    let told = fetch(&server, folder.path(), 1, &TreeRequest::default(), options());
    assert_eq!(told.result.unwrap().done, 2);
    assert_eq!(fs::read(folder.path().join("b")).unwrap(), b"two");
}

#[test]
fn a_server_that_refuses_to_be_asked_ahead_is_asked_one_after_the_other() {
    let server = Scripted::session(|peer| {
        begin_streams(peer, true);
        give(peer, "MLSD pub", b"type=file;size=3; a\r\ntype=file;size=3; b\r\n");
        peer.expect("EPSV");
        peer.expect("RETR pub/a");
        let listener = peer.listen();
        let port = listener.local_addr().unwrap().port();
        peer.say(&format!("229 here (|||{port}|)\n150 opening"));
        wharf_testkit::scripted::Data::Accept(listener).give(b"one");
        // Both are here before the last reply to the first file.
        peer.expect("EPSV");
        peer.expect("RETR pub/b");
        peer.say("226 done\n503 one after the other\n503 one after the other");
        give(peer, "RETR pub/b", b"two");
        peer.answer("QUIT", "221 bye");
    });
    let folder = tempfile::tempdir().unwrap();
    let told = fetch(&server, folder.path(), 1, &TreeRequest::default(), options());
    assert_eq!(told.result.unwrap().done, 2);
    assert_eq!(told.failed, BTreeMap::new());
    assert_eq!(fs::read(folder.path().join("b")).unwrap(), b"two");
}

#[test]
fn a_server_that_has_enough_of_us_is_asked_for_no_more_sessions() {
    let server = Scripted::sessions(|host: &Host| {
        let mut first = host.accept();
        begin_streams(&mut first, true);
        let rows: String = (0..6).map(|n| format!("type=file;size=1; {n}\r\n")).collect();
        give(&mut first, "MLSD pub", rows.as_bytes());
        let serve = |peer: &mut Peer, number: usize| {
            peer.expect("EPSV");
            peer.expect(&format!("RETR pub/{number}"));
            let listener = peer.listen();
            let port = listener.local_addr().unwrap().port();
            peer.say(&format!("229 here (|||{port}|)\n150 opening"));
            wharf_testkit::scripted::Data::Accept(listener).give(b"x");
            peer.say("226 done");
        };
        serve(&mut first, 0);
        let mut second = host.accept();
        second.say("421 too many connections from you");
        second.expect_any_end();
        (1..6).for_each(|number| serve(&mut first, number));
        first.answer("QUIT", "221 bye");
    });
    let folder = tempfile::tempdir().unwrap();
    let told = fetch(&server, folder.path(), 8, &TreeRequest::default(), options());
    assert_eq!(told.result.unwrap().done, 6);
    assert_eq!(names(folder.path()).len(), 6);
}

#[test]
fn a_session_that_comes_too_late_to_be_of_use_is_not_waited_for() {
    let server = Scripted::sessions(|host: &Host| {
        let mut first = host.accept();
        begin_streams(&mut first, true);
        give(&mut first, "MLSD pub", b"type=file;size=1; a\r\ntype=file;size=1; b\r\n");
        let mut second = host.accept();
        for name in ["a", "b"] {
            first.expect("EPSV");
            first.expect(&format!("RETR pub/{name}"));
            let listener = first.listen();
            let port = listener.local_addr().unwrap().port();
            first.say(&format!("229 here (|||{port}|)\n150 opening"));
            wharf_testkit::scripted::Data::Accept(listener).give(b"x");
            first.say("226 done");
        }
        // It never says a word.
        second.expect_any_end();
        first.answer("QUIT", "221 bye");
    });
    let folder = tempfile::tempdir().unwrap();
    let begun = std::time::Instant::now();
    let told = fetch(&server, folder.path(), 2, &TreeRequest::default(), options());
    assert_eq!(told.result.unwrap().done, 2);
    assert!(begun.elapsed() < options().timeout / 2, "{:?}", begun.elapsed());
}

#[test]
fn a_digest_that_differs_is_a_failure_and_leaves_no_file() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&["MLST size*;", "MODE B", "XCRC"]);
        peer.answer("TYPE I", "200 ok");
        peer.answer("MODE B", "200 ok");
        peer.answer("MODE B", "200 ok");
        let mut data = peer.epsv().open();
        peer.answer("MLSD pub", "125 listing");
        data.write_all(&block(b"type=file;size=9; a\r\ntype=file;size=9; b\r\n")).unwrap();
        peer.say("250 listed");
        for (name, digest) in [("a", "CBF43926"), ("b", "00000000")] {
            peer.expect(&format!("RETR pub/{name}"));
            peer.expect(&format!("XCRC pub/{name}"));
            peer.say(&format!("125 {name}\n250 {name}\n250 {digest}"));
            data.write_all(&block(b"123456789")).unwrap();
        }
        peer.answer("MODE S", "200 ok");
        peer.answer("QUIT", "221 bye");
    });
    let folder = tempfile::tempdir().unwrap();
    let request = TreeRequest { verify: true, ..TreeRequest::default() };
    let told = fetch(&server, folder.path(), 1, &request, options());
    assert_eq!(told.done.get("a"), Some(&Verdict::Verified));
    assert!(told.failed["b"].contains("CRC32"), "{:?}", told.failed);
    assert_eq!(names(folder.path()), ["a"]);
}

#[test]
fn a_link_of_the_server_is_made_when_it_stays_within_the_tree() {
    let server = Scripted::session(|peer| {
        begin_streams(peer, true);
        let rows = b"type=OS.unix=slink:a/b; in\r\ntype=OS.unix=slink:../x; out\r\ntype=OS.unix=slink:/etc; abs\r\n\
            type=OS.unix=slink:a/../../x; up\r\ntype=OS.unix=slink:mine/x; through\r\n";
        give(peer, "MLSD pub", rows);
        peer.answer("TYPE I", "200 ok");
        peer.answer("NOOP", "200 ok");
        peer.answer("QUIT", "221 bye");
    });
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc", folder.path().join("mine")).unwrap();
    let site = site(server.address(), options());
    let request = SyncRequest::new(Direction::Down);
    let mut done = Vec::new();
    let mut hear = |happened| {
        if let Happened::Done { path, kind, .. } = happened {
            done.push((kind, path.to_string()));
        }
    };
    run(async {
        let pool = Pool::new(site, 1);
        let remote = "pub".into();
        let plan = pool.plan_sync(folder.path(), &remote, &request, &mut |_| ()).await.unwrap();
        pool.apply_sync(&plan, folder.path(), &remote, &request, &mut hear).await.unwrap();
        pool.close().await;
    });
    assert_eq!(names(folder.path()), ["in", "mine"]);
    assert_eq!(done, [(Deed::Link, "in".to_owned())]);
    assert_eq!(fs::read_link(folder.path().join("in")).unwrap(), Path::new("a/b"));
}

#[test]
fn a_large_file_takes_the_place_of_a_pipe_and_of_a_link_to_a_device_as_a_small_one_does() {
    let large = vec![7; 2 << 20];
    let bytes = large.clone();
    let server = Scripted::session(move |peer| {
        peer.login();
        peer.features(&["MLST size*;"]);
        peer.answer("TYPE I", "200 ok");
        peer.answer("NOOP", "200 ok");
        give(
            peer,
            "MLSD pub",
            b"type=file;size=2097152; device\r\ntype=file;size=2097152; pipe\r\n",
        );
        for _ in 0..2 {
            let line = peer.hear();
            let name = line.strip_prefix("SIZE pub/").unwrap().to_owned();
            peer.say("213 2097152");
            peer.answer(&format!("MDTM pub/{name}"), "550 no");
            peer.expect("EPSV");
            peer.expect(&format!("RETR pub/{name}"));
            let listener = peer.listen();
            let port = listener.local_addr().unwrap().port();
            peer.say(&format!("229 here (|||{port}|)\n150 opening"));
            wharf_testkit::scripted::Data::Accept(listener).give(&bytes);
            peer.say("226 done");
        }
        peer.answer("QUIT", "221 bye");
    });
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/null", folder.path().join("device")).unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let told = fetch(&server, folder.path(), 1, &TreeRequest::default(), options());
    assert_eq!((told.result.unwrap().done, told.failed), (2, BTreeMap::new()));
    for name in ["device", "pipe"] {
        let path = folder.path().join(name);
        assert!(path.symlink_metadata().unwrap().is_file(), "{name}");
        assert!(fs::read(path).unwrap() == large, "{name}");
    }
}
