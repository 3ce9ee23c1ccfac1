//! Storing a file of this machine on the server.
//!
//! Whether the server keeps a broken upload, and shows it under the file's name, is the server's choice;
//! going on with one is therefore only done when asked for. RFC 3659 section 5.

use std::fs::Metadata;
use std::io::SeekFrom;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tokio::fs::File;
use tokio::io::AsyncSeekExt;
use wharf_proto::codec::passes_through;
use wharf_proto::params::Representation;
use wharf_proto::{Command, Text, Verb};

use super::{BYTES, local};
use crate::transfer::Order;
use crate::{Error, Progress, Proof, Session, Transfer, Watch};

/// How a file is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Put {
    /// TYPE, STRU and MODE. What they make of a file is in [`wharf_proto::codec`].
    pub how: Representation,
    /// Go on with what the server has, if that is the beginning of this file: not larger, and by a digest the same, or
    /// with the same last bytes. Where the server lets nobody look at it, its size alone decides.
    pub resume: bool,
}

impl Default for Put {
    fn default() -> Self {
        Self { how: BYTES, resume: false }
    }
}

/// Whether the bytes of the file are those that the server has.
fn is_exact(request: Put) -> bool {
    passes_through(request.how)
}

/// A file that was stored, and that the server says it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// How many bytes went over the data connection this time.
    pub moved: u64,
    /// How many were there from an earlier try.
    pub resumed_at: u64,
    /// Whether SIZE agreed afterwards. It does not where the server does not tell, in plain mode and for
    /// text; where it tells another size, storing is an error.
    pub verified: bool,
}

impl Session {
    /// Stores the file `source` as `remote`.
    ///
    /// # Errors
    /// `Local` for trouble with the file, `Unproven` when the server has another size of it afterwards,
    /// and every error that a transfer can have.
    pub async fn put(
        &mut self,
        source: &Path,
        remote: &Text,
        request: Put,
        watch: &mut Watch<'_>,
    ) -> Result<Stored, Error> {
        let mut file = File::open(source).await.map_err(local("open", source))?;
        let metadata = file.metadata().await.map_err(local("open", source))?;
        if metadata.is_dir() {
            return Err(local("send", source)(std::io::ErrorKind::IsADirectory.into()));
        }
        let total = metadata.is_file().then_some(metadata.len());
        let at = match total.filter(|_| request.resume && is_exact(request) && !self.plain) {
            Some(total) => self.resume_at(remote, (&file, source), total, watch).await?,
            None => 0,
        };
        watch(Progress::Begins { at, total });
        if at > 0 && Some(at) == total {
            return Ok(Stored { moved: 0, resumed_at: at, verified: true });
        }
        file.seek(SeekFrom::Start(at))
            .await
            .or_else(seekable(at))
            .map_err(local("read", source))?;
        let transfer = match self.put_bytes(&mut file, remote, at, request, watch).await {
            Err(Error::Source(error)) => return Err(local("read", source)(error)),
            result => result?,
        };
        let after = file.metadata().await.map_err(local("read", source))?;
        if total.is_some() && !is_same_version(&metadata, &after) {
            return Err(Error::Unproven {
                missing: Proof::Unchanged,
                moved: transfer.moved,
                last: self.control.last_boxed(),
                source: None,
            });
        }
        let verified = self.verify(remote, at + transfer.moved, request).await?;
        Ok(Stored { moved: transfer.moved, resumed_at: at, verified })
    }

    /// How much of the file the server has already, as far as its size, its digest and its last bytes tell.
    async fn resume_at(
        &mut self,
        remote: &Text,
        (file, source): (&File, &Path),
        total: u64,
        watch: &mut Watch<'_>,
    ) -> Result<u64, Error> {
        let Some(there) = self.size(remote).await?.filter(|there| *there > 0) else {
            return Ok(0);
        };
        let is_beginning = if there <= total {
            let file = file.try_clone().await.map_err(local("open", source))?.into_std().await;
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

    /// Sends the file from where it stands, at byte `at`.
    async fn put_bytes(
        &mut self,
        file: &mut File,
        remote: &Text,
        at: u64,
        request: Put,
        watch: &mut Watch<'_>,
    ) -> Result<Transfer, Error> {
        let how = request.how;
        self.set_form(how).await?;
        if at > 0 && self.features().await?.has("REST") {
            let command = Command::Stor(remote.clone());
            let order = Order { command: &command, offset: at, restart: true, expected: None, how };
            match self.transmit(&order, file, watch).await {
                Err(Error::Refused { last }) if last.verb == Some(Verb::Rest) => {}
                result => return result,
            }
        }
        let command = match at {
            0 => Command::Stor(remote.clone()),
            _ => Command::Appe(remote.clone()),
        };
        let order = Order { command: &command, offset: at, restart: false, expected: None, how };
        self.transmit(&order, file, watch).await
    }

    /// Asks the server how much it has now.
    async fn verify(&mut self, remote: &Text, sent: u64, request: Put) -> Result<bool, Error> {
        if !is_exact(request) || self.plain {
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
