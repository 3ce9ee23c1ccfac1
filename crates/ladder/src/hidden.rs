//! Names that are not to be seen by whoever a picture is given to: those of users and of files, each in place of which a number
//! stands, the same wherever it is named in the picture.
//!
//! What a command names is known by its verb, and is taken out wherever the rest of the session says it again, in other letters
//! too. What only replies name is known by its form: between quotes, or with a slash in it; of a reply that lists files the
//! lines are taken out whole. Secrets are not this file's affair: they never become rows. Addresses stay.

use crate::label::{self, CUT};
use crate::more::More;
use crate::row::{Channel, Packet, Remark, Row};
use crate::scene::Scene;
use wharf_proto::verb::Argument;
use wharf_proto::{Text, Verb};

/// Names that are known at most; what is more has the last number.
const MAX_NAMES: usize = 4096;
/// A name that is shorter is taken out only where it is a word.
const LONG: usize = 6;

/// What is to be hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hide {
    /// The names of users.
    pub users: bool,
    /// The names of files and folders.
    pub names: bool,
}

/// What has been named.
#[derive(Debug, Default)]
struct Known {
    users: Vec<Vec<u8>>,
    names: Vec<Vec<u8>>,
    /// The verbs that were said and the table does not know: a server may quote them.
    verbs: Vec<Vec<u8>>,
}

impl Scene {
    /// Hides what is asked for, in every row and in what was found.
    pub fn hide(&mut self, hide: Hide) {
        if hide == Hide::default() {
            return;
        }
        let mut known = Known::default();
        for step in &self.steps {
            known.learn(&step.row, hide);
        }
        for step in &mut self.steps {
            known.cover(&mut step.row, hide);
        }
        for finding in &mut self.findings {
            finding.reword(|words| {
                String::from_utf8_lossy(&known.said(words.as_bytes(), hide)).into_owned()
            });
        }
    }
}

impl Known {
    /// Takes in what a command names.
    fn learn(&mut self, row: &Row, hide: Hide) {
        if row.packet != Packet::Command {
            return;
        }
        let (verb, argument) = parts(row.label.as_bytes());
        if row.verb.is_none() {
            number(&mut self.verbs, verb);
        }
        match row.verb {
            Some(Verb::User) if hide.users && !is_guest(argument) => {
                number(&mut self.users, argument);
            }
            verb if hide.names => {
                for part in names(verb, argument).into_iter().flat_map(components) {
                    // A folder may be called as its user is.
                    if !self.users.iter().any(|user| user == part) {
                        number(&mut self.names, part);
                    }
                }
            }
            _ => {}
        }
    }

    /// Puts numbers in place of what a row names.
    fn cover(&mut self, row: &mut Row, hide: Hide) {
        match row.packet {
            Packet::Command => row.label = Text::from(self.command(row, hide)),
            // Only addresses are in it, whatever files are called.
            Packet::Reply(_) if row.names.is_some() => {}
            Packet::Reply(code) => {
                let label = row.label.as_bytes();
                let (head, words) = label.split_at(label.len().min(4));
                let words = match code {
                    // RFC 959 gives the folder between quotes, with those in it doubled.
                    257 if hide.names => self.quoted_to_last(words, hide),
                    _ => self.said(words, hide),
                };
                row.label = Text::from([head, &words].concat());
                let lists = matches!(row.verb, Some(Verb::Stat | Verb::Mlst | Verb::Site));
                if let Some(more) = row.more.as_mut() {
                    more.reword(|line, is_between| match hide.names && lists && is_between {
                        true => CUT.as_bytes().to_vec(),
                        false => self.said(line, hide),
                    });
                }
            }
            Packet::Data { .. } => match row.more.take().map(|more| *more) {
                // What the server says that is no reply.
                Some(More::Bytes(bytes)) if row.channel == Channel::Control => {
                    let (words, ours) = label::no_reply(row.label.as_bytes(), &bytes);
                    let words = self.said(words, hide);
                    // Where a line is cut, so may a name be.
                    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
                    let lines = whole.and_then(|end| bytes.get(..=end));
                    let said = match lines {
                        Some(lines) => self.said(lines, hide),
                        None => [words.as_slice(), b"\r\n"].concat(),
                    };
                    row.more = More::of_bytes(&said);
                    row.label = Text::from([words.as_slice(), ours.as_bytes()].concat());
                }
                // What goes over a data connection may be a listing, which names owners too.
                _ => {}
            },
            Packet::Note(
                Remark::DataRefused
                | Remark::NotSecured
                | Remark::DataFailed
                | Remark::Logged
                | Remark::Rewritten,
            ) => {
                row.label = Text::from(self.said(row.label.as_bytes(), hide));
            }
            Packet::Syn
            | Packet::SynAck
            | Packet::Established
            | Packet::Ack
            | Packet::Fin
            | Packet::Rst
            | Packet::Absent
            | Packet::Note(_)
            | Packet::Omitted(_) => {}
        }
    }

    /// A command with numbers in place of what it names.
    fn command(&mut self, row: &Row, hide: Hide) -> Vec<u8> {
        let line = row.label.as_bytes();
        let (verb, argument) = parts(line);
        if argument.is_empty() {
            return line.to_vec();
        }
        let shown = match row.verb {
            Some(Verb::User) if hide.users && !is_guest(argument) => {
                pseudonym("user", number(&mut self.users, argument))
            }
            of if hide.names => {
                let mut shown = argument.to_vec();
                if let Some(name) = names(of, argument) {
                    let covered = self.path(name);
                    let from = shown.len() - name.len();
                    // What is named stands at the end.
                    shown.truncate(from);
                    shown.extend(covered);
                }
                shown
            }
            _ => argument.to_vec(),
        };
        [verb, b" ", shown.as_slice()].concat()
    }

    /// A path with numbers in place of its parts.
    fn path(&mut self, path: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(path.len());
        for (at, part) in path.split(is_slash).enumerate() {
            if at > 0 {
                out.push(b'/');
            }
            let user = self.users.iter().position(|user| user == part);
            match (is_name(part), user) {
                (true, Some(at)) => out.extend(pseudonym("user", at + 1)),
                (true, None) => out.extend(pseudonym("name", number(&mut self.names, part))),
                (false, _) => out.extend_from_slice(part),
            }
        }
        out
    }

    /// What stands between the first quote and the last as a path, and the rest as it is said.
    fn quoted_to_last(&mut self, words: &[u8], hide: Hide) -> Vec<u8> {
        let is_quote = |byte: &u8| *byte == b'"';
        let ends = words.iter().position(is_quote).zip(words.iter().rposition(is_quote));
        match ends.filter(|(first, last)| first < last) {
            None => self.said(words, hide),
            Some((first, last)) => {
                let path = words.get(first + 1..last).unwrap_or_default();
                let path = self.path(path);
                let behind = words.get(last..).unwrap_or_default();
                let before = words.get(..=first).unwrap_or_default();
                [before, &path, &self.said(behind, hide)].concat()
            }
        }
    }

    /// Words of a server, or of a finding, with numbers in place of what they name.
    fn said(&mut self, words: &[u8], hide: Hide) -> Vec<u8> {
        let mut out = words.to_vec();
        if hide.users {
            out = replaced(&out, "user", &self.users);
        }
        if hide.names {
            out = replaced(&out, "name", &self.names);
        }
        if hide.names {
            out = self.paths(&out);
        }
        out
    }

    /// Covers what has the form of a path, and what stands between quotes.
    fn paths(&mut self, words: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(words.len());
        let mut rest = words;
        while let Some((first, behind)) = rest.split_first() {
            let quote = matches!(first, b'"' | b'\'' | b'`').then_some(*first);
            let end = quote.and_then(|quote| {
                // An apostrophe within a word is no quote.
                let begins = out.last().is_none_or(|byte: &u8| !byte.is_ascii_alphanumeric());
                behind
                    .iter()
                    .position(|byte| *byte == quote || (quote == b'`' && *byte == b'\''))
                    .filter(|_| begins)
            });
            if let Some(end) = end {
                let (inside, tail) = behind.split_at(end);
                out.push(*first);
                out.extend(self.path_or_word(inside, true));
                rest = tail;
                if let Some((close, tail)) = rest.split_first() {
                    out.push(*close);
                    rest = tail;
                }
                continue;
            }
            let is_end = |byte: &u8| {
                byte.is_ascii_whitespace() || matches!(byte, b'(' | b')' | b'"' | b'<' | b'>')
            };
            let end = rest.iter().position(is_end).unwrap_or(rest.len()).max(1);
            let (word, tail) = rest.split_at(end);
            out.extend(self.path_or_word(word, false));
            rest = tail;
        }
        out
    }

    /// Whether a server quotes a verb, or a line that begins with one.
    fn is_verb(&self, words: &[u8]) -> bool {
        let (verb, _) = parts(words);
        Verb::named(verb).is_some()
            || self.verbs.iter().any(|known| known.eq_ignore_ascii_case(verb))
    }

    fn path_or_word(&mut self, word: &[u8], is_quoted: bool) -> Vec<u8> {
        // What ends a sentence is none of the name.
        let ends = |byte: &&u8| b",;:.!?".contains(byte) || byte.is_ascii_whitespace();
        let tail = word.iter().rev().take_while(ends).count();
        let (name, tail) = word.split_at(word.len() - tail);
        let is_path = name.contains(&b'/') && name.len() > 1;
        // An old number is no name; nor is a date, a rate, or a verb that a server quotes.
        let is_plain = name.iter().all(|byte| byte.is_ascii_digit() || b"/.:,-".contains(byte))
            || name.ends_with(b"/s")
            || name.ends_with(b"/sec")
            || self.is_verb(name);
        if is_plain || !(is_path || is_quoted) {
            return word.to_vec();
        }
        [self.path(name), tail.to_vec()].concat()
    }
}

/// The verb of a command line and what stands behind it.
fn parts(line: &[u8]) -> (&[u8], &[u8]) {
    let space = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (verb, argument) = line.split_at(space);
    (verb, argument.get(1..).unwrap_or_default())
}

/// The part of an argument that names a file; it stands at the end.
fn names(verb: Option<Verb>, argument: &[u8]) -> Option<&[u8]> {
    let Some(verb) = verb else { return Some(argument) };
    let words = |skip: usize| {
        let mut rest = argument;
        for _ in 0..skip {
            let space = rest.iter().position(|byte| *byte == b' ')?;
            rest = rest.get(space + 1..)?.trim_ascii_start();
        }
        Some(rest)
    };
    match verb {
        // These have a mode, a group or a time before the name.
        Verb::Site if has_word_before_name(argument) => words(2).or_else(|| words(1)),
        Verb::Site => words(1),
        Verb::Mfmt | Verb::Mfct | Verb::Mff => words(1),
        _ => match verb.row().argument {
            Argument::Path | Argument::OptionalPath => Some(argument),
            // Letters behind a dash are options.
            Argument::Listing if argument.starts_with(b"-") => words(1),
            Argument::Listing => Some(argument),
            Argument::Nothing
            | Argument::Secret
            | Argument::Text
            | Argument::OptionalText
            | Argument::Number
            | Argument::Code(_) => None,
        },
    }
}

fn has_word_before_name(argument: &[u8]) -> bool {
    [b"CHMOD ".as_slice(), b"CHGRP ", b"UTIME "]
        .iter()
        .any(|site| argument.get(..site.len()).is_some_and(|head| head.eq_ignore_ascii_case(site)))
}

fn is_slash(byte: &u8) -> bool {
    *byte == b'/'
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(is_slash).filter(|part| is_name(part))
}

fn is_name(part: &[u8]) -> bool {
    !matches!(part, b"" | b"." | b".." | b"~" | b"*")
        && ![b"name-", b"user-"].iter().any(|kind| part.starts_with(*kind))
}

/// Whether it names nobody: it is a guest's name, or there is none.
fn is_guest(name: &[u8]) -> bool {
    let name = name.trim_ascii();
    let guests = [b"anonymous".as_slice(), b"ftp"];
    name.is_empty() || guests.iter().any(|guest| name.eq_ignore_ascii_case(guest))
}

/// The number of a name, from 1.
fn number(known: &mut Vec<Vec<u8>>, name: &[u8]) -> usize {
    if let Some(at) = known.iter().position(|one| one == name) {
        return at + 1;
    }
    if known.len() < MAX_NAMES {
        known.push(name.to_vec());
    }
    known.len()
}

fn pseudonym(kind: &str, number: usize) -> Vec<u8> {
    format!("{kind}-{number}").into_bytes()
}

/// The text with numbers in place of names: a long one wherever it stands, a short one where it is a word.
fn replaced(text: &[u8], kind: &str, names: &[Vec<u8>]) -> Vec<u8> {
    // One may be part of another.
    let mut order: Vec<(usize, &Vec<u8>)> = names.iter().enumerate().collect();
    order.sort_by_key(|(_, name)| std::cmp::Reverse(name.len()));
    let is_part = |at: Option<&u8>| at.is_some_and(u8::is_ascii_alphanumeric);
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let is_it = |(_, name): &&(usize, &Vec<u8>)| {
            let end = at + name.len();
            let before = at.checked_sub(1).and_then(|before| text.get(before));
            let is_word = !is_part(before) && before != Some(&b'-') && !is_part(text.get(end));
            let head = rest.get(..name.len());
            (name.len() >= LONG || is_word)
                && head.is_some_and(|head| head.eq_ignore_ascii_case(name))
        };
        match order.iter().find(is_it) {
            Some((no, name)) => {
                out.extend(pseudonym(kind, no + 1));
                at += name.len();
            }
            None => {
                out.extend(rest.first());
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acks::with_acks;
    use crate::row::{Ports, Provenance};
    use wharf_proto::tap::Party;

    fn row(packet: Packet, verb: Option<Verb>, label: &str) -> Row {
        let from = if packet == Packet::Command { Party::Client } else { Party::Server };
        Row {
            no: 0,
            at: None,
            channel: Channel::Control,
            from,
            ports: Ports::default(),
            packet,
            verb,
            names: None,
            more: None,
            label: Text::from(label),
            provenance: Provenance::Seen,
            tls: false,
            wire: None,
        }
    }

    fn hidden(hide: Hide, said: &[(&str, &str)]) -> Vec<String> {
        let mut rows = Vec::new();
        for (command, reply) in said {
            let verb = Verb::named(command.split(' ').next().unwrap().as_bytes());
            rows.push(row(Packet::Command, verb, command));
            rows.push(row(Packet::Reply(reply[..3].parse().unwrap()), verb, reply));
        }
        let rows: Vec<Row> =
            with_acks(&rows).into_iter().filter(|row| !row.is_bare_ack()).collect();
        let mut scene = Scene::of(1, &rows, None, Vec::new());
        scene.hide(hide);
        scene.steps.iter().map(|step| step.row.label.to_string()).collect()
    }

    const BOTH: Hide = Hide { users: true, names: true };

    #[test]
    fn a_name_has_the_same_number_wherever_it_is_said() {
        let said = [
            ("USER ann", "331 Password of ann?"),
            ("CWD /users/ann/taxes", "250 OK. Current directory is /users/ann/taxes"),
            ("PWD", "257 \"/users/ann/taxes\" is where you are"),
            ("STOR taxes 2024.xlsx", "150 Opening TAXES 2024.xlsx (12 bytes)"),
            ("RETR notes", "550 /srv/ftp/notes: No such file"),
        ];
        assert_eq!(
            hidden(BOTH, &said),
            [
                "USER user-1",
                "331 Password of user-1?",
                "CWD /name-1/user-1/name-2",
                "250 OK. Current directory is /name-1/user-1/name-2",
                "PWD",
                "257 \"/name-1/user-1/name-2\" is where you are",
                "STOR name-3",
                "150 Opening name-3 (12 bytes)",
                "RETR name-4",
                "550 /name-5/name-6/name-4: No such file",
            ]
        );
    }

    #[test]
    fn what_is_no_name_stays() {
        let said = [
            ("USER ", "501 (what?)"),
            ("USER anonymous", "230 Guest"),
            ("LIST -la", "226-Options: -a -l"),
            ("RETR a", "226 0.003 seconds (measured here), 2.31 Mbytes/sec, 12/31/2024"),
            ("XYZ b", "500 'XYZ': not understood"),
        ];
        let want = [
            "USER ",
            "501 (what?)",
            "USER anonymous",
            "230 Guest",
            "LIST -la",
            "226-Options: -a -l",
            "RETR name-1",
            "226 0.003 seconds (measured here), 2.31 Mbytes/sec, 12/31/2024",
            "XYZ name-2",
            "500 'XYZ': not understood",
        ];
        assert_eq!(hidden(BOTH, &said), want);
        let users = Hide { users: true, names: false };
        assert_eq!(hidden(users, &[("RETR a", "226 a")]), ["RETR a", "226 a"]);
        assert_eq!(hidden(Hide::default(), &[("USER ann", "230 ann")]), ["USER ann", "230 ann"]);
    }
}
