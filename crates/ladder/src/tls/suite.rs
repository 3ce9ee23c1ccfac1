//! The cipher suites that can be read: those of TLS 1.3, and of TLS 1.2 those that encrypt and authenticate in one
//! (AES-GCM, RFC 5288, RFC 5289; ChaCha20-Poly1305, RFC 7905), by their numbers in the registry.

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

const SUITES: [Suite; 14] = [
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
];

impl Suite {
    /// The suite of this number, if it can be read.
    pub(super) fn of(number: u16) -> Option<&'static Self> {
        SUITES.iter().find(|suite| suite.number == number)
    }
}

impl Cipher {
    pub(super) fn algorithm(self) -> &'static Algorithm {
        match self {
            Aes128 => &AES_128_GCM,
            Aes256 => &AES_256_GCM,
            ChaCha => &CHACHA20_POLY1305,
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
