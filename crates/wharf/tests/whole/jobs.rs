//! The shell's trees and jobs, between the real client and the real server, in clear and under TLS.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::serving::{Serving, wharf};
use crate::tree::{files, plant};

/// Types these lines into a shell in this folder; gives its exit code and what it said.
fn shell(folder: &Path, arguments: &[&str], lines: &[&str]) -> (Option<i32>, String) {
    let mut child = wharf()
        .args(["shell", "-e", "--timeout", "10"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keys = child.stdin.take().unwrap();
    lines.iter().for_each(|line| writeln!(keys, "{line}").unwrap());
    drop(keys);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn trees_go_either_way_before_the_shell_and_beside_it() {
    // Nobody reads its log.
    let serving = Serving::new(&["--quiet", "--user", "ann:secret"]);
    fs::create_dir(serving.path("home")).unwrap();
    plant(&serving.path("home/pub"));
    let folder = tempfile::tempdir().unwrap();
    let url = format!("ftp://ann:secret@127.0.0.1:{}/home", serving.port);
    let (code, said) = shell(
        folder.path(),
        &[&url],
        &[
            "get -r pub/",
            "get -r pub/ again",
            "get -r pub beside/ &",
            "put -r pub back &",
            "wait",
            "put -r again/deep ../",
        ],
    );
    assert_eq!(code, Some(0), "{said}");
    let all = files(&serving.path("home/pub"));
    for copy in ["pub", "again", "beside/pub"] {
        assert_eq!(files(&folder.path().join(copy)), all, "{copy}");
    }
    assert_eq!(files(&serving.path("home/back")), all);
    assert_eq!(files(&serving.path("deep")), files(&serving.path("home/pub/deep")));
    for line in ["get -r pub/: 309 files, ", "[3] get -r pub beside/: 309 files, "] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn jobs_are_under_tls_where_the_shell_is_and_are_drawn_as_sessions_of_their_own() {
    let serving = Serving::new(&["--tls-self-signed", "--user", "ann:secret"]);
    fs::write(serving.path("a"), "one").unwrap();
    fs::write(serving.path("b"), "two").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("ftpes://ann:secret@127.0.0.1:{}/", serving.port);
    let lines = ["get a &", "get b &", "put nothing &", "wait 1 2"];
    let (code, said) = shell(folder.path(), &["--insecure", "--trace=ladders", &url], &lines);
    // What is not there is told by the job, and is the end of the script.
    assert_eq!(code, Some(8), "{said}");
    assert_eq!(fs::read(folder.path().join("b")).unwrap(), b"two");
    let drawn = fs::read_to_string(folder.path().join("ladders")).unwrap();
    assert_eq!(drawn.matches("AUTH TLS").count(), 4, "{drawn}");
}
