//! Trees stored in block mode: many uploads over one data connection, and what is left of them when one is refused.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::net::TcpStream;

use wharf_client::{Digest, Happened, Pool, Tally, TreeRequest, Verdict};
use wharf_proto::codec::{Inbound, Settings};
use wharf_proto::command::Algorithm;
use wharf_proto::params::{Mode, Representation, Type};
use wharf_testkit::scripted::{Host, Peer, Scripted};

use crate::support::{options, run, site};

/// What came of storing the files `a` to `e`, each of which has its name as its bytes.
struct Told {
    tally: Tally,
    done: BTreeMap<String, Verdict>,
    failed: BTreeMap<String, String>,
    notes: Vec<String>,
}

fn store(server: &Scripted, request: &TreeRequest) -> Told {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c", "d", "e"] {
        fs::write(folder.path().join(name), name).unwrap();
    }
    let (mut done, mut failed, mut notes) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let mut watch = |happened| match happened {
        Happened::Done { path, verdict, .. } => drop(done.insert(path.to_string(), verdict)),
        Happened::Failed { path, error, .. } => {
            assert!(failed.insert(path.to_string(), error.to_string()).is_none(), "told twice");
        }
        Happened::Note(note) => notes.push(note),
        _ => {}
    };
    let site = site(server.address(), options());
    let tally = run(async {
        let pool = Pool::new(site, 1);
        let tally = pool.put_tree(folder.path(), &"pub".into(), request, &mut watch).await;
        pool.close().await;
        tally.unwrap()
    });
    Told { tally, done, failed, notes }
}

/// The server's side of a data connection in block mode.
struct Blocks {
    stream: TcpStream,
    ahead: Vec<u8>,
}

impl Blocks {
    fn open(peer: &mut Peer) -> Self {
        Self { stream: peer.epsv().open(), ahead: Vec::new() }
    }

    /// The next file.
    fn take(&mut self) -> Vec<u8> {
        let how = Representation { kind: Type::Image, mode: Mode::Block, ..Default::default() };
        let mut decoder = Inbound::new(how, &Settings::default()).unwrap();
        let mut file = Vec::new();
        loop {
            let progress = decoder.push(&self.ahead, &mut file).unwrap();
            self.ahead.drain(..progress.consumed);
            if progress.ended {
                return file;
            }
            let mut more = [0; 1024];
            let count = self.stream.read(&mut more).unwrap();
            assert!(count > 0, "the client closes in the midst of a file");
            self.ahead.extend_from_slice(&more[..count]);
        }
    }
}

/// Lets a session in that works in block mode, and makes the folder.
fn begin(peer: &mut Peer, features: &[&str]) -> Blocks {
    peer.login();
    peer.features(&[&["MODE B", "MLST size*;"], features].concat());
    peer.answer("TYPE I", "200 ok");
    peer.answer("MODE B", "200 ok");
    peer.answer("MODE B", "200 ok");
    let data = Blocks::open(peer);
    peer.answer("MKD pub", "257 made");
    data
}

/// The name behind the next STOR; nothing where another command comes, which is `otherwise`.
fn next_name(peer: &mut Peer, otherwise: &str) -> Option<String> {
    let line = peer.hear();
    match line.strip_prefix("STOR pub/") {
        Some(name) => Some(name.to_owned()),
        None => {
            assert_eq!(line, otherwise);
            None
        }
    }
}

fn leave(peer: &mut Peer) {
    peer.say("200 ok");
    peer.answer("QUIT", "221 bye");
}

#[test]
fn all_files_go_over_one_connection_and_are_proven_each() {
    let server = Scripted::session(|peer| {
        let mut data = begin(peer, &["SIZE", "MFMT"]);
        // All of them are here before the first is answered.
        let names: Vec<String> = (0..5).map(|_| next_name(peer, "").unwrap()).collect();
        for name in &names {
            assert_eq!(data.take(), name.as_bytes());
            peer.say(&format!("125 {name}\n250 {name}"));
        }
        for name in &names {
            // The size of one of them is another one afterwards.
            let size = if name == "c" { 7 } else { 1 };
            peer.answer(&format!("SIZE pub/{name}"), &format!("213 {size}"));
            let line = peer.hear();
            assert!(line.starts_with("MFMT ") && line.ends_with(&format!(" pub/{name}")), "{line}");
            peer.say("500 never heard of it");
        }
        // It is stored again by itself.
        peer.answer("MODE S", "200 ok");
        peer.answer("SIZE pub/c", "213 7");
        let upload = peer.epsv();
        peer.answer("STOR pub/c", "150 go on");
        assert_eq!(upload.take(), b"c");
        peer.say("226 done");
        peer.answer("SIZE pub/c", "213 1");
        assert!(peer.hear().starts_with("MFMT "));
        peer.say("500 never heard of it");
        peer.answer("QUIT", "221 bye");
    });
    let told = store(&server, &TreeRequest::default());
    assert_eq!((told.tally.done, told.tally.failed), (5, 0), "{:?}", told.failed);
    assert!(
        told.done.iter().all(|(path, verdict)| path.is_empty() || *verdict == Verdict::SizeOnly)
    );
}

/// Plays a server that refuses `b`, until the client is through with block mode, and gives what it stored.
/// `closes`: whether it closes the data connection behind a refusal; else it takes the bytes of the refused file for
/// those of the next.
fn refuse_b(peer: &mut Peer, closes: bool) -> BTreeMap<String, Vec<u8>> {
    let mut data = Some(begin(peer, &[]));
    let mut stored = BTreeMap::new();
    loop {
        let line = peer.hear();
        if line == "EPSV" {
            let listener = peer.listen();
            let port = listener.local_addr().unwrap().port();
            peer.say(&format!("229 here (|||{port}|)"));
            let stream = wharf_testkit::scripted::Data::Accept(listener).open();
            data = Some(Blocks { stream, ahead: Vec::new() });
            continue;
        }
        let Some(name) = line.strip_prefix("STOR pub/") else {
            assert_eq!(line, "MODE S");
            return stored;
        };
        match &mut data {
            None => peer.say("425 no data connection"),
            Some(_) if name == "b" => {
                peer.say("553 not that name");
                if closes {
                    data = None;
                }
            }
            Some(blocks) => {
                if blocks.ahead.is_empty() {
                    let mut more = [0; 1024];
                    let count = blocks.stream.read(&mut more).unwrap();
                    if count == 0 {
                        peer.say("426 broken off");
                        data = None;
                        continue;
                    }
                    blocks.ahead.extend_from_slice(&more[..count]);
                }
                stored.insert(name.to_owned(), blocks.take());
                peer.say(&format!("125 {name}\n250 {name}"));
            }
        }
    }
}

#[test]
fn a_refused_file_costs_its_connection_and_no_other_file() {
    for closes in [true, false] {
        let server = Scripted::session(move |peer| {
            let stored = refuse_b(peer, closes);
            for name in ["a", "c", "d", "e"] {
                assert_eq!(stored.get(name).map(Vec::as_slice), Some(name.as_bytes()), "{closes}");
            }
            peer.say("200 ok");
            let _unused = peer.epsv();
            peer.answer("STOR pub/b", "553 not that name");
            peer.answer("QUIT", "221 bye");
        });
        let told = store(&server, &TreeRequest::default());
        assert_eq!((told.tally.done, told.tally.failed), (4, 1), "{:?}", told.failed);
        assert!(told.failed["b"].contains("553 not that name"), "{:?}", told.failed);
    }
}

#[test]
fn a_server_that_closes_the_connection_behind_each_file_gets_the_rest_without_block_mode() {
    let server = Scripted::session(|peer| {
        let mut data = begin(peer, &[]);
        let first = next_name(peer, "").unwrap();
        assert_eq!(data.take(), first.as_bytes());
        peer.say("150 go on\n226 stored, and closed");
        drop(data);
        for _ in 1..5 {
            next_name(peer, "").unwrap();
            peer.say("425 no data connection");
        }
        peer.answer("MODE S", "200 ok");
        for _ in 1..5 {
            peer.expect("EPSV");
            let listener = peer.listen();
            let port = listener.local_addr().unwrap().port();
            peer.say(&format!("229 here (|||{port}|)"));
            let name = next_name(peer, "").unwrap();
            peer.say("150 go on");
            assert_eq!(wharf_testkit::scripted::Data::Accept(listener).take(), name.as_bytes());
            peer.say("226 done");
            peer.answer(&format!("SIZE pub/{name}"), "213 1");
        }
        peer.answer("QUIT", "221 bye");
    });
    let told = store(&server, &TreeRequest::default());
    assert_eq!((told.tally.done, told.tally.failed), (5, 0), "{:?}", told.failed);
    assert!(told.notes.iter().any(|note| note.contains("closes the data connection")));
}

#[test]
fn what_was_in_flight_when_the_session_broke_is_stored_by_the_next_one() {
    let server = Scripted::sessions(|host: &Host| {
        let mut peer = host.accept();
        let mut data = begin(&mut peer, &[]);
        let first = next_name(&mut peer, "").unwrap();
        data.take();
        peer.say(&format!("125 {first}\n250 {first}"));
        peer.shut();
        peer.expect_any_end();
        let mut peer = host.accept();
        peer.login();
        peer.features(&["MODE B", "MLST size*;"]);
        peer.answer("TYPE I", "200 ok");
        peer.answer("MODE B", "200 ok");
        let mut data = Blocks::open(&mut peer);
        while let Some(name) = next_name(&mut peer, "MODE S") {
            assert_ne!(name, first);
            assert_eq!(data.take(), name.as_bytes());
            peer.say(&format!("125 {name}\n250 {name}"));
        }
        leave(&mut peer);
    });
    let told = store(&server, &TreeRequest::default());
    assert_eq!((told.tally.done, told.tally.failed), (5, 0), "{:?}", told.failed);
}

#[test]
fn under_a_temporary_name_a_file_gets_its_own_when_it_is_proven() {
    let server = Scripted::session(|peer| {
        let mut data = begin(peer, &["SIZE"]);
        let names: Vec<String> = (0..5).map(|_| next_name(peer, "").unwrap()).collect();
        for name in &names {
            assert_eq!(name.len(), ".x.wharf-part".len());
            assert_eq!(data.take(), &name.as_bytes()[1..2]);
            peer.say(&format!("125 {name}\n250 {name}"));
        }
        for name in &names {
            peer.answer(&format!("SIZE pub/{name}"), "213 1");
        }
        for name in &names {
            peer.answer(&format!("RNFR pub/{name}"), "350 to what?");
            peer.answer(&format!("RNTO pub/{}", &name[1..2]), "250 renamed");
        }
        peer.expect("MODE S");
        leave(peer);
    });
    let told = store(&server, &TreeRequest { atomic: true, ..TreeRequest::default() });
    assert_eq!((told.tally.done, told.tally.failed), (5, 0), "{:?}", told.failed);
}

#[test]
fn bytes_whose_digest_differs_never_get_the_name() {
    let server = Scripted::session(|peer| {
        let mut data = begin(peer, &["SIZE", "XCRC"]);
        let names: Vec<String> = (0..5).map(|_| next_name(peer, "").unwrap()).collect();
        let right = |name: &str| format!("250 {}", Digest::of(Algorithm::Crc32, name.as_bytes()));
        for name in &names {
            data.take();
            peer.say(&format!("125 {name}\n250 {name}"));
        }
        for name in &names {
            peer.answer(&format!("SIZE pub/{name}"), "213 1");
            let own = &name[1..2];
            let said = if own == "c" { "250 00000000".to_owned() } else { right(own) };
            peer.answer(&format!("XCRC pub/{name}"), &said);
        }
        for name in names.iter().filter(|name| &name[1..2] != "c") {
            peer.answer(&format!("RNFR pub/{name}"), "350 to what?");
            peer.answer(&format!("RNTO pub/{}", &name[1..2]), "250 renamed");
        }
        peer.expect("MODE S");
        leave(peer);
    });
    let request = TreeRequest { atomic: true, verify: true, ..TreeRequest::default() };
    let told = store(&server, &request);
    assert_eq!((told.tally.done, told.tally.failed), (4, 1), "{:?}", told.failed);
    assert!(told.failed["c"].contains("CRC32"), "{:?}", told.failed);
}
