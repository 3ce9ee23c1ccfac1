//! The languages that replies (RFC 2640 section 4) and the words beside a ladder are in.

/// A language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English, which every session begins with.
    #[default]
    En,
    /// Japanese, in UTF-8.
    Ja,
}

impl Lang {
    /// The language of a tag of RFC 5646, by its first part: `ja`, `ja-JP`.
    pub fn tagged(tag: &[u8]) -> Option<Self> {
        let first = tag.split(|byte| *byte == b'-').next().unwrap_or_default();
        match first.to_ascii_lowercase().as_slice() {
            b"en" => Some(Self::En),
            b"ja" => Some(Self::Ja),
            _ => None,
        }
    }

    /// Its tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "EN",
            Self::Ja => "JA",
        }
    }

    /// What is said in this language, of the same in both.
    #[must_use]
    pub fn of<T>(self, en: T, ja: T) -> T {
        match self {
            Self::En => en,
            Self::Ja => ja,
        }
    }
}
