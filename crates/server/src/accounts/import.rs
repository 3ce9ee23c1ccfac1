//! Users of other servers, from their files: htpasswd, passwd and shadow, pure-pw, vsftpd.
//!
//! Each line comes to a user, to nobody (an account that nobody logs in to), or to a reason. A bound that
//! another server knows and this one does not is a reason: what was forbidden there is not allowed here by
//! leaving it out. Nothing is kept here; the store takes all users of an import or none.

use super::Said;
use super::hash::{Hash, HashError};
use super::user::{NewUser, UserName};
use std::fmt;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `name:hash`, of Apache's htpasswd.
    Htpasswd,
    /// `name:hash:...` with 7 fields, whose sixth is the home, or the 9 of a shadow file.
    Passwd,
    /// The 18 fields of Pure-FTPd's pure-pw.
    PurePw,
    /// A line with a name, a line with a password in clear text, for vsftpd's pam_userdb.
    Vsftpd,
}

/// A line that was read.
#[derive(Debug)]
pub struct Line {
    /// Its number, from 1 on.
    pub number: usize,
    /// What came of it.
    pub read: Result<NewUser, Reason>,
}

/// Why a line comes to no user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nobody logs in to this account: it is locked, or its password is elsewhere. No mistake.
    Locked,
    /// The line cannot be taken over.
    Refused(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => f.write_str("nobody logs in with a password here: left out"),
            Self::Refused(reason) => f.write_str(reason),
        }
    }
}

impl<T: std::error::Error> From<T> for Reason {
    fn from(error: T) -> Self {
        Self::Refused(error.to_string())
    }
}

/// Reads a file. Empty lines and comments come to nothing.
pub fn read(format: Format, file: &[u8]) -> Vec<Line> {
    let mut lines: Vec<_> = (1..).zip(file.split(|byte| *byte == b'\n')).collect();
    lines.retain(|(_, line)| !line.is_empty());
    let mut users: Vec<Line> = match format {
        Format::Vsftpd => {
            lines.chunks(2).map(|pair| Line { number: pair[0].0, read: pair_of(pair) }).collect()
        }
        Format::Htpasswd | Format::Passwd | Format::PurePw => {
            lines.retain(|(_, line)| !line.starts_with(b"#"));
            let line =
                |(number, line): &(usize, &[u8])| Line { number: *number, read: one(format, line) };
            lines.iter().map(line).collect()
        }
    };
    refuse_twice(&mut users);
    users
}

/// A name that comes twice means two accounts, of which one is wrong.
fn refuse_twice(lines: &mut [Line]) {
    let mut seen = std::collections::BTreeSet::new();
    for line in lines {
        if let Ok(user) = &line.read
            && !seen.insert(user.name.clone())
        {
            line.read = Err(refused("this name was there before"));
        }
    }
}

fn refused(reason: &str) -> Reason {
    Reason::Refused(reason.to_owned())
}

fn one(format: Format, line: &[u8]) -> Result<NewUser, Reason> {
    let line = str::from_utf8(line).map_err(|_| refused("this is not UTF-8"))?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    let fields: Vec<&str> = line.split(':').collect();
    match (format, fields.as_slice()) {
        (Format::Htpasswd, [name, hash]) => user(name, hash, Said::default()),
        (Format::Passwd, [name, hash, _, _, _, home, _]) => user(name, hash, home_at(home)),
        (Format::Passwd, [name, hash, _, _, _, _, _, expires, _]) => {
            user(name, hash, Said { expires: day(expires)?, ..Said::default() })
        }
        (Format::PurePw, [name, hash, rest @ ..]) if rest.len() == 16 => {
            user(name, hash, of_pure_pw(rest)?)
        }
        (Format::Htpasswd, _) => Err(refused("name:hash is wanted")),
        (Format::Passwd, _) => {
            Err(refused("the 7 fields of passwd, or the 9 of shadow, are wanted"))
        }
        (Format::PurePw, _) => Err(refused("the 18 fields of pure-pw are wanted")),
        (Format::Vsftpd, _) => Err(refused("a name and a password are wanted")),
    }
}

/// A name, and the password on the line behind it, which is hashed here.
fn pair_of(pair: &[(usize, &[u8])]) -> Result<NewUser, Reason> {
    let [(_, name), (_, password)] = pair else {
        return Err(refused("no line with a password follows this name"));
    };
    let name: UserName = str::from_utf8(name).map_err(|_| refused("this is not UTF-8"))?.parse()?;
    let password = Some(Hash::make(password)?);
    Ok(NewUser { name, password, totp: None, said: Said::default() })
}

fn user(name: &str, hash: &str, said: Said) -> Result<NewUser, Reason> {
    // The locks of passwd(5) and shadow(5), and the mark that the password is in the other file.
    if hash.starts_with(['!', '*']) || hash == "x" {
        return Err(Reason::Locked);
    }
    let password = match Hash::parse(hash) {
        Err(HashError::Empty) => return Err(refused("there is no password: anybody could log in")),
        parsed => Some(parsed?),
    };
    super::Terms::try_from(&said)?;
    Ok(NewUser { name: name.parse()?, password, totp: None, said })
}

/// A home at the root. Pure-FTPd marks with `/./` from where on it is one.
fn home_at(home: &str) -> Said {
    let home = home.trim_end_matches("/.").trim_end_matches("/./");
    let home = if home.is_empty() { "/" } else { home };
    Said { home: Some(home.to_owned()), ..Said::default() }
}

/// Days since 1970, the first on which nobody logs in any more (shadow(5)).
fn day(days: &str) -> Result<Option<String>, Reason> {
    if days.is_empty() {
        return Ok(None);
    }
    let wanted = || refused("the day on which the account expires is no number");
    let days: i64 = days.parse().map_err(|_| wanted())?;
    let last = jiff::Timestamp::from_second(
        days.checked_sub(1).and_then(|days| days.checked_mul(86_400)).ok_or_else(wanted)?,
    );
    let last = last.map_err(|_| wanted())?.to_zoned(jiff::tz::TimeZone::UTC);
    Ok(Some(last.date().to_string()))
}

/// The fields of pure-pw behind name and password.
fn of_pure_pw(fields: &[&str]) -> Result<Said, Reason> {
    let &[
        _uid,
        _gid,
        _gecos,
        home,
        up,
        down,
        ratio_up,
        ratio_down,
        sessions,
        files,
        bytes,
        our,
        not_our,
        from,
        not_from,
        hours,
    ] = fields
    else {
        return Err(refused("the 18 fields of pure-pw are wanted"));
    };
    for (field, what) in [
        (ratio_up, "a ratio"),
        (ratio_down, "a ratio"),
        (our, "addresses of the server to log in at"),
        (not_our, "addresses of the server not to log in at"),
        (not_from, "addresses of clients that are refused"),
    ] {
        if !field.is_empty() && field != "0" {
            return Err(Reason::Refused(format!("{what} cannot be taken over: \"{field}\"")));
        }
    }
    let sessions = bound(sessions)?.map(u32::try_from).transpose();
    let hours = match hours {
        "" => Vec::new(),
        hours => vec![clock(hours).ok_or_else(|| refused("hours are wanted as 0800-1800"))?],
    };
    Ok(Said {
        rate_up: bound(up)?,
        rate_down: bound(down)?,
        sessions: sessions.map_err(|_| refused("so many sessions are no bound"))?,
        quota_files: bound(files)?,
        quota_bytes: bound(bytes)?,
        networks: from
            .split(',')
            .filter(|network| !network.is_empty())
            .map(str::to_owned)
            .collect(),
        hours,
        ..home_at(home)
    })
}

/// A number that bounds something; nothing and 0 bound nothing.
fn bound(field: &str) -> Result<Option<u64>, Reason> {
    match field {
        "" | "0" => Ok(None),
        _ if field.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Some(field.parse()?)),
        _ => Err(Reason::Refused(format!("\"{field}\" is no number"))),
    }
}

/// `0800-1800` as `08:00-18:00`.
fn clock(hours: &str) -> Option<String> {
    let (from, to) = hours.split_once('-')?;
    let time = |time: &str| Some(format!("{}:{}", time.get(..2)?, time.get(2..)?));
    Some(format!("{}-{}", time(from)?, time(to)?))
}

#[cfg(test)]
mod tests;
