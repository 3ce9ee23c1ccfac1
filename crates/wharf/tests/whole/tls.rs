//! TLS between `wharf serve` and the client's commands: whom they trust, what they resume, how they end.

use crate::serving::{Serving, run, wharf};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

/// A server with a certificate of its own making, for `ann` to write on.
fn serving() -> Serving {
    let options = ["--tls-self-signed", "--implicit-tls", "127.0.0.1:0", "--user", "ann:secret"];
    Serving::new(&options)
}

fn url(serving: &Serving, path: &str) -> String {
    format!("ftpes://ann:secret@127.0.0.1:{}/{path}", serving.port)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The fingerprint that a client tells who does not trust it.
fn fingerprint(here: &Path, serving: &Serving) -> String {
    let refused = run(here, &["ls", &url(serving, "")]);
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    let said = said(&refused);
    let start = said.find("sha256:").unwrap();
    assert!(said.contains("--pin"), "{said}");
    said[start..start + "sha256:".len() + 64].to_owned()
}

#[test]
fn a_stranger_is_refused_with_the_fingerprint_that_pins_it_and_another_pin_is_refused_too() {
    let serving = serving();
    std::fs::write(serving.path("f"), "a ship\n").unwrap();
    let here = tempfile::tempdir().unwrap();
    let pin = fingerprint(here.path(), &serving);
    let cat = run(here.path(), &["cat", "--pin", &pin, &url(&serving, "f")]);
    assert_eq!((cat.status.code(), cat.stdout.as_slice()), (Some(0), &b"a ship\n"[..]), "{cat:?}");
    let wrong = format!("sha256:{}", "0".repeat(64));
    let refused = run(here.path(), &["cat", "--pin", &wrong, &url(&serving, "f")]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(said(&refused).contains("not the pinned one") && said(&refused).contains(&pin));
    let (_, log) = serving.end();
    assert_eq!(log.matches(": logged in").count(), 1, "nobody logs in who does not trust: {log}");
}

#[test]
fn files_go_up_and_come_back_under_tls_in_both_modes_at_both_ports_and_in_both_versions() {
    let serving = serving();
    let here = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(here.path().join("local"), &bytes).unwrap();
    let at_once = format!("ftps://ann:secret@127.0.0.1:{}/", serving.implicit.unwrap());
    for base in [url(&serving, ""), at_once] {
        for mode in ["--passive", "--active"] {
            for version in ["1.2", "1.3"] {
                let options = ["--insecure", mode, "--tls-max", version, "--tls-min", version];
                let url = format!("{base}up");
                let put = run(here.path(), &[&["put"], &options[..], &["local", &url]].concat());
                assert!(put.status.success(), "{put:?}");
                assert!(said(&put).contains("warning: with --insecure"));
                let get = run(here.path(), &[&["get"], &options[..], &[&url, "back"]].concat());
                assert!(get.status.success(), "{get:?}");
                assert_eq!(std::fs::read(here.path().join("back")).unwrap(), bytes);
            }
        }
    }
}

#[test]
fn fifty_transfers_of_one_session_resume_its_tls_session_in_both_versions() {
    let serving = serving();
    std::fs::write(serving.path("f"), "a ship\n").unwrap();
    let here = tempfile::tempdir().unwrap();
    for version in ["1.2", "1.3"] {
        let mut script = String::new();
        for number in 0..25 {
            writeln!(script, "get f got-{number}\nput got-{number} put-{number}").unwrap();
        }
        std::fs::write(here.path().join("script"), script).unwrap();
        let script = std::fs::File::open(here.path().join("script")).unwrap();
        let shell = wharf()
            .args(["shell", "-e", "--insecure", "--tls-max", version, "--trace=ladder"])
            .arg(url(&serving, ""))
            .current_dir(here.path())
            .stdin(Stdio::from(script))
            .output()
            .unwrap();
        assert!(shell.status.success(), "{shell:?}");
        let ladder = std::fs::read_to_string(here.path().join("ladder")).unwrap();
        assert_eq!(ladder.matches(", resumed").count(), 50, "{ladder}");
        assert_eq!(std::fs::read(serving.path("put-24")).unwrap(), b"a ship\n");
    }
}

#[test]
fn tls_can_be_demanded_of_ftp_and_of_a_server_without_it_in_vain() {
    let here = tempfile::tempdir().unwrap();
    let serving = serving();
    let clear = format!("ftp://ann:secret@127.0.0.1:{}/", serving.port);
    let refused = run(here.path(), &["ls", &clear]);
    assert_eq!(refused.status.code(), Some(4), "passwords in clear are refused: {refused:?}");
    assert!(said(&refused).contains("ftpes://"), "{}", said(&refused));
    let granted = run(here.path(), &["ls", "--tls", "--insecure", "-q", &clear]);
    assert_eq!((granted.status.code(), said(&granted).as_str()), (Some(0), ""));

    let without = Serving::new(&["--user", "ann:secret"]);
    let refused = run(here.path(), &["ls", "--insecure", &url(&without, "")]);
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    let (_, log) = without.end();
    assert!(!log.contains("USER ann"), "{log}");
}

#[test]
fn the_shell_opens_both_schemes_and_sends_nothing_that_would_change_the_protection() {
    let serving = serving();
    let here = tempfile::tempdir().unwrap();
    let script = format!(
        "open {}\nquote PROT C\nls\nclose\nopen ftps://ann:secret@127.0.0.1:{}/\npwd\n",
        url(&serving, ""),
        serving.implicit.unwrap(),
    );
    std::fs::write(here.path().join("script"), script).unwrap();
    let shell = wharf()
        .args(["shell", "--insecure"])
        .stdin(Stdio::from(std::fs::File::open(here.path().join("script")).unwrap()))
        .output()
        .unwrap();
    let said = said(&shell);
    assert!(said.contains("PROT changes how the session is protected"), "{said}");
    assert!(String::from_utf8_lossy(&shell.stdout).ends_with("/\n"), "{shell:?}");
}

#[test]
fn both_sides_write_the_same_keys_for_control_and_data_when_they_are_told_to() {
    let here = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["client", "server"].map(|side| here.path().join(side));
    let options = ["--tls-self-signed", "--user", "ann:secret", "--tls-key-log"];
    let serving = Serving::new(&[&options[..], &[theirs.to_str().unwrap()]].concat());
    std::fs::write(serving.path("f"), "a ship\n").unwrap();
    for version in ["1.2", "1.3"] {
        let cat = wharf()
            .args(["cat", "--insecure", "-q", "--tls-max", version, "--tls-min", version])
            .arg(url(&serving, "f"))
            .env("SSLKEYLOGFILE", &ours)
            .output()
            .unwrap();
        assert_eq!((cat.status.code(), cat.stdout.as_slice()), (Some(0), &b"a ship\n"[..]));
    }
    let keys = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        // Ours offers no early data; the server has the key all the same.
        let lines = text.lines().filter(|line| !line.starts_with("CLIENT_EARLY_TRAFFIC_SECRET "));
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    let of_server = keys(&theirs);
    let ours = keys(&ours);
    assert_eq!(ours, of_server);
    let of = |label: &str| ours.iter().filter(|line| line.starts_with(label)).count();
    assert_eq!(of("CLIENT_RANDOM "), 2, "control and data of TLS 1.2");
    assert_eq!(of("SERVER_TRAFFIC_SECRET_0 "), 2, "control and data of TLS 1.3");
    let mode = std::fs::metadata(&theirs).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (_, log) = serving.end();
    assert!(log.contains("WARN") && log.contains("who has them can read every session"), "{log}");
}

#[test]
fn keys_of_a_server_without_tls_are_a_mistake_and_a_check_writes_none() {
    let here = tempfile::tempdir().unwrap();
    let refused = run(here.path(), &["serve", "--tls-key-log", "keys"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let check =
        run(here.path(), &["serve", "--check", "--tls-self-signed", "--tls-key-log", "keys"]);
    assert!(String::from_utf8_lossy(&check.stdout).contains("who has it can read"), "{check:?}");
    assert!(!here.path().join("keys").exists());
}

#[test]
fn ccc_leaves_the_data_under_tls_and_is_refused_where_the_operator_does_not_allow_it() {
    let tree = tempfile::tempdir().unwrap();
    let here = tempfile::tempdir().unwrap();
    std::fs::write(tree.path().join("a"), "some bytes").unwrap();
    let file = here.path().join("serve.toml");
    let lines = |ccc| {
        format!(
            "folder = \"{}\"\nlisten = [\"127.0.0.1:0\"]\n[tls]\nself-signed = true\nccc = {ccc}\n",
            tree.path().display()
        )
    };
    std::fs::write(&file, lines(true)).unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let serving = Serving::started(tempfile::tempdir().unwrap(), &config);
    let url = format!("ftpes://127.0.0.1:{}/a", serving.port);
    let fetched = run(here.path(), &["cat", "--insecure", "--ccc", "--trace=ladder", &url]);
    assert_eq!(fetched.status.code(), Some(0), "{fetched:?}");
    assert_eq!(fetched.stdout, b"some bytes");
    assert!(said(&fetched).contains("warning: with --ccc"), "{fetched:?}");
    let drawn = std::fs::read_to_string(here.path().join("ladder")).unwrap();
    let (before, behind) = drawn.split_once("CCC").unwrap();
    assert!(before.contains("PASS") && behind.contains("RETR a"), "{drawn}");
    assert!(behind.contains(", resumed"), "the data connection is under TLS: {drawn}");
    drop(serving);

    std::fs::write(&file, lines(false)).unwrap();
    let serving = Serving::started(tempfile::tempdir().unwrap(), &config);
    let url = format!("ftpes://127.0.0.1:{}/a", serving.port);
    let refused = run(here.path(), &["cat", "--insecure", "--ccc", &url]);
    assert_eq!(refused.status.code(), Some(6), "{refused:?}");
    assert!(said(&refused).contains("without --ccc all of it stays under TLS"), "{refused:?}");
    let clear = format!("ftp://127.0.0.1:{}/a", serving.port);
    assert_eq!(run(here.path(), &["cat", "--ccc", &clear]).status.code(), Some(2));
}
