//! `wharf rm`, `mkdir`, `mv`, `stat` and the forms of `ls`, against `wharf serve`.

use std::fs;
use std::path::Path;

use wharf_testkit::faulty::{Fault, Faulty};

use crate::serving::{Serving, run};

fn ends(arguments: &[&str], code: i32) -> (String, String) {
    let output = run(Path::new("/"), arguments);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {err}");
    (out, err)
}

#[test]
fn folders_are_made_moved_described_and_removed_with_all_that_is_in_them() {
    let serving = Serving::new(&["--writable"]);
    let url = |path: &str| serving.url(path);
    ends(&["mkdir", &url("a"), &url("b%20c")], 0);
    ends(&["mkdir", &url("x/y/z")], 5);
    ends(&["mkdir", "-p", &url("x/y/z"), &url("a")], 0);
    assert!(serving.path("x/y/z").is_dir() && serving.path("b c").is_dir());
    fs::write(serving.path("x/y/f"), "12345").unwrap();
    std::os::unix::fs::symlink("/etc", serving.path("x/link")).unwrap();

    ends(&["mv", &url("x/y/f"), &url("a/")], 0);
    assert_eq!(fs::read(serving.path("a/f")).unwrap(), b"12345");
    let (out, _) = ends(&["stat", &url("a/f"), &url("a")], 0);
    assert!(out.contains("kind      file\nsize      5\nmodified  20"), "{out}");
    assert!(out.contains("kind      folder"), "{out}");
    let (out, _) = ends(&["stat", "--json", &url("a/f")], 0);
    let object: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!((object["type"].as_str(), object["size"].as_u64()), (Some("file"), Some(5)));
    assert_eq!(object["url"], url("a/f"));
    let (out, err) = ends(&["stat", &url("a"), &url("nothing")], 1);
    assert!(out.contains("folder") && err.contains("nothing"), "{out} {err}");
    ends(&["stat", &url("nothing")], 5);

    ends(&["rm", &url("x")], 6);
    ends(&["rm", "-r", &url("x")], 0);
    assert!(!serving.path("x").exists() && Path::new("/etc").exists());
    let (_, err) = ends(&["rm", &url("a/f"), &url("a/g")], 1);
    assert!(err.contains("DELE a/g"), "{err}");
    ends(&["rm", &url("a/g")], 5);
    ends(&["rm", "-r", &url("a/g")], 5);
    ends(&["rm", &url("")], 2);
    ends(&["mv", &url("a"), "ftp://127.0.0.1:1/b"], 2);
}

#[test]
fn what_may_not_be_removed_is_told_and_the_rest_is_gone() {
    let serving = Serving::new(&[]);
    fs::create_dir(serving.path("d")).unwrap();
    fs::write(serving.path("d/f"), "").unwrap();
    let (_, err) = ends(&["rm", "-r", &serving.url("d")], 6);
    assert!(err.contains("d/f") && serving.path("d/f").exists(), "{err}");
}

#[test]
fn a_listing_has_long_rows_and_objects() {
    let serving = Serving::new(&[]);
    fs::write(serving.path("a b"), "12345").unwrap();
    let (out, _) = ends(&["ls", "-l", &serving.url("")], 0);
    assert!(out.starts_with("rw") && out.trim_end().ends_with(" a b"), "{out}");
    let (out, _) = ends(&["ls", "--json", &serving.url("")], 0);
    let object: serde_json::Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!((object["name"].as_str(), object["size"].as_u64()), (Some("a b"), Some(5)));
    assert!(object["modified"].as_str().unwrap().ends_with('Z'), "{out}");
    ends(&["ls", "-l", "--json", &serving.url("")], 2);
}

#[test]
fn nothing_outside_of_a_folder_is_removed_whatever_a_server_lists() {
    const ROWS: &[&[u8]] = &[
        b"type=file; ../outside",
        b"type=file; /etc/passwd",
        b"type=dir; ..",
        b"type=dir; a/b",
        b"type=file; \x1b[2J",
    ];
    let faults = [Fault::Rows(ROWS), Fault::Reply("DELE folder", "550 a folder")];
    let server = Faulty::new(&[], &faults);
    let (_, err) = ends(&["rm", "-r", &server.url("folder")], 5);
    assert!(err.contains("leads out of its folder") && !err.contains('\x1b'), "{err}");
    let heard = server.heard();
    let removals = heard.iter().filter(|line| line.starts_with("DELE") || line.starts_with("RMD"));
    let told: Vec<&String> = removals.collect();
    assert_eq!(told, ["DELE folder", "DELE /folder/\u{1b}[2J", "RMD /folder"], "{heard:?}");
}

#[test]
fn folders_without_a_bottom_are_given_up() {
    const ROWS: &[&[u8]] = &[b"type=dir; deeper"];
    let faults = [Fault::Rows(ROWS), Fault::Reply("DELE", "550 a folder")];
    let server = Faulty::new(&[], &faults);
    let (_, err) = ends(&["rm", "-r", &server.url("d")], 1);
    assert!(err.contains("more than 256 folders within each other"), "{err}");
}
