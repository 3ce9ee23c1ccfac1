//! Fetching a file into a file.
//!
//! What the target was stays until the new file is proven complete. RFC 3659 sections 3 to 5 (MDTM, SIZE,
//! REST).

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::fs::File;
use wharf_proto::codec::{is_exact, passes_through};
use wharf_proto::params::Representation;
use wharf_proto::time::Timestamp;
use wharf_proto::{Command, Text, Verb};

use super::overlap::{self, Overlap};
use super::part::{Here, Opened, Part};
use super::place::Place;
use super::{BYTES, local, unwritten};
use crate::transfer::{Order, Restart};
use crate::{End, Error, Progress, Proof, Session, Transfer, Watch};

/// How a file is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Get {
    /// TYPE, STRU and MODE. What they make of a file is in [`wharf_proto::codec`].
    pub how: Representation,
    /// Go on with what an earlier try left, if the file on the server is still the same: of bytes as they are from
    /// where they end, in block and compressed mode from a restart marker of the server. Other files begin anew.
    pub resume: bool,
    /// Compare digests, where the server makes them, before the file gets its name.
    pub verify: bool,
}

impl Default for Get {
    fn default() -> Self {
        Self { how: BYTES, resume: true, verify: false }
    }
}

/// A file that was fetched and is proven complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// How many bytes came over the data connection this time, those among them that were compared with what was here.
    pub moved: u64,
    /// How many were there from an earlier try.
    pub resumed_at: u64,
    /// The size that the server tells, which is also that of the local file; `None` where it does not
    /// tell or the file was translated.
    pub size: Option<u64>,
    /// What the end of the transfer is proven by.
    pub end: End,
    /// Whether the digests agree.
    pub verified: bool,
    /// At how many places the server says that it does not trust its own bytes; the size proves nothing then.
    pub suspect: u64,
}

/// What servers say behind REST where the file does not go so far, or has no such place.
const NO_SUCH_PLACE: u16 = 554;

/// The remote file as the server describes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) size: Option<u64>,
    pub(super) modified: Option<Timestamp>,
}

impl Facts {
    /// Whether both were told.
    pub(super) fn are_known(self) -> bool {
        self.size.is_some() && self.modified.is_some()
    }

    /// How many bytes come over the data connection, where that is known.
    fn size_on_the_wire(self, how: Representation) -> Option<u64> {
        self.size.filter(|_| passes_through(how))
    }
}

impl Session {
    /// Fetches `remote` into the file `target`, or into the file that links of this name lead to: [`Place`].
    ///
    /// # Errors
    /// `Local` for trouble with the file, and every error that a transfer can have.
    pub async fn get(
        &mut self,
        remote: &Text,
        target: &Path,
        request: Get,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, Error> {
        match Place::of(target).map_err(local("open", target))? {
            Place::Special => self.get_into_special(remote, target, request, watch).await,
            Place::File(file) => self.get_file(remote, &file, request, watch).await,
        }
    }

    /// The same in the place of whatever has the name: nothing is written into a device, a pipe or a link.
    pub(super) async fn get_file(
        &mut self,
        remote: &Text,
        target: &Path,
        request: Get,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, Error> {
        let facts = self.facts(remote, request).await?;
        let origin = self.origin(remote, facts, request.how);
        let origin = origin.as_deref();
        let framed = request.how.mode.is_framed();
        let marked = |opened: Opened| match origin {
            Some(origin) if framed => opened.by_marks(origin),
            _ => Ok(opened),
        };
        let resume = request.resume && (passes_through(request.how) || framed);
        let opened = marked(Part::open(target, origin, resume, facts.size)?)?;
        let resumes = !opened.is_empty();
        let fetched = match origin.filter(|_| opened.has_holes()) {
            Some(origin) => self.get_lacking(remote, opened, (origin, facts), request, watch).await,
            None => self.get_part(remote, opened, request, facts, watch).await,
        };
        match fetched {
            Err(error) if resumes && is_of_the_part(&error) => {
                let opened = marked(Part::open_anew(target, origin)?)?;
                self.get_part(remote, opened, request, facts, watch).await
            }
            result => result,
        }
    }

    /// Fetches what the part lacks, and gives the whole its name once it is proven.
    async fn get_part(
        &mut self,
        remote: &Text,
        opened: Opened,
        request: Get,
        facts: Facts,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, Error> {
        let Opened { part, file, at, tail, discarded, mut marks, .. } = opened;
        if discarded {
            watch(Progress::StartsOver);
        }
        let mut file = Here(file);
        let how = request.how;
        self.set_form(how).await?;
        watch(Progress::Begins { at, total: facts.size });
        let offset = at - tail.len() as u64;
        let command = Command::Retr(remote.clone());
        let expected = facts.size_on_the_wire(how).map(|size| size.saturating_sub(offset));
        let order = Order { command: &command, offset, restart: Restart::Rest, expected, how };
        let mut to = Overlap::new(&tail, &mut file);
        let fetched = self.receive_marked(&order, &mut marks, &mut to, watch).await;
        let Transfer { moved, end, suspect, .. } = fetched.map_err(unwritten(part.path()))?;
        self.has_its_size(&file.0, facts, moved).map_err(unwritten(part.path()))?;
        let proven = self.proven(remote, part.path(), facts, request, moved).await;
        let verified = part.conclude(&file.0, facts.modified, proven)?;
        Ok(Fetched { moved, resumed_at: at, size: facts.size, end, verified, suspect })
    }

    /// Whether the digests agree, where they are to be compared, of a file of which all bytes are at `here`.
    pub(super) async fn proven(
        &mut self,
        remote: &Text,
        here: &Path,
        facts: Facts,
        request: Get,
        moved: u64,
    ) -> Result<bool, Error> {
        self.unchanged(remote, facts, moved).await?;
        if request.verify && is_exact(request.how) {
            return self.agrees(remote, here).await;
        }
        Ok(false)
    }

    /// That the file here is as large as the one there. Of a stream of bytes the transfer has made sure of it; blocks
    /// have headers, and tell it only now.
    fn has_its_size(&self, file: &fs::File, facts: Facts, moved: u64) -> Result<(), Error> {
        let found = file.metadata().map_err(Error::Sink)?.len();
        match facts.size {
            Some(expected) if expected != found => Err(Error::Unproven {
                missing: Proof::Size { expected, found },
                moved,
                last: self.control.last_boxed(),
                source: None,
            }),
            _ => Ok(()),
        }
    }

    /// That the file is the one that was begun with, as far as its time tells. It is asked when all of it is here, so a
    /// session that breaks then changes nothing.
    pub(super) async fn unchanged(
        &mut self,
        remote: &Text,
        facts: Facts,
        moved: u64,
    ) -> Result<(), Error> {
        let Some(before) = facts.modified else { return Ok(()) };
        match self.mdtm(remote).await {
            Ok(Some(now)) if now != before => Err(self.changed(moved)),
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::debug!(%error, "whether the file has changed is not known");
                Ok(())
            }
        }
    }

    /// The error of a file that is another one than it was.
    pub(super) fn changed(&self, moved: u64) -> Error {
        let last = self.control.last_boxed();
        Error::Unproven { missing: Proof::Unchanged, moved, last, source: None }
    }

    /// A target that is no file, such as `/dev/null` or a pipe, is written as it is.
    async fn get_into_special(
        &mut self,
        remote: &Text,
        target: &Path,
        request: Get,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, Error> {
        let facts = self.facts(remote, request).await?;
        // What is open may be a file to which others have written before.
        let opened = File::options().append(true).open(target).await;
        let mut file = opened.map_err(local("open", target))?;
        let size = facts.size_on_the_wire(request.how);
        let fetched = self.retrieve(remote, request.how, 0, size, &mut file, watch).await;
        let Transfer { moved, end, suspect, .. } = fetched.map_err(unwritten(target))?;
        Ok(Fetched { moved, resumed_at: 0, size, end, verified: false, suspect })
    }

    /// What the server tells of the file; nothing in plain mode, and no size where its bytes are others here.
    pub(super) async fn facts(&mut self, remote: &Text, request: Get) -> Result<Facts, Error> {
        if self.plain {
            return Ok(Facts::default());
        }
        let size = if is_exact(request.how) { self.size(remote).await? } else { None };
        Ok(Facts { size, modified: self.mdtm(remote).await? })
    }

    /// The note that tells this remote file from every other one, and from itself after a change. A file whose bytes are
    /// others here has no size that could be compared; but then it has restart markers, or is not gone on with.
    pub(super) fn origin(
        &self,
        remote: &Text,
        facts: Facts,
        how: Representation,
    ) -> Option<String> {
        let unknown = || "unknown".to_owned();
        let size = match facts.size {
            Some(size) => size.to_string(),
            None if is_exact(how) => return None,
            None => unknown(),
        };
        let modified = facts.modified.map_or_else(unknown, |time| time.print_mdtm());
        let mut note = self.whereabouts("wharf part 1", remote);
        let written = writeln!(note, "size {size}\nmodified {modified}");
        let Representation { kind, structure, mode } = how;
        let formed = match passes_through(how) {
            true => Ok(()),
            false => writeln!(note, "form {kind}, {structure}, {mode}"),
        };
        written.and(formed).ok().map(|()| note)
    }

    /// The first lines of a note, which tell this file of this server from every other one.
    pub(super) fn whereabouts(&self, title: &str, remote: &Text) -> String {
        let host = self.control.host();
        let port = self.control.server().port();
        let (user, folder) = (self.who(), self.folder());
        // Display escapes line ends, so no name can forge a line.
        format!("{title}\nhost {host} {port}\nuser {user}\nfolder {folder}\nfile {remote}\n")
    }
}

/// Whether what an earlier try left is to blame, so that it may go well without it: a server that cannot restart says
/// so before anything is sent.
pub(super) fn is_of_the_part(error: &Error) -> bool {
    match error {
        Error::Refused { last } => {
            last.verb == Some(Verb::Rest) || error.code() == Some(NO_SUCH_PLACE)
        }
        Error::Unproven { missing, .. } => matches!(missing, Proof::Digest { .. }),
        // From another place than was asked for, blocks and records are none.
        Error::NotInForm { .. } => true,
        error => overlap::is_difference(error),
    }
}

/// A time of the server as this system has it.
pub(crate) fn system_time(time: Timestamp) -> Option<SystemTime> {
    let nanos = Duration::from_nanos(u64::from(time.nanos()));
    let whole = Duration::from_secs(time.seconds().unsigned_abs());
    let second = if time.seconds() < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(whole)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(whole)
    };
    second?.checked_add(nanos)
}
