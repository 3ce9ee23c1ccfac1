//! TLS on the data connection of a transfer: begun while the server's replies are heard, and ended in order.
//!
//! The server begins its side when it has said 125 or 150, and may refuse the file in the midst of it. When it turns
//! the connection away because of TLS, the error says so. RFC 4217 sections 7 and 13.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use wharf_proto::tap::HalfEnd;

use super::{AFTERGLOW, Replies, alongside};
use crate::data::DataConnection;
use crate::{Error, Session, TlsFault};

/// The refusals that may mean that the data connection should have resumed the TLS session: 425 and 426 speak of the
/// connection, 522 of what it lacks.
const TURNED_AWAY: [u16; 3] = [425, 426, 522];

impl Session {
    /// Begins TLS on a data connection, where the session is to have it.
    pub(super) async fn cover(
        &mut self,
        data: DataConnection,
        mut replies: Replies,
    ) -> Result<(DataConnection, Replies), Error> {
        let Some(security) = self.control.data_security() else { return Ok((data, replies)) };
        let over = |replies: &Replies| {
            (replies.refused() || replies.lost.is_some()).then_some(Duration::ZERO)
        };
        let work = timeout(self.control.patience(), data.cover(&security));
        match alongside(&mut self.control, &mut replies, over, work).await {
            Some(Ok(Ok(data))) => {
                self.has_resumed |= data.resumed == Some(true);
                Ok((data, replies))
            }
            Some(Ok(Err(fault))) => Err(self.uncovered(fault, replies).await),
            Some(Err(_)) => Err(self.uncovered(TlsFault::Late, replies).await),
            None => Err(replies.failure(self.control.last())),
        }
    }

    /// The error of a data connection on which TLS could not be begun, once the server has been told. Where it was
    /// the server who ended it, its reason is the better one.
    async fn uncovered(&mut self, fault: TlsFault, mut replies: Replies) -> Error {
        let over = |replies: &Replies| (!replies.open()).then_some(Duration::ZERO);
        if fault.is_theirs() {
            let waiting = tokio::time::sleep(AFTERGLOW);
            alongside(&mut self.control, &mut replies, over, waiting).await;
        }
        let last = self.control.last_boxed();
        if fault.is_theirs() && replies.refused() {
            return replies.failure(&last);
        }
        if let Err(error) = self.wind_up(&mut replies).await {
            tracing::debug!(%error, "the transfer could not be broken off in order");
        }
        Error::Tls { fault, last }
    }

    /// A refusal, with its reason where that is TLS: the data connection was covered, and `resumed` an earlier TLS
    /// session or not.
    pub(crate) fn explained(&self, error: Error, resumed: Option<bool>) -> Error {
        match error {
            Error::Refused { last }
                if resumed == Some(false)
                    && last
                        .reply
                        .as_ref()
                        .is_some_and(|r| TURNED_AWAY.contains(&r.code.value())) =>
            {
                Error::NotResumed { last, spent: self.has_resumed }
            }
            error => error,
        }
    }
}

/// Answers the end of the server's half with that of ours; the connection goes next. Servers may wait for it before
/// they call a transfer done, and whether they get it changes nothing for us.
pub(super) async fn return_close(data: &mut DataConnection) {
    if data.stream.is_covered()
        && let Ok(Ok(())) = timeout(AFTERGLOW, data.stream.shutdown()).await
    {
        data.books.ours_ended(HalfEnd::Fin);
    }
}
