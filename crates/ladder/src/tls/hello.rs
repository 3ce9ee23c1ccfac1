//! The two hellos and the ticket of TLS 1.2 (RFC 8446 section 4.1, RFC 5077 section 3.3).

use wharf_proto::Text;

const SERVER_NAME: u16 = 0;
const ENCRYPT_THEN_MAC: u16 = 22;
const TICKET: u16 = 35;
const PRE_SHARED_KEY: u16 = 41;
const VERSIONS: u16 = 43;

/// What a client begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// Its random bytes, by which a key log names the session.
    pub random: [u8; 32],
    /// The session that it would resume, or in TLS 1.3 any bytes.
    pub session_id: Vec<u8>,
    /// The ticket that it would resume, up to TLS 1.2.
    pub ticket: Vec<u8>,
    /// Whether it offers a key that was shared before, in TLS 1.3.
    pub psk: bool,
    /// The server that it means.
    pub name: Option<Text>,
}

/// What a server answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerHello {
    /// Its random bytes.
    pub random: [u8; 32],
    /// The version that it chose: 0x0303 for TLS 1.2.
    pub version: u16,
    /// The cipher suite that it chose.
    pub cipher: u16,
    /// The session.
    pub session_id: Vec<u8>,
    /// Whether it took a key that was shared before.
    pub psk: bool,
    /// Whether records are encrypted first and authenticated then, where two things do that (RFC 7366).
    pub encrypts_first: bool,
}

impl ClientHello {
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(body);
        bytes.short()?;
        let random = bytes.take(32)?.try_into().ok()?;
        let mut hello = Self { random, ..Self::default() };
        hello.session_id = bytes.counted_short()?.to_vec();
        bytes.counted_long()?;
        bytes.counted_short()?;
        each_extension(bytes, |kind, value| match kind {
            SERVER_NAME => hello.name = server_name(value),
            TICKET => hello.ticket = value.to_vec(),
            PRE_SHARED_KEY => hello.psk = true,
            _ => {}
        });
        Some(hello)
    }
}

/// The random bytes of a hello that only asks for another ClientHello (RFC 8446 section 4.1.3).
const ASKS_AGAIN: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

impl ServerHello {
    /// Whether it only asks for another ClientHello (HelloRetryRequest).
    #[must_use]
    pub fn asks_again(&self) -> bool {
        self.random == ASKS_AGAIN
    }

    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(body);
        let version = bytes.short()?;
        let random = bytes.take(32)?.try_into().ok()?;
        let session_id = bytes.counted_short()?.to_vec();
        let cipher = bytes.short()?;
        bytes.take(1)?;
        let mut hello = Self { random, version, cipher, session_id, ..Self::default() };
        each_extension(bytes, |kind, value| match (kind, value) {
            (VERSIONS, [high, low]) => hello.version = u16::from_be_bytes([*high, *low]),
            (PRE_SHARED_KEY, _) => hello.psk = true,
            (ENCRYPT_THEN_MAC, _) => hello.encrypts_first = true,
            _ => {}
        });
        Some(hello)
    }
}

/// The ticket in a NewSessionTicket of TLS 1.2.
pub(super) fn ticket(body: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Bytes(body);
    bytes.take(4)?;
    bytes.counted_long().map(<[u8]>::to_vec)
}

fn each_extension<'a>(mut bytes: Bytes<'a>, mut give: impl FnMut(u16, &'a [u8])) {
    let Some(extensions) = bytes.counted_long() else { return };
    let mut bytes = Bytes(extensions);
    while let (Some(kind), Some(value)) = (bytes.short(), bytes.counted_long()) {
        give(kind, value);
    }
}

/// The first name of the list, which is the only one (RFC 6066 section 3).
fn server_name(value: &[u8]) -> Option<Text> {
    let mut bytes = Bytes(value);
    bytes.short()?;
    bytes.take(1)?;
    bytes.counted_long().map(Text::from)
}

/// Bytes that are read from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn short(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// Bytes behind their count, of one byte.
    fn counted_short(&mut self) -> Option<&'a [u8]> {
        let count = *self.take(1)?.first()?;
        self.take(count.into())
    }

    /// Bytes behind their count, of two bytes.
    fn counted_long(&mut self) -> Option<&'a [u8]> {
        let count = self.short()?;
        self.take(count.into())
    }
}
