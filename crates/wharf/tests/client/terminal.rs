//! The shell at a terminal: what is typed goes through a pseudo-terminal, and what is shown is read from it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use wharf_testkit::faulty::{Fault, Faulty};
use wharf_testkit::scripted::PATIENCE;

const FILES: &[(&str, &[u8])] = &[("a.txt", b"one"), ("b.txt", b"two")];

/// A shell at a terminal.
struct Terminal {
    child: Child,
    keys: File,
    shown: Receiver<Vec<u8>>,
    /// What was shown and not yet looked for.
    seen: String,
}

impl Terminal {
    /// `wharf shell` at its prompt, logged in to this server.
    fn open(folder: &Path, server: &Faulty) -> Self {
        Self::begin(folder, &[&server.url("")], "xterm")
    }

    /// `wharf shell` at its first prompt, with these arguments at a terminal of this type.
    fn begin(folder: &Path, arguments: &[&str], kind: &str) -> Self {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let name = ptsname(&keys, Vec::new()).unwrap().into_string().unwrap();
        let side = || File::options().read(true).write(true).open(&name).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_wharf"))
            .arg("shell")
            .args(arguments)
            .env_clear()
            .envs([("LANG", "C.UTF-8"), ("TERM", kind)])
            .current_dir(folder)
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .unwrap();
        let keys = File::from(keys);
        let (sender, shown) = channel();
        let mut screen = keys.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let mut shell = Self { child, keys, shown, seen: String::new() };
        shell.shows("127.0.0.1:/> ");
        shell
    }

    /// Types a line.
    fn types(&mut self, line: &str) {
        self.keys.write_all(format!("{line}\r").as_bytes()).unwrap();
    }

    /// Awaits that this is shown, behind what was awaited before; gives what was shown before it.
    fn shows(&mut self, text: &str) -> String {
        loop {
            if let Some((before, rest)) = self.seen.split_once(text) {
                let before = before.to_owned();
                self.seen = rest.to_owned();
                return before;
            }
            let more = self.shown.recv_timeout(PATIENCE);
            let more = more.unwrap_or_else(|_| panic!("{text:?} is not in {:?}", self.seen));
            self.seen += &String::from_utf8_lossy(&more);
        }
    }

    fn interrupts(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    fn ends(mut self) {
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{}", self.seen);
    }
}

#[test]
fn the_end_of_a_job_is_told_above_the_line_that_is_being_typed() {
    let server = Faulty::new(FILES, &[Fault::Delay("RETR", Duration::from_millis(400))]);
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Terminal::open(folder.path(), &server);
    shell.types("get a.txt &");
    shell.shows("[1] get a.txt\r\n");
    shell.shows("127.0.0.1:/> ");
    // Half a line stands there when the job ends, and is whole again below.
    shell.keys.write_all(b"size b.t").unwrap();
    shell.shows("size b.t");
    shell.shows("[1] get a.txt: 3 bytes in ");
    shell.shows("size b.t");
    shell.types("xt");
    shell.shows("3\r\n");
    shell.shows("127.0.0.1:/> ");
    shell.types("jobs");
    shell.shows("[1] done     get a.txt\r\n");
    shell.types("quit");
    shell.ends();
    assert_eq!(fs::read(folder.path().join("a.txt")).unwrap(), b"one");
}

#[test]
fn who_leaves_while_jobs_run_is_asked() {
    let server = Faulty::new(FILES, &[Fault::NoData("150 soon")]);
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Terminal::open(folder.path(), &server);
    shell.types("get a.txt &");
    // Before that it waits for a session of its own.
    shell.shows("get a.txt: 0%");
    shell.types("quit");
    shell.shows("1 job running: wait, stop or stay? [w/s/N] ");
    shell.types("n");
    shell.shows("127.0.0.1:/> ");
    shell.types("jobs");
    shell.shows("[1] running  get a.txt");
    shell.shows("127.0.0.1:/> ");
    shell.types("quit");
    shell.shows("[w/s/N] ");
    shell.types("s");
    shell.shows("[1] get a.txt: stopped");
    shell.ends();
}

#[test]
fn ctrl_c_ends_the_waiting_and_not_the_job_and_a_job_in_the_foreground() {
    let server = Faulty::new(FILES, &[Fault::NoData("150 soon")]);
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Terminal::open(folder.path(), &server);
    shell.types("get a.txt &");
    shell.shows("127.0.0.1:/> ");
    shell.types("fg");
    // It is shown how far it is.
    shell.shows("get a.txt: 0%");
    shell.interrupts();
    shell.shows("[1] get a.txt: stopped");
    shell.shows("interrupted");
    shell.shows("127.0.0.1:/> ");
    shell.types("get b.txt &");
    shell.shows("127.0.0.1:/> ");
    shell.types("wait");
    shell.shows("wait");
    // The signal means the shell only when it waits for it; until then it is sent again.
    while shell.child.try_wait().unwrap().is_none() && !shell.seen.contains("interrupted") {
        std::thread::yield_now();
        shell.interrupts();
        if let Ok(more) = shell.shown.recv_timeout(Duration::from_millis(20)) {
            shell.seen += &String::from_utf8_lossy(&more);
        }
    }
    shell.shows("127.0.0.1:/> ");
    shell.types("kill all");
    shell.shows("[2] get b.txt: stopped");
    shell.types("quit");
    shell.ends();
}

#[test]
fn how_far_jobs_are_stands_below_the_line_that_is_typed_and_goes_when_it_is_entered() {
    let bytes: &[u8] = &[7; 3_000_000];
    let server = Faulty::new(&[("big", bytes), ("b.txt", b"two")], &[]);
    let folder = tempfile::tempdir().unwrap();
    let url = server.url("");
    let mut shell = Terminal::begin(folder.path(), &["--limit-rate", "1M", &url], "xterm");
    shell.types("get big &");
    shell.shows("[1] get big\r\n");
    shell.shows("127.0.0.1:/> ");
    shell.shows("\r\n[1] get big: ");
    shell.shows("% of 2.86 MiB at ");
    // It moves on by itself, and what is being typed stays above it.
    shell.keys.write_all(b"size b.t").unwrap();
    shell.shows("size b.t");
    shell.shows("127.0.0.1:/> size b.t\r\n[1] get big: ");
    shell.shows("127.0.0.1:/> size b.t\r\n[1] get big: ");
    shell.shows(" s left");
    shell.types("xt");
    // Entered, it stands alone.
    shell.shows("127.0.0.1:/> size b.txt\r");
    shell.shows("3\r\n");
    shell.types("get b.txt &");
    shell.shows("[2] get b.txt: 3 bytes");
    shell.types("kill all");
    shell.shows("[1] get big: stopped");
    shell.types("quit");
    shell.ends();
}

#[test]
fn on_a_terminal_that_takes_nothing_back_nothing_is_drawn() {
    let server = Faulty::new(FILES, &[Fault::Delay("RETR", Duration::from_millis(700))]);
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Terminal::begin(folder.path(), &[&server.url("")], "dumb");
    shell.types("get a.txt &");
    shell.shows("127.0.0.1:/ (1 job)> ");
    let shown = shell.shows("[1] get a.txt: 3 bytes in ");
    assert!(!shown.contains('\u{1b}') && !shown.contains('%'), "{shown:?}");
    shell.types("get b.txt");
    let shown = shell.shows("b.txt: 3 bytes");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    shell.types("quit");
    shell.ends();
}

#[test]
fn how_far_the_removal_of_a_tree_is_stands_below_until_it_is_over() {
    let server = Faulty::new(FILES, &[Fault::Delay("DELE", Duration::from_millis(100))]);
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Terminal::open(folder.path(), &server);
    shell.types("rm -r /");
    shell.shows("1 removed");
    // The server keeps its root, and that is told in a line of its own.
    shell.shows("550 no such file");
    shell.shows("127.0.0.1:/> ");
    shell.types("quit");
    shell.ends();
    assert_eq!(server.file("b.txt"), None);
}
