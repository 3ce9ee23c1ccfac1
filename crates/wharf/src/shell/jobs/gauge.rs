//! How far the jobs are, all together: one line, which stands below the one that is being edited, while jobs run.
//!
//! The line editor draws it as what it calls a hint, and takes it away when the line is entered. It draws only when
//! something happens, so who hands over notices to it (`notices.rs`) nudges it now and then. On a terminal that can take
//! nothing back there is no such line.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::HumanBytes;
use tokio::task::AbortHandle;

use super::counted;
use super::work::{Stage, State, locked};
use crate::progress::time_for;

/// The jobs that are looked at, and the line.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    jobs: Mutex<Vec<Watched>>,
    line: Mutex<String>,
    /// Whether a line is being edited.
    editing: AtomicBool,
    /// Whether the line has been drawn since the editor was nudged.
    drawn: AtomicBool,
}

/// A job that is looked at.
#[derive(Debug)]
pub(super) struct Watched {
    /// What it is called.
    pub(super) name: String,
    pub(super) state: Arc<Mutex<State>>,
    pub(super) task: AbortHandle,
}

impl Gauge {
    /// Looks at one more job.
    pub(super) fn add(&self, job: Watched) {
        self.jobs().push(job);
    }

    /// Takes in whether a line is being edited now.
    pub(crate) fn edits(&self, editing: bool) {
        self.editing.store(editing, Ordering::Relaxed);
        self.drawn.store(editing, Ordering::Relaxed);
    }

    /// Whether no job is under way any more.
    pub(crate) fn is_idle(&self) -> bool {
        let mut jobs = self.jobs();
        jobs.retain(|job| !job.task.is_finished());
        jobs.is_empty()
    }

    /// The line as it was when somebody looked last, for the editor, which draws it now.
    pub(crate) fn drawn(&self) -> String {
        self.drawn.store(true, Ordering::Relaxed);
        self.last().clone()
    }

    /// Whether there is nothing to look at any more, and nothing to wipe away.
    pub(super) fn is_done(&self) -> bool {
        self.is_idle() && self.last().is_empty()
    }

    /// Looks how far the jobs are; empty where none is under way.
    pub(crate) fn look(&self) -> String {
        let words = if self.is_idle() { String::new() } else { words(&self.jobs()) };
        self.last().clone_from(&words);
        words
    }

    /// Looks, and tells whether the editor should draw the line anew.
    pub(super) fn wants_a_nudge(&self) -> bool {
        let before = self.last().clone();
        let changed = self.look() != before;
        changed && self.editing.load(Ordering::Relaxed) && self.drawn.swap(false, Ordering::Relaxed)
    }

    fn jobs(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self) -> MutexGuard<'_, String> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `[1] get a: 42% of 3 MiB at 1 MiB/s, 2 s left`, or `3 jobs, 1 waiting: 7 MiB at 2 MiB/s, 1:05 left`.
fn words(jobs: &[Watched]) -> String {
    let (mut waiting, mut moved, mut rate, mut left) = (0, 0, 0, Some(0_u64));
    for job in jobs {
        let mut state = locked(&job.state);
        if matches!(state.stage, Stage::Waiting) {
            waiting += 1;
            left = None;
            continue;
        }
        rate += state.pace();
        moved += state.moved;
        left = left.zip(state.left()).map(|(left, more)| left.saturating_add(more));
    }
    if let [job] = jobs {
        let state = locked(&job.state);
        return match state.stage {
            Stage::Waiting => format!("{}: waiting", job.name),
            Stage::Running | Stage::Ended(_) => format!("{}: {}", job.name, state.words(rate)),
        };
    }
    let waiting = if waiting > 0 { format!(", {waiting} waiting") } else { String::new() };
    let left = left.filter(|_| rate > 0);
    let left = left.map_or_else(String::new, |left| format!(", {} left", time_for(left, rate)));
    let (moved, rate) = (HumanBytes(moved), HumanBytes(rate));
    format!("{}{waiting}: {moved} at {rate}/s{left}", counted(jobs.len()))
}
