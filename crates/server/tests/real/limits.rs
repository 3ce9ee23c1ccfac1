//! What a stranger can use up, and what bad input does.

use crate::raw::{Raw, Running};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

#[test]
fn s07_strangers_are_bounded_by_address_and_get_a_421() {
    let server = Running::with(|config| config.strangers_per_address = 2);
    let (first, _second) = (server.connect(), server.connect());
    let mut third = Raw::connect(server.at);
    third.expect(421);
    assert!(third.is_closed());
    drop(first);
    server.wait_for(|what| matches!(what, wharf_proto::tap::What::ControlClosed { .. }));
    let mut fourth = Raw::connect(server.at);
    let (code, _) = fourth.reply();
    assert!([220, 421].contains(&code));
}

#[test]
fn s07_a_session_without_a_login_is_closed_in_time() {
    let server = Running::with(|config| config.policy.login_time = Duration::from_millis(50));
    let mut raw = server.connect();
    raw.expect(421);
    assert!(raw.is_closed());
}

#[test]
fn s14_a_form_that_a_browser_posts_is_answered_once_and_its_body_is_not_carried_out() {
    let server = Running::new();
    server.write("precious", "x");
    let form = b"POST / HTTP/1.1\r\nHost: ftp.example.org\r\n\r\nUSER bob\r\nPASS secret\r\nDELE precious\r\n";
    for mut raw in [server.connect(), server.bob()] {
        raw.bytes(form);
        let text = raw.expect(421);
        assert!(text.contains("HTTP"), "{text}");
        assert!(raw.is_closed());
    }
    let mut tls = server.connect();
    tls.bytes(b"\x16\x03\x01\x02\x00\x01\x00");
    assert!(tls.expect(421).contains("AUTH TLS"));
    assert!(tls.is_closed());
    assert_eq!(server.names(), ["precious"]);
}

#[test]
fn an_idle_session_is_closed_in_time() {
    let server = Running::with(|config| config.policy.idle_time = Duration::from_millis(50));
    let mut raw = server.anonymous();
    raw.expect(421);
    assert!(raw.is_closed());
}

#[test]
fn s07_a_megabyte_without_a_line_end_costs_one_reply_and_no_memory() {
    let server = Running::new();
    let mut raw = server.bob();
    raw.bytes(&vec![b'a'; 1 << 20]);
    raw.expect(500);
    raw.bytes(b"\r\nNOOP\r\n");
    raw.expect(200);
}

/// Sends Telnet NOPs until the server closes the connection, and gives the code that it says good-bye with.
fn farewell_to_endless_bytes(mut raw: Raw) -> u16 {
    let noise = [0xff, 0xf1].repeat(512);
    let end = Instant::now() + Duration::from_secs(20);
    while raw.control.write_all(&noise).is_ok() {
        assert!(Instant::now() < end, "the server listens for ever");
    }
    let mut said = Vec::new();
    // The end is a reset: there were bytes that nobody read.
    let _ = raw.control.read_to_end(&mut said);
    String::from_utf8_lossy(&said).get(..3).and_then(|code| code.parse().ok()).unwrap_or(0)
}

#[test]
fn s07_endless_bytes_that_are_no_line_end_a_session_before_login_at_the_limit_for_bytes() {
    let server = Running::new();
    let code = farewell_to_endless_bytes(server.connect());
    assert!([0, 421].contains(&code), "{code}");
}

#[test]
fn endless_bytes_that_are_no_line_do_not_keep_an_idle_session_open() {
    let server = Running::with(|config| config.policy.idle_time = Duration::from_millis(50));
    let code = farewell_to_endless_bytes(server.anonymous());
    assert!([0, 421].contains(&code), "{code}");
}

#[test]
fn s07_odd_bytes_get_a_clear_reply_and_leave_the_session_intact() {
    let server = Running::new();
    let mut raw = server.bob();
    for line in [
        &b"\r\n"[..],
        b"\0\r\n",
        b"\x80\xfe\xc0\r\n",
        b"NO\rOP\r\n",
        b" \t \r\n",
        b"RETRX y\r\n",
        b"\xc3\x28 x\r\n",
    ] {
        raw.bytes(line);
        raw.expect(500);
    }
    for line in [
        "REST 9223372036854775808",
        "REST -1",
        "REST 1 2",
        "PORT 1,2,3,4,5",
        "EPRT |1|x|1|",
        "PWD x",
    ] {
        raw.command(line, 501);
    }
    raw.command("REST 9223372036854775807", 350);
    raw.pasv();
    raw.command("RETR nothing", 550);
    raw.command("CWD \u{1b}[31m", 550);
    raw.command("NOOP", 200);
}

#[test]
fn s07_too_many_commands_before_a_login_end_the_session() {
    let server = Running::new();
    let mut raw = server.connect();
    let limit = 50;
    for _ in 0..limit {
        raw.command("NOOP", 200);
    }
    raw.command("NOOP", 421);
    assert!(raw.is_closed());
}
