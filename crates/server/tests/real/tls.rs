//! TLS over real sockets: AUTH, PROT, CCC, implicit; whose a data connection is; how it ends.

use crate::covered::{Covered, begin, config, is_resumed, plain_line, server, socket};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use wharf_proto::server::TlsPolicy;
use wharf_proto::tap::{HalfEnd, Party, What};
use wharf_server::tls::{Source, Tls};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A number of bytes that fits no record and no buffer.
fn bytes() -> Vec<u8> {
    (0..1_000_003_u32).flat_map(u32::to_le_bytes).collect()
}

#[test]
fn fifty_downloads_and_uploads_of_one_session_all_resume_its_tls_session() {
    for version in VERSIONS {
        let server = server(|_| ());
        server.write("f", b"hello");
        let mut bob = Covered::bob(server.at, config(&[version]));
        for round in 0..50 {
            assert_eq!(bob.fetch("RETR f"), (true, b"hello".to_vec()), "{round}");
            bob.store("STOR g", format!("round {round}").as_bytes());
        }
        assert_eq!(server.read("g"), b"round 49");
    }
}

#[test]
fn large_files_come_through_whole_in_both_directions() {
    for version in VERSIONS {
        let server = server(|_| ());
        server.write("f", bytes());
        let mut bob = Covered::bob(server.at, config(&[version]));
        assert!(bob.fetch("RETR f").1 == bytes());
        bob.store("STOR g", &bytes());
        assert!(server.read("g") == bytes());
    }
}

#[test]
fn active_mode_listings_and_block_mode_are_under_tls_as_well() {
    let server = server(|_| ());
    server.write("f", b"hello");
    let mut bob = Covered::bob(server.at, config(&[&TLS13]));
    assert!(String::from_utf8(bob.fetch("MLSD").1).unwrap().ends_with(" f\r\n"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    bob.command(&format!("EPRT |1|127.0.0.1|{port}|"), 200);
    bob.send("RETR f");
    let (socket, _) = listener.accept().unwrap();
    bob.expect(125);
    let mut data = begin(&bob.config, socket).unwrap();
    let mut got = Vec::new();
    data.read_to_end(&mut got).unwrap();
    drop(data);
    assert_eq!(got, b"hello");
    bob.expect(226);

    bob.command("MODE B", 200);
    let socket = bob.passive();
    bob.command("RETR f", 125);
    let mut data = begin(&bob.config, socket).unwrap();
    let mut block = [0; 8];
    data.read_exact(&mut block).unwrap();
    assert_eq!(&block, b"\x40\0\x05hello");
    bob.expect(250);
    // The same connection, and so the same TLS session.
    bob.command("RETR f", 125);
    data.read_exact(&mut block).unwrap();
    bob.expect(250);
}

#[test]
fn a_client_may_shake_hands_before_it_sends_its_command() {
    for version in VERSIONS {
        let server = server(|_| ());
        server.write("f", b"hello");
        let mut bob = Covered::bob(server.at, config(&[version]));
        for _ in 0..3 {
            let socket = bob.passive();
            let mut data = begin(&bob.config, socket).unwrap();
            bob.command("RETR f", 125);
            let mut got = Vec::new();
            data.read_to_end(&mut got).unwrap();
            drop(data);
            assert_eq!(got, b"hello");
            bob.expect(226);
        }
        // A stranger who does so is told apart all the same.
        let socket = bob.passive();
        let data = begin(&Arc::new(config(&[version])), socket);
        bob.send("RETR f");
        drop(data);
        // With or without a reply before it: the server may not have come so far yet.
        let first = bob.reply();
        let last = if first.starts_with('1') { bob.reply() } else { first };
        assert!(last.starts_with("425 "), "{last}");
    }
}

/// Somebody whose TLS session is no part of the client's gets nothing over this connection.
fn turned_away(stranger: &Arc<ClientConfig>, socket: TcpStream) {
    let mut data = begin(stranger, socket).unwrap();
    assert!(!is_resumed(&data));
    let mut got = Vec::new();
    let _ = data.read_to_end(&mut got);
    assert!(got.is_empty());
}

#[test]
fn a_data_connection_with_a_tls_session_of_its_own_is_turned_away_with_the_reason() {
    for version in VERSIONS {
        let server = server(|_| ());
        server.write("f", b"secret");
        let mut bob = Covered::bob(server.at, config(&[version]));
        // Another session of the same server, whose tickets are as good as any, but not bob's.
        let eve = Covered::bob(server.at, config(&[version]));
        for stranger in [Arc::new(config(&[version])), eve.config.clone()] {
            let socket = bob.passive();
            bob.command("RETR f", 125);
            turned_away(&stranger, socket);
            assert!(bob.expect(425).contains("must resume"));
            let ended = |by| What::DataEnded { conn: 1, by, bytes: 0, how: HalfEnd::Fin };
            server.wait_for(|what| *what == ended(Party::Server));
            server.wait_for(|what| *what == ended(Party::Client));
        }
        assert!(bob.fetch("RETR f").0, "the session goes on");
    }
}

#[test]
fn a_stranger_who_comes_first_is_turned_away_at_every_try_and_the_client_is_served_all_the_same() {
    for version in VERSIONS {
        let server = server(|config| config.own_time = Duration::from_secs(20));
        server.write("f", b"secret");
        let mut bob = Covered::bob(server.at, config(&[version]));
        let stranger = Arc::new(config(&[version]));
        // At each further try it shows what it was given at the last.
        for before_the_command in [true, false, true, false] {
            let socket = bob.passive();
            let to = socket.peer_addr().unwrap();
            if !before_the_command {
                bob.command("RETR f", 125);
            }
            turned_away(&stranger, socket);
            let socket = self::socket(to);
            if before_the_command {
                bob.send("RETR f");
                // Whether it has been seen by now nobody knows.
                let reply = bob.reply();
                assert!(reply.starts_with("125 ") || reply.starts_with("150 "), "{reply}");
            }
            let mut data = begin(&bob.config, socket).unwrap();
            let mut got = Vec::new();
            data.read_to_end(&mut got).unwrap();
            assert!(is_resumed(&data));
            drop(data);
            assert_eq!(got, b"secret");
            bob.expect(226);
        }
        assert_eq!(bob.fetch("RETR f"), (true, b"secret".to_vec()));
    }
}

#[test]
fn the_port_waits_for_the_client_behind_what_is_no_handshake_at_all() {
    let server = server(|config| config.own_time = Duration::from_secs(20));
    let mut bob = Covered::bob(server.at, config(&[&TLS13]));
    let mut stranger = bob.passive();
    let to = stranger.peer_addr().unwrap();
    bob.command("STOR g", 125);
    stranger.write_all(b"GET / HTTP/1.0\r\n").unwrap();
    let mut data = begin(&bob.config, socket(to)).unwrap();
    data.write_all(b"hello").unwrap();
    data.conn.send_close_notify();
    data.flush().unwrap();
    let _ = data.read_to_end(&mut Vec::new());
    bob.expect(226);
    assert_eq!(server.read("g"), b"hello");
}

#[test]
fn without_that_demand_a_tls_session_of_its_own_is_as_good() {
    let server = server(|config| config.any_tls_session = true);
    server.write("f", b"hello");
    let mut bob = Covered::bob(server.at, config(&[&TLS13]));
    bob.config = Arc::new(config(&[&TLS13]));
    assert_eq!(bob.fetch("RETR f"), (false, b"hello".to_vec()));
}

#[test]
fn a_port_that_is_under_tls_from_the_start_greets_behind_the_handshake() {
    let server = server(|config| config.listen_implicit = std::mem::take(&mut config.listen));
    server.write("f", b"hello");
    let mut bob = Covered::over(socket(server.at), config(&VERSIONS));
    bob.expect(220);
    bob.log_in();
    assert_eq!(bob.fetch("RETR f"), (true, b"hello".to_vec()));
    bob.command("AUTH TLS", 503);
    bob.command("QUIT", 221);
}

#[test]
fn passwords_in_clear_are_refused_before_they_are_sent_and_anonymous_access_is_not() {
    let server = server(|_| ());
    let mut raw = server.connect();
    assert!(raw.command("USER bob", 530).contains("AUTH TLS"));
    raw.command("PASS secret", 503);
    raw.command("USER anonymous", 331);
    raw.command("PASS x", 230);
    raw.command("NLST", 425);
}

#[test]
fn at_a_listener_for_devices_without_tls_passwords_and_files_may_go_in_clear() {
    let server = server(|config| config.listen_clear = std::mem::take(&mut config.listen));
    server.write("f", b"hello");
    assert_eq!(server.bob().fetch("RETR f"), b"hello");
    let mut covered = Covered::connect(server.at, config(&[&TLS13]));
    covered.command("USER bob", 331);
    covered.command("PASS secret", 230);
    covered.command("PBSZ 0", 200);
    covered.command("PROT C", 200);
}

#[test]
fn clear_control_connections_come_back_with_ccc_where_it_is_allowed_and_with_rein() {
    let server = server(|config| {
        config.policy.tls = Some(TlsPolicy { ccc: true, ..TlsPolicy::default() });
    });
    server.write("f", b"hello");
    let mut bob = Covered::bob(server.at, config(&[&TLS13]));
    bob.command("CCC", 200);
    let config = bob.config.clone();
    let mut control = clear(bob);
    // Data stays private, and the login stays what it is.
    control.write_all(b"EPSV\r\n").unwrap();
    let reply = plain_line(&mut control);
    let port: u16 = reply.split('|').nth(3).unwrap().parse().unwrap();
    let data = socket(SocketAddr::new(server.at.ip(), port));
    control.write_all(b"RETR f\r\n").unwrap();
    assert!(plain_line(&mut control).starts_with("125 "));
    let mut data = begin(&config, data).unwrap();
    let mut got = String::new();
    data.read_to_string(&mut got).unwrap();
    drop(data);
    assert_eq!(got, "hello");
    assert!(plain_line(&mut control).starts_with("226 "));
    for (line, code) in [("PROT C", "503 "), ("USER bob", "530 ")] {
        control.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        assert!(plain_line(&mut control).starts_with(code), "{line}");
    }

    let mut bob = Covered::bob(server.at, self::config(&[&TLS12]));
    bob.command("REIN", 220);
    let mut control = clear(bob);
    control.write_all(b"PWD\r\nAUTH TLS\r\n").unwrap();
    assert!(plain_line(&mut control).starts_with("530 "));
    assert!(plain_line(&mut control).starts_with("234 "));
    Covered::over(control, self::config(&[&TLS12])).log_in();
}

/// Ends TLS in order on the client's side, and takes nothing but that from the server.
fn clear(covered: Covered) -> TcpStream {
    let mut stream = covered.lines.into_inner();
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    stream.sock
}

#[test]
fn ccc_is_refused_unless_the_operator_allows_it() {
    let server = server(|_| ());
    Covered::bob(server.at, config(&[&TLS13])).command("CCC", 534);
}

#[test]
fn s08_a_handshake_cut_at_any_byte_ends_its_session_alone() {
    let server = server(|_| ());
    server.write("f", b"hello");
    let mut bob = Covered::bob(server.at, config(&[&TLS13]));
    let hello = client_hello();
    for cut in 0..hello.len() {
        let mut stranger = socket(server.at);
        plain_line(&mut stranger);
        stranger.write_all(b"AUTH TLS\r\n").unwrap();
        plain_line(&mut stranger);
        stranger.write_all(&hello[..cut]).unwrap();
        stranger.shutdown(Shutdown::Write).unwrap();
        // Whatever the server says to it, it closes.
        let _ = stranger.read_to_end(&mut Vec::new());
    }
    // The same on a data connection, where the session itself goes on.
    for cut in [0, 1, 5, 6, hello.len() / 2, hello.len() - 1] {
        let mut data = bob.passive();
        bob.command("RETR f", 125);
        data.write_all(&hello[..cut]).unwrap();
        data.shutdown(Shutdown::Write).unwrap();
        bob.expect(425);
    }
    assert!(bob.fetch("RETR f").0);
}

/// What a client says first.
fn client_hello() -> Vec<u8> {
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let config = Arc::new(config(&[&TLS13]));
    let mut tls = rustls::ClientConnection::new(config, name).unwrap();
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).unwrap();
    hello
}

#[test]
fn s08_what_is_no_tls_is_found_out_at_its_first_byte() {
    let server = server(|_| ());
    let mut stranger = socket(server.at);
    plain_line(&mut stranger);
    stranger.write_all(b"AUTH TLS\r\n").unwrap();
    plain_line(&mut stranger);
    stranger.write_all(b"U").unwrap();
    // Not after the time for a handshake: at once.
    let _ = stranger.read_to_end(&mut Vec::new());
    server.wait_for(|what| matches!(what, What::NotSecured { conn: None, .. }));
}

#[test]
fn s08_a_handshake_that_stands_still_is_given_up() {
    let server = server(|config| config.handshake_time = Duration::from_millis(50));
    let mut stranger = socket(server.at);
    plain_line(&mut stranger);
    stranger.write_all(b"AUTH TLS\r\n").unwrap();
    plain_line(&mut stranger);
    stranger.read_to_end(&mut Vec::new()).unwrap();
    let (by, how) = (Party::Server, HalfEnd::Fin);
    server.wait_for(|what| *what == What::ControlClosed { by, how });
}

#[test]
fn a_certificate_that_is_refused_ends_the_session_in_order_as_the_tap_tells() {
    let server = server(|_| ());
    let mut client = socket(server.at);
    plain_line(&mut client);
    client.write_all(b"AUTH TLS\r\n").unwrap();
    plain_line(&mut client);
    client.write_all(&client_hello()).unwrap();
    assert!(client.read(&mut [0; 4096]).unwrap() > 0);
    // A fatal alert: unknown_ca.
    client.write_all(&[21, 3, 3, 0, 2, 2, 48]).unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
    let why = "the client refused it: unknown_ca".into();
    server.wait_for(|what| *what == What::NotSecured { conn: None, why: Clone::clone(&why) });
    let (by, how) = (Party::Server, HalfEnd::Fin);
    server.wait_for(|what| *what == What::ControlClosed { by, how });
}

#[test]
fn s13_what_is_sent_in_clear_behind_auth_is_never_carried_out() {
    let server = server(|_| ());
    for behind in ["USER anonymous\r\n", "USER anonymous\r\nPASS x\r\nMKD d\r\n", "N", "\r\n"] {
        let mut stranger = socket(server.at);
        plain_line(&mut stranger);
        stranger.write_all(format!("AUTH TLS\r\n{behind}").as_bytes()).unwrap();
        assert!(plain_line(&mut stranger).starts_with("421 "), "{behind:?}");
        assert_eq!(stranger.read(&mut [0]).unwrap_or(0), 0, "{behind:?}");
    }
}

#[test]
fn s13_a_login_in_clear_is_not_carried_into_tls() {
    let server = server(|_| ());
    let mut control = socket(server.at);
    plain_line(&mut control);
    for (line, code) in
        [("USER anonymous", "331 "), ("PASS x", "230 "), ("CWD /", "250 "), ("AUTH TLS", "234 ")]
    {
        control.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        assert!(plain_line(&mut control).starts_with(code), "{line}");
    }
    let mut covered = Covered::over(control, config(&[&TLS13]));
    covered.command("PWD", 530);
    covered.command("PASS secret", 503);
    covered.command("PROT P", 503);
}

#[test]
fn s15_prot_never_means_less_than_it_says_and_clear_data_is_refused() {
    let server = server(|_| ());
    server.write("f", b"secret");
    let mut bob = Covered::connect(server.at, config(&[&TLS13]));
    bob.command("USER bob", 331);
    bob.command("PASS secret", 230);
    bob.command("PROT P", 503);
    bob.command("PBSZ 0", 200);
    // Not said at all means in clear, and that is not allowed.
    for (line, code) in [
        ("RETR f", 521),
        ("NLST", 521),
        ("STOR g", 521),
        ("PROT C", 534),
        ("PROT c", 534),
        ("PROT X", 504),
        ("PROT S", 536),
        ("PROT E", 536),
        ("PROT PP", 504),
        ("PROT", 501),
        ("RETR f", 521),
    ] {
        bob.command(line, code);
    }
    bob.command("PROT p", 200);
    bob.command("TYPE I", 200);
    assert_eq!(bob.fetch("RETR f"), (true, b"secret".to_vec()));
    bob.command("PROT C", 534);
    assert!(bob.fetch("RETR f").0, "what was refused has changed nothing");
}

#[test]
fn s14_a_client_that_means_another_protocol_than_ftp_gets_no_session() {
    let server = server(|config| config.listen_implicit = std::mem::take(&mut config.listen));
    let mut browser = config(&[&TLS13]);
    browser.alpn_protocols = vec![b"http/1.1".to_vec()];
    assert!(begin(&Arc::new(browser), socket(server.at)).is_err());
    let mut client = config(&[&TLS13]);
    client.alpn_protocols = vec![b"ftp".to_vec()];
    Covered::over(socket(server.at), client).expect(220);
}

#[test]
fn s16_an_upload_without_the_end_of_its_tls_session_is_not_complete() {
    for version in VERSIONS {
        for content in [bytes(), b"short".to_vec(), Vec::new()] {
            let server = server(|_| ());
            server.write("f", b"old");
            let mut bob = Covered::bob(server.at, config(&[version]));
            let socket = bob.passive();
            bob.command("STOR f", 125);
            let mut data = begin(&bob.config, socket).unwrap();
            data.write_all(&content).unwrap();
            data.flush().unwrap();
            data.sock.shutdown(Shutdown::Write).unwrap();
            let reply = bob.expect(426);
            assert!(reply.contains("close_notify"), "{reply}");
            assert_eq!(server.read("f"), b"old");
        }
    }
}

#[test]
fn the_tap_tells_whether_a_client_has_said_close_notify_before_it_left() {
    for (says_so, how) in [(true, HalfEnd::Fin), (false, HalfEnd::Cut)] {
        let server = server(|_| ());
        let mut bob = Covered::bob(server.at, config(&[&TLS13]));
        let tls = bob.lines.get_mut();
        if says_so {
            tls.conn.send_close_notify();
            tls.flush().unwrap();
        }
        tls.sock.shutdown(Shutdown::Write).unwrap();
        let by = Party::Client;
        server.wait_for(|what| *what == What::ControlClosed { by, how });
    }
}

#[test]
fn s16_an_upload_that_is_reset_behind_its_last_byte_is_not_complete() {
    let server = server(|_| ());
    let mut bob = Covered::bob(server.at, config(&[&TLS13]));
    let socket = bob.passive();
    bob.command("STOR f", 125);
    let mut data = begin(&bob.config, socket).unwrap();
    data.write_all(&bytes()).unwrap();
    data.flush().unwrap();
    socket2::SockRef::from(&data.sock).set_linger(Some(Duration::ZERO)).unwrap();
    drop(data);
    bob.expect(426);
    assert!(!server.path().join("f").exists());
}

#[test]
fn certificates_are_chosen_by_name_and_read_anew_without_ending_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, host: &str| {
        let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).unwrap();
        let at = |end: &str| folder.path().join(format!("{file}.{end}"));
        std::fs::write(at("pem"), made.cert.pem()).unwrap();
        std::fs::write(at("key"), made.signing_key.serialize_pem()).unwrap();
        wharf_server::tls::CertificateFiles { certificate: at("pem"), key: at("key") }
    };
    let files = vec![write("a", "first.test"), write("b", "localhost")];
    let tls = Arc::new(Tls::load(Source::Files(files), None).unwrap());
    let reloaded = Arc::clone(&tls);
    let server = server(|config| config.tls = Some(tls));
    let shown = |covered: &Covered| {
        covered.lines.get_ref().conn.peer_certificates().unwrap()[0].clone().into_owned()
    };
    let mut old = Covered::bob(server.at, config(&[&TLS13]));
    write("b", "localhost");
    reloaded.reload().unwrap();
    let new = Covered::connect(server.at, config(&[&TLS13]));
    assert_ne!(shown(&old), shown(&new), "the name chose the second, which has changed");
    server.write("f", b"hello");
    assert!(old.fetch("RETR f").0, "who was there goes on");

    std::fs::write(folder.path().join("b.key"), "nonsense").unwrap();
    let why = reloaded.reload().unwrap_err().to_string();
    assert!(why.contains("b.key: holds no private key"), "{why}");
    let still = Covered::connect(server.at, config(&[&TLS13]));
    assert_eq!(shown(&new), shown(&still), "what cannot be read leaves the old in force");
}

#[test]
fn a_key_of_another_certificate_and_a_missing_file_are_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let make = || rcgen::generate_simple_self_signed(vec!["a.test".to_owned()]).unwrap();
    let (one, other) = (make(), make());
    std::fs::write(at("one.pem"), one.cert.pem()).unwrap();
    std::fs::write(at("other.key"), other.signing_key.serialize_pem()).unwrap();
    let load = |certificate: &str, key: &str| {
        let files =
            wharf_server::tls::CertificateFiles { certificate: at(certificate), key: at(key) };
        Tls::load(Source::Files(vec![files]), None).unwrap_err().to_string()
    };
    assert!(load("one.pem", "other.key").contains("other.key: is not the key of the certificate"));
    assert!(load("none.pem", "other.key").contains("none.pem: No such file"));
    assert!(load("other.key", "other.key").contains("other.key: holds no certificate"));
}
