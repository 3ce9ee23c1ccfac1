//! PASV and EPSV: who may connect, and what is said when.

use crate::raw::Running;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;
use wharf_proto::tap::What;

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
fn a_stranger_cannot_use_the_port_up() {
    let server = Running::new();
    server.write("f", "for bob");
    let mut raw = server.bob();
    let at = raw.pasv();
    let from = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), 0);
    let stranger =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    stranger.bind(&from.into()).unwrap();
    stranger.connect(&at.into()).unwrap();
    raw.command("RETR f", 150);
    server.wait_for(|what| matches!(what, What::DataRefused { .. }));
    let mut bytes = Vec::new();
    TcpStream::connect(at).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"for bob");
    raw.expect(226);
    let mut nothing = Vec::new();
    assert!(TcpStream::from(stranger).read_to_end(&mut nothing).is_err() || nothing.is_empty());
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
    let mut raw = crate::raw::Raw::connect(at);
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
    let probe = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = probe.local_addr().unwrap().port();
    drop(probe);
    let server = Running::with(|config| {
        config.passive_ports = Some(port..=port);
        config.public_address = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)));
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
