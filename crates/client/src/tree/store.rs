//! Storing one file of a tree, with a data connection of its own: under a temporary name where that is wanted, proven, with its time and its mode.

use std::os::unix::fs::MetadataExt;

use wharf_proto::command::{Algorithm, Site};
use wharf_proto::time::Timestamp;
use wharf_proto::{Command, Text, Verb};

use super::lane::Crew;
use super::work::{Item, Work, local_path};
use crate::files::local;
use crate::{Digest, Error, Put, Session};

/// The longest name that has room for what makes it a temporary one.
const LONGEST: usize = 255 - "..wharf-part".len();

/// Stores a file of the tree, and tells the board.
pub(crate) async fn store(crew: &Crew, session: &mut Session, item: &Item) -> Result<(), Error> {
    let source = local_path(crew.ground.root(), &item.below);
    let found = std::fs::metadata(&source).map_err(local("open", &source))?;
    let mut watch = crew.board.watch(item);
    let name = if crew.atomic { temporary(&item.remote) } else { item.remote.clone() };
    let resume = crew.resume && !item.is_light() && (crew.atomic || item.tries > 0);
    // It has its time and its mode before it has its name, so the name is given here.
    let request = Put { resume, verify: crew.verify, ..Put::default() };
    session.brisk = item.is_light();
    let stored = session.put(&source, &name, request, &mut watch).await;
    session.brisk = false;
    if stored.is_err() {
        session.forget_size_ahead().await;
    }
    let stored = stored?;
    if !session.keep_time(&name, Timestamp::new(found.mtime(), 0)).await? {
        crew.tell_of_times();
    }
    if crew.modes {
        let mode = Site::Chmod(found.mode() & 0o7777, name.clone());
        // Servers without it keep modes of their own.
        session.quote(&Command::Site(mode)).await?;
    }
    if crew.atomic {
        take_name(session, &name, &item.remote).await?;
    }
    crew.board.done(&Work::Store(item.clone()), stored.amount(), stored.verdict());
    Ok(())
}

/// Gives a file its name. Some servers want that nobody has it: then the old file goes first, if the new one is there.
pub(crate) async fn take_name(session: &mut Session, from: &Text, to: &Text) -> Result<(), Error> {
    let refused = match session.rename(from, to).await {
        Ok(_) => return Ok(()),
        Err(Error::Refused { last }) if last.verb == Some(Verb::Rnto) => Error::Refused { last },
        Err(error) => return Err(error),
    };
    let (new, old) = match session.plain {
        true => (None, None),
        false => (session.size(from).await?, session.size(to).await?),
    };
    if new.is_none() && old.is_some() {
        return Err(refused);
    }
    match session.delete(to).await {
        Ok(_) => session.rename(from, to).await.map(drop),
        // Nothing was in the way.
        Err(Error::Refused { .. }) => Err(refused),
        Err(error) => Err(error),
    }
}

/// The name under which a file is stored until all of it is there.
pub(crate) fn temporary(remote: &Text) -> Text {
    let bytes = remote.as_bytes();
    let at = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let (folder, name) = bytes.split_at(at);
    if name.len() <= LONGEST {
        return [folder, b".", name, b".wharf-part"].concat().into();
    }
    // Most file systems have names of 255 bytes at most; the sum tells one long name from another.
    let within = |at: &usize| name.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80);
    let end = (0..LONGEST - 9).rev().find(within).unwrap_or(0);
    let sum = Digest::of(Algorithm::Crc32, name).to_string();
    [folder, b".", &name[..end], b".", sum.as_bytes(), b".wharf-part"].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_name_is_hidden_in_the_same_folder_and_no_longer_than_names_may_be() {
        assert_eq!(temporary(&"a/b".into()), "a/.b.wharf-part".into());
        let long = |last: &str| Text::from(format!("a/{}{last}", "é".repeat(126)).into_bytes());
        let (one, other) = (temporary(&long("one")), temporary(&long("two")));
        assert!(one != other && one.as_bytes().len() <= 257, "{one}");
        assert!(std::str::from_utf8(one.as_bytes()).is_ok_and(|one| one.ends_with(".wharf-part")));
    }
}
