//! `wharf sync`: one tree is made like another, either way, at once or by a plan file (`sync/file.rs`).

mod file;
mod held;

use std::path::{Path, PathBuf};

use anyhow::bail;
use indicatif::{HumanBytes, HumanCount};
use serde_json::json;
use wharf_client::{
    Address, Compare, Deed, Direction, Error, Happened, Plan, Pool, StepKind, SyncRequest, Tally,
    TreeRequest,
};
use wharf_proto::Text;

use self::file::{Places, Planned};
use self::held::Held;
use super::tree::{Report, Visit};
use crate::args::ConnectionArgs;
use crate::args::sync::{AlikeArgs, CompareArg, Place, Share, SyncArgs};
use crate::events::{Events, action};
use crate::exit::{Exit, Usage};
use crate::output::{can_be_made, can_be_written};
use crate::settings;

/// What came of it.
pub(crate) enum End {
    /// Only the plan was asked for.
    Planned(Plan),
    /// It was carried out.
    Applied(Tally),
    /// More would have been deleted than may be.
    Guarded(Plan),
}

impl End {
    /// How much of it failed, and of how much.
    pub(crate) fn failed(&self) -> (u64, u64) {
        match self {
            Self::Applied(Tally { done, same, failed, .. }) => (*failed, done + same + failed),
            Self::Planned(plan) => (plan.failed(), plan.same() + plan.failed()),
            Self::Guarded(_) => (1, 1),
        }
    }
}

pub(crate) async fn run(arguments: &SyncArgs, events: &Events) -> anyhow::Result<Exit> {
    if let Some(from) = &arguments.apply {
        return apply(arguments, from, events).await;
    }
    let places = places(arguments)?;
    let how = &arguments.how;
    let Places { direction, local, remote } = &places;
    let alike = Alike::new(how, *direction, local.clone(), remote.path.clone())?;
    arguments.plan.as_deref().map_or(Ok(()), can_be_written)?;
    let purpose = if arguments.plan.is_some() { Purpose::Keep } else { alike.purpose };
    let alike = Alike { purpose, ..alike };
    during(&alike, remote, &arguments.connection, how, events, |plan| match &arguments.plan {
        Some(to) => file::write(to, plan, &places, how),
        None => Ok(()),
    })
    .await
}

/// The two trees that the command line names.
fn places(arguments: &SyncArgs) -> Result<Places, Usage> {
    let (direction, url, local) = match (&arguments.source, &arguments.target) {
        (Some(Place::Remote(url)), Some(Place::Local(local))) => (Direction::Down, url, local),
        (Some(Place::Local(local)), Some(Place::Remote(url))) => (Direction::Up, url, local),
        (Some(Place::Remote(_)), Some(Place::Remote(_))) => {
            return Err(Usage("from server to server goes wharf copy -r".to_owned()));
        }
        _ => {
            let why = "one of the two trees must be on a server: ftp://host/path";
            return Err(Usage(why.to_owned()));
        }
    };
    Ok(Places { direction, local: local.clone(), remote: url.0.clone() })
}

/// Carries out what a plan file has.
async fn apply(arguments: &SyncArgs, from: &Path, events: &Events) -> anyhow::Result<Exit> {
    let planned = Planned::read(from)?;
    let mut how = arguments.how.clone();
    (how.delete, how.no_links, how.compare) = (planned.delete, !planned.links, planned.compare);
    how.tree.exclude.clone_from(&planned.exclude);
    how.tree.include.clone_from(&planned.include);
    let (mut remote, mut connection) =
        (planned.places.remote.clone(), arguments.connection.clone());
    settings::settle(&mut remote, &mut connection)?;
    // Its charset has turned the path already.
    remote.path.clone_from(&planned.places.remote.path);
    let Places { direction, local, .. } = &planned.places;
    let mut alike = Alike::new(&how, *direction, local.clone(), remote.path.clone())?;
    if let Some(ignore) = &planned.ignore {
        let filter = &mut alike.request.tree.filter;
        *filter = filter.clone().behind(ignore).map_err(|error| Usage(error.to_string()))?;
    }
    alike.request.tells_same = true;
    let alike = Alike { planned: Some(Box::new(planned)), ..alike };
    during(&alike, &remote, &connection, &how, events, |_| Ok(())).await
}

/// Does it over sessions of its own, and tells what came of it; a plan that is not carried out is kept first.
async fn during(
    alike: &Alike,
    remote: &Address,
    connection: &ConnectionArgs,
    how: &AlikeArgs,
    events: &Events,
    keep: impl FnOnce(&Plan) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    if (alike.request.direction, alike.purpose) == (Direction::Down, Purpose::Apply) {
        can_be_made(&alike.local)?;
    }
    let mut report = Report::new(connection.quiet, &how.tree, events)?;
    let visit =
        Visit::new(remote, connection, &how.moving, |site| how.tree.pool(site, connection))?;
    let end = visit.during(async |pool| alike.make(pool, &mut report).await).await;
    let end = end.inspect_err(|error| report.cut_short(alike.action(), error))?;
    if let End::Planned(plan) = &end {
        keep(plan)?;
    }
    alike.ended(report, end, &remote.to_string())
}

/// What the plan is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// It is carried out.
    Apply,
    /// It is told.
    Show,
    /// It is written to a file.
    Keep,
}

/// A tree here and one on a server, of which one is made like the other.
pub(crate) struct Alike {
    request: SyncRequest,
    max_delete: Share,
    purpose: Purpose,
    /// The plan file whose steps alone are carried out.
    planned: Option<Box<Planned>>,
    pub(crate) local: PathBuf,
    remote: Text,
}

impl Alike {
    /// What the options ask for.
    ///
    /// # Errors
    /// Options that make no sense, and a tree here that is to be stored and is not there.
    pub(crate) fn new(
        how: &AlikeArgs,
        direction: Direction,
        local: PathBuf,
        remote: Text,
    ) -> anyhow::Result<Self> {
        if direction == Direction::Up && !local.is_dir() {
            bail!(std::io::Error::other(format!("{}: no such folder", local.display())));
        }
        if how.tree.retry_failed.is_some() {
            let why =
                "--retry-failed is for get -r and put -r: a second sync does what is left to do";
            return Err(Usage(why.to_owned()).into());
        }
        let tree = how.tree.request(&how.moving, true)?;
        let tree = TreeRequest { modes: how.modes, atomic: !how.in_place, ..tree };
        let compare = match how.compare {
            CompareArg::SizeAndTime => Compare::SizeAndTime,
            CompareArg::Hash => Compare::Digest,
        };
        let (delete, links) = (how.delete, !how.no_links);
        let request = SyncRequest { compare, delete, links, tree, ..SyncRequest::new(direction) };
        let AlikeArgs { max_delete, dry_run, .. } = *how;
        let purpose = if dry_run { Purpose::Show } else { Purpose::Apply };
        Ok(Self { request, max_delete, purpose, planned: None, local, remote })
    }

    /// What is done above all, in a word for programs.
    fn action(&self) -> &'static str {
        action(match self.request.direction {
            Direction::Down => Deed::Fetch,
            Direction::Up => Deed::Store,
        })
    }

    /// Makes the plan and carries it out, as far as that is asked for.
    ///
    /// # Errors
    /// What ends all of it.
    pub(crate) async fn make(&self, pool: &Pool, report: &mut Report) -> Result<End, Error> {
        let Self { request, local, remote, .. } = self;
        let mut held = self.planned.as_deref().map(Held::new);
        let mut hear = |happened| match (happened, &mut held) {
            (Happened::Same { path }, Some(held)) => held.is_same(&path),
            (happened, _) => report.hear(happened),
        };
        let plan = pool.plan_sync(local, remote, request, &mut hear).await?;
        let plan = match held {
            Some(held) => held.part_of(&plan, report)?,
            None => plan,
        };
        show(report, &plan, self.purpose == Purpose::Show)?;
        if self.planned.is_none() && plan.is_blind() && plan.deletes() > 0 {
            report.line("something could not be looked at, so nothing is deleted");
        }
        if self.purpose != Purpose::Apply {
            return Ok(End::Planned(plan));
        }
        if !self.max_delete.allows(plan.deleted_files(), plan.target_files()) {
            return Ok(End::Guarded(plan));
        }
        report.expects(plan.bytes());
        let in_all = |tally: Tally| {
            let (same, failed) = (tally.same + plan.same(), tally.failed + plan.failed());
            Tally { same, failed, ..tally }
        };
        let mut hear = |happened| match happened {
            Happened::Tick(tally) => report.hear(Happened::Tick(in_all(tally))),
            happened => report.hear(happened),
        };
        let tally = pool.apply_sync(&plan, local, remote, request, &mut hear).await?;
        Ok(End::Applied(in_all(tally)))
    }

    /// Tells what came of it. `server`: what the tree there is called.
    ///
    /// # Errors
    /// More would have been deleted than may be.
    pub(crate) fn ended(&self, report: Report, end: End, server: &str) -> anyhow::Result<Exit> {
        match end {
            End::Applied(tally) => report.end(tally),
            End::Planned(plan) => {
                let exit = report.is_planned(&plan);
                match (self.purpose, exit) {
                    (Purpose::Keep, _) => {
                        report.line("the plan is written down; nothing else was done");
                    }
                    (_, Exit::Done | Exit::Failed) => report.line("dry run: nothing was done"),
                    // There was nothing of which a plan could be made.
                    _ => {}
                }
                Ok(exit)
            }
            End::Guarded(plan) => {
                let (deletes, of) = (plan.deleted_files(), plan.target_files());
                let most = self.max_delete;
                let target = match self.request.direction {
                    Direction::Up => server,
                    Direction::Down => "this machine",
                };
                bail!(
                    "{deletes} files would be deleted, of {of} at {target}, which is more than --max-delete {most}; \
                     nothing was done"
                );
            }
        }
    }
}

/// Tells the plan: all of it where nothing else is done, else how much of each.
fn show(report: &Report, plan: &Plan, all: bool) -> Result<(), Error> {
    if all {
        for step in plan.steps()? {
            let step = step?;
            report.step(&step.path, || {
                json!({ "step": step.kind.name(), "why": step.reason.words(), "size": step.size })
            });
            report.data(&step);
        }
    }
    let count = |kind| plan.count(kind);
    let (add, update) = (count(StepKind::Add) + count(StepKind::Link), count(StepKind::Update));
    let deletes = if plan.is_blind() { 0 } else { plan.deletes() };
    report.event("plan", || {
        json!({"add": add, "update": update, "delete": deletes, "folders": count(StepKind::Make),
               "same": plan.same(), "bytes": plan.bytes(), "failed": plan.failed()})
    });
    report.line(format_args!(
        "plan: {} to add, {} to update, {} to delete, {} the same; {} to move",
        HumanCount(add),
        HumanCount(update),
        HumanCount(deletes),
        HumanCount(plan.same()),
        HumanBytes(plan.bytes())
    ));
    Ok(())
}
