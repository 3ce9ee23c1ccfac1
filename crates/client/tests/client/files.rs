//! Fetching into files and storing from files: what is left of a broken transfer, and how it goes on.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use wharf_client::{
    BYTES, Digest, End, Error, Fetched, Get, Progress, Proof, Put, Stored, TEXT, Verdict,
};
use wharf_proto::command::Algorithm;
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

/// The same, and answers whether `x` has changed meanwhile.
fn serve_all(peer: &mut Peer, bytes: &[u8], time: &str) {
    serve(peer, bytes, "226 done");
    peer.answer("MDTM x", &format!("213 {time}"));
}

/// What is compared of a file before it is gone on with.
const OVERLAP: usize = 64 * 1024;

/// A file of some size in which no two places are alike.
fn large() -> Vec<u8> {
    (0..50_000_u32).flat_map(u32::to_be_bytes).collect()
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
    get_as(server, target, Get::default())
}

fn get_as(
    server: &Scripted,
    target: &Path,
    request: Get,
) -> (Result<Fetched, Error>, Vec<Progress>) {
    let mut told = Vec::new();
    let result = run(async {
        let mut session = log_in(server, &options()).await;
        let mut watch = |progress| told.push(progress);
        session.get(&"x".into(), target, request, &mut watch).await
    });
    told.retain(|progress| !matches!(progress, Progress::At(_)));
    (result, told)
}

fn fetched(moved: usize, resumed_at: usize, size: usize) -> Fetched {
    let count = |bytes: usize| u64::try_from(bytes).unwrap();
    let (moved, resumed_at, size) = (count(moved), count(resumed_at), Some(count(size)));
    Fetched { moved, resumed_at, size, end: End::Said, verified: false, suspect: 0 }
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
        serve_all(peer, b"bytes", TIME);
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("local name");
    let (result, told) = get(&server, &target);
    assert_eq!(result.unwrap(), fetched(5, 0, 5));
    assert_eq!(told, [Progress::Begins { at: 0, total: Some(5) }]);
    assert_eq!(fs::read(&target).unwrap(), b"bytes");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_714_566_600);
    assert_eq!(fs::metadata(&target).unwrap().modified().unwrap(), time);
    assert_eq!(names(folder.path()), ["local name"]);
}

#[test]
fn a_broken_download_leaves_the_old_file_and_goes_on_the_next_time() {
    let whole = large();
    let (half, size) = (whole.len() / 2, whole.len());
    let served = whole.clone();
    let server = Scripted::sessions(move |host| {
        break_off(host, &served);
        let mut peer = host.accept();
        peer.login();
        facts(&mut peer, size, TIME);
        let data = peer.epsv();
        peer.answer(&format!("REST {}", half - OVERLAP), "350 from there");
        peer.answer("RETR x", "150 opening");
        data.give(&served[half - OVERLAP..]);
        peer.say("226 done");
        peer.answer("MDTM x", &format!("213 {TIME}"));
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x");
    fs::write(&target, b"old").unwrap();
    let (result, _) = get(&server, &target);
    assert_eq!(result.unwrap_err().code(), Some(426));
    assert_eq!(fs::read(&target).unwrap(), b"old");
    assert_eq!(names(folder.path()), [".x.wharf-note", ".x.wharf-part", "x"]);
    let (result, told) = get(&server, &target);
    assert_eq!(result.unwrap(), fetched(half + OVERLAP, half, size));
    let (at, total) = (half as u64, Some(size as u64));
    assert_eq!(told, [Progress::Begins { at, total }]);
    assert!(fs::read(&target).unwrap() == whole);
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
            serve_all(&mut peer, &vec![b'n'; size], time);
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
fn a_file_that_changed_and_kept_its_size_and_time_is_found_out_by_its_bytes() {
    let server = Scripted::sessions(move |host| {
        break_off(host, &large());
        let mut changed = large();
        changed[99_999] ^= 1;
        let mut peer = host.accept();
        peer.login();
        facts(&mut peer, changed.len(), TIME);
        let data = peer.epsv();
        peer.expect(&format!("REST {}", changed.len() / 2 - OVERLAP));
        peer.say("350 from there");
        peer.answer("RETR x", "150 opening");
        let mut data = data.open();
        // The client ends it before all of it is written.
        let _ = data.write_all(&changed[changed.len() / 2 - OVERLAP..]);
        peer.answer("ABOR", "426 broken off\n226 so be it");
        serve_all(&mut peer, &changed, TIME);
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x");
    get(&server, &target).0.unwrap_err();
    let (result, told) = get(&server, &target);
    assert_eq!(result.unwrap().resumed_at, 0);
    assert!(told.contains(&Progress::StartsOver), "{told:?}");
    assert_eq!(fs::read(&target).unwrap()[99_999], large()[99_999] ^ 1);
}

#[test]
fn a_file_that_changes_while_it_is_fetched_is_not_proven_and_leaves_nothing() {
    let server = Scripted::session(|peer| {
        peer.login();
        facts(peer, 5, TIME);
        serve_all(peer, b"bytes", "20240501123001");
    });
    let folder = tempfile::tempdir().unwrap();
    let (result, _) = get(&server, &folder.path().join("x"));
    assert!(matches!(result, Err(Error::Unproven { missing: Proof::Unchanged, .. })), "{result:?}");
    assert!(names(folder.path()).is_empty());
}

#[test]
fn without_times_a_part_is_gone_on_with_as_far_as_its_bytes_agree() {
    let server = Scripted::sessions(|host| {
        for (sent, last) in [(&b"one "[..], "426 broken off"), (b"one two ", "226 done")] {
            let mut peer = host.accept();
            peer.login();
            peer.answer("TYPE I", "200 ok");
            peer.answer("SIZE x", "213 8");
            peer.answer("MDTM x", "550 no");
            // All of the part is compared, since it is short.
            serve(&mut peer, sent, last);
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x");
    get(&server, &target).0.unwrap_err();
    let (result, _) = get(&server, &target);
    assert_eq!(result.unwrap(), fetched(8, 4, 8));
    assert_eq!(fs::read(&target).unwrap(), b"one two ");
}

#[test]
fn a_server_that_cannot_restart_sends_it_all_again() {
    let whole = large();
    let served = whole.clone();
    let server = Scripted::sessions(move |host| {
        break_off(host, &served);
        let mut peer = host.accept();
        peer.login();
        facts(&mut peer, served.len(), TIME);
        let _unused = peer.epsv();
        peer.answer(&format!("REST {}", served.len() / 2 - OVERLAP), "502 no");
        serve_all(&mut peer, &served, TIME);
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x");
    get(&server, &target).0.unwrap_err();
    let (result, told) = get(&server, &target);
    assert_eq!(result.unwrap().moved, whole.len() as u64);
    assert!(told.contains(&Progress::StartsOver));
    assert!(fs::read(&target).unwrap() == whole);
}

#[test]
fn of_a_part_that_has_all_the_bytes_the_last_ones_are_compared() {
    let whole = large();
    let served = whole.clone();
    let server = Scripted::sessions(move |host| {
        let mut peer = host.accept();
        peer.login();
        facts(&mut peer, served.len(), TIME);
        serve(&mut peer, &served, "451 something odd at the end");
        let mut peer = host.accept();
        peer.login();
        facts(&mut peer, served.len(), TIME);
        let data = peer.epsv();
        peer.answer(&format!("REST {}", served.len() - OVERLAP), "350 from there");
        peer.answer("RETR x", "150 opening");
        data.give(&served[served.len() - OVERLAP..]);
        peer.say("226 done");
        peer.answer("MDTM x", &format!("213 {TIME}"));
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x");
    get(&server, &target).0.unwrap_err();
    let (result, _) = get(&server, &target);
    assert_eq!(result.unwrap(), fetched(OVERLAP, whole.len(), whole.len()));
    assert!(fs::read(&target).unwrap() == whole);
}

#[test]
fn a_digest_that_differs_is_blamed_on_the_part_first() {
    let digest = |bytes: &[u8]| Digest::of(Algorithm::Crc32, bytes).to_string();
    let whole = large();
    let mut changed = whole.clone();
    changed[0] ^= 1;
    let (served, now) = (whole, changed.clone());
    let server = Scripted::sessions(move |host| {
        break_off(host, &served);
        let mut peer = host.accept();
        peer.login();
        facts(&mut peer, now.len(), TIME);
        let from = now.len() / 2 - OVERLAP;
        let data = peer.epsv();
        peer.answer(&format!("REST {from}"), "350 from there");
        peer.answer("RETR x", "150 opening");
        data.give(&now[from..]);
        peer.say("226 done");
        peer.answer("MDTM x", &format!("213 {TIME}"));
        peer.features(&["XCRC"]);
        peer.answer("XCRC x", &format!("250 {}", digest(&now)));
        serve_all(&mut peer, &now, TIME);
        peer.answer("XCRC x", &format!("250 {}", digest(&now)));
    });
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("x");
    get(&server, &target).0.unwrap_err();
    let (result, told) = get_as(&server, &target, Get { verify: true, ..Get::default() });
    assert_eq!(result.unwrap().verdict(), Verdict::Verified);
    assert!(told.contains(&Progress::StartsOver));
    assert!(fs::read(&target).unwrap() == changed);
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
        let request = Get { how: TEXT, ..Get::default() };
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
    assert_eq!(
        stored,
        Stored { moved: 8, resumed_at: 0, size: Some(8), verified: true, agrees: false }
    );
    assert!(!put(&script("502 no"), Put::default()).unwrap().verified);
    let error = put(&script("213 7"), Put::default()).unwrap_err();
    let missing = Proof::Size { expected: 8, found: 7 };
    assert!(matches!(error, Error::Unproven { missing: m, .. } if m == missing), "{error}");
}

/// Gives the end of what the server has, here all of it.
fn show_end(peer: &mut Peer, bytes: &[u8]) {
    let data = peer.epsv();
    peer.answer("RETR x", "150 opening");
    data.give(bytes);
    peer.say("226 done");
}

const RESUME: Put = Put { resume: true, how: BYTES, atomic: false, verify: false, times: false };

#[test]
fn an_upload_goes_on_by_appe_or_by_rest_and_stor_where_the_server_has_its_beginning() {
    for appends in [true, false] {
        let server = Scripted::session(move |peer| {
            peer.login();
            peer.answer("TYPE I", "200 ok");
            peer.answer("SIZE x", "213 3");
            peer.features(&["REST STREAM"]);
            show_end(peer, b"one");
            let data = peer.epsv();
            if appends {
                peer.answer("APPE x", "150 go on");
                assert_eq!(data.take(), b" two ");
                peer.say("226 done");
            } else {
                peer.answer("APPE x", "502 no");
                let behind = peer.epsv();
                drop(data);
                peer.answer("REST 3", "350 from there");
                peer.answer("STOR x", "150 go on");
                assert_eq!(behind.take(), b" two ");
                peer.say("226 done");
                // It is looked whether the beginning has stayed.
                show_end(peer, b"one two ");
            }
            peer.answer("SIZE x", "213 8");
        });
        let stored = put(&server, RESUME).unwrap();
        assert_eq!(
            stored,
            Stored { moved: 5, resumed_at: 3, size: Some(8), verified: true, agrees: false }
        );
    }
}

#[test]
fn an_upload_is_gone_on_with_by_a_digest_of_what_is_there_or_by_the_size_where_nobody_may_look() {
    let digest = Digest::of(Algorithm::Sha256, b"one");
    for ranged in [true, false] {
        let digest = digest.clone();
        let server = Scripted::session(move |peer| {
            peer.login();
            peer.answer("TYPE I", "200 ok");
            peer.answer("SIZE x", "213 3");
            // It stays open until the refusal is heard.
            let mut unused = None;
            if ranged {
                peer.features(&["REST STREAM", "RANG STREAM", "HASH SHA-256*"]);
                peer.answer("RANG 0 2", "350 so far");
                peer.answer("HASH x", &format!("213 SHA-256 0-2 {digest} x"));
            } else {
                peer.features(&["REST STREAM"]);
                unused = Some(peer.epsv());
                peer.answer("RETR x", "550 only to be written");
            }
            let data = peer.epsv();
            drop(unused);
            peer.answer("APPE x", "150 go on");
            assert_eq!(data.take(), b" two ");
            peer.say("226 done");
            peer.answer("SIZE x", "213 8");
        });
        assert_eq!(put(&server, RESUME).unwrap().resumed_at, 3);
    }
}

#[test]
fn a_remote_file_that_is_larger_or_other_is_replaced_and_one_that_is_whole_is_left() {
    for (size, there) in [(9, None), (3, Some(&b"two"[..])), (8, Some(b"ONE TWO "))] {
        let server = Scripted::session(move |peer| {
            peer.login();
            peer.answer("TYPE I", "200 ok");
            peer.answer("SIZE x", &format!("213 {size}"));
            if let Some(there) = there {
                peer.features(&["REST STREAM"]);
                let data = peer.epsv();
                peer.answer("RETR x", "150 opening");
                data.open().write_all(there).unwrap();
                peer.answer("ABOR", "426 broken off\n226 so be it");
            }
            let data = peer.epsv();
            peer.answer("STOR x", "150 go on");
            assert_eq!(data.take(), b"one two ");
            peer.say("226 done");
            peer.answer("SIZE x", "213 8");
        });
        assert_eq!(put(&server, RESUME).unwrap().resumed_at, 0);
    }
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        peer.answer("SIZE x", "213 3");
        peer.features(&["REST STREAM", "XCRC"]);
        peer.answer("XCRC x", &format!("250 {}", Digest::of(Algorithm::Crc32, b"two")));
        let data = peer.epsv();
        peer.answer("STOR x", "150 go on");
        assert_eq!(data.take(), b"one two ");
        peer.say("226 done");
        peer.answer("SIZE x", "213 8");
    });
    assert_eq!(put(&server, RESUME).unwrap().resumed_at, 0);
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        peer.answer("SIZE x", "213 8");
        peer.features(&["REST STREAM"]);
        show_end(peer, b"one two ");
        peer.expect_end();
    });
    assert_eq!(put(&server, RESUME).unwrap().moved, 0);
}

#[test]
fn a_file_that_changes_while_it_is_stored_is_not_proven() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    fs::write(&path, b"one two ").unwrap();
    let written = path.clone();
    let server = Scripted::session(move |peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        let data = peer.epsv();
        peer.answer("STOR x", "150 go on");
        data.take();
        fs::write(&written, b"one too ").unwrap();
        peer.say("226 done");
    });
    let result = run(async {
        let mut session = log_in(&server, &options()).await;
        session.put(&path, &"x".into(), Put::default(), &mut wharf_client::quiet()).await
    });
    assert!(matches!(result, Err(Error::Unproven { missing: Proof::Unchanged, .. })), "{result:?}");
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
