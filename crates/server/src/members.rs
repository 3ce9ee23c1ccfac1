//! Who is logged in: what a session may see and do, and what it shares with the other sessions of its member.
//!
//! The ledger of a quota and the buckets of the rates are there as long as a session of the member is. What a new
//! login says of them holds for all.

use crate::accounts::{Member, Mount, Mounted, Quota};
use crate::rates::{Brake, Bucket, Way};
use crate::storage::quota::Ledger;
use crate::storage::view::View;
use crate::storage::{Holder, Storage};
use crate::turns::{Turns, Waiter};
use ipnet::IpNet;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::task::JoinHandle;
use wharf_proto::Text;
use wharf_proto::server::{Fault, Rights};

/// Somebody who is logged in, as the driver must know.
pub(crate) struct Admitted {
    pub(crate) holder: Holder,
    pub(crate) rights: Rights,
    /// The networks of other servers with which there may be data connections.
    pub(crate) foreign: Box<[IpNet]>,
    /// Whether data connections need not resume the TLS session of the control connection.
    pub(crate) any_tls_session: bool,
    pub(crate) tree: Arc<dyn Storage>,
    pub(crate) up: Brake,
    pub(crate) down: Brake,
    /// Where there is a quota.
    ledger: Option<Arc<Ledger>>,
    /// The count that goes on beside the session, and who waits for it.
    counting: Option<(Waiter, JoinHandle<()>)>,
}

impl Admitted {
    /// Counts what the member has stored, if no turn came for that at the login: beside the session, and as long as that
    /// lasts. Until it is done whatever stores something is refused.
    pub(crate) fn count_again(&mut self, turns: impl FnOnce() -> Turns) {
        let Some(ledger) = self.ledger.as_ref().filter(|ledger| !ledger.is_counted()) else {
            return;
        };
        if self.counting.as_ref().is_some_and(|(_, count)| !count.is_finished()) {
            return;
        }
        let waiter = Waiter::default();
        let (ledger, tree, awaited) =
            (Arc::clone(ledger), Arc::clone(&self.tree), waiter.awaited());
        let turns = turns();
        let count = tokio::spawn(async move { ledger.count(turns, tree, awaited).await });
        self.counting = Some((waiter, count));
    }
}

/// What the sessions of each member share.
#[derive(Default)]
pub(crate) struct Members {
    buckets: Register<(Text, Way), Bucket>,
    /// For each tree that is served, where the member sees that: virtual hosts have their own.
    ledgers: Register<(Text, usize), Ledger>,
}

impl Members {
    /// Lets a member in, who comes from this address and to whom this tree is served; and what is to be counted
    /// before anything else, where there is a quota.
    ///
    /// # Errors
    /// [`Fault`], where the member's own tree cannot be had.
    pub(crate) fn admit(
        &self,
        member: &Member,
        from: IpAddr,
        served: &Arc<dyn Storage>,
    ) -> Result<(Admitted, Option<Arc<Ledger>>), Fault> {
        let account = &member.account;
        let ledger = (member.quota != Quota::default()).then(|| {
            let is_served = |mount: &Mount| matches!(mount.what, Mounted::Served(_));
            let tree = match member.mounts.iter().any(is_served) {
                true => Arc::as_ptr(served).cast::<()>() as usize,
                false => 0,
            };
            let ledger = self.ledgers.entry((account.name.clone(), tree));
            ledger.allow(member.quota);
            ledger
        });
        let brake = |way, rate: Option<u64>| match rate {
            Some(rate) => {
                let bucket = self.buckets.entry((account.name.clone(), way));
                bucket.allow(rate);
                Brake::on(bucket)
            }
            None => Brake::default(),
        };
        let admitted = Admitted {
            holder: Holder::new(account.name.as_bytes(), account.anonymous.then_some(from)),
            rights: account.rights,
            foreign: account.foreign.as_slice().into(),
            any_tls_session: member.any_tls_session,
            tree: View::of(member, served, ledger.clone())?,
            up: brake(Way::Up, member.rates.up),
            down: brake(Way::Down, member.rates.down),
            ledger: ledger.clone(),
            counting: None,
        };
        Ok((admitted, ledger))
    }
}

/// Things by key that are there as long as somebody has them.
struct Register<K, T>(Mutex<Entries<K, T>>);

struct Entries<K, T> {
    all: HashMap<K, Weak<T>>,
    /// When there are so many, those that nobody has any more are swept out.
    sweep_at: usize,
}

impl<K, T> Default for Register<K, T> {
    fn default() -> Self {
        Self(Mutex::new(Entries { all: HashMap::new(), sweep_at: 64 }))
    }
}

impl<K: Eq + Hash, T: Default> Register<K, T> {
    /// What is registered for this key, or a new thing.
    fn entry(&self, key: K) -> Arc<T> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = entries.all.get(&key).and_then(Weak::upgrade) {
            return found;
        }
        if entries.all.len() >= entries.sweep_at {
            entries.all.retain(|_, thing| thing.strong_count() > 0);
            entries.sweep_at = (2 * entries.all.len()).max(64);
        }
        let new = Arc::new(T::default());
        entries.all.insert(key, Arc::downgrade(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::local::LocalFolder;
    use crate::turns::Kind;
    use std::time::Duration;
    use wharf_proto::path::VirtualPath;
    use wharf_proto::server::Account;

    #[tokio::test]
    async fn a_count_that_got_no_turn_at_the_login_gets_one_later_in_the_same_session() {
        let folder = tempfile::tempdir().unwrap();
        let served: Arc<dyn Storage> = Arc::new(LocalFolder::open(folder.path()).unwrap());
        let mut member = Member::new(Account::new("bob".into(), Rights::WRITER));
        member.quota.bytes = Some(10);
        let from = IpAddr::from([127, 0, 0, 1]);
        let (mut bob, ledger) = Members::default().admit(&member, from, &served).unwrap();
        let ledger = ledger.unwrap();
        let counts = Kind::new(1, Duration::ZERO);
        let taken = counts.of(from).next().await.unwrap();
        let waiter = Waiter::default();
        ledger.count(counts.of(from), Arc::clone(&bob.tree), waiter.awaited()).await;
        assert!(!ledger.is_counted(), "no turn came");
        bob.count_again(|| counts.of(from));
        let (_, count) = bob.counting.as_mut().unwrap();
        count.await.unwrap();
        assert!(!ledger.is_counted(), "nor now");
        drop(taken);
        bob.count_again(|| counts.of(from));
        let (_, count) = bob.counting.as_mut().unwrap();
        count.await.unwrap();
        assert!(ledger.is_counted());
        assert_eq!(bob.tree.free(&VirtualPath::root()), Ok(10));
    }

    #[test]
    fn a_thing_is_shared_as_long_as_somebody_has_it_and_swept_out_afterwards() {
        let register = Register::<u32, Mutex<u32>>::default();
        let first = register.entry(1);
        assert!(Arc::ptr_eq(&first, &register.entry(1)));
        for key in 2..10_000 {
            register.entry(key);
        }
        assert!(register.0.lock().unwrap().all.len() <= 65);
        assert!(Arc::ptr_eq(&first, &register.entry(1)));
        *first.lock().unwrap() = 7;
        drop(first);
        assert_eq!(*register.entry(1).lock().unwrap(), 0);
    }
}
