//! Bytes that a peer wrote, made safe to show.
//!
//! FTP's names and words are bytes (RFC 2640 asks for UTF-8, old hosts send anything). Inside they stay
//! bytes; where a person reads them, control characters and broken UTF-8 are escaped, so that nothing a
//! peer sends can steer a terminal or forge a log line. This file does not decode legacy charsets.

use std::borrow::Cow;
use std::fmt;

/// Bytes of the control connection. `Display` and `Debug` escape whatever could steer a terminal.
///
/// ```
/// use wharf_proto::Text;
/// assert_eq!(Text::from(&b"a\x1b[2Jb\xff"[..]).to_string(), "a\\x1b[2Jb\\xff");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Cow<'static, [u8]>);

impl Text {
    /// Words of ours, which nothing is allocated for.
    pub const fn of(words: &'static str) -> Self {
        Self(Cow::Borrowed(words.as_bytes()))
    }

    /// The bytes as they came.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as they came, owned.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_owned()
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self(Cow::Owned(bytes.to_vec()))
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Cow::Owned(bytes))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_safe(f, &self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// A word that must never be shown: a password or an account.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the bytes of a password.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, for the one place that verifies or sends them.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Writes `bytes` so that a terminal or a log shows them and obeys none of them: C0 and C1 controls, DEL,
/// the bidirectional overrides and bytes that are not UTF-8 come out as `\xNN` or `\u{NNNN}`.
///
/// # Errors
/// Only those of the formatter.
pub fn write_safe(f: &mut impl fmt::Write, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                _ if u32::from(c) < 0x20 || u32::from(c) == 0x7f => {
                    write!(f, "\\x{:02x}", u32::from(c))?;
                }
                _ if steers(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                _ => f.write_char(c)?,
            }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

/// Whether a character above ASCII changes how a terminal shows the text around it, or shows nothing at all.
fn steers(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s19_control_characters_bidi_marks_and_broken_utf8_are_escaped_and_letters_kept() {
        let text = Text::from("é\r\n\u{9b}日本\u{202e}x");
        assert_eq!(text.to_string(), "é\\x0d\\x0a\\u{9b}日本\\u{202e}x");
        assert_eq!(Text::from(&[0xe3, 0x81][..]).to_string(), "\\xe3\\x81");
    }

    #[test]
    fn a_secret_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2".to_vec())), "Secret(…)");
    }
}
