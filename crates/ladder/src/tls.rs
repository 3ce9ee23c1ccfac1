//! TLS on a connection: what it shows of itself without its keys, and with them what is inside (RFC 5246, RFC 8446).
//!
//! Without keys that is the hellos, alerts and tickets in clear, and of what is encrypted the kind and length of each
//! record. With those of a key log ([`Keys`]) an `Opener` opens the records, and the bytes come out as they went in.
//! It reads one direction after the other as the bytes come, and keeps a record and a handshake message at most. Where
//! bytes are missing it stops: nothing is guessed of a record whose beginning was not seen.

mod blocks;
mod hello;
mod keys;
mod open;
mod record;
mod suite;

use crate::packets::Run;
use std::fmt;
use wharf_proto::Text;
use wharf_proto::tap::Party;

pub use hello::{ClientHello, ServerHello};
pub use keys::Keys;
pub(crate) use open::Opener;
use record::{Record, Records};
use suite::Suite;

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
const FINISHED: u8 = 20;
const KEY_UPDATE: u8 = 24;
/// From this version on records hide their kind.
const NEW: u16 = 0x0304;
/// Tickets that a server issues at once, at most.
const MAX_TICKETS: u32 = 8;
/// A record with a ticket is shorter than this.
const MAX_TICKET: u16 = 4096;
/// What is said of the records of some bytes, at most.
const MAX_WORDS: usize = 12;
/// Bytes of a handshake message that are kept at most.
const MAX_MESSAGE: usize = 64 * 1024;
/// An alert of TLS 1.3 as a record: two bytes, its kind, and the tag.
const SHORT: u16 = 19;
/// The record of TLS 1.3 in which a client that was asked for a certificate shows none.
const NO_CERTIFICATE: u16 = 25;
/// What is said of records that could not be opened.
pub(crate) const SEALED: &str = "encrypted";
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
    /// Which side is the client of TLS.
    begun_by: usize,
    /// A hello under the keys that are in force, by which new ones begin (renegotiation, RFC 5246 section 7.4.1): it waits
    /// for its answer, which may be that there will be none.
    again: Option<ClientHello>,
    /// Under TLS 1.3: the client of TLS has ended the handshake.
    is_answered: bool,
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
    /// They could be opened.
    is_opened: bool,
    /// Its handshake is over, as far as its records could be opened.
    is_finished: bool,
    alert: Option<Alert>,
    /// Kind and length of its last record.
    last: Option<(u8, u16)>,
    /// What came behind its handshake, which may be the bytes of a file.
    moved: Moved,
}

/// Records that may hold the bytes of a file, alerts left out where they look like them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Moved {
    records: u32,
    /// The length of the first.
    length: u16,
    /// They differ in length.
    differ: bool,
}

impl Moved {
    fn count(&mut self, length: u16) {
        self.differ |= self.records > 0 && self.length != length;
        self.length = length;
        self.records = self.records.saturating_add(1);
    }

    /// Whether a server of TLS 1.3 may have issued these as its tickets: two or more at once, all of one small length.
    fn may_be_tickets(self) -> bool {
        let small = self.records <= MAX_TICKETS && self.length <= MAX_TICKET;
        self.records != 1 && small && !self.differ
    }
}

/// An alert in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert(pub u8);

/// What some bytes of one side came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// What was inside, where it could be opened.
    pub(crate) plain: Vec<u8>,
    /// Bytes behind the end of TLS.
    pub(crate) clear: Vec<u8>,
    /// The handshake messages and alerts among them by name, and `encrypted` for what could not be opened.
    pub(crate) words: Vec<String>,
}

impl Heard {
    fn say(&mut self, word: impl Into<String>) {
        let word = word.into();
        if self.words.last() != Some(&word) && self.words.len() < MAX_WORDS {
            self.words.push(word);
        }
    }

    /// Takes in what the bytes behind came to.
    pub(crate) fn append(&mut self, mut more: Self) {
        self.plain.append(&mut more.plain);
        self.clear.append(&mut more.clear);
        more.words.drain(..).for_each(|word| self.say(word));
    }
}

impl Tls {
    /// Whether these bytes are the beginning of a handshake.
    #[must_use]
    pub fn begins(bytes: &[u8]) -> bool {
        matches!(bytes, [HANDSHAKE, 3] | [HANDSHAKE, 3, 0..=4, ..])
    }

    /// Whether these bytes are an alert in clear, by which a side ends what has not begun.
    #[must_use]
    pub fn begins_with_alert(bytes: &[u8]) -> bool {
        matches!(bytes, [ALERT, 3, 0..=4, 0, 2, 1 | 2, _])
    }

    /// Whether these bytes begin a record of what is encrypted.
    pub(crate) fn begins_with_data(bytes: &[u8]) -> bool {
        matches!(bytes, [DATA, 3, 0..=4, ..])
    }

    /// Whether these bytes may be the beginning of any record.
    #[must_use]
    pub fn goes_on(bytes: &[u8]) -> bool {
        matches!(bytes, [CHANGE..=DATA, 3, 0..=4, ..])
    }

    /// The next bytes of one side, in order.
    pub(crate) fn take(&mut self, from: Party, mut bytes: &[u8], opener: &mut Opener) -> Heard {
        let mut heard = Heard::default();
        while let Some(record) = self.side_mut(from).records.next(&mut bytes, opener.opens()) {
            self.record(usize::from(from == Party::Server), &record, opener, &mut heard);
        }
        if self.is_over(from) {
            heard.clear = bytes.to_vec();
        }
        heard
    }

    /// The next run of bytes of one side, before which some may be missing.
    pub(crate) fn run(&mut self, from: Party, run: &Run<'_>, opener: &mut Opener) -> Heard {
        if run.torn {
            self.lose(from, opener);
        }
        self.take(from, &run.bytes, opener)
    }

    /// The same of a run that is no record: what ended TLS before it was among what was lost.
    pub(crate) fn run_in_clear(
        &mut self,
        from: Party,
        run: &Run<'_>,
        opener: &mut Opener,
    ) -> Heard {
        self.lose(from, opener);
        self.side_mut(from).records = Records::over();
        Heard { clear: run.bytes.to_vec(), ..Heard::default() }
    }

    /// Whether the records of a side can be followed no more.
    pub(crate) fn is_lost(&self, from: Party) -> bool {
        self.side(from).records.is_lost()
    }

    /// Bytes of one side are missing.
    pub(crate) fn lose(&mut self, from: Party, opener: &mut Opener) {
        let side = self.side_mut(from);
        side.records = Records::lost();
        side.last = None;
        side.is_opened = false;
        opener.lose(usize::from(from == Party::Server));
    }

    /// How many bytes it holds that the peers have sent.
    pub(crate) fn buffered(&self) -> usize {
        let amid = |side: &Side| side.messages.len() + side.records.buffered();
        let hello = |hello: &ClientHello| {
            let name = hello.name.as_ref().map_or(0, |name| name.as_bytes().len());
            hello.ticket.len() + name
        };
        let hellos = self.client.iter().chain(&self.again).map(hello);
        let ticket = self.ticket.as_ref().map_or(0, Vec::len);
        self.sides.iter().map(amid).chain(hellos).sum::<usize>() + ticket
    }

    /// Nothing more comes: what is not whole is nothing.
    pub(crate) fn let_go(&mut self) {
        for side in &mut self.sides {
            side.messages = Vec::new();
            side.records.let_go();
        }
    }

    /// Whether a side speaks in clear again.
    #[must_use]
    pub fn is_over(&self, from: Party) -> bool {
        self.side(from).records.is_over()
    }

    /// Which side of the connection is the client of TLS, where its hello was seen.
    #[must_use]
    pub fn client_side(&self) -> Option<Party> {
        let side = if self.begun_by == 0 { Party::Client } else { Party::Server };
        self.client.as_ref().map(|_| side)
    }

    /// Whether an earlier session was resumed; none where the hellos do not tell.
    #[must_use]
    pub fn is_resumed(&self) -> Option<bool> {
        let (client, server) = (self.client.as_ref()?, self.server.as_ref()?);
        if server.version >= NEW {
            return Some(server.psk);
        }
        let same = !client.session_id.is_empty() && client.session_id == server.session_id;
        Some(same && !self.certificate)
    }

    /// How many records a side has sent behind its handshake, alerts left out.
    #[must_use]
    pub fn said(&self, from: Party) -> u32 {
        self.side(from).moved.records
    }

    /// Whether nothing but the handshake, tickets and alerts has gone over it, as far as the kinds and lengths of records
    /// tell.
    #[must_use]
    pub fn has_moved_nothing(&self) -> bool {
        let [client, server] = [Party::Client, Party::Server].map(|party| self.side(party).moved);
        match self.is_new() {
            true => self.is_answered && client.records == 0 && server.may_be_tickets(),
            false => client.records == 0 && server.records == 0,
        }
    }

    /// Whether both sides have come to speak under their keys.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        self.sides.iter().all(|side| side.is_sealed && (side.is_finished || !side.is_opened))
    }

    /// The alert that a side sent, where it could be read.
    #[must_use]
    pub fn alert(&self, from: Party) -> Option<Alert> {
        self.side(from).alert
    }

    /// Whether a side has said close_notify, as far as the length of its last record tells where that could not be
    /// opened; none where its records could not be followed.
    #[must_use]
    pub fn said_goodbye(&self, from: Party) -> Option<bool> {
        let side = self.side(from);
        if side.alert.is_some_and(|alert| alert.0 == CLOSE_NOTIFY) {
            return Some(true);
        }
        let (kind, length) = side.last.filter(|_| side.is_sealed && side.records.is_between())?;
        Some(match kind {
            _ if side.is_opened => false,
            ALERT => true,
            DATA => self.is_new() && length == SHORT,
            _ => false,
        })
    }

    /// Whether the server has agreed to TLS 1.3 or later.
    pub(crate) fn is_new(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.version >= NEW)
    }

    /// The cipher suite agreed on, by the name that the tap gives it; by its number where that is none of those that
    /// can be opened.
    #[must_use]
    pub fn cipher(&self) -> Option<Text> {
        let number = self.server.as_ref()?.cipher;
        let name = Suite::of(number).map(|suite| suite.name.to_owned());
        Some(Text::from(name.unwrap_or_else(|| format!("cipher {number:04x}"))))
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

    fn record(&mut self, at: usize, record: &Record, opener: &mut Opener, heard: &mut Heard) {
        let is_new = self.is_new();
        let Some(side) = self.sides.get_mut(at) else { return };
        let [kind, ..] = record.head;
        side.last = Some((kind, record.length));
        // In TLS 1.3 a change of ciphers means nothing.
        let seals = kind == DATA || (kind == CHANGE && !is_new);
        if seals && !std::mem::replace(&mut side.is_sealed, true) {
            side.messages = Vec::new();
        }
        if kind == CHANGE {
            if !is_new {
                opener.changed(at);
            }
            return;
        }
        if kind == DATA {
            // TLS 1.3 says of everything under its keys that it is data: until the client of TLS has ended the handshake
            // all is of that. It ends it with one record, before which it may say that it has no certificate.
            let is_of_client = is_new && at == self.begun_by && !self.is_answered;
            let is_end = is_of_client && record.length != NO_CERTIFICATE;
            if !is_new || (self.is_answered && record.length != SHORT) {
                side.moved.count(record.length);
            }
            self.is_answered |= is_end;
        }
        let opened = match side.is_sealed {
            true => opener.open(at, record.head, &record.body),
            false => Some((kind, record.body.clone())),
        };
        side.is_opened = side.is_sealed && opened.is_some();
        let Some((kind, body)) = opened else { return heard.say(SEALED) };
        match kind {
            ALERT => {
                if let [_, what] = *body {
                    side.alert = Some(Alert(what));
                    heard.say(Alert(what).to_string());
                }
            }
            HANDSHAKE => {
                side.messages.extend_from_slice(&body);
                self.messages(at, opener, heard);
            }
            DATA => {
                side.is_finished = true;
                heard.plain.extend_from_slice(&body);
            }
            _ => {}
        }
    }

    /// The whole handshake messages that have come.
    fn messages(&mut self, at: usize, opener: &mut Opener, heard: &mut Heard) {
        let Some(side) = self.sides.get_mut(at) else { return };
        let mut all = std::mem::take(&mut side.messages);
        let mut rest = all.as_slice();
        while let [kind, a, b, c, behind @ ..] = rest {
            let length = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).unwrap_or(usize::MAX);
            if length > MAX_MESSAGE {
                if let Some(side) = self.sides.get_mut(at) {
                    side.records = Records::lost();
                }
                return;
            }
            let Some((body, behind)) = behind.split_at_checked(length) else { break };
            let kind = *kind;
            rest = behind;
            self.message(at, kind, body, opener);
            let asks_again = self.server.as_ref().is_some_and(ServerHello::asks_again);
            heard.say(match kind {
                SERVER_HELLO if asks_again => "HelloRetryRequest",
                kind => message_name(kind),
            });
        }
        let done = all.len() - rest.len();
        all.drain(..done);
        if let Some(side) = self.sides.get_mut(at) {
            side.messages = all;
        }
    }

    fn message(&mut self, at: usize, kind: u8, body: &[u8], opener: &mut Opener) {
        let is_new = self.is_new();
        match kind {
            CLIENT_HELLO => {
                // Behind a HelloRetryRequest comes the first one again.
                let is_agreed = self.server.as_ref().is_some_and(|server| !server.asks_again());
                if is_agreed {
                    self.again = ClientHello::read(body);
                } else {
                    self.begun_by = at;
                    self.client = self.client.take().or_else(|| ClientHello::read(body));
                }
            }
            SERVER_HELLO => {
                self.server = ServerHello::read(body).or_else(|| self.server.take());
                if let Some(hello) = self.again.take() {
                    (self.client, self.certificate) = (Some(hello), false);
                }
                if let (Some(client), Some(server)) = (&self.client, &self.server)
                    && !server.asks_again()
                {
                    opener.agree(self.begun_by, client, server);
                }
            }
            CERTIFICATE => self.certificate = true,
            NEW_TICKET if !is_new => self.ticket = hello::ticket(body),
            FINISHED => {
                opener.finished(at);
                if let Some(side) = self.sides.get_mut(at) {
                    side.is_finished = true;
                }
            }
            KEY_UPDATE => opener.updated(at),
            _ => {}
        }
    }
}

/// The name of a handshake message.
fn message_name(kind: u8) -> &'static str {
    match kind {
        0 => "HelloRequest",
        CLIENT_HELLO => "ClientHello",
        SERVER_HELLO => "ServerHello",
        NEW_TICKET => "NewSessionTicket",
        8 => "EncryptedExtensions",
        CERTIFICATE => "Certificate",
        12 => "ServerKeyExchange",
        13 => "CertificateRequest",
        14 => "ServerHelloDone",
        15 => "CertificateVerify",
        16 => "ClientKeyExchange",
        FINISHED => "Finished",
        22 => "CertificateStatus",
        KEY_UPDATE => "KeyUpdate",
        _ => "handshake message",
    }
}

impl Alert {
    /// Whether it says no more than that a side is done: close_notify, or that its user has enough.
    #[must_use]
    pub fn is_goodbye(self) -> bool {
        matches!(self.0, CLOSE_NOTIFY | 90)
    }

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
            100 => "no_renegotiation",
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
