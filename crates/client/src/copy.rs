//! Files and trees from server to server, the data going between the two (RFC 959 section 2.3, figure 2): we hold a
//! control connection to each, have one listen and the other connect there, and hear both until both are done.
//!
//! ```text
//!   Copier      sessions with both servers, and what is known of the pair; trees           copy.rs, tree/copying.rs
//!      │
//!   crossing    who listens, and who is the TLS client                                     copy/crossing.rs
//!   ends        a session with each, and what has to go from the target                    copy/ends.rs
//!   direct      one file by one crossing                                                   copy/direct.rs
//!   left        what there is from an earlier copy                                          copy/left.rs
//!   relay       one file through this machine                                              copy/relay.rs
//!   proof       sizes, digests, times, and at last the name                                copy/proof.rs
//! ```
//!
//! Many servers refuse this, since it is also how one server is made to bother another (RFC 2577). Crossings are tried
//! in their order until one works, which is remembered for the pair; where none does, the data goes through us, and
//! the reason is told.
//!
//! House rule: a file is stored under a temporary name and gets its own when both servers have said that they are done
//! and the sizes agree. We see no byte of it, so nothing less is a proof.

mod crossing;
mod direct;
mod ends;
mod left;
mod names;
mod proof;
mod relay;
mod remedy;

use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use wharf_proto::Text;
use wharf_proto::params::Type;
use wharf_proto::time::Timestamp;

use self::crossing::{Crossing, crossings};
use self::direct::Fault;
pub(crate) use self::ends::Ends;
use self::ends::Unfinished;
use self::left::Left;
pub(crate) use self::names::Names;
use crate::files::overlap::DIGESTED;
use crate::files::{take_name, temporary};
use crate::{Error, Lent, Pool, Progress, Proof, Site, Verdict};

/// One of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that has the file.
    Source,
    /// The one that gets it.
    Target,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Source => Self::Target,
            Self::Target => Self::Source,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "the source",
            Self::Target => "the target",
        })
    }
}

/// Which way the data may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Passage {
    /// Between the servers, and through this machine where they refuse.
    #[default]
    Either,
    /// Between the servers, or not at all.
    Direct,
    /// Through this machine.
    Relay,
}

/// How files are copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyRequest {
    /// Which way the data may go.
    pub passage: Passage,
    /// Compare digests, where both servers make one of the same kind.
    pub verify: bool,
    /// Go on with what an earlier copy has left at the target, if its last bytes are those of the file, and leave there
    /// what this one does not finish. Digests are compared then, where they can be; else it is looked at once more.
    pub resume: bool,
    /// Store files under their own names at once. What is not finished is removed then where the
    /// target has MLST and said by it that nothing had the name.
    pub in_place: bool,
}

/// Which way the data went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// From server to server.
    Direct,
    /// Through this machine.
    Relayed,
}

/// A file that was copied and is proven, as far as the servers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// How many bytes were moved this time; what goes between servers that tell no sizes, nobody here has counted.
    pub moved: Option<u64>,
    /// How many were there from an earlier try.
    pub resumed_at: u64,
    /// Which way they went.
    pub route: Route,
    /// What is known of them.
    pub verdict: Verdict,
}

/// What happens while a file is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CopyEvent {
    /// Something that is worth knowing: that, and why, the data goes through this machine.
    Note(String),
    /// How far it is.
    Moves(Progress),
}

/// Hears what happens while a file is copied.
pub type CopyWatch<'a> = dyn FnMut(CopyEvent) + Send + 'a;

/// What went wrong, and at which of the two servers.
#[derive(Debug, thiserror::Error)]
#[error("{side}")]
pub struct CopyError {
    /// Where.
    pub side: Side,
    /// What.
    #[source]
    pub error: Error,
}

/// Names the server of an error.
fn at(side: Side) -> impl Fn(Error) -> CopyError {
    move |error| CopyError { side, error }
}

/// Two servers, and what is known of them as a pair. Clones share it.
///
/// ```
/// # let servers = [&[("pub/image.iso", &b"bytes"[..])][..], &[]]
/// #     .map(|files| wharf_testkit::faulty::Faulty::new(files, &[]));
/// # let [source, target] = servers.each_ref().map(|server| {
/// #     let (login, options) = (wharf_client::Login::anonymous(), wharf_client::Options::default());
/// #     wharf_client::Site::new("127.0.0.1", server.address().port(), login, options)
/// # });
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// use wharf_client::{Copier, CopyEvent, CopyRequest};
/// let copier = Copier::new(source, target, 1);
/// let mut watch = |event| {
///     if let CopyEvent::Note(note) = event {
///         eprintln!("{note}");
///     }
/// };
/// let request = CopyRequest::default();
/// let copied = copier.copy_file(&"pub/image.iso".into(), &"image.iso".into(), &request, &mut watch).await?;
/// println!("{:?}, {}", copied.route, copied.verdict);
/// copier.close().await;
/// # assert_eq!(servers[1].file("image.iso").as_deref(), Some(&b"bytes"[..]));
/// # Ok::<(), wharf_client::CopyError>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Copier {
    source: Pool,
    target: Pool,
    known: Arc<Mutex<Known>>,
    stop: Arc<watch::Sender<bool>>,
    names: Names,
}

/// What is known of the pair.
#[derive(Debug, Default)]
struct Known {
    /// The crossing that has worked.
    works: Option<Crossing>,
    /// Those that did not, and why.
    failed: Vec<Failure>,
    /// Whether there is none, so that all goes through us.
    apart: bool,
}

/// A crossing that did not work.
#[derive(Clone, Debug)]
struct Failure {
    crossing: Crossing,
    /// Which of the servers said so, and what.
    side: Side,
    why: String,
}

/// A file to be copied.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) from: Text,
    pub(crate) to: Text,
    /// Its size and time, where a listing has told them.
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<Timestamp>,
    /// Whether an upload that broke off may have left an old version aside at the target.
    pub(crate) has_old: bool,
}

/// The same as it goes to the servers.
struct Shipment<'a> {
    from: &'a Text,
    /// The name under which it is stored.
    to: &'a Text,
    /// Where to begin.
    at: u64,
    size: Option<u64>,
    /// Whether that is its name for good, so that nothing should be there of a file that the source refuses.
    in_place: bool,
}

/// What came of a try.
pub(crate) enum Turn {
    Done(Copied),
    /// A session was lost by a crossing that did not work; with others it may go on.
    Again,
}

/// Whether the data went between the servers.
enum Crossed {
    Yes,
    No,
    /// Not yet; and a session is lost.
    Again,
}

impl Copier {
    /// A pair of servers, with up to `limit` sessions each. None is opened yet.
    pub fn new(source: Site, target: Site, limit: usize) -> Self {
        Self {
            names: Names { source: source.charset, target: target.charset },
            source: Pool::new(source, limit),
            target: Pool::new(target, limit),
            known: Arc::default(),
            stop: Arc::new(watch::Sender::new(false)),
        }
    }

    /// The sessions with one of the servers.
    pub fn pool(&self, side: Side) -> &Pool {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    pub(crate) fn names(&self) -> Names {
        self.names
    }

    /// Copies the file `from` of the source to `to` at the target; what is there is replaced.
    ///
    /// # Errors
    /// `NotDirect` where the data must go between the servers and they refuse, `Unproven` where sizes or digests
    /// differ, `Stopped`, `NoSession`, and every error that a transfer can have.
    pub async fn copy_file(
        &self,
        from: &Text,
        to: &Text,
        request: &CopyRequest,
        watch: &mut CopyWatch<'_>,
    ) -> Result<Copied, CopyError> {
        let (from, to) = (from.clone(), to.clone());
        let job = Job { from, to, size: None, modified: None, has_old: true };
        loop {
            let Some(mut ends) = self.take(pending()).await? else {
                return Err(at(Side::Source)(Error::NoSession));
            };
            let turn = self.carry(&mut ends, &job, request, watch).await;
            ends.give_back();
            if let Turn::Done(copied) = turn? {
                return Ok(copied);
            }
        }
    }

    /// Stops whatever is under way, with ABOR at both servers. It ends with `Stopped` then, and so does whatever is begun
    /// later with this pair or a clone of it.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Ends the sessions that nobody uses, with QUIT.
    pub async fn close(&self) {
        tokio::join!(self.source.close(), self.target.close());
    }

    /// A session with each server; `None` where one of them has no more for us, or `needless` comes to its end first.
    pub(crate) async fn take(
        &self,
        needless: impl Future<Output = ()>,
    ) -> Result<Option<Ends>, CopyError> {
        // One may be there while the other is still awaited.
        let (mut source, mut target) = (Ok(None), Ok(None));
        let both = async {
            tokio::join!(async { source = self.source.take().await }, async {
                target = self.target.take().await;
            })
        };
        tokio::select! {
            biased;
            _ = both => {}
            () = needless => {}
        }
        match (source, target) {
            (Ok(Some(source)), Ok(Some(target))) => {
                Ok(Some(Ends { source, target, unfinished: Unfinished::default() }))
            }
            (source, target) => {
                let source = source.map(|session| session.map(Lent::give_back));
                let target = target.map(|session| session.map(Lent::give_back));
                source.map_err(at(Side::Source))?;
                target.map_err(at(Side::Target))?;
                Ok(None)
            }
        }
    }

    /// Copies a file unless it is stopped meanwhile, and leaves nothing unfinished that is not wanted.
    pub(crate) async fn carry(
        &self,
        ends: &mut Ends,
        job: &Job,
        request: &CopyRequest,
        watch: &mut CopyWatch<'_>,
    ) -> Result<Turn, CopyError> {
        let turn = tokio::select! {
            turn = self.copy(ends, job, request, watch) => Some(turn),
            () = self.stopped() => None,
        };
        let turn = match turn {
            Some(turn) => turn,
            None => {
                ends.abort().await;
                Err(at(Side::Source)(Error::Stopped))
            }
        };
        // What is not the same file is not to be gone on with.
        let is_other = |error: &CopyError| {
            let Error::Unproven { missing, .. } = &error.error else { return false };
            matches!(missing, Proof::Size { .. } | Proof::Digest { .. } | Proof::Beginning)
        };
        if turn.as_ref().is_err_and(|error| !request.resume || is_other(error)) {
            ends.discard().await;
        }
        ends.unfinished = Unfinished::default();
        turn
    }

    pub(crate) async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // The sender is ours, and so it never goes.
        let _ = stop.wait_for(|stop| *stop).await.is_ok();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    async fn copy(
        &self,
        ends: &mut Ends,
        job: &Job,
        request: &CopyRequest,
        watch: &mut CopyWatch<'_>,
    ) -> Result<Turn, CopyError> {
        let size = match job.size {
            Some(size) => Some(size),
            None if ends.source.plain => None,
            None => ends.source.size(&job.from).await.map_err(at(Side::Source))?,
        };
        let in_place = request.in_place || ends.target.plain;
        let name = if in_place { job.to.clone() } else { temporary(&job.to) };
        let begun = self.begin(ends, &name, request, in_place).await;
        let left = match (begun.map_err(at(Side::Target))?, size) {
            (Some(there), Some(size)) => {
                let left = Left::of(ends, (&job.from, &name), (there, size)).await?;
                if left.is_none() && there > 0 {
                    watch(CopyEvent::Moves(Progress::StartsOver));
                }
                left.unwrap_or_default()
            }
            (None, _) | (_, None) => Left::default(),
        };
        let resumed_at = left.at;
        let shipment = Shipment { from: &job.from, to: &name, at: resumed_at, size, in_place };
        watch(CopyEvent::Moves(Progress::Begins { at: resumed_at, total: size }));
        let whole = resumed_at > 0 && size == Some(resumed_at);
        let crossed = match whole {
            true => Crossed::Yes,
            false => self.cross(ends, &shipment, request, watch).await?,
        };
        let route = match crossed {
            Crossed::Again => return Ok(Turn::Again),
            Crossed::Yes => Route::Direct,
            Crossed::No => {
                ends.source.set_type(Type::Image).await.map_err(at(Side::Source))?;
                relay::carry(ends, &shipment, watch).await?;
                Route::Relayed
            }
        };
        // Nothing else tells for sure whether what was there is the beginning of this file; but of a large one digests that
        // nobody has asked for would be long in coming.
        let is_soon = size.is_none_or(|size| size <= DIGESTED);
        let digests = request.verify || (resumed_at > 0 && is_soon);
        let (mut verdict, found) = proof::prove(ends, &shipment, digests).await?;
        if resumed_at > 0 && !whole && verdict != Verdict::Verified {
            proof::held(ends, &shipment, &left, &mut verdict).await?;
        }
        proof::keep_time(ends, job, &name).await?;
        if !in_place {
            // If it may not have it, it goes as whatever else is not finished.
            let named = take_name(&mut ends.target, &name, &job.to, true, job.has_old).await;
            if named.map_err(at(Side::Target))? {
                watch(CopyEvent::Moves(Progress::OldGone));
            }
        }
        ends.unfinished = Unfinished::default();
        let moved = found.or(size).map(|whole| whole.saturating_sub(resumed_at));
        Ok(Turn::Done(Copied { moved, resumed_at, route, verdict }))
    }

    /// How much is at the target already, if that is to be gone on with; notes what will have to go if the copy is not
    /// finished.
    async fn begin(
        &self,
        ends: &mut Ends,
        name: &Text,
        request: &CopyRequest,
        in_place: bool,
    ) -> Result<Option<u64>, Error> {
        let there = if (request.resume || in_place) && !ends.target.plain {
            ends.target.size(name).await?
        } else {
            None
        };
        // What had the name before may still be there after a failure, and is not ours; that SIZE was refused does not
        // say that nothing had it.
        if !in_place {
            ends.unfinished = Unfinished::Ours(name.clone());
        } else if there.is_none() && left::is_free(&mut ends.target, name).await? {
            ends.unfinished = Unfinished::Awaited(name.clone());
        }
        Ok(there.filter(|_| request.resume))
    }

    /// Has the data go between the servers, by the first crossing that works.
    async fn cross(
        &self,
        ends: &mut Ends,
        shipment: &Shipment<'_>,
        request: &CopyRequest,
        watch: &mut CopyWatch<'_>,
    ) -> Result<Crossed, CopyError> {
        if request.passage == Passage::Relay || self.known().apart {
            return Ok(Crossed::No);
        }
        let ways = crossings(ends).await?;
        let ways = match ways {
            Ok(ways) => ways,
            Err(why) => return self.part(why.to_owned(), request.passage, watch),
        };
        while let Some((crossing, proven)) = self.next(&ways) {
            let crossed = direct::cross(ends, crossing, shipment, proven, watch).await;
            match crossed {
                Ok(()) => {
                    if !proven {
                        ends.source.control.teller().explain(format_args!("{crossing}: works"));
                        self.known().works = Some(crossing);
                    }
                    return Ok(Crossed::Yes);
                }
                Err(Fault::File(error)) => return Err(error),
                // What has worked before is not given up for a fault that may pass.
                Err(Fault::Way(hindrance)) if proven => return Err(hindrance.error),
                Err(Fault::Way(hindrance)) => {
                    let why = remedy::words(ends, crossing, &hindrance.error);
                    ends.source.control.teller().explain(format_args!("{crossing}: {why}"));
                    let failure = Failure { crossing, side: hindrance.error.side, why };
                    self.rule_out(&failure, hindrance.hopeless, &ways);
                }
            }
            if !ends.are_sound() {
                return Ok(Crossed::Again);
            }
        }
        let why = self.reasons();
        self.part(why, request.passage, watch)
    }

    /// The crossing to be tried next, and whether it is known to work.
    fn next(&self, ways: &[Crossing]) -> Option<(Crossing, bool)> {
        let known = self.known();
        if let Some(works) = known.works {
            return Some((works, true));
        }
        let failed = |way: &Crossing| known.failed.iter().any(|failed| failed.crossing == *way);
        ways.iter().find(|way| !failed(way)).map(|way| (*way, false))
    }

    /// Notes that a crossing does not work; where it is `hopeless`, neither do others with the same listener.
    fn rule_out(&self, failure: &Failure, hopeless: bool, ways: &[Crossing]) {
        let mut known = self.known();
        let listener = failure.crossing.listener;
        let same = ways.iter().filter(|way| hopeless && way.listener == listener);
        for crossing in same.chain([&failure.crossing]) {
            if known.failed.iter().all(|failed| failed.crossing != *crossing) {
                known.failed.push(Failure { crossing: *crossing, ..failure.clone() });
            }
        }
    }

    /// Why no crossing works: what each server has said first.
    fn reasons(&self) -> String {
        let known = self.known();
        let mut told: Vec<&Failure> = Vec::new();
        for failure in &known.failed {
            if told.iter().all(|other| other.side != failure.side) {
                told.push(failure);
            }
        }
        told.iter().map(|failure| failure.why.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// There is no crossing: all goes through us from here on, if it may.
    fn part(
        &self,
        why: String,
        passage: Passage,
        watch: &mut CopyWatch<'_>,
    ) -> Result<Crossed, CopyError> {
        if passage == Passage::Direct {
            return Err(at(Side::Source)(Error::NotDirect { why }));
        }
        if !std::mem::replace(&mut self.known().apart, true) {
            watch(CopyEvent::Note(format!("the data goes through this machine: {why}")));
        }
        Ok(Crossed::No)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
