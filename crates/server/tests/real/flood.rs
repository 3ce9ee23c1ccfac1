//! Floods of connections, of sessions that stand still and of passive ports: others are served meanwhile, and
//! nothing is left afterwards. `tests/flood/run` does the same in the thousands against the real binary.

use crate::raw::{Raw, Running, connect_from};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};
use wharf_server::Trusted;

const ADMIN: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Addresses of a flood: so many connections from each.
fn flood(connections: usize, of_each: usize) -> impl Iterator<Item = IpAddr> {
    let hosts = (0..connections.div_ceil(of_each)).map(|n| u8::try_from(n + 1).unwrap());
    let hosts = hosts.map(|host| IpAddr::V4(Ipv4Addr::new(127, 0, 7, host)));
    hosts.flat_map(move |host| std::iter::repeat_n(host, of_each)).take(connections)
}

/// A server that trusts its administrator alone.
fn limited(sessions: u32) -> Running {
    wharf_server::descriptors::raise_limit().unwrap();
    Running::with(move |config| {
        config.sessions = sessions;
        config.reserve = 2;
        config.trusted = Trusted::new(vec![ADMIN.into()]);
        config.policy.login_time = Duration::from_secs(2);
    })
}

/// Connects until a session is to be had again.
fn comes_back(server: &Running, from: IpAddr) -> Raw {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut raw = Raw::over(connect_from(from, server.at));
        if raw.reply().0 == 220 {
            return raw;
        }
        assert!(Instant::now() < deadline, "no place is given back");
    }
}

#[test]
fn s27_a_full_server_says_421_lets_an_administrator_in_and_recovers() {
    let server = limited(40);
    let mut held = Vec::new();
    for (n, from) in flood(400, 10).enumerate() {
        let mut raw = Raw::over(connect_from(from, server.at));
        assert_eq!(raw.reply().0, if n < 40 { 220 } else { 421 }, "{n}");
        held.push(raw);
    }
    server.write("f", "x");
    let mut admin = server.bob_at(ADMIN);
    assert_eq!(admin.fetch("RETR f"), b"x");
    drop(held);
    comes_back(&server, Ipv4Addr::new(127, 0, 8, 1).into());
}

#[test]
fn s27_half_open_and_idle_sessions_do_not_hold_up_a_transfer_and_leave_nothing() {
    let server = limited(1000);
    server.write("big", vec![7; 32 << 20]);
    let tasks = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let mut half_open: Vec<TcpStream> =
        flood(500, 100).map(|from| connect_from(from, server.at)).collect();
    let mut idle = Vec::new();
    for from in flood(500, 100) {
        let mut raw = Raw::over(connect_from(from, server.at));
        raw.bytes(b"USER anonymous\r\nPASS x\r\n");
        idle.push(raw);
    }
    for raw in &mut idle {
        for code in [220, 331, 230] {
            raw.expect(code);
        }
    }
    // There is no place left; the reserve is for whom it is meant.
    let mut admin = server.bob_at(ADMIN);
    assert_eq!(admin.fetch("RETR big").len(), 32 << 20);
    // Other tests have threads in this process as well, but never as many as there are sessions here.
    assert!(tasks() < half_open.len() + idle.len(), "a session is no thread");
    for stream in &mut half_open {
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("220") && said.contains("\n421 "), "{said}");
    }
    for raw in &mut idle {
        raw.command("QUIT", 221);
    }
    drop((half_open, idle));
    // All places are there again, but for the administrator's.
    let again: Vec<Raw> = flood(999, 100).map(|from| comes_back(&server, from)).collect();
    drop(again);
    admin.command("QUIT", 221);
}

#[test]
fn s03_ten_thousand_pasv_take_one_port_of_a_session_and_others_are_served() {
    let server = Running::with(|config| config.listeners_per_address = 3);
    server.write("f", "x");
    let host = |n| IpAddr::V4(Ipv4Addr::new(127, 0, 9, n));
    let mut greedy = server.bob_at(host(1));
    let mut ports = Vec::new();
    for _ in 0..100 {
        greedy.bytes(&b"PASV\r\n".repeat(100));
        for _ in 0..100 {
            ports.push(greedy.expect(227));
        }
    }
    assert_eq!(ports.len(), 10_000);
    // Two more sessions of that address have a port, the next has none and hears why; another address has.
    let mut more = [(); 2].map(|()| server.bob_at(host(1)));
    let ports = more.each_mut().map(Raw::pasv);
    assert_ne!(ports[0], ports[1]);
    let mut last = server.bob_at(host(1));
    let why = last.command("EPSV", 425);
    assert!(why.contains("3 passive ports are waiting for connections from your address"), "{why}");
    let mut other = server.bob_at(host(2));
    let at = other.pasv();
    let mut data = connect_from(host(2), at);
    other.command("RETR f", 125);
    let mut bytes = Vec::new();
    data.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"x");
    // What one gives up, another may have.
    greedy.command("ABOR", 226);
    last.pasv();
}
