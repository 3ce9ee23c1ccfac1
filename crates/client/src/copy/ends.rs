//! A session with each of two servers, and what has to go from the target if a copy is not finished: nothing but what this
//! copy has begun to store, under a name of ours or one that nothing had.

use wharf_proto::Text;

use super::Side;
use crate::transfer::Replies;
use crate::{Lent, Session};

/// A session with each server, for one file after the other.
pub(crate) struct Ends {
    pub(crate) source: Lent,
    pub(crate) target: Lent,
    pub(super) unfinished: Unfinished,
}

/// What has to go from the target if a copy is not finished.
#[derive(Default)]
pub(super) enum Unfinished {
    /// Nothing.
    #[default]
    Nothing,
    /// What is stored under this name, which nothing had, as soon as the target begins.
    Awaited(Text),
    /// What has this name, and is ours.
    Ours(Text),
}

impl Unfinished {
    /// The target has begun to store.
    pub(super) fn begun(&mut self) {
        *self = match std::mem::take(self) {
            Self::Awaited(name) => Self::Ours(name),
            other => other,
        };
    }
}

impl Ends {
    pub(super) fn of(&mut self, side: Side) -> &mut Session {
        match side {
            Side::Source => &mut self.source,
            Side::Target => &mut self.target,
        }
    }

    /// Whether both can be used further.
    pub(crate) fn are_sound(&self) -> bool {
        !self.source.control.is_spent() && !self.target.control.is_spent()
    }

    /// Breaks off what is under way at both, with ABOR where a transfer runs, and takes in all replies that are owed.
    pub(crate) async fn abort(&mut self) {
        let [mut before, mut behind] = [Replies::default(), Replies::default()];
        let source = self.source.abort_noting(&mut before);
        let target = self.target.abort_noting(&mut behind);
        let (source, target) = tokio::join!(source, target);
        if behind.begun {
            self.unfinished.begun();
        }
        if let Err(error) = source.and(target) {
            tracing::debug!(%error, "a copy could not be broken off in order");
        }
    }

    /// Gives the sessions back, as far as they are of use.
    pub(crate) fn give_back(self) {
        self.source.give_back();
        self.target.give_back();
    }

    /// Removes what is not finished, as far as the target lets us.
    pub(super) async fn discard(&mut self) {
        let Unfinished::Ours(name) = std::mem::take(&mut self.unfinished) else { return };
        if !self.target.control.is_spent()
            && let Err(error) = self.target.delete(&name).await
        {
            tracing::debug!(%error, "an unfinished copy stays");
        }
    }
}
