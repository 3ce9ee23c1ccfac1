//! Records of TLS 1.2 whose cipher works on blocks (RFC 5246 section 6.2.3.2): AES in CBC mode, and an HMAC of its own, over
//! what was encrypted or, where both sides have agreed on it (RFC 7366), over what came of that.
//!
//! Records are only read here, of captures and with their secrets: a record is believed when its HMAC is right, and how
//! long that takes tells nobody anything.

use super::suite::{Cipher, Mac, Suite};
use aes::cipher::{Block, BlockModeDecrypt as _, KeyIvInit as _};
use aes::{Aes128, Aes256};
use ring::hmac;

/// Bytes of a block, and of what stands before the first of a record.
const BLOCK: usize = 16;

/// The keys of one direction, and how many records it has had.
#[derive(Clone)]
pub(super) struct Blocks {
    key: Vec<u8>,
    mac: hmac::Key,
    /// The HMAC stands behind what is encrypted, and not in it.
    outside: bool,
    count: u64,
}

impl Blocks {
    /// How many bytes of keys each direction needs: for the HMAC and for the cipher.
    pub(super) fn lengths(suite: &Suite) -> Option<[usize; 2]> {
        let Cipher::Blocks { key, mac } = suite.cipher else { return None };
        Some([mac.length(), key])
    }

    /// The two directions, the client's first, from the bytes that the secrets were stretched to.
    pub(super) fn both(suite: &Suite, bytes: &[u8], outside: bool) -> Option<[Self; 2]> {
        let Cipher::Blocks { mac, .. } = suite.cipher else { return None };
        let [secret, key] = Self::lengths(suite)?;
        let (secrets, keys) = bytes.split_at_checked(2 * secret)?;
        let of = |no: usize| {
            let secret = secrets.get(no * secret..(no + 1) * secret)?;
            let key = keys.get(no * key..(no + 1) * key)?.to_vec();
            let mac = hmac::Key::new(mac.algorithm(), secret);
            Some(Self { key, mac, outside, count: 0 })
        };
        Some([of(0)?, of(1)?])
    }

    /// What is in a record, where it is what its sender made.
    pub(super) fn open(&mut self, head: [u8; 5], body: &[u8]) -> Option<Vec<u8>> {
        let tag = self.mac.algorithm().digest_algorithm().output_len();
        let bytes = if self.outside {
            let (sealed, mac) = body.split_at_checked(body.len().checked_sub(tag)?)?;
            self.verify(head, sealed, mac)?;
            self.decrypt(sealed)?
        } else {
            let bytes = self.decrypt(body)?;
            let (bytes, mac) = bytes.split_at_checked(bytes.len().checked_sub(tag)?)?;
            self.verify(head, bytes, mac)?;
            bytes.to_vec()
        };
        self.count = self.count.saturating_add(1);
        Some(bytes)
    }

    /// Whether the HMAC of these bytes is this one.
    fn verify(&self, head: [u8; 5], bytes: &[u8], mac: &[u8]) -> Option<()> {
        let [kind, major, minor, ..] = head;
        let [high, low] = u16::try_from(bytes.len()).ok()?.to_be_bytes();
        let count = self.count.to_be_bytes();
        let whole = [&count[..], &[kind, major, minor, high, low], bytes].concat();
        hmac::verify(&self.mac, &whole, mac).ok()
    }

    /// The bytes without what fills the last block.
    fn decrypt(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (first, rest) = sealed.split_at_checked(BLOCK)?;
        if rest.is_empty() || !rest.len().is_multiple_of(BLOCK) {
            return None;
        }
        let mut blocks: Vec<Block<Aes128>> =
            rest.chunks_exact(BLOCK).filter_map(|block| block.try_into().ok()).collect();
        match self.key.len() {
            16 => cbc::Decryptor::<Aes128>::new_from_slices(&self.key, first)
                .ok()?
                .decrypt_blocks(&mut blocks),
            _ => cbc::Decryptor::<Aes256>::new_from_slices(&self.key, first)
                .ok()?
                .decrypt_blocks(&mut blocks),
        }
        let mut bytes = blocks.concat();
        let fill = *bytes.last()?;
        let left = bytes.len().checked_sub(usize::from(fill) + 1)?;
        let is_filled = bytes.get(left..)?.iter().all(|byte| *byte == fill);
        bytes.truncate(left);
        is_filled.then_some(bytes)
    }
}

impl Mac {
    fn algorithm(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
        }
    }

    fn length(self) -> usize {
        self.algorithm().digest_algorithm().output_len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes::cipher::BlockModeEncrypt as _;

    const HEAD: [u8; 5] = [23, 3, 3, 0, 0];

    /// What a sender makes of bytes: the HMAC, the blocks filled up, what stands before them.
    fn sealed(of: &Blocks, bytes: &[u8]) -> Vec<u8> {
        let mac = |bytes: &[u8]| {
            let [high, low] = u16::try_from(bytes.len()).unwrap().to_be_bytes();
            let count = of.count.to_be_bytes();
            let whole = [&count[..], &[HEAD[0], 3, 3, high, low], bytes].concat();
            hmac::sign(&of.mac, &whole).as_ref().to_vec()
        };
        let mut plain = bytes.to_vec();
        if !of.outside {
            plain.extend(mac(bytes));
        }
        let fill = BLOCK - 1 - plain.len() % BLOCK;
        plain.extend(vec![u8::try_from(fill).unwrap(); fill + 1]);
        let mut blocks: Vec<Block<Aes128>> =
            plain.chunks_exact(BLOCK).map(|block| block.try_into().unwrap()).collect();
        let first = [9; BLOCK];
        match of.key.len() {
            16 => cbc::Encryptor::<Aes128>::new_from_slices(&of.key, &first)
                .unwrap()
                .encrypt_blocks(&mut blocks),
            _ => cbc::Encryptor::<Aes256>::new_from_slices(&of.key, &first)
                .unwrap()
                .encrypt_blocks(&mut blocks),
        }
        let mut out = [&first[..], &blocks.concat()].concat();
        if of.outside {
            let mac = mac(&out);
            out.extend(mac);
        }
        out
    }

    fn directions(suite: u16, outside: bool) -> [Blocks; 2] {
        let suite = Suite::of(suite).unwrap();
        let length: usize = Blocks::lengths(suite).unwrap().iter().sum();
        let bytes: Vec<u8> = (0..2 * length).map(|n| u8::try_from(n).unwrap()).collect();
        Blocks::both(suite, &bytes, outside).unwrap()
    }

    #[test]
    fn records_are_opened_one_after_the_other_with_the_hmac_inside_and_outside() {
        for suite in [0x002f, 0x0035, 0xc027, 0xc028] {
            for outside in [false, true] {
                let [mut ours, theirs] = directions(suite, outside);
                let bytes = b"PASS secret\r\n".repeat(3);
                let record = sealed(&ours, &bytes);
                assert_eq!(theirs.clone().open(HEAD, &record), None, "the other side's keys");
                let mut broken = record.clone();
                broken[20] ^= 1;
                assert_eq!(ours.open(HEAD, &broken), None);
                assert_eq!(ours.open([22, 3, 3, 0, 0], &record), None, "another kind");
                assert_eq!(ours.open(HEAD, &record), Some(bytes));
                assert_eq!(ours.open(HEAD, &record), None, "the same once more");
                let empty = sealed(&ours, b"");
                assert_eq!(ours.open(HEAD, &empty), Some(Vec::new()));
            }
        }
    }

    #[test]
    fn what_is_no_record_is_nothing() {
        let [mut ours, _] = directions(0x002f, false);
        for length in 0..80 {
            assert_eq!(ours.open(HEAD, &vec![0; length]), None);
        }
    }
}
