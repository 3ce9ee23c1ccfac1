//! Storing a file of this machine on the server.
//!
//! Whether the server keeps a broken upload, and shows it under the file's name, is the server's choice;
//! going on with one is therefore only done when asked for. RFC 3659 section 5.
//!
//! In block and compressed mode the server tells the places from which it could go on (110), and a note beside the file,
//! `.NAME.wharf-sent`, keeps the last of them until the file is stored.

use std::fmt::Write as _;
use std::fs::{self, Metadata};
use std::io::SeekFrom;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::AsyncSeekExt;
use wharf_proto::codec::{is_exact, passes_through};
use wharf_proto::params::Representation;
use wharf_proto::time::Timestamp;
use wharf_proto::{Command, Text};

use super::behind::Behind;
use super::{BYTES, beside, local, take_name, temporary};
use crate::marks::{Journal, Marks};
use crate::transfer::{Order, Restart};
use crate::{Error, Progress, Proof, Session, Transfer, Watch};

/// How a file is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Put {
    /// TYPE, STRU and MODE. What they make of a file is in [`wharf_proto::codec`].
    pub how: Representation,
    /// Go on with what the server has, if that is the beginning of this file: not larger, and by a digest the same, or
    /// with the same last bytes. Where the server lets nobody look at it, its size alone decides. In block and compressed
    /// mode it is gone on with from a restart marker that the server has answered to an earlier try of this file, if there
    /// is one.
    pub resume: bool,
    /// Store it under a temporary name in the same folder, `.NAME.wharf-part`, and give it its own when all of it is
    /// there and proven: until then what has the name stays. With `resume` it is the temporary one that is gone on with.
    pub atomic: bool,
    /// Compare digests, where the server makes them.
    pub verify: bool,
    /// Give it the time of the file here, where the server can be told.
    pub times: bool,
}

impl Default for Put {
    fn default() -> Self {
        Self { how: BYTES, resume: false, atomic: false, verify: false, times: false }
    }
}

/// A file that was stored, and that the server says it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// How many bytes went over the data connection this time.
    pub moved: u64,
    /// How many were there from an earlier try.
    pub resumed_at: u64,
    /// How many the file has; `None` where it was translated.
    pub size: Option<u64>,
    /// Whether SIZE agreed afterwards. It does not where the server does not tell, in plain mode and for
    /// text; where it tells another size, storing is an error.
    pub verified: bool,
    /// Whether the digests agreed; they do not where nobody asked, or the server makes none.
    pub agrees: bool,
}

/// A file that is to be sent.
struct Sent<'a> {
    path: &'a Path,
    file: File,
    metadata: Metadata,
}

impl<'a> Sent<'a> {
    async fn open(path: &'a Path) -> Result<Self, Error> {
        let file = File::open(path).await.map_err(local("open", path))?;
        let metadata = file.metadata().await.map_err(local("open", path))?;
        if metadata.is_dir() {
            return Err(local("send", path)(std::io::ErrorKind::IsADirectory.into()));
        }
        Ok(Self { path, file, metadata })
    }

    /// How many bytes it has; a pipe does not tell.
    fn total(&self) -> Option<u64> {
        self.metadata.is_file().then_some(self.metadata.len())
    }

    /// The note that keeps its marks.
    fn note(&self) -> PathBuf {
        beside(self.path, "wharf-sent")
    }
}

/// Where an upload begins.
#[derive(Default)]
struct Beginning {
    at: u64,
    marks: Marks,
}

impl Session {
    /// Stores the file `source` as `remote`.
    ///
    /// # Errors
    /// `Local` for trouble with the file, `Unproven` when the server has another size or digest of it afterwards,
    /// `Refused` where it may not have its name, and every error that a transfer can have.
    pub async fn put(
        &mut self,
        source: &Path,
        remote: &Text,
        request: Put,
        watch: &mut Watch<'_>,
    ) -> Result<Stored, Error> {
        let name = if request.atomic { temporary(remote) } else { remote.clone() };
        let (stored, found) = self.put_proven(source, &name, request, watch).await?;
        if request.times && found.is_file() {
            // What is stored and proven is not stored again for the sake of its time.
            if let Err(error) = self.keep_time(&name, Timestamp::new(found.mtime(), 0)).await {
                tracing::debug!(%error, "the file has the time of its upload");
            }
        }
        if request.atomic && take_name(self, &name, remote, request.resume, true).await? {
            watch(Progress::OldGone);
        }
        Ok(stored)
    }

    /// Puts the bytes of the file `source` behind what is in `remote`, which is made if it is not there (APPE, RFC 959
    /// section 4.1.3). Gives how many were sent; nothing but the server's word proves them.
    ///
    /// # Errors
    /// `Local` for trouble with the file, and every error that a transfer can have.
    pub async fn append(
        &mut self,
        source: &Path,
        remote: &Text,
        how: Representation,
        watch: &mut Watch<'_>,
    ) -> Result<u64, Error> {
        let mut sent = Sent::open(source).await?;
        self.set_form(how).await?;
        watch(Progress::Begins { at: 0, total: sent.total() });
        let command = Command::Appe(remote.clone());
        let restart = Restart::Known;
        let order = Order { command: &command, offset: 0, restart, expected: None, how };
        match self.transmit(&order, &mut sent.file, watch).await {
            Ok(transfer) => Ok(transfer.moved),
            Err(Error::Source(error)) => Err(local("read", source)(error)),
            Err(error) => Err(error),
        }
    }

    /// Stores the file `source` under this very name, and proves it. Gives what is known of the file that was sent, which
    /// need not be the one that has the path by now.
    pub(crate) async fn put_proven(
        &mut self,
        source: &Path,
        remote: &Text,
        request: Put,
        watch: &mut Watch<'_>,
    ) -> Result<(Stored, Metadata), Error> {
        let mut sent = Sent::open(source).await?;
        let mut stored = self.put_as(&mut sent, remote, request, watch).await?;
        if request.verify && is_exact(request.how) {
            stored.agrees = self.agrees(remote, source).await?;
        }
        Ok((stored, sent.metadata))
    }

    /// Sends it.
    async fn put_as(
        &mut self,
        sent: &mut Sent<'_>,
        remote: &Text,
        request: Put,
        watch: &mut Watch<'_>,
    ) -> Result<Stored, Error> {
        let source = sent.path;
        let total = sent.total();
        let mut begin = self.beginning(remote, sent, request, watch).await?;
        if begin.at > 0 && Some(begin.at) == total {
            watch(Progress::Begins { at: begin.at, total });
            let resumed_at = begin.at;
            return Ok(Stored { moved: 0, resumed_at, size: total, verified: true, agrees: false });
        }
        let transfer = match self.put_from(&mut begin, sent, remote, request, watch).await {
            Err(Error::Source(error)) => return Err(local("read", source)(error)),
            result => result?,
        };
        let after = sent.file.metadata().await.map_err(local("read", source))?;
        if request.how.mode.is_framed() {
            // A note that stays is found to be of another version, or is replaced.
            let _ = fs::remove_file(sent.note());
        }
        if total.is_some() && !is_same_version(&sent.metadata, &after) {
            return Err(Error::Unproven {
                missing: Proof::Unchanged,
                moved: transfer.moved,
                last: self.control.last_boxed(),
                source: None,
            });
        }
        let size = match passes_through(request.how) {
            true => Some(begin.at + transfer.moved),
            false => total.filter(|_| is_exact(request.how)),
        };
        let verified = match size {
            Some(size) => self.verify(remote, size).await?,
            None => false,
        };
        let Transfer { moved, .. } = transfer;
        Ok(Stored { moved, resumed_at: begin.at, size, verified, agrees: false })
    }

    /// Where to begin: behind what the server has, as far as that can be found out.
    async fn beginning(
        &mut self,
        remote: &Text,
        sent: &Sent<'_>,
        request: Put,
        watch: &mut Watch<'_>,
    ) -> Result<Beginning, Error> {
        let how = request.how;
        let Some(total) = sent.total().filter(|_| !self.plain) else {
            return Ok(Beginning::default());
        };
        let there = match request.resume && is_exact(how) {
            true => self.resume_at(remote, sent, total, watch).await?,
            false => 0,
        };
        if passes_through(how) || (there > 0 && there == total) {
            return Ok(Beginning { at: there, ..Beginning::default() });
        }
        if !how.mode.is_framed() {
            return Ok(Beginning::default());
        }
        // Of other bytes nobody knows how many there should be.
        let most = if is_exact(how) { there } else { total };
        let note = Journal::read(&sent.note(), &self.origin_of(sent, remote, how));
        if let Some(mut journal) = note.filter(|_| request.resume) {
            let mark = journal.marks().rev().find(|mark| mark.here.offset() <= most).cloned();
            if let Some(mark) = mark {
                let at = mark.here.offset();
                journal.cut(at);
                let marks = Marks { from: Some(mark), journal: Some(journal) };
                return Ok(Beginning { at, marks });
            }
        }
        if there > 0 {
            watch(Progress::StartsOver);
        }
        self.anew(remote, sent, how).await
    }

    /// From the beginning of the file, in blocks.
    async fn anew(
        &mut self,
        remote: &Text,
        sent: &Sent<'_>,
        how: Representation,
    ) -> Result<Beginning, Error> {
        // What cannot be removed is replaced with the first mark.
        let _ = fs::remove_file(sent.note());
        // Some servers keep a broken upload apart from the file that has the name, and take REST to mean that file. Where
        // the bytes cannot be compared with it there is nothing that would tell.
        let replaces = !is_exact(how) && self.mdtm(remote).await?.is_some();
        let journal = || Journal::new(&sent.note(), &self.origin_of(sent, remote, how));
        let marks = Marks { from: None, journal: (!replaces).then(journal) };
        Ok(Beginning { at: 0, marks })
    }

    /// The note that tells this upload from every other one.
    fn origin_of(&self, sent: &Sent<'_>, remote: &Text, how: Representation) -> String {
        let mut note = self.whereabouts("wharf sent 1", remote);
        let file = &sent.metadata;
        let Representation { kind, structure, mode } = how;
        // Writing into a string cannot fail.
        let _ = write!(
            note,
            "size {}\nmodified {}.{:09}\nform {kind}, {structure}, {mode}\n",
            file.len(),
            file.mtime(),
            file.mtime_nsec(),
        );
        note
    }

    /// How much of the file the server has already, as far as its size, its digest and its last bytes tell.
    async fn resume_at(
        &mut self,
        remote: &Text,
        sent: &Sent<'_>,
        total: u64,
        watch: &mut Watch<'_>,
    ) -> Result<u64, Error> {
        let source = sent.path;
        let Some(there) = self.size(remote).await?.filter(|there| *there > 0) else {
            return Ok(0);
        };
        let is_beginning = if there <= total {
            let file = sent.file.try_clone().await.map_err(local("open", source))?.into_std().await;
            // Of a file that may only be written the size must do: it was asked for.
            self.is_beginning(remote, there, (&file, source)).await?.unwrap_or(true)
        } else {
            false
        };
        if is_beginning {
            return Ok(there);
        }
        watch(Progress::StartsOver);
        Ok(0)
    }

    /// Sends the file from where it is to begin; from its beginning, where the server does not know its own mark any more.
    async fn put_from(
        &mut self,
        begin: &mut Beginning,
        sent: &mut Sent<'_>,
        remote: &Text,
        request: Put,
        watch: &mut Watch<'_>,
    ) -> Result<Transfer, Error> {
        let (how, total) = (request.how, sent.total());
        loop {
            let at = begin.at;
            watch(Progress::Begins { at, total });
            sent.file
                .seek(SeekFrom::Start(at))
                .await
                .or_else(seekable(at))
                .map_err(Error::Source)?;
            self.set_form(how).await?;
            if !how.mode.is_framed() {
                match self.put_bytes(&mut sent.file, remote, at, how, watch).await? {
                    Behind::Appended(transfer) => return Ok(transfer),
                    Behind::Restarted(transfer) => {
                        if self.keeps(remote, at, sent).await? == Some(true) {
                            return Ok(transfer);
                        }
                        tracing::info!("the server does not keep what is before the place of REST");
                    }
                    Behind::Refused(error) if at == 0 => return Err(error),
                    Behind::Refused(error) => {
                        tracing::debug!(%error, "the server does not go on with files");
                    }
                }
                watch(Progress::StartsOver);
                *begin = Beginning::default();
                continue;
            }
            let command = Command::Stor(remote.clone());
            let order = Order {
                command: &command,
                offset: at,
                restart: Restart::Known,
                expected: None,
                how,
            };
            let Beginning { marks, .. } = begin;
            match self.transmit_marked(&order, marks, &mut sent.file, watch).await {
                Err(error @ Error::Refused { .. })
                    if begin.marks.from.is_some() && !error.is_passing() =>
                {
                    tracing::debug!(%error, "the server does not go on from its marker");
                    *begin = self.anew(remote, sent, how).await?;
                    watch(Progress::StartsOver);
                }
                Ok(_)
                    if begin.marks.from.is_some()
                        && is_exact(how)
                        && self.keeps(remote, at, sent).await? == Some(false) =>
                {
                    *begin = self.anew(remote, sent, how).await?;
                    watch(Progress::StartsOver);
                }
                result => return result,
            }
        }
    }

    /// Whether the server still has the first `at` bytes of a file, now that all of them should be there.
    async fn keeps(
        &mut self,
        remote: &Text,
        at: u64,
        sent: &Sent<'_>,
    ) -> Result<Option<bool>, Error> {
        let Some(total) = sent.total() else { return Ok(None) };
        let file = sent.file.try_clone().await.map_err(local("open", sent.path))?;
        let file = file.into_std().await;
        self.has_kept(remote, (at, total.max(at)), (&file, sent.path)).await
    }

    /// Asks the server how much it has now.
    pub(super) async fn verify(&mut self, remote: &Text, sent: u64) -> Result<bool, Error> {
        if self.plain {
            return Ok(false);
        }
        match self.size(remote).await? {
            Some(found) if found != sent => Err(Error::Unproven {
                missing: Proof::Size { expected: sent, found },
                moved: sent,
                last: self.control.last_boxed(),
                source: None,
            }),
            found => Ok(found.is_some()),
        }
    }
}

/// Whether nobody has written into a file in between.
pub(crate) fn is_same_version(before: &Metadata, after: &Metadata) -> bool {
    let version = |file: &Metadata| (file.len(), file.mtime(), file.mtime_nsec());
    version(before) == version(after)
}

/// A pipe cannot seek and need not at its beginning.
fn seekable(at: u64) -> impl FnOnce(std::io::Error) -> std::io::Result<u64> {
    move |error| if at == 0 { Ok(0) } else { Err(error) }
}
