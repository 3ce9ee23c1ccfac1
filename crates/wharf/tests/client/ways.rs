//! Servers, and what stands before them, that do not let data connections come about in one way or another: which way a
//! command ends up with, and what it says where none is left. The server is `wharf_testkit::faulty`.

use std::fs;
use std::net::TcpListener;
use std::thread::scope;
use std::time::{Duration, Instant};

use wharf_testkit::faulty::Fault::{self, *};
use wharf_testkit::faulty::Faulty;

use crate::story::wharf;

const FILE: &[u8] = b"0123456789";
/// A question that is never answered.
const SILENT_EPSV: Fault = Reply("EPSV", "");
const SILENT_PASV: Fault = Reply("PASV", "");
const NO_EPSV: Fault = Reply("EPSV", "502 no");
const NO_PASV: Fault = Reply("PASV", "502 no");
const NO_PORT: Fault = Reply("PORT", "500 no");
const NO_EPRT: Fault = Reply("EPRT", "500 no");

/// Fetches and lists with these options from a server with each of these faults, all at the same time: how both end.
fn moving(rows: &[(&[Fault], &[&str], i32, &str)]) {
    scope(|scope| {
        for (faults, options, code, says) in rows {
            scope.spawn(move || {
                let server = Faulty::new(&[("x", FILE)], faults);
                let folder = tempfile::tempdir().unwrap();
                let get = ["get", "--timeout", "1", "--retries", "2", &server.url("x")];
                let get = [&get[..], options].concat();
                wharf(&get).within(folder.path()).ends_with_for(*code, faults).saying(says);
                let came = fs::read(folder.path().join("x")).is_ok_and(|bytes| bytes == FILE);
                assert_eq!(came, *code == 0, "{faults:?}");
                let ls = ["ls", "--timeout", "1", &server.url("")];
                let ls = [&ls[..], options].concat();
                wharf(&ls).ends_with_for(*code, faults).saying(says);
            });
        }
    });
}

#[test]
fn a_question_that_nobody_answers_is_not_asked_again() {
    moving(&[
        (&[SILENT_EPSV], &[], 0, "no reply within 1 s after EPSV"),
        (&[SILENT_EPSV], &["--passive"], 0, "no reply within 1 s after EPSV"),
        (&[NO_EPSV, SILENT_PASV], &[], 0, "no reply within 1 s after PASV"),
        (&[SILENT_EPSV, SILENT_PASV], &[], 0, "no reply within 1 s after PASV"),
        (&[NO_EPSV, SILENT_PASV], &["--passive"], 3, "a firewall in between may drop that command"),
    ]);
}

#[test]
fn an_answer_that_names_no_address_is_like_a_refusal() {
    let garbled = |text| Reply("EPSV", text);
    moving(&[
        (&[garbled("229 Entering Extended Passive Mode")], &[], 0, ""),
        (&[garbled("229 ok (|||0|)")], &[], 0, ""),
        (&[garbled("229 ok (|||99999|)")], &[], 0, ""),
        (&[garbled("200 ok")], &[], 0, ""),
        (&[NO_EPSV, Reply("PASV", "227 ok")], &[], 0, ""),
        (&[NO_EPSV, Reply("PASV", "227 ok")], &["--passive"], 3, "PASV, answered \"227 ok\""),
    ]);
}

#[test]
fn where_no_way_is_left_the_end_of_each_is_told() {
    let all = "EPSV was refused: 502 no; PASV was refused: 502 no; PORT";
    moving(&[
        (&[NO_EPSV, NO_PASV, NO_PORT, NO_EPRT], &[], 3, all),
        (&[DeadEpsvPort, NO_PASV, NO_PORT, NO_EPRT], &[], 3, "refused"),
        (&[NO_EPSV, NO_PASV, NO_PORT, NO_EPRT], &[], 3, "`wharf check`"),
    ]);
}

#[test]
fn where_feat_promises_mlsd_and_it_is_not_there_list_is_used() {
    moving(&[
        (&[Reply("MLSD", "500 what?")], &[], 0, ""),
        (&[Reply("MLSD", "502 not implemented")], &["--explain"], 0, ""),
    ]);
    let server = Faulty::new(&[("x", FILE)], &[Reply("MLSD", "500 what?")]);
    let folder = tempfile::tempdir().unwrap();
    wharf(&["get", "-r", &server.url("")]).within(folder.path()).ends_with(0);
    let asked = server.heard().iter().filter(|line| line.starts_with("MLSD")).count();
    assert_eq!(asked, 1);
}

#[test]
fn a_farewell_that_is_not_answered_is_not_awaited_for_long() {
    let server = Faulty::new(&[("x", FILE)], &[Reply("QUIT", "")]);
    let begun = Instant::now();
    wharf(&["ls", "--timeout", "30", &server.url("")]).ends_with(0);
    assert!(begun.elapsed() < Duration::from_secs(15));
}

#[test]
fn what_is_refused_comes_with_what_helps() {
    for (verb, reply, code, helps) in [
        ("RETR", "550 x: Is a directory", 6, "get -r"),
        ("RETR", "550 Permission denied.", 6, "log in as another one"),
        ("RETR", "550 No such file", 5, "check the spelling"),
        ("RETR", "451 internal", 6, "the server, whose log says"),
        ("PASS", "530 maximum number of clients (5) reached", 3, "as many sessions as it allows"),
    ] {
        let server = Faulty::new(&[("x", FILE)], &[Reply(verb, reply)]);
        let folder = tempfile::tempdir().unwrap();
        let get = ["get", "--retries", "0", &server.url("x")];
        wharf(&get).within(folder.path()).ends_with_for(code, reply).saying(helps);
    }
}

#[test]
fn a_proxy_that_is_not_there_is_not_taken_for_the_server() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = format!("http://{nobody}");
    let ending = wharf(&["ls", "--proxy", &proxy, "ftp://203.0.113.1/"]).ends_with(3);
    ending.saying("this is about the proxy");
}

#[test]
fn a_port_where_nobody_greets_may_want_tls_at_once() {
    let server = Faulty::new(&[], &[Reply("welcome", "")]);
    wharf(&["ls", "--timeout", "1", &server.url("")]).ends_with(3).saying("ftps://");
}

#[test]
fn where_a_password_is_wanted_and_none_is_known_none_is_sent() {
    let server = Faulty::new(&[("x", FILE)], &[]);
    let url = server.url("x").replace("ftp://", "ftp://ann@");
    wharf(&["cat", &url]).ends_with(4).saying("WHARF_PASSWORD");
    assert!(server.heard().iter().all(|line| !line.starts_with("PASS")));
    let open = Faulty::new(&[("x", FILE)], &[Reply("USER", "230 come in")]);
    wharf(&["cat", &open.url("x").replace("ftp://", "ftp://ann@")]).ends_with(0);
}
