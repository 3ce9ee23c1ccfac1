//! A user as the store has it, row by row.
//!
//! Nothing is judged here but the types of the columns; what the text means is for `Terms` and `Hash` to say.

use super::Listed;
use crate::accounts::hash::Hash;
use crate::accounts::{Said, Terms, totp};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// A user, read.
pub(super) struct Record {
    pub(super) password: Option<String>,
    pub(super) disabled: bool,
    pub(super) totp_secret: Option<String>,
    pub(super) said: Said,
}

/// A table of several values a user, and where they are said.
struct List {
    read: &'static str,
    clear: &'static str,
    write: &'static str,
    of: fn(&mut Said) -> &mut Vec<String>,
}

macro_rules! list {
    ($table:literal, $field:ident) => {
        List {
            read: concat!("SELECT value FROM ", $table, " WHERE user = ?1 ORDER BY rowid"),
            clear: concat!("DELETE FROM ", $table, " WHERE user = ?1"),
            write: concat!("INSERT OR IGNORE INTO ", $table, " (user, value) VALUES (?1, ?2)"),
            of: |said| &mut said.$field,
        }
    };
}

const LISTS: [List; 6] = [
    list!("user_mount", mounts),
    list!("user_rule", rules),
    list!("user_network", networks),
    list!("user_hours", hours),
    list!("user_fxp", fxp),
    list!("user_certificate", certificates),
];

/// Reads a user, if there is one. A number that is below zero is an error, not another number.
pub(super) fn read(db: &Connection, name: &str) -> rusqlite::Result<Option<Record>> {
    let statement =
        "SELECT password, disabled, totp_secret, home, rights, quota_bytes, quota_files, rate_up,
        rate_down, sessions, tls, any_tls_session, expires, charset FROM user WHERE name = ?1";
    // All of it from one moment, whoever writes meanwhile.
    let db = db.unchecked_transaction()?;
    let Some(mut record) = db.prepare(statement)?.query_row([name], from_row).optional()? else {
        return Ok(None);
    };
    for list in &LISTS {
        let mut statement = db.prepare(list.read)?;
        let values = statement.query_map([name], |row| row.get(0))?;
        *(list.of)(&mut record.said) = values.collect::<rusqlite::Result<_>>()?;
    }
    Ok(Some(record))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Record> {
    let number = |column: &str| -> rusqlite::Result<Option<u64>> {
        let value: Option<i64> = row.get(column)?;
        let out_of_range = |value| rusqlite::Error::IntegralValueOutOfRange(0, value);
        value.map(|value| u64::try_from(value).map_err(|_| out_of_range(value))).transpose()
    };
    let said = Said {
        home: row.get("home")?,
        rights: row.get("rights")?,
        quota_bytes: number("quota_bytes")?,
        quota_files: number("quota_files")?,
        rate_up: number("rate_up")?,
        rate_down: number("rate_down")?,
        sessions: row.get("sessions")?,
        tls: row.get("tls")?,
        any_tls_session: row.get("any_tls_session")?,
        expires: row.get("expires")?,
        charset: row.get("charset")?,
        ..Said::default()
    };
    let (password, disabled) = (row.get("password")?, row.get("disabled")?);
    Ok(Record { password, disabled, totp_secret: row.get("totp_secret")?, said })
}

/// Writes what a user is held to; how many users there were of that name.
pub(super) fn write(db: &Connection, name: &str, said: &Said) -> rusqlite::Result<usize> {
    let number = |value: Option<u64>| value.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
    let changed = db.execute(
        "UPDATE user SET home = ?2, rights = ?3, quota_bytes = ?4, quota_files = ?5, rate_up = ?6,
            rate_down = ?7, sessions = ?8, tls = ?9, any_tls_session = ?10, expires = ?11, charset = ?12
            WHERE name = ?1",
        params![
            name,
            said.home,
            said.rights,
            number(said.quota_bytes),
            number(said.quota_files),
            number(said.rate_up),
            number(said.rate_down),
            said.sessions,
            said.tls,
            said.any_tls_session,
            said.expires,
            said.charset,
        ],
    )?;
    let mut said = said.clone();
    for list in LISTS.iter().filter(|_| changed > 0) {
        db.execute(list.clear, [name])?;
        let mut statement = db.prepare(list.write)?;
        for value in &*(list.of)(&mut said) {
            statement.execute([name, value])?;
        }
    }
    Ok(changed)
}

impl Record {
    /// As a list shows it.
    pub(super) fn listed(self, name: String) -> Listed {
        let terms = Terms::try_from(&self.said).err().map(|error| error.to_string());
        let hash = self.password.as_deref().map(Hash::parse);
        let hash = hash.and_then(Result::err).map(|error| error.to_string());
        let totp = self.totp_secret.as_deref().map(totp::Secret::parse);
        let totp = totp.and_then(Result::err).map(|error| error.to_string());
        Listed {
            name,
            disabled: self.disabled,
            password: self.password.is_some(),
            totp: self.totp_secret.is_some(),
            said: self.said,
            damaged: terms.or(hash).or(totp),
        }
    }
}
