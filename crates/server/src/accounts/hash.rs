//! Password hashes: argon2id for new ones, and the kept forms of others for those that are imported.
//!
//! A [`struct@Hash`] is of a known form, whole, and of a cost that is bounded; anything else has no value of this
//! type, so what cannot be verified lets nobody in. Where hashes are kept it does not know. Whoever verifies
//! one takes a slow turn for it: this is never called on a task of the runtime.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};
use argon2::{Argon2, Params};
use sha_crypt::ShaCrypt;
use std::fmt;
use yescrypt::Yescrypt;

/// The longest password that is looked at: more costs work, and nobody has one (S29).
pub const LONGEST_PASSWORD: usize = 1024;

/// The most of each that a hash may cost: about a second, and a quarter of a gigabyte.
const MOST_KIB: u32 = 256 * 1024;
const MOST_PASSES: u32 = 10;
const MOST_LANES: u32 = 16;
const MOST_SHA_ROUNDS: u32 = 1_000_000;
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=14;

/// How much of a password bcrypt looks at.
const BCRYPT_LOOKS_AT: usize = 72;

/// The digits of crypt(3)'s base 64.
const DIGITS: &[u8] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A password hash that can be verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash {
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Argon2id,
    Bcrypt,
    ShaCrypt,
    Yescrypt,
}

/// Why something is no hash that lets anybody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Nothing.
    #[error("there is no password")]
    Empty,
    /// A form that is not known, or not kept.
    #[error(
        "this form of hash is not known: argon2id, bcrypt, SHA-crypt ($5$, $6$) and yescrypt are"
    )]
    Unknown,
    /// DES, which looks at eight characters.
    #[error("DES hashes are too weak to be kept: set a new password")]
    Des,
    /// MD5.
    #[error("MD5 and SHA-1 hashes are too weak to be kept: set a new password")]
    Md5,
    /// It begins like a hash and is none.
    #[error("the hash is damaged")]
    Damaged,
    /// It would take too long.
    #[error("the hash costs more than this server spends on a login")]
    TooDear,
    /// A password longer than [`LONGEST_PASSWORD`].
    #[error("the password is longer than 1024 bytes")]
    TooLong,
    /// The system has no random bytes, or no memory.
    #[error("the password could not be hashed")]
    NotHashed,
}

impl Hash {
    /// Hashes a password, with the costs that the argon2 crate has for its defaults.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, and `NotHashed` when the system fails.
    pub fn make(password: &[u8]) -> Result<Self, HashError> {
        if password.is_empty() {
            return Err(HashError::Empty);
        }
        if password.len() > LONGEST_PASSWORD {
            return Err(HashError::TooLong);
        }
        let hash: phc::PasswordHash =
            Argon2::default().hash_password(password).map_err(|_| HashError::NotHashed)?;
        Ok(Self { kind: Kind::Argon2id, text: hash.to_string() })
    }

    /// Takes a hash as it is written in a store or a file.
    ///
    /// # Errors
    /// Why it would let nobody in.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        let kind = if text.is_empty() {
            return Err(HashError::Empty);
        } else if text.starts_with("$argon2id$") {
            check_argon2(text)?;
            Kind::Argon2id
        } else if ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix)) {
            check_bcrypt(text)?;
            Kind::Bcrypt
        } else if text.starts_with("$5$") || text.starts_with("$6$") {
            check_sha_crypt(text)?;
            Kind::ShaCrypt
        } else if text.starts_with("$y$") {
            check_yescrypt(text)?;
            Kind::Yescrypt
        } else if ["$1$", "$apr1$", "{SHA}"].iter().any(|prefix| text.starts_with(prefix)) {
            return Err(HashError::Md5);
        } else if text.len() == 13 && text.bytes().all(|byte| DIGITS.contains(&byte)) {
            return Err(HashError::Des);
        } else {
            return Err(HashError::Unknown);
        };
        Ok(Self { kind, text: text.to_owned() })
    }

    /// Whether this is the password. Slow.
    pub fn is_of(&self, password: &[u8]) -> bool {
        if password.len() > LONGEST_PASSWORD {
            return false;
        }
        #[cfg(test)]
        work::count();
        let right = match self.kind {
            Kind::Argon2id => {
                Argon2::default().verify_password(password, self.text.as_str()).is_ok()
            }
            Kind::Bcrypt => bcrypt::verify(password, &self.text).unwrap_or(false),
            Kind::ShaCrypt => {
                ShaCrypt::SHA512.verify_password(password, self.text.as_str()).is_ok()
            }
            Kind::Yescrypt => {
                Yescrypt::default().verify_password(password, self.text.as_str()).is_ok()
            }
        };
        // Somewhere else an empty password may have been hashed: here it is none.
        right && !password.is_empty()
    }

    /// A hash as new ones are, of a password that this one is of; none where this is such a one, or where
    /// it has not looked at the whole password.
    pub fn renewed(&self, password: &[u8]) -> Option<Self> {
        let costs = |hash: &phc::PasswordHash| Params::try_from(hash).ok();
        let current = match self.kind {
            Kind::Argon2id => phc::PasswordHash::new(&self.text).is_ok_and(|hash| {
                costs(&hash).is_some_and(|own| {
                    own.m_cost() >= Params::DEFAULT_M_COST && own.t_cost() >= Params::DEFAULT_T_COST
                })
            }),
            Kind::Bcrypt => password.len() > BCRYPT_LOOKS_AT,
            Kind::ShaCrypt | Kind::Yescrypt => false,
        };
        if current { None } else { Self::make(password).ok() }
    }

    /// As it is kept.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({:?}, …)", self.kind)
    }
}

/// Does the work of verifying a password for nobody: a name that is not known costs what another does.
pub fn waste(password: &[u8]) {
    #[cfg(test)]
    work::count();
    let password = &password[..password.len().min(LONGEST_PASSWORD)];
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    // What comes of it is of no use to anybody.
    let _ = Argon2::default().hash_password_into(password, b"nobody has this salt", &mut out);
    std::hint::black_box(out);
}

fn check_argon2(text: &str) -> Result<(), HashError> {
    let hash = phc::PasswordHash::new(text).map_err(|_| HashError::Damaged)?;
    let costs = Params::try_from(&hash).map_err(|_| HashError::Damaged)?;
    let long = hash.hash.is_some_and(|output| output.len() >= 16);
    if hash.salt.is_none() || !long || !matches!(hash.version, None | Some(0x10 | 0x13)) {
        return Err(HashError::Damaged);
    }
    let dear = costs.m_cost() > MOST_KIB || costs.t_cost() > MOST_PASSES;
    if dear || costs.p_cost() > MOST_LANES { Err(HashError::TooDear) } else { Ok(()) }
}

fn check_bcrypt(text: &str) -> Result<(), HashError> {
    let parts: bcrypt::HashParts = text.parse().map_err(|_| HashError::Damaged)?;
    if text.len() != 60 {
        Err(HashError::Damaged)
    } else if BCRYPT_COSTS.contains(&parts.get_cost()) {
        Ok(())
    } else {
        Err(HashError::TooDear)
    }
}

/// `$6$[rounds=N$]salt$hash`. The crate takes rounds that it cannot read for the salt: not here.
fn check_sha_crypt(text: &str) -> Result<(), HashError> {
    let length = if text.starts_with("$5$") { 43 } else { 86 };
    let mut fields: Vec<&str> = text[3..].split('$').collect();
    if let Some(rounds) = fields[0].strip_prefix("rounds=") {
        let rounds: u32 = rounds.parse().map_err(|_| HashError::Damaged)?;
        if rounds > MOST_SHA_ROUNDS {
            return Err(HashError::TooDear);
        }
        if rounds < sha_crypt::Params::ROUNDS_MIN {
            return Err(HashError::Damaged);
        }
        fields.remove(0);
    }
    let [salt, hash] = fields.as_slice() else { return Err(HashError::Damaged) };
    let whole = salt.len() <= 16 && is_digits(hash, length);
    if whole && !salt.is_empty() { Ok(()) } else { Err(HashError::Damaged) }
}

/// `$y$j9T$salt$hash`: the parameters are one digit each, the kind, the memory and the size of a block.
fn check_yescrypt(text: &str) -> Result<(), HashError> {
    let fields: Vec<&str> = text[3..].split('$').collect();
    let [costs, salt, hash] = fields.as_slice() else { return Err(HashError::Damaged) };
    // An empty hash would be that of every password.
    if salt.is_empty() || salt.len() > 86 || !is_digits(salt, salt.len()) || !is_digits(hash, 43) {
        return Err(HashError::Damaged);
    }
    let value =
        |digit: u8| (0_u32..).zip(DIGITS).find(|(_, known)| **known == digit).map(|(n, _)| n);
    let &[b'j', memory, block] = costs.as_bytes() else { return Err(HashError::TooDear) };
    let (Some(memory), Some(block)) = (value(memory), value(block)) else {
        return Err(HashError::Damaged);
    };
    // A block has 128 bytes times its size, and there are two to the power of the memory of them.
    let bytes = (128 * (u64::from(block) + 1)).checked_shl(memory + 1);
    match bytes {
        Some(bytes) if memory < 20 && bytes <= u64::from(MOST_KIB) * 1024 => Ok(()),
        _ => Err(HashError::TooDear),
    }
}

fn is_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| DIGITS.contains(&byte))
}

/// How often slow work was done on this thread: what tests count in place of time.
#[cfg(test)]
pub(crate) mod work {
    use std::cell::Cell;

    thread_local! {
        static DONE: Cell<u32> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        DONE.set(DONE.get() + 1);
    }

    /// How much of it this does.
    pub(crate) fn of<T>(act: impl FnOnce() -> T) -> (T, u32) {
        let before = DONE.get();
        let result = act();
        (result, DONE.get() - before)
    }
}

#[cfg(test)]
mod tests;
