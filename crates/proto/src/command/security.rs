//! The arguments of the verbs of RFC 2228 and RFC 4217.

use crate::Text;

/// A security mechanism, named with AUTH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// `TLS`, or its old name `TLS-C`.
    Tls,
    /// `SSL` or `TLS-P`. Old drafts meant by it that the data connections are protected at once; RFC 4217 has no
    /// such thing, and the two are the same here.
    Ssl,
    /// Another one.
    Other(Text),
}

impl Mechanism {
    pub(super) fn parse(word: &[u8]) -> Option<Self> {
        match word.to_ascii_uppercase().as_slice() {
            b"" => None,
            b"TLS" | b"TLS-C" => Some(Self::Tls),
            b"SSL" | b"TLS-P" => Some(Self::Ssl),
            _ => Some(Self::Other(word.into())),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Tls => b"TLS",
            Self::Ssl => b"SSL",
            Self::Other(word) => word.as_bytes(),
        }
    }
}

/// How a data connection is protected, named with PROT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Level {
    /// `C`: not at all.
    Clear,
    /// `P`: against reading and changing; TLS.
    Private,
    /// `S`, `E`: against one of the two, which TLS has no form for.
    Half(u8),
    /// Another word.
    Other(Text),
}

impl Level {
    pub(super) fn parse(word: &[u8]) -> Option<Self> {
        match word.to_ascii_uppercase().as_slice() {
            b"" => None,
            b"C" => Some(Self::Clear),
            b"P" => Some(Self::Private),
            b"S" => Some(Self::Half(b'S')),
            b"E" => Some(Self::Half(b'E')),
            _ => Some(Self::Other(word.into())),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Clear => b"C",
            Self::Private => b"P",
            Self::Half(letter) => std::slice::from_ref(letter),
            Self::Other(word) => word.as_bytes(),
        }
    }
}

/// `ON`, `OFF`, or nothing, which asks how it is.
pub(super) fn parse_switch(word: &[u8]) -> Option<Option<bool>> {
    match word.to_ascii_uppercase().as_slice() {
        b"" => Some(None),
        b"ON" => Some(Some(true)),
        b"OFF" => Some(Some(false)),
        _ => None,
    }
}

pub(super) fn print_switch(switch: Option<bool>) -> Vec<u8> {
    match switch {
        None => Vec::new(),
        Some(true) => b"ON".to_vec(),
        Some(false) => b"OFF".to_vec(),
    }
}
