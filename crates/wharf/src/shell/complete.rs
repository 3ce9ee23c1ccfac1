//! What Tab makes of a line: names of commands, of the server's files, of files here.
//!
//! What a word may be stands in the row of its command. Names of the server are asked for at the first Tab in a
//! folder and then known until something changes. A name that a line cannot hold as it is, is put in the form in which
//! it is read again: by us (`words.rs`), or behind a bar, `!` and `lls` by the system's shell.

use std::borrow::Cow;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use wharf_proto::Text;

use super::haul::path_of;
use super::link::{Known, Link};
use super::table::{self, Run, Typed, Word};
use super::{expanded, words};
use crate::progress::fitted;
use crate::{settings, terminal};

/// How many names are offered at most; the editor cannot count beyond 65,535.
const MOST: usize = 10_000;

/// Completes lines.
pub(crate) struct Completion {
    link: Rc<Link>,
}

impl Completion {
    pub(crate) fn new(link: Rc<Link>) -> Self {
        Self { link }
    }

    /// The names that a begun word may become, and where it begins.
    fn candidates(&self, line: &str) -> (usize, Vec<Pair>) {
        let nothing = (line.len(), Vec::new());
        let (begun, _) = words::head(line);
        if begun == line.trim_start() && begun != "!" {
            let names = table::names().filter(|name| name.starts_with(begun));
            let pairs = names.map(|name| pair(name.to_owned(), name.as_bytes(), true));
            return (line.len() - begun.len(), pairs.collect());
        }
        // An alias changes what stands before the word that is being typed, and not the word.
        let Ok(meant) = expanded(line) else { return nothing };
        let (name, rest) = words::head(&meant);
        let Ok(Typed::Row(row)) = table::meant(name) else { return nothing };
        let (ours, program) = row.cut(rest);
        let typed = program.unwrap_or(ours);
        let (before, begun) = typed.split_at(words::last_word(typed));
        let Some(start) = line.len().checked_sub(begun.len()) else { return nothing };
        let Some(begun) = words::unquoted(begun) else { return nothing };
        let kind = match program {
            None => row.kind_behind(&words::split(before).unwrap_or_default(), &begun),
            Some(_) if matches!(row.run, Run::Line(_)) => row.kind_behind(&[], &begun),
            Some(_) => Word::Local,
        };
        let (begun, mark) = match begun.strip_prefix(b":") {
            Some(there) if kind == Word::Either => (there, &b":"[..]),
            _ => (&begun[..], &b""[..]),
        };
        let (folder, stem) = match begun.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => begun.split_at(slash + 1),
            None => (&[][..], begun),
        };
        let known = match kind {
            Word::Nothing | Word::Secret => Vec::new(),
            Word::Command => {
                let names = table::names().map(|name| (name.as_bytes().to_vec(), false));
                names.collect()
            }
            Word::Bookmark => {
                let names = settings::bookmarks().into_iter().flatten();
                names.map(|(name, _)| (format!("@{name}").into_bytes(), false)).collect()
            }
            Word::Option => row.option_names(),
            Word::Either if mark.is_empty() => here(folder),
            Word::Either => self.link.names(folder).unwrap_or_default(),
            Word::Local => here(folder),
            // What the server refuses is no name; nobody has asked to hear of it.
            Word::Remote => self.link.names(folder).unwrap_or_default(),
        };
        let quoted = |word: &[u8]| match program {
            None => Some(words::quoted(word)),
            Some(_) => of_system(word),
        };
        let fits = |(name, _): &&Known| {
            name.starts_with(stem) && (!stem.is_empty() || !name.starts_with(b"."))
        };
        let pairs = known.iter().filter(fits).filter_map(|(name, is_folder)| {
            let whole = [mark, folder, name, if *is_folder { b"/" } else { b"" }].concat();
            Some(pair(quoted(&whole)?, name, !*is_folder))
        });
        (start, manageable(pairs.collect()))
    }
}

/// A word that the system's shell reads as these bytes, where a line can hold one.
fn of_system(word: &[u8]) -> Option<String> {
    let word = str::from_utf8(word).ok()?;
    (!word.contains(char::is_control)).then(|| terminal::quoted(word))
}

/// What the editor can show; of more, what they begin with.
fn manageable(pairs: Vec<Pair>) -> Vec<Pair> {
    if pairs.len() <= MOST {
        return pairs;
    }
    let words = || pairs.iter().map(|pair| pair.replacement.as_str());
    let begun = words().reduce(|begun, word| {
        let same = begun.char_indices().zip(word.chars()).find(|((_, one), other)| one != other);
        match same {
            Some(((at, _), _)) => &begun[..at],
            None if begun.len() <= word.len() => begun,
            None => word,
        }
    });
    // A backslash is nothing without what it stands before.
    let begun = begun.unwrap_or_default().trim_end_matches('\\').to_owned();
    vec![Pair { display: format!("{} names", pairs.len()), replacement: begun }]
}

/// The names in a folder of this machine.
fn here(folder: &[u8]) -> Vec<Known> {
    let path = folder.into();
    let path = path_of(&path);
    let path = if folder.is_empty() { std::path::Path::new(".") } else { path };
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    let mut names: Vec<Known> = entries
        .filter_map(Result::ok)
        .map(|entry| (entry.file_name().as_bytes().to_vec(), entry.path().is_dir()))
        .collect();
    names.sort();
    names
}

/// A word for the line, and the name that is shown for it.
fn pair(mut replacement: String, name: &[u8], is_whole: bool) -> Pair {
    if is_whole {
        replacement.push(' ');
    }
    Pair { display: Text::from(name).to_string(), replacement }
}

impl Completer for Completion {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok(self.candidates(line.get(..pos).unwrap_or(line)))
    }
}

/// A row below the line, for the gauge. What stands in it is said when it is drawn.
pub(crate) struct Room;

impl Hint for Room {
    fn display(&self) -> &str {
        "\n "
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Completion {
    type Hint = Room;

    fn hint(&self, _: &str, _: usize, _: &Context<'_>) -> Option<Room> {
        let gauge = self.link.gauge.as_ref()?;
        (!gauge.is_idle()).then_some(Room)
    }
}

impl Highlighter for Completion {
    fn highlight_hint<'h>(&self, room: &'h str) -> Cow<'h, str> {
        let Some(gauge) = &self.link.gauge else { return room.into() };
        // In the last column a terminal might begin a new row.
        let columns = terminal::output_columns().unwrap_or(80).saturating_sub(1);
        format!("\n{}", fitted(&gauge.drawn(), columns)).into()
    }
}
impl Validator for Completion {}
impl Helper for Completion {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::client_runtime;

    fn completed(line: &str) -> Vec<String> {
        let completion = Completion::new(Rc::new(Link::new(client_runtime().unwrap(), None)));
        let (start, pairs) = completion.candidates(line);
        pairs.into_iter().map(|pair| format!("{}{}", &line[..start], pair.replacement)).collect()
    }

    #[test]
    fn commands_are_completed_at_the_beginning_and_behind_help() {
        assert_eq!(completed("quo"), ["quote "]);
        assert_eq!(completed("help mge"), ["help mget "]);
        assert!(completed("m").contains(&"mdelete ".to_owned()));
        assert!(completed("frobnicate x").is_empty() && completed("pwd x").is_empty());
    }

    #[test]
    fn options_are_completed_and_their_values_and_the_words_behind_them_are_told_apart() {
        assert_eq!(completed("sync --dry"), ["sync --dry-run "]);
        assert!(completed("get --").contains(&"get --verify ".to_owned()));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("list"), "").unwrap();
        let at = folder.path().display();
        for before in
            ["sync", "sync --delete", "sync --failed", "get x", "get -r --exclude y x", "put -j 2"]
        {
            let line = format!("{before} {at}/l");
            assert_eq!(completed(&line), [format!("{before} {at}/list ")], "{before}");
        }
        // Those are the server's, of which nothing is known.
        for before in ["get", "get -r", "get -r --exclude y", "get --exclude=y", "get -j2", "put x"]
        {
            assert!(completed(&format!("{before} {at}/l")).is_empty(), "{before}");
        }
        assert!(completed("sync :l").is_empty());
        assert_eq!(completed(&format!("get -- x {at}/l")), [format!("get -- x {at}/list ")]);
    }

    #[test]
    fn of_more_names_than_can_be_shown_there_is_what_they_begin_with() {
        let of = |count: usize| (0..count).map(|n| pair(format!("file\\ {n:06}"), b"", true));
        assert_eq!(manageable(of(MOST).collect()).len(), MOST);
        let [one] = &manageable(of(70_000).collect())[..] else { panic!("not one") };
        assert_eq!(one.replacement, "file\\ 0");
    }

    #[test]
    fn names_here_are_completed_where_a_word_is_one_and_can_be_read_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a folder")).unwrap();
        fs::write(folder.path().join("a file"), "").unwrap();
        fs::write(folder.path().join(".hidden"), "").unwrap();
        let at = folder.path().display();
        assert_eq!(
            completed(&format!("put {at}/a")),
            [format!("put {at}/a\\ file "), format!("put {at}/a\\ folder/"),]
        );
        assert_eq!(completed(&format!("put \"{at}/a fi")), [format!("put {at}/a\\ file ")]);
        assert_eq!(completed(&format!("put {at}/.")), [format!("put {at}/.hidden ")]);
        fs::write(folder.path().join("it's $HOME|x"), "").unwrap();
        assert_eq!(completed(&format!("put {at}/it")), [format!("put {at}/it\\'s\\ $HOME\\|x ")]);
        // The system's shell has other quotes.
        for before in ["get a |wc ", "cat a|wc ", "get a | sed s/\\d// ", "lls ", "!wc ", "! wc "] {
            let line = format!("{before}{at}/it");
            assert_eq!(completed(&line), [format!("{before}'{at}/it'\\''s $HOME|x' ")]);
        }
        assert!(completed(&format!("echo {at}/a")).is_empty());
        assert!(completed(&format!("put {at}/a\\d")).is_empty());
        // Without a session nothing is known of a server, and nobody is asked.
        assert!(completed("get a").is_empty());
    }
}
