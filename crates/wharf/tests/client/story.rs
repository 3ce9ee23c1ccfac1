//! A story: the binary is started, something is typed, and the end is looked at.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// A run of the binary that has not begun.
pub(crate) struct Story {
    command: Command,
    input: Vec<u8>,
}

/// `wharf` with these arguments, in an environment without surprises.
pub(crate) fn wharf(arguments: &[&str]) -> Story {
    begun_by(&[], arguments)
}

/// The same, begun by a program that becomes it.
pub(crate) fn begun_by(starter: &[&str], arguments: &[&str]) -> Story {
    let line = [starter, &[env!("CARGO_BIN_EXE_wharf")], arguments].concat();
    let mut command = Command::new(line[0]);
    command
        .args(&line[1..])
        .env_clear()
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Story { command, input: Vec::new() }
}

impl Story {
    /// Runs in this folder.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Has this in its environment.
    pub(crate) fn knowing(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Gets these lines on standard input.
    pub(crate) fn typing(mut self, lines: &[&str]) -> Self {
        self.input = lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
        self
    }

    /// Gets these bytes there.
    pub(crate) fn reading(mut self, bytes: &[u8]) -> Self {
        self.input = bytes.to_vec();
        self
    }

    /// Starts and does not wait.
    pub(crate) fn begin(mut self) -> Child {
        let mut child = self.command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A binary that does not read is the test's business, not the pipe's.
        let _ = stdin.write_all(&self.input);
        child
    }

    /// Runs to its end, which must have this exit code.
    pub(crate) fn ends_with(self, code: i32) -> Ending {
        Ending::of(self.begin(), code)
    }

    /// The same within this time; one that takes longer is ended.
    pub(crate) fn ends_within(self, limit: Duration, code: i32) -> Ending {
        let child = self.begin();
        let id = child.id().to_string();
        let (ended, end) = mpsc::channel::<()>();
        let guard = thread::spawn(move || {
            if end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                drop(Command::new("kill").args(["-9", &id]).status());
            }
        });
        let ending = Ending::in_case(child, code, format_args!("within {limit:?}"));
        drop(ended);
        guard.join().unwrap();
        ending
    }

    /// The same in one of many cases, which is named where it ends otherwise.
    pub(crate) fn ends_with_for(self, code: i32, case: impl std::fmt::Debug) -> Ending {
        Ending::in_case(self.begin(), code, case)
    }
}

/// What a run left.
pub(crate) struct Ending {
    pub(crate) out: Vec<u8>,
    err: String,
}

impl Ending {
    /// Awaits the end of a run.
    pub(crate) fn of(child: Child, code: i32) -> Self {
        Self::in_case(child, code, "alone")
    }

    /// The same in one of many cases, which is named where it ends otherwise.
    fn in_case(child: Child, code: i32, case: impl std::fmt::Debug) -> Self {
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let err = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(code), "{case:?}: {err}");
        Self { out: stdout, err }
    }

    /// All that it said on standard error.
    pub(crate) fn said(&self) -> &str {
        &self.err
    }

    /// It printed just this on standard output.
    pub(crate) fn printing(self, expected: &str) -> Self {
        assert_eq!(String::from_utf8_lossy(&self.out), expected, "{}", self.err);
        self
    }

    /// It said this, among other things, on standard error.
    pub(crate) fn saying(self, expected: &str) -> Self {
        assert!(self.err.contains(expected), "{expected:?} is not in {:?}", self.err);
        self
    }

    /// It said nothing like this.
    pub(crate) fn not_saying(self, unexpected: &str) -> Self {
        assert!(!self.err.contains(unexpected), "{unexpected:?} is in {:?}", self.err);
        self
    }
}

/// Sends this signal, such as `-INT`.
pub(crate) fn signal(name: &str, child: &Child) {
    let signalled = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
}
