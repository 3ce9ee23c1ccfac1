//! What a user writes is data wherever it comes out again: in replies, in listings, in the log.

use std::io::Read;

use crate::raw::{Raw, Running};
use wharf_proto::tap::What;

/// Arguments that are something else to a terminal, a shell, a database, a format or a line reader.
const HOSTILE: [&str; 12] = [
    "$(id)",
    "`id`",
    "; rm -rf /",
    "' OR 1=1 --",
    "\"quoted\"",
    "%n%s%x{}{0}{name}",
    "${jndi:ldap://x}",
    "\u{1b}[2J\u{1b}]0;x\u{7}",
    "\u{202e}txt.exe",
    "\u{9b}31m",
    "&lt;script>alert(1)</script>",
    "|cat /etc/passwd",
];

/// What stands for one name on the wire and in a path.
fn usable(name: &str) -> String {
    name.replace('/', "_")
}

#[test]
fn s20_s21_names_for_shells_databases_and_formats_are_names_and_nothing_more() {
    let server = Running::new();
    let mut bob = server.bob();
    for name in HOSTILE.map(usable) {
        let made = bob.command(&format!("MKD {name}"), 257);
        let quoted = name.replace('"', "\"\"");
        assert!(made.starts_with(&format!("\"/{quoted}\"")), "{made}");
        bob.command(&format!("CWD {name}"), 250);
        bob.store(&format!("STOR {name}"), name.as_bytes());
        bob.command(&format!("RNFR {name}"), 350);
        bob.command(&format!("RNTO {name}.2"), 250);
        assert_eq!(bob.fetch(&format!("RETR {name}.2")), name.as_bytes());
        bob.command("CDUP", 250);
        assert_eq!(server.read(&format!("{name}/{name}.2")), name.as_bytes());
    }
    let mut names = HOSTILE.map(usable);
    names.sort();
    assert_eq!(server.names(), names, "nothing else was made, and nothing removed");
}

#[test]
fn s19_a_line_break_in_a_name_makes_no_second_reply_and_no_second_row() {
    let server = Running::new();
    server.write("a\r\n226 forged", "");
    server.write("b\r250 forged", "");
    let mut bob = server.bob();
    for (command, shown, names) in [
        ("NLST", 2, ["a??226 forged", "b?250 forged"]),
        ("LIST", 2, ["a??226 forged", "b?250 forged"]),
        // In rows of facts a CR that no LF follows is part of a name (RFC 3659 section 2.2).
        ("MLSD", 1, ["a\r?226 forged", "b\r250 forged"]),
    ] {
        let mut data = bob.passive();
        bob.command(command, 125);
        let mut listing = String::new();
        data.read_to_string(&mut listing).unwrap();
        drop(data);
        // What could not be told as it is, is counted.
        let said = bob.expect(226);
        let told = format!("With a line end in the name, shown as ?: {shown} entries.");
        assert!(said.ends_with(&told), "{said}");
        let rows: Vec<&str> = listing.split("\r\n").filter(|row| !row.is_empty()).collect();
        let members = rows.iter().filter(|row| row.contains("forged")).count();
        assert_eq!((members, rows.iter().any(|row| row.contains('\n'))), (2, false), "{listing:?}");
        assert!(!rows.iter().any(|row| row.starts_with("226") || row.starts_with("250")));
        for name in names {
            assert!(rows.iter().any(|row| row.ends_with(name)), "{name:?} {listing:?}");
        }
    }
    // CR and NUL come as CR (RFC 854, RFC 2640); in a reply it is never one that ends a line.
    for line in [
        &b"MLST b\r\x00250 forged\r\n"[..],
        b"CWD x\r\x00\x1b[2J\xff\xffy\r\n",
        b"MKD \x07\x1b[2J\r\x00z\r\n",
    ] {
        bob.bytes(line);
        let lines = whole_reply(&mut bob);
        for line in &lines {
            let inner = &line[..line.len() - 2];
            let ends =
                inner.iter().zip(&line[1..]).any(|(byte, next)| *byte == b'\r' && *next != 0);
            assert!(!ends, "{}", line.escape_ascii());
        }
        bob.command("NOOP", 200);
    }
}

/// The lines of a reply as they came.
fn whole_reply(raw: &mut Raw) -> Vec<Vec<u8>> {
    let mut lines = vec![raw.line()];
    let end = [&lines[0][..3], b" "].concat();
    while !lines[lines.len() - 1].starts_with(&end) {
        lines.push(raw.line());
        assert!(lines.len() < 100, "{lines:?}");
    }
    lines
}

#[test]
fn s19_what_a_tap_shows_of_a_user_steers_no_terminal() {
    let server = Running::new();
    let mut raw = server.connect();
    for name in HOSTILE {
        raw.command(&format!("USER {name}"), 331);
    }
    raw.bytes(b"USER \xff\xff\x80\r\0x\0\r\n");
    raw.expect(331);
    raw.command("QUIT", 221);
    server.wait_for(|what| matches!(what, What::ControlClosed { .. }));
    let events = server.events.lock().unwrap();
    let shown = events.iter().filter_map(|event| match &event.what {
        What::Command { line, .. } => Some(line.to_string()),
        _ => None,
    });
    for line in shown {
        let steers = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!line.contains(steers), "{line:?}");
    }
}
