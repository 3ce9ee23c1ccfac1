//! Storing one file of a tree, with a data connection of its own: under a temporary name where that is wanted, proven, with its time and its mode.

use std::os::unix::fs::MetadataExt;

use wharf_proto::Command;
use wharf_proto::command::Site;
use wharf_proto::time::Timestamp;

use super::lane::Crew;
use super::work::{Item, Work, local_path};
use crate::files::{take_name, temporary};
use crate::{Error, Progress, Put, Session};

/// Stores a file of the tree, and tells the board.
pub(crate) async fn store(crew: &Crew, session: &mut Session, item: &Item) -> Result<(), Error> {
    let source = local_path(crew.ground.root(), &item.below);
    let mut watch = crew.board.watch(item);
    let name = if crew.atomic { temporary(&item.remote) } else { item.remote.clone() };
    let resume = crew.resume && !item.is_light() && (crew.atomic || item.tries > 0);
    // It has its time and its mode before it has its name, so the name is given here.
    let request = Put { resume, verify: crew.verify, ..Put::default() };
    session.brisk = item.is_light();
    let stored = session.put_proven(&source, &name, request, &mut watch).await;
    session.brisk = false;
    if stored.is_err() {
        session.forget_size_ahead().await;
    }
    let (stored, found) = stored?;
    if !session.keep_time(&name, Timestamp::new(found.mtime(), 0)).await? {
        crew.tell_of_times();
    }
    if crew.modes {
        let mode = Site::Chmod(found.mode() & 0o7777, name.clone());
        // Servers without it keep modes of their own.
        session.quote(&Command::Site(mode)).await?;
    }
    if crew.atomic && take_name(session, &name, &item.remote, resume, item.has_old).await? {
        watch(Progress::OldGone);
    }
    crew.board.done(&Work::Store(item.clone()), stored.amount(), stored.verdict());
    Ok(())
}
