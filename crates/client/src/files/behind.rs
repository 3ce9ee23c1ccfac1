//! Storing the rest of a file behind what the server has of it.
//!
//! APPE says what is meant, and whether it was done the size tells (RFC 959 section 4.1.3). REST before STOR says where to
//! write, and there are servers that take it, empty the file and fill it with zeros up to that place: the size is right then
//! as well. So APPE is asked first; and who goes on by REST has to look whether the beginning is still there.

use tokio::io::{AsyncRead, AsyncReadExt};
use wharf_proto::params::Representation;
use wharf_proto::{Command, Text, Verb};

use crate::transfer::{Order, Restart};
use crate::{Error, Session, Transfer, Watch};

/// How the bytes of a file came behind those that were there.
pub(crate) enum Behind {
    /// By APPE, or there were none before them.
    Appended(Transfer),
    /// By REST and STOR: what was there need not be there any more.
    Restarted(Transfer),
    /// The server goes on with no file. Nothing has moved.
    Refused(Error),
}

impl Behind {
    /// What was sent, for whoever finds out otherwise whether the beginning is still there.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn sent(self) -> Result<Transfer, Error> {
        match self {
            Self::Appended(transfer) | Self::Restarted(transfer) => Ok(transfer),
            Self::Refused(error) => Err(error),
        }
    }
}

impl Session {
    /// Sends what is still to come of a file, from byte `at` on, which is as much as the server has.
    pub(crate) async fn put_bytes<R: AsyncRead + Unpin>(
        &mut self,
        from: &mut R,
        remote: &Text,
        at: u64,
        how: Representation,
        watch: &mut Watch<'_>,
    ) -> Result<Behind, Error> {
        let (stor, appe) = (Command::Stor(remote.clone()), Command::Appe(remote.clone()));
        // What has been read from cannot begin once more.
        let mut from = from.take(u64::MAX);
        let order = |command, restart| Order { command, offset: at, restart, expected: None, how };
        let whole = if at == 0 { &stor } else { &appe };
        match self.transmit(&order(whole, Restart::Known), &mut from, watch).await {
            Err(error) if at > 0 && from.limit() == u64::MAX && forbids(&error) => {
                if !self.features().await?.has("REST") {
                    return Ok(Behind::Refused(error));
                }
            }
            result => return result.map(Behind::Appended),
        }
        match self.transmit(&order(&stor, Restart::Rest), &mut from, watch).await {
            Err(error) if from.limit() == u64::MAX && forbids(&error) => Ok(Behind::Refused(error)),
            result => result.map(Behind::Restarted),
        }
    }
}

/// Whether a server says that it does not go on with a file in this way: not that it is busy or full, nor that the data
/// connection is none.
fn forbids(error: &Error) -> bool {
    let Error::Refused { last } = error else { return false };
    let asked = matches!(last.verb, Some(Verb::Appe | Verb::Rest | Verb::Stor));
    // 451 says Proftpd where its AllowStoreRestart is off, as it is unless somebody turns it on.
    let says = matches!(error.code(), Some(451 | 500..=504 | 550 | 551 | 553));
    asked && says
}
