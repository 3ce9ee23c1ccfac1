//! What is told while a tree is moved, or a file: lines for people, JSON for programs, a list of what failed.
//!
//! Where it is told is the [`Outlet`]'s business: a command speaks on the terminal, a job of the shell beside it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};
use wharf_client::{Deed, Error, Happened, Tally, Verdict};
use wharf_proto::Text;

use super::failed::FailedList;
use super::{end_of, shown, summary};
use crate::args::tree::{MoveArgs, TreeArgs};
use crate::exit::Exit;
use crate::progress::{Screen, Status, a_second, time_for};

/// How often a reader of JSON hears how far it is.
const BETWEEN_EVENTS: Duration = Duration::from_secs(1);
/// How many failures are told one by one in plain lines; all of them are in `--failed` and `--json`.
const TOLD: u64 = 50;

/// Where a report is told.
pub(crate) trait Outlet: Send + Sync {
    /// Says something, unless quiet is wanted.
    fn note(&self, line: &dyn Display);
    /// Says what went wrong.
    fn fault(&self, line: &dyn Display);
    /// Gives out a line of data.
    fn data(&self, line: &dyn Display);
    /// Hears how many bytes are to be moved, once that is known.
    fn expects(&mut self, bytes: u64);
    /// Hears how far it is, now and then, and how many bytes a second that is.
    fn progress(&mut self, tally: Tally, rate: u64);
}

/// The terminal, or whatever standard output and standard error are.
struct Console {
    screen: Screen,
    status: Status,
    /// How many bytes are to be moved, where that is known.
    total: Option<u64>,
}

impl Outlet for Console {
    fn note(&self, line: &dyn Display) {
        self.screen.note(line);
    }

    fn fault(&self, line: &dyn Display) {
        self.screen.say(format_args!("wharf: {line}"));
    }

    fn data(&self, line: &dyn Display) {
        self.screen.data(line);
    }

    fn expects(&mut self, bytes: u64) {
        self.total = Some(bytes);
    }

    fn progress(&mut self, tally: Tally, rate: u64) {
        let total = self.total;
        self.status.show(&|| how_far(tally, total, rate));
    }
}

/// Tells what happens.
pub(crate) struct Report {
    begun: Instant,
    told: Instant,
    json: bool,
    outlet: Box<dyn Outlet>,
    failed: Option<FailedList>,
    failures: u64,
    /// How many files have which verdict.
    verdicts: BTreeMap<&'static str, u64>,
    /// The one error, as long as there is one only.
    only_error: Option<Error>,
}

impl Report {
    /// A report of a command, to where the options want it.
    pub(crate) fn new(quiet: bool, moving: &MoveArgs, tree: &TreeArgs) -> anyhow::Result<Self> {
        let screen = Screen::new(quiet || moving.json);
        let status = screen.status();
        Self::to(Box::new(Console { screen, status, total: None }), moving, tree)
    }

    /// A report to this outlet.
    pub(crate) fn to(
        outlet: Box<dyn Outlet>,
        moving: &MoveArgs,
        tree: &TreeArgs,
    ) -> anyhow::Result<Self> {
        let failed = tree.failed.as_deref().map(FailedList::create).transpose()?;
        let now = Instant::now();
        Ok(Self {
            begun: now,
            told: now,
            json: moving.json,
            outlet,
            failed,
            failures: 0,
            verdicts: BTreeMap::new(),
            only_error: None,
        })
    }

    /// Takes in how many bytes are to be moved.
    pub(crate) fn expects(&mut self, bytes: u64) {
        self.outlet.expects(bytes);
    }

    /// Takes in what happened.
    pub(crate) fn hear(&mut self, happened: Happened) {
        match happened {
            Happened::Done { path, kind, moved, verdict } => {
                let is_file = matches!(kind, Deed::Fetch | Deed::Store | Deed::Copy);
                if is_file {
                    *self.verdicts.entry(verdict.name()).or_default() += 1;
                }
                let verdict = is_file.then(|| verdict.name());
                self.event("done", || {
                    json!({"action": name(kind), "path": path.to_string(), "bytes": moved, "verdict": verdict})
                });
            }
            Happened::Failed { path, kind, error } => {
                let exit = Exit::of_client(&error) as u8;
                self.event("failed", || {
                    json!({"action": name(kind), "path": path.to_string(), "error": error.to_string(),
                           "reply": error.code(), "exit": exit})
                });
                if let Some(failed) = &mut self.failed {
                    failed.add(&path, matches!(kind, Deed::List | Deed::Make | Deed::Remove));
                }
                self.failure(format_args!("{}: {error}", shown(&path)));
                self.only_error = (self.failures == 1).then_some(error);
            }
            Happened::LeftOut { path, why, is_fault } => {
                self.event(
                    "left-out",
                    || json!({"path": path.to_string(), "why": why, "fault": is_fault}),
                );
                if is_fault {
                    self.failure(format_args!("{}: left out: {why}", shown(&path)));
                    self.only_error = None;
                } else {
                    self.line(format_args!("{}: left out: {why}", shown(&path)));
                }
            }
            Happened::Note(note) => {
                self.event("note", || json!({"text": note}));
                self.line(note);
            }
            Happened::Tick(tally) => self.tick(tally),
            _ => {}
        }
    }

    /// Tells the end, and gives the exit code.
    pub(crate) fn end(mut self, tally: Tally) -> anyhow::Result<Exit> {
        let seconds = self.begun.elapsed().as_secs_f64();
        let exit = end_of(tally, self.only_error.as_ref().map(Exit::of_client));
        let Tally { done, same, failed, moved } = tally;
        let verdicts = &self.verdicts;
        self.event("end", || {
            json!({"done": done, "same": same, "failed": failed, "bytes": moved, "seconds": seconds,
                   "verdicts": verdicts, "exit": exit as u8})
        });
        self.line(summary(tally, seconds, &self.verdicts));
        if let Some(list) = self.failed.take() {
            list.end(failed)?;
        }
        Ok(exit)
    }

    /// Tells the end of a command that moves one file, as its only event.
    pub(crate) fn one<T>(
        &self,
        action: &str,
        path: &Text,
        result: anyhow::Result<T>,
        facts: impl FnOnce(&T) -> (u64, Verdict),
    ) -> anyhow::Result<T> {
        self.one_with(action, path, result, |done| {
            let (moved, verdict) = facts(done);
            json!({"bytes": moved, "verdict": verdict.name()})
        })
    }

    /// The same with whatever facts there are.
    pub(crate) fn one_with<T>(
        &self,
        action: &str,
        path: &Text,
        result: anyhow::Result<T>,
        facts: impl FnOnce(&T) -> Value,
    ) -> anyhow::Result<T> {
        match &result {
            Ok(done) => self.event("done", || {
                let mut facts = facts(done);
                if let Value::Object(object) = &mut facts {
                    object.insert("action".to_owned(), action.into());
                    object.insert("path".to_owned(), path.to_string().into());
                }
                facts
            }),
            Err(error) => self.event("failed", || {
                json!({"action": action, "path": path.to_string(), "error": format!("{error:#}"),
                       "exit": Exit::of(error) as u8})
            }),
        }
        result
    }

    fn tick(&mut self, tally: Tally) {
        let Tally { done, same, failed, moved } = tally;
        if !self.json {
            let rate = a_second(moved, self.begun.elapsed().as_secs_f64().max(0.1));
            return self.outlet.progress(tally, rate);
        }
        if self.told.elapsed() >= BETWEEN_EVENTS {
            self.told = Instant::now();
            self.event(
                "progress",
                || json!({"done": done, "same": same, "failed": failed, "bytes": moved}),
            );
        }
    }

    /// Says something, unless it is for a program or nothing is to be said.
    pub(crate) fn line(&self, line: impl Display) {
        if !self.json {
            self.outlet.note(&line);
        }
    }

    /// A line of data for people; programs have events.
    pub(crate) fn data(&self, line: impl Display) {
        if !self.json {
            self.outlet.data(&line);
        }
    }

    fn failure(&mut self, line: std::fmt::Arguments<'_>) {
        self.failures += 1;
        match self.failures {
            _ if self.json => {}
            ..=TOLD => self.outlet.fault(&line),
            failures if failures == TOLD + 1 => {
                self.outlet.fault(&"further failures are only counted; --failed FILE lists all")
            }
            _ => {}
        }
    }

    /// One object an event.
    pub(crate) fn event(&self, event: &str, facts: impl FnOnce() -> Value) {
        if !self.json {
            return;
        }
        let mut facts = facts();
        if let Value::Object(object) = &mut facts {
            object.insert("event".to_owned(), event.into());
        }
        self.outlet.data(&facts);
    }
}

/// How far a tree is, in words: `3 files, 12 MiB of 30 MiB at 2 MiB/s, 9 s left, 7 the same`.
fn how_far(tally: Tally, total: Option<u64>, rate: u64) -> String {
    let Tally { done, same, moved, .. } = tally;
    let (of, left) = match total.filter(|total| *total > 0) {
        Some(total) => {
            let left = time_for(total.saturating_sub(moved), rate);
            (format!(" of {}", HumanBytes(total)), format!(", {left} left"))
        }
        None => Default::default(),
    };
    let same = if same > 0 { format!(", {} the same", HumanCount(same)) } else { String::new() };
    let (files, moved, rate) = (HumanCount(done), HumanBytes(moved), HumanBytes(rate));
    format!("{files} files, {moved}{of} at {rate}/s{left}{same}")
}

fn name(deed: Deed) -> &'static str {
    match deed {
        Deed::List => "list",
        Deed::Make => "make",
        Deed::Fetch => "fetch",
        Deed::Store => "store",
        Deed::Copy => "copy",
        Deed::Check => "check",
        Deed::Delete => "delete",
        Deed::Remove => "remove",
        _ => "other",
    }
}
