//! Transfers: which proofs make one done, and what each missing one is called.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use wharf_client::{
    BYTES, Error, Options, Progress, Proof, Put, Session, TEXT, Transfer, Way, quiet,
};
use wharf_testkit::scripted::{Peer, Scripted, reset};

use crate::support::{connect, impatient, log_in, options, plain, run};

/// Fetches `x` in a plain session, as text.
fn fetched(
    options: &Options,
    script: impl FnOnce(&mut Peer) + Send + 'static,
) -> (Result<Transfer, Error>, Vec<u8>) {
    let server = Scripted::session(move |peer| {
        peer.login();
        script(peer);
    });
    let mut got = Vec::new();
    let result = run(async {
        let mut session = log_in(&server, options).await;
        session.fetch_text(&"x".into(), &mut got, &mut quiet()).await
    });
    (result, got)
}

/// Fetches `x`, whose size is told.
fn fetched_by_size(
    size: u64,
    script: impl FnOnce(&mut Peer) + Send + 'static,
) -> (Result<Transfer, Error>, Vec<u8>) {
    let server = Scripted::session(move |peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        peer.answer("SIZE x", &format!("213 {size}"));
        script(peer);
    });
    let mut got = Vec::new();
    let result = run(async {
        let mut session = log_in(&server, &options()).await;
        session.fetch(&"x".into(), 0, &mut got, &mut quiet()).await
    });
    (result, got)
}

#[test]
fn either_of_226_and_250_after_the_fin_makes_a_transfer_done() {
    for last in ["226 done", "250 done"] {
        for first in ["125 open already", "150 opening"] {
            let (result, got) = fetched(&plain(), move |peer| {
                let data = peer.pasv();
                peer.answer("RETR x", first);
                data.give(b"one\r\ntwo\r\n");
                peer.say(last);
            });
            assert_eq!(result.unwrap().moved, 10);
            assert_eq!(got, b"one\ntwo\n");
        }
    }
}

#[test]
fn a_226_before_the_data_does_not_end_the_transfer() {
    let (result, got) = fetched_by_size(300_000, |peer| {
        let data = peer.epsv();
        peer.answer("RETR x", "150 opening\n226 done");
        data.give(&[7; 300_000]);
    });
    assert_eq!(result.unwrap().moved, 300_000);
    assert_eq!(got, [7; 300_000]);
}

#[test]
fn a_server_that_leaves_out_the_150_is_understood() {
    let (result, _) = fetched(&plain(), |peer| {
        let data = peer.pasv();
        peer.expect("RETR x");
        data.give(b"one");
        peer.say("226 done");
    });
    assert_eq!(result.unwrap().moved, 3);
}

#[test]
fn an_empty_file_is_a_file() {
    let (result, got) = fetched_by_size(0, |peer| {
        let data = peer.epsv();
        peer.answer("RETR x", "150 opening");
        data.give(b"");
        peer.say("226 done");
    });
    assert_eq!((result.unwrap().moved, got.len()), (0, 0));
}

#[test]
fn fewer_or_more_bytes_than_size_says_are_not_proven() {
    for sent in [9, 11] {
        let (result, got) = fetched_by_size(10, move |peer| {
            let data = peer.epsv();
            peer.answer("RETR x", "150 opening");
            data.give(&vec![7; sent]);
            peer.say("226 done");
        });
        assert_eq!(got.len(), sent);
        let size = Proof::Size { expected: 10, found: sent as u64 };
        match result.unwrap_err() {
            Error::Unproven { missing, .. } => assert_eq!(missing, size),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_reset_in_place_of_the_fin_is_not_proven_whatever_the_server_says() {
    let (arrived, seen) = std::sync::mpsc::channel();
    let server = Scripted::session(move |peer| {
        peer.login();
        let data = peer.pasv();
        peer.answer("RETR x", "150 opening");
        let mut stream = data.open();
        stream.write_all(b"half").unwrap();
        seen.recv().unwrap();
        reset(stream);
        peer.say("226 done");
    });
    let error = run(async {
        let mut session = log_in(&server, &plain()).await;
        let mut watch = |progress| {
            if matches!(progress, Progress::At(_)) {
                arrived.send(()).unwrap();
            }
        };
        let mut nothing = tokio::io::sink();
        session.fetch_text(&"x".into(), &mut nothing, &mut watch).await.unwrap_err()
    });
    assert!(matches!(error, Error::Unproven { missing: Proof::DataEnd, .. }), "{error}");
}

#[test]
fn a_refusal_after_the_data_is_a_refusal_even_after_a_fin() {
    for refusal in ["426 broken off", "451 disk error", "550 gone"] {
        let (result, _) = fetched(&plain(), move |peer| {
            let data = peer.pasv();
            peer.answer("RETR x", "150 opening");
            data.give(b"half");
            peer.say(refusal);
        });
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
        assert_eq!(error.code(), refusal[..3].parse().ok());
    }
}

#[test]
fn a_refusal_while_the_data_connection_stays_open_does_not_hang() {
    let begun = Instant::now();
    let (result, got) = fetched(&plain(), |peer| {
        let data = peer.pasv();
        peer.answer("RETR x", "150 opening");
        let mut stream = data.open();
        stream.write_all(b"half").unwrap();
        peer.say("426 broken off");
        // The client closes, not we.
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    });
    assert_eq!(result.unwrap_err().code(), Some(426));
    assert_eq!(got, b"half");
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[test]
fn a_control_connection_lost_on_the_way_leaves_the_bytes_and_says_what_is_missing() {
    let (result, got) = fetched_by_size(5, |peer| {
        let data = peer.epsv();
        peer.answer("RETR x", "150 opening");
        let mut stream = data.open();
        peer.say("150 and then");
        peer.shut();
        stream.write_all(b"whole").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    });
    let error = result.unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Unproven { missing: Proof::FinalReply, moved: 5, source: Some(_), .. }
        ),
        "{error}"
    );
    assert_eq!(got, b"whole");
}

#[test]
fn a_last_reply_that_never_comes_is_missed() {
    let (result, _) = fetched(&Options { plain: true, ..impatient() }, |peer| {
        let data = peer.pasv();
        peer.answer("RETR x", "150 opening");
        data.give(b"whole");
        peer.expect_end();
    });
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Unproven { missing: Proof::FinalReply, .. }), "{error}");
}

#[test]
fn a_data_connection_that_stands_still_is_given_up_and_the_session_goes_on() {
    let server = Scripted::session(|peer| {
        peer.login();
        let data = peer.epsv();
        peer.answer("RETR x", "150 opening");
        let _stream = data.open();
        peer.answer("ABOR", "426 broken off\n226 done");
        peer.answer("PWD", "257 \"/\"");
    });
    run(async {
        let mut session = log_in(&server, &impatient()).await;
        let mut nothing = tokio::io::sink();
        let result = session.fetch_text(&"x".into(), &mut nothing, &mut quiet()).await;
        assert!(matches!(result, Err(Error::Stalled { moved: 0, .. })), "{result:?}");
        session.pwd().await.unwrap();
    });
}

#[test]
fn a_transfer_that_is_dropped_is_broken_off_by_abort_and_the_session_goes_on() {
    let server = Scripted::session(|peer| {
        peer.login();
        let data = peer.epsv();
        peer.answer("RETR x", "150 opening");
        let mut stream = data.open();
        stream.write_all(b"half").unwrap();
        peer.answer("ABOR", "426 broken off\n226 done");
        peer.answer("PWD", "257 \"/\"");
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        let (some, came) = tokio::sync::oneshot::channel::<()>();
        let mut some = Some(some);
        let mut watch = move |progress| {
            if matches!(progress, Progress::At(_)) {
                drop(some.take());
            }
        };
        let (name, mut nothing) = ("x".into(), tokio::io::sink());
        tokio::select! {
            result = session.fetch_text(&name, &mut nothing, &mut watch) => {
                panic!("{result:?}");
            }
            _ = came => {}
        }
        session.abort().await.unwrap();
        session.pwd().await.unwrap();
    });
}

/// Stores a file in a session where SIZE is not asked.
async fn store(session: &mut Session, bytes: &[u8], text: bool) -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, bytes).unwrap();
    let request = Put { how: if text { TEXT } else { BYTES }, ..Put::default() };
    session.put(&path, &"x".into(), request, &mut quiet()).await.map(drop)
}

#[test]
fn an_upload_in_both_ways_arrives_with_its_lines_translated() {
    for way in [Way::Active, Way::Passive] {
        let server = Scripted::session(move |peer| {
            peer.login();
            let data = if way == Way::Active { peer.port() } else { peer.pasv() };
            peer.answer("STOR x", "150 go on");
            assert_eq!(data.take(), b"one\r\ntwo\r\n");
            peer.say("226 done");
        });
        run(async {
            let mut session = log_in(&server, &Options { way, ..plain() }).await;
            store(&mut session, b"one\ntwo\n", true).await.unwrap();
        });
    }
}

#[test]
fn nothing_is_sent_of_an_upload_that_is_refused() {
    let server = Scripted::session(|peer| {
        peer.login();
        let data = peer.pasv();
        peer.expect("STOR x");
        let mut stream = data.open();
        peer.say("553 not that name");
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
        peer.answer("PWD", "257 \"/\"");
    });
    run(async {
        let mut session = log_in(&server, &plain()).await;
        let error = store(&mut session, b"one", true).await.unwrap_err();
        assert_eq!(error.code(), Some(553));
        session.pwd().await.unwrap();
    });
}

#[test]
fn a_full_disk_in_the_midst_of_an_upload_is_told_by_its_reply() {
    let server = Scripted::session(|peer| {
        peer.login();
        let data = peer.pasv();
        peer.answer("STOR x", "150 go on");
        let mut stream = data.open();
        stream.read_exact(&mut [0; 1000]).unwrap();
        drop(stream);
        peer.say("552 disk full");
        peer.answer("PWD", "257 \"/\"");
    });
    run(async {
        let mut session = log_in(&server, &plain()).await;
        let error = store(&mut session, &vec![7; 8_000_000], true).await.unwrap_err();
        assert_eq!(error.code(), Some(552), "{error}");
        session.pwd().await.unwrap();
    });
}

#[test]
fn a_server_that_takes_all_of_an_upload_and_neither_answers_nor_closes_is_given_up() {
    let server = Scripted::session(|peer| {
        peer.login();
        let data = peer.pasv();
        peer.answer("STOR x", "150 go on");
        let mut stream = data.open();
        stream.read_to_end(&mut Vec::new()).unwrap();
        peer.say("150 still at it");
        peer.expect_any_end();
    });
    let error = run(async {
        let options = Options { plain: true, ..impatient() };
        let mut session = log_in(&server, &options).await;
        store(&mut session, b"one", true).await.unwrap_err()
    });
    let Error::Unproven { missing: Proof::FinalReply, source: Some(why), .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(*why, Error::NoReply { .. }), "{why}");
}

#[test]
fn the_plain_session_with_list_and_retrieve_sends_exactly_seven_commands() {
    let server = Scripted::session(|peer| {
        peer.say("220 ready");
        peer.answer("USER name", "331 password");
        peer.answer("PASS password", "230 in");
        peer.answer("CWD directory", "250 ok");
        for command in ["LIST", "RETR file"] {
            let data = peer.port();
            peer.answer(command, "125 open already");
            data.give(b"bytes\r\n");
            peer.say("250 done");
        }
        peer.expect_end();
    });
    run(async {
        let options = Options { way: Way::Active, ..plain() };
        let mut session = connect(&server, &options).await.unwrap();
        session.login(&wharf_client::Login::new("name", "password")).await.unwrap();
        session.cwd(&"directory".into()).await.unwrap();
        session.list_text(None).await.unwrap();
        let mut got = Vec::new();
        session.fetch_text(&"file".into(), &mut got, &mut quiet()).await.unwrap();
        assert_eq!(got, b"bytes\n");
        session.close().await;
    });
}
