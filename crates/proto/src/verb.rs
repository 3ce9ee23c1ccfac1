//! The verbs of FTP: one row each, in one table.
//!
//! Parser, dispatcher, HELP, FEAT, the client's expectations, the ladder's checks and the generated
//! `docs/COMMANDS.md` all read this table, so a verb means the same everywhere. Verbs that Wharf refuses
//! have a row too: whether 500 (no such verb) or 502 (known, not done) comes back is decided here. How an
//! argument is parsed is in `command.rs`; what a verb does is in `server/`.

mod table;

pub use table::VERBS;

/// A verb of FTP. The discriminant is the index of its row in [`VERBS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[rustfmt::skip]
#[expect(missing_docs, reason = "each is described by its row in the table")]
pub enum Verb {
    // RFC 959, section 4.1.1
    User, Pass, Acct, Cwd, Cdup, Smnt, Rein, Quit,
    // 4.1.2
    Port, Pasv, Type, Stru, Mode,
    // 4.1.3
    Retr, Stor, Stou, Appe, Allo, Rest, Rnfr, Rnto, Abor, Dele, Rmd, Mkd, Pwd, List, Nlst, Site,
    Syst, Stat, Help, Noop,
    // RFC 2228
    Auth, Adat, Pbsz, Prot, Ccc, Mic, Conf, Enc,
    // RFC 2389, 2428, 2640, 3659, 7151, and RFC 1639
    Feat, Opts, Eprt, Epsv, Lang, Mdtm, Size, Mlst, Mlsd, Host, Lprt, Lpsv,
    // drafts and usage without an RFC
    Mfmt, Mfct, Mff, Hash, Rang, Xcrc, Xmd5, Xsha1, Xsha256, Xsha512, Comb, Avbl, Dsiz, Csid, Clnt,
    Pret, Cpsv, Sscn,
}

/// What a verb expects behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Nothing; whatever comes is a syntax error.
    Nothing,
    /// A path, to the end of the line.
    Path,
    /// A path, or nothing for the current folder.
    OptionalPath,
    /// Listing flags (accepted, ignored) and a path, both optional.
    Listing,
    /// A password or account: never shown.
    Secret,
    /// Any text.
    Text,
    /// Any text, or nothing.
    OptionalText,
    /// A decimal number.
    Number,
    /// A parameter code with its own grammar, named for HELP.
    Code(&'static str),
}

/// What a session must have before the verb is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Nothing: allowed before login.
    Open,
    /// A login.
    Login,
    /// A login with this right.
    Right(Right),
}

/// A right of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// See names, sizes and times.
    List,
    /// Read what is in files.
    Read,
    /// Make and replace files.
    Write,
    /// Delete files and folders.
    Delete,
    /// Rename files and folders.
    Rename,
    /// Make folders.
    Folders,
}

/// Whether a verb opens a transfer, and which way its bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opens {
    /// No data connection.
    Nothing,
    /// Server to client.
    ToClient,
    /// Client to server.
    ToServer,
}

/// How far Wharf's server does a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Done,
    /// Known and refused with 502.
    Refused,
}

/// Where a verb belongs: the file that handles it, after RFC 959 section 4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Who the user is and where: `server/access.rs`.
    Access,
    /// How data will be transferred: `server/parameters.rs`.
    Parameters,
    /// Transfers: `server/transfer.rs`.
    Transfer,
    /// Files and folders: `server/files.rs`.
    Files,
    /// Information: `server/info.rs`.
    Info,
    /// What came after RFC 959, or is done by few: `server/extended.rs`.
    Extended,
    /// Security: `server/security.rs`.
    Security,
}

/// What the table knows of a verb.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The verb.
    pub verb: Verb,
    /// Its name, upper case.
    pub name: &'static str,
    /// Other names for it, such as the X-forms of RFC 775.
    pub aliases: &'static [&'static str],
    /// What it expects behind it.
    pub argument: Argument,
    /// What a session must have before.
    pub gate: Gate,
    /// May be sent while a transfer runs and its reply is owed. The server answers ABOR, NOOP and STAT at
    /// once, and QUIT when the transfer has ended.
    pub urgent: bool,
    /// Leaves REST and RANG in force for the verb after it.
    pub keeps_restart: bool,
    /// Whether it opens a transfer.
    pub opens: Opens,
    /// Its own replies; see [`Row::allows`] for those that every verb may get.
    pub replies: &'static [u16],
    /// How far the server does it.
    pub status: Status,
    /// Where it is handled.
    pub theme: Theme,
    /// Where it is defined.
    pub rfc: &'static str,
    /// One line for HELP.
    pub help: &'static str,
}

impl Row {
    /// Whether `code` is a legal reply to this verb: its own replies, what any command may get (421, 500,
    /// 501), 530 where a login is needed and 502 where the verb is refused.
    pub fn allows(&self, code: u16) -> bool {
        self.replies.contains(&code)
            || matches!(code, 421 | 500 | 501)
            || (code == 530 && self.gate != Gate::Open)
            || match self.status {
                Status::Done => false,
                Status::Refused => code == 502,
            }
    }

    /// What HELP shows behind the name.
    pub fn usage(&self) -> &'static str {
        match self.argument {
            Argument::Nothing => "",
            Argument::Path => " path",
            Argument::OptionalPath | Argument::Listing => " [path]",
            Argument::Secret => " secret",
            Argument::Text => " text",
            Argument::OptionalText => " [text]",
            Argument::Number => " number",
            Argument::Code(usage) => usage,
        }
    }
}

impl Verb {
    /// Its row.
    pub fn row(self) -> &'static Row {
        &VERBS[self as usize]
    }

    /// Its name, upper case.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether a transfer follows it when it is granted.
    pub fn opens_transfer(self) -> bool {
        self.row().opens != Opens::Nothing
    }

    /// The verb of this name or alias, in any case.
    pub fn named(name: &[u8]) -> Option<Self> {
        if name.len() > LONGEST {
            return None;
        }
        let wanted = key(name);
        NAMES.binary_search_by_key(&wanted, |(key, _)| *key).ok().map(|at| NAMES[at].1)
    }
}

/// How long a name may be, so that its [`key`] is a number.
const LONGEST: usize = 7;

/// All names and aliases in the order of their keys: every line of every session is looked up here.
static NAMES: [(u64, Verb); count_names()] = sorted_names();

/// A number for a name of up to [`LONGEST`] bytes, the same in any case and another for each name.
const fn key(name: &[u8]) -> u64 {
    // In front of the bytes stands a mark, so that their number counts.
    let mut key = 1;
    let mut at = 0;
    while at < name.len() {
        key = key << 8 | name[at].to_ascii_uppercase() as u64;
        at += 1;
    }
    key
}

const fn count_names() -> usize {
    let (mut count, mut row) = (0, 0);
    while row < VERBS.len() {
        count += 1 + VERBS[row].aliases.len();
        row += 1;
    }
    count
}

const fn sorted_names() -> [(u64, Verb); count_names()] {
    let mut names = [(0, Verb::Noop); count_names()];
    let (mut count, mut row) = (0, 0);
    while row < VERBS.len() {
        let Row { verb, name, aliases, .. } = &VERBS[row];
        let mut which = 0;
        while which <= aliases.len() {
            let name = if which == 0 { *name } else { aliases[which - 1] };
            assert!(name.len() <= LONGEST, "the name of a verb has a key");
            let key = key(name.as_bytes());
            // It is put in its place among those that are there.
            let mut at = count;
            while at > 0 && names[at - 1].0 > key {
                names[at] = names[at - 1];
                at -= 1;
            }
            names[at] = (key, *verb);
            count += 1;
            which += 1;
        }
        row += 1;
    }
    names
}

impl std::fmt::Display for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_stands_at_the_index_of_its_verb_under_its_own_name() {
        for (index, row) in VERBS.iter().enumerate() {
            assert_eq!(row.verb as usize, index, "{}", row.name);
            assert_eq!(format!("{:?}", row.verb).to_uppercase(), row.name);
        }
    }

    #[test]
    fn no_name_or_alias_belongs_to_two_verbs() {
        let mut names: Vec<&str> =
            VERBS.iter().flat_map(|row| row.aliases.iter().copied().chain([row.name])).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn a_verb_is_found_in_any_case_and_by_its_old_name() {
        assert_eq!(Verb::named(b"retr"), Some(Verb::Retr));
        assert_eq!(Verb::named(b"XPwd"), Some(Verb::Pwd));
        assert_eq!(Verb::named(b"RETRX"), None);
        assert_eq!(Verb::named(b""), None);
        assert_eq!(Verb::named(b"\0RETR"), None);
        assert_eq!(Verb::named(b"RETR\0"), None);
    }

    #[test]
    fn each_verb_is_found_by_all_of_its_names() {
        for row in &VERBS {
            for name in row.aliases.iter().chain([&row.name]) {
                assert_eq!(Verb::named(name.as_bytes()), Some(row.verb), "{name}");
                assert_eq!(Verb::named(name.to_lowercase().as_bytes()), Some(row.verb), "{name}");
            }
        }
    }

    #[test]
    fn every_row_has_help_an_rfc_and_replies_in_range() {
        for row in &VERBS {
            assert!(!row.help.is_empty() && !row.rfc.is_empty(), "{}", row.name);
            assert!(!row.replies.is_empty(), "{}", row.name);
            assert!(row.replies.iter().all(|code| (100..660).contains(code)), "{}", row.name);
        }
    }

    #[test]
    fn a_verb_that_opens_a_transfer_may_answer_125_150_226_250_and_425() {
        for row in VERBS.iter().filter(|row| row.opens != Opens::Nothing) {
            for code in [125, 150, 226, 250, 425, 426, 451] {
                assert!(row.allows(code), "{} {code}", row.name);
            }
        }
    }
}
