//! What Tab makes of a line: names of commands, of the server's files, of files here.
//!
//! What a word may be stands in the row of its command. Names of the server are asked for at the first Tab in a
//! folder and then known until something changes. A name that a line cannot hold as it is, is put in the form in which
//! the words of a line are read again (`words.rs`).

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use wharf_proto::Text;

use super::haul::path_of;
use super::link::{Known, Link};
use super::table::{self, Word};
use super::words;
use crate::settings;

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
        let mut earlier = before.split_whitespace();
        let Some(name) = earlier.next() else {
            let names = table::names().filter(|name| name.as_bytes().starts_with(&begun));
            return (start, names.map(|name| pair(name.as_bytes(), b"", true)).collect());
        };
        let nth = earlier.skip_while(|word| word.starts_with('-')).count();
        let kind = table::named(name).map_or(Word::Nothing, |row| row.word(nth));
        let (folder, stem) = match begun.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => begun.split_at(slash + 1),
            None => (&[][..], &begun[..]),
        };
        let known = match kind {
            Word::Nothing => Vec::new(),
            Word::Command => {
                let names = table::names().map(|name| (name.as_bytes().to_vec(), false));
                names.collect()
            }
            Word::Bookmark => {
                let names = settings::bookmarks().into_iter().flatten();
                names.map(|(name, _)| (format!("@{name}").into_bytes(), false)).collect()
            }
            Word::Local => here(folder),
            // What the server refuses is no name; nobody has asked to hear of it.
            Word::Remote => self.link.names(folder).unwrap_or_default(),
        };
        let fits = |(name, _): &&Known| {
            name.starts_with(stem) && (!stem.is_empty() || !name.starts_with(b"."))
        };
        let pairs = known.iter().filter(fits).map(|(name, is_folder)| {
            let whole = [folder, name, if *is_folder { b"/" } else { b"" }].concat();
            pair(&whole, name, !*is_folder)
        });
        (start, pairs.collect())
    }
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

impl Hinter for Completion {
    type Hint = String;
}
impl Highlighter for Completion {}
impl Validator for Completion {}
impl Helper for Completion {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::client_runtime;

    fn completed(line: &str) -> Vec<String> {
        let completion = Completion::new(Rc::new(Link::new(client_runtime().unwrap())));
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
