//! Commands: a line parsed to a typed command, and printed again.
//!
//! Parsing is by the verb table: the row names the kind of argument, and this file alone knows the grammar
//! of each kind. A line that parses to a [`Command`] is well formed; whether it is allowed, and what comes of
//! it, is the server machine's business. RFC 959 section 5.3, RFC 2428, RFC 3659.

mod extended;
mod print;
mod security;

pub use extended::{Algorithm, Digested, Range, Site};
pub use print::{Telnet, Unsendable};
pub use security::{Level, Mechanism};

use crate::address::{self, Eprt};
use crate::codec::Marker;
use crate::number::decimal;
use crate::params::{Mode, Structure, Type};
pub use crate::redact::redacted;
use crate::time::Timestamp;
use crate::verb::Argument;
use crate::{Secret, Text, Verb};
use std::net::SocketAddrV4;

/// A well-formed command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described by the row of its verb")]
pub enum Command {
    User(Text),
    Pass(Secret),
    Acct(Secret),
    Cwd(Text),
    Cdup,
    Quit,
    Port(SocketAddrV4),
    Pasv,
    Type(Type),
    Stru(Structure),
    Mode(Mode),
    Retr(Text),
    Stor(Text),
    Appe(Text),
    Rest(Marker),
    Rnfr(Text),
    Rnto(Text),
    Abor,
    Dele(Text),
    Rmd(Text),
    Mkd(Text),
    Pwd,
    List(Option<Text>),
    /// `LIST -a`, which no RFC has: hosts that hide names that begin with a dot tell them so, as `ls` does. It is only
    /// ever sent; a server reads it as LIST.
    ListAll,
    Nlst(Option<Text>),
    Syst,
    Stat(Option<Text>),
    Help(Option<Text>),
    Noop,
    Feat,
    Opts(Text),
    Eprt(Eprt),
    Epsv(EpsvArgument),
    Mdtm(Text),
    Size(Text),
    Mlst(Option<Text>),
    Mlsd(Option<Text>),
    Smnt(Text),
    Host(Text),
    Rein,
    Stou(Option<Text>),
    Allo(u64),
    Site(Site),
    Mfmt(Timestamp, Text),
    Mff(Vec<(Text, Text)>, Text),
    Hash(Text),
    Rang(Range),
    /// XCRC, XMD5, XSHA1, XSHA256 and XSHA512.
    Digest(Algorithm, Digested),
    Comb(Vec<Text>),
    Avbl(Option<Text>),
    Dsiz(Option<Text>),
    Lang(Option<Text>),
    Csid(Text),
    Clnt(Text),
    Auth(Mechanism),
    Pbsz(u64),
    Prot(Level),
    Ccc,
    Cpsv,
    /// SSCN, with what it asks for, or nothing where it asks how it is.
    Sscn(Option<bool>),
    /// A verb that the server refuses or that needs no doing, with its argument as it came.
    Other(Verb, Text),
}

/// What may stand behind EPSV (RFC 2428 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpsvArgument {
    /// Nothing: the family of the control connection.
    Same,
    /// A family by its number: 1 is IPv4, 2 is IPv6.
    Family(u32),
    /// `ALL`: from now on only EPSV will be used.
    All,
}

/// Why a line is not a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Nothing but spaces.
    #[error("an empty line")]
    Empty,
    /// A word that the table does not know.
    #[error("no such verb: {0}")]
    Unknown(Text),
    /// A known verb with an argument it does not take.
    #[error("{0} does not take that argument")]
    Argument(Verb),
}

impl Command {
    /// Parses a line without its line end.
    ///
    /// ```
    /// use wharf_proto::{Command, Text};
    /// assert_eq!(Command::parse(b"retr a b"), Ok(Command::Retr(Text::from("a b"))));
    /// ```
    ///
    /// # Errors
    /// [`CommandError`] says whether the verb or its argument is to blame.
    pub fn parse(line: &[u8]) -> Result<Self, CommandError> {
        let line = line.trim_ascii_start();
        let end = line.iter().position(|b| *b == b' ').unwrap_or(line.len());
        let (word, rest) = line.split_at(end);
        if word.is_empty() {
            return Err(CommandError::Empty);
        }
        let verb = Verb::named(word).ok_or_else(|| CommandError::Unknown(word.into()))?;
        let argument = rest.strip_prefix(b" ").unwrap_or_default();
        Self::of(verb, argument).ok_or(CommandError::Argument(verb))
    }

    /// The command of a verb and its argument; `None` where the argument does not fit the row.
    fn of(verb: Verb, argument: &[u8]) -> Option<Self> {
        let trimmed = argument.trim_ascii();
        let optional = || (!trimmed.is_empty()).then(|| Text::from(argument));
        let required = || optional();
        match verb.row().argument {
            Argument::Nothing => trimmed.is_empty().then(|| Self::bare(verb)),
            Argument::Path => Some(Self::with_text(verb, required()?)),
            Argument::Text => Some(Self::with_text(verb, trimmed_text(trimmed)?)),
            // Clients that list on the control connection give it what they give LIST.
            Argument::OptionalPath if verb == Verb::Stat && trimmed.starts_with(b"-") => {
                let here = || Text::from(".");
                Some(Self::Stat(Some(path_behind_flags(argument).unwrap_or_else(here))))
            }
            Argument::OptionalPath | Argument::OptionalText => {
                Some(Self::with_optional(verb, optional()))
            }
            Argument::Listing => Some(Self::with_optional(verb, path_behind_flags(argument))),
            Argument::Secret if verb == Verb::Pass => {
                Some(Self::Pass(Secret::new(argument.to_vec())))
            }
            Argument::Secret => Some(Self::Acct(Secret::new(argument.to_vec()))),
            Argument::Code(_) if verb == Verb::Rest => Marker::parse(trimmed).map(Self::Rest),
            Argument::Number => decimal(trimmed).map(Self::Pbsz),
            Argument::Code(_) => Self::with_code(verb, argument),
        }
    }

    fn bare(verb: Verb) -> Self {
        match verb {
            Verb::Cdup => Self::Cdup,
            Verb::Quit => Self::Quit,
            Verb::Pasv => Self::Pasv,
            Verb::Abor => Self::Abor,
            Verb::Pwd => Self::Pwd,
            Verb::Syst => Self::Syst,
            Verb::Noop => Self::Noop,
            Verb::Feat => Self::Feat,
            Verb::Rein => Self::Rein,
            Verb::Ccc => Self::Ccc,
            Verb::Cpsv => Self::Cpsv,
            other => Self::Other(other, Text::default()),
        }
    }

    fn with_text(verb: Verb, text: Text) -> Self {
        match verb {
            Verb::User => Self::User(text),
            Verb::Cwd => Self::Cwd(text),
            Verb::Retr => Self::Retr(text),
            Verb::Stor => Self::Stor(text),
            Verb::Appe => Self::Appe(text),
            Verb::Rnfr => Self::Rnfr(text),
            Verb::Rnto => Self::Rnto(text),
            Verb::Dele => Self::Dele(text),
            Verb::Rmd => Self::Rmd(text),
            Verb::Mkd => Self::Mkd(text),
            Verb::Opts => Self::Opts(text),
            Verb::Mdtm => Self::Mdtm(text),
            Verb::Size => Self::Size(text),
            Verb::Smnt => Self::Smnt(text),
            Verb::Host => Self::Host(text),
            Verb::Hash => Self::Hash(text),
            Verb::Csid => Self::Csid(text),
            Verb::Clnt => Self::Clnt(text),
            other => Self::Other(other, text),
        }
    }

    fn with_optional(verb: Verb, text: Option<Text>) -> Self {
        match verb {
            Verb::List => Self::List(text),
            Verb::Nlst => Self::Nlst(text),
            Verb::Stat => Self::Stat(text),
            Verb::Help => Self::Help(text),
            Verb::Mlst => Self::Mlst(text),
            Verb::Mlsd => Self::Mlsd(text),
            Verb::Stou => Self::Stou(text),
            Verb::Avbl => Self::Avbl(text),
            Verb::Dsiz => Self::Dsiz(text),
            Verb::Lang => Self::Lang(text),
            other => Self::Other(other, text.unwrap_or_default()),
        }
    }

    fn with_code(verb: Verb, argument: &[u8]) -> Option<Self> {
        let code = argument.trim_ascii();
        match verb {
            Verb::Type => Type::parse(code).map(Self::Type),
            Verb::Stru => Structure::parse(code).map(Self::Stru),
            Verb::Mode => Mode::parse(code).map(Self::Mode),
            Verb::Port => address::parse_port(code).ok().map(Self::Port),
            Verb::Eprt => address::parse_eprt(code).ok().map(Self::Eprt),
            Verb::Epsv => parse_epsv(code).map(Self::Epsv),
            Verb::Allo => parse_allo(code).map(Self::Allo),
            Verb::Rang => extended::parse_range(code).map(Self::Rang),
            Verb::Auth => Mechanism::parse(code).map(Self::Auth),
            Verb::Prot => Level::parse(code).map(Self::Prot),
            Verb::Sscn => security::parse_switch(code).map(Self::Sscn),
            other => Self::with_code_and_path(other, argument.trim_ascii_start()),
        }
    }

    /// The verbs whose argument ends in a path: its last spaces belong to it.
    fn with_code_and_path(verb: Verb, argument: &[u8]) -> Option<Self> {
        match verb {
            Verb::Site if argument.is_empty() => None,
            Verb::Site => Site::parse(argument).map(Self::Site),
            Verb::Mfmt => {
                extended::parse_time_and_path(argument).map(|(time, path)| Self::Mfmt(time, path))
            }
            Verb::Mff => {
                extended::parse_facts_and_path(argument).map(|(facts, path)| Self::Mff(facts, path))
            }
            Verb::Comb => extended::parse_paths(argument).map(Self::Comb),
            other => Self::with_digest(other, argument),
        }
    }

    fn with_digest(verb: Verb, argument: &[u8]) -> Option<Self> {
        let algorithm = match verb {
            Verb::Xcrc => Algorithm::Crc32,
            Verb::Xmd5 => Algorithm::Md5,
            Verb::Xsha1 => Algorithm::Sha1,
            Verb::Xsha256 => Algorithm::Sha256,
            Verb::Xsha512 => Algorithm::Sha512,
            other => return Some(Self::Other(other, argument.into())),
        };
        extended::parse_digested(argument).map(|digested| Self::Digest(algorithm, digested))
    }
}

fn trimmed_text(trimmed: &[u8]) -> Option<Text> {
    (!trimmed.is_empty()).then(|| Text::from(trimmed))
}

/// RFC 3659 section 5.3 sets no limit; a file offset does.
fn parse_number(digits: &[u8]) -> Option<u64> {
    decimal(digits).filter(|n| i64::try_from(*n).is_ok())
}

/// `size`, or `size R record-size`, which has no meaning where files are not laid out by records.
fn parse_allo(argument: &[u8]) -> Option<u64> {
    let mut words = argument.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let size = parse_number(words.next()?)?;
    match (words.next(), words.next(), words.next()) {
        (None, ..) => Some(size),
        (Some(b"R" | b"r"), Some(record), None) => parse_number(record).map(|_| size),
        _ => None,
    }
}

fn parse_epsv(argument: &[u8]) -> Option<EpsvArgument> {
    match argument {
        b"" => Some(EpsvArgument::Same),
        _ if argument.eq_ignore_ascii_case(b"ALL") => Some(EpsvArgument::All),
        _ => parse_number(argument).and_then(|n| u32::try_from(n).ok()).map(EpsvArgument::Family),
    }
}

/// LIST, NLST and STAT take `ls` flags by habit. They are words in front that begin with a hyphen; what is behind
/// them, spaces included, is one path.
fn path_behind_flags(argument: &[u8]) -> Option<Text> {
    let mut rest = argument.trim_ascii_start();
    while rest.first() == Some(&b'-') {
        let end = rest.iter().position(|b| *b == b' ').unwrap_or(rest.len());
        rest = rest.get(end..).unwrap_or_default().trim_ascii_start();
    }
    (!rest.is_empty()).then(|| rest.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(command: &Command) -> Vec<u8> {
        command.encode().unwrap()
    }

    #[test]
    fn each_command_line_comes_back_as_it_was_written() {
        for line in [
            "USER anonymous",
            "PASS secret with spaces ",
            "CWD /a b",
            "CDUP",
            "QUIT",
            "PORT 127,0,0,1,4,158",
            "PASV",
            "TYPE A",
            "TYPE L 8",
            "STRU R",
            "MODE B",
            "RETR  two spaces",
            "STOR x",
            "APPE x",
            "REST 9223372036854775807",
            "RNFR a",
            "RNTO b",
            "ABOR",
            "DELE x",
            "RMD x",
            "MKD x",
            "PWD",
            "LIST",
            "LIST dir",
            "NLST ./-la",
            "SYST",
            "STAT",
            "STAT dir",
            "HELP",
            "HELP RETR",
            "NOOP",
            "FEAT",
            "OPTS UTF8 ON",
            "EPRT |1|127.0.0.1|1182|",
            "EPRT |2|::1|1182|",
            "EPSV",
            "EPSV ALL",
            "EPSV 2",
            "MDTM x",
            "SIZE x",
            "MLST",
            "MLSD dir",
            "HASH x",
            "LPSV",
        ] {
            let command =
                Command::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(encoded(&command), format!("{line}\r\n").as_bytes(), "{line}");
        }
    }

    #[test]
    fn old_names_lower_case_and_leading_blanks_are_understood() {
        assert_eq!(Command::parse(b"  xcwd dir"), Ok(Command::Cwd("dir".into())));
        assert_eq!(Command::parse(b"noop "), Ok(Command::Noop));
    }

    #[test]
    fn listing_flags_are_dropped_and_the_rest_is_one_path() {
        assert_eq!(Command::parse(b"LIST -la"), Ok(Command::List(None)));
        assert_eq!(Command::ListAll.encode().unwrap(), b"LIST -a\r\n");
        for (line, path) in
            [(&b"STAT -la my folder"[..], "my folder"), (b"STAT -l", "."), (b"STAT ./-x", "./-x")]
        {
            assert_eq!(Command::parse(line), Ok(Command::Stat(Some(path.into()))));
        }
        assert_eq!(
            Command::parse(b"LIST -l -a my folder"),
            Ok(Command::List(Some("my folder".into())))
        );
    }

    #[test]
    fn a_bad_argument_is_told_apart_from_an_unknown_verb_and_an_empty_line() {
        for line in [
            "RETR",
            "RETR ",
            "QUIT now",
            "REST x",
            "REST -1",
            "REST 9223372036854775808",
            "REST +1",
            "PORT 1,2,3",
            "PORT 256,0,0,1,1,1",
            "EPRT 1",
            "EPSV x",
            "TYPE Q",
            "USER",
            "REST 99999999999999999999",
        ] {
            let error = Command::parse(line.as_bytes()).unwrap_err();
            assert!(matches!(error, CommandError::Argument(_)), "{line}: {error:?}");
        }
        assert_eq!(Command::parse(b"   "), Err(CommandError::Empty));
        assert_eq!(Command::parse(b"GET / HTTP/1.1"), Err(CommandError::Unknown("GET".into())));
        assert!(matches!(Command::parse(&[0x80, 0xff]), Err(CommandError::Unknown(_))));
    }

    #[test]
    fn a_line_feed_in_a_name_cannot_be_sent_and_a_secret_with_one_is_not_shown() {
        assert!(Command::Retr("a\nDELE b".into()).encode().is_err());
        let error = Command::Pass(Secret::new(b"hunter2\n".to_vec())).encode().unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
        assert_eq!(encoded(&Command::Retr("a\rb".into())), b"RETR a\r\0b\r\n");
    }

    proptest! {
        #[test]
        fn any_bytes_parse_to_a_command_or_an_error_and_what_parses_prints_the_same_command(
            line in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..60),
                "(RETR|LIST|TYPE|EPRT|PORT|REST|OPTS|STAT|ALLO) [ -~]{0,40}".prop_map(String::into_bytes),
            ]
        ) {
            let Ok(command) = Command::parse(&line) else { return Ok(()) };
            let Ok(printed) = command.encode() else { return Ok(()) };
            let printed = printed.strip_suffix(b"\r\n").unwrap();
            if !printed.contains(&0xff) && !printed.contains(&0) {
                prop_assert_eq!(Command::parse(printed), Ok(command));
            }
        }
    }
}
