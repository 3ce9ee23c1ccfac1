//! The facts that we write, the set of them that a session wants, and the letters of one of them (RFC 3659 section 7.5).
//!
//! Which set a session has (OPTS MLST) is kept by the session, not here.

/// The letters of the `perm` fact (RFC 3659 section 7.5.5), in the order in which they are written.
const LETTERS: &[u8] = b"acdeflmprw";

/// A fact that we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fact {
    /// File, folder or what else (RFC 3659 section 7.5.1).
    Type,
    /// Size of a file in bytes (section 7.5.7).
    Size,
    /// Time of the last modification, in whole seconds (section 7.5.3).
    Modify,
    /// Time of the making, in whole seconds (section 7.5.4).
    Create,
    /// What the user may do (section 7.5.5).
    Perm,
    /// What the file can be recognised by (section 7.5.2).
    Unique,
    /// Permission bits in octal; this and the next two are customs of Unix servers.
    UnixMode,
    /// Name or number of the owner.
    UnixOwner,
    /// Name or number of the group.
    UnixGroup,
    /// Media type of a file (section 7.5.9).
    MediaType,
    /// Charset of a file's text (section 7.5.8).
    Charset,
    /// Language of a file's text (section 7.5.6).
    Lang,
}

impl Fact {
    /// The fact of this name, in any case.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|fact| name.eq_ignore_ascii_case(fact.name().as_bytes()))
    }

    /// All of them, in the order of a row.
    pub const ALL: [Self; 12] = [
        Self::Type,
        Self::Size,
        Self::Modify,
        Self::Create,
        Self::Perm,
        Self::Unique,
        Self::UnixMode,
        Self::UnixOwner,
        Self::UnixGroup,
        Self::MediaType,
        Self::Charset,
        Self::Lang,
    ];

    /// The name as we write it; case has no meaning in it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Size => "size",
            Self::Modify => "modify",
            Self::Create => "create",
            Self::Perm => "perm",
            Self::Unique => "unique",
            Self::UnixMode => "UNIX.mode",
            Self::UnixOwner => "UNIX.owner",
            Self::UnixGroup => "UNIX.group",
            Self::MediaType => "media-type",
            Self::Charset => "charset",
            Self::Lang => "lang",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// The facts that a session wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FactSet(u16);

impl FactSet {
    /// No fact: rows are a space and a name.
    pub const NONE: Self = Self(0);
    /// Every fact that we know.
    pub const ALL: Self = Self((1 << Fact::ALL.len()) - 1);
    /// Those that cost more to find out than what every listing tells.
    const DETAILS: Self = Self::NONE
        .with(Fact::UnixOwner)
        .with(Fact::UnixGroup)
        .with(Fact::MediaType)
        .with(Fact::Charset)
        .with(Fact::Lang);
    /// What a session has that did not choose: all but those and the time of the making.
    pub const DEFAULT: Self = Self(Self::ALL.0 & !Self::DETAILS.0).without(Fact::Create);

    /// Whether a fact is in the set that costs more to find out than what every listing tells.
    #[must_use]
    pub const fn has_details(self) -> bool {
        self.0 & Self::DETAILS.0 != 0
    }

    /// Reads the facts of `OPTS MLST type;size;` (RFC 3659 section 7.9). Unknown ones are passed
    /// over, as the RFC wants it; no fact at all is a choice as well.
    #[must_use]
    pub fn parse_opts(facts: &[u8]) -> Self {
        let asked = |fact: &Fact| {
            let mut names = facts.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            names.any(|name| name.eq_ignore_ascii_case(fact.name().as_bytes()))
        };
        Fact::ALL.into_iter().filter(asked).fold(Self::NONE, Self::with)
    }

    /// The set with one more fact.
    #[must_use]
    pub const fn with(self, fact: Fact) -> Self {
        Self(self.0 | fact.bit())
    }

    /// The set with one fact less.
    #[must_use]
    pub const fn without(self, fact: Fact) -> Self {
        Self(self.0 & !fact.bit())
    }

    /// Whether the fact is in the set.
    #[must_use]
    pub const fn contains(self, fact: Fact) -> bool {
        self.0 & fact.bit() != 0
    }

    /// The facts of the set, each with a semicolon, for the reply to OPTS: `type;size;`.
    #[must_use]
    pub fn print_opts(self) -> String {
        let chosen = Fact::ALL.into_iter().filter(|&fact| self.contains(fact));
        chosen.flat_map(|fact| [fact.name(), ";"]).collect()
    }

    /// All facts that there are, those of the set with an asterisk, for the line of FEAT (RFC 3659
    /// section 7.8): `type*;size*;UNIX.owner;`.
    #[must_use]
    pub fn print_feat(self) -> String {
        let mark = |fact| if self.contains(fact) { "*;" } else { ";" };
        Fact::ALL.into_iter().flat_map(|fact| [fact.name(), mark(fact)]).collect()
    }
}

impl Default for FactSet {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What the user may do with an entry, by the letters of RFC 3659 section 7.5.5: `a` append, `c` create
/// in it, `d` delete, `e` enter, `f` rename, `l` list, `m` make folders in it, `p` delete things in it,
/// `r` retrieve, `w` store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u32);

impl Permissions {
    /// The permissions of these letters, in any case; other bytes are passed over.
    #[must_use]
    pub const fn of(letters: &[u8]) -> Self {
        let (mut bits, mut nth) = (0, 0);
        while nth < letters.len() {
            bits |= Self::bit(letters[nth]);
            nth += 1;
        }
        Self(bits)
    }

    /// Whether the thing of this letter may be done.
    #[must_use]
    pub const fn contains(self, letter: u8) -> bool {
        self.0 & Self::bit(letter) != 0
    }

    /// The letters in alphabetical order.
    pub fn letters(self) -> impl Iterator<Item = u8> {
        LETTERS.iter().copied().filter(move |&letter| self.contains(letter))
    }

    const fn bit(letter: u8) -> u32 {
        match letter.to_ascii_lowercase() {
            letter @ (b'a' | b'c'..=b'f' | b'l' | b'm' | b'p' | b'r' | b'w') => {
                1 << (letter - b'a')
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opts_choose_known_facts_in_any_case_and_pass_over_others() {
        let facts = FactSet::parse_opts(b"Type;SIZE;Colour;unix.MODE;");
        assert_eq!(facts.print_opts(), "type;size;UNIX.mode;");
        assert_eq!(FactSet::parse_opts(b" type;modify"), FactSet::parse_opts(b"MODIFY;TYPE;"));
        assert_eq!(FactSet::parse_opts(b""), FactSet::NONE);
    }

    #[test]
    fn feat_marks_the_facts_of_the_set() {
        let feat = "type*;size*;modify*;create;perm*;unique*;UNIX.mode*;UNIX.owner;UNIX.group;\
                    media-type;charset;lang;";
        assert_eq!(FactSet::DEFAULT.print_feat(), feat);
        assert_eq!(Fact::ALL.into_iter().fold(FactSet::NONE, FactSet::with), FactSet::ALL);
    }

    #[test]
    fn permissions_are_letters_without_order() {
        let permissions = Permissions::of(b"wXrAb?");
        assert!(permissions.contains(b'a') && permissions.contains(b'W'));
        assert!(!permissions.contains(b'd') && !permissions.contains(b'x'));
        assert_eq!(permissions.letters().collect::<Vec<_>>(), b"arw");
        assert!(LETTERS.iter().all(|&letter| Permissions::bit(letter) != 0));
    }
}
