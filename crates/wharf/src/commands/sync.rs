//! `wharf sync`: one tree is made like another, either way.

use anyhow::bail;
use indicatif::{HumanBytes, HumanCount};
use serde_json::json;
use wharf_client::{
    Address, Compare, Direction, Error, Plan, StepKind, SyncRequest, Tally, TreeRequest,
};

use super::tree::{Report, Visit};
use crate::args::sync::{CompareArg, Place, SyncArgs};
use crate::exit::{Exit, Usage};

/// What came of it.
enum End {
    Planned(Plan),
    Applied(Tally),
    /// More would have been deleted than may be.
    Guarded(Plan),
}

pub(crate) async fn run(arguments: &SyncArgs) -> anyhow::Result<Exit> {
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
    if direction == Direction::Up && !local.is_dir() {
        bail!(std::io::Error::other(format!("{}: no such folder", local.display())));
    }
    let (address, connection) = (&url.0, &arguments.connection);
    let request = request(arguments, direction)?;
    let mut report = Report::new(connection.quiet, arguments.moving.json, &arguments.tree)?;
    let visit = Visit::new(address, connection, &arguments.moving, arguments.tree.jobs.get())?;
    let end = visit
        .during(async |pool| {
            let remote = &address.path;
            let plan = pool
                .plan_sync(local, remote, &request, &mut |happened| report.hear(happened))
                .await?;
            show(&report, &plan, arguments.dry_run)?;
            if arguments.dry_run {
                return Ok(End::Planned(plan));
            }
            if !arguments.max_delete.allows(plan.count(StepKind::Delete), plan.target_files()) {
                return Ok(End::Guarded(plan));
            }
            let mut hear = |happened| report.hear(happened);
            let tally = pool.apply_sync(&plan, local, remote, &request, &mut hear).await?;
            let (same, failed) = (tally.same + plan.same(), tally.failed + plan.failed());
            Ok(End::Applied(Tally { same, failed, ..tally }))
        })
        .await?;
    ended(report, end, arguments, address)
}

fn ended(
    report: Report,
    end: End,
    arguments: &SyncArgs,
    address: &Address,
) -> anyhow::Result<Exit> {
    match end {
        End::Applied(tally) => report.end(tally),
        End::Planned(plan) => {
            report.line("dry run: nothing was done");
            report.event(
                "end",
                || json!({"dry_run": true, "same": plan.same(), "failed": plan.failed()}),
            );
            Ok(if plan.failed() > 0 { Exit::Failed } else { Exit::Done })
        }
        End::Guarded(plan) => {
            let (deletes, of) = (plan.count(StepKind::Delete), plan.target_files());
            let most = arguments.max_delete;
            let target = match arguments.source {
                Place::Local(_) => address.to_string(),
                Place::Remote(_) => "this machine".to_owned(),
            };
            bail!(
                "{deletes} files would be deleted, of {of} at {target}, which is more than --max-delete {most}; \
                 nothing was done"
            );
        }
    }
}

fn request(arguments: &SyncArgs, direction: Direction) -> anyhow::Result<SyncRequest> {
    if arguments.tree.retry_failed.is_some() {
        let why = "--retry-failed is for get -r and put -r: a second sync does what is left to do";
        return Err(Usage(why.to_owned()).into());
    }
    let tree = arguments.tree.request(&arguments.moving, true)?;
    let tree = TreeRequest { modes: arguments.modes, atomic: !arguments.in_place, ..tree };
    let compare = match arguments.compare {
        CompareArg::SizeAndTime => Compare::SizeAndTime,
        CompareArg::Hash => Compare::Digest,
    };
    let (delete, links) = (arguments.delete, !arguments.no_links);
    Ok(SyncRequest { compare, delete, links, tree, ..SyncRequest::new(direction) })
}

/// Tells the plan: all of it where nothing else is done, else how much of each.
fn show(report: &Report, plan: &Plan, all: bool) -> Result<(), Error> {
    if all {
        for step in plan.steps()? {
            let step = step?;
            report.event("step", || {
                json!({"step": step.kind.name(), "path": step.path.to_string(), "why": step.reason.words(),
                       "size": step.size})
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
