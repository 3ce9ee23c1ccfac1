//! The pump: the only place where a byte of a file moves.
//!
//! It reads from one end, translates where the bytes of the file are not those on the wire, and writes to the other end. One
//! of the ends is the data connection, which has to hurry; a file system or a pager may take its time.
//! What the end of the bytes means is judged in `transfer.rs`.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use wharf_proto::codec::{Inbound, Losses, Outbound, Settings, passes_through};
use wharf_proto::params::Representation;

use crate::{Error, Progress, Throttle, Watch};

/// How much is moved at a time.
const CHUNK: usize = 256 * 1024;

/// Why the bytes stopped.
pub(super) enum Fault {
    /// The data connection broke.
    Network(io::Error),
    /// The data connection stood still for too long.
    Still,
    /// This machine's side failed.
    Here(Error),
}

/// Which end of a pump the data connection is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    Source,
    Sink,
}

/// What happens to the bytes on their way.
pub(super) enum Codec {
    AsIs,
    Out(Box<Outbound>),
    In(Box<Inbound>),
}

impl Codec {
    pub(super) fn sending(how: Representation) -> Self {
        if passes_through(how) {
            return Self::AsIs;
        }
        Outbound::new(how, &Settings::default()).map_or(Self::AsIs, |out| Self::Out(Box::new(out)))
    }

    pub(super) fn receiving(how: Representation) -> Self {
        if passes_through(how) {
            return Self::AsIs;
        }
        Inbound::new(how, &Settings::default()).map_or(Self::AsIs, |file| Self::In(Box::new(file)))
    }

    /// Turns some of the bytes, and tells how many of them, and whether the file has ended with them.
    fn turn<'a>(
        &mut self,
        bytes: &'a [u8],
        space: &'a mut Vec<u8>,
    ) -> Result<(&'a [u8], usize, bool), Error> {
        space.clear();
        match self {
            Self::AsIs => Ok((bytes, bytes.len(), false)),
            Self::Out(file) => {
                file.push(bytes, space).map_err(|error| Error::Source(io::Error::other(error)))?;
                Ok((space, bytes.len(), false))
            }
            Self::In(file) => {
                let progress =
                    file.push(bytes, space).map_err(|source| Error::NotInForm { source })?;
                Ok((space, progress.consumed, progress.ended))
            }
        }
    }

    /// What is still to go behind the last byte; gives what could not be kept.
    fn end(&mut self, space: &mut Vec<u8>) -> Result<Losses, Fault> {
        space.clear();
        match std::mem::replace(self, Self::AsIs) {
            Self::AsIs => Ok(Losses::default()),
            Self::Out(mut file) => file
                .finish(space)
                .map(|()| file.losses())
                .map_err(|error| Fault::Here(Error::Source(io::Error::other(error)))),
            // The connection ended before the file did.
            Self::In(mut file) => file
                .finish(space)
                .map(|()| file.losses())
                .map_err(|error| Fault::Network(io::Error::new(io::ErrorKind::InvalidData, error))),
        }
    }
}

/// Moves the bytes of one transfer.
pub(super) struct Pump<'a, 'w> {
    pub(super) codec: Codec,
    pub(super) network: Network,
    pub(super) patience: Duration,
    pub(super) offset: u64,
    /// How many bytes are to come, where that is known: a small file needs no large buffer.
    pub(super) expected: Option<u64>,
    /// How fast the bytes may move.
    pub(super) throttle: Option<Throttle>,
    pub(super) watch: &'a mut Watch<'w>,
}

impl Pump<'_, '_> {
    /// Moves bytes until the source ends; `moved` counts those on the data connection. Only the data
    /// connection has to hurry: a file system or a pager may take its time.
    pub(super) async fn run<R, W>(
        &mut self,
        from: &mut R,
        to: &mut W,
        moved: &mut u64,
    ) -> Result<(), Fault>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let expected = self.expected.and_then(|expected| usize::try_from(expected).ok());
        let most = self.throttle.as_ref().map_or(CHUNK, |throttle| throttle.portion(CHUNK));
        let mut chunk =
            vec![0; expected.map_or(most, |expected| expected.clamp(4096.min(most), most))];
        let mut space = Vec::new();
        loop {
            let count = match self.network {
                Network::Source => in_time(self.patience, from.read(&mut chunk)).await?,
                Network::Sink => {
                    from.read(&mut chunk).await.map_err(|e| Fault::Here(Error::Source(e)))?
                }
            };
            if count == 0 {
                break;
            }
            if self.network == Network::Source {
                *moved += count as u64;
            }
            let (mut at, mut ended) = (0, false);
            while at < count && !ended {
                let turned = self.codec.turn(&chunk[at..count], &mut space).map_err(Fault::Here)?;
                let (bytes, taken, end) = turned;
                write(self.network, self.patience, to, bytes, moved).await?;
                (at, ended) = (at + taken, end);
            }
            (self.watch)(Progress::At(self.offset + *moved));
            if let Some(throttle) = &self.throttle {
                throttle.pay(count as u64).await;
            }
            if ended {
                break;
            }
        }
        let ended = self.codec.end(&mut space)?;
        if ended != Losses::default() {
            (self.watch)(Progress::Lost(ended));
        }
        write(self.network, self.patience, to, &space, moved).await
    }

    /// Writes what is still held back of a file that was broken off, and has it all written out.
    pub(super) async fn finish<W: AsyncWrite + Unpin>(mut self, to: &mut W) -> Result<(), Error> {
        let mut rest = Vec::new();
        // That it is not whole is known already.
        let _ = self.codec.end(&mut rest);
        to.write_all(&rest).await.map_err(Error::Sink)?;
        to.flush().await.map_err(Error::Sink)
    }
}

async fn write<W: AsyncWrite + Unpin>(
    network: Network,
    patience: Duration,
    to: &mut W,
    mut bytes: &[u8],
    moved: &mut u64,
) -> Result<(), Fault> {
    if network == Network::Source {
        return to.write_all(bytes).await.map_err(|error| Fault::Here(Error::Sink(error)));
    }
    while !bytes.is_empty() {
        match in_time(patience, to.write(bytes)).await? {
            0 => return Err(Fault::Network(io::ErrorKind::WriteZero.into())),
            count => {
                *moved += count as u64;
                bytes = &bytes[count..];
            }
        }
    }
    Ok(())
}

async fn in_time<T>(
    patience: Duration,
    io: impl Future<Output = io::Result<T>>,
) -> Result<T, Fault> {
    match timeout(patience, io).await {
        Ok(result) => result.map_err(Fault::Network),
        Err(_) => Err(Fault::Still),
    }
}
