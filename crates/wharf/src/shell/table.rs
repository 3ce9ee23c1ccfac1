//! The shell's commands: a row each, with its help, what its words are, and its function.
//!
//! What connects is in `connect.rs`, what moves files in `haul.rs` and `many.rs`, what is about jobs in `jobs.rs`, what
//! shows something of the server in `transfer.rs`, what asks it something in `server.rs`, what concerns this machine in
//! `local.rs`.

use std::io::{self, Write};

use wharf_client::Way;
use wharf_proto::Text;
use wharf_proto::redact::redacted;

use self::Run::{Fetch as Fetched, Line, Move, Now};
use super::haul::{Fetch, Haul};
#[cfg(feature = "keyring")]
use super::keys;
use super::link::Known;
use super::words::before_bar;
use super::{
    Call, Flow, Outcome, Shell, afar, classic, connect, habits, haul, jobs, local, many, server,
    transfer,
};
use crate::args::shell::{CheckWords, CopyWords, GetWords, PutWords, SyncWords, definition};
use crate::exit::Usage;
use crate::{settings, terminal};

/// What a word behind a command's name is, for Tab and for the charset of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Nothing that anybody knows.
    Nothing,
    /// A name on the server.
    Remote,
    /// A name here.
    Local,
    /// A command of the shell.
    Command,
    /// A name on the server with a colon before it, or a name here.
    Either,
    /// A bookmark.
    Bookmark,
    /// An option of the command.
    Option,
    /// What proves who somebody is.
    Secret,
}

/// A command of the shell.
pub(crate) struct Row {
    /// What it is called; the first name is the usual one.
    names: &'static [&'static str],
    /// What stands behind the name.
    usage: &'static str,
    /// What the words behind it are; the last one stands for all that follow.
    words: &'static [Word],
    /// The definition of its options, where it has more than a few.
    options: Option<fn() -> clap::Command>,
    /// What it does, in one line.
    help: &'static str,
    /// Does it.
    pub(crate) run: Run,
}

/// How a command is done.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// By this, while the shell waits.
    Now(fn(&mut Shell, &Call<'_>) -> Outcome),
    /// It moves what this says: now, or with `&` at its end as a job.
    Move(fn(&mut Shell, &Call<'_>) -> anyhow::Result<Haul>),
    /// The same of what is fetched, which may also go to standard output or into a program, as the system's shell is told
    /// it.
    Fetch(fn(&mut Shell, &Call<'_>, Option<&str>) -> anyhow::Result<Fetch>),
    /// By this, of what stands behind the name as it was typed: others read it.
    Line(fn(&mut Shell, &str) -> Outcome),
}

impl Row {
    /// What each of these words behind the name is.
    pub(crate) fn kinds(&self, words: &[Text]) -> Vec<Word> {
        let mut places = Places::of(self);
        words.iter().map(|word| places.take(word.as_bytes())).collect()
    }

    /// What the word is that has begun so, behind these.
    pub(crate) fn kind_behind(&self, words: &[Text], begun: &[u8]) -> Word {
        let mut places = Places::of(self);
        for word in words {
            places.take(word.as_bytes());
        }
        places.take(begun)
    }

    /// What stands behind its name, cut in two: what is made of words of ours, and what others read as it was typed.
    pub(super) fn cut<'l>(&self, rest: &'l str) -> (&'l str, Option<&'l str>) {
        match self.run {
            Line(_) => ("", Some(rest)),
            Now(_) | Move(_) | Fetched(_) => before_bar(rest),
        }
    }

    /// Whether there may be a secret behind its name: in these words, or in a line that is sent as it stands.
    pub(super) fn may_tell_a_secret(&self, words: &[Text], rest: &str) -> bool {
        let line = match self.names {
            ["quote", ..] => rest.to_owned(),
            ["site", ..] => format!("SITE {rest}"),
            _ => String::new(),
        };
        self.kinds(words).contains(&Word::Secret)
            || redacted(line.as_bytes()).1.as_bytes() != line.as_bytes()
    }

    /// The names of its options.
    pub(crate) fn option_names(&self) -> Vec<Known> {
        let definition = self.options.map(|definition| definition());
        let names = definition.iter().flat_map(clap::Command::get_arguments);
        let names = names.filter_map(clap::Arg::get_long);
        names.map(|name| (format!("--{name}").into_bytes(), false)).collect()
    }
}

/// Which place behind a command's name the next word has.
struct Places<'r> {
    row: &'r Row,
    options: Option<clap::Command>,
    /// How many words there were that are no options.
    nth: usize,
    /// The next word is the value of an option.
    value: bool,
    /// No options follow.
    ended: bool,
}

impl<'r> Places<'r> {
    fn of(row: &'r Row) -> Self {
        let options = row.options.map(|definition| definition());
        Self { row, options, nth: 0, value: false, ended: false }
    }

    /// The kind of the next word.
    fn take(&mut self, word: &[u8]) -> Word {
        if std::mem::take(&mut self.value) {
            return Word::Local;
        }
        if !self.ended && word.starts_with(b"-") {
            if let Some(definition) = &self.options {
                self.ended = word == b"--";
                self.value = wants_value(definition, &String::from_utf8_lossy(word));
            }
            return Word::Option;
        }
        // Where there are only a few options they stand in front; what begins so elsewhere is a name.
        self.ended |= self.options.is_none();
        let words = self.row.words;
        let kind = words.get(self.nth).or_else(|| words.last()).copied();
        self.nth += 1;
        kind.unwrap_or(Word::Nothing)
    }
}

/// Whether the word behind this option is its value: `--exclude x`, `-j 4`, but not `--exclude=x` and `-j4`.
fn wants_value(definition: &clap::Command, option: &str) -> bool {
    let takes = |arg: &clap::Arg| arg.get_action().takes_values();
    if let Some(long) = option.strip_prefix("--") {
        let found = definition.get_arguments().find(|arg| arg.get_long() == Some(long));
        return found.is_some_and(takes);
    }
    let of = |letter| definition.get_arguments().find(|arg| arg.get_short() == Some(letter));
    let mut letters = option.chars().skip(1);
    letters.find(|letter| of(*letter).is_some_and(takes)).is_some() && letters.next().is_none()
}

const NO: &[Word] = &[];
const R: &[Word] = &[Word::Remote];
const L: &[Word] = &[Word::Local];

/// The table. The order is that of HELP: as one needs them.
#[rustfmt::skip]
static ROWS: &[Row] = &[
    Row { names: &["open", "connect", "ftp"], usage: "[USER@]HOST [PORT] | URL | @BOOKMARK", words: &[Word::Bookmark, Word::Nothing], options: None, help: "connect to a server", run: Now(connect::open) },
    Row { names: &["bookmarks"], usage: "", words: NO, options: None, help: "list the bookmarks, which open takes as @NAME", run: Now(bookmarks) },
    Row { names: &["user", "login"], usage: "[NAME [PASSWORD]]", words: &[Word::Nothing, Word::Secret], options: None, help: "log in", run: Now(connect::user) },
    Row { names: &["ls", "list", "cls", "mlsd"], usage: "[-l | -1 | --json] [-U] [PATH]", words: R, options: None, help: "list a folder", run: Now(transfer::ls) },
    Row { names: &["dir"], usage: "[PATH]", words: R, options: None, help: "list a folder as the server words it", run: Now(transfer::dir) },
    Row { names: &["nlist"], usage: "[PATH]", words: R, options: None, help: "list names alone, as the server words them", run: Now(classic::nlist) },
    Row { names: &["cd", "cwd"], usage: "FOLDER", words: R, options: None, help: "go to a folder of the server; .. is the one above", run: Now(server::cd) },
    Row { names: &["cdup"], usage: "", words: NO, options: None, help: "go to the folder above", run: Now(server::cdup) },
    Row { names: &["pwd"], usage: "", words: NO, options: None, help: "tell which folder that is", run: Now(server::pwd) },
    Row { names: &["get", "recv", "reget"], usage: "[-r] [OPTION...] FILE [LOCAL] [&]", words: &[Word::Remote, Word::Local], options: Some(definition::<GetWords>), help: "fetch a file, or a tree; goes on with what a broken transfer left", run: Fetched(haul::get) },
    Row { names: &["mget", "mreget"], usage: "PATTERN... [&]", words: R, options: None, help: "fetch the files that these patterns mean", run: Move(many::mget) },
    Row { names: &["put", "send"], usage: "[-r] [OPTION...] LOCAL [FILE] [&]", words: &[Word::Local, Word::Remote], options: Some(definition::<PutWords>), help: "store a file, or a tree", run: Move(haul::put) },
    Row { names: &["mput"], usage: "PATTERN... [&]", words: L, options: None, help: "store the files that these patterns mean", run: Move(many::mput) },
    Row { names: &["append"], usage: "LOCAL [FILE]", words: &[Word::Local, Word::Remote], options: None, help: "put a file behind what is in one on the server", run: Now(classic::append) },
    Row { names: &["newer"], usage: "FILE [LOCAL] [&]", words: &[Word::Remote, Word::Local], options: None, help: "fetch a file if it is newer than the one here", run: Move(classic::newer) },
    Row { names: &["sync"], usage: "[OPTION...] :FOLDER LOCAL | LOCAL :FOLDER [&]", words: &[Word::Either], options: Some(definition::<SyncWords>), help: "make the second tree like the first; that with the colon is on the server", run: Move(haul::sync) },
    Row { names: &["copy"], usage: "[OPTION...] NAME|URL NAME|URL", words: R, options: Some(definition::<CopyWords>), help: "copy a file or tree to another server, or from there", run: Now(afar::copy) },
    Row { names: &["jobs"], usage: "", words: NO, options: None, help: "list what was begun with & and is not over, or not yet asked for", run: Now(jobs::list) },
    Row { names: &["wait"], usage: "[N...]", words: NO, options: None, help: "wait until these jobs are over, or all", run: Now(jobs::wait) },
    Row { names: &["fg"], usage: "[N]", words: NO, options: None, help: "watch a job until it is over; Ctrl-C ends it", run: Now(jobs::foreground) },
    Row { names: &["kill"], usage: "N... | all", words: NO, options: None, help: "break jobs off", run: Now(jobs::kill) },
    Row { names: &["cat"], usage: "FILE [|COMMAND]", words: R, options: None, help: "show what is in a file, or give it to a program", run: Fetched(transfer::cat) },
    Row { names: &["page", "less", "more"], usage: "FILE", words: R, options: None, help: "show what is in a file, a screen at a time ($PAGER)", run: Now(transfer::page) },
    Row { names: &["size"], usage: "FILE", words: R, options: None, help: "tell how many bytes a file has", run: Now(server::size) },
    Row { names: &["modtime"], usage: "FILE", words: R, options: None, help: "tell when a file was last changed", run: Now(server::modtime) },
    Row { names: &["rename", "mv"], usage: "FROM TO", words: R, options: None, help: "rename a file or folder", run: Now(server::rename) },
    Row { names: &["stat", "mlst"], usage: "[--json] PATH...", words: R, options: None, help: "tell what names are", run: Now(server::stat) },
    Row { names: &["delete", "rm"], usage: "[-r] PATH...", words: R, options: None, help: "delete files, and with -r folders with all that is in them", run: Now(server::delete) },
    Row { names: &["mdelete", "mrm"], usage: "PATTERN...", words: R, options: None, help: "delete the files that these patterns mean", run: Now(many::mdelete) },
    Row { names: &["mkdir"], usage: "[-p] FOLDER...", words: R, options: None, help: "make folders, and with -p those above them", run: Now(server::mkdir) },
    Row { names: &["rmdir"], usage: "FOLDER", words: R, options: None, help: "remove an empty folder", run: Now(server::rmdir) },
    Row { names: &["chmod"], usage: "MODE PATH", words: &[Word::Nothing, Word::Remote], options: None, help: "change the permissions of a file", run: Now(server::chmod) },
    Row { names: &["echo"], usage: "WORDS", words: NO, options: None, help: "print these words", run: Line(|_, line| print(line)) },
    Row { names: &["version"], usage: "", words: NO, options: None, help: "tell which wharf this is", run: Now(|_, _| print(format_args!("wharf {}", env!("CARGO_PKG_VERSION")))) },
    Row { names: &["lcd"], usage: "[FOLDER]", words: L, options: None, help: "go to a folder of this machine, or home", run: Now(local::lcd) },
    Row { names: &["lpwd"], usage: "", words: NO, options: None, help: "tell which folder that is", run: Now(local::lpwd) },
    Row { names: &["lls"], usage: "[PATH]", words: L, options: None, help: "list a folder of this machine", run: Line(local::lls) },
    Row { names: &["!"], usage: "[COMMAND]", words: L, options: None, help: "have the system's shell do something", run: Line(local::bang) },
    Row { names: &["source"], usage: "FILE", words: L, options: None, help: "carry out the lines of a file", run: Now(local::source) },
    Row { names: &["set"], usage: "-e | +e", words: NO, options: None, help: "whether a script ends at the first command that fails", run: Now(local::set) },
    Row { names: &["binary", "image", "tenex"], usage: "", words: NO, options: None, help: "move files byte by byte", run: Now(|shell, _| set_text(shell, false)) },
    Row { names: &["ascii"], usage: "", words: NO, options: None, help: "move files as text, with the other side's line ends", run: Now(|shell, _| set_text(shell, true)) },
    Row { names: &["type"], usage: "[ascii | binary]", words: NO, options: None, help: "tell or choose which of these", run: Now(classic::kind) },
    Row { names: &["passive"], usage: "[on | off]", words: NO, options: None, help: "open data connections from here", run: Now(|shell, call| way(shell, call, Way::Passive, Way::Active)) },
    Row { names: &["active"], usage: "[on | off]", words: NO, options: None, help: "let the server open data connections", run: Now(|shell, call| way(shell, call, Way::Active, Way::Passive)) },
    Row { names: &["status", "rstatus"], usage: "[PATH]", words: R, options: None, help: "tell how things stand, or what the server says of a name", run: Now(server::status) },
    Row { names: &["system"], usage: "", words: NO, options: None, help: "ask what system the server is", run: Now(server::system) },
    Row { names: &["features", "feat"], usage: "", words: NO, options: None, help: "ask what the server can do", run: Now(server::features) },
    Row { names: &["noop"], usage: "", words: NO, options: None, help: "ask the server for a sign of life", run: Now(server::noop) },
    Row { names: &["site"], usage: "WORDS", words: NO, options: None, help: "say something that only this server understands", run: Line(server::site) },
    Row { names: &["remotehelp", "rhelp"], usage: "[VERB]", words: NO, options: None, help: "ask the server for help", run: Now(server::remote_help) },
    Row { names: &["umask"], usage: "[MASK]", words: NO, options: None, help: "tell or choose which permissions new files do not get", run: Now(classic::umask) },
    Row { names: &["idle"], usage: "[SECONDS]", words: NO, options: None, help: "tell or choose how long the server lets a session be silent", run: Now(classic::idle) },
    Row { names: &["account"], usage: "SECRET", words: &[Word::Secret], options: None, help: "prove oneself further, where a server wants that", run: Now(classic::account) },
    Row { names: &["quote", "literal"], usage: "COMMAND", words: NO, options: None, help: "send a line to the server as it is, such as SYST, and show the reply", run: Line(server::quote) },
    Row { names: &["check"], usage: "[OPTION...]", words: NO, options: Some(definition::<CheckWords>), help: "find out which ways of talking to this server work", run: Now(afar::check) },
    Row { names: &["reconnect"], usage: "", words: NO, options: None, help: "open the last session again, where it was", run: Now(connect::reconnect) },
    #[cfg(feature = "keyring")]
    Row { names: &["remember"], usage: "", words: NO, options: None, help: "keep the password of this session in the keyring of the desktop", run: Now(keys::remember) },
    #[cfg(feature = "keyring")]
    Row { names: &["forget"], usage: "", words: NO, options: None, help: "have the keyring forget it", run: Now(keys::forget) },
    Row { names: &["form"], usage: "[non-print]", words: NO, options: None, help: "the form of text", run: Now(|shell, call| classic::usual(shell, call, "non-print", "wharf get --ebcdic")) },
    Row { names: &["mode"], usage: "[stream]", words: NO, options: None, help: "the mode of transfer", run: Now(|shell, call| classic::usual(shell, call, "stream", "wharf get --block-mode")) },
    Row { names: &["struct"], usage: "[file]", words: NO, options: None, help: "the structure of files", run: Now(|shell, call| classic::usual(shell, call, "file", "wharf get --record")) },
    Row { names: &["close", "disconnect"], usage: "", words: NO, options: None, help: "end the session, stay here", run: Now(connect::close) },
    Row { names: &["help", "?", "usage"], usage: "[COMMAND]", words: &[Word::Command], options: None, help: "list the commands, or explain one", run: Now(help) },
    Row { names: &["quit", "bye", "exit"], usage: "", words: NO, options: None, help: "end the session and leave", run: Now(|_, _| Ok(Flow::Quit)) },
];

/// The names of all commands.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().flat_map(|row| row.names.iter().copied())
}

/// The row of this name.
pub(crate) fn named(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.names.contains(&name))
}

/// What was typed as a command.
pub(super) enum Typed {
    /// It is one.
    Row(&'static Row),
    /// One that others have, of this name.
    Habit(&'static str),
}

/// The command that is meant, which may be shortened as long as it could be no other.
///
/// # Errors
/// There is none, or there are several.
pub(super) fn meant(name: &str) -> Result<Typed, Usage> {
    if let Some(row) = named(name) {
        return Ok(Typed::Row(row));
    }
    if let Some(habit) = habits::names().find(|habit| *habit == name) {
        return Ok(Typed::Habit(habit));
    }
    let begun = |full: &&str| !name.is_empty() && full.starts_with(name);
    let fits: Vec<&Row> = ROWS.iter().filter(|row| row.names.iter().any(&begun)).collect();
    let others: Vec<&'static str> = habits::names().filter(begun).collect();
    match (&fits[..], &others[..]) {
        ([row], _) => Ok(Typed::Row(row)),
        ([], [habit, more @ ..])
            if more.iter().all(|other| habits::words(other) == habits::words(habit)) =>
        {
            Ok(Typed::Habit(habit))
        }
        ([], []) => Err(Usage(format!("{}: no such command; try help", Text::from(name)))),
        (rows, others) => {
            let names = rows.iter().flat_map(|row| row.names).copied().filter(|it| begun(it));
            let names: Vec<&str> = names.chain(others.iter().copied()).collect();
            Err(Usage(format!("{name} may be any of {}", names.join(", "))))
        }
    }
}

/// `passive` and `active`, which others turn off as well.
fn way(shell: &mut Shell, call: &Call<'_>, on: Way, off: Way) -> Outcome {
    match call.words.first().map(ToString::to_string).as_deref() {
        None | Some("on") => connect::set_way(shell, on),
        Some("off") => connect::set_way(shell, off),
        Some(_) => Err(Usage("passive [on | off], active [on | off]".to_owned()).into()),
    }
}

fn bookmarks(_: &mut Shell, _: &Call<'_>) -> Outcome {
    let mut out = io::stdout().lock();
    for (name, address) in settings::bookmarks()? {
        writeln!(out, "@{name} {address}")?;
    }
    Ok(Flow::On)
}

pub(super) fn set_text(shell: &mut Shell, text: bool) -> Outcome {
    shell.text = text;
    shell.screen.note(if text {
        "files are moved as text"
    } else {
        "files are moved byte by byte"
    });
    Ok(Flow::On)
}

/// How wide the column is of what is typed.
const HELP: usize = 30;
/// How wide help is where nobody knows how wide the terminal is.
const WIDTH: usize = 100;

/// Words in lines of so many columns; the words of help are ASCII.
fn folded(words: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn help(_: &mut Shell, call: &Call<'_>) -> Outcome {
    let width = terminal::output_columns().unwrap_or(WIDTH);
    let mut out = io::stdout().lock();
    match call.words {
        [] => {
            for row in ROWS {
                let call = format!("{} {}", row.names.join(", "), row.usage);
                let room = width.saturating_sub(HELP + 3).max(20);
                let mut lines = folded(row.help, room).into_iter();
                let first = lines.next().unwrap_or_default();
                match call.len() <= HELP {
                    true => writeln!(out, "  {call:<HELP$} {first}")?,
                    false => writeln!(out, "  {call}\n  {:HELP$} {first}", "")?,
                }
                for line in lines {
                    writeln!(out, "  {:HELP$} {line}", "")?;
                }
            }
        }
        [name, ..] => {
            let row = match meant(&name.to_string())? {
                Typed::Row(row) => row,
                Typed::Habit(name) => {
                    writeln!(out, "{name}\n  {}", habits::words(name).unwrap_or_default())?;
                    return Ok(Flow::On);
                }
            };
            writeln!(out, "{} {}", row.names.join(", "), row.usage)?;
            writeln!(out, "  {}", row.help)?;
            if let Some(definition) = row.options {
                // Name and usage are told already.
                let mut definition =
                    definition().help_template("{all-args}").term_width(width.min(WIDTH));
                writeln!(out, "\n{}", definition.render_help())?;
            }
        }
    }
    Ok(Flow::On)
}

/// Prints the answer of a command.
pub(super) fn print(answer: impl std::fmt::Display) -> Outcome {
    writeln!(io::stdout().lock(), "{answer}")?;
    Ok(Flow::On)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_where_the_columns_end_and_a_long_one_is_left_whole() {
        assert_eq!(folded("one two three", 7), ["one two", "three"]);
        assert_eq!(folded("incomprehensible it is", 5), ["incomprehensible", "it is"]);
    }

    #[test]
    fn every_command_is_found_by_each_of_its_names_and_no_name_is_taken_twice() {
        let mut names: Vec<&str> = ROWS.iter().flat_map(|row| row.names.iter().copied()).collect();
        for name in &names {
            assert!(named(name).is_some_and(|row| row.names.contains(name)));
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(named("LS").is_none());
    }
}
