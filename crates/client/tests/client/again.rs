//! Sessions of a tree behind its first one, and files behind the first one of a session: what is known is not asked again.

use std::fs;

use wharf_client::{Login, Options, Pool, Site, TreeRequest};
use wharf_testkit::scripted::{Data, Host, Peer, Scripted};

use crate::support::{options, run};

/// Fetches the tree `pub`, and gives how many files came and how many of them are there.
fn fetch(server: &Scripted, jobs: usize, options: Options) -> (u64, usize) {
    let folder = tempfile::tempdir().unwrap();
    let address = server.address();
    let site = Site::new(address.ip().to_string(), address.port(), Login::anonymous(), options);
    let done = run(async {
        let pool = Pool::new(site, jobs);
        let request = TreeRequest::default();
        let tally = pool.get_tree(&"pub".into(), folder.path(), &request, &mut |_| {}).await;
        pool.close().await;
        tally.unwrap().done
    });
    (done, fs::read_dir(folder.path()).unwrap().count())
}

fn rows(count: usize) -> String {
    (0..count).map(|n| format!("type=file;size=1; {n}\r\n")).collect()
}

/// Lets the first session in, which finds out that commands may come together.
fn begin(peer: &mut Peer) {
    peer.login();
    peer.features(&["MLST size*;", "UTF8"]);
    peer.answer("OPTS UTF8 ON", "200 always");
    peer.answer("TYPE I", "200 ok");
    peer.answer("NOOP", "200 ok");
}

/// Serves a file whose command came together with the question for a connection.
fn serve(peer: &mut Peer, number: usize) {
    peer.expect("EPSV");
    peer.expect(&format!("RETR pub/{number}"));
    let listener = peer.listen();
    let port = listener.local_addr().unwrap().port();
    peer.say(&format!("229 here (|||{port}|)\n150 opening"));
    Data::Accept(listener).give(b"x");
    peer.say("226 done");
}

#[test]
fn the_second_session_logs_in_with_one_write_and_asks_nothing_that_the_first_was_told() {
    let server = Scripted::sessions(|host: &Host| {
        let mut first = host.accept();
        begin(&mut first);
        let data = first.epsv();
        first.answer("MLSD pub", "150 opening");
        data.give(rows(3).as_bytes());
        first.say("226 done");
        let mut second = host.accept();
        second.say("220 ready");
        for line in ["USER anonymous", "PASS anonymous@", "OPTS UTF8 ON", "TYPE I"] {
            second.expect(line);
        }
        second.say("331 password\n230 in\n200 always\n200 ok");
        serve(&mut second, 2);
        serve(&mut first, 0);
        serve(&mut first, 1);
        first.answer("QUIT", "221 bye");
        second.answer("QUIT", "221 bye");
    });
    assert_eq!(fetch(&server, 2, options()), (3, 3));
}

#[test]
fn a_server_that_does_not_take_a_login_in_one_write_is_logged_in_to_step_by_step() {
    let server = Scripted::sessions(|host: &Host| {
        let mut first = host.accept();
        begin(&mut first);
        let data = first.epsv();
        first.answer("MLSD pub", "150 opening");
        data.give(rows(2).as_bytes());
        first.say("226 done");
        let mut second = host.accept();
        second.say("220 ready");
        second.expect("USER anonymous");
        second.reset();
        let mut third = host.accept();
        third.login();
        third.features(&["MLST size*;"]);
        serve(&mut first, 0);
        serve(&mut first, 1);
        third.expect_any_end();
        first.answer("QUIT", "221 bye");
    });
    assert_eq!(fetch(&server, 2, options()), (2, 2));
}

#[test]
fn a_session_that_is_under_way_when_the_work_is_over_is_not_waited_for() {
    let server = Scripted::sessions(|host: &Host| {
        let mut first = host.accept();
        begin(&mut first);
        let data = first.epsv();
        first.answer("MLSD pub", "150 opening");
        data.give(rows(2).as_bytes());
        first.say("226 done");
        // It is never greeted.
        let mut second = host.accept();
        serve(&mut first, 0);
        serve(&mut first, 1);
        second.expect_any_end();
        first.answer("QUIT", "221 bye");
    });
    assert_eq!(fetch(&server, 2, options()), (2, 2));
}
