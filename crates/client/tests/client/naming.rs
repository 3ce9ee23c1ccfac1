//! Uploads under a temporary name, and what becomes of the file that has the name.

use std::fs;
use std::time::{Duration, SystemTime};

use wharf_client::{Error, Options, Progress, Put, Stored, quiet};
use wharf_testkit::scripted::{Peer, Scripted};

use crate::support::{log_in, options, plain, run};

/// Stores three bytes as `x`, under a temporary name first; `end` plays the server from where the file is to get its own.
fn put(end: impl FnOnce(&mut Peer) + Send + 'static) -> Result<Stored, Error> {
    put_with(&options(), &mut quiet(), end)
}

/// The same with these options and this watch.
fn put_with(
    options: &Options,
    watch: &mut wharf_client::Watch<'_>,
    end: impl FnOnce(&mut Peer) + Send + 'static,
) -> Result<Stored, Error> {
    let is_plain = options.plain;
    let server = Scripted::session(move |peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        let data = if is_plain { peer.pasv() } else { peer.epsv() };
        peer.answer("STOR .x.wharf-part", "150 go on");
        assert_eq!(data.take(), b"new");
        peer.say("226 done");
        if !is_plain {
            peer.answer("SIZE .x.wharf-part", "213 3");
        }
        end(peer);
        peer.expect_end();
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    fs::write(&path, b"new").unwrap();
    run(async {
        let mut session = log_in(&server, options).await;
        let request = Put { atomic: true, ..Put::default() };
        session.put(&path, &"x".into(), request, watch).await
    })
}

fn rename(peer: &mut Peer, from: &str, to: &str, reply: &str) {
    peer.answer(&format!("RNFR {from}"), "350 to what?");
    peer.answer(&format!("RNTO {to}"), reply);
}

#[test]
fn where_a_name_must_be_free_the_old_file_steps_aside_and_goes_when_the_new_one_has_it() {
    for refusal in ["550 Cannot create a file when that file already exists.", "553 file exists"] {
        let stored = put(move |peer| {
            rename(peer, ".x.wharf-part", "x", refusal);
            peer.answer("SIZE x", "213 2");
            rename(peer, "x", ".x.wharf-old", "250 renamed");
            rename(peer, ".x.wharf-part", "x", "250 renamed");
            peer.answer("DELE .x.wharf-old", "250 gone");
        });
        assert_eq!(stored.unwrap().moved, 3);
    }
}

#[test]
fn an_old_file_that_an_earlier_upload_has_left_aside_makes_room() {
    let stored = put(|peer| {
        rename(peer, ".x.wharf-part", "x", "553 file exists");
        peer.answer("SIZE x", "213 2");
        rename(peer, "x", ".x.wharf-old", "553 file exists");
        peer.answer("DELE .x.wharf-old", "250 gone");
        rename(peer, "x", ".x.wharf-old", "250 renamed");
        rename(peer, ".x.wharf-part", "x", "250 renamed");
        peer.answer("DELE .x.wharf-old", "250 gone");
    });
    assert_eq!(stored.unwrap().moved, 3);
}

#[test]
fn an_old_file_of_which_only_mlst_tells_steps_aside_too() {
    put(|peer| {
        rename(peer, ".x.wharf-part", "x", "550 path already exists");
        peer.answer("SIZE x", "502 no");
        peer.answer("MLST x", "250-here\n type=file;size=2; x\n250 end");
        rename(peer, "x", ".x.wharf-old", "250 ok");
        rename(peer, ".x.wharf-part", "x", "250 ok");
        peer.answer("DELE .x.wharf-old", "250 gone");
    })
    .unwrap();
}

/// Plays a server that wants names to be free, once it is asked of what is no folder.
fn step_aside(peer: &mut Peer) {
    peer.answer("PWD", "257 \"/\"");
    peer.answer("CWD x", "550 not a directory");
    rename(peer, "x", ".x.wharf-old", "250 ok");
    rename(peer, ".x.wharf-part", "x", "250 ok");
    peer.answer("DELE .x.wharf-old", "250 gone");
}

#[test]
fn an_old_file_of_which_nothing_tells_steps_aside_if_it_cannot_be_entered() {
    put(|peer| {
        rename(peer, ".x.wharf-part", "x", "550 path already exists");
        peer.answer("SIZE x", "502 no");
        peer.answer("MLST x", "502 no");
        step_aside(peer);
    })
    .unwrap();
    put_with(&plain(), &mut quiet(), |peer| {
        rename(peer, ".x.wharf-part", "x", "553 file exists");
        step_aside(peer);
    })
    .unwrap();
}

#[test]
fn what_can_be_entered_or_is_not_known_to_be_no_folder_stays_where_it_is() {
    let refused = put(|peer| {
        rename(peer, ".x.wharf-part", "x", "550 path already exists");
        peer.answer("SIZE x", "550 no");
        peer.answer("MLST x", "500 what?");
        peer.answer("PWD", "257 \"/\"");
        peer.answer("CWD x", "250 there");
        peer.answer("CWD /", "250 back");
        peer.answer("DELE .x.wharf-part", "250 gone");
    });
    assert_eq!(refused.unwrap_err().code(), Some(550));
    for (question, answer) in [
        ("PWD", "502 no"),
        ("PWD", "257 somewhere"),
        ("CWD x", "502 no"),
        ("CWD x", "550 Permission denied."),
    ] {
        let refused = put_with(&plain(), &mut quiet(), move |peer| {
            rename(peer, ".x.wharf-part", "x", "553 file exists");
            if question != "PWD" {
                peer.answer("PWD", "257 \"/\"");
            }
            peer.answer(question, answer);
            peer.answer("DELE .x.wharf-part", "250 gone");
        });
        let error = refused.unwrap_err();
        assert_eq!(error.code(), Some(553));
        assert!(error.advice().unwrap().contains("--in-place"), "{error}");
    }
}

#[test]
fn an_old_file_that_an_upload_left_aside_goes_when_the_next_one_has_its_name_and_that_is_told() {
    for (reply, is_told) in [("250 gone", true), ("550 no such file", false)] {
        let mut told = Vec::new();
        put_with(&options(), &mut |progress| told.push(progress), move |peer| {
            rename(peer, ".x.wharf-part", "x", "250 renamed");
            peer.answer("DELE .x.wharf-old", reply);
        })
        .unwrap();
        assert_eq!(told.contains(&Progress::OldGone), is_told, "{told:?}");
    }
}

#[test]
fn a_name_that_is_refused_for_another_reason_leaves_the_old_file_and_no_temporary_one() {
    let passing = put(|peer| {
        rename(peer, ".x.wharf-part", "x", "450 busy");
        peer.answer("DELE .x.wharf-part", "250 gone");
    });
    assert_eq!(passing.unwrap_err().code(), Some(450));
    let quota = put(|peer| {
        rename(peer, ".x.wharf-part", "x", "552 quota exceeded");
        peer.answer("DELE .x.wharf-part", "250 gone");
    });
    assert_eq!(quota.unwrap_err().code(), Some(552));
    let nothing_there = put(|peer| {
        rename(peer, ".x.wharf-part", "x", "553 not that name");
        peer.answer("SIZE x", "550 no such file");
        peer.answer("MLST x", "550 no such file");
        peer.answer("DELE .x.wharf-part", "250 gone");
    });
    assert_eq!(nothing_there.unwrap_err().code(), Some(553));
    let no_renaming = put(|peer| {
        rename(peer, ".x.wharf-part", "x", "550 Permission denied.");
        peer.answer("SIZE x", "213 2");
        rename(peer, "x", ".x.wharf-old", "550 Permission denied.");
        peer.answer("DELE .x.wharf-old", "550 no such file");
        peer.answer("DELE .x.wharf-part", "250 gone");
    });
    assert_eq!(no_renaming.unwrap_err().code(), Some(550));
}

#[test]
fn an_old_file_that_made_room_in_vain_gets_its_name_back() {
    let refused = put(|peer| {
        rename(peer, ".x.wharf-part", "x", "553 not that name");
        peer.answer("SIZE x", "213 2");
        rename(peer, "x", ".x.wharf-old", "250 renamed");
        rename(peer, ".x.wharf-part", "x", "553 not that name");
        rename(peer, ".x.wharf-old", "x", "250 renamed");
        peer.answer("DELE .x.wharf-part", "250 gone");
    });
    assert_eq!(refused.unwrap_err().code(), Some(553));
}

#[test]
fn the_time_is_that_of_the_file_that_was_sent_though_another_one_has_its_path_by_now() {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8], seconds| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(at(seconds)).unwrap();
        path
    };
    let (path, newer) = (write("x", b"old", 1_714_566_600), write("y", b"new", 1_714_566_700));
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        let data = peer.epsv();
        peer.answer("STOR x", "150 go on");
        assert_eq!(data.take(), b"old");
        peer.say("226 done");
        peer.answer("SIZE x", "213 3");
        peer.features(&["MFMT"]);
        peer.answer("MFMT 20240501123000 x", "213 ok");
        peer.expect_end();
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        // As an editor does it that saves while the file is on its way.
        let mut watch = |progress| {
            if matches!(progress, Progress::At(_)) {
                fs::rename(&newer, &path).unwrap();
            }
        };
        let request = Put { times: true, ..Put::default() };
        session.put(&path, &"x".into(), request, &mut watch).await.unwrap();
    });
    assert_eq!(fs::read(&path).unwrap(), b"new");
}
