//! What TLS shows of itself without its keys: the hellos, alerts and tickets in clear, and of what is
//! encrypted the kind and length of each record (RFC 5246, RFC 8446).
//!
//! It reads one direction after the other as the bytes come, and keeps a handshake message at most. Where bytes
//! are missing it stops: nothing is guessed of a record whose beginning was not seen.

mod hello;
mod record;

use std::fmt;
use wharf_proto::Text;
use wharf_proto::tap::Party;

pub use hello::{ClientHello, ServerHello};
use record::Records;

/// The kinds of records.
const CHANGE: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;
/// Handshake messages.
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const NEW_TICKET: u8 = 4;
const CERTIFICATE: u8 = 11;
/// Bytes of a handshake message that are kept at most.
const MAX_MESSAGE: usize = 64 * 1024;
/// An alert of TLS 1.3 as a record: two bytes, its kind, and the tag.
const SHORT: u16 = 19;
/// The alert by which a side says that it is done.
const CLOSE_NOTIFY: u8 = 0;

/// TLS on one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// What the client began with.
    pub client: Option<ClientHello>,
    /// What the server answered.
    pub server: Option<ServerHello>,
    /// The server has shown a certificate, which only TLS 1.2 and before do in clear.
    pub certificate: bool,
    /// A ticket that the server has issued in clear, which TLS 1.2 does.
    pub ticket: Option<Vec<u8>>,
    sides: [Side; 2],
}

/// One direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Side {
    records: Records,
    /// Handshake bytes of which no whole message has been made.
    messages: Vec<u8>,
    /// Its records are encrypted from here on.
    is_sealed: bool,
    alert: Option<Alert>,
    /// Kind and length of its last record.
    last: Option<(u8, u16)>,
}

/// An alert in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert(pub u8);

impl Tls {
    /// Whether these bytes are the beginning of a handshake.
    #[must_use]
    pub fn begins(bytes: &[u8]) -> bool {
        matches!(bytes, [HANDSHAKE, 3] | [HANDSHAKE, 3, 0..=4, ..])
    }

    /// The next bytes of one side, in order.
    pub(crate) fn take(&mut self, from: Party, bytes: &[u8]) {
        let at = usize::from(from == Party::Server);
        let mut records = match self.sides.get_mut(at) {
            Some(side) => std::mem::take(&mut side.records),
            None => return,
        };
        records.read(bytes, |kind, length, body| self.record(at, kind, length, body));
        if let Some(side) = self.sides.get_mut(at) {
            side.records = records;
        }
    }

    /// Bytes of one side are missing.
    pub(crate) fn lose(&mut self, from: Party) {
        let side = self.side_mut(from);
        side.records = Records::lost();
        side.last = None;
    }

    /// Whether an earlier session was resumed; none where the hellos do not tell.
    #[must_use]
    pub fn is_resumed(&self) -> Option<bool> {
        let (client, server) = (self.client.as_ref()?, self.server.as_ref()?);
        if server.version >= 0x0304 {
            return Some(server.psk);
        }
        let same = !client.session_id.is_empty() && client.session_id == server.session_id;
        Some(same && !self.certificate)
    }

    /// Whether both sides have come to speak under their keys.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        self.sides.iter().all(|side| side.is_sealed)
    }

    /// The alert that a side sent in clear.
    #[must_use]
    pub fn alert(&self, from: Party) -> Option<Alert> {
        self.side(from).alert
    }

    /// Whether a side has said close_notify, as far as the length of its last record tells; none where its
    /// records could not be followed.
    #[must_use]
    pub fn said_goodbye(&self, from: Party) -> Option<bool> {
        let side = self.side(from);
        if side.alert.is_some_and(|alert| alert.0 == CLOSE_NOTIFY) {
            return Some(true);
        }
        let is_new = self.server.as_ref().is_some_and(|server| server.version >= 0x0304);
        let (kind, length) = side.last.filter(|_| side.is_sealed && side.records.is_between())?;
        Some(match kind {
            ALERT => true,
            DATA => is_new && length == SHORT,
            _ => false,
        })
    }

    /// The version agreed on: `TLS 1.3`.
    #[must_use]
    pub fn version(&self) -> Option<Text> {
        let version = self.server.as_ref()?.version;
        let name = match version {
            0x0300 => "SSL 3.0".to_owned(),
            0x0301..=0x0304 => format!("TLS 1.{}", version - 0x0301),
            other => format!("TLS {other:04x}"),
        };
        Some(Text::from(name))
    }

    fn side(&self, from: Party) -> &Side {
        let [client, server] = &self.sides;
        if from == Party::Server { server } else { client }
    }

    fn side_mut(&mut self, from: Party) -> &mut Side {
        let [client, server] = &mut self.sides;
        if from == Party::Server { server } else { client }
    }

    fn record(&mut self, at: usize, kind: u8, length: u16, body: &[u8]) {
        let Some(side) = self.sides.get_mut(at) else { return };
        side.last = Some((kind, length));
        match kind {
            CHANGE | DATA => {
                // In TLS 1.3 a change of ciphers means nothing, and what follows it is encrypted all the same.
                side.is_sealed = true;
                side.messages = Vec::new();
            }
            ALERT if !side.is_sealed => {
                if let [_, what] = body {
                    side.alert = Some(Alert(*what));
                }
            }
            HANDSHAKE if !side.is_sealed => {
                side.messages.extend_from_slice(body);
                self.messages(at);
            }
            _ => {}
        }
    }

    /// The whole handshake messages that have come.
    fn messages(&mut self, at: usize) {
        loop {
            let Some(side) = self.sides.get_mut(at) else { return };
            let [kind, a, b, c, ..] = *side.messages else { return };
            let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
            if length > MAX_MESSAGE {
                side.messages = Vec::new();
                side.records = Records::lost();
                return;
            }
            if side.messages.len() < 4 + length {
                return;
            }
            let rest = side.messages.split_off(4 + length);
            let message = std::mem::replace(&mut side.messages, rest);
            let body = message.get(4..).unwrap_or_default();
            match kind {
                CLIENT_HELLO => {
                    self.client = self.client.take().or_else(|| ClientHello::read(body))
                }
                SERVER_HELLO => {
                    self.server = ServerHello::read(body).or_else(|| self.server.take())
                }
                CERTIFICATE => self.certificate = true,
                NEW_TICKET => self.ticket = hello::ticket(body),
                _ => {}
            }
        }
    }
}

impl Alert {
    /// Whether it says that the other side's certificate is not trusted.
    #[must_use]
    pub fn is_about_trust(self) -> bool {
        matches!(self.0, 42..=46 | 48 | 49 | 116)
    }

    /// Whether it says that the two sides could not agree.
    #[must_use]
    pub fn is_about_terms(self) -> bool {
        matches!(self.0, 40 | 47 | 50 | 70 | 71 | 80 | 86 | 109 | 112 | 120)
    }
}

impl fmt::Display for Alert {
    /// By its name in the registry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            40 => "handshake_failure",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            109 => "missing_extension",
            112 => "unrecognized_name",
            116 => "certificate_required",
            120 => "no_application_protocol",
            other => return write!(f, "alert {other}"),
        })
    }
}

#[cfg(test)]
mod tests;
