//! What came after RFC 959: MFMT MFF HASH XCRC… COMB AVBL DSIZ RANG STOU ALLO REIN SMNT SITE.

use crate::raw::Running;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;

#[test]
fn stou_tells_the_new_name_in_the_form_of_rfc_1123_and_never_replaces_a_file() {
    let server = Running::new();
    server.write("upload", "mine");
    let mut bob = server.bob();
    let mut names = Vec::new();
    for command in ["STOU", "STOU report"] {
        let mut data = bob.passive();
        let text = bob.command(command, 125);
        names.push(text.strip_prefix("FILE: /").unwrap().to_owned());
        data.write_all(command.as_bytes()).unwrap();
        drop(data);
        bob.expect(226);
    }
    assert!(names[0].starts_with("upload.") && names[1].starts_with("report."));
    assert_eq!(server.read(&names[0]), b"STOU");
    assert_eq!(server.read("upload"), b"mine");
}

#[test]
fn allo_answers_by_the_free_space_and_avbl_tells_it() {
    let server = Running::new();
    let mut bob = server.bob();
    bob.command("ALLO 1000", 200);
    bob.command("ALLO 1000 R 80", 200);
    bob.command("ALLO 9000000000000000000", 452);
    bob.command("ALLO", 501);
    assert!(bob.command("AVBL", 213).parse::<u64>().unwrap() > 1000);
    bob.command("AVBL missing", 550);
}

#[test]
fn rein_goes_back_to_the_state_after_220() {
    let server = Running::new();
    let mut bob = server.bob();
    bob.command("EPSV ALL", 200);
    bob.command("REIN", 220);
    bob.command("PWD", 530);
    bob.command("USER bob", 331);
    bob.command("PASS secret", 230);
    bob.command("PASV", 227);
    assert!(bob.command("STAT", 211).contains("TYPE A"));
}

#[test]
fn smnt_knows_the_one_tree() {
    let server = Running::new();
    std::fs::create_dir(server.path().join("d")).unwrap();
    let mut bob = server.bob();
    bob.command("CWD d", 250);
    bob.command("SMNT /", 250);
    assert!(bob.command("PWD", 257).starts_with("\"/\""));
    bob.command("SMNT d", 550);
}

#[test]
fn times_and_permissions_are_set_by_mfmt_mff_and_site() {
    let server = Running::new();
    server.write("a b", "x");
    let mut bob = server.bob();
    for command in ["MFMT 20000229010203 a b", "MFF modify=20000229010203; a b"] {
        bob.command("MFMT 19990101000000 a b", 213);
        bob.command(command, 213);
        assert_eq!(bob.command("MDTM a b", 213), "20000229010203");
    }
    bob.command("SITE UTIME 200203040506 a b", 200);
    assert_eq!(bob.command("MDTM a b", 213), "20020304050600");
    bob.command("SITE UTIME a b 20000101000000 20030405060708 20000101000000 UTC", 200);
    assert_eq!(bob.command("MDTM a b", 213), "20030405060708");
    let mode =
        || std::fs::metadata(server.path().join("a b")).unwrap().permissions().mode() & 0o7777;
    bob.command("SITE CHMOD 4640 a b", 200);
    assert_eq!(mode(), 0o640);
    bob.command("MFF UNIX.mode=0600; a b", 213);
    assert_eq!(mode(), 0o600);
    for (command, code) in [
        ("MFF create=20000101000000; a b", 504),
        ("MFF modify=x; a b", 501),
        ("MFMT 2000 a b", 501),
        ("MFMT 20000229010203 missing", 550),
        ("MFCT 20000229010203 a b", 502),
    ] {
        bob.command(command, code);
    }
    server.anonymous().command("MFMT 20000229010203 a b", 550);
    server.anonymous().command("SITE CHMOD 777 a b", 550);
}

#[test]
fn hashes_are_those_that_everybody_computes() {
    let server = Running::new();
    server.write("f", "123456789");
    let mut bob = server.bob();
    let sha256 = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
    assert_eq!(bob.command("HASH f", 213), format!("SHA-256 0-8 {sha256} /f"));
    assert_eq!(bob.command("XSHA256 f", 250), sha256);
    assert_eq!(bob.command("XCRC f", 250), "cbf43926");
    assert_eq!(bob.command("XMD5 \"f\"", 250), "25f9e794323b453885f5181f1b624d0b");
    assert_eq!(bob.command("XSHA1 f", 250), "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
    assert!(bob.command("XSHA512 f", 250).starts_with("d9e6762dd1c8eaf6d61b3c6192fc408d"));
    assert_eq!(bob.command("OPTS HASH CRC32", 200), "CRC32");
    bob.command("RANG 0 2", 350);
    assert_eq!(bob.command("HASH f", 213), "CRC32 0-2 884863d2 /f");
    assert_eq!(bob.command("XCRC \"f\" 0 3", 250), "884863d2");
    bob.command("OPTS HASH SHA-3", 501);
    bob.command("HASH missing", 550);
    assert!(bob.command("FEAT", 211).contains("HASH CRC32*;MD5;SHA-1;SHA-256;SHA-512"));
}

#[test]
fn rang_limits_one_download_and_is_then_forgotten() {
    let server = Running::new();
    server.write("f", "0123456789");
    let mut bob = server.bob();
    bob.command("RANG 3 5", 350);
    assert_eq!(bob.fetch("RETR f"), b"345");
    assert_eq!(bob.fetch("RETR f"), b"0123456789");
    bob.command("RANG 3 5", 350);
    bob.command("RANG 1 0", 350);
    assert_eq!(bob.fetch("RETR f"), b"0123456789");
    bob.command("RANG 8 100", 350);
    assert_eq!(bob.fetch("RETR f"), b"89");
    bob.command("RANG 3 5", 350);
    bob.command("STOR f", 504);
    bob.command("TYPE A", 200);
    bob.command("RANG 3 5", 350);
    bob.command("RETR f", 504);
}

#[test]
fn comb_joins_parts_in_order_and_removes_them() {
    let server = Running::new();
    server.write("one", "1");
    server.write("part two", "2");
    let mut bob = server.bob();
    bob.command("COMB whole one \"part two\"", 250);
    assert_eq!(server.read("whole"), b"12");
    assert_eq!(server.names(), ["whole"]);
    bob.command("COMB whole missing", 550);
    assert_eq!(server.read("whole"), b"12");
    bob.command("COMB whole", 501);
}

#[test]
fn site_copies_links_makes_and_removes() {
    let server = Running::new();
    let mut bob = server.bob();
    bob.command("SITE MKDIR -p a/b/c", 200);
    bob.command("SITE MKDIR -p a/b/c", 200);
    bob.store("STOR a/b/f", b"12345");
    bob.command("SITE COPY a/b/f a/copy", 200);
    assert_eq!(server.read("a/copy"), b"12345");
    bob.command("SITE SYMLINK a/b/f a/b/c/link", 200);
    assert_eq!(bob.fetch("RETR a/b/c/link"), b"12345");
    let target = std::fs::read_link(server.path().join("a/b/c/link")).unwrap();
    assert_eq!(target.to_str().unwrap(), "../f");
    bob.command("SITE SYMLINK ../../../etc/passwd out", 200);
    bob.command("SIZE out", 550);
    assert_eq!(bob.command("DSIZ a", 213), "14");
    bob.command("SITE RMDIR a", 550);
    bob.command("SITE RMDIR -r a", 200);
    assert_eq!(server.names(), ["out"]);
    bob.command("SITE EXEC ls", 504);
    bob.command("SITE", 501);
    assert!(bob.command("SITE HELP", 214).contains("SITE CHMOD mode path"));
}

#[test]
fn site_umask_and_idle_hold_for_the_session() {
    let server = Running::new();
    let mut bob = server.bob();
    bob.command("SITE UMASK 077", 200);
    bob.store("STOR f", b"x");
    bob.command("MKD d", 257);
    let mode = |name: &str| {
        std::fs::metadata(server.path().join(name)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode("f"), mode("d")), (0o600, 0o700));
    assert!(bob.command("SITE UMASK", 200).contains("077"));
    bob.command("SITE IDLE 1", 200);
    bob.command("SITE IDLE 0", 501);
    bob.command("SITE IDLE 100000", 501);
    bob.expect(421);
}

#[test]
fn a_download_tells_its_size_in_the_preliminary_reply() {
    let server = Running::new();
    server.write("f", "12345");
    let mut bob = server.bob();
    let mut data = bob.passive();
    assert!(bob.command("RETR f", 125).contains("(5 bytes)"));
    data.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn removing_a_link_with_all_in_it_touches_nothing_behind_it() {
    let server = Running::new();
    std::fs::create_dir(server.path().join("data")).unwrap();
    server.write("data/f", "precious");
    let mut bob = server.bob();
    bob.command("SITE SYMLINK data l", 200);
    bob.command("SITE RMDIR -r l", 550);
    assert_eq!(server.read("data/f"), b"precious");
    bob.command("SITE RMDIR -r /", 550);
}

#[test]
fn what_a_file_is_said_to_be_is_set_by_mff_and_told_by_mlst_and_mlsd_on_demand() {
    let server = Running::new();
    server.write("a.html", "x");
    server.write("b", "x");
    let mut bob = server.bob();
    bob.command("OPTS MLST media-type;charset;lang;", 200);
    assert!(bob.command("MLST a.html", 250).contains("\n media-type=text/html; /a.html\n"));
    assert!(bob.command("MLST b", 250).contains("\n  /b\n"), "nobody has said what it is");
    bob.command("MFF charset=a\tb; b", 501);
    let labels = ["media-type=text/plain;", "charset=Shift_JIS;", "lang=ja;"];
    bob.send(&format!("MFF {} b", labels[0]));
    match bob.reply() {
        (213, _) => {}
        // A file system without extended attributes: that must be said, and nothing else be wrong.
        (504, why) => return assert_eq!(why, "That is not done here."),
        other => panic!("{other:?}"),
    }
    for label in labels {
        bob.command(&format!("MFF {label} b"), 213);
    }
    assert!(bob.command("MLST b", 250).contains(&format!("\n {} /b\n", labels.concat())));
    let rows = String::from_utf8(bob.fetch("MLSD")).unwrap();
    assert!(rows.lines().any(|row| row == format!("{} b", labels.concat())), "{rows}");
    // What is added to a file changes nothing of what it is.
    bob.store("APPE b", b"y");
    bob.command("REST 1", 350);
    bob.store("STOR b", b"z");
    assert!(bob.command("MLST b", 250).contains(&format!("\n {} /b\n", labels.concat())));
    bob.command("MFF charset=; b", 213);
    bob.command("MFF charset=; b", 213);
    assert!(!bob.command("MLST b", 250).contains("charset"));
    bob.command("OPTS MLST UNIX.owner;", 200);
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(server.path()).unwrap());
    assert!(bob.command("MLST b", 250).contains(&format!("UNIX.owner={owner};")));
}

#[test]
fn comb_refuses_a_file_as_its_own_part_however_it_is_spelt_and_leaves_nothing_when_it_fails() {
    let server = Running::new();
    std::fs::create_dir(server.path().join("d")).unwrap();
    server.write("d/a", "1");
    server.write("p", "2");
    let mut bob = server.bob();
    bob.command("SITE SYMLINK d l", 200);
    bob.command("COMB d/a l/a", 550);
    bob.command("COMB whole p p", 550);
    bob.command("COMB whole p missing", 550);
    bob.command("COMB whole p d/a", 250);
    assert_eq!(server.read("whole"), b"21");
    bob.command("SITE COPY missing copy", 550);
    assert_eq!(server.names(), ["d", "l", "whole"]);
}

#[test]
fn permissions_taken_away_can_be_given_back() {
    let server = Running::new();
    server.write("f", "x");
    let mut bob = server.bob();
    bob.command("SITE CHMOD 000 f", 200);
    bob.command("SITE CHMOD 600 f", 200);
    let mode = std::fs::metadata(server.path().join("f")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
