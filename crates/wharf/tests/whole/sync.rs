//! `wharf sync` between the real client and the real server.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::serving::{Serving, run, wharf};
use crate::tree::{files, plant};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a sync in `here` and gives its exit code, what it printed and what it said.
fn sync(here: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let done = run(here, &[&["sync"], arguments].concat());
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

/// Changes a tree in each of the ways that a tree changes.
fn change(top: &Path) {
    fs::write(top.join("a"), "changed").unwrap();
    fs::write(top.join("new"), "new").unwrap();
    fs::create_dir_all(top.join("new folder/in it")).unwrap();
    fs::write(top.join("new folder/in it/x"), "x").unwrap();
    fs::remove_file(top.join("empty")).unwrap();
    fs::remove_dir_all(top.join("deep/er")).unwrap();
}

#[test]
fn either_way_a_tree_becomes_like_the_other_and_then_there_is_nothing_to_do() {
    for (up, options) in [
        (true, &[][..]),
        (true, &["--in-place", "-j1"]),
        (false, &[]),
        (false, &["--no-block-mode"]),
    ] {
        let serving = Serving::new(&["--quiet", "--writable"]);
        let here = tempfile::tempdir().unwrap();
        let (remote, local) = (serving.path("t"), here.path().join("t"));
        let (source, target) = if up { (&local, &remote) } else { (&remote, &local) };
        plant(source);
        let url = serving.url("t");
        let ends: [&str; 2] = if up { ["t", &url] } else { [&url, "t"] };
        let with = |more: &[&str]| sync(here.path(), &[&ends, options, more].concat());
        let (code, _, said) = with(&["--delete"]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(files(source), files(target), "up: {up}");
        change(source);
        let (code, out, _) = with(&["--delete", "--dry-run"]);
        assert_eq!(code, Some(0));
        for step in [
            "~ a  (other size)",
            "+ new  (missing)",
            "- empty  (not at the source)",
            "- deep/er/  (not at the source)",
        ] {
            assert!(out.lines().any(|line| line == step), "{step}: {out}");
        }
        assert_ne!(files(source), files(target), "a dry run changes nothing");
        let (code, _, said) = with(&[]);
        assert_eq!(code, Some(0), "{said}");
        assert!(target.join("empty").exists() && target.join("new folder/in it/x").exists());
        let (code, _, said) = with(&["--delete", "--verify"]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(files(source), files(target), "up: {up}");
        let (code, out, said) = with(&["--delete", "--dry-run"]);
        assert_eq!((code, out.as_str()), (Some(0), ""), "{said}");
    }
}

#[test]
fn too_many_deletions_are_refused_before_anything_is_done() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    plant(&serving.path("t"));
    let here = tempfile::tempdir().unwrap();
    fs::create_dir(here.path().join("t")).unwrap();
    fs::write(here.path().join("t/one"), "1").unwrap();
    let url = serving.url("t");
    let (code, _, said) = sync(here.path(), &["t", &url, "--delete"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--max-delete 50%") && !serving.path("t/one").exists(), "{said}");
    let (code, _, said) = sync(here.path(), &["t", &url, "--delete", "--max-delete", "100%"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(files(&serving.path("t")), files(&here.path().join("t")));
}

#[test]
fn by_hash_what_has_the_same_size_and_time_is_still_told_apart() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    let here = tempfile::tempdir().unwrap();
    plant(&here.path().join("t"));
    let url = serving.url("t");
    assert_eq!(sync(here.path(), &["t", &url]).0, Some(0));
    let (path, other) = (here.path().join("t/large.bin"), serving.path("t/large.bin"));
    let mut bytes = fs::read(&path).unwrap();
    bytes[1_000_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let time = fs::metadata(&other).unwrap().modified().unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    let (_, out, _) = sync(here.path(), &["t", &url, "--dry-run"]);
    assert_eq!(out, "");
    let (code, out, said) = sync(here.path(), &["t", &url, "--dry-run", "--compare", "hash"]);
    assert_eq!((code, out.as_str()), (Some(0), "~ large.bin  (other digest)\n"), "{said}");
}

#[test]
fn a_link_that_leads_out_of_the_tree_is_left_out_and_told() {
    let serving = Serving::new(&["--quiet"]);
    plant(&serving.path("t"));
    symlink("../a", serving.path("t/deep/inner")).unwrap();
    symlink("/etc/passwd", serving.path("t/outer")).unwrap();
    let here = tempfile::tempdir().unwrap();
    let (code, _, said) = sync(here.path(), &[&serving.url("t"), "t", "--modes"]);
    assert_eq!(code, Some(0), "{said}");
    // The server shows what its own links within the tree lead to as what it is.
    assert_eq!(
        fs::read(here.path().join("t/deep/inner")).unwrap(),
        fs::read(serving.path("t/a")).unwrap()
    );
    assert!(said.contains("outer: left out"), "{said}");
    assert!(!here.path().join("t/outer").is_symlink());
}

#[test]
fn modes_are_kept_where_that_is_asked_for() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    let here = tempfile::tempdir().unwrap();
    plant(&here.path().join("t"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fs::set_permissions(here.path().join("t/a"), fs::Permissions::from_mode(0o751)).unwrap();
    let url = serving.url("t");
    assert_eq!(sync(here.path(), &["t", &url, "--modes"]).0, Some(0));
    assert_eq!(mode(&serving.path("t/a")), 0o751);
    assert_eq!(sync(here.path(), &[&url, "back", "--modes"]).0, Some(0));
    assert_eq!(mode(&here.path().join("back/a")), 0o751);
}

#[test]
fn what_makes_no_sense_is_a_mistake_of_usage() {
    let here = tempfile::tempdir().unwrap();
    for ends in [["a", "b"], ["ftp://127.0.0.1:1/a", "ftp://127.0.0.1:1/b"]] {
        assert_eq!(sync(here.path(), &ends).0, Some(2));
    }
    assert_eq!(sync(here.path(), &["nowhere", "ftp://127.0.0.1:1/"]).0, Some(8));
}

#[test]
fn a_source_that_is_empty_deletes_nothing_unless_all_of_it_may_go() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    fs::create_dir(serving.path("empty")).unwrap();
    let here = tempfile::tempdir().unwrap();
    fs::create_dir(here.path().join("t")).unwrap();
    ["1", "2", "3"]
        .iter()
        .for_each(|name| fs::write(here.path().join("t").join(name), "").unwrap());
    let url = serving.url("empty");
    let (code, _, said) = sync(here.path(), &[&url, "t", "--delete", "--max-delete", "99%"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("3 files would be deleted, of 3"), "{said}");
    assert_eq!(files(&here.path().join("t")).len(), 3);
    let (code, _, said) = sync(here.path(), &[&url, "t", "--delete", "--max-delete", "3"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(files(&here.path().join("t")).len(), 0);
}

#[test]
fn uploads_that_are_refused_end_in_block_mode_as_they_do_without_it() {
    let serving = Serving::new(&["--quiet"]);
    fs::create_dir(serving.path("sub")).unwrap();
    let here = tempfile::tempdir().unwrap();
    fs::create_dir(here.path().join("t")).unwrap();
    ["a", "b"].iter().for_each(|name| fs::write(here.path().join("t").join(name), "x").unwrap());
    for target in ["sub", "none/such"] {
        for options in [&[][..], &["--no-block-mode"]] {
            let url = serving.url(target);
            let arguments = [&["t", &url, "--timeout", "3"], options].concat();
            let (code, _, said) = sync(here.path(), &arguments);
            assert!(matches!(code, Some(1 | 5 | 6)), "{target} {options:?}: {code:?} {said}");
        }
    }
}

#[test]
fn a_plan_that_cannot_be_written_down_is_no_success() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    let here = tempfile::tempdir().unwrap();
    plant(&here.path().join("t"));
    for more in [&["--dry-run"][..], &["--json"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let done = wharf()
            .args(["sync", "t", &serving.url("t")])
            .args(more)
            .current_dir(here.path())
            .stdout(full)
            .output()
            .unwrap();
        let said = text(&done.stderr);
        assert_eq!(done.status.code(), Some(8), "{said}");
        assert!(said.contains("standard output: No space left"), "{said}");
    }
}

#[test]
fn a_file_and_a_folder_of_one_name_take_each_others_place_where_deleting_is_asked_for() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    let here = tempfile::tempdir().unwrap();
    let write = |path: &Path, text: &str| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for (name, up) in [("up", true), ("down", false)] {
        let (mine, theirs) = (here.path().join(name), serving.path(name));
        let (from, to) = if up { (&mine, &theirs) } else { (&theirs, &mine) };
        for path in ["a/x", "a/in/y", "b", "same"] {
            write(&from.join(path), path);
        }
        for path in ["a", "b/y", "b/in/z", "same"] {
            write(&to.join(path), path);
        }
        let url = serving.url(name);
        let ends = if up { [name, &url] } else { [&url, name] };
        let with = |more: &[&str]| sync(here.path(), &[&ends[..], more].concat());
        let before = files(to);
        let (code, _, said) = with(&[]);
        assert!(code == Some(1) && said.contains("a: left out: a folder"), "{said}");
        assert!(said.contains("--delete puts one in place of the other"), "{said}");
        assert_eq!(files(to), before);
        let (code, _, said) = with(&["--delete", "--max-delete", "2"]);
        assert!(code == Some(1) && said.contains("3 files would be deleted, of 4"), "{said}");
        assert_eq!(files(to), before);
        let (code, out, said) = with(&["--delete", "--dry-run"]);
        assert_eq!(code, Some(0), "{said}");
        assert!(out.contains("- b/in/  (another kind of thing)"), "{out}");
        let (code, _, said) = with(&["--delete"]);
        assert!(code == Some(0) && said.contains("; 5 deleted"), "{said}");
        assert_eq!(files(to), files(from));
        let (code, _, said) = with(&["--delete"]);
        assert!(code == Some(0) && said.contains("0 to delete, 4 the same"), "{said}");
    }
}

#[test]
fn names_with_a_cr_go_either_way_and_one_with_a_line_feed_is_told_and_touches_no_other() {
    const NAMES: [&str; 6] = ["a\rb", "\rc", "d\r", "\r", "e\rf/g\rh", "e\rf/plain"];
    let serving = Serving::new(&["--quiet", "--writable"]);
    let here = tempfile::tempdir().unwrap();
    let (remote, local) = (serving.path("t"), here.path().join("t"));
    fs::create_dir_all(local.join("e\rf")).unwrap();
    for name in NAMES {
        fs::write(local.join(name), name).unwrap();
    }
    let url = serving.url("t");
    for options in [&["--delete"][..], &["--delete", "--no-block-mode"]] {
        let with = |more: &[&str]| sync(here.path(), &[options, more].concat());
        let (code, _, said) = with(&["t", &url]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(files(&local), files(&remote));
        for ends in [["t", &url], [&url, "t"]] {
            let (code, out, said) = with(&[&ends[..], &["--dry-run"]].concat());
            assert_eq!((code, out.as_str()), (Some(0), ""), "{said}");
        }
        let (code, _, said) = with(&[&url, "other"]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(files(&here.path().join("other")), files(&remote));
        fs::remove_dir_all(here.path().join("other")).unwrap();
        fs::remove_dir_all(&remote).unwrap();
    }
    // One at a time, by the name as a URL has it.
    let (code, _, said) = sync(here.path(), &["t", &url]);
    assert_eq!(code, Some(0), "{said}");
    let odd = serving.url("t/a%0Db");
    for (arguments, is_there) in [
        (&["get", odd.as_str(), "got"][..], true),
        (&["mv", &odd, &serving.url("t/moved%0D")], false),
        (&["rm", &serving.url("t/moved%0D")], false),
    ] {
        let done = run(here.path(), arguments);
        assert!(done.status.success(), "{arguments:?}: {}", text(&done.stderr));
        assert_eq!(remote.join("a\rb").exists(), is_there, "{arguments:?}");
    }
    assert_eq!(fs::read(here.path().join("got")).unwrap(), b"a\rb");
    assert!(!remote.join("moved\r").exists());
    // No row and no command has room for a line feed.
    fs::write(remote.join("x\ny"), "of the server").unwrap();
    fs::write(local.join("u\nv"), "of the client").unwrap();
    for ends in [["t", &url], [&url, "t"]] {
        let (code, _, said) = sync(here.path(), &ends);
        assert_eq!(code, Some(1), "{said}");
        let name = if ends[0] == "t" { "u\\x0av" } else { "x?y" };
        assert!(said.contains(name), "{said}");
    }
    assert!(!remote.join("u\nv").exists() && !remote.join("u?v").exists());
    assert!(!local.join("x\ny").exists() && !local.join("x?y").exists());
}
