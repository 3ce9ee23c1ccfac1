//! What a right login comes to: a place among the member's sessions, the member's view of the tree, and the
//! count of what is stored there.

use super::Control;
use crate::accounts::Member;
use wharf_proto::server::{EffectId, Outcome, Turned};

impl Control {
    /// Lets a member in, if there is a place; what comes of it, unless that takes a while.
    pub(super) fn admit(&mut self, id: EffectId, member: Member) -> Option<Outcome> {
        if !self.place.take_for(&member.account.name, member.sessions) {
            return Some(Outcome::TurnedAway(Turned::TooManySessions));
        }
        let admitted = self.shared.members.admit(&member, self.client.ip(), &self.storage);
        // Why not has been logged; it is for the operator to mend.
        let Ok(admitted) = admitted else {
            self.place.leave();
            return Some(Outcome::TurnedAway(Turned::NoTree));
        };
        self.place.is_known();
        let outcome = Outcome::LoggedIn(Box::new(member.account));
        let (ledger, tree) = (admitted.ledger.clone(), admitted.tree.clone());
        self.who = Some(Box::new(admitted));
        let Some(ledger) = ledger else { return Some(outcome) };
        let (turns, awaited) = (self.shared.turns.clone(), self.waiter.awaited());
        let count = async move {
            ledger.count(turns, tree, awaited).await;
            outcome
        };
        self.errand = Some((id, Box::pin(count)));
        None
    }
}
