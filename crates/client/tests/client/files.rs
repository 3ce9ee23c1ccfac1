//! Fetching into files and storing from files: what is left of a broken transfer, and how it goes on.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use wharf_client::{End, Error, Fetched, Get, Progress, Proof, Put, Stored};
use wharf_testkit::scripted::{Host, Peer, Scripted};

use crate::support::{log_in, options, plain, run};

const TIME: &str = "20240501123000";

/// Answers what `get` asks before it fetches.
fn facts(peer: &mut Peer, size: usize, time: &str) {
    peer.answer("TYPE I", "200 ok");
    peer.answer("SIZE x", &format!("213 {size}"));
    peer.answer("MDTM x", &format!("213 {time}"));
}

/// Serves the bytes of `x` from where the client wants it.
fn serve(peer: &mut Peer, bytes: &[u8], last: &str) {
    let data = peer.epsv();
    peer.answer("RETR x", "150 opening");
    data.give(bytes);
    peer.say(last);
}

/// A session that fetches `x` and gets half of it.
fn break_off(host: &Host, whole: &[u8]) {
    let mut peer = host.accept();
    peer.login();
    facts(&mut peer, whole.len(), TIME);
    serve(&mut peer, &whole[..whole.len() / 2], "426 broken off");
}

/// Fetches `x` in a session of its own and gives what was told on the way.
fn get(server: &Scripted, target: &Path) -> (Result<Fetched, Error>, Vec<Progress>) {
    let mut told = Vec::new();
    let result = run(async {
        let mut session = log_in(server, &options()).await;
        let mut watch = |progress| told.push(progress);
        session.get(&"x".into(), target, Get::default(), &mut watch).await
    });
    told.retain(|progress| !matches!(progress, Progress::At(_)));
    (result, told)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_fetched_file_has_its_bytes_its_time_and_nothing_beside_it() {
    let server = Scripted::session(|peer| {
        peer.login();
        facts(peer, 5, TIME);
        serve(peer, b"bytes", "226 done");
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("local name");
    let (result, told) = get(&server, &target);
    assert_eq!(result.unwrap(), Fetched { moved: 5, resumed_at: 0, size: Some(5), end: End::Said });
    assert_eq!(told, [Progress::Begins { at: 0, total: Some(5) }]);
    assert_eq!(fs::read(&target).unwrap(), b"bytes");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_714_566_600);
    assert_eq!(fs::metadata(&target).unwrap().modified().unwrap(), time);
    assert_eq!(names(folder.path()), ["local name"]);
}

#[test]
fn a_broken_download_leaves_the_old_file_and_goes_on_the_next_time() {
    let server = Scripted::sessions(|host| {
        break_off(host, b"one two ");
        let mut peer = host.accept();
        peer.login();
        facts(&mut peer, 8, TIME);
        let data = peer.epsv();
        peer.answer("REST 4", "350 from there");
        peer.answer("RETR x", "150 opening");
        data.give(b"two ");
        peer.say("226 done");
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x");
    fs::write(&target, b"old").unwrap();
    let (result, _) = get(&server, &target);
    assert_eq!(result.unwrap_err().code(), Some(426));
    assert_eq!(fs::read(&target).unwrap(), b"old");
    assert_eq!(names(folder.path()), [".x.wharf-note", ".x.wharf-part", "x"]);
    let (result, told) = get(&server, &target);
    assert_eq!(result.unwrap(), Fetched { moved: 4, resumed_at: 4, size: Some(8), end: End::Said });
    assert_eq!(told, [Progress::Begins { at: 4, total: Some(8) }]);
    assert_eq!(fs::read(&target).unwrap(), b"one two ");
    assert_eq!(names(folder.path()), ["x"]);
}

#[test]
fn a_file_that_changed_since_is_fetched_again_from_its_beginning_and_that_is_said() {
    for (size, time) in [(8, "20240501123001"), (9, TIME)] {
        let server = Scripted::sessions(move |host| {
            break_off(host, b"one two ");
            let mut peer = host.accept();
            peer.login();
            facts(&mut peer, size, time);
            serve(&mut peer, &vec![b'n'; size], "226 done");
        });
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x");
        get(&server, &target).0.unwrap_err();
        let (result, told) = get(&server, &target);
        assert_eq!(result.unwrap().moved, size as u64);
        assert_eq!(told[0], Progress::StartsOver);
        assert_eq!(fs::read(&target).unwrap(), vec![b'n'; size]);
    }
}

#[test]
fn a_server_that_cannot_restart_sends_it_all_again() {
    let server = Scripted::sessions(|host| {
        break_off(host, b"one two ");
        let mut peer = host.accept();
        peer.login();
        facts(&mut peer, 8, TIME);
        let _unused = peer.epsv();
        peer.answer("REST 4", "502 no");
        serve(&mut peer, b"one two ", "226 done");
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x");
    get(&server, &target).0.unwrap_err();
    let (result, told) = get(&server, &target);
    assert_eq!(result.unwrap().moved, 8);
    assert!(told.contains(&Progress::StartsOver));
    assert_eq!(fs::read(&target).unwrap(), b"one two ");
}

#[test]
fn a_part_that_has_all_the_bytes_needs_no_transfer() {
    let server = Scripted::sessions(|host| {
        let mut peer = host.accept();
        peer.login();
        facts(&mut peer, 8, TIME);
        serve(&mut peer, b"one two ", "451 something odd at the end");
        let mut peer = host.accept();
        peer.login();
        facts(&mut peer, 8, TIME);
        peer.expect_end();
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x");
    get(&server, &target).0.unwrap_err();
    let (result, _) = get(&server, &target);
    assert_eq!(result.unwrap(), Fetched { moved: 0, resumed_at: 8, size: Some(8), end: End::Said });
    assert_eq!(fs::read(&target).unwrap(), b"one two ");
}

#[test]
fn a_file_that_is_not_there_leaves_nothing_behind() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        peer.answer("SIZE x", "550 no such file");
        peer.answer("MDTM x", "550 no such file");
        let _data = peer.epsv();
        peer.answer("RETR x", "550 no such file");
    });
    let folder = tempfile::tempdir().unwrap();
    let (result, _) = get(&server, &folder.path().join("x"));
    assert!(result.unwrap_err().is_not_found());
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_folder_that_is_not_there_and_a_full_disk_are_local_trouble() {
    let server = Scripted::session(|peer| {
        peer.login();
        facts(peer, 5, TIME);
        peer.expect_end();
    });
    let folder = tempfile::tempdir().unwrap();
    let (result, _) = get(&server, &folder.path().join("no/x"));
    assert!(matches!(result, Err(Error::Local { doing: "make", .. })), "{result:?}");

    let server = Scripted::session(|peer| {
        peer.login();
        facts(peer, 5, TIME);
        serve(peer, b"bytes", "226 done");
    });
    let (result, _) = get(&server, Path::new("/dev/full"));
    assert!(matches!(result, Err(Error::Local { doing: "write", .. })), "{result:?}");
}

#[test]
fn text_is_translated_and_never_gone_on_with() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("MDTM x", "500 what?");
        serve(peer, b"one\r\ntwo\r\n", "226 done");
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x");
    run(async {
        let mut session = log_in(&server, &options()).await;
        let request = Get { text: true, resume: true };
        session.get(&"x".into(), &target, request, &mut wharf_client::quiet()).await.unwrap();
    });
    assert_eq!(fs::read(&target).unwrap(), b"one\ntwo\n");
}

#[test]
fn the_plain_session_asks_nothing_it_was_not_told_to() {
    let server = Scripted::session(|peer| {
        peer.login();
        for kind in ["TYPE I", ""] {
            if !kind.is_empty() {
                peer.answer(kind, "200 ok");
            }
            let data = peer.pasv();
            peer.answer("RETR x", "150 opening");
            data.give(b"bytes");
            peer.say("226 done");
            let data = peer.pasv();
            peer.answer("STOR x", "150 opening");
            assert_eq!(data.take(), b"bytes");
            peer.say("226 done");
        }
        peer.expect_end();
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x");
    run(async {
        let mut session = log_in(&server, &plain()).await;
        let mut quiet = wharf_client::quiet();
        for _ in 0..2 {
            session.get(&"x".into(), &target, Get::default(), &mut quiet).await.unwrap();
            session.put(&target, &"x".into(), Put::default(), &mut quiet).await.unwrap();
        }
        session.close().await;
    });
}

/// Stores eight bytes as `x`.
fn put(server: &Scripted, request: Put) -> Result<Stored, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    fs::write(&path, b"one two ").unwrap();
    run(async {
        let mut session = log_in(server, &options()).await;
        session.put(&path, &"x".into(), request, &mut wharf_client::quiet()).await
    })
}

#[test]
fn an_upload_is_verified_by_size() {
    let script = |size: &'static str| {
        Scripted::session(move |peer| {
            peer.login();
            peer.answer("TYPE I", "200 ok");
            let data = peer.epsv();
            peer.answer("STOR x", "150 go on");
            assert_eq!(data.take(), b"one two ");
            peer.say("226 done");
            peer.answer("SIZE x", size);
        })
    };
    let stored = put(&script("213 8"), Put::default()).unwrap();
    assert_eq!(stored, Stored { moved: 8, resumed_at: 0, verified: true });
    assert!(!put(&script("502 no"), Put::default()).unwrap().verified);
    let error = put(&script("213 7"), Put::default()).unwrap_err();
    let missing = Proof::Size { expected: 8, found: 7 };
    assert!(matches!(error, Error::Unproven { missing: m, .. } if m == missing), "{error}");
}

#[test]
fn an_upload_goes_on_by_rest_and_stor_or_by_appe_where_that_is_wanted() {
    for (feature, resume) in [("REST STREAM", "REST 3"), ("SIZE", "")] {
        let server = Scripted::session(move |peer| {
            peer.login();
            peer.answer("TYPE I", "200 ok");
            peer.answer("SIZE x", "213 3");
            peer.features(&[feature]);
            let data = peer.epsv();
            if resume.is_empty() {
                peer.answer("APPE x", "150 go on");
            } else {
                peer.answer(resume, "350 from there");
                peer.answer("STOR x", "150 go on");
            }
            assert_eq!(data.take(), b" two ");
            peer.say("226 done");
            peer.answer("SIZE x", "213 8");
        });
        let stored = put(&server, Put { resume: true, ..Put::default() }).unwrap();
        assert_eq!(stored, Stored { moved: 5, resumed_at: 3, verified: true });
    }
}

#[test]
fn a_remote_file_that_is_larger_is_replaced_and_one_that_is_whole_is_left() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        peer.answer("SIZE x", "213 9");
        let data = peer.epsv();
        peer.answer("STOR x", "150 go on");
        data.take();
        peer.say("226 done");
        peer.answer("SIZE x", "213 8");
    });
    let resume = Put { resume: true, ..Put::default() };
    assert_eq!(put(&server, resume).unwrap().resumed_at, 0);
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        peer.answer("SIZE x", "213 8");
        peer.expect_end();
    });
    assert_eq!(put(&server, resume).unwrap().moved, 0);
}

#[test]
fn listings_come_by_mlsd_or_by_list_and_odd_rows_are_kept() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&["MLST type*;size*;", "UTF8"]);
        peer.answer("OPTS UTF8 ON", "200 ok");
        let data = peer.epsv();
        peer.answer("MLSD", "150 opening");
        data.give("type=cdir; .\r\ntype=file;size=3; a b\r\ntype=dir; 日本\r\n???\r\n".as_bytes());
        peer.say("226 done");
        let _unused = peer.epsv();
        peer.answer("MLSD f", "501 not a folder");
        let data = peer.epsv();
        peer.answer("LIST f", "150 opening");
        data.give(b"total 1\r\n-rw-r--r-- 1 u g 3 Jan  1  2020 f\r\n");
        peer.say("226 done");
    });
    run(async {
        let mut session = log_in(&server, &options()).await;
        let listing = session.list(None).await.unwrap();
        let names: Vec<&[u8]> = listing.entries.iter().map(|e| e.name.as_slice()).collect();
        assert_eq!(names, [b"a b", "日本".as_bytes()]);
        assert_eq!(listing.unread, ["???".into()]);
        let listing = session.list(Some(&"f".into())).await.unwrap();
        assert_eq!(listing.entries[0].size, Some(3));
    });
}
