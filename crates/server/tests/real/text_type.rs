//! TYPE A: lines end in CRLF on the wire and in LF on disk.

use crate::raw::Running;

#[test]
fn text_is_converted_both_ways_and_bytes_are_not() {
    let server = Running::new();
    server.write("f", "one\ntwo\r\nlast\rx");
    let mut bob = server.bob();
    assert_eq!(bob.fetch("RETR f"), b"one\ntwo\r\nlast\rx");
    bob.command("TYPE A", 200);
    assert_eq!(bob.fetch("RETR f"), b"one\r\ntwo\r\nlast\rx");
    assert_eq!(bob.command("SIZE f", 213), "16");
    bob.store("STOR g", b"one\r\ntwo\r\nlast\r");
    assert_eq!(server.read("g"), b"one\ntwo\nlast\r");
}

#[test]
fn rest_counts_bytes_as_they_are_transferred() {
    let server = Running::new();
    server.write("f", "a\nb\nc\n");
    let mut bob = server.bob();
    bob.command("REST 2", 350);
    assert_eq!(bob.fetch("RETR f"), b"b\nc\n");
    bob.command("TYPE A N", 200);
    bob.command("REST 4", 350);
    assert_eq!(bob.fetch("RETR f"), b"\r\nc\r\n");
}

#[test]
fn a_large_text_keeps_every_line_over_chunk_borders() {
    let server = Running::new();
    let text: String = (0..200_000).map(|n| format!("{n}\n")).collect();
    server.write("f", &text);
    let mut bob = server.bob();
    bob.command("TYPE A", 200);
    let wire = bob.fetch("RETR f");
    assert_eq!(wire, text.replace('\n', "\r\n").as_bytes());
    bob.store("STOR g", &wire);
    assert_eq!(server.read("g"), text.as_bytes());
}

#[test]
fn what_is_not_done_is_refused_and_changes_nothing() {
    let server = Running::new();
    let mut bob = server.bob();
    bob.command("TYPE L 36", 504);
    for command in ["TYPE", "TYPE X", "STRU X", "MODE", "MODE BB"] {
        bob.command(command, 501);
    }
    for command in ["TYPE L 8", "STRU F", "MODE S"] {
        bob.command(command, 200);
    }
    assert!(bob.command("STAT", 211).contains("TYPE L 8, STRU F, MODE S"));
}
