//! Segments: one file over several sessions at a time, a piece each.
//!
//! ```text
//!   segments.rs         the file: what it is, what is there of it, how it ends
//!      │
//!   segments/lane.rs    a session at work
//!      │
//!   segments/helped.rs  one session that others may help: in a tree
//!   segments/ledger.rs  which bytes are there, who fetches which, where they must fit together
//! ```
//!
//! The bytes go to their places in the part that every download has (`part.rs`), whose note tells which of them are
//! there. So whatever is broken off is gone on with, by however many sessions. RANG (draft-bryan-ftp-range) tells a
//! server where to end; one that has only REST (RFC 3659 section 5) is broken off there.

mod helped;
mod lane;
mod ledger;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use wharf_proto::{Text, Verb};

use self::lane::Pieces;
use self::ledger::{Ledger, SMALLEST};
use super::download::{Facts, is_of_the_part};
use super::part::{Opened, Part};
use super::place::Place;
use super::{Fetched, Get, local, overlap};
use crate::retry::RETRIES;
use crate::{BYTES, Error, Lent, Pool, Progress, Proof, Retry, Session, Watch};

pub(crate) use self::helped::Help;
pub(super) use self::ledger::Span;

/// How often whoever watches hears how far it is.
const TICK: Duration = Duration::from_millis(100);
/// How often it is written down which bytes are there.
const NOTED: Duration = Duration::from_secs(1);
/// How long sessions that are still being opened when the file is there may take to end in order.
const GRACE: Duration = Duration::from_millis(200);

/// How a file is fetched in segments, byte by byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRequest {
    /// Go on with what an earlier try left, if the file on the server is still the same.
    pub resume: bool,
    /// Compare digests, where the server makes them, before the file gets its name.
    pub verify: bool,
    /// How often in a row another session is taken when one breaks and nothing came meanwhile.
    pub retries: u32,
}

impl Default for SegmentRequest {
    fn default() -> Self {
        Self { resume: true, verify: false, retries: RETRIES }
    }
}

impl Pool {
    /// Fetches `remote` into the file `target` over as many sessions at a time as the pool has and the server lets in,
    /// each of which fetches a part of it. Who is done first takes over half of what another one still lacks. A small
    /// file, and one whose size the server does not tell, comes in one stream; so does one of a server that does not
    /// begin where it is told to.
    ///
    /// ```
    /// # let server = wharf_testkit::faulty::Faulty::new(&[("pub/image.iso", b"bytes")], &[]);
    /// # let (host, port) = ("127.0.0.1", server.address().port());
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// # let (login, options) = (wharf_client::Login::anonymous(), wharf_client::Options::default());
    /// # let site = wharf_client::Site::new(host, port, login, options);
    /// # let folder = tempfile::tempdir().unwrap();
    /// use wharf_client::{Pool, SegmentRequest, quiet};
    /// let pool = Pool::new(site, 4);
    /// let local = &folder.path().join("image.iso");
    /// let request = SegmentRequest::default();
    /// let fetched = pool.get(&"pub/image.iso".into(), local, &request, &mut quiet()).await?;
    /// println!("{} bytes, {}", fetched.moved, fetched.verdict());
    /// pool.close().await;
    /// # Ok::<(), wharf_client::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `Local` for trouble with the file, and every error that a transfer can have.
    pub async fn get(
        &self,
        remote: &Text,
        target: &Path,
        request: &SegmentRequest,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, Error> {
        let retries = request.retries;
        let mut get = Get { how: BYTES, resume: request.resume, verify: request.verify };
        let about = self.about(remote, get, retries).await?;
        let known = about.facts.size.zip(about.origin.as_deref());
        let place = Place::of(target).map_err(local("open", target))?;
        let (Some((size, origin)), Place::File(target)) = (known, &place) else {
            return self.get_in_one(remote, target, get, retries, watch).await;
        };
        let facts = about.facts;
        loop {
            let opened = Part::open(target, Some(origin), get.resume, Some(size))?;
            if opened.discarded {
                watch(Progress::StartsOver);
            }
            let lacking = size - there(&opened);
            let most = usize::try_from(lacking / SMALLEST).unwrap_or(usize::MAX);
            let lanes = self.limit().min(most);
            if lanes < 2 {
                drop(opened);
                return self.get_in_one(remote, target, get, retries, watch).await;
            }
            let resumes = !opened.is_empty();
            let work = Work { remote, origin, facts, size, ranges: about.ranges, get, retries };
            match self.get_in_pieces(&work, opened, lanes, watch).await {
                // What an earlier try left is of another file, or cannot be gone on with.
                Err(error) if resumes && is_of_the_part(&error) => {
                    get.resume = false;
                    watch(Progress::StartsOver);
                }
                Err(error) if does_not_fit(&error) => {
                    self.is_unchanged(&work).await?;
                    watch(Progress::Unsplit);
                    get.resume = false;
                    return self.get_in_one(remote, target, get, retries, watch).await;
                }
                result => return result,
            }
        }
    }

    /// What the server tells of the file.
    async fn about(&self, remote: &Text, get: Get, retries: u32) -> Result<About, Error> {
        let mut turns = Turns::new(self, retries);
        loop {
            let mut session = turns.next().await?;
            let asked = session.about(remote, get).await;
            if let Some(about) = turns.after(session, asked).await? {
                return Ok(about);
            }
        }
    }

    /// That the file is the one that was begun with, as far as its size and time tell.
    async fn is_unchanged(&self, work: &Work<'_>) -> Result<(), Error> {
        let mut turns = Turns::new(self, work.retries);
        loop {
            let mut session = turns.next().await?;
            let now = match session.unchanged(work.remote, work.facts, 0).await {
                Ok(()) => session.size(work.remote).await,
                Err(error) => Err(error),
            };
            let changed = session.changed(0);
            match turns.after(session, now).await? {
                None => {}
                Some(Some(now)) if now != work.size => return Err(changed),
                Some(_) => return Ok(()),
            }
        }
    }

    /// Fetches all of it in one stream.
    async fn get_in_one(
        &self,
        remote: &Text,
        target: &Path,
        mut get: Get,
        retries: u32,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, Error> {
        let mut turns = Turns::new(self, retries);
        let mut farthest = 0;
        loop {
            let mut session = turns.next().await?;
            let before = farthest;
            let mut hear = |progress| {
                if let Progress::At(at) = progress {
                    farthest = farthest.max(at);
                }
                watch(progress);
            };
            let fetched = session.get(remote, target, get, &mut hear).await;
            if farthest > before {
                turns.retry.progressed();
            }
            // What came in an earlier try of ours is of this file.
            get.resume |= farthest > 0;
            if let Some(fetched) = turns.after(session, fetched).await? {
                return Ok(fetched);
            }
        }
    }

    /// Fetches what the part lacks, and gives the whole its name once it is proven.
    async fn get_in_pieces(
        &self,
        work: &Work<'_>,
        opened: Opened,
        lanes: usize,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, Error> {
        let Work { remote, facts, .. } = *work;
        let at = there(&opened);
        watch(Progress::Begins { at, total: facts.size });
        let Opened { part, file, there, .. } = opened;
        let ledger = Ledger::new(work.size, &there, lanes);
        let pieces = Arc::new(Pieces::new(remote, (file, part.path()), ledger, work.ranges));
        let journal = Journal::begin(&part, work.origin, &pieces)?;
        self.fill(journal, &pieces, lanes, work.retries, watch).await?;
        let (moved, end) = pieces.moved();
        let proven = match self.proven(work, part.path(), moved).await {
            // That all of it is here is proven already; only a digest would say more.
            Err(error) if !work.get.verify && !matches!(error, Error::Unproven { .. }) => {
                tracing::debug!(%error, "whether the file has changed is not known");
                Ok(false)
            }
            proven => proven,
        };
        let verified = part.conclude(pieces.file(), facts.modified, proven)?;
        Ok(Fetched { moved, resumed_at: at, size: facts.size, end, verified, suspect: 0 })
    }

    /// Whether the digests agree, where they are to be compared, and that the file is the same.
    async fn proven(&self, work: &Work<'_>, here: &Path, moved: u64) -> Result<bool, Error> {
        let mut turns = Turns::new(self, work.retries);
        loop {
            let mut session = turns.next().await?;
            let proven = session.proven(work.remote, here, work.facts, work.get, moved).await;
            if let Some(verified) = turns.after(session, proven).await? {
                return Ok(verified);
            }
        }
    }

    /// Has lanes fetch pieces until the file is whole.
    async fn fill(
        &self,
        mut journal: Journal<'_>,
        pieces: &Arc<Pieces>,
        lanes: usize,
        retries: u32,
        watch: &mut Watch<'_>,
    ) -> Result<(), Error> {
        let mut working = JoinSet::new();
        for lane in 0..lanes {
            let (pieces, pool) = (Arc::clone(pieces), self.clone());
            working.spawn(async move { lane::run(&pieces, &pool, lane, retries).await });
        }
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failed = None;
        loop {
            if let Err(error) = pieces.compare() {
                working.shutdown().await;
                return Err(error);
            }
            if pieces.is_whole() {
                break;
            }
            tokio::select! {
                biased;
                ended = working.join_next() => match ended {
                    None => break,
                    Some(Ok(Ok(()))) => {}
                    // The others go on with its piece.
                    Some(Ok(Err(error))) if is_of_one(&error) => failed = Some(error),
                    Some(Ok(Err(error))) => {
                        working.shutdown().await;
                        return Err(error);
                    }
                    Some(Err(panic)) => failed = Some(Error::Sink(std::io::Error::other(panic))),
                },
                _ = ticks.tick() => {
                    watch(Progress::At(pieces.there()));
                    journal.keep()?;
                }
            }
        }
        watch(Progress::At(pieces.there()));
        let ending = async { while working.join_next().await.is_some() {} };
        if timeout(GRACE, ending).await.is_err() {
            working.shutdown().await;
        }
        if pieces.is_whole() { Ok(()) } else { Err(failed.unwrap_or(Error::NoSession)) }
    }
}

/// One session after the other, until one has done what it was taken for. A server that never let us in is tried once.
struct Turns<'p> {
    pool: &'p Pool,
    retry: Retry,
    entered: bool,
}

impl<'p> Turns<'p> {
    fn new(pool: &'p Pool, retries: u32) -> Self {
        Self { pool, retry: Retry::new(retries), entered: false }
    }

    async fn next(&mut self) -> Result<Lent, Error> {
        loop {
            match self.pool.take().await {
                Ok(Some(session)) => {
                    self.entered = true;
                    return Ok(session);
                }
                Ok(None) => return Err(Error::NoSession),
                Err(error) => self.wait(error).await?,
            }
        }
    }

    /// Takes a session back with what came of its work; `None` if another one is to try it.
    async fn after<T>(
        &mut self,
        session: Lent,
        result: Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        session.settle(&result);
        match result {
            Ok(done) => Ok(Some(done)),
            Err(error) => self.wait(error).await.map(|()| None),
        }
    }

    async fn wait(&mut self, error: Error) -> Result<(), Error> {
        let wait = if self.entered { self.retry.after(&error) } else { None };
        let Some(wait) = wait else { return Err(error) };
        tracing::info!(%error, ?wait, "trying again");
        sleep(wait).await;
        Ok(())
    }
}

impl Session {
    /// What the server tells of a file, and whether it ends where it is told to.
    async fn about(&mut self, remote: &Text, get: Get) -> Result<About, Error> {
        let facts = self.facts(remote, get).await?;
        let origin = self.origin(remote, facts, get.how);
        let ranges = !self.plain && self.features().await?.has("RANG");
        Ok(About { facts, origin, ranges })
    }
}

/// What a server tells of a file.
struct About {
    facts: Facts,
    /// The note that tells it from other ones; `None` where its size is not known.
    origin: Option<String>,
    /// Whether the server ends where it is told to.
    ranges: bool,
}

/// What is to be fetched, and how.
struct Work<'w> {
    remote: &'w Text,
    origin: &'w str,
    facts: Facts,
    size: u64,
    ranges: bool,
    get: Get,
    retries: u32,
}

/// Writes down which bytes are there: now and then, and when it is dropped.
struct Journal<'p> {
    part: &'p Part,
    origin: &'p str,
    pieces: &'p Pieces,
    noted: Vec<Span>,
    at: Instant,
}

impl<'p> Journal<'p> {
    /// Writes it down for the first time. From then on a byte may be in the part behind a hole.
    fn begin(part: &'p Part, origin: &'p str, pieces: &'p Pieces) -> Result<Self, Error> {
        let noted = pieces.spans();
        part.note(origin, &noted)?;
        Ok(Self { part, origin, pieces, noted, at: Instant::now() })
    }

    /// Writes it down, if that was not done a moment ago.
    fn keep(&mut self) -> Result<(), Error> {
        if self.at.elapsed() < NOTED {
            return Ok(());
        }
        self.at = Instant::now();
        self.write()
    }

    fn write(&mut self) -> Result<(), Error> {
        let spans = self.pieces.spans();
        if spans != self.noted {
            self.part.note(self.origin, &spans)?;
            self.noted = spans;
        }
        Ok(())
    }
}

impl Drop for Journal<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.write() {
            tracing::debug!(%error, "the next try begins where it was written down last");
        }
    }
}

/// How many bytes of a part are there.
fn there(opened: &Opened) -> u64 {
    opened.there.iter().map(|(start, at)| at - start).sum()
}

/// Whether an error is of one session, so that others may do what it could not.
fn is_of_one(error: &Error) -> bool {
    error.is_passing() || (matches!(error, Error::Refused { .. }) && !does_not_fit(error))
}

/// Whether the server does not begin where it is told to, or its pieces do not fit together.
fn does_not_fit(error: &Error) -> bool {
    match error {
        Error::Refused { last } => last.verb == Some(Verb::Rest),
        // So much more comes of a piece only where it does not begin where it was told to.
        Error::Unproven { missing: Proof::Size { expected, found }, .. } => found > expected,
        error => overlap::is_difference(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who fetches a file in segments may do so in a task of its own.
    #[test]
    fn what_fetches_can_be_sent_to_another_thread() {
        fn sent<T: Send>(_: impl Fn() -> T) {}
        let site =
            crate::Site::new("host", 21, crate::Login::anonymous(), crate::Options::default());
        let (pool, remote, request) =
            (Pool::new(site, 2), Text::from("x"), SegmentRequest::default());
        sent(|| async {
            let mut quiet = crate::quiet();
            pool.get(&remote, Path::new("x"), &request, &mut quiet).await
        });
    }
}
