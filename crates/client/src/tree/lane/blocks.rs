//! Many files over one data connection: block mode, with many commands in flight (RFC 959 sections 3.4.2 and 3.2).
//!
//! ```text
//!   RETR a, RETR b, RETR c, ...  ─▶              control: replies in the order of the commands
//!                                ◀─ 125 250 125 550 125 250 ...
//!                                ◀─ [a] EOF [c] EOF ...         data: a file behind the other
//! ```
//!
//! Data and replies are read at the same time, never in turn. Blocks belong to the oldest command that was answered
//! with 125 or 150 and whose file has not ended, so data that are ahead of their 125 wait in the socket. A file is done
//! when the block that ends it *and* its 250 are here; the first answer that does not fit ends block mode with this
//! server for good, and what was in flight is done again otherwise.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use wharf_proto::client::{Answer, Asked};
use wharf_proto::codec::{Inbound, Settings};
use wharf_proto::params::{Mode, Representation, Type};
use wharf_proto::reply::Class;
use wharf_proto::tap::HalfEnd;
use wharf_proto::{Command, Reply};

use super::super::desk::Parcel;
use super::super::spool::Spool;
use super::super::work::{Found, LIGHT, Next, Work};
use super::Crew;
use crate::data::DataConnection;
use crate::digest::{Asking, Digest};
use crate::{Connection, Error, Proof, Session, TlsFault};

/// How many commands may be in flight, and how many bytes of their text.
const COMMANDS: usize = 64;
const TEXT: usize = 8 * 1024;
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
    /// The server does not do block mode as RFC 959 has it.
    Odd(&'static str),
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
    let facts = session.features().await?.has("MLST");
    let throttle = session.control.throttle();
    let mut vain = 0;
    loop {
        let door = Door::open(session).await?;
        let mut lane = Lane {
            crew,
            door,
            flight: Flight::default(),
            asking,
            facts,
            done: 0,
            buffer: vec![0; throttle.as_ref().map_or(CHUNK, |throttle| throttle.portion(CHUNK))],
            filled: 0..0,
        };
        match lane.work(session).await {
            Ok(Turn::Pause(pause)) => return Ok(pause),
            Ok(Turn::Anew) => {
                vain = if lane.done == 0 { vain + 1 } else { 0 };
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

/// The data connection, from its making on.
enum Door {
    Opening(Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>),
    Covering(Pin<Box<dyn Future<Output = Result<DataConnection, TlsFault>> + Send>>),
    Open(Box<DataConnection>),
}

/// What came through the door.
enum Came {
    Opened(io::Result<TcpStream>),
    Covered(Result<DataConnection, TlsFault>),
    Bytes(io::Result<usize>),
}

impl Door {
    /// Agrees on a data connection and begins to make it.
    async fn open(session: &mut Session) -> Result<Self, Error> {
        let plan = session.data.agree(&mut session.control).await?;
        let teller = session.control.teller().clone();
        Ok(Self::Opening(Box::pin(async move {
            let late = |_| Err(io::ErrorKind::TimedOut.into());
            timeout(plan.patience(), plan.open(&teller)).await.unwrap_or_else(late)
        })))
    }

    /// The next step. It can be dropped.
    async fn step(&mut self, buffer: &mut [u8]) -> Came {
        match self {
            Self::Opening(opening) => Came::Opened(opening.await),
            Self::Covering(covering) => Came::Covered(covering.await),
            Self::Open(data) => Came::Bytes(data.stream.read(buffer).await),
        }
    }
}

/// What a command in flight is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// It brings the bytes.
    Bytes,
    /// It asks for the digest.
    Digest,
    /// It does all there is to do.
    Deed,
}

/// What comes of a file or listing.
enum Body {
    File(Vec<u8>),
    Listing(Spool),
    /// No bytes are to come.
    None,
}

/// A piece of work in flight.
struct Item {
    work: Work,
    command: Command,
    body: Body,
    decoder: Option<Inbound>,
    /// 125 or 150 came.
    begun: bool,
    /// The block that ends the file came.
    ended: bool,
    last: Option<Reply>,
    digest: Option<Digest>,
    /// How many replies are owed.
    owed: usize,
}

/// What is in flight, in its order.
#[derive(Default)]
struct Flight {
    items: VecDeque<Item>,
    /// The number of the first of them.
    first: u64,
    /// What the next replies answer.
    asked: VecDeque<(u64, Part, usize)>,
    /// How much text the server may not have read yet.
    text: usize,
}

impl Flight {
    fn has_room(&self) -> bool {
        self.asked.len() < COMMANDS && self.text < TEXT
    }

    fn item(&mut self, number: u64) -> Option<&mut Item> {
        self.items.get_mut(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The file whose blocks come next.
    fn reading(&mut self) -> Option<&mut Item> {
        self.items.iter_mut().find(|item| item.begun && !item.ended)
    }

    /// Gives all of it back, to be done by another session. Only the first piece may be to blame.
    fn give_back(&mut self, crew: &Crew, why: &Error) {
        self.asked.clear();
        self.text = 0;
        let mut first = true;
        for item in self.items.drain(..) {
            self.first += 1;
            let passing = Error::ControlLost {
                last: why.last().cloned().map(Box::new).unwrap_or_default(),
                source: None,
            };
            if std::mem::take(&mut first) && !matches!(item.work, Work::List(_)) {
                crew.board.failed(item.work, passing);
            } else {
                crew.board.return_unbegun(item.work);
            }
        }
    }
}

/// One data connection's worth of work.
struct Lane<'a> {
    crew: &'a Crew,
    door: Door,
    flight: Flight,
    asking: Option<Asking>,
    /// Whether the server has MLSD.
    facts: bool,
    /// How many pieces are done.
    done: usize,
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
            let next = self.fill(session)?;
            if self.flight.items.is_empty() {
                match next {
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
            let hungry = !matches!(self.door, Door::Open(_)) || self.is_hungry();
            let step = async {
                tokio::select! {
                    biased;
                    answer = session.control.answer() => Step::Answer(answer),
                    came = self.door.step(&mut self.buffer), if hungry => Step::Came(came),
                    _ = changes.changed(), if waits => Step::More,
                }
            };
            let Ok(step) = timeout(patience, step).await else {
                let last = session.control.last_boxed();
                return Err(Error::NoReply { last, waited: patience });
            };
            if let (Step::Came(Came::Bytes(Ok(count))), Some(throttle)) =
                (&step, session.control.throttle())
            {
                throttle.pay(*count as u64).await;
            }
            let fine = match step {
                Step::Answer(answer) => self.hear(answer?),
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

    /// Whether there is a file that bytes may come for, and no bytes are here.
    fn is_hungry(&mut self) -> bool {
        self.filled.is_empty() && self.flight.reading().is_some()
    }

    /// Sends as many commands as may be in flight; gives why there are no more, where that is the reason.
    fn fill(&mut self, session: &mut Session) -> Result<Option<Next>, Error> {
        while self.flight.has_room() {
            match self.crew.board.next(false) {
                Next::Work(work) => self.send(work, session)?,
                next => return Ok(Some(next)),
            }
        }
        Ok(None)
    }

    fn send(&mut self, work: Work, session: &mut Session) -> Result<(), Error> {
        let (command, body) = match &work {
            Work::List(folder) => {
                let path = (!folder.remote.is_empty()).then(|| folder.remote.clone());
                let command = if self.facts { Command::Mlsd(path) } else { Command::List(path) };
                (command, Body::Listing(Spool::new(self.facts)))
            }
            Work::Fetch(item) => {
                let size = item.size.unwrap_or(0).min(LIGHT);
                let bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
                (Command::Retr(item.remote.clone()), Body::File(bytes))
            }
            Work::Make(folder) => (Command::Mkd(folder.remote.clone()), Body::None),
            Work::Remove(folder) => (Command::Rmd(folder.remote.clone()), Body::None),
            Work::Delete(item) => (Command::Dele(item.remote.clone()), Body::None),
            // Nobody knows whose the bytes are of an upload that is refused on a connection that is kept.
            Work::Store(_) | Work::Check(_) => {
                self.crew.board.return_unbegun(work);
                return Ok(());
            }
        };
        let how =
            Representation { kind: Type::Image, mode: Mode::Block, ..Representation::default() };
        let has_bytes = !matches!(body, Body::None);
        let decoder = has_bytes.then(|| Inbound::new(how, &Settings::default())).flatten();
        let part = if has_bytes { Part::Bytes } else { Part::Deed };
        let number = self.flight.first + self.flight.items.len() as u64;
        if let Err(error) = self.ask(session, &command, number, part) {
            // A name that cannot be sent hurts nobody else.
            self.crew.board.failed(work, error);
            return Ok(());
        }
        let mut owed = 1;
        if let (Some(asking), Work::Fetch(item)) = (self.asking, &work) {
            self.ask(session, &asking.question(&item.remote), number, Part::Digest)?;
            owed += 1;
        }
        let item = Item {
            work,
            command,
            body,
            decoder,
            begun: false,
            ended: !has_bytes,
            last: None,
            digest: None,
            owed,
        };
        self.flight.items.push_back(item);
        Ok(())
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

    /// Takes a reply.
    fn hear(&mut self, answer: Answer) -> Result<(), Stop> {
        let Answer { to, reply, more, .. } = answer;
        let Some((number, part, length)) = self.flight.asked.front().copied() else {
            return Err(Stop::Odd("a reply came that nobody asked for"));
        };
        let asking = self.asking;
        if !more {
            self.flight.asked.pop_front();
            self.flight.text = self.flight.text.saturating_sub(length);
        }
        let Some(item) = self.flight.item(number) else {
            return Err(Stop::Odd("a reply answers nothing"));
        };
        if !matches!(to, Asked::Verb(_)) {
            return Err(Stop::Odd("a reply came that nobody asked for"));
        }
        match (part, more) {
            (Part::Bytes, true) if !item.begun && matches!(reply.code.value(), 125 | 150) => {
                item.begun = true
            }
            (_, true) => return Err(Stop::Odd("a preliminary reply came that does not fit")),
            (Part::Bytes | Part::Deed, false) => {
                item.last = Some(reply);
                item.owed -= 1;
            }
            (Part::Digest, false) => {
                item.digest = asking.and_then(|asking| asking.answer(&reply));
                item.owed -= 1;
            }
        }
        Ok(())
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
                let error = Error::DataConnect { address, source: error, last };
                session.data.try_otherwise(&session.control, &error);
                Ok(Err(Stop::Anew))
            }
            Came::Covered(Ok(data)) => {
                self.door = Door::Open(Box::new(data));
                Ok(Ok(()))
            }
            Came::Covered(Err(fault)) => {
                Err(Error::Tls { fault, last: session.control.last_boxed() })
            }
            Came::Bytes(Ok(0)) => {
                if let Door::Open(data) = &mut self.door {
                    data.books.theirs_ended(HalfEnd::Fin);
                }
                Ok(Err(Stop::Anew))
            }
            Came::Bytes(Ok(count)) => {
                self.filled = 0..count;
                self.crew.board.came(count as u64);
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
                Body::Listing(_) | Body::None => &mut rows,
            };
            let bad = |_| Stop::Odd("what came is not in blocks");
            let before = out.len();
            let progress = decoder.push(wire, out).map_err(bad)?;
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
                Body::None => {}
            }
        }
        Ok(())
    }

    /// Gives away what is done at the head of the flight.
    async fn settle(&mut self) -> Result<(), Stop> {
        while self.flight.items.front().is_some_and(Item::is_settled) {
            let Some(item) = self.flight.items.pop_front() else { return Ok(()) };
            self.flight.first += 1;
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
        self.door = Door::Opening(Box::pin(std::future::pending()));
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
        (work, _) => board.done(&work, 0, crate::Verdict::Unproven),
    }
}

impl Item {
    /// Whether nothing more is to come of it.
    fn is_settled(&self) -> bool {
        let refused =
            self.last.as_ref().is_some_and(|reply| reply.code.class() != Class::Completion);
        self.owed == 0 && self.last.is_some() && (refused || self.ended || !self.begun)
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
