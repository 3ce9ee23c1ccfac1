//! `wharf serve` confined: what the kernel says of the process, and that it serves all the same.
//!
//! As root and as an ordinary user: what differs is asked for where it does.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use crate::serving::{Serving, run, wharf};
use crate::talk::Talk;

/// A user that every system has, and the number that it has there.
const NOBODY: &str = "nobody";

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The value of a line of the server's /proc/PID/status.
fn status(serving: &Serving, key: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{}/status", serving.pid())).unwrap();
    let line = text.lines().find(|line| line.split(':').next() == Some(key)).unwrap();
    line.split_once(':').unwrap().1.trim().to_owned()
}

/// Says these lines to the server after a login as anonymous, and gives the replies to them.
fn say(serving: &Serving, lines: &[&str]) -> Vec<String> {
    let mut anonymous = Talk::with(serving);
    anonymous.say("USER anonymous", "331");
    anonymous.say("PASS x", "230");
    lines.iter().map(|line| anonymous.say(line, "")).collect()
}

/// Files up and down, names and facts: what a session does.
fn serves_everything(serving: &Serving) {
    let here = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..600_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(here.path().join("local"), &bytes).unwrap();
    for mode in ["--passive", "--active"] {
        let put = run(here.path(), &["put", mode, "--binary", "local", &serving.url("up")]);
        assert!(put.status.success(), "{put:?}");
        let get = run(here.path(), &["get", mode, "--binary", &serving.url("up"), "back"]);
        assert!(get.status.success(), "{get:?}");
        assert_eq!(std::fs::read(here.path().join("back")).unwrap(), bytes);
        std::fs::remove_file(here.path().join("back")).unwrap();
        let ls = run(here.path(), &["ls", "-1", mode, &serving.url("")]);
        assert!(String::from_utf8_lossy(&ls.stdout).lines().any(|name| name == "up"), "{ls:?}");
    }
    for (line, wanted) in [
        ("MKD d", "257"),
        ("RNFR up", "350"),
        ("RNTO d/renamed", "250"),
        ("MFMT 20200101000000 d/renamed", "213"),
        ("SITE CHMOD 640 d/renamed", "200"),
        ("SITE COPY d/renamed copy", "200"),
        ("SITE SYMLINK copy link", "200"),
        ("HASH copy", "213"),
        ("MLST d/renamed", "250"),
        ("AVBL", "213"),
        ("STAT d", "212"),
        ("DELE link", "250"),
        ("SITE RMDIR -r d", "200"),
    ] {
        // One session for the pair that belongs together, and a new one for each of the others.
        let lines = if line.starts_with("RNTO") { vec!["RNFR up", line] } else { vec![line] };
        let replies = say(serving, &lines);
        let last = replies.last().unwrap();
        assert!(last.starts_with(wanted), "{line}: {last}");
        if line.starts_with("MLST") {
            assert!(last.contains("modify=20200101000000"), "{last}");
        }
    }
    assert_eq!(std::fs::read(serving.path("copy")).unwrap(), bytes);
}

#[test]
fn a_server_holds_no_capability_may_gain_none_and_serves_everything() {
    let serving = Serving::new(&["--writable"]);
    assert_eq!(status(&serving, "CapEff"), "0000000000000000");
    assert_eq!(status(&serving, "CapPrm"), "0000000000000000");
    assert_eq!(status(&serving, "NoNewPrivs"), "1");
    serves_everything(&serving);
    // It belongs to every thread, so to those that the transfers ran on.
    for task in std::fs::read_dir(format!("/proc/{}/task", serving.pid())).unwrap() {
        let text = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        assert!(text.contains("CapEff:\t0000000000000000\n") && text.contains("NoNewPrivs:\t1\n"));
    }
    let filtered = status(&serving, "Seccomp") == "2";
    let (code, log) = serving.end();
    assert_eq!(code, Some(0));
    for measure in ["privileges: user ", "no new privileges: ", "landlock: ", "seccomp: "] {
        assert!(log.contains(measure), "{measure} {log}");
    }
    assert_eq!(filtered, !log.contains("seccomp: this kernel"), "{log}");
    assert!(!log.contains("switched off"), "{log}");
}

#[test]
fn without_confinement_the_process_is_as_it_was_started_and_the_log_says_so() {
    let ours = std::fs::read_to_string("/proc/self/status").unwrap();
    let serving = Serving::new(&["--writable", "--no-confinement", "--quiet"]);
    for key in ["CapEff", "NoNewPrivs", "Seccomp", "Uid"] {
        let line = format!("{key}:\t{}\n", status(&serving, key));
        assert!(ours.contains(&line), "{line}");
    }
    let (_, log) = serving.end();
    assert_eq!(log.matches("switched off by --no-confinement").count(), 4, "{log}");
}

#[test]
fn one_measure_is_switched_off_by_the_file_and_named_in_the_log() {
    let tree = tempfile::tempdir().unwrap();
    let file = tree.path().join("serve.toml");
    let text = "listen = [\"127.0.0.1:0\"]\n[process]\nseccomp = false\nlandlock = false\n";
    std::fs::write(&file, text).unwrap();
    let folder = tree.path().to_str().unwrap().to_owned();
    let serving = Serving::started(tree, &[&folder, "--config", file.to_str().unwrap()]);
    assert_eq!(status(&serving, "NoNewPrivs"), "1");
    let (_, log) = serving.end();
    assert!(log.contains("seccomp: switched off by seccomp in [process]"), "{log}");
    assert!(log.contains("landlock: switched off by landlock in [process]"), "{log}");
}

#[test]
fn a_server_started_by_root_becomes_the_owner_of_the_folder() {
    if !is_root() {
        return;
    }
    let serving = |options: &[&str], owner: u32| {
        let tree = tempfile::tempdir().unwrap();
        chown(tree.path(), Some(owner), Some(owner)).unwrap();
        let folder = tree.path().to_str().unwrap().to_owned();
        let rest = [&[&*folder, "--listen", "127.0.0.1:0", "--writable"], options].concat();
        Serving::started(tree, &rest)
    };
    let owned = serving(&[], 4711);
    assert_eq!(status(&owned, "Uid"), "4711\t4711\t4711\t4711");
    assert_eq!(status(&owned, "Gid"), "4711\t4711\t4711\t4711");
    assert_eq!(status(&owned, "Groups"), "");
    assert_eq!(status(&owned, "CapEff"), "0000000000000000");
    serves_everything(&owned);
    assert_eq!(std::fs::metadata(owned.path("copy")).unwrap().uid(), 4711);
    let named = serving(&["--run-as", "4712:4713"], 4712);
    assert_eq!(status(&named, "Uid"), "4712\t4712\t4712\t4712");
    assert_eq!(status(&named, "Gid"), "4713\t4713\t4713\t4713");
}

#[test]
fn a_capability_is_kept_for_ports_below_1024_and_for_nothing_else() {
    if !is_root() {
        return;
    }
    let serving = Serving::new(&["--writable", "--passive-ports", "700-799"]);
    // CAP_NET_BIND_SERVICE is number 10.
    assert_eq!(status(&serving, "CapEff"), "0000000000000400");
    let here = tempfile::tempdir().unwrap();
    let ls = run(here.path(), &["ls", "--passive", &serving.url("")]);
    assert!(ls.status.success(), "{ls:?}");
}

#[test]
fn s22_a_user_who_is_not_there_or_is_not_ours_to_become_ends_the_start() {
    let here = tempfile::tempdir().unwrap();
    let start = |user: &str| {
        let listen = ["--listen", "127.0.0.1:0"];
        run(here.path(), &[&["serve", ".", "--run-as", user][..], &listen].concat())
    };
    for user in ["no-such-user", "", "0x0", "4294967295:0", "root:no-such-group"] {
        let ended = start(user);
        assert_eq!(ended.status.code(), Some(2), "{user} {ended:?}");
        assert!(ended.stdout.is_empty(), "{user} {ended:?}");
    }
    if !is_root() {
        let ended = start("root");
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains("only root can become root"));
    }
}

#[test]
fn a_folder_that_the_user_may_not_enter_ends_the_start() {
    if !is_root() {
        return;
    }
    let here = tempfile::tempdir().unwrap();
    std::fs::set_permissions(here.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let arguments = ["serve", ".", "--listen", "127.0.0.1:0", "--run-as", NOBODY];
    let ended = run(here.path(), &arguments);
    assert_eq!(ended.status.code(), Some(8), "{ended:?}");
    assert!(ended.stdout.is_empty(), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("may not enter"), "{ended:?}");
}

#[test]
fn a_check_prints_who_may_do_what_and_opens_no_port() {
    let busy = Serving::new(&[]);
    let here = tempfile::tempdir().unwrap();
    let listen = format!("127.0.0.1:{}", busy.port);
    let checked = |words: &[&str]| {
        let output = run(here.path(), &[&["serve", ".", "--check"], words].concat());
        // Anybody may have taken a port that is not given out by the system.
        assert!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let table = checked(&["--listen", &listen, "--user", "ann:secret"]);
    assert!(table.contains("! is taken, by this server if it runs already"), "{table}");
    for wanted in [
        &format!("ftp://{listen}"),
        "this machine only",
        "list, read, with any password",
        "list, read, write, delete, rename, make folders, with a password",
        "20000",
        "no new privileges",
        "landlock",
        "seccomp",
        "can be read and written",
        "have it banned for 900 s",
    ] {
        assert!(table.contains(wanted), "{wanted}\n{table}");
    }
    assert!(!table.contains("secret") && !table.contains("To think about twice"), "{table}");
    let risky = ["--user", "ann:x", "--writable", "--public-address", "10.0.0.1"];
    let table = checked(&risky);
    for wanted in ["every network", "in clear text on [::]:2121", "fill the disk", "is private"] {
        assert!(table.contains(wanted), "{wanted}\n{table}");
    }
    let file = "listen = [\"127.0.0.1:3021\"]\nfxp = [\"192.0.2.0/24\"]\n[tls]\nself-signed = true\n\
                clear = [\"0.0.0.0:3121\"]\n";
    std::fs::write(here.path().join("devices.toml"), file).unwrap();
    let table = checked(&["--config", "devices.toml", "--user", "ann:x"]);
    for wanted in [
        "192.0.2.0/24, for users",
        "from port 3020, 3120",
        "cross the network in clear text on 0.0.0.0:3121",
    ] {
        assert!(table.contains(wanted), "{wanted}\n{table}");
    }
}

#[test]
fn a_check_whose_table_finds_no_room_says_that_it_was_standard_output() {
    let here = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut serve = wharf();
    serve.args(["serve", ".", "--check"]).args(FREE).current_dir(here.path()).stdout(full);
    let ended = serve.output().unwrap();
    assert_eq!(ended.status.code(), Some(8), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("standard output: No space left"), "{said}");
}

#[test]
fn a_port_that_cannot_be_listened_at_ends_check_and_serve_with_3() {
    let busy = Serving::new(&[]);
    let here = tempfile::tempdir().unwrap();
    // Nobody else listens at this address.
    let taken = format!("127.83.7.1:{}", busy.port);
    let all = format!("0.0.0.0:{}", busy.port);
    drop(busy);
    let twice = ["serve", ".", "--listen", &taken, "--listen", &all];
    for arguments in [&twice[..], &[&twice[..], &["--check"]].concat()] {
        let ended = run(here.path(), arguments);
        assert_eq!(ended.status.code(), Some(3), "{ended:?}");
        let told = [ended.stdout, ended.stderr].concat();
        assert!(String::from_utf8_lossy(&told).contains(&all), "{arguments:?}");
    }
}

#[test]
fn a_file_in_a_folder_that_is_not_there_ends_check_and_serve_with_8() {
    let here = tempfile::tempdir().unwrap();
    for words in [&["--tap", "none/"][..], &["--tls-self-signed", "--tls-key-log", "none/"]] {
        for check in [&[][..], &["--check"]] {
            let ended = run(here.path(), &[&["serve", "."], &FREE[..], words, check].concat());
            assert_eq!(ended.status.code(), Some(8), "{words:?} {check:?}: {ended:?}");
            let told = [ended.stdout, ended.stderr].concat();
            assert!(String::from_utf8_lossy(&told).contains("none/"), "{words:?} {check:?}");
        }
    }
}

/// A port that is certainly free.
const FREE: [&str; 2] = ["--listen", "127.0.0.1:0"];

#[test]
fn a_check_tries_what_serve_would_open_leaves_nothing_and_tells_by_its_exit_code() {
    let here = tempfile::tempdir().unwrap();
    let path = |name: &str| here.path().join(name).to_str().unwrap().to_owned();
    for folder in ["srv", "srv/ann", "taps"] {
        std::fs::create_dir(path(folder)).unwrap();
    }
    std::fs::write(path("file"), "").unwrap();
    let store = path("users.db");
    let ann = format!("{}:", path("srv/ann"));
    let add = |words: &[&str]| {
        let user = ["user", "--store", &store, "add"];
        let mut typed = wharf();
        typed.args(user).args(words).env("WHARF_PASSWORD", "secret and long");
        let done = typed.output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    let home = ann.trim_end_matches(':');
    let bounds = ["--network", "192.0.2.0/24", "--hours", "08:00-18:00", "--expires", "2099-12-31"];
    let more = ["--tls", "--quota-bytes", "1000", "--rate-up", "2000", "--sessions", "3"];
    add(&[&["ann", "--home", home][..], &bounds, &more].concat());
    let checked = |words: &[&str]| {
        let all = [&["serve", "srv", "--check", "--users", &store], &FREE[..], words].concat();
        let done = run(here.path(), &all);
        let table = String::from_utf8(done.stdout).unwrap();
        let words: Vec<&str> = table.split_whitespace().collect();
        (done.status.code(), words.join(" "), done.stderr)
    };
    let (code, table, said) =
        checked(&["--tap", "tap", "--tls-self-signed", "--tls-key-log", "keys"]);
    assert_eq!(code, Some(0), "{table}{}", String::from_utf8_lossy(&said));
    for wanted in [
        "from 192.0.2.0/24; at 08:00-18:00; until 2099-12-31; under TLS alone; 1000 bytes stored at most; \
         2000 bytes a second up; 3 sessions at once",
        "port 127.0.0.1:0 is free",
        "tap can be made",
        "keys can be made",
        "/srv can be read and written",
        "/srv/ann can be read and written",
    ] {
        assert!(table.contains(wanted), "{wanted}\n{table}");
    }
    assert!(!Path::new(&path("tap")).exists() && !Path::new(&path("keys")).exists());
    assert_eq!(std::fs::read_dir(path("srv")).unwrap().count(), 1, "nothing is left behind");
    let (code, table, _) = checked(&["--tap", "taps"]);
    assert!(code == Some(0) && table.contains("/taps can be written into"), "{table}");
    for (words, wanted) in [
        (&["--tap", "missing/tap"][..], "missing/tap ! No such file"),
        (&["--tap", "file/tap"], "file/tap ! Not a directory"),
    ] {
        let (code, table, _) = checked(words);
        assert!(code == Some(8) && table.contains(wanted), "{wanted}\n{table}");
    }
    std::fs::remove_dir(path("srv/ann")).unwrap();
    let (code, table, _) = checked(&["--no-confinement"]);
    assert!(code == Some(8) && table.contains("/srv/ann ! No such file"), "{table}");
    // What is to be kept in reach must be there.
    let (code, table, said) = checked(&[]);
    let said = String::from_utf8_lossy(&said);
    assert!(code == Some(8) && table.is_empty() && said.contains("/srv/ann in reach"), "{said}");
}

#[test]
fn a_path_of_the_file_that_cannot_be_opened_is_told_with_its_place() {
    let here = tempfile::tempdir().unwrap();
    for (text, place) in [
        ("folder = \"missing\"\n", "serve.toml:1:10: cannot serve missing: No such file"),
        (
            "[[host]]\nname = \"h\"\nfolder = \"/no/host\"\n",
            "serve.toml:3:10: cannot serve /no/host",
        ),
        ("[anonymous]\nfolder = \"/no/drop\"\n", "serve.toml:2:10: cannot keep /no/drop in reach"),
        ("tap = \"no/tap\"\n", "serve.toml:1:7: cannot write no/tap"),
        ("users = \"no/users\"\n", "serve.toml:1:9: cannot open the user store"),
    ] {
        std::fs::write(here.path().join("serve.toml"), text).unwrap();
        let words = [&["serve", "--config", "serve.toml"][..], &FREE].concat();
        let ended = run(here.path(), &words);
        assert_eq!(ended.status.code(), Some(8), "{ended:?}");
        let told = String::from_utf8_lossy(&ended.stderr);
        assert!(told.contains(place) && told.contains(" | "), "{told}");
    }
    // Certificates that cannot be read are mistakes of the file.
    let pair = "[[tls.certificate]]\nchain = \"none.pem\"\nkey = \"none.key\"\n";
    std::fs::write(here.path().join("serve.toml"), pair).unwrap();
    let ended = run(here.path(), &[&["serve", "--config", "serve.toml"][..], &FREE].concat());
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(told.contains("serve.toml:2:9: ") && told.contains("none.pem"), "{told}");
    std::fs::write(here.path().join("serve.toml"), "tap = \"no/tap\"\n").unwrap();
    // What the command line names has no place in it.
    let ended =
        run(here.path(), &[&["serve", "missing", "--config", "serve.toml"][..], &FREE].concat());
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(
        told.contains("cannot serve missing: No such file") && !told.contains("toml"),
        "{told}"
    );
}

#[test]
fn a_check_of_a_file_with_a_mistake_tells_its_line_and_ends_with_2() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("bad.toml"), "[process]\nrun-as = \"no-such-user\"\n").unwrap();
    let ended = run(here.path(), &["serve", "--check", "--config", "bad.toml"]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(told.contains("bad.toml:2:10: there is no user `no-such-user`"), "{told}");
}

#[test]
fn s28_a_folder_that_shows_what_the_kernel_tells_of_itself_is_not_served_unless_the_file_says_so() {
    let here = tempfile::tempdir().unwrap();
    let ended = run(here.path(), &["serve", "/proc", "--check"]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(told.contains("/proc") && told.contains("pseudo-file-systems = true"), "{told}");
    std::fs::write(here.path().join("all.toml"), "pseudo-file-systems = true\n").unwrap();
    let ended = run(
        here.path(),
        &[&["serve", "/proc", "--check", "--config", "all.toml"][..], &FREE].concat(),
    );
    assert!(ended.status.success(), "{ended:?}");
}
