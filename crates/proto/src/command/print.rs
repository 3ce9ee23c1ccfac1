//! A command printed: the line to send, and what cannot be sent.
//!
//! What a name may hold depends on what the server makes of the bytes that Telnet gives a meaning to (RFC 854; RFC 2640
//! section 2.2), and one with a line feed cannot be said at all (RFC 959 section 5.3).

use super::{Algorithm, Command, EpsvArgument, extended, security};
use crate::address::{self, Eprt};
use crate::reply::put_line;
use crate::verb::{Argument, Gate};
use crate::{Text, Verb};

/// Why a command cannot be sent: a line feed inside an argument would end the line, a NUL does so for some servers, and
/// what becomes of a CR depends on the server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name with a line end or NUL cannot be sent to this server: {0}")]
pub struct Unsendable(pub Text);

/// What a server makes of 0xFF and CR in a command line, which Telnet gives a meaning to (RFC 854; RFC 2640 section 2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Telnet {
    /// What that wants: one 0xFF of two, and nothing of a NUL behind a CR.
    #[default]
    Understood,
    /// It takes one 0xFF of two; a CR it takes for the end of the line, or nobody knows what for.
    ButNotCr,
    /// Nothing: bytes are bytes, but for CR, of which nobody knows.
    Unknown,
}

impl Telnet {
    /// Appends what is to be said to such a server: 0xFF twice, and a CR with a NUL behind it, where that is one each.
    pub(crate) fn put(self, line: &mut Vec<u8>, text: &[u8]) {
        match self {
            Self::Understood | Self::ButNotCr => put_line(line, text),
            Self::Unknown => line.extend_from_slice(text),
        }
    }
}

impl Command {
    /// Its verb.
    pub fn verb(&self) -> Verb {
        self.parts().0
    }

    /// The line to send, with its line end. A CR inside a name is followed by NUL and 0xFF is doubled
    /// (RFC 2640 section 3.1, RFC 854).
    ///
    /// # Errors
    /// [`Unsendable`] where an argument holds a line feed or NUL: nothing can be smuggled into another command.
    pub fn encode(&self) -> Result<Vec<u8>, Unsendable> {
        self.encode_for(Telnet::Understood)
    }

    /// The same for a server of which it is known what it makes of such bytes.
    ///
    /// # Errors
    /// [`Unsendable`], for a CR as well where the server is not known to take it.
    pub fn encode_for(&self, server: Telnet) -> Result<Vec<u8>, Unsendable> {
        let (verb, argument) = self.parts();
        let has = |byte| argument.contains(&byte);
        if has(b'\n') || has(0) || (server != Telnet::Understood && has(b'\r')) {
            let shown = if verb.row().argument == Argument::Secret { Vec::new() } else { argument };
            return Err(Unsendable(shown.into()));
        }
        let mut line = verb.name().as_bytes().to_vec();
        if !argument.is_empty() {
            line.push(b' ');
            server.put(&mut line, &argument);
        }
        line.extend_from_slice(b"\r\n");
        Ok(line)
    }

    /// Whether it depends on the server how this is to be sent: a name with 0xFF or CR, once somebody is logged in.
    pub fn is_awkward(&self) -> bool {
        let (verb, argument) = self.parts();
        verb.row().gate != Gate::Open && argument.iter().any(|byte| matches!(byte, 0xFF | b'\r'))
    }

    /// Verb and argument, as they are printed.
    fn parts(&self) -> (Verb, Vec<u8>) {
        let own = |text: &Text| text.as_bytes().to_vec();
        let maybe = |text: &Option<Text>| text.as_ref().map(own).unwrap_or_default();
        match self {
            Self::User(t) => (Verb::User, own(t)),
            Self::Pass(secret) => (Verb::Pass, secret.reveal().to_vec()),
            Self::Acct(secret) => (Verb::Acct, secret.reveal().to_vec()),
            Self::Cwd(t) => (Verb::Cwd, own(t)),
            Self::Cdup => (Verb::Cdup, Vec::new()),
            Self::Quit => (Verb::Quit, Vec::new()),
            Self::Port(to) => (Verb::Port, address::print_port(*to).into_bytes()),
            Self::Pasv => (Verb::Pasv, Vec::new()),
            Self::Type(value) => (Verb::Type, value.to_string().into_bytes()),
            Self::Stru(value) => (Verb::Stru, value.to_string().into_bytes()),
            Self::Mode(value) => (Verb::Mode, value.to_string().into_bytes()),
            Self::Retr(t) => (Verb::Retr, own(t)),
            Self::Stor(t) => (Verb::Stor, own(t)),
            Self::Appe(t) => (Verb::Appe, own(t)),
            Self::Rest(marker) => (Verb::Rest, marker.to_string().into_bytes()),
            Self::Rnfr(t) => (Verb::Rnfr, own(t)),
            Self::Rnto(t) => (Verb::Rnto, own(t)),
            Self::Abor => (Verb::Abor, Vec::new()),
            Self::Dele(t) => (Verb::Dele, own(t)),
            Self::Rmd(t) => (Verb::Rmd, own(t)),
            Self::Mkd(t) => (Verb::Mkd, own(t)),
            Self::Pwd => (Verb::Pwd, Vec::new()),
            Self::List(t) => (Verb::List, not_a_flag(maybe(t))),
            Self::ListAll => (Verb::List, b"-a".to_vec()),
            Self::Nlst(t) => (Verb::Nlst, not_a_flag(maybe(t))),
            Self::Syst => (Verb::Syst, Vec::new()),
            Self::Stat(t) => (Verb::Stat, not_a_flag(maybe(t))),
            Self::Help(t) => (Verb::Help, maybe(t)),
            Self::Noop => (Verb::Noop, Vec::new()),
            Self::Feat => (Verb::Feat, Vec::new()),
            Self::Opts(t) => (Verb::Opts, own(t)),
            Self::Eprt(to) => (Verb::Eprt, print_eprt(to)),
            Self::Epsv(which) => (Verb::Epsv, print_epsv(*which)),
            Self::Mdtm(t) => (Verb::Mdtm, own(t)),
            Self::Size(t) => (Verb::Size, own(t)),
            Self::Mlst(t) => (Verb::Mlst, maybe(t)),
            Self::Mlsd(t) => (Verb::Mlsd, maybe(t)),
            Self::Other(verb, t) => (*verb, own(t)),
            _ => self.extended_parts(),
        }
    }

    /// The parts of the verbs that came after RFC 959, or that few servers do.
    fn extended_parts(&self) -> (Verb, Vec<u8>) {
        let own = |text: &Text| text.as_bytes().to_vec();
        let maybe = |text: &Option<Text>| text.as_ref().map(own).unwrap_or_default();
        match self {
            Self::Smnt(t) => (Verb::Smnt, own(t)),
            Self::Host(t) => (Verb::Host, own(t)),
            Self::Rein => (Verb::Rein, Vec::new()),
            Self::Stou(t) => (Verb::Stou, maybe(t)),
            Self::Allo(bytes) => (Verb::Allo, bytes.to_string().into_bytes()),
            Self::Site(site) => (Verb::Site, site.print()),
            Self::Mfmt(time, path) => (Verb::Mfmt, extended::print_time_and_path(*time, path)),
            Self::Mff(facts, path) => (Verb::Mff, extended::print_facts_and_path(facts, path)),
            Self::Hash(t) => (Verb::Hash, own(t)),
            Self::Rang(range) => (Verb::Rang, extended::print_range(*range)),
            Self::Digest(algorithm, digested) => (verb_of(*algorithm), digested.print()),
            Self::Comb(paths) => (Verb::Comb, extended::print_paths(paths)),
            Self::Avbl(t) => (Verb::Avbl, maybe(t)),
            Self::Dsiz(t) => (Verb::Dsiz, maybe(t)),
            Self::Lang(t) => (Verb::Lang, maybe(t)),
            Self::Csid(t) => (Verb::Csid, own(t)),
            Self::Clnt(t) => (Verb::Clnt, own(t)),
            Self::Auth(mechanism) => (Verb::Auth, mechanism.as_bytes().to_vec()),
            Self::Pbsz(bytes) => (Verb::Pbsz, bytes.to_string().into_bytes()),
            Self::Prot(level) => (Verb::Prot, level.as_bytes().to_vec()),
            Self::Ccc => (Verb::Ccc, Vec::new()),
            Self::Cpsv => (Verb::Cpsv, Vec::new()),
            Self::Sscn(switch) => (Verb::Sscn, security::print_switch(*switch)),
            // The verbs of `parts` do not come here.
            _ => (Verb::Noop, Vec::new()),
        }
    }
}

const fn verb_of(algorithm: Algorithm) -> Verb {
    match algorithm {
        Algorithm::Crc32 => Verb::Xcrc,
        Algorithm::Md5 => Verb::Xmd5,
        Algorithm::Sha1 => Verb::Xsha1,
        Algorithm::Sha256 => Verb::Xsha256,
        Algorithm::Sha512 => Verb::Xsha512,
    }
}

/// A path that begins with a hyphen would be read as flags.
fn not_a_flag(path: Vec<u8>) -> Vec<u8> {
    if path.first() == Some(&b'-') { [b"./", path.as_slice()].concat() } else { path }
}

fn print_eprt(to: &Eprt) -> Vec<u8> {
    match to {
        Eprt::Address(to) => address::print_eprt(*to).into_bytes(),
        Eprt::UnknownFamily(family) => format!("|{family}||0|").into_bytes(),
    }
}

fn print_epsv(which: EpsvArgument) -> Vec<u8> {
    match which {
        EpsvArgument::Same => Vec::new(),
        EpsvArgument::Family(family) => family.to_string().into_bytes(),
        EpsvArgument::All => b"ALL".to_vec(),
    }
}
