//! The cipher suites that can be read, by their numbers in the registry: those of TLS 1.3, and of TLS 1.2 those that encrypt
//! and authenticate in one (AES-GCM, RFC 5288, RFC 5289; ChaCha20-Poly1305, RFC 7905) and AES in CBC mode (RFC 5246, RFC 5289).

use ring::aead::{AES_128_GCM, AES_256_GCM, Algorithm, CHACHA20_POLY1305};
use ring::{hkdf, hmac};

/// A cipher suite.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suite {
    number: u16,
    /// As the tap names it.
    pub(super) name: &'static str,
    pub(super) cipher: Cipher,
    pub(super) hash: Hash,
}

/// What encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128,
    Aes256,
    ChaCha,
    /// AES in CBC mode with a key of so many bytes, and what authenticates.
    Blocks {
        key: usize,
        mac: Mac,
    },
}

/// What authenticates where the cipher does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mac {
    Sha1,
    Sha256,
    Sha384,
}

/// What keys are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
}

use Cipher::{Aes128, Aes256, ChaCha};
use Hash::{Sha256, Sha384};

/// A row of the table.
const fn row(number: u16, name: &'static str, cipher: Cipher, hash: Hash) -> Suite {
    Suite { number, name, cipher, hash }
}

/// A row of a suite in CBC mode.
const fn cbc(number: u16, name: &'static str, key: usize, mac: Mac) -> Suite {
    // Keys are made with SHA-256, but where SHA-384 authenticates (RFC 5246 section 5).
    let hash = if matches!(mac, Mac::Sha384) { Sha384 } else { Sha256 };
    row(number, name, Cipher::Blocks { key, mac }, hash)
}

const SUITES: [Suite; 30] = [
    row(0x1301, "TLS13_AES_128_GCM_SHA256", Aes128, Sha256),
    row(0x1302, "TLS13_AES_256_GCM_SHA384", Aes256, Sha384),
    row(0x1303, "TLS13_CHACHA20_POLY1305_SHA256", ChaCha, Sha256),
    row(0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", Aes128, Sha256),
    row(0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384", Aes256, Sha384),
    row(0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", Aes128, Sha256),
    row(0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", Aes256, Sha384),
    row(0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Aes128, Sha256),
    row(0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Aes256, Sha384),
    row(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Aes128, Sha256),
    row(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Aes256, Sha384),
    row(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", ChaCha, Sha256),
    row(0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", ChaCha, Sha256),
    row(0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", ChaCha, Sha256),
    cbc(0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", 16, Mac::Sha1),
    cbc(0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", 16, Mac::Sha1),
    cbc(0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", 32, Mac::Sha1),
    cbc(0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", 32, Mac::Sha1),
    cbc(0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256", 16, Mac::Sha256),
    cbc(0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256", 32, Mac::Sha256),
    cbc(0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", 16, Mac::Sha256),
    cbc(0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", 32, Mac::Sha256),
    cbc(0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 16, Mac::Sha1),
    cbc(0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", 32, Mac::Sha1),
    cbc(0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 16, Mac::Sha1),
    cbc(0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", 32, Mac::Sha1),
    cbc(0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", 16, Mac::Sha256),
    cbc(0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", 32, Mac::Sha384),
    cbc(0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", 16, Mac::Sha256),
    cbc(0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", 32, Mac::Sha384),
];

impl Suite {
    /// The suite of this number, if it can be read.
    pub(super) fn of(number: u16) -> Option<&'static Self> {
        SUITES.iter().find(|suite| suite.number == number)
    }
}

impl Cipher {
    /// What encrypts and authenticates in one; none where two things do.
    pub(super) fn algorithm(self) -> Option<&'static Algorithm> {
        match self {
            Aes128 => Some(&AES_128_GCM),
            Aes256 => Some(&AES_256_GCM),
            ChaCha => Some(&CHACHA20_POLY1305),
            Self::Blocks { .. } => None,
        }
    }
}

impl Hash {
    pub(super) fn hkdf(self) -> hkdf::Algorithm {
        match self {
            Sha256 => hkdf::HKDF_SHA256,
            Sha384 => hkdf::HKDF_SHA384,
        }
    }

    pub(super) fn hmac(self) -> hmac::Algorithm {
        match self {
            Sha256 => hmac::HMAC_SHA256,
            Sha384 => hmac::HMAC_SHA384,
        }
    }

    /// How long what it gives is.
    pub(super) fn length(self) -> usize {
        self.hmac().digest_algorithm().output_len()
    }
}
