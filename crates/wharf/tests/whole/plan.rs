//! `wharf sync --plan` and `--apply` between the real client and the real server.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
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

/// Two trees that were alike, of which the one here has changed.
struct Changed {
    serving: Serving,
    here: tempfile::TempDir,
    url: String,
}

impl Changed {
    fn new() -> Self {
        let serving = Serving::new(&["--quiet", "--writable"]);
        let here = tempfile::tempdir().unwrap();
        let url = serving.url("t");
        let top = here.path().join("t");
        fs::create_dir_all(top.join("old")).unwrap();
        for (name, bytes) in [("a", "1"), ("b", "2"), ("old/x", "3"), ("old/y", "4"), ("z", "5")] {
            fs::write(top.join(name), bytes).unwrap();
        }
        assert_eq!(sync(here.path(), &["t", &url]).0, Some(0));
        fs::write(top.join("a"), "changed").unwrap();
        fs::create_dir(top.join("new")).unwrap();
        fs::write(top.join("new/n"), "new").unwrap();
        fs::write(top.join("m"), "m").unwrap();
        fs::remove_dir_all(top.join("old")).unwrap();
        Self { serving, here, url }
    }

    fn sync(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        sync(self.here.path(), arguments)
    }

    fn plan(&self) {
        let (code, out, said) = self.sync(&["t", &self.url, "--delete", "--plan", "plan"]);
        assert_eq!((code, out.as_str()), (Some(0), ""), "{said}");
    }

    fn apply(&self) -> (Option<i32>, String) {
        let (code, _, said) = self.sync(&["--apply", "plan"]);
        (code, said)
    }

    fn is_alike(&self) -> bool {
        files(&self.serving.path("t")) == files(&self.here.path().join("t"))
    }
}

#[test]
fn either_way_a_plan_that_is_applied_makes_the_trees_alike_and_again_does_nothing() {
    for up in [true, false] {
        let serving = Serving::new(&["--quiet", "--writable"]);
        let here = tempfile::tempdir().unwrap();
        let (remote, local) = (serving.path("t"), here.path().join("t"));
        let (source, target) = if up { (&local, &remote) } else { (&remote, &local) };
        plant(source);
        fs::create_dir_all(target.join("gone/deep")).unwrap();
        fs::write(target.join("gone/deep/x"), "x").unwrap();
        fs::write(target.join("a"), "another").unwrap();
        let url = serving.url("t").replace("ftp://", "ftp://anonymous:secret@");
        let ends: [&str; 2] = if up { ["t", &url] } else { [&url, "t"] };
        let before = files(target);
        let options = ["--delete", "--plan", "plan", "--exclude", "empty"];
        let (code, out, said) = sync(here.path(), &[&ends, &options[..]].concat());
        assert_eq!((code, out.as_str()), (Some(0), ""), "{said}");
        assert_eq!(files(target), before, "a plan changes nothing");
        let written = fs::read_to_string(here.path().join("plan")).unwrap();
        assert!(!written.contains("secret") && written.contains("anonymous@"), "{written}");
        for part in [r#""step":"update","why":"other size","path":"a""#, r#""old_size":7"#] {
            assert!(written.contains(part), "{part}: {written}");
        }
        // From another folder, with the password from elsewhere; what was left out stays so.
        let plan = here.path().join("plan");
        let elsewhere = tempfile::tempdir().unwrap();
        let apply = || {
            let mut apply = wharf();
            apply.args(["sync", "--apply"]).arg(&plan).env("WHARF_PASSWORD", "secret");
            let done = apply.current_dir(elsewhere.path()).output().unwrap();
            (done.status.code(), text(&done.stderr))
        };
        let (code, said) = apply();
        assert_eq!(code, Some(0), "{said}");
        assert!(!target.join("empty").exists() && !target.join("gone").exists());
        fs::remove_file(source.join("empty")).unwrap();
        assert_eq!(files(source), files(target), "up: {up}");
        let (code, said) = apply();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("0 files, 0 B"), "{said}");
    }
}

#[test]
fn names_of_any_bytes_are_planned_and_applied() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    let here = tempfile::tempdir().unwrap();
    fs::create_dir(here.path().join("t")).unwrap();
    for name in [&b"\xFF\xFEraw"[..], b"a %41 \"q\"", "港".as_bytes(), b"tab\there"] {
        fs::write(here.path().join("t").join(OsStr::from_bytes(name)), "x").unwrap();
    }
    let url = serving.url("t");
    assert_eq!(sync(here.path(), &["t", &url, "--plan", "plan"]).0, Some(0));
    let written = fs::read_to_string(here.path().join("plan")).unwrap();
    assert!(written.contains(r#""path_hex":"fffe726177""#), "{written}");
    let (code, _, said) = sync(here.path(), &["--apply", "plan"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(files(&serving.path("t")), files(&here.path().join("t")));
}

#[test]
fn a_file_that_has_changed_since_is_left_out_and_what_is_new_is_counted() {
    let trees = Changed::new();
    trees.plan();
    let top = trees.here.path().join("t");
    fs::write(top.join("a"), "changed again").unwrap();
    fs::remove_file(top.join("m")).unwrap();
    fs::write(top.join("later"), "l").unwrap();
    let (code, said) = trees.apply();
    assert_eq!(code, Some(1), "{said}");
    for line in [
        "a: left out: changed since the plan",
        "m: left out: changed since the plan",
        "1 step that the plan does not have is not done",
        "not everything is as it was planned, so nothing is deleted",
        "2 failed",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let server = |name: &str| trees.serving.path("t").join(name);
    assert!(server("new/n").exists() && server("old/x").exists() && !server("later").exists());
    assert_eq!(fs::read(server("a")).unwrap(), b"1");
    let (code, out, _) = trees.sync(&["--apply", "plan", "--json"]);
    assert_eq!(code, Some(1));
    let told = r#""event":"left-out","fault":true,"path":"a","why":"changed since the plan""#;
    assert!(out.contains(told), "{out}");
}

#[test]
fn a_folder_in_which_something_is_new_stays_and_the_rest_goes() {
    let trees = Changed::new();
    trees.plan();
    fs::write(trees.serving.path("t/old/later"), "l").unwrap();
    let (code, said) = trees.apply();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("old: left out: changed since the plan"), "{said}");
    assert!(trees.serving.path("t/old/later").exists() && !trees.serving.path("t/old/x").exists());
}

#[test]
fn a_plan_that_is_done_in_part_is_gone_on_with() {
    let trees = Changed::new();
    trees.plan();
    // What an apply that broke off has done.
    assert_eq!(trees.sync(&["t", &trees.url, "--exclude", "m"]).0, Some(0));
    fs::remove_file(trees.serving.path("t/old/x")).unwrap();
    let (code, out, said) = trees.sync(&["--apply", "plan", "--dry-run"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(out, "+ m  (missing)\n- old/y  (not at the source)\n- old/  (not at the source)\n");
    let (code, said) = trees.apply();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 files") && trees.is_alike(), "{said}");
}

#[test]
fn the_guard_of_deletions_holds_when_a_plan_is_applied() {
    let trees = Changed::new();
    trees.plan();
    let (code, _, said) = trees.sync(&["--apply", "plan", "--max-delete", "1"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("2 files would be deleted, of 5"), "{said}");
    assert!(!trees.serving.path("t/m").exists());
    assert_eq!(trees.apply().0, Some(0));
    assert!(trees.is_alike());
}

#[test]
fn a_plan_goes_to_standard_output_and_a_file_that_is_none_is_refused() {
    let trees = Changed::new();
    let (code, out, said) = trees.sync(&["t", &trees.url, "--plan", "-", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(out.starts_with("{\"wharf-plan\":1,") && out.lines().count() == 5, "{out}");
    assert!(said.contains(r#""event":"end""#), "{said}");
    let plan = trees.here.path().join("plan");
    let cut = &out[..out.len() - 5];
    let escape = out.replace(r#""path":"m""#, r#""path":"../m""#);
    for (bytes, at) in [("", "1"), ("garbage", "1"), (cut, "5"), (&*escape, "3")] {
        fs::write(&plan, bytes).unwrap();
        let (code, said) = trees.apply();
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(&format!("plan:{at}: ")), "{said}");
    }
    assert_eq!(trees.sync(&["--apply", "nowhere"]).0, Some(8));
    let (code, _, said) = trees.sync(&["t", &trees.url, "--plan", "none/such"]);
    assert_eq!(code, Some(8), "{said}");
    for wrong in [&["--apply", "plan", "--delete"][..], &["t", "--apply", "plan"], &["t"]] {
        assert_eq!(trees.sync(wrong).0, Some(2), "{wrong:?}");
    }
}
