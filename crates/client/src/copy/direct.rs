//! One file from server to server: agreeing on the data connection, both commands, and the replies of both.
//!
//! ```text
//!   listener ◀─ PASV, EPSV or CPSV      connector ◀─ PORT or EPRT with what it answered
//!   target   ◀─ STOR                    source    ◀─ RETR, once the target has begun or said nothing
//!        … 150, 226                          … 150, 226
//! ```
//!
//! STOR goes first, because there are servers that connect as soon as they are told where, and take what comes to its end
//! before STOR for nothing. Where files are stored under their own names RETR does: of one that the source refuses nothing
//! should be there, and what has the name should stay.
//!
//! What goes between the two we do not see. So each reply of either is heard as it comes: where one fails the other is
//! told with ABOR, and where both are silent for longer than the file can take, both are.
//!
//! House rule of this file: when it returns, no reply is owed by either server, or the session is of no further use.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use wharf_proto::address::Eprt;
use wharf_proto::client::Asked;
use wharf_proto::codec::Marker;
use wharf_proto::command::EpsvArgument;
use wharf_proto::params::Type;
use wharf_proto::reply::Class;
use wharf_proto::tap::{Party, What};
use wharf_proto::{Command, Reply, Verb};

use super::crossing::{Cover, Crossing};
use super::{CopyError, CopyEvent, CopyWatch, Ends, Shipment, Side, at};
use crate::data::{DataPlane, TRIAL};
use crate::transfer::{AFTERGLOW, Replies, SLOWEST};
use crate::{Connection, Error, Progress, Session};

/// What a refusal means that is about the data connection, and not about the file: it could not be made, or not with
/// that TLS.
const OF_THE_WAY: [u16; 6] = [425, 431, 434, 521, 522, 534];
/// The data connection broke, which may come of the other server's failure.
const BROKE: u16 = 426;
/// So may this, from servers that do not tell the two apart.
const TROUBLE: u16 = 451;
/// How long the one that is asked first may take, beside the way of its reply, before the other one is asked. One that
/// says nothing before the data connection is there costs this for every file.
const FIRST_WORD: Duration = Duration::from_millis(10);
/// The same at most.
const LATEST_WORD: Duration = Duration::from_secs(2);
/// Servers give up a data connection that does not come about within that, as a rule a minute.
const LONGEST_TRIAL: Duration = Duration::from_secs(90);
/// How often the target is asked how far it is.
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(1);
/// Who does not answer within that is not asked again.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Why a file did not go from server to server.
pub(super) enum Fault {
    /// They did not come together this way.
    Way(Hindrance),
    /// It is about the file, or a session is lost.
    File(CopyError),
}

/// What kept two servers from coming together.
pub(super) struct Hindrance {
    pub(super) error: CopyError,
    /// Whether any other way with the same listener would end so.
    pub(super) hopeless: bool,
}

impl Fault {
    /// An error of the file, or of a session.
    fn file(side: Side) -> impl Fn(Error) -> Self {
        move |error| Self::File(at(side)(error))
    }

    /// Sorts an error of the agreement. There are servers that go away rather than refuse.
    fn of(side: Side, hopeless: bool) -> impl Fn(Error) -> Self {
        move |error| match error {
            Error::Refused { .. }
            | Error::Malformed { .. }
            | Error::ControlLost { .. }
            | Error::NoReply { .. } => Self::Way(Hindrance { error: at(side)(error), hopeless }),
            error => Self::File(at(side)(error)),
        }
    }
}

/// Has a file go from server to server by this crossing. `proven`: whether it has worked before.
pub(super) async fn cross(
    ends: &mut Ends,
    crossing: Crossing,
    shipment: &Shipment<'_>,
    proven: bool,
    watch: &mut CopyWatch<'_>,
) -> Result<(), Fault> {
    for side in [Side::Source, Side::Target] {
        ends.of(side).set_type(Type::Image).await.map_err(Fault::file(side))?;
        ends.of(side).forget_restart().await.map_err(Fault::file(side))?;
    }
    let stor = Command::Stor(shipment.to.clone());
    let retr = Command::Retr(shipment.from.clone());
    ends.source.can_say(&retr).await.map_err(Fault::file(Side::Source))?;
    ends.target.can_say(&stor).await.map_err(Fault::file(Side::Target))?;
    let round_trips = agree(ends, crossing).await?;
    let store = restart(ends, shipment).await?;
    let commands = [retr, store];
    let mut hearing = Hearing::new(ends, commands, shipment, proven);
    let first = if shipment.in_place { Side::Source } else { Side::Target };
    let outcome = hearing.transfer(first, round_trips, watch).await;
    ends.abort().await;
    outcome
}

/// Has one server listen and tells the other where; gives how long source and target took to answer.
async fn agree(ends: &mut Ends, crossing: Crossing) -> Result<[Duration; 2], Fault> {
    let (listener, connector) = (crossing.listener, crossing.listener.other());
    for side in [Side::Source, Side::Target] {
        let as_client = crossing.cover == Cover::Sscn(side);
        ends.of(side).be_tls_client(as_client).await.map_err(Fault::of(side, false))?;
    }
    let asked = Instant::now();
    let refused = Fault::of(listener, crossing.cover != Cover::Cpsv);
    let to = listen(ends.of(listener), crossing.cover).await.map_err(refused)?;
    let listening = asked.elapsed();
    let asked = Instant::now();
    connect(ends.of(connector), to).await.map_err(Fault::of(connector, true))?;
    let connecting = asked.elapsed();
    Ok(match listener {
        Side::Source => [listening, connecting],
        Side::Target => [connecting, listening],
    })
}

/// Has a server listen for another one, and gives where.
async fn listen(session: &mut Session, cover: Cover) -> Result<SocketAddr, Error> {
    let command = match (cover, session.control.server()) {
        (Cover::Cpsv, _) => Command::Cpsv,
        (Cover::None | Cover::Sscn(_), SocketAddr::V4(_)) => Command::Pasv,
        (Cover::None | Cover::Sscn(_), SocketAddr::V6(_)) => Command::Epsv(EpsvArgument::Same),
    };
    let mut reply = session.control.command(&command).await?;
    if reply.code.is_refusal() && command == Command::Pasv && !session.plain {
        reply = session.control.command(&Command::Epsv(EpsvArgument::Same)).await?;
    }
    if reply.code.is_refusal() {
        return Err(session.refused());
    }
    DataPlane::planned(&session.control, &reply).map(|plan| plan.address())
}

/// Tells a server where to connect to.
async fn connect(session: &mut Session, to: SocketAddr) -> Result<(), Error> {
    let eprt = Command::Eprt(Eprt::Address(to));
    let command = match to {
        SocketAddr::V4(to) => Command::Port(to),
        SocketAddr::V6(_) => eprt.clone(),
    };
    // Told whether it is taken or not: it is what makes the two sessions one transfer.
    let planned = What::DataPlanned { listener: Party::Client, address: to };
    session.control.teller().tell(planned);
    let reply = session.control.command(&command).await?;
    if !reply.code.is_refusal() {
        return Ok(());
    }
    let refused = session.refused();
    if to.is_ipv4() && !session.plain {
        let reply = session.control.command(&eprt).await?;
        if !reply.code.is_refusal() {
            return Ok(());
        }
    }
    Err(refused)
}

/// Tells both where to begin, if that is not the beginning; gives the command that stores.
async fn restart(ends: &mut Ends, shipment: &Shipment<'_>) -> Result<Command, Fault> {
    let (to, from) = (shipment.to.clone(), Marker::at(shipment.at));
    if shipment.at == 0 {
        return Ok(Command::Stor(to));
    }
    let source = &mut ends.source;
    let reply = source.control.command(&Command::Rest(from)).await;
    if reply.map_err(Fault::file(Side::Source))?.code.class() != Class::Intermediate {
        return Err(Fault::file(Side::Source)(source.refused()));
    }
    let target = &mut ends.target;
    let reply =
        target.control.command(&Command::Rest(from)).await.map_err(Fault::file(Side::Target))?;
    let restarts = reply.code.class() == Class::Intermediate;
    Ok(if restarts { Command::Stor(to) } else { Command::Appe(to) })
}

/// Both servers while a file goes between them.
struct Hearing<'e> {
    ends: &'e mut Ends,
    commands: [Command; 2],
    said: [Replies; 2],
    /// Who has failed first.
    first: Option<Side>,
    proven: bool,
    /// How long it may take when both have begun and nothing is known of how far they are.
    allowance: Duration,
    total: Option<u64>,
    offset: u64,
    /// How far the target was when it was asked last.
    reached: u64,
    /// When the first command was sent.
    begun: Instant,
    /// When something was heard last that shows that it goes on.
    stirred: Instant,
    question: Question,
}

/// Whether the target tells how far it is.
enum Question {
    Due(Instant),
    Asked(Instant),
    /// It does not, or it is not worth asking.
    Never,
}

impl<'e> Hearing<'e> {
    fn new(
        ends: &'e mut Ends,
        commands: [Command; 2],
        shipment: &Shipment<'_>,
        proven: bool,
    ) -> Self {
        let patience = ends.source.control.patience();
        let first = if proven { patience } else { patience.min(TRIAL) };
        let rest = shipment.size.map(|size| size.saturating_sub(shipment.at));
        let parts = rest.map_or(SLOWEST / 1024, |rest| rest / SLOWEST);
        let parts = u32::try_from(parts).unwrap_or(u32::MAX);
        let now = Instant::now();
        // A small file is over before anybody wants to know how far it is.
        let asks = !ends.target.plain && rest.is_none_or(|rest| rest > SLOWEST);
        Self {
            ends,
            commands,
            said: Default::default(),
            first: None,
            proven,
            allowance: (first * 2).saturating_add(patience.saturating_mul(parts)),
            total: shipment.size,
            offset: shipment.at,
            reached: 0,
            begun: now,
            stirred: now,
            question: if asks { Question::Due(now + BETWEEN_QUESTIONS) } else { Question::Never },
        }
    }

    /// Sends both commands, and hears both until each has said that it is done.
    async fn transfer(
        &mut self,
        first: Side,
        round_trips: [Duration; 2],
        watch: &mut CopyWatch<'_>,
    ) -> Result<(), Fault> {
        let nth = usize::from(first == Side::Target);
        self.send(first)?;
        let until = Instant::now() + (round_trips[nth] * 2 + FIRST_WORD).min(LATEST_WORD);
        while self.said[nth].open() && !self.said[nth].begun && self.hear(until, watch).await? {}
        if self.first.is_none() {
            self.send(first.other())?;
            self.stirred = Instant::now();
            while let Some(until) = self.deadline() {
                if !self.hear(until, watch).await? {
                    break;
                }
            }
        }
        self.judge()
    }

    /// Sends the command for one of them.
    fn send(&mut self, side: Side) -> Result<(), Fault> {
        let command = &self.commands[usize::from(side == Side::Target)];
        let sent = self.ends.of(side).control.send(command);
        sent.map_err(Fault::file(side))
    }

    /// Until when something must come; `None` when nothing has to.
    fn deadline(&self) -> Option<Instant> {
        let [source, target] = &self.said;
        let patience = self.ends.source.control.patience();
        let more = match (source.open(), target.open()) {
            (false, false) => return None,
            _ if self.first.is_some() => AFTERGLOW,
            (true, true) if source.begun && target.begun => self.allowance,
            (true, true) if !self.proven => patience.min(TRIAL),
            _ => patience,
        };
        Some(self.stirred + more)
    }

    /// Awaits the next reply of either; `false` when none came in time.
    async fn hear(&mut self, until: Instant, watch: &mut CopyWatch<'_>) -> Result<bool, Fault> {
        let ask = match self.question {
            Question::Due(when) => when,
            Question::Asked(when) => when + ANSWERS_WITHIN,
            Question::Never => until,
        };
        let (source, target) = (&mut self.ends.source.control, &mut self.ends.target.control);
        let (side, answer) = tokio::select! {
            answer = source.answer(), if self.said[0].open() => (Side::Source, answer),
            answer = target.answer(), if self.said[1].open() => (Side::Target, answer),
            () = sleep_until(until.min(ask)) => {
                if until <= ask {
                    return Ok(false);
                }
                self.ask().map_err(Fault::file(Side::Target))?;
                return Ok(true);
            }
        };
        let said = &mut self.said[usize::from(side == Side::Target)];
        match answer {
            Ok(answer) if answer.to == Asked::Verb(Verb::Stat) => {
                self.answered(&answer.reply, watch);
                return Ok(true);
            }
            answer => said.note(answer),
        }
        if side == Side::Target && said.begun {
            self.ends.unfinished.begun();
        }
        self.stirred = Instant::now();
        if self.first.is_none() && (said.refused() || said.lost.is_some()) {
            self.first = Some(side);
        }
        Ok(true)
    }

    /// Asks the target how far it is (RFC 959 section 4.1.3), or gives that up.
    fn ask(&mut self) -> Result<(), Error> {
        self.question = match self.question {
            Question::Due(_) if self.said[1].begun && self.said[1].open() => {
                self.ends.target.control.send(&Command::Stat(None))?;
                Question::Asked(Instant::now())
            }
            Question::Due(_) => Question::Due(Instant::now() + BETWEEN_QUESTIONS),
            Question::Asked(_) | Question::Never => Question::Never,
        };
        Ok(())
    }

    /// Takes in what the target says about that.
    fn answered(&mut self, reply: &Reply, watch: &mut CopyWatch<'_>) {
        let Some(moved) = bytes_so_far(reply) else {
            self.question = Question::Never;
            return;
        };
        let now = self.offset + moved;
        if self.total.is_none_or(|total| now <= total) {
            watch(CopyEvent::Moves(Progress::At(now)));
        }
        // As long as it grows it may take as long as it likes.
        if moved > self.reached {
            (self.reached, self.stirred) = (moved, Instant::now());
        }
        self.question = Question::Due(Instant::now() + BETWEEN_QUESTIONS);
    }

    /// Whether this crossing may still prove to be none.
    fn is_on_trial(&self) -> bool {
        !self.proven && self.reached == 0 && self.begun.elapsed() < LONGEST_TRIAL
    }

    /// What is to be said of all that.
    fn judge(&mut self) -> Result<(), Fault> {
        let mut worst: Option<(u8, Side)> = None;
        for side in self.first.into_iter().flat_map(|first| [first, first.other()]) {
            let Some(rank) = rank(&self.said[usize::from(side == Side::Target)]) else { continue };
            if worst.is_none_or(|(before, _)| rank > before) {
                worst = Some((rank, side));
            }
        }
        let Some((_, side)) = worst else { return self.silence() };
        let nth = usize::from(side == Side::Target);
        let replies = std::mem::take(&mut self.said[nth]);
        let code = replies.finished.as_ref().map_or(0, |reply| reply.code.value());
        // So ends TLS that could not be begun, with some.
        let vague = code == BROKE || replies.finished.is_none() && !replies.closing();
        let of_the_way = OF_THE_WAY.contains(&code) || vague && self.is_on_trial();
        let last = Connection::exchange(&self.commands[nth], replies.finished.clone());
        let error = at(side)(replies.failure(&last));
        Err(match of_the_way {
            true => Fault::Way(Hindrance { error, hopeless: false }),
            false => Fault::File(error),
        })
    }

    /// Both are done, or one of them says nothing any more.
    fn silence(&self) -> Result<(), Fault> {
        let [source, target] = &self.said;
        let (side, said) = match (source.open(), target.open()) {
            (false, false) => return Ok(()),
            // Who has begun waits for who has not.
            (true, true) if source.begun && !target.begun => (Side::Target, target),
            (true, _) => (Side::Source, source),
            (false, true) => (Side::Target, target),
        };
        let command = &self.commands[usize::from(side == Side::Target)];
        let last = Connection::exchange(command, None);
        let waited = self.stirred.elapsed();
        let error = at(side)(match said.begun {
            true => Error::Stalled { moved: 0, waited, last },
            false => Error::NoReply { last, waited },
        });
        Err(match self.proven || self.reached > 0 {
            true => Fault::File(error),
            false => Fault::Way(Hindrance { error, hopeless: true }),
        })
    }
}

/// How much a failure says: one of the file most, one of the way more than what may come of the other server's failure,
/// and a session that is lost least.
fn rank(said: &Replies) -> Option<u8> {
    let code = said.finished.as_ref().map(|reply| reply.code.value());
    match code {
        _ if said.closing() => Some(4),
        Some(code) if !said.refused() => {
            debug_assert!(code < 400);
            None
        }
        Some(code) if OF_THE_WAY.contains(&code) => Some(3),
        Some(TROUBLE) => Some(2),
        Some(BROKE) => Some(1),
        Some(_) => Some(4),
        None => said.lost.as_ref().map(|_| 0),
    }
}

/// The number of bytes in what a server says to STAT while it transfers: the one that stands before the word.
fn bytes_so_far(reply: &Reply) -> Option<u64> {
    if reply.code.class() != Class::Completion {
        return None;
    }
    reply.lines.iter().find_map(|line| {
        let text = String::from_utf8_lossy(line.as_bytes());
        let (before, _) = text.split_once(" bytes")?;
        before.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_proto::reply::{Code, ReplyReader};

    #[test]
    fn how_far_a_server_is_stands_before_the_word_bytes() {
        let mut reader = ReplyReader::new();
        let lines = ["211-State:", " STOR is running, 8192 bytes so far, 12 bytes/s.", "211 End."];
        let read = lines.map(|line| reader.line(line.as_bytes().to_vec()).unwrap());
        assert_eq!(bytes_so_far(read[2].as_ref().unwrap()), Some(8192));
        let reply = |code, text: &str| Reply::line(Code::new(code).unwrap(), text);
        assert_eq!(bytes_so_far(&reply(213, "Status: 17 bytes transferred")), Some(17));
        assert_eq!(bytes_so_far(&reply(211, "no transfer, no bytes")), None);
        assert_eq!(bytes_so_far(&reply(500, "17 bytes")), None);
    }

    #[test]
    fn what_is_said_of_the_file_counts_more_than_what_may_come_of_the_other_server() {
        let said = |code| Replies {
            finished: Some(Reply::line(Code::new(code).unwrap(), "x")),
            ..Replies::default()
        };
        let ranks = [226, 426, 451, 425, 552].map(|code| rank(&said(code)));
        assert_eq!(ranks, [None, Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(rank(&Replies::default()), None);
    }
}
