//! One session that fetches a file, and others that help it when they have nothing else to do: the end of a tree.
//!
//! The session has all of the file to itself until somebody is free, who then takes half of what is lacking. With nobody to help
//! it this is how a part with holes is filled.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use wharf_proto::Text;

use super::lane::{self, Pieces};
use super::ledger::{Ledger, SMALLEST};
use super::{GRACE, Journal, does_not_fit, there};
use crate::files::download::{Facts, is_of_the_part};
use crate::files::part::{Opened, Part};
use crate::files::{Fetched, Get};
use crate::{Backoff, Error, Pool, Progress, Session, Watch};

/// Smaller files are fetched by one session: they are there before help would be of use.
const LARGE: u64 = 64 << 20;
/// How many sessions help with one file.
const HELPERS: usize = 3;
/// How often it is looked whether somebody is free.
const LOOKS: Duration = Duration::from_millis(500);
/// How long it is waited at most where those who were called could not help.
const MOST: Duration = Duration::from_secs(10);

/// Who may help.
pub(crate) struct Help<'h> {
    /// How large the file is, as far as a listing has told.
    pub(crate) size: Option<u64>,
    /// Whose sessions do.
    pub(crate) pool: &'h Pool,
    /// Whether there is nothing else for them to do.
    pub(crate) is_free: &'h (dyn Fn() -> bool + Sync),
}

impl fmt::Debug for Help<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Help").field("pool", self.pool).finish_non_exhaustive()
    }
}

impl Session {
    /// Fetches `remote` into the file `target`, as [`get`](Self::get) does, whatever is in its place; of a large one others
    /// fetch parts when they are free, where the server begins where it is told to.
    pub(crate) async fn get_helped(
        &mut self,
        remote: &Text,
        target: &Path,
        get: Get,
        help: &Help<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, Error> {
        let is_small = help.size.is_some_and(|size| size < LARGE);
        if is_small || self.plain || !self.begins_anywhere().await? {
            return self.get_file(remote, target, get, watch).await;
        }
        let about = self.about(remote, get).await?;
        let known = about.facts.size.filter(|size| *size >= LARGE).zip(about.origin.as_deref());
        let Some((size, origin)) = known else {
            return self.get_file(remote, target, get, watch).await;
        };
        let opened = Part::open(target, Some(origin), get.resume, Some(size))?;
        if opened.discarded {
            watch(Progress::StartsOver);
        }
        let resumes = !opened.is_empty();
        match self.fill(remote, opened, (origin, about.facts), get, Some(help), watch).await {
            Err(error) if does_not_fit(&error) || (resumes && is_of_the_part(&error)) => {
                watch(Progress::Unsplit);
                self.get_file(remote, target, Get { resume: false, ..get }, watch).await
            }
            result => result,
        }
    }

    /// Whether the server says that a transfer may begin elsewhere than at the beginning.
    async fn begins_anywhere(&mut self) -> Result<bool, Error> {
        let features = self.features().await?;
        Ok(features.has("RANG") || features.has("REST STREAM"))
    }

    /// Fetches what is lacking of a part that has holes, and gives the whole its name once it is proven.
    pub(in crate::files) async fn get_lacking(
        &mut self,
        remote: &Text,
        opened: Opened,
        about: (&str, Facts),
        get: Get,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, Error> {
        self.fill(remote, opened, about, get, None, watch).await
    }

    async fn fill(
        &mut self,
        remote: &Text,
        opened: Opened,
        (origin, facts): (&str, Facts),
        get: Get,
        help: Option<&Help<'_>>,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, Error> {
        let (at, size) = (there(&opened), facts.size.unwrap_or(0));
        watch(Progress::Begins { at, total: facts.size });
        let ranges = self.features().await?.has("RANG");
        let Opened { part, file, there, .. } = opened;
        let ledger = Ledger::new(size, &there, 1);
        let pieces = Arc::new(Pieces::new(remote, (file, part.path()), ledger, ranges));
        let mut journal = Journal::begin(&part, origin, &pieces)?;
        let mut kept = Ok(());
        let mut hear = |progress| {
            if let Progress::At(_) = progress {
                watch(Progress::At(pieces.there()));
                kept = std::mem::replace(&mut kept, Ok(())).and_then(|()| journal.keep());
            }
        };
        let work = self.fetch_pieces(&pieces, 0, &mut hear);
        match help {
            Some(help) => helped(work, &pieces, help).await?,
            None => work.await?,
        }
        kept?;
        // A helper may have brought the last piece, and be gone before its seam was compared.
        pieces.compare()?;
        watch(Progress::At(pieces.there()));
        drop(journal);
        let (moved, end) = pieces.moved();
        let proven = self.proven(remote, part.path(), facts, get, moved).await;
        let verified = part.conclude(pieces.file(), facts.modified, proven)?;
        Ok(Fetched { moved, resumed_at: at, size: facts.size, end, verified, suspect: 0 })
    }
}

/// Does `work`, and has those help who are free meanwhile. What goes wrong with one of them is for the others to do.
async fn helped(
    work: impl Future<Output = Result<(), Error>>,
    pieces: &Arc<Pieces>,
    Help { pool, is_free, .. }: &Help<'_>,
) -> Result<(), Error> {
    let mut helpers = JoinSet::new();
    let mut looks = interval(LOOKS);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut waits = Backoff::new(LOOKS, MOST);
    let mut lanes = 0;
    let mut work = std::pin::pin!(work);
    let result = loop {
        tokio::select! {
            biased;
            result = &mut work => break result,
            // Who is gone before the end could not help: the next is called later.
            Some(_) = helpers.join_next() => looks.reset_after(waits.next()),
            _ = looks.tick() => {
                let is_worth_it = pieces.lacking() > 2 * SMALLEST;
                if is_worth_it && helpers.len() < HELPERS && is_free() {
                    lanes += 1;
                    let (pieces, pool, lane) = (Arc::clone(pieces), (*pool).clone(), lanes);
                    helpers.spawn(async move { lane::run(&pieces, &pool, lane, 0).await });
                }
            }
        }
    };
    if result.is_ok() {
        // They see that nothing is left, and give their sessions back.
        let _ = timeout(GRACE, async { while helpers.join_next().await.is_some() {} }).await;
    }
    helpers.shutdown().await;
    result
}
