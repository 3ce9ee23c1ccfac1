//! Fetching a file into a file.
//!
//! What the target was stays until the new file is proven complete. RFC 3659 sections 3 to 5 (MDTM, SIZE,
//! REST).

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tokio::fs::File;
use wharf_proto::codec::passes_through;
use wharf_proto::params::Representation;
use wharf_proto::time::Timestamp;
use wharf_proto::{Command, Text, Verb};

use super::overlap::{self, Overlap};
use super::part::{Here, Opened, Part};
use super::{BYTES, local};
use crate::transfer::Order;
use crate::{End, Error, Progress, Proof, Session, Transfer, Watch};

/// How a file is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Get {
    /// TYPE, STRU and MODE. What they make of a file is in [`wharf_proto::codec`].
    pub how: Representation,
    /// Go on with what an earlier try left, if the file on the server is still the same. Only of bytes as they are.
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
}

/// The remote file as the server describes it.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    size: Option<u64>,
    modified: Option<Timestamp>,
}

impl Session {
    /// Fetches `remote` into the file `local`.
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
        let facts = self.facts(remote, request).await?;
        if is_special(target) {
            return self.get_into_special(remote, target, request, facts, watch).await;
        }
        let origin = self.origin(remote, facts);
        let opened =
            Part::open(target, origin.as_deref(), request.resume && passes_through(request.how))?;
        let opened = match facts.size {
            Some(size) if opened.at > size => {
                drop(opened);
                Part::open_anew(target, origin.as_deref())?
            }
            _ => opened,
        };
        let resumes = opened.at > 0;
        match self.get_part(remote, opened, request, facts, watch).await {
            Err(error) if resumes && is_of_the_part(&error) => {
                let opened = Part::open_anew(target, origin.as_deref())?;
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
        let Opened { part, file, at, tail, discarded } = opened;
        if discarded {
            watch(Progress::StartsOver);
        }
        let mut file = Here(file);
        let how = request.how;
        self.set_form(how).await?;
        watch(Progress::Begins { at, total: facts.size });
        let offset = at - tail.len() as u64;
        let command = Command::Retr(remote.clone());
        let expected = facts.size.map(|size| size.saturating_sub(offset));
        let order = Order { command: &command, offset, restart: true, expected, how };
        let fetched = self.receive(&order, &mut Overlap::new(&tail, &mut file), watch).await;
        let Transfer { moved, end, .. } = fetched.map_err(unwritten(part.path()))?;
        let checked = match self.unchanged(remote, facts, moved).await {
            Ok(()) if request.verify && passes_through(how) => {
                self.agrees(remote, part.path()).await
            }
            unchanged => unchanged.map(|()| false),
        };
        let verified = match checked {
            Err(error @ Error::Unproven { .. }) => {
                part.discard();
                return Err(error);
            }
            checked => checked?,
        };
        if let Some(time) = facts.modified.and_then(system_time) {
            file.0.set_modified(time).map_err(local("set the time of", part.path()))?;
        }
        part.finish()?;
        Ok(Fetched { moved, resumed_at: at, size: facts.size, end, verified })
    }

    /// That the file is the one that was begun with, as far as its time tells. It is asked when all of it is here, so a
    /// session that breaks then changes nothing.
    async fn unchanged(&mut self, remote: &Text, facts: Facts, moved: u64) -> Result<(), Error> {
        let Some(before) = facts.modified else { return Ok(()) };
        match self.mdtm(remote).await {
            Ok(Some(now)) if now != before => Err(Error::Unproven {
                missing: Proof::Unchanged,
                moved,
                last: self.control.last_boxed(),
                source: None,
            }),
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::debug!(%error, "whether the file has changed is not known");
                Ok(())
            }
        }
    }

    /// A target that is no file, such as `/dev/null` or a pipe, is written as it is.
    async fn get_into_special(
        &mut self,
        remote: &Text,
        target: &Path,
        request: Get,
        facts: Facts,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, Error> {
        let opened = File::options().write(true).open(target).await;
        let mut file = opened.map_err(local("open", target))?;
        let fetched = self.retrieve(remote, request.how, 0, facts.size, &mut file, watch).await;
        let Transfer { moved, end, .. } = fetched.map_err(unwritten(target))?;
        Ok(Fetched { moved, resumed_at: 0, size: facts.size, end, verified: false })
    }

    /// What the server tells of the file; nothing in plain mode, and no size where its bytes are others here.
    async fn facts(&mut self, remote: &Text, request: Get) -> Result<Facts, Error> {
        if self.plain {
            return Ok(Facts::default());
        }
        let exact = passes_through(request.how);
        let size = if exact { self.size(remote).await? } else { None };
        Ok(Facts { size, modified: self.mdtm(remote).await? })
    }

    /// The note that tells this remote file from every other one, and from itself after a change.
    fn origin(&self, remote: &Text, facts: Facts) -> Option<String> {
        let size = facts.size?;
        let modified =
            facts.modified.map_or_else(|| "unknown".to_owned(), |time| time.print_mdtm());
        let mut note = String::from("wharf part 1\n");
        let host = self.control.host();
        let port = self.control.server().port();
        let user = self.who();
        // Display escapes line ends, so no name can forge a line.
        let written = write!(
            note,
            "host {host} {port}\nuser {user}\nfolder {}\nfile {remote}\nsize {size}\nmodified {modified}\n",
            self.folder(),
        );
        written.ok().map(|()| note)
    }
}

/// Names the file that could not be written.
fn unwritten(path: &Path) -> impl FnOnce(Error) -> Error {
    move |error| match error {
        error if overlap::is_difference(&error) => error,
        Error::Sink(source) => local("write", path)(source),
        error => error,
    }
}

/// Whether what an earlier try left is to blame, so that it may go well without it: a server that cannot restart says
/// so before anything is sent.
fn is_of_the_part(error: &Error) -> bool {
    match error {
        Error::Refused { last } => last.verb == Some(Verb::Rest),
        Error::Unproven { missing, .. } => matches!(missing, Proof::Digest { .. }),
        error => overlap::is_difference(error),
    }
}

fn is_special(target: &Path) -> bool {
    fs::metadata(target).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
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
