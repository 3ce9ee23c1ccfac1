//! A server that is out of descriptors still answers, and lets in whom it trusts.

use crate::serving::Serving;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const EVE: [u8; 4] = [127, 0, 0, 2];
const ADMIN: [u8; 4] = [127, 0, 0, 1];

/// A session: its connection, its lines, and the first reply.
type Session = (TcpStream, BufReader<TcpStream>, String);

/// A connection from this host.
fn dial(host: [u8; 4], port: u16) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(Ipv4Addr::from(host).into(), 0).into()).unwrap();
    socket.connect(&SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port).into()).unwrap();
    TcpStream::from(socket)
}

fn connect(host: [u8; 4], port: u16) -> Session {
    let control = dial(host, port);
    control.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut lines = BufReader::new(control.try_clone().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    (control, lines, line)
}

fn ask((control, lines, _): &mut Session, line: &str) -> String {
    control.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    let mut reply = String::new();
    lines.read_line(&mut reply).unwrap();
    reply
}

fn log_in(session: &mut Session) {
    ask(session, "USER anonymous");
    assert!(ask(session, "PASS x").starts_with("230"));
}

/// Begins a download and never reads it, if there are descriptors for it.
fn stall(session: &mut Session, host: [u8; 4]) -> Option<TcpStream> {
    let reply = ask(session, "EPSV");
    let port = reply.strip_prefix("229")?.split('|').nth(3)?.parse().unwrap();
    let data = dial(host, port);
    ask(session, "RETR big").starts_with("125").then_some(data)
}

#[test]
fn s27_without_descriptors_strangers_hear_421_and_somebody_who_is_trusted_gets_in() {
    let tree = tempfile::tempdir().unwrap();
    std::fs::File::create(tree.path().join("big")).unwrap().set_len(1 << 30).unwrap();
    let file = tree.path().join("serve.toml");
    std::fs::write(
        &file,
        "folder = \".\"\nlisten = [\"127.0.0.1:0\"]\n[guard]\ntrusted = [\"127.0.0.1\"]\n",
    )
    .unwrap();
    let file = file.to_str().unwrap().to_owned();
    let script = r#"ulimit -n 120; exec "$0" "$@""#;
    let serving = Serving::limited(tree, script, &["--config", &file]);
    let before = serving.descriptors();
    // There are forty places, but each transfer takes descriptors as well.
    let mut greedy = Vec::new();
    loop {
        let mut one = connect(EVE, serving.port);
        if !one.2.starts_with("220") {
            assert!(one.2.starts_with("421"), "{}", one.2);
            break;
        }
        log_in(&mut one);
        let data = stall(&mut one, EVE);
        greedy.push((one, data));
    }
    assert!((10..40).contains(&greedy.len()), "{} sessions", greedy.len());
    let mut admin = connect(ADMIN, serving.port);
    assert!(admin.2.starts_with("220"), "{}", admin.2);
    log_in(&mut admin);
    assert!(stall(&mut admin, ADMIN).is_some());
    drop((greedy, admin));
    serving.comes_back_to(before);
}
