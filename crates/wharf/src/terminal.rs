//! What people see and type: messages on standard error, listings on standard output, and questions.
//!
//! Whatever comes from a server has been escaped when it gets here (`Text` does that); nothing here
//! interprets bytes.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};

/// Writes a line for people. If nobody can read it, nobody can be told that either.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Whether both ends of a dialogue are a terminal.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// How many columns standard error has, if it is a terminal.
pub(crate) fn columns() -> Option<usize> {
    let size = tcgetwinsize(io::stderr()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Asks for a password at the terminal, without showing it. `None` when there is no terminal, or when
/// the question is cancelled with Ctrl-C or Ctrl-D.
pub(crate) fn ask_password(question: &str) -> io::Result<Option<Vec<u8>>> {
    let Ok(terminal) = File::options().read(true).write(true).open("/dev/tty") else {
        return Ok(None);
    };
    let silent = Silence::begin(&terminal)?;
    (&terminal).write_all(question.as_bytes())?;
    // A terminal gives a line at a time.
    let mut line = [0; LONGEST_LINE];
    let count = (&terminal).read(&mut line)?;
    (&terminal).write_all(b"\n")?;
    drop(silent);
    Ok(line[..count].strip_suffix(b"\n").map(<[u8]>::to_vec))
}

const CTRL_C: u8 = 3;
/// The longest line that a terminal gives.
const LONGEST_LINE: usize = 4096;

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Silence<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Silence<'a> {
    fn begin(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        // Ctrl-C must not end the program while the terminal is silent: it ends the line instead.
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that has gone away.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}
