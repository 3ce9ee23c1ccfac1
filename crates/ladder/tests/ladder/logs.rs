//! Text logs: each in `tests/fixtures/logs/NAME.log` is drawn as `NAME.txt` says, byte for byte; `UPDATE_GOLDEN=1` rewrites them.
//!
//! Those of vsftpd, pure-ftpd, proftpd, lftp, curl, tnftp and ncftp were written by these programs; those of FileZilla and
//! WinSCP are of the forms that their users have shown.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use wharf_ladder::findings::rules;
use wharf_ladder::logs::{FORMS, Form, Kind, Lines, Logs, recognise};
use wharf_ladder::sessions::Session;
use wharf_ladder::{Options, Packet, Provenance, text};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/logs")
}

/// The logs, by name.
pub(crate) fn logs() -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(folder()).expect("the folder is there");
    let paths = files.map(|file| file.expect("a file").path());
    let mut logs: Vec<(String, Vec<u8>)> = paths
        .filter(|path| path.extension().is_some_and(|name| name == "log"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("a log"))
        })
        .collect();
    logs.sort();
    logs
}

fn log(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name).with_extension("log")).expect("a log")
}

fn read(form: &'static Form, bytes: &[u8]) -> (Logs, Vec<Session>) {
    let mut logs = Logs::new(form);
    let mut lines = Lines::new(bytes);
    let mut sessions = Vec::new();
    while let Some(line) = lines.next_line().expect("bytes do not fail") {
        logs.push(line);
        sessions.extend(logs.take_finished().into_iter().flatten());
    }
    sessions.extend(logs.finish().into_iter().flatten());
    (logs, sessions)
}

pub(crate) fn form(bytes: &[u8]) -> Option<&'static Form> {
    match recognise(bytes) {
        Kind::Log(form) | Kind::Perhaps(form) => Some(form),
        Kind::Useless(_) | Kind::Other => None,
    }
}

pub(crate) fn sessions(name: &str) -> Vec<Session> {
    let bytes = log(name);
    read(form(&bytes).expect("a form"), &bytes).1
}

fn found(session: &Session) -> Vec<&'static str> {
    session.findings().iter().map(|finding| finding.rule.id).collect()
}

fn drawn(bytes: &[u8]) -> String {
    let form = match recognise(bytes) {
        Kind::Log(form) | Kind::Perhaps(form) => form,
        Kind::Useless(advice) => return format!("{advice}\n"),
        Kind::Other => return "not recognised\n".to_owned(),
    };
    let (logs, sessions) = read(form, bytes);
    let count = logs.count();
    let mut out = format!("{}: {count:?}, origin {:?}\n", form.name, logs.origin());
    let options = Options::default();
    for session in sessions {
        let scene = session.scene();
        let summary = session.packets.summary().line(options.lang, true);
        let drawn = text::scene(&scene, &options);
        let verdicts = text::verdicts(&scene.findings, &options);
        let _ = write!(out, "\nSession {}\n{drawn}{summary}\n{verdicts}", session.no);
    }
    out
}

#[test]
fn every_log_is_drawn_as_its_golden_file() {
    let mut wrong = Vec::new();
    for (name, bytes) in logs() {
        let got = drawn(&bytes);
        let path = folder().join(&name).with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &got).expect("the golden file is writable");
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != got {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?} differ; UPDATE_GOLDEN=1 rewrites them");
}

#[test]
fn every_form_has_a_log_and_is_recognised_in_it() {
    for (name, bytes) in logs() {
        // The longest name of a form that the file's begins with.
        let of = FORMS.iter().filter(|form| name.starts_with(form.name));
        let want = of.max_by_key(|form| form.name.len()).map(|form| form.name);
        let want = match name.as_str() {
            "proftpd-default" => Some("proftpd-extended"),
            "tnftp" => Some("ftp"),
            _ => want,
        };
        assert_eq!(form(&bytes).map(|form| form.name), want, "{name}");
    }
    let known: Vec<&str> =
        logs().iter().filter_map(|(_, bytes)| form(bytes)).map(|form| form.name).collect();
    for form in &FORMS {
        assert!(known.contains(&form.name), "no log of {}", form.name);
    }
    assert!(matches!(recognise(&log("xferlog")), Kind::Useless(_)));
    for other in [&b"# A heading\n\n> a quotation\n* a list\n220 pages\n"[..], b"", b"\0\xff\n"] {
        assert!(!matches!(recognise(other), Kind::Log(_)), "{other:?}");
    }
}

#[test]
fn no_password_is_in_what_is_drawn() {
    for (name, bytes) in logs() {
        let drawn = drawn(&bytes);
        for secret in ["hunter2", "****", "me@example.org", "XXXX"] {
            assert!(!drawn.contains(secret), "{name}: {secret}");
        }
    }
}

#[test]
fn a_password_that_comes_back_is_blanked_as_well() {
    let log = "---- Connecting to ftp.example.com (203.0.113.5) port 21\n<--- 220 ready\n---> USER ann\n\
               <--- 331 Password, please\n---> PASS hunter2\n<--- 530 no hunter2 here\n---- hunter2\n";
    let drawn = drawn(log.as_bytes());
    assert!(drawn.contains("530 no … here") && !drawn.contains("hunter2"), "{drawn}");
}

#[test]
fn sessions_that_run_at_the_same_time_are_told_apart() {
    for (name, count) in
        [("vsftpd", 2), ("proftpd-trace", 2), ("filezilla", 2), ("filezilla-server-09", 2)]
    {
        let sessions = sessions(name);
        assert_eq!(sessions.len(), count, "{name}");
        for session in sessions {
            let rows = session.packets.rows();
            let users = rows.iter().filter(|row| row.label.to_string().starts_with("USER")).count();
            let greetings = rows.iter().filter(|row| row.packet == Packet::Reply(220)).count();
            assert!(users <= 1 && greetings <= 1, "{name} {}", session.no);
        }
    }
}

#[test]
fn only_what_was_written_down_is_called_seen() {
    for (name, bytes) in logs() {
        let Some(form) = form(&bytes) else { continue };
        for session in read(form, &bytes).1 {
            for row in session.packets.rows() {
                let is_line =
                    matches!(row.packet, Packet::Command | Packet::Reply(_) | Packet::Note(_));
                assert_eq!(row.provenance == Provenance::Seen, is_line, "{name} {}", row.no);
            }
        }
    }
}

#[test]
fn findings_are_those_that_the_words_prove() {
    for (name, want) in [
        ("vsftpd", vec![vec![], vec![]]),
        ("vsftpd-tls", vec![vec!["T1"]]),
        ("vsftpd-syslog", vec![vec!["A1"]]),
        // It logs no reply, so there is nothing to prove.
        ("pure-ftpd", vec![vec![], vec![]]),
        ("proftpd", vec![vec![]]),
        ("proftpd-default", vec![vec!["X9"], vec![]]),
        ("lftp-prefixed", vec![vec![]]),
        ("lftp-refused", vec![vec!["D10"], vec!["C2"]]),
        ("curl", vec![vec![]]),
        // The reply that says why has not been read by curl.
        ("curl-tls", vec![vec![]]),
        ("curl-unreachable", vec![vec!["D12"]]),
        ("filezilla", vec![vec!["A1"], vec!["D10"]]),
        ("filezilla-window", vec![vec!["C2"], vec![]]),
        ("filezilla-server", vec![vec!["D10"]]),
        ("filezilla-server-09", vec![vec!["C8"], vec!["D1"]]),
        // That the data connection came about does not need saying beside what TLS made of it.
        ("filezilla-server-resumed", vec![vec!["T1"]]),
        ("winscp", vec![vec!["D12"]]),
        ("winscp-data", vec![vec!["D12"]]),
        ("vsftpd-debug", vec![vec![]]),
    ] {
        let mut got: Vec<Vec<&str>> = sessions(name).iter().map(found).collect();
        got.sort();
        let mut want = want;
        want.sort();
        assert_eq!(got, want, "{name}");
    }
}

/// Rules that look at packets, bytes or times of a connection must not be led astray by a log, which has none of them.
#[test]
fn no_rule_on_packets_is_found_in_a_log() {
    let words = ["A1", "C2", "C8", "D1", "D10", "D12", "T1", "X11", "X9"];
    for (name, bytes) in logs() {
        let Some(form) = form(&bytes) else { continue };
        for session in read(form, &bytes).1 {
            let found = found(&session);
            assert!(found.iter().all(|id| words.contains(id)), "{name}: {found:?}");
        }
    }
    assert!(words.iter().all(|id| rules().any(|rule| rule.id == *id)));
}

#[test]
fn lines_that_are_cut_or_mixed_up_are_counted_and_the_rest_is_read() {
    let bytes = log("vsftpd");
    let form = form(&bytes).expect("a form");
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let mut torn = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        torn.extend(if n % 7 == 3 { &line[..line.len() / 2] } else { line });
        torn.extend(if n % 11 == 5 { &b"\nnot of this log\n"[..] } else { b"\n" });
    }
    let (logs, sessions) = read(form, &torn);
    let count = logs.count();
    assert!(count.foreign > 5 && count.said > 30 && count.said < count.lines, "{count:?}");
    assert!(sessions.len() >= 2);
}

#[test]
fn a_session_in_a_log_that_never_ends_keeps_its_bounds() {
    let form = Form::named("proftpd-extended").expect("a form");
    let mut logs = Logs::new(form);
    let mut given = 0;
    for n in 0..30_000_u32 {
        logs.push(format!("{} \"NOOP\" 200 \"well\"", n % 5000).as_bytes());
        if n.is_multiple_of(500) {
            given += logs.take_finished().len();
            assert!(logs.told().open().count() <= 4096);
        }
    }
    for _ in 0..10_000 {
        logs.push(b"7 \"NOOP\" 200 \"well\"");
    }
    let left = logs.finish();
    assert!(given >= 900, "{given}");
    assert!(left.iter().flatten().all(|session| session.packets.rows().len() < 5000));
}
