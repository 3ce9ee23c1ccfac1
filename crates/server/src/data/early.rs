//! A passive data connection under TLS, before its command comes.
//!
//! Most clients connect, send their command, and shake hands when they have read 150. Some shake hands as soon as
//! they are connected, and send nothing until that is done (those of Python's asyncio do); so the handshake is
//! held as soon as the connection is there. The session polls it beside its control connection.

use super::Setting;
use super::open::DataConnection;
use super::ports::Passive;
use std::convert::Infallible;
use std::pin::Pin;
use wharf_proto::Text;
use wharf_proto::server::TlsRole;

/// A connection under TLS, or why there is none.
type Secured = Result<DataConnection, Text>;

/// How far it has come.
pub(crate) enum Early {
    /// Nobody has connected.
    Awaited(Setting, Passive),
    /// The handshake is under way.
    Shaking(Pin<Box<dyn Future<Output = Secured> + Send>>, Passive),
    /// It is over.
    There(Secured, Passive),
}

impl Early {
    /// Goes on as far as it comes; to be polled as long as no command asks for it.
    pub(crate) async fn come(early: &mut Option<Box<Self>>) -> Infallible {
        // On the heap, for the sake of all sessions that have none.
        Box::pin(Self::advance(early)).await
    }

    async fn advance(early: &mut Option<Box<Self>>) -> Infallible {
        while let Some(step) = early.as_deref_mut() {
            match step {
                Self::Awaited(setting, port) => {
                    let data = port.accept(setting).await;
                    if let Some(Self::Awaited(setting, port)) = early.take().map(|early| *early) {
                        *early = Some(Box::new(Self::Shaking(shake(setting, data), port)));
                    }
                }
                Self::Shaking(handshake, _) => {
                    let secured = handshake.await;
                    if let Some(Self::Shaking(_, port)) = early.take().map(|early| *early) {
                        *early = Some(Box::new(Self::There(secured, port)));
                    }
                }
                Self::There(..) => break,
            }
        }
        std::future::pending().await
    }
}

fn shake(
    setting: Setting,
    mut data: DataConnection,
) -> Pin<Box<dyn Future<Output = Secured> + Send>> {
    Box::pin(async move { data.secure(&setting, TlsRole::Server).await.map(|()| data) })
}
