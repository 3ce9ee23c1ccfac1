//! Storing one file of a tree, with a data connection of its own: under a temporary name where that is wanted, proven, with its time and its mode.

use std::os::unix::fs::MetadataExt;

use wharf_proto::command::Site;
use wharf_proto::time::Timestamp;
use wharf_proto::{Command, Text};

use super::lane::Crew;
use super::work::{Item, Work, local_path};
use crate::files::local;
use crate::{Error, Put, Session, Verdict};

/// Stores a file of the tree, and tells the board.
pub(crate) async fn store(crew: &Crew, session: &mut Session, item: &Item) -> Result<(), Error> {
    let source = local_path(crew.ground.root(), &item.below);
    let found = std::fs::metadata(&source).map_err(local("open", &source))?;
    let mut watch = crew.board.watch();
    let name = if crew.atomic { temporary(&item.remote) } else { item.remote.clone() };
    let resume = crew.resume && !item.is_light() && (crew.atomic || item.tries > 0);
    let stored = session.put(&source, &name, Put { text: false, resume }, &mut watch).await?;
    let mut verdict = stored.verdict();
    if crew.verify && session.agrees(&name, &source).await? {
        verdict = Verdict::Verified;
    }
    session.keep_time(&name, Timestamp::new(found.mtime(), 0)).await?;
    if crew.modes {
        let mode = Site::Chmod(found.mode() & 0o7777, name.clone());
        // Servers without it keep modes of their own.
        session.quote(&Command::Site(mode)).await?;
    }
    if crew.atomic {
        take_name(session, &name, &item.remote).await?;
    }
    crew.board.done(&Work::Store(item.clone()), stored.moved, verdict);
    Ok(())
}

/// Gives a file its name. Some servers want that nobody has it: then the old file goes first.
async fn take_name(session: &mut Session, from: &Text, to: &Text) -> Result<(), Error> {
    match session.rename(from, to).await {
        Ok(_) => Ok(()),
        Err(Error::Refused { .. }) => {
            session.delete(to).await?;
            session.rename(from, to).await.map(drop)
        }
        Err(error) => Err(error),
    }
}

/// The name under which a file is stored until all of it is there.
pub(super) fn temporary(remote: &Text) -> Text {
    let bytes = remote.as_bytes();
    let at = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let (folder, name) = bytes.split_at(at);
    [folder, b".", name, b".wharf-part"].concat().into()
}
