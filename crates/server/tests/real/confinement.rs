//! Nothing outside the root is reachable, by any name or race.

use crate::raw::Running;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn no_name_and_no_link_leads_out() {
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
