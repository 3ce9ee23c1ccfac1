//! What a stranger can send to the machine, on a clock that is counted by hand: without end, drop by drop, and bytes
//! that are no text (S7).

#![expect(clippy::unwrap_used, reason = "a failed test panics")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use wharf_proto::Moment;
use wharf_proto::server::{Account, Outcome, Output, Policy, Rights, Session};

const PEER: &str = "192.0.2.7:40000";

/// A session that has been greeted.
fn session() -> Session {
    let at: SocketAddr = PEER.parse().unwrap();
    let mut session = Session::new(Arc::new(Policy::default()), at, at, false);
    session.handle_opened(Moment::START);
    assert_eq!(codes(&mut session), [220]);
    session
}

/// A session that has logged in.
fn logged_in() -> Session {
    let mut session = session();
    session.handle_bytes(Moment::START, b"USER bob\r\nPASS x\r\n");
    let id = std::iter::from_fn(|| session.poll_output()).find_map(|output| match output {
        Output::Do(id, _) => Some(id),
        _ => None,
    });
    let account = Account::new("bob".into(), Rights::WRITER);
    session.handle_outcome(Moment::START, id.unwrap(), Outcome::LoggedIn(Box::new(account)));
    assert_eq!(codes(&mut session), [230]);
    session
}

/// The codes of what is to be sent, and 0 for the close.
fn codes(session: &mut Session) -> Vec<u16> {
    std::iter::from_fn(|| session.poll_output())
        .filter_map(|output| match output {
            Output::Send(line) => std::str::from_utf8(&line[..3]).unwrap().parse().ok(),
            Output::Close => Some(0),
            _ => None,
        })
        .collect()
}

#[test]
fn s07_a_gigabyte_without_a_line_end_is_one_500_and_before_the_login_the_end() {
    let chunk = vec![b'a'; 1 << 20];
    let mut stranger = session();
    stranger.handle_bytes(Moment::START, &chunk);
    assert_eq!(codes(&mut stranger), [500, 421, 0]);
    let mut user = logged_in();
    let mut said = Vec::new();
    for _ in 0..1024 {
        user.handle_bytes(Moment::START, &chunk);
        said.extend(codes(&mut user));
    }
    user.handle_bytes(Moment::START, b"\r\nNOOP\r\n");
    said.extend(codes(&mut user));
    assert_eq!(said, [500, 200]);
}

#[test]
fn s07_a_slow_drip_does_not_keep_a_session_open() {
    let mut session = session();
    let mut seconds = 0;
    let said = loop {
        seconds += 1;
        let now = Moment::after(Duration::from_secs(seconds));
        if session.deadline().is_some_and(|deadline| deadline <= now) {
            session.handle_timeout(now);
            break codes(&mut session);
        }
        // A byte a second, and whole lines among them.
        session.handle_bytes(now, if seconds % 9 == 0 { b"\n" } else { b"N" });
        assert!(codes(&mut session).iter().all(|code| *code == 500));
    };
    assert_eq!((seconds, said), (60, vec![421, 0]));
}

#[test]
fn s07_verbs_of_bytes_from_0x80_up_and_lone_cr_lf_and_nul_are_each_one_500() {
    // 0xFF and what it may begin are Telnet, whose tests are in `line.rs`.
    for byte in (0x80..=0xfe).chain([0, b'\r', b'\t', 0x1b, 0x7f]) {
        for times in [1, 4, 300] {
            let mut session = session();
            let mut line = vec![byte; times];
            line.extend(b"\r\n");
            session.handle_bytes(Moment::START, &line);
            assert_eq!(codes(&mut session), [500], "{times} x {byte:#x}");
            session.handle_bytes(Moment::START, b"NOOP\r\n");
            assert_eq!(codes(&mut session), [200], "{times} x {byte:#x}");
        }
    }
    let mut session = session();
    session.handle_bytes(Moment::START, b"\n\n\nNOOP\n");
    assert_eq!(codes(&mut session), [500, 500, 500, 200]);
}

#[test]
fn what_the_tap_tells_of_a_password_with_or_without_its_verb_is_nothing() {
    let at = "127.0.0.1:4000".parse().unwrap();
    let mut session = Session::new(Arc::new(Policy::default()), at, at, true);
    session.handle_opened(Moment::START);
    let lines = ["USER ann", "PASShunter2", "PASS hunter2", "SITE PSWD hunter2 hunter3", "hunter3"];
    for line in lines {
        session.handle_bytes(Moment::START, format!("{line}\r\n").as_bytes());
    }
    let mut told = Vec::new();
    while let Some(output) = session.poll_output() {
        if let Output::Tap(what) = output {
            told.push(format!("{what:?}"));
        }
    }
    let commands = told.iter().filter(|what| what.starts_with("Command")).count();
    assert_eq!(commands, lines.len(), "{told:?}");
    assert!(!told.iter().any(|what| what.contains("hunter")), "{told:?}");
}
