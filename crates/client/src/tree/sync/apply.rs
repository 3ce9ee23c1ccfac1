//! Carrying a plan out, stage by stage: nothing of a stage begins before all of the one before it is done.
//!
//! ```text
//!   folders, by depth ─▶ files ─▶ links ─▶ what goes: files, then folders, the deepest first
//! ```

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use super::super::ground::Ground;
use super::super::work::{Agenda, Complaint, Folder, Found, Next, Work, local_path};
use super::plan::{Plan, Step, StepKind, Steps};
use super::{Direction, SyncRequest};
use crate::Error;

/// A plan that is carried out.
pub(super) struct Applying {
    steps: Steps,
    /// The step that is next.
    next: Option<Step>,
    stage: u64,
    /// How many pieces of the stage are being done.
    under_way: usize,
    /// Folders that go, the deepest last.
    removes: Vec<Step>,
    top: Folder,
    ground: Arc<Ground>,
    up: bool,
    complaints: Vec<Complaint>,
    /// Whether something went wrong, so that nothing is deleted any more.
    failed: bool,
}

impl Applying {
    pub(super) fn new(
        plan: &Plan,
        top: Folder,
        ground: Arc<Ground>,
        request: &SyncRequest,
    ) -> Result<Self, Error> {
        let steps = plan.steps()?;
        let up = request.direction == Direction::Up;
        let mut applying = Self {
            steps,
            next: None,
            stage: 0,
            under_way: 0,
            removes: Vec::new(),
            top,
            ground,
            up,
            complaints: Vec::new(),
            failed: false,
        };
        applying.read()?;
        Ok(applying)
    }

    /// Reads the next step; folders that go are put in their order first.
    fn read(&mut self) -> Result<(), Error> {
        self.next = None;
        let known = self.removes.len();
        while let Some(step) = self.steps.next().transpose()? {
            if step.kind != StepKind::Remove {
                self.next = Some(step);
                return Ok(());
            }
            self.removes.push(step);
        }
        // They are complete when nothing else is left, and are put in order once.
        if self.removes.len() > known {
            self.removes.sort_by_key(depth);
        }
        self.next = self.removes.pop();
        Ok(())
    }

    /// The work that a step is; nothing where it was done here.
    fn work(&mut self, step: &Step) -> Option<Work> {
        let folder = || Arc::new(self.top.folder(step.path.as_bytes()));
        match (step.kind, self.up) {
            (StepKind::Make, true) if step.path.is_empty() => {
                Some(Work::Make(Arc::new(self.top.clone())))
            }
            (StepKind::Make, true) => Some(Work::Make(folder())),
            (StepKind::Add | StepKind::Update, true) => Some(Work::Store(step.item(&self.top))),
            (StepKind::Add | StepKind::Update, false) => {
                let item = step.item(&self.top);
                self.clear_link(&item.below);
                Some(Work::Fetch(item))
            }
            (StepKind::Delete, true) => Some(Work::Delete(step.item(&self.top))),
            (StepKind::Remove, true) => Some(Work::Remove(folder())),
            (StepKind::Make | StepKind::Link | StepKind::Delete | StepKind::Remove, false) => {
                if let Err(why) = self.here(step) {
                    self.failed = true;
                    self.complaints.push(Complaint::fault(&step.path, why));
                }
                None
            }
            (StepKind::Link, true) => None,
        }
    }

    /// A link in the way of a file goes before it; its target is not touched.
    fn clear_link(&self, below: &wharf_proto::Text) {
        let path = local_path(self.ground.root(), below);
        if path.is_symlink() {
            // If it stays, writing the file will say so.
            let _ = fs::remove_file(path);
        }
    }

    /// Does a step on this machine.
    fn here(&self, step: &Step) -> Result<(), Error> {
        use crate::files::local;
        if step.kind == StepKind::Make {
            return self.ground.make(&step.path);
        }
        let path = self.ground.place(&step.path)?;
        match step.kind {
            StepKind::Link => {
                let _ = fs::remove_file(&path);
                let target = std::ffi::OsStr::from_bytes(step.target.as_bytes());
                std::os::unix::fs::symlink(target, &path).map_err(local("make the link", &path))
            }
            StepKind::Delete => fs::remove_file(&path).map_err(local("delete", &path)),
            StepKind::Remove => fs::remove_dir(&path).map_err(local("remove", &path)),
            StepKind::Make | StepKind::Add | StepKind::Update => Ok(()),
        }
    }
}

fn depth(step: &Step) -> usize {
    step.path.as_bytes().iter().filter(|byte| **byte == b'/').count()
}

/// Steps of the same stage can be done at the same time.
fn stage_of(step: &Step) -> u64 {
    let depth = depth(step) as u64;
    let top = if step.path.is_empty() { 0 } else { 1 };
    match step.kind {
        StepKind::Make => depth + top,
        StepKind::Add | StepKind::Update => 1000,
        StepKind::Link => 1001,
        StepKind::Delete => 1002,
        StepKind::Remove => 3000 - depth.min(900),
    }
}

impl Agenda for Applying {
    fn next(&mut self, heavy: bool) -> Next {
        loop {
            let Some(step) = &self.next else {
                return if self.under_way > 0 { Next::Wait } else { Next::Over };
            };
            let stage = stage_of(step);
            if stage != self.stage {
                if self.under_way > 0 {
                    return Next::Wait;
                }
                self.stage = stage;
            }
            let goes = matches!(step.kind, StepKind::Delete | StepKind::Remove);
            let light = match step.kind {
                StepKind::Add | StepKind::Update => step.item(&self.top).is_light(),
                _ => true,
            };
            if !heavy && !light {
                return Next::Heavy;
            }
            let step = step.clone();
            if let Err(error) = self.read() {
                self.failed = true;
                self.complaints.push(Complaint::fault(&step.path, error));
            }
            if goes && self.failed {
                continue;
            }
            if let Some(work) = self.work(&step) {
                self.under_way += 1;
                return Next::Work(work);
            }
        }
    }

    fn found(&mut self, work: &Work, found: Found) {
        self.under_way = self.under_way.saturating_sub(1);
        let failed = matches!(found, Found::Nothing) && !matches!(work, Work::Make(_));
        if failed && !self.failed {
            self.failed = true;
            let why = "something failed, so nothing is deleted";
            self.complaints.push(Complaint::remark(work.below(), why));
        }
    }

    fn complaints(&mut self) -> Vec<Complaint> {
        std::mem::take(&mut self.complaints)
    }

    fn same(&mut self) -> u64 {
        0
    }

    fn learn_keeps_times(&mut self, _: bool) {}
}
