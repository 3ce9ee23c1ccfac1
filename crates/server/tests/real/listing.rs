//! LIST NLST MLSD MLST STAT SIZE MDTM.

use crate::raw::Running;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, UNIX_EPOCH};

fn awkward(server: &Running) {
    server.write("plain.txt", "12345");
    server.write(" leading and trailing ", "");
    server.write("ファイル", "");
    server.write("-la", "");
    let raw = server.path().join(std::ffi::OsStr::from_bytes(b"latin\xe9"));
    std::fs::write(raw, "").unwrap();
    std::fs::create_dir(server.path().join("folder")).unwrap();
    std::os::unix::fs::symlink("plain.txt", server.path().join("link")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", server.path().join("outside")).unwrap();
    let file = std::fs::File::options().write(true).open(server.path().join("plain.txt")).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(951_782_400)).unwrap();
}

fn rows(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rows: Vec<Vec<u8>> =
        bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    rows.sort();
    rows
}

#[test]
fn names_come_back_byte_for_byte_whatever_they_are() {
    let server = Running::new();
    awkward(&server);
    let mut bob = server.bob();
    let mut names: Vec<&[u8]> = vec![
        b" leading and trailing \r\n",
        b"-la\r\n",
        b"folder\r\n",
        b"latin\xe9\r\n",
        b"link\r\n",
        b"outside\r\n",
        b"plain.txt\r\n",
        "ファイル\r\n".as_bytes(),
    ];
    names.sort();
    assert_eq!(rows(&bob.fetch("NLST")), names);
    assert_eq!(bob.fetch("NLST plain.txt"), b"plain.txt\r\n");
    server.write("folder/inside", "");
    assert_eq!(bob.fetch("NLST folder"), b"folder/inside\r\n");
    assert_eq!(bob.fetch("NLST folder/inside"), b"folder/inside\r\n");
}

#[test]
fn list_looks_like_ls_and_shows_links_as_links() {
    let server = Running::new();
    awkward(&server);
    let mut bob = server.bob();
    let listing = String::from_utf8_lossy(&bob.fetch("LIST -la")).into_owned();
    let find = |name: &str| {
        listing
            .lines()
            .find(|line| {
                line.ends_with(name) && !line.ends_with("-> plain.txt")
                    || line.ends_with("link -> plain.txt") && name.starts_with("link")
            })
            .unwrap()
            .to_owned()
    };
    assert!(find(" plain.txt").contains(" 5 Feb 29  2000 plain.txt"), "{listing}");
    assert!(find("folder").starts_with('d'));
    assert!(find("link -> plain.txt").starts_with('l'));
    assert_eq!(bob.fetch("LIST folder"), b"");
}

#[test]
fn mlsd_tells_facts_follows_links_inside_and_refuses_a_file() {
    let server = Running::new();
    awkward(&server);
    let mut bob = server.bob();
    bob.command("OPTS MLST type;size;modify;", 200);
    let listing = String::from_utf8_lossy(&bob.fetch("MLSD")).into_owned();
    let has = |row: &str| assert!(listing.lines().any(|line| line == row), "{row} in {listing}");
    has("type=file;size=5;modify=20000229000000; plain.txt");
    has("type=file;size=5;modify=20000229000000; link");
    assert!(listing.contains("type=dir;modify="));
    assert!(listing.contains("type=OS.unix=slink:/etc/passwd;"));
    bob.pasv();
    bob.command("MLSD plain.txt", 501);
    bob.pasv();
    bob.command("LIST missing", 550);
}

#[test]
fn one_entry_is_told_by_mlst_stat_size_and_mdtm() {
    let server = Running::new();
    awkward(&server);
    let mut bob = server.bob();
    let facts = bob.command("MLST plain.txt", 250);
    assert!(facts.contains("\n type=file;size=5;modify=20000229000000;perm=adfrw;"), "{facts}");
    assert!(facts.contains(" /plain.txt\n"));
    assert!(server.anonymous().command("MLST plain.txt", 250).contains("perm=r;"));
    assert_eq!(bob.command("SIZE plain.txt", 213), "5");
    assert_eq!(bob.command("MDTM plain.txt", 213), "20000229000000");
    for command in ["SIZE folder", "SIZE missing", "MDTM missing", "MLST missing", "SIZE outside"] {
        bob.command(command, 550);
    }
    assert!(bob.command("STAT folder", 212).starts_with("\"/folder\""));
    assert!(bob.command("STAT plain.txt", 213).contains("plain.txt"));
}

#[test]
fn ten_thousand_entries_are_listed_whole() {
    let server = Running::new();
    for n in 0..10_000 {
        server.write(&format!("entry-{n:05}"), "");
    }
    let listing = server.bob().fetch("MLSD");
    assert_eq!(rows(&listing).len(), 10_000);
    assert_eq!(rows(&server.bob().fetch("LIST")).len(), 10_000);
}

#[test]
fn the_time_of_the_making_is_told_when_it_is_asked_for() {
    let server = Running::new();
    awkward(&server);
    let mut bob = server.bob();
    assert!(bob.command("FEAT", 211).contains("create;"));
    assert!(!bob.command("MLST plain.txt", 250).contains("create="));
    bob.command("OPTS MLST modify;create;", 200);
    let facts = bob.command("MLST plain.txt", 250);
    let line = facts.lines().find(|line| line.contains("plain.txt")).unwrap();
    assert!(line.starts_with(" modify=20000229000000;"), "{line}");
    // Some file systems do not know; one that does knows that it was made later than it claims to be changed.
    let created = line.split("create=").nth(1).map(|rest| rest[..14].to_owned());
    assert!(created.is_none_or(|time| time.as_str() > "20000229000000"), "{line}");
}
