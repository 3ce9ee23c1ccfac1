//! A lane: one session that fetches pieces of a file, one after the other.
//!
//! Where a piece ends, the server ends by itself if it has RANG; else what comes behind it is broken off. Nothing is
//! decided here about which bytes are whose: that is the ledger's.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::AsyncWrite;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use wharf_proto::{Command, Text, Verb};

use super::super::overlap::{self, Overlap, is_enough};
use super::super::{local, unwritten};
use super::ledger::{Job, Ledger, Place, SEAM, Span};
use crate::transfer::{Order, Restart};
use crate::{BYTES, End, Error, Pool, Proof, Retry, Session, Watch, quiet};

/// How often a lane that has nothing to do looks whether another one has become slow.
const LOOKS: Duration = Duration::from_millis(250);

/// A file that is fetched in pieces, and what its lanes share.
#[derive(Debug)]
pub(super) struct Pieces {
    remote: Text,
    size: u64,
    file: File,
    path: PathBuf,
    ledger: Mutex<Ledger>,
    /// Something may have become free to be done.
    changed: Notify,
    /// Whether the server ends where RANG says.
    ranges: AtomicBool,
    /// How many bytes have come over data connections.
    moved: AtomicU64,
    /// Whether TLS was ended without saying so anywhere.
    counted: AtomicBool,
}

impl Pieces {
    pub(super) fn new(
        remote: &Text,
        (file, path): (File, &Path),
        ledger: Ledger,
        ranges: bool,
    ) -> Self {
        Self {
            remote: remote.clone(),
            size: ledger.size(),
            file,
            path: path.to_owned(),
            ledger: Mutex::new(ledger),
            changed: Notify::new(),
            ranges: AtomicBool::new(ranges),
            moved: AtomicU64::new(0),
            counted: AtomicBool::new(false),
        }
    }

    /// The file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// How many bytes of the file are there.
    pub(super) fn there(&self) -> u64 {
        self.ledger().there()
    }

    /// How many are not.
    pub(super) fn lacking(&self) -> u64 {
        self.size - self.there()
    }

    /// Which bytes of the file are there.
    pub(super) fn spans(&self) -> Vec<Span> {
        self.ledger().spans()
    }

    /// Whether all of it is.
    pub(super) fn is_whole(&self) -> bool {
        self.ledger().is_whole()
    }

    /// How many bytes have come this time, and what the end of the file is proven by.
    pub(super) fn moved(&self) -> (u64, End) {
        let counted = self.counted.load(Ordering::Relaxed);
        (self.moved.load(Ordering::Relaxed), if counted { End::Counted } else { End::Said })
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lane has ended with its piece.
    fn leave(&self, lane: usize, in_order: bool) {
        self.ledger().leave(lane, in_order);
        self.changed.notify_waiters();
    }

    /// Compares what can be compared where two pieces meet.
    pub(super) fn compare(&self) -> Result<(), Error> {
        let mut ledger = self.ledger();
        while let Some((at, seam)) = ledger.seam() {
            let mut here = vec![0; seam.len()];
            self.file.read_exact_at(&mut here, at).map_err(local("read", &self.path))?;
            if here != seam {
                return Err(overlap::difference());
            }
            ledger.join();
        }
        Ok(())
    }
}

/// Works with one session after the other until nothing is left to do. One that the server does not let in is one less;
/// the `first` insists.
pub(super) async fn run(
    pieces: &Pieces,
    pool: &Pool,
    lane: usize,
    retries: u32,
) -> Result<(), Error> {
    let mut retry = Retry::new(retries);
    loop {
        let before = pieces.ledger().brought(lane);
        let error = match pool.take().await {
            Ok(Some(mut session)) => {
                let worked = session.fetch_pieces(pieces, lane, &mut quiet()).await;
                session.settle(&worked);
                match worked {
                    Ok(()) => return Ok(()),
                    Err(error) => error,
                }
            }
            Ok(None) => return Ok(()),
            Err(error) if lane > 0 => {
                tracing::info!(%error, "one segment less");
                return Ok(());
            }
            Err(error) => error,
        };
        // An end that was not proven comes again each time, which gets nobody on.
        if pieces.ledger().brought(lane) > before + SEAM {
            retry.progressed();
        }
        let Some(wait) = retry.after(&error) else { return Err(error) };
        tracing::info!(%error, ?wait, "a segment broke off; trying again");
        sleep(wait).await;
    }
}

impl Session {
    /// Fetches pieces of a file until nothing is left to do.
    pub(super) async fn fetch_pieces(
        &mut self,
        pieces: &Pieces,
        lane: usize,
        watch: &mut Watch<'_>,
    ) -> Result<(), Error> {
        self.set_form(BYTES).await?;
        loop {
            let job = {
                let mut ledger = pieces.ledger();
                let job = ledger.take(lane, Instant::now());
                if job.is_none() && !ledger.is_busy() {
                    return Ok(());
                }
                job
            };
            let Some(job) = job else {
                // What another one does may come back, or be worth taking half of it.
                let _ = timeout(LOOKS, pieces.changed.notified()).await;
                continue;
            };
            let fetched = self.fetch_piece(pieces, lane, job, watch).await;
            pieces.leave(lane, fetched.is_ok());
            fetched?;
            pieces.compare()?;
            if self.control.is_spent() {
                return Err(Error::ControlLost { last: self.control.last_boxed(), source: None });
            }
        }
    }

    /// Fetches a piece, as far as it is not taken by others meanwhile.
    async fn fetch_piece(
        &mut self,
        pieces: &Pieces,
        lane: usize,
        job: Job,
        watch: &mut Watch<'_>,
    ) -> Result<(), Error> {
        let known = overlap::piece(&pieces.file, job.at - job.known, job.known, &pieces.path)?;
        let offset = job.at - job.known;
        let ranged = job.until < pieces.size && pieces.ranges.load(Ordering::Relaxed);
        let (ends, restart) = match ranged {
            true => (job.until, Restart::Rang(job.until)),
            false => (pieces.size, Restart::Rest),
        };
        let command = Command::Retr(pieces.remote.clone());
        let order =
            Order { command: &command, offset, restart, expected: Some(ends - offset), how: BYTES };
        let mut sink = Sink { pieces, lane, at: job.at, ends, is_over: false };
        let received = self.receive(&order, &mut Overlap::new(&known, &mut sink), watch).await;
        let came = match &received {
            Ok(transfer) => transfer.moved,
            Err(_) if sink.at > job.at => sink.at - offset,
            Err(_) => 0,
        };
        pieces.moved.fetch_add(came, Ordering::Relaxed);
        match received {
            Ok(transfer) => {
                pieces.counted.fetch_or(transfer.end == End::Counted, Ordering::Relaxed);
                Ok(())
            }
            Err(error) if is_enough(&error) && !sink.is_over => Ok(()),
            Err(error) if is_enough(&error) => Err(Error::Unproven {
                missing: Proof::Size { expected: pieces.size, found: sink.at },
                moved: came,
                last: self.control.last_boxed(),
                source: None,
            }),
            Err(Error::Refused { last }) if last.verb == Some(Verb::Rang) => {
                pieces.ranges.store(false, Ordering::Relaxed);
                Ok(())
            }
            // Of a range the size of the whole is not known there.
            Err(Error::Unproven { missing: Proof::Size { found, .. }, moved, last, source }) => {
                let missing = Proof::Size { expected: pieces.size, found };
                Err(Error::Unproven { missing, moved, last, source })
            }
            Err(error) => Err(unwritten(&pieces.path)(error)),
        }
    }
}

/// Where the bytes of a piece go.
struct Sink<'p> {
    pieces: &'p Pieces,
    lane: usize,
    /// Which byte of the file comes next.
    at: u64,
    /// Where the server ends by itself.
    ends: u64,
    /// Whether more came than the file has.
    is_over: bool,
}

impl Sink<'_> {
    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let within =
            |room: u64| usize::try_from(room).map_or(bytes.len(), |room| room.min(bytes.len()));
        let place = self.pieces.ledger().place(self.lane);
        let count = match place {
            Place::File { at, room } => {
                let count = within(room);
                self.pieces.file.write_all_at(&bytes[..count], at)?;
                self.pieces.ledger().came(self.lane, count as u64);
                count
            }
            Place::Seam { room } => {
                let count = within(room);
                self.pieces.ledger().came_behind(self.lane, &bytes[..count]);
                count
            }
            Place::Beyond => {
                self.is_over = self.at >= self.pieces.size;
                self.at += bytes.len() as u64;
                return Err(overlap::enough());
            }
        };
        self.at += count as u64;
        // What the server would go on with is for others, or here already. It may take a while to understand that.
        if self.at < self.ends && self.pieces.ledger().place(self.lane) == Place::Beyond {
            self.pieces.leave(self.lane, true);
            return Err(overlap::enough());
        }
        Ok(count)
    }
}

impl AsyncWrite for Sink<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.take(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
