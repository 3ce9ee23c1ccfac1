//! Transfers: from the command over the bytes to the proof that they are all there.
//!
//! How one comes about is in `transfer/beginning.rs`, and the bytes are moved by `transfer/pump.rs`. Around it the
//! replies of the server are heard at all times, because they may come before, between and after the bytes: a refusal
//! must end the wait for data, and a 226 must not. RFC 959 sections 3.4 and 5.4.
//!
//! House rule of this file: a transfer is done when the data connection ended by FIN (under TLS behind
//! close_notify) *and* the last reply says so *and* the size agrees where it is known. Everything else is an
//! error that names what is missing. One thing can stand in for a close_notify, which some old servers never
//! send: the very size that the server has told under TLS; and then it is told ([`End`]).

mod beginning;
mod cover;
mod pump;
mod replies;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use wharf_proto::codec::{Losses, Marker, WireError};
use wharf_proto::command::Range;
use wharf_proto::params::Representation;
use wharf_proto::reply::Class;
use wharf_proto::tap::{HalfEnd, Timer, What};
use wharf_proto::{Command, Reply};

use self::pump::{Codec, Fault, Network, Pump};
pub(crate) use self::replies::Replies;
use self::replies::alongside;
use crate::data::DataConnection;
use crate::marks::{Mark, Marks};
use crate::tls::Stream;
use crate::{Error, Proof, Session};

/// How long data may still come after the server said that the transfer failed: what was under way then
/// need not be fetched again.
pub(crate) const AFTERGLOW: Duration = Duration::from_millis(500);
/// So many bytes may take as long as a reply may.
pub(crate) const SLOWEST: u64 = 1 << 20;

/// What a transfer tells while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// An earlier part is of no use, because the file on the server is another one now or cannot be
    /// told from another one; all of it is fetched again.
    StartsOver,
    /// The bytes from here on will be moved.
    Begins {
        /// How many are there already from an earlier try.
        at: u64,
        /// How many the file has, if that is known.
        total: Option<u64>,
    },
    /// So many bytes of the file are there.
    At(u64),
    /// The server does not send parts of the file as they are asked for: what came is thrown away, and all of it is
    /// fetched in one stream.
    Unsplit,
    /// At so many places the server does not trust its own bytes, as it says: they prove nothing.
    Suspect(u64),
    /// An older version of the file, which an upload that broke off had left aside under a hidden name, was deleted.
    OldGone,
    /// Not all of it could be kept as it was, in the TYPE and STRU that were asked for.
    Lost(Losses),
}

/// Hears the progress of a transfer.
pub type Watch<'a> = dyn FnMut(Progress) + Send + 'a;

/// A watch that hears nothing.
pub fn quiet() -> impl FnMut(Progress) + Send {
    |_| {}
}

/// A transfer that is proven complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// How many bytes went over the data connection.
    pub moved: u64,
    /// The server's last word on it.
    pub reply: Reply,
    /// What its end is proven by.
    pub end: End,
    /// At how many places the server says that it does not trust its own bytes (RFC 959 section 3.4.2, descriptor 32).
    pub suspect: u64,
}

/// What proves that the end of a transfer is its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The data connection was ended in order.
    Said,
    /// Under TLS the server ended it without saying so, which anybody could have done in its name; but the
    /// bytes are as many as the server has told under TLS.
    Counted,
}

/// A transfer to be done.
pub(crate) struct Order<'a> {
    pub(crate) command: &'a Command,
    /// Where in the file to begin.
    pub(crate) offset: u64,
    /// How the server is told that.
    pub(crate) restart: Restart,
    /// How many bytes must come from there on, where that is known.
    pub(crate) expected: Option<u64>,
    /// How the bytes are represented.
    pub(crate) how: Representation,
}

/// How a server is told where in a file to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    /// It knows: by APPE, or because it is the beginning.
    Known,
    /// By REST.
    Rest,
    /// By RANG, which tells as well where to end: before this byte.
    Rang(u64),
}

impl Order<'_> {
    /// What tells the server where to begin, if that is not the beginning.
    fn restart(&self, from: Option<&Mark>) -> Option<Command> {
        let at = match self.restart {
            Restart::Rest if self.offset > 0 => Some(Command::Rest(Marker::at(self.offset))),
            Restart::Known | Restart::Rest => None,
            Restart::Rang(end) => Some(Command::Rang(Range { start: self.offset, end: Some(end) })),
        };
        from.map(Mark::restart).or(at)
    }
}

impl Session {
    /// Receives what the server sends on this command.
    pub(crate) async fn receive<W: AsyncWrite + Unpin>(
        &mut self,
        order: &Order<'_>,
        to: &mut W,
        watch: &mut Watch<'_>,
    ) -> Result<Transfer, Error> {
        self.receive_marked(order, &mut Marks::default(), to, watch).await
    }

    /// The same from a mark on, and keeps those that come.
    pub(crate) async fn receive_marked<W: AsyncWrite + Unpin>(
        &mut self,
        order: &Order<'_>,
        marks: &mut Marks,
        to: &mut W,
        watch: &mut Watch<'_>,
    ) -> Result<Transfer, Error> {
        let codec = Codec::receiving(order.how, marks.from.as_ref())?;
        let (mut data, mut replies) = self.begin(order, marks.from.as_ref()).await?;
        let mut moved = 0;
        let mut pump = Pump {
            codec,
            network: Network::Source,
            patience: self.control.patience(),
            at: order.offset,
            expected: order.expected,
            throttle: self.control.throttle(),
            journal: marks.journal.as_mut(),
            suspect: 0,
            watch: &mut *watch,
        };
        let work = pump.run(&mut data.stream, to, &mut moved);
        // A control connection that is merely lost does not end the data: bytes that still come need
        // not be fetched again.
        let late = |replies: &Replies| {
            let over = replies.refused() || replies.closing();
            over.then_some(if replies.begun { AFTERGLOW } else { Duration::ZERO })
        };
        let ended = alongside(&mut self.control, &mut replies, late, work).await;
        data.books.received = moved;
        match ended {
            Some(Ok(())) => {
                // In blocks a file ends before its connection does, which we end then.
                match order.how.mode.is_framed() {
                    false => data.books.theirs_ended(HalfEnd::Fin),
                    true => data.books.ours_ended(HalfEnd::Fin),
                }
                cover::return_close(&mut data).await;
            }
            Some(Err(Fault::Network(_))) => data.books.theirs_ended(HalfEnd::Reset),
            Some(Err(Fault::Here(_) | Fault::Still)) | None => {}
        }
        let resumed = data.resumed;
        let suspect = pump.suspect;
        // The server waits for our FIN before it calls the transfer done.
        drop(data);
        if matches!(ended, Some(Ok(()))) && replies.lost.is_none() && !replies.refused() {
            self.ask_ahead()?;
        }
        // Of a broken transfer too, what came is kept.
        let finished = pump.finish(to).await;
        let ended = match (ended, finished) {
            (Some(Ok(())), Err(error)) => Some(Err(Fault::Here(error))),
            (ended, _) => ended,
        };
        let transfer = self.conclude(order, ended, moved, replies, resumed).await?;
        if suspect > 0 {
            watch(Progress::Suspect(suspect));
        }
        Ok(Transfer { suspect, ..transfer })
    }

    /// Sends what the server shall store on this command.
    pub(crate) async fn transmit<R: AsyncRead + Unpin>(
        &mut self,
        order: &Order<'_>,
        from: &mut R,
        watch: &mut Watch<'_>,
    ) -> Result<Transfer, Error> {
        self.transmit_marked(order, &mut Marks::default(), from, watch).await
    }

    /// The same from a mark on, and keeps those that the server answers to the markers that are sent.
    pub(crate) async fn transmit_marked<R: AsyncRead + Unpin>(
        &mut self,
        order: &Order<'_>,
        marks: &mut Marks,
        from: &mut R,
        watch: &mut Watch<'_>,
    ) -> Result<Transfer, Error> {
        let codec = Codec::sending(order.how, marks)?;
        let (mut data, mut replies) = self.begin(order, marks.from.as_ref()).await?;
        replies.journal = marks.journal.take();
        let resumed = data.resumed;
        let brisk = self.may_be_brisk(order);
        // Under TLS its handshake comes behind the go-ahead.
        if (!brisk || data.stream.is_covered())
            && let Err(error) = self.await_go_ahead(&mut replies).await
        {
            return Err(self.explained(error, resumed));
        }
        let mut moved = 0;
        let mut pump = Pump {
            codec,
            network: Network::Sink,
            patience: self.control.patience(),
            at: order.offset,
            expected: order.expected,
            throttle: self.control.throttle(),
            journal: None,
            suspect: 0,
            watch,
        };
        data.reset_when_dropped(true);
        let mut uploading = data.stream.uploading();
        let work = pump.run(from, &mut uploading, &mut moved);
        let late = |replies: &Replies| replies.refused().then_some(Duration::ZERO);
        let ended = alongside(&mut self.control, &mut replies, late, work).await;
        data.books.sent = moved;
        let ended = match ended {
            Some(Ok(())) => {
                if brisk {
                    self.ask_size_ahead(order)?;
                }
                Some(self.finish_sending(&mut data, &mut replies).await)
            }
            other => other,
        };
        drop(data);
        self.conclude(order, ended, moved, replies, resumed).await
    }

    /// Breaks off what is under way, so that the session can go on: ABOR, where a transfer runs, and
    /// then all replies that are owed. To be called when the future of another method was dropped. What the replies say
    /// is heeded: of a change of folder whose future was dropped, [`pwd`](Self::pwd) tells whether it was made. A method
    /// that was elsewhere for a moment is led back.
    ///
    /// # Errors
    /// Those of the control connection; the session is of no further use then.
    pub async fn abort(&mut self) -> Result<(), Error> {
        self.abort_noting(&mut Replies::default()).await
    }

    /// The same, and notes what the server says of the transfer that is broken off.
    pub(crate) async fn abort_noting(&mut self, replies: &mut Replies) -> Result<(), Error> {
        (self.ahead, self.asked, self.sized, self.brisk) = (None, None, None, false);
        self.wind_up(replies).await?;
        self.come_home().await
    }

    /// Breaks off a transfer, and notes what the server says of it.
    pub(crate) async fn wind_up(&mut self, replies: &mut Replies) -> Result<(), Error> {
        const PATIENCE: Duration = Duration::from_secs(5);
        // A server that answers ABOR and the transfer does both at once; some answer only one of them.
        const BEHIND: Duration = Duration::from_secs(1);
        if self.control.owes_a_transfer() && !self.plain {
            self.control.send(&Command::Abor)?;
        }
        let mut waited = PATIENCE.min(self.control.patience());
        let mut until = Instant::now() + waited;
        while self.control.awaits_replies() {
            let Ok(answer) = timeout_at(until, self.control.answer()).await else {
                return Err(Error::NoReply { last: self.control.last_boxed(), waited });
            };
            let answer = answer?;
            if !answer.more {
                waited = waited.min(BEHIND);
                until = until.min(Instant::now() + BEHIND);
            }
            replies.note(Ok(answer));
        }
        Ok(())
    }

    /// Breaks off the transfer because of this error. The session may be lost by that; the first error
    /// is the one to tell, and the next command will find out.
    async fn abort_after(&mut self, error: Error) -> Error {
        if let Err(second) = self.wind_up(&mut Replies::default()).await {
            tracing::debug!(%second, "the transfer could not be broken off in order");
        }
        error
    }

    /// Before a server says 125 or 150 it may still refuse the file, and would not read what is sent.
    async fn await_go_ahead(&mut self, replies: &mut Replies) -> Result<(), Error> {
        while replies.open() && !replies.begun {
            let answer = self.control.patiently(async |control| control.answer().await).await;
            replies.note(answer);
        }
        if replies.refused() || replies.lost.is_some() {
            return Err(std::mem::take(replies).failure(self.control.last()));
        }
        Ok(())
    }

    /// Ends our half and looks how the server ends its own, until its last reply comes.
    async fn finish_sending(
        &mut self,
        data: &mut DataConnection,
        replies: &mut Replies,
    ) -> Result<(), Fault> {
        data.reset_when_dropped(false);
        let shut = timeout(self.control.patience(), data.stream.shutdown()).await;
        shut.map_err(|_| Fault::Still)?.map_err(Fault::Network)?;
        data.books.ours_ended(HalfEnd::Fin);
        // Under TLS the end of the server's half is awaited even behind its last reply: there may be tickets
        // before it, and a socket that is closed before they are read resets the connection.
        let linger = if data.stream.is_covered() { AFTERGLOW } else { Duration::ZERO };
        // As behind a download the next reply has its time; before it come the bytes that the kernel still holds.
        let parts = u32::try_from(1 + data.held().div_ceil(SLOWEST)).unwrap_or(u32::MAX);
        let waited = self.control.patience().saturating_mul(parts);
        let over = |replies: &Replies| Some(if replies.open() { waited } else { linger });
        let theirs = alongside(&mut self.control, replies, over, end_of(&mut data.stream)).await;
        if theirs.is_none() && replies.open() {
            replies.lost = Some(self.control.overdue(waited));
        }
        let how = theirs.or_else(|| match data.stream.try_read(&mut [0]) {
            Ok(0) => Some(HalfEnd::Fin),
            Ok(_) | Err(_) => None,
        });
        if let Some(how) = how {
            data.books.theirs_ended(how);
        }
        Ok(())
    }

    /// Awaits the last reply and holds all proofs together.
    async fn conclude(
        &mut self,
        order: &Order<'_>,
        ended: Option<Result<(), Fault>>,
        moved: u64,
        mut replies: Replies,
        resumed: Option<bool>,
    ) -> Result<Transfer, Error> {
        let broken = match ended {
            Some(Ok(())) | None => None,
            Some(Err(Fault::Network(error))) => {
                tracing::debug!(%error, moved, "the data connection broke");
                Some(match error.kind() {
                    io::ErrorKind::UnexpectedEof if resumed.is_some() => Proof::CloseNotify,
                    _ if error.get_ref().is_some_and(|inner| inner.is::<WireError>()) => {
                        Proof::EndMark
                    }
                    _ => Proof::DataEnd,
                })
            }
            Some(Err(Fault::Here(error))) => return Err(self.abort_after(error).await),
            Some(Err(Fault::Still)) => {
                self.control.teller().tell(What::TimerRanOut { timer: Timer::DataIdle });
                let (last, waited) = (self.control.last_boxed(), self.control.patience());
                return Err(self.abort_after(Error::Stalled { moved, waited, last }).await);
            }
        };
        while replies.open() {
            let answer = self.control.patiently(async |control| control.answer().await).await;
            replies.note(answer);
        }
        if replies.refused() || replies.closing() || (replies.lost.is_some() && !replies.begun) {
            return Err(self.explained(replies.failure(self.control.last()), resumed));
        }
        let last = self.control.last_boxed();
        let unproven = |missing, source| Error::Unproven { missing, moved, last, source };
        let complete = |reply: &Reply| reply.code.class() == Class::Completion;
        match (broken, replies.finished) {
            (Some(Proof::CloseNotify), Some(reply))
                if complete(&reply) && order.expected == Some(moved) =>
            {
                Ok(Transfer { moved, reply, end: End::Counted, suspect: 0 })
            }
            (Some(missing), _) => Err(unproven(missing, replies.lost.map(Box::new))),
            (None, Some(reply)) if complete(&reply) => match order.expected {
                Some(expected) if expected != moved => {
                    let (expected, found) = (order.offset + expected, order.offset + moved);
                    Err(unproven(Proof::Size { expected, found }, None))
                }
                _ => Ok(Transfer { moved, reply, end: End::Said, suspect: 0 }),
            },
            _ => Err(unproven(Proof::FinalReply, replies.lost.map(Box::new))),
        }
    }
}

/// How the other side ends its half; what it still says is thrown away.
async fn end_of(stream: &mut Stream) -> HalfEnd {
    let mut rest = [0; 512];
    loop {
        match stream.read(&mut rest).await {
            Ok(0) => return HalfEnd::Fin,
            Ok(_) => {}
            // Under TLS a FIN without close_notify. The server's half of an upload has nothing to lose.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return HalfEnd::Fin,
            Err(_) => return HalfEnd::Reset,
        }
    }
}
