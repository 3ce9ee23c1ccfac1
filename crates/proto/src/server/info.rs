//! Information: STAT HELP FEAT OPTS (RFC 959 section 4.1.3, RFC 2389); SYST and NOOP are one sentence each.

use super::effect::TreeAction;
use super::state::{Awaiting, Login, Transfer};
use super::{Session, VirtualPath};
use crate::charset::Charset;
use crate::command::Algorithm;
use crate::listing::FactSet;
use crate::reply::Reply;
use crate::texts::{self, Say};
use crate::verb::{Gate, Right, Status, VERBS};
use crate::{Lang, Text, Verb};

/// What FEAT lists, each line with the verb whose row says whether it is done.
const FEATURES: &[(Verb, &str)] = &[
    (Verb::Auth, "AUTH TLS"),
    (Verb::Avbl, "AVBL"),
    (Verb::Clnt, "CLNT"),
    (Verb::Ccc, "CCC"),
    (Verb::Comb, "COMB"),
    (Verb::Cpsv, "CPSV"),
    (Verb::Csid, "CSID"),
    (Verb::Dsiz, "DSIZ"),
    (Verb::Eprt, "EPRT"),
    (Verb::Epsv, "EPSV"),
    (Verb::Host, "HOST"),
    (Verb::Mdtm, "MDTM"),
    (Verb::Mff, "MFF modify;UNIX.mode;media-type;charset;lang;"),
    (Verb::Mode, "MODE B"),
    (Verb::Mode, "MODE C"),
    (Verb::Mode, "MODE Z"),
    (Verb::Mfmt, "MFMT"),
    (Verb::Pbsz, "PBSZ"),
    (Verb::Prot, "PROT"),
    (Verb::Rang, "RANG STREAM"),
    (Verb::Rest, "REST STREAM"),
    (Verb::Site, "SITE CHMOD;COPY;IDLE;MKDIR;RMDIR;SYMLINK;UMASK;UTIME"),
    (Verb::Size, "SIZE"),
    (Verb::Sscn, "SSCN"),
    (Verb::Cwd, "TVFS"),
    (Verb::Opts, "UTF8"),
    (Verb::Xcrc, "XCRC"),
    (Verb::Xmd5, "XMD5"),
    (Verb::Xsha1, "XSHA1"),
    (Verb::Xsha256, "XSHA256"),
    (Verb::Xsha512, "XSHA512"),
];

impl Session {
    /// The verb whose action on the tree, whose listener or whose transfer the driver is at.
    pub fn verb(&self) -> Option<Verb> {
        match &self.awaiting {
            Awaiting::Listener(verb) | Awaiting::Tree { verb, .. } => Some(*verb),
            _ => self.transfer.moving().map(|moving| moving.verb),
        }
    }

    /// FEAT.
    pub(super) fn feat(&mut self) {
        let mut lines = vec![Text::from("Extensions:")];
        let done = FEATURES.iter().filter(|(verb, _)| self.does(*verb));
        lines.extend(done.map(|(_, line)| Text::from(*line)));
        lines.push(self.hash_feature());
        let mark = |lang| if lang == self.lang { "*" } else { "" };
        lines.push(format!("LANG EN{};JA{}", mark(Lang::En), mark(Lang::Ja)).into());
        lines.push(format!("MLST {}", self.facts.print_feat()).into());
        lines.push("End.".into());
        self.send(&Reply { code: texts::code(211), lines });
    }

    /// Whether a verb is carried out, as this server is set up.
    fn does(&self, verb: Verb) -> bool {
        verb.row().status == Status::Done && self.does_security_of(verb)
    }

    /// The line of HASH: all algorithms, the one in use marked.
    fn hash_feature(&self) -> Text {
        let names = Algorithm::ALL.map(|algorithm| {
            let mark = if algorithm == self.hash { "*" } else { "" };
            format!("{}{mark}", algorithm.name())
        });
        format!("HASH {}", names.join(";")).into()
    }

    /// OPTS UTF8, OPTS MLST and OPTS HASH (RFC 2640, RFC 3659 section 7.9).
    pub(super) fn opts(&mut self, text: &Text) {
        let text = text.as_bytes();
        let end = text.iter().position(|b| *b == b' ').unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let rest = rest.trim_ascii();
        match word.to_ascii_uppercase().as_slice() {
            b"UTF8" | b"UTF-8" => self.opts_utf8(!rest.eq_ignore_ascii_case(b"OFF")),
            b"HASH" => self.opts_hash(rest),
            b"MODE" => self.opts_mode(rest),
            b"MLST" => {
                self.facts = FactSet::parse_opts(rest);
                let line = format!("MLST OPTS {}", self.facts.print_opts());
                self.send(&Reply::line(texts::code(200), line.trim_end().to_owned()));
            }
            _ => self.say(&Say::NoSuchOption),
        }
    }

    /// OPTS UTF8: a client that knows UTF-8 has it; one that does not goes back to its own charset.
    fn opts_utf8(&mut self, on: bool) {
        self.knows_utf8 = on;
        self.choose_charset();
        match (on, self.charset == Charset::default()) {
            (true, _) => self.say(&Say::Utf8Always),
            (false, true) => self.say(&Say::Utf8Off),
            (false, false) => self.say(&Say::CharsetIs(self.charset.name())),
        }
    }

    /// OPTS MODE Z LEVEL n.
    fn opts_mode(&mut self, rest: &[u8]) {
        let words: Vec<_> =
            rest.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [mode, level, [digit @ b'0'..=b'9']]
                if mode.eq_ignore_ascii_case(b"Z") && level.eq_ignore_ascii_case(b"LEVEL") =>
            {
                self.deflate_level = digit - b'0';
                let line = format!("MODE Z LEVEL {}", self.deflate_level);
                self.send(&Reply::line(texts::code(200), line));
            }
            _ => self.say(&Say::NoSuchOption),
        }
    }

    /// LANG: the language of replies; alone, back to English (RFC 2640 section 4.1).
    pub(super) fn lang(&mut self, tag: Option<&Text>) {
        let lang = tag.map_or(Some(Lang::En), |tag| Lang::tagged(tag.as_bytes()));
        match lang {
            Some(lang) => {
                self.lang = lang;
                self.say(&Say::LanguageIs);
            }
            None => self.say(&Say::NoSuchLanguage),
        }
    }

    /// HELP: the verbs, those that are not done marked by a star; or one verb.
    pub(super) fn help(&mut self, word: Option<&Text>) {
        let Some(word) = word else { return self.help_all() };
        let Some(verb) = Verb::named(word.as_bytes().trim_ascii()) else {
            return self.say(&Say::NoHelp);
        };
        let row = verb.row();
        let done = if self.does(verb) { "" } else { " Not done here." };
        let line = format!("{}{}: {} (RFC {}).{done}", row.name, row.usage(), row.help, row.rfc);
        self.send(&Reply::line(texts::code(214), line));
    }

    fn help_all(&mut self) {
        let mut lines = vec![Text::from("These commands are known; * means not done here.")];
        lines.extend(VERBS.chunks(8).map(|rows| {
            let mut line = String::new();
            for row in rows {
                let star = if self.does(row.verb) { "" } else { "*" };
                line.push_str(&format!("{:<9}", format!("{}{star}", row.name)));
            }
            Text::from(line.trim_end())
        }));
        lines.push("HELP and a command explains it.".into());
        self.send(&Reply { code: texts::code(214), lines });
    }

    /// STAT: the session's state, during a transfer too; with a path, a listing on the control connection.
    pub(super) fn stat(&mut self, path: Option<&Text>) {
        match path {
            None => self.tell_state(),
            Some(_) if !self.may(Gate::Right(Right::List)) => {
                self.say(&Say::NotAllowed(Verb::Stat))
            }
            Some(path) => {
                if let Some(path) = self.path(Verb::Stat, path) {
                    let charset = self.charset;
                    self.act_on(Verb::Stat, path, |path| TreeAction::List(path, charset));
                }
            }
        }
    }

    fn tell_state(&mut self) {
        let who = match &self.login {
            Login::In(account) => account.name.to_string(),
            Login::Nobody | Login::Named(_) => "nobody".to_owned(),
        };
        let transfer = match self.transfer {
            Transfer::Idle => "No transfer is running.".to_owned(),
            Transfer::Preparing(moving) => format!("{} is being prepared.", moving.verb),
            Transfer::Opening { moving, .. } => {
                format!("{} waits for its data connection.", moving.verb)
            }
            Transfer::Running(moving) => {
                let (moved, time) = (self.moved, self.now.since(self.running_since));
                let rate = u128::from(moved) * 1000 / time.as_millis().max(1);
                format!("{} is running, {moved} bytes so far, {rate} bytes/s.", moving.verb)
            }
        };
        let how = self.representation;
        let lines = vec![
            Text::from("State of this session:"),
            format!(
                "Connected from {} since {} s.",
                self.client,
                self.now.since(self.opened).as_secs()
            )
            .into(),
            format!("Logged in: {who}.").into(),
            format!("TYPE {}, STRU {}, MODE {}.", how.kind, how.structure, how.mode).into(),
            transfer.into(),
            "End.".into(),
        ];
        self.send(&Reply { code: texts::code(211), lines });
    }

    /// RFC 959: 212 tells of a folder, 213 of a file.
    pub(super) fn tell_listing(&mut self, path: &VirtualPath, entries: Vec<Text>, folder: bool) {
        let code = texts::code(if folder { 212 } else { 213 });
        let mut lines = vec![Text::from(self.charset.to_wire(&path.quoted()).into_owned())];
        lines.extend(entries);
        lines.push("End.".into());
        self.send(&Reply { code, lines });
    }
}
