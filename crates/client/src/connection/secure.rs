//! TLS on the control connection: begun before anything secret is said, or not at all.
//!
//! Explicit: AUTH TLS behind the greeting; implicit: before it. Then PBSZ and PROT say whether the data connections
//! are covered as well. Behind the login there is a way back, for who asks for it: CCC. RFC 4217 sections 4, 8, 9 and 12.
//!
//! House rule of this file: no answer to AUTH but yes lets the session go on, and nothing that was said in clear
//! behind that yes is believed.

use std::sync::Arc;

use tokio::time::timeout;
use wharf_proto::command::{Level, Mechanism};
use wharf_proto::reply::Class;
use wharf_proto::tap::What;
use wharf_proto::{Command, Verb};

use super::Connection;
use crate::tls::{Security, Stream};
use crate::{DataTls, Error, TlsFault};

/// How much is received at a time: replies are short.
const BUFFER: usize = 4096;

/// What is wanted of TLS once it has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wishes {
    /// Whether it covers data connections.
    pub(super) data: DataTls,
    /// Whether the control connection is to be in clear behind the login.
    pub(super) ccc: bool,
}

impl Connection {
    /// Asks for TLS, and begins it.
    ///
    /// # Errors
    /// `NotProtected`, `Injected`, `Tls`, and those of [`command`](Self::command).
    pub(super) async fn ask_for_tls(mut self, security: Security) -> Result<Self, Error> {
        let reply = self.command(&Command::Auth(Mechanism::Tls)).await?;
        if reply.code.class() != Class::Completion {
            return Err(Error::NotProtected { last: self.last_boxed() });
        }
        // What came in clear behind the yes would be taken for an answer that came under TLS.
        let nothing_more = self.outgoing.is_empty()
            && self.answers.is_empty()
            && self.broken.is_none()
            && self.machine.is_between_replies();
        if !nothing_more {
            return Err(Error::Injected { last: self.last_boxed() });
        }
        self.cover(security).await
    }

    /// Begins TLS.
    ///
    /// # Errors
    /// `Tls`.
    pub(super) async fn cover(mut self, security: Security) -> Result<Self, Error> {
        let Stream::Plain(stream) = self.stream else { return Ok(self) };
        let begun = timeout(self.patience, security.begin(stream, BUFFER)).await;
        match begun.unwrap_or(Err(TlsFault::Late)) {
            Ok((stream, facts)) => {
                self.stream = stream;
                self.life.teller.tell(What::Secured { conn: None, facts });
                self.security = Some(Arc::new(security));
                Ok(self)
            }
            Err(fault) => {
                let why = fault.to_string().into();
                self.life.teller.tell(What::NotSecured { conn: None, why });
                Err(Error::Tls { fault, last: Box::new(self.last) })
            }
        }
    }

    /// Says whether data connections are to be covered. A server that refuses PBSZ may still know PROT.
    ///
    /// # Errors
    /// `NotProtected`, and those of [`command`](Self::command).
    pub(super) async fn protect_data(&mut self) -> Result<(), Error> {
        let wanted = self.wishes.data;
        self.command(&Command::Pbsz(0)).await?;
        if wanted != DataTls::Never {
            let reply = self.command(&Command::Prot(Level::Private)).await?;
            match wanted {
                _ if self.covers_data() => return Ok(()),
                DataTls::IfOffered => self.life.teller.explain(format_args!(
                    "PROT P was refused ({}): data connections are in clear",
                    reply.code
                )),
                DataTls::Demanded | DataTls::Never => {
                    return Err(Error::NotProtected { last: self.last_boxed() });
                }
            }
        }
        // Without a word data connections are in clear (RFC 4217 section 9), so a refusal of C changes nothing.
        self.command(&Command::Prot(Level::Clear)).await.map(drop)
    }

    /// Says it again where the server has forgotten it, at REIN.
    ///
    /// # Errors
    /// Those of the first time.
    pub(crate) async fn protect_data_again(&mut self) -> Result<(), Error> {
        match self.security.is_some() && !self.in_force.knows(Verb::Prot) {
            true => self.protect_data().await,
            false => Ok(()),
        }
    }

    /// Goes back to a control connection in clear, where that is wanted and has not been done.
    ///
    /// # Errors
    /// `Refused`, `Tls` where TLS does not end in order, and those of [`command`](Self::command).
    pub(crate) async fn clear_if_wanted(&mut self) -> Result<(), Error> {
        if !self.wishes.ccc || !self.is_covered() {
            return Ok(());
        }
        let reply = self.command(&Command::Ccc).await?;
        if reply.code.class() != Class::Completion {
            return Err(Error::Refused { last: self.last_boxed() });
        }
        let ended = timeout(self.patience, self.stream.uncover()).await;
        let fault = match ended {
            Ok(Ok(())) => {
                self.life.teller.tell(What::ControlCleared);
                self.life.teller.explain(format_args!("the control connection is in clear (CCC)"));
                return Ok(());
            }
            Ok(Err(error)) => TlsFault::of(error, None),
            Err(_) => TlsFault::Late,
        };
        Err(Error::Tls { fault, last: self.last_boxed() })
    }

    /// Whether the connection was under TLS, and is not any more.
    pub(crate) fn is_cleared(&self) -> bool {
        self.security.is_some() && !self.is_covered()
    }

    /// The TLS of data connections, where they are to be covered.
    pub(crate) fn data_security(&self) -> Option<Arc<Security>> {
        self.security.clone().filter(|_| self.covers_data())
    }

    fn covers_data(&self) -> bool {
        self.in_force().has(&Command::Prot(Level::Private))
    }
}
