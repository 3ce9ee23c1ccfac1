//! Transfers in blocks that break, and go on from a restart marker, between the real client and the real server.

use std::fs;

use wharf_testkit::cutting::Cutting;

use crate::serving::{Serving, run};

/// Where the data connection breaks, and how many bytes go once more at most.
const CUT: u64 = 2_500_000;
const AGAIN: u64 = 1_600_000;

/// A file, how it is moved, and how many bytes more a line has on the wire.
const FORMS: [(&str, &[&str], usize); 4] = [
    ("bytes", &["--block-mode"], 0),
    ("text", &["--block-mode", "--ascii"], 1),
    ("text", &["--block-mode", "--ebcdic"], 0),
    ("text", &["--block-mode", "--ebcdic", "--record"], 2),
];

/// How many bytes go over the wire of what is missing behind the place where it broke.
fn rest(whole: &[u8], more: usize) -> u64 {
    let lines = whole.iter().filter(|byte| **byte == b'\n').count();
    (whole.len() + lines * more) as u64 - CUT + AGAIN
}

/// A file of this name in which no two places are alike.
fn content(name: &str) -> Vec<u8> {
    let numbers = 0..800_000_u32;
    match name {
        "text" => numbers.map(|n| format!("{n:x}\n")).collect::<String>().into_bytes(),
        _ => numbers.map(|n| n.wrapping_mul(2_654_435_761)).flat_map(u32::to_be_bytes).collect(),
    }
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs a command twice through a proxy that breaks its data connection the first time; gives what went over the
/// longest connection of the second.
fn twice(folder: &std::path::Path, arguments: &[&str], again: &[&str]) -> u64 {
    let proxy = Cutting::after(CUT);
    let url = proxy.url();
    let through = ["--retries", "0", "--proxy", &url];
    let first = run(folder, &[arguments, &through].concat());
    let said = String::from_utf8_lossy(&first.stderr).into_owned();
    assert!(proxy.has_cut() && !first.status.success(), "{arguments:?}: {said}");
    let before = proxy.moved().len();
    let second = run(folder, &[arguments, again, &through].concat());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(second.status.success() && said.contains("going on after"), "{arguments:?}: {said}");
    // Those that have not ended yet are shorter.
    proxy.moved()[before..].iter().copied().max().unwrap_or(0)
}

#[test]
fn a_download_in_blocks_goes_on_from_a_marker_in_every_form() {
    let serving = Serving::new(&["--quiet"]);
    for (file, options, more) in FORMS {
        let here = tempfile::tempdir().unwrap();
        let whole = content(file);
        fs::write(serving.path(file), &whole).unwrap();
        let url = serving.url(file);
        let arguments = [&["get"], options, &[&url, "x"]].concat();
        let moved = twice(here.path(), &arguments, &[]);
        assert!(fs::read(here.path().join("x")).unwrap() == whole, "{options:?}");
        assert!(moved < rest(&whole, more), "{options:?}: {moved}");
        assert_eq!(names(here.path()), ["x"]);
    }
}

#[test]
fn an_upload_in_blocks_goes_on_from_a_marker_in_every_form() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    for (number, (file, options, more)) in FORMS.into_iter().enumerate() {
        let here = tempfile::tempdir().unwrap();
        let whole = content(file);
        fs::write(here.path().join(file), &whole).unwrap();
        let name = format!("up{number}");
        let url = serving.url(&name);
        let arguments = [&["put"], options, &[file, &url]].concat();
        let moved = twice(here.path(), &arguments, &["--resume"]);
        assert!(fs::read(serving.path(&name)).unwrap() == whole, "{options:?}");
        assert!(moved < rest(&whole, more), "{options:?}: {moved}");
        assert_eq!(names(here.path()), [file]);
    }
}

#[test]
fn a_broken_upload_is_gone_on_with_by_itself_and_one_of_another_version_is_not() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    let here = tempfile::tempdir().unwrap();
    let (proxy, whole) = (Cutting::after(CUT), content("text"));
    fs::write(here.path().join("x"), &whole).unwrap();
    let (proxied, url) = (proxy.url(), serving.url("x"));
    let arguments = ["put", "--block-mode", "--ebcdic", "--proxy", &proxied, "x", &url];
    let put = run(here.path(), &arguments);
    let said = String::from_utf8_lossy(&put.stderr).into_owned();
    assert!(put.status.success() && said.contains("going on after"), "{said}");
    assert!(fs::read(serving.path("x")).unwrap() == whole);

    let (proxy, url) = (Cutting::after(CUT), serving.url("y"));
    let proxied = proxy.url();
    let options = ["put", "--block-mode", "--ebcdic", "--resume", "--retries", "0"];
    let arguments = [&options[..], &["--proxy", &proxied, "x", &url]].concat();
    assert!(!run(here.path(), &arguments).status.success());
    assert_eq!(names(here.path()), [".x.wharf-sent", "x"]);
    fs::write(here.path().join("x"), [b"new ", &whole[..]].concat()).unwrap();
    let put = run(here.path(), &arguments);
    let said = String::from_utf8_lossy(&put.stderr).into_owned();
    assert!(put.status.success() && !said.contains("going on after"), "{said}");
    assert!(fs::read(serving.path("y")).unwrap() == [b"new ", &whole[..]].concat());
    assert_eq!(names(here.path()), ["x"]);
}

#[test]
fn a_file_that_has_the_name_already_is_never_the_beginning_of_a_broken_upload() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    let here = tempfile::tempdir().unwrap();
    let (proxy, whole) = (Cutting::after(CUT), content("text"));
    fs::write(here.path().join("x"), &whole).unwrap();
    for name in ["e", "b"] {
        fs::write(serving.path(name), vec![b'-'; whole.len() * 2]).unwrap();
    }
    for (name, form) in [("e", "--ebcdic"), ("b", "--binary")] {
        let (proxied, url) = (proxy.url(), serving.url(name));
        let arguments = ["put", "--block-mode", form, "--resume", "--proxy", &proxied, "x", &url];
        let put = run(here.path(), &arguments);
        let said = String::from_utf8_lossy(&put.stderr).into_owned();
        assert!(put.status.success() && !said.contains("going on after"), "{name}: {said}");
        assert!(fs::read(serving.path(name)).unwrap() == whole, "{name}");
    }
    assert!(proxy.has_cut());
}
