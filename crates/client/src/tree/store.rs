//! Storing one file of a tree: under a temporary name where that is wanted, proven, and with its time.

use std::os::unix::fs::MetadataExt;

use wharf_proto::time::Timestamp;

use super::lane::Crew;
use super::work::{Item, Work, local_path};
use crate::files::local;
use crate::{Error, Progress, Put, Session, Verdict};

/// Stores a file of the tree, and tells the board.
pub(crate) async fn store(crew: &Crew, session: &mut Session, item: &Item) -> Result<(), Error> {
    let source = local_path(crew.ground.root(), &item.below);
    let found = std::fs::metadata(&source).map_err(local("open", &source))?;
    let mut before = 0;
    let mut watch = |progress| match progress {
        Progress::Begins { at, .. } => before = at,
        Progress::At(at) => {
            crew.board.moved(at.saturating_sub(before));
            before = at;
        }
        Progress::StartsOver => {}
    };
    let resume = crew.resume && !item.is_light() && item.tries > 0;
    let stored =
        session.put(&source, &item.remote, Put { text: false, resume }, &mut watch).await?;
    let mut verdict = stored.verdict();
    if crew.verify && session.agrees(&item.remote, &source).await? {
        verdict = Verdict::Verified;
    }
    session.keep_time(&item.remote, Timestamp::new(found.mtime(), 0)).await?;
    crew.board.done(&Work::Store(item.clone()), stored.moved, verdict);
    Ok(())
}
