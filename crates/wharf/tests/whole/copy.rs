//! `wharf copy` between real servers of ours, at different addresses of this machine.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, SystemTime};

use crate::serving::{Serving, run};
use crate::tree::{files, plant};

/// Where the other server is, so that each sees a stranger in the other.
const THERE: &str = "127.0.0.2";

/// Two servers that let `bob` transfer between them.
fn two(options: &[&str]) -> [Serving; 2] {
    let fxp = [&["--quiet", "--user", "bob:pw", "--allow-fxp"], options].concat();
    [Serving::new(&fxp), Serving::at(THERE, &fxp)]
}

/// The URL of a path for `bob`.
fn url(serving: &Serving, path: &str) -> String {
    serving.url(path).replace("://", "://bob:pw@")
}

fn copy(arguments: &[&str]) -> Output {
    run(Path::new("/"), &[&["copy"], arguments].concat())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn ends_with(code: i32, output: &Output) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    text(&output.stderr)
}

/// What is in a folder, hidden things too.
fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

fn write(serving: &Serving, name: &str, bytes: &[u8]) {
    fs::write(serving.path(name), bytes).unwrap();
    let file = fs::File::options().write(true).open(serving.path(name)).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000)).unwrap();
}

#[test]
fn a_tree_that_is_to_be_in_a_folder_that_is_not_there_names_it_and_nothing_is_tried_again() {
    let [a, b] = two(&[]);
    fs::create_dir_all(a.path("t/sub")).unwrap();
    write(&a, "t/x", b"x");
    write(&a, "t/sub/y", b"y");
    let (from, to) = (url(&a, "t"), url(&b, "none/above/t"));
    let local = a.path("t").to_str().unwrap().to_owned();
    for arguments in [
        &["copy", "-r", &from, &to][..],
        &["copy", "-r", "--relay", &from, &to],
        &["put", "-r", &local, &to],
        &["sync", &local, &to],
    ] {
        let said = ends_with(5, &run(Path::new("/"), arguments));
        assert!(said.contains("MKD none/above/t was refused: 550 "), "{said}");
        assert!(said.contains("; the folder none/above is not there"), "{said}");
        assert!(!said.contains("again") && !said.contains("as many sessions"), "{said}");
    }
}

#[test]
fn a_file_goes_from_server_to_server_or_through_here_under_any_name_and_with_its_time() {
    let [a, b] = two(&[]);
    let bytes: Vec<u8> = (0..3_000_001_u32).map(|n| (n * 7).to_le_bytes()[1]).collect();
    write(&a, "x", &bytes);
    fs::create_dir(b.path("d")).unwrap();
    write(&b, "old", b"something else");
    for (options, target, written, says) in [
        (&[][..], "", "x", "from server to server; size agrees"),
        (&["--verify"], "d/", "d/x", "from server to server; digest agrees"),
        (&["--in-place"], "other", "other", "from server to server; size agrees"),
        (&["--relay"], "old", "old", "through this machine; size agrees"),
        (&["--plain"], "plain", "plain", "plain: from server to server; size not compared"),
        (&["--relay", "--limit-rate", "100M"], "slow", "slow", "through this machine"),
    ] {
        let output = copy(&[options, &[&url(&a, "x"), &url(&b, target)]].concat());
        let said = ends_with(0, &output);
        assert!(said.contains(says), "{said}");
        assert!(fs::read(b.path(written)).unwrap() == bytes, "{target}");
        let time = |serving: &Serving, name| fs::metadata(serving.path(name)).unwrap().modified();
        if written != "plain" {
            assert_eq!(time(&a, "x").unwrap(), time(&b, written).unwrap(), "{target}");
        }
    }
    assert_eq!(names(b.tree.path()), ["d", "old", "other", "plain", "slow", "x"]);
}

#[test]
fn a_program_is_told_what_happens_as_json() {
    let [a, b] = two(&[]);
    write(&a, "x", b"bytes");
    let output = copy(&["--json", &url(&a, "x"), &url(&b, "y")]);
    ends_with(0, &output);
    let out = text(&output.stdout);
    for part in [r#""route":"direct""#, r#""bytes":5"#, r#""verdict":"size-only""#] {
        assert!(out.contains(part), "{out}");
    }
    let output = copy(&["--json", &url(&a, "missing"), &url(&b, "y")]);
    ends_with(5, &output);
    assert!(text(&output.stdout).contains(r#""exit":5"#), "{}", text(&output.stdout));
}

#[test]
fn servers_that_refuse_are_gone_around_with_a_line_that_says_why_or_it_is_an_error() {
    let options = ["--quiet", "--user", "bob:pw"];
    let [a, b] = [Serving::new(&options), Serving::at(THERE, &options)];
    write(&a, "x", b"bytes");
    let said = ends_with(0, &copy(&[&url(&a, "x"), &url(&b, "y")]));
    assert!(said.contains("the data goes through this machine: 127.0.0."), "{said}");
    assert!(said.contains("--allow-fxp"), "{said}");
    assert_eq!(fs::read(b.path("y")).unwrap(), b"bytes");
    let said = ends_with(6, &copy(&["--no-relay", &url(&a, "x"), &url(&b, "z")]));
    assert!(said.contains("do not transfer between each other"), "{said}");
    assert_eq!(names(b.tree.path()), ["y"]);
}

#[test]
fn what_makes_no_sense_is_said_before_anybody_is_bothered() {
    let [a, b] = two(&[]);
    write(&a, "x", b"bytes");
    for (arguments, says) in [
        (vec!["--limit-rate", "1M"], "--relay"),
        (vec!["--relay", "--no-relay"], "cannot be used with"),
        (vec!["--restart"], "--recursive"),
    ] {
        let output = copy(&[&arguments[..], &[&url(&a, "x"), &url(&b, "x")]].concat());
        let said = ends_with(2, &output);
        assert!(said.contains(says), "{said}");
    }
    for (from, to) in [(url(&a, "x"), url(&a, "x")), (url(&a, ""), url(&b, "x"))] {
        ends_with(2, &copy(&[&from, &to]));
    }
    assert!(names(b.tree.path()).is_empty());
}

#[test]
fn each_server_that_fails_is_named_and_has_its_exit_code() {
    let [a, b] = two(&[]);
    write(&a, "x", b"bytes");
    let login = url(&b, "y").replace(":pw@", ":wrong@");
    let said = ends_with(4, &copy(&[&url(&a, "x"), &login]));
    assert!(said.contains(&format!("{THERE}:{}", b.port)), "{said}");
    ends_with(5, &copy(&[&url(&a, "missing"), &url(&b, "y")]));
    // Anonymous users only read.
    let said = ends_with(6, &copy(&[&url(&a, "x"), &b.url("y")]));
    assert!(said.contains("STOR"), "{said}");
    ends_with(3, &copy(&[&url(&a, "x"), "ftp://127.0.0.1:1/y"]));
    assert!(names(b.tree.path()).is_empty());
}

#[test]
fn a_tree_is_copied_whole_and_the_second_time_only_what_has_changed() {
    let [a, b] = two(&[]);
    plant(&a.path("t"));
    for (target, options) in
        [("direct", &["--verify"][..]), ("one", &["--jobs", "1"]), ("relay", &["--relay"])]
    {
        let (from, to) = (url(&a, "t"), url(&b, target));
        let arguments = [options, &["-r", &from, &to]].concat();
        let said = ends_with(0, &copy(&arguments));
        assert!(said.contains("309 files"), "{said}");
        assert_eq!(files(&b.path(target)), files(&a.path("t")), "{target}");
        let said = ends_with(0, &copy(&arguments));
        assert!(said.contains("309 the same already"), "{said}");
        fs::write(b.path(target).join("a"), "xyz").unwrap();
        let said = ends_with(0, &copy(&arguments));
        assert!(said.contains("308 the same already"), "{said}");
        assert_eq!(files(&b.path(target)), files(&a.path("t")), "{target}");
    }
    // A slash at the end: the folder to put it in.
    fs::create_dir(b.path("in")).unwrap();
    ends_with(0, &copy(&["-r", &url(&a, "t/deep"), &url(&b, "in/")]));
    assert_eq!(files(&b.path("in/deep")), files(&a.path("t/deep")));
}

#[test]
fn what_of_a_tree_could_not_be_copied_is_listed_and_can_be_tried_again() {
    let [a, b] = two(&[]);
    plant(&a.path("t"));
    let here = tempfile::tempdir().unwrap();
    // A folder of that name is in the way of the file.
    fs::create_dir_all(b.path("t/a/full")).unwrap();
    let (from, to) = (url(&a, "t"), url(&b, "t"));
    let output = run(here.path(), &["copy", "-r", "--failed", "failed", &from, &to]);
    ends_with(1, &output);
    assert_eq!(fs::read_to_string(here.path().join("failed")).unwrap(), "a\n");
    fs::remove_dir_all(b.path("t/a")).unwrap();
    let output =
        run(here.path(), &["copy", "-r", "--json", "--retry-failed", "failed", &from, &to]);
    ends_with(0, &output);
    assert_eq!(text(&output.stdout).matches(r#""action":"copy""#).count(), 1);
    assert_eq!(files(&b.path("t")), files(&a.path("t")));
    ends_with(5, &copy(&["-r", &url(&a, "nowhere"), &url(&b, "n")]));
    assert!(!b.path("n").exists(), "nothing is made for what is not there");
}

/// A server under TLS that may be told to be a TLS client, and takes data connections with a TLS session of their own
/// or does not.
fn under_tls(any_session: bool) -> Serving {
    let tree = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wharf.toml");
    let config = format!(
        "folder = {:?}\nlisten = [\"127.0.0.1:0\"]\nfxp = [\"127.0.0.0/8\"]\nquiet = true\n\
         [[user]]\nname = \"bob\"\npassword = \"pw\"\n\
         [tls]\nself-signed = true\nany-session = {any_session}\n",
        tree.path()
    );
    fs::write(&file, config).unwrap();
    Serving::started(tree, &["--config", file.to_str().unwrap()])
}

#[test]
fn under_tls_one_server_is_the_client_of_the_other_where_that_takes_a_session_of_its_own() {
    let [any, own, other] = [true, false, false].map(under_tls);
    for serving in [&any, &own] {
        write(serving, "x", &[7; 300_000]);
    }
    let covered = |serving: &Serving, path: &str| url(serving, path).replace("ftp://", "ftpes://");
    for (from, to, says) in [
        (&any, &own, "from server to server"),
        (&own, &any, "from server to server"),
        (&own, &other, "must resume the TLS session"),
    ] {
        let (from, to_url) = (covered(from, "x"), covered(to, "y"));
        let said = ends_with(0, &copy(&["--insecure", "--verify", &from, &to_url]));
        assert!(said.contains(says) && said.contains("digest agrees"), "{said}");
        assert_eq!(fs::read(to.path("y")).unwrap(), [7; 300_000]);
    }
    // Only one end of a connection would be under TLS.
    let plain = Serving::new(&["--quiet", "--user", "bob:pw", "--allow-fxp"]);
    let output = copy(&["--insecure", &covered(&any, "x"), &url(&plain, "x")]);
    let said = ends_with(0, &output);
    assert!(said.contains("only one of the servers"), "{said}");
    assert_eq!(fs::read(plain.path("x")).unwrap(), [7; 300_000]);
}

#[test]
fn the_trace_has_both_control_connections_in_one_picture() {
    let [a, b] = two(&[]);
    write(&a, "x", b"bytes");
    let output = copy(&["--trace", &url(&a, "x"), &url(&b, "y")]);
    let said = ends_with(0, &output);
    for part in ["third party", "PASV", "PORT 127,0,0,1,", "RETR x", "STOR .y.wharf-part"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("D13"), "{said}");
}

#[test]
fn names_go_from_the_charset_of_one_server_into_that_of_the_other() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    // 港 and 船 as the source has them, in Shift_JIS.
    let (harbour, ship) = (OsStr::from_bytes(b"\x8D\x60"), OsStr::from_bytes(b"\x91\x44"));
    let source = Serving::new(&["--quiet"]);
    let target = Serving::at(THERE, &["--quiet", "--writable"]);
    fs::create_dir(source.path("d").as_path()).unwrap();
    fs::create_dir(source.path("d").join(harbour)).unwrap();
    fs::write(source.path("d").join(harbour).join(ship), "sails").unwrap();
    fs::write(source.path("d").join("plain"), "as it is").unwrap();
    let home = tempfile::tempdir().unwrap();
    let settings = home.path().join("client.toml");
    fs::write(&settings, "[host.\"127.0.0.1\"]\ncharset = \"shift_jis\"\n").unwrap();
    let copied = |arguments: &[&str]| {
        let mut command = crate::serving::wharf();
        command.env("WHARF_SETTINGS", &settings).args(["copy", "--relay"]).args(arguments);
        let output = command.output().unwrap();
        ends_with(0, &output);
        text(&output.stdout)
    };
    let (from, to) = (source.url("d/"), target.url("tree/"));
    copied(&["-r", &from, &to]);
    let found = |path: &str| fs::read_to_string(target.path(path)).ok();
    let top = if target.path("tree/d").exists() { "tree/d" } else { "tree" };
    assert_eq!(found(&format!("{top}/港/船")).as_deref(), Some("sails"));
    assert_eq!(found(&format!("{top}/plain")).as_deref(), Some("as it is"));
    // What is there is found under its name there.
    assert!(copied(&["-r", "--json", &from, &to]).contains("\"done\":0"));
    fs::create_dir(target.path("one")).unwrap();
    copied(&[&source.url("d/港/船"), &target.url("one/")]);
    assert_eq!(found("one/船").as_deref(), Some("sails"));
}

#[test]
fn a_password_that_the_second_server_wants_is_told_by_the_name_under_which_it_is_looked_for() {
    let [a, b] = two(&[]);
    write(&a, "x", b"bytes");
    let nameless = |serving: &Serving, path| url(serving, path).replace(":pw@", "@");
    let mut command = crate::serving::wharf();
    command.env("WHARF_PASSWORD", "pw").env_remove("WHARF_TARGET_PASSWORD");
    let output = command.args(["copy", &nameless(&a, "x"), &nameless(&b, "y")]).output().unwrap();
    let said = ends_with(4, &output);
    assert!(said.contains("none is known") && said.contains("WHARF_TARGET_PASSWORD"), "{said}");
}
