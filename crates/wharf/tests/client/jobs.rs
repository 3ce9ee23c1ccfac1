//! Jobs of the shell: files are moved beside it, and how they end is not lost.

use std::fs;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use wharf_testkit::faulty::{Fault, Faulty};
use wharf_testkit::scripted::{PATIENCE, Scripted};

use crate::story::wharf;

const FILES: &[(&str, &[u8])] = &[("a.txt", b"one"), ("b.txt", b"two"), ("c.bin", b"three")];

/// A session that a job begins in the folder `sub`.
fn enter(peer: &mut wharf_testkit::scripted::Peer) {
    peer.login();
    peer.answer("CWD sub", "250 ok");
}

#[test]
fn a_job_has_a_session_of_its_own_where_the_shell_was_and_the_shell_goes_on() {
    let server = Scripted::sessions(|host| {
        let mut shell = host.accept();
        shell.login();
        shell.features(&["SIZE"]);
        shell.answer("CWD sub", "250 ok");
        let mut job = host.accept();
        enter(&mut job);
        job.answer("TYPE I", "200 ok");
        job.answer("SIZE a.txt", "213 3");
        job.answer("MDTM a.txt", "500 what?");
        let data = job.epsv();
        job.answer("RETR a.txt", "150 opening");
        // The shell has gone elsewhere, and been answered, before the first byte is sent.
        shell.answer("CWD other", "250 ok");
        shell.answer("PWD", "257 \"/other\"");
        data.give(b"one");
        job.say("226 done");
        job.answer("QUIT", "221 bye");
        shell.answer("QUIT", "221 bye");
    });
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("here")).unwrap();
    wharf(&["shell", &server.url("sub")])
        .within(folder.path())
        .typing(&["get a.txt &", "lcd here", "cd other", "pwd", "wait", "jobs"])
        .ends_with(0)
        .printing("/other\n")
        .saying("[1] get a.txt\n")
        .saying("[1] get a.txt: 3 bytes in ");
    assert_eq!(fs::read(folder.path().join("a.txt")).unwrap(), b"one");
}

#[test]
fn a_job_goes_where_quote_has_led_the_shell() {
    let server = Scripted::sessions(|host| {
        let mut shell = host.accept();
        shell.login();
        shell.features(&["SIZE"]);
        shell.answer("XCWD sub", "250 ok");
        shell.answer("CDUP", "200 ok");
        shell.answer("CWD none", "550 no such folder");
        let mut job = host.accept();
        enter(&mut job);
        job.answer("CWD ..", "250 ok");
        job.answer("TYPE I", "200 ok");
        job.answer("SIZE a.txt", "213 3");
        job.answer("MDTM a.txt", "500 what?");
        let data = job.epsv();
        job.answer("RETR a.txt", "150 opening");
        data.give(b"one");
        job.say("226 done");
        job.answer("QUIT", "221 bye");
        shell.answer("QUIT", "221 bye");
    });
    let folder = tempfile::tempdir().unwrap();
    wharf(&["shell", &server.url("")])
        .within(folder.path())
        .typing(&["quote XCWD sub", "quote CDUP", "quote CWD none", "get a.txt &"])
        .ends_with(5);
    assert_eq!(fs::read(folder.path().join("a.txt")).unwrap(), b"one");
}

#[test]
fn a_job_that_failed_is_told_at_once_and_makes_wait_fail() {
    let server = Faulty::new(FILES, &[Fault::Reply("RETR a.txt", "550 Permission denied")]);
    let folder = tempfile::tempdir().unwrap();
    let run =
        |lines: &[&str]| wharf(&["shell", &server.url("")]).within(folder.path()).typing(lines);
    run(&["set -e", "get a.txt &", "get b.txt &", "wait 2", "size b.txt", "wait 1", "size c.bin"])
        .ends_with(6)
        .printing("3\n")
        .saying("wharf: [1] get a.txt: RETR a.txt was refused: 550 Permission denied")
        .saying("wharf: jobs: 1 of 1 failed");
    run(&["mget *.txt &", "wait", "size c.bin"])
        .ends_with(1)
        .printing("5\n")
        .saying("[1] mget *.txt: a.txt: RETR a.txt was refused")
        .saying("[1] mget *.txt: 1 files, 3 B in ");
    assert_eq!(fs::read(folder.path().join("b.txt")).unwrap(), b"two");
}

#[test]
fn the_end_of_a_script_waits_for_its_jobs_and_has_the_exit_code_of_what_failed() {
    let server = Faulty::new(FILES, &[Fault::Delay("RETR", Duration::from_millis(200))]);
    let folder = tempfile::tempdir().unwrap();
    let run =
        |lines: &[&str]| wharf(&["shell", &server.url("")]).within(folder.path()).typing(lines);
    run(&["get a.txt &", "get c.bin d.bin &", "quit"]).ends_with(0).saying("waiting for 2 jobs");
    assert_eq!(fs::read(folder.path().join("a.txt")).unwrap(), b"one");
    assert_eq!(fs::read(folder.path().join("d.bin")).unwrap(), b"three");
    run(&["get nothing &", "size a.txt"]).ends_with(5).printing("3\n").saying("550 no such file");
}

#[test]
fn kill_breaks_a_job_off_in_order_and_it_is_no_failure_of_the_script() {
    let (killed, is_killed) = mpsc::channel();
    let server = Scripted::sessions(move |host| {
        let mut shell = host.accept();
        shell.login();
        shell.features(&["SIZE"]);
        let mut job = host.accept();
        job.login();
        job.answer("TYPE I", "200 ok");
        job.answer("SIZE a.txt", "213 3000000");
        job.answer("MDTM a.txt", "500 what?");
        let data = job.epsv();
        job.answer("RETR a.txt", "150 opening");
        let data = data.open();
        shell.answer("NOOP", "200 ok");
        job.expect("ABOR");
        drop(data);
        job.say("426 broken off\n226 so it is");
        job.answer("QUIT", "221 bye");
        shell.answer("NOOP", "200 ok");
        killed.send(()).unwrap();
        shell.answer("QUIT", "221 bye");
    });
    let folder = tempfile::tempdir().unwrap();
    wharf(&["shell", &server.url("")])
        .within(folder.path())
        .typing(&["get a.txt &", "noop", "kill %1", "noop", "wait"])
        .ends_with(0)
        .saying("[1] get a.txt: stopped");
    is_killed.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn a_job_that_the_server_has_no_room_for_waits_for_another() {
    let faults = [Fault::Sessions(3), Fault::Delay("RETR", Duration::from_millis(50))];
    let server = Faulty::new(FILES, &faults);
    let folder = tempfile::tempdir().unwrap();
    wharf(&["shell", &server.url("")])
        .within(folder.path())
        .typing(&["get a.txt &", "get b.txt &", "get c.bin &", "get a.txt d &", "get b.txt e &"])
        .ends_with(0);
    for name in ["a.txt", "b.txt", "c.bin", "d", "e"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
}

#[test]
fn jobs_share_the_limit_of_the_rate() {
    let bytes: &[u8] = &[7; 100_000];
    let server = Faulty::new(&[("a", bytes), ("b", bytes)], &[]);
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    wharf(&["shell", "-q", "--limit-rate", "200k", &server.url("")])
        .within(folder.path())
        .typing(&["get a &", "get b &"])
        .ends_with(0);
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    assert_eq!(fs::read(folder.path().join("b")).unwrap(), bytes);
}

#[test]
fn what_cannot_be_a_job_and_jobs_that_are_none_are_refused() {
    let server = Faulty::new(FILES, &[]);
    let run = |line: &str| wharf(&["shell", "-q", &server.url("")]).typing(&[line]).ends_with(2);
    run("size a.txt &").saying("size is no job: get, put, mget, mput and sync can be");
    run("wait 1").saying("1: no such job");
    run("kill").saying("kill N... | all");
    run("kill x");
    run("fg").saying("there are no jobs");
    wharf(&["shell"]).typing(&["get a &"]).ends_with(2).saying("not connected");
    let open = format!("open {} {}", server.address().ip(), server.address().port());
    // As a server says it of the same without `&`.
    wharf(&["shell"]).typing(&[&open, "get a &"]).ends_with(4).saying("not logged in");
}

#[test]
fn a_job_in_the_foreground_is_awaited_and_a_file_may_be_called_ampersand() {
    let server = Faulty::new(&[("&", b"and"), ("x", b"bytes")], &[]);
    let folder = tempfile::tempdir().unwrap();
    wharf(&["shell", "-q", &server.url("")])
        .within(folder.path())
        .typing(&["get x &", "fg", "lls", "get \\&", "put x y &", "fg 2", "size y"])
        .knowing("PATH", "/usr/bin:/bin")
        .ends_with(0)
        .printing("x\n5\n");
    assert_eq!(fs::read(folder.path().join("&")).unwrap(), b"and");
}
