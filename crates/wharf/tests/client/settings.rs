//! What the client reads besides its command line: bookmarks and hosts in its settings, and `.netrc`.

use std::fs;
use std::path::Path;

use wharf_testkit::faulty::{Fault, Faulty};

use crate::story::{Story, wharf};

const FILES: &[(&str, &[u8])] = &[("x", b"bytes"), ("sub/x", b"below")];

/// `wharf` with these arguments, and with this home.
fn at_home(home: &Path, arguments: &[&str]) -> Story {
    wharf(arguments).knowing("HOME", home.to_str().unwrap())
}

fn write_settings(home: &Path, text: &str) {
    fs::create_dir_all(home.join(".config/wharf")).unwrap();
    fs::write(home.join(".config/wharf/client.toml"), text).unwrap();
}

#[test]
fn a_bookmark_stands_for_an_address_and_may_be_gone_on_from() {
    let (home, server) = (tempfile::tempdir().unwrap(), Faulty::new(FILES, &[]));
    let url = server.url("").replace("ftp://", "ftp://ann:secret@");
    write_settings(home.path(), &format!("[bookmarks]\nwork = \"{url}\"\n"));
    at_home(home.path(), &["cat", "-q", "@work/sub/x"]).ends_with(0).printing("below");
    assert!(server.heard().contains(&"PASS secret".to_owned()), "{:?}", server.heard());
    at_home(home.path(), &["cat", "@wrok/x"]).ends_with(2).saying("no such bookmark; @work");
    wharf(&["cat", "@work/x"]).ends_with(2).saying("there are none");
}

#[test]
fn the_table_of_a_host_counts_where_neither_the_url_nor_the_command_line_says_otherwise() {
    let (home, server) = (tempfile::tempdir().unwrap(), Faulty::new(FILES, &[]));
    let settings = "[all]\ntimeout = 5\n[host.\"127.0.0.1\"]\nmode = \"active\"\nuser = \"ann\"\n\
        password = \"p w\"\ncharset = \"shift_jis\"\n";
    write_settings(home.path(), settings);
    at_home(home.path(), &["cat", "-q", &server.url("x")]).ends_with(0).printing("bytes");
    let heard = server.heard();
    for line in ["USER ann", "PASS p w"] {
        assert!(heard.contains(&line.to_owned()), "{heard:?}");
    }
    assert!(heard.iter().any(|line| line.starts_with("PORT ")), "{heard:?}");

    let before = heard.len();
    at_home(home.path(), &["cat", "-q", "--passive", &server.url("x")]).ends_with(0);
    assert!(!server.heard()[before..].iter().any(|line| line.starts_with("PORT ")));
    let bob = server.url("x").replace("ftp://", "ftp://bob:b@");
    at_home(home.path(), &["cat", "-q", &bob]).ends_with(0);
    assert!(server.heard().contains(&"PASS b".to_owned()));
}

#[test]
fn names_go_out_and_are_shown_in_the_charset_of_the_host() {
    let rows: &[&[u8]] = &[b"type=file;size=1; \x93\xFA\x96\x7B"];
    let rows: &'static [&'static [u8]] = Box::leak(rows.to_vec().into_boxed_slice());
    let server = Faulty::new(&[], &[Fault::Rows(rows)]);
    let arguments = ["ls", "-1", "--charset", "shift_jis", &server.url("日本")];
    wharf(&arguments).ends_with(0).printing("日本\n");
    assert!(
        server.heard().iter().any(|line| line == "MLSD \u{fffd}\u{fffd}\u{fffd}{"),
        "{:?}",
        server.heard()
    );
    wharf(&["ls", "--charset", "ebcdic", &server.url("")]).ends_with(2);
}

#[test]
fn the_shell_knows_bookmarks_and_aliases() {
    let (home, server) = (tempfile::tempdir().unwrap(), Faulty::new(FILES, &[]));
    let url = server.url("");
    write_settings(home.path(), &format!("[bookmarks]\nw = \"{url}\"\n[alias]\nshow = \"cat\"\n"));
    at_home(home.path(), &["shell", "-q"])
        .typing(&["bookmarks", "open @w", "show x"])
        .ends_with(0)
        .printing(&format!("@w {url}\nbytes"));
}

#[test]
fn bad_settings_are_told_with_file_line_and_reason_and_without_passwords() {
    let home = tempfile::tempdir().unwrap();
    for (text, line, reason) in [
        ("[bookmarks]\nx = \"http://h/\"\n", 2, "http:// is not FTP"),
        ("[host.h]\nmode = \"sideways\"\n", 2, "unknown variant"),
        ("[host.h]\n\nspeed = 1\n", 3, "unknown field"),
        ("[all]\nproxy = \"ftp://u:hunter2@h/x\"\n", 2, "a proxy is written"),
        ("[all]\ntimeout = 0\n", 2, "nonzero"),
        ("[all\n", 1, ""),
    ] {
        write_settings(home.path(), text);
        let ending = at_home(home.path(), &["ls", "ftp://127.0.0.1:1/"]).ends_with(2);
        ending.saying(&format!("client.toml:{line}:")).saying(reason).not_saying("hunter2");
    }
    wharf(&["ls", "ftp://127.0.0.1:1/"])
        .knowing("WHARF_SETTINGS", "/no/such/file")
        .ends_with(2)
        .saying("/no/such/file: cannot read");
}

#[test]
fn a_proxy_that_cannot_do_what_is_wanted_is_told_before_anything_is_connected() {
    for (arguments, says) in [
        (&["--active", "--proxy", "socks5://127.0.0.1:1", "ftp://127.0.0.1:1/"][..], "no --active"),
        (&["--proxy", "ftp://127.0.0.1:1", "ftpes://127.0.0.1:1/"], "for TLS go through socks5://"),
        (&["--proxy", "socks4://127.0.0.1:1", "ftp://127.0.0.1:1/"], "a proxy is written"),
    ] {
        wharf(&[&["ls"], arguments].concat()).ends_with(2).saying(says);
    }
}

#[test]
fn netrc_says_who_logs_in_unless_something_nearer_does() {
    let (home, server) = (tempfile::tempdir().unwrap(), Faulty::new(FILES, &[]));
    let netrc = home.path().join(".netrc");
    fs::write(&netrc, "machine 127.0.0.1 login ann password hunter2\n").unwrap();
    let url = server.url("x");
    let last_login = |server: &Faulty| {
        let heard = server.heard();
        let at = heard.iter().rposition(|line| line.starts_with("USER")).unwrap();
        heard[at..at + 2].join(" / ")
    };
    // Others may read it, and that is said.
    at_home(home.path(), &["cat", &url]).ends_with(0).saying("chmod 600").not_saying("hunter2");
    assert_eq!(last_login(&server), "USER ann / PASS hunter2");
    let bob = url.replace("ftp://", "ftp://bob:b@");
    at_home(home.path(), &["cat", &bob]).ends_with(0).not_saying("chmod");
    assert_eq!(last_login(&server), "USER bob / PASS b");
    let ann = url.replace("ftp://", "ftp://ann@");
    at_home(home.path(), &["cat", &ann]).knowing("WHARF_PASSWORD", "other").ends_with(0);
    assert_eq!(last_login(&server), "USER ann / PASS other");
    // Bytes in the charset of whoever wrote it, in an entry of another host and in one's own.
    let other = b"machine h login j\xF6rg password p\xE9\n";
    let own = b"machine 127.0.0.1 login j\xF6rg password \xFCber\n";
    fs::write(&netrc, [&other[..], own].concat()).unwrap();
    at_home(home.path(), &["cat", &url]).ends_with(0);
    assert_eq!(last_login(&server), String::from_utf8_lossy(b"USER j\xF6rg / PASS \xFCber"));
    fs::write(&netrc, "machine h\npasword hunter2\n").unwrap();
    at_home(home.path(), &["cat", &url]).ends_with(2).saying(".netrc:2: ").not_saying("hunter2");
}

#[test]
fn what_was_learnt_of_a_host_is_known_the_next_time_and_can_be_explained() {
    let home = tempfile::tempdir().unwrap();
    let server = Faulty::new(FILES, &[Fault::Reply("EPSV", "500 what?")]);
    let arguments = ["cat", "--explain", &server.url("x")];
    at_home(home.path(), &arguments).ends_with(0).saying("explain: EPSV was refused: 500");
    at_home(home.path(), &arguments)
        .ends_with(0)
        .saying("explain: known from earlier: passive mode");
    assert_eq!(server.heard().iter().filter(|line| *line == "EPSV").count(), 1);
}

#[test]
fn only_addresses_of_the_wanted_family_are_tried_and_each_is_told() {
    let server = Faulty::new(FILES, &[]);
    wharf(&["cat", "-4", "--explain", &server.url("x")])
        .ends_with(0)
        .printing("bytes")
        .saying(&format!("explain: connected to {}", server.address()));
    wharf(&["cat", "-6", &server.url("x")])
        .ends_with(3)
        .saying("127.0.0.1: no such host (it has no IPv6 address)")
        .saying("leave out -4 or -6");
    wharf(&["cat", "-4", "-6", &server.url("x")]).ends_with(2);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    wharf(&["cat", &format!("ftp://{gone}/x")])
        .ends_with(3)
        .saying("; 127.0.0.1: Connection refused");
}
