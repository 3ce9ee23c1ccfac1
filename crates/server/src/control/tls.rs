//! TLS on the control connection: how it begins, and how it ends. While either is under way nothing else
//! happens in the session, since the machine has nothing to do then.

use super::Control;
use crate::tls::{SessionTls, TlsStream};
use std::io;
use std::sync::Arc;
use tokio::time::timeout;
use wharf_proto::Text;
use wharf_proto::server::Outcome;
use wharf_proto::tap::What;

impl Control {
    /// Begins TLS.
    pub(super) async fn secure(&mut self) -> io::Result<Outcome> {
        let held = Box::pin(self.shake_hands()).await;
        held.inspect_err(|error| {
            let why = Text::from(match error.kind() {
                io::ErrorKind::TimedOut => "it took too long".to_owned(),
                io::ErrorKind::Interrupted => "the server stops".to_owned(),
                io::ErrorKind::UnexpectedEof => "the client ended the connection".to_owned(),
                _ => error.to_string(),
            });
            self.teller.tell(What::NotSecured { conn: None, why });
        })
    }

    async fn shake_hands(&mut self) -> io::Result<Outcome> {
        let config = &self.shared.config;
        let tls = config.tls.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let host = self.host.as_ref().map(ToString::to_string);
        let session = SessionTls::new(tls, host.as_deref());
        let mut tls = TlsStream::control(&session).map_err(io::Error::other)?;
        let facts = tokio::select! {
            held = timeout(config.handshake_time, tls.handshake(&self.stream)) => held??,
            _ = self.stopped.changed() => return Err(io::ErrorKind::Interrupted.into()),
        };
        self.teller.tell(What::Secured { conn: None, facts });
        let certified = tls.certificate().is_some();
        (self.tls, self.session_tls) = (Some(Box::new(tls)), Some(Arc::new(session)));
        Ok(Outcome::Secured { certified })
    }

    /// Ends TLS in order; what the client has said in clear behind its own end.
    pub(super) async fn clear(&mut self) -> io::Result<Vec<u8>> {
        let Some(mut tls) = self.tls.take() else { return Ok(Vec::new()) };
        tls.close();
        let ended = async {
            tls.flush(&self.stream, false).await?;
            tls.closed(&self.stream).await
        };
        let behind = Box::pin(timeout(self.shared.config.handshake_time, ended)).await??;
        self.teller.tell(What::ControlCleared);
        Ok(behind)
    }
}
