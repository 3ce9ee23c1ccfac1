//! What Tab makes of a line: names of commands, of the server's files, of files here.
//!
//! What a word may be stands in the row of its command. Names of the server are asked for at the first Tab in a
//! folder and then known until something changes. A name that a line cannot hold as it is, is put in the form in which
//! the words of a line are read again (`words.rs`).

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
use super::table::{self, Row, Typed, Word};
use super::words;
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

    /// The names that a begun word may become.
    fn candidates(&self, line: &str) -> (usize, Vec<Pair>) {
        let start = words::last_word(line);
        let (before, begun) = line.split_at(start);
        let begun = words::unquoted(begun);
        let earlier = words::split(before).unwrap_or_default();
        let Some((name, earlier)) = earlier.split_first() else {
            let names = table::names().filter(|name| name.as_bytes().starts_with(&begun));
            return (start, names.map(|name| pair(name.as_bytes(), b"", true)).collect());
        };
        let row = match table::meant(&name.to_string()) {
            Ok(Typed::Row(row)) => Some(row),
            Ok(Typed::Habit(_)) | Err(_) => None,
        };
        let kind = row.map_or(Word::Nothing, |row| row.kind_behind(earlier, &begun));
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
            Word::Option => row.into_iter().flat_map(Row::option_names).collect(),
            Word::Either if mark.is_empty() => here(folder),
            Word::Either => self.link.names(folder).unwrap_or_default(),
            Word::Local => here(folder),
            // What the server refuses is no name; nobody has asked to hear of it.
            Word::Remote => self.link.names(folder).unwrap_or_default(),
        };
        let fits = |(name, _): &&Known| {
            name.starts_with(stem) && (!stem.is_empty() || !name.starts_with(b"."))
        };
        let pairs = known.iter().filter(fits).map(|(name, is_folder)| {
            let whole = [mark, folder, name, if *is_folder { b"/" } else { b"" }].concat();
            pair(&whole, name, !*is_folder)
        });
        (start, manageable(pairs.collect()))
    }
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
fn pair(word: &[u8], name: &[u8], is_whole: bool) -> Pair {
    let mut replacement = words::quoted(word);
    if is_whole {
        replacement.push(' ');
    }
    let display = Text::from(if name.is_empty() { word } else { name }).to_string();
    Pair { display, replacement }
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
        let of =
            |count: usize| (0..count).map(|n| pair(format!("file {n:06}").as_bytes(), b"", true));
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
        // Without a session nothing is known of a server, and nobody is asked.
        assert!(completed("get a").is_empty());
    }
}
