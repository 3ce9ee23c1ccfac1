//! The edges of what can be said: numbers at the ends of their types, names of every length and byte, names that
//! belong to somebody else.

use crate::raw::Running;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

#[test]
fn s12_numbers_at_the_edges_of_their_types_are_taken_or_refused_and_never_wrap() {
    let server = Running::new();
    server.write("f", "0123456789");
    let mut bob = server.bob();
    for (number, code) in [
        ("0", 350),
        ("2147483647", 350),
        ("2147483648", 350),
        ("4294967295", 350),
        ("4294967296", 350),
        ("9223372036854775807", 350),
        ("9223372036854775808", 501),
        ("18446744073709551615", 501),
        ("18446744073709551616", 501),
        ("99999999999999999999999999999999999999", 501),
        ("-1", 501),
        ("+1", 501),
        ("1 2", 501),
        ("0x10", 501),
        ("1e3", 501),
        ("", 501),
    ] {
        bob.command(&format!("REST {number}"), code);
    }
    for range in ["1 9223372036854775808", "-1 5", "5 +6", "1 18446744073709551616"] {
        bob.command(&format!("RANG {range}"), 501);
    }
    // Beyond the end there is nothing, and nothing is what comes; a file is not made longer by it either.
    for start in ["2147483648", "4294967296", "9223372036854775807"] {
        bob.command(&format!("REST {start}"), 350);
        bob.pasv();
        bob.command("RETR f", 554);
        bob.command(&format!("REST {start}"), 350);
        bob.pasv();
        bob.command("STOR f", 554);
    }
    for number in ["18446744073709551616", "-1", "+1", "x"] {
        bob.command(&format!("ALLO {number}"), 501);
        bob.command(&format!("SITE IDLE {number}"), 501);
    }
    assert_eq!(server.read("f"), b"0123456789");
    bob.command("NOOP", 200);
}

#[test]
fn a_file_that_becomes_shorter_while_it_is_sent_is_never_told_as_whole_and_one_that_grows_is() {
    const LARGE: u64 = 256 << 20;
    let server = Running::new();
    let file = std::fs::File::create(server.path().join("f")).unwrap();
    let mut bob = server.bob();
    for how in ["TYPE A", "TYPE I", "RANG 1 200000000"] {
        for (length, code) in [(1000, 451), (LARGE + 5, 226)] {
            file.set_len(LARGE).unwrap();
            bob.send(how);
            let _ = bob.reply();
            let mut data = bob.passive();
            bob.command("RETR f", 125);
            // More than any socket has room for is still to come.
            data.read_exact(&mut [0]).unwrap();
            file.set_len(length).unwrap();
            let mut got = 1;
            let mut room = vec![0; 1 << 20];
            while let Ok(n @ 1..) = data.read(&mut room) {
                got += n as u64;
            }
            drop(data);
            let reply = bob.expect(code);
            let expected = match (code, how) {
                (451, _) => {
                    assert!(reply.contains("has become shorter"), "{how}: {reply}");
                    continue;
                }
                (_, "RANG 1 200000000") => 200_000_000,
                _ => length,
            };
            assert_eq!(got, expected, "{how}");
        }
    }
}

/// Names of 1 to 255 bytes in which every byte that a name may have comes up.
fn names() -> BTreeSet<Vec<u8>> {
    let bytes: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
    let name = |length: usize| {
        let at = length * 7;
        // The length leads, so that no two are told as the same where a byte has no place in a row.
        let mut name = format!("{length}-").into_bytes();
        name.extend(bytes.iter().cycle().skip(at).take(length));
        name.truncate(length.max(1));
        name
    };
    (1..=255)
        .map(name)
        .chain(bytes.iter().filter(|byte| **byte != b'.').map(|byte| vec![*byte]))
        .collect()
}

/// As a row shows it: the bytes that it has no room for are question marks, and CR is one of them but in rows of facts.
fn shown(name: &[u8], command: &str) -> Vec<u8> {
    let fits = |byte: u8| !matches!(byte, 0 | b'\n') && (command == "MLSD" || byte != b'\r');
    name.iter().map(|byte| if fits(*byte) { *byte } else { b'?' }).collect()
}

fn rows(listing: &[u8]) -> Vec<&[u8]> {
    let rows = listing.split(|byte| *byte == b'\n').filter(|row| !row.is_empty());
    rows.map(|row| row.strip_suffix(b"\r").unwrap()).collect()
}

#[test]
fn s11_names_of_every_length_and_byte_are_listed_a_row_each_and_found_again() {
    let server = Running::new();
    let names = names();
    for name in &names {
        std::fs::write(server.path().join(OsStr::from_bytes(name)), name).unwrap();
    }
    let mut bob = server.bob();
    for command in ["NLST", "MLSD", "LIST"] {
        let wanted: BTreeSet<Vec<u8>> = names.iter().map(|name| shown(name, command)).collect();
        let listing = bob.fetch(command);
        let rows = rows(&listing);
        let own = rows
            .iter()
            .filter(|row| !row.starts_with(b"type=cdir") && !row.starts_with(b"type=pdir"));
        assert_eq!(own.count(), names.len(), "{command}");
        for name in &wanted {
            let is_there = rows.iter().any(|row| match command {
                "NLST" => *row == name.as_slice(),
                _ => row.ends_with(&[b" ", name.as_slice()].concat()),
            });
            assert!(is_there, "{command} {}", name.escape_ascii());
        }
    }
    // In commands every byte but LF has a way, with Telnet's and CR's doubling.
    for name in names.iter().filter(|name| !name.contains(&b'\n')) {
        // From the root on: blanks before an argument belong to nobody.
        let mut line = b"SIZE /".to_vec();
        for byte in name {
            match byte {
                b'\r' => line.extend(b"\r\0"),
                0xff => line.extend(b"\xff\xff"),
                other => line.push(*other),
            }
        }
        line.extend(b"\r\n");
        bob.bytes(&line);
        let (code, text) = bob.reply();
        assert_eq!((code, text), (213, name.len().to_string()), "{}", name.escape_ascii());
    }
}

#[test]
fn s11_links_with_targets_of_four_kilobytes_are_told_whole() {
    let server = Running::new();
    let target = "/outside".repeat(511);
    std::os::unix::fs::symlink(&target, server.path().join("link")).unwrap();
    let mut bob = server.bob();
    let listing = bob.fetch("LIST");
    assert!(listing.ends_with(format!("link -> {target}\r\n").as_bytes()));
    let listing = bob.fetch("MLSD");
    assert!(String::from_utf8_lossy(&listing).contains(&format!("slink:{target};")));
    bob.command("MLST link", 550);
    bob.command("NOOP", 200);
}

#[test]
fn s28_the_names_of_unfinished_uploads_are_nobodys_to_use_or_to_see() {
    let server = Running::new();
    let hidden = ".wharf-00000000000000000000000000000000.part";
    server.write(hidden, "of somebody else");
    server.write("mine", "x");
    let mut bob = server.bob();
    assert_eq!(rows(&bob.fetch("NLST -a")), [b"mine"]);
    assert!(!String::from_utf8_lossy(&bob.fetch("MLSD")).contains("wharf"));
    for verb in ["RETR", "STOR", "APPE"] {
        bob.pasv();
        bob.send(&format!("{verb} {hidden}"));
        assert!([550, 553].contains(&bob.reply().0), "{verb}");
    }
    for verb in [
        "SIZE",
        "MDTM",
        "MLST",
        "STAT",
        "DELE",
        "RNFR",
        "MKD",
        "RMD",
        "CWD",
        "HASH",
        "SITE CHMOD 777",
    ] {
        bob.send(&format!("{verb} {hidden}"));
        let (code, text) = bob.reply();
        assert!((500..=559).contains(&code), "{verb}: {code} {text}");
    }
    bob.command("RNFR mine", 350);
    bob.command(&format!("RNTO {hidden}"), 553);
    bob.command(&format!("SITE SYMLINK mine {hidden}"), 550);
    assert_eq!(server.read(hidden), b"of somebody else");
    assert_eq!(server.names(), [hidden, "mine"]);
}

#[test]
fn s28_files_that_other_servers_take_for_settings_are_files_like_any_other() {
    let server = Running::new();
    let mut bob = server.bob();
    for name in [".ftpaccess", ".htaccess", ".netrc", ".message", "wharf.toml"] {
        bob.store(&format!("STOR {name}"), b"<Limit ALL>\nDenyAll\n</Limit>\nwritable = true\n");
    }
    let mut reader = server.anonymous();
    assert_eq!(reader.fetch("NLST").split(|byte| *byte == b'\n').count(), 6);
    reader.command("MKD d", 550);
    bob.command("MKD d", 257);
}
