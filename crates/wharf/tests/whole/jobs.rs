//! The shell's trees and jobs, between the real client and the real server, in clear and under TLS.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::serving::{Serving, wharf};
use crate::tree::{files, plant};

/// Types these lines into a shell in this folder; gives its exit code and what it said.
fn shell(folder: &Path, arguments: &[&str], lines: &[&str]) -> (Option<i32>, String) {
    let (code, _, said) = printing(folder, arguments, lines);
    (code, said)
}

/// The same with what it printed before what it said.
fn printing(folder: &Path, arguments: &[&str], lines: &[&str]) -> (Option<i32>, String, String) {
    let mut child = wharf()
        .args(["shell", "-e", "--timeout", "10"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keys = child.stdin.take().unwrap();
    lines.iter().for_each(|line| writeln!(keys, "{line}").unwrap());
    drop(keys);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
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
fn what_is_appended_stands_behind_what_was_there() {
    let serving = Serving::new(&["--quiet", "--user", "ann:secret"]);
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("more"), "more").unwrap();
    let url = format!("ftp://ann:secret@127.0.0.1:{}/", serving.port);
    let lines = ["append more log", "append more log", "umask 027", "idle 60", "put more"];
    let (code, said) = shell(here.path(), &[&url], &lines);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(fs::read(serving.path("log")).unwrap(), b"moremore");
    let mode = fs::metadata(serving.path("more")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o640);
}

#[test]
fn a_tree_becomes_like_the_other_either_way_from_the_shell() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    plant(&serving.path("home/pub"));
    let here = tempfile::tempdir().unwrap();
    let url = serving.url("home");
    let (code, said) = shell(
        here.path(),
        &[&url],
        &[
            "sync --dry-run :pub pub",
            "sync --exclude '*.bin' :pub part &",
            "sync :pub pub --json",
            "wait",
            "!rm pub/a",
            "!mkdir elsewhere",
            "sync --delete pub :copy &",
            "lcd elsewhere",
            "wait",
        ],
    );
    assert_eq!(code, Some(0), "{said}");
    let all = files(&serving.path("home/pub"));
    assert_eq!(files(&serving.path("home/copy")), files(&here.path().join("pub")));
    assert_eq!(files(&here.path().join("pub")).len() + 1, all.len());
    let part = files(&here.path().join("part"));
    assert!(!part.is_empty() && part.len() < all.len());
    assert!(
        said.contains("dry run: nothing was done") && said.contains("[2] sync --exclude"),
        "{said}"
    );

    let refused = |line: &str, code, told: &str| {
        let (ended, said) = shell(here.path(), &[&url], &[line]);
        assert_eq!(ended, Some(code), "{line}: {said}");
        assert!(said.contains(told), "{line}: {said}");
    };
    refused("sync pub there", 2, "has a colon before it");
    refused("sync --no-such :pub pub", 2, "unexpected argument '--no-such'");
    refused("sync nowhere :pub", 8, "nowhere: no such folder");
    refused("sync :nowhere there", 5, "was refused");
    fs::create_dir(here.path().join("bare")).unwrap();
    refused("sync --delete bare :pub", 1, "which is more than --max-delete 50%; nothing was done");
    assert_eq!(files(&serving.path("home/pub")), all);
}

#[test]
fn what_the_command_line_can_do_the_shell_can_do_with_names_of_its_server() {
    let [one, two] = [(), ()].map(|()| Serving::new(&["--quiet", "--writable"]));
    plant(&one.path("home/pub"));
    fs::create_dir(two.path("to")).unwrap();
    let here = tempfile::tempdir().unwrap();
    let (to, back) = (two.url("to/"), two.url("to/pub/a"));
    let lines = [
        "mkdir -p new/er/est other",
        "cd pub",
        &format!("copy a {to}"),
        "cd ..",
        &format!("copy -r pub {to}"),
        &format!("copy {back} new/er/a"),
        "stat --json new/er/a",
        "stat pub other",
        "check --json",
        "delete -r new",
        "delete -r pub/deep other pub/a",
    ];
    let (code, out, said) = printing(here.path(), &[&one.url("home")], &lines);
    assert_eq!(code, Some(0), "{said}");
    assert!(out.starts_with("{\"event\":\"entry\",\"mode\":"), "{out}");
    assert!(out.contains("\nname      pub\nkind      folder\n"), "{out}");
    assert!(out.contains("\n\nname      other\n") && out.contains("\"setup\":\"EPSV\""), "{out}");
    assert_eq!(fs::read(two.path("to/a")).unwrap(), fs::read(two.path("to/pub/a")).unwrap());
    assert!(two.path("to/pub/deep").is_dir(), "{said}");
    assert!(!one.path("home/new").exists() && !one.path("home/pub/deep").exists());
    assert!(!one.path("home/other").exists() && !one.path("home/pub/a").exists());
    assert!(one.path("home/pub/large.bin").exists());

    let failing = |line: &str, code| {
        let (ended, said) = shell(here.path(), &[&one.url("home")], &[line]);
        assert_eq!(ended, Some(code), "{line}: {said}");
    };
    failing(&format!("copy nothing {to}"), 5);
    failing(&format!("copy pub/large.bin {}", one.url("home/pub/large.bin")), 2);
    failing("delete -r nothing", 5);
    failing("stat nothing", 5);
    failing("mkdir", 2);
    failing("check x", 2);
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
