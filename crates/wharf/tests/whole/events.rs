//! `--json` of commands that change something: whatever is done has its event, and the end counts it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::serving::{Serving, run};

/// The events of a command that ends with this code.
#[track_caller]
fn told(here: &Path, arguments: &[&str], code: i32) -> Vec<Value> {
    let output = run(here, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What these events say was done, and where, in alphabetical order. Of paths that begin with `top` that is left out.
fn deeds(events: &[Value], top: &str) -> Vec<String> {
    let mut deeds = Vec::new();
    for event in events.iter().filter(|event| event["event"] == "done") {
        let path = event["path"].as_str().unwrap();
        let path = path.strip_prefix(top).unwrap_or(path);
        deeds.push(format!("{} {path}", event["action"].as_str().unwrap()));
    }
    deeds.sort();
    deeds
}

#[test]
fn a_sync_tells_each_thing_that_it_does_here_as_it_does_there() {
    for (up, moved) in [(true, "store"), (false, "fetch")] {
        let serving = Serving::new(&["--quiet", "--writable"]);
        let here = tempfile::tempdir().unwrap();
        let (remote, local) = (serving.path("t"), here.path().join("t"));
        let (source, target) = if up { (&local, &remote) } else { (&remote, &local) };
        fs::create_dir_all(source.join("d")).unwrap();
        fs::write(source.join("a"), "a").unwrap();
        fs::write(source.join("d/b"), "b").unwrap();
        fs::create_dir_all(target.join("gone")).unwrap();
        fs::write(target.join("gone/x"), "x").unwrap();
        fs::write(target.join("old"), "old").unwrap();
        fs::write(target.join("d"), "in the way").unwrap();
        let url = serving.url("t");
        let ends = if up { ["t", &url] } else { [&url, "t"] };
        let sync = ["sync", "--json", "--delete", "--max-delete", "100%"];
        let events = told(here.path(), &[&sync[..], &ends].concat(), 0);
        let mut expected = [
            "delete d".to_owned(),
            "delete gone/x".to_owned(),
            "delete old".to_owned(),
            "make d".to_owned(),
            "remove gone".to_owned(),
            format!("{moved} a"),
            format!("{moved} d/b"),
        ];
        expected.sort();
        assert_eq!(deeds(&events, ""), expected, "up: {up}");
        let end = events.last().unwrap();
        assert_eq!((&end["done"], &end["deleted"]), (&2.into(), &4.into()), "{end}");
        assert_eq!(end["failed"], 0);
    }
}

#[test]
fn each_of_many_files_that_are_deleted_here_is_told_once() {
    let serving = Serving::new(&["--quiet"]);
    let here = tempfile::tempdir().unwrap();
    fs::create_dir(serving.path("t")).unwrap();
    fs::create_dir(here.path().join("t")).unwrap();
    for number in 0..1000 {
        fs::write(here.path().join(format!("t/f{number}")), "").unwrap();
    }
    let url = serving.url("t");
    let sync = ["sync", "--json", "--delete", "--max-delete", "1000", &url, "t"];
    let events = told(here.path(), &sync, 0);
    let mut deeds = deeds(&events, "");
    deeds.dedup();
    assert_eq!((deeds.len(), &events.last().unwrap()["deleted"]), (1000, &1000.into()));
    assert_eq!(fs::read_dir(here.path().join("t")).unwrap().count(), 0);
}

#[test]
fn folders_that_are_removed_are_told_apart_from_files_that_are_deleted() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    fs::create_dir_all(serving.path("r/sub")).unwrap();
    fs::write(serving.path("r/f"), "").unwrap();
    fs::write(serving.path("r/sub/g"), "").unwrap();
    let events = told(Path::new("/"), &["rm", "-r", "--json", &serving.url("r")], 0);
    assert_eq!(deeds(&events, "/"), ["delete r/f", "delete r/sub/g", "remove r", "remove r/sub"]);
    assert_eq!(events.last().unwrap()["done"], 4);
}

#[test]
fn the_end_counts_the_names_that_were_told_and_what_failed() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    fs::write(serving.path("a"), "").unwrap();
    fs::write(serving.path("b"), "").unwrap();
    let url = |path: &str| serving.url(path);
    for (arguments, code, done, failed) in [
        (&["ls", "--json", &url("")][..], 0, 2, 0),
        (&["ls", "--json", &url("none/")], 5, 0, 1),
        (&["stat", "--json", &url("a"), &url("b")], 0, 2, 0),
        (&["stat", "--json", &url("a"), &url("none")], 1, 1, 1),
    ] {
        let events = told(Path::new("/"), arguments, code);
        let end = events.last().unwrap();
        assert_eq!((&end["done"], &end["failed"]), (&done.into(), &failed.into()), "{events:?}");
        let of = |name: &str| events.iter().filter(|event| event["event"] == name).count();
        assert_eq!((of("entry"), of("failed")), (done, failed), "{events:?}");
    }
}

#[test]
fn a_new_name_that_is_not_utf_8_is_told_with_its_bytes() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    fs::write(serving.path("a"), "").unwrap();
    let events =
        told(Path::new("/"), &["mv", "--json", &serving.url("a"), &serving.url("b%FF")], 0);
    assert_eq!((&events[0]["to"], &events[0]["to_hex"]), (&"b\u{FFFD}".into(), &"62ff".into()));
}
