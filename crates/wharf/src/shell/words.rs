//! A line of the shell, cut into words.
//!
//! Words are bytes, as names are. Quotes keep spaces, a backslash takes the next character as it is, and
//! `\xNN` and `\u{N}` are what they look like: a name can be typed as a listing shows it. They end at the first bar that is
//! not quoted: what is behind it is a program of the system's shell, which has words and quotes of its own.

use std::iter::Peekable;
use std::str::Chars;

use wharf_proto::Text;

/// Why a line cannot be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WordError {
    /// A quote that does not end.
    #[error("a quote is not closed")]
    OpenQuote,
    /// A backslash with something unknown behind it.
    #[error("a backslash with nothing sensible behind it")]
    BadEscape,
}

/// Cuts a line.
pub(crate) fn split(line: &str) -> Result<Vec<Text>, WordError> {
    let mut words = Vec::new();
    let mut rest = line.chars().peekable();
    loop {
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        if rest.peek().is_none() {
            return Ok(words);
        }
        words.push(word(&mut rest)?.into());
    }
}

/// The name of the command in a line, and what stands behind it as it was typed. Behind `!` no space is needed.
pub(crate) fn head(line: &str) -> (&str, &str) {
    let line = line.trim_start();
    let end = if line.starts_with('!') { Some(1) } else { line.find(char::is_whitespace) };
    let (name, rest) = line.split_at(end.unwrap_or(line.len()));
    (name, rest.trim_start())
}

/// The line without the spaces around it that belong to no word.
pub(crate) fn trimmed(line: &str) -> &str {
    let last = marked(line).filter(|(_, c, is_plain)| !(*is_plain && c.is_whitespace())).last();
    line[..last.map_or(0, |(at, c, _)| at + c.len_utf8())].trim_start()
}

/// The line without the `&` that ends it as a word of its own, and whether there was one. Whoever means a name writes
/// `\&`.
pub(crate) fn without_ampersand(line: &str) -> (&str, bool) {
    let line = trimmed(line);
    match &line[last_word(line)..] {
        "&" => (trimmed(&line[..line.len() - 1]), true),
        _ => (line, false),
    }
}

/// Where the last word of a line begins, which may be unfinished or empty.
pub(crate) fn last_word(line: &str) -> usize {
    let space = marked(line).filter(|(_, c, is_plain)| *is_plain && c.is_whitespace()).last();
    space.map_or(0, |(at, c, _)| at + c.len_utf8())
}

/// What stands before the first bar that is not quoted, and what is behind it, to the end of the line. Whoever means a name
/// writes `\|`.
pub(crate) fn before_bar(line: &str) -> (&str, Option<&str>) {
    match marked(line).find(|(_, c, is_plain)| *is_plain && *c == '|') {
        Some((at, ..)) => (&line[..at], Some(line[at + 1..].trim_start())),
        None => (line, None),
    }
}

/// The characters of a line, each with its place and whether it is plain: within no quotes, and behind no backslash.
fn marked(line: &str) -> impl Iterator<Item = (usize, char, bool)> {
    let (mut quote, mut is_escaped) = (None, false);
    line.char_indices().map(move |(at, c)| {
        let was_escaped = std::mem::take(&mut is_escaped);
        let is_plain = quote.is_none() && !was_escaped;
        match c {
            _ if was_escaped => {}
            '\\' if quote != Some('\'') => is_escaped = true,
            _ if quote == Some(c) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(c),
            _ => {}
        }
        (at, c, is_plain)
    })
}

/// What a word that may be unfinished stands for, if it can become one.
pub(crate) fn unquoted(begun: &str) -> Option<Vec<u8>> {
    let words = ["", "\"", "'"].iter().find_map(|end| split(&format!("{begun}{end}")).ok())?;
    Some(words.into_iter().next().unwrap_or_default().into_bytes())
}

/// A word that [`split`] reads as these bytes.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let mut word = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                ' ' | '"' | '\'' | '\\' | '|' | '&' => word.extend(['\\', c]),
                c if c.is_control() || c.is_whitespace() => word.extend(c.escape_unicode()),
                c => word.push(c),
            }
        }
        for byte in chunk.invalid() {
            word.push_str(&format!("\\x{byte:02x}"));
        }
    }
    word
}

fn word(rest: &mut Peekable<Chars<'_>>) -> Result<Vec<u8>, WordError> {
    let mut word = Vec::new();
    let mut quote = None;
    while let Some(c) = rest.next_if(|c| quote.is_some() || !c.is_whitespace()) {
        match c {
            _ if quote == Some(c) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(c),
            '\\' if quote != Some('\'') => escape(rest, &mut word)?,
            _ => push(&mut word, c),
        }
    }
    if quote.is_some() { Err(WordError::OpenQuote) } else { Ok(word) }
}

fn escape(rest: &mut Peekable<Chars<'_>>, word: &mut Vec<u8>) -> Result<(), WordError> {
    match rest.next() {
        Some('x') => {
            let digits: String = rest.by_ref().take(2).collect();
            let byte = u8::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 2);
            word.push(byte.ok_or(WordError::BadEscape)?);
        }
        Some('u') if rest.next_if_eq(&'{').is_some() => {
            let digits: String = rest.by_ref().take_while(|c| *c != '}').take(8).collect();
            let c = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
            push(word, c.ok_or(WordError::BadEscape)?);
        }
        Some(c) if !c.is_alphanumeric() => push(word, c),
        Some(_) | None => return Err(WordError::BadEscape),
    }
    Ok(())
}

fn push(word: &mut Vec<u8>, c: char) {
    word.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Vec<u8>> {
        let words = split(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        words.into_iter().map(Text::into_bytes).collect()
    }

    #[test]
    fn what_is_quoted_for_a_line_is_read_as_the_same_word() {
        for name in [
            &b"a"[..],
            b"a b",
            b"it's \"so\"",
            b"a\\b",
            b"\xE9\xFF x",
            b"a\tb\x1b",
            "日本 é".as_bytes(),
            b"#x",
            b"a|b",
            b"&",
        ] {
            let line = format!("get {} y", quoted(name));
            assert_eq!(before_bar(&line).1, None, "{line}");
            assert_eq!(split(&line).unwrap()[1].as_bytes(), name, "{line}");
        }
    }

    #[test]
    fn the_last_word_of_a_line_may_be_open() {
        for (line, start, word) in [
            ("", 0, ""),
            ("ge", 0, "ge"),
            ("get ", 4, ""),
            ("get a\\ b", 4, "a b"),
            ("get \"a b", 4, "a b"),
            ("get 'a b' c", 10, "c"),
        ] {
            assert_eq!(last_word(line), start, "{line}");
            assert_eq!(unquoted(&line[start..]).as_deref(), Some(word.as_bytes()), "{line}");
        }
        assert_eq!(unquoted(r"\d"), None);
    }

    #[test]
    fn words_end_at_the_first_bar_that_is_not_quoted_and_what_is_behind_it_stays_as_it_is() {
        for (line, before, program) in [
            ("a |sed 's/\\d//' | sort", "a ", Some("sed 's/\\d//' | sort")),
            ("a|less", "a", Some("less")),
            ("a |", "a ", Some("")),
            (r#"'a|b' "c|d" e\|f"#, r#"'a|b' "c|d" e\|f"#, None),
            ("a", "a", None),
        ] {
            assert_eq!(before_bar(line), (before, program), "{line}");
        }
    }

    #[test]
    fn a_line_loses_the_spaces_around_it_and_none_of_a_name() {
        for (line, kept) in [
            ("  ls \t", "ls"),
            (r"get a\ ", r"get a\ "),
            (r"get a\  ", r"get a\ "),
            ("get 'a ", "get 'a "),
            ("  ", ""),
        ] {
            assert_eq!(trimmed(line), kept, "{line}");
        }
        assert_eq!(head(" get  a b"), ("get", "a b"));
        assert_eq!(head("!ls -l"), ("!", "ls -l"));
        assert_eq!(head("ls"), ("ls", ""));
    }

    #[test]
    fn an_ampersand_at_the_end_is_no_name_unless_it_is_quoted() {
        for line in ["get a &", "get a  & ", "&"] {
            assert!(without_ampersand(line).1, "{line}");
        }
        for line in ["get a&", "get a \\&", "get a '&'", "get \"a &", "get & a", ""] {
            assert_eq!(without_ampersand(line), (line, false));
        }
        assert_eq!(without_ampersand("mget *.txt &").0, "mget *.txt");
    }

    #[test]
    fn spaces_part_words_and_quotes_and_backslashes_keep_them() {
        assert_eq!(words("  get a  b\t"), [b"get", &b"a"[..], b"b"]);
        assert_eq!(words(r#"get "a b" 'c "d"' e\ f"#), [b"get", &b"a b"[..], b"c \"d\"", b"e f"]);
        assert_eq!(words(r#""" ''"#), [b"", b""]);
        assert_eq!(words("cd 日本"), [b"cd", "日本".as_bytes()]);
        assert!(words("   ").is_empty());
    }

    #[test]
    fn a_name_can_be_typed_as_a_listing_shows_it() {
        for name in [&b"a\xff\xfeb"[..], b"a\x1b[2J", "a\u{202e}b".as_bytes(), b"\xe9"] {
            let shown = Text::from(name).to_string();
            assert_eq!(words(&shown), [name], "{shown}");
        }
        assert_eq!(words(r"'\xff' a\\b"), [&br"\xff"[..], br"a\b"]);
    }

    #[test]
    fn open_quotes_and_unknown_escapes_are_refused() {
        assert_eq!(split("get \"a"), Err(WordError::OpenQuote));
        for line in [r"a\", r"\q", r"\x", r"\xf", r"\xzz", r"\u", r"\u{}", r"\u{110000}"] {
            assert_eq!(split(line), Err(WordError::BadEscape), "{line}");
        }
    }
}
