//! What is told while a tree is moved: lines for people, events for programs, a list of what failed.
//!
//! Where it is told is the [`Outlet`]'s business: a command speaks on the terminal, a job of the shell beside it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Instant;

use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};
use wharf_client::{Amount, Deed, Error, Happened, Plan, StepKind, Tally, UnderWay};
use wharf_proto::Text;

use super::failed::FailedList;
use super::{end_of, shown, summary};
use crate::args::tree::TreeArgs;
use crate::events::{Events, action};
use crate::exit::Exit;
use crate::progress::{Screen, Status, a_second, time_for};

/// How many failures are told one by one in plain lines; all of them are in `--failed` and `--json`.
const TOLD: u64 = 50;

/// How many of the large files that are under way are shown.
const SHOWN: usize = 5;

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
    /// Hears how far it is, now and then, how many bytes a second that is, and which large files are under way.
    fn progress(&mut self, tally: Tally, rate: u64, under_way: &[UnderWay]);
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

    fn progress(&mut self, tally: Tally, rate: u64, under_way: &[UnderWay]) {
        let total = self.total;
        self.status.show(&|| how_far(tally, total, rate), &|| rows(under_way));
    }
}

/// Tells what happens.
pub(crate) struct Report {
    begun: Instant,
    events: Events,
    /// How many bytes are to be moved, where that is known.
    total: Option<u64>,
    /// The large files that were under way when somebody last looked.
    under_way: Vec<UnderWay>,
    outlet: Box<dyn Outlet>,
    failed: Option<FailedList>,
    failures: u64,
    /// How many files have which verdict.
    verdicts: BTreeMap<&'static str, u64>,
    /// How far it was when somebody last looked.
    reached: Tally,
    /// The one error, as long as there is one only.
    only_error: Option<Error>,
}

impl Report {
    /// A report of a command, to where the options want it.
    pub(crate) fn new(quiet: bool, tree: &TreeArgs, events: &Events) -> anyhow::Result<Self> {
        let screen = Screen::new(quiet || events.is_on());
        let status = screen.status();
        Self::to(Box::new(Console { screen, status, total: None }), tree, events)
    }

    /// A report to this outlet.
    pub(crate) fn to(
        outlet: Box<dyn Outlet>,
        tree: &TreeArgs,
        events: &Events,
    ) -> anyhow::Result<Self> {
        let failed = tree.failed.as_deref().map(FailedList::new).transpose()?;
        Ok(Self {
            begun: Instant::now(),
            events: events.clone(),
            total: None,
            under_way: Vec::new(),
            outlet,
            failed,
            failures: 0,
            verdicts: BTreeMap::new(),
            reached: Tally::default(),
            only_error: None,
        })
    }

    /// Takes in how many bytes are to be moved.
    pub(crate) fn expects(&mut self, bytes: u64) {
        self.total = Some(bytes);
        self.outlet.expects(bytes);
    }

    /// Takes in what happened.
    pub(crate) fn hear(&mut self, happened: Happened) {
        match happened {
            Happened::Done { path, kind, amount, verdict } => {
                let is_file = matches!(kind, Deed::Fetch | Deed::Store | Deed::Copy);
                if is_file {
                    *self.verdicts.entry(verdict.name()).or_default() += 1;
                }
                let Amount { bytes, moved } = amount;
                let facts = || match is_file {
                    true => json!({ "bytes": bytes, "moved": moved, "verdict": verdict.name() }),
                    false => json!({}),
                };
                self.events.done(action(kind), &path, facts);
            }
            Happened::Failed { path, kind, error } => {
                self.events.failed_by(action(kind), &path, &error);
                if let Some(failed) = &mut self.failed {
                    failed.add(&path, matches!(kind, Deed::List | Deed::Make | Deed::Remove));
                }
                self.failure(format_args!("{}: {error}", shown(&path)));
                self.only_error = (self.failures == 1).then_some(error);
            }
            Happened::LeftOut { path, why, is_fault } => {
                self.events.left_out(&path, &why, is_fault);
                if is_fault {
                    self.failure(format_args!("{}: left out: {why}", shown(&path)));
                    self.only_error = None;
                } else {
                    self.line(format_args!("{}: left out: {why}", shown(&path)));
                }
            }
            Happened::Note(note) => {
                self.events.note(&note);
                self.line(note);
            }
            Happened::TriesAgain { number, wait, error } => {
                self.events.retry(number, wait, &error);
                let wait = wait.as_secs_f32();
                self.line(format_args!("{error}; trying again in {wait:.1} s"));
            }
            Happened::Tick(tally) => self.tick(tally),
            Happened::UnderWay(files) => self.under_way = files,
            _ => {}
        }
    }

    /// Tells the end, and gives the exit code.
    pub(crate) fn end(mut self, tally: Tally) -> anyhow::Result<Exit> {
        let seconds = self.begun.elapsed().as_secs_f64();
        let exit = end_of(tally, self.only_error.as_ref().map(Exit::of_client));
        self.events.comes_to(tally, &self.verdicts);
        self.line(summary(tally, seconds, &self.verdicts));
        if let Some(list) = self.failed.take() {
            list.end()?;
        }
        Ok(exit)
    }

    /// Tells how far it came, where an error has ended all of it.
    pub(crate) fn cut_short(&self, action: &str, error: &anyhow::Error) {
        self.events.failed(action, &Text::default(), error);
        self.breaks_off();
    }

    /// Tells how far it came.
    pub(crate) fn breaks_off(&self) {
        let Tally { done, failed, deleted, moved, .. } = self.reached;
        if done + failed + deleted + moved > 0 {
            let seconds = self.begun.elapsed().as_secs_f64();
            self.line(summary(self.reached, seconds, &self.verdicts));
        }
    }

    /// Takes in that only a plan was wanted, and gives the exit code: that with which carrying it out would end.
    pub(crate) fn is_planned(&self, plan: &Plan) -> Exit {
        let tally = Tally { same: plan.same(), failed: plan.failed(), ..Tally::default() };
        self.events.comes_to(tally, &self.verdicts);
        self.events.and_at_the_end("dry_run", true);
        let done = plan.count(StepKind::Add) + plan.count(StepKind::Update);
        end_of(Tally { done, ..tally }, self.only_error.as_ref().map(Exit::of_client))
    }

    fn tick(&mut self, tally: Tally) {
        self.reached = tally;
        let rate = a_second(tally.moved, self.begun.elapsed().as_secs_f64().max(0.1));
        self.outlet.progress(tally, rate, &self.under_way);
        // For the last event, should all of it end here.
        self.events.comes_to(tally, &self.verdicts);
        self.events.progress(tally, self.total, &self.under_way);
    }

    /// Says something, unless it is for a program or nothing is to be said.
    pub(crate) fn line(&self, line: impl Display) {
        if !self.events.is_on() {
            self.outlet.note(&line);
        }
    }

    /// A line of data for people; programs have events.
    pub(crate) fn data(&self, line: impl Display) {
        if !self.events.is_on() {
            self.outlet.data(&line);
        }
    }

    fn failure(&mut self, line: std::fmt::Arguments<'_>) {
        self.failures += 1;
        match self.failures {
            _ if self.events.is_on() => {}
            ..=TOLD => self.outlet.fault(&line),
            failures if failures == TOLD + 1 => self.outlet.fault(&match self.failed {
                Some(_) => "further failures are only counted; --failed lists all at the end",
                None => "further failures are only counted; --failed FILE lists all",
            }),
            _ => {}
        }
    }

    /// Tells programs a step of a plan.
    pub(crate) fn step(&self, path: &Text, facts: impl FnOnce() -> Value) {
        self.events.step(path, facts);
    }

    /// Tells programs an event.
    pub(crate) fn event(&self, event: &str, facts: impl FnOnce() -> Value) {
        self.events.tell(event, facts);
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

/// A row for each of the large files that are under way: `  42% of 3 MiB  pub/image`.
fn rows(under_way: &[UnderWay]) -> Vec<String> {
    let row = |file: &UnderWay| match file.total.filter(|total| *total > 0) {
        Some(total) => {
            let percent = u128::from(file.at) * 100 / u128::from(total);
            let total = HumanBytes(total).to_string();
            format!("  {percent:>3}% of {total:>10}  {}", file.path)
        }
        None => format!("  {:>18}  {}", HumanBytes(file.at).to_string(), file.path),
    };
    let mut rows: Vec<String> = under_way.iter().take(SHOWN).map(row).collect();
    if under_way.len() > SHOWN {
        rows.push(format!("  and {} more", under_way.len() - SHOWN));
    }
    rows
}
