//! Storing a file of this machine on the server.
//!
//! Whether the server keeps a broken upload, and shows it under the file's name, is the server's choice;
//! going on with one is therefore only done when asked for. RFC 3659 section 5.

use std::io::SeekFrom;
use std::path::Path;

use tokio::fs::File;
use tokio::io::AsyncSeekExt;
use wharf_proto::{Command, Text, Verb};

use super::{as_type, local};
use crate::transfer::Order;
use crate::{Error, Progress, Proof, Session, Transfer, Watch};

/// How a file is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Put {
    /// As text: TYPE A, the LF of each line becoming CR LF. Else byte by byte.
    pub text: bool,
    /// Go on with what the server has, if that is less than the whole. It must be the beginning of this
    /// very file; nothing but its size is looked at.
    pub resume: bool,
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
        let at = self.resume_at(remote, total, request, watch).await?;
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
        let verified = self.verify(remote, at + transfer.moved, request).await?;
        Ok(Stored { moved: transfer.moved, resumed_at: at, verified })
    }

    /// How much of the file the server has already, if that is to be gone on with.
    async fn resume_at(
        &mut self,
        remote: &Text,
        total: Option<u64>,
        request: Put,
        watch: &mut Watch<'_>,
    ) -> Result<u64, Error> {
        if !request.resume || request.text || self.plain {
            return Ok(0);
        }
        match (self.size(remote).await?, total) {
            (Some(there), Some(total)) if there <= total => Ok(there),
            (Some(_), Some(_)) => {
                watch(Progress::StartsOver);
                Ok(0)
            }
            (None, _) | (_, None) => Ok(0),
        }
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
        let kind = as_type(request.text);
        self.set_type(kind).await?;
        if at > 0 && self.features().await?.has("REST") {
            let command = Command::Stor(remote.clone());
            let order =
                Order { command: &command, offset: at, restart: true, expected: None, kind };
            match self.transmit(&order, file, watch).await {
                Err(Error::Refused { last }) if last.verb == Some(Verb::Rest) => {}
                result => return result,
            }
        }
        let command = match at {
            0 => Command::Stor(remote.clone()),
            _ => Command::Appe(remote.clone()),
        };
        let order = Order { command: &command, offset: at, restart: false, expected: None, kind };
        self.transmit(&order, file, watch).await
    }

    /// Asks the server how much it has now.
    async fn verify(&mut self, remote: &Text, sent: u64, request: Put) -> Result<bool, Error> {
        if request.text || self.plain {
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

/// A pipe cannot seek and need not at its beginning.
fn seekable(at: u64) -> impl FnOnce(std::io::Error) -> std::io::Result<u64> {
    move |error| if at == 0 { Ok(0) } else { Err(error) }
}
