//! Opening data connections: who listens where, what is believed, and what ends the wait.

use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use wharf_client::{Error, Options, Way};
use wharf_proto::tap::{HalfEnd, Party, What};
use wharf_testkit::scripted::{Data, Peer, Scripted};

use crate::support::{impatient, log_in, options, plain, run, tapped};

const LISTING: &[u8] = b"-rw-r--r-- 1 u g 3 Jan  1  2020 a b\r\n";

/// Lists twice through plans that the script makes, and awaits that both come.
fn lists_twice(options: &Options, script: impl FnOnce(&mut Peer) + Send + 'static) {
    let server = Scripted::session(move |peer| {
        peer.login();
        script(peer);
    });
    run(async {
        let mut session = log_in(&server, options).await;
        for _ in 0..2 {
            assert_eq!(session.list_text(None).await.unwrap(), LISTING);
        }
    });
}

fn serve_listing(peer: &mut Peer, data: &Data) {
    peer.answer("LIST", "150 here it comes");
    data.give(LISTING);
    peer.say("226 done");
}

/// The error of listing once.
fn fails(options: &Options, script: impl FnOnce(&mut Peer) + Send + 'static) -> Error {
    let server = Scripted::session(move |peer| {
        peer.login();
        script(peer);
    });
    run(async { log_in(&server, options).await.list_text(None).await.unwrap_err() })
}

#[test]
fn epsv_is_tried_first_and_stays_when_it_works() {
    lists_twice(&options(), |peer| {
        for _ in 0..2 {
            let data = peer.epsv();
            serve_listing(peer, &data);
        }
    });
}

#[test]
fn a_server_without_epsv_gets_pasv_and_is_not_asked_again() {
    for refusal in ["500 what?", "501 no", "502 no", "504 no", "522 no", "550 no"] {
        lists_twice(&options(), move |peer| {
            peer.answer("EPSV", refusal);
            for _ in 0..2 {
                let data = peer.pasv();
                serve_listing(peer, &data);
            }
        });
    }
}

#[test]
fn the_plain_session_uses_pasv_only() {
    lists_twice(&plain(), |peer| {
        for _ in 0..2 {
            let data = peer.pasv();
            serve_listing(peer, &data);
        }
    });
}

#[test]
fn the_code_and_not_the_command_says_how_the_address_is_written() {
    lists_twice(&options(), |peer| {
        let listener = peer.listen();
        let port = listener.local_addr().unwrap().port();
        peer.answer("EPSV", &format!("227 (127,0,0,1,{},{})", port / 256, port % 256));
        serve_listing(peer, &Data::Accept(listener));
        let listener = peer.listen();
        let port = listener.local_addr().unwrap().port();
        peer.answer("EPSV", "500 not today");
        peer.answer("PASV", &format!("229 (|||{port}|)"));
        serve_listing(peer, &Data::Accept(listener));
    });
}

#[test]
fn an_address_of_another_host_in_227_is_not_connected_to() {
    // 203.0.113.0/24 is for documentation; 127.0.0.2 would answer if it were asked.
    for foreign in ["203,0,113,9", "127,0,0,2", "0,0,0,0", "10,0,0,1"] {
        lists_twice(&plain(), move |peer| {
            for _ in 0..2 {
                let listener = peer.listen();
                let port = listener.local_addr().unwrap().port();
                peer.answer("PASV", &format!("227 ({foreign},{},{})", port / 256, port % 256));
                serve_listing(peer, &Data::Accept(listener));
            }
        });
    }
}

#[test]
fn a_reply_without_an_address_is_malformed() {
    for reply in ["227 Entering Passive Mode", "227 (1,2,3,4,5)", "227 (256,0,0,1,4,1)"] {
        let error = fails(&plain(), move |peer| peer.answer("PASV", reply));
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
    }
}

#[test]
fn a_229_without_a_port_is_a_reason_to_try_pasv() {
    lists_twice(&options(), |peer| {
        peer.answer("EPSV", "229 (|||0|)");
        for _ in 0..2 {
            let data = peer.pasv();
            serve_listing(peer, &data);
        }
    });
}

#[test]
fn active_connections_use_one_port_after_the_other() {
    let options = Options { way: Way::Active, ..plain() };
    lists_twice(&options, |peer| {
        let ports = [0, 0].map(|_| {
            let data = peer.port();
            serve_listing(peer, &data);
            let Data::Connect(to) = data else { panic!("active data") };
            to.port()
        });
        assert_eq!(ports[0] + 1, ports[1]);
    });
}

#[test]
fn over_ipv6_eprt_and_epsv_are_used() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return;
    }
    for way in [Way::Active, Way::Passive] {
        let server = Scripted::on(Ipv6Addr::LOCALHOST.into(), move |host| {
            let mut peer = host.accept();
            peer.login();
            let data = if way == Way::Active { peer.port() } else { peer.epsv() };
            serve_listing(&mut peer, &data);
        });
        let options = Options { way, ..options() };
        let bytes = run(async { log_in(&server, &options).await.list_text(None).await.unwrap() });
        assert_eq!(bytes, LISTING);
    }
}

#[test]
fn a_stranger_that_connects_is_turned_away_and_the_server_is_still_awaited() {
    let (options, heard) = tapped(Options { way: Way::Active, ..options() });
    let server = Scripted::session(|peer| {
        peer.login();
        let data = peer.port();
        let Data::Connect(to) = data else { panic!("active data") };
        let stranger = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let stranger = stranger.unwrap();
        stranger.bind(&"127.0.0.9:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        stranger.connect(&to.into()).unwrap();
        serve_listing(peer, &data);
    });
    let bytes = run(async { log_in(&server, &options).await.list_text(None).await.unwrap() });
    assert_eq!(bytes, LISTING);
    let heard = heard.lock().unwrap();
    let refused = |what: &&What| matches!(what, What::DataRefused { .. });
    assert_eq!(heard.iter().filter(refused).count(), 1);
}

#[test]
fn a_refusal_ends_the_wait_for_the_data_connection_at_once() {
    let begun = Instant::now();
    for way in [Way::Active, Way::Passive] {
        for refusal in ["425 no data connection", "550 no such folder", "421 bye"] {
            let options = Options { way, ..options() };
            let error = fails(&options, move |peer| {
                let _data = if way == Way::Active { peer.port() } else { peer.epsv() };
                peer.answer("LIST", "150 here it comes");
                peer.say(refusal);
                peer.expect_end();
            });
            assert_eq!(error.code(), refusal[..3].parse().ok(), "{error}");
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_server_that_never_connects_is_not_awaited_for_ever() {
    let options = Options { way: Way::Active, ..impatient() };
    let error = fails(&options, |peer| {
        let _data = peer.port();
        peer.answer("LIST", "150 here it comes");
        peer.answer("ABOR", "426 given up\n226 done");
        peer.expect_end();
    });
    assert!(matches!(error, Error::DataAccept { .. }), "{error}");
    assert!(error.advice().unwrap().contains("--passive"));
}

#[test]
fn a_dead_port_from_epsv_is_a_reason_to_try_pasv_once() {
    lists_twice(&options(), |peer| {
        // As long as no way is known to work, nothing is asked for that a server would wait with.
        peer.answer("EPSV", &format!("229 (|||{}|)", dead_port(peer)));
        for _ in 0..2 {
            let data = peer.pasv();
            serve_listing(peer, &data);
        }
    });
}

#[test]
fn epsv_is_still_on_trial_after_an_active_transfer() {
    let options = Options { way: Way::Active, ..options() };
    let server = Scripted::session(|peer| {
        peer.login();
        let data = peer.port();
        serve_listing(peer, &data);
        peer.answer("EPSV", &format!("229 (|||{}|)", dead_port(peer)));
        let data = peer.pasv();
        serve_listing(peer, &data);
    });
    run(async {
        let mut session = log_in(&server, &options).await;
        assert_eq!(session.list_text(None).await.unwrap(), LISTING);
        session.set_way(Way::Passive);
        assert_eq!(session.list_text(None).await.unwrap(), LISTING);
    });
}

#[test]
fn a_dead_port_from_pasv_is_an_error_that_names_it() {
    let error = fails(&plain(), |peer| {
        let port = dead_port(peer);
        peer.answer("PASV", &format!("227 (127,0,0,1,{},{})", port / 256, port % 256));
        peer.expect_end();
    });
    assert!(matches!(&error, Error::DataConnect { .. }), "{error}");
}

fn dead_port(peer: &Peer) -> u16 {
    peer.listen().local_addr().unwrap().port()
}

#[test]
fn the_tap_hears_who_opened_and_who_ended_each_connection() {
    for way in [Way::Active, Way::Passive] {
        let (options, heard) = tapped(Options { way, ..plain() });
        let server = Scripted::session(move |peer| {
            peer.login();
            let data = if way == Way::Active { peer.port() } else { peer.pasv() };
            serve_listing(peer, &data);
            peer.expect_end();
        });
        run(async {
            let mut session = log_in(&server, &options).await;
            session.list_text(None).await.unwrap();
            session.close().await;
        });
        let heard = heard.lock().unwrap();
        let mut told = heard.iter().filter(|what| !matches!(what, What::Command { .. }));
        let mut next = || loop {
            match told.next().unwrap() {
                What::Reply { .. } => {}
                other => return other,
            }
        };
        let listens = if way == Way::Active { Party::Client } else { Party::Server };
        assert!(matches!(next(), What::ControlOpened { .. }));
        assert!(matches!(next(), What::DataPlanned { listener, .. } if *listener == listens));
        let opener = listens.other();
        assert!(matches!(next(), What::DataOpened { conn: 1, opener: o, .. } if *o == opener));
        let bytes = LISTING.len() as u64;
        let end = |by, bytes| What::DataEnded { conn: 1, by, bytes, how: HalfEnd::Fin };
        assert_eq!(*next(), end(Party::Server, bytes));
        assert_eq!(*next(), end(Party::Client, 0));
        assert_eq!(*next(), What::ControlClosed { by: Party::Client, how: HalfEnd::Fin });
    }
}
