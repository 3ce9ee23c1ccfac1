//! `wharf cat`, `get` and `put`: where the bytes go, and how each kind of failure ends.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use wharf_testkit::faulty::Faulty;
use wharf_testkit::scripted::{PATIENCE, Peer, Scripted};

use crate::story::{Ending, begun_by, signal, wharf};

const TIME: &str = "20240501123000";

fn size(peer: &mut Peer, size: usize) {
    peer.answer("TYPE I", "200 ok");
    peer.answer("SIZE x", &format!("213 {size}"));
}

fn facts(peer: &mut Peer, bytes: usize) {
    size(peer, bytes);
    peer.answer("MDTM x", &format!("213 {TIME}"));
}

fn serve(peer: &mut Peer, bytes: &[u8], last: &str) {
    let data = peer.epsv();
    peer.answer("RETR x", "150 opening");
    data.give(bytes);
    peer.say(last);
}

/// The same, and answers whether `x` has changed meanwhile.
fn serve_all(peer: &mut Peer, bytes: &[u8]) {
    serve(peer, bytes, "226 done");
    peer.answer("MDTM x", &format!("213 {TIME}"));
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_that_is_fetched_onto_a_link_goes_to_the_file_behind_it() {
    let server = Faulty::new(&[("x", b"bytes")], &[]);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("d")).unwrap();
    fs::write(at("d/file"), b"old").unwrap();
    symlink("d/file", at("link")).unwrap();
    for options in [&[][..], &["--segments", "2"]] {
        let url = server.url("x");
        let arguments = [&["get", &url, "link"], options].concat();
        wharf(&arguments).within(folder.path()).ends_with(0);
        assert_eq!(fs::read_link(at("link")).unwrap(), Path::new("d/file"), "{options:?}");
        assert_eq!(fs::read(at("d/file")).unwrap(), b"bytes", "{options:?}");
        fs::write(at("d/file"), b"old").unwrap();
    }
    assert_eq!(names(&at("d")), ["file"]);
}

#[test]
fn cat_writes_the_bytes_and_nothing_else_to_standard_output() {
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let served = bytes.clone();
    let server = Scripted::session(move |peer| {
        peer.login();
        facts(peer, served.len());
        serve(peer, &served, "226 done");
        peer.answer("QUIT", "221 bye");
    });
    let ending = wharf(&["cat", &server.url("x")]).ends_with(0);
    assert_eq!(ending.out, bytes);
}

#[test]
fn cat_moves_text_where_the_option_or_the_url_wants_it_or_nothing_else_is_said_in_plain_mode() {
    for (arguments, url) in [
        (&["cat", "--ascii", "-q"][..], "x"),
        (&["cat", "-q"], "x;type=a"),
        (&["cat", "--plain"], "x"),
    ] {
        let plain = arguments.contains(&"--plain");
        let server = Scripted::session(move |peer| {
            peer.login();
            let data = if plain { peer.pasv() } else { peer.epsv() };
            peer.answer("RETR x", "150 opening");
            data.give(b"one\r\ntwo\r\n");
            peer.say("226 done");
            peer.answer("QUIT", "221 bye");
        });
        let url = server.url(url);
        wharf(&[arguments, &[&url]].concat()).ends_with(0).printing("one\ntwo\n");
    }
}

#[test]
fn a_reader_that_has_heard_enough_is_no_error() {
    let server = Scripted::session(|peer| {
        peer.login();
        facts(peer, 50_000_000);
        let data = peer.epsv();
        peer.answer("RETR x", "150 opening");
        let mut stream = data.open();
        while stream.write_all(&[b'x'; 100_000]).is_ok() {}
        peer.answer("ABOR", "426 broken off\n226 done");
    });
    let mut child = wharf(&["cat", &server.url("x")]).begin();
    let mut head = [0; 10];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut head).unwrap();
    drop(out);
    Ending::of(child, 0).not_saying("wharf");
}

#[test]
fn each_way_of_failing_has_its_own_exit_code() {
    for (told, sent, last, code) in [
        (4, 4, "550 x: no such file", 5),
        (4, 4, "550 Permission denied.", 6),
        (4, 4, "451 disk error", 6),
        (4, 2, "426 broken off", 3),
        (4, 2, "226 done", 7),
    ] {
        let server = Scripted::session(move |peer| {
            peer.login();
            facts(peer, told);
            serve(peer, &vec![b'x'; sent], last);
            peer.expect_end_or_quit();
        });
        wharf(&["cat", "--retries", "0", &server.url("x")]).ends_with(code);
    }
}

#[test]
fn get_writes_the_file_under_its_own_name_under_another_or_into_a_folder() {
    for (local, written) in [(None, "x"), (Some("other"), "other"), (Some("sub"), "sub/x")] {
        let server = Scripted::session(|peer| {
            peer.login();
            facts(peer, 5);
            serve_all(peer, b"bytes");
            peer.answer("QUIT", "221 bye");
        });
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        let url = server.url("x");
        let arguments: Vec<&str> = ["get", &url].into_iter().chain(local).collect();
        wharf(&arguments)
            .within(folder.path())
            .ends_with(0)
            .saying("5 bytes")
            .saying("size agrees");
        assert_eq!(fs::read(folder.path().join(written)).unwrap(), b"bytes");
    }
}

#[test]
fn quiet_means_quiet() {
    let server = Scripted::session(|peer| {
        peer.login();
        facts(peer, 5);
        serve_all(peer, b"bytes");
        peer.answer("QUIT", "221 bye");
    });
    let folder = tempfile::tempdir().unwrap();
    let ending = wharf(&["get", "-q", &server.url("x")]).within(folder.path()).ends_with(0);
    ending.printing("").not_saying("x");
}

/// Serves the first half of `x` and hears ABOR; then all of it to who goes on.
fn broken_off_and_gone_on_with() -> (Scripted, mpsc::Receiver<()>) {
    let (half_sent, sent) = mpsc::channel();
    let server = Scripted::sessions(move |host| {
        let mut peer = host.accept();
        peer.login();
        facts(&mut peer, 8);
        let data = peer.epsv();
        peer.answer("RETR x", "150 opening");
        let mut stream = data.open();
        stream.write_all(b"one ").unwrap();
        half_sent.send(()).unwrap();
        peer.answer("ABOR", "426 broken off\n226 done");
        let mut peer = host.accept();
        peer.login();
        facts(&mut peer, 8);
        // The four bytes that are there are compared.
        serve_all(&mut peer, b"one two ");
        peer.answer("QUIT", "221 bye");
    });
    (server, sent)
}

/// Waits until four bytes are in the part of `x`: there is no event outside the program for their arrival.
fn has_half(folder: &Path) {
    let part = folder.join(".x.wharf-part");
    let begun = Instant::now();
    while fs::metadata(&part).map_or(0, |metadata| metadata.len()) < 4 {
        assert!(begun.elapsed() < PATIENCE, "no half came");
        std::thread::yield_now();
    }
}

#[test]
fn a_signal_to_end_breaks_the_transfer_off_in_order_and_the_next_get_goes_on() {
    for (name, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let (server, sent) = broken_off_and_gone_on_with();
        let folder = tempfile::tempdir().unwrap();
        let url = server.url("x");
        // Whoever runs the tests may have them ignore SIGHUP.
        let starter = ["/usr/bin/env", "--default-signal=HUP,INT"];
        let child = begun_by(&starter, &["get", "--json", &url]).within(folder.path()).begin();
        sent.recv().unwrap();
        has_half(folder.path());
        signal(name, &child);
        let ending = Ending::of(child, code).saying("interrupted");
        let told = String::from_utf8(ending.out).unwrap();
        let end: serde_json::Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        assert_eq!((&end["event"], &end["exit"]), (&"end".into(), &code.into()), "{told}");
        assert_eq!((&end["cause"], &end["failed"]), (&"interrupted".into(), &1.into()), "{told}");
        assert_eq!(names(folder.path()), [".x.wharf-note", ".x.wharf-part"], "{name}");
        wharf(&["get", &url]).within(folder.path()).ends_with(0).saying("going on after 4 bytes");
        assert_eq!(fs::read(folder.path().join("x")).unwrap(), b"one two ");
        assert_eq!(names(folder.path()), ["x"]);
    }
}

#[test]
fn a_second_signal_ends_a_command_that_writes_to_a_pipe_which_nobody_reads() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&["MLST type*;"]);
        let data = peer.epsv();
        peer.answer("MLSD", "150 opening");
        // More than any pipe holds.
        data.give("type=file; a name of a file\r\n".repeat(50_000).as_bytes());
        peer.say("226 done");
        peer.expect_end_or_quit();
    });
    let starter = ["/usr/bin/env", "--default-signal=HUP,INT"];
    let mut child = begun_by(&starter, &["ls", &server.url("")]).begin();
    let pipe = child.stdout.take().unwrap();
    while rustix::io::ioctl_fionread(&pipe).unwrap() == 0 && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    // Two that come at the same time may be one.
    let mut signals = 0;
    while child.try_wait().unwrap().is_none() && signals < 500 {
        signal("-TERM", &child);
        signals += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    drop(pipe);
    Ending::of(child, 143);
    assert!(signals > 1, "one is heeded in order, or not at all");
}

#[test]
fn a_signal_while_the_server_does_not_say_good_bye_changes_nothing_of_what_was_done() {
    let (told, quits) = mpsc::channel();
    let server = Scripted::session(move |peer| {
        peer.login();
        facts(peer, 5);
        serve_all(peer, b"bytes");
        peer.expect("QUIT");
        told.send(()).unwrap();
        peer.expect_any_end();
    });
    let folder = tempfile::tempdir().unwrap();
    let child = wharf(&["get", &server.url("x")]).within(folder.path()).begin();
    quits.recv().unwrap();
    signal("-TERM", &child);
    Ending::of(child, 0).saying("5 bytes");
    assert_eq!(fs::read(folder.path().join("x")).unwrap(), b"bytes");
}

#[test]
fn who_was_started_by_nohup_goes_on_when_the_terminal_goes_away() {
    let (half_sent, sent) = mpsc::channel();
    let (hung_up, goes_on) = mpsc::channel::<()>();
    let server = Scripted::session(move |peer| {
        peer.login();
        facts(peer, 8);
        let data = peer.epsv();
        peer.answer("RETR x", "150 opening");
        let mut stream = data.open();
        stream.write_all(b"one ").unwrap();
        half_sent.send(()).unwrap();
        goes_on.recv().unwrap();
        stream.write_all(b"two ").unwrap();
        drop(stream);
        peer.say("226 done");
        peer.answer("MDTM x", &format!("213 {TIME}"));
        peer.answer("QUIT", "221 bye");
    });
    let folder = tempfile::tempdir().unwrap();
    let get = begun_by(&["/usr/bin/nohup"], &["get", &server.url("x")]);
    let child = get.within(folder.path()).begin();
    sent.recv().unwrap();
    has_half(folder.path());
    signal("-HUP", &child);
    hung_up.send(()).unwrap();
    Ending::of(child, 0);
    assert_eq!(fs::read(folder.path().join("x")).unwrap(), b"one two ");
}

#[test]
fn restart_begins_anew() {
    let server = Scripted::sessions(|host| {
        let mut peer = host.accept();
        peer.login();
        facts(&mut peer, 5);
        serve(&mut peer, b"bytes", "426 broken off");
        peer.expect_end_or_quit();
        let mut peer = host.accept();
        peer.login();
        facts(&mut peer, 5);
        serve_all(&mut peer, b"bytes");
        peer.expect_end_or_quit();
    });
    let folder = tempfile::tempdir().unwrap();
    let url = server.url("x");
    wharf(&["get", "--retries", "0", &url]).within(folder.path()).ends_with(3);
    wharf(&["get", "--restart", &url]).within(folder.path()).ends_with(0);
    assert_eq!(names(folder.path()), ["x"]);
}

#[test]
fn put_stores_under_the_name_in_the_url_or_in_the_folder_with_its_own() {
    for (path, remote) in [("y", "y"), ("pub/", "pub/x"), ("", "x"), ("%2Fabs/y", "/abs/y")] {
        let server = Scripted::session(move |peer| {
            peer.login();
            peer.answer("TYPE I", "200 ok");
            let data = peer.epsv();
            peer.answer(&format!("STOR {remote}"), "150 go on");
            assert_eq!(data.take(), b"bytes");
            peer.say("226 done");
            peer.answer(&format!("SIZE {remote}"), "213 5");
            peer.features(&["MFMT"]);
            peer.answer(&format!("MFMT 20010909014640 {remote}"), "213 set");
            peer.answer("QUIT", "221 bye");
        });
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x"), b"bytes").unwrap();
        let file = fs::File::options().write(true).open(folder.path().join("x")).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
        wharf(&["put", "x", &server.url(path)]).within(folder.path()).ends_with(0);
    }
}

#[test]
fn put_tells_a_refusal_a_false_size_and_a_missing_file_apart() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x"), b"bytes").unwrap();
    let refused = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        let _data = peer.epsv();
        peer.answer("STOR x", "553 no");
        peer.expect_end();
    });
    wharf(&["put", "x", &refused.url("")]).within(folder.path()).ends_with(6).saying("553 no");
    let short = Scripted::session(|peer| {
        peer.login();
        peer.answer("TYPE I", "200 ok");
        let data = peer.epsv();
        peer.answer("STOR x", "150 go on");
        data.take();
        peer.say("226 done");
        peer.answer("SIZE x", "213 4");
        peer.expect_end();
    });
    wharf(&["put", "x", &short.url("")]).within(folder.path()).ends_with(7);
    let untouched = Scripted::session(|peer| {
        peer.login();
        peer.expect_end();
    });
    wharf(&["put", "nothing", &untouched.url("")]).within(folder.path()).ends_with(8);
}

#[test]
fn a_folder_that_a_slash_names_is_made_for_the_file_and_goes_again_where_none_comes() {
    let server = Scripted::sessions(|host| {
        let mut peer = host.accept();
        peer.login();
        facts(&mut peer, 5);
        serve_all(&mut peer, b"bytes");
        peer.answer("QUIT", "221 bye");
        let mut peer = host.accept();
        peer.login();
        size(&mut peer, 5);
        peer.answer("MDTM x", "550 no such file");
        let data = peer.epsv();
        peer.answer("RETR x", "550 no such file");
        drop(data);
        peer.expect_end();
    });
    let folder = tempfile::tempdir().unwrap();
    let get = |to: &str| wharf(&["get", &server.url("x"), to]).within(folder.path());
    get("new/deep/").ends_with(0);
    assert_eq!(fs::read(folder.path().join("new/deep/x")).unwrap(), b"bytes");
    get("other/deep/").ends_with(5);
    assert_eq!(names(folder.path()), ["new"]);
}

#[test]
fn what_cannot_be_written_here_is_told_before_anybody_is_connected_to() {
    let folder = tempfile::tempdir().unwrap();
    let within = folder.path();
    fs::write(within.join("file"), "").unwrap();
    fs::create_dir_all(within.join("folder/x")).unwrap();
    // Who would connect ends with 3.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("ftp://{nobody}/x");
    for (arguments, why) in [
        (&["get", &url, "none/x"][..], "cannot write none/x: No such file"),
        (&["get", &url, "file/x"], "cannot write file/x: Not a directory"),
        (&["get", &url, "file/"], "cannot make the folder file/: File exists"),
        (&["get", &url, "folder"], "cannot write folder/x: Is a directory"),
        (&["get", "-r", &url, "file/x/"], "cannot make the folder file/x"),
        (&["get", "-r", &url, "--failed", "none/f"], "none/f: No such file"),
        (&["sync", &url, "file"], "cannot make the folder file"),
        (&["sync", &url, "tree", "--plan", "none/p"], "cannot write none/p: No such file"),
        (&["ls", "--trace=none/t", &url], "cannot write none/t: No such file"),
        (&["get", "-r", "--trace=folder", &url], "cannot write folder: Is a directory"),
        (&["copy", "--trace=none/t.svg", &url, "ftp://127.0.0.1:1/y"], "cannot write none/t.svg"),
        (&["check", "--trace=none/t.jsonl", &url], "cannot write none/t.jsonl"),
        (&["shell", "--trace=none/t", &url], "cannot write none/t"),
    ] {
        wharf(arguments).within(within).ends_with_for(8, arguments).saying(why);
    }
    wharf(&["ls", "--trace=fine", &url]).within(within).ends_with(3);
    let get = wharf(&["get", &url, "tried/"]).within(within);
    get.ends_with(3);
    assert_eq!(names(within), ["file", "fine", "folder"]);
}
