//! A small file on its way up in block mode.
//!
//! Its bytes go out right behind its command, and nobody waits for 125. A STOR that is refused leaves them on the
//! connection, where they might be taken for those of the next file; so the connection goes, and whatever was answered
//! behind the refusal is stored again. What is refused is done once more with a connection of its own, by which it is
//! known whether it was the file or the way.
//!
//! ```text
//!   STOR ─250─▶ SIZE, HASH, MFMT, SITE CHMOD ─▶ RNFR, RNTO, where it has a temporary name ─▶ done
//! ```

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

use wharf_proto::codec::{Outbound, Settings};
use wharf_proto::command::Site;
use wharf_proto::params::{Mode, Representation, Type};
use wharf_proto::reply::Class;
use wharf_proto::time::Timestamp;
use wharf_proto::{Command, Reply, Text};

use super::super::super::work::{LIGHT, Work, local_path};
use super::super::Crew;
use super::flight::{Item, Part};
use super::{OF_THE_CONNECTION, Skills};
use crate::digest::Digest;
use crate::files::{is_same_version, local, temporary};
use crate::{Amount, Connection, Error, Proof, Verdict};

/// A file that is stored.
pub(super) struct Upload {
    /// Under which name; its own is `target`.
    name: Text,
    target: Text,
    size: u64,
    modified: Timestamp,
    mode: u32,
    digest: Option<Digest>,
    step: Step,
    /// How many bytes the server says that it has.
    found: Option<u64>,
    /// What it says to the last name.
    named: Option<Reply>,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Storing,
    Proving,
    Naming,
    Done,
}

/// What is to be known of an upload whose replies are all here.
pub(super) enum Outcome {
    Done,
    /// It was refused, for which there may be any reason.
    Refused,
    /// It is to be done again, whatever was answered.
    Again,
}

/// What a file comes to when it is read.
pub(super) enum Load {
    /// It is to be sent, in these blocks.
    Upload(Box<Upload>, Vec<u8>),
    /// It has grown, and is not for memory.
    Heavy,
}

impl Upload {
    /// Reads a file of the tree, all at once.
    pub(super) async fn read(
        crew: &Crew,
        below: &Text,
        target: &Text,
        skills: Skills,
    ) -> Result<Load, Error> {
        let path = local_path(crew.ground.root(), below);
        let reading = move || {
            let mut file = File::open(&path).map_err(local("open", &path))?;
            let before = file.metadata().map_err(local("open", &path))?;
            if !before.is_file() || before.len() > LIGHT {
                return Ok((before, Vec::new()));
            }
            let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or(0));
            Read::by_ref(&mut file)
                .take(LIGHT + 1)
                .read_to_end(&mut bytes)
                .map_err(local("read", &path))?;
            let after = file.metadata().map_err(local("read", &path))?;
            if bytes.len() as u64 != before.len() || !is_same_version(&before, &after) {
                let last = Box::default();
                let missing = Proof::Unchanged;
                return Err(Error::Unproven { missing, moved: 0, last, source: None });
            }
            Ok((before, bytes))
        };
        let read = tokio::task::spawn_blocking(reading).await;
        let (found, bytes) =
            read.unwrap_or_else(|end| Err(Error::Source(io::Error::other(end))))?;
        if !found.is_file() || found.len() > LIGHT {
            return Ok(Load::Heavy);
        }
        let upload = Self {
            name: if crew.atomic { temporary(target) } else { target.clone() },
            target: target.clone(),
            size: found.len(),
            modified: Timestamp::new(found.mtime(), 0),
            mode: found.mode() & 0o7777,
            digest: skills.asking.map(|asking| asking.of(&bytes)),
            step: Step::Storing,
            found: None,
            named: None,
        };
        Ok(Load::Upload(Box::new(upload), in_blocks(&bytes)?))
    }

    /// The command that begins it.
    pub(super) fn command(&self) -> Command {
        Command::Stor(self.name.clone())
    }

    /// What is to be said next, when all that was said is answered; nothing when it is done.
    /// `digest`: what the server says of its bytes.
    pub(super) fn next(
        &mut self,
        crew: &Crew,
        skills: Skills,
        digest: Option<&Digest>,
    ) -> Vec<(Command, Part)> {
        let name = || self.name.clone();
        let mut commands = Vec::new();
        if self.step == Step::Storing {
            self.step = Step::Proving;
            if skills.sizes {
                commands.push((Command::Size(name()), Part::Size));
            }
            if let Some(asking) = skills.asking {
                commands.push((asking.question(&self.name), Part::Digest));
            }
            if skills.times {
                commands.push((Command::Mfmt(self.modified, name()), Part::Aside));
            }
            if crew.modes {
                let mode = Command::Site(Site::Chmod(self.mode, name()));
                commands.push((mode, Part::Aside));
            }
        }
        if commands.is_empty() && self.step == Step::Proving {
            self.step = Step::Naming;
            if crew.atomic && self.verdict(digest).is_ok() {
                commands.push((Command::Rnfr(name()), Part::Aside));
                commands.push((Command::Rnto(self.target.clone()), Part::Name));
            }
        }
        if commands.is_empty() {
            self.step = Step::Done;
        }
        commands
    }

    /// Takes the answer to SIZE.
    pub(super) fn hear_size(&mut self, reply: &Reply) {
        let text = std::str::from_utf8(reply.text()).ok();
        self.found = match reply.code.value() {
            213 => text.and_then(|text| text.trim().parse().ok()),
            _ => None,
        };
    }

    /// Takes the answer to the last name.
    pub(super) fn hear_name(&mut self, reply: Reply) {
        self.named = Some(reply);
    }

    /// Tells the board what came of it, when all replies are here.
    pub(super) fn conclude(&self, crew: &Crew, item: &Item) -> Outcome {
        let work = item.work.clone();
        let code = item.last.as_ref().map_or(0, |reply| reply.code.value());
        let completed = |reply: &Reply| reply.code.class() == Class::Completion;
        if item.spoilt || OF_THE_CONNECTION.contains(&code) {
            crew.board.return_unbegun(work);
            return Outcome::Again;
        }
        let nameless = self.named.as_ref().is_some_and(|reply| !completed(reply));
        if nameless || !item.last.as_ref().is_some_and(completed) {
            crew.board.return_unbegun(alone(work));
            return Outcome::Refused;
        }
        match self.verdict(item.digest.as_ref()) {
            Ok(verdict) => {
                crew.board.moved(self.size);
                crew.board.done(&work, Amount::all(self.size), verdict);
            }
            Err(missing) => {
                let last = Connection::exchange(&item.command, item.last.clone());
                let moved = self.size;
                crew.board.failed(work, Error::Unproven { missing, moved, last, source: None });
            }
        }
        Outcome::Done
    }

    fn verdict(&self, digest: Option<&Digest>) -> Result<Verdict, Proof> {
        match (self.found, digest, &self.digest) {
            (Some(found), ..) if found != self.size => {
                Err(Proof::Size { expected: self.size, found })
            }
            (_, Some(theirs), Some(ours)) if theirs == ours => Ok(Verdict::Verified),
            (_, Some(theirs), Some(_)) => Err(Proof::Digest { algorithm: theirs.algorithm }),
            (found, ..) => Ok(Verdict::of(found)),
        }
    }
}

/// The same piece, for a connection of its own.
pub(super) fn alone(work: Work) -> Work {
    match work {
        Work::Store(mut item) => {
            item.alone = true;
            Work::Store(item)
        }
        work => work,
    }
}

/// A file as it goes over the connection.
fn in_blocks(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let how = Representation { kind: Type::Image, mode: Mode::Block, ..Representation::default() };
    let mut wire = Vec::with_capacity(bytes.len() + 64);
    // A file of bytes can be sent whatever is in it.
    let unsendable = |error| Error::Source(io::Error::other(error));
    if let Some(mut blocks) = Outbound::new(how, &Settings::default()) {
        blocks.push(bytes, &mut wire).map_err(unsendable)?;
        blocks.finish(&mut wire).map_err(unsendable)?;
    }
    Ok(wire)
}
