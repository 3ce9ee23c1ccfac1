//! `wharf user`, and a server that takes its users from the store.

use crate::serving::{Serving, run, wharf};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use tempfile::TempDir;

/// `Hello world!`
const BCRYPT: &str = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.z6PrHbuSsMSSwIGFy1JGevQZf6CqJ1y";

/// A store that does not exist yet.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn store(&self) -> String {
        self.path("users.db").to_str().unwrap().to_owned()
    }

    /// `wharf user`, with a password in the environment.
    fn user(&self, words: &[&str]) -> Output {
        let mut command = wharf();
        command.env("WHARF_PASSWORD", "a long secret").current_dir(self.0.path());
        command.args(["user", "--store", "users.db"]).args(words).output().unwrap()
    }

    /// The same, which must go well; what it prints.
    fn done(&self, words: &[&str]) -> String {
        let output = self.user(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same, which must end with this code; what it says.
    fn fails(&self, words: &[&str], code: i32) -> String {
        let output = self.user(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn serving(&self, options: &[&str]) -> Serving {
        Serving::new(&[&["--no-anonymous", "--users", &self.store()], options].concat())
    }
}

#[test]
fn a_user_that_is_there_is_told_before_a_password_is_read_and_one_without_end_is_refused() {
    let place = Place::new();
    place.done(&["add", "ann"]);
    let add = |name: &str, input: &[u8]| {
        let mut command = wharf();
        command.args(["user", "--store", &place.store(), "add", name]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Whoever reads none of it has closed it by then.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    };
    let there = add("ann", b"");
    assert_eq!(there.status.code(), Some(1), "{there:?}");
    assert!(String::from_utf8_lossy(&there.stderr).contains("ann"), "{there:?}");
    let endless = add("bob", &[b'x'; 5000]);
    assert_eq!(endless.status.code(), Some(2), "{endless:?}");
    assert!(String::from_utf8_lossy(&endless.stderr).contains("more than 4096 bytes"));
    assert_eq!(add("bob", b"a long secret\n").status.code(), Some(0));
}

/// The exit code of looking at the root.
fn ls(serving: &Serving, user: &str) -> Option<i32> {
    let url = format!("ftp://{user}@127.0.0.1:{}/", serving.port);
    run(Path::new("/"), &["ls", &url]).status.code()
}

#[test]
fn user_is_added_logs_in_and_is_disabled_changed_and_removed() {
    let place = Place::new();
    place.done(&["add", "ann"]);
    let mode = std::fs::metadata(place.path("users.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let serving = place.serving(&[]);
    let ann = "ann:a%20long%20secret";
    assert_eq!(ls(&serving, ann), Some(0));
    assert_eq!(ls(&serving, "ann:wrong"), Some(4));
    assert_eq!(ls(&serving, "bob:a%20long%20secret"), Some(4));
    // What is changed holds from the next login on.
    place.done(&["disable", "ann"]);
    assert_eq!(ls(&serving, ann), Some(4));
    place.done(&["enable", "ann"]);
    let mut password = wharf();
    password.args(["user", "--store", &place.store(), "password", "ann"]).stdin(Stdio::piped());
    let mut password = password.spawn().unwrap();
    password.stdin.take().unwrap().write_all(b"another\n").unwrap();
    assert!(password.wait().unwrap().success());
    assert_eq!((ls(&serving, ann), ls(&serving, "ann:another")), (Some(4), Some(0)));
    place.done(&["limits", "ann", "--network", "192.0.2.0/24"]);
    assert_eq!(ls(&serving, "ann:another"), Some(4));
    place.done(&["limits", "ann", "--network", "none"]);
    assert_eq!(ls(&serving, "ann:another"), Some(0));
    place.done(&["remove", "ann"]);
    assert_eq!(ls(&serving, "ann:another"), Some(4));
    let (_, log) = serving.end();
    assert!(log.contains("disabled") && log.contains("not from there"), "{log}");
    assert!(!log.contains("secret") && !log.contains("another"), "{log}");
}

#[test]
fn limits_are_listed_as_they_were_said_and_what_is_not_said_stays() {
    let place = Place::new();
    let said = [
        "add",
        "ann",
        "--home",
        "/srv/ann",
        "--mount",
        "/pub=served:/pub",
        "--rights",
        "rlw",
        "--rule",
        "/pub=rl",
        "--quota-bytes",
        "1000",
        "--sessions",
        "2",
        "--hours",
        "08:00-18:00",
        "--tls",
        "--expires",
        "2027-12-31",
    ];
    place.done(&said);
    place.done(&["limits", "ann", "--quota-bytes", "none", "--rate-up", "5", "--tls=no"]);
    assert_eq!(
        place.done(&["list", "--json"]),
        "{\"name\":\"ann\",\"disabled\":false,\"password\":true,\"totp\":false,\"home\":\"/srv/ann\",\
         \"mounts\":[\"/pub=served:/pub\"],\"rights\":\"rlw\",\"rules\":[\"/pub=rl\"],\"rate-up\":5,\
         \"sessions\":2,\"hours\":[\"08:00-18:00\"],\"expires\":\"2027-12-31\"}\n"
    );
    assert!(place.done(&["list"]).starts_with("ann                  rlw    /srv/ann"));
}

#[test]
fn s23_what_makes_no_sense_is_refused_with_its_reason_and_changes_nothing() {
    let place = Place::new();
    for (words, told) in [
        (&["--network", "192.0.2.0/33"][..], "networks \"192.0.2.0/33\": a network is wanted"),
        (&["--hours", "8-18"], "hours \"8-18\""),
        (&["--rights", "rwx"], "rights \"rwx\""),
        (&["--rights", "r", "--rule", "/x=w"], "grants no more than"),
        (&["--home", "ann"], "home \"ann\""),
        (&["--expires", "tomorrow"], "expires \"tomorrow\""),
        (&["--quota-bytes=-1"], "--quota-bytes"),
        (&["--sessions", "0"], "sessions \"0\""),
        (&["--certificate", "ab"], "64 hexadecimal digits"),
        (&["--no-password"], "--certificate"),
    ] {
        let said = place.fails(&[&["add", "ann"], words].concat(), 2);
        assert!(said.contains(told), "{said}");
    }
    assert!(!place.path("users.db").exists());
    place.fails(&["list"], 8);
    place.fails(&["add", "ftp"], 2);
    place.done(&["add", "ann"]);
    place.fails(&["add", "ann"], 1);
    place.fails(&["remove", "bob"], 5);
    place.fails(&["limits", "ann", "--hours", "25:00-26:00"], 2);
    let empty = wharf().args(["user", "--store", &place.store(), "add", "bob"]).output().unwrap();
    assert_eq!(empty.status.code(), Some(2), "{empty:?}");
    assert_eq!(place.done(&["list"]).lines().count(), 1);
}

#[test]
fn second_factor_is_shown_once_and_demanded_then() {
    let place = Place::new();
    let shown = place.done(&["add", "ann", "--totp"]);
    let (secret, uri) = shown.trim_end().split_once('\n').unwrap();
    assert!(uri == format!("otpauth://totp/Wharf:ann?secret={secret}&issuer=Wharf"), "{shown}");
    assert!(!place.done(&["list", "--json"]).contains(secret));
    let serving = place.serving(&[]);
    assert_eq!(ls(&serving, "ann:a%20long%20secret"), Some(4));
    place.done(&["limits", "ann", "--totp=no"]);
    assert_eq!(ls(&serving, "ann:a%20long%20secret"), Some(0));
}

#[test]
fn import_takes_a_file_over_whole_or_not_at_all() {
    let place = Place::new();
    std::fs::write(place.path("bad"), format!("ann:{BCRYPT}\nbob:$apr1$x$y\n")).unwrap();
    let said = place.fails(&["import", "htpasswd", "bad"], 1);
    assert!(said.contains("bad:2: MD5") && said.contains("nothing is imported"), "{said}");
    assert!(!place.path("users.db").exists());
    std::fs::write(
        place.path("passwd"),
        format!("root:x:0:0::/root:/bin/sh\nann:{BCRYPT}:1:1::/srv:/bin/sh\n"),
    )
    .unwrap();
    place.done(&["import", "passwd", "passwd"]);
    place.fails(&["import", "htpasswd", "bad", "--skip-refused"], 1);
    std::fs::write(place.path("vsftpd"), "bob\nanother\n").unwrap();
    place.done(&["import", "vsftpd", "vsftpd"]);
    place.done(&["limits", "ann", "--home", "none"]);
    let serving = place.serving(&[]);
    assert_eq!(ls(&serving, "ann:Hello%20world!"), Some(0));
    assert_eq!(ls(&serving, "bob:another"), Some(0));
    place.fails(&["import", "htpasswd", "none"], 8);
}

#[test]
fn s22_store_that_cannot_be_read_stops_the_start() {
    let place = Place::new();
    std::fs::write(place.path("users.db"), "no store").unwrap();
    for store in ["users.db", "missing.db"] {
        let path = place.path(store);
        let output = run(place.0.path(), &["serve", "--users", path.to_str().unwrap()]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(8), "{said}");
        assert!(said.contains("cannot open the user store"), "{said}");
    }
}

#[test]
fn file_names_the_store_the_program_and_what_anonymous_clients_may_do() {
    let place = Place::new();
    place.done(&["add", "ann"]);
    std::fs::create_dir(place.path("drop")).unwrap();
    let file = place.path("serve.toml");
    let answer = r#"case "$(cat)" in *"\"pat\""*) echo "{\"verdict\":\"in\"}";; *) echo "{\"verdict\":\"unknown\"}";; esac"#;
    let settings = format!(
        "folder = \".\"\nlisten = [\"127.0.0.1:0\"]\nusers = \"users.db\"\n\n\
         [anonymous]\nfolder = \"drop\"\ndrop-box = true\n\n\
         [accounts.program]\ncommand = [\"/bin/sh\", \"-c\", '''{answer}''']\n"
    );
    std::fs::write(&file, settings).unwrap();
    let serving = Serving::started(place.0, &["--config", file.to_str().unwrap()]);
    assert_eq!(ls(&serving, "ann:a%20long%20secret"), Some(0));
    assert_eq!(ls(&serving, "pat:whatever"), Some(0));
    assert_eq!(ls(&serving, "eve:whatever"), Some(4));
    assert_eq!(
        ls(&serving, "anonymous:me%40example.org"),
        Some(6),
        "nothing is listed in a drop box"
    );
    let (_, log) = serving.end();
    assert!(log.contains("me@example.org"), "{log}");
}
