//! A login, verified against the store.
//!
//! The order: the record is read, then the work of one password is done whatever was found, then all else is
//! looked at. The second factor is in the same gate on every way in (S25): whether the password is right or a
//! certificate stands for it, there is one place that lets in, and it wants the code.

use super::Store;
use super::record::{self, Record};
use crate::accounts::hash::{self, Hash};
use crate::accounts::{Attempt, Known, Source, Terms, Verdict, Why, local, totp};
use crate::effects::today;
use jiff::civil::DateTime;
use rusqlite::params;
use wharf_proto::Text;

/// What is kept of a user, read into what it means.
struct Kept {
    password: Option<Hash>,
    totp: Option<totp::Secret>,
    disabled: bool,
    terms: Terms,
}

/// Where the second factor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Second {
    NotWanted,
    Missing,
    Wrong,
    /// Right, with the code of this step.
    Right(u64),
}

/// The moment of a login: seconds since 1970, and what the operator's clock on the wall says.
#[derive(Clone, Copy)]
pub(super) struct Now {
    pub(super) seconds: u64,
    pub(super) local: DateTime,
}

impl Source for Store {
    fn verify(&self, attempt: &Attempt) -> Verdict {
        let now = today().seconds();
        let (seconds, local) = (u64::try_from(now).unwrap_or(0), local(now));
        self.verify_at(attempt, Now { seconds, local })
    }

    fn recognise(&self, attempt: &Attempt) -> Verdict {
        // Nothing is counted here, and a certificate is looked at before a password.
        self.verify(attempt)
    }

    /// Those who could log in, were it the right time and place.
    fn known(&self) -> Vec<Known> {
        let listed = self.users().unwrap_or_else(|error| {
            tracing::warn!(%error, "the users of the store cannot be listed");
            Vec::new()
        });
        let may = listed.iter().filter(|user| !user.disabled && user.damaged.is_none());
        may.filter_map(|user| {
            let terms = Terms::try_from(&user.said).ok()?;
            let member = terms.member(&Text::from(user.name.as_str()));
            let (password, totp) = (user.password, user.totp);
            Some(Known { member, terms: Some(terms), password, totp })
        })
        .collect()
    }
}

impl Store {
    /// The verdict at this moment.
    pub(super) fn verify_at(&self, attempt: &Attempt, now: Now) -> Verdict {
        let unknown = Verdict::Refused(Why::Unknown);
        let Ok(name) = str::from_utf8(attempt.name.as_bytes()) else { return unknown };
        let broken = |reason: String| {
            hash::waste(attempt.password.reveal());
            Verdict::Refused(Why::Broken(reason))
        };
        // The lock is not held over the work.
        let read = record::read(&self.lock(), name);
        let record = match read {
            Ok(Some(record)) => record,
            Ok(None) => return unknown,
            Err(error) => return broken(error.to_string()),
        };
        match Kept::read(&record) {
            Ok(kept) => match self.let_in(name, &kept, attempt, now) {
                Ok(verdict) => verdict,
                Err(why) => Verdict::Refused(why),
            },
            Err(reason) => broken(reason),
        }
    }

    /// The one gate.
    fn let_in(&self, name: &str, kept: &Kept, attempt: &Attempt, now: Now) -> Result<Verdict, Why> {
        let (password, second) = kept.split(attempt, now.seconds);
        let renewed = kept.prove(attempt, password)?;
        if kept.disabled {
            return Err(Why::Disabled);
        }
        kept.terms.admit(attempt, now.local)?;
        match second {
            Second::NotWanted => {}
            Second::Missing => return Ok(Verdict::WantsCode),
            Second::Wrong => return Err(Why::Code),
            Second::Right(step) => self.use_code(name, step)?,
        }
        if let (Some(old), Some(new)) = (&kept.password, renewed) {
            self.renew(name, old, &new);
        }
        Ok(Verdict::In(Box::new(kept.terms.member(&attempt.name))))
    }

    /// Notes that the code of this step is used up. Of two that come with it at once, one has it.
    fn use_code(&self, name: &str, step: u64) -> Result<(), Why> {
        let statement = "UPDATE user SET totp_step = ?2
            WHERE name = ?1 AND (totp_step IS NULL OR totp_step < ?2)";
        let step = i64::try_from(step).map_err(|_| Why::Code)?;
        match self.lock().execute(statement, params![name, step]) {
            Ok(0) => Err(Why::Code),
            Ok(_) => Ok(()),
            Err(error) => Err(Why::Broken(error.to_string())),
        }
    }

    /// Keeps a password as new ones are kept, unless it was changed meanwhile.
    fn renew(&self, name: &str, old: &Hash, new: &Hash) {
        let statement = "UPDATE user SET password = ?3 WHERE name = ?1 AND password = ?2";
        let renewed = self.lock().execute(statement, params![name, old.as_str(), new.as_str()]);
        if let Err(error) = renewed {
            // The old one is as good as it was.
            tracing::warn!(user = name, %error, "the password could not be hashed anew");
        }
    }
}

impl Kept {
    /// What a record means.
    fn read(record: &Record) -> Result<Self, String> {
        let password = record.password.as_deref().map(Hash::parse).transpose();
        let totp = record.totp_secret.as_deref().map(totp::Secret::parse).transpose();
        Ok(Self {
            password: password.map_err(|error| error.to_string())?,
            totp: totp.map_err(|error| error.to_string())?,
            disabled: record.disabled,
            terms: Terms::try_from(&record.said).map_err(|error| error.to_string())?,
        })
    }

    /// The password and the second factor of an attempt. A right code at the end of the password is taken from
    /// it; it costs nothing to see, so that one password is verified, whatever was given.
    fn split<'a>(&self, attempt: &'a Attempt, seconds: u64) -> (&'a [u8], Second) {
        let whole = attempt.password.reveal();
        let Some(totp) = &self.totp else { return (whole, Second::NotWanted) };
        if let Some(code) = &attempt.code {
            let step = totp.step_of(code.reveal(), seconds);
            return (whole, step.map_or(Second::Wrong, Second::Right));
        }
        let Some((password, code)) = whole.split_last_chunk::<{ totp::DIGITS }>() else {
            return (whole, Second::Missing);
        };
        match totp.step_of(code, seconds) {
            Some(step) => (password, Second::Right(step)),
            None => (whole, Second::Missing),
        }
    }

    /// Whether the password is right or a certificate stands for it; the hash to be kept from now on, if it is
    /// another.
    fn prove(&self, attempt: &Attempt, password: &[u8]) -> Result<Option<Hash>, Why> {
        if self.terms.knows_certificate(attempt) {
            return Ok(None);
        }
        let Some(hash) = &self.password else {
            hash::waste(password);
            return Err(Why::Password);
        };
        if hash.is_of(password) { Ok(hash.renewed(password)) } else { Err(Why::Password) }
    }
}
