//! What people see and type: messages on standard error, listings on standard output, and questions.
//!
//! Whatever comes from a server has been escaped when it gets here (`Text` does that); nothing here
//! interprets bytes.

use std::env;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal, Read, Write};
use std::sync::OnceLock;

use anyhow::Context;
use wharf_ladder::{Ambiguous, Lang};

use crate::exit::Usage;

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};

/// What kept data from standard output, if anything did.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Writes a line of data on standard output. What cannot be written is remembered; whoever has heard enough, such as
/// `head`, need not be told that.
pub(crate) fn give_out(line: impl Display) {
    if let Err(error) = writeln!(io::stdout().lock(), "{line}")
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let _ = LOST.set(error);
    }
}

/// Why some of it is not there, if it is not.
pub(crate) fn lost() -> Option<io::Error> {
    LOST.get().map(|error| io::Error::new(error.kind(), error.to_string()))
}

/// A word as it can be pasted into a shell.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Writes a line for people. If nobody can read it, nobody can be told that either.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Whether both ends of a dialogue are a terminal.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Whether standard error is a terminal that can take back what was written: where a bar or a status may be drawn.
pub(crate) fn draws() -> bool {
    io::stderr().is_terminal() && !is_dumb()
}

/// Whether the terminal can do nothing but write on.
pub(crate) fn is_dumb() -> bool {
    // The line editor edits no lines on these either.
    env::var_os("TERM")
        .is_some_and(|term| ["dumb", "cons25", "emacs"].iter().any(|dumb| term == *dumb))
}

/// How many columns standard error has, if it is a terminal.
pub(crate) fn columns() -> Option<usize> {
    let size = tcgetwinsize(io::stderr()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// How many columns standard output has, if it is a terminal.
pub(crate) fn output_columns() -> Option<usize> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Whether standard output is a terminal that may be given colours.
pub(crate) fn output_has_colour() -> bool {
    io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none()
}

/// The language of the environment, as far as we speak it.
pub(crate) fn language() -> Lang {
    if locale().starts_with("ja") { Lang::Ja } else { Lang::En }
}

/// Whether the environment says that the terminal shows UTF-8.
pub(crate) fn speaks_utf8() -> bool {
    locale().to_ascii_lowercase().replace('-', "").contains("utf8")
}

fn locale() -> String {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| env::var(name).ok());
    set.into_iter().find(|value| !value.is_empty()).unwrap_or_default()
}

/// The next line of standard input without its end; none behind the last one.
///
/// # Errors
/// Those of standard input. [`Usage`] for a line of more than `most` bytes, which is passed over.
pub(crate) fn read_line(most: u64) -> anyhow::Result<Option<Vec<u8>>> {
    let mut stdin = io::stdin().lock();
    let mut line = Vec::new();
    let read = (&mut stdin).take(most + 1).read_until(b'\n', &mut line);
    if read.context("standard input")? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 > most {
        stdin.skip_until(b'\n').context("standard input")?;
        let why = format!("a line of standard input has more than {most} bytes");
        return Err(Usage(why).into());
    }
    Ok(Some(line))
}

/// Asks the terminal how wide it draws characters of ambiguous width: it writes one, asks where the cursor is, and wipes it
/// away. None where there is no terminal, or it does not answer.
pub(crate) fn ambiguous() -> Option<Ambiguous> {
    let terminal = match io::stdin().is_terminal() && io::stdout().is_terminal() {
        true => rustix::io::dup(io::stdin()).ok()?.into(),
        false if io::stdout().is_terminal() => {
            File::options().read(true).write(true).open("/dev/tty").ok()?
        }
        false => return None,
    };
    let before = tcgetattr(&terminal).ok()?;
    let mut asking = before.clone();
    asking.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
    // A read ends with what has come, or after so many tenths of a second.
    asking.special_codes[SpecialCodeIndex::VMIN] = 0;
    asking.special_codes[SpecialCodeIndex::VTIME] = 5;
    tcsetattr(&terminal, OptionalActions::Now, &asking).ok()?;
    let _silence = Silence { terminal: &terminal, before };
    let mut out = io::stdout().lock();
    out.write_all("\r─\u{1b}[6n".as_bytes()).and_then(|()| out.flush()).ok()?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while answer.len() < 32 && !answer.ends_with(b"R") {
        match (&terminal).read(&mut byte) {
            Ok(1..) => answer.extend(byte),
            Ok(0) | Err(_) => break,
        }
    }
    let wiped = out.write_all(b"\r\x1b[K").and_then(|()| out.flush());
    wiped.ok().and_then(|()| width_told(&answer))
}

/// The width of a character behind which the cursor is here: `ESC [ line ; column R`.
fn width_told(answer: &[u8]) -> Option<Ambiguous> {
    let place = answer.rsplit(|byte| *byte == b'[').next()?.strip_suffix(b"R")?;
    let column = place.rsplit(|byte| *byte == b';').next()?;
    match column {
        b"2" => Some(Ambiguous::One),
        b"3" => Some(Ambiguous::Two),
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_cursor_is_tells_how_wide_the_character_before_it_was() {
        assert_eq!(width_told(b"\x1b[12;2R"), Some(Ambiguous::One));
        assert_eq!(width_told(b"typed ahead\x1b[1;3R"), Some(Ambiguous::Two));
        for other in [&b""[..], b"\x1b[1;80R", b"\x1b[1;2", b"xR"] {
            assert_eq!(width_told(other), None);
        }
    }
}
