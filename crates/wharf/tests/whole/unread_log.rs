//! The log of `wharf serve`, and who does not read it.

use crate::serving::Serving;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

/// More lines than the pipe and the server together hold.
const ASKED: usize = 30_000;

/// Asks for what is not there, again and again; each refusal is a line of the log.
fn refuse_often(serving: &Serving, times: usize) {
    let mut control = TcpStream::connect(("127.0.0.1", serving.port)).unwrap();
    let mut replies = BufReader::new(control.try_clone().unwrap()).lines();
    let mut reply = |code: &str| {
        let line = replies.next().unwrap().unwrap();
        assert!(line.starts_with(code), "{line}");
    };
    reply("220");
    control.write_all(b"USER anonymous\r\nPASS x\r\n").unwrap();
    reply("331");
    reply("230");
    for _ in 0..times / 100 {
        control.write_all(&b"CWD /nowhere/to/be/found\r\n".repeat(100)).unwrap();
        (0..100).for_each(|_| reply("550"));
    }
    control.write_all(b"QUIT\r\n").unwrap();
    reply("221");
}

#[test]
fn a_server_whose_log_nobody_reads_serves_on_and_says_how_many_lines_are_missing() {
    let serving = Serving::new(&[]);
    refuse_often(&serving, ASKED);
    let (code, log) = serving.end();
    assert_eq!(code, Some(0));
    let told = |line: &&str| line.contains("lines are missing here");
    let missing: usize = log
        .lines()
        .filter(told)
        .map(|line| line.rsplit_once("lines=").unwrap().1.parse::<usize>().unwrap())
        .sum();
    let refusals = log.lines().filter(|line| line.contains("code=550")).count();
    assert!(missing > 0, "nothing was dropped, so nothing was shown");
    // What is missing besides them says that the session began, or ended.
    assert!((ASKED..ASKED + 10).contains(&(refusals + missing)), "{refusals} and {missing}");
}

#[test]
fn a_server_whose_log_nobody_reads_ends_when_it_is_told_to() {
    let serving = Serving::new(&[]);
    refuse_often(&serving, ASKED);
    serving.tell_to_end();
    assert_eq!(serving.ends_unread(), Some(0));
}

#[test]
fn nothing_of_a_log_that_is_read_late_is_lost() {
    let serving = Serving::new(&[]);
    // No more room than for some lines, but all of them fit into what the server keeps.
    rustix::pipe::fcntl_setpipe_size(serving.log(), 4096).unwrap();
    refuse_often(&serving, 2000);
    let (_, log) = serving.end();
    assert_eq!(log.lines().filter(|line| line.contains("code=550")).count(), 2000);
    assert!(log.contains("closed") && !log.contains("missing"), "{log}");
}
