//! `wharf trace` on the logs of other programs: files, pipes, packed or growing, in every form.

use std::io::{BufRead as _, BufReader, Write};
use std::path::PathBuf;
use std::process::{Output, Stdio};

use crate::serving::wharf;

pub(crate) fn log(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../ladder/tests/fixtures/logs")).join(name)
}

fn trace(options: &[&str], name: &str) -> Output {
    wharf().arg("trace").args(options).arg(log(name)).output().unwrap()
}

fn text(options: &[&str], name: &str) -> String {
    let output = trace(options, name);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn piped(options: &[&str], bytes: &[u8]) -> Output {
    let mut command = wharf();
    command.arg("trace").args(options).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_log_is_recognised_in_a_file_and_in_a_pipe_packed_or_not() {
    let want = text(&[], "vsftpd.log");
    assert!(want.starts_with("Session 1, from 127.0.0.1\n"), "{want}");
    assert!(want.contains("RETR data 3000001 B") && want.contains("~ not seen"), "{want}");
    let bytes = std::fs::read(log("vsftpd.log")).unwrap();
    let packed = zstd::encode_all(bytes.as_slice(), 1).unwrap();
    for bytes in [bytes, packed] {
        assert_eq!(String::from_utf8(piped(&[], &bytes).stdout).unwrap(), want);
    }
}

#[test]
fn a_log_whose_form_is_found_out_is_read_as_one_whose_form_is_named() {
    for (name, form) in [("proftpd.log", "proftpd"), ("vsftpd.log", "vsftpd")] {
        let found = text(&["--format", "json"], name);
        assert_eq!(found, text(&["--format", "json", "--log", form], name));
        let total: serde_json::Value = serde_json::from_str(found.lines().last().unwrap()).unwrap();
        let lines = std::fs::read(log(name)).unwrap().split(|byte| *byte == b'\n').count() - 1;
        assert_eq!(total["source"]["pieces"], lines, "every line of {name}");
    }
}

#[test]
fn every_form_and_language_shows_a_log_and_no_password() {
    for form in ["json", "mermaid", "svg", "html", "text"] {
        let drawn = text(&["--format", form], "lftp-refused.log");
        for words in ["PASS …", "227", "203.0.113.5"] {
            assert!(drawn.contains(words), "{form}: {words}");
        }
        assert!(!drawn.contains("hunter2") && !drawn.contains("0.0.0.0"), "{form}: {drawn}");
    }
    assert!(trace(&["--format", "pcapng"], "lftp-refused.log").status.success());
    let japanese = text(&["--lang", "ja"], "filezilla-server.log");
    assert!(japanese.starts_with("セッション 1、198.51.100.18 から"), "{japanese}");
    assert!(japanese.contains("NAT の内側"), "{japanese}");
    let json = text(&["--format", "json"], "vsftpd.log");
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["client"], "127.0.0.1");
    assert!(first["server"].is_null() && first["origin"].as_f64().unwrap() > 1.7e9, "{first}");
    let json = text(&["--format", "json"], "lftp.log");
    assert!(json.lines().all(|line| !line.contains("\"at\":0")), "no time is claimed");
}

#[test]
fn sessions_of_a_log_are_listed_and_filtered() {
    let list = text(&["--list"], "filezilla-server-09.log");
    assert_eq!(list.lines().count(), 2, "{list}");
    for (filter, client) in
        [("finding C8", "192.0.2.44"), ("host 198.51.100.0/24 and code 425", "198.51.100.18")]
    {
        let list = text(&["--list", "--filter", filter], "filezilla-server-09.log");
        assert!(list.lines().count() == 1 && list.contains(client), "{filter}: {list}");
    }
    assert_eq!(text(&["--list", "--session", "2"], "vsftpd.log").lines().count(), 1);
}

#[test]
fn what_is_no_log_of_sessions_is_refused_with_what_to_do() {
    let refused = trace(&[], "xferlog.log");
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("log_ftp_protocol=YES") && said.contains("ExtendedLog"), "{said}");
    let other = piped(&[], b"neither this\nnor that\n");
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("--log FORM"));
    let unknown = trace(&["--log", "wuftpd"], "vsftpd.log");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("pure-ftpd"), "the forms are told");
    let none = trace(&["--log", "curl"], "vsftpd.log");
    assert_eq!(none.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&none.stderr).contains("no session"), "{none:?}");
}

#[test]
fn lines_of_other_programs_are_passed_over_and_counted() {
    let output = trace(&[], "vsftpd-syslog.log");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("1 of 10 lines were passed over"), "{said}");
    let silent = b"Mon Nov 23 05:01:02 2026 [pid 7] CONNECT: Client \"10.0.0.1\"\n";
    let output = piped(&[], silent);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no command is in it") && said.contains("log_ftp_protocol"), "{said}");
}

#[test]
fn a_log_that_grows_is_followed_and_each_session_drawn_when_it_is_over() {
    let here = tempfile::tempdir().unwrap();
    let path = here.path().join("growing.log");
    let bytes = std::fs::read(log("vsftpd-syslog.log")).unwrap();
    let (head, tail) = bytes.split_at(bytes.len() / 2);
    std::fs::write(&path, head).unwrap();
    let mut command = wharf();
    command.args(["trace", "--list", "--follow", "--log", "vsftpd"]).arg(&path);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(tail).unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("from 198.51.100.18") && line.contains("[A1]"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
}
