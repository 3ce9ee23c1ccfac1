//! `--json`: every line is an object of the grammar in docs/client.md, and the last one tells the end.

use std::time::Duration;

use serde_json::Value;
use wharf_testkit::faulty::{Fault, Faulty};

use crate::story::{Story, wharf};

const FILES: &[(&str, &[u8])] = &[("a.txt", b"one"), ("b.txt", b"two"), ("big", &[7; 3_000_000])];

/// The events that may come, and the fields that each of them has always.
const GRAMMAR: &[(&str, &[&str])] = &[
    ("begin", &["action", "path", "at", "total"]),
    ("progress", &["rate", "left"]),
    ("retry", &["number", "wait", "error", "cause", "exit", "command", "reply", "text", "remedy"]),
    ("note", &["text"]),
    ("left-out", &["path", "why", "fault"]),
    ("entry", &["name", "type"]),
    ("check", &["step"]),
    ("plan", &["add", "update", "delete", "same", "bytes"]),
    ("step", &["step", "path", "why"]),
    ("done", &["action", "path"]),
    ("failed", &["action", "path", "error", "cause", "exit", "command", "reply", "text", "remedy"]),
    (
        "end",
        &["exit", "done", "same", "failed", "deleted", "bytes", "moved", "verdicts", "seconds"],
    ),
];

/// Reads the lines of a run as events, each of which must be as the grammar has it.
fn read(text: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(text).unwrap();
    let read = |line: &str| -> Value {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    };
    let events: Vec<Value> = text.lines().map(read).collect();
    for event in &events {
        let name = event["event"].as_str().unwrap();
        let row = GRAMMAR.iter().find(|(known, _)| *known == name);
        let (_, fields) = row.unwrap_or_else(|| panic!("unknown: {event}"));
        for field in *fields {
            assert!(event.get(field).is_some(), "{field} is missing: {event}");
        }
    }
    let ends = events.iter().filter(|event| event["event"] == "end").count();
    assert_eq!((ends, &events.last().unwrap()["event"]), (1, &"end".into()), "{text}");
    events
}

fn events(story: Story, code: i32) -> Vec<Value> {
    let events = read(&story.ends_with(code).out);
    assert_eq!(events.last().unwrap()["exit"], code);
    events
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

#[test]
fn every_command_tells_what_it_does_and_how_it_ends() {
    let server = Faulty::new(FILES, &[]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("up"), "new").unwrap();
    let url = |path: &str| server.url(path);
    let moved: &[(&[&str], &str)] = &[
        (&["get", "--json", &url("a.txt")], "fetch"),
        (&["put", "--json", "up", &url("up")], "store"),
        (&["mv", "--json", &url("up"), &url("there")], "rename"),
        (&["rm", "--json", &url("there")], "delete"),
    ];
    for (arguments, action) in moved {
        let told = events(wharf(arguments).within(folder.path()), 0);
        let done: Vec<_> = told.iter().filter(|event| event["event"] == "done").collect();
        assert_eq!((done.len(), &done[0]["action"]), (1, &(*action).into()), "{told:?}");
        let end = told.last().unwrap();
        assert_eq!((&end["done"], &end["failed"]), (&1.into(), &0.into()), "{arguments:?}");
        if let "fetch" | "store" = *action {
            assert_eq!(names(&told), ["begin", "done", "end"]);
            assert_eq!((&done[0]["bytes"], &end["bytes"]), (&3.into(), &3.into()));
            assert_eq!(end["verdicts"]["size-only"], 1);
        }
    }
    let told = events(wharf(&["ls", "--json", &url("")]), 0);
    assert_eq!(names(&told), ["entry", "entry", "entry", "end"]);
    let of_rows = Faulty::new(FILES, &[Fault::NoFacts]);
    let told = events(wharf(&["stat", "--json", &of_rows.url("b.txt")]), 0);
    assert_eq!(names(&told), ["entry", "end"]);
    let told = events(wharf(&["check", "--json", &url("")]), 0);
    assert!(told.len() > 5 && told.last().unwrap()["settings"].is_string(), "{told:?}");
    let told = events(wharf(&["get", "-r", "--json", &url("")]).within(folder.path()), 0);
    assert!(names(&told).contains(&"done"), "{told:?}");
    let plan = &["sync", "-n", "--json", &url(""), "none"];
    let told = events(wharf(plan).within(folder.path()), 0);
    assert!(names(&told).contains(&"step") && names(&told).contains(&"plan"), "{told:?}");
    assert_eq!(told.last().unwrap()["dry_run"], true);
}

#[test]
fn a_file_on_standard_output_has_its_events_on_standard_error() {
    let server = Faulty::new(FILES, &[]);
    for arguments in [&["cat", "--json"][..], &["get", "--json", "-o", "-"]] {
        let ending = wharf(&[arguments, &[&server.url("a.txt")]].concat()).ends_with(0);
        assert_eq!(ending.out, b"one", "{arguments:?}");
        let told = read(ending.said().as_bytes());
        assert_eq!(names(&told), ["begin", "done", "end"], "{arguments:?}");
    }
}

#[test]
fn what_fails_tells_command_reply_cause_remedy_and_exit_code() {
    let server = Faulty::new(FILES, &[]);
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["get", "--json"][..], &["rm", "--json"]] {
        let url = server.url("nothing");
        let told = events(wharf(&[arguments, &[&url]].concat()).within(folder.path()), 5);
        let failed = told.iter().find(|event| event["event"] == "failed").unwrap();
        assert_eq!(failed["cause"], "not-found", "{failed}");
        assert_eq!((&failed["exit"], &failed["reply"]), (&5.into(), &550.into()), "{failed}");
        assert!(failed["command"].as_str().unwrap().ends_with(" nothing"), "{failed}");
        assert!(failed["remedy"].is_string(), "{failed}");
        assert_eq!(told.last().unwrap()["failed"], 1);
    }
    // What ends all of it is told of what it kept from being done, and at the end.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("ftp://{gone}/x");
    std::fs::create_dir(folder.path().join("t")).unwrap();
    for arguments in [
        &["ls", "--json", &url][..],
        &["get", "--json", "--retries", "0", &url],
        &["get", "-r", "--json", "--retries", "0", &url],
        &["put", "-r", "--json", "--retries", "0", "t", &url],
        &["sync", "--json", "--retries", "0", &url, "t"],
        &["copy", "-r", "--json", &url, &url.replace("/x", "/y")],
        &["mkdir", "--json", &url],
        &["rm", "--json", &url, &url],
        &["rm", "-r", "--json", &url],
        &["stat", "--json", &url],
        &["mv", "--json", &url, &url],
    ] {
        let told = events(wharf(arguments).within(folder.path()), 3);
        let failed = names(&told).iter().filter(|name| **name == "failed").count();
        let end = told.last().unwrap();
        assert_eq!((failed, &end["failed"]), (1, &1.into()), "{arguments:?}: {told:?}");
        assert_eq!(told.last().unwrap()["cause"], "no-connection", "{told:?}");
        assert!(told.last().unwrap()["remedy"].is_string(), "{told:?}");
    }
    let told = events(wharf(&["get", "--json", "ftp://h/"]), 2);
    assert_eq!(told.last().unwrap()["cause"], "usage");
}

#[test]
fn what_was_found_before_the_session_was_lost_is_told() {
    for json in [true, false] {
        let facts = "250-It is\n type=file;size=3;modify=20240501123000; a.txt\n250 End";
        let faults = [Fault::Reply("MLST a.txt", facts), Fault::HangsUp("MLST b.txt")];
        let server = Faulty::new(FILES, &faults);
        let urls = ["a.txt", "b.txt", "big"].map(|name| server.url(name));
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let stat =
            wharf(&[&["stat"][..], if json { &["--json"][..] } else { &[] }, &urls].concat());
        let ending = stat.ends_with(3);
        if json {
            let told = read(&ending.out);
            assert_eq!(names(&told), ["entry", "failed", "end"], "{told:?}");
            assert_eq!((&told[1]["path"], &told[0]["name"]), (&"b.txt".into(), &"a.txt".into()));
        } else {
            assert!(String::from_utf8(ending.out).unwrap().starts_with("name      a.txt\n"));
        }
    }
    let server = Faulty::new(FILES, &[Fault::Reply("MLST none", "550 no such file")]);
    let shell = wharf(&["shell", &server.url("")]).typing(&["stat --json none"]);
    let told = read(&shell.ends_with(5).out);
    assert_eq!(names(&told), ["failed", "end"], "{told:?}");
}

#[test]
fn a_listing_that_breaks_off_has_whole_lines_and_counts_what_came() {
    let all: Vec<String> = (0..400).map(|number| format!("f{number:03}")).collect();
    let files: Vec<(&str, &[u8])> = all.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let server = Faulty::new(&files, &[Fault::CutsListings(10_001)]);
    let url = server.url("");
    let shell = wharf(&["shell", &url]).typing(&["ls --json"]);
    for story in [wharf(&["ls", "--json", &url]), shell] {
        let told = read(&story.ends_with(7).out);
        let count = |name: &str| names(&told).iter().filter(|told| **told == name).count();
        let end = told.last().unwrap();
        assert_eq!((count("failed"), &end["failed"]), (1, &1.into()), "{end}");
        assert!(count("entry") > 50 && end["done"] == count("entry"), "{end}");
    }
}

#[test]
fn who_tries_again_and_how_far_it_is_is_told() {
    // The server takes longer than it is between two events.
    let slow = [Fault::Pieces(600_000), Fault::Pauses(Duration::from_millis(300))];
    let faults = [&[Fault::Few("SIZE big", "421 going down", 1)][..], &slow].concat();
    let server = Faulty::new(FILES, &faults);
    let folder = tempfile::tempdir().unwrap();
    let get = wharf(&["get", "--json", &server.url("big")]);
    let told = events(get.within(folder.path()), 0);
    let first = |name: &str| told.iter().find(|event| event["event"] == name).unwrap();
    let retry = first("retry");
    assert_eq!((&retry["reply"], &retry["number"]), (&421.into(), &1.into()), "{retry}");
    let progress = first("progress");
    assert_eq!(progress["total"], 3_000_000, "{progress}");
    assert!(progress["at"].as_u64().unwrap() > 0 && progress["rate"].as_u64().unwrap() > 0);
    assert!(progress["left"].is_u64(), "{progress}");
}

#[test]
fn a_tree_that_breaks_off_tells_its_tries_and_how_far_it_came() {
    let all: Vec<String> = (0..400).map(|number| format!("f{number}")).collect();
    let files: Vec<(&str, &[u8])> = all.iter().map(|name| (name.as_str(), &b"xyz"[..])).collect();
    let server = Faulty::new(&files, &[Fault::GoesDown(100)]);
    let folder = tempfile::tempdir().unwrap();
    let url = server.url("");
    let get = ["get", "-r", "--json", "-j4", "--timeout", "2", "--retries", "2", &url, "got"];
    let told = events(wharf(&get).within(folder.path()), 3);
    let retries: Vec<_> = told.iter().filter(|event| event["event"] == "retry").collect();
    assert!(retries.iter().any(|retry| retry["number"] == 1), "{told:?}");
    let done = names(&told).iter().filter(|name| **name == "done").count();
    let end = told.last().unwrap();
    assert!(done >= 100 && end["done"] == done && end["bytes"] == 3 * done, "{done}: {end}");
    assert_eq!(end["verdicts"]["size-only"], done);
}
