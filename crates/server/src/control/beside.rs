//! Work beside the session's task: a login that is verified, or a slow action on the tree. The task waits for it among
//! all else, and can have it stop.

use super::login::Back;
use crate::deed::Deed;
use crate::effects::Errand;
use crate::turns::{Turns, Waiter};
use std::pin::Pin;
use wharf_proto::server::{EffectId, Fault, Outcome, TreeAction};

/// What is under way beside this task.
pub(super) struct Away {
    pub(super) id: EffectId,
    work: Work,
    /// Nothing where it is to stop, or cannot be made to.
    pub(super) waiter: Option<Waiter>,
}

/// Work that is done beside this task.
type Work = Pin<Box<dyn Future<Output = Back> + Send>>;

impl Away {
    /// Work that this waiter waits for, where it can be made to stop; boxed, since most sessions have none.
    pub(super) fn new(
        id: EffectId,
        waiter: Option<Waiter>,
        work: impl Future<Output = Back> + Send + 'static,
    ) -> Box<Self> {
        Box::new(Self { id, work: Box::pin(work), waiter })
    }
}

/// Carries a slow action out beside the session's task, when its turn has come. One that has begun sees by itself
/// that it is not awaited any more, and what came of it is told all the same.
pub(super) async fn act_beside(
    turns: Turns,
    errand: Errand,
    action: TreeAction,
    mut deed: Deed,
) -> Back {
    let turn = tokio::select! {
        biased;
        () = errand.awaited.clone().ended() => Err(Fault::Stopped),
        turn = turns.next() => turn,
    };
    let outcome = match turn {
        Ok(turn) => turn.spend(move || errand.act(action)).await,
        Err(fault) => Err(fault),
    };
    let outcome = outcome.unwrap_or_else(Outcome::Failed);
    deed.heard(&outcome);
    Back::Outcome(outcome)
}

pub(super) async fn outcome_of(errand: &mut Option<Box<Away>>) -> (EffectId, Back) {
    match errand {
        Some(away) => (away.id, (&mut away.work).await),
        None => std::future::pending().await,
    }
}
