//! The tap as a file: what `wharf serve --tap` and `--trace=FILE.jsonl` write, and `wharf trace` draws.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use crate::serving::{Serving, run, wharf};

fn trace(arguments: &[&str], file: &Path) -> String {
    let output = wharf().arg("trace").args(arguments).arg(file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Fetches a file as `ann`, with these options.
fn fetch(here: &Path, serving: &Serving, options: &[&str]) {
    let url = format!("ftp://ann:hunter2@127.0.0.1:{}/f", serving.port);
    let output = run(here, &[&["get", "--restart", "-q", &url][..], options].concat());
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_tap_of_a_server_is_one_file_of_all_sessions_and_is_drawn_with_their_data() {
    let here = tempfile::tempdir().unwrap();
    let tap = here.path().join("tap.jsonl");
    for _ in 0..2 {
        let options = ["--user", "ann:hunter2", "--tap", tap.to_str().unwrap()];
        let serving = Serving::new(&options);
        std::fs::write(serving.path("f"), "a ship\n").unwrap();
        fetch(here.path(), &serving, &[]);
        fetch(here.path(), &serving, &[]);
        serving.end();
    }
    let written = std::fs::read_to_string(&tap).unwrap();
    assert!(written.starts_with("{\"tap\":1,\"began\":"), "{written}");
    assert_eq!(written.matches("\"began\"").count(), 2, "a first line a run");
    assert!(written.contains("PASS …") && !written.contains("hunter2"));
    assert_eq!(std::fs::metadata(&tap).unwrap().permissions().mode() & 0o777, 0o600);
    let list = trace(&["--list"], &tap);
    assert_eq!(list.lines().count(), 4, "{list}");
    assert_eq!(list.matches("1 transfer, 7 B").count(), 4, "{list}");
    let drawn = trace(&["--session", "2"], &tap);
    assert!(
        drawn.contains("RETR data 7 B FIN") && drawn.contains("~ not seen: inferred"),
        "{drawn}"
    );
    assert_eq!(drawn.matches("Session ").count(), 1, "one of one run: {drawn}");
    let again = trace(&["--session", "1000002"], &tap);
    assert!(again.starts_with("Session 1000002, ") && again.contains("RETR data 7 B"), "{again}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(&tap, folder.path().join("tap.jsonl")).unwrap();
    assert_eq!(trace(&["--list"], folder.path()), list, "in a folder they have the same numbers");
    for form in ["json", "svg", "html", "mermaid", "pcapng"] {
        let output = wharf().args(["trace", "--format", form]).arg(&tap).output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{form}");
    }
}

#[test]
fn a_line_that_a_killed_server_left_unfinished_costs_that_line_alone() {
    let here = tempfile::tempdir().unwrap();
    let tap = here.path().join("tap.jsonl");
    let session = "{\"at\":1,\"session\":\"01\",\"teller\":\"server\",\"what\":\"reply\",\"code\":220,\
                   \"lines\":[\"ready\"]}";
    std::fs::write(&tap, format!("{{\"tap\":1,\"began\":0}}\n{session}\n{{\"at\":2,\"sess"))
        .unwrap();
    let serving = Serving::new(&["--user", "ann:hunter2", "--tap", tap.to_str().unwrap()]);
    std::fs::write(serving.path("f"), "a ship\n").unwrap();
    fetch(here.path(), &serving, &[]);
    serving.end();
    let output = wharf().arg("trace").arg("--list").arg(&tap).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let list = String::from_utf8(output.stdout).unwrap();
    assert!(list.lines().count() == 2 && list.contains("1 transfer, 7 B"), "{list}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("1 line of ") && said.contains("tap.jsonl broke off"), "{said}");
}

#[test]
fn a_tap_that_was_moved_away_goes_on_in_another_file_of_that_name_at_hangup() {
    let here = tempfile::tempdir().unwrap();
    let [tap, old] = ["tap.jsonl", "tap.jsonl.1"].map(|name| here.path().join(name));
    let serving = Serving::new(&["--user", "ann:hunter2", "--tap", tap.to_str().unwrap()]);
    std::fs::write(serving.path("f"), "a ship\n").unwrap();
    fetch(here.path(), &serving, &[]);
    std::fs::rename(&tap, &old).unwrap();
    let pid = rustix::process::Pid::from_raw(serving.pid().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    let mut log = BufReader::new(File::from(serving.log().as_fd().try_clone_to_owned().unwrap()));
    let mut line = String::new();
    while !line.contains("the file of the tap was moved") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0 && !line.contains("ERROR"), "{line}");
    }
    fetch(here.path(), &serving, &[]);
    serving.tell_to_end();
    assert_eq!(serving.ends_unread(), Some(0));
    let [before, after] = [&old, &tap].map(|file| trace(&["--list"], file));
    assert!(before.contains("Session 1, ") && !before.contains("Session 2, "), "{before}");
    // The end of the first session may have come as late.
    assert!(after.contains("Session 2, ") && after.contains("1 transfer, 7 B"), "{after}");
}

#[test]
fn a_folder_has_a_file_a_session_by_the_name_that_the_log_gives_it_also_while_it_runs() {
    let (here, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let options = ["--user", "ann:hunter2", "--tap", folder.path().to_str().unwrap()];
    let serving = Serving::new(&options);
    std::fs::write(serving.path("f"), "a ship\n").unwrap();
    fetch(here.path(), &serving, &[]);
    let session = std::net::TcpStream::connect(("127.0.0.1", serving.port)).unwrap();
    let mut greeting = [0; 64];
    assert!(std::io::Read::read(&mut &session, &mut greeting).unwrap() > 0);
    let first = trace(&[], &folder.path().join("000001.jsonl"));
    assert!(first.contains("RETR data 7 B FIN") && first.contains("ended in order"), "{first}");
    let second = trace(&[], &folder.path().join("000002.jsonl"));
    assert!(second.contains("220 ") && second.contains("still open"), "{second}");
    let both = trace(&["--list"], folder.path());
    assert_eq!(both.lines().count(), 2, "{both}");
    drop(session);
    let (_, log) = serving.end();
    let whole = trace(&[], folder.path());
    assert!(whole.contains("Session 1, ") && whole.contains("Session 2, "), "{whole}");
    assert!(log.contains("session=000001") && log.contains("session=000002"), "{log}");
    assert!(!folder.path().join(".wharf-tap").exists());
}

#[test]
fn a_client_writes_its_own_session_down_and_it_is_drawn_as_at_once() {
    let here = tempfile::tempdir().unwrap();
    let serving = Serving::new(&["--user", "ann:hunter2"]);
    std::fs::write(serving.path("f"), "a ship\n").unwrap();
    fetch(here.path(), &serving, &["--trace=session.jsonl"]);
    let session = here.path().join("session.jsonl");
    assert_eq!(std::fs::metadata(&session).unwrap().permissions().mode() & 0o777, 0o600);
    let drawn = trace(&["--no-times"], &session);
    assert!(drawn.contains("PASS …") && drawn.contains("RETR data 7 B FIN"), "{drawn}");
    assert!(!drawn.contains("hunter2"));
}

#[test]
fn a_tap_that_is_not_understood_is_drawn_up_to_that_line_which_is_told() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("tap.jsonl");
    let text = "{\"tap\":1,\"began\":0}\n\
        {\"at\":1,\"session\":\"01\",\"teller\":\"server\",\"what\":\"reply\",\"code\":220,\"lines\":[\"ready\"]}\n\
        {\"at\":2,\"session\":\"01\",\"teller\":\"server\",\"what\":\"sung\"}\n";
    std::fs::write(&file, text).unwrap();
    let output = wharf().arg("trace").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("220 ready"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("tap.jsonl: line 3: the event \"sung\" is not known"), "{said}");
}

#[test]
fn a_tap_that_cannot_be_written_stops_the_start() {
    let here = tempfile::tempdir().unwrap();
    for place in ["no/such/file", "no-folder/"] {
        let refused = run(here.path(), &["serve", "--tap", place]);
        assert_eq!(refused.status.code(), Some(8), "{refused:?}");
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(said.contains(&format!("cannot write {place}: No such file")), "{said}");
    }
    assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 0);
}

/// Two servers that each see a stranger in the other, and what their user copies between them.
fn copied(here: &Path, options: [&[&str]; 2], copy: &[&str]) {
    let fxp = options.map(|more| [&["--quiet", "--user", "bob:pw", "--allow-fxp"], more].concat());
    let servers = [Serving::new(&fxp[0]), Serving::at("127.0.0.2", &fxp[1])];
    std::fs::write(servers[0].path("x"), b"0123456789").unwrap();
    let url = |of: usize, path| servers[of].url(path).replace("://", "://bob:pw@");
    let output = run(here, &[&["copy"], copy, &[&url(0, "x"), &url(1, "y")]].concat());
    assert!(output.status.success(), "{output:?}");
    servers.into_iter().for_each(|serving| drop(serving.end()));
}

#[test]
fn the_tap_of_a_copy_between_two_servers_is_one_picture_of_both_sessions() {
    let here = tempfile::tempdir().unwrap();
    copied(here.path(), [&[], &[]], &["--trace=copy.jsonl"]);
    let file = here.path().join("copy.jsonl");
    let drawn = trace(&[], &file);
    assert!(drawn.contains("server A") && drawn.contains("third party"), "{drawn}");
    assert!(drawn.contains("passive: it listens"), "{drawn}");
    let list = trace(&["--list"], &file);
    assert!(list.contains("Session 1, ") && list.contains("Session 1000001, "), "{list}");
    // The same out of a pipe, and packed.
    let bytes = std::fs::read(&file).unwrap();
    for bytes in [zstd::encode_all(bytes.as_slice(), 1).unwrap(), bytes] {
        let mut child = wharf()
            .args(["trace", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), drawn);
    }
}

#[test]
fn what_two_servers_have_told_of_a_copy_is_one_picture_with_its_data_connection() {
    let here = tempfile::tempdir().unwrap();
    let taps = here.path().join("taps");
    std::fs::create_dir(&taps).unwrap();
    let [a, b] = ["a.jsonl", "b.jsonl"].map(|name| taps.join(name).to_str().unwrap().to_owned());
    copied(here.path(), [&["--tap", &a], &["--tap", &b]], &[]);
    let drawn = trace(&[], &taps);
    assert!(drawn.contains("server A") && drawn.contains("data 10 B FIN"), "{drawn}");
    assert_eq!(drawn.matches("data 10 B").count(), 1, "{drawn}");
    assert!(drawn.contains("Session 1000001: "), "{drawn}");
}
