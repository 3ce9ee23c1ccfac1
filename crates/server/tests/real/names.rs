//! Patterns, charsets, archives and virtual hosts.

use crate::raw::Running;
use std::io::Read;
use std::sync::Arc;
use wharf_proto::charset::Charset;
use wharf_server::Host;
use wharf_server::storage::local::LocalFolder;

fn sorted(bytes: &[u8]) -> Vec<String> {
    let mut rows: Vec<String> = String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect();
    rows.sort();
    rows
}

#[test]
fn a_pattern_chooses_names_and_a_file_of_that_name_goes_before_it() {
    let server = Running::new();
    std::fs::create_dir(server.path().join("d")).unwrap();
    for name in ["a.txt", "b.txt", "c.bin", ".hidden.txt", "d/e.txt", "odd[1]"] {
        server.write(name, "x");
    }
    let mut bob = server.bob();
    assert_eq!(sorted(&bob.fetch("NLST *.txt")), ["a.txt", "b.txt"]);
    assert_eq!(sorted(&bob.fetch("NLST d/*.txt")), ["d/e.txt"]);
    assert_eq!(sorted(&bob.fetch("NLST /d/?.txt")), ["/d/e.txt"]);
    assert_eq!(sorted(&bob.fetch("NLST odd[1]")), ["odd[1]"]);
    assert_eq!(sorted(&bob.fetch("LIST -la [ab].txt")).len(), 2);
    assert!(bob.fetch("NLST *.none").is_empty());
    bob.pasv();
    bob.command("NLST missing/*.txt", 550);
    bob.pasv();
    bob.command("NLST missing", 550);
}

#[test]
fn names_are_shown_and_understood_in_the_charset_of_an_old_client() {
    let server =
        Running::with(|config| config.policy.charset = Charset::named("shift_jis").unwrap());
    server.write("表.txt", "x");
    let mut bob = server.bob();
    let names = bob.fetch("NLST");
    assert_eq!(names, b"\x95\\.txt\r\n");
    server.write("=raw=x", "x");
    assert!(bob.command("STAT =raw==raw=x", 213).contains(" =raw==raw=x\n"), "as NLST shows it");
    bob.command("SIZE =raw==raw=x", 213);
    bob.bytes(b"SIZE \x95\\.txt\r\n");
    assert_eq!(bob.expect(213), "1");
    bob.bytes(b"MKD \x8d`\r\n");
    bob.expect(257);
    assert!(server.path().join("港").is_dir());
    bob.command("OPTS UTF8 ON", 200);
    assert_eq!(bob.command("SIZE 表.txt", 213), "1");
    bob.command("OPTS UTF8 OFF", 200);
    bob.bytes(b"SIZE \x95\\.txt\r\n");
    bob.expect(213);
}

#[test]
fn a_user_has_a_charset_of_its_own_until_it_asks_for_utf_8() {
    let server = Running::with(|config| {
        config.accounts = std::mem::take(&mut config.accounts)
            .with_user("old", "secret", wharf_proto::server::Rights::WRITER)
            .in_charset(Charset::named("euc-jp").unwrap());
    });
    server.write("表", "x");
    assert_eq!(server.bob().fetch("NLST"), "表\r\n".as_bytes());
    let mut old = server.login("old", "secret");
    assert_eq!(old.fetch("NLST"), b"\xc9\xbd\r\n");
    old.command("OPTS UTF8 ON", 200);
    assert_eq!(old.fetch("NLST"), "表\r\n".as_bytes());
    old.command("OPTS UTF8 OFF", 200);
    old.command("USER bob", 331);
    old.command("PASS secret", 230);
    assert_eq!(old.fetch("NLST"), "表\r\n".as_bytes());
}

#[test]
fn a_folder_is_fetched_as_an_archive_where_that_is_allowed() {
    let server = Running::with(|config| config.archives = true);
    std::fs::create_dir(server.path().join("d")).unwrap();
    server.write("d/inside", "content");
    server.write("real.tar", "not an archive");
    let mut bob = server.bob();
    let tar = bob.fetch("RETR d.tar");
    let mut archive = tar::Archive::new(tar.as_slice());
    let mut found = false;
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path().unwrap().ends_with("inside") {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found = text == "content";
        }
    }
    assert!(found);
    let packed = bob.fetch("RETR d.tar.zst");
    assert_eq!(zstd::decode_all(packed.as_slice()).unwrap(), tar);
    assert_eq!(bob.fetch("RETR real.tar"), b"not an archive");
    for command in ["RETR missing.tar", "RETR real.tar.tar"] {
        bob.pasv();
        bob.command(command, 550);
        bob.command("REST 5", 350);
        bob.pasv();
        assert!(bob.command(command, 550).contains("There is no such file"));
        bob.command(&command.replace("RETR", "SIZE"), 550);
    }
    assert!(bob.command("SIZE d.tar", 504).contains("has no size before"));
    bob.command("SIZE real.tar", 213);
    bob.command("REST 5", 350);
    bob.pasv();
    bob.command("RETR d.tar", 504);
    let plain = Running::new();
    std::fs::create_dir(plain.path().join("d")).unwrap();
    let mut bob = plain.bob();
    bob.pasv();
    bob.command("RETR d.tar", 550);
}

#[test]
fn host_chooses_another_tree_before_the_login() {
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("theirs"), "x").unwrap();
    let server = Running::with(|config| {
        let storage = Arc::new(LocalFolder::open(other.path()).unwrap());
        config.hosts =
            vec![Host { name: "ftp.example.org".into(), greeting: "Ahoy.".into(), storage }];
    });
    server.write("ours", "x");
    let mut raw = server.connect();
    raw.command("HOST nowhere.example", 504);
    assert_eq!(raw.command("HOST FTP.example.org", 220), "Ahoy.");
    raw.command("USER bob", 331);
    raw.command("HOST ftp.example.org", 503);
    raw.command("PASS secret", 230);
    assert_eq!(raw.fetch("NLST"), b"theirs\r\n");
    raw.command("REIN", 220);
    raw.command("USER bob", 331);
    raw.command("PASS secret", 230);
    assert_eq!(raw.fetch("NLST"), b"ours\r\n");
}
