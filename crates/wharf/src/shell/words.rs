//! A line of the shell, cut into words.
//!
//! Words are bytes, as names are. Quotes keep spaces, a backslash takes the next character as it is, and
//! `\xNN` and `\u{N}` are what they look like: a name can be typed as a listing shows it.

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

/// The line without the `&` that ends it as a word of its own, and whether there was one. Whoever means a name writes
/// `\&`.
pub(crate) fn without_ampersand(line: &str) -> (&str, bool) {
    let line = line.trim_end();
    match line.get(last_word(line)..) {
        Some("&") => (line[..line.len() - 1].trim_end(), true),
        _ => (line, false),
    }
}

/// Where the last word of a line begins, which may be unfinished or empty.
pub(crate) fn last_word(line: &str) -> usize {
    let (mut start, mut quote, mut escaped) = (0, None, false);
    for (at, c) in line.char_indices() {
        match c {
            _ if std::mem::take(&mut escaped) => {}
            '\\' if quote != Some('\'') => escaped = true,
            _ if quote == Some(c) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(c),
            _ if quote.is_none() && c.is_whitespace() => start = at + c.len_utf8(),
            _ => {}
        }
    }
    start
}

/// How many words stand before one that begins with a bar, and what is behind that, to the end of the line: a program, as the
/// system's shell is told it. Whoever means a name writes `./|`.
pub(crate) fn before_bar(line: &str) -> (usize, Option<&str>) {
    let mut bars = line.match_indices('|').map(|(at, _)| at);
    // One in the midst of a word, or within quotes, begins none.
    let bar = bars.find(|at| last_word(&line[..=*at]) == *at);
    let before = split(&line[..bar.unwrap_or(line.len())]).map_or(0, |words| words.len());
    (before, bar.map(|at| line[at + 1..].trim()))
}

/// What a word that may be unfinished stands for.
pub(crate) fn unquoted(begun: &str) -> Vec<u8> {
    let closed = ["", "\"", "'"].iter().find_map(|end| split(&format!("{begun}{end}")).ok());
    closed.and_then(|words| words.into_iter().next()).unwrap_or_default().into_bytes()
}

/// A word that [`split`] reads as these bytes.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let mut word = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                ' ' | '"' | '\'' | '\\' => word.extend(['\\', c]),
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
        ] {
            let line = format!("get {} y", quoted(name));
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
            assert_eq!(unquoted(&line[start..]), word.as_bytes(), "{line}");
        }
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
