//! TLS: when it begins, whom it trusts, what it resumes, and what its end proves.

use std::io::{Read, Write};

use rcgen::{BasicConstraints, IsCa};
use rustls::ServerConfig;
use wharf_client::{
    CertificateFault, DataTls, End, Error, Identity, Login, Options, Proof, Session, Tls, TlsFault,
    TlsMode, Transfer, Trust, Versions, quiet,
};
use wharf_proto::tap::What;
use wharf_testkit::scripted::{Host, Scripted};

use crate::covered::{Authority, Covered, Papers, Shelf, cut, end, explicit, logged_in, rejected};
use crate::support::{connect, log_in, options, run, tapped};

fn papers() -> Papers {
    Papers::self_signed("127.0.0.1", IsCa::NoCa)
}

#[test]
fn auth_tls_comes_before_everything_and_pbsz_and_prot_before_the_login() {
    let papers = papers();
    let options = explicit(papers.pinned());
    let server = logged_in(papers.server(), |peer| {
        peer.answer("QUIT", "221 bye");
        peer.expect_end();
    });
    run(async {
        let session = log_in(&server, &options).await;
        assert!(session.control().is_covered());
        session.quit().await.unwrap();
    });
}

#[test]
fn implicit_tls_begins_before_the_greeting() {
    let papers = papers();
    let mut options = explicit(papers.pinned());
    options.tls.mode = TlsMode::Implicit;
    let config = papers.server();
    let server = Scripted::sessions(move |host| {
        let mut peer = Covered::over(host.accept(), config);
        peer.say("220 ready");
        peer.login();
        peer.expect_end();
    });
    run(async { log_in(&server, &options).await.close().await });
}

#[test]
fn a_server_that_refuses_auth_tls_hears_nothing_more() {
    for refusal in ["500 what?", "502 no", "504 no TLS", "534 not here", "530 log in first"] {
        let server = Scripted::session(move |peer| {
            peer.say("220 ready");
            peer.answer("AUTH TLS", refusal);
            peer.expect_end();
        });
        let error = run(connect(&server, &explicit(Trust::Anybody))).unwrap_err();
        assert!(matches!(error, Error::NotProtected { .. }), "{error}");
    }
}

#[test]
fn what_comes_in_clear_behind_the_yes_to_auth_is_not_believed() {
    for behind in ["230 in\r\n", "230-in\r\n", "23", "\u{ff}"] {
        let server = Scripted::session(move |peer| {
            peer.say("220 ready");
            peer.expect("AUTH TLS");
            peer.send(format!("234 go on\r\n{behind}").as_bytes());
            peer.expect_end();
        });
        let error = run(connect(&server, &explicit(Trust::Anybody))).unwrap_err();
        assert!(matches!(error, Error::Injected { .. }), "{behind:?}: {error}");
    }
}

#[test]
fn a_server_that_answers_the_handshake_in_clear_does_not_speak_tls() {
    let mut options = explicit(Trust::Anybody);
    options.tls.mode = TlsMode::Implicit;
    let server = Scripted::session(|peer| {
        peer.say("220 ready");
        peer.expect_any_end();
    });
    let error = run(connect(&server, &options)).unwrap_err();
    assert!(matches!(error, Error::Tls { fault: TlsFault::NotTls, .. }), "{error}");
}

/// What comes of showing this certificate to a client that trusts these.
fn shown(papers: &Papers, trust: Trust) -> Result<(), CertificateFault> {
    let config = papers.server();
    // A client that refuses breaks the handshake off; one that does not goes on.
    let server = Scripted::sessions(move |host: &Host| {
        let mut peer = host.accept();
        peer.say("220 ready");
        peer.answer("AUTH TLS", "234 go on");
        if let Some(mut peer) = Covered::try_over(peer, config) {
            peer.end_when_asked();
        }
    });
    match run(connect(&server, &explicit(trust))) {
        Err(Error::Closing { .. }) => Ok(()),
        Err(Error::Tls { fault: TlsFault::Certificate { why, shown }, .. }) => {
            assert!(shown.is_some());
            Err(why)
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("PBSZ was answered with 421"),
    }
}

#[test]
fn certificates_that_nobody_vouches_for_are_refused_each_with_its_reason() {
    let (shelf, authority) = (Shelf::new(), Authority::new());
    let ours = || Trust::Issuers(vec![shelf.put("ca.pem", &authority.pem())]);
    let good = authority.issue("127.0.0.1", (2020, 2100));
    assert_eq!(shown(&good, ours()), Ok(()));
    assert_eq!(shown(&good, Trust::default()), Err(CertificateFault::UnknownIssuer));
    let expired = authority.issue("127.0.0.1", (2001, 2002));
    assert_eq!(shown(&expired, ours()), Err(CertificateFault::Expired));
    let early = authority.issue("127.0.0.1", (2090, 2100));
    assert_eq!(shown(&early, ours()), Err(CertificateFault::NotYetValid));
    let elsewhere = authority.issue("ftp.example.org", (2020, 2100));
    let names = vec!["ftp.example.org".into()];
    assert_eq!(shown(&elsewhere, ours()), Err(CertificateFault::WrongName { names }));
    for (papers, trust) in [(&good, &elsewhere), (&elsewhere, &good)] {
        assert_eq!(shown(papers, trust.pinned()), Err(CertificateFault::NotPinned));
        assert_eq!(shown(papers, papers.pinned()), Ok(()));
        assert_eq!(shown(papers, Trust::Anybody), Ok(()));
    }
}

#[test]
fn a_certificate_of_the_servers_own_making_is_trusted_when_it_is_named_and_only_for_its_host() {
    let shelf = Shelf::new();
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        for (name, good) in [("127.0.0.1", true), ("ftp.example.org", false)] {
            let papers = Papers::self_signed(name, is_ca);
            let unnamed = shown(&papers, Trust::default());
            assert_eq!(unnamed, Err(CertificateFault::UnknownIssuer), "{is_ca:?}");
            let file = shelf.put("own.pem", &papers.certificate.pem());
            let result = shown(&papers, Trust::Issuers(vec![file]));
            assert_eq!(result.is_ok(), good, "{is_ca:?} {name}: {result:?}");
        }
    }
}

#[test]
fn files_that_are_missing_or_hold_no_certificate_are_told_before_anybody_is_called() {
    let shelf = Shelf::new();
    for file in ["/no/such/file".into(), shelf.put("empty", ""), shelf.put("text", "mumble\n")] {
        let options = explicit(Trust::Issuers(vec![file]));
        let error = run(Session::connect("no.such.host.invalid", 21, &options)).unwrap_err();
        assert!(matches!(error, Error::Local { .. }), "{error}");
    }
}

#[test]
fn a_server_that_demands_a_certificate_gets_ours_and_without_one_says_why_it_leaves() {
    let (papers, own, shelf) = (papers(), Papers::self_signed("ann", IsCa::NoCa), Shelf::new());
    let (certificate, key) = (own.certificate.pem(), own.key_pem());
    let identity = Identity {
        certificate: shelf.put("cert.pem", &certificate),
        key: shelf.put("key.pem", &key),
    };
    let mut options = explicit(papers.pinned());
    options.tls.identity = Some(identity);
    let config = papers.server_asking(Some(own.certificate.der()));
    let server = logged_in(config, Covered::expect_end);
    run(async { log_in(&server, &options).await.close().await });

    options.tls.identity = None;
    let config = papers.server_asking(Some(own.certificate.der()));
    let server = Scripted::sessions(|host| rejected(host, config));
    let error = run(connect(&server, &options)).unwrap_err();
    assert!(matches!(error, Error::Tls { fault: TlsFault::Refused(_), .. }), "{error}");
    assert!(error.advice().unwrap().contains("--client-cert"));
}

#[test]
fn a_refused_prot_is_an_error_unless_the_data_may_go_in_clear() {
    let papers = papers();
    let server = {
        let config = papers.server();
        Scripted::sessions(|host| {
            let mut peer = Covered::auth(host, config);
            peer.answer("PBSZ 0", "200 ok");
            peer.answer("PROT P", "534 no");
            peer.expect_any_end();
        })
    };
    let error = run(connect(&server, &explicit(papers.pinned()))).unwrap_err();
    assert!(matches!(error, Error::NotProtected { .. }), "{error}");

    let mut options = explicit(papers.pinned());
    options.tls.data = DataTls::Never;
    let config = papers.server();
    let server = Scripted::sessions(|host| {
        let mut peer = Covered::auth(host, config);
        peer.answer("PBSZ 0", "502 what is that");
        peer.answer("PROT C", "200 ok");
        peer.answer("USER anonymous", "230 in");
        peer.tell_size(3);
        let data = peer.epsv();
        peer.answer("RETR x", "150 opening");
        data.give(b"one");
        peer.say("226 done");
    });
    run(async {
        let mut session = log_in(&server, &options).await;
        let mut got = Vec::new();
        session.fetch(&"x".into(), 0, &mut got, &mut quiet()).await.unwrap();
        assert_eq!(got, b"one");
    });
}

/// Fetches `x`, of which the server tells this size and sends these bytes, ending TLS in order or not at all.
fn fetched(told: usize, sent: &'static [u8], in_order: bool) -> Result<Transfer, Error> {
    let papers = papers();
    let options = explicit(papers.pinned());
    let server = logged_in(papers.server(), move |peer| {
        peer.tell_size(told);
        let data = peer.epsv();
        peer.answer("RETR x", "150 opening");
        let mut data = peer.open(&data);
        data.write_all(sent).unwrap();
        if in_order {
            end(data)
        } else {
            cut(data)
        }
        peer.say("226 done");
        peer.expect_any_end();
    });
    run(async {
        let mut session = log_in(&server, &options).await;
        session.fetch(&"x".into(), 0, &mut Vec::new(), &mut quiet()).await
    })
}

#[test]
fn a_download_is_proven_by_close_notify_or_by_the_size_and_then_it_is_told() {
    for (bytes, in_order, expected) in
        [(&b"one"[..], true, End::Said), (b"", true, End::Said), (b"one", false, End::Counted)]
    {
        assert_eq!(fetched(bytes.len(), bytes, in_order).unwrap().end, expected);
    }
}

#[test]
fn a_download_that_is_cut_off_without_close_notify_is_not_proven() {
    for told in [4, 2] {
        match fetched(told, b"one", false) {
            Err(Error::Unproven { missing: Proof::CloseNotify, moved: 3, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    let fetched = fetched(4, b"one", true);
    assert!(matches!(fetched, Err(Error::Unproven { missing: Proof::Size { .. }, .. })));
}

#[test]
fn an_upload_says_its_end_and_waits_for_that_of_the_server_though_it_be_empty() {
    for size in [0, 1, 3_000_000] {
        let papers = papers();
        let options = explicit(papers.pinned());
        let server = logged_in(papers.server(), move |peer| {
            peer.answer("TYPE I", "200 ok");
            let data = peer.epsv();
            peer.answer("STOR x", "150 opening");
            let mut stream = peer.open(&data);
            let mut got = Vec::new();
            // An end without close_notify would be an error here.
            stream.read_to_end(&mut got).unwrap();
            assert!(got == vec![7; size]);
            // Tickets and all the rest come behind the last reply; a reset would tell that nobody reads them.
            peer.say("226 done");
            stream.conn.send_close_notify();
            stream.flush().unwrap();
            stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(stream.sock.read(&mut [0]).unwrap(), 0);
            peer.answer("SIZE x", &format!("213 {size}"));
            peer.answer("QUIT", "221 bye");
        });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        std::fs::write(&file, vec![7; size]).unwrap();
        run(async {
            let mut session = log_in(&server, &options).await;
            let put = wharf_client::Put::default();
            session.put(&file, &"x".into(), put, &mut quiet()).await.unwrap();
            session.quit().await.unwrap();
        });
    }
}

/// Fetches `x` so many times, and gives whether each data connection resumed the TLS session.
fn resumptions(config: ServerConfig, options: Options, times: usize) -> Vec<bool> {
    let server = logged_in(config, move |peer| {
        peer.answer("TYPE I", "200 ok");
        for _ in 0..times {
            peer.answer("SIZE x", "213 3");
            peer.serve_one();
        }
        peer.expect_end();
    });
    let (options, heard) = tapped(options);
    run(async {
        let mut session = log_in(&server, &options).await;
        for _ in 0..times {
            session.fetch(&"x".into(), 0, &mut Vec::new(), &mut quiet()).await.unwrap();
        }
        session.close().await;
    });
    let heard = heard.lock().unwrap();
    let resumed = heard.iter().filter_map(|what| match what {
        What::Secured { conn: Some(_), facts } => Some(facts.resumed),
        _ => None,
    });
    resumed.collect()
}

#[test]
fn every_data_connection_resumes_the_tls_session_in_both_versions() {
    for versions in [Versions::Only12, Versions::Only13, Versions::Both] {
        let papers = papers();
        let mut options = explicit(papers.pinned());
        options.tls.versions = versions;
        assert_eq!(resumptions(papers.server(), options, 20), [true; 20], "{versions:?}");
    }
}

#[test]
fn a_server_that_gives_no_tickets_and_demands_them_is_explained() {
    let papers = papers();
    let options = explicit(papers.pinned());
    let mut config = papers.server();
    config.send_tls13_tickets = 0;
    let server = logged_in(config, |peer| {
        peer.tell_size(3);
        let data = peer.epsv();
        peer.answer("RETR x", "150 opening");
        let data = peer.open(&data);
        drop(data);
        peer.say("522 session reuse required");
        peer.expect_any_end();
    });
    let error = run(async {
        let mut session = log_in(&server, &options).await;
        session.fetch(&"x".into(), 0, &mut Vec::new(), &mut quiet()).await.unwrap_err()
    });
    assert!(matches!(error, Error::NotResumed { .. }), "{error}");
    assert!(error.advice().unwrap().contains("--tls-max 1.2"));
}

#[test]
fn a_file_that_is_refused_while_tls_is_begun_on_its_connection_is_a_refused_file() {
    let papers = papers();
    let options = explicit(papers.pinned());
    let server = logged_in(papers.server(), |peer| {
        peer.tell_size(3);
        let data = peer.epsv();
        peer.expect("RETR x");
        drop(data.open());
        peer.say("550 no such file");
        peer.answer("QUIT", "221 bye");
    });
    run(async {
        let mut session = log_in(&server, &options).await;
        let fetched = session.fetch(&"x".into(), 0, &mut Vec::new(), &mut quiet()).await;
        assert!(fetched.unwrap_err().is_not_found());
        session.quit().await.unwrap();
    });
}

#[test]
fn the_tap_tells_what_is_covered_and_what_is_not() {
    let papers = papers();
    let (options, heard) = tapped(explicit(papers.pinned()));
    let server = logged_in(papers.server(), |peer| peer.expect_end());
    run(async { log_in(&server, &options).await.close().await });
    let covered =
        |what: &What| matches!(what, What::Secured { conn: None, facts } if facts.name.is_none());
    assert!(heard.lock().unwrap().iter().any(covered));

    let (options, heard) = tapped(explicit(Papers::self_signed("x", IsCa::NoCa).pinned()));
    let config = papers.server();
    let server = Scripted::sessions(|host| rejected(host, config));
    run(connect(&server, &options)).unwrap_err();
    let uncovered = |what: &What| matches!(what, What::NotSecured { conn: None, .. });
    assert!(heard.lock().unwrap().iter().any(uncovered));
}

#[test]
fn a_session_without_tls_asks_for_none() {
    assert_eq!(options().tls, Tls::default());
    let server = Scripted::session(|peer| {
        peer.say("220 ready");
        peer.answer("USER ann", "230 in");
    });
    run(async {
        let mut session = connect(&server, &options()).await.unwrap();
        session.login(&Login::new("ann", "")).await.unwrap();
        assert!(!session.control().is_covered());
    });
}

#[test]
fn data_go_in_clear_where_the_server_refuses_prot_only_if_that_was_asked_for() {
    let papers = papers();
    let mut options = explicit(papers.pinned());
    options.tls.data = DataTls::IfOffered;
    let config = papers.server();
    let server = Scripted::sessions(|host| {
        let mut peer = Covered::auth(host, config);
        peer.answer("PBSZ 0", "200 ok");
        peer.answer("PROT P", "536 not here");
        peer.answer("PROT C", "200 ok");
        peer.answer("USER anonymous", "230 in");
        peer.tell_size(3);
        let data = peer.epsv();
        peer.answer("RETR x", "150 opening");
        data.give(b"one");
        peer.say("226 done");
    });
    run(async {
        let mut session = log_in(&server, &options).await;
        let mut got = Vec::new();
        session.fetch(&"x".into(), 0, &mut got, &mut quiet()).await.unwrap();
        assert_eq!(got, b"one");
    });
    // Where it is offered, data are covered.
    let server = logged_in(papers.server(), |peer| {
        peer.tell_size(3);
        peer.serve_one();
    });
    run(async {
        let mut session = log_in(&server, &options).await;
        let mut got = Vec::new();
        session.fetch(&"x".into(), 0, &mut got, &mut quiet()).await.unwrap();
    });
}
