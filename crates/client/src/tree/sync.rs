//! Making one tree like another, either way: first a plan, in which each step has its reason, then the plan is carried
//! out.
//!
//! The plan is made of what differs, so two trees that are alike cost no memory however large they are; and it is kept
//! in a spool, so those that are not cost little. Files go first and what is to be deleted goes last, and only if every
//! folder could be read: of what could not be seen nobody knows whether it is there.

mod apply;
mod compare;
mod plan;

use std::path::Path;
use std::sync::Arc;

use wharf_proto::Text;

pub use self::plan::{Plan, Reason, Step, StepKind, Steps};

use self::apply::Applying;
use self::compare::Comparing;
use super::ground::Ground;
use super::work::Folder;
use super::{Tally, TreeRequest, TreeWatch, run};
use crate::{Error, Pool};

/// Why a link is not made.
const LEADS_OUT: &str = "a symbolic link that leads out of the tree, or may";

/// Which tree is made like the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The one of this machine becomes like the server's.
    Down,
    /// The server's becomes like the one of this machine.
    Up,
}

/// By what files are held to be the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compare {
    /// Size and time, as exactly as the server tells it.
    #[default]
    SizeAndTime,
    /// Digests, of files of the same size.
    Digest,
}

/// How two trees are made alike.
#[derive(Clone, Debug)]
pub struct SyncRequest {
    /// Which of them changes.
    pub direction: Direction,
    /// By what files are held to be the same.
    pub compare: Compare,
    /// Delete what the other tree does not have.
    pub delete: bool,
    /// Make symbolic links that stay within the tree, on the way down.
    pub links: bool,
    /// Tell each file that is the same on both sides, as [`Happened::Same`](super::Happened::Same).
    pub tells_same: bool,
    /// What goes for moving any tree.
    pub tree: TreeRequest,
}

impl SyncRequest {
    /// The usual request in this direction: by size and time, and nothing is deleted.
    pub fn new(direction: Direction) -> Self {
        let tree = TreeRequest { atomic: true, ..TreeRequest::default() };
        Self {
            direction,
            compare: Compare::default(),
            delete: false,
            links: true,
            tells_same: false,
            tree,
        }
    }
}

impl Pool {
    /// Compares the folder `local` of this machine and the folder `remote` of the server, and plans what to do.
    ///
    /// ```
    /// # let server = wharf_testkit::faulty::Faulty::new(&[], &[]);
    /// # let (host, port) = ("127.0.0.1", server.address().port());
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// # let (login, options) = (wharf_client::Login::anonymous(), wharf_client::Options::default());
    /// # let pool = wharf_client::Pool::new(wharf_client::Site::new(host, port, login, options), 2);
    /// # let folder = tempfile::tempdir().unwrap();
    /// # std::fs::write(folder.path().join("index"), "bytes").unwrap();
    /// use wharf_client::{Direction, SyncRequest};
    /// let request = SyncRequest { delete: true, ..SyncRequest::new(Direction::Up) };
    /// let (local, remote) = (folder.path(), "www".into());
    /// let plan = pool.plan_sync(local, &remote, &request, &mut |_| ()).await?;
    /// for step in plan.steps()? {
    ///     println!("{}", step?);
    /// }
    /// if plan.deletes() < 100 {
    ///     pool.apply_sync(&plan, local, &remote, &request, &mut |_| ()).await?;
    /// }
    /// # assert_eq!(server.file("www/index").as_deref(), Some(&b"bytes"[..]));
    /// # Ok::<(), wharf_client::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// What ends all of it, as for [`get_tree`](Self::get_tree).
    pub async fn plan_sync(
        &self,
        local: &Path,
        remote: &Text,
        request: &SyncRequest,
        watch: &mut TreeWatch<'_>,
    ) -> Result<Plan, Error> {
        let ground = Arc::new(Ground::new(local));
        let (agenda, planned) = Comparing::new(Folder::top(remote), Arc::clone(&ground), request);
        let tally = run(self, Box::new(agenda), ground, &request.tree, false, watch).await?;
        plan::finished(planned, tally)
    }

    /// Carries a plan out.
    ///
    /// # Errors
    /// What ends all of it, as for [`get_tree`](Self::get_tree).
    pub async fn apply_sync(
        &self,
        plan: &Plan,
        local: &Path,
        remote: &Text,
        request: &SyncRequest,
        watch: &mut TreeWatch<'_>,
    ) -> Result<Tally, Error> {
        let ground = Arc::new(Ground::new(local));
        let fetches = request.direction == Direction::Down;
        let agenda = Applying::new(plan, Folder::top(remote), Arc::clone(&ground), request)?;
        run(self, Box::new(agenda), ground, &request.tree, fetches, watch).await
    }
}
