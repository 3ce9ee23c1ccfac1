//! One-time codes that change with time: TOTP, RFC 6238 over RFC 4226.
//!
//! As every authenticator has them: SHA-1, six digits, thirty seconds. Which code has been used already is
//! kept with the user, not here.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use std::fmt;
use subtle::ConstantTimeEq;

/// How long a code is valid, in seconds.
const STEP: u64 = 30;
/// How many digits a code has.
pub const DIGITS: usize = 6;
/// What the digits count to.
const MODULUS: u32 = 1_000_000;
/// How many steps a clock may be wrong, either way.
const DRIFT: u64 = 1;
/// How many bytes a new secret has (RFC 4226 section 4: as many as the hash).
const LENGTH: usize = 20;
/// The fewest that are taken (RFC 4226 section 4).
const SHORTEST: usize = 16;

/// What a user and the server share.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// It is no secret in base 32 of at least 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret of the second factor is no base 32 of at least 16 bytes")]
pub struct SecretError;

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = vec![0; LENGTH];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads base 32, as it is kept and shown.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let bytes = BASE32_NOPAD.decode(text.as_bytes()).map_err(|_| SecretError)?;
        if bytes.len() < SHORTEST { Err(SecretError) } else { Ok(Self(bytes)) }
    }

    /// In base 32.
    pub fn base32(&self) -> String {
        BASE32_NOPAD.encode(&self.0)
    }

    /// What an authenticator takes, most often as a picture.
    pub fn uri(&self, user: &str) -> String {
        let mut name = String::new();
        for byte in user.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    name.push(char::from(byte));
                }
                _ => name.push_str(&format!("%{byte:02X}")),
            }
        }
        format!("otpauth://totp/Wharf:{name}?secret={}&issuer=Wharf", self.base32())
    }

    /// In which step near this moment this is the code; the clocks may differ by one step. `None` if in none.
    pub fn step_of(&self, code: &[u8], seconds: u64) -> Option<u64> {
        let now = seconds / STEP;
        let near = now.saturating_sub(DRIFT)..=now.saturating_add(DRIFT);
        // All are compared, so that the time tells nothing.
        near.fold(None, |found, step| {
            let right = bool::from(self.code(step).as_bytes().ct_eq(code));
            if right { Some(step) } else { found }
        })
    }

    /// The code of this moment, as an authenticator shows it.
    pub fn code_at(&self, seconds: u64) -> String {
        self.code(seconds / STEP)
    }

    /// The code of this step (RFC 4226 section 5.3).
    fn code(&self, step: u64) -> String {
        let digest = match Hmac::<Sha1>::new_from_slice(&self.0) {
            Ok(mut hmac) => {
                hmac.update(&step.to_be_bytes());
                hmac.finalize().into_bytes()
            }
            // HMAC takes keys of any length.
            Err(_) => return String::new(),
        };
        let at = usize::from(digest[19] & 0x0f);
        let four = [digest[at] & 0x7f, digest[at + 1], digest[at + 2], digest[at + 3]];
        format!("{:0DIGITS$}", u32::from_be_bytes(four) % MODULUS)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238 appendix B and RFC 4226 appendix D.
    fn known() -> Secret {
        Secret(b"12345678901234567890".to_vec())
    }

    #[test]
    fn codes_are_those_of_the_rfcs() {
        // RFC 4226 appendix D.
        let hotp = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583"];
        for (step, code) in (0..).zip(hotp) {
            assert_eq!(known().code(step), code);
        }
        // RFC 6238 appendix B, of whose eight digits ours are the last six.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(known().step_of(code.as_bytes(), seconds), Some(seconds / STEP), "{code}");
        }
    }

    #[test]
    fn clock_may_be_wrong_by_one_step_and_no_more() {
        for (seconds, right) in [(0, false), (29, false), (30, true), (119, true), (120, false)] {
            // Step 2: from 60 to 89.
            assert_eq!(known().step_of(b"359152", seconds).is_some(), right, "{seconds}");
        }
        for code in [&b""[..], b"35915", b"3591520", b"+59152", b"\xff59152"] {
            assert_eq!(known().step_of(code, 60), None);
        }
    }

    #[test]
    fn secrets_are_read_back_and_short_or_broken_ones_are_none() {
        let secret = Secret::random().unwrap();
        assert_eq!(Secret::parse(&secret.base32()), Ok(secret));
        for text in
            ["", "MFRGG", "mfrggzdfmztwq2lknnwg23tpobyxe43u", "0FRGGZDFMZTWQ2LKNNWG23TPOBYXE43U"]
        {
            assert!(Secret::parse(text).is_err(), "{text}");
        }
        let uri = known().uri("ann smith");
        assert!(uri.starts_with("otpauth://totp/Wharf:ann%20smith?secret=GEZDGNBV"), "{uri}");
    }
}
