//! Trees: many files at a time, in the way that the server does fastest.
//!
//! ```text
//!   agenda (walk.rs, ...)  what there is to do, piece by piece
//!      │
//!   board (board.rs)       hands out, takes back, counts
//!      │
//!   lanes (lane.rs)        a session each: block mode (blocks.rs) or a file a connection (streams.rs)
//!      │
//!   desk (desk.rs)         writes small files beside; ground.rs says where, and that it is within the tree
//! ```
//!
//! Every file is proven as a single one is, and told one by one ([`Happened`]); one that fails does not end the rest.

mod board;
mod clock;
mod copying;
mod desk;
mod filter;
mod ground;
mod lane;
mod pace;
mod store;
mod storing;
mod sync;
mod walk;
mod work;

pub use filter::{BadPattern, Filter};
pub(crate) use lane::PROBE;
pub use sync::{Compare, Direction, Plan, Reason, Step, StepKind, Steps, SyncRequest};

use std::future::Future;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use wharf_proto::Text;

use self::board::Board;
use self::copying::Copying;
use self::desk::Desk;
use self::ground::Ground;
use self::lane::{Crew, Endurance, Habits, Known, Post, pairs};
use self::pace::Pace;
use self::storing::Storing;
use self::walk::Fetching;
use self::work::{Agenda, Folder, Work};
use crate::retry::RETRIES;
use crate::{Amount, Copier, CopyRequest, Error, Pool, Side, Verdict};

/// How often whoever watches hears how far it is.
const TICK: Duration = Duration::from_millis(100);
/// The most sessions that are used at a time, however many the pool may have.
const WIDEST: usize = 64;
/// How many rows of a listing call for one session more, before all of it is here.
const ROWS: u64 = 4;
/// How many sessions are opened at a time: as many as are in, but so many at least and at most.
const OPENED: RangeInclusive<usize> = 3..=8;

/// How a tree is moved.
#[derive(Clone, Debug)]
pub struct TreeRequest {
    /// Pass over what is on the other side already, of the same size and time, and go on with large files that were
    /// broken off.
    pub resume: bool,
    /// Compare digests, where the server makes them.
    pub verify: bool,
    /// How often in a row another session is taken when one breaks, or does not come about, and nothing gets done.
    pub retries: u32,
    /// Use block mode where the server has it.
    pub blocks: bool,
    /// Keep the permission bits.
    pub modes: bool,
    /// Store each file under a temporary name first, which becomes its own when all of it is there.
    pub atomic: bool,
    /// Which files are meant.
    pub filter: Filter,
    /// Only these files, and what is below these folders, which have a slash at their end: paths below the top.
    pub only: Option<Vec<Text>>,
}

impl Default for TreeRequest {
    fn default() -> Self {
        Self {
            resume: true,
            verify: false,
            retries: RETRIES,
            blocks: true,
            modes: false,
            atomic: false,
            filter: Filter::default(),
            only: None,
        }
    }
}

/// What is done to a piece of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deed {
    /// A folder is listed.
    List,
    /// A folder is made.
    Make,
    /// A symbolic link is made.
    Link,
    /// A file is fetched.
    Fetch,
    /// A file is stored.
    Store,
    /// A file is copied from server to server.
    Copy,
    /// A file is compared by digests.
    Check,
    /// A file, or a link, is deleted.
    Delete,
    /// A folder is removed.
    Remove,
}

impl From<&Work> for Deed {
    fn from(work: &Work) -> Self {
        match work {
            Work::List(_) | Work::Look(_) => Self::List,
            Work::Make(_) => Self::Make,
            Work::Fetch(_) => Self::Fetch,
            Work::Store(_) => Self::Store,
            Work::Copy(_) => Self::Copy,
            Work::Check(_) => Self::Check,
            Work::Delete(_) => Self::Delete,
            Work::Remove(_) => Self::Remove,
        }
    }
}

/// What happens while a tree is moved. Paths are those below its top.
#[derive(Debug)]
#[non_exhaustive]
pub enum Happened {
    /// A piece is done.
    Done {
        /// Where.
        path: Text,
        /// What was done.
        kind: Deed,
        /// Of a file: how many bytes it has, and how many of them were moved for it.
        amount: Amount,
        /// What is known of the bytes.
        verdict: Verdict,
    },
    /// A piece could not be done.
    Failed {
        /// Where.
        path: Text,
        /// What was to be done.
        kind: Deed,
        /// Why not.
        error: Error,
    },
    /// Something in the tree is left out.
    LeftOut {
        /// Where.
        path: Text,
        /// Why.
        why: String,
        /// Whether something is wrong with it; else it is of a kind that is not moved.
        is_fault: bool,
    },
    /// A file is the same on both sides: told by a plan that is asked to.
    Same {
        /// Where.
        path: Text,
    },
    /// Something that is worth knowing.
    Note(String),
    /// A session broke, or did not come about, and another one is taken in a while.
    TriesAgain {
        /// How often that is so in a row, without anything being done in between.
        number: u32,
        /// How long it waits before.
        wait: Duration,
        /// Why.
        error: Error,
    },
    /// How far it is, now and then.
    Tick(Tally),
    /// Which files are under way by themselves, now and then: the large ones. Small ones come and go too fast to be told.
    UnderWay(Vec<UnderWay>),
}

/// A file of a tree that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderWay {
    /// Where, below the top of the tree.
    pub path: Text,
    /// How many bytes of it are there.
    pub at: u64,
    /// How many it has, where that is known.
    pub total: Option<u64>,
}

/// How far a tree is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files that are moved and proven.
    pub done: u64,
    /// Files that were passed over, because they are the same on both sides.
    pub same: u64,
    /// What could not be done.
    pub failed: u64,
    /// Files, links and folders that were deleted.
    pub deleted: u64,
    /// Bytes of the files that are moved and proven, whenever they were moved.
    pub bytes: u64,
    /// Bytes of files that were moved, of whatever came of them.
    pub moved: u64,
}

/// Hears what happens.
pub type TreeWatch<'a> = dyn FnMut(Happened) + Send + 'a;

impl Pool {
    /// Fetches the tree below the folder `remote` to the folder `local`, with as many sessions as the pool has and the
    /// server lets in, or with one in block mode.
    ///
    /// ```
    /// # let server = wharf_testkit::faulty::Faulty::new(&[("pub/image.iso", b"bytes")], &[]);
    /// # let (host, port) = ("127.0.0.1", server.address().port());
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// # let (login, options) = (wharf_client::Login::anonymous(), wharf_client::Options::default());
    /// # let site = wharf_client::Site::new(host, port, login, options);
    /// # let folder = tempfile::tempdir().unwrap();
    /// use wharf_client::{Happened, Pool, TreeRequest};
    /// let pool = Pool::new(site, 8);
    /// let mut watch = |happened| {
    ///     if let Happened::Failed { path, error, .. } = happened {
    ///         eprintln!("{path}: {error}");
    ///     }
    /// };
    /// let local = &folder.path().join("pub");
    /// let tally = pool.get_tree(&"pub".into(), local, &TreeRequest::default(), &mut watch).await?;
    /// println!("{} files, {} the same already", tally.done, tally.same);
    /// pool.close().await;
    /// # Ok::<(), wharf_client::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// What ends all of it: no session could be had, or the disk is full. What is wrong with one file is told to
    /// `watch`, and counted.
    pub async fn get_tree(
        &self,
        remote: &Text,
        local: &Path,
        request: &TreeRequest,
        watch: &mut TreeWatch<'_>,
    ) -> Result<Tally, Error> {
        let ground = Arc::new(Ground::new(local));
        let top = Folder::top(remote);
        let mut agenda =
            Fetching::new(top, Arc::clone(&ground), request.filter.clone(), request.resume);
        if let Some(only) = &request.only {
            agenda = agenda.only(only);
        }
        run(self, Box::new(agenda), ground, request, true, watch).await
    }

    /// Stores the tree below the folder `local` as the folder `remote`, which is made if it is not there.
    ///
    /// # Errors
    /// What ends all of it: no session could be had. What is wrong with one file is told to `watch`, and counted.
    pub async fn put_tree(
        &self,
        local: &Path,
        remote: &Text,
        request: &TreeRequest,
        watch: &mut TreeWatch<'_>,
    ) -> Result<Tally, Error> {
        let ground = Arc::new(Ground::new(local));
        let top = Folder::top(remote);
        let mut agenda =
            Storing::new(top, Arc::clone(&ground), request.filter.clone(), request.resume);
        if let Some(only) = &request.only {
            agenda = agenda.only(only);
        }
        run(self, Box::new(agenda), ground, request, false, watch).await
    }
}

impl Copier {
    /// Copies the tree below the folder `from` of the source to the folder `to` at the target, which is made if it is
    /// not there: several files at a time, each as [`copy_file`](Self::copy_file) does it. Of `request` what concerns
    /// single files is of no effect, but for `resume`, which passes over what the target has already, of the same
    /// size and time.
    ///
    /// # Errors
    /// What ends all of it: no session could be had, or the servers refuse and the data may go no other way. What is
    /// wrong with one file is told to `watch`, and counted.
    pub async fn copy_tree(
        &self,
        from: &Text,
        to: &Text,
        files: &CopyRequest,
        request: &TreeRequest,
        watch: &mut TreeWatch<'_>,
    ) -> Result<Tally, Error> {
        let to = Folder::top(to).remote;
        let (top, filter) = (Folder::top(from), request.filter.clone());
        let mut agenda = Copying::new(top, to.clone(), self.names(), filter, request.resume);
        if let Some(only) = &request.only {
            agenda = agenda.only(only);
        }
        let (board, mut happened) = Board::new(Box::new(agenda), request.retries);
        let board = Arc::new(board);
        let crew = Arc::new(pairs::Crew {
            copier: self.clone(),
            board: Arc::clone(&board),
            target: to,
            files: *files,
            endurance: Endurance::new(request.retries),
            habits: Default::default(),
        });
        let least =
            |of: fn(&Pool) -> usize| of(self.pool(Side::Source)).min(of(self.pool(Side::Target)));
        let more = |lanes| {
            board.has_work()
                && may_open(lanes, least(Pool::inside), least(Pool::limit))
                && crew.endurance.is_calm(&board)
        };
        let lane = |_| pairs::run(Arc::clone(&crew));
        let result = work(&board, &mut happened, watch, more, lane).await;
        ended(&board, result, happened, watch)
    }
}

/// Does what is on the agenda. `fetches`: whether files are to be written here.
async fn run(
    pool: &Pool,
    agenda: Box<dyn Agenda>,
    ground: Arc<Ground>,
    request: &TreeRequest,
    fetches: bool,
    watch: &mut TreeWatch<'_>,
) -> Result<Tally, Error> {
    let (board, mut happened) = Board::new(agenda, request.retries);
    let board = Arc::new(board);
    let desk = match fetches {
        true => Some(Desk::new(Arc::clone(&ground), Arc::clone(&board), request.modes)?),
        false => None,
    };
    let crew = Arc::new(Crew {
        pool: pool.clone(),
        board: Arc::clone(&board),
        ground,
        parcels: desk.as_ref().map(Desk::parcels),
        endurance: Endurance::new(request.retries),
        verify: request.verify,
        resume: request.resume,
        may_block: request.blocks,
        modes: request.modes,
        atomic: request.atomic,
        known: Mutex::new(Known::default()),
        habits: Habits::default(),
        pace: Pace::default(),
    });
    // Where nothing is here yet, each row of a listing is likely to be something to be fetched.
    let is_new = fetches && !crew.ground.root().exists();
    let more = |lanes| {
        let of_use = match crew.known().one_is_enough() {
            None => false,
            Some(true) => board.has_heavy(),
            Some(false) => {
                board.has_work() || (is_new && board.rows_foreseen() / ROWS > lanes as u64)
            }
        };
        let is_usual = lanes < crew.pool.usual();
        of_use
            && crew.endurance.is_calm(&board)
            && may_open(lanes, crew.pool.inside(), crew.pool.limit())
            && (is_usual || crew.pace.bears_more())
    };
    let lane = |beside| {
        let post = match beside {
            _ if beside < crew.pool.usual() => Post::Usual,
            _ => Post::Extra,
        };
        lane::run(Arc::clone(&crew), post)
    };
    let result = work(&board, &mut happened, watch, more, lane).await;
    drop(crew);
    if let Some(desk) = desk {
        desk.close().await;
    }
    ended(&board, result, happened, watch)
}

/// Whether one more session may be opened beside so many, of which some are `inside`. Their number doubles at
/// first: a small tree takes few, and a server that lets in few turns few away.
fn may_open(lanes: usize, inside: usize, limit: usize) -> bool {
    lanes < limit && lanes < inside + inside.clamp(*OPENED.start(), *OPENED.end())
}

/// Runs lanes until none has anything to do. `more`: whether one more would be of use beside so many; `lane`: one more
/// beside so many.
async fn work<L>(
    board: &Board,
    happened: &mut UnboundedReceiver<Happened>,
    watch: &mut TreeWatch<'_>,
    more: impl Fn(usize) -> bool,
    lane: impl Fn(usize) -> L,
) -> Result<(), Error>
where
    L: Future<Output = Result<(), Error>> + Send + 'static,
{
    let mut lanes = JoinSet::new();
    lanes.spawn(lane(0));
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failed = None;
    loop {
        while !lanes.is_empty() && lanes.len() < WIDEST && more(lanes.len()) {
            lanes.spawn(lane(lanes.len()));
        }
        tokio::select! {
            biased;
            Some(event) = happened.recv() => {
                watch(event);
                // What is done on this machine is told faster than one by one.
                while let Ok(event) = happened.try_recv() {
                    watch(event);
                }
            }
            ended = lanes.join_next() => match ended {
                None => break,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => failed = Some(error),
                Some(Err(panic)) => failed = Some(Error::Sink(std::io::Error::other(panic))),
            },
            () = board.called_for_more() => {}
            _ = ticks.tick() => {
                watch(Happened::UnderWay(board.under_way()));
                watch(Happened::Tick(board.tally()));
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Tells what has not been told yet, and how all of it ended.
fn ended(
    board: &Board,
    result: Result<(), Error>,
    mut happened: UnboundedReceiver<Happened>,
    watch: &mut TreeWatch<'_>,
) -> Result<Tally, Error> {
    while let Ok(happened) = happened.try_recv() {
        watch(happened);
    }
    // However it ends, who watches knows how far it came.
    watch(Happened::Tick(board.tally()));
    let end = match (board.end(), result) {
        (Ok(()), _) => Ok(()),
        (Err(Some(error)), _) | (Err(None), Err(error)) => Err(error),
        // The desk gave back what it had no room for; there is nobody left to do it.
        (Err(None), Ok(())) => {
            Err(Error::Sink(std::io::Error::other("not everything was written")))
        }
    };
    end.map(|()| board.tally())
}
