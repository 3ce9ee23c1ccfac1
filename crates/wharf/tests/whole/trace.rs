//! `wharf trace` on captures of real sessions.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use crate::serving::wharf;

pub(crate) fn capture(name: &str) -> PathBuf {
    let captures = concat!(env!("CARGO_MANIFEST_DIR"), "/../ladder/tests/captures");
    PathBuf::from(captures).join(name)
}

fn trace(options: &[&str], name: &str) -> Output {
    wharf().arg("trace").args(options).arg(capture(name)).output().unwrap()
}

pub(crate) fn text(options: &[&str], name: &str) -> String {
    let output = trace(options, name);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_capture_whose_name_is_no_utf8_is_a_file_as_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(OsStr::from_bytes(b"\xff.cap"));
    std::fs::copy(capture("reference.cap"), &file).unwrap();
    let frames = wharf().args(["trace", "--format", "pcapng", "--with-secrets"]).arg(file).output();
    let frames = frames.unwrap();
    assert!(frames.status.success() && frames.stdout.len() > 1000, "{frames:?}");
}

#[test]
fn the_captured_reference_session_is_drawn_with_its_49_rows() {
    let text = text(&["--packets"], "reference.cap");
    for row in [" 21 C ", " 27 D ", " 49 C "] {
        assert!(text.contains(row), "{row}: {text}");
    }
    assert!(text.starts_with("Session 1, 127.0.0.1:"), "{text}");
    assert!(!text.contains("hunter2"));
}

/// The same capture, pcap, as if only so many bytes of each frame had been kept.
fn cut_at(keep: usize, whole: &[u8]) -> Vec<u8> {
    let (head, mut rest) = whole.split_at(24);
    let mut out = head.to_vec();
    while let Some((header, behind)) = rest.split_at_checked(16) {
        let length = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
        let kept = keep.min(length);
        out.extend(&header[..8]);
        out.extend(u32::try_from(kept).unwrap().to_le_bytes());
        out.extend(&header[12..]);
        out.extend(&behind[..kept]);
        rest = &behind[length..];
    }
    out
}

#[test]
fn of_frames_that_are_cut_what_is_there_is_drawn_and_where_nothing_is_that_is_told() {
    let whole = std::fs::read(capture("passive-pyftpdlib-curl.cap")).unwrap();
    let trace = |keep| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), cut_at(keep, &whole)).unwrap();
        let output = wharf().arg("trace").arg(file.path()).output().unwrap();
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap())
    };
    // Amid the options of TCP, of which every segment on the loopback has twelve bytes.
    let [drawn, _] = trace(60);
    assert!(drawn.starts_with("Session 1, 127.0.0.1:42916 to 127.0.0.1:2121"), "{drawn}");
    assert!(drawn.contains("─ SYN ─") && drawn.contains("11 B, cut in the capture"), "{drawn}");
    assert!(drawn.contains("-s 0"), "{drawn}");
    let [drawn, said] = trace(50);
    assert_eq!(drawn, "");
    assert!(said.contains("37 of them are cut at 50 bytes") && said.contains("-s 0"), "{said}");
}

#[test]
fn a_capture_comes_from_standard_input_as_well_and_may_be_packed() {
    let bytes = std::fs::read(capture("upload-lftp.cap")).unwrap();
    let want = text(&[], "upload-lftp.cap");
    let packed = zstd::encode_all(bytes.as_slice(), 1).unwrap();
    for bytes in [bytes, packed] {
        let mut child =
            wharf().arg("trace").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), want);
    }
}

#[test]
fn a_transfer_between_two_servers_is_two_sessions_that_name_each_other() {
    let list = text(&["--list"], "third-party.cap");
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 2, "{list}");
    assert!(lines[0].contains("of session 2") && lines[1].contains("of session 1"), "{list}");
}

#[test]
fn a_transfer_between_two_servers_is_one_picture_of_three_lifelines() {
    let drawn = text(&[], "third-party.cap");
    assert!(drawn.starts_with("Sessions 1 and 2: third party 127.0.0.1, data between"), "{drawn}");
    assert!(drawn.contains("passive: it listens") && drawn.contains("active: it connects"));
    assert_eq!(drawn.matches("data 300 B").count(), 1, "{drawn}");
    let summaries = ["Session 1: 1 transfer, 300 B", "Session 2: 1 transfer, 300 B"];
    assert!(summaries.iter().all(|words| drawn.contains(words)), "{drawn}");
}

#[test]
fn a_filter_in_words_leaves_the_sessions_that_fit() {
    let drawn = text(&["--list", "--filter", "port 3121 or verb pasv"], "third-party.cap");
    assert!(!drawn.is_empty());
    let none = trace(&["--filter", "finding D* and not code 425"], "third-party.cap");
    assert_eq!(none.status.code(), Some(5));
    let wrong = trace(&["--filter", "verb fly"], "third-party.cap");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("`fly` is no verb of FTP"));
}

#[test]
fn japanese_words_and_ascii_lines_are_had_for_the_asking() {
    let japanese = text(&["--lang", "ja", "--list"], "reference.cap");
    assert!(japanese.starts_with("セッション 1、"), "{japanese}");
    assert!(text(&["--ascii"], "reference.cap").is_ascii());
}

#[test]
fn what_is_no_capture_or_breaks_off_is_told_with_an_exit_code_of_its_own() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = wharf().args(["trace", readme]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("neither pcap nor pcapng"));
    let bytes = std::fs::read(capture("reference.cap")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.cap");
    std::fs::write(&cut, &bytes[..bytes.len() - 3]).unwrap();
    let output = wharf().arg("trace").arg(&cut).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("breaks off after frame"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Session 1"));
    let none = trace(&["--session", "7"], "reference.cap");
    assert_eq!(none.status.code(), Some(5));
    let missing = wharf().args(["trace", "/no/such/file"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(8));
}

#[test]
fn every_form_holds_the_rows_of_the_session_and_no_password() {
    for form in ["json", "mermaid", "svg", "html"] {
        let text = text(&["--format", form, "--packets"], "upload-lftp.cap");
        for words in ["PASS …", "STOR", "226"] {
            assert!(text.contains(words), "{form}: {words}");
        }
        assert!(!text.contains("hunter2") && !text.contains("secret"), "{form}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{form}");
    }
    let json = text(&["--format", "json"], "reference.cap");
    let lines: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["kind"], "session");
    assert!(lines.iter().any(|line| line["verb"] == "RETR" && line["what"] == "command"));
    assert!(text(&["--format", "svg"], "reference.cap").contains("<g id=\"s1r21\">"));
}

#[test]
fn the_capture_that_is_written_is_read_again_as_the_same_session() {
    let folder = tempfile::tempdir().unwrap();
    for (name, form) in [("reference.cap", "a"), ("eprt-ipv6-curl.cap", "b")] {
        let output = trace(&["--format", "pcapng", "--packets"], name);
        assert!(output.status.success());
        assert!(!output.stdout.windows(7).any(|part| part == b"hunter2"));
        let file = folder.path().join(form);
        std::fs::write(&file, &output.stdout).unwrap();
        let again = wharf().args(["trace", "--packets", "--no-times"]).arg(&file).output().unwrap();
        let first = text(&["--packets", "--no-times"], name);
        assert_eq!(String::from_utf8(again.stdout).unwrap(), first, "{name}");
    }
}

#[test]
fn sessions_under_tls_are_read_with_a_key_log_or_with_the_secrets_in_the_capture() {
    let inside = text(&[], "tls13-wharf.pcapng");
    assert!(inside.contains("RETR list.txt") && inside.contains("RETR data 1492 B"), "{inside}");
    assert!(inside.contains("PASS …") && !inside.contains("hunter2"));
    let sealed = text(&[], "tls13-vsftpd-curl.pcapng");
    assert!(!sealed.contains("RETR") && sealed.contains("under TLS, not read without"), "{sealed}");
    let keys = capture("tls13-vsftpd-curl.keys");
    let opened = text(&["--keys", keys.to_str().unwrap()], "tls13-vsftpd-curl.pcapng");
    assert!(opened.contains("RETR list.txt") && opened.contains("STOR up.txt"), "{opened}");
    for form in ["json", "mermaid", "svg", "html"] {
        let text = text(&["--format", form], "tls13-wharf.pcapng");
        assert!(text.contains("RETR list.txt") && !text.contains("hunter2"), "{form}");
    }
}

#[test]
fn with_secrets_the_frames_of_a_session_come_as_they_were_with_their_keys_and_what_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let keys = capture("tls13-vsftpd-curl.keys");
    let (pcapng, keys) = (["--format", "pcapng"], ["--keys", keys.to_str().unwrap()]);
    let has = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
    for (name, keys) in [("tls13-vsftpd-curl.pcapng", &keys[..]), ("reference.cap", &[])] {
        let plain = trace(&[&pcapng, keys].concat(), name);
        assert!(!has(&plain.stdout, b"TRAFFIC_SECRET") && !has(&plain.stdout, b"hunter2"));
        let output = trace(&[&pcapng, keys, &["--with-secrets"]].concat(), name);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(has(&output.stdout, b"CLIENT_TRAFFIC_SECRET_0"), !keys.is_empty());
        assert!(has(&output.stdout, b"row 4, seen: 220 "));
        let file = folder.path().join(name);
        std::fs::write(&file, &output.stdout).unwrap();
        let again = wharf().args(["trace", "--packets"]).arg(&file).output().unwrap();
        let first = text(&[keys, &["--packets"]].concat(), name);
        assert_eq!(String::from_utf8(again.stdout).unwrap(), first, "{name}");
    }
    let output = trace(&["--with-secrets"], "reference.cap");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn frames_that_the_capture_has_cut_keep_the_length_that_they_had() {
    let output = trace(&["--format", "pcapng", "--with-secrets"], "bulk-cut.cap");
    assert!(output.status.success(), "{output:?}");
    let (mut rest, mut cut) = (output.stdout.as_slice(), 0);
    let number = |bytes: &[u8], at: usize| {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    };
    while !rest.is_empty() {
        let is_frame = number(rest, 0) == 6;
        cut += usize::from(is_frame && number(rest, 24) > number(rest, 20));
        rest = &rest[number(rest, 4)..];
    }
    assert!(cut > 0, "some of its frames were cut");
}

#[test]
fn without_times_json_has_none_anywhere() {
    let times =
        ["at", "origin", "took", "rate", "waited", "round_trip", "logged_in", "delta", "one_way"];
    let here = capture("reference.cap");
    let here = here.to_str().unwrap();
    for options in [&[][..], &["--compare", "1,1"], &["--beside", here]] {
        let told = text(&[&["--json", "--no-times"], options].concat(), "reference.cap");
        let timed = text(&[&["--json"], options].concat(), "reference.cap");
        assert_ne!(told, timed);
        for time in times {
            let of = |told: &str| told.matches(&format!("\"{time}\":")).count();
            let null = told.matches(&format!("\"{time}\":null")).count();
            assert_eq!((of(&told), null), (of(&timed), of(&told)), "{time}: {told}");
        }
    }
}

#[test]
fn many_replies_of_several_lines_are_whole_where_that_is_asked_for_at_any_width() {
    for width in ["40", "80", "200"] {
        let text = text(&["--whole-replies", "--width", width], "upload-lftp.cap");
        assert!(text.contains(" REST STREAM") && text.contains("211 End FEAT."), "{text}");
        let most = width.parse().unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= most), "{text}");
    }
    assert!(!text(&[], "upload-lftp.cap").contains("211 End FEAT."));
}

#[test]
fn secrets_that_a_capture_brings_behind_the_handshakes_are_used_too() {
    let bytes = std::fs::read(capture("tls13-wharf.pcapng")).unwrap();
    let (mut rest, mut frames, mut secrets) = (bytes.as_slice(), Vec::new(), Vec::new());
    while let Some(head) = rest.get(..8) {
        let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
        let (block, behind) = rest.split_at(number(4) as usize);
        if number(0) == 10 {
            secrets.extend(block)
        } else {
            frames.extend(block)
        }
        rest = behind;
    }
    assert!(!secrets.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("late.pcapng");
    std::fs::write(&path, [frames, secrets].concat()).unwrap();
    let output = wharf().arg("trace").arg(&path).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), text(&[], "tls13-wharf.pcapng"));
}

#[test]
fn a_key_log_that_is_none_is_told_before_anything_is_drawn() {
    let output =
        trace(&["--keys", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")], "reference.cap");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("holds no keys of TLS sessions"));
    assert_eq!(trace(&["--keys", "/no/such/file"], "reference.cap").status.code(), Some(8));
}

#[test]
fn json_tells_the_numbers_of_each_session_and_ends_with_the_totals() {
    let lines: Vec<serde_json::Value> = text(&["--json"], "bulk-cut.cap")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &str| lines.iter().find(|line| line["kind"] == kind).unwrap();
    assert!(of("statistics")["logged_in"].as_f64().unwrap() > 0.0);
    let transfer = of("transfer");
    assert_eq!(transfer["verb"], "RETR");
    assert!(transfer["segments"].as_u64().unwrap() > 1 && transfer["code"] == 226, "{transfer}");
    assert!(transfer["window_most"].as_u64().unwrap() > 65_535, "windows are scaled: {transfer}");
    let total = lines.last().unwrap();
    assert_eq!((&total["kind"], &total["sessions"]), (&"total".into(), &1.into()));
    assert_eq!(total["to_client"], transfer["bytes"]);
    assert_eq!(total["source"]["broken"], serde_json::Value::Null);
}

#[test]
fn a_list_as_json_has_an_object_a_session_and_the_totals_and_numbers_where_they_are_asked_for() {
    let read = |options: &[&str], name: &str| -> Vec<serde_json::Value> {
        let options = [&["--list", "--json"], options].concat();
        text(&options, name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let lines = read(&[], "third-party.cap");
    let kinds: Vec<&str> = lines.iter().filter_map(|line| line["kind"].as_str()).collect();
    assert_eq!(kinds, ["listed", "listed", "total"]);
    assert_eq!((&lines[0]["session"], &lines[0]["partners"][0]), (&1.into(), &2.into()));
    for line in &lines[..2] {
        assert!(line["client"].is_string() && line["server"].is_string(), "{line}");
        assert_eq!((&line["transfers"], &line["failed"]), (&1.into(), &0.into()), "{line}");
        assert!(line["took"].as_f64().is_some_and(|took| took > 0.0), "{line}");
        assert!(line["findings"].is_array() && line["ending"] == "ended in order", "{line}");
    }
    let lines = read(&["--stats", "--no-times"], "bulk-cut.cap");
    let kinds: Vec<&str> = lines.iter().filter_map(|line| line["kind"].as_str()).collect();
    assert_eq!(kinds, ["listed", "statistics", "transfer", "total"]);
    assert_eq!(lines[0]["took"], serde_json::Value::Null);
    assert_eq!(lines[0]["to_client"], lines[3]["to_client"]);
    let wrong = trace(&["--list", "--format", "svg"], "bulk-cut.cap");
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn totals_count_what_tls_was_seen_and_tell_that_the_source_breaks_off() {
    let totals = |text: &str| -> serde_json::Value {
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    };
    let total = totals(&text(&["--json"], "tls13-wharf.pcapng"));
    assert_eq!(total["tls"]["sessions"], 1);
    assert_eq!((&total["tls"]["data_own"], &total["tls"]["sealed"]), (&0.into(), &0.into()));
    assert!(total["tls"]["versions"]["TLS 1.3"].as_u64().unwrap() > 1, "{total}");
    let bytes = std::fs::read(capture("reference.cap")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.cap");
    std::fs::write(&cut, &bytes[..bytes.len() - 3]).unwrap();
    let output = wharf().args(["trace", "--json"]).arg(&cut).output().unwrap();
    let broken = &totals(&String::from_utf8(output.stdout).unwrap())["source"]["broken"];
    assert!(broken.as_str().unwrap().contains("breaks off after frame"), "{broken}");
}

#[test]
fn numbers_stand_below_the_ladder_and_totals_at_the_end_where_they_are_asked_for() {
    let drawn = text(&["--stats"], "bulk-cut.cap");
    for words in [
        "Control connection: round trip ",
        "Data connection 1 RETR: ",
        "window ",
        "Total: 1 session, 1 transfer,",
    ] {
        assert!(drawn.contains(words), "{words}: {drawn}");
    }
    assert!(!text(&[], "bulk-cut.cap").contains("round trip"));
    let list = text(&["--list", "--stats"], "bulk-cut.cap");
    assert!(list.contains("\n  Data connection 1 RETR: "), "{list}");
    let japanese = text(&["--stats", "--list", "--lang", "ja"], "reference.cap");
    assert!(japanese.contains("合計：セッション 1 件"), "{japanese}");
}

#[test]
fn two_sessions_stand_side_by_side_with_the_step_in_which_they_part() {
    let other = capture("passive-pyftpdlib-curl.cap");
    let against = ["--compare", "1,1", "--against", other.to_str().unwrap()];
    let drawn = text(&against, "reference.cap");
    assert!(drawn.contains("=    6   +0.000 > USER anonymous"), "{drawn}");
    assert!(
        drawn.contains("They part here: nothing at the left, PWD (row 11) at the right"),
        "{drawn}"
    );
    assert!(text(&["--compare", "1,1"], "reference.cap").contains("They do not part."));
    let json = text(&["--json", "--compare", "1,2"], "third-party.cap");
    assert!(json.starts_with("{\"kind\":\"comparison\"") && json.contains("\"likeness\":\"left\""));
    let none = trace(&["--compare", "1,7"], "reference.cap");
    assert_eq!(none.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&none.stderr).contains("has no session 7"));
    let svg = trace(&["--compare", "1,1", "--format", "svg"], "reference.cap");
    assert_eq!(svg.status.code(), Some(2));
}

#[test]
fn the_same_capture_beside_itself_has_lost_nothing() {
    let same = capture("upload-lftp.cap");
    let drawn = text(&["--beside", same.to_str().unwrap()], "upload-lftp.cap");
    assert!(drawn.contains("Clocks: the server's is 0.0000 s ahead"), "{drawn}");
    assert!(drawn.contains("arrived at the other, as it was sent"), "{drawn}");
    let json = text(&["--json", "--beside", same.to_str().unwrap()], "upload-lftp.cap");
    assert!(json.lines().skip(1).all(|line| line.contains("\"fate\":\"arrived\"")), "{json}");
    let other = capture("reference.cap");
    let none = trace(&["--beside", other.to_str().unwrap()], "upload-lftp.cap");
    assert_eq!(none.status.code(), Some(5));
}

#[test]
fn names_are_hidden_in_every_form_where_that_is_asked_for() {
    for form in ["text", "json", "mermaid", "svg", "html", "pcapng"] {
        let options = ["--format", form, "--redact", "user,names", "--stats"];
        let output = trace(&options, "reference.cap");
        assert!(output.status.success());
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.contains("notes.txt") && !text.contains("pub"), "{form}: {text}");
        assert!(text.contains("RETR name-2") && text.contains("USER anonymous"), "{form}: {text}");
    }
    assert!(text(&["--redact", "user"], "reference.cap").contains("RETR notes.txt"));
}

#[test]
fn keys_for_what_is_no_capture_are_told_to_be_of_no_use() {
    let log = crate::logs::log("vsftpd.log");
    let output = wharf().args(["trace", "--keys", "/no/such/file"]).arg(log).output().unwrap();
    assert!(output.status.success());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("--keys is of no use for"), "{told}");
}

/// The handshake of a TLS session is longer than a short file, and most of it is the client's.
#[test]
fn of_a_short_file_under_tls_the_numbers_are_those_of_the_file() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sessions");
    let keys = format!("{docs}/tls.keys");
    let options = ["trace", "--stats", "--keys", &keys];
    let output = wharf().args(options).arg(format!("{docs}/tls.cap")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let numbers = |verb: &str| said.lines().find(|line| line.contains(verb)).unwrap_or_default();
    assert!(numbers("connection 1 LIST: ").contains("130 B in "), "{said}");
    assert!(numbers("connection 2 RETR: ").contains("81 B in "), "{said}");
}

#[test]
fn in_japanese_what_is_ours_of_a_rows_words_is_japanese_in_every_form() {
    for (name, ours, theirs) in [
        ("bulk-cut.cap", "B（セグメント ", " segments"),
        ("upload-lftp.cap", "B（応答の一部）", ", part of a"),
        ("tls13-vsftpd-curl.pcapng", "B（暗号化）", "B, encrypted"),
    ] {
        for form in ["text", "html", "svg"] {
            let drawn = text(&["--lang", "ja", "--format", form], name);
            assert!(drawn.contains(ours) && !drawn.contains(theirs), "{name} {form}: {drawn}");
        }
    }
}
