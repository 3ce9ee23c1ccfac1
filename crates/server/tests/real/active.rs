//! PORT and EPRT: where the server connects, and from which port.

use crate::raw::{Running, active_listener};
use std::io::Read;
use std::net::TcpListener;

#[test]
fn data_comes_from_the_port_below_the_control_port() {
    let server = Running::new();
    server.write("f", "x");
    // The port below may belong to somebody else; then any other is right, and the test says nothing.
    let below = TcpListener::bind((server.at.ip(), server.at.port() - 1));
    let is_free = below.is_ok();
    drop(below);
    let mut raw = server.bob();
    for _ in 0..3 {
        let (listener, argument) = active_listener();
        raw.command(&format!("PORT {argument}"), 200);
        raw.send("RETR f");
        let (mut data, from) = listener.accept().unwrap();
        assert!(!is_free || from.port() == server.at.port() - 1, "{from}");
        raw.expect(125);
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"x");
        drop(data);
        raw.expect(226);
    }
}

#[test]
fn a_refused_connection_is_told_at_once_and_the_session_goes_on() {
    let server = Running::new();
    server.write("f", "x");
    let mut raw = server.bob();
    let (listener, argument) = active_listener();
    drop(listener);
    raw.command(&format!("PORT {argument}"), 200);
    let text = raw.command("RETR f", 425);
    assert!(text.contains("refused"), "{text}");
    raw.command("NOOP", 200);
}

#[test]
fn s01_a_foreign_address_or_a_service_port_is_refused_before_any_connection() {
    let server = Running::new();
    let mut raw = server.bob();
    let (listener, _) = active_listener();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let open = format!("PORT 127,0,0,2,{},{}", port / 256, port % 256);
    let mut texts = Vec::new();
    for command in [
        open.as_str(),
        "PORT 127,0,0,2,0,22",
        "PORT 127,0,0,1,0,22",
        "PORT 8,8,8,8,200,0",
        "PORT 255,255,255,255,200,0",
        "PORT 0,0,0,0,200,0",
        "PORT 127,0,0,1,0,25",
        "PORT 127,0,0,1,3,255",
        "EPRT |1|127.0.0.2|51200|",
        "EPRT |1|127.0.0.1|25|",
    ] {
        texts.push(raw.command(command, 501));
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "the refusal must not tell what is there");
    assert!(listener.accept().is_err());
}

#[test]
fn with_the_250_option_every_transfer_ends_in_250() {
    let server = Running::with(|config| config.policy.complete_with_250 = true);
    server.write("f", "x");
    let mut raw = server.bob();
    let mut data = raw.passive();
    raw.command("RETR f", 125);
    data.read_to_end(&mut Vec::new()).unwrap();
    drop(data);
    raw.expect(250);
}
