//! Patterns in the last name of a path, as `LIST *.txt` and `NLST` have them by habit (RFC 959 has none).
//!
//! `*` is any run of characters, `?` is one, `[a-z]` and `[!x]` are one of a class, a backslash takes the
//! next character as it is. There are no braces, no `**` and no patterns in folders: each would make the
//! work of one line grow without bound. Matching goes back to the last star alone, so a name of `n` bytes
//! costs at most `n` times the length of the pattern, which is capped.
//!
//! Patterns and names are bytes. Where they are UTF-8 a character is the unit, elsewhere one byte, so `?` is
//! one letter in a good name and one byte in a broken one. Folding of case, sorting and the budget of entries
//! are not done here.

use memchr::memrchr;

/// The longest pattern in bytes: no name is longer, so none needs one.
const PATTERN_CAP: usize = 255;

/// What a byte that is no part of a character counts from, so that it equals no character.
const BROKEN: u32 = 0x11_0000;

/// A pattern for one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Vec<Part>);

/// What one part of a pattern takes of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// This unit.
    One(u32),
    /// Any one unit.
    Any,
    /// Any run of units, an empty one too.
    Run,
    /// A unit of these ranges, or with `except` of none of them.
    Class { except: bool, ranges: Vec<(u32, u32)> },
}

impl Glob {
    /// Reads a pattern. `None` when nothing in it is one: no `*`, `?` or closed `[...]` without a backslash
    /// before it, or more than 255 bytes. Such a word is a plain name, to be taken as it stands, backslashes
    /// included.
    #[must_use]
    pub fn parse(pattern: &[u8]) -> Option<Self> {
        if pattern.len() > PATTERN_CAP {
            return None;
        }
        let mut parts = Vec::new();
        let mut rest = pattern;
        while let Some((part, after)) = next_part(rest) {
            // Two stars take what one takes.
            if part != Part::Run || parts.last() != Some(&Part::Run) {
                parts.push(part);
            }
            rest = after;
        }
        let plain = parts.iter().all(|part| matches!(part, Part::One(_)));
        (!plain).then_some(Self(parts))
    }

    /// Parts a path with a pattern in its last name into the folder (empty where there is no slash) and the
    /// pattern; `None` when the last name is plain. The folder is taken as it stands.
    #[must_use]
    pub fn split(path: &[u8]) -> Option<(&[u8], Self)> {
        let Some(slash) = memrchr(b'/', path) else {
            return Some((&[], Self::parse(path)?));
        };
        let glob = Self::parse(path.get(slash + 1..)?)?;
        // The slash is the folder's name only where the folder is the root.
        Some((path.get(..slash.max(1))?, glob))
    }

    /// Whether a name is of this pattern, from its first byte to its last. A dot at its start is matched by a
    /// dot alone, as shells do.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        self.search(name, || ())
    }

    /// [`Self::matches`], telling each step.
    fn search(&self, name: &[u8], mut step: impl FnMut()) -> bool {
        if name.first() == Some(&b'.') && self.0.first() != Some(&Part::One(u32::from(b'.'))) {
            return false;
        }
        let (mut parts, mut rest) = (self.0.as_slice(), name);
        // Behind the last star: the parts, and what was left of the name when they were tried.
        let mut retry: Option<(&[Part], &[u8])> = None;
        loop {
            step();
            match (parts.split_first(), unit(rest)) {
                (Some((Part::Run, [])), _) | (None, None) => return true,
                (Some((Part::Run, after)), _) => {
                    (parts, retry) = (after, Some((after, rest)));
                    continue;
                }
                (Some((part, after)), Some((unit, behind))) if part.takes(unit) => {
                    (parts, rest) = (after, behind);
                    continue;
                }
                _ => {}
            }
            // The last star takes one unit more. An earlier star need not: what it left was found already.
            let Some((after, from)) = retry else { return false };
            let Some((_, behind)) = unit(from) else { return false };
            (parts, rest, retry) = (after, behind, Some((after, behind)));
        }
    }
}

impl Part {
    fn takes(&self, unit: u32) -> bool {
        match self {
            Self::One(one) => *one == unit,
            Self::Any => true,
            Self::Run => false,
            Self::Class { except, ranges } => {
                ranges.iter().any(|&(low, high)| (low..=high).contains(&unit)) != *except
            }
        }
    }
}

/// The first part of a pattern and what is behind it.
fn next_part(pattern: &[u8]) -> Option<(Part, &[u8])> {
    let (&first, rest) = pattern.split_first()?;
    match first {
        b'*' => Some((Part::Run, rest)),
        b'?' => Some((Part::Any, rest)),
        b'[' => Some(class(rest).unwrap_or_else(|| (Part::One(first.into()), rest))),
        _ => escaped(pattern).map(|(unit, rest)| (Part::One(unit), rest)),
    }
}

/// The class behind a `[`, up to its `]`; without one the bracket is a plain character. A `]` that comes
/// first is a member, and so is a `-` that comes first or last.
fn class(pattern: &[u8]) -> Option<(Part, &[u8])> {
    let inside = pattern.strip_prefix(b"!").or_else(|| pattern.strip_prefix(b"^"));
    let (except, mut rest) = (inside.is_some(), inside.unwrap_or(pattern));
    let mut ranges = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(b"]")
            && !ranges.is_empty()
        {
            return Some((Part::Class { except, ranges }, after));
        }
        let (low, after) = escaped(rest)?;
        let high = after.strip_prefix(b"-").filter(|end| !end.starts_with(b"]")).and_then(escaped);
        let (high, after) = high.unwrap_or((low, after));
        ranges.push((low, high));
        rest = after;
    }
}

/// The first unit of a pattern, or the one behind a backslash; a backslash at the end is itself.
fn escaped(pattern: &[u8]) -> Option<(u32, &[u8])> {
    pattern.strip_prefix(b"\\").and_then(unit).or_else(|| unit(pattern))
}

/// The first character, or the first byte where there is none, and what is behind it.
fn unit(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let first = *bytes.first()?;
    let window = bytes.get(..4).unwrap_or(bytes);
    let character = window.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    let (unit, len) = match character {
        Some(character) => (u32::from(character), character.len_utf8()),
        None => (BROKEN + u32::from(first), 1),
    };
    Some((unit, bytes.get(len..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Glob::parse(pattern.as_bytes()).unwrap().matches(name.as_bytes())
    }

    #[test]
    fn names_are_matched_whole() {
        for (pattern, name, expected) in [
            ("*", "a", true),
            ("*", "", true),
            ("*.txt", "a.txt", true),
            ("*.txt", "a.txt2", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("**a**", "bab", true),
            ("?", "", false),
            ("*?", "", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn classes_are_of_ranges_and_members_or_of_all_others() {
        for (pattern, name, expected) in [
            ("[a-c]", "b", true),
            ("[a-c]", "d", false),
            ("[!a-c]", "d", true),
            ("[^a-c]", "b", false),
            ("[]x]", "]", true),
            ("[!]x]", "]", false),
            ("[a-]", "-", true),
            ("[-a]", "-", true),
            ("[z-a]", "m", false),
            ("[\\]]", "]", true),
            ("[a\\-c]", "b", false),
            ("[あ-ん]", "い", true),
            ("[*]", "*", true),
            ("[*]", "a", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_backslash_takes_the_next_character_as_it_is() {
        assert!(matches("\\**", "*a") && !matches("\\**", "a"));
        assert!(matches("*\\", "a\\") && !matches("*\\", "a"));
    }

    #[test]
    fn a_leading_dot_is_matched_by_a_dot_alone() {
        for pattern in ["*", "?a", "[.]a", "[!b]a", "*.a", "*a"] {
            assert!(!matches(pattern, ".a"), "{pattern}");
        }
        assert!(matches(".*", ".a") && matches("\\.?", ".a") && matches("*.a", "b.a"));
    }

    #[test]
    fn a_word_without_a_pattern_is_none() {
        for word in ["", "a.txt", "\\*", "a\\?b", "a[b", "a]", "\\[a]", "a\\", "{a,b}"] {
            assert_eq!(Glob::parse(word.as_bytes()), None, "{word}");
        }
        assert!(Glob::parse(&[b'*'; 255]).is_some() && Glob::parse(&[b'*'; 256]).is_none());
    }

    #[test]
    fn a_question_mark_is_a_character_or_a_broken_byte() {
        assert!(matches("?", "é") && matches("?", "日") && matches("?", "😀"));
        assert!(!matches("??", "é") && !matches("*??", "é"));
        assert!(Glob::parse(b"?\xE9?").unwrap().matches(b"\xE3\xE9\xE3"));
        assert!(Glob::parse(b"??").unwrap().matches(b"\xE3\x81"));
        assert!(Glob::parse(b"[\xE0-\xEF]").unwrap().matches(b"\xE9"));
        assert!(!Glob::parse(b"[\xE0-\xEF]").unwrap().matches("é".as_bytes()));
    }

    #[test]
    fn only_the_last_name_of_a_path_is_a_pattern() {
        let split = |path: &'static str| {
            Glob::split(path.as_bytes()).map(|(folder, _)| str::from_utf8(folder).unwrap())
        };
        assert_eq!(split("*.c"), Some(""));
        assert_eq!(split("/*.c"), Some("/"));
        assert_eq!(split("a/b/?"), Some("a/b"));
        assert_eq!(split("/a*/b?"), Some("/a*"));
        assert_eq!(split("/a*/b"), None);
        assert_eq!(split("a*/"), None);
        assert_eq!(split(""), None);
    }

    #[test]
    fn s09_many_stars_cost_no_more_than_the_name_times_the_pattern() {
        let mut pattern = b"*a".repeat(126);
        pattern.push(b'b');
        let name = vec![b'a'; 4096];
        let mut steps = 0;
        assert!(!Glob::parse(&pattern).unwrap().search(&name, || steps += 1));
        assert!(steps <= 2 * (pattern.len() + 1) * (name.len() + 1), "{steps}");
        // Here every star but the last is settled once, so it is far less.
        assert!(steps <= 4 * name.len(), "{steps}");
    }

    /// What the pattern means, tried in every way there is.
    fn naive(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], name) => name.is_empty(),
            (['*', after @ ..], name) => (0..=name.len()).any(|taken| naive(after, &name[taken..])),
            (['?', after @ ..], [_, rest @ ..]) => naive(after, rest),
            (['[', '!', low, '-', high, ']', after @ ..], [c, rest @ ..]) => {
                !(low..=high).contains(&c) && naive(after, rest)
            }
            (['\\', one, after @ ..] | [one, after @ ..], [c, rest @ ..]) => {
                one == c && naive(after, rest)
            }
            (_, []) => false,
        }
    }

    fn pattern() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[ab.é]",
            Just("*".into()),
            Just("?".into()),
            Just("[!a-b]".into()),
            Just("\\*".into())
        ];
        proptest::collection::vec(part, 0..8).prop_map(|parts: Vec<String>| parts.concat())
    }

    proptest! {
        #[test]
        fn a_match_is_what_every_way_of_trying_finds(pattern in pattern(), name in "[ab.é*]{0,8}") {
            let Some(glob) = Glob::parse(pattern.as_bytes()) else { return Ok(()) };
            let (parts, chars): (Vec<_>, Vec<_>) = (pattern.chars().collect(), name.chars().collect());
            let hidden = name.starts_with('.') && !pattern.starts_with('.');
            let expected = !hidden && naive(&parts, &chars);
            prop_assert_eq!(glob.matches(name.as_bytes()), expected);
        }

        #[test]
        fn any_bytes_are_matched_in_bounded_steps(pattern in any::<Vec<u8>>(), name in any::<Vec<u8>>()) {
            let Some(glob) = Glob::parse(&pattern) else { return Ok(()) };
            let mut steps = 0;
            let _ = glob.search(&name, || steps += 1);
            prop_assert!(steps <= 2 * (pattern.len() + 1) * (name.len() + 1));
        }
    }
}
