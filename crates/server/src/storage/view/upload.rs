//! An upload through a member's view: under the name that the member knows, and held to the quota.
//!
//! What it claims is what the file will take more than there is: an overwrite counts the difference. At its end
//! the claim is settled with what has really come of it, in the same lock as the change of the name. Broken off,
//! what has come is kept only where there is room for it beside the old version.

use crate::storage::quota::Ledger;
use crate::storage::{Before, Storage, Upload, Usage};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use wharf_proto::codec::Marker;
use wharf_proto::listing::{Entry, Kind};
use wharf_proto::path::VirtualPath;
use wharf_proto::server::Fault;

/// An upload under way.
pub(super) struct Stored {
    /// As the member knows it.
    path: VirtualPath,
    /// Away when it has ended.
    inner: Option<Box<dyn Upload>>,
    meter: Option<Meter>,
}

/// What an upload takes of the quota.
pub(super) struct Meter {
    ledger: Arc<Ledger>,
    tree: Arc<dyn Storage>,
    /// The name in the tree.
    at: VirtualPath,
    /// What it will replace.
    credit: Usage,
    /// What the ledger holds for it, with what an earlier try has left.
    claim: Usage,
    /// How far the file goes.
    extent: u64,
    /// How much of it the kernel may be writing.
    pending: u64,
    /// What an earlier try has left, until it is touched.
    untouched: Option<u64>,
    /// Whether it leaves nothing.
    in_one_go: bool,
    refused: bool,
}

impl Stored {
    pub(super) fn new(path: VirtualPath, inner: Box<dyn Upload>, meter: Option<Meter>) -> Self {
        Self { path, inner: Some(inner), meter }
    }

    fn inner(&mut self) -> Result<&mut Box<dyn Upload>, Fault> {
        self.inner.as_mut().ok_or_else(ended)
    }
}

impl Meter {
    /// Claims what an upload takes from the start.
    ///
    /// # Errors
    /// [`Fault::OverQuota`] where there is no room for even one byte; nothing has been changed.
    pub(super) fn open(
        ledger: Arc<Ledger>,
        tree: Arc<dyn Storage>,
        upload: &dyn Upload,
        in_one_go: bool,
    ) -> Result<Self, Fault> {
        let at = upload.path().clone();
        let credit = usage_of(tree.find(&at).ok().as_ref());
        let Before { start, kept } = upload.before();
        let held = Usage { bytes: kept, files: u64::from(kept > 0) };
        let needed = Usage {
            bytes: start.saturating_sub(credit.bytes).max(held.bytes),
            files: (1 - credit.files).max(held.files),
        };
        let more = Usage { bytes: needed.bytes - held.bytes, files: needed.files - held.files };
        let paid = needed.bytes.saturating_add(credit.bytes);
        if paid <= start && ledger.room()? == 0 {
            return Err(Fault::OverQuota);
        }
        ledger.claim(more)?;
        let (claim, untouched) = (needed, Some(kept));
        Ok(Self {
            ledger,
            tree,
            at,
            credit,
            claim,
            extent: start,
            pending: 0,
            untouched,
            in_one_go,
            refused: false,
        })
    }

    /// How many bytes more the file can take without a further claim.
    fn paid(&self) -> u64 {
        self.claim.bytes.saturating_add(self.credit.bytes).saturating_sub(self.extent)
    }

    fn grow(&mut self, bytes: u64) -> Result<(), Fault> {
        let more = bytes.saturating_sub(self.paid());
        let claimed = self.ledger.claim(Usage { bytes: more, files: 0 });
        self.refused |= claimed.is_err();
        claimed?;
        self.claim.bytes += more;
        self.extent += bytes;
        Ok(())
    }

    /// What it leaves where it was broken off.
    fn left(&self) -> Usage {
        if self.in_one_go {
            return Usage::default();
        }
        let bytes = self.untouched.unwrap_or_else(|| self.extent.saturating_add(self.pending));
        Usage { bytes, files: u64::from(bytes > 0) }
    }
}

impl Upload for Stored {
    fn path(&self) -> &VirtualPath {
        &self.path
    }

    fn resumes_at(&self) -> Option<Marker> {
        self.inner.as_ref()?.resumes_at()
    }

    fn before(&self) -> Before {
        self.inner.as_ref().map_or(Before { start: 0, kept: 0 }, |inner| inner.before())
    }

    fn is_slow_to_begin(&self) -> bool {
        self.inner.as_ref().is_some_and(|inner| inner.is_slow_to_begin())
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inner.as_ref()?.descriptor()
    }

    fn room(&mut self, most: usize) -> usize {
        let Some(meter) = &mut self.meter else { return most };
        let (most, paid) = (most as u64, meter.paid());
        let more = meter.ledger.claim_bytes(most.saturating_sub(paid));
        meter.claim.bytes += more;
        meter.pending = most.min(paid.saturating_add(more));
        usize::try_from(meter.pending).unwrap_or(usize::MAX)
    }

    fn wrote(&mut self, bytes: usize) {
        if let Some(meter) = &mut self.meter {
            meter.extent = meter.extent.saturating_add(bytes as u64);
            meter.pending = 0;
        }
    }

    fn begin(&mut self, go_on: &dyn Fn() -> Result<(), Fault>) -> Result<(), Fault> {
        self.inner()?.begin(go_on)?;
        if let Some(meter) = &mut self.meter {
            meter.untouched = None;
        }
        Ok(())
    }

    fn discard(mut self: Box<Self>) {
        if let Some(meter) = &mut self.meter {
            meter.refused = true;
        } else if let Some(inner) = self.inner.take() {
            inner.discard();
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if let Some(meter) = &mut self.meter {
            meter.grow(bytes.len() as u64)?;
            meter.untouched = None;
        }
        self.inner()?.write(bytes)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.begin(&|| Ok(()))?;
        self.inner()?.sync()
    }

    fn complete(mut self: Box<Self>) -> Result<(), Fault> {
        let Some(meter) = &self.meter else {
            return self.inner.take().ok_or_else(ended)?.complete();
        };
        let (ledger, claim) = (Arc::clone(&meter.ledger), meter.claim);
        let new = Usage { bytes: meter.extent, files: 1 };
        // What is slow about it comes before the lock.
        self.begin(&|| Ok(()))?;
        let Some(meter) = &mut self.meter else { return Err(ended()) };
        let mut books = ledger.books();
        let old = usage_of(meter.tree.find(&meter.at).ok().as_ref());
        if !books.may_settle(claim, old, new) {
            // What it was to replace has gone meanwhile, and was given back.
            meter.refused = true;
            drop(books);
            return Err(Fault::OverQuota);
        }
        let completed = self.inner.take().ok_or_else(ended)?.complete();
        match completed {
            Ok(()) => books.book(claim + old, new),
            // It is kept under its hidden name.
            Err(_) => books.book(claim, meter.left()),
        }
        completed
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        let (Some(inner), Some(meter)) = (self.inner.take(), &self.meter) else { return };
        let ledger = Arc::clone(&meter.ledger);
        let mut books = ledger.books();
        let left = meter.left();
        let stays = !meter.refused && books.may_settle(meter.claim, Usage::default(), left);
        match stays || meter.untouched.is_some() {
            true => {
                books.book(meter.claim, left);
                drop(inner);
            }
            false => {
                books.book(meter.claim, Usage::default());
                inner.discard();
            }
        }
    }
}

/// What a file takes; whatever else has the name takes nothing.
pub(super) fn usage_of(entry: Option<&Entry>) -> Usage {
    match entry {
        Some(Entry { kind: Kind::File, size, .. }) => Usage { bytes: size.unwrap_or(0), files: 1 },
        Some(_) | None => Usage::default(),
    }
}

fn ended() -> Fault {
    Fault::System("the upload has ended".into())
}
