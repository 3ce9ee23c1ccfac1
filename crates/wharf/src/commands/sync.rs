//! `wharf sync`: one tree is made like another, either way.

use std::path::PathBuf;

use anyhow::bail;
use indicatif::{HumanBytes, HumanCount};
use serde_json::json;
use wharf_client::{
    Compare, Direction, Error, Plan, Pool, StepKind, SyncRequest, Tally, TreeRequest,
};
use wharf_proto::Text;

use super::tree::{Report, Visit};
use crate::args::sync::{AlikeArgs, CompareArg, Place, Share, SyncArgs};
use crate::events::Events;
use crate::exit::{Exit, Usage};

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
    let (direction, url, local) = match (&arguments.source, &arguments.target) {
        (Place::Remote(url), Place::Local(local)) => (Direction::Down, url, local),
        (Place::Local(local), Place::Remote(url)) => (Direction::Up, url, local),
        (Place::Remote(_), Place::Remote(_)) => {
            return Err(Usage("from server to server goes wharf copy -r".to_owned()).into());
        }
        (Place::Local(_), Place::Local(_)) => {
            return Err(Usage(
                "one of the two trees must be on a server: ftp://host/path".to_owned(),
            )
            .into());
        }
    };
    let (address, connection, how) = (&url.0, &arguments.connection, &arguments.how);
    let alike = Alike::new(how, direction, local.clone(), address.path.clone())?;
    let mut report = Report::new(connection.quiet, &how.tree, events)?;
    let visit =
        Visit::new(address, connection, &how.moving, |site| how.tree.pool(site, connection))?;
    let end = visit.during(async |pool| alike.make(pool, &mut report).await).await?;
    alike.ended(report, end, &address.to_string())
}

/// A tree here and one on a server, of which one is made like the other.
pub(crate) struct Alike {
    request: SyncRequest,
    max_delete: Share,
    dry_run: bool,
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
        Ok(Self { request, max_delete, dry_run, local, remote })
    }

    /// Makes the plan and carries it out, as far as that is asked for.
    ///
    /// # Errors
    /// What ends all of it.
    pub(crate) async fn make(&self, pool: &Pool, report: &mut Report) -> Result<End, Error> {
        let Self { request, local, remote, .. } = self;
        let plan =
            pool.plan_sync(local, remote, request, &mut |happened| report.hear(happened)).await?;
        show(report, &plan, self.dry_run)?;
        if self.dry_run {
            return Ok(End::Planned(plan));
        }
        if !self.max_delete.allows(plan.count(StepKind::Delete), plan.target_files()) {
            return Ok(End::Guarded(plan));
        }
        report.expects(plan.bytes());
        let mut hear = |happened| report.hear(happened);
        let tally = pool.apply_sync(&plan, local, remote, request, &mut hear).await?;
        let (same, failed) = (tally.same + plan.same(), tally.failed + plan.failed());
        Ok(End::Applied(Tally { same, failed, ..tally }))
    }

    /// Tells what came of it. `server`: what the tree there is called.
    ///
    /// # Errors
    /// More would have been deleted than may be.
    pub(crate) fn ended(&self, report: Report, end: End, server: &str) -> anyhow::Result<Exit> {
        match end {
            End::Applied(tally) => report.end(tally),
            End::Planned(plan) => {
                report.line("dry run: nothing was done");
                report.is_planned(plan.same(), plan.failed());
                Ok(if plan.failed() > 0 { Exit::Failed } else { Exit::Done })
            }
            End::Guarded(plan) => {
                let (deletes, of) = (plan.count(StepKind::Delete), plan.target_files());
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
    if plan.is_blind() && plan.deletes() > 0 {
        report.line("something could not be looked at, so nothing is deleted");
    }
    Ok(())
}
