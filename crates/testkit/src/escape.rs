//! Bytes as a person writes them in a text file, and back.
//!
//! Printable ASCII and Japanese stand for themselves; everything else is escaped, so that nothing in a file
//! of these depends on how an editor treats line ends, or shows what cannot be seen.

/// Writes bytes as text: a backslash doubled, `\0`, `\r`, `\n`, and `\xNN` for what else cannot stand for
/// itself.
///
/// ```
/// assert_eq!(wharf_testkit::escape::escape(b"a b\xff\r\n"), "a b\\xff\\r\\n");
/// assert_eq!(wharf_testkit::escape::escape("港。é".as_bytes()), "港。\\xc3\\xa9");
/// ```
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\\' => out.push_str("\\\\"),
                '\0' => out.push_str("\\0"),
                '\r' => out.push_str("\\r"),
                '\n' => out.push_str("\\n"),
                ' '..='~' => out.push(letter),
                _ if is_japanese(letter) => out.push(letter),
                _ => put_hex(&mut out, letter.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        put_hex(&mut out, chunk.invalid());
    }
    out
}

fn is_japanese(letter: char) -> bool {
    matches!(letter, '\u{3001}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '（' | '）' | '：')
}

fn put_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        out.push_str(&format!("\\x{byte:02x}"));
    }
}

/// Reads what [`escape`] writes, and `\{text*count}` for a text that stands there many times.
///
/// ```
/// assert_eq!(wharf_testkit::escape::unescape("\\{ab*3}\\0")?, b"ababab\0");
/// # Ok::<(), String>(())
/// ```
///
/// # Errors
/// A sentence for whoever wrote the text.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        rest = take_escape(&rest[at + 1..], &mut out)
            .ok_or_else(|| format!("no such escape: {}", &rest[at..]))?;
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

/// Appends what the text behind a backslash stands for, and gives the text behind that.
fn take_escape<'a>(text: &'a str, out: &mut Vec<u8>) -> Option<&'a str> {
    let (letter, rest) = text.split_at_checked(1)?;
    match letter {
        "\\" => out.push(b'\\'),
        "0" => out.push(0),
        "r" => out.push(b'\r'),
        "n" => out.push(b'\n'),
        "x" => {
            let (digits, rest) = rest.split_at_checked(2)?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
            return Some(rest);
        }
        "{" => {
            let (inside, rest) = rest.split_once('}')?;
            let (word, count) = inside.rsplit_once('*')?;
            out.extend(word.repeat(count.parse().ok()?).into_bytes());
            return Some(rest);
        }
        _ => return None,
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unescape(&escape(&all)), Ok(all));
    }

    #[test]
    fn a_broken_escape_is_an_error() {
        for text in ["\\", "\\q", "\\x1", "\\xzz", "\\{a}", "\\{a*", "\\{a*b}", "\\\u{e9}"] {
            assert!(unescape(text).is_err(), "{text}");
        }
    }
}
