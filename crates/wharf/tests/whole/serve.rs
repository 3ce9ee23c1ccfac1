//! `wharf serve` from its first line to its last, with our own client.

use crate::serving::{Serving, run, wharf};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::process::Stdio;

#[test]
fn a_file_goes_up_comes_back_and_is_listed_in_every_mode() {
    let serving = Serving::new(&["--writable"]);
    let here = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(here.path().join("local"), &bytes).unwrap();
    for (number, mode) in ["--passive", "--active", "--plain"].iter().enumerate() {
        let url = serving.url(&format!("up-{number}"));
        let put = run(here.path(), &["put", mode, "--binary", "local", &url]);
        assert!(put.status.success(), "{put:?}");
        assert_eq!(std::fs::read(serving.path(&format!("up-{number}"))).unwrap(), bytes);
        let back = format!("back-{number}");
        let get = run(here.path(), &["get", mode, "--binary", &url, &back]);
        assert!(get.status.success(), "{get:?}");
        assert_eq!(std::fs::read(here.path().join(back)).unwrap(), bytes);
        let ls = run(here.path(), &["ls", "-1", mode, &serving.url("")]);
        assert!(
            String::from_utf8_lossy(&ls.stdout).lines().any(|name| name == format!("up-{number}"))
        );
    }
}

#[test]
fn the_basic_steps_of_a_newcomer_work_line_by_line() {
    let serving = Serving::new(&["--user", "ann:secret", "--no-anonymous"]);
    std::fs::create_dir(serving.path("pub")).unwrap();
    std::fs::write(serving.path("pub/ship.txt"), "a ship\n").unwrap();
    let here = tempfile::tempdir().unwrap();
    let mut shell = wharf()
        .arg("shell")
        .current_dir(here.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let script = format!(
        "open 127.0.0.1 {}\nuser ann\nsecret\nls\ncd pub\nls\nget ship.txt\nquit\n",
        serving.port
    );
    shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = shell.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("ship.txt"));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("secret"));
    assert_eq!(std::fs::read(here.path().join("ship.txt")).unwrap(), b"a ship\n");
}

#[test]
fn what_a_reader_may_not_do_and_what_is_not_there_have_their_exit_codes() {
    let serving = Serving::new(&["--user", "ann:secret"]);
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("local"), "x").unwrap();
    let code = |arguments: &[&str]| run(here.path(), arguments).status.code();
    assert_eq!(code(&["put", "local", &serving.url("x")]), Some(6));
    assert_eq!(code(&["cat", &serving.url("missing")]), Some(5));
    assert_eq!(code(&["cat", &format!("ftp://ann:wrong@127.0.0.1:{}/x", serving.port)]), Some(4));
    assert_eq!(
        code(&["put", "local", &format!("ftp://ann:secret@127.0.0.1:{}/x", serving.port)]),
        Some(0)
    );
    assert_eq!(code(&["put", "missing", &serving.url("x")]), Some(8));
    assert_eq!(code(&["cat"]), Some(2));
}

#[test]
fn a_trace_shows_the_session_and_hides_its_password() {
    let serving = Serving::new(&["--user", "ann:secret"]);
    std::fs::write(serving.path("f"), "x").unwrap();
    let here = tempfile::tempdir().unwrap();
    let url = format!("ftp://ann:secret@127.0.0.1:{}/f", serving.port);
    let cat = run(here.path(), &["cat", "--trace=ladder", &url]);
    assert_eq!(cat.stdout, b"x");
    let ladder = std::fs::read_to_string(here.path().join("ladder")).unwrap();
    assert!(
        ladder.contains("USER ann") && ladder.contains("RETR f") && !ladder.contains("secret"),
        "{ladder}"
    );
}

#[test]
fn a_server_told_to_end_ends_in_order_and_has_logged_without_secrets() {
    let serving = Serving::new(&["--user", "ann:secret"]);
    let here = tempfile::tempdir().unwrap();
    let url = format!("ftp://ann:secret@127.0.0.1:{}/", serving.port);
    assert!(run(here.path(), &["ls", &url]).status.success());
    let (code, log) = serving.end();
    assert_eq!(code, Some(0));
    assert!(
        log.contains("connected") && log.contains("logged in") && !log.contains("secret"),
        "{log}"
    );
}

#[test]
fn what_cannot_be_served_is_said_and_ends_the_start() {
    let here = tempfile::tempdir().unwrap();
    let missing = run(here.path(), &["serve", "nowhere", "--listen", "127.0.0.1:0"]);
    assert_eq!(missing.status.code(), Some(8));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nowhere"));
    let nobody = run(here.path(), &["serve", ".", "--listen", "127.0.0.1:0", "--no-anonymous"]);
    assert_eq!(nobody.status.code(), Some(2));
    let busy = Serving::new(&[]);
    let taken = run(here.path(), &["serve", ".", "--listen", &format!("127.0.0.1:{}", busy.port)]);
    assert_eq!(taken.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&taken.stderr).contains(&busy.port.to_string()));
}

#[test]
fn a_server_without_certificates_goes_on_after_sighup_and_says_so() {
    let serving = Serving::new(&[]);
    let log = File::from(serving.log().as_fd().try_clone_to_owned().unwrap());
    let mut log = BufReader::new(log).lines().map_while(Result::ok);
    let pid = rustix::process::Pid::from_raw(serving.pid().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    assert!(log.any(|line| line.contains("SIGHUP: there are no certificates")));
    let here = tempfile::tempdir().unwrap();
    assert!(run(here.path(), &["ls", &serving.url("")]).status.success());
}

#[test]
fn a_server_whose_first_lines_nobody_reads_serves() {
    let tree = tempfile::tempdir().unwrap();
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = wharf()
        .args(["serve", ".", "--listen", "127.0.0.1:0"])
        .current_dir(tree.path())
        .stdout(closed)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let told = log.into_iter().find(|line| line.contains("nobody could be told"));
    let runs = child.try_wait().unwrap().is_none();
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(runs && told.is_some(), "{told:?}");
}

#[test]
fn sessions_that_break_anywhere_leave_no_descriptor() {
    let serving = Serving::new(&["--writable", "--quiet"]);
    let before = serving.descriptors();
    for round in 0..200 {
        let words = format!("USER anonymous\r\nPASS x\r\nTYPE I\r\nEPSV\r\nSTOR f{round}\r\n");
        let mut control = TcpStream::connect(("127.0.0.1", serving.port)).unwrap();
        let mut lines = BufReader::new(control.try_clone().unwrap());
        if round % 2 == 0 {
            // The control connection dies at every byte of the dialogue in turn.
            control.write_all(&words.as_bytes()[..round / 2 % words.len()]).unwrap();
            continue;
        }
        control.write_all(words.as_bytes()).unwrap();
        let mut line = String::new();
        while !line.starts_with("229") {
            line.clear();
            lines.read_line(&mut line).unwrap();
        }
        let port: u16 = line.split('|').nth(3).unwrap().parse().unwrap();
        let mut data = TcpStream::connect(("127.0.0.1", port)).unwrap();
        data.write_all(b"a part").unwrap();
    }
    serving.comes_back_to(before);
}
