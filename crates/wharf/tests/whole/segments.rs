//! `wharf get --segments`, against `wharf serve`: a file over several sessions at a time.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::serving::{Serving, run, wharf};

/// Four times the smallest segment, no part of which is like another one.
fn content(seed: u32) -> Vec<u8> {
    (0..4 << 10).flat_map(|i: u32| (i ^ seed).to_le_bytes().repeat(1024)).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// Begins to fetch `x` and is interrupted when there are bytes behind a hole.
fn interrupted(here: &Path, url: &str) {
    let child = wharf()
        .args(["get", "--segments", "4", "--limit-rate", "20M", url])
        .current_dir(here)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let part = here.join(".x.wharf-part");
    let has_begun =
        |found: fs::Metadata| found.len() > 12 << 20 && found.blocks() > (4 << 20) / 512;
    while !fs::metadata(&part).is_ok_and(has_begun) {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{}", said(&ended));
    assert_eq!(names(here), [".x.wharf-note", ".x.wharf-part"]);
    let note = fs::read_to_string(here.join(".x.wharf-note")).unwrap();
    assert!(note.matches("have ").count() > 1, "{note}");
}

#[test]
fn a_file_comes_over_four_sessions_in_clear_and_under_tls_and_is_proven() {
    let options = ["--tls-self-signed", "--user", "ann:secret"];
    let bytes = content(0);
    for (scheme, options) in [("ftp", &[][..]), ("ftpes", &options)] {
        let serving = Serving::new(options);
        fs::write(serving.path("x"), &bytes).unwrap();
        let login = if scheme == "ftp" { "" } else { "ann:secret@" };
        let url = format!("{scheme}://{login}127.0.0.1:{}/x", serving.port);
        let here = tempfile::tempdir().unwrap();
        // So slow that all four are logged in before it is over.
        let mut arguments = vec!["get", "--segments", "4", "--limit-rate", "32M", "--verify"];
        arguments.extend(["--trace=ladder", &url]);
        if scheme == "ftpes" {
            arguments.push("--insecure");
        }
        let got = run(here.path(), &arguments);
        assert_eq!(got.status.code(), Some(0), "{}", said(&got));
        assert!(said(&got).contains("digest agrees"), "{}", said(&got));
        assert!(fs::read(here.path().join("x")).unwrap() == bytes);
        assert_eq!(names(here.path()), ["ladder", "x"]);
        let ladder = fs::read_to_string(here.path().join("ladder")).unwrap();
        // The last one of four ends where the file does.
        assert!(ladder.matches("RANG ").count() >= 3, "{ladder}");
        let (_, log) = serving.end();
        assert_eq!(log.matches(": logged in").count(), 4, "{log}");
    }
}

#[test]
fn what_was_interrupted_is_gone_on_with_in_segments_or_in_one_stream() {
    let serving = Serving::new(&[]);
    let bytes = content(0);
    fs::write(serving.path("x"), &bytes).unwrap();
    let url = serving.url("x");
    for again in [&["get", "--segments", "3", "--json", &url][..], &["get", "--json", &url]] {
        let here = tempfile::tempdir().unwrap();
        interrupted(here.path(), &url);
        let got = run(here.path(), again);
        assert_eq!(got.status.code(), Some(0), "{}", said(&got));
        let events = String::from_utf8(got.stdout).unwrap();
        let done = events.lines().find(|line| line.contains(r#""event":"done""#)).unwrap();
        let told: serde_json::Value = serde_json::from_str(done).unwrap();
        let moved = told["moved"].as_u64().unwrap();
        assert_eq!(told["bytes"].as_u64().unwrap(), bytes.len() as u64);
        assert!(moved < bytes.len() as u64 && told["verdict"] == "size-only", "{told}");
        assert!(fs::read(here.path().join("x")).unwrap() == bytes);
        assert_eq!(names(here.path()), ["x"]);
    }
}

#[test]
fn what_is_of_a_file_that_has_changed_is_thrown_away_even_if_size_and_time_are_the_same() {
    let serving = Serving::new(&[]);
    let file = serving.path("x");
    fs::write(&file, content(0)).unwrap();
    let time = fs::metadata(&file).unwrap().modified().unwrap();
    let url = serving.url("x");
    for again in [&["get", "--segments", "4", &url][..], &["get", &url]] {
        let here = tempfile::tempdir().unwrap();
        fs::write(&file, content(0)).unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
        interrupted(here.path(), &url);
        let bytes = content(7);
        fs::write(&file, &bytes).unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
        let got = run(here.path(), again);
        assert_eq!(got.status.code(), Some(0), "{}", said(&got));
        assert!(said(&got).contains("starting over"), "{}", said(&got));
        assert!(fs::read(here.path().join("x")).unwrap() == bytes);
    }
}

#[test]
fn segments_are_for_one_file_byte_by_byte() {
    let here = tempfile::tempdir().unwrap();
    let url = "ftp://127.0.0.1:1/x";
    for option in ["--ascii", "--ebcdic", "--record", "--block-mode", "--plain", "-r"] {
        let refused = run(here.path(), &["get", "--segments", "4", option, url]);
        assert_eq!(refused.status.code(), Some(2), "{option}");
        assert!(said(&refused).contains("--segments"), "{}", said(&refused));
    }
    for (segments, url) in [("4", "ftp://127.0.0.1:1/x;type=a"), ("0", url), ("33", url)] {
        let refused = run(here.path(), &["get", "--segments", segments, url]);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    }
}
