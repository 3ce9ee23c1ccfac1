//! PASV and EPSV: who may connect, and what is said when.

use crate::raw::{Raw, Running, connect_from};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use wharf_proto::tap::What;

const ADA: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const EVE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

/// A server with these passive ports, at an address that no other test uses, so that they are free.
fn with_ports(range: RangeInclusive<u16>) -> Running {
    static NEXT: AtomicU8 = AtomicU8::new(10);
    let [.., high, low] = std::process::id().to_be_bytes();
    let ip = Ipv4Addr::new(127, high, low, NEXT.fetch_add(1, Ordering::Relaxed));
    Running::with(|config| {
        config.listen = vec![SocketAddr::new(IpAddr::V4(ip), 0)];
        config.passive_ports = Some(range);
    })
}

/// What the data connection brings, to its end.
fn all(mut data: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    data.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_waiting_connection_is_said_to_be_open_and_a_missing_one_to_be_opening() {
    let server = Running::new();
    server.write("f", "x");
    let mut raw = server.bob();
    assert_eq!(raw.fetch("RETR f"), b"x");
    let at = raw.pasv();
    raw.command("RETR f", 150);
    let mut bytes = Vec::new();
    TcpStream::connect(at).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"x");
    raw.expect(226);
}

#[test]
fn s02_a_stranger_cannot_use_the_port_up() {
    let server = Running::new();
    server.write("f", "for bob");
    let mut raw = server.bob();
    let at = raw.pasv();
    let mut stranger = connect_from(ADA, at);
    raw.command("RETR f", 150);
    server.wait_for(|what| matches!(what, What::DataRefused { .. }));
    let mut bytes = Vec::new();
    TcpStream::connect(at).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"for bob");
    raw.expect(226);
    let mut nothing = Vec::new();
    assert!(stranger.read_to_end(&mut nothing).is_err() || nothing.is_empty());
}

#[test]
fn a_connection_that_never_comes_is_given_up_and_the_session_goes_on() {
    let server = Running::with(|config| config.policy.open_time = Duration::from_millis(50));
    server.write("f", "x");
    let mut raw = server.bob();
    raw.pasv();
    raw.command("RETR f", 150);
    raw.expect(425);
    assert_eq!(raw.fetch("RETR f"), b"x");
}

#[test]
fn without_pasv_or_port_the_default_data_port_is_tried_and_refused() {
    let server = Running::new();
    let mut raw = server.bob();
    raw.command("LIST", 425);
}

#[test]
fn epsv_works_over_ipv6_and_pasv_says_why_it_does_not() {
    let server = Running::with(|config| {
        config.listen = vec![SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0)];
    });
    server.write("f", "x");
    let mut raw = server.bob();
    raw.command("PASV", 522);
    raw.command("PORT 127,0,0,1,200,0", 501);
    raw.command("EPRT |1|127.0.0.1|50000|", 522);
    raw.command("EPRT |3|x|50000|", 522);
    raw.command("EPSV 1", 522);
    let text = raw.command("EPSV 2", 229);
    let port: u16 = text.split('|').nth(3).unwrap().parse().unwrap();
    let mut data = TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap();
    raw.command("RETR f", 125);
    let mut bytes = Vec::new();
    data.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"x");
    drop(data);
    raw.expect(226);
}

#[test]
fn an_ipv4_client_of_an_ipv6_listener_speaks_ipv4() {
    let server = Running::with(|config| {
        config.listen = vec![SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0)];
    });
    server.write("f", "x");
    let at = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), server.at.port());
    let mut raw = Raw::connect(at);
    raw.expect(220);
    raw.command("USER bob", 331);
    raw.command("PASS secret", 230);
    assert_eq!(raw.fetch("RETR f"), b"x");
}

#[test]
fn after_epsv_all_every_other_way_is_closed() {
    let server = Running::new();
    let mut raw = server.bob();
    raw.command("EPSV ALL", 200);
    for command in ["PASV", "PORT 127,0,0,1,200,0", "EPRT |1|127.0.0.1|51200|"] {
        raw.command(command, 503);
    }
    raw.command("EPSV", 229);
}

#[test]
fn the_configured_range_and_public_address_are_used() {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = probe.local_addr().unwrap().port();
    drop(probe);
    let server = Running::with(|config| {
        config.passive_ports = Some(port..=port);
        config.public_address = Some(Ipv4Addr::new(192, 0, 2, 7));
    });
    let mut first = server.bob();
    let at = first.pasv();
    assert_eq!(at, SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), port));
    let mut second = server.bob();
    second.command("PASV", 425);
    assert_eq!(first.pasv().port(), port);
    first.command("ABOR", 226);
    assert_eq!(second.pasv().port(), port);
}

#[test]
fn clients_of_two_addresses_share_the_only_port_and_get_their_own_data() {
    let server = with_ports(2001..=2001);
    server.write("for ada", "ada's");
    let (mut ada, mut eve) = (server.bob_at(ADA), server.bob_at(EVE));
    let at = ada.pasv();
    assert_eq!(eve.pasv(), at);
    // Eve is first to connect, and last to ask.
    let mut from_eve = connect_from(EVE, at);
    ada.command("RETR for ada", 150);
    assert_eq!(all(connect_from(ADA, at)), b"ada's");
    ada.expect(226);
    eve.command("STOR from eve", 125);
    from_eve.write_all(b"eve's").unwrap();
    drop(from_eve);
    eve.expect(226);
    assert_eq!(server.read("from eve"), b"eve's");
    // Nothing of ours is left on it.
    drop(TcpListener::bind(at).unwrap());
}

#[test]
fn two_downloads_over_one_shared_port_run_at_once() {
    let server = with_ports(2001..=2001);
    server.write("a", vec![b'a'; 1 << 20]);
    server.write("e", vec![b'e'; 1 << 20]);
    let (mut ada, mut eve) = (server.bob_at(ADA), server.bob_at(EVE));
    let at = ada.pasv();
    eve.pasv();
    ada.command("RETR a", 150);
    eve.command("RETR e", 150);
    let from_eve = connect_from(EVE, at);
    let from_ada = connect_from(ADA, at);
    assert_eq!(all(from_ada), vec![b'a'; 1 << 20]);
    assert_eq!(all(from_eve), vec![b'e'; 1 << 20]);
    ada.expect(226);
    eve.expect(226);
}

#[test]
fn a_session_without_a_port_hears_why_at_once_and_abor_of_another_frees_one() {
    let server = with_ports(2001..=2002);
    server.write("f", "x");
    let [mut first, mut second, mut third] = [(); 3].map(|()| server.bob_at(ADA));
    let taken = first.pasv();
    second.pasv();
    let why = third.command("PASV", 425);
    assert!(why.contains("all 2 passive ports are waiting for connections from your address"));
    server.bob_at(EVE).pasv();
    first.command("RETR f", 150);
    third.command("EPSV", 425);
    first.send("ABOR");
    first.expect(426);
    first.expect(226);
    assert_eq!(third.pasv(), taken);
    third.command("RETR f", 150);
    assert_eq!(all(connect_from(ADA, taken)), b"x");
    third.expect(226);
}

#[test]
fn s03_a_session_that_listens_again_and_again_does_not_use_the_range_up() {
    let server = with_ports(2001..=2003);
    server.write("f", "x");
    let mut bob = server.bob_at(ADA);
    for _ in 0..200 {
        bob.pasv();
    }
    let at = bob.pasv();
    let data = connect_from(ADA, at);
    bob.command("RETR f", 125);
    assert_eq!(all(data), b"x");
    bob.expect(226);
}

#[test]
fn a_session_that_ends_gives_its_port_back() {
    let server = with_ports(2001..=2001);
    let mut gone = server.bob_at(ADA);
    let at = gone.pasv();
    gone.command("QUIT", 221);
    assert!(gone.is_closed());
    drop(gone);
    server.wait_for(|what| matches!(what, What::ControlClosed { .. }));
    let mut next = server.bob_at(ADA);
    assert_eq!(next.pasv(), at);
    next.command("ABOR", 226);
    drop(TcpListener::bind(at).unwrap());
    assert_eq!(next.pasv(), at);
}
