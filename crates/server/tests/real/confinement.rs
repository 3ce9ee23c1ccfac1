//! Nothing outside the root is reachable, by any name or race.

use crate::raw::Running;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn s04_no_name_and_no_link_leads_out() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let server = Running::new();
    symlink(outside.path(), server.path().join("absolute")).unwrap();
    let depth = "../".repeat(20);
    let relative = format!("{depth}{}", outside.path().display());
    symlink(relative, server.path().join("relative")).unwrap();
    let mut bob = server.bob();
    bob.command("CWD ../../..", 250);
    assert!(bob.command("PWD", 257).starts_with("\"/\""));
    for link in ["absolute", "relative"] {
        bob.command(&format!("CWD {link}"), 550);
        for command in ["RETR", "LIST", "MLSD"] {
            bob.pasv();
            bob.command(&format!("{command} {link}/secret"), 550);
        }
        for command in ["SIZE", "MDTM", "MLST", "DELE", "RNFR", "STAT"] {
            bob.command(&format!("{command} {link}/secret"), 550);
        }
        bob.pasv();
        bob.command(&format!("STOR {link}/planted"), 553);
        bob.command(&format!("MKD {link}/planted"), 550);
    }
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn s04_spellings_that_mean_another_folder_elsewhere_are_plain_names_here() {
    let server = Running::new();
    server.write("f", "x");
    std::fs::create_dir(server.path().join("d")).unwrap();
    let mut bob = server.bob();
    for up in ["..", "../", "../..", "d/../..", "./../.", "/..", "//..//..", "/../../etc/.."] {
        bob.command(&format!("CWD {up}"), 250);
        assert!(bob.command("PWD", 257).starts_with("\"/\""), "{up}");
        assert_eq!(bob.command(&format!("SIZE {up}/f"), 213), "1");
    }
    for name in [
        "..\\..\\etc\\passwd",
        "%2e%2e/f",
        "C:\\",
        "C:/f",
        "...",
        "..%00/f",
        "\\\\host\\share",
        "~root",
        "~",
    ] {
        bob.command(&format!("CWD {name}"), 550);
        bob.command(&format!("SIZE {name}"), 550);
    }
    bob.command("SIZE ..\0/f", 550);
    for path in ["/etc/passwd", "/proc/self/environ", "../../../../etc/passwd"] {
        bob.command(&format!("SIZE {path}"), 550);
        bob.pasv();
        bob.command(&format!("RETR {path}"), 550);
    }
}

#[test]
fn s04_a_folder_changed_or_renamed_while_a_transfer_runs_does_not_change_what_it_reads_or_writes() {
    let server = Running::new();
    for folder in ["a", "b"] {
        std::fs::create_dir(server.path().join(folder)).unwrap();
    }
    server.write("a/f", vec![b'a'; 4 << 20]);
    server.write("b/f", vec![b'b'; 4 << 20]);
    let mut bob = server.bob();
    bob.command("CWD a", 250);
    let mut data = bob.passive();
    bob.command("RETR f", 125);
    bob.bytes(b"CWD ../b\r\n");
    let mut other = server.bob();
    other.command("RNFR a", 350);
    other.command("RNTO c", 250);
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut data, &mut bytes).unwrap();
    assert!(bytes.len() == 4 << 20 && bytes.iter().all(|byte| *byte == b'a'));
    drop(data);
    bob.expect(226);
    bob.expect(250);
    // An upload is the file of the folder in which it began, wherever that is by now.
    let mut data = bob.passive();
    bob.command("STOR new", 125);
    bob.bytes(b"CWD /\r\n");
    other.command("RNFR b", 350);
    other.command("RNTO d", 250);
    std::io::Write::write_all(&mut data, b"mine").unwrap();
    drop(data);
    bob.expect(226);
    assert_eq!(server.read("d/new"), b"mine");
}

#[test]
fn storing_over_a_link_replaces_the_link_and_not_what_it_leads_to() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let server = Running::new();
    symlink(outside.path().join("secret"), server.path().join("f")).unwrap();
    server.bob().store("STOR f", b"mine");
    assert_eq!(std::fs::read(outside.path().join("secret")).unwrap(), b"secret");
    assert_eq!(server.read("f"), b"mine");
}

#[test]
fn a_folder_swapped_for_a_link_in_a_loop_never_leads_out() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("f"), "secret").unwrap();
    let server = Running::new();
    let (folder, link) = (server.path().join("d"), server.path().join("l"));
    std::fs::create_dir(&folder).unwrap();
    server.write("d/f", "public");
    symlink(outside.path(), &link).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let swapper = {
        let (done, spare) = (Arc::clone(&done), server.path().join("spare"));
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                std::fs::rename(&folder, &spare).unwrap();
                std::fs::rename(&link, &folder).unwrap();
                std::fs::rename(&folder, &link).unwrap();
                std::fs::rename(&spare, &folder).unwrap();
            }
        })
    };
    let mut bob = server.bob();
    for n in 0..2000 {
        bob.send("SIZE d/f");
        bob.send(&format!("MKD d/made-{n}"));
        let (code, text) = bob.reply();
        assert!(code == 550 || (code, text.as_str()) == (213, "6"), "{code} {text}");
        bob.reply();
    }
    done.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1, "something was made outside");
}
