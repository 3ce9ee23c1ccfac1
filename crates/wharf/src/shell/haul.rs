//! What is to be moved: the files of `get`, `put`, `mget` and `mput`, or the tree of `get -r` and `put -r`.
//!
//! The command says what; whether it is moved at once, over the shell's own session, or by a job, over one of its own
//! (`jobs/work.rs`), makes no difference to it. A tree is always a job's, for it may need several sessions.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use wharf_client::{BYTES, Direction, Error, Get, Put, Session, TEXT, Watch};
use wharf_proto::Text;
use wharf_proto::listing::names::is_plain;

use super::{Call, Flow, Outcome, Shell, jobs};
use crate::args::tree::folder_for;
use crate::commands::{Parts, get, put};
use crate::exit::Usage;

/// What a command moves.
#[derive(Debug)]
pub(crate) enum Haul {
    /// Files, one after the other.
    Files {
        /// Which.
        items: Vec<Item>,
        /// Whether as text.
        text: bool,
    },
    /// A folder with all that is below it.
    Tree(Item),
}

/// A file or folder on both sides.
#[derive(Debug)]
pub(crate) struct Item {
    /// Down from the server, or up to it.
    pub(super) direction: Direction,
    pub(super) remote: Text,
    pub(super) local: PathBuf,
}

impl Item {
    /// Moves the file. Gives how many bytes it took, and what is known of its size.
    pub(super) async fn be_moved(
        &self,
        session: &mut Session,
        text: bool,
        watch: &mut Watch<'_>,
    ) -> Result<(u64, &'static str), Error> {
        let how = if text { TEXT } else { BYTES };
        match self.direction {
            Direction::Down => {
                let request = Get { how, ..Get::default() };
                let fetched = session.get(&self.remote, &self.local, request, watch).await?;
                Ok((fetched.moved, get::verdict(fetched)))
            }
            Direction::Up => {
                let request = Put { how, ..Put::default() };
                let stored = session.put(&self.local, &self.remote, request, watch).await?;
                Ok((stored.moved, put::verdict(stored)))
            }
        }
    }
}

impl Haul {
    /// The same from wherever the shell goes on this machine.
    ///
    /// # Errors
    /// The folder where the shell is has no name.
    pub(super) fn anchored(mut self) -> anyhow::Result<Self> {
        let items = match &mut self {
            Self::Files { items, .. } => items.as_mut_slice(),
            Self::Tree(item) => std::slice::from_mut(item),
        };
        for item in items {
            item.local = std::path::absolute(&item.local)
                .with_context(|| item.local.display().to_string())?;
        }
        Ok(self)
    }

    /// Whether something is stored on the server.
    pub(super) fn stores(&self) -> bool {
        match self {
            Self::Files { items, .. } => items.iter().any(|item| item.direction == Direction::Up),
            Self::Tree(item) => item.direction == Direction::Up,
        }
    }

    /// Moves it while the shell waits. What fails does not keep the rest from being done.
    pub(super) fn carry_out(self, shell: &mut Shell, line: &str) -> Outcome {
        if self.stores() {
            shell.link.forget_names();
        }
        let (items, text) = match self {
            Self::Tree(_) => return jobs::carry_out(shell, self, line),
            Self::Files { items, text } => (items, text),
        };
        let move_one = |item: &Item| -> anyhow::Result<()> {
            let mut meter = shell.screen.meter(&item.remote);
            let (moved, verdict) = shell.with(async |session| {
                item.be_moved(session, text, &mut |progress| meter.hear(progress)).await
            })?;
            meter.done(moved, verdict);
            Ok(())
        };
        if let [item] = &items[..] {
            return move_one(item).map(|()| Flow::On);
        }
        let mut parts = Parts::default();
        for item in &items {
            parts.count(move_one(item));
        }
        parts.outcome()?;
        Ok(Flow::On)
    }
}

/// `get FILE [LOCAL]`, `get -r FOLDER [LOCAL]`.
pub(super) fn get(shell: &mut Shell, call: &Call<'_>) -> anyhow::Result<Haul> {
    const USAGE: &str = "get FILE [LOCAL], or get -r FOLDER [LOCAL]";
    let (recursive, words) = recursive(call.words);
    let (remote, local) = match words {
        [remote] => (remote, None),
        [remote, local] => (remote, Some(path_of(local))),
        _ => return Err(Usage(USAGE.to_owned()).into()),
    };
    let direction = Direction::Down;
    if recursive {
        let local = folder_for(local, name_of(trimmed(remote)).ok().map(|name| name.as_bytes()));
        return tree(shell, Item { direction, remote: remote.clone(), local });
    }
    let local = match local {
        Some(file) if !file.is_dir() => file.to_owned(),
        folder => folder.unwrap_or_else(|| Path::new("")).join(name_of(remote.as_bytes())?),
    };
    let items = vec![Item { direction, remote: remote.clone(), local }];
    Ok(Haul::Files { items, text: shell.text })
}

/// `put LOCAL [FILE]`, `put -r LOCAL [FOLDER]`.
pub(super) fn put(shell: &mut Shell, call: &Call<'_>) -> anyhow::Result<Haul> {
    const USAGE: &str = "put LOCAL [FILE], or put -r LOCAL [FOLDER]";
    let (recursive, words) = recursive(call.words);
    let (local, remote) = match words {
        [local] => (local, None),
        [local, remote] => (local, Some(remote.as_bytes())),
        _ => return Err(Usage(USAGE.to_owned()).into()),
    };
    let remote = match remote {
        Some(remote) if !remote.is_empty() && !remote.ends_with(b"/") => remote.to_vec(),
        folder => {
            let name = name_of(trimmed(local))?;
            [folder.unwrap_or_default(), name.as_bytes()].concat()
        }
    };
    let (local, remote) = (path_of(local).to_owned(), remote.into());
    let item = Item { direction: Direction::Up, remote, local };
    if recursive {
        std::fs::read_dir(&item.local).with_context(|| item.local.display().to_string())?;
        return tree(shell, item);
    }
    Ok(Haul::Files { items: vec![item], text: shell.text })
}

fn tree(shell: &Shell, item: Item) -> anyhow::Result<Haul> {
    if shell.text {
        return Err(Usage("a tree is moved byte by byte: say binary first".to_owned()).into());
    }
    Ok(Haul::Tree(item))
}

/// Whether it is about a tree, and the words behind that.
fn recursive(words: &[Text]) -> (bool, &[Text]) {
    match words {
        [option, rest @ ..] if option.as_bytes() == b"-r" => (true, rest),
        _ => (false, words),
    }
}

/// A word as a path of this machine.
pub(super) fn path_of(word: &Text) -> &Path {
    Path::new(OsStr::from_bytes(word.as_bytes()))
}

/// A path without the slash at its end.
fn trimmed(path: &Text) -> &[u8] {
    let path = path.as_bytes();
    path.strip_suffix(b"/").unwrap_or(path)
}

/// The last name of a path, for the copy on the other side.
pub(super) fn name_of(path: &[u8]) -> Result<&OsStr, Usage> {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    if !is_plain(name) {
        return Err(Usage(format!("{}: not the name of a file", Text::from(path))));
    }
    Ok(OsStr::from_bytes(name))
}
