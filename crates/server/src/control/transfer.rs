//! A transfer as its session sees it: what it has to know, what a step of it leaves, and what the log says of it.

use super::{Control, SPARE_TIME, Transfer};
use crate::data::ports::Passive;
use crate::data::{self, Done, Setting};
use crate::deed::{self, Deed, Doer, Moved};
use crate::members::Admitted;
use std::sync::Arc;
use tokio::time::Instant;
use wharf_proto::Text;
use wharf_proto::server::{EffectId, Fault, Outcome, TransferPlan, TreeAction};
use wharf_proto::verb::Verb;

impl Control {
    pub(super) fn begin(&mut self, id: EffectId, plan: TransferPlan) -> Option<Outcome> {
        self.count_again();
        let moved = Arc::default();
        let Some(setting) = self.setting(&moved) else {
            return Some(Outcome::Failed(Fault::Denied));
        };
        let deed = self
            .told()
            .map(|(who, verb)| Deed::transfer(self.doer(who), verb, &plan, Arc::clone(&moved)));
        let done = data::begin(setting, plan, std::mem::take(&mut self.ready));
        Some(self.take(id, moved, deed.unwrap_or_default(), done))
    }

    /// A member whose quota could not be counted at the login is not refused for as long as the session lasts.
    pub(super) fn count_again(&mut self) {
        let (shared, client) = (&self.shared, self.client.ip());
        if let Some(who) = &mut self.who {
            who.count_again(|| shared.counts.of(client));
        }
    }

    /// What the log will say of this action, where it changes the tree and the log is read.
    pub(super) fn change(&self, action: &TreeAction) -> Deed {
        let change = |(who, verb)| Deed::change(|| self.doer(who), verb, action);
        self.told().and_then(change).unwrap_or_default()
    }

    /// Who is at which verb, where the log is read.
    fn told(&self) -> Option<(&Admitted, Verb)> {
        let verb = self.session.verb().filter(|_| deed::are_told())?;
        Some((self.who.as_deref()?, verb))
    }

    fn doer(&self, who: &Admitted) -> Doer {
        let user = Text::from(who.holder.name());
        Doer { session: self.teller.session, user, client: self.client.ip() }
    }

    /// What the next data connection needs to know of the session, if somebody is logged in.
    pub(super) fn setting(&self, moved: &Arc<Moved>) -> Option<Setting> {
        let who = self.who.as_ref()?;
        let config = &self.shared.config;
        Some(Setting {
            storage: Arc::clone(&who.tree),
            holder: who.holder.clone(),
            rights: who.rights,
            up: who.up.clone(),
            down: who.down.clone(),
            client: self.client,
            server: self.server,
            connections: Arc::clone(&self.connections),
            teller: self.teller.clone(),
            moved: Arc::clone(moved),
            idle_time: config.data_idle_time,
            linger_time: config.linger_time,
            doubt_time: config.doubt_time,
            uploads: Arc::clone(&self.shared.uploads),
            archives: config.archives,
            sync_uploads: config.sync_uploads,
            quick_acks: config.quick_acks,
            tls: self.session_tls.clone(),
            any_tls_session: who.any_tls_session || config.any_tls_session,
            handshake_time: config.handshake_time,
            open_time: config.policy.open_time,
            own_time: config.own_time,
        })
    }

    /// Takes what a step of a transfer has left, and gives its outcome.
    pub(super) fn take(
        &mut self,
        id: EffectId,
        moved: Arc<Moved>,
        mut deed: Deed,
        done: Done,
    ) -> Outcome {
        deed.heard(&done.outcome);
        let transfer = |step| Transfer { id, step, moved, deed };
        self.transfer = done.next.map(transfer);
        if let Some(port) = done.port.filter(Passive::is_own) {
            self.spare = Some(Box::new((port, Instant::now() + SPARE_TIME)));
        }
        if done.kept.is_some() {
            self.ready.kept = done.kept;
            self.session.handle_data_kept();
        }
        done.outcome
    }
}
