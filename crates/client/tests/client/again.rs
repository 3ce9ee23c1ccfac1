//! Sessions of a tree behind its first one, and files behind the first one of a session: what is known is not asked again.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use wharf_client::{Options, Pool, Site, TreeRequest, Way};
use wharf_proto::Command;
use wharf_testkit::faulty::{Fault, Faulty};
use wharf_testkit::scripted::{Data, Host, Peer, Scripted};

use crate::support::{let_in_as_vsftpd, options, run, site};

/// Fetches the tree `pub`, and gives how many files came and how many of them are there.
fn fetch(server: &Scripted, jobs: usize, options: Options) -> (u64, usize) {
    fetch_by(server.address(), "pub", options, |site| Pool::new(site, jobs))
}

fn fetch_by(
    address: SocketAddr,
    folder: &str,
    options: Options,
    pool: impl FnOnce(Site) -> Pool,
) -> (u64, usize) {
    let here = tempfile::tempdir().unwrap();
    let target = here.path().join("pub");
    let site = site(address, options);
    let done = run(async {
        let pool = pool(site);
        let request = TreeRequest { blocks: false, ..TreeRequest::default() };
        let tally = pool.get_tree(&folder.into(), &target, &request, &mut |_| {}).await;
        pool.close().await;
        tally.unwrap().done
    });
    (done, fs::read_dir(target).unwrap().count())
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

/// Lists `pub` with so many files.
fn list(peer: &mut Peer, count: usize) {
    let data = peer.epsv();
    peer.answer("MLSD pub", "150 opening");
    data.give(rows(count).as_bytes());
    peer.say("226 done");
}

/// The first session, once it has listed `pub` with so many files.
fn first_with(host: &Host, count: usize) -> Peer {
    let mut first = host.accept();
    begin(&mut first);
    list(&mut first, count);
    first
}

/// The second session, once it has logged in with one write.
fn second_in_one_write(host: &Host) -> Peer {
    let mut second = host.accept();
    second.say("220 ready");
    for line in ["USER anonymous", "PASS anonymous@", "OPTS UTF8 ON", "TYPE I"] {
        second.expect(line);
    }
    second.say("331 password\n230 in\n200 always\n200 ok");
    second
}

/// Three files by two sessions, to their ends.
fn share(mut first: Peer, mut second: Peer) {
    serve(&mut second, 2);
    serve(&mut first, 0);
    serve(&mut first, 1);
    first.answer("QUIT", "221 bye");
    second.answer("QUIT", "221 bye");
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
        let first = first_with(host, 3);
        let second = second_in_one_write(host);
        share(first, second);
    });
    assert_eq!(fetch(&server, 2, options()), (3, 3));
}

#[test]
fn a_server_that_does_not_take_a_login_in_one_write_is_logged_in_to_step_by_step() {
    let server = Scripted::sessions(|host: &Host| {
        let mut first = first_with(host, 2);
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
        let mut first = first_with(host, 2);
        // It is never greeted.
        let mut second = host.accept();
        serve(&mut first, 0);
        serve(&mut first, 1);
        second.expect_any_end();
        first.answer("QUIT", "221 bye");
    });
    assert_eq!(fetch(&server, 2, options()), (2, 2));
}

/// How many sessions a tree of 120 files has at a server with these faults, where two are usual and six the most.
fn sessions_at(faults: &[Fault]) -> usize {
    let names: Vec<String> = (0..120).map(|n| n.to_string()).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    let server = Faulty::new(&files, faults);
    let done = fetch_by(server.address(), "", options(), |site| Pool::growing(site, 2, 6));
    assert_eq!(done, (120, 120));
    server.heard().iter().filter(|line| line.starts_with("USER")).count()
}

#[test]
fn many_files_far_away_get_more_sessions_than_are_usual_and_no_more_than_may_be() {
    // Long beside what a busy machine adds to it.
    let sessions = sessions_at(&[Fault::Delay("RETR", Duration::from_millis(80))]);
    assert!((3..=6).contains(&sessions), "{sessions}");
}

#[test]
fn many_files_near_by_get_no_more_sessions_than_are_usual() {
    let sessions = sessions_at(&[]);
    assert!(sessions <= 2, "{sessions}");
}

#[test]
fn a_server_that_turns_away_a_session_beyond_the_usual_ones_is_asked_for_no_more() {
    let far = Fault::Delay("RETR", Duration::from_millis(20));
    assert_eq!(sessions_at(&[far, Fault::Sessions(2)]), 2);
}

#[test]
fn a_long_listing_on_its_way_calls_for_the_sessions_that_its_files_will_need() {
    let server = Scripted::sessions(|host: &Host| {
        let mut first = host.accept();
        begin(&mut first);
        let data = first.epsv();
        first.answer("MLSD pub", "150 opening");
        let mut data = data.open();
        data.write_all("type=file;size=1;note=long; x\r\n".repeat(40).as_bytes()).unwrap();
        // The listing goes on when the second session is in.
        let mut second = second_in_one_write(host);
        drop(data);
        first.say("426 that was no listing");
        second.expect_any_end();
        first.expect_any_end();
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("pub");
    let site = site(server.address(), options());
    run(async {
        let pool = Pool::new(site, 2);
        let request = TreeRequest { retries: 0, ..TreeRequest::default() };
        let tally = pool.get_tree(&"pub".into(), &target, &request, &mut |_| {}).await.unwrap();
        assert_eq!((tally.done, tally.failed), (0, 1));
        pool.close().await;
    });
}

#[test]
fn where_a_user_alone_is_let_in_the_second_session_says_no_password() {
    let server = Scripted::sessions(|host: &Host| {
        let mut first = host.accept();
        first.say("220 ready");
        first.answer("USER anonymous", "230 in");
        first.features(&["MLST size*;"]);
        first.answer("TYPE I", "200 ok");
        first.answer("NOOP", "200 ok");
        list(&mut first, 3);
        let mut second = host.accept();
        second.say("220 ready");
        second.expect("USER anonymous");
        second.expect("TYPE I");
        second.say("230 in\n200 ok");
        share(first, second);
    });
    assert_eq!(fetch(&server, 2, options()), (3, 3));
}

#[test]
fn without_mlsd_the_way_back_from_a_folder_is_asked_for_before_it_is_needed() {
    let server = Faulty::new(&[("a", b"x"), ("b", b"x")], &[Fault::NoFacts]);
    let done = fetch_by(server.address(), "/", options(), |site| Pool::new(site, 1));
    assert_eq!(done, (2, 2));
    let asked = server.heard().iter().filter(|line| *line == "PWD" || *line == "NOOP").count();
    assert_eq!(asked, 1, "{:?}", server.heard());
}

/// Awaits PORT without an answer to it.
fn port(peer: &mut Peer) -> Data {
    match Command::parse(&peer.hear_bytes()) {
        Ok(Command::Port(to)) => Data::Connect(to.into()),
        other => panic!("PORT expected: {other:?}"),
    }
}

#[test]
fn in_active_mode_a_server_that_is_known_to_bear_it_hears_port_and_the_file_in_one_write() {
    let server = Scripted::session(|peer| {
        let_in_as_vsftpd(peer);
        let data = peer.port();
        peer.answer("MLSD pub", "150 opening");
        data.give(rows(2).as_bytes());
        peer.say("226 done");
        let first = port(peer);
        peer.expect("RETR pub/0");
        peer.say("200 noted\n150 opening");
        first.give(b"x");
        // Both are here before the last reply to the first file, and are refused: what was asked so is asked again.
        port(peer);
        peer.expect("RETR pub/1");
        peer.say("226 done\n500 what?\n503 PORT first");
        let data = peer.port();
        peer.answer("RETR pub/1", "150 opening");
        data.give(b"x");
        peer.say("226 done");
        peer.answer("QUIT", "221 bye");
    });
    let options = Options { way: Way::Active, ..options() };
    assert_eq!(fetch(&server, 1, options), (2, 2));
}
