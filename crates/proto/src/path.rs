//! The place of a session in the user's tree: an absolute path whose names are bytes, and its quoted
//! form in 257 replies (RFC 959 Appendix II).
//!
//! All of it is lexical. What exists, what a link leads to and what may be reached is decided by
//! storage, which resolves every path beneath a handle again; a path from here merely cannot name
//! anything above the root.

use std::fmt::{self, Write};

use memchr::memchr;
use thiserror::Error;

/// Longest path in bytes.
const PATH_CAP: usize = 4096;
/// Longest name in bytes.
const NAME_CAP: usize = 255;

/// Why an argument is not a path.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathError {
    /// There is a NUL in it.
    #[error("NUL in a path")]
    Nul,
    /// The whole path is longer than 4096 bytes.
    #[error("path longer than 4096 bytes")]
    TooLong,
    /// One name is longer than 255 bytes.
    #[error("name longer than 255 bytes")]
    ComponentTooLong,
}

/// An absolute path: it begins with `/`, has no empty, `.` or `..` component, no NUL, and no slash at
/// its end unless it is the root.
///
/// Shown with `{}` it has control characters and bytes that are not UTF-8 written as `\xNN`, so that
/// no name can forge a line of a log or move a terminal's cursor; as bytes it is untouched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualPath(Vec<u8>);

impl VirtualPath {
    /// `/`.
    #[must_use]
    pub fn root() -> Self {
        Self(vec![b'/'])
    }

    /// The path that an argument names, seen from here: absolute when it begins with a slash, else
    /// relative. `.` and `..` are resolved by the text alone, `..` at the root stays there, repeated
    /// slashes are one.
    ///
    /// # Errors
    /// [`PathError`] for what no path may have.
    pub fn join(&self, argument: &[u8]) -> Result<Self, PathError> {
        if memchr(0, argument).is_some() {
            return Err(PathError::Nul);
        }
        let mut path = if argument.first() == Some(&b'/') { Self::root() } else { self.clone() };
        for component in argument.split(|&byte| byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => path.pop(),
                name if name.len() > NAME_CAP => return Err(PathError::ComponentTooLong),
                name => path.push(name),
            }
        }
        if path.0.len() > PATH_CAP { Err(PathError::TooLong) } else { Ok(path) }
    }

    /// The path above, the root for the root (CDUP).
    #[must_use]
    pub fn parent(&self) -> Self {
        let mut parent = self.clone();
        parent.pop();
        parent
    }

    /// The last name, `None` for the root.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        self.components().next_back()
    }

    /// The path as it is seen from `folder`, where it is that or beneath it: `/b` for `/a/b` from `/a`.
    #[must_use]
    pub fn beneath(&self, folder: &Self) -> Option<Self> {
        if folder.is_root() {
            return Some(self.clone());
        }
        match self.0.strip_prefix(folder.as_bytes())? {
            b"" => Some(Self::root()),
            rest if rest.starts_with(b"/") => Some(Self(rest.to_vec())),
            _ => None,
        }
    }

    /// Whether this is `/`.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.relative().is_empty()
    }

    /// The path as seen from the root, without a slash before it; empty for the root.
    #[must_use]
    pub fn relative(&self) -> &[u8] {
        self.0.strip_prefix(b"/").unwrap_or_default()
    }

    /// The whole path.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The names from the root downwards.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.relative().split(|&byte| byte == b'/').filter(|name| !name.is_empty())
    }

    /// The path as a 257 reply has it: in double quotes, those within doubled (RFC 959 Appendix II).
    #[must_use]
    pub fn quoted(&self) -> Vec<u8> {
        let mut quoted = Vec::with_capacity(self.0.len() + 2);
        quoted.push(b'"');
        for &byte in &self.0 {
            if byte == b'"' {
                quoted.push(b'"');
            }
            quoted.push(byte);
        }
        quoted.push(b'"');
        quoted
    }

    fn push(&mut self, name: &[u8]) {
        if !self.is_root() {
            self.0.push(b'/');
        }
        self.0.extend_from_slice(name);
    }

    fn pop(&mut self) {
        let slash = memchr::memrchr(b'/', &self.0).unwrap_or(0);
        self.0.truncate(slash.max(1));
    }
}

impl fmt::Display for VirtualPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() {
                    let mut bytes = [0; 4];
                    write_escaped(f, character.encode_utf8(&mut bytes).as_bytes())?;
                } else {
                    f.write_char(character)?;
                }
            }
            write_escaped(f, chunk.invalid())?;
        }
        Ok(())
    }
}

fn write_escaped(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02X}"))
}

/// Reads the path in the text of a 257 reply: from the first double quote to the next single one,
/// doubled ones within being one (RFC 959 Appendix II). `None` without an opening or a closing quote.
///
/// What comes out are the server's words, not a [`VirtualPath`]: other hosts have paths of other
/// shapes.
#[must_use]
pub fn parse_quoted(text: &[u8]) -> Option<Vec<u8>> {
    let open = memchr(b'"', text)?;
    let mut bytes = text.get(open + 1..)?.iter().copied().peekable();
    let mut path = Vec::new();
    loop {
        match bytes.next()? {
            b'"' if bytes.next_if_eq(&b'"').is_some() => path.push(b'"'),
            b'"' => return Some(path),
            byte => path.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &[u8]) -> VirtualPath {
        VirtualPath::root().join(text).unwrap()
    }

    #[test]
    fn arguments_are_joined_lexically() {
        for (from, argument, expected) in [
            ("/", "", "/"),
            ("/a/b", "", "/a/b"),
            ("/a/b", "c", "/a/b/c"),
            ("/a/b", "/c", "/c"),
            ("/a/b", "../c/./d/", "/a/c/d"),
            ("/a/b", "//c///d//", "/c/d"),
            ("/a/b", "/", "/"),
            ("/a", "...", "/a/..."),
            ("/a", " b ", "/a/ b "),
            ("/a", "..\\..\\b", "/a/..\\..\\b"),
            ("/a", "~", "/a/~"),
        ] {
            let joined = path(from.as_bytes()).join(argument.as_bytes()).unwrap();
            assert_eq!(joined.as_bytes(), expected.as_bytes(), "{from} + {argument}");
        }
    }

    #[test]
    fn s04_dot_dot_at_the_root_stays_at_the_root() {
        assert_eq!(path(b"../../../etc/passwd").as_bytes(), b"/etc/passwd");
        assert_eq!(path(b"a/../../..").as_bytes(), b"/");
        assert_eq!(VirtualPath::root().parent(), VirtualPath::root());
    }

    #[test]
    fn a_path_is_seen_from_a_folder_above_it_and_from_no_other() {
        for (whole, folder, expected) in [
            ("/a/b", "/", Some("/a/b")),
            ("/a/b", "/a", Some("/b")),
            ("/a/b", "/a/b", Some("/")),
            ("/a/b", "/a/b/c", None),
            ("/ab", "/a", None),
            ("/", "/a", None),
        ] {
            let seen = path(whole.as_bytes()).beneath(&path(folder.as_bytes()));
            assert_eq!(seen, expected.map(|seen| path(seen.as_bytes())), "{whole} from {folder}");
        }
    }

    #[test]
    fn nul_is_refused() {
        assert_eq!(VirtualPath::root().join(b"a\0b"), Err(PathError::Nul));
    }

    #[test]
    fn names_up_to_255_bytes_and_paths_up_to_4096_are_taken() {
        let name = [b'x'; 256];
        assert!(VirtualPath::root().join(&name[..255]).is_ok());
        assert_eq!(VirtualPath::root().join(&name), Err(PathError::ComponentTooLong));
        let deep = b"/1234567".repeat(512);
        assert_eq!(path(&deep).as_bytes().len(), 4096);
        assert_eq!(path(&deep).join(b"x"), Err(PathError::TooLong));
        assert!(path(&deep).join(b"../y").is_ok());
    }

    #[test]
    fn parts_of_a_path_are_found() {
        let three = path(b"/a/b c/d");
        assert_eq!(three.parent().as_bytes(), b"/a/b c");
        assert_eq!(three.name(), Some(&b"d"[..]));
        assert_eq!(three.relative(), b"a/b c/d");
        assert_eq!(three.components().collect::<Vec<_>>(), [&b"a"[..], b"b c", b"d"]);
        let root = VirtualPath::root();
        assert!(root.is_root() && !three.is_root());
        assert_eq!((root.name(), root.relative(), root.components().count()), (None, &b""[..], 0));
        assert_eq!(path(b"/a").parent(), root);
    }

    #[test]
    fn quotes_in_a_257_path_are_doubled() {
        assert_eq!(path(b"/a \"b\"").quoted(), b"\"/a \"\"b\"\"\"");
        let text = b"\"/a \"\"b\"\"\" is the current directory";
        assert_eq!(parse_quoted(text), Some(b"/a \"b\"".to_vec()));
    }

    #[test]
    fn reply_257_without_quotes_has_no_path() {
        assert_eq!(parse_quoted(b"/a is the current directory"), None);
        assert_eq!(parse_quoted(b"\"/a is the current directory"), None);
        assert_eq!(parse_quoted(b"now at \"\""), Some(Vec::new()));
    }

    #[test]
    fn a_path_is_shown_with_controls_and_foreign_bytes_escaped() {
        let shown = path(b"/a\r\n\x1B[2J/\xC3\xA9\xE9/\x7F\xC2\x85\\").to_string();
        assert_eq!(shown, "/a\\x0D\\x0A\\x1B[2J/\u{e9}\\xE9/\\x7F\\xC2\\x85\\");
    }

    /// Bytes folded to those with a meaning in paths.
    fn argument() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(b'/'), Just(b'.'), Just(b'"'), any::<u8>()];
        proptest::collection::vec(byte, 0..60)
    }

    proptest! {
        #[test]
        fn every_joined_path_keeps_the_invariants(first in argument(), second in argument()) {
            let from = VirtualPath::root().join(&first).unwrap_or_else(|_| VirtualPath::root());
            let Ok(joined) = from.join(&second) else {
                prop_assert!(second.contains(&0));
                return Ok(());
            };
            let bytes = joined.as_bytes();
            prop_assert!(bytes.starts_with(b"/") && !bytes.contains(&0));
            prop_assert!(joined.is_root() || !bytes.ends_with(b"/"));
            for name in joined.relative().split(|&byte| byte == b'/') {
                prop_assert!(joined.is_root() || ![&b""[..], b".", b".."].contains(&name));
            }
            prop_assert_eq!(VirtualPath::root().join(bytes), Ok(joined.clone()));
            prop_assert_eq!(parse_quoted(&joined.quoted()), Some(bytes.to_vec()));
            prop_assert!(!joined.to_string().chars().any(char::is_control));
        }
    }
}
