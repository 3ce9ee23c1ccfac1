//! Logging in: who it is, verified beside the session's task, and what that comes to: a place among the
//! member's sessions, the member's view of the tree, and the count of what is stored there.

use super::{Away, Control, Shared};
use crate::accounts::{Accounts, Attempt, Fingerprint, Member, Verdict, Why};
use crate::guard::Checked;
use crate::tap::Teller;
use crate::turns::Waiter;
use std::sync::Arc;
use wharf_proto::server::{EffectId, Outcome, Turned};
use wharf_proto::{Secret, Text};

/// What comes back of work beside the session's task.
pub(super) enum Back {
    /// What the machine waits for.
    Outcome(Outcome),
    /// Who the client is; it has to be let in.
    Verdict(Verdict),
}

impl Control {
    /// What this client offers for a login.
    pub(super) fn attempt(&self, user: Text, password: Secret) -> Attempt {
        let certificate = self.tls.as_ref().and_then(|tls| tls.certificate()).map(Fingerprint);
        let (from, secured) = (self.client.ip(), self.tls.is_some());
        Attempt { from, secured, certificate, ..Attempt::new(user, password) }
    }

    /// Verifies a login; what comes of it, if that takes no time.
    pub(super) fn authenticate(&mut self, id: EffectId, attempt: Attempt) -> Option<Outcome> {
        self.log_out();
        let at_once = self.shared.config.accounts.verify_at_once(&attempt);
        // There is nothing to guess about anonymous access.
        if let Some(Verdict::In(member)) = &at_once
            && member.account.anonymous
        {
            if let Some(email) = attempt.email() {
                tracing::info!(session = %self.teller.session, %email, "anonymous");
            }
            return self.admit(id, Member::clone(member));
        }
        let (shared, teller) = (Arc::clone(&self.shared), self.teller.clone());
        let work = guarded(shared, teller, attempt, at_once);
        self.errand = Some(Away::new(id, None, work));
        None
    }

    /// Sees whether the client's certificate is enough. Where it is not that is no failure: a password is
    /// asked for then.
    pub(super) fn recognise(&mut self, id: EffectId, user: Text) -> Option<Outcome> {
        self.log_out();
        let attempt = self.attempt(user, Secret::new(Vec::new()));
        let verdict = judged_beside(Arc::clone(&self.shared), attempt, Accounts::recognise);
        let work = async { Back::Verdict(verdict.await) };
        self.errand = Some(Away::new(id, None, work));
        None
    }

    /// Nothing of the one before is left, whatever comes of a new login.
    fn log_out(&mut self) {
        self.who = None;
        self.staying.place.leave();
    }

    /// What the machine hears of work beside the session's task, if it is done.
    pub(super) fn take_back(&mut self, id: EffectId, back: Back) -> Option<Outcome> {
        match back {
            Back::Outcome(outcome) => Some(outcome),
            Back::Verdict(Verdict::In(member)) => self.admit(id, *member),
            Back::Verdict(Verdict::WantsCode) => Some(Outcome::AccountWanted),
            Back::Verdict(Verdict::Refused(_)) => Some(Outcome::LoginRefused),
        }
    }

    fn refused(&self, user: &Text, why: &str) {
        let (session, client) = (self.teller.session, self.client.ip());
        tracing::info!(%session, %user, %client, why, "login refused");
    }

    /// Lets a member in, if there is a place; what comes of it, unless that takes a while.
    fn admit(&mut self, id: EffectId, mut member: Member) -> Option<Outcome> {
        if member.account.foreign.is_empty() && !member.account.anonymous {
            member.account.foreign.clone_from(&self.shared.config.foreign);
        }
        if !self.staying.place.take_for(&member.account.name, member.sessions) {
            self.refused(&member.account.name, "too many sessions");
            return Some(Outcome::TurnedAway(Turned::TooManySessions));
        }
        let admitted = self.shared.members.admit(&member, self.client.ip(), &self.storage);
        // Why not has been logged; it is for the operator to mend.
        let Ok((admitted, ledger)) = admitted else {
            self.staying.place.leave();
            return Some(Outcome::TurnedAway(Turned::NoTree));
        };
        self.staying.place.is_known();
        let (session, user) = (self.teller.session, &member.account.name);
        tracing::info!(%session, %user, client = %self.client.ip(), "logged in");
        let outcome = Outcome::LoggedIn(Box::new(member.account));
        let tree = Arc::clone(&admitted.tree);
        self.who = Some(Box::new(admitted));
        let Some(ledger) = ledger else { return Some(outcome) };
        let (turns, waiter) = (self.shared.counts.of(self.client.ip()), Waiter::default());
        let awaited = waiter.awaited();
        let count = async move {
            ledger.count(turns, tree, awaited).await;
            Back::Outcome(outcome)
        };
        self.errand = Some(Away::new(id, Some(waiter), count));
        None
    }
}

/// Verifies a login, unless that is done, and counts it: a refusal comes when the guard lets it.
async fn guarded(
    shared: Arc<Shared>,
    teller: Teller,
    attempt: Attempt,
    at_once: Option<Verdict>,
) -> Back {
    let (client, user, session) = (attempt.from, attempt.name.clone(), teller.session);
    let checked = async {
        let verdict = match at_once {
            Some(verdict) => verdict,
            None => judged_beside(Arc::clone(&shared), attempt, Accounts::verify).await,
        };
        match verdict {
            Verdict::In(_) => Checked::Right(verdict),
            Verdict::WantsCode => Checked::SoFar(verdict),
            Verdict::Refused(why @ Why::Broken(_)) => {
                tracing::warn!(%session, %user, %client, %why, "login refused");
                Checked::Wrong
            }
            Verdict::Refused(why) => {
                tracing::info!(%session, %user, %client, %why, "login refused");
                Checked::Wrong
            }
        }
    };
    let verdict = shared.guard.after(|| teller.now(), client, &user, checked).await;
    Back::Verdict(verdict.unwrap_or(Verdict::Refused(Why::Password)))
}

/// How the accounts judge an attempt: with its password, or before there is one.
type Judge = fn(&Accounts, &Attempt) -> Verdict;

/// Has a login judged beside the session's task, when its turn has come.
async fn judged_beside(shared: Arc<Shared>, attempt: Attempt, judge: Judge) -> Verdict {
    let turns = shared.login_turns.clone();
    let verdict = turns.take(move || judge(&shared.config.accounts, &attempt)).await;
    let broken = |_| Verdict::Refused(Why::Broken("it could not be verified".to_owned()));
    verdict.unwrap_or_else(broken)
}
