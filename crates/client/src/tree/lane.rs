//! A lane: one session at work on a tree, from its login to the end of the work.
//!
//! What the server can do is found out by the first session and known to the others: whether it takes commands one
//! behind the other in one segment, and whether it has block mode. A session that breaks is replaced after a while;
//! what it had in hand goes back to the board.

mod blocks;
mod endurance;
pub(crate) mod pairs;
mod streams;

use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use wharf_proto::Command;
use wharf_proto::params::{Mode, Type};
use wharf_proto::reply::Class;

use super::board::Board;
use super::clock::Clock;
use super::desk::Parcel;
use super::ground::Ground;
use super::pace::Pace;
use super::work::Work;
use crate::folder::Dots;
use crate::retry::by_chance;
use crate::{Error, Pool, Session};

use blocks::Pause;
pub(crate) use endurance::Endurance;
use endurance::{Again, Attempt};

/// How long two commands in one segment may take to be answered, before it is thought that the second is lost.
pub(crate) const PROBE: Duration = Duration::from_secs(8);

/// What is said where files get no times.
const NO_TIMES: &str =
    "the server does not take the times of files: there they are as old as their upload";

/// What all sessions at work on a tree share.
pub(crate) struct Crew {
    pub(crate) pool: Pool,
    pub(crate) board: Arc<Board>,
    /// Where the tree is on this machine.
    pub(crate) ground: Arc<Ground>,
    /// Where small files are put that have come; none for work that fetches nothing.
    pub(crate) parcels: Option<mpsc::Sender<Parcel>>,
    pub(crate) endurance: Endurance,
    /// Whether files are proven by digests.
    pub(crate) verify: bool,
    /// Whether unfinished large files are gone on with.
    pub(crate) resume: bool,
    /// Whether block mode may be used.
    pub(crate) may_block: bool,
    /// Whether permission bits are kept.
    pub(crate) modes: bool,
    /// Whether a file is stored under a temporary name first.
    pub(crate) atomic: bool,
    pub(crate) known: Mutex<Known>,
    pub(crate) habits: Habits,
    pub(crate) pace: Pace,
}

/// What a lane is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Post {
    /// It does the work.
    Usual,
    /// It helps as long as that is of use.
    Extra,
}

/// How the server lists where it has no MLSD.
#[derive(Debug, Default)]
pub(crate) struct Habits {
    /// In which zone its times are.
    pub(crate) clock: Clock,
    /// Whether it shows names that begin with a dot.
    pub(crate) dots: Dots,
}

/// What is known of the server; nothing where it was not tried yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Whether it takes several commands in one segment.
    in_a_row: Option<bool>,
    /// Whether it has block mode.
    blocks: Option<bool>,
    /// Whether it was said that it does not take the times of files.
    told_of_times: bool,
}

impl Known {
    /// Whether one session is enough, because it does the work of many.
    pub(crate) fn one_is_enough(self) -> Option<bool> {
        self.blocks
    }

    /// It was found out whether the server takes several commands in one segment, and whether it has block mode.
    fn is(&mut self, in_a_row: bool, blocks: bool) {
        (self.in_a_row, self.blocks) = (Some(in_a_row), Some(blocks));
    }
}

impl Crew {
    /// What is known of the server.
    pub(crate) fn known(&self) -> Known {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, learnt: impl FnOnce(&mut Known)) {
        learnt(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The server does not take the times of files, which is said once.
    pub(crate) fn tell_of_times(&self) {
        let mut told = false;
        self.learn(|known| told = std::mem::replace(&mut known.told_of_times, true));
        if !told {
            self.board.note(NO_TIMES);
        }
    }

    /// Hands over a file that has come.
    async fn deliver(&self, parcel: Parcel) {
        let Some(parcels) = &self.parcels else { return };
        if let Err(unsent) = parcels.send(parcel).await {
            self.board.return_unbegun(Work::Fetch(unsent.0.item));
        }
    }
}

/// How long a lane waits that could not get a session while others have one, so that whoever fills its place does not
/// storm the server.
const MOMENT: Duration = Duration::from_millis(500);

/// Works with one session after the other until nothing is left to do. A lane that gets no session leaves the work to
/// those that have one; the last one does not.
pub(crate) async fn run(crew: Arc<Crew>, post: Post) -> Result<(), Error> {
    let mut seat = crew.endurance.join();
    loop {
        let attempt = crew.endurance.begin();
        let taken = tokio::select! {
            biased;
            taken = crew.pool.take() => taken,
            () = crew.board.nothing_left() => return Ok(()),
        };
        let error = match taken {
            Ok(Some(mut session)) => {
                crew.endurance.enter();
                crew.board.calls_for_more();
                match work(&crew, &mut session, post).await {
                    Ok(()) => {
                        session.give_back();
                        return Ok(());
                    }
                    Err(error) => {
                        drop(session);
                        error
                    }
                }
            }
            Ok(None) => {
                crew.pace.refuse();
                if seat.leaves() {
                    return Ok(());
                }
                Error::NoSession
            }
            Err(error) if crew.pool.inside() > 0 => {
                tracing::info!(%error, "one session less");
                if post == Post::Extra {
                    crew.pace.refuse();
                }
                sleep(by_chance(MOMENT)).await;
                if seat.leaves() {
                    return Ok(());
                }
                error
            }
            Err(error) => error,
        };
        go_on(&crew.endurance, &crew.board, attempt, error).await?;
    }
}

/// Waits before the next session is taken, unless there is no use in that.
async fn go_on(
    endurance: &Endurance,
    board: &Board,
    attempt: Attempt,
    error: Error,
) -> Result<(), Error> {
    let Some(again) = endurance.after(attempt, &error, board) else { return Err(error) };
    let Again { wait, number } = again;
    match number {
        Some(number) => board.tries_again(number, wait, error),
        None => tracing::info!(%error, ?wait, "trying again, as others do"),
    }
    sleep(wait).await;
    Ok(())
}

/// Works with one session until nothing is left to do.
async fn work(crew: &Crew, session: &mut Session, post: Post) -> Result<(), Error> {
    tokio::select! {
        biased;
        found = find_out(crew, session) => found?,
        () = crew.board.nothing_left() => return Ok(()),
    }
    let known = crew.known();
    session.at_once = known.in_a_row == Some(true);
    session.control.hurry();
    if known.blocks != Some(true) {
        // Others may come before its first file has.
        crew.pool.learn_from(session);
        return streams::run(crew, session, false, post).await.map(drop);
    }
    loop {
        session.completed(&Command::Mode(Mode::Block)).await?;
        let pause = blocks::run(crew, session).await?;
        if let Pause::Odd(why) = pause {
            crew.learn(|known| known.blocks = Some(false));
            crew.board.note(format!("no block mode from here on: {why}"));
            // Who has lost count of replies is not to be talked to.
            return Err(Error::OutOfStep { last: session.control.last_boxed() });
        }
        session.completed(&Command::Mode(Mode::Stream)).await?;
        match pause {
            Pause::Over => return Ok(()),
            Pause::Apart(why) => {
                crew.learn(|known| known.blocks = Some(false));
                crew.board.note(format!("no block mode from here on: {why}"));
                return streams::run(crew, session, false, post).await.map(drop);
            }
            Pause::Heavy | Pause::Odd(_) => {
                if streams::run(crew, session, true, post).await? {
                    return Ok(());
                }
            }
        }
    }
}

/// Finds out what the server can do, or sets this session up as it is known.
async fn find_out(crew: &Crew, session: &mut Session) -> Result<(), Error> {
    let known = crew.known();
    if session.plain {
        crew.learn(|known| known.is(false, false));
        return session.set_type(Type::Image).await;
    }
    let features = session.features().await?;
    // Listings come in block mode too, and are those of MLSD there.
    let offered = features.has("MODE B") && features.has("MLST");
    let features_list = features.has("MLST");
    let keeps_times = session.keeps_times().await?;
    crew.board.learn_keeps_times(keeps_times);
    if known.in_a_row.is_some() {
        return session.set_type(Type::Image).await;
    }
    // A server that reads its commands one segment each loses the second one of these, which does no harm.
    crew.learn(|known| known.is(false, false));
    let wants_blocks = offered && crew.may_block;
    let second = match wants_blocks {
        true => Command::Mode(Mode::Block),
        // Without MLSD whoever lists a folder must know the way back.
        false if !features_list => Command::Pwd,
        false => Command::Noop,
    };
    session.control.send(&Command::Type(Type::Image))?;
    session.control.send_behind(&second)?;
    let patience = PROBE.min(session.control.patience());
    let mut fine = [false; 2];
    for fine in &mut fine {
        let Ok(answer) = timeout(patience, session.control.answer()).await else {
            return Err(Error::NoReply { last: session.control.last_boxed(), waited: patience });
        };
        let answer = answer?;
        *fine = !answer.more && answer.reply.code.class() == Class::Completion;
    }
    let [kind, second] = fine;
    if !kind {
        // Some servers answer what comes together in an order of their own. Asked alone there is no doubt.
        return session.set_type(Type::Image).await;
    }
    crew.learn(|known| known.is(true, second && wants_blocks));
    if wants_blocks && second {
        crew.board.note("block mode: all small files over one data connection");
    }
    Ok(())
}
