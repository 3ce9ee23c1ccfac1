//! EBCDIC, records and blocks between the real client and the real server.

use std::fs;

use crate::serving::{Serving, run};

#[test]
fn a_file_comes_back_as_it_was_in_every_form_that_can_be_asked_for() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    let here = tempfile::tempdir().unwrap();
    let text = "one\n\ntwo äöü £\nthe end\n".repeat(20_000);
    let bytes: Vec<u8> = (0..=255).cycle().take(300_001).collect();
    fs::write(here.path().join("text"), &text).unwrap();
    fs::write(here.path().join("bytes"), &bytes).unwrap();
    for (number, (file, options)) in [
        ("text", &["--ascii"][..]),
        ("text", &["--ebcdic"]),
        ("text", &["--ascii", "--record"]),
        ("text", &["--ebcdic", "--record"]),
        ("text", &["--ebcdic", "--block-mode"]),
        ("text", &["--ebcdic", "--record", "--block-mode"]),
        ("bytes", &["--record"]),
        ("bytes", &["--block-mode"]),
        ("bytes", &["--record", "--block-mode"]),
    ]
    .into_iter()
    .enumerate()
    {
        let url = serving.url(&format!("up{number}"));
        let put = run(here.path(), &[&["put"], options, &[file, &url]].concat());
        assert!(put.status.success(), "{options:?}: {}", String::from_utf8_lossy(&put.stderr));
        let sent = fs::read(here.path().join(file)).unwrap();
        assert!(fs::read(serving.path(&format!("up{number}"))).unwrap() == sent, "{options:?}");
        let cat = run(here.path(), &[&["cat"], options, &[&url]].concat());
        assert!(cat.status.success() && cat.stdout == sent, "{options:?}");
        let get = run(here.path(), &[&["get"], options, &[&url, "back"]].concat());
        assert!(get.status.success(), "{options:?}: {}", String::from_utf8_lossy(&get.stderr));
        assert!(fs::read(here.path().join("back")).unwrap() == sent, "{options:?}");
        fs::remove_file(here.path().join("back")).unwrap();
    }
}

#[test]
fn what_ebcdic_cannot_say_is_told() {
    let serving = Serving::new(&["--quiet", "--writable"]);
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("x"), "港 and 船\n").unwrap();
    let put = run(here.path(), &["put", "--ebcdic", "x", &serving.url("up")]);
    let err = String::from_utf8_lossy(&put.stderr).into_owned();
    assert!(
        put.status.success() && err.contains("2 characters that EBCDIC does not have"),
        "{err}"
    );
    assert_eq!(fs::read(serving.path("up")).unwrap(), b"\x1A and \x1A\n");
}

#[test]
fn forms_that_exclude_each_other_are_a_mistake_of_the_command_line() {
    let here = tempfile::tempdir().unwrap();
    for options in [
        &["get", "--ebcdic", "--ascii", "ftp://127.0.0.1:1/x"][..],
        &["get", "-r", "--record", "ftp://127.0.0.1:1/x"],
        &["get", "-r", "--block-mode", "ftp://127.0.0.1:1/x"],
        &["put", "-r", "--ebcdic", ".", "ftp://127.0.0.1:1/x"],
    ] {
        assert_eq!(run(here.path(), options).status.code(), Some(2), "{options:?}");
    }
}
