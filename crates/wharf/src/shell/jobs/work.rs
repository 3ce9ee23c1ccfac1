//! What a job does: it waits for a seat, goes where the shell was, moves what is to be moved, and leaves.
//!
//! It knows nothing of the shell. How far it is stands in [`State`], which the shell looks at; what it has to say, its
//! [`Voice`] says.

use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount};
use tokio::sync::oneshot;
use wharf_client::{
    Amount, Deed, Direction, Error, Pool, Progress, Session, Site, Tally, Throttle, UnderWay,
};
use wharf_proto::Text;

use super::notices::Voice;
use super::seats::Seats;
use crate::commands::Parts;
use crate::commands::sync::End;
use crate::commands::tree::{Outlet, Report};
use crate::events::{Events, action};
use crate::exit::{Exit, Failed, Interrupted};
use crate::progress::{a_second, in_bytes, time_for};
use crate::shell::haul::{Files, Haul, Task, Tree};

/// Over how long the present rate is taken.
const SPAN: Duration = Duration::from_millis(400);

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
    pub(super) moved: u64,
    pace: Pace,
}

/// How fast bytes have moved lately.
#[derive(Debug)]
struct Pace {
    /// When that was looked at last, and how many bytes had been moved then.
    at: Instant,
    moved: u64,
    /// A second, the present one counting most.
    rate: u64,
}

#[derive(Debug)]
enum What {
    /// The nth of so many files has come so far.
    Files { nth: usize, all: usize, at: u64, total: Option<u64> },
    /// So many files of a tree are done, and so many bytes are to be moved, where that is known.
    Tree { done: u64, total: Option<u64> },
}

impl State {
    /// That of a job that has not begun.
    pub(super) fn of(haul: &Haul) -> Self {
        let what = match haul {
            Haul::Files(files) => {
                What::Files { nth: 0, all: files.items.len(), at: 0, total: None }
            }
            Haul::Tree(_) => What::Tree { done: 0, total: None },
        };
        let begun = Instant::now();
        let pace = Pace { at: begun, moved: 0, rate: 0 };
        Self { stage: Stage::Waiting, begun, what, moved: 0, pace }
    }

    /// It begins now.
    fn begin(&mut self) {
        self.stage = Stage::Running;
        self.begun = Instant::now();
        self.pace = Pace { at: self.begun, moved: self.moved, rate: 0 };
    }

    /// How far it is, in words, at so many bytes a second.
    pub(super) fn words(&self, rate: u64) -> String {
        let left = self.left().filter(|_| rate > 0);
        let left = left.map_or_else(String::new, |left| format!(", {} left", time_for(left, rate)));
        let rate = HumanBytes(rate);
        match self.what {
            What::Tree { done, total } => {
                let moved = share(self.moved, total);
                format!("{} files, {moved} at {rate}/s{left}", HumanCount(done))
            }
            What::Files { nth, all, at, total } => {
                let which = if all > 1 { format!("file {nth} of {all}, ") } else { String::new() };
                format!("{which}{} at {rate}/s{left}", share(at, total))
            }
        }
    }

    /// How many bytes a second it has moved since it began.
    pub(super) fn rate(&self) -> u64 {
        a_second(self.moved, self.begun.elapsed().as_secs_f64().max(0.1))
    }

    /// How many bytes a second it has moved lately.
    pub(super) fn pace(&mut self) -> u64 {
        let Pace { at, moved, rate } = &mut self.pace;
        let seconds = at.elapsed().as_secs_f64();
        if seconds >= SPAN.as_secs_f64() {
            let present = a_second(self.moved.saturating_sub(*moved), seconds);
            *rate = if *rate > 0 { (*rate / 4).saturating_mul(3) + present / 4 } else { present };
            (*at, *moved) = (Instant::now(), self.moved);
        }
        if *rate > 0 { *rate } else { self.rate() }
    }

    /// How many bytes are left to be moved, where that is known.
    pub(super) fn left(&self) -> Option<u64> {
        let (at, total) = match self.what {
            What::Files { nth, all, at, total } => (at, total.filter(|_| nth == all)),
            What::Tree { total, .. } => (self.moved, total),
        };
        total.map(|total| total.saturating_sub(at))
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

/// `42% of 3 MiB`, or `1 MiB` where nobody knows of how much.
fn share(at: u64, total: Option<u64>) -> String {
    match total.filter(|total| *total > 0) {
        Some(total) => {
            let percent = u128::from(at) * 100 / u128::from(total);
            format!("{percent}% of {}", HumanBytes(total))
        }
        None => HumanBytes(at).to_string(),
    }
}

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
        let events = self.events();
        let end = loop {
            let Some(seat) = unless(&mut self.killed, self.seats.take()).await else {
                return killed(&events);
            };
            self.state().begin();
            let done = match &self.haul {
                Haul::Tree(tree) => {
                    let outlet =
                        Beside { voice: self.voice.clone(), state: Arc::clone(&self.state) };
                    move_tree(tree, self.site.clone(), outlet, &events, &mut self.killed).await
                }
                Haul::Files(files) => {
                    let moving = Moving { files, site: &self.site };
                    moving.done(&self.state, &self.voice, &mut self.killed).await
                }
            };
            match done {
                None => return killed(&events),
                Some(Ok(end)) => break end,
                Some(Err(error)) if error.is_turned_away() && self.seats.are_too_many() => {
                    self.voice.note(format_args!("waiting for another job to end ({error})"));
                    self.state().stage = Stage::Waiting;
                    drop(seat);
                }
                Some(Err(error)) => {
                    events.failed_by(self.action(), &Text::default(), &error);
                    events.end_by(&error);
                    let exit = self.voice.fault(error);
                    break Err(Failed { exit, failed: 1, all: 1 });
                }
            }
        };
        self.state().stage = Stage::Ended(end);
    }

    /// What is done above all, in a word for programs.
    fn action(&self) -> &'static str {
        action(if self.haul.stores() { Deed::Store } else { Deed::Fetch })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// Where programs are told what happens, if they are to be told.
    fn events(&self) -> Events {
        match &self.haul {
            Haul::Tree(tree) if tree.moving.json => {
                let voice = self.voice.clone();
                Events::through(move |event| voice.data(event))
            }
            Haul::Tree(_) | Haul::Files(_) => Events::default(),
        }
    }
}

/// Tells programs that nobody wants it any more.
fn killed(events: &Events) {
    events.end(Exit::Interrupted, Some(&anyhow::Error::from(Interrupted::default())));
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

/// Files that are moved over one session, or over another one where that was lost.
struct Moving<'a> {
    files: &'a Files,
    site: &'a Site,
}

impl Moving<'_> {
    /// Moves them; what fails is told and does not keep the rest from being done. `None` where the job was killed.
    ///
    /// # Errors
    /// The first session could not be had.
    async fn done(
        &self,
        state: &Mutex<State>,
        voice: &Voice,
        killed: &mut oneshot::Receiver<()>,
    ) -> Option<Result<Result<(), Failed>, Error>> {
        let begun = Instant::now();
        let mut session = match unless(killed, self.site.enter()).await? {
            Ok(session) => Some(session),
            Err(error) => return Some(Err(error)),
        };
        let items = &self.files.items;
        let (mut parts, mut all, mut last) = (Parts::default(), Amount::default(), "");
        for (index, item) in items.iter().enumerate() {
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
                    let moving = self.files.move_one(item, &mut present, &mut hear);
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
            if let Ok((amount, verdict)) = &result {
                all.bytes += amount.bytes;
                all.moved += amount.moved;
                last = *verdict;
            }
            parts.count_told(result.map(drop).map_err(|error| match &items[..] {
                [_] => voice.fault(error),
                _ => voice.fault(anyhow::Error::from(error).context(item.remote.to_string())),
            }));
        }
        if let Some(session) = session {
            // What was done is proven already.
            let _ = unless(killed, session.quit()).await;
        }
        voice.note(self.words(&parts, all, begun, last));
        Some(Ok(parts.outcome()))
    }

    fn words(&self, parts: &Parts, all: Amount, begun: Instant, verdict: &str) -> String {
        let seconds = begun.elapsed().as_secs_f64();
        let failed = parts.failed();
        match &self.files.items[..] {
            [_] if failed > 0 => "failed".to_owned(),
            [_] => format!("{} in {seconds:.1} s; {verdict}", in_bytes(all)),
            items => {
                let done = items.len() - failed;
                let failed = if failed > 0 { format!("; {failed} failed") } else { String::new() };
                format!("{done} files, {} in {seconds:.1} s{failed}", HumanBytes(all.bytes))
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

/// Where the report of a job goes: beside the shell.
struct Beside {
    voice: Voice,
    state: Arc<Mutex<State>>,
}

impl Outlet for Beside {
    fn note(&self, line: &dyn Display) {
        self.voice.note(line);
    }

    fn fault(&self, line: &dyn Display) {
        self.voice.complain(line);
    }

    fn data(&self, line: &dyn Display) {
        self.voice.data(line);
    }

    fn expects(&mut self, bytes: u64) {
        locked(&self.state).what = What::Tree { done: 0, total: Some(bytes) };
    }

    fn progress(&mut self, tally: Tally, _: u64, _: &[UnderWay]) {
        let mut state = locked(&self.state);
        if let What::Tree { done, .. } = &mut state.what {
            *done = tally.done;
        }
        state.moved = tally.moved;
    }
}

/// Moves a tree, or makes one like another. `None` where the job was killed.
///
/// # Errors
/// What ends all of it.
async fn move_tree(
    tree: &Tree,
    mut site: Site,
    outlet: Beside,
    events: &Events,
    killed: &mut oneshot::Receiver<()>,
) -> Option<Result<Result<(), Failed>, Error>> {
    if let Some(rate) = tree.moving.pace.limit_rate {
        site.options.throttle = Some(Throttle::new(rate));
    }
    let (voice, server) = (outlet.voice.clone(), site.host.clone());
    let mut report = match Report::to(Box::new(outlet), &tree.tree, events) {
        Ok(report) => report,
        Err(error) => {
            events.end(Exit::of(&error), Some(&error));
            return Some(Ok(Err(failed(voice.fault(error), (1, 1)))));
        }
    };
    let pool = Pool::new(site, tree.tree.jobs.map_or(1, usize::from));
    let ended = match &tree.task {
        Task::Move { remote, local, request } => {
            let mut hear = |happened| report.hear(happened);
            let moved = match tree.direction {
                Direction::Down => {
                    unless(killed, pool.get_tree(remote, local, request, &mut hear)).await?
                }
                Direction::Up => {
                    unless(killed, pool.put_tree(local, remote, request, &mut hear)).await?
                }
            };
            let moved = moved.inspect_err(|_| report.breaks_off());
            moved.map(|tally| (End::Applied(tally).failed(), report.end(tally)))
        }
        Task::Alike(alike) => {
            let made = unless(killed, alike.make(&pool, &mut report)).await?;
            let made = made.inspect_err(|_| report.breaks_off());
            made.map(|end| (end.failed(), alike.ended(report, end, &server)))
        }
    };
    unless(killed, pool.close()).await?;
    let (count, exit) = match ended {
        Ok(ended) => ended,
        Err(error) => return Some(Err(error)),
    };
    events.end(exit.as_ref().map_or_else(Exit::of, |exit| *exit), exit.as_ref().err());
    Some(Ok(match exit.unwrap_or_else(|error| voice.fault(error)) {
        Exit::Done => Ok(()),
        exit => Err(failed(exit, count)),
    }))
}

/// So many of so many failed.
fn failed(exit: Exit, (failed, all): (u64, u64)) -> Failed {
    let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
    Failed { exit, failed: count(failed), all: count(all) }
}
