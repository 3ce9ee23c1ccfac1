//! What a job does: it waits for a seat, goes where the shell was, moves what is to be moved, and leaves.
//!
//! It knows nothing of the shell. How far it is stands in [`State`], which the shell looks at; what it has to say, its
//! [`Voice`] says.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use indicatif::{HumanBytes, HumanCount};
use tokio::sync::oneshot;
use wharf_client::{Direction, Error, Happened, Pool, Progress, Session, Site, TreeRequest};

use super::notices::Voice;
use super::seats::Seats;
use crate::commands::Parts;
use crate::commands::tree::{TOLD, end_of, shown, summary};
use crate::exit::{Exit, Failed};
use crate::progress::a_second;
use crate::shell::haul::{Haul, Item};

/// How many sessions a tree may have.
const LANES: usize = 4;

/// Where a job is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// Others run before it.
    Waiting,
    /// Files are moved.
    Running,
    /// It is over.
    Ended(Result<(), Failed>),
}

/// How far a job is.
#[derive(Debug)]
pub(super) struct State {
    pub(super) stage: Stage,
    begun: Instant,
    what: What,
    /// Bytes that were moved.
    moved: u64,
}

#[derive(Debug)]
enum What {
    /// The nth of so many files has come so far.
    Files { nth: usize, all: usize, at: u64, total: Option<u64> },
    /// So many files of a tree are done.
    Tree { done: u64 },
}

impl State {
    /// That of a job that has not begun.
    pub(super) fn of(haul: &Haul) -> Self {
        let what = match haul {
            Haul::Files { items, .. } => {
                What::Files { nth: 0, all: items.len(), at: 0, total: None }
            }
            Haul::Tree(_) => What::Tree { done: 0 },
        };
        Self { stage: Stage::Waiting, begun: Instant::now(), what, moved: 0 }
    }

    /// How far it is, in words.
    pub(super) fn words(&self) -> String {
        let seconds = self.begun.elapsed().as_secs_f64().max(0.1);
        let rate = HumanBytes(a_second(self.moved, seconds));
        match self.what {
            What::Tree { done } => {
                format!("{} files, {} at {rate}/s", HumanCount(done), HumanBytes(self.moved))
            }
            What::Files { nth, all, at, total } => {
                let which = if all > 1 { format!("file {nth} of {all}, ") } else { String::new() };
                let share = total.filter(|total| *total > 0).map(|total| {
                    let percent = u128::from(at) * 100 / u128::from(total);
                    format!("{percent}% of {}", HumanBytes(total))
                });
                let far = share.unwrap_or_else(|| HumanBytes(at).to_string());
                format!("{which}{far} at {rate}/s")
            }
        }
    }

    /// Takes in the progress of the present file.
    fn hear(&mut self, progress: Progress) {
        let What::Files { at, total, .. } = &mut self.what else { return };
        match progress {
            Progress::Begins { at: from, total: of } => (*at, *total) = (from, of),
            Progress::At(there) => {
                self.moved += there.saturating_sub(*at);
                *at = there;
            }
            _ => {}
        }
    }
}

/// What came of files that were moved, in words, and how that is to end.
type Done = (String, Result<(), Failed>);

/// A job that is to be done.
pub(super) struct Work {
    pub(super) haul: Haul,
    /// Where, and as whom.
    pub(super) site: Site,
    pub(super) seats: Arc<Seats>,
    pub(super) state: Arc<Mutex<State>>,
    pub(super) voice: Voice,
    /// Comes when nobody wants it any more.
    pub(super) killed: oneshot::Receiver<()>,
}

impl Work {
    /// Does it, unless it is killed.
    pub(super) async fn run(mut self) {
        let end = loop {
            let Some(seat) = unless(&mut self.killed, self.seats.take()).await else { return };
            self.state().stage = Stage::Running;
            self.state().begun = Instant::now();
            let done = match &self.haul {
                Haul::Tree(item) => {
                    let (site, state) = (self.site.clone(), Arc::clone(&self.state));
                    tree(item, site, &state, &self.voice, &mut self.killed).await
                }
                Haul::Files { items, text } => {
                    let files = Files { items, text: *text, site: &self.site };
                    files.moved(&self.state, &self.voice, &mut self.killed).await
                }
            };
            match done {
                None => return,
                Some(Ok((words, end))) => {
                    self.voice.note(words);
                    break end;
                }
                Some(Err(error)) if error.is_turned_away() && self.seats.are_too_many() => {
                    self.voice.note(format_args!("waiting for another job to end ({error})"));
                    self.state().stage = Stage::Waiting;
                    drop(seat);
                }
                Some(Err(error)) => {
                    let exit = self.voice.fault(error);
                    break Err(Failed { exit, failed: 1, all: 1 });
                }
            }
        };
        self.state().stage = Stage::Ended(end);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

pub(super) fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does `work` until it is done or the job is killed; `None` in the latter case.
async fn unless<T>(killed: &mut oneshot::Receiver<()>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        _ = killed => None,
    }
}

/// Files to be moved over one session, or over another one where that was lost.
struct Files<'a> {
    items: &'a [Item],
    text: bool,
    site: &'a Site,
}

impl Files<'_> {
    /// Moves them; what fails is told and does not keep the rest from being done. `None` where the job was killed.
    ///
    /// # Errors
    /// The first session could not be had.
    async fn moved(
        &self,
        state: &Mutex<State>,
        voice: &Voice,
        killed: &mut oneshot::Receiver<()>,
    ) -> Option<Result<Done, Error>> {
        let begun = Instant::now();
        let mut session = match unless(killed, self.site.enter()).await? {
            Ok(session) => Some(session),
            Err(error) => return Some(Err(error)),
        };
        let (mut parts, mut bytes, mut last) = (Parts::default(), 0, "");
        for (index, item) in self.items.iter().enumerate() {
            if let What::Files { nth, .. } = &mut locked(state).what {
                *nth = index + 1;
            }
            let entered = match session.take() {
                Some(session) => Ok(session),
                None => unless(killed, self.site.enter()).await?,
            };
            let result = match entered {
                Err(error) => Err(error),
                Ok(mut present) => {
                    let mut hear = |progress| locked(state).hear(progress);
                    let moving = item.be_moved(&mut present, self.text, &mut hear);
                    let Some(result) = unless(killed, moving).await else {
                        leave_in_the_midst(present).await;
                        return None;
                    };
                    if !result.as_ref().is_err_and(Error::ends_the_session) {
                        session = Some(present);
                    }
                    result
                }
            };
            if let Ok((moved, verdict)) = &result {
                bytes += *moved;
                last = *verdict;
            }
            parts.count_told(result.map(drop).map_err(|error| match self.items {
                [_] => voice.fault(error),
                _ => voice.fault(anyhow::Error::from(error).context(item.remote.to_string())),
            }));
        }
        if let Some(session) = session {
            // What was done is proven already.
            let _ = unless(killed, session.quit()).await;
        }
        Some(Ok((self.words(&parts, bytes, begun, last), parts.outcome())))
    }

    fn words(&self, parts: &Parts, bytes: u64, begun: Instant, verdict: &str) -> String {
        let seconds = begun.elapsed().as_secs_f64();
        let failed = parts.failed();
        match self.items {
            [_] if failed > 0 => "failed".to_owned(),
            [_] => format!("{} bytes in {seconds:.1} s; {verdict}", HumanCount(bytes)),
            items => {
                let done = items.len() - failed;
                let failed = if failed > 0 { format!("; {failed} failed") } else { String::new() };
                format!("{done} files, {} in {seconds:.1} s{failed}", HumanBytes(bytes))
            }
        }
    }
}

/// Breaks off what is under way, and says good-bye.
async fn leave_in_the_midst(mut session: Session) {
    // If the server does not go along, closing the connection tells it as well.
    if session.abort().await.is_ok() {
        let _ = session.quit().await;
    }
}

/// Moves a tree. `None` where the job was killed.
///
/// # Errors
/// What ends all of it.
async fn tree(
    item: &Item,
    site: Site,
    state: &Mutex<State>,
    voice: &Voice,
    killed: &mut oneshot::Receiver<()>,
) -> Option<Result<Done, Error>> {
    let begun = Instant::now();
    let pool = Pool::new(site, LANES);
    let (mut told, mut only) = (0, None);
    let mut hear = |happened: Happened| match happened {
        Happened::Tick(tally) => {
            let mut state = locked(state);
            (state.what, state.moved) = (What::Tree { done: tally.done }, tally.moved);
        }
        Happened::Failed { path, error, .. } => {
            told += 1;
            only = (told == 1).then(|| Exit::of_client(&error));
            if told <= TOLD {
                voice.fault(anyhow::Error::from(error).context(shown(&path)));
            }
        }
        Happened::LeftOut { path, why, is_fault: true } => {
            (told, only) = (told + 1, None);
            if told <= TOLD {
                voice.fault(anyhow::anyhow!("{}: left out: {why}", shown(&path)));
            }
        }
        Happened::LeftOut { path, why, .. } => {
            voice.note(format_args!("{}: left out: {why}", shown(&path)));
        }
        Happened::Note(note) => voice.note(note),
        _ => {}
    };
    let request = TreeRequest::default();
    let (local, remote) = (item.local.as_path(), &item.remote);
    let result = match item.direction {
        Direction::Down => {
            unless(killed, pool.get_tree(remote, local, &request, &mut hear)).await?
        }
        Direction::Up => unless(killed, pool.put_tree(local, remote, &request, &mut hear)).await?,
    };
    unless(killed, pool.close()).await?;
    Some(result.map(|tally| {
        let words = summary(tally, begun.elapsed().as_secs_f64(), &BTreeMap::new());
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let all = count(tally.done + tally.same + tally.failed);
        let end = match end_of(tally, only) {
            Exit::Done => Ok(()),
            exit => Err(Failed { exit, failed: count(tally.failed), all }),
        };
        (words, end)
    }))
}
