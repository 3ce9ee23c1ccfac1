//! Methods whose futures are dropped in the midst of a dialogue, and commands by hand: what they have changed at the
//! server is heeded by whatever comes next.

use std::future::Future;

use tokio::sync::oneshot::{self, Receiver, Sender};
use wharf_client::{Error, Login, Pool, SegmentRequest, Session, quiet};
use wharf_proto::params::{Mode, Structure};
use wharf_proto::{Command, Text};
use wharf_testkit::scripted::{Peer, Scripted};

use crate::support::{impatient, log_in, options, run, site};

/// Awaits a command, has the method dropped that sent it, and answers.
fn drop_at(peer: &mut Peer, heard: Sender<()>, command: &str, reply: &str) {
    peer.expect(command);
    heard.send(()).unwrap();
    peer.say(reply);
}

/// Drops a method when the server has heard a certain command of it.
async fn dropped<T: std::fmt::Debug>(heard: Receiver<()>, method: impl Future<Output = T>) {
    tokio::select! {
        biased;
        _ = heard => {}
        result = method => panic!("{result:?}"),
    }
}

/// Serves a file of three bytes.
fn serve(peer: &mut Peer, name: &str) {
    peer.answer(&format!("SIZE {name}"), "213 3");
    give(peer, name);
}

fn give(peer: &mut Peer, name: &str) {
    let data = peer.epsv();
    peer.answer(&format!("RETR {name}"), "150 opening");
    data.give(b"one");
    peer.say("226 done");
}

async fn fetched(session: &mut Session, name: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    session.fetch(&name.into(), 0, &mut bytes, &mut quiet()).await.map(|_| bytes)
}

#[test]
fn a_type_whose_reply_nobody_awaited_is_known_by_the_next_transfer() {
    let (heard, signal) = oneshot::channel();
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        serve(peer, "x");
        drop_at(peer, heard, "TYPE A", "200 text");
        peer.answer("TYPE I", "200 ok");
        serve(peer, "y");
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        assert_eq!(fetched(&mut session, "x").await.unwrap(), b"one");
        let mut nothing = tokio::io::sink();
        dropped(signal, session.fetch_text(&"t".into(), &mut nothing, &mut quiet())).await;
        session.abort().await.unwrap();
        assert_eq!(fetched(&mut session, "y").await.unwrap(), b"one");
    });
}

#[test]
fn a_type_that_was_refused_when_nobody_awaited_it_leaves_the_one_before_in_force() {
    let (heard, signal) = oneshot::channel();
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        serve(peer, "x");
        drop_at(peer, heard, "TYPE A", "504 bytes only");
        serve(peer, "y");
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        fetched(&mut session, "x").await.unwrap();
        let mut nothing = tokio::io::sink();
        dropped(signal, session.fetch_text(&"t".into(), &mut nothing, &mut quiet())).await;
        session.abort().await.unwrap();
        fetched(&mut session, "y").await.unwrap();
    });
}

/// Asks what a name is, and is dropped when the server is in that folder; gives what came of breaking off.
fn looked_into(answer_home: &'static str, after: fn(&mut Peer)) -> (Session, Result<(), Error>) {
    let (heard, signal) = oneshot::channel();
    let server = Scripted::session(move |peer| {
        peer.login();
        peer.answer("FEAT", "502 no");
        peer.answer("TYPE I", "200 ok");
        peer.answer("SIZE sub", "550 no file");
        peer.answer("MDTM sub", "550 no file");
        peer.answer("PWD", "257 \"/home\"");
        drop_at(peer, heard, "CWD sub", "250 in");
        peer.answer("CWD /home", answer_home);
        after(peer);
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        dropped(signal, session.stat(&"sub".into())).await;
        let aborted = session.abort().await;
        if aborted.is_ok() {
            session.delete(&"x".into()).await.unwrap();
        }
        (session, aborted)
    })
}

#[test]
fn a_method_that_is_dropped_while_it_is_elsewhere_is_led_home() {
    let (_, aborted) = looked_into("250 home", |peer| peer.answer("DELE x", "250 gone"));
    aborted.unwrap();
}

#[test]
fn a_session_that_cannot_come_home_is_ended_and_deletes_nothing_elsewhere() {
    let (session, aborted) = looked_into("550 locked", |_| {});
    assert!(matches!(aborted, Err(Error::OutOfStep { .. })), "{aborted:?}");
    assert!(session.control().is_closed());
}

#[test]
fn what_is_dropped_that_had_a_session_of_a_pool_leaves_its_place() {
    let (heard, signal) = oneshot::channel();
    let server = Scripted::sessions(|host| {
        let mut first = host.accept();
        first.login();
        drop_at(&mut first, heard, "TYPE I", "200 ok");
        first.expect_any_end();
        host.accept().login();
    });
    let pool = Pool::new(site(server.address(), options()), 1);
    let folder = tempfile::tempdir().unwrap();
    run(async {
        let remote = Text::from("x");
        let request = SegmentRequest::default();
        let mut watch = quiet();
        let target = folder.path().join("x");
        dropped(signal, pool.get(&remote, &target, &request, &mut watch)).await;
        assert!(pool.take().await.unwrap().is_some());
    });
}

#[test]
fn an_idle_session_whose_server_has_said_good_bye_is_replaced() {
    let (heard, signal) = oneshot::channel();
    let server = Scripted::sessions(|host| {
        let mut first = host.accept();
        first.login();
        first.say("421 idle for too long");
        first.shut();
        heard.send(()).unwrap();
        let mut second = host.accept();
        second.login();
        second.answer("DELE x", "250 gone");
    });
    let pool = Pool::new(site(server.address(), options()), 1);
    run(async {
        pool.take().await.unwrap().unwrap().give_back();
        signal.await.unwrap();
        let mut session = pool.take().await.unwrap().unwrap();
        session.delete(&"x".into()).await.unwrap();
    });
}

#[test]
fn a_digest_of_a_large_file_may_take_longer_than_other_replies() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&["HASH SHA-256*"]);
        peer.expect("HASH x");
        // No wait for anything: this server is as slow as that.
        std::thread::sleep(2 * impatient().timeout);
        peer.say(&format!("213 SHA-256 0-3 {} x", "ab".repeat(32)));
    });
    run(async {
        let mut session = log_in(&server, &impatient()).await;
        assert!(session.digest(&"x".into()).await.unwrap().is_some());
    });
}

#[test]
fn a_restart_whose_transfer_never_came_is_taken_back() {
    let (heard, signal) = oneshot::channel();
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        peer.answer("SIZE x", "213 3");
        let _data = peer.epsv();
        drop_at(peer, heard, "REST 2", "350 from there");
        peer.answer("SIZE y", "213 3");
        peer.answer("REST 0", "350 from the beginning");
        give(peer, "y");
        serve(peer, "z");
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        let mut nothing = tokio::io::sink();
        dropped(signal, session.fetch(&"x".into(), 2, &mut nothing, &mut quiet())).await;
        session.abort().await.unwrap();
        assert_eq!(fetched(&mut session, "y").await.unwrap(), b"one");
        assert_eq!(fetched(&mut session, "z").await.unwrap(), b"one");
    });
}

#[test]
fn mode_and_structure_by_hand_are_set_anew_before_a_transfer() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("MODE B", "200 blocks");
        peer.answer("STRU R", "200 records");
        peer.answer("TYPE I", "200 ok");
        peer.answer("STRU F", "200 ok");
        peer.answer("MODE S", "200 ok");
        serve(peer, "x");
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        session.quote(&Command::Mode(Mode::Block)).await.unwrap();
        session.quote(&Command::Stru(Structure::Record)).await.unwrap();
        assert_eq!(fetched(&mut session, "x").await.unwrap(), b"one");
    });
}

#[test]
fn after_another_user_a_type_that_was_set_is_set_again() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        serve(peer, "x");
        peer.answer("USER anonymous", "331 password");
        peer.answer("PASS anonymous@", "230 in");
        peer.answer("TYPE A", "200 text");
        give(peer, "t");
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        fetched(&mut session, "x").await.unwrap();
        session.login(&Login::anonymous()).await.unwrap();
        let mut bytes = Vec::new();
        session.fetch_text(&"t".into(), &mut bytes, &mut quiet()).await.unwrap();
    });
}
