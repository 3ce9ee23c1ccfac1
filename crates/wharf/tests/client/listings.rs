//! `wharf ls`, and the exit codes of all that fails before a byte moves.

use std::fs;

use wharf_testkit::scripted::{Peer, Scripted};

use crate::story::wharf;

const ROWS: &[u8] = b"type=dir;modify=20240501123000; sub\r\n\
    type=file;size=12;modify=20240501123000; a b\x1b[2J\xff\r\n";

fn serve_mlsd(peer: &mut Peer, command: &str) {
    let data = peer.epsv();
    peer.answer(command, "150 opening");
    data.give(ROWS);
    peer.say("226 done");
    peer.answer("QUIT", "221 bye");
}

#[test]
fn ls_prints_rows_sorted_and_escaped_and_names_alone_where_asked() {
    let script = |peer: &mut Peer| {
        peer.login();
        peer.features(&["MLST type*;"]);
        serve_mlsd(peer, "MLSD pub/x y");
    };
    let server = Scripted::session(script);
    wharf(&["ls", &server.url("pub/x%20y")]).ends_with(0).printing(
        "- 12  2024-05-01 12:30  a b\\x1b[2J\\xff\n\
         d  -  2024-05-01 12:30  sub/\n",
    );
    for arguments in [["ls", "-1", "pub/x%20y"], ["ls", "-q", "pub/x%20y;type=d"]] {
        let server = Scripted::session(script);
        wharf(&[arguments[0], arguments[1], &server.url(arguments[2])])
            .ends_with(0)
            .printing("a b\\x1b[2J\\xff\nsub\n");
    }
}

#[test]
fn unsorted_rows_and_json_come_in_the_servers_order() {
    for (options, wanted) in [
        (
            &["-U"][..],
            "d            -  2024-05-01 12:30  sub/\n\
                       -           12  2024-05-01 12:30  a b\\x1b[2J\\xff\n",
        ),
        (&["-1", "--unsorted"], "sub\na b\\x1b[2J\\xff\n"),
    ] {
        let server = Scripted::session(|peer| {
            peer.login();
            peer.features(&["MLST type*;"]);
            serve_mlsd(peer, "MLSD pub");
        });
        wharf(&[&["ls"], options, &[&server.url("pub")]].concat()).ends_with(0).printing(wanted);
    }
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&["MLST type*;"]);
        serve_mlsd(peer, "MLSD pub");
    });
    let listed = wharf(&["ls", "--json", &server.url("pub")]).ends_with(0);
    assert!(listed.out.starts_with(
        b"{\"event\":\"entry\",\"modified\":\"2024-05-01T12:30:00Z\",\"name\":\"sub\""
    ));
}

#[test]
fn ls_enters_the_folder_where_there_is_no_mlsd() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&[]);
        peer.answer("CWD pub", "250 ok");
        let data = peer.epsv();
        peer.answer("LIST", "150 opening");
        data.give(b"-rw-r--r-- 1 u g 7 Jan  2  2020 old\r\nwhat is this?\r\n");
        peer.say("226 done");
        peer.answer("QUIT", "221 bye");
    });
    wharf(&["ls", &server.url("pub")])
        .ends_with(0)
        .printing("- 7  2020-01-02        old\n")
        .saying("warning: a row of the listing cannot be read: what is this?");
}

#[test]
fn a_folder_that_cannot_be_entered_or_read_is_refused_and_not_listed_as_a_name_or_as_nothing() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&[]);
        peer.answer("CWD closed", "550 Failed to change directory.");
        let data = peer.epsv();
        peer.answer("LIST closed", "150 opening");
        data.give(b"drwx------ 2 u g 9 Jan  1  2020 closed\r\n");
        peer.say("226 done");
    });
    wharf(&["ls", &server.url("closed")])
        .ends_with(5)
        .printing("")
        .saying("CWD closed was refused: 550 Failed to change directory.");
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&[]);
        peer.answer("CWD unread", "250 ok");
        let data = peer.epsv();
        peer.answer("LIST", "150 opening");
        data.give(b"");
        peer.say("226 Transfer done (but failed to open directory).");
    });
    wharf(&["ls", &server.url("unread")])
        .ends_with(6)
        .printing("")
        .saying("failed to open directory");
}

#[test]
fn a_plain_ls_has_the_verbs_of_rfc_959_and_no_others() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.answer("CWD pub", "250 ok");
        let data = peer.port();
        peer.answer("LIST", "150 opening");
        data.give(b"");
        peer.say("226 done");
        peer.answer("QUIT", "221 bye");
        peer.expect_end();
    });
    wharf(&["ls", "--plain", "--active", &server.url("pub")]).ends_with(0).printing("");
}

#[test]
fn what_makes_no_sense_is_a_usage_error_before_anything_is_connected() {
    for arguments in [
        &["ls", "host/path"][..],
        &["ls", "sftp://host/"],
        &["ls", "--pin", "sha256:00", "ftpes://host/"],
        &["ls", "--insecure", "ftp://host/"],
        &["ls", "--insecure", "--ca", "x", "ftpes://host/"],
        &["ls", "--tls-min", "1.3", "--tls-max", "1.2", "ftpes://host/"],
        &["ls", "--client-cert", "x", "ftpes://host/"],
        &["ls", "ftp://host/a%0d%0aDELE%20b"],
        &["cat", "ftp://127.0.0.1/"],
        &["get", "ftp://127.0.0.1/folder/"],
        &["cat", "ftp://127.0.0.1/x;type=d"],
        &["ls", "--active", "--passive", "ftp://host/"],
        &["cat", "--ascii", "--binary", "ftp://host/x"],
        &["ls", "--timeout", "0", "ftp://host/"],
        &["frobnicate"],
        &[],
    ] {
        wharf(arguments).ends_with(2);
    }
}

#[test]
fn a_server_that_is_not_there_is_a_network_error_with_advice() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    wharf(&["ls", &format!("ftp://127.0.0.1:{port}/")])
        .ends_with(3)
        .saying("Connection refused")
        .saying("nothing listens on that port");
    wharf(&["ls", "ftp://no.such.host.invalid/"]).ends_with(3).saying("no such host");
}

#[test]
fn a_refused_login_has_its_own_code_and_shows_no_password() {
    let server = Scripted::session(|peer| {
        peer.say("220 ready");
        peer.answer("USER ann", "331 password");
        peer.answer("PASS hunter2", "530 no");
    });
    let url = format!("ftp://ann:hunter2@{}/", server.address());
    wharf(&["ls", &url]).ends_with(4).saying("ann: login refused: 530 no").not_saying("hunter2");
}

#[test]
fn the_password_comes_from_the_environment_where_the_url_has_none() {
    let server = Scripted::session(|peer| {
        peer.say("220 ready");
        peer.answer("USER ann", "331 password");
        peer.answer("PASS p w", "530 no");
    });
    let url = format!("ftp://ann@{}/", server.address());
    wharf(&["ls", &url]).knowing("WHARF_PASSWORD", "p w").ends_with(4);
}

#[test]
fn what_a_server_says_cannot_steer_the_terminal() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&["MLST"]);
        let _data = peer.epsv();
        peer.answer("MLSD", "550 \u{1b}[2J\u{9b}31m");
        peer.expect_end();
    });
    wharf(&["ls", &server.url("")])
        .ends_with(5)
        .saying("\\x1b[2J\\u{9b}31m")
        .not_saying("\u{1b}")
        .not_saying("\u{9b}");
}

#[test]
fn the_ladder_is_drawn_into_a_file_also_of_a_session_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    let ladder = folder.path().join("ladder");
    let server = Scripted::session(|peer| {
        peer.say("220 ready");
        peer.answer("USER ann", "331 password");
        peer.answer("PASS hunter2", "530 no");
    });
    let url = format!("ftp://ann:hunter2@{}/", server.address());
    let trace = format!("--trace={}", ladder.display());
    wharf(&["ls", &trace, &url]).ends_with(4);
    let drawn = fs::read_to_string(&ladder).unwrap();
    assert!(drawn.contains("USER ann") && drawn.contains("530 no"), "{drawn}");
    assert!(!drawn.contains("hunter2"), "{drawn}");
}

#[test]
fn the_ladder_goes_to_standard_error_where_no_file_is_named() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&["MLST"]);
        serve_mlsd(peer, "MLSD");
    });
    wharf(&["ls", "-1", "--trace", &server.url("")])
        .ends_with(0)
        .printing("a b\\x1b[2J\\xff\nsub\n")
        .saying("MLSD");
}

#[test]
fn a_folder_that_is_not_there_is_not_found_also_where_the_server_lists_it_as_nothing() {
    let server = Scripted::session(|peer| {
        peer.login();
        peer.features(&[]);
        peer.answer("CWD pub", "550 Failed to change directory.");
        let data = peer.epsv();
        peer.answer("LIST pub", "150 opening");
        data.give(b"");
        peer.say("226 done");
        peer.expect_end();
    });
    wharf(&["ls", &server.url("pub")]).ends_with(5).saying("CWD pub was refused");
}
