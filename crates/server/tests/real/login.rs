//! USER, PASS and what a session may do before and after.

use crate::raw::{Raw, Running};
use std::io::Write;
use std::net::Shutdown;

#[test]
fn anonymous_reads_and_may_not_write() {
    let server = Running::new();
    server.write("hello.txt", "hi\n");
    let mut raw = server.anonymous();
    assert_eq!(raw.fetch("RETR hello.txt"), b"hi\r\n");
    for command in ["STOR x", "RNTO x"] {
        raw.command(command, 553);
    }
    for command in ["APPE x", "DELE hello.txt", "MKD d", "RMD d", "RNFR hello.txt"] {
        raw.command(command, 550);
    }
    assert_eq!(server.names(), ["hello.txt"]);
}

#[test]
fn s17_a_wrong_password_is_refused_like_an_unknown_name_and_the_third_ends_the_session() {
    let server = Running::new();
    let mut raw = server.connect();
    let mut texts = Vec::new();
    for (user, password) in [("bob", "wrong"), ("nobody", "secret")] {
        raw.command(&format!("USER {user}"), 331);
        texts.push(raw.command(&format!("PASS {password}"), 530));
    }
    assert_eq!(texts[0], texts[1]);
    raw.command("USER bob", 331);
    raw.command("PASS x", 421);
    assert!(raw.is_closed());
}

#[test]
fn nothing_but_information_is_given_before_a_login() {
    let server = Running::new();
    let mut raw = server.connect();
    for command in
        ["PWD", "LIST", "RETR x", "PASV", "PORT 127,0,0,1,200,0", "SIZE x", "MLST", "STAT"]
    {
        raw.command(command, 530);
    }
    raw.command("SYST", 215);
    raw.command("FEAT", 211);
    raw.command("NOOP", 200);
    raw.command("PASS secret", 503);
}

#[test]
fn a_whole_session_in_one_segment_is_answered_in_order_though_the_client_ended_its_half() {
    let server = Running::new();
    std::fs::create_dir(server.path().join("d")).unwrap();
    let mut raw = Raw::connect(server.at);
    raw.control.write_all(b"USER bob\r\nPASS secret\r\nCWD d\r\nPWD\r\nNOOP\n").unwrap();
    raw.control.shutdown(Shutdown::Write).unwrap();
    for code in [220, 331, 230, 250, 257, 200] {
        raw.expect(code);
    }
    assert!(raw.is_closed());
}

#[test]
fn quit_says_goodbye_and_closes() {
    let server = Running::new();
    let mut raw = server.connect();
    raw.command("QUIT", 221);
    assert!(raw.is_closed());
}

#[test]
fn a_server_that_stops_tells_its_sessions() {
    let mut server = Running::new();
    let mut raw = server.anonymous();
    let reader = std::thread::spawn(move || {
        raw.expect(421);
        raw.is_closed()
    });
    server.stop();
    assert!(reader.join().unwrap());
}
