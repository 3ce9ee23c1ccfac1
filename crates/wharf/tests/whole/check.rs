//! `wharf check`: what works is told, what does not is explained, and passwords stay where they belong.

use crate::serving::{Serving, wharf};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use wharf_testkit::faulty::{Fault, Faulty};
use wharf_testkit::scripted::{Data, Host, Scripted};

fn check(options: &[&str]) -> Output {
    wharf().arg("check").args(options).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_way_is_tried_in_clear_and_under_tls_and_the_best_is_told() {
    let serving = Serving::new(&["--tls-self-signed", "--user", "ann:secret"]);
    std::fs::write(serving.path("a.txt"), "hello").unwrap();
    let url = format!("ftp://ann:secret@127.0.0.1:{}/", serving.port);
    let output = check(&["--insecure", "--upload", &url]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for setup in ["EPSV", "PASV", "EPRT", "PORT"] {
        let row = said.lines().find(|line| line.trim_start().starts_with(setup)).unwrap();
        assert!(row.contains("works, TLS resumed"), "{said}");
    }
    assert!(said.contains("upload     works"), "{said}");
    assert!(said.contains("is not sent in clear without --clear-password"), "{said}");
    // It works as it is told.
    let works = said.lines().find_map(|line| line.strip_prefix("Works: wharf ")).unwrap();
    let (words, way) = works.split_once("  # ").unwrap();
    assert_eq!(
        (words, way),
        (&*format!("ls --insecure ftpes://ann@127.0.0.1:{}/", serving.port), "EPSV")
    );
    assert!(!said.contains("secret"), "{said}");
    assert_eq!(std::fs::read_dir(serving.tree.path()).unwrap().count(), 1, "nothing is left");
}

#[test]
fn a_password_goes_in_clear_only_where_it_was_asked_for() {
    let server = Faulty::new(&[("a.txt", b"hello")], &[]);
    let url = format!("ftp://ann:secret@{}/", server.address());
    let cautious = check(&[&url]);
    let heard = server.heard();
    assert!(!heard.iter().any(|line| line.starts_with("PASS")), "{heard:?}");
    assert_eq!(cautious.status.code(), Some(4), "{}", text(&cautious));
    assert!(text(&cautious).contains("There is no TLS, and the password"), "{}", text(&cautious));
    let told = check(&["--clear-password", &url]);
    assert!(server.heard().iter().any(|line| line.starts_with("PASS")));
    assert_eq!(told.status.code(), Some(0), "{}", text(&told));
    // What holds for every way stands in what can be pasted.
    let works = |output: &Output| {
        text(output).lines().rev().find(|line| line.starts_with("Works: ")).map(str::to_owned)
    };
    let named = check(&["--clear-password", "-4", "--data-address", "named", &url]);
    let works = works(&named).unwrap();
    assert!(works.starts_with("Works: wharf ls -4 --data-address named ftp://"), "{works}");
}

#[test]
fn where_a_certificate_is_not_trusted_that_keeps_the_password_and_not_a_lack_of_tls() {
    let serving = Serving::new(&["--tls-self-signed", "--user", "ann:secret"]);
    let output = check(&[&format!("ftp://ann:secret@127.0.0.1:{}/", serving.port)]);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    assert!(text(&output).contains("certificate is not trusted, and"), "{}", text(&output));
}

#[test]
fn a_certificate_that_is_not_trusted_and_a_port_without_server_are_told_with_advice() {
    let serving = Serving::new(&["--tls-self-signed"]);
    let said = text(&check(&[&serving.url("")]));
    assert!(said.contains("! A5 "), "{said}");
    assert!(said.contains("--pin"), "{said}");
    let port = serving.port;
    drop(serving);
    let gone = check(&[&format!("ftp://127.0.0.1:{port}/")]);
    assert_eq!(gone.status.code(), Some(3), "{}", text(&gone));
    assert!(text(&gone).contains("nothing listens"), "{}", text(&gone));
}

#[test]
fn as_json_there_is_an_object_a_line_and_the_ladders_go_to_their_file() {
    let serving = Serving::new(&[]);
    let folder = tempfile::tempdir().unwrap();
    let ladders = folder.path().join("ladders.txt");
    let trace = format!("--trace={}", ladders.display());
    let output = check(&["--json", &trace, &serving.url("")]);
    let said = text(&output);
    let lines: Vec<serde_json::Value> =
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let listed = lines.iter().filter(|line| line["step"] == "list" && line["ok"] == true).count();
    assert_eq!(listed, 4, "{said}");
    assert_eq!(lines.last().unwrap()["event"], "end");
    // The server has no TLS: that is found, and is why there is nothing better than clear.
    assert!(lines.iter().any(|line| line["id"] == "A3"), "{said}");
    let ladders = std::fs::read_to_string(ladders).unwrap();
    assert!(ladders.contains("EPSV in clear") && ladders.contains("│◀"), "{ladders}");
}

#[test]
fn a_name_that_leads_nowhere_has_all_that_an_end_has_and_its_trace() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ladders.txt");
    let trace = format!("--trace={}", file.display());
    // No name has two dots in a row.
    let output = check(&["--json", &trace, "ftp://no..host/"]);
    let said = text(&output);
    let end: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((&end["event"], &end["exit"]), (&"end".into(), &3.into()), "{said}");
    assert_eq!(end["ok"], false, "{said}");
    for field in ["cover", "setup", "settings", "next"] {
        assert_eq!(end.get(field), Some(&serde_json::Value::Null), "{field}: {said}");
    }
    assert!(file.exists());
}

#[test]
fn every_try_is_in_the_file_of_trace_in_the_form_of_its_ending_and_for_its_owner_alone() {
    let serving = Serving::new(&["--tls-self-signed"]);
    let folder = tempfile::tempdir().unwrap();
    let write = |ending: &str| {
        let file = folder.path().join(format!("tries.{ending}"));
        let trace = format!("--trace={}", file.display());
        let output = check(&["--insecure", "--json", &trace, &serving.url("")]);
        let said = text(&output);
        let end: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        assert_eq!((&end["ok"], &end["setup"]), (&true.into(), &"EPSV".into()), "{said}");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{ending}: what was said is its owner's alone");
        (file.display().to_string(), std::fs::read(file).unwrap())
    };
    // Two logins, two times four ways, and one more that does not resume the TLS session.
    let (file, _) = write("jsonl");
    let list = wharf().args(["trace", "--list", &file]).output().unwrap();
    assert_eq!(text(&list).lines().filter(|line| line.contains("127.0.0.1")).count(), 11);
    let (_, text_of) = write("txt");
    let ladders = String::from_utf8(text_of).unwrap();
    assert_eq!(ladders.matches("PASS ").count(), 11, "{ladders}");
    for (ending, beginning) in [
        ("svg", &b"<svg "[..]),
        ("html", b"<!DOCTYPE html>"),
        ("json", b"{"),
        ("mmd", b"sequenceDiagram"),
        ("pcapng", b"\x0a\x0d\x0d\x0a"),
    ] {
        let (_, bytes) = write(ending);
        assert!(
            bytes.to_ascii_lowercase().starts_with(&beginning.to_ascii_lowercase()),
            "{ending}"
        );
    }
}

#[test]
fn a_port_of_implicit_tls_is_found_out_and_what_is_to_be_done_told() {
    let serving = Serving::new(&["--tls-self-signed", "--implicit-tls", "127.0.0.1:0"]);
    let port = serving.implicit.unwrap();
    let url = format!("ftp://127.0.0.1:{port}/");
    let said = text(&check(&["--timeout", "1", "--insecure", &url]));
    let works = format!("Works: wharf ls --insecure ftps://127.0.0.1:{port}/");
    assert!(said.contains("! C5 ") && said.contains(&works), "{said}");
    // Whose certificate is not trusted is told how it can be.
    let said = text(&check(&["--timeout", "1", &url]));
    let next = said.lines().find_map(|line| line.strip_prefix("Next:  wharf ")).unwrap();
    let (words, _) = next.split_once("  # ").unwrap();
    let again = wharf().args(words.split(' ')).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{said}\n{}", text(&again));
}

#[test]
fn what_is_said_in_japanese_is_all_japanese() {
    let server = Faulty::new(&[("a.txt", b"hello")], &[Fault::DeadEpsvPort]);
    let url = format!("ftp://{}/", server.address());
    let said = text(&check(&["--lang", "ja", "--timeout", "3", &url]));
    for words in ["接続  ", "データポートが拒否", "成功（", "使える設定："] {
        assert!(said.contains(words), "{words}: {said}");
    }
    for words in ["refused", "works", "no data connection", "connect ", "os error"] {
        assert!(!said.contains(words), "{words}: {said}");
    }
}

#[test]
fn no_line_is_wider_than_80_columns_but_commands() {
    let serving = Serving::new(&["--tls-self-signed"]);
    for lang in ["en", "ja"] {
        let said = text(&check(&["--lang", lang, &serving.url("")]));
        let wide = |line: &&str| {
            let columns: usize = line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
            columns > 84 && !line.contains("wharf ")
        };
        assert_eq!(said.lines().find(wide), None, "{said}");
    }
}

#[test]
fn a_port_of_epsv_that_nobody_listens_at_is_told_and_pasv_recommended() {
    let server = Faulty::new(&[("a.txt", b"hello")], &[Fault::DeadEpsvPort]);
    let output = check(&["--timeout", "3", &format!("ftp://{}/", server.address())]);
    let said = text(&output);
    let row = |setup: &str| said.lines().find(|line| line.trim_start().starts_with(setup)).unwrap();
    assert!(!row("EPSV").contains("works") && row("PASV").contains("works"), "{said}");
    assert!(said.contains("  # PASV\n"), "{said}");
    assert_eq!(output.status.code(), Some(0), "{said}");
}

#[test]
fn a_server_without_tls_is_no_failure_unless_tls_was_asked_for() {
    let serving = Serving::new(&[]);
    let port = serving.port;
    let indifferent = check(&["--json", &serving.url("")]);
    assert_eq!(indifferent.status.code(), Some(0));
    let said = text(&indifferent);
    assert!(!said.contains("\"ok\":false") && !said.contains("\"severity\":\"failure\""), "{said}");
    for asked in [&[&format!("ftpes://127.0.0.1:{port}/")[..]][..], &["--tls", &serving.url("")]] {
        let output = check(asked);
        assert_eq!(output.status.code(), Some(4), "{}", text(&output));
        assert!(text(&output).contains("Nothing works under TLS"), "{}", text(&output));
    }
}

#[test]
fn whether_data_connections_must_resume_the_tls_session_is_found_out() {
    let strict = Serving::new(&["--tls-self-signed"]);
    let said = text(&check(&["--insecure", "--passive", &strict.url("")]));
    assert!(said.contains("reuse      demanded: "), "{said}");
    assert!(!said.contains("  EPRT ") && !said.contains("  PORT "), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("serve.toml");
    let lines = "folder = \".\"\nlisten = [\"127.0.0.1:0\"]\n[tls]\nself-signed = true\n\
        any-session = true\n";
    std::fs::write(&file, lines).unwrap();
    let lax = Serving::started(folder, &["--config", file.to_str().unwrap()]);
    let said = text(&check(&["--insecure", "--json", &lax.url("")]));
    assert!(said.contains("\"demanded\":false"), "{said}");
}

#[test]
fn what_was_asked_for_beyond_listings_counts() {
    let serving = Serving::new(&[]);
    let output = check(&["--upload", "--idle", "1", &serving.url("")]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("Works: ") && said.contains("idle 1 s   works"), "{said}");
    let quiet = text(&check(&["-q", &serving.url("")]));
    assert!(
        quiet.trim_start().starts_with("AUTH TLS:\n! A3") && quiet.contains("Works: "),
        "{quiet}"
    );
}

#[test]
fn bookmarks_netrc_and_proxies_are_as_for_every_command() {
    let server = Faulty::new(&[("a.txt", b"hello")], &[]);
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join(".config/wharf")).unwrap();
    let settings = format!(
        "[bookmarks]\nw = \"ftp://{}/\"\n[host.\"127.0.0.1\"]\nmode = \"active\"\n",
        server.address()
    );
    std::fs::write(home.path().join(".config/wharf/client.toml"), settings).unwrap();
    std::fs::write(home.path().join(".netrc"), "machine 127.0.0.1 login ann password x1\n")
        .unwrap();
    let at_home = |options: &[&str]| {
        let mut command = wharf();
        command.env("HOME", home.path()).arg("check").args(options).output().unwrap()
    };
    let output = at_home(&["--clear-password", "@w"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let heard = server.heard();
    assert!(heard.contains(&"USER ann".to_owned()) && heard.contains(&"PASS x1".to_owned()));
    // The settings prefer one way, and all are tried.
    assert!(
        heard.contains(&"EPSV".to_owned()) && heard.iter().any(|line| line.starts_with("PORT"))
    );
    let before = heard.len();
    let output = at_home(&["--proxy", "socks5://localhost:1", "@w"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("127.0.0.1"), "{}", text(&output));
    assert_eq!(server.heard().len(), before, "nothing goes past the proxy");
}

#[test]
fn a_listing_that_is_refused_is_not_taken_for_ways_that_do_not_work() {
    let server = Faulty::new(&[], &[Fault::Reply("LIST", "550 Permission denied\n")]);
    let refused = check(&[&format!("ftp://{}/", server.address())]);
    let said = text(&refused);
    assert_eq!(refused.status.code(), Some(6), "{said}");
    assert!(said.contains("The server refuses to list this folder"), "{said}");
    assert!(!said.contains("No way of moving data works"), "{said}");
}

#[test]
fn who_is_named_anonymous_needs_no_password_as_who_is_not_named() {
    let serving = Serving::new(&[]);
    let url = serving.url("").replace("://", "://anonymous@");
    let output = check(&[&url]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let listed = wharf().args(["ls", &url]).output().unwrap();
    assert!(listed.status.success(), "{listed:?}");
}

#[test]
fn a_folder_that_is_not_there_is_told_and_not_taken_for_a_firewall() {
    let serving = Serving::new(&[]);
    let gone = check(&[&serving.url("nosuch/")]);
    let said = text(&gone);
    assert_eq!(gone.status.code(), Some(5), "{said}");
    assert!(said.contains("folder     ") && said.contains("! X9 "), "{said}");
    assert!(!said.contains("No way of moving data works"), "{said}");
}

#[test]
fn a_server_in_clear_where_implicit_tls_is_wanted_is_told_as_that() {
    let serving = Serving::new(&[]);
    let url = serving.url("").replace("ftp://", "ftps://");
    let said = text(&check(&[&url]));
    assert!(said.contains("! C6 ") && !said.contains("A4"), "{said}");
}

#[test]
fn what_a_server_demands_of_sessions_in_clear_stands_with_these_and_is_no_failure() {
    let serving = Serving::new(&["--tls-self-signed", "--user", "ann:secret"]);
    let url = format!("ftp://ann:secret@127.0.0.1:{}/", serving.port);
    let said = text(&check(&["--insecure", "--clear-password", &url]));
    let clear = said.find("\nin clear:\n").unwrap_or_else(|| panic!("{said}"));
    let demands = said.find("! A2 ").unwrap_or_else(|| panic!("{said}"));
    assert!(clear < demands, "{said}");
    assert!(said[demands..].contains("(warning") && !said.contains("(failure"), "{said}");
}

#[test]
fn who_gets_in_without_tls_is_told_of_the_folder_and_not_of_the_certificate() {
    let serving = Serving::new(&["--tls-self-signed"]);
    let gone = check(&[&serving.url("nosuch/")]);
    let said = text(&gone);
    assert_eq!(gone.status.code(), Some(5), "{said}");
    assert!(said.contains("The folder is not there") && !said.contains("Next: "), "{said}");
    // Where TLS was asked for, nobody gets in.
    let kept_out = check(&[&serving.url("nosuch/").replace("ftp://", "ftpes://")]);
    let said = text(&kept_out);
    assert_eq!(kept_out.status.code(), Some(4), "{said}");
    assert!(said.contains("Next:  wharf check --pin "), "{said}");
}

#[test]
fn a_certificate_that_is_not_trusted_is_a_warning_where_clear_works_and_nobody_asked_for_tls() {
    let serving = Serving::new(&["--tls-self-signed"]);
    let severity = |url: &str| {
        let output = check(&["--json", url]);
        let said = text(&output);
        let lines: Vec<serde_json::Value> =
            said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let tls =
            lines.iter().find(|line| line["step"] == "tls").unwrap_or_else(|| panic!("{said}"));
        assert_eq!((&tls["ok"], &tls["trusted"]), (&false.into(), &false.into()), "{said}");
        let found =
            lines.iter().find(|line| line["id"] == "A5").unwrap_or_else(|| panic!("{said}"));
        (found["severity"].as_str().unwrap().to_owned(), output.status.code())
    };
    let url = serving.url("");
    assert_eq!(severity(&url), ("warning".to_owned(), Some(0)));
    let (severity, code) = severity(&url.replace("ftp://", "ftpes://"));
    assert_eq!((&*severity, code), ("failure", Some(4)));
}

#[test]
fn who_asks_for_auth_tls_at_a_port_of_implicit_tls_is_told_of_that() {
    let serving = Serving::new(&["--tls-self-signed", "--implicit-tls", "127.0.0.1:0"]);
    let port = serving.implicit.unwrap();
    let output = check(&["--timeout", "1", "--insecure", &format!("ftpes://127.0.0.1:{port}/")]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let works = format!("Works: wharf ls --insecure ftps://127.0.0.1:{port}/");
    assert!(said.contains(&works) && !said.contains("in clear:"), "{said}");
}

#[test]
fn in_japanese_the_ladder_says_so_of_tls_that_did_not_begin_too() {
    let serving = Serving::new(&["--tls-self-signed"]);
    let folder = tempfile::tempdir().unwrap();
    let ladders = folder.path().join("ladders.txt");
    check(&["--lang", "ja", &format!("--trace={}", ladders.display()), &serving.url("")]);
    let ladders = std::fs::read_to_string(ladders).unwrap();
    assert!(ladders.contains("TLS なし：") && !ladders.contains("no TLS"), "{ladders}");
}

/// Ids of the findings of a check.
fn found(url: &str) -> (Vec<String>, String) {
    let output = check(&["--json", "--timeout", "2", url]);
    let said = text(&output);
    let lines = said.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    (lines.filter_map(|line| line["id"].as_str().map(str::to_owned)).collect(), said)
}

#[test]
fn who_is_no_ftp_server_is_found_as_that() {
    let server = Scripted::sessions(|host| {
        for _ in 0..2 {
            let mut peer = host.accept();
            peer.say("SSH-2.0-OpenSSH_9.2");
            peer.expect_any_end();
        }
    });
    let (found, said) = found(&server.url(""));
    assert!(found.contains(&"C7".to_owned()) && said.contains("it speaks SSH"), "{said}");
}

#[test]
fn a_reply_that_never_ends_is_found_as_that_and_not_as_silence() {
    let server = Scripted::sessions(|host| {
        for _ in 0..2 {
            let mut peer = host.accept();
            peer.say("220 ready");
            while let Some(line) = peer.hear_any() {
                peer.say(match line.split(' ').next() {
                    Some("USER" | "PASS") => "230 in",
                    Some("FEAT") => "211-Features:",
                    _ => "502 no",
                });
            }
        }
    });
    let (found, said) = found(&server.url(""));
    assert!(found.contains(&"P2".to_owned()) && !said.contains("not answered"), "{said}");
}

/// A session whose client may log in and list by PASV, and nothing else.
fn take_pasv_alone(host: &Host) {
    let mut peer = host.accept();
    peer.say("220 ready");
    let mut data = None;
    while let Some(line) = peer.hear_any() {
        match line.split(' ').next().unwrap_or_default() {
            "USER" | "PASS" => peer.say("230 in"),
            "TYPE" => peer.say("200 ok"),
            "PASV" => {
                let listener = peer.listen();
                let [high, low] = listener.local_addr().unwrap().port().to_be_bytes();
                peer.say(&format!("227 here (127,0,0,1,{high},{low})"));
                data = Some(Data::Accept(listener));
            }
            "LIST" => {
                peer.say("150 go");
                data.take().unwrap().give(b"-rw-r--r-- 1 a a 5 Jan 1 2024 a\r\n");
                peer.say("226 done");
            }
            "QUIT" => peer.say("221 bye"),
            _ => peer.say("550 Permission denied."),
        }
    }
}

#[test]
fn a_server_that_refuses_epsv_and_takes_pasv_is_found_and_what_is_refused_is_told_with_advice() {
    let server = Scripted::sessions(|host| (0..6).for_each(|_| take_pasv_alone(host)));
    let output = check(&["--timeout", "5", &server.url("")]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("! D17 ") && said.contains("Works: wharf ls --plain"), "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("the server does not do active mode"), "{said}");
}

#[test]
fn a_server_that_still_counts_the_session_before_is_asked_again() {
    let server = Scripted::sessions(|host| {
        take_pasv_alone(host);
        host.accept().say("421 There are too many connected users, please try later.");
        (0..5).for_each(|_| take_pasv_alone(host));
    });
    let output = check(&["--timeout", "5", &server.url("")]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!said.contains("421 There"), "{said}");
    // Some say so behind the password.
    let server = Scripted::sessions(|host| {
        take_pasv_alone(host);
        let mut full = host.accept();
        full.say("220 ready");
        full.answer("USER anonymous", "331 password");
        full.answer(
            "PASS anonymous@",
            "530 Sorry, the maximum number of clients (1) is connected.",
        );
        full.expect_any_end();
        (0..5).for_each(|_| take_pasv_alone(host));
    });
    let output = check(&["--timeout", "5", &server.url("")]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!said.contains("530 Sorry"), "{said}");
}
