//! `wharf shell` from a pipe: the steps of a session line by line, and what becomes of errors.

use std::fs;
use std::path::Path;
use std::time::Instant;

use wharf_testkit::faulty::{Fault, Faulty};
use wharf_testkit::scripted::{PATIENCE, Scripted};

use crate::story::{Ending, begun_by, signal, wharf};

#[test]
fn the_basic_steps_work_line_by_line() {
    let server = Scripted::session(|peer| {
        peer.say("220 ready");
        peer.answer("USER name", "331 password wanted");
        peer.answer("PASS password", "230 logged in");
        peer.features(&["SIZE"]);
        let data = peer.epsv();
        peer.answer("LIST", "150 opening");
        data.give(b"-rw-r--r-- 1 u g 7 Jan  2  2020 file\r\n");
        peer.say("226 done");
        peer.answer("CWD directory", "250 done");
        peer.answer("TYPE I", "200 ok");
        peer.answer("SIZE file", "213 5");
        peer.answer("MDTM file", "213 20240501123000");
        let data = peer.epsv();
        peer.answer("RETR file", "150 opening");
        data.give(b"bytes");
        peer.say("226 done");
        peer.answer("MDTM file", "213 20240501123000");
        peer.answer("QUIT", "221 bye");
        peer.expect_end();
    });
    let folder = tempfile::tempdir().unwrap();
    let address = server.address();
    let open = format!("open {} {}", address.ip(), address.port());
    wharf(&["shell"])
        .within(folder.path())
        .typing(&[&open, "user name", "password", "ls", "cd directory", "get file", "quit"])
        .ends_with(0)
        .printing("- 7  2020-01-02        file\n")
        .saying("220 ready\n331 password wanted\n230 logged in\n")
        .saying("221 bye")
        .not_saying("PASS")
        .not_saying("\n211");
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"bytes");
}

#[test]
fn the_reference_session_can_be_typed() {
    let server = Scripted::session(|peer| {
        peer.say("220 ready");
        peer.answer("USER name", "331 password wanted");
        peer.answer("PASS password", "230 logged in");
        peer.answer("CWD directory", "250 done");
        for command in ["LIST", "RETR file"] {
            let data = peer.port();
            peer.answer(command, "125 open already");
            data.give(b"bytes\r\n");
            peer.say("250 done");
        }
        peer.answer("QUIT", "221 bye");
        peer.expect_end();
    });
    let folder = tempfile::tempdir().unwrap();
    let url = format!("ftp://name:password@{}/directory", server.address());
    wharf(&["shell", "--plain", "--active", &url])
        .within(folder.path())
        .typing(&["dir", "get file"])
        .ends_with(0)
        .printing("bytes\n");
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"bytes\n");
}

#[test]
fn a_script_goes_on_after_an_error_and_ends_with_the_last_one_or_stops_where_that_is_wanted() {
    let script = || {
        Scripted::session(|peer| {
            peer.login();
            peer.features(&[]);
            peer.answer("DELE x", "550 no such file");
            loop {
                match peer.hear().as_str() {
                    "PWD" => peer.say("257 \"/ a \""),
                    "QUIT" => return peer.say("221 bye"),
                    other => panic!("{other}"),
                }
            }
        })
    };
    let lines = ["delete x", "frobnicate", "pwd"];
    let server = script();
    wharf(&["shell", &server.url("")]).typing(&lines).ends_with(2).printing("/ a \n");
    let server = script();
    wharf(&["shell", "-e", &server.url("")])
        .typing(&lines)
        .ends_with(5)
        .printing("")
        .saying("DELE x was refused: 550 no such file");
}

#[test]
fn a_script_ends_with_the_line_that_ctrl_c_breaks_off() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("script"), "get big\ndelete big\n").unwrap();
    for lines in [&["get big", "delete big"][..], &["source script", "delete big"]] {
        let server = Faulty::new(&[("big", b"the only copy")], &[Fault::NoData("")]);
        let url = server.url("");
        let shell = begun_by(&["/usr/bin/env", "--default-signal=INT"], &["shell", &url]);
        let child = shell.within(folder.path()).typing(lines).begin();
        let begun = Instant::now();
        while !server.heard().contains(&"RETR big".to_owned()) {
            assert!(begun.elapsed() < PATIENCE, "{:?}", server.heard());
            std::thread::yield_now();
        }
        signal("-INT", &child);
        Ending::of(child, 130).saying("interrupted");
        let heard = server.heard();
        assert!(!heard.iter().any(|line| line.starts_with("DELE")), "{lines:?}: {heard:?}");
    }
}

#[test]
fn a_line_that_is_no_text_or_too_long_fails_as_a_line_and_what_follows_is_carried_out() {
    let long = [&b"echo "[..], &[b'x'; 70_000]].concat();
    for bad in [&b"echo caf\xe9"[..], &long] {
        let shell = |arguments: &[&str], code| {
            let input = [bad, b"\necho behind\n"].concat();
            wharf(arguments).reading(&input).ends_with(code)
        };
        shell(&["shell"], 2).printing("behind\n").saying("a line of standard input ");
        shell(&["shell", "-e"], 2).printing("");
    }
}

#[test]
fn a_verb_that_is_in_no_table_is_sent_as_it_is_and_ends_as_the_server_answers() {
    for (reply, code) in [("299 frobbed", 0), ("350 more", 0), ("450 later", 6), ("550 no frob", 6)]
    {
        let server = Scripted::session(move |peer| {
            peer.login();
            peer.features(&[]);
            peer.answer("xFrob  a B", reply);
            peer.answer("QUIT", "221 bye");
        });
        let ending = wharf(&["shell", &server.url("")])
            .typing(&["quote xFrob  a B"])
            .ends_with_for(code, reply);
        let text = String::from_utf8_lossy(&ending.out) + ending.said();
        assert!(text.contains(reply), "{text}");
    }
}

#[test]
fn a_known_verb_is_quoted_as_it_was_typed_and_what_it_does_is_heeded() {
    let server = Scripted::session(move |peer| {
        peer.login();
        peer.features(&[]);
        for line in ["XPWD", "xcup", "ALLO 10 R 5", "TYPE", "HELP  a"] {
            peer.answer(line, "200 ok");
        }
        peer.answer("type i", "200 binary");
        // TYPE I is in force.
        peer.answer("SIZE s", "213 17");
        peer.answer("TYPE X", "200 odd");
        // Nobody knows what is.
        peer.answer("TYPE I", "200 ok");
        peer.answer("SIZE s", "213 17");
        peer.answer("QUIT", "221 bye");
    });
    wharf(&["shell", &server.url("")])
        .typing(&[
            "quote XPWD",
            "quote xcup",
            "quote ALLO 10 R 5",
            "quote TYPE",
            "quote HELP  a",
            "quote type i",
            "size s",
            "quote TYPE X",
            "size s",
            "quote stor x",
            "quote PROT",
        ])
        .ends_with(2)
        .printing("17\n17\n")
        .saying("STOR moves data; use ls, get or put")
        .saying("PROT changes how the session is protected");
}

#[test]
fn an_unknown_verb_with_a_control_character_is_not_sent() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&[]);
        peer.answer("QUIT", "221 bye");
    });
    wharf(&["shell", &server.url("")])
        .typing(&["quote XFROB a\tb"])
        .ends_with(2)
        .saying("a line with a control character is not sent");
}

#[test]
fn commands_without_a_server_and_malformed_lines_are_usage_errors() {
    for line in ["ls", "get", "open", "open h notaport", "get \"x", "cd a b", "quote FROB", "user"]
    {
        wharf(&["shell"]).typing(&[line]).ends_with(2);
    }
    wharf(&["shell"]).typing(&["ls"]).ends_with(2).saying("not connected; try open HOST");
    wharf(&["shell"]).typing(&["# a remark", "", "   "]).ends_with(0);
}

#[test]
fn a_session_that_the_server_ends_leaves_the_shell_disconnected() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&[]);
        peer.answer("PWD", "421 going down");
    });
    wharf(&["shell", &server.url("")])
        .typing(&["pwd", "pwd"])
        // What fails for want of the session ends as what took it.
        .ends_with(3)
        .saying("421 going down")
        .saying("not connected");
}

#[test]
fn small_commands_do_what_they_are_named_after() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&[]);
        peer.answer("CWD a b", "250 ok");
        peer.answer("CDUP", "250 ok");
        peer.answer("RNFR a", "350 to?");
        peer.answer("RNTO b", "250 ok");
        peer.answer("MKD m", "257 \"m\"");
        peer.answer("RMD m", "250 ok");
        peer.answer("SYST", "215 UNIX");
        peer.answer("TYPE I", "200 ok");
        peer.answer("SIZE s", "213 17");
        peer.answer("TYPE A", "200 ok");
        let data = peer.port();
        peer.answer("STOR t", "150 go on");
        assert_eq!(data.take(), b"one\r\n");
        peer.say("226 done");
        peer.answer("QUIT", "221 bye");
        peer.expect_end();
    });
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sub")).unwrap();
    fs::write(folder.path().join("sub/t"), "one\n").unwrap();
    let here = folder.path().canonicalize().unwrap();
    wharf(&["shell", &server.url("")])
        .within(&here)
        .typing(&[
            "cd 'a b'",
            "cd ..",
            "rename a b",
            "mkdir m",
            "rmdir m",
            "quote SYST",
            "size s",
            "ascii",
            "active",
            "lcd sub",
            "lpwd",
            "put t",
            "close",
            "quit",
        ])
        .ends_with(0)
        .printing(&format!("17\n{}/sub\n", here.display()))
        .saying("215 UNIX");
}

#[test]
fn get_has_one_rule_for_the_local_name_on_the_command_line_and_in_the_shell() {
    let server = Faulty::new(&[("f", b"bytes")], &[]);
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("old")).unwrap();
    wharf(&["shell", "-e", &server.url("")])
        .within(folder.path())
        .typing(&[
            "get f new/",
            "get f old",
            "newer f newer/",
            "newer f old",
            "get f made/in/job/ &",
            "lcd old",
            "wait",
            "get f named",
        ])
        .ends_with(0)
        .saying("f: the one here is as new");
    for file in ["new/f", "old/f", "newer/f", "made/in/job/f", "old/named"] {
        assert_eq!(fs::read(folder.path().join(file)).unwrap(), b"bytes", "{file}");
    }
    // What cannot be written is told before anything is fetched, and a folder into which nothing came goes again.
    fs::write(folder.path().join("taken"), "").unwrap();
    let before = server.heard().len();
    wharf(&["shell", &server.url("")])
        .within(folder.path())
        .typing(&["get f taken/", "get f none/x", "get none empty/"])
        .ends_with(5)
        .saying("cannot make the folder taken/")
        .saying("cannot write none/x");
    let heard = server.heard().split_off(before);
    assert!(!heard.iter().any(|line| line == "RETR f"), "{heard:?}");
    assert!(!folder.path().join("empty").exists());
    for entry in all_below(folder.path()) {
        assert!(!entry.contains("wharf-"), "{entry} was left");
    }
}

/// The names of all that is below a folder.
fn all_below(folder: &Path) -> Vec<String> {
    let below = |entry: fs::DirEntry| {
        let name = entry.path().display().to_string();
        let more = entry.path().is_dir().then(|| all_below(&entry.path()));
        [vec![name], more.unwrap_or_default()].concat()
    };
    fs::read_dir(folder).unwrap().flat_map(|entry| below(entry.unwrap())).collect()
}

#[test]
fn help_lists_every_command_and_explains_one() {
    let all = wharf(&["shell"]).typing(&["help"]).ends_with(0);
    let text = String::from_utf8(all.out).unwrap();
    for name in ["open", "user", "ls", "cd", "get", "put", "quit"] {
        assert!(text.lines().any(|line| line.trim_start().starts_with(name)), "{name}: {text}");
    }
    wharf(&["shell"])
        .typing(&["help size"])
        .ends_with(0)
        .printing("size FILE\n  tell how many bytes a file has\n");
    let one = wharf(&["shell"]).typing(&["help get"]).ends_with(0);
    let text = String::from_utf8(one.out).unwrap();
    for line in
        ["get, recv, reget [-r] [OPTION...] FILE [LOCAL] [&]", "      --restart    Begin anew"]
    {
        assert!(text.lines().any(|shown| shown.starts_with(line)), "{line}: {text}");
    }
}

#[test]
fn each_session_of_a_shell_has_a_ladder_of_its_own() {
    let script = || {
        Scripted::session(|peer| {
            peer.login();
            peer.features(&[]);
            peer.answer("QUIT", "221 bye");
        })
    };
    let (first, second) = (script(), script());
    let folder = tempfile::tempdir().unwrap();
    let lines = ["close", &format!("open {}", second.url(""))];
    wharf(&["shell", "--trace=ladder", &first.url("")])
        .within(folder.path())
        .typing(&lines)
        .ends_with(0);
    let drawn = fs::read_to_string(folder.path().join("ladder")).unwrap();
    assert_eq!(drawn.matches("USER anonymous").count(), 2, "{drawn}");
    assert_eq!(
        drawn.lines().filter(|line| line.trim_start().starts_with("1 ")).count(),
        2,
        "{drawn}"
    );
}
