//! An open data connection: TLS on it, and what the tap is told of how each of its halves ended.

use std::time::Duration;

use socket2::SockRef;
use wharf_proto::tap::{HalfEnd, Party, What};

use crate::TlsFault;
use crate::teller::Teller;
use crate::tls::{Security, Stream};

/// How much is received at a time under TLS.
const TLS_BUFFER: usize = 128 * 1024;

/// An open data connection; dropped before its time it is broken off.
pub(crate) struct DataConnection {
    pub(crate) stream: Stream,
    pub(crate) books: Books,
    /// Under TLS: whether it has resumed an earlier TLS session of this control connection.
    pub(crate) resumed: Option<bool>,
}

/// What the tap is told of a data connection: how each of its halves ended.
pub(crate) struct Books {
    conn: u32,
    teller: Teller,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Whether our half and the server's half have ended.
    over: [bool; 2],
    /// The server has broken it off.
    is_reset: bool,
}

impl DataConnection {
    /// Has the connection end with a reset from now on, or again with a FIN: in stream mode a FIN says that the file is
    /// whole.
    pub(crate) fn reset_when_dropped(&self, reset: bool) {
        let linger = reset.then_some(Duration::ZERO);
        if let Err(error) = SockRef::from(self.stream.socket()).set_linger(linger) {
            tracing::debug!(%error, "the end of a data connection cannot be chosen");
        }
    }

    /// How many of the bytes that were sent the kernel may still hold.
    pub(crate) fn held(&self) -> u64 {
        let buffer = SockRef::from(self.stream.socket()).send_buffer_size().unwrap_or(0);
        self.books.sent.min(buffer as u64)
    }

    /// Begins TLS on it.
    pub(crate) async fn cover(self, security: &Security) -> Result<Self, TlsFault> {
        let Self { stream, books, resumed } = self;
        let Stream::Plain(stream) = stream else { return Ok(Self { stream, books, resumed }) };
        let (conn, teller) = (Some(books.conn), books.teller.clone());
        match security.begin(stream, TLS_BUFFER).await {
            Ok((stream, facts)) => {
                let resumed = Some(facts.resumed);
                teller.tell(What::Secured { conn, facts });
                Ok(Self { stream, books, resumed })
            }
            Err(fault) => {
                teller.tell(What::NotSecured { conn, why: fault.to_string().into() });
                Err(fault)
            }
        }
    }
}

impl Books {
    /// Those of the connection of this number in its session.
    pub(super) fn new(conn: u32, teller: Teller) -> Self {
        Self { conn, teller, sent: 0, received: 0, over: [false; 2], is_reset: false }
    }

    /// The server's half has ended.
    pub(crate) fn theirs_ended(&mut self, how: HalfEnd) {
        self.is_reset |= how == HalfEnd::Reset;
        self.half_ended(Party::Server, how);
    }

    /// Our half has ended.
    pub(crate) fn ours_ended(&mut self, how: HalfEnd) {
        self.half_ended(Party::Client, how);
    }

    fn half_ended(&mut self, by: Party, how: HalfEnd) {
        let (index, bytes) = match by {
            Party::Client => (0, self.sent),
            Party::Server => (1, self.received),
        };
        if !std::mem::replace(&mut self.over[index], true) {
            self.teller.tell(What::DataEnded { conn: self.conn, by, bytes, how });
        }
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        // The socket closes after this; what the server still sends then is answered with RST. Of what it has broken off
        // nothing is left to be closed.
        match (self.over[1], self.is_reset, self.sent) {
            (true, true, 0) => {}
            (true, true, _) => self.ours_ended(HalfEnd::Cut),
            (true, false, _) => self.ours_ended(HalfEnd::Fin),
            (false, ..) => self.ours_ended(HalfEnd::Reset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use std::sync::{Arc, Mutex};

    /// What the tap is told where the server's half ends so, and then ours.
    fn told(sent: u64, theirs: HalfEnd) -> Vec<(Party, u64, HalfEnd)> {
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let tap = move |event: wharf_proto::tap::Event| {
            if let What::DataEnded { by, bytes, how, .. } = event.what {
                heard.lock().unwrap().push((by, bytes, how));
            }
        };
        let options = Options { tap: Some(Arc::new(tap)), ..Options::default() };
        let mut books = Books::new(1, Teller::new(&options));
        books.sent = sent;
        books.theirs_ended(theirs);
        drop(books);
        let told = told.lock().unwrap();
        told.clone()
    }

    #[test]
    fn bytes_on_a_connection_that_the_server_breaks_off_come_to_no_end_of_their_own() {
        let reset = (Party::Server, 0, HalfEnd::Reset);
        assert_eq!(told(9, HalfEnd::Reset), [reset, (Party::Client, 9, HalfEnd::Cut)]);
        assert_eq!(told(0, HalfEnd::Reset), [reset]);
        let fin = (Party::Server, 0, HalfEnd::Fin);
        assert_eq!(told(9, HalfEnd::Fin), [fin, (Party::Client, 9, HalfEnd::Fin)]);
    }
}
