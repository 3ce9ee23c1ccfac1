//! One short line that asks for much work: patterns, deep trees, trees that lead back into themselves.

use crate::raw::Running;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

#[test]
fn s09_a_pattern_of_many_stars_is_answered_at_once_in_every_verb_that_takes_one() {
    let server = Running::new();
    for n in 0..50 {
        server.write(&format!("{}{n}", "a".repeat(250)), "");
    }
    let pattern = "*a".repeat(100) + "*b";
    let mut bob = server.bob();
    let began = Instant::now();
    for command in ["LIST", "NLST", "MLSD"] {
        let mut data = bob.passive();
        bob.send(&format!("{command} {pattern}"));
        if bob.reply().0 == 125 {
            let mut rows = Vec::new();
            std::io::Read::read_to_end(&mut data, &mut rows).unwrap();
            assert!(rows.is_empty(), "{command}");
            drop(data);
            bob.expect(226);
        }
    }
    // No braces and no `**`: they are names, and there are none such.
    let braces = "{a,b}".repeat(12);
    bob.command(&format!("STAT {pattern}"), 550);
    bob.command(&format!("STAT {braces}"), 550);
    bob.pasv();
    bob.command(&format!("LIST {braces}"), 550);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    bob.command("NOOP", 200);
}

/// A tree so deep, each folder with a link to the root beside the next.
fn deep(server: &Running, levels: usize) {
    let mut path = server.path().to_path_buf();
    for _ in 0..levels {
        path.push("d");
        std::fs::create_dir(&path).unwrap();
        symlink(server.path(), path.join("up")).unwrap();
        symlink("..", path.join("back")).unwrap();
    }
    std::fs::write(path.join("f"), "12345").unwrap();
}

#[test]
fn s10_list_r_lists_one_folder_however_deep_the_tree_is() {
    let server = Running::new();
    deep(&server, 100);
    let mut bob = server.bob();
    for command in ["LIST -R", "LIST -laR", "NLST -R"] {
        let listing = bob.fetch(command);
        assert_eq!(listing.iter().filter(|byte| **byte == b'\n').count(), 1, "{command}");
    }
}

#[test]
fn s10_walks_follow_no_link_and_come_to_an_end_in_a_tree_that_leads_back() {
    let server = Running::new();
    deep(&server, 200);
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("kept"), "x").unwrap();
    symlink(outside.path(), server.path().join("d/outside")).unwrap();
    let mut bob = server.bob();
    bob.command("DSIZ d", 213);
    bob.command("SITE RMDIR -r d", 200);
    assert!(server.names().is_empty());
    assert_eq!(std::fs::read(outside.path().join("kept")).unwrap(), b"x");
}

#[test]
fn s10_a_tree_deeper_than_is_walked_is_refused_and_what_is_deeper_stays() {
    let server = Running::new();
    deep(&server, 300);
    let mut bob = server.bob();
    bob.command("DSIZ d", 550);
    bob.command("SITE RMDIR -r d", 504);
    let bottom = server.path().join(vec!["d"; 300].join("/"));
    assert_eq!(std::fs::read(bottom.join("f")).unwrap(), b"12345");
}
