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
use wharf_proto::codec::{
    self, Event, Inbound, Losses, NoRestart, Outbound, Settings, passes_through,
};
use wharf_proto::params::Representation;

use crate::marks::{INTERVAL, Journal, Mark, Marks};
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

/// What has become of some bytes.
struct Turned<'a> {
    bytes: &'a [u8],
    /// How many were taken.
    taken: usize,
    /// Whether the file has ended with them.
    ended: bool,
    /// What came beside the file.
    events: Vec<Event>,
}

impl Codec {
    /// For a file that is sent, with markers where they are to be kept.
    pub(super) fn sending(how: Representation, marks: &Marks) -> Result<Self, Error> {
        let marker_interval = marks.journal.is_some().then_some(INTERVAL);
        let settings = Settings { marker_interval, ..Settings::default() };
        let codec = if passes_through(how) { None } else { Outbound::new(how, &settings) };
        let Some(mut file) = codec else { return Ok(Self::AsIs) };
        if let Some(mark) = &marks.from {
            file.resume_at(mark.here).map_err(no_restart)?;
        }
        Ok(Self::Out(Box::new(file)))
    }

    /// For a file that comes, from its beginning or from a mark on.
    pub(super) fn receiving(how: Representation, from: Option<&Mark>) -> Result<Self, Error> {
        let settings = Settings::default();
        let codec = if passes_through(how) { None } else { Inbound::new(how, &settings) };
        let Some(mut file) = codec else { return Ok(Self::AsIs) };
        if let Some(mark) = from {
            file.resume_at(mark.here).map_err(no_restart)?;
        }
        Ok(Self::In(Box::new(file)))
    }

    /// Turns some of the bytes.
    fn turn<'a>(&mut self, bytes: &'a [u8], space: &'a mut Vec<u8>) -> Result<Turned<'a>, Error> {
        space.clear();
        let all = |bytes, taken| Turned { bytes, taken, ended: false, events: Vec::new() };
        match self {
            Self::AsIs => Ok(all(bytes, bytes.len())),
            Self::Out(file) => {
                file.push(bytes, space).map_err(|error| Error::Source(io::Error::other(error)))?;
                Ok(all(space, bytes.len()))
            }
            Self::In(file) => {
                let progress =
                    file.push(bytes, space).map_err(|source| Error::NotInForm { source })?;
                let codec::Progress { consumed: taken, ended, events } = progress;
                Ok(Turned { bytes: space, taken, ended, events })
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
    /// How many bytes of the file are there.
    pub(super) at: u64,
    /// How many bytes are to come, where that is known: a small file needs no large buffer.
    pub(super) expected: Option<u64>,
    /// How fast the bytes may move.
    pub(super) throttle: Option<Throttle>,
    /// Where the server's restart markers are kept.
    pub(super) journal: Option<&'a mut Journal>,
    /// How many places the sender has marked as suspect.
    pub(super) suspect: u64,
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
            match self.network {
                Network::Source => *moved += count as u64,
                Network::Sink => self.at += count as u64,
            }
            let (mut at, mut ended) = (0, false);
            while at < count && !ended {
                let turned = self.codec.turn(&chunk[at..count], &mut space).map_err(Fault::Here)?;
                write(self.network, self.patience, to, turned.bytes, moved).await?;
                if self.network == Network::Source {
                    self.at += turned.bytes.len() as u64;
                }
                (at, ended) = (at + turned.taken, turned.ended);
                self.keep(turned.events);
            }
            (self.watch)(Progress::At(self.at));
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

    /// Keeps the markers that came with what has been written, and counts what is suspect.
    fn keep(&mut self, events: Vec<Event>) {
        let suspect = events.iter().filter(|event| matches!(event, Event::Suspect { .. }));
        self.suspect += suspect.count() as u64;
        let Some(journal) = &mut self.journal else { return };
        for event in events {
            if let Event::Marker { text, here: Some(here) } = event
                && let Some(mark) = Mark::new(text.as_bytes(), here)
            {
                journal.keep(mark);
            }
        }
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

/// Of pages no mark is ever kept, so a note that has one was not written by us.
fn no_restart(error: NoRestart) -> Error {
    Error::Source(io::Error::other(error))
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
