//! Many files over one data connection: block mode, with many commands in flight (RFC 959 sections 3.4.2 and 3.2).
//!
//! ```text
//!   RETR a, RETR b, RETR c, ...  ─▶              control: replies in the order of the commands
//!                                ◀─ 125 250 125 550 125 250 ...
//!                                ◀─ [a] EOF [c] EOF ...         data: a file behind the other
//! ```
//!
//! Uploads go the other way, a STOR and its blocks behind the other: `blocks/upload.rs`. What is in flight is in
//! `blocks/flight.rs`, the data connection in `blocks/door.rs`, the replies in `blocks/replies.rs`.
//!
//! Data and replies are read at the same time, never in turn. Blocks belong to the oldest command that was answered
//! with 125 or 150 and whose file has not ended, so data that are ahead of their 125 wait in the socket. A file is done
//! when the block that ends it *and* its 250 are here; the first answer that does not fit ends block mode with this
//! server for good, and what was in flight is done again otherwise.

mod door;
mod flight;
mod replies;
mod upload;

use std::time::Duration;

use tokio::time::timeout;
use wharf_proto::Command;
use wharf_proto::client::Answer;
use wharf_proto::codec::{Event, Inbound, Settings};
use wharf_proto::params::{Mode, Representation, Type};
use wharf_proto::reply::Class;
use wharf_proto::tap::HalfEnd;

use self::door::{Came, Door, Outgoing};
use self::flight::{Body, Flight, Item, Part};
use self::upload::{Load, Outcome, Upload};
use super::super::desk::Parcel;
use super::super::work::{Found, LIGHT, Next, Work};
use super::Crew;
use crate::digest::Asking;
use crate::spool::{LIMIT, Spool};
use crate::{Connection, Error, Proof, Session};

/// How many bytes of uploads may wait to go out before no more are read.
const WAITING: usize = 1 << 20;
/// How many uploads a server may refuse before each has a connection of its own.
const REFUSALS: usize = 8;
/// How much is received at a time.
const CHUNK: usize = 256 * 1024;
/// How often the data connection may be made anew while nothing gets done.
const VAIN: usize = 3;
/// The refusals that speak of the data connection and not of the file.
const OF_THE_CONNECTION: [u16; 3] = [421, 425, 426];

/// Why the lane pauses.
#[derive(Debug)]
pub(super) enum Pause {
    /// Nothing is left to do.
    Over,
    /// What is left is not for block mode.
    Heavy,
    /// Uploads are better done with a connection each.
    Apart(&'static str),
    /// The server does not do block mode as RFC 959 has it.
    Odd(&'static str),
}

/// What the server can do, as far as it matters here.
#[derive(Clone, Copy)]
struct Skills {
    /// How it is asked for digests, if it is to be.
    asking: Option<Asking>,
    /// Whether it has SIZE, and MFMT.
    sizes: bool,
    times: bool,
}

/// Why one data connection was not enough.
enum Turn {
    Pause(Pause),
    /// The data connection is over, and the session is not.
    Anew,
}

/// Works in block mode as long as there is light work. MODE B must be in force.
pub(super) async fn run(crew: &Crew, session: &mut Session) -> Result<Pause, Error> {
    let asking = if crew.verify { session.asking().await? } else { None };
    let features = session.features().await?;
    let [sizes, times] = ["SIZE", "MFMT"].map(|name| features.has(name));
    let skills = Skills { asking, sizes, times };
    let throttle = session.control.throttle();
    let (mut vain, mut refusals) = (0, 0);
    loop {
        let door = Door::open(session).await?;
        let mut lane = Lane {
            crew,
            door,
            flight: Flight::default(),
            out: Outgoing::default(),
            skills,
            done: 0,
            refusals: 0,
            apart: None,
            broken: false,
            spoilt: false,
            resumed: None,
            buffer: vec![0; throttle.as_ref().map_or(CHUNK, |throttle| throttle.portion(CHUNK))],
            filled: 0..0,
        };
        match lane.work(session).await {
            Ok(Turn::Pause(pause)) => return Ok(pause),
            Ok(Turn::Anew) => {
                refusals += lane.refusals;
                let apart = (refusals > REFUSALS).then_some("the server refuses files");
                if let Some(why) = lane.apart.or(apart) {
                    return Ok(Pause::Apart(why));
                }
                vain = if lane.done + lane.refusals == 0 { vain + 1 } else { 0 };
                if vain >= VAIN {
                    return Ok(Pause::Odd(
                        "no file came through a data connection that is to be kept",
                    ));
                }
            }
            Err(error) => {
                lane.flight.give_back(crew, &error);
                return Err(error);
            }
        }
    }
}

/// One data connection's worth of work.
struct Lane<'a> {
    crew: &'a Crew,
    door: Door,
    flight: Flight,
    /// Uploads that wait to go out.
    out: Outgoing,
    skills: Skills,
    /// How many pieces are done.
    done: usize,
    /// How many uploads were refused.
    refusals: usize,
    /// Why uploads are better done otherwise, if they are.
    apart: Option<&'static str>,
    /// Whether nothing more is to be begun.
    broken: bool,
    /// Whether an upload was refused: whose bytes come next at the server is not known.
    spoilt: bool,
    /// Whether the data connection has resumed the TLS session, as soon as it is under TLS.
    resumed: Option<bool>,
    buffer: Vec<u8>,
    /// Where in the buffer there are bytes that nobody has looked at.
    filled: std::ops::Range<usize>,
}

impl Lane<'_> {
    async fn work(&mut self, session: &mut Session) -> Result<Turn, Error> {
        let patience = session.control.patience();
        let mut changes = self.crew.board.changes();
        loop {
            changes.borrow_and_update();
            let next = if self.broken { None } else { self.fill(session).await? };
            if self.flight.items.is_empty() {
                match next {
                    None if self.broken => return Ok(Turn::Anew),
                    Some(Next::Wait) => {
                        // It never closes while the board is there.
                        let _ = changes.changed().await;
                        continue;
                    }
                    Some(Next::Heavy) => return Ok(Turn::Pause(Pause::Heavy)),
                    Some(Next::Over) => return Ok(Turn::Pause(Pause::Over)),
                    Some(Next::Work(_)) | None => {}
                }
            }
            let waits = matches!(next, Some(Next::Wait | Next::Heavy));
            let step = async {
                tokio::select! {
                    biased;
                    step = self.step(session) => step,
                    _ = changes.changed(), if waits => Step::More,
                }
            };
            let Ok(step) = timeout(patience, step).await else {
                let last = session.control.last_boxed();
                return Err(Error::NoReply { last, waited: patience });
            };
            if let (Step::Came(Came::Bytes(Ok(count)) | Came::Sent(Ok(count))), Some(throttle)) =
                (&step, session.control.throttle())
            {
                throttle.pay(*count as u64).await;
            }
            let fine = match step {
                Step::Answer(answer) => self.hear(answer?, session)?,
                Step::Came(came) => self.take(came, session)?,
                Step::More => Ok(()),
            };
            let fine = match fine {
                Ok(()) => self.digest_bytes(),
                odd => odd,
            };
            let settled = match fine {
                Ok(()) => self.settle().await,
                odd => odd,
            };
            match settled {
                Ok(()) => {}
                Err(Stop::Odd(why)) => {
                    let last = session.control.last_boxed();
                    self.flight.give_back(self.crew, &Error::OutOfStep { last });
                    return Ok(Turn::Pause(Pause::Odd(why)));
                }
                Err(Stop::Anew) => return self.drain(session).await,
            }
        }
    }

    /// What is next: a reply, or something of the data connection. It can be dropped.
    async fn step(&mut self, session: &mut Session) -> Step {
        let hungry = self.is_hungry();
        let has_a_step = self.door.has_a_step(hungry, &self.out);
        tokio::select! {
            biased;
            answer = session.control.answer() => Step::Answer(answer),
            came = self.door.step(&mut self.buffer, hungry, &mut self.out), if has_a_step => {
                Step::Came(came)
            }
        }
    }

    /// Whether there is a file that bytes may come for, and no bytes are here.
    fn is_hungry(&mut self) -> bool {
        self.filled.is_empty() && self.flight.reading().is_some()
    }

    /// Sends as many commands as may be in flight; gives why there are no more, where that is the reason.
    async fn fill(&mut self, session: &mut Session) -> Result<Option<Next>, Error> {
        while self.flight.has_room() && self.out.len() < WAITING {
            match self.crew.board.next(false) {
                Next::Work(work) => self.send(work, session).await?,
                next => return Ok(Some(next)),
            }
        }
        Ok(None)
    }

    async fn send(&mut self, work: Work, session: &mut Session) -> Result<(), Error> {
        let (command, body) = match &work {
            Work::List(folder) => {
                let path = (!folder.remote.is_empty()).then(|| folder.remote.clone());
                (Command::Mlsd(path), Body::Listing(Spool::new(true, LIMIT)))
            }
            Work::Fetch(item) => {
                let size = item.size.unwrap_or(0).min(LIGHT);
                let bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
                (Command::Retr(item.remote.clone()), Body::File(bytes))
            }
            Work::Make(folder) => (Command::Mkd(folder.remote.clone()), Body::None),
            Work::Remove(folder) => (Command::Rmd(folder.remote.clone()), Body::None),
            Work::Delete(item) => (Command::Dele(item.remote.clone()), Body::None),
            Work::Store(_) => return self.send_upload(work, session).await,
            // Its digest is made here meanwhile.
            Work::Check(_) | Work::Look(_) | Work::Copy(_) => {
                self.crew.board.return_unbegun(work);
                return Ok(());
            }
        };
        self.launch(work, command, body, session).map(drop)
    }

    /// Reads a file and sends it with its command; what cannot be read hurts nobody else.
    async fn send_upload(&mut self, work: Work, session: &mut Session) -> Result<(), Error> {
        let Work::Store(item) = &work else { return Ok(()) };
        match Upload::read(self.crew, &item.below, &item.remote, self.skills).await {
            Ok(Load::Upload(upload, wire)) => {
                let command = upload.command();
                if self.launch(work, command, Body::Upload(upload), session)? {
                    self.out.more().extend_from_slice(&wire);
                }
            }
            Ok(Load::Heavy) => self.crew.board.return_unbegun(upload::alone(work)),
            Err(error) => self.crew.board.failed(work, error),
        }
        Ok(())
    }

    /// Sends a command and takes its work into the flight; tells whether it could be sent.
    fn launch(
        &mut self,
        work: Work,
        command: Command,
        body: Body,
        session: &mut Session,
    ) -> Result<bool, Error> {
        let how =
            Representation { kind: Type::Image, mode: Mode::Block, ..Representation::default() };
        let (receives, part) = match &body {
            Body::File(_) | Body::Listing(_) => (true, Part::Bytes),
            Body::Upload(_) => (false, Part::Bytes),
            Body::None => (false, Part::Deed),
        };
        let decoder = receives.then(|| Inbound::new(how, &Settings::default())).flatten();
        let number = self.flight.first + self.flight.items.len() as u64;
        if let Err(error) = self.ask(session, &command, number, part) {
            // A name that cannot be sent hurts nobody else.
            self.crew.board.failed(work, error);
            return Ok(false);
        }
        let mut owed = 1;
        if let (Some(asking), Work::Fetch(item)) = (self.skills.asking, &work) {
            self.ask(session, &asking.question(&item.remote), number, Part::Digest)?;
            owed += 1;
        }
        let item = Item {
            work,
            command,
            body,
            decoder,
            begun: false,
            ended: !receives,
            last: None,
            digest: None,
            owed,
            spoilt: false,
        };
        self.flight.items.push_back(item);
        Ok(true)
    }

    fn ask(
        &mut self,
        session: &mut Session,
        command: &Command,
        number: u64,
        part: Part,
    ) -> Result<(), Error> {
        let length = command.encode()?.len();
        session.control.send_behind(command)?;
        self.flight.text += length;
        self.flight.asked.push_back((number, part, length));
        Ok(())
    }

    /// Begins nothing any more, and awaits what is owed. `spoilt`: what the server says of later uploads counts for
    /// nothing.
    fn give_up_the_connection(&mut self, spoilt: bool) {
        self.broken = true;
        self.spoilt |= spoilt;
        self.door.close();
        self.out = Outgoing::default();
        for item in &mut self.flight.items {
            item.spoilt |= item.lacks_bytes();
        }
    }

    /// Takes what came through the door.
    fn take(&mut self, came: Came, session: &mut Session) -> Result<Result<(), Stop>, Error> {
        match came {
            Came::Opened(Ok(stream)) => {
                let data = session.data.opened(stream, &session.control);
                self.door = match session.control.data_security() {
                    None => Door::Open(Box::new(data)),
                    Some(security) => {
                        Door::Covering(Box::pin(async move { data.cover(&security).await }))
                    }
                };
                Ok(Ok(()))
            }
            Came::Opened(Err(error)) => {
                tracing::debug!(%error, "no data connection for block mode");
                let last = session.control.last_boxed();
                let address = session.control.server();
                let (elsewhere, source) = (false, error);
                let error = Error::DataConnect { address, elsewhere, source, last };
                session.data.try_otherwise(&session.control, &error);
                Ok(Err(Stop::Anew))
            }
            Came::Covered(Ok(data)) => {
                self.resumed = data.resumed;
                session.has_resumed |= data.resumed == Some(true);
                self.door = Door::Open(Box::new(data));
                Ok(Ok(()))
            }
            Came::Covered(Err(fault)) => {
                Err(Error::Tls { fault, last: session.control.last_boxed() })
            }
            Came::Sent(Ok(count)) => {
                if let Door::Open(data) = &mut self.door {
                    data.books.sent += count as u64;
                }
                Ok(Ok(()))
            }
            // Why, and which uploads are stored nevertheless, is in the replies that are on their way.
            Came::Sent(Err(error)) => {
                tracing::debug!(%error, "the data connection took no more");
                self.give_up_the_connection(false);
                Ok(Ok(()))
            }
            Came::Bytes(Ok(0)) => {
                if let Door::Open(data) = &mut self.door {
                    data.books.theirs_ended(HalfEnd::Fin);
                }
                Ok(Err(Stop::Anew))
            }
            Came::Bytes(Ok(count)) => {
                self.filled = 0..count;
                if let Door::Open(data) = &mut self.door {
                    data.books.received += count as u64;
                }
                Ok(Ok(()))
            }
            Came::Bytes(Err(error)) => {
                tracing::debug!(%error, "the data connection broke");
                Ok(Err(Stop::Anew))
            }
        }
    }

    /// Cuts the bytes that are here into files, as far as it is known whose they are.
    fn digest_bytes(&mut self) -> Result<(), Stop> {
        while !self.filled.is_empty() {
            let Some(item) = self.flight.reading() else { return Ok(()) };
            let Some(decoder) = &mut item.decoder else {
                return Err(Stop::Odd("bytes came for no file"));
            };
            let wire = &self.buffer[self.filled.clone()];
            let mut rows = Vec::new();
            let out = match &mut item.body {
                Body::File(bytes) => bytes,
                Body::Listing(_) | Body::Upload(_) | Body::None => &mut rows,
            };
            let bad = |_| Stop::Odd("what came is not in blocks");
            let before = out.len();
            let progress = decoder.push(wire, out).map_err(bad)?;
            if progress.events.iter().any(|event| matches!(event, Event::Suspect { .. })) {
                return Err(Stop::Odd("the server does not trust its own blocks"));
            }
            if progress.ended {
                decoder.finish(out).map_err(bad)?;
                item.ended = true;
            }
            let decoded = (out.len() - before) as u64;
            self.filled.start += progress.consumed;
            match &mut item.body {
                Body::Listing(spool) => {
                    let full = |_| Stop::Odd("a listing could not be kept");
                    spool.push(&rows).map_err(full)?;
                }
                // A file that has grown far beyond what the listing said is not for memory.
                Body::File(bytes) if bytes.len() as u64 > 8 * LIGHT => {
                    if let Work::Fetch(file) = &mut item.work {
                        file.size = None;
                    }
                    return Err(Stop::Anew);
                }
                Body::File(_) => self.crew.board.moved(decoded),
                Body::Upload(_) | Body::None => {}
            }
        }
        Ok(())
    }

    /// Gives away what is done at the head of the flight.
    async fn settle(&mut self) -> Result<(), Stop> {
        while self.flight.items.front().is_some_and(Item::is_settled) {
            let Some(item) = self.flight.items.pop_front() else { return Ok(()) };
            self.flight.first += 1;
            if let Body::Upload(upload) = &item.body {
                match upload.conclude(self.crew, &item) {
                    Outcome::Done => self.done += 1,
                    Outcome::Refused => self.refusals += 1,
                    Outcome::Again => {}
                }
                continue;
            }
            if item.spoilt {
                self.crew.board.return_unbegun(item.work);
                continue;
            }
            let code = item.last.as_ref().map_or(0, |reply| reply.code.value());
            let refused =
                item.last.as_ref().is_none_or(|reply| reply.code.class() != Class::Completion);
            if refused {
                let begun = item.begun;
                let of_the_connection = OF_THE_CONNECTION.contains(&code);
                let last = Connection::exchange(&item.command, item.last);
                self.crew.board.failed(item.work, Error::Refused { last });
                if begun || of_the_connection {
                    return Err(Stop::Anew);
                }
                self.done += 1;
                continue;
            }
            let has_bytes = item.decoder.is_some();
            if has_bytes && !item.begun {
                self.crew.board.return_unbegun(item.work);
                return Err(Stop::Odd("a file was done before it had begun"));
            }
            deliver(self.crew, item).await;
            self.done += 1;
            if has_bytes && code != 250 {
                // It says that it closes the data connection (RFC 959 section 5.4).
                return Err(Stop::Anew);
            }
        }
        Ok(())
    }

    /// Hears the replies that are owed, and gives back what they do not finish.
    async fn drain(&mut self, session: &mut Session) -> Result<Turn, Error> {
        const PATIENCE: Duration = Duration::from_secs(10);
        // Whoever still sends shall see that nobody listens.
        self.door.close();
        let waited = PATIENCE.min(session.control.patience());
        let settled = timeout(waited, async {
            while session.control.awaits_replies() {
                session.control.answer().await?;
            }
            Ok(())
        })
        .await;
        let last = session.control.last_boxed();
        match settled {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(Error::NoReply { last, waited }),
        }
        self.flight.give_back(self.crew, &Error::ControlLost { last, source: None });
        Ok(Turn::Anew)
    }
}

/// Gives away what has come whole.
async fn deliver(crew: &Crew, item: Item) {
    let board = &crew.board;
    match (item.work, item.body) {
        (work @ Work::List(_), Body::Listing(spool)) if !spool.is_whole() => {
            let last = Connection::exchange(&item.command, item.last);
            let (missing, moved) = (Proof::LastRow, spool.length());
            board.failed(work, Error::Unproven { missing, moved, last, source: None });
        }
        (work @ Work::List(_), Body::Listing(spool)) => board.found(&work, Found::Listing(spool)),
        (Work::Fetch(file), Body::File(bytes)) => {
            let (found, moved) = (bytes.len() as u64, bytes.len() as u64);
            if let Some(expected) = file.size.filter(|size| *size != found) {
                let missing = Proof::Size { expected, found };
                let last = Connection::exchange(&item.command, item.last);
                let error = Error::Unproven { missing, moved, last, source: None };
                return board.failed(Work::Fetch(file), error);
            }
            crew.deliver(Parcel { item: file, bytes, digest: item.digest }).await;
        }
        (work, _) => board.done(&work, crate::Amount::default(), crate::Verdict::Unproven),
    }
}

/// What was first.
enum Step {
    Answer(Result<Answer, Error>),
    Came(Came),
    More,
}

/// Why the data connection is of no further use.
enum Stop {
    /// Another one may be.
    Anew,
    /// Block mode is not done as it should be.
    Odd(&'static str),
}
