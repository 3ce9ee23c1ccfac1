//! What of a session nobody is to see: secrets, where they are sent, and wherever they come back.
//!
//! Every tap and every reader of captures asks here what may be shown of a line. It knows the verbs with a secret, and what
//! people make of them: `PASSsecret`, a password alone on its line, `SITE PSWD`, a URL with a password in a name. A server
//! may repeat what it was sent (`500 'PASS secret' not understood`), so a session's [`Redactor`] remembers its secrets and
//! takes them out of all that follows.

use crate::reply::Reply;
use crate::text::Text;
use crate::verb::{Argument, Verb};
use memchr::memmem;
use std::net::Ipv6Addr;

/// What stands in the place of a secret.
const BLANK: &[u8] = "…".as_bytes();
/// Words before a secret that are verbs of other servers, or refused here; a protected command of RFC 2228 may be any.
const WORDS: [&[u8]; 6] = [b"ADAT", b"MIC", b"CONF", b"ENC", b"XPAS", b"XPASS"];
/// Verbs whose secret may stand just behind them.
const GLUED: [&[u8]; 2] = [b"PASS", b"ACCT"];
/// Words behind SITE before passwords, or names and passwords.
const SITE: [&[u8]; 10] = [
    b"PSWD",
    b"PASSWD",
    b"PASSWORD",
    b"PASS",
    b"GPASS",
    b"CHPASS",
    b"NPASS",
    b"CPWD",
    b"ADDUSER",
    b"GADDUSER",
];
/// What stands before the authority of a URL.
const SCHEME: &[u8] = b"://";
/// Secrets remembered in a session, the latest; and how much of each.
const MAX_SECRETS: usize = 16;
const MAX_SECRET: usize = 512;
/// A shorter secret than this is too common a word to be blanked within others, and than that to be one at all.
const LONG: usize = 6;
const SHORT: usize = 3;

/// What is to be kept from the readers of one session.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    secrets: Vec<Secret>,
    /// The last reply asked for a password.
    is_asked: bool,
    /// Whoever says that he is nobody gives no secret.
    is_guest: bool,
}

/// Some bytes; their own `Debug` does not show them.
#[derive(Clone)]
struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Who has written a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Somebody who may have any password in it.
    Client,
    /// The server, which writes sentences; what it repeats is known.
    Server,
}

/// A command line in parts.
struct Parts {
    verb: Option<Verb>,
    shown: Vec<u8>,
    secrets: Vec<Vec<u8>>,
}

/// The line as a reader of the tap may see it: what is secret in it is replaced, also where the line is not well formed
/// (a tab for the blank, a stray byte in front, no blank at all).
///
/// ```
/// use wharf_proto::redact::redacted;
/// assert_eq!(redacted(b"PASS hunter2").1.to_string(), "PASS …");
/// assert_eq!(redacted(b"SITE PSWD hunter2 hunter3").1.to_string(), "SITE PSWD …");
/// assert_eq!(redacted(b"RETR ftp://ann:hunter2@host/a").1.to_string(), "RETR ftp://ann:…@host/a");
/// ```
pub fn redacted(line: &[u8]) -> (Option<Verb>, Text) {
    let Parts { verb, shown, .. } = parts(line);
    (verb, Text::from(shown))
}

impl Redactor {
    /// A command line as it may be shown, with its verb where the table knows it; what is secret in it is remembered.
    pub fn command(&mut self, line: &[u8]) -> (Option<Verb>, Text) {
        let Parts { verb, shown, secrets } = parts(line);
        let is_asked = std::mem::take(&mut self.is_asked);
        if verb == Some(Verb::User) {
            let name = shown.get(5..).unwrap_or_default();
            self.is_guest = [b"anonymous".as_slice(), b"ftp"]
                .iter()
                .any(|guest| name.eq_ignore_ascii_case(guest));
        }
        // A password without its verb, as people type it who are asked for one.
        if is_asked && verb.is_none() && secrets.is_empty() && !line.is_empty() {
            self.learn(line);
            return (None, Text::from(BLANK));
        }
        if !(self.is_guest && verb == Some(Verb::Pass)) {
            secrets.iter().for_each(|secret| self.learn(secret));
        }
        (verb, Text::from(self.without(shown)))
    }

    /// A reply as it may be shown.
    pub fn reply(&mut self, reply: &Reply) -> Reply {
        self.is_asked = matches!(reply.code.value(), 331 | 332);
        let lines = reply.lines.iter().map(|line| self.hide(line)).collect();
        Reply { code: reply.code, lines }
    }

    /// Some words as they may be shown: without the secrets of the session, and the passwords of their URLs.
    #[must_use]
    pub fn hide(&self, text: &Text) -> Text {
        let (shown, _) = without_userinfo(text.as_bytes(), By::Server);
        self.without(shown).into()
    }

    fn learn(&mut self, secret: &[u8]) {
        let whole = secret.trim_ascii();
        let secret = whole.get(..MAX_SECRET).unwrap_or(whole);
        if secret.len() < SHORT || self.secrets.iter().any(|known| known.0 == secret) {
            return;
        }
        if self.secrets.len() >= MAX_SECRETS {
            self.secrets.remove(0);
        }
        self.secrets.push(Secret(secret.to_vec()));
    }

    fn without(&self, text: Vec<u8>) -> Vec<u8> {
        // As nearly always.
        if !self.secrets.iter().any(|secret| holds(&text, &secret.0)) {
            return text;
        }
        // One may be part of another.
        let mut secrets: Vec<&Secret> = self.secrets.iter().collect();
        secrets.sort_by_key(|known| std::cmp::Reverse(known.0.len()));
        let blank = |text: Vec<u8>, secret: &Secret| blanked(&text, &secret.0);
        secrets.into_iter().fold(text, blank)
    }
}

/// Whether a secret stands in the text, in whatever letters.
fn holds(text: &[u8], secret: &[u8]) -> bool {
    let Some((first, rest)) = secret.split_first() else { return false };
    let (low, high) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    memchr::memchr2_iter(low, high, text).any(|at| {
        let behind = text.get(at + 1..).unwrap_or_default();
        behind.get(..rest.len()).is_some_and(|part| part.eq_ignore_ascii_case(rest))
    })
}

/// The text without a secret: a long one is taken out wherever it stands, a short one where it is a word. Servers may repeat
/// it in other letters, as they do with verbs.
fn blanked(text: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let is_part = |at: Option<&u8>| at.is_some_and(u8::is_ascii_alphanumeric);
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let end = at + secret.len();
        let is_word = !is_part(at.checked_sub(1).and_then(|before| text.get(before)))
            && !is_part(text.get(end));
        let is_it = rest.get(..secret.len()).is_some_and(|part| part.eq_ignore_ascii_case(secret));
        if is_it && (secret.len() >= LONG || is_word) {
            out.extend_from_slice(BLANK);
            at = end;
        } else {
            out.extend(rest.first());
            at += 1;
        }
    }
    out
}

fn parts(line: &[u8]) -> Parts {
    let start = line.iter().position(u8::is_ascii_alphanumeric).unwrap_or(line.len());
    let rest = line.get(start..).unwrap_or_default();
    let (word, behind) = word(rest);
    let named = Verb::named(word);
    let first = line.trim_ascii_start().split(|byte| *byte == b' ').next().unwrap_or_default();
    let verb = if first == word { named } else { Verb::named(first) };
    let hidden = |shown: &[u8], secrets: Vec<Vec<u8>>| Parts {
        verb,
        shown: [shown, b" ", BLANK].concat(),
        secrets,
    };
    let is = |word: &[u8], known: &[&[u8]]| known.iter().any(|of| word.eq_ignore_ascii_case(of));
    let is_secret = named.is_some_and(|verb| verb.row().argument == Argument::Secret);
    if (is_secret || is(word, &WORDS)) && !behind.is_empty() {
        return hidden(word, vec![behind.get(1..).unwrap_or_default().to_vec()]);
    }
    if let Some((glued, secret)) = word.split_at_checked(4)
        && named.is_none()
        && is(glued, &GLUED)
        && !secret.is_empty()
    {
        return hidden(glued, vec![rest.get(4..).unwrap_or_default().to_vec()]);
    }
    if named == Some(Verb::Site) {
        let at = behind.iter().position(u8::is_ascii_alphanumeric).unwrap_or(behind.len());
        let (what, secrets) = self::word(behind.get(at..).unwrap_or_default());
        if is(what, &SITE) && !secrets.is_empty() {
            let words = secrets.split(u8::is_ascii_whitespace).map(<[u8]>::to_vec).collect();
            return hidden(&[word, b" ", what].concat(), words);
        }
    }
    let (shown, secrets) = without_userinfo(line, By::Client);
    Parts { verb, shown, secrets }
}

/// The letters and digits that bytes begin with, and what follows.
fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// The line with the passwords of its URLs blanked, and these (RFC 3986 section 3.2.1).
///
/// People write passwords into URLs as they are: what should have been escaped may stand in them, so that only the last `@`
/// is sure to be behind one. Both that and what RFC 3986 would read are given as secrets.
fn without_userinfo(line: &[u8], by: By) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (mut out, mut secrets) = (Vec::with_capacity(line.len()), Vec::new());
    let mut rest = line;
    while let Some(at) = memmem::find(rest, SCHEME) {
        let (before, behind) = rest.split_at(at + SCHEME.len());
        out.extend_from_slice(before);
        rest = behind;
        let Some((name, secret)) = userinfo(behind, by) else { continue };
        let narrow = secret.split(is_end).next().unwrap_or_default();
        let narrow = memchr::memrchr(b'@', narrow).and_then(|end| narrow.get(..end));
        secrets.extend(narrow.filter(|narrow| *narrow != secret).map(<[u8]>::to_vec));
        secrets.push(secret.to_vec());
        out.extend_from_slice(name);
        out.extend_from_slice(BLANK);
        rest = behind.get(name.len() + secret.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    (out, secrets)
}

/// The name, its colon included, and the password that a URL begins with behind `://`; none where that is a host.
fn userinfo(behind: &[u8], by: By) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', behind)?;
    let (name, secret) = behind.split_at(colon + 1);
    if name.iter().any(is_end) || is_address(behind) {
        return None;
    }
    let next = memmem::find(secret, SCHEME).and_then(|next| secret.get(..next));
    let last = next.and_then(|own| memchr::memrchr(b'@', own));
    match last.or_else(|| memchr::memrchr(b'@', secret)) {
        Some(end) if by == By::Server && is_port(secret) && is_sentence(secret.get(..end)?) => None,
        Some(end) => Some((name, secret.get(..end)?)),
        None if is_port(secret) => None,
        // The rest may be cut off.
        None => Some((name, next.unwrap_or(secret))),
    }
}

/// Whether a byte ends the authority of a URL.
fn is_end(byte: &u8) -> bool {
    matches!(byte, b'/' | b'?' | b'#') || byte.is_ascii_whitespace()
}

/// Whether an IPv6 address in brackets comes first.
fn is_address(behind: &[u8]) -> bool {
    let inside =
        behind.strip_prefix(b"[").and_then(|inside| inside.split(|byte| *byte == b']').next());
    inside
        .and_then(|inside| str::from_utf8(inside).ok())
        .is_some_and(|inside| inside.parse::<Ipv6Addr>().is_ok())
}

/// Whether so many words follow that they are a sentence, which goes on behind a URL and may come to an address.
fn is_sentence(behind: &[u8]) -> bool {
    const WORDS: usize = 3;
    let words = behind.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.take(WORDS).count() == WORDS
}

/// Whether what follows a colon is a port, or no word at all; a sentence may go on behind it.
fn is_port(behind: &[u8]) -> bool {
    let word = behind.split(is_end).next().unwrap_or_default();
    let end = word.iter().rposition(|byte| !byte.is_ascii_punctuation()).map_or(0, |last| last + 1);
    end <= 5 && word.iter().take(end).all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Code;
    use proptest::prelude::*;

    fn shown(line: &[u8]) -> String {
        redacted(line).1.to_string()
    }

    fn said(redactor: &mut Redactor, code: u16, line: &str) -> String {
        let code = Code::new(code).unwrap();
        redactor.reply(&Reply::line(code, line)).to_string()
    }

    #[test]
    fn secrets_are_redacted_in_what_a_tap_shows() {
        for (line, want) in [
            ("pass hunter2", "pass …"),
            ("  ACCT x", "ACCT …"),
            ("PASS", "PASS"),
            ("PASS\thunter2", "PASS …"),
            ("PASShunter2 x", "PASS …"),
            ("passhunter2", "pass …"),
            ("XPAS hunter2", "XPAS …"),
            ("ADAT aHVudGVyMg==", "ADAT …"),
            ("site pswd hunter2 hunter3", "site pswd …"),
            ("SITE  GPASS hunter2", "SITE GPASS …"),
            ("SITE CHMOD 644 a", "SITE CHMOD 644 a"),
            ("CWD ftp://ann:hunter2@host/a b", "CWD ftp://ann:…@host/a b"),
            ("USER ftp://ann:p@ss@host", "USER ftp://ann:…@host"),
            ("USER ftp://ann:Secret#1@host", "USER ftp://ann:…@host"),
            ("USER ftp://ann:pa/s?s wd@host/a", "USER ftp://ann:…@host/a"),
            ("USER ftp://ann:p://w@host", "USER ftp://ann:…@host"),
            ("SITE COPY ftp://a:one@x/f ftp://b:two@y/g", "SITE COPY ftp://a:…@x/f ftp://b:…@y/g"),
            ("RETR ftp://ann:hunt…", "RETR ftp://ann:…"),
            ("RETR ftp://ann:123456", "RETR ftp://ann:…"),
            ("RETR http://host/a:b@c", "RETR http://host/a:b@c"),
            ("RETR http://host:8080/a:b", "RETR http://host:8080/a:b"),
            ("SITE MSG \"see ftp://host:21\".", "SITE MSG \"see ftp://host:21\"."),
            ("USER ftp://ann:80 or a b@host", "USER ftp://ann:…@host"),
            ("RETR ftp://[2001:db8::1]:21/a", "RETR ftp://[2001:db8::1]:21/a"),
            ("MIC UEFTUyBodW50ZXIy", "MIC …"),
            ("ENC aHVudGVyMg==", "ENC …"),
            ("conf aHVudGVyMg==", "conf …"),
            ("USER bob", "USER bob"),
            ("PASV", "PASV"),
        ] {
            assert_eq!(shown(line.as_bytes()), want);
        }
        assert_eq!(shown(b"\0\xf2PASS hunter2"), "PASS …");
    }

    #[test]
    fn what_a_server_repeats_of_a_secret_is_taken_out_of_all_that_follows() {
        let mut redactor = Redactor::default();
        redactor.command(b"USER ann");
        assert_eq!(said(&mut redactor, 331, "Password of ann"), "331 Password of ann");
        redactor.command(b"PASS hunter2");
        let refused = said(&mut redactor, 500, "'PASS hunter2': (hunter2hunter2)");
        assert_eq!(refused, "500 'PASS …': (……)");
        assert_eq!(said(&mut redactor, 500, "PASSHUNTER2?"), "500 PASS…?");
        assert_eq!(redactor.command(b"STOR hunter2.txt").1.to_string(), "STOR ….txt");
        assert!(!format!("{redactor:?}").contains("hunter2"));
    }

    #[test]
    fn the_password_of_a_url_is_taken_out_of_what_follows_however_it_was_written() {
        let mut redactor = Redactor::default();
        redactor.command(b"USER ftp://ann:hunter2@host/of/bob@home");
        assert_eq!(said(&mut redactor, 530, "no hunter2 here"), "530 no … here");
        redactor.command(b"USER ftp://ann:Secret#1@host");
        assert_eq!(said(&mut redactor, 530, "'Secret#1' is wrong"), "530 '…' is wrong");
        let note = Text::from("Error: cannot open ftp://bob:opensesame@host");
        assert_eq!(redactor.hide(&note).to_string(), "Error: cannot open ftp://bob:…@host");
    }

    #[test]
    fn a_short_secret_is_taken_out_where_it_is_a_word() {
        let mut redactor = Redactor::default();
        redactor.command(b"PASS ann");
        assert_eq!(said(&mut redactor, 530, "ann cannot, 'ann'"), "530 … cannot, '…'");
    }

    #[test]
    fn a_line_alone_that_answers_331_is_a_password_and_that_of_a_guest_is_none() {
        let mut redactor = Redactor::default();
        redactor.command(b"USER ann");
        said(&mut redactor, 331, "Password?");
        assert_eq!(redactor.command(b"hunter2").1.to_string(), "…");
        assert_eq!(said(&mut redactor, 500, "hunter2?"), "500 …?");
        assert_eq!(redactor.command(b"huh").1.to_string(), "huh");
        let mut guest = Redactor::default();
        guest.command(b"USER anonymous");
        guest.command(b"PASS anonymous");
        assert_eq!(said(&mut guest, 230, "anonymous access"), "230 anonymous access");
    }

    #[test]
    fn a_sentence_of_the_server_may_come_to_an_address_behind_a_url_with_a_port() {
        let mut redactor = Redactor::default();
        for (line, want) in [
            ("see http://x:8080/help or mail a@b", "see http://x:8080/help or mail a@b"),
            ("see http://x:8080 or mail a@b", "see http://x:8080 or mail a@b"),
            // Short of a sentence it may be a password.
            ("see ftp://ann:8080/x@host", "see ftp://ann:…@host"),
            ("see ftp://ann:80 80@host", "see ftp://ann:…@host"),
            ("see ftp://ann:hunter2 or so a@host", "see ftp://ann:…@host"),
        ] {
            assert!(said(&mut redactor, 220, line).contains(want), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_shows_a_secret_that_was_sent(
            secret in "[a-z0-9]{6,20}",
            before in "[ -~]{0,10}",
            behind in "[ -~]{0,10}",
        ) {
            let mut redactor = Redactor::default();
            redactor.command(format!("PASS {secret}").as_bytes());
            let line = format!("{before}{secret}{behind}");
            prop_assert!(!said(&mut redactor, 530, &line).contains(&secret));
            prop_assert!(!redactor.command(line.as_bytes()).1.to_string().contains(&secret));
        }

        #[test]
        fn no_line_shows_the_password_of_a_url(secret in "[a-z0-9#/?@ %&]{6,20}") {
            let line = format!("RETR ftp://ann:{secret}@host");
            prop_assert_eq!(shown(line.as_bytes()), "RETR ftp://ann:…@host");
        }

        #[test]
        fn any_bytes_are_taken(lines in proptest::collection::vec(any::<Vec<u8>>(), 0..40)) {
            let mut redactor = Redactor::default();
            for line in lines {
                redactor.command(&line);
                let _ = redactor.hide(&Text::from(line));
                prop_assert!(redactor.secrets.len() <= MAX_SECRETS);
            }
        }
    }
}
