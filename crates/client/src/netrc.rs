//! `.netrc`: who logs in where, in the file that FTP clients have shared since 4.2BSD.
//!
//! Words parted by white space: `machine HOST`, or `default` for all others, and behind it `login`, `password` and
//! `account` with their values; `macdef` begins a macro, which ends at an empty line and is passed over. A value in
//! double quotes may have blanks, and a backslash takes the next character as it is. `#` begins a remark where a word
//! could stand. A value has any bytes: no charset is agreed on. Here they are read; which file they are in, and who else may
//! read it, is the program's business.

use wharf_proto::{Secret, Text};

/// Who logs in at one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetrcEntry {
    /// The host; `None` for all that are not named.
    pub machine: Option<Text>,
    /// The user.
    pub login: Option<Text>,
    /// The password.
    pub password: Option<Secret>,
    /// The account to charge.
    pub account: Option<Secret>,
}

impl NetrcEntry {
    /// Whether it is this user who logs in.
    fn is_of(&self, user: &[u8]) -> bool {
        self.login.as_ref().is_some_and(|login| login.as_bytes() == user)
    }
}

/// The entries of a file.
///
/// ```
/// use wharf_client::Netrc;
/// let netrc = Netrc::parse(b"machine h login ann password \"s e\"\ndefault login anonymous password x@y\n")?;
/// assert_eq!(netrc.find("h", None).unwrap().login, Some("ann".into()));
/// assert!(netrc.find("other", Some(b"bob")).is_none());
/// # Ok::<(), wharf_client::NetrcError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Netrc(Vec<NetrcEntry>);

/// What is wrong with a file, and in which line, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct NetrcError {
    /// The line.
    pub line: usize,
    /// Why.
    pub reason: &'static str,
}

impl Netrc {
    /// Reads what is in a file.
    ///
    /// # Errors
    /// A word that has no place where it stands, a value that is missing, a quote that does not end. No value is
    /// repeated in them.
    pub fn parse(text: &[u8]) -> Result<Self, NetrcError> {
        let mut words = Words { text, line: 1 };
        let mut entries: Vec<NetrcEntry> = Vec::new();
        while let Some(word) = words.next()? {
            let line = words.line;
            let error = |reason| NetrcError { line, reason };
            if word.starts_with(b"#") {
                words.skip_line();
                continue;
            }
            match &*word {
                b"default" => entries.push(NetrcEntry::default()),
                b"machine" => {
                    let machine = Some(words.value()?.into());
                    entries.push(NetrcEntry { machine, ..NetrcEntry::default() });
                }
                b"macdef" => words.skip_macro(),
                field @ (b"login" | b"user" | b"password" | b"passwd" | b"account") => {
                    let value = words.value()?;
                    let before = "machine or default is missing before it";
                    let entry = entries.last_mut().ok_or_else(|| error(before))?;
                    match field {
                        b"login" | b"user" => entry.login = Some(value.into()),
                        b"account" => entry.account = Some(Secret::new(value)),
                        _ => entry.password = Some(Secret::new(value)),
                    }
                }
                _ => {
                    return Err(error(
                        "machine, default, login, password, account or macdef is expected",
                    ));
                }
            }
        }
        Ok(Self(entries))
    }

    /// Who logs in at this host, as this user if one is named. The first entry that fits counts, `default` only
    /// where no machine does.
    #[must_use]
    pub fn find(&self, host: &str, user: Option<&[u8]>) -> Option<&NetrcEntry> {
        let of_user = |entry: &&NetrcEntry| user.is_none_or(|user| entry.is_of(user));
        let named = |entry: &&NetrcEntry| {
            let machine = entry.machine.as_ref().map(Text::as_bytes);
            machine.is_some_and(|machine| machine.eq_ignore_ascii_case(host.as_bytes()))
        };
        let entries = || self.0.iter().filter(of_user);
        entries().find(named).or_else(|| entries().find(|entry| entry.machine.is_none()))
    }

    /// Whether there is a password in it that others should not read.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        let secret = |entry: &NetrcEntry| entry.password.is_some() && !entry.is_of(b"anonymous");
        self.0.iter().any(secret)
    }
}

/// The words that are left.
struct Words<'t> {
    text: &'t [u8],
    line: usize,
}

impl Words<'_> {
    fn next(&mut self) -> Result<Option<Vec<u8>>, NetrcError> {
        loop {
            match self.take() {
                None => return Ok(None),
                Some(byte) if is_blank(byte) => {}
                Some(b'"') => return self.quoted().map(Some),
                Some(byte) => return Ok(Some(self.bare(byte))),
            }
        }
    }

    fn value(&mut self) -> Result<Vec<u8>, NetrcError> {
        let line = self.line;
        self.next()?.ok_or(NetrcError { line, reason: "its value is missing" })
    }

    fn take(&mut self) -> Option<u8> {
        let (byte, rest) = self.text.split_first()?;
        self.text = rest;
        self.line += usize::from(*byte == b'\n');
        Some(*byte)
    }

    fn bare(&mut self, first: u8) -> Vec<u8> {
        let length = self.text.iter().position(|byte| is_blank(*byte));
        let (rest, behind) = self.text.split_at(length.unwrap_or(self.text.len()));
        self.text = behind;
        [&[first], rest].concat()
    }

    fn quoted(&mut self) -> Result<Vec<u8>, NetrcError> {
        let (line, mut word) = (self.line, Vec::new());
        loop {
            match self.take() {
                Some(b'"') => return Ok(word),
                Some(b'\\') => word.extend(self.take()),
                Some(byte) => word.push(byte),
                None => return Err(NetrcError { line, reason: "the quote does not end" }),
            }
        }
    }

    fn skip_line(&mut self) {
        // The line's end may have been taken together with the word.
        let end = self.text.iter().position(|byte| *byte == b'\n');
        self.text = &self.text[end.unwrap_or(self.text.len())..];
    }

    fn skip_macro(&mut self) {
        while !self.text.is_empty()
            && !self.text.starts_with(b"\n\n")
            && !self.text.starts_with(b"\n\r\n")
        {
            self.take();
        }
    }
}

/// White space of ASCII: a byte of another charset is part of a word, whatever it would be there.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0B
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_that_fits_counts_and_default_only_where_none_does() {
        let text = "# a remark\nmachine a.example login ann password one\n\tmachine a.example\n\
            login bob\npassword \"t \\\"w\\\" o\" account acc\nmacdef init\nmachine x login y\n\n\
            machine b.example login ann\ndefault login anonymous password me@here\n";
        let netrc = Netrc::parse(text.as_bytes()).unwrap();
        let secret = |text: &str| Some(Secret::new(text.into()));
        assert_eq!(netrc.find("A.example", None).unwrap().password, secret("one"));
        let bob = netrc.find("a.example", Some(b"bob")).unwrap();
        assert_eq!((&bob.password, &bob.account), (&secret("t \"w\" o"), &secret("acc")));
        assert!(netrc.find("x", None).unwrap().machine.is_none());
        assert_eq!(netrc.find("b.example", None).unwrap().password, None);
        assert!(netrc.find("c", Some(b"carl")).is_none());
        assert!(netrc.is_secret());
        assert!(!Netrc::parse(b"default login anonymous password x").unwrap().is_secret());
    }

    #[test]
    fn values_have_any_bytes() {
        let netrc =
            Netrc::parse(b"# caf\xE9\nmachine h login j\xF6rg password \"\xFF \xA0\xFE\"\n");
        let netrc = netrc.unwrap();
        assert!(netrc.find("h", Some("jörg".as_bytes())).is_none());
        let entry = netrc.find("h", Some(b"j\xF6rg")).unwrap();
        assert_eq!(entry.login.as_ref().unwrap().as_bytes(), b"j\xF6rg");
        assert_eq!(entry.password, Some(Secret::new(b"\xFF \xA0\xFE".to_vec())));
        assert_eq!(Netrc::parse(b"machine h\n\xE9 x").unwrap_err().line, 2);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_without_a_password() {
        for (text, line) in [
            ("machine", 1),
            ("machine h\nlogin ann\npasword secret", 3),
            ("\nlogin ann", 2),
            ("machine h login \"ann", 1),
            ("machine h password", 1),
        ] {
            let error = Netrc::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.line, line, "{text}: {error}");
            assert!(!error.to_string().contains("secret"));
        }
        assert_eq!(Netrc::parse(b"").unwrap(), Netrc::default());
        assert_eq!(Netrc::parse(b"macdef x\nanything\n").unwrap(), Netrc::default());
    }
}
