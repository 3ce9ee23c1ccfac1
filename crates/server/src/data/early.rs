//! A passive data connection under TLS: the handshake, and whose it is.
//!
//! Most clients connect, send their command, and shake hands when they have read 150. Some shake hands as soon as
//! they are connected, and send nothing until that is done (those of Python's asyncio do); so the handshake is
//! held as soon as the connection is there. The session polls it beside its control connection.
//!
//! Who shakes hands without resuming the TLS session of the control connection, or not at all, is turned away, and
//! the port waits for the client all the same: a stranger cannot use it up by coming first.

use super::Setting;
use super::open::DataConnection;
use super::ports::Passive;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};
use wharf_proto::Text;
use wharf_proto::server::TlsRole;

/// A connection under TLS, or why there is none.
type Secured = Result<DataConnection, Text>;

/// A passive port on its way to the client's own connection under TLS.
pub(crate) struct Early {
    setting: Arc<Setting>,
    port: Passive,
    at: At,
    /// Why whoever came last was turned away.
    refused: Option<Text>,
}

/// How far it has come.
enum At {
    /// Nobody is there.
    Awaited,
    /// The handshake is under way.
    Shaking(Pin<Box<dyn Future<Output = Secured> + Send>>),
    /// It is over.
    There(DataConnection),
}

impl Early {
    /// Nobody has come to this port yet.
    pub(crate) fn new(setting: Setting, port: Passive) -> Self {
        Self { setting: Arc::new(setting), port, at: At::Awaited, refused: None }
    }

    /// Goes on as far as it comes; to be polled as long as no command asks for it.
    pub(crate) async fn come(early: &mut Option<Box<Self>>) -> Infallible {
        // On the heap, for the sake of all sessions that have none.
        Box::pin(async {
            if let Some(early) = early {
                while !matches!(early.at, At::There(_)) {
                    early.go_on().await;
                }
            }
            std::future::pending().await
        })
        .await
    }

    /// Whether somebody is there now, from whom it may have to be seen yet who that is.
    pub(super) fn is_open(&mut self) -> bool {
        if matches!(self.at, At::Awaited)
            && let Some(data) = self.port.accept_waiting(&self.setting)
        {
            self.at = self.shake(data);
        }
        !matches!(self.at, At::Awaited)
    }

    /// The port alone, where it is not to be under TLS with us as the server after all.
    pub(super) fn into_port(self) -> Passive {
        self.port
    }

    /// The client's own connection. Once somebody was turned away it has a short while left to come in.
    ///
    /// # Errors
    /// Why the last one was turned away, in words that belong in a reply.
    pub(super) async fn own(mut self) -> Result<(DataConnection, Passive), Text> {
        let limit = Instant::now() + self.setting.open_time;
        loop {
            let until = match &self.at {
                At::There(_) => break,
                At::Awaited if self.refused.is_some() => {
                    limit.min(Instant::now() + self.setting.own_time)
                }
                At::Awaited | At::Shaking(_) => limit,
            };
            if timeout_at(until, self.go_on()).await.is_err() {
                break;
            }
        }
        match (self.at, self.refused) {
            (At::There(data), _) => Ok((data, self.port)),
            (At::Awaited | At::Shaking(_), why) => {
                Err(why.unwrap_or_else(|| "no data connection came in time".into()))
            }
        }
    }

    /// The next step. It can be dropped at any time, and goes on from there.
    async fn go_on(&mut self) {
        match &mut self.at {
            At::Awaited => {
                let data = self.port.accept(&self.setting).await;
                self.at = self.shake(data);
            }
            At::Shaking(handshake) => {
                self.at = match handshake.await {
                    Ok(data) => At::There(data),
                    Err(why) => {
                        self.refused = Some(why);
                        At::Awaited
                    }
                }
            }
            At::There(_) => {}
        }
    }

    fn shake(&self, mut data: DataConnection) -> At {
        let setting = Arc::clone(&self.setting);
        At::Shaking(Box::pin(
            async move { data.secure(&setting, TlsRole::Server).await.map(|()| data) },
        ))
    }
}
