//! `.netrc`: who logs in where, in the file that FTP clients have shared since 4.2BSD.
//!
//! Words parted by white space: `machine HOST`, or `default` for all others, and behind it `login`, `password` and
//! `account` with their values; `macdef` begins a macro, which ends at an empty line and is passed over. A value in
//! double quotes may have blanks, and a backslash takes the next character as it is. `#` begins a remark where a word
//! could stand. Here the text is read; which file it is in, and who else may read it, is the program's business.

use wharf_proto::Secret;

/// Who logs in at one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetrcEntry {
    /// The host; `None` for all that are not named.
    pub machine: Option<String>,
    /// The user.
    pub login: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The account to charge.
    pub account: Option<Secret>,
}

/// The entries of a file.
///
/// ```
/// use wharf_client::Netrc;
/// let netrc = Netrc::parse("machine h login ann password \"s e\"\ndefault login anonymous password x@y\n")?;
/// assert_eq!(netrc.find("h", None).unwrap().login.as_deref(), Some("ann"));
/// assert!(netrc.find("other", Some("bob")).is_none());
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
    /// Reads the text of a file.
    ///
    /// # Errors
    /// A word that has no place where it stands, a value that is missing, a quote that does not end. No value is
    /// repeated in them.
    pub fn parse(text: &str) -> Result<Self, NetrcError> {
        let mut words = Words { text, line: 1 };
        let mut entries: Vec<NetrcEntry> = Vec::new();
        while let Some(word) = words.next()? {
            let line = words.line;
            let error = |reason| NetrcError { line, reason };
            if word.starts_with('#') {
                words.skip_line();
                continue;
            }
            match word.as_str() {
                "default" => entries.push(NetrcEntry::default()),
                "machine" => {
                    let machine = Some(words.value()?);
                    entries.push(NetrcEntry { machine, ..NetrcEntry::default() });
                }
                "macdef" => words.skip_macro(),
                field @ ("login" | "user" | "password" | "passwd" | "account") => {
                    let value = words.value()?;
                    let before = "machine or default is missing before it";
                    let entry = entries.last_mut().ok_or_else(|| error(before))?;
                    match field {
                        "login" | "user" => entry.login = Some(value),
                        "account" => entry.account = Some(Secret::new(value.into_bytes())),
                        _ => entry.password = Some(Secret::new(value.into_bytes())),
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
    pub fn find(&self, host: &str, user: Option<&str>) -> Option<&NetrcEntry> {
        let of_user =
            |entry: &&NetrcEntry| user.is_none_or(|user| entry.login.as_deref() == Some(user));
        let named = |entry: &&NetrcEntry| {
            entry.machine.as_ref().is_some_and(|machine| machine.eq_ignore_ascii_case(host))
        };
        let entries = || self.0.iter().filter(of_user);
        entries().find(named).or_else(|| entries().find(|entry| entry.machine.is_none()))
    }

    /// Whether there is a password in it that others should not read.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        let secret = |entry: &NetrcEntry| {
            entry.password.is_some() && entry.login.as_deref() != Some("anonymous")
        };
        self.0.iter().any(secret)
    }
}

/// The words that are left.
struct Words<'t> {
    text: &'t str,
    line: usize,
}

impl Words<'_> {
    fn next(&mut self) -> Result<Option<String>, NetrcError> {
        loop {
            match self.take() {
                None => return Ok(None),
                Some(c) if c.is_whitespace() => {}
                Some('"') => return self.quoted().map(Some),
                Some(c) => return Ok(Some(self.bare(c))),
            }
        }
    }

    fn value(&mut self) -> Result<String, NetrcError> {
        let line = self.line;
        self.next()?.ok_or(NetrcError { line, reason: "its value is missing" })
    }

    fn take(&mut self) -> Option<char> {
        let mut characters = self.text.chars();
        let c = characters.next()?;
        self.text = characters.as_str();
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn bare(&mut self, first: char) -> String {
        let mut word = String::from(first);
        while let Some(c) = self.text.chars().next().filter(|c| !c.is_whitespace()) {
            word.push(c);
            self.take();
        }
        word
    }

    fn quoted(&mut self) -> Result<String, NetrcError> {
        let (line, mut word) = (self.line, String::new());
        loop {
            match self.take() {
                Some('"') => return Ok(word),
                Some('\\') => word.extend(self.take()),
                Some(c) => word.push(c),
                None => return Err(NetrcError { line, reason: "the quote does not end" }),
            }
        }
    }

    fn skip_line(&mut self) {
        // The line's end may have been taken together with the word.
        let rest = self.text.find('\n').unwrap_or(self.text.len());
        self.text = &self.text[rest..];
    }

    fn skip_macro(&mut self) {
        while !self.text.is_empty()
            && !self.text.starts_with("\n\n")
            && !self.text.starts_with("\n\r\n")
        {
            self.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_that_fits_counts_and_default_only_where_none_does() {
        let text = "# a remark\nmachine a.example login ann password one\n\tmachine a.example\n\
            login bob\npassword \"t \\\"w\\\" o\" account acc\nmacdef init\nmachine x login y\n\n\
            machine b.example login ann\ndefault login anonymous password me@here\n";
        let netrc = Netrc::parse(text).unwrap();
        let secret = |text: &str| Some(Secret::new(text.into()));
        assert_eq!(netrc.find("A.example", None).unwrap().password, secret("one"));
        let bob = netrc.find("a.example", Some("bob")).unwrap();
        assert_eq!((&bob.password, &bob.account), (&secret("t \"w\" o"), &secret("acc")));
        assert!(netrc.find("x", None).unwrap().machine.is_none());
        assert_eq!(netrc.find("b.example", None).unwrap().password, None);
        assert!(netrc.find("c", Some("carl")).is_none());
        assert!(netrc.is_secret());
        assert!(!Netrc::parse("default login anonymous password x").unwrap().is_secret());
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
            let error = Netrc::parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text}: {error}");
            assert!(!error.to_string().contains("secret"));
        }
        assert_eq!(Netrc::parse("").unwrap(), Netrc::default());
        assert_eq!(Netrc::parse("macdef x\nanything\n").unwrap(), Netrc::default());
    }
}
