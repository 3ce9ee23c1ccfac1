//! A lane between two servers: a session with each, for one file after the other.

use std::sync::Arc;

use tokio::time::sleep;
use wharf_proto::{Command, Text};

use super::super::board::Board;
use super::super::work::{Folder, Found, Item, Next, Work, join};
use super::streams::list;
use super::{Endurance, Habits, MOMENT, go_on};
use crate::copy::{Ends, Job, Turn};
use crate::files::OLD_GONE;
use crate::retry::by_chance;
use crate::{
    Amount, Copier, CopyError, CopyEvent, CopyRequest, Error, Progress, Side, Verdict, quiet,
};

/// What all lanes at work on a tree share.
pub(crate) struct Crew {
    pub(crate) copier: Copier,
    pub(crate) board: Arc<Board>,
    /// The top of the tree at the target.
    pub(crate) target: Text,
    pub(crate) files: CopyRequest,
    pub(crate) endurance: Endurance,
    /// How source and target list.
    pub(crate) habits: [Habits; 2],
}

impl Crew {
    /// Where at the target this is, which is below the top of the source.
    fn at_target(&self, below: &Text) -> Text {
        if below.is_empty() {
            return self.target.clone();
        }
        join(&self.target, self.copier.names().at_target(below.as_bytes()).as_bytes())
    }
}

/// How the work with two sessions ended.
enum End {
    /// There is nothing left to do.
    Over,
    /// Other sessions are needed to go on.
    Again,
}

/// Works with one pair of sessions after the other until nothing is left to do. A lane that gets none leaves the work
/// to those that have one; the last one does not.
pub(crate) async fn run(crew: Arc<Crew>) -> Result<(), Error> {
    let mut seat = crew.endurance.join();
    let both_inside = || {
        let inside = |side| crew.copier.pool(side).inside() > 0;
        inside(Side::Source) && inside(Side::Target)
    };
    loop {
        let attempt = crew.endurance.begin();
        let error = match crew.copier.take(crew.board.nothing_left()).await {
            Ok(Some(mut ends)) => {
                crew.endurance.enter();
                crew.board.calls_for_more();
                let end = work(&crew, &mut ends).await;
                ends.give_back();
                match end {
                    Ok(End::Over) => return Ok(()),
                    Ok(End::Again) => continue,
                    Err(error) => error,
                }
            }
            // Nobody waited for them any more, or the others have as many as the servers let in.
            Ok(None) if crew.board.has_nothing_left() || seat.leaves() => return Ok(()),
            Ok(None) => Error::NoSession,
            // The others go on with the work.
            Err(CopyError { side, error }) if both_inside() => {
                tracing::info!(%error, %side, "one session less");
                sleep(by_chance(MOMENT)).await;
                if seat.leaves() {
                    return Ok(());
                }
                error
            }
            Err(CopyError { error, .. }) => error,
        };
        go_on(&crew.endurance, &crew.board, attempt, error).await?;
    }
}

/// Works with two sessions until nothing is left to do.
async fn work(crew: &Crew, ends: &mut Ends) -> Result<End, Error> {
    let keeps_times = if ends.target.plain {
        false
    } else {
        tokio::select! {
            biased;
            keeps = ends.target.keeps_times() => keeps?,
            // Nobody needs one more pair.
            () = crew.board.nothing_left() => return Ok(End::Over),
        }
    };
    crew.board.learn_keeps_times(keeps_times);
    ends.source.control.hurry();
    ends.target.control.hurry();
    let mut changes = crew.board.changes();
    loop {
        changes.borrow_and_update();
        if crew.copier.is_stopped() {
            crew.board.stop(Error::Stopped);
            return Ok(End::Over);
        }
        match crew.board.next(true) {
            Next::Work(work) => {
                if let Some(end) = one(crew, ends, work).await? {
                    return Ok(end);
                }
            }
            Next::Wait | Next::Heavy => {
                tokio::select! {
                    // It never closes while the board is there.
                    _ = changes.changed() => {}
                    () = crew.copier.stopped() => {}
                }
            }
            Next::Over => return Ok(End::Over),
        }
    }
}

/// Does one piece of work. An error is that of the sessions; that of the work goes to the board.
async fn one(crew: &Crew, ends: &mut Ends, work: Work) -> Result<Option<End>, Error> {
    let result = match &work {
        Work::Copy(item) => match copy(crew, ends, item).await {
            Ok(Turn::Done(_)) => Ok(()),
            Ok(Turn::Again) => {
                crew.board.return_unbegun(work);
                return Ok(Some(End::Again));
            }
            Err(error) => Err(error),
        },
        _ => {
            let done = tokio::select! {
                done = with_one(crew, ends, &work) => Some(done),
                () = crew.copier.stopped() => None,
            };
            match done {
                Some(done) => done,
                None => {
                    ends.abort().await;
                    Err(Error::Stopped)
                }
            }
        }
    };
    let Err(error) = result else { return Ok(None) };
    if matches!(error, Error::Stopped | Error::NotDirect { .. }) {
        crew.board.stop(error);
        return Ok(Some(End::Over));
    }
    let sound = ends.are_sound() && !error.ends_the_session();
    if sound {
        crew.board.failed(work, error);
        return Ok(None);
    }
    let last = error.last().cloned().map(Box::new).unwrap_or_default();
    if error.is_passing() {
        crew.board.broke(work, error);
    } else {
        crew.board.failed(work, error);
    }
    Err(Error::ControlLost { last, source: None })
}

/// Does what concerns one of the servers only.
async fn with_one(crew: &Crew, ends: &mut Ends, work: &Work) -> Result<(), Error> {
    let there = |folder: &Folder| crew.at_target(&folder.below);
    let [habits, habits_there] = &crew.habits;
    match work {
        Work::List(folder) => {
            let rows = list(habits, &mut ends.source, folder, &mut quiet()).await?;
            crew.board.found(work, Found::Listing(rows));
        }
        Work::Look(folder) => {
            let folder = Folder { remote: there(folder), ..Folder::clone(folder) };
            let rows = list(habits_there, &mut ends.target, &folder, &mut quiet()).await?;
            crew.board.found(work, Found::Listing(rows));
        }
        Work::Make(folder) => {
            ends.target.completed(&Command::Mkd(there(folder))).await?;
            crew.board.done(work, Amount::default(), Verdict::Unproven);
        }
        // They are on no agenda that has two servers: see `streams.rs`.
        Work::Fetch(_)
        | Work::Store(_)
        | Work::Copy(_)
        | Work::Check(_)
        | Work::Delete(_)
        | Work::Remove(_) => crew.board.found(work, Found::Nothing),
    }
    Ok(())
}

/// Copies a file, and tells the board.
async fn copy(crew: &Crew, ends: &mut Ends, item: &Item) -> Result<Turn, Error> {
    let job = Job {
        from: item.remote.clone(),
        to: crew.at_target(&item.below),
        // What the listing said may have been wrong.
        size: item.size.filter(|_| item.tries == 0),
        modified: item.modified.filter(|_| item.precision == Default::default()),
        has_old: item.has_old,
    };
    let mut told = 0;
    let mut watch = |event| match event {
        CopyEvent::Note(note) => crew.board.note(note),
        CopyEvent::Moves(Progress::Begins { at, .. }) => told = at,
        CopyEvent::Moves(Progress::At(at)) => {
            crew.board.moved(at.saturating_sub(told));
            told = told.max(at);
        }
        CopyEvent::Moves(Progress::OldGone) => {
            crew.board.note(format!("{}: {OLD_GONE}", item.below))
        }
        CopyEvent::Moves(
            Progress::StartsOver | Progress::Unsplit | Progress::Suspect(_) | Progress::Lost(_),
        ) => {}
    };
    let turn = crew.copier.carry(ends, &job, &crew.files, &mut watch).await;
    let turn = turn.map_err(|CopyError { error, .. }| error)?;
    if let Turn::Done(copied) = turn {
        let amount = copied.amount().unwrap_or_default();
        crew.board.moved(amount.bytes.saturating_sub(told));
        crew.board.done(&Work::Copy(item.clone()), amount, copied.verdict);
    }
    Ok(turn)
}
