//! Passwords in mistakes of the command line: what is printed of those is read by others than who made them.

use clap::error::{ContextKind, ContextValue};

use super::habits::with_habits;

/// The same error, in which nobody reads a password: it ends up in logs.
pub(crate) fn redacted(mut error: clap::Error) -> clap::Error {
    let secret = error.get(ContextKind::InvalidArg).is_some_and(
        |argument| matches!(argument, ContextValue::String(name) if name.contains("PASSWORD")),
    );
    let blank = |text: &str| if secret { "…".to_owned() } else { without_password(text) };
    let said: Vec<_> = error.context().map(|(kind, value)| (kind, value.clone())).collect();
    for (kind, value) in said {
        let value = match value {
            ContextValue::String(text) if kind == ContextKind::InvalidValue => blank(&text),
            ContextValue::String(text) => without_password(&text),
            _ => continue,
        };
        error.insert(kind, ContextValue::String(value));
    }
    with_habits(error)
}

/// A URL, or what was to be one, without what stands in the place of its password.
fn without_password(text: &str) -> String {
    // Who forgets the scheme has typed the password all the same.
    let (scheme, rest) = text.split_at(text.find("://").map_or(0, |at| at + 3));
    let parts = rest.rsplit_once('@').and_then(|(login, place)| {
        let (user, _) = login.split_once(':')?;
        Some(format!("{scheme}{user}:…@{place}"))
    });
    parts.unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Arguments;

    #[test]
    fn mistakes_are_told_without_the_passwords_in_them() {
        for words in [
            &["ls", "ftp://ann:hunter2@h/a?b"][..],
            &["ls", "ftp://ann:hun/hunter2@h/"],
            &["ls", "ann:hunter2@h/"],
            &["ls", "ftp://h/", "ftp://ann:hunter2@h/"],
            &["ls", "--proxy", "socks9://u:hunter2@h", "ftp://h/"],
            &["ls", "--proxy=socks9://u:hunter2@h", "ftp://h/"],
            &["serve", "--user", "hunter2", "."],
        ] {
            let words = ["wharf"].iter().chain(words);
            let error = redacted(Arguments::try_parse_from(words).unwrap_err()).to_string();
            assert!(!error.contains("hunter2"), "{error}");
            assert!(error.contains('…'), "{error}");
        }
        let error =
            redacted(Arguments::try_parse_from(["wharf", "ls", "gopher://h/"]).unwrap_err());
        assert!(error.to_string().contains("gopher://h/"), "{error}");
    }
}
