//! The user store: one SQLite file, made on first use, for its owner alone.
//!
//! What is in it is text that people can read (`store/schema.sql`). How a login is verified against it is in
//! `store/verify.rs`; a record that makes no sense lets nobody in. All values are bound, none is ever part of a
//! statement.

mod record;
mod verify;

use super::hash::Hash;
use super::terms::SaidError;
use super::user::{NewUser, UserName};
use super::{Said, Terms, totp};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use serde::Serialize;
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What makes each version from the one before; the first from nothing.
const MIGRATIONS: [&str; 1] = [include_str!("store/schema.sql")];

/// How long to wait for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// A user store.
pub struct Store {
    db: Mutex<Connection>,
}

/// Why the store did not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or made.
    #[error("{}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A later version has made it.
    #[error("the store has version {found}, and this program knows up to {known}")]
    TooNew {
        /// The version of the file.
        found: usize,
        /// The latest that is known here.
        known: usize,
    },
    /// SQLite says so.
    #[error("the store cannot be used")]
    Database(#[from] rusqlite::Error),
    /// There is a user of that name.
    #[error("there is a user \"{0}\" already")]
    Exists(UserName),
    /// There is none.
    #[error("there is no user \"{0}\"")]
    NoSuchUser(UserName),
    /// What is said of a user makes no sense.
    #[error(transparent)]
    Said(#[from] SaidError),
}

/// A user, as a list shows it: no hash, no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Listed {
    /// The name.
    pub name: String,
    /// Whether the account is disabled.
    pub disabled: bool,
    /// Whether there is a password.
    pub password: bool,
    /// Whether there is a second factor.
    pub totp: bool,
    /// What the account is held to.
    #[serde(flatten)]
    pub said: Said,
    /// Why nobody can log in with what is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<String>,
}

impl Store {
    /// Opens a store that there is.
    ///
    /// # Errors
    /// When there is none, or it is none.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::File { path: path.to_owned(), source };
        // SQLite has one word for all that can be wrong with a file.
        OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(PATIENCE)?;
        db.pragma_update(None, "foreign_keys", true)?;
        db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        migrate(&mut db)?;
        Ok(Self { db: Mutex::new(db) })
    }

    /// Opens a store, and makes it where there is none, with its folder: for its owner alone.
    ///
    /// # Errors
    /// When that fails.
    pub fn open_or_make(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::File { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
            Ok(_) | Err(_) => Self::open(path),
        }
    }

    /// Adds a user.
    ///
    /// # Errors
    /// When there is one of that name, and when the terms make no sense.
    pub fn add(&self, user: &NewUser) -> Result<(), StoreError> {
        self.add_all(std::slice::from_ref(user))
    }

    /// Adds these users, or none of them.
    ///
    /// # Errors
    /// As [`Self::add`], about the first that is at fault.
    pub fn add_all(&self, users: &[NewUser]) -> Result<(), StoreError> {
        for user in users {
            Terms::try_from(&user.said)?;
        }
        self.change(|db| {
            for user in users {
                let password = user.password.as_ref().map(Hash::as_str);
                let totp = user.totp.as_ref().map(totp::Secret::base32);
                let added = db.execute(
                    "INSERT INTO user (name, password, totp_secret) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                    params![user.name.as_str(), password, totp],
                )?;
                if added == 0 {
                    return Err(StoreError::Exists(user.name.clone()));
                }
                record::write(db, user.name.as_str(), &user.said)?;
            }
            Ok(())
        })
    }

    /// Removes a user.
    ///
    /// # Errors
    /// When there is none.
    pub fn remove(&self, name: &UserName) -> Result<(), StoreError> {
        self.update(name, "DELETE FROM user WHERE name = ?1", params![name.as_str()])
    }

    /// Sets the password.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn set_password(&self, name: &UserName, password: &Hash) -> Result<(), StoreError> {
        let statement = "UPDATE user SET password = ?2 WHERE name = ?1";
        self.update(name, statement, params![name.as_str(), password.as_str()])
    }

    /// Lets nobody in with this account, or in again.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn set_disabled(&self, name: &UserName, disabled: bool) -> Result<(), StoreError> {
        let statement = "UPDATE user SET disabled = ?2 WHERE name = ?1";
        self.update(name, statement, params![name.as_str(), disabled])
    }

    /// Sets the second factor, or takes it away.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn set_totp(&self, name: &UserName, totp: Option<&totp::Secret>) -> Result<(), StoreError> {
        let statement = "UPDATE user SET totp_secret = ?2, totp_step = NULL WHERE name = ?1";
        self.update(name, statement, params![name.as_str(), totp.map(totp::Secret::base32)])
    }

    /// What a user is held to.
    ///
    /// # Errors
    /// When there is no such user, or what is kept cannot be read.
    pub fn said(&self, name: &UserName) -> Result<Said, StoreError> {
        let record = record::read(&self.lock(), name.as_str())?;
        record.map(|record| record.said).ok_or_else(|| StoreError::NoSuchUser(name.clone()))
    }

    /// Holds a user to other terms.
    ///
    /// # Errors
    /// When there is no such user, and when the terms make no sense.
    pub fn set_said(&self, name: &UserName, said: &Said) -> Result<(), StoreError> {
        Terms::try_from(said)?;
        self.change(|db| match record::write(db, name.as_str(), said)? {
            0 => Err(StoreError::NoSuchUser(name.clone())),
            _ => Ok(()),
        })
    }

    /// All users, by name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn users(&self) -> Result<Vec<Listed>, StoreError> {
        let db = self.lock();
        let mut statement = db.prepare("SELECT name FROM user ORDER BY name")?;
        let names = statement.query_map([], |row| row.get::<_, String>(0))?;
        let names = names.collect::<rusqlite::Result<Vec<_>>>()?;
        let mut users = Vec::new();
        for name in names {
            users.push(match record::read(&db, &name) {
                Ok(Some(record)) => record.listed(name),
                Ok(None) => continue,
                Err(error) => Listed::unreadable(name, &error),
            });
        }
        Ok(users)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes one row.
    fn update(
        &self,
        name: &UserName,
        statement: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<(), StoreError> {
        match self.lock().execute(statement, values)? {
            0 => Err(StoreError::NoSuchUser(name.clone())),
            _ => Ok(()),
        }
    }

    /// Changes several, or nothing.
    fn change(
        &self,
        act: impl FnOnce(&Connection) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut db = self.lock();
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        act(&transaction)?;
        Ok(transaction.commit()?)
    }
}

impl Listed {
    fn unreadable(name: String, error: &rusqlite::Error) -> Self {
        let (said, damaged) = (Said::default(), Some(error.to_string()));
        Self { name, disabled: true, password: false, totp: false, said, damaged }
    }
}

/// Brings a store to the version that is known here, in one step or not at all.
fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = transaction.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?;
    let (found, known) = (usize::try_from(found).unwrap_or(usize::MAX), MIGRATIONS.len());
    let Some(missing) = MIGRATIONS.get(found..) else {
        return Err(StoreError::TooNew { found, known });
    };
    for statements in missing {
        transaction.execute_batch(statements)?;
    }
    if !missing.is_empty() {
        transaction.pragma_update(
            None,
            "user_version",
            i64::try_from(known).unwrap_or(i64::MAX),
        )?;
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests;
