//! What of a plan file still holds: its steps beside those of a plan that is made afresh by the same options.
//!
//! ```text
//!   in the file and in the fresh plan, alike   is done
//!   in the file, and the same by now           was done already: an apply that broke off goes on
//!   in the file, and anything else by now      has changed since: left out, told, failed
//!   in the fresh plan alone                    is new since: not done, and counted
//! ```

use std::collections::HashSet;

use wharf_client::{Direction, Error, Happened, Plan, Step, StepKind};
use wharf_proto::Text;
use wharf_proto::time::Timestamp;

use super::file::Planned;
use crate::commands::tree::Report;

/// A plan file beside what is found now.
pub(super) struct Held<'a> {
    planned: &'a Planned,
    /// Which of its files are the same on both sides now.
    same: HashSet<Text>,
    /// The steps that hold, by path: what is moved, and what goes.
    moves: HashSet<Text>,
    deletes: HashSet<Text>,
    /// Paths of the file that another step is for now.
    other: HashSet<Text>,
    /// Folders in which something stays that was not planned to go.
    staying: HashSet<Text>,
    /// How many steps are new.
    new: u64,
}

impl<'a> Held<'a> {
    pub(super) fn new(planned: &'a Planned) -> Self {
        let none = HashSet::new;
        let (same, moves, deletes, other, staying) = (none(), none(), none(), none(), none());
        Self { planned, same, moves, deletes, other, staying, new: 0 }
    }

    /// Takes in that a file is the same on both sides now.
    pub(super) fn is_same(&mut self, path: &Text) {
        if self.planned.moves.contains_key(path) {
            self.same.insert(path.clone());
        }
    }

    /// The part of the fresh plan that is in the file. What has changed is told.
    ///
    /// # Errors
    /// The fresh plan cannot be read back.
    pub(super) fn part_of(mut self, fresh: &Plan, report: &mut Report) -> Result<Plan, Error> {
        for step in fresh.steps()? {
            self.weigh(&step?);
        }
        // A folder goes only with all that is in it.
        let Self { deletes, staying, .. } = &mut self;
        deletes.retain(|path| !staying.contains(path));
        let mut part = fresh.only(|step| self.holds(step))?;
        let changed = self.planned.moves.values().filter(|step| self.has_changed(step, fresh));
        let moves = told(changed, report);
        let changed = self.planned.deletes.values().filter(|step| self.has_changed(step, fresh));
        let deletes = told(changed, report);
        part.lacks(moves, deletes);
        if self.new > 0 {
            let (steps, are) = if self.new == 1 { ("step", "is") } else { ("steps", "are") };
            let new = self.new;
            report.hear(Happened::Note(format!(
                "{new} {steps} that the plan does not have {are} not done: new since it was made"
            )));
        }
        if part.is_blind() && !self.planned.deletes.is_empty() {
            report.hear(Happened::Note(
                "not everything is as it was planned, so nothing is deleted".to_owned(),
            ));
        }
        Ok(part)
    }

    /// Takes in a step of the fresh plan.
    fn weigh(&mut self, step: &Step) {
        let (goes, direction) = (step.kind.is_deletion(), self.planned.places.direction);
        let planned = if goes { &self.planned.deletes } else { &self.planned.moves };
        if planned.get(&step.path).is_some_and(|planned| is_alike(planned, step, direction)) {
            let held = if goes { &mut self.deletes } else { &mut self.moves };
            held.insert(step.path.clone());
            return;
        }
        if self.planned.moves.contains_key(&step.path)
            || self.planned.deletes.contains_key(&step.path)
        {
            self.other.insert(step.path.clone());
        } else {
            self.new += 1;
        }
        let path = step.path.as_bytes();
        let ends = path.iter().enumerate().filter(|(_, byte)| goes && **byte == b'/');
        self.staying.extend(ends.map(|(end, _)| Text::from(&path[..end])));
    }

    fn holds(&self, step: &Step) -> bool {
        let held = if step.kind.is_deletion() { &self.deletes } else { &self.moves };
        held.contains(&step.path)
    }

    /// Whether a step of the file neither holds nor is done.
    fn has_changed(&self, step: &Step, fresh: &Plan) -> bool {
        if self.holds(step) {
            return false;
        }
        match step.kind {
            _ if self.other.contains(&step.path) => true,
            // A folder that need not be made is there.
            StepKind::Make => false,
            StepKind::Add | StepKind::Update | StepKind::Link => !self.same.contains(&step.path),
            // What need not go has gone, or is wanted again; a plan that has not seen everything has no such steps.
            StepKind::Clear | StepKind::Delete => false,
            StepKind::ClearFolder | StepKind::Remove => {
                !fresh.is_blind() && self.staying.contains(&step.path)
            }
        }
    }
}

/// Whether the plan has seen just this. Permission bits are no part of that, and a time that the server tells may have
/// become less exact: LIST has a day in place of the minute when half a year has gone by.
fn is_alike(planned: &Step, now: &Step, direction: Direction) -> bool {
    let (goes, up) = (now.kind.is_deletion(), direction == Direction::Up);
    // What is moved, or goes, is the server's or the one here; what is replaced is on the other side.
    let (first, old) = (goes == up, up && !goes);
    let as_told = |is_told: bool, was: Option<Timestamp>, is: Option<Timestamp>| match (was, is) {
        (Some(time), Some(told)) if is_told && now.told.allows(told, time) => was,
        _ => is,
    };
    let seen = Step {
        mode: planned.mode,
        told: planned.told,
        modified: as_told(first, planned.modified, now.modified),
        old_modified: as_told(old, planned.old_modified, now.old_modified),
        ..now.clone()
    };
    *planned == seen
}

/// Tells which steps have changed, in order, and gives how many.
fn told<'a>(changed: impl Iterator<Item = &'a Step>, report: &mut Report) -> u64 {
    let mut paths: Vec<&Text> = changed.map(|step| &step.path).collect();
    paths.sort_unstable_by_key(|path| path.as_bytes());
    for path in &paths {
        let why = "changed since the plan".to_owned();
        report.hear(Happened::LeftOut { path: (*path).clone(), why, is_fault: true });
    }
    u64::try_from(paths.len()).unwrap_or(u64::MAX)
}
