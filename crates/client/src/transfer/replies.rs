//! The replies to a transfer, which are heard at all times: they may come before, between and after the bytes.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use wharf_proto::Reply;
use wharf_proto::client::{Answer, Asked};

use crate::marks::{Journal, Mark};
use crate::{Connection, Error, Exchange};

/// What the server has said about a transfer so far.
#[derive(Default)]
pub(crate) struct Replies {
    /// 1yz came.
    pub(crate) begun: bool,
    /// The last reply.
    pub(crate) finished: Option<Reply>,
    /// Why no further reply will come.
    pub(crate) lost: Option<Error>,
    /// Where the marks of an upload are kept.
    pub(crate) journal: Option<Journal>,
}

impl Replies {
    /// Whether more are to come.
    pub(crate) fn open(&self) -> bool {
        self.finished.is_none() && self.lost.is_none()
    }

    pub(crate) fn refused(&self) -> bool {
        self.finished.as_ref().is_some_and(|reply| reply.code.is_refusal())
    }

    /// Whether the server said that it ends the session.
    pub(crate) fn closing(&self) -> bool {
        matches!(self.lost, Some(Error::Closing { .. }))
    }

    pub(crate) fn note(&mut self, answer: Result<Answer, Error>) {
        match answer {
            Ok(Answer { to: Asked::Verb(verb), reply, more, .. }) if verb.opens_transfer() => {
                if more {
                    self.begun = true;
                    if let (Some(journal), Some(mark)) = (&mut self.journal, Mark::answered(&reply))
                    {
                        journal.keep(mark);
                    }
                } else {
                    self.finished = Some(reply);
                }
            }
            Ok(Answer { .. }) => {}
            Err(error) => self.lost = Some(error),
        }
    }

    /// The error that these replies to the command of `last` are.
    pub(crate) fn failure(self, last: &Exchange) -> Error {
        match self.lost {
            Some(error) => error,
            None => {
                let reply = self.finished.or_else(|| last.reply.clone());
                Error::Refused { last: Box::new(Exchange { reply, ..last.clone() }) }
            }
        }
    }
}

/// Does `work` and hears the replies that come meanwhile. When these make it pointless, `patience` says
/// how long it may still take; `None` when that time is over.
pub(super) async fn alongside<T>(
    control: &mut Connection,
    replies: &mut Replies,
    patience: impl Fn(&Replies) -> Option<Duration>,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::pin!(work);
    let mut end = patience(replies).map(|patience| Instant::now() + patience);
    loop {
        let stop = sleep_until(end.unwrap_or_else(Instant::now));
        tokio::select! {
            // In the order in which things usually happen, so that the tap hears them so.
            biased;
            done = &mut work => return Some(done),
            answer = control.answer(), if replies.open() => {
                replies.note(answer);
                end = patience(replies).map(|patience| Instant::now() + patience);
            }
            () = stop, if end.is_some() => return None,
        }
    }
}
