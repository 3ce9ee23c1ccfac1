//! The values of TYPE, STRU and MODE (RFC 959 sections 3.1, 3.4 and 4.1.2).
//!
//! Every value that the RFC defines can be said here; which of them a server carries out is the server's
//! business.

use crate::number::decimal;
use std::fmt;

/// Format control: how vertical movement in text is written (RFC 959 section 3.1.1.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// No vertical format control.
    #[default]
    NonPrint,
    /// Telnet format effectors.
    Telnet,
    /// Carriage control (ASA).
    Carriage,
}

/// How bytes on the data connection represent the file (RFC 959 section 3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text in NVT-ASCII, lines ended by CRLF.
    Ascii(Format),
    /// Text in EBCDIC, lines ended by NL.
    Ebcdic(Format),
    /// Bytes as they are.
    Image,
    /// Bytes of a local size, in bits.
    Local(u8),
}

impl Default for Type {
    /// RFC 959: ASCII Non-print.
    fn default() -> Self {
        Self::Ascii(Format::NonPrint)
    }
}

impl Type {
    /// Whether lines of text are translated on the way.
    pub fn is_text(self) -> bool {
        match self {
            Self::Ascii(_) | Self::Ebcdic(_) => true,
            Self::Image | Self::Local(_) => false,
        }
    }

    /// Parses what stands behind TYPE. `None` is a syntax error; a value that is well formed but not
    /// carried out anywhere here is still a `Type`.
    pub fn parse(argument: &[u8]) -> Option<Self> {
        let mut words = argument.split(|b| *b == b' ').filter(|word| !word.is_empty());
        let code = words.next()?;
        let second = words.next();
        if words.next().is_some() {
            return None;
        }
        match (code.to_ascii_uppercase().as_slice(), second) {
            (b"A", form) => Some(Self::Ascii(parse_format(form)?)),
            (b"E", form) => Some(Self::Ebcdic(parse_format(form)?)),
            (b"I", None) => Some(Self::Image),
            (b"L", Some(size)) => decimal(size).filter(|bits| *bits > 0).map(Self::Local),
            // Some clients write the size against the letter: `L8`.
            ([b'L', digits @ ..], None) if !digits.is_empty() => {
                Self::parse(&[b"L ", digits].concat())
            }
            _ => None,
        }
    }
}

fn parse_format(word: Option<&[u8]>) -> Option<Format> {
    match word.map(<[u8]>::to_ascii_uppercase).as_deref() {
        None | Some(b"N") => Some(Format::NonPrint),
        Some(b"T") => Some(Format::Telnet),
        Some(b"C") => Some(Format::Carriage),
        Some(_) => None,
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = |form: &Format| match form {
            Format::NonPrint => "",
            Format::Telnet => " T",
            Format::Carriage => " C",
        };
        match self {
            Self::Ascii(control) => write!(f, "A{}", form(control)),
            Self::Ebcdic(control) => write!(f, "E{}", form(control)),
            Self::Image => f.write_str("I"),
            Self::Local(bits) => write!(f, "L {bits}"),
        }
    }
}

/// The structure of a file (RFC 959 section 3.1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Structure {
    /// No internal structure.
    #[default]
    File,
    /// A sequence of records.
    Record,
    /// Numbered pages.
    Page,
}

impl Structure {
    /// Parses what stands behind STRU.
    pub fn parse(argument: &[u8]) -> Option<Self> {
        match argument.to_ascii_uppercase().as_slice() {
            b"F" => Some(Self::File),
            b"R" => Some(Self::Record),
            b"P" => Some(Self::Page),
            _ => None,
        }
    }
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "F",
            Self::Record => "R",
            Self::Page => "P",
        })
    }
}

/// How a transfer is framed on the data connection (RFC 959 section 3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// A stream; its end is the end of the connection.
    #[default]
    Stream,
    /// Blocks with headers.
    Block,
    /// Blocks with run compression.
    Compressed,
    /// Deflate, by usage.
    Deflate,
}

impl Mode {
    /// Parses what stands behind MODE.
    pub fn parse(argument: &[u8]) -> Option<Self> {
        match argument.to_ascii_uppercase().as_slice() {
            b"S" => Some(Self::Stream),
            b"B" => Some(Self::Block),
            b"C" => Some(Self::Compressed),
            b"Z" => Some(Self::Deflate),
            _ => None,
        }
    }
}

impl Mode {
    /// Whether a file ends in the data connection, and not with it.
    pub const fn is_framed(self) -> bool {
        match self {
            Self::Block | Self::Compressed => true,
            Self::Stream | Self::Deflate => false,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream => "S",
            Self::Block => "B",
            Self::Compressed => "C",
            Self::Deflate => "Z",
        })
    }
}

/// The three parameters of a transfer together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Representation {
    /// TYPE.
    pub kind: Type,
    /// STRU.
    pub structure: Structure,
    /// MODE.
    pub mode: Mode,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_prints_as_it_is_parsed() {
        for text in ["A", "A T", "A C", "E", "E T", "E C", "I", "L 8", "L 36"] {
            assert_eq!(Type::parse(text.as_bytes()).unwrap().to_string(), text);
        }
        assert_eq!(Type::parse(b"a n"), Some(Type::Ascii(Format::NonPrint)));
        assert_eq!(Type::parse(b"L8"), Some(Type::Local(8)));
    }

    #[test]
    fn a_malformed_type_is_a_syntax_error() {
        for text in ["", "X", "A X", "I 8", "L", "L 0", "L -1", "L +8", "L 256", "A N N", "\u{0}"] {
            assert_eq!(Type::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn structures_and_modes_print_as_they_are_parsed() {
        for text in ["F", "R", "P"] {
            assert_eq!(Structure::parse(text.as_bytes()).unwrap().to_string(), text);
        }
        for text in ["S", "B", "C", "Z"] {
            assert_eq!(Mode::parse(text.as_bytes()).unwrap().to_string(), text);
        }
        assert_eq!(Mode::parse(b"SS"), None);
    }
}
