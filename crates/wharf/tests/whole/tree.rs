//! Trees between the real client and the real server.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::serving::{Serving, run};

/// Every file below a folder, with its bytes.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    fn walk(folder: &Path, top: &Path, found: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_symlink() {
                continue;
            }
            let below = path.strip_prefix(top).unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                found.push((format!("{below}/"), Vec::new()));
                walk(&path, top, found);
            } else {
                found.push((below, fs::read(path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

/// A tree with all that is awkward: empty, large, deep, odd names.
pub(crate) fn plant(top: &Path) {
    fs::create_dir_all(top.join("deep/er/still")).unwrap();
    fs::create_dir_all(top.join("empty folder")).unwrap();
    for (name, size) in [
        ("a", 3),
        ("empty", 0),
        ("large.bin", 3_000_001),
        ("one-mi", 1 << 20),
        (" blank ", 5),
        ("-dash", 6),
        ("100%.txt", 7),
        ("港.txt", 8),
        ("deep/er/still/x", 70_000),
    ] {
        let bytes: Vec<u8> = (0..size).map(|n: u32| (n * 7 + n / 251).to_le_bytes()[0]).collect();
        let path = top.join(name);
        fs::write(&path, bytes).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000 + u64::from(size));
        fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }
    for number in 0..300 {
        fs::write(top.join(format!("deep/f{number}")), format!("file {number}")).unwrap();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_tree_comes_whole_in_block_mode_and_without_it_and_the_second_time_nothing_is_moved() {
    let serving = Serving::new(&["--quiet"]);
    plant(&serving.path("t"));
    symlink("/etc/passwd", serving.path("t/link")).unwrap();
    let here = tempfile::tempdir().unwrap();
    for (target, options) in [
        ("blocks", &[][..]),
        ("streams", &["--no-block-mode"]),
        ("one", &["--no-block-mode", "--jobs", "1"]),
        ("active", &["--active", "--verify"]),
    ] {
        let url = serving.url("t");
        let arguments = [&["get", "-r"], options, &[&url, target]].concat();
        let got = run(here.path(), &arguments);
        assert!(got.status.success(), "{target}: {}", text(&got.stderr));
        assert_eq!(files(&here.path().join(target)), files(&serving.path("t")), "{target}");
        let time = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        assert_eq!(
            time(&here.path().join(target).join("large.bin")),
            time(&serving.path("t/large.bin"))
        );
        assert!(!here.path().join(target).join("link").exists(), "a link is not followed");
        let again = run(here.path(), &[&["get", "-r"], options, &[&url, target]].concat());
        assert!(again.status.success(), "{}", text(&again.stderr));
        assert!(text(&again.stderr).contains("309 the same already"), "{}", text(&again.stderr));
    }
}

#[test]
fn a_tree_comes_under_tls_over_one_connection() {
    let serving = Serving::new(&["--quiet", "--tls-self-signed"]);
    plant(&serving.path("t"));
    let here = tempfile::tempdir().unwrap();
    let url = serving.url("t").replace("ftp://", "ftpes://");
    for options in [&[][..], &["--no-block-mode"]] {
        let _ = fs::remove_dir_all(here.path().join("t"));
        let got = run(here.path(), &[&["get", "-r", "--insecure"], options, &[&url]].concat());
        assert!(got.status.success(), "{}", text(&got.stderr));
        assert_eq!(files(&here.path().join("t")), files(&serving.path("t")));
    }
}

#[test]
fn what_cannot_be_read_is_told_listed_and_can_be_tried_again() {
    let serving = Serving::new(&["--quiet"]);
    plant(&serving.path("t"));
    let here = tempfile::tempdir().unwrap();
    // A folder of that name is in the way of the file.
    fs::create_dir_all(here.path().join("t/a")).unwrap();
    let url = serving.url("t/");
    let got = run(here.path(), &["get", "-r", "--failed", "failed", &url, "t"]);
    assert_eq!(got.status.code(), Some(1), "{}", text(&got.stderr));
    assert_eq!(fs::read_to_string(here.path().join("failed")).unwrap(), "a\n");
    fs::remove_dir(here.path().join("t/a")).unwrap();
    // Nobody is there, or nothing is to be done: what is left to do stays in the list.
    let nobody = "ftp://127.0.0.1:1/t/";
    let both = ["--failed", "failed", "--retry-failed", "failed"];
    let got =
        run(here.path(), &[&["get", "-r", "--retries", "0"], &both[..], &[nobody, "t"]].concat());
    assert_eq!(got.status.code(), Some(3), "{}", text(&got.stderr));
    let got = run(here.path(), &["sync", "--dry-run", "--failed", "failed", &url, "t"]);
    assert!(got.status.success(), "{}", text(&got.stderr));
    assert_eq!(fs::read_to_string(here.path().join("failed")).unwrap(), "a\n");
    let retry = &[&["get", "-r", "--json"], &both[..], &[&url, "t"]].concat();
    let got = run(here.path(), retry);
    assert!(got.status.success(), "{}", text(&got.stderr));
    let out = text(&got.stdout);
    assert_eq!(out.lines().filter(|line| line.contains(r#""event":"done""#)).count(), 1, "{out}");
    assert!(out.lines().last().unwrap().contains(r#""exit":0"#), "{out}");
    assert_eq!(files(&here.path().join("t")), files(&serving.path("t")));
    assert!(!here.path().join("failed").exists(), "nothing is to be tried again");
    fs::write(here.path().join("failed"), "").unwrap();
    let got = run(here.path(), retry);
    assert_eq!(got.status.code(), Some(2), "{}", text(&got.stderr));
}

#[test]
fn patterns_say_which_files_are_meant() {
    let serving = Serving::new(&["--quiet"]);
    plant(&serving.path("t"));
    let here = tempfile::tempdir().unwrap();
    let url = serving.url("t/");
    let got =
        run(here.path(), &["get", "-r", "--exclude", "deep/", "--exclude", "*.bin", &url, "t"]);
    assert!(got.status.success(), "{}", text(&got.stderr));
    let names: Vec<String> =
        files(&here.path().join("t")).into_iter().map(|(name, _)| name).collect();
    assert!(
        names.contains(&"a".to_owned())
            && !names.iter().any(|name| name.starts_with("deep") || name == "large.bin"),
        "{names:?}"
    );
}

#[test]
fn a_tree_that_is_not_there_has_the_exit_code_of_a_file_that_is_not() {
    let serving = Serving::new(&["--quiet"]);
    let here = tempfile::tempdir().unwrap();
    let got = run(here.path(), &["get", "-r", &serving.url("nowhere"), "t"]);
    assert_eq!(got.status.code(), Some(5), "{}", text(&got.stderr));
    let got = run(here.path(), &["get", "-r", "--ascii", &serving.url("t")]);
    assert_eq!(got.status.code(), Some(2), "{}", text(&got.stderr));
}

#[test]
fn a_tree_is_stored_with_its_times_and_the_second_time_nothing_is_sent() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    let here = tempfile::tempdir().unwrap();
    plant(&here.path().join("t"));
    symlink("/etc/passwd", here.path().join("t/link")).unwrap();
    for (name, options) in
        [("one", &["--jobs", "1"][..]), ("many", &["--verify"]), ("streams", &["--no-block-mode"])]
    {
        let url = serving.url(name);
        let put = run(here.path(), &[&["put", "-r"], options, &["t", &url]].concat());
        assert!(put.status.success(), "{name}: {}", text(&put.stderr));
        assert_eq!(files(&serving.path(name)), files(&here.path().join("t")), "{name}");
        let time = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        assert_eq!(
            time(&serving.path(name).join("large.bin")),
            time(&here.path().join("t/large.bin"))
        );
        fs::write(here.path().join("t/a"), name).unwrap();
        let put = run(here.path(), &[&["put", "-r"], options, &["t", &url]].concat());
        assert!(put.status.success(), "{}", text(&put.stderr));
        assert!(text(&put.stderr).contains("308 the same already"), "{}", text(&put.stderr));
        assert_eq!(fs::read_to_string(serving.path(name).join("a")).unwrap(), name);
    }
    let refused = Serving::new(&["--quiet"]);
    let put = run(here.path(), &["put", "-r", "t", &refused.url("up")]);
    assert!(matches!(put.status.code(), Some(5 | 6)), "{}", text(&put.stderr));
}

#[test]
fn files_that_the_server_refuses_in_between_cost_no_other_file_its_bytes() {
    for options in [&["--quiet", "--writable"][..], &["--quiet", "--writable", "--tls-self-signed"]]
    {
        let serving = Serving::new(options);
        let here = tempfile::tempdir().unwrap();
        plant(&here.path().join("t"));
        // Where there is a folder no file can be stored. They are so far apart that each costs a data connection.
        let taken = ["deep/f7", "deep/f60", "deep/f110", "deep/f160", "deep/f210", "deep/f260"];
        taken.iter().for_each(|name| fs::create_dir_all(serving.path("t").join(name)).unwrap());
        let mut url = serving.url("t");
        let mut arguments = vec!["put", "-r"];
        if options.len() > 2 {
            url = url.replacen("ftp:", "ftpes:", 1);
            arguments.push("--insecure");
        }
        let put = run(here.path(), &[&arguments[..], &["t", &url]].concat());
        let err = text(&put.stderr);
        assert_eq!(put.status.code(), Some(1), "{err}");
        assert!(err.contains("block mode") && err.contains("6 failed"), "{err}");
        taken.iter().for_each(|name| assert!(err.contains(name), "{err}"));
        let without = |found: Vec<(String, Vec<u8>)>| -> Vec<(String, Vec<u8>)> {
            let is_taken = |name: &str| taken.contains(&name.trim_end_matches('/'));
            found.into_iter().filter(|(name, _)| !is_taken(name)).collect()
        };
        assert!(without(files(&serving.path("t"))) == without(files(&here.path().join("t"))));
    }
}
