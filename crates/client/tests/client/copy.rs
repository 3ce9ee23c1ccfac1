//! Copies between two scripted servers: who is told what, in which order, and what is made of their answers.

use std::io::Write;
use std::net::{Ipv6Addr, TcpListener};
use std::sync::{Arc, Mutex};

use wharf_client::{
    Copied, Copier, CopyError, CopyEvent, CopyRequest, Error, Options, Passage, Proof, Route, Side,
    Verdict,
};
use wharf_testkit::scripted::{Data, Peer, Scripted};

use crate::support::{impatient, options, run, site};

const BYTES: &[u8] = b"0123456789";

/// Copies `x` to `y`; gives what came of it, and what was noted.
fn copy(
    [source, target]: [&Scripted; 2],
    request: CopyRequest,
    options: &Options,
) -> (Result<Copied, CopyError>, Vec<String>) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&notes);
    let mut watch = move |event| {
        if let CopyEvent::Note(note) = event {
            ear.lock().unwrap().push(note);
        }
    };
    let copier = Copier::new(
        site(source.address(), options.clone()),
        site(target.address(), options.clone()),
        1,
    );
    let copied = run(async {
        let copied = copier.copy_file(&"x".into(), &"y".into(), &request, &mut watch).await;
        copier.close().await;
        copied
    });
    let notes = notes.lock().unwrap().clone();
    (copied, notes)
}

fn direct() -> CopyRequest {
    CopyRequest { passage: Passage::Direct, ..CopyRequest::default() }
}

/// The source up to its being ready to transfer.
fn source_begins(peer: &mut Peer) {
    peer.login();
    peer.answer("TYPE I", "200 ok");
    peer.answer("SIZE x", "213 10");
}

fn target_begins(peer: &mut Peer) {
    peer.login();
    peer.answer("TYPE I", "200 ok");
}

fn retrieves(peer: &mut Peer, data: &Data) {
    peer.answer("RETR x", "150 opening");
    data.give(BYTES);
    peer.say("226 done");
}

fn stores(peer: &mut Peer, data: &Data) {
    peer.answer("STOR .y.wharf-part", "150 go on");
    assert_eq!(data.take(), BYTES);
    peer.say("226 done");
}

/// The target's end of a copy that is right.
fn target_ends(peer: &mut Peer) {
    peer.answer("SIZE .y.wharf-part", "213 10");
    peer.features(&["SIZE"]);
    peer.answer("RNFR .y.wharf-part", "350 to what?");
    peer.answer("RNTO y", "250 renamed");
    peer.answer("DELE .y.wharf-old", "550 no such file");
    peer.answer("QUIT", "221 bye");
}

#[test]
fn the_source_listens_the_target_connects_there_and_the_file_gets_its_name_at_last() {
    let source = Scripted::session(|peer| {
        source_begins(peer);
        let data = peer.pasv();
        retrieves(peer, &data);
        peer.answer("QUIT", "221 bye");
    });
    let target = Scripted::session(|peer| {
        target_begins(peer);
        let data = peer.port();
        stores(peer, &data);
        target_ends(peer);
    });
    let (copied, notes) = copy([&source, &target], direct(), &options());
    let wanted =
        Copied { moved: Some(10), resumed_at: 0, route: Route::Direct, verdict: Verdict::SizeOnly };
    assert_eq!((copied.unwrap(), notes.len()), (wanted, 0));
}

#[test]
fn a_target_that_refuses_to_connect_elsewhere_listens_itself() {
    let source = Scripted::session(|peer| {
        source_begins(peer);
        drop(peer.pasv());
        let data = peer.port();
        retrieves(peer, &data);
        peer.answer("QUIT", "221 bye");
    });
    let target = Scripted::session(|peer| {
        target_begins(peer);
        assert!(peer.hear().starts_with("PORT "));
        peer.say("500 Illegal PORT command.");
        assert!(peer.hear().starts_with("EPRT |1|"));
        peer.say("500 Illegal EPRT command.");
        let data = peer.pasv();
        stores(peer, &data);
        target_ends(peer);
    });
    assert_eq!(copy([&source, &target], direct(), &options()).0.unwrap().route, Route::Direct);
}

#[test]
fn over_ipv6_there_is_epsv_with_the_servers_own_address_in_eprt() {
    let ip = Ipv6Addr::LOCALHOST.into();
    if TcpListener::bind((ip, 0)).is_err() {
        return;
    }
    let source = Scripted::on(ip, |host| {
        let mut peer = host.accept();
        source_begins(&mut peer);
        let data = peer.epsv();
        retrieves(&mut peer, &data);
        peer.answer("QUIT", "221 bye");
    });
    let target = Scripted::on(ip, move |host| {
        let mut peer = host.accept();
        target_begins(&mut peer);
        let data = peer.port();
        assert!(matches!(data, Data::Connect(to) if to.ip() == ip));
        stores(&mut peer, &data);
        target_ends(&mut peer);
    });
    assert_eq!(copy([&source, &target], direct(), &options()).0.unwrap().moved, Some(10));
}

#[test]
fn where_pasv_is_refused_there_is_epsv() {
    let source = Scripted::session(|peer| {
        source_begins(peer);
        peer.answer("PASV", "502 no");
        let data = peer.epsv();
        retrieves(peer, &data);
        peer.answer("QUIT", "221 bye");
    });
    let target = Scripted::session(|peer| {
        target_begins(peer);
        let data = peer.port();
        stores(peer, &data);
        target_ends(peer);
    });
    assert_eq!(copy([&source, &target], direct(), &options()).0.unwrap().moved, Some(10));
}

/// Refuses to be a part of it either way.
fn refuses(peer: &mut Peer) {
    assert!(peer.hear().starts_with("PORT "));
    peer.say("500 Illegal PORT command.");
    assert!(peer.hear().starts_with("EPRT "));
    peer.say("500 Illegal EPRT command.");
}

#[test]
fn where_both_refuse_the_data_goes_through_us_and_the_reason_is_told() {
    let source = Scripted::session(|peer| {
        source_begins(peer);
        drop(peer.pasv());
        refuses(peer);
        let data = peer.epsv();
        retrieves(peer, &data);
        peer.answer("QUIT", "221 bye");
    });
    let target = Scripted::session(|peer| {
        peer.say("220 (vsFTPd 3.0.3)");
        peer.answer("USER anonymous", "331 password");
        peer.answer("PASS anonymous@", "230 in");
        peer.answer("TYPE I", "200 ok");
        refuses(peer);
        drop(peer.pasv());
        let data = peer.epsv();
        stores(peer, &data);
        target_ends(peer);
    });
    let (copied, notes) = copy([&source, &target], CopyRequest::default(), &options());
    assert_eq!(copied.unwrap().route, Route::Relayed);
    let [note] = notes.as_slice() else { panic!("{notes:?}") };
    for part in
        ["through this machine", "(the target): PORT", "port_promiscuous=YES", "(the source)"]
    {
        assert!(note.contains(part), "{part}: {note}");
    }
}

#[test]
fn where_both_refuse_and_no_other_way_is_allowed_nothing_is_moved() {
    let source = Scripted::session(|peer| {
        source_begins(peer);
        drop(peer.pasv());
        refuses(peer);
        peer.expect_end_or_quit();
    });
    let target = Scripted::session(|peer| {
        target_begins(peer);
        refuses(peer);
        drop(peer.pasv());
        peer.answer("DELE .y.wharf-part", "550 no such file");
        peer.expect_end_or_quit();
    });
    let (copied, _) = copy([&source, &target], direct(), &options());
    assert!(matches!(copied.unwrap_err().error, Error::NotDirect { .. }));
}

#[test]
fn a_source_that_refuses_the_file_does_not_cost_the_one_that_would_be_replaced_in_its_place() {
    let source = Scripted::session(|peer| {
        source_begins(peer);
        drop(peer.pasv());
        peer.answer("RETR x", "550 Permission denied.");
        peer.expect_end_or_quit();
    });
    let target = Scripted::session(|peer| {
        target_begins(peer);
        peer.answer("SIZE y", "213 7");
        drop(peer.port());
        // Neither STOR nor DELE.
        peer.expect_end_or_quit();
    });
    let request = CopyRequest { in_place: true, ..direct() };
    let CopyError { side, error } = copy([&source, &target], request, &options()).0.unwrap_err();
    assert_eq!((side, error.code()), (Side::Source, Some(550)));
}

#[test]
fn in_its_place_only_what_was_proven_absent_and_was_begun_here_is_removed() {
    // What the target says to SIZE, to MLST where it has that, and whether it begins to store.
    for (size, mlst, begins, goes) in [
        ("502 no SIZE", None, true, false),
        ("550 Could not get file size.", None, true, false),
        ("550 not now", Some("550 Permission denied"), true, false),
        ("550 no such file", Some("550 No such file"), false, false),
        ("550 no such file", Some("550 No such file"), true, true),
    ] {
        let source = Scripted::session(move |peer| {
            source_begins(peer);
            drop(peer.pasv());
            peer.answer("RETR x", if begins { "150 opening" } else { "550 Permission denied." });
            if begins {
                peer.say("551 the disk fails");
            }
            peer.expect_end_or_quit();
        });
        let target = Scripted::session(move |peer| {
            target_begins(peer);
            peer.answer("SIZE y", size);
            peer.features(if mlst.is_some() { &["MLST size*;"] } else { &["SIZE"] });
            if let Some(mlst) = mlst {
                peer.answer("MLST y", mlst);
            }
            drop(peer.port());
            if begins {
                peer.answer("STOR y", "150 go on");
                peer.answer("ABOR", "426 broken off\n226 done");
            }
            if goes {
                peer.answer("DELE y", "250 gone");
            }
            peer.expect_end_or_quit();
        });
        let request = CopyRequest { in_place: true, ..direct() };
        copy([&source, &target], request, &options()).0.unwrap_err();
    }
}

#[test]
fn a_source_that_refuses_the_file_ends_the_upload_and_a_target_that_refuses_spares_the_source() {
    let source = Scripted::session(|peer| {
        source_begins(peer);
        drop(peer.pasv());
        peer.answer("RETR x", "550 Permission denied.");
        peer.expect_end_or_quit();
    });
    let target = Scripted::session(|peer| {
        target_begins(peer);
        drop(peer.port());
        peer.answer("STOR .y.wharf-part", "150 go on");
        peer.answer("ABOR", "426 broken off\n226 done");
        peer.answer("DELE .y.wharf-part", "250 gone");
        peer.expect_end_or_quit();
    });
    let CopyError { side, error } = copy([&source, &target], direct(), &options()).0.unwrap_err();
    assert_eq!((side, error.code()), (Side::Source, Some(550)));
    let source = Scripted::session(|peer| {
        source_begins(peer);
        drop(peer.pasv());
        // No RETR.
        peer.expect_end_or_quit();
    });
    let target = Scripted::session(|peer| {
        target_begins(peer);
        drop(peer.port());
        peer.answer("STOR .y.wharf-part", "553 not that name");
        peer.answer("DELE .y.wharf-part", "550 no such file");
        peer.expect_end_or_quit();
    });
    let CopyError { side, error } = copy([&source, &target], direct(), &options()).0.unwrap_err();
    assert_eq!((side, error.code()), (Side::Target, Some(553)));
}

#[test]
fn one_end_that_fails_ends_the_other_and_what_is_there_goes() {
    let source = Scripted::session(|peer| {
        source_begins(peer);
        let data = peer.pasv();
        peer.answer("RETR x", "150 opening");
        let stream = data.open();
        // It would go on for ever: the target has left its data connection open.
        peer.answer("ABOR", "426 broken off\n226 done");
        drop(stream);
        peer.expect_end_or_quit();
    });
    let target = Scripted::session(|peer| {
        target_begins(peer);
        let data = peer.port();
        peer.answer("STOR .y.wharf-part", "150 go on");
        let stream = data.open();
        peer.say("452 the disk is full");
        peer.answer("DELE .y.wharf-part", "250 gone");
        peer.expect_end_or_quit();
        drop(stream);
    });
    let CopyError { side, error } = copy([&source, &target], direct(), &options()).0.unwrap_err();
    assert_eq!((side, error.code()), (Side::Target, Some(452)));
}

#[test]
fn a_server_that_grants_everything_and_never_connects_is_tried_the_other_way() {
    let source = Scripted::session(|peer| {
        source_begins(peer);
        drop(peer.pasv());
        peer.answer("RETR x", "150 opening");
        peer.answer("ABOR", "426 broken off\n226 done");
        let data = peer.port();
        retrieves(peer, &data);
        peer.answer("QUIT", "221 bye");
    });
    let target = Scripted::session(|peer| {
        target_begins(peer);
        drop(peer.port());
        peer.expect("STOR .y.wharf-part");
        peer.answer("ABOR", "425 could not\n226 done");
        let data = peer.pasv();
        stores(peer, &data);
        target_ends(peer);
    });
    assert_eq!(copy([&source, &target], direct(), &impatient()).0.unwrap().moved, Some(10));
}

#[test]
fn a_passive_port_that_turns_the_other_server_away_is_tried_the_other_way() {
    let source = Scripted::session(|peer| {
        source_begins(peer);
        drop(peer.pasv());
        peer.answer("RETR x", "425 Security: Bad IP connecting.");
        let data = peer.port();
        retrieves(peer, &data);
        peer.answer("QUIT", "221 bye");
    });
    let target = Scripted::session(|peer| {
        target_begins(peer);
        drop(peer.port());
        peer.answer("STOR .y.wharf-part", "150 go on");
        peer.answer("ABOR", "426 broken off\n226 done");
        let data = peer.pasv();
        stores(peer, &data);
        target_ends(peer);
    });
    assert_eq!(copy([&source, &target], direct(), &options()).0.unwrap().moved, Some(10));
}

#[test]
fn two_servers_that_are_done_and_have_not_the_same_size_have_not_copied_the_file() {
    let source = Scripted::session(|peer| {
        source_begins(peer);
        let data = peer.pasv();
        retrieves(peer, &data);
        peer.expect_end_or_quit();
    });
    let target = Scripted::session(|peer| {
        target_begins(peer);
        let data = peer.port();
        stores(peer, &data);
        peer.answer("SIZE .y.wharf-part", "213 7");
        peer.answer("DELE .y.wharf-part", "250 gone");
        peer.expect_end_or_quit();
    });
    let error = copy([&source, &target], direct(), &options()).0.unwrap_err().error;
    let missing = Proof::Size { expected: 10, found: 7 };
    assert!(matches!(error, Error::Unproven { missing: of, .. } if of == missing));
}

#[test]
fn digests_of_the_kind_that_both_have_decide_where_they_are_wanted() {
    for (digest, same) in [("CBF43926", true), ("00000000", false)] {
        let source = Scripted::session(|peer| {
            source_begins(peer);
            let data = peer.pasv();
            retrieves(peer, &data);
            peer.features(&["HASH SHA-256*", "XCRC"]);
            peer.answer("XCRC x", "250 CBF43926");
            peer.expect_end_or_quit();
        });
        let target = Scripted::session(move |peer| {
            target_begins(peer);
            let data = peer.port();
            stores(peer, &data);
            peer.answer("SIZE .y.wharf-part", "213 10");
            peer.features(&["XCRC"]);
            peer.answer("XCRC .y.wharf-part", &format!("250 {digest}"));
            if same {
                peer.answer("RNFR .y.wharf-part", "350 to what?");
                peer.answer("RNTO y", "250 renamed");
                peer.answer("DELE .y.wharf-old", "550 no such file");
            } else {
                peer.answer("DELE .y.wharf-part", "250 gone");
            }
            peer.expect_end_or_quit();
        });
        let request = CopyRequest { verify: true, ..direct() };
        let (copied, _) = copy([&source, &target], request, &options());
        match copied {
            Ok(copied) => assert!(same && copied.verdict == Verdict::Verified),
            Err(CopyError { error, .. }) => {
                assert!(!same && error.to_string().contains("CRC32"), "{error}");
            }
        }
    }
}

/// Gives the end of what the target has.
fn shows(peer: &mut Peer, bytes: &[u8]) {
    let data = peer.epsv();
    peer.answer("RETR .y.wharf-part", "150 opening");
    data.give(bytes);
    peer.say("226 done");
}

#[test]
fn what_an_earlier_copy_left_is_gone_on_with_at_both_servers_if_it_is_still_there_in_the_end() {
    for kept in [true, false] {
        let source = Scripted::session(|peer| {
            source_begins(peer);
            let data = peer.epsv();
            peer.answer("RETR x", "150 opening");
            data.open().write_all(BYTES).unwrap();
            peer.answer("ABOR", "426 broken off\n226 so be it");
            let data = peer.pasv();
            peer.answer("REST 4", "350 from there");
            peer.answer("RETR x", "150 opening");
            data.give(&BYTES[4..]);
            peer.say("226 done");
            peer.features(&[]);
            peer.expect_end_or_quit();
        });
        let target = Scripted::session(move |peer| {
            target_begins(peer);
            peer.answer("SIZE .y.wharf-part", "213 4");
            shows(peer, &BYTES[..4]);
            let data = peer.port();
            peer.answer("REST 4", "350 from there");
            peer.answer("STOR .y.wharf-part", "150 go on");
            assert_eq!(data.take(), &BYTES[4..]);
            peer.say("226 done");
            peer.answer("SIZE .y.wharf-part", "213 10");
            peer.features(&["SIZE"]);
            if kept {
                shows(peer, &BYTES[..4]);
                peer.answer("RNFR .y.wharf-part", "350 to what?");
                peer.answer("RNTO y", "250 renamed");
                peer.answer("DELE .y.wharf-old", "550 no such file");
            } else {
                let data = peer.epsv();
                peer.answer("RETR .y.wharf-part", "150 opening");
                data.open().write_all(&[&[0; 4][..], &BYTES[4..]].concat()).unwrap();
                peer.answer("ABOR", "426 broken off\n226 so be it");
                peer.answer("DELE .y.wharf-part", "250 gone");
            }
            peer.expect_end_or_quit();
        });
        let request = CopyRequest { resume: true, ..direct() };
        let copied = copy([&source, &target], request, &options()).0;
        match copied {
            Ok(copied) => {
                assert!(kept && (copied.resumed_at, copied.moved) == (4, Some(6)));
            }
            Err(CopyError { error, .. }) => {
                assert!(!kept, "{error}");
                assert!(matches!(error, Error::Unproven { missing: Proof::Beginning, .. }));
            }
        }
    }
}

#[test]
fn a_copy_that_is_stopped_is_broken_off_with_abor_at_both_servers() {
    let (tell, told) = std::sync::mpsc::channel();
    let source = Scripted::session(move |peer| {
        source_begins(peer);
        let data = peer.pasv();
        peer.answer("RETR x", "150 opening");
        let stream = data.open();
        // The target has begun before it.
        tell.send(()).unwrap();
        peer.answer("ABOR", "426 broken off\n226 done");
        drop(stream);
        peer.expect_end_or_quit();
    });
    let target = Scripted::session(|peer| {
        target_begins(peer);
        let data = peer.port();
        peer.answer("STOR .y.wharf-part", "150 go on");
        let stream = data.open();
        peer.answer("ABOR", "426 broken off\n226 done");
        drop(stream);
        peer.answer("DELE .y.wharf-part", "250 gone");
        peer.expect_end_or_quit();
    });
    let copier =
        Copier::new(site(source.address(), options()), site(target.address(), options()), 1);
    let other = copier.clone();
    let stopper = std::thread::spawn(move || {
        told.recv().unwrap();
        other.stop();
    });
    let error = run(async {
        let request = direct();
        let copied = copier.copy_file(&"x".into(), &"y".into(), &request, &mut |_| ()).await;
        copier.close().await;
        copied.unwrap_err().error
    });
    stopper.join().unwrap();
    assert!(matches!(error, Error::Stopped), "{error}");
}

#[test]
fn what_does_not_come_whole_through_us_is_not_stored_whole() {
    let source = Scripted::session(|peer| {
        source_begins(peer);
        let data = peer.epsv();
        peer.answer("RETR x", "150 opening");
        data.give(&BYTES[..4]);
        peer.say("226 done");
        peer.expect_end_or_quit();
    });
    let target = Scripted::session(|peer| {
        target_begins(peer);
        let data = peer.epsv();
        peer.answer("STOR .y.wharf-part", "150 go on");
        let mut stream = data.open();
        let mut bytes = Vec::new();
        let end = std::io::Read::read_to_end(&mut stream, &mut bytes);
        // In stream mode a FIN would mean that this is the file.
        assert!(end.is_err(), "{bytes:?}");
        peer.answer("ABOR", "426 broken off\n226 done");
        peer.answer("DELE .y.wharf-part", "250 gone");
        peer.expect_end_or_quit();
    });
    let request = CopyRequest { passage: Passage::Relay, ..CopyRequest::default() };
    let CopyError { side, error } = copy([&source, &target], request, &options()).0.unwrap_err();
    assert!(matches!(error, Error::Unproven { missing: Proof::Size { .. }, .. }), "{error}");
    assert_eq!(side, Side::Source);
}
