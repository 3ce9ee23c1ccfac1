//! `wharf trace --tui` on a pseudo-terminal: what is shown, and that the terminal is given back as it was.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::serving::wharf;
use crate::trace::capture;

/// How long a screen is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

struct Screen {
    child: Child,
    keys: File,
    shown: Receiver<Vec<u8>>,
    grid: Grid,
    before: Termios,
}

/// As much of a terminal as is needed: where the cursor goes, what is written, and which of the two screens it is.
#[derive(Default)]
struct Grid {
    lines: Vec<Vec<char>>,
    at: (usize, usize),
    is_other: bool,
    /// It was asked where the cursor is.
    asked: bool,
    /// What has not been understood yet, since its end has not come.
    rest: Vec<u8>,
}

impl Grid {
    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend(bytes);
        let text = match std::str::from_utf8(&self.rest) {
            Ok(text) => text.to_owned(),
            Err(error) => String::from_utf8_lossy(&self.rest[..error.valid_up_to()]).into_owned(),
        };
        let mut left = text.as_str();
        while let Some(c) = left.chars().next() {
            let behind = &left[c.len_utf8()..];
            left = match behind.strip_prefix('[').filter(|_| c == '\u{1b}') {
                None if c == '\u{1b}' && behind.is_empty() => break,
                None => {
                    self.put(c);
                    behind
                }
                Some(sequence) => {
                    let Some(end) = sequence.find(|c: char| c.is_ascii_alphabetic()) else { break };
                    self.obey(&sequence[..end], &sequence[end..=end]);
                    &sequence[end + 1..]
                }
            };
        }
        let done = text.len() - left.len();
        self.rest.drain(..done);
    }

    fn obey(&mut self, words: &str, what: &str) {
        match (words, what) {
            ("?1049", "h") => (self.is_other, self.lines) = (true, Vec::new()),
            ("?1049", "l") => self.is_other = false,
            ("6", "n") => self.asked = true,
            (_, "J") => self.lines = Vec::new(),
            (place, "H") => {
                let mut numbers = place.split(';').map(|number| number.parse().unwrap_or(1));
                let (y, x) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(1));
                self.at = (y - 1, x - 1);
            }
            _ => {}
        }
    }

    fn put(&mut self, c: char) {
        let (y, x) = self.at;
        if self.lines.len() <= y {
            self.lines.resize(y + 1, Vec::new());
        }
        if self.lines[y].len() <= x {
            self.lines[y].resize(x + 1, ' ');
        }
        self.lines[y][x] = c;
        self.at.1 += 1;
    }

    fn text(&self) -> String {
        let lines = self.lines.iter().map(|line| line.iter().collect::<String>());
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Screen {
    fn open(arguments: &[&str]) -> Self {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let name = ptsname(&keys, Vec::new()).unwrap().into_string().unwrap();
        let side = || File::options().read(true).write(true).open(&name).unwrap();
        let keys = File::from(keys);
        resize(&keys, 100, 30);
        let before = tcgetattr(&keys).unwrap();
        let child = wharf()
            .args(["trace", "--tui"])
            .args(arguments)
            .env("TERM", "xterm-256color")
            .stdin(side())
            .stdout(side())
            .stderr(side())
            // Ctrl-Z stops the whole group, which must not be that of the tests.
            .process_group(0)
            .spawn()
            .unwrap();
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
        Self { child, keys, shown, grid: Grid::default(), before }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Awaits that this is on the screen.
    #[track_caller]
    fn shows(&mut self, text: &str) {
        self.awaits(text, |grid| grid.is_other && grid.text().contains(text));
    }

    /// Awaits that the program has left the screen.
    #[track_caller]
    fn leaves(&mut self) {
        self.awaits("the screen is left", |grid| !grid.is_other);
    }

    #[track_caller]
    fn awaits(&mut self, what: &str, is_it: impl Fn(&Grid) -> bool) {
        while !is_it(&self.grid) {
            let more = self.shown.recv_timeout(PATIENCE);
            let more = more.unwrap_or_else(|_| panic!("{what:?} is not in\n{}", self.grid.text()));
            self.grid.take(&more);
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Awaits the end, with this code, and the terminal as it was.
    #[track_caller]
    fn ends(mut self, code: i32) {
        self.leaves();
        assert_eq!(self.child.wait().unwrap().code(), Some(code), "{}", self.grid.text());
        let after = tcgetattr(&self.keys).unwrap();
        assert_eq!(after.local_modes, self.before.local_modes);
        assert_eq!(after.input_modes, self.before.input_modes);
        assert_eq!(after.output_modes, self.before.output_modes);
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.keys).unwrap().local_modes.contains(LocalModes::ECHO)
    }
}

fn resize(keys: &File, columns: u16, rows: u16) {
    let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(keys, size).unwrap();
}

#[test]
fn a_session_is_opened_resized_and_left_and_the_terminal_is_as_it_was() {
    let capture = capture("reference.cap");
    let mut screen = Screen::open(&[capture.to_str().unwrap()]);
    screen.shows("1 session");
    screen.shows("Enter open");
    assert!(screen.is_raw());
    screen.press("\r");
    screen.shows("220 Wharf ready");
    screen.shows("n finding");
    resize(&screen.keys, 60, 20);
    kill_process(screen.pid(), Signal::WINCH).unwrap();
    screen.awaits("the smaller ladder", |grid| {
        let lines = &grid.lines;
        lines.len() <= 20
            && grid.text().contains("220 Wharf ready")
            && lines.iter().all(|line| line.len() <= 60)
    });
    screen.press("q");
    screen.shows("Enter open");
    screen.press("q");
    screen.ends(0);
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_the_shell_brings_the_screen_again() {
    let capture = capture("reference.cap");
    let mut screen = Screen::open(&[capture.to_str().unwrap()]);
    screen.shows("Enter open");
    screen.press("\u{1a}");
    screen.leaves();
    let (_, status) = waitpid(Some(screen.pid()), WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped(), "{status:?}");
    assert!(!screen.is_raw());
    kill_process(screen.pid(), Signal::CONT).unwrap();
    screen.shows("Enter open");
    screen.press("\u{3}");
    screen.ends(130);
}

#[test]
fn a_signal_from_elsewhere_ends_it_in_order() {
    let capture = capture("reference.cap");
    let mut screen = Screen::open(&["--follow", capture.to_str().unwrap()]);
    screen.shows("following");
    screen.shows("Enter open");
    kill_process(screen.pid(), Signal::TERM).unwrap();
    screen.ends(143);
}

#[test]
fn a_screen_whose_terminal_goes_away_ends() {
    let capture = capture("reference.cap");
    let mut screen = Screen::open(&[capture.to_str().unwrap()]);
    screen.shows("Enter open");
    let Screen { mut child, mut keys, shown, .. } = screen;
    // Whoever reads what is shown has gone when the next of it comes, and then nobody is left.
    drop(shown);
    keys.write_all(b"?").unwrap();
    drop(keys);
    assert_eq!(child.wait().unwrap().code(), Some(129));
}

#[test]
fn a_file_that_grows_is_followed() {
    let whole = std::fs::read(capture("reference.cap")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growing.cap");
    let mut file = File::create(&path).unwrap();
    let (first, rest) = whole.split_at(whole.len() / 2);
    file.write_all(first).unwrap();
    let mut screen = Screen::open(&["--follow", path.to_str().unwrap()]);
    screen.shows("still open");
    file.write_all(rest).unwrap();
    screen.shows("ended in order");
    screen.press("q");
    screen.ends(0);
}

#[test]
fn the_taps_of_a_server_are_followed_a_file_and_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let tap = |name: &str| folder.path().join(name);
    let line = |session: u8, at: u32, rest: &str| {
        format!("{{\"session\":\"{session:06x}\",\"at\":{at},\"teller\":\"server\",{rest}}}\n")
    };
    let opened = |session, at| {
        let ends = "\"client\":\"192.0.2.10:1180\",\"server\":\"203.0.113.5:21\"";
        line(session, at, &format!("\"what\":\"control-opened\",{ends}"))
    };
    let closed = "\"what\":\"control-closed\",\"by\":\"client\",\"how\":\"fin\"";
    let head = "{\"tap\":1,\"began\":1795399200.25}\n";
    std::fs::write(tap("000001.jsonl"), format!("{head}{}", opened(1, 5))).unwrap();
    let first = tap("000001.jsonl");
    let mut screens = [first.as_path(), folder.path()]
        .map(|path| Screen::open(&["--follow", path.to_str().unwrap()]));
    screens.iter_mut().for_each(|screen| screen.shows("still open"));
    std::fs::write(tap("000002.jsonl"), format!("{head}{}", opened(2, 9))).unwrap();
    screens[1].shows("2 sessions");
    let mut file = File::options().append(true).open(&first).unwrap();
    let end = line(1, 2000, closed);
    // In two pieces, as a reader may find it.
    file.write_all(&end.as_bytes()[..20]).unwrap();
    screens[0].shows("still open");
    file.write_all(&end.as_bytes()[20..]).unwrap();
    screens[0].shows("closed without 221");
    for mut screen in screens {
        screen.press("q");
        screen.ends(0);
    }
}

#[test]
fn the_sessions_of_a_log_are_looked_through_and_followed() {
    let log = crate::logs::log("vsftpd.log");
    let mut screen = Screen::open(&[log.to_str().unwrap()]);
    screen.shows("2 sessions");
    screen.press("\r");
    screen.shows("USER anonymous");
    screen.press("qq");
    screen.ends(0);
    let whole = std::fs::read(crate::logs::log("vsftpd-syslog.log")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growing.log");
    let mut file = File::create(&path).unwrap();
    let (first, rest) = whole.split_at(whole.len() * 2 / 3);
    file.write_all(first).unwrap();
    let mut screen = Screen::open(&["--follow", "--log", "vsftpd", path.to_str().unwrap()]);
    screen.shows("still open");
    file.write_all(rest).unwrap();
    screen.shows("ended in order");
    screen.press("q");
    screen.ends(0);
}

#[test]
fn a_terminal_is_asked_how_wide_it_draws_lines_and_believed() {
    let capture = capture("reference.cap");
    let mut screen = Screen::open(&["--ambiguous", "auto", capture.to_str().unwrap()]);
    screen.awaits("the question", |grid| grid.asked);
    screen.press("\u{1b}[1;3R");
    screen.shows("1 session");
    screen.press("\r");
    // The arrowheads that are narrow everywhere.
    screen.shows("►");
    screen.press("qq");
    screen.ends(0);
}

#[test]
fn without_a_terminal_it_says_what_it_wants() {
    let output = wharf().args(["trace", "--tui"]).arg(capture("reference.cap")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("needs a terminal"));
}
