//! What of TLS is given up again: the control connection by CCC, and all of it by REIN or a gateway.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use rcgen::IsCa;
use wharf_client::{Error, Login, Options, ProxyFault, Session, TlsFault, TlsMode, quiet};
use wharf_proto::Command;
use wharf_proto::tap::What;
use wharf_testkit::scripted::Scripted;

use crate::covered::{Covered, Papers, begin, end, explicit, logged_in};
use crate::support::{connect, log_in, run, tapped};

fn papers() -> Papers {
    Papers::self_signed("127.0.0.1", IsCa::NoCa)
}

/// Hears a command in clear and answers it.
fn answer_in_clear(lines: &mut BufReader<TcpStream>, command: &str, reply: &str) {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, format!("{command}\r\n"));
    lines.get_mut().write_all(format!("{reply}\r\n").as_bytes()).unwrap();
}

/// Options of TLS with CCC.
fn with_ccc(papers: &Papers) -> Options {
    let mut options = explicit(papers.pinned());
    options.tls.ccc = true;
    options
}

#[test]
fn ccc_comes_behind_the_login_and_the_session_goes_on_in_clear_with_covered_data() {
    let papers = papers();
    let (options, heard) = tapped(with_ccc(&papers));
    let config = papers.server();
    let data_config = std::sync::Arc::new(papers.server());
    let server = Scripted::sessions(move |host| {
        let mut peer = Covered::auth(host, config);
        peer.login();
        peer.answer("CCC", "200 in clear from here");
        let mut peer = peer.uncover();
        answer_in_clear(&mut peer, "TYPE I", "200 ok");
        answer_in_clear(&mut peer, "SIZE x", "213 3");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        answer_in_clear(&mut peer, "EPSV", &format!("229 here (|||{port}|)"));
        answer_in_clear(&mut peer, "RETR x", "150 opening");
        let mut data = begin(&data_config, listener.accept().unwrap().0).unwrap();
        data.write_all(b"one").unwrap();
        end(data);
        peer.get_mut().write_all(b"226 done\r\n").unwrap();
        answer_in_clear(&mut peer, "QUIT", "221 bye");
    });
    run(async {
        let mut session = log_in(&server, &options).await;
        assert!(!session.control().is_covered());
        let mut got = Vec::new();
        session.fetch(&"x".into(), 0, &mut got, &mut quiet()).await.unwrap();
        assert_eq!(got, b"one");
        // Nobody says a password in clear who has asked for TLS.
        let error = session.login(&Login::new("ann", "secret")).await.unwrap_err();
        assert!(matches!(error, Error::Cleared), "{error}");
        session.quit().await.unwrap();
    });
    let heard = heard.lock().unwrap();
    assert_eq!(heard.iter().filter(|what| matches!(what, What::ControlCleared)).count(), 1);
}

#[test]
fn behind_ccc_each_way_to_say_a_secret_is_closed_and_so_is_the_one_back_to_the_login() {
    let papers = papers();
    let config = papers.server();
    let server = Scripted::sessions(move |host| {
        let mut peer = Covered::auth(host, config);
        peer.login();
        peer.answer("CCC", "200 in clear from here");
        answer_in_clear(&mut peer.uncover(), "QUIT", "221 bye");
    });
    run(async {
        let mut session = log_in(&server, &with_ccc(&papers)).await;
        let secret = || wharf_proto::Secret::new(b"s".to_vec());
        let refused = [
            session.user(&"U".into()).await.map(drop),
            session.password(&secret()).await.map(drop),
            session.account(&secret()).await.map(drop),
            session.quote(&Command::Rein).await.map(drop),
            session.quote_line(b"rein").await.map(drop),
        ];
        assert!(refused.iter().all(|said| matches!(said, Err(Error::Cleared))), "{refused:?}");
        session.quit().await.unwrap();
    });
}

#[test]
fn a_gateway_and_tls_do_not_go_together_and_nobody_is_connected_to() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("ftp://P:p@{};login=user", nobody.local_addr().unwrap());
    for mode in [TlsMode::Explicit, TlsMode::Implicit] {
        let mut options = with_ccc(&papers());
        (options.proxy, options.tls.mode) = (Some(proxy.parse().unwrap()), mode);
        let error = run(Session::connect("localhost", 21, &options)).unwrap_err();
        assert!(matches!(error, Error::Proxy { fault: ProxyFault::Listens, .. }), "{error}");
        assert!(error.advice().unwrap().contains("socks5://"));
    }
    nobody.set_nonblocking(true).unwrap();
    assert_eq!(nobody.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn after_rein_data_are_under_tls_again_before_the_next_file() {
    let papers = papers();
    let server = logged_in(papers.server(), |peer| {
        peer.answer("REIN", "220 ready for somebody else");
        peer.answer("USER anonymous", "331 password");
        peer.answer("PASS anonymous@", "230 in");
        peer.tell_size(3);
        peer.answer("PBSZ 0", "200 ok");
        peer.answer("PROT P", "200 ok");
        peer.serve_one();
        peer.answer("QUIT", "221 bye");
    });
    run(async {
        let mut session = log_in(&server, &explicit(papers.pinned())).await;
        session.quote(&Command::Rein).await.unwrap();
        session.login(&Login::anonymous()).await.unwrap();
        let mut got = Vec::new();
        session.fetch(&"x".into(), 0, &mut got, &mut quiet()).await.unwrap();
        assert_eq!(got, b"one");
        session.quit().await.unwrap();
    });
}

#[test]
fn after_rein_nothing_goes_in_clear_where_the_server_refuses_prot_or_tls_has_ended() {
    let papers = papers();
    let config = papers.server();
    let refusing = logged_in(papers.server(), |peer| {
        peer.answer("REIN", "220 ready");
        peer.tell_size(3);
        peer.answer("PBSZ 0", "200 ok");
        peer.answer("PROT P", "536 not any more");
        peer.answer("QUIT", "221 bye");
    });
    let ending = Scripted::sessions(move |host| {
        let mut peer = Covered::auth(host, config);
        peer.login();
        peer.answer("REIN", "220 ready");
        peer.end_tls();
        peer.expect_any_end();
    });
    for (server, is_refused) in [(refusing, true), (ending, false)] {
        run(async {
            let mut session = log_in(&server, &explicit(papers.pinned())).await;
            session.quote(&Command::Rein).await.unwrap();
            let fetched = session.fetch(&"x".into(), 0, &mut Vec::new(), &mut quiet()).await;
            match fetched.unwrap_err() {
                Error::NotProtected { .. } if is_refused => session.quit().await.unwrap(),
                Error::ControlLost { .. } if !is_refused => {}
                other => panic!("{other}"),
            }
        });
    }
}

#[test]
fn a_server_that_keeps_tls_or_breaks_off_at_ccc_is_told_from_one_that_goes_along() {
    let papers = papers();
    let options = with_ccc(&papers);
    let server = logged_in(papers.server(), |peer| {
        peer.answer("CCC", "534 not here");
        peer.expect_any_end();
    });
    let error = run(async { connect(&server, &options).await?.login(&Login::anonymous()).await })
        .unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert!(error.advice().unwrap().contains("without --ccc"));
    let config = papers.server();
    let server = Scripted::sessions(|host| {
        let mut peer = Covered::auth(host, config);
        peer.login();
        peer.answer("CCC", "200 in clear from here");
        // It ends the connection in place of TLS.
    });
    let error = run(async { connect(&server, &options).await?.login(&Login::anonymous()).await })
        .unwrap_err();
    assert!(matches!(error, Error::Tls { fault: TlsFault::Broken(_), .. }), "{error}");
}
