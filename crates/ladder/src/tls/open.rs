//! Opens the records of a TLS connection with the secrets of a key log (RFC 5246 section 6.3, RFC 8446 sections 5.2
//! and 7).
//!
//! Each side has its keys and its count of records. It changes its keys in TLS 1.2 at ChangeCipherSpec, at the first as at
//! that of a renegotiation, and in TLS 1.3 behind Finished and KeyUpdate; the reader of the handshake tells it. A record
//! that cannot be opened is nothing, and ends the reading of its side: without every record before it the count is lost.

use super::NEW;
use super::blocks::Blocks;
use super::hello::{ClientHello, ServerHello};
use super::keys::{Keys, Secrets};
use super::suite::{Cipher, Hash, Suite};
use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use std::fmt;

/// The version before records hid their kind.
const OLD: u16 = 0x0303;
/// What a nonce holds in clear before each record of AES-GCM in TLS 1.2.
const EXPLICIT: usize = 8;

/// What opens the records of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opener {
    keys: Keys,
    session: Option<Box<Session>>,
}

/// A connection whose secrets are known.
#[derive(Clone)]
struct Session {
    suite: &'static Suite,
    /// Which side is the client of TLS.
    client: usize,
    /// The client of TLS first.
    sides: [Side; 2],
}

/// One direction.
#[derive(Clone, Default)]
struct Side {
    current: Option<Direction>,
    /// Its keys from its next ChangeCipherSpec on, in TLS 1.2.
    next: Option<Direction>,
    /// What its next keys are made of, in TLS 1.3.
    secret: Option<Vec<u8>>,
    /// Its handshake is not over.
    shakes_hands: bool,
}

/// The keys of one direction.
#[derive(Clone)]
enum Direction {
    /// The cipher authenticates too.
    Sealed(Box<Sealed>),
    Blocks(Box<Blocks>),
}

#[derive(Clone)]
struct Sealed {
    key: LessSafeKey,
    iv: [u8; NONCE_LEN],
    count: u64,
    form: Form,
}

/// How a record is built around what is encrypted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// TLS 1.2 with a nonce half of which stands in the record.
    Explicit,
    /// TLS 1.2 with a nonce that is counted.
    Counted,
    /// TLS 1.3: the kind stands behind the bytes.
    New,
}

impl Opener {
    /// One that knows these keys.
    pub(crate) fn new(keys: &Keys) -> Self {
        Self { keys: keys.clone(), session: None }
    }

    /// Whether the secrets of the connection are known.
    pub(crate) fn opens(&self) -> bool {
        self.session.is_some()
    }

    /// Whether what this side says can be read.
    pub(crate) fn opens_side(&self, at: usize) -> bool {
        let side = self
            .session
            .as_ref()
            .and_then(|session| session.sides.get(usize::from(at != session.client)));
        side.is_some_and(|side| {
            side.current.is_some() || side.next.is_some() || side.secret.is_some()
        })
    }

    /// Another handshake may begin.
    pub(crate) fn forget(&mut self) {
        self.session = None;
    }

    /// Both hellos are there; `client` says who sent the first. Keys that are in force stay so up to a change of them.
    pub(super) fn agree(&mut self, client: usize, from: &ClientHello, to: &ServerHello) {
        let next = self.session(client, from, to).map(Box::new);
        match (&mut self.session, next) {
            (Some(session), next) if to.version == OLD => {
                let [a, b] = next.map(|next| next.sides).unwrap_or_default();
                let [client, server] = &mut session.sides;
                (client.next, server.next) = (a.next, b.next);
            }
            (session, next) => *session = next,
        }
    }

    fn session(&self, client: usize, from: &ClientHello, to: &ServerHello) -> Option<Session> {
        let suite = Suite::of(to.cipher)?;
        let secrets = self.keys.of(&from.random)?;
        let sides = match to.version {
            NEW => new_sides(suite, secrets)?,
            OLD => old_sides(suite, &secrets.master?, from, to)?,
            _ => return None,
        };
        Some(Session { suite, client, sides })
    }

    /// What is in a record: its kind and its bytes.
    pub(super) fn open(&mut self, at: usize, head: [u8; 5], body: &[u8]) -> Option<(u8, Vec<u8>)> {
        let session = self.session.as_mut()?;
        let suite = session.suite;
        let side = session.side(at)?;
        if let Some(current) = &mut side.current
            && let Some(opened) = current.open(head, body)
        {
            return Some(opened);
        }
        if !side.shakes_hands {
            *side = Side::default();
            return None;
        }
        // The secrets of the handshake may be missing, and the end of it with them.
        let mut next = side.secret.as_ref().and_then(|secret| Direction::new(suite, secret))?;
        let opened = next.open(head, body)?;
        side.shakes_hands = false;
        side.current = Some(next);
        Some(opened)
    }

    /// A side has said Finished, and changes its keys in TLS 1.3.
    pub(super) fn finished(&mut self, at: usize) {
        let Some(session) = self.session.as_mut() else { return };
        let suite = session.suite;
        let Some(side) = session.side(at).filter(|side| side.shakes_hands) else { return };
        side.shakes_hands = false;
        side.current = side.secret.as_ref().and_then(|secret| Direction::new(suite, secret));
    }

    /// A side has said ChangeCipherSpec in TLS 1.2.
    pub(super) fn changed(&mut self, at: usize) {
        if let Some(side) = self.session.as_mut().and_then(|session| session.side(at)) {
            side.current = side.next.take();
        }
    }

    /// A side has said KeyUpdate.
    pub(super) fn updated(&mut self, at: usize) {
        let Some(session) = self.session.as_mut() else { return };
        let suite = session.suite;
        let Some(side) = session.side(at) else { return };
        let next = side
            .secret
            .as_ref()
            .and_then(|secret| expand(suite.hash, secret, b"traffic upd", suite.hash.length()));
        side.current = next.as_ref().and_then(|secret| Direction::new(suite, secret));
        side.secret = next;
    }

    /// Records of a side are missing.
    pub(super) fn lose(&mut self, at: usize) {
        if let Some(side) = self.session.as_mut().and_then(|session| session.side(at)) {
            *side = Side::default();
        }
    }
}

impl Session {
    fn side(&mut self, at: usize) -> Option<&mut Side> {
        self.sides.get_mut(usize::from(at != self.client))
    }
}

impl fmt::Debug for Session {
    /// Without keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// TLS 1.3: keys for the handshake, and secrets for what follows.
fn new_sides(suite: &Suite, secrets: Secrets) -> Option<[Side; 2]> {
    let Secrets { handshake, traffic, .. } = secrets;
    let known = handshake.iter().chain(&traffic).any(Option::is_some);
    let [a, b] = handshake;
    let [c, d] = traffic;
    let side = |handshake: Option<Vec<u8>>, secret| Side {
        current: handshake.and_then(|secret| Direction::new(suite, &secret)),
        next: None,
        secret,
        shakes_hands: true,
    };
    known.then(|| [side(a, c), side(b, d)])
}

/// TLS 1.2: the keys of both sides from one block, in force when each side says so.
fn old_sides(
    suite: &Suite,
    master: &[u8],
    client: &ClientHello,
    server: &ServerHello,
) -> Option<[Side; 2]> {
    let seed = [b"key expansion", &server.random[..], &client.random].concat();
    let side = |next| Side { next: Some(next), ..Side::default() };
    if let Some(lengths) = Blocks::lengths(suite) {
        let block = stretch(suite.hash, master, &seed, 2 * lengths.iter().sum::<usize>());
        let both = Blocks::both(suite, &block, server.encrypts_first)?;
        return Some(both.map(|one| side(Direction::Blocks(Box::new(one)))));
    }
    let algorithm = suite.cipher.algorithm()?;
    let key = algorithm.key_len();
    let (form, iv) = match suite.cipher {
        Cipher::ChaCha => (Form::Counted, NONCE_LEN),
        _ => (Form::Explicit, NONCE_LEN - EXPLICIT),
    };
    let block = stretch(suite.hash, master, &seed, 2 * (key + iv));
    let (keys, ivs) = block.split_at_checked(2 * key)?;
    let of = |no: usize| {
        let key = keys.get(no * key..(no + 1) * key)?;
        let mut whole = [0; NONCE_LEN];
        whole.get_mut(..iv)?.copy_from_slice(ivs.get(no * iv..(no + 1) * iv)?);
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
        let sealed = Sealed { key, iv: whole, count: 0, form };
        Some(side(Direction::Sealed(Box::new(sealed))))
    };
    Some([of(0)?, of(1)?])
}

impl Direction {
    /// Of TLS 1.3, from a traffic secret.
    fn new(suite: &Suite, secret: &[u8]) -> Option<Self> {
        Sealed::new(suite, secret).map(|sealed| Self::Sealed(Box::new(sealed)))
    }

    fn open(&mut self, head: [u8; 5], body: &[u8]) -> Option<(u8, Vec<u8>)> {
        match self {
            Self::Sealed(sealed) => sealed.open(head, body),
            Self::Blocks(blocks) => Some((head[0], blocks.open(head, body)?)),
        }
    }
}

impl Sealed {
    /// Of TLS 1.3, from a traffic secret.
    fn new(suite: &Suite, secret: &[u8]) -> Option<Self> {
        let algorithm = suite.cipher.algorithm()?;
        let key = expand(suite.hash, secret, b"key", algorithm.key_len())?;
        let iv = expand(suite.hash, secret, b"iv", NONCE_LEN)?;
        let key = LessSafeKey::new(UnboundKey::new(algorithm, &key).ok()?);
        Some(Self { key, iv: iv.try_into().ok()?, count: 0, form: Form::New })
    }

    fn open(&mut self, head: [u8; 5], body: &[u8]) -> Option<(u8, Vec<u8>)> {
        let [kind, major, minor, ..] = head;
        let count = self.count.to_be_bytes();
        let mut nonce = self.iv;
        let (explicit, sealed) = match self.form {
            Form::Explicit => body.split_at_checked(EXPLICIT)?,
            Form::Counted | Form::New => (&count[..], body),
        };
        let counted = nonce.iter_mut().skip(NONCE_LEN - EXPLICIT);
        counted.zip(explicit).for_each(|(to, from)| *to ^= from);
        let length = sealed.len().checked_sub(self.key.algorithm().tag_len())?;
        let [high, low] = u16::try_from(length).ok()?.to_be_bytes();
        let old = [&count[..], &[kind, major, minor, high, low]].concat();
        let aad = if self.form == Form::New { &head[..] } else { &old[..] };
        let mut bytes = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key.open_in_place(nonce, Aad::from(aad), &mut bytes).ok()?;
        self.count = self.count.saturating_add(1);
        bytes.truncate(length);
        if self.form != Form::New {
            return Some((kind, bytes));
        }
        // The kind is the last byte that is not padding.
        let end = bytes.iter().rposition(|byte| *byte != 0)?;
        let kind = bytes.get(end).copied()?;
        bytes.truncate(end);
        Some((kind, bytes))
    }
}

/// A length for ring.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label of RFC 8446 section 7.1, without a context.
fn expand(hash: Hash, secret: &[u8], label: &[u8], length: usize) -> Option<Vec<u8>> {
    let [high, low] = u16::try_from(length).ok()?.to_be_bytes();
    let count = [u8::try_from(label.len()).ok()?.checked_add(6)?];
    let info = [&[high, low], &count[..], b"tls13 ", label, &[0]];
    let mut out = vec![0; length];
    let key = hkdf::Prk::new_less_safe(hash.hkdf(), secret);
    key.expand(&info, Length(length)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

/// The pseudorandom function of RFC 5246 section 5; `seed` begins with the label.
fn stretch(hash: Hash, secret: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    let key = hmac::Key::new(hash.hmac(), secret);
    let mut link = hmac::sign(&key, seed);
    let mut out = Vec::with_capacity(length + hash.length());
    while out.len() < length {
        out.extend_from_slice(hmac::sign(&key, &[link.as_ref(), seed].concat()).as_ref());
        link = hmac::sign(&key, link.as_ref());
    }
    out.truncate(length);
    out
}

/// Makes records of TLS 1.3, for tests.
#[cfg(test)]
pub(super) struct Sealer {
    secret: Vec<u8>,
    keys: Sealed,
}

#[cfg(test)]
impl Sealer {
    /// With AES-128-GCM and a secret.
    pub(super) fn new(secret: impl Into<Vec<u8>>) -> Self {
        let (secret, suite) = (secret.into(), Suite::of(0x1301).unwrap());
        Self { keys: Sealed::new(suite, &secret).unwrap(), secret }
    }

    /// With the keys that follow.
    pub(super) fn updated(&self) -> Self {
        Self::new(expand(Hash::Sha256, &self.secret, b"traffic upd", 32).unwrap())
    }

    pub(super) fn seal(&mut self, kind: u8, bytes: &[u8]) -> Vec<u8> {
        let Sealed { key, iv, count, .. } = &mut self.keys;
        let mut nonce = *iv;
        nonce[4..].iter_mut().zip(count.to_be_bytes()).for_each(|(to, from)| *to ^= from);
        *count += 1;
        let mut body = [bytes, &[kind, 0, 0]].concat();
        let [high, low] = u16::try_from(body.len() + 16).unwrap().to_be_bytes();
        let head = [23, 3, 3, high, low];
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce, Aad::from(&head), &mut body).unwrap();
        [&head[..], &body].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let pair =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(pair).collect()
    }

    #[test]
    fn keys_of_tls_1_3_are_those_of_rfc_8448() {
        // The server's handshake traffic secret of the simple 1-RTT handshake, section 3.
        let secret = bytes("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
        let key = expand(Hash::Sha256, &secret, b"key", 16).unwrap();
        assert_eq!(key, bytes("3fce516009c21727d0f2e4e86ee403bc"));
        let iv = expand(Hash::Sha256, &secret, b"iv", 12).unwrap();
        assert_eq!(iv, bytes("5d313eb2671276ee13000b30"));
    }

    #[test]
    fn the_function_of_tls_1_2_stretches_as_its_test_vectors_do() {
        // The vector for SHA-256 that circulates with the RFC: label "test label".
        let secret = bytes("9bbe436ba940f017b17652849a71db35");
        let seed = [&b"test label"[..], &bytes("a0ba9f936cda311827a6f796ffd5198c")].concat();
        let out = stretch(Hash::Sha256, &secret, &seed, 100);
        assert_eq!(out[..16], bytes("e3f229ba727be17b8d122620557cd453")[..]);
        assert_eq!(out[96..], bytes("87347b66")[..]);
    }
}
