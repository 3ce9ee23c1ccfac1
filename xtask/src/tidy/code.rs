//! Rust source with everything that is not code blanked out: comments and literals become spaces.
//!
//! This is no parser. It knows where comments, strings and characters begin and end, which is what
//! it takes to ask whether a word is really used; line breaks stay, so line numbers do too.

/// The source with spaces where comments and literals were.
pub(super) fn only(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let (length, kept) = piece(rest, first);
        let (piece, tail) = rest.split_at(length);
        if kept {
            code.push_str(piece);
        } else {
            code.extend(piece.chars().map(|c| if c == '\n' { c } else { ' ' }));
        }
        rest = tail;
    }
    code
}

/// Whether the line has this word, whole: `unsafe_code` is not `unsafe`.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    line.split(|c| !is_word(c)).any(|found| found == word)
}

/// The length of the piece that the source starts with, and whether it is code.
fn piece(source: &str, first: char) -> (usize, bool) {
    if source.starts_with("//") {
        (source.find('\n').unwrap_or(source.len()), false)
    } else if source.starts_with("/*") {
        (block_comment(source), false)
    } else if first == '"' {
        (quoted(source, '"'), false)
    } else if first == '\'' {
        character(source).map_or((1, true), |length| (length, false))
    } else if is_word(first) {
        let word = source.find(|c| !is_word(c)).unwrap_or(source.len());
        match raw_string(&source[word..]) {
            Some(length) if matches!(&source[..word], "r" | "br" | "cr") => (word + length, false),
            _ => (word, true),
        }
    } else {
        (first.len_utf8(), true)
    }
}

/// The length of a block comment, which may hold others.
fn block_comment(source: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < source.len() {
        let here = &source.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    source.len()
}

/// The length of what stands between two quotes, the quotes included.
fn quoted(source: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in source.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + c.len_utf8();
        }
    }
    source.len()
}

/// The length of a character literal, or nothing if the apostrophe begins a lifetime.
fn character(source: &str) -> Option<usize> {
    let mut after = source.chars().skip(1);
    let escaped = after.next()? == '\\';
    (escaped || after.next()? == '\'').then(|| quoted(source, '\''))
}

/// The length of a raw string from its hashes on, or nothing if there is none.
fn raw_string(source: &str) -> Option<usize> {
    let hashes = source.bytes().take_while(|&byte| byte == b'#').count();
    let body = source[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(hashes + 1 + length)
}

/// Whether this belongs to a word.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left, white space apart.
    fn left(source: &str) -> String {
        only(source).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_go_and_nest() {
        assert_eq!(left("a // b\nc"), "a c");
        assert_eq!(left("a /* b /* c */ d */ e"), "a e");
        assert_eq!(left("a /* never closed"), "a");
    }

    #[test]
    fn strings_go_with_their_escapes_and_comment_signs() {
        assert_eq!(left(r#"f("a \" // b", c)"#), "f( , c)");
        assert_eq!(left(r###"f(r#"a " b"#, br"\", c)"###), "f( , , c)");
        assert_eq!(left("let r#type = b\"x\";"), "let r#type = b ;");
    }

    #[test]
    fn characters_go_and_lifetimes_stay() {
        assert_eq!(left(r"['a', '\'', '\u{7f}', '長', '/']"), "[ , , , , ]");
        assert_eq!(left("fn f<'a>(x: &'a str) // y"), "fn f<'a>(x: &'a str)");
        assert_eq!(left("x == '\"' // y\n&& z"), "x == && z");
    }

    #[test]
    fn lines_keep_their_numbers() {
        assert_eq!(only("/* a\nb */ c\n\"d\ne\" f").lines().nth(3), Some("   f"));
    }

    #[test]
    fn a_word_is_whole() {
        assert!(has_word("let x = unsafe { y };", "unsafe"));
        assert!(!has_word("#![forbid(unsafe_code)]", "unsafe"));
    }
}
