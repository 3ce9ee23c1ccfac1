//! The shell's other half: many names at once, scripts, this machine, coming back after a session was lost.

use std::fs;

use wharf_testkit::faulty::{Fault, Faulty};
use wharf_testkit::scripted::Scripted;

use crate::story::wharf;

const FILES: &[(&str, &[u8])] = &[("a.txt", b"one"), ("b.txt", b"two"), ("c d.bin", b"three")];

#[test]
fn patterns_mean_files_on_either_side() {
    let server = Faulty::new(FILES, &[]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("up 1.dat"), "up").unwrap();
    fs::write(folder.path().join("up2.dat"), "up2").unwrap();
    wharf(&["shell", "-q", &server.url("")])
        .within(folder.path())
        .typing(&["mget *.txt", "mput up*.dat", "mdelete a.* 'c d.bin'", "ls -1"])
        .ends_with(0)
        .printing("b.txt\nup 1.dat\nup2.dat\n");
    assert_eq!(fs::read(folder.path().join("a.txt")).unwrap(), b"one");
    assert_eq!(fs::read(folder.path().join("b.txt")).unwrap(), b"two");
    assert_eq!(server.file("up 1.dat").as_deref(), Some(&b"up"[..]));
}

#[test]
fn a_pattern_in_a_folder_means_the_files_in_it_and_no_others() {
    const BESIDE: &[(&str, &[u8])] = &[("log/1", b"in"), ("log1", b"beside")];
    let server = Faulty::new(BESIDE, &[Fault::Rows(&[b"type=file;size=2; 1"])]);
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("up")).unwrap();
    fs::write(folder.path().join("up/x.dat"), "in up").unwrap();
    fs::write(folder.path().join("upx.dat"), "beside").unwrap();
    wharf(&["shell", "-q", &server.url("")])
        .within(folder.path())
        .typing(&["mget log/*", "mput up/*.dat", "mdelete log/*"])
        .ends_with(0);
    assert_eq!(fs::read(folder.path().join("1")).unwrap(), b"in");
    assert_eq!(server.file("x.dat").as_deref(), Some(&b"in up"[..]));
    assert_eq!(server.file("log1").as_deref(), Some(&b"beside"[..]));
    let heard = server.heard();
    let deleted: Vec<_> = heard.iter().filter(|line| line.starts_with("DELE")).collect();
    assert_eq!(deleted, ["DELE log/1"]);
}

#[test]
fn of_many_files_those_that_fail_are_told_and_the_rest_is_done() {
    let server = Faulty::new(FILES, &[Fault::Reply("RETR a.txt", "550 Permission denied")]);
    let folder = tempfile::tempdir().unwrap();
    wharf(&["shell", "-q", &server.url("")])
        .within(folder.path())
        .typing(&["mget *.txt"])
        .ends_with(1)
        .saying("RETR a.txt was refused: 550 Permission denied")
        .saying("1 of 2 failed");
    assert!(folder.path().join("b.txt").exists() && !folder.path().join("a.txt").exists());
    // As for a single file: 5 where the server has none, 8 where there is none here.
    for (line, code) in [("mget *.zip", 5), ("mdelete *.zip", 5), ("mput *.zip", 8)] {
        wharf(&["shell", "-q", &server.url("")])
            .within(folder.path())
            .typing(&[line])
            .ends_with_for(code, line)
            .saying("*.zip: no file");
    }
}

#[test]
fn no_name_that_a_server_lists_is_written_outside_of_the_folder() {
    const ROWS: &[&[u8]] = &[
        b"type=file;size=3; ../out.txt",
        b"type=file;size=3; /tmp/out.txt",
        b"type=file;size=3; ..",
        b"type=dir; d.txt",
        b"type=file;size=3; a.txt",
    ];
    let server = Faulty::new(FILES, &[Fault::Rows(ROWS)]);
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    wharf(&["shell", "-q", &server.url("")]).within(&inner).typing(&["mget *"]).ends_with(0);
    let outside: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!((outside.len(), fs::read_dir(&inner).unwrap().count()), (1, 1));
    assert!(!server.heard().iter().any(|line| line.contains("out.txt")));
}

#[test]
fn a_script_is_read_from_a_file_and_ends_where_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let server = Faulty::new(FILES, &[]);
    fs::write(folder.path().join("s"), "# remark\nsize a.txt\ndelete nothing\nsize b.txt\n")
        .unwrap();
    let run = |lines: &[&str]| {
        wharf(&["shell", "-q", &server.url("")]).within(folder.path()).typing(lines)
    };
    run(&["source s", "size 'c d.bin'"]).ends_with(5).printing("3\n3\n5\n");
    run(&["set -e", "source s", "size 'c d.bin'"]).ends_with(5).printing("3\n");
    run(&["set -e", "set +e", "source s"]).ends_with(5).printing("3\n3\n");
    fs::write(folder.path().join("loop"), "source loop\n").unwrap();
    run(&["source loop"]).ends_with(2).saying("16 deep");
    run(&["source nothing"]).ends_with(8);
}

#[test]
fn the_systems_shell_is_at_hand() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("here it is"), "").unwrap();
    wharf(&["shell"])
        .within(folder.path())
        .knowing("PATH", "/usr/bin:/bin")
        .typing(&["lls", "!echo $((1 + 1))", "! printf '%s\\n' \"a  b\""])
        .ends_with(0)
        .printing("here it is\n2\na  b\n");
    wharf(&["shell"]).knowing("PATH", "/usr/bin:/bin").typing(&["!exit 3"]).ends_with(1);
}

#[test]
fn the_classic_questions_are_asked() {
    let server =
        Faulty::new(FILES, &[Fault::Reply("SITE", "200 done"), Fault::Reply("STAT", "211 fine")]);
    wharf(&["shell", &server.url("")])
        .typing(&[
            "modtime a.txt",
            "system",
            "site umask 022",
            "chmod 644 a.txt",
            "status",
            "noop",
            "cdup",
            "image",
        ])
        .ends_with(0)
        .printing("2024-05-01 12:30:00 UTC\n")
        .saying("215 UNIX")
        .saying("in clear; passive mode")
        .saying("211 fine");
    let heard = server.heard();
    for line in ["SITE umask 022", "SITE CHMOD 644 a.txt", "STAT", "NOOP", "CDUP"] {
        assert!(heard.iter().any(|heard| heard.eq_ignore_ascii_case(line)), "{line}: {heard:?}");
    }
    wharf(&["shell", &server.url("")])
        .typing(&["features", "remotehelp"])
        .ends_with(6)
        .saying("HELP");
}

#[test]
fn a_session_that_was_lost_is_opened_again_where_it_was() {
    let server = Faulty::new(FILES, &[Fault::Few("PWD", "421 going down", 1)]);
    let url = server.url("sub").replace("ftp://", "ftp://ann:secret@");
    wharf(&["shell", &url])
        .typing(&["cd deeper", "pwd", "reconnect", "pwd"])
        .ends_with(3)
        .printing("/\n")
        .saying("421 going down")
        .saying("reconnect goes back to where it was");
    let heard = server.heard();
    let logins = heard.iter().filter(|line| *line == "PASS secret").count();
    let steps = heard.iter().filter(|line| *line == "CWD sub" || *line == "CWD deeper").count();
    assert_eq!((logins, steps), (2, 4), "{heard:?}");
    wharf(&["shell"]).typing(&["reconnect"]).ends_with(2).saying("there was no session");
}

#[test]
fn reconnect_settles_the_connection_anew_after_another_host_could_not_be_opened() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join(".config/wharf")).unwrap();
    fs::write(
        home.path().join(".config/wharf/client.toml"),
        "[host.\"127.0.0.1\"]\nmode = \"active\"\n[host.localhost]\nmode = \"passive\"\n",
    )
    .unwrap();
    let server = Faulty::new(FILES, &[Fault::Few("PWD", "421 going down", 1)]);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    wharf(&["shell", "-q", &server.url("")])
        .knowing("HOME", home.path().to_str().unwrap())
        .typing(&["pwd", &format!("open localhost {gone}"), "reconnect", "cat a.txt"])
        .ends_with(3)
        .printing("one");
    let heard = server.heard();
    assert!(heard.iter().any(|line| line.starts_with("PORT ")), "{heard:?}");
    assert!(!heard.iter().any(|line| line == "EPSV" || line == "PASV"), "{heard:?}");
}

#[test]
fn a_folder_that_was_quoted_and_refused_is_not_gone_to_again() {
    let faults =
        [Fault::Reply("CWD nowhere", "550 no such folder"), Fault::Few("PWD", "421 going down", 1)];
    let server = Faulty::new(FILES, &faults);
    wharf(&["shell", "-q", &server.url("")])
        .typing(&["quote CWD sub", "quote CWD nowhere", "pwd", "reconnect", "pwd"])
        .ends_with(3)
        .printing("/\n");
    let heard = server.heard();
    let times = |line: &str| heard.iter().filter(|heard| *heard == line).count();
    assert_eq!((times("CWD sub"), times("CWD nowhere")), (2, 1), "{heard:?}");
}

#[test]
fn a_pattern_means_what_is_there_now_whoever_put_it_there() {
    let server = Faulty::new(FILES, &[]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("late"), "late").unwrap();
    let url = server.url("late.txt");
    let by_another = format!("!{} put -q late {url}", env!("CARGO_BIN_EXE_wharf"));
    wharf(&["shell", "-q", &server.url("")])
        .within(folder.path())
        .knowing("PATH", "/usr/bin:/bin")
        .typing(&["mget *.txt", &by_another, "mget *.txt", "put late z.txt", "mdelete [bz].txt"])
        .ends_with(0);
    assert_eq!(fs::read(folder.path().join("late.txt")).unwrap(), b"late");
    assert_eq!((server.file("b.txt"), server.file("z.txt")), (None, None));
    assert!(server.file("a.txt").is_some());
}

#[test]
fn what_scripts_know_from_other_clients_is_taken() {
    let server = Faulty::new(FILES, &[]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("more"), "+").unwrap();
    fs::write(folder.path().join("b.txt"), "newer than any there").unwrap();
    let lines = [
        "prompt",
        "hash",
        "bell",
        "verbose",
        "glob off",
        "type",
        "type ascii",
        "type binary",
        "form",
        "mode stream",
        "struct file",
        "newer a.txt",
        "newer b.txt",
        "nlist",
    ];
    wharf(&["shell", "-e", &server.url("")])
        .within(folder.path())
        .typing(&lines)
        .ends_with(0)
        .printing("a.txt\nb.txt\nc d.bin\n")
        .saying("nothing is asked before each file")
        .saying("b.txt: the one here is as new");
    assert_eq!(fs::read(folder.path().join("a.txt")).unwrap(), b"one");
    let shell = || wharf(&["shell", "-e", &server.url("")]).within(folder.path());
    shell().typing(&["mode block"]).ends_with(2).saying("--block-mode");
    shell().typing(&["append nothing"]).ends_with(8);
}

#[test]
fn a_file_goes_to_standard_output_or_into_a_program_from_the_shell() {
    let big = vec![b'x'; 2_000_000];
    let files: &[(&str, &[u8])] = &[("a", b"one\n"), ("b", b"b|c\n"), ("big", &big)];
    let server = Faulty::new(files, &[]);
    let folder = tempfile::tempdir().unwrap();
    let lines = |lines: &[&str]| {
        wharf(&["shell", "-q", &server.url("")]).within(folder.path()).typing(lines)
    };
    lines(&["get a -", "get a |tr a-z A-Z", "get b \"|cut -d'|' -f 2\"", "get b | cut -d'|' -f 1"])
        .ends_with(0)
        .printing("one\nONE\nc\nb\n");
    // A program has words and quotes of its own.
    lines(&[
        r"get a - |sed 's/\w/x/' | sed 's/\(.\)n/\1N/'",
        r#"cat b | awk -F\| '{print "it'\''s " $2}'"#,
        r"cat a|sed s/\n// # it's over",
    ])
    .ends_with(0)
    .printing("xNe\nit's c\noe\n");
    // A program need not read to the end.
    lines(&["get big |head -c 3"]).ends_with(0).printing("xxx");
    lines(&["get a |exit 3"]).ends_with(1).saying("exit 3: exit status: 3");
    lines(&["get none |cat"]).ends_with(5).printing("");
    for line in [
        "get a |",
        "get a - &",
        "get a |cat &",
        "get -r a -",
        "get --verify a |cat",
        "get |cat",
        "cat a |",
        "cat a b |cat",
        "cat a |cat &",
        "ls |cat",
    ] {
        lines(&[line]).ends_with_for(2, line);
    }
    lines(&["get a x |cat"]).ends_with(2).saying("another name");
    lines(&["ls |cat"]).ends_with(2).saying(r"a bar in a name is written \|");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_others_read_is_handed_on_as_it_was_typed_and_a_name_may_end_in_a_space_or_hold_a_bar() {
    let files: &[(&str, &[u8])] = &[("a|b", b"bar"), ("end ", b"space"), ("|x", b"first")];
    let server = Faulty::new(files, &[]);
    let folder = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("it's"), "").unwrap();
    fs::create_dir(home.path().join("wharf")).unwrap();
    fs::write(
        home.path().join("wharf/client.toml"),
        "[alias]\nla = \"!ls -A\"\nhead = \"get -- end\\\\  - | head -c\"\n",
    )
    .unwrap();
    wharf(&["shell", "-q", "-e", &server.url("")])
        .within(folder.path())
        .knowing("XDG_CONFIG_HOME", &home.path().display().to_string())
        .knowing("PATH", "/usr/bin:/bin")
        .typing(&[
            r"echo it's \d & so on &",
            "la | wc -l",
            "lls it\\'s | sed 's/\\w/I/'",
            r"!printf '%s\n' \d",
            "head 3",
            "!echo",
            "get 'a|b' |cat",
            "!echo",
            r"get a\|b",
            r"get end\  ",
            r"get \|x ./\|x",
        ])
        .ends_with(0)
        .printing("it's \\d & so on &\n1\nIt's\nd\nspa\nbar\n");
    for (name, bytes) in [("a|b", &b"bar"[..]), ("end ", b"space"), ("|x", b"first")] {
        assert_eq!(fs::read(folder.path().join(name)).unwrap(), bytes, "{name}");
    }
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&[]);
        peer.answer(r"SITE NOTE it's \d &", "200 noted");
        peer.answer(r#"XNOTE "\d"#, "200 noted");
        peer.answer("QUIT", "221 bye");
    });
    wharf(&["shell", "-e", &server.url("")])
        .typing(&[r"site NOTE it's \d &", r#"quote XNOTE "\d"#])
        .ends_with(0);
}

#[test]
fn who_is_not_logged_in_is_told_so_and_not_that_the_server_has_no_passive_mode() {
    const NO: &str = "530 Please login with USER and PASS.";
    let faults = ["EPSV", "PASV", "EPRT", "PORT"].map(|verb| Fault::Reply(verb, NO));
    let server =
        Faulty::new(&[], &[&[Fault::Reply("PASS", "530 Login incorrect.")], &faults[..]].concat());
    let (host, port) = (server.address().ip(), server.address().port());
    wharf(&["shell"])
        .typing(&[&format!("open {host} {port}"), "user ann wrong", "ls"])
        .ends_with(4)
        .saying("check user and password")
        .saying("nobody is logged in: user NAME")
        .not_saying("--active");
}
