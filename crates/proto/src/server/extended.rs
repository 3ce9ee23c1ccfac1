//! What came after RFC 959, or is done by few: MFMT MFF HASH XCRC… COMB AVBL DSIZ, SITE, CLNT CSID.

use super::effect::TreeAction;
use super::{Session, VirtualPath};
use crate::command::{Algorithm, Digested, Range, Site};
use crate::listing::Fact;
use crate::number::octal;
use crate::reply::Reply;
use crate::texts::{self, Say};
use crate::time::{Timestamp, parse_mdtm};
use crate::verb::{Gate, Right};
use crate::{Command, Text, Verb};
use std::time::Duration;

/// The longest time that SITE IDLE may ask for.
const IDLE_MOST: u64 = 7200;

/// The words of SITE, for HELP, with the rights they need.
const SITE_WORDS: &[(&str, &str)] = &[
    ("CHMOD", "mode path"),
    ("COPY", "from to"),
    ("HELP", ""),
    ("IDLE", "[seconds]"),
    ("MKDIR", "[-p] path"),
    ("RMDIR", "[-r] path"),
    ("SYMLINK", "target link"),
    ("UMASK", "[mask]"),
    ("UTIME", "time path"),
];

/// The longest value of a label that MFF sets: twice what a media type may have (RFC 6838 section 4.2).
const LONGEST_LABEL: usize = 255;

impl Session {
    /// CLNT and CSID: the client names itself. Nothing depends on it.
    pub(super) fn greet_client(&mut self, command: &Command) {
        match command {
            Command::Csid(_) => self.say(&Say::ServerId),
            _ => self.say(&Say::Noted),
        }
    }

    /// MFMT.
    pub(super) fn mfmt(&mut self, time: Timestamp, path: &Text) {
        self.act(Verb::Mfmt, path, |path| TreeAction::SetModified(path, time));
    }

    /// MFF: one fact at a time, so that none is set where another is refused.
    pub(super) fn mff(&mut self, facts: &[(Text, Text)], path: &Text) {
        let [(fact, value)] = facts else { return self.say(&Say::OneFact) };
        let bytes = value.as_bytes();
        let bad = Say::BadArgument(Verb::Mff);
        match Fact::named(fact.as_bytes()) {
            Some(Fact::Modify) => match parse_mdtm(bytes) {
                Some(time) => self.act(Verb::Mff, path, |path| TreeAction::SetModified(path, time)),
                None => self.say(&bad),
            },
            Some(Fact::UnixMode) => match octal(bytes).filter(|mode| *mode <= 0o7777) {
                Some(mode) => self.act(Verb::Mff, path, |path| TreeAction::SetMode(path, mode)),
                None => self.say(&bad),
            },
            Some(label @ (Fact::MediaType | Fact::Charset | Fact::Lang)) => {
                let plain = bytes.len() <= LONGEST_LABEL && bytes.iter().all(u8::is_ascii_graphic);
                if !plain {
                    return self.say(&bad);
                }
                let value = value.clone();
                self.act(Verb::Mff, path, |path| TreeAction::SetLabel(path, label, value));
            }
            _ => self.say(&Say::OneFact),
        }
    }

    /// HASH, with the algorithm of OPTS HASH and the part of RANG.
    pub(super) fn hash(&mut self, path: &Text, range: Range) {
        let algorithm = self.hash;
        self.act(Verb::Hash, path, |path| TreeAction::Digest(path, algorithm, range));
    }

    /// XCRC, XMD5, XSHA1, XSHA256, XSHA512.
    pub(super) fn digest(&mut self, verb: Verb, algorithm: Algorithm, digested: &Digested) {
        let range = digested.range;
        self.act(verb, &digested.path, |path| TreeAction::Digest(path, algorithm, range));
    }

    pub(super) fn tell_digest(
        &mut self,
        verb: Verb,
        path: &VirtualPath,
        hex: &str,
        part: (u64, u64),
    ) {
        let reply = match verb {
            Verb::Hash => {
                let last = part.1.saturating_sub(1).max(part.0);
                let line = format!("{} {}-{last} {hex} ", self.hash.name(), part.0);
                let name = self.charset.to_wire(path.as_bytes());
                Reply::line(texts::code(213), [line.as_bytes(), &name].concat())
            }
            _ => Reply::line(texts::code(250), hex.to_owned()),
        };
        self.send(&reply);
    }

    /// COMB: it looks at the parts, reads them and deletes them.
    pub(super) fn comb(&mut self, paths: &[Text]) {
        let needed = [Right::List, Right::Read, Right::Delete];
        if !needed.into_iter().all(|right| self.may(Gate::Right(right))) {
            return self.say(&Say::NotAllowed(Verb::Comb));
        }
        let mut resolved = Vec::new();
        for path in paths {
            let Some(path) = self.path(Verb::Comb, path) else { return };
            resolved.push(path);
        }
        let mut parts = resolved.into_iter();
        let Some(target) = parts.next() else { return self.say(&Say::BadArgument(Verb::Comb)) };
        let (parts, umask) = (parts.collect(), self.umask);
        self.act_on(Verb::Comb, target.clone(), |_| TreeAction::Join { target, parts, umask });
    }

    /// AVBL.
    pub(super) fn avbl(&mut self, path: Option<&Text>) {
        if let Some(path) = self.path_or_folder(Verb::Avbl, path) {
            self.act_on(Verb::Avbl, path, TreeAction::Free);
        }
    }

    /// DSIZ.
    pub(super) fn dsiz(&mut self, path: Option<&Text>) {
        if let Some(path) = self.path_or_folder(Verb::Dsiz, path) {
            self.act_on(Verb::Dsiz, path, TreeAction::FolderSize);
        }
    }

    /// OPTS HASH: which algorithm HASH uses, or shall use.
    pub(super) fn opts_hash(&mut self, name: &[u8]) {
        match Algorithm::named(name) {
            Some(algorithm) => self.hash = algorithm,
            None if name.is_empty() => {}
            None => return self.say(&Say::NoSuchOption),
        }
        self.send(&Reply::line(texts::code(200), self.hash.name()));
    }

    /// SITE. Its words need rights of their own; the gate of the verb itself is only a login.
    pub(super) fn site(&mut self, site: &Site) {
        let needed: &[Right] = match site {
            Site::Chmod(..) | Site::Utime(..) | Site::Symlink(..) => &[Right::Write],
            Site::Copy(..) => &[Right::Read, Right::Write],
            Site::Mkdir { .. } => &[Right::Folders],
            Site::Rmdir { .. } => &[Right::Delete],
            Site::Help | Site::Umask(_) | Site::Idle(_) | Site::Unknown(_) => &[],
        };
        if !needed.iter().all(|right| self.may(Gate::Right(*right))) {
            return self.say(&Say::NotAllowed(Verb::Site));
        }
        let umask = self.umask;
        match site {
            Site::Chmod(mode, path) => {
                self.act(Verb::Site, path, |path| TreeAction::SetMode(path, *mode))
            }
            Site::Utime(time, path) => {
                self.act(Verb::Site, path, |path| TreeAction::SetModified(path, *time));
            }
            Site::Mkdir { parents, path } => self.act(Verb::Site, path, |path| {
                TreeAction::MakeFolder { path, parents: *parents, umask }
            }),
            Site::Rmdir { all, path } => {
                self.act(Verb::Site, path, |path| TreeAction::RemoveFolder { path, all: *all });
            }
            Site::Copy(from, to) => {
                self.act_on_two(from, to, |from, to| TreeAction::Copy { from, to, umask })
            }
            Site::Symlink(target, link) => {
                self.act_on_two(target, link, |target, link| TreeAction::Link { link, target });
            }
            Site::Help => self.site_help(),
            Site::Umask(mask) => self.site_umask(*mask),
            Site::Idle(seconds) => self.site_idle(*seconds),
            Site::Unknown(_) => self.say(&Say::NoSuchSite),
        }
    }

    fn act_on_two(
        &mut self,
        first: &Text,
        second: &Text,
        action: impl FnOnce(VirtualPath, VirtualPath) -> TreeAction,
    ) {
        let Some(first) = self.path(Verb::Site, first) else { return };
        self.act(Verb::Site, second, |second| action(first, second));
    }

    fn site_help(&mut self) {
        let mut lines = vec![Text::from("These words are known:")];
        lines.extend(
            SITE_WORDS
                .iter()
                .map(|(word, usage)| Text::from(format!("SITE {word} {usage}").trim_end())),
        );
        lines.push("End.".into());
        self.send(&Reply { code: texts::code(214), lines });
    }

    fn site_umask(&mut self, mask: Option<u32>) {
        self.umask = mask.or(self.umask);
        self.say(&Say::UmaskIs(self.umask));
    }

    fn site_idle(&mut self, seconds: Option<u64>) {
        // Whom nobody knows may not hold a session longer than the operator wants.
        let most = if self.is_anonymous() { self.policy.idle_time.as_secs() } else { IDLE_MOST };
        match seconds {
            Some(seconds) if seconds == 0 || seconds > most => {
                return self.say(&Say::IdleBounds(most));
            }
            Some(seconds) => self.idle_time = Duration::from_secs(seconds),
            None => {}
        }
        self.say(&Say::IdleIs(self.idle_time.as_secs()));
    }
}
