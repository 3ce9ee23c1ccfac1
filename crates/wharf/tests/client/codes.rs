//! How a command of the shell's scripts ends: with the exit code that the command line would have for it. And where what
//! is moved is no file here: standard output and standard input.

use std::fs;

use wharf_testkit::faulty::{Fault, Faulty};

use crate::story::wharf;

const FILES: &[(&str, &[u8])] = &[("a.txt", b"one"), ("b.txt", b"two")];

#[test]
fn what_fails_in_a_script_ends_it_as_the_command_line_would() {
    let faults = [
        Fault::Reply("RMD b.txt", "550 Permission denied"),
        Fault::Reply("CWD no", "550 no such folder"),
    ];
    let server = Faulty::new(FILES, &faults);
    let folder = tempfile::tempdir().unwrap();
    for (line, code) in [
        ("get nothing", 5),
        ("cat nothing", 5),
        ("size nothing", 5),
        ("delete nothing", 5),
        ("delete nothing none", 5),
        ("delete nothing a.txt", 1),
        ("mget no*", 5),
        ("cd no", 5),
        ("rmdir b.txt", 6),
        ("quote DELE nothing", 5),
        ("quote RMD b.txt", 6),
        ("chmod 644 b.txt", 6),
        ("put nothing", 8),
        ("mput no*", 8),
        ("lcd nothing", 8),
        ("source nothing", 8),
        ("get", 2),
        ("frobnicate", 2),
        ("!exit 3", 1),
        ("get nothing &", 5),
    ] {
        wharf(&["shell", "-q", &server.url("")])
            .within(folder.path())
            .knowing("PATH", "/usr/bin:/bin")
            .typing(&[line])
            .ends_with_for(code, line);
    }
}

#[test]
fn without_a_session_a_script_ends_as_what_took_it_or_kept_it_away() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refuses = Faulty::new(FILES, &[Fault::Reply("PASS", "530 no")]);
    let url = format!("ftp://{gone}/");
    wharf(&["shell", &url]).typing(&["ls"]).ends_with(3).saying("could not be opened");
    let open = format!("open {} {}", gone.ip(), gone.port());
    wharf(&["shell"]).typing(&[&open, "get x"]).ends_with(3);
    wharf(&["shell"]).typing(&["get x"]).ends_with(2);
    let open = format!("open {} {}", refuses.address().ip(), refuses.address().port());
    wharf(&["shell"]).typing(&[&open, "user ann wrong"]).ends_with(4);
    wharf(&["shell"]).typing(&[&open, "user ann"]).ends_with(4).saying("WHARF_PASSWORD");
    wharf(&["shell"]).typing(&[&open, "get x &"]).ends_with(4).saying("not logged in");
    // What was closed on purpose is no fault of the network.
    let server = Faulty::new(FILES, &[]);
    wharf(&["shell", &server.url("")]).typing(&["close", "ls"]).ends_with(2);
}

#[test]
fn of_many_files_none_is_tried_behind_the_one_that_took_the_session() {
    let server = Faulty::new(FILES, &[Fault::Reply("RETR a.txt", "421 going down")]);
    let folder = tempfile::tempdir().unwrap();
    wharf(&["shell", &server.url("")])
        .within(folder.path())
        .typing(&["mget *.txt"])
        .ends_with(3)
        .saying("2 of 2 files were not moved");
}

#[test]
fn a_command_may_be_shortened_and_what_others_have_is_answered() {
    let server = Faulty::new(FILES, &[]);
    let shell = |lines: &[&str]| wharf(&["shell", &server.url("")]).typing(lines);
    shell(&["bin", "siz a.txt", "by"]).ends_with(0).printing("3\n");
    shell(&["m"]).ends_with(2).saying("m may be any of");
    shell(&["epsv4", "preserve", "passive off", "echo a  b"]).ends_with(0).printing("a  b\n");
    for (line, says) in [
        ("mirror", "sync :FOLDER LOCAL"),
        ("pget x", "--segments"),
        ("macdef x", "source"),
        ("get -c a.txt", "by itself"),
    ] {
        shell(&[line]).ends_with_for(2, line).saying(says);
    }
    shell(&["help nmap"])
        .ends_with(0)
        .printing("nmap\n  names stay as they are; get FILE LOCAL gives a file another one\n");
}

#[test]
fn a_file_goes_to_standard_output_and_comes_from_standard_input() {
    let server = Faulty::new(FILES, &[]);
    let folder = tempfile::tempdir().unwrap();
    let url = server.url("a.txt");
    for arguments in [&["get", &url, "-"][..], &["get", "-o", "-", &url]] {
        wharf(arguments).within(folder.path()).ends_with(0).printing("one").saying("size agrees");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    wharf(&["put", "-", &server.url("up")]).typing(&["typed"]).ends_with(0).saying("size agrees");
    assert_eq!(server.file("up").as_deref(), Some(&b"typed\n"[..]));
    wharf(&["put", "--atomic", "-", &server.url("up")]).typing(&["anew"]).ends_with(0);
    assert_eq!(server.file("up").as_deref(), Some(&b"anew\n"[..]));
    assert!(server.heard().iter().any(|line| line.starts_with("RNTO")), "{:?}", server.heard());
    for arguments in [
        &["put", "-", &server.url("")][..],
        &["put", "--resume", "-", &server.url("up")],
        &["get", "--verify", &url, "-"],
        &["get", "-r", &url, "-"],
        &["get", "--exclude", "x", &url],
    ] {
        wharf(arguments).within(folder.path()).ends_with_for(2, arguments);
    }
}

/// Bytes of which no piece is like another one.
fn bytes() -> Vec<u8> {
    (0..30_000).flat_map(|nth| format!("{nth:08}").into_bytes()).collect()
}

#[test]
fn a_file_on_standard_output_is_gone_on_with_behind_what_was_written() {
    let bytes = bytes();
    for command in ["get", "cat"] {
        let server = Faulty::new(&[("a", &bytes)], &[Fault::ResetsOnceAfter(150_000)]);
        let url = server.url("a");
        let arguments = [&[command, &url], &["-"][usize::from(command == "cat")..]].concat();
        let ending = wharf(&arguments).ends_with(0).saying("trying again");
        assert!(ending.out == bytes, "{command}: {} bytes", ending.out.len());
        let heard = server.heard();
        assert_eq!(heard.iter().filter(|line| *line == "RETR a").count(), 2, "{heard:?}");
    }
    // Before the first byte it is asked for anew.
    let server = Faulty::new(FILES, &[Fault::Few("RETR a.txt", "425 not now", 1)]);
    wharf(&["get", &server.url("a.txt"), "-"]).ends_with(0).printing("one");
}

#[test]
fn what_was_written_on_standard_output_is_not_written_again() {
    const BROKEN: Fault = Fault::ResetsOnceAfter(150_000);
    const ANEW: &str = "running again begins anew";
    const CHANGED: &str = "the file was changed while it was moved";
    let bytes = bytes();
    for (faults, options, code, says) in [
        (&[][..], &["--retries", "0"][..], 3, ANEW),
        (&[], &["--ascii"], 3, ANEW),
        (&[Fault::Reply("MDTM", "550 no")], &[], 3, ANEW),
        (&[Fault::Reply("SIZE", "550 no")], &[], 3, ANEW),
        (&[Fault::Few("MDTM", "213 20240501122959", 1)], &[], 7, CHANGED),
        (&[Fault::ChangesWhileSent], &[], 7, CHANGED),
        (&[Fault::IgnoresRest], &[], 7, CHANGED),
        (&[Fault::Few("REST", "502 no", 1)], &[], 6, "502 no"),
    ] {
        let server = Faulty::new(&[("a", &bytes)], &[&[BROKEN], faults].concat());
        let url = server.url("a");
        let arguments = [&["get", &url, "-"], options].concat();
        let ending = wharf(&arguments).ends_with_for(code, (faults, options));
        let ending = ending.saying(says).saying("bytes on standard output: ");
        assert!(bytes.starts_with(&ending.out) && !ending.out.is_empty(), "{faults:?}");
    }
    let server = Faulty::new(&[], &[Fault::StopsReading(10, "426 the connection broke")]);
    let ending = wharf(&["put", "-", &server.url("up")]).reading(&bytes).ends_with(3);
    ending.saying("bytes from standard input: ").saying(ANEW);
}

#[test]
fn the_shell_stores_under_a_temporary_name_where_that_is_wanted() {
    let server = Faulty::new(FILES, &[]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("f"), "new").unwrap();
    wharf(&["shell", "-q", &server.url("")])
        .within(folder.path())
        .typing(&["put --atomic f a.txt"])
        .ends_with(0);
    assert_eq!(server.file("a.txt").as_deref(), Some(&b"new"[..]));
    assert!(server.heard().contains(&"RNTO a.txt".to_owned()), "{:?}", server.heard());
}
