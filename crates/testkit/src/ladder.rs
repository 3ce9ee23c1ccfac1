//! `.ladder` files: a session of the server machine, written down so that people read it as
//! documentation and a program plays it as a test.
//!
//! ```text
//! # A file is fetched
//!
//! One sentence or more of what the session shows.
//!
//! Given: logged in.
//!
//! client                                | server
//! > RETR notes.txt                      | [retrieve /notes.txt, dial 192.0.2.7:40000, TYPE A]
//! < [prepared, open]                    | 125 Data connection open; starting, TYPE A.
//! < [complete, 96 bytes]                | 226 Done, 96 bytes; data connection closed.
//! ```
//!
//! The left column is what happens to the server, a step a row:
//!
//! | row | step |
//! | --- | --- |
//! | `> TEXT` | a segment comes from the client: the text and CR LF; without CR LF when it ends with `\` |
//! | `& TEXT` | more text in the same segment as the row above |
//! | `< [OUTCOME]` | the effect that was asked for last has come to this outcome (see `words.rs`) |
//! | `~ 61 s` | time goes by (`ms`, `s` or `min`); the deadlines on the way come in their order |
//! | `= input ends` | the client sends no more |
//! | `= server shuts down` | |
//! | `= 4096 bytes moved` | what the running transfer has moved so far |
//!
//! Bytes that are not printable ASCII are escaped: `\r`, `\n`, `\0`, `\\`, `\xNN`, and `\{a*5000}` for
//! what stands there many times. The right column is what the server answers: replies as they are sent,
//! effects in brackets, and in parentheses what happens to the connection. Empty rows and rows that
//! begin with `#` are for the reader.
//!
//! `Given:` says what is the case before the first row: `logged in`, `logged in as anonymous`,
//! `over IPv6`, and any of `line_cap`, `waiting_cap`, `commands_before_login`, `wrong_passwords` with its
//! number, and `complete_with_250`, `tls` and `tls with ccc`.
//!
//! The right column is never read. A file is played, written down anew, and compared as a whole; with
//! `UPDATE_LADDERS=1` in the environment it is written back instead, for `git diff` to show.

mod file;
mod play;
mod words;

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Plays a ladder, and gives it as it ought to be written.
///
/// # Errors
/// A sentence for whoever wrote the file, with the number of the line.
pub fn replay(text: &str) -> Result<String, String> {
    let ladder = file::Ladder::parse(text)?;
    play::play(&ladder)
}

/// The ladders of a folder, by name.
///
/// # Errors
/// Where the folder cannot be read.
pub fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "ladder"))
        .collect();
    paths.sort();
    Ok(paths)
}

/// Plays the ladder in a file. Where it comes out otherwise than it is written, the file is rewritten if
/// `UPDATE_LADDERS` is set.
///
/// # Errors
/// Where the file cannot be read or played, or comes out otherwise: with the first row that differs.
pub fn check(path: &Path) -> Result<(), String> {
    let name = path.file_name().unwrap_or_default().display();
    let written = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let played = replay(&written).map_err(|error| format!("{name}: {error}"))?;
    if played == written {
        return Ok(());
    }
    if env::var_os("UPDATE_LADDERS").is_some() {
        return fs::write(path, played).map_err(|error| format!("{name}: {error}"));
    }
    Err(format!("{name}: {}", difference(&written, &played)))
}

/// The first line in which two texts differ.
fn difference(written: &str, played: &str) -> String {
    let mut lines = written.lines();
    let mut others = played.lines();
    for number in 1.. {
        let (line, other) = (lines.next(), others.next());
        if line != other {
            let shown = |line: Option<&str>| line.unwrap_or("(the end)").to_owned();
            return format!("line {number}\n  file: {}\n  play: {}", shown(line), shown(other));
        }
        if line.is_none() {
            break;
        }
    }
    "white space at the end".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LADDER: &str = "\
# NOOP

It does nothing.

Given: logged in.

client                                | server
> NOOP                                | 200 Still here.

# The connection is half closed.
= input ends                          | (closed)
";

    #[test]
    fn a_ladder_that_holds_comes_back_as_it_is_written() {
        assert_eq!(replay(LADDER).unwrap(), LADDER);
    }

    #[test]
    fn the_right_column_is_written_anew() {
        let bare = LADDER.replace("| 200 Still here.", "").replace("(closed)", "(open)");
        assert_eq!(replay(&bare).unwrap(), LADDER);
        let wrong = LADDER.replace("200 Still", "250 Still");
        let told = difference(&wrong, &replay(&wrong).unwrap());
        assert!(told.starts_with("line 8\n"), "{told}");
    }

    #[test]
    fn a_mistake_in_a_ladder_is_told_with_its_line() {
        for (from, to, expected) in [
            ("# NOOP\n", "NOOP\n", "line 1"),
            ("It does nothing.\n", "\n", "says what it shows"),
            ("logged in", "drunk", "drunk"),
            ("client   ", "nobody   ", "client"),
            ("> NOOP  ", "? NOOP  ", "line 8"),
            ("> NOOP  ", "> \\q    ", "line 8"),
            ("> NOOP  ", "< [opened]", "line 8"),
            ("= input ends", "= input rests", "line 11"),
        ] {
            let told = replay(&LADDER.replacen(from, to, 1)).unwrap_err();
            assert!(told.contains(expected), "{from}: {told}");
        }
    }
}
