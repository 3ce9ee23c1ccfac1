//! What is to be moved: the files of `get`, `put`, `mget` and `mput`, or a tree: that of `get -r`, `put -r` and `sync`.
//!
//! The command says what; whether it is moved at once, over the shell's own session, or by a job, over one of its own
//! (`jobs/work.rs`), makes no difference to it. A tree is always a job's, for it may need several sessions.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf, absolute};

use anyhow::Context;
use wharf_client::{Amount, BYTES, Direction, Error, Get, Put, Session, TEXT, TreeRequest, Watch};
use wharf_proto::Text;
use wharf_proto::listing::names::is_plain;

use super::{Call, Flow, Outcome, Shell, jobs};
use crate::args::shell::{GetWords, PutWords, Side, SyncWords, read};
use crate::args::tree::{MoveArgs, TreeArgs, folder_for};
use crate::commands::sync::Alike;
use crate::commands::{Parts, get, put};
use crate::exit::{Interrupted, Usage};
use crate::output::{Made, target};

/// What a command moves.
pub(crate) enum Haul {
    /// Files, one after the other.
    Files(Files),
    /// A folder with all that is below it.
    Tree(Box<Tree>),
}

/// Where a file goes that is fetched.
pub(crate) enum Fetch {
    /// Onto this machine, or a tree does.
    Here(Haul),
    /// Through a pipe.
    Out(Out),
}

/// A file that is written on standard output, or into a program.
pub(crate) struct Out {
    pub(super) remote: Text,
    /// The program, as `sh` is told it; none for standard output.
    pub(super) command: Option<String>,
}

/// Files, one after the other.
pub(crate) struct Files {
    /// Which.
    pub(super) items: Vec<Item>,
    /// Whether as text.
    pub(super) text: bool,
    /// Whether what an earlier try left is gone on with.
    pub(super) resume: bool,
    /// Whether digests are compared.
    pub(super) verify: bool,
    /// Whether what is stored has a temporary name first.
    pub(super) atomic: bool,
    /// The folder that was made for them, and goes with this if nothing came.
    #[expect(dead_code, reason = "it is dropped with this, and that is what it is for")]
    pub(super) made: Made,
}

/// A file on both sides.
pub(crate) struct Item {
    /// Down from the server, or up to it.
    pub(super) direction: Direction,
    pub(super) remote: Text,
    pub(super) local: PathBuf,
}

/// A folder on both sides, and what is done with it.
pub(crate) struct Tree {
    pub(super) direction: Direction,
    pub(super) task: Task,
    pub(super) moving: MoveArgs,
    pub(super) tree: TreeArgs,
}

/// What is done with a tree.
pub(crate) enum Task {
    /// It is fetched or stored.
    Move { remote: Text, local: PathBuf, request: TreeRequest },
    /// One is made like the other.
    Alike(Alike),
}

impl Files {
    /// Moves one of the files. Gives how many bytes it has and how many were moved, and what is known of it.
    pub(super) async fn move_one(
        &self,
        item: &Item,
        session: &mut Session,
        watch: &mut Watch<'_>,
    ) -> Result<(Amount, &'static str), Error> {
        let how = if self.text { TEXT } else { BYTES };
        let Self { resume, verify, atomic, .. } = *self;
        match item.direction {
            Direction::Down => {
                let request = Get { how, resume, verify };
                let fetched = session.get(&item.remote, &item.local, request, watch).await;
                let fetched = session.with_reason(&item.remote, fetched).await?;
                Ok((fetched.amount(), get::verdict(fetched)))
            }
            Direction::Up => {
                let request = Put { how, resume, atomic, verify, times: true };
                let stored = session.put(&item.local, &item.remote, request, watch).await?;
                Ok((stored.amount(), put::verdict(stored)))
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
        let anchor = |path: &mut PathBuf| -> anyhow::Result<()> {
            *path = absolute(&*path).with_context(|| path.display().to_string())?;
            Ok(())
        };
        match &mut self {
            Self::Files(files) => {
                files.items.iter_mut().try_for_each(|item| anchor(&mut item.local))?;
            }
            Self::Tree(tree) => {
                match &mut tree.task {
                    Task::Move { local, .. } => anchor(local)?,
                    Task::Alike(alike) => anchor(&mut alike.local)?,
                }
                tree.tree.failed.as_mut().map_or(Ok(()), anchor)?;
            }
        }
        Ok(self)
    }

    /// Whether something is stored on the server.
    pub(super) fn stores(&self) -> bool {
        match self {
            Self::Files(files) => files.items.iter().any(|item| item.direction == Direction::Up),
            Self::Tree(tree) => tree.direction == Direction::Up,
        }
    }

    /// Moves it while the shell waits. What fails does not keep the rest from being done.
    pub(super) fn carry_out(self, shell: &mut Shell, line: &str) -> Outcome {
        if self.stores() {
            shell.link.forget_names();
        }
        let files = match self {
            Self::Tree(_) => return jobs::carry_out(shell, self, line),
            Self::Files(files) => files,
        };
        let move_one = |item: &Item| -> anyhow::Result<()> {
            let mut meter = shell.screen.meter(&item.remote);
            let (amount, verdict) = shell.with(async |session| {
                files.move_one(item, session, &mut |progress| meter.hear(progress)).await
            })?;
            meter.done(amount, verdict);
            Ok(())
        };
        if let [item] = &files.items[..] {
            return move_one(item).map(|()| Flow::On);
        }
        let mut parts = Parts::default();
        for (nth, item) in files.items.iter().enumerate() {
            match move_one(item) {
                Err(error) if is_of_all(&error) => {
                    let (left, all) = (files.items.len() - nth, files.items.len());
                    shell.screen.note(format_args!("{left} of {all} files were not moved"));
                    return Err(error);
                }
                result => parts.count(result),
            }
        }
        parts.outcome()?;
        Ok(Flow::On)
    }
}

/// Whether what kept one file from being moved keeps the others as well: Ctrl-C, or a session that is lost.
fn is_of_all(error: &anyhow::Error) -> bool {
    error.is::<Interrupted>() || error.downcast_ref().is_some_and(Error::ends_the_session)
}

/// `get FILE [LOCAL]`, `get FILE -`, `get FILE |COMMAND`, `get -r FOLDER [LOCAL]`.
pub(super) fn get(
    shell: &mut Shell,
    call: &Call<'_>,
    program: Option<&str>,
) -> anyhow::Result<Fetch> {
    let GetWords { remote, local, recursive, restart, moving, tree } = read(call.words)?;
    let (direction, resume) = (Direction::Down, !restart);
    let local = local.as_deref();
    let is_out = local == Some(Path::new("-"));
    // Other clients have the bar and the program in one word.
    let quoted = local.and_then(|local| local.as_os_str().as_bytes().strip_prefix(b"|"));
    let command =
        program.map(str::to_owned).or_else(|| quoted.map(|it| Text::from(it).to_string()));
    if command.is_some() || is_out {
        let said_twice = program.is_some() && local.is_some() && !is_out;
        if recursive || moving.verify || said_twice || command.as_deref() == Some("") {
            let why =
                "get FILE -, or get FILE |COMMAND: one file, without -r, --verify and another name";
            return Err(Usage(why.to_owned()).into());
        }
        return Ok(Fetch::Out(Out { remote, command }));
    }
    if recursive {
        let local =
            folder_for(local, name_of(trimmed(remote.as_bytes())).ok().map(|name| name.as_bytes()));
        let request = tree.request(&moving, resume)?;
        let task = Task::Move { remote, local, request };
        return of_tree(shell, Tree { direction, task, moving, tree }).map(Fetch::Here);
    }
    let (local, made) = target(local, || name_of(remote.as_bytes()))?;
    let items = vec![Item { direction, remote, local }];
    let files = Files { made, ..of_files(shell, items, resume, moving.verify) };
    Ok(Fetch::Here(Haul::Files(files)))
}

/// `put LOCAL [FILE]`, `put -r LOCAL [FOLDER]`.
pub(super) fn put(shell: &mut Shell, call: &Call<'_>) -> anyhow::Result<Haul> {
    let PutWords { local, remote, recursive, resume, restart, atomic, in_place, moving, tree } =
        read(call.words)?;
    let atomic = atomic || (!in_place && shell.connection.atomic.unwrap_or(false));
    let direction = Direction::Up;
    let remote: Text = match remote {
        Some(remote) if !remote.is_empty() && !remote.as_bytes().ends_with(b"/") => remote,
        folder => {
            let name = name_of(trimmed(local.as_os_str().as_bytes()))?.as_bytes();
            [folder.as_ref().map_or(&b""[..], Text::as_bytes), name].concat().into()
        }
    };
    if recursive {
        std::fs::read_dir(&local).with_context(|| local.display().to_string())?;
        let request = TreeRequest { atomic, ..tree.request(&moving, !restart)? };
        let task = Task::Move { remote, local, request };
        return of_tree(shell, Tree { direction, task, moving, tree });
    }
    let items = vec![Item { direction, remote, local }];
    let (text, verify) = (shell.text, moving.verify);
    let made = Made::default();
    Ok(Haul::Files(Files { items, text, resume, verify, atomic, made }))
}

/// `sync SRC DST`, of which one has a colon before it: that on the server.
pub(super) fn sync(shell: &mut Shell, call: &Call<'_>) -> anyhow::Result<Haul> {
    let SyncWords { source, target, how } = read(call.words)?;
    let (direction, remote, local) = match (source, target) {
        (Side::There(remote), Side::Here(local)) => (Direction::Down, remote, local),
        (Side::Here(local), Side::There(remote)) => (Direction::Up, remote, local),
        (Side::Here(_), Side::Here(_)) | (Side::There(_), Side::There(_)) => {
            let why =
                "one of the two trees is on the server, and has a colon before it: sync :pub pub";
            return Err(Usage(why.to_owned()).into());
        }
    };
    let task = Task::Alike(Alike::new(&how, direction, local, remote)?);
    of_tree(shell, Tree { direction, task, moving: how.moving, tree: how.tree })
}

/// Files as the shell moves them now.
pub(super) fn of_files(shell: &Shell, items: Vec<Item>, resume: bool, verify: bool) -> Files {
    let atomic = shell.connection.atomic.unwrap_or(false);
    Files { items, text: shell.text, resume, verify, atomic, made: Made::default() }
}

fn of_tree(shell: &Shell, mut tree: Tree) -> anyhow::Result<Haul> {
    let most = shell.connection.jobs;
    tree.tree.jobs = tree.tree.jobs.map(|jobs| most.map_or(jobs, |most| jobs.min(most)));
    if shell.text {
        return Err(Usage("a tree is moved byte by byte: say binary first".to_owned()).into());
    }
    Ok(Haul::Tree(Box::new(tree)))
}

/// A word as a path of this machine.
pub(super) fn path_of(word: &Text) -> &Path {
    Path::new(OsStr::from_bytes(word.as_bytes()))
}

/// A path without the slash at its end.
fn trimmed(path: &[u8]) -> &[u8] {
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
