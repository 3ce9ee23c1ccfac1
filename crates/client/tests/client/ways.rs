//! Ways to the server and its data: proxies, gateways, the other mode, the address in 227, and what is remembered.

use std::io::{Read, Write, copy};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use wharf_client::{DataAddress, Error, Login, Memory, Options, ProxyFault, Session, Way};
use wharf_proto::address::print_227;
use wharf_testkit::faulty::{Fault, Faulty};
use wharf_testkit::scripted::Scripted;

use crate::support::{impatient, options, run};

/// What a proxy of these tests does with the words before the connection it leads on to; `None` where it refuses.
type Gate = fn(&mut TcpStream) -> Option<SocketAddr>;

/// A proxy on this machine, for as many connections as come, and where each of them went.
fn proxy(gate: Gate) -> (SocketAddr, Arc<Mutex<Vec<SocketAddr>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let went = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&went);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut near, log) = (stream.unwrap(), Arc::clone(&log));
            thread::spawn(move || {
                let Some(to) = gate(&mut near) else { return };
                log.lock().unwrap().push(to);
                let far = TcpStream::connect(to).unwrap();
                let (mut near_in, mut far_in) =
                    (near.try_clone().unwrap(), far.try_clone().unwrap());
                let (mut near, mut far) = (near, far);
                thread::spawn(move || {
                    let _ = copy(&mut near_in, &mut far);
                    let _ = far.shutdown(Shutdown::Write);
                });
                let _ = copy(&mut far_in, &mut near);
                let _ = near.shutdown(Shutdown::Write);
            });
        }
    });
    (address, went)
}

/// SOCKS5 for `ann` with the password `secret`, to IPv4 addresses and to names, which all mean this machine.
fn socks(stream: &mut TcpStream) -> Option<SocketAddr> {
    let mut bytes = |count| {
        let mut bytes = vec![0; count];
        stream.read_exact(&mut bytes).ok()?;
        Some(bytes)
    };
    let offer = bytes(2)?;
    let methods = bytes(offer[1].into())?;
    assert!(methods.contains(&2));
    stream.write_all(&[5, 2]).ok()?;
    let mut login = [0; 12];
    stream.read_exact(&mut login).ok()?;
    let right = login == *b"\x01\x03ann\x06secret";
    stream.write_all(&[1, u8::from(!right)]).ok()?;
    let mut head = [0; 4];
    stream.read_exact(&mut head).ok()?;
    let length = match head[3] {
        1 => 4,
        _ => {
            let mut length = [0];
            stream.read_exact(&mut length).ok()?;
            length[0]
        }
    };
    let mut rest = vec![0; usize::from(length) + 2];
    stream.read_exact(&mut rest).ok()?;
    let port = u16::from_be_bytes([rest[rest.len() - 2], rest[rest.len() - 1]]);
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    Some((Ipv4Addr::LOCALHOST, port).into())
}

/// CONNECT for `ann` with the password `secret`.
fn connect(stream: &mut TcpStream) -> Option<SocketAddr> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).unwrap();
    if !request.contains("\r\nProxy-Authorization: Basic YW5uOnNlY3JldA==\r\n") {
        stream.write_all(b"HTTP/1.1 407 Who are you?\r\nContent-Length: 0\r\n\r\n").ok()?;
        return None;
    }
    let target = request.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap().to_owned();
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    let port = target.rsplit_once(':').unwrap().1.parse().unwrap();
    Some((Ipv4Addr::LOCALHOST, port).into())
}

async fn lists(host: &str, port: u16, options: &Options) -> Result<usize, Error> {
    let mut session = Session::connect(host, port, options).await?;
    session.login(&Login::anonymous()).await?;
    let count = session.list(None).await?.entries.len();
    session.quit().await?;
    Ok(count)
}

#[test]
fn control_and_data_go_through_proxies_and_names_are_left_to_them() {
    for (scheme, gate) in [("socks5", socks as Gate), ("http", connect)] {
        let server = Faulty::new(&[("x", b"1")], &[]);
        let (address, went) = proxy(gate);
        let proxy = format!("{scheme}://ann:secret@{address}").parse().unwrap();
        let options = Options { proxy: Some(proxy), ..options() };
        for host in ["127.0.0.1", "no.such.host.invalid"] {
            let found = run(lists(host, server.address().port(), &options));
            assert_eq!(found.unwrap(), 1, "{scheme} {host}");
        }
        assert_eq!(went.lock().unwrap().len(), 4, "{scheme}");
    }
}

#[test]
fn a_proxy_that_does_not_know_us_is_told_from_one_that_does_not_go_there() {
    let (address, _) = proxy(connect);
    let refused = |stream: &mut TcpStream| {
        stream.write_all(b"HTTP/1.1 403 Not there\x1b[2J\r\n\r\n").unwrap();
        let _ = stream.read(&mut [0; 512]);
        None
    };
    let (elsewhere, _) = proxy(refused);
    let fault = |url: String| {
        let options = Options { proxy: Some(url.parse().unwrap()), ..options() };
        match run(lists("h", 21, &options)) {
            Err(Error::Proxy { fault, proxy }) => (fault, proxy),
            other => panic!("{other:?}"),
        }
    };
    let (stranger, shown) = fault(format!("http://ann:wrong@{address}"));
    assert!(matches!(stranger, ProxyFault::Login), "{stranger}");
    assert!(!shown.contains("wrong"), "{shown}");
    let (refusal, _) = fault(format!("http://{elsewhere}"));
    assert_eq!(refusal.to_string(), "it does not go on: HTTP/1.1 403 Not there\\x1b[2J");
}

#[test]
fn gateways_of_each_style_are_told_where_to_go() {
    for (style, dialogue) in [
        ("user", &["USER P", "PASS p", "USER U@h:2121", "PASS u"][..]),
        ("joined", &["USER U@P@h:2121", "PASS u@p"]),
        ("account", &["USER U@h:2121 P", "PASS u", "ACCT p"]),
        ("site", &["USER P", "PASS p", "SITE h:2121", "USER U", "PASS u"]),
        ("proxy-user", &["USER P@h:2121", "PASS p", "USER U", "PASS u"]),
    ] {
        let gateway = Scripted::session(move |peer| {
            peer.say("220 gateway");
            for (nth, line) in dialogue.iter().enumerate() {
                let reply = match dialogue.get(nth + 1) {
                    Some(next) if next.starts_with("PASS") => "331 password",
                    Some(next) if next.starts_with("ACCT") => "332 account",
                    Some(_) | None => "230 in",
                };
                peer.answer(line, reply);
            }
            peer.answer("PWD", "257 \"/\"");
        });
        let proxy = format!("ftp://P:p@{};login={style}", gateway.address()).parse().unwrap();
        let options = Options { proxy: Some(proxy), ..options() };
        run(async {
            let mut session = Session::connect("h", 2121, &options).await.unwrap();
            session.login(&Login::new("U", "u")).await.unwrap();
            session.pwd().await.unwrap();
        });
    }
}

/// Options that may try the other way, and what was explained.
fn explained(way: Way) -> (Options, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    let explain = move |what: &str| ear.lock().unwrap().push(what.to_owned());
    let explain = Some(Arc::new(explain) as wharf_client::Explain);
    (Options { way, fallback: true, explain, ..options() }, heard)
}

#[test]
fn where_no_passive_way_is_open_the_server_connects_and_that_is_remembered_for_the_host() {
    let refusals = [Fault::Reply("EPSV", "502 no"), Fault::Reply("PASV", "502 no")];
    let server = Faulty::new(&[("x", b"1")], &refusals);
    let (options, heard) = explained(Way::Passive);
    let (host, port) = (server.address().ip().to_string(), server.address().port());
    assert_eq!(run(lists(&host, port, &options)).unwrap(), 1);
    let said = heard.lock().unwrap().join("\n");
    assert!(said.contains("EPSV was refused: 502 no: PASV from now on"), "{said}");
    assert!(said.contains("active mode instead") && said.contains("active mode works"), "{said}");
    assert_eq!(options.memory.print(), format!("{host}:{port} no-epsv active\n"));

    let before = server.heard().len();
    let memory = Memory::parse(&options.memory.print());
    let again = Options { memory: memory.clone(), ..options };
    assert_eq!(run(lists(&host, port, &again)).unwrap(), 1);
    let second = server.heard().split_off(before);
    assert!(!second.iter().any(|line| line.ends_with("SV")), "{second:?}");
    // Known still, though nothing had to be found out.
    assert_eq!(memory.print(), format!("{host}:{port} no-epsv active\n"));
}

#[test]
fn a_remembered_way_that_is_closed_now_is_forgotten_though_the_session_is_lost_with_it() {
    // As vsftpd does: nothing is answered as long as it tries to connect, ABOR neither.
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&[]);
        peer.port();
        peer.expect("LIST");
        peer.expect_any_end();
    });
    let (host, port) = (server.address().ip().to_string(), server.address().port());
    let memory = Memory::parse(&format!("{host}:{port} active\n"));
    let options = Options { fallback: true, memory: memory.clone(), ..impatient() };
    let error = run(lists(&host, port, &options)).unwrap_err();
    assert!(matches!(error, Error::DataAccept { .. }), "{error}");
    assert_eq!(memory.print(), "");
}

#[test]
fn a_server_that_cannot_connect_to_us_is_connected_to() {
    let server = Faulty::new(&[("x", b"1")], &[Fault::Reply("PORT", "500 Illegal PORT")]);
    let (options, heard) = explained(Way::Active);
    let (host, port) = (server.address().ip().to_string(), server.address().port());
    assert_eq!(run(lists(&host, port, &options)).unwrap(), 1);
    assert!(heard.lock().unwrap().join("\n").contains("passive mode instead"));
}

#[test]
fn a_file_that_is_refused_is_no_reason_to_go_another_way() {
    let server = Faulty::new(&[], &[Fault::Reply("MLSD", "550 no")]);
    let (options, _) = explained(Way::Passive);
    let error = run(lists("127.0.0.1", server.address().port(), &options));
    assert!(error.is_err() || server.heard().iter().all(|line| !line.starts_with("PORT")));
    assert!(!server.heard().iter().any(|line| line.starts_with("PORT")), "{:?}", server.heard());
}

#[test]
fn the_host_in_227_counts_where_the_caller_wants_it_and_it_can_be_meant() {
    for (named, believed) in [("127.0.0.2", true), ("0.0.0.0", false), ("255.255.255.255", false)] {
        let ip: Ipv4Addr = if believed { named.parse().unwrap() } else { Ipv4Addr::LOCALHOST };
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = print_227(SocketAddrV4::new(named.parse().unwrap(), port));
        let server = Scripted::session(move |peer| {
            peer.login();
            peer.features(&[]);
            peer.answer("EPSV", "500 no");
            peer.answer("PASV", &format!("227 {told}"));
            peer.answer("LIST", "150 here");
            let (stream, _) = listener.accept().unwrap();
            drop(stream);
            peer.say("226 done");
            peer.answer("QUIT", "221 bye");
        });
        let options = Options { data_address: DataAddress::Named, ..options() };
        assert_eq!(
            run(lists("127.0.0.1", server.address().port(), &options)).unwrap(),
            0,
            "{named}"
        );
    }
}
