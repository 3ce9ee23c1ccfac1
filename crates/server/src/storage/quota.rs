//! How much a member has stored, and how much more there may be: one ledger for all the member's sessions.
//!
//! What is there is counted once, by a walk before the first of the sessions has its login; from then on every
//! change that goes through a session is booked. An upload claims what it is about to write before it writes it,
//! so uploads side by side cannot go over together, and what changes names or deletes is done and booked under
//! one lock, so that no two of the member's sessions give back the same file. What others change in the folder
//! meanwhile is seen by the next count, when the last session has gone and another comes. Folders and links count
//! for nothing.

use super::{Storage, Usage};
use crate::accounts::Quota;
use crate::turns::{Awaited, Turns};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OnceCell;
use wharf_proto::server::Fault;

/// The ledger of one member in one tree.
#[derive(Debug)]
pub(crate) struct Ledger {
    books: Mutex<Books>,
    counted: OnceCell<()>,
}

/// What is written in it.
#[derive(Debug)]
pub(super) struct Books {
    quota: Quota,
    /// What is stored and what is claimed; why that is not known, until it is.
    used: Result<Usage, Fault>,
}

impl Default for Ledger {
    fn default() -> Self {
        let books = Books { quota: Quota::default(), used: Err(Fault::Busy) };
        Self { books: Mutex::new(books), counted: OnceCell::new() }
    }
}

impl Ledger {
    /// From now on this much may be stored.
    pub(crate) fn allow(&self, quota: Quota) {
        self.books().quota = quota;
    }

    /// Counts what is in the tree, unless it has been counted; beside the sessions' tasks. A tree that cannot be
    /// counted takes no upload; where only no turn came for it in time, the next one who asks counts it.
    pub(crate) async fn count(&self, turns: Turns, tree: Arc<dyn Storage>, awaited: Awaited) {
        let count = async {
            let walk = move || tree.usage(&|| awaited.go_on());
            let used = turns.take(walk).await.and_then(|used| used);
            let is_over = !matches!(used, Err(Fault::Crowded | Fault::Stopped));
            self.books().used = used;
            is_over.then_some(()).ok_or(())
        };
        // Why there is no count the books say.
        let _ = self.counted.get_or_try_init(|| count).await;
    }

    /// Whether it has been counted, or cannot be.
    pub(crate) fn is_counted(&self) -> bool {
        self.counted.initialized()
    }

    /// How many bytes may still be stored.
    pub(super) fn room(&self) -> Result<u64, Fault> {
        self.books().room()
    }

    /// Claims this much.
    pub(super) fn claim(&self, wanted: Usage) -> Result<(), Fault> {
        let mut books = self.books();
        let used = books.used.as_ref().map_err(Clone::clone)?;
        let sum = |a: u64, b: u64| a.checked_add(b).ok_or(Fault::OverQuota);
        let after =
            Usage { bytes: sum(used.bytes, wanted.bytes)?, files: sum(used.files, wanted.files)? };
        let Quota { bytes, files } = books.quota;
        // Who is over already, because the quota has shrunk, may still do what needs no more.
        if wanted.bytes > 0 && bytes.is_some_and(|most| after.bytes > most)
            || wanted.files > 0 && files.is_some_and(|most| after.files > most)
        {
            return Err(Fault::OverQuota);
        }
        books.used = Ok(after);
        Ok(())
    }

    /// Claims as many bytes as there may be, up to `most`.
    pub(super) fn claim_bytes(&self, most: u64) -> u64 {
        let mut books = self.books();
        let bytes = books.room().unwrap_or(0).min(most);
        if let Ok(used) = &mut books.used {
            used.bytes = used.bytes.saturating_add(bytes);
        }
        bytes
    }

    /// The books, for as long as something is done that must be booked as it is done.
    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn room(&self) -> Result<u64, Fault> {
        let used = self.used.as_ref().map_err(Clone::clone)?;
        Ok(self.quota.bytes.map_or(u64::MAX, |most| most.saturating_sub(used.bytes)))
    }

    /// Whether `new` may be stored in place of `old` and of what was claimed for it.
    pub(super) fn may_settle(&self, claim: Usage, old: Usage, new: Usage) -> bool {
        let Ok(used) = &self.used else { return false };
        let fits = |most: Option<u64>, used: u64, claim: u64, old: u64, new: u64| {
            let paid = claim.saturating_add(old);
            new <= paid || most.is_none_or(|most| used.saturating_add(new - paid) <= most)
        };
        fits(self.quota.bytes, used.bytes, claim.bytes, old.bytes, new.bytes)
            && fits(self.quota.files, used.files, claim.files, old.files, new.files)
    }

    /// Books that `gone` is there no more, claims among it, and `new` is.
    pub(super) fn book(&mut self, gone: Usage, new: Usage) {
        if let Ok(used) = &mut self.used {
            used.bytes = used.bytes.saturating_add(new.bytes).saturating_sub(gone.bytes);
            used.files = used.files.saturating_add(new.files).saturating_sub(gone.files);
        }
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> Result<Usage, Fault> {
        self.used.clone()
    }
}

impl std::ops::Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let bytes = self.bytes.saturating_add(other.bytes);
        Self { bytes, files: self.files.saturating_add(other.files) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(bytes: u64, files: u64, used: Usage) -> Ledger {
        let ledger = Ledger::default();
        ledger.allow(Quota { bytes: Some(bytes), files: Some(files) });
        ledger.books().used = Ok(used);
        ledger
    }

    #[test]
    fn nothing_is_claimed_before_what_is_there_has_been_counted() {
        let ledger = Ledger::default();
        assert_eq!(ledger.claim(Usage::default()), Err(Fault::Busy));
        assert_eq!((ledger.claim_bytes(5), ledger.room()), (0, Err(Fault::Busy)));
    }

    #[test]
    fn claims_go_up_to_the_quota_and_no_further() {
        let ledger = ledger(10, 2, Usage { bytes: 4, files: 1 });
        let claim = |bytes, files| ledger.claim(Usage { bytes, files });
        assert_eq!(claim(7, 0), Err(Fault::OverQuota));
        assert_eq!(claim(0, 2), Err(Fault::OverQuota));
        assert_eq!(claim(u64::MAX, 0), Err(Fault::OverQuota));
        assert_eq!((claim(2, 1), ledger.claim_bytes(9), ledger.claim_bytes(9)), (Ok(()), 4, 0));
        assert_eq!(ledger.room(), Ok(0));
    }

    #[test]
    fn a_quota_that_has_shrunk_still_lets_a_file_be_replaced_by_a_smaller_one() {
        let ledger = ledger(10, 1, Usage { bytes: 50, files: 3 });
        let file = |bytes| Usage { bytes, files: 1 };
        assert_eq!(ledger.claim(Usage::default()), Ok(()));
        let books = ledger.books();
        assert!(books.may_settle(Usage::default(), file(20), file(20)));
        assert!(!books.may_settle(Usage::default(), file(20), file(21)));
        assert!(!books.may_settle(Usage::default(), Usage::default(), file(1)));
    }
}
