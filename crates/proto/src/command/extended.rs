//! Arguments with a grammar of their own: SITE, MFMT and MFF, HASH's relatives, COMB, RANG.
//!
//! None of these has an RFC; the forms are those that clients in use send.

use super::parse_number;
use crate::Text;
use crate::number::octal;
use crate::time::{Timestamp, parse_mdtm};

/// A hash function that FTP clients ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// CRC-32, as in zip.
    Crc32,
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// All of them, in the order in which FEAT lists them.
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512];

    /// The name that HASH knows (draft-bryan-ftpext-hash, after the IANA registry).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }

    /// The algorithm of this name, in any case.
    pub fn named(name: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().as_bytes().eq_ignore_ascii_case(name))
    }
}

/// A part of a file, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The first byte.
    pub start: u64,
    /// One behind the last byte; the end of the file, where nothing is said.
    pub end: Option<u64>,
}

/// What stands behind XCRC, XMD5, XSHA1, XSHA256 and XSHA512.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digested {
    /// The file.
    pub path: Text,
    /// The part of it.
    pub range: Range,
}

/// What stands behind SITE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// `HELP`.
    Help,
    /// `CHMOD mode path`.
    Chmod(u32, Text),
    /// `UTIME`, in either form: `YYYYMMDDhhmm[ss] path`, or `path atime mtime ctime UTC`.
    Utime(Timestamp, Text),
    /// `SYMLINK target link`.
    Symlink(Text, Text),
    /// `COPY from to`.
    Copy(Text, Text),
    /// `UMASK [mask]`.
    Umask(Option<u32>),
    /// `IDLE [seconds]`.
    Idle(Option<u64>),
    /// `MKDIR [-p] path`.
    Mkdir {
        /// With all its parents.
        parents: bool,
        /// The folder.
        path: Text,
    },
    /// `RMDIR [-r] path`.
    Rmdir {
        /// With all that is in it.
        all: bool,
        /// The folder.
        path: Text,
    },
    /// A word that is not known.
    Unknown(Text),
}

impl Site {
    /// Parses what stands behind SITE; `None` where a known word has a malformed argument.
    pub fn parse(argument: &[u8]) -> Option<Self> {
        let (word, rest) = split_word(argument);
        match word.to_ascii_uppercase().as_slice() {
            b"HELP" => Some(Self::Help),
            b"CHMOD" => {
                let (mode, path) = split_word(rest);
                Some(Self::Chmod(parse_mode(mode)?, non_empty(path)?))
            }
            b"UTIME" => parse_utime(rest),
            b"SYMLINK" => two_paths(rest).map(|(target, link)| Self::Symlink(target, link)),
            b"COPY" => two_paths(rest).map(|(from, to)| Self::Copy(from, to)),
            b"UMASK" if rest.is_empty() => Some(Self::Umask(None)),
            b"UMASK" => {
                parse_mode(rest).filter(|mask| *mask <= 0o777).map(|mask| Self::Umask(Some(mask)))
            }
            b"IDLE" if rest.is_empty() => Some(Self::Idle(None)),
            b"IDLE" => parse_number(rest).map(|seconds| Self::Idle(Some(seconds))),
            b"MKDIR" => {
                let (parents, path) = flag(rest, b"-p");
                Some(Self::Mkdir { parents, path: non_empty(path)? })
            }
            b"RMDIR" => {
                let (all, path) = flag(rest, b"-r");
                Some(Self::Rmdir { all, path: non_empty(path)? })
            }
            _ => Some(Self::Unknown(word.into())),
        }
    }

    /// What is printed behind SITE.
    pub(super) fn print(&self) -> Vec<u8> {
        let with = |words: &str, path: &Text| [words.as_bytes(), b" ", path.as_bytes()].concat();
        match self {
            Self::Help => b"HELP".to_vec(),
            Self::Chmod(mode, path) => with(&format!("CHMOD {mode:o}"), path),
            Self::Utime(time, path) => {
                with(&format!("UTIME {}", time.whole_seconds().print_mdtm()), path)
            }
            Self::Symlink(target, link) => {
                [b"SYMLINK ", quote(target).as_slice(), b" ", &quote(link)].concat()
            }
            Self::Copy(from, to) => [b"COPY ", quote(from).as_slice(), b" ", &quote(to)].concat(),
            Self::Umask(None) => b"UMASK".to_vec(),
            Self::Umask(Some(mask)) => format!("UMASK {mask:o}").into_bytes(),
            Self::Idle(None) => b"IDLE".to_vec(),
            Self::Idle(Some(seconds)) => format!("IDLE {seconds}").into_bytes(),
            Self::Mkdir { parents: true, path } => with("MKDIR -p", path),
            Self::Mkdir { parents: false, path } => with("MKDIR", path),
            Self::Rmdir { all: true, path } => with("RMDIR -r", path),
            Self::Rmdir { all: false, path } => with("RMDIR", path),
            Self::Unknown(word) => word.as_bytes().to_vec(),
        }
    }
}

/// `SITE UTIME` has two forms in use: of proftpd, the time first; of pure-ftpd, the path first and three
/// times behind it, the second of which counts.
fn parse_utime(rest: &[u8]) -> Option<Site> {
    let (first, path) = split_word(rest);
    if let Some(time) = parse_minutes(first) {
        return Some(Site::Utime(time, non_empty(path)?));
    }
    let utc = rest.len().checked_sub(4)?;
    let rest = rest[utc..].eq_ignore_ascii_case(b" UTC").then(|| &rest[..utc])?;
    let mut words = rest.rsplitn(4, |byte| *byte == b' ');
    let (_changed, modified, _read) = (words.next()?, words.next()?, words.next()?);
    Some(Site::Utime(parse_minutes(modified)?, non_empty(words.next()?)?))
}

/// A time as MDTM has it, or without its seconds.
fn parse_minutes(digits: &[u8]) -> Option<Timestamp> {
    match digits.len() {
        12 => parse_mdtm(&[digits, b"00"].concat()),
        _ => parse_mdtm(digits),
    }
}

/// `time path`, of MFMT and MFCT.
pub(super) fn parse_time_and_path(argument: &[u8]) -> Option<(Timestamp, Text)> {
    let (time, path) = split_word(argument);
    Some((parse_mdtm(time)?, non_empty(path)?))
}

/// `fact=value;fact=value; path`, of MFF.
pub(super) fn parse_facts_and_path(argument: &[u8]) -> Option<(Vec<(Text, Text)>, Text)> {
    let end = argument.windows(2).position(|pair| pair == b"; ")?;
    let (facts, path) = argument.split_at(end);
    let facts = facts.split(|byte| *byte == b';').map(|fact| {
        let equals = fact.iter().position(|byte| *byte == b'=')?;
        Some((Text::from(&fact[..equals]), Text::from(&fact[equals + 1..])))
    });
    Some((facts.collect::<Option<_>>()?, non_empty(&path[2..])?))
}

/// `path`, `"path"`, or `"path" start [end]`, of the X-hashes. Without quotes all of it is the path.
pub(super) fn parse_digested(argument: &[u8]) -> Option<Digested> {
    let Some((path, rest)) = unquote(argument) else {
        return Some(Digested { path: non_empty(argument)?, range: Range::default() });
    };
    let mut numbers =
        rest.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).map(parse_number);
    let start = numbers.next().unwrap_or(Some(0))?;
    let end = numbers.next().map_or(Some(None), |end| end.map(Some))?;
    numbers.next().is_none().then_some(Digested { path, range: Range { start, end } })
}

/// `start end`, both counted, of RANG; `1 0` takes it back.
pub(super) fn parse_range(argument: &[u8]) -> Option<Range> {
    let (start, end) = split_word(argument);
    match (parse_number(start)?, parse_number(end)?) {
        (1, 0) => Some(Range::default()),
        (start, end) => (start <= end).then_some(Range { start, end: Some(end.checked_add(1)?) }),
    }
}

/// Paths in quotes or without spaces, at least two, of COMB.
pub(super) fn parse_paths(argument: &[u8]) -> Option<Vec<Text>> {
    let mut paths = Vec::new();
    let mut rest = argument.trim_ascii();
    while !rest.is_empty() {
        let (path, behind) = match unquote(rest) {
            Some((path, behind)) => (path, behind),
            None => {
                let (word, behind) = split_word(rest);
                (Text::from(word), behind)
            }
        };
        paths.push(path);
        rest = behind.trim_ascii_start();
    }
    (paths.len() >= 2).then_some(paths)
}

impl Digested {
    pub(super) fn print(&self) -> Vec<u8> {
        match self.range {
            Range { start: 0, end: None } => self.path.as_bytes().to_vec(),
            Range { start, end } => {
                let end = end.map_or_else(String::new, |end| format!(" {end}"));
                [quote(&self.path), format!(" {start}{end}").into_bytes()].concat()
            }
        }
    }
}

pub(super) fn print_time_and_path(time: Timestamp, path: &Text) -> Vec<u8> {
    [time.print_mdtm().as_bytes(), b" ", path.as_bytes()].concat()
}

pub(super) fn print_facts_and_path(facts: &[(Text, Text)], path: &Text) -> Vec<u8> {
    let mut out = Vec::new();
    for (fact, value) in facts {
        out.extend_from_slice(&[fact.as_bytes(), b"=", value.as_bytes(), b";"].concat());
    }
    [out.as_slice(), b" ", path.as_bytes()].concat()
}

pub(super) fn print_range(range: Range) -> Vec<u8> {
    match range.end {
        None => b"1 0".to_vec(),
        Some(end) => format!("{} {}", range.start, end.saturating_sub(1)).into_bytes(),
    }
}

pub(super) fn print_paths(paths: &[Text]) -> Vec<u8> {
    paths.iter().map(quote).collect::<Vec<_>>().join(&b' ')
}

fn quote(path: &Text) -> Vec<u8> {
    let mut out = vec![b'"'];
    for byte in path.as_bytes() {
        out.extend_from_slice(if *byte == b'"' { b"\"\"" } else { std::slice::from_ref(byte) });
    }
    out.push(b'"');
    out
}

/// A path in quotes (inner ones doubled) and what is behind it.
fn unquote(text: &[u8]) -> Option<(Text, &[u8])> {
    let mut path = Vec::new();
    let mut rest = text.strip_prefix(b"\"")?;
    loop {
        let end = rest.iter().position(|byte| *byte == b'"')?;
        path.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(b"\"") {
            Some(behind) => {
                path.push(b'"');
                rest = behind;
            }
            None => return Some((Text::from(path), rest)),
        }
    }
}

/// Two paths: in quotes, or parted by the only space.
fn two_paths(argument: &[u8]) -> Option<(Text, Text)> {
    let mut paths = parse_paths(argument)?.into_iter();
    let pair = (paths.next()?, paths.next()?);
    (paths.next().is_none() && !pair.0.is_empty() && !pair.1.is_empty()).then_some(pair)
}

fn flag<'t>(argument: &'t [u8], flag: &[u8]) -> (bool, &'t [u8]) {
    match split_word(argument) {
        (word, rest) if word == flag => (true, rest),
        _ => (false, argument),
    }
}

fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.strip_prefix(b" ").unwrap_or_default())
}

fn non_empty(path: &[u8]) -> Option<Text> {
    (!path.is_empty()).then(|| path.into())
}

/// Permissions, with the three bits above them.
fn parse_mode(digits: &[u8]) -> Option<u32> {
    octal(digits).filter(|mode| *mode <= 0o7777)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(argument: &str) -> Option<Site> {
        Site::parse(argument.as_bytes())
    }

    #[test]
    fn both_forms_of_utime_are_the_same_command() {
        let time = Site::Utime(parse_mdtm(b"20261122130500").unwrap(), "a b".into());
        assert_eq!(site("UTIME 202611221305 a b"), Some(time.clone()));
        assert_eq!(site("utime 20261122130500 a b"), Some(time.clone()));
        assert_eq!(site("UTIME a b 20250101000000 20261122130500 20250101000000 UTC"), Some(time));
        assert_eq!(site("UTIME a b"), None);
    }

    #[test]
    fn site_words_print_as_they_are_parsed_and_bad_arguments_are_refused() {
        for text in [
            "HELP",
            "CHMOD 644 a b",
            "UMASK",
            "UMASK 22",
            "IDLE",
            "IDLE 60",
            "MKDIR -p a/b",
            "MKDIR a",
            "RMDIR -r a",
            "SYMLINK \"a b\" \"c\"",
            "COPY \"a\"\"b\" \"c\"",
        ] {
            assert_eq!(site(text).unwrap().print(), text.as_bytes(), "{text}");
        }
        for text in [
            "CHMOD 888 x",
            "CHMOD 644",
            "CHMOD +7 x",
            "CHMOD 77777 x",
            "UMASK x",
            "UMASK 1000",
            "IDLE -1",
            "MKDIR",
            "RMDIR -r",
            "SYMLINK a",
            "COPY a b c",
        ] {
            assert_eq!(site(text), None, "{text}");
        }
        assert_eq!(site("EXEC rm"), Some(Site::Unknown("EXEC".into())));
    }

    #[test]
    fn quoted_paths_may_have_a_range_behind_them_and_bare_ones_are_all_path() {
        let range = Range { start: 10, end: Some(20) };
        assert_eq!(parse_digested(b"\"a b\" 10 20"), Some(Digested { path: "a b".into(), range }));
        assert_eq!(parse_digested(b"a 10").unwrap().path, Text::from("a 10"));
        assert_eq!(parse_digested(b"\"a\" x"), None);
        assert_eq!(parse_digested(b"\"a\" 1 2 3"), None);
        assert_eq!(parse_digested(b""), None);
    }

    #[test]
    fn facts_are_parted_from_their_path_at_the_first_space() {
        let (facts, path) =
            parse_facts_and_path(b"modify=20260101000000;UNIX.mode=0640; a; b").unwrap();
        assert_eq!(facts[1], ("UNIX.mode".into(), "0640".into()));
        assert_eq!(path, Text::from("a; b"));
        assert_eq!(parse_facts_and_path(b"modify; x"), None);
        assert_eq!(parse_facts_and_path(b"modify=1"), None);
    }

    #[test]
    fn a_range_counts_both_ends_and_one_zero_takes_it_back() {
        assert_eq!(parse_range(b"0 9"), Some(Range { start: 0, end: Some(10) }));
        assert_eq!(parse_range(b"1 0"), Some(Range::default()));
        assert_eq!(parse_range(b"9 5"), None);
        assert_eq!(parse_range(b"5"), None);
    }
}
