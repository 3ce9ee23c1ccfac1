//! Small files of a tree stored with fewer round trips, at a server that is known to do one thing after the other.

use std::fs;
use std::net::TcpListener;

use wharf_client::{Deed, Happened, Pool, TreeRequest, Verdict};
use wharf_testkit::scripted::{Data, Peer, Scripted};

use crate::support::{let_in_as_vsftpd, options, run, site};

/// Stores two files of one byte in `pub`, and gives what became of them.
fn store(server: &Scripted) -> (Vec<Verdict>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    let mut watch = |happened| match happened {
        Happened::Done { kind: Deed::Store, verdict, .. } => done.push(verdict),
        Happened::Failed { error, .. } => failed.push(error.to_string()),
        _ => {}
    };
    let site = site(server.address(), options());
    run(async {
        let pool = Pool::new(site, 1);
        let request = TreeRequest { atomic: false, modes: false, ..TreeRequest::default() };
        pool.put_tree(folder.path(), &"pub".into(), &request, &mut watch).await.unwrap();
        pool.close().await;
    });
    (done, failed)
}

/// Lets a session in that makes `pub`.
fn begin(peer: &mut Peer) {
    let_in_as_vsftpd(peer);
    peer.answer("MKD pub", "257 made");
}

/// Takes the first file, and is asked for its size before it has answered.
fn take_first(peer: &mut Peer) {
    let data = peer.epsv();
    let path = stor(peer);
    assert_eq!(data.take(), b"x");
    peer.expect(&format!("SIZE {path}"));
}

/// Awaits STOR; gives its path.
fn stor(peer: &mut Peer) -> String {
    let heard = peer.hear();
    heard.strip_prefix("STOR ").unwrap_or_else(|| panic!("STOR expected: {heard}")).to_owned()
}

/// Awaits EPSV and STOR in one write, and answers the first.
fn both(peer: &mut Peer) -> (TcpListener, String) {
    peer.expect("EPSV");
    let path = stor(peer);
    let listener = peer.listen();
    let port = listener.local_addr().unwrap().port();
    peer.say(&format!("229 here (|||{port}|)"));
    (listener, path)
}

#[test]
fn a_small_file_is_sent_ahead_of_150_and_its_size_asked_for_ahead_of_226() {
    let server = Scripted::session(|peer| {
        begin(peer);
        take_first(peer);
        peer.say("150 opening\n226 done\n213 1");
        let (listener, path) = both(peer);
        assert_eq!(Data::Accept(listener).take(), b"x");
        peer.expect(&format!("SIZE {path}"));
        peer.say("150 opening\n226 done\n213 1");
        peer.answer("QUIT", "221 bye");
    });
    assert_eq!(store(&server), (vec![Verdict::SizeOnly; 2], Vec::new()));
}

#[test]
fn a_file_that_is_refused_when_it_was_sent_is_told_with_that_reply_and_the_session_goes_on() {
    let server = Scripted::session(|peer| {
        begin(peer);
        take_first(peer);
        peer.say("150 opening\n552 no room\n550 no file");
        // One is refused before its connection is accepted, too.
        let (listener, _) = both(peer);
        peer.say("553 no such name");
        drop(listener);
        if peer.hear() != "QUIT" {
            peer.say("550 no file");
            peer.expect("QUIT");
        }
        peer.say("221 bye");
    });
    let (done, failed) = store(&server);
    assert_eq!(done, []);
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(failed[0].contains("552") && failed[1].contains("553"), "{failed:?}");
}
