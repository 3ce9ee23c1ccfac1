//! Carrying a plan out, stage by stage: nothing of a stage begins before all of the one before it is done.
//!
//! ```text
//!   what is in the way: files, then folders, the deepest first
//!     ─▶ folders, by depth ─▶ files ─▶ links ─▶ what goes: files, then folders, the deepest first
//! ```

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::iter::Peekable;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use wharf_proto::Text;

use super::super::Deed;
use super::super::ground::Ground;
use super::super::work::{Agenda, Complaint, Folder, Found, Next, Work, local_path};
use super::plan::{Plan, Step, StepKind, Steps};
use super::{Direction, LEADS_OUT, SyncRequest};
use crate::Error;

/// How many steps are done on this machine before they are told: of a million nobody keeps all in memory.
const AT_A_TIME: usize = 256;

/// A plan that is carried out.
pub(super) struct Applying {
    steps: Peekable<Steps>,
    /// The step that is next.
    next: Option<Step>,
    stage: u64,
    /// How many pieces of the stage are being done.
    under_way: usize,
    /// Folders that go in this stage and those behind it, the deepest last.
    removes: Vec<Step>,
    top: Folder,
    ground: Arc<Ground>,
    up: bool,
    complaints: Vec<Complaint>,
    /// What the server said to folders that it does not make, until their listing tells whether they are there.
    refused: HashMap<Text, Error>,
    looks: Vec<Arc<Folder>>,
    /// Folders that are not there, and how many files were to go into each.
    missing: BTreeMap<Text, u64>,
    /// Whether something went wrong, so that nothing is deleted any more.
    failed: bool,
    /// Whether it was said that nothing is deleted.
    said: bool,
    /// How many steps were done on this machine since somebody asked.
    done_here: usize,
}

impl Applying {
    pub(super) fn new(
        plan: &Plan,
        top: Folder,
        ground: Arc<Ground>,
        request: &SyncRequest,
    ) -> Result<Self, Error> {
        let steps = plan.steps()?.peekable();
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
            refused: HashMap::new(),
            looks: Vec::new(),
            missing: BTreeMap::new(),
            failed: false,
            said: false,
            done_here: 0,
        };
        applying.read()?;
        Ok(applying)
    }

    /// Reads the next step; folders that go stand together, and are put in their order first.
    fn read(&mut self) -> Result<(), Error> {
        self.next = self.removes.pop();
        if self.next.is_some() {
            return Ok(());
        }
        let Some(step) = self.steps.next().transpose()? else { return Ok(()) };
        let kind = step.kind;
        if !(kind.is_deletion() && kind.is_of_folder()) {
            self.next = Some(step);
            return Ok(());
        }
        self.removes.push(step);
        let is_alike =
            |next: &Result<Step, Error>| next.as_ref().is_ok_and(|next| next.kind == kind);
        while let Some(step) = self.steps.next_if(is_alike).transpose()? {
            self.removes.push(step);
        }
        self.removes.sort_by_key(depth);
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
            (StepKind::Clear | StepKind::Delete, true) => Some(Work::Delete(step.item(&self.top))),
            (StepKind::ClearFolder | StepKind::Remove, true) => Some(Work::Remove(folder())),
            (
                StepKind::Make
                | StepKind::Link
                | StepKind::Clear
                | StepKind::ClearFolder
                | StepKind::Delete
                | StepKind::Remove,
                false,
            ) => {
                let (below, deed) = (step.path.clone(), deed(step));
                let told = match self.here(step) {
                    Ok(()) => Complaint::Done { below, deed },
                    Err(error) => {
                        self.failed = true;
                        if step.kind == StepKind::Make {
                            self.missing.insert(below.clone(), 0);
                        }
                        Complaint::Failed { below, deed, error }
                    }
                };
                self.complaints.push(told);
                self.done_here += 1;
                None
            }
            (StepKind::Link, true) => None,
        }
    }

    /// Whether a step is for a place below a folder that is not there; such files are counted.
    fn has_no_home(&mut self, step: &Step) -> bool {
        let is_below = |folder: &Text| {
            let below = step.path.as_bytes().strip_prefix(folder.as_bytes());
            below.is_some_and(|below| folder.is_empty() || below.starts_with(b"/"))
        };
        let missing = self.missing.iter_mut().find(|(folder, _)| is_below(folder));
        let Some((_, files)) = missing else { return false };
        *files += u64::from(matches!(step.kind, StepKind::Add | StepKind::Update));
        true
    }

    /// Tells which files have no place, once all are counted.
    fn tell_missing(&mut self) {
        let missing = std::mem::take(&mut self.missing).into_iter().filter(|(_, files)| *files > 0);
        self.complaints.extend(missing.map(|(below, files)| Complaint::homeless(&below, files)));
    }

    /// A link in the way of a file goes before it; its target is not touched.
    fn clear_link(&self, below: &Text) {
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
            StepKind::Link if !self.ground.holds(&step.path, step.target.as_bytes()) => {
                Err(local("make the link", &path)(std::io::Error::other(LEADS_OUT)))
            }
            StepKind::Link => {
                // A file in its place goes by a step of its own, or stays.
                self.clear_link(&step.path);
                let target = std::ffi::OsStr::from_bytes(step.target.as_bytes());
                std::os::unix::fs::symlink(target, &path).map_err(local("make the link", &path))
            }
            StepKind::Clear | StepKind::Delete => {
                fs::remove_file(&path).map_err(local("delete", &path))
            }
            StepKind::ClearFolder | StepKind::Remove => {
                fs::remove_dir(&path).map_err(local("remove", &path))
            }
            StepKind::Make | StepKind::Add | StepKind::Update => Ok(()),
        }
    }
}

/// What a step on this machine does.
fn deed(step: &Step) -> Deed {
    match step.kind {
        StepKind::Make => Deed::Make,
        StepKind::Link => Deed::Link,
        StepKind::Add | StepKind::Update => Deed::Fetch,
        StepKind::Clear | StepKind::Delete => Deed::Delete,
        StepKind::ClearFolder | StepKind::Remove => Deed::Remove,
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
        StepKind::Clear => 0,
        StepKind::ClearFolder => 1000 - depth.min(900),
        StepKind::Make => 1000 + depth + top,
        StepKind::Add | StepKind::Update => 2000,
        StepKind::Link => 2001,
        StepKind::Delete => 2002,
        StepKind::Remove => 4000 - depth.min(900),
    }
}

impl Agenda for Applying {
    fn next(&mut self, heavy: bool) -> Next {
        self.done_here = 0;
        if let Some(folder) = self.looks.pop() {
            return Next::Work(Work::List(folder));
        }
        loop {
            if self.is_amid() {
                return Next::Wait;
            }
            let Some(step) = &self.next else {
                if self.under_way > 0 {
                    return Next::Wait;
                }
                self.tell_missing();
                return Next::Over;
            };
            let stage = stage_of(step);
            if stage != self.stage {
                if self.under_way > 0 {
                    return Next::Wait;
                }
                self.stage = stage;
            }
            let goes = step.kind.is_deletion();
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
                if !std::mem::replace(&mut self.said, true) {
                    self.complaints
                        .push(Complaint::Note("something failed, so nothing is deleted"));
                }
                continue;
            }
            if self.has_no_home(&step) {
                continue;
            }
            if let Some(work) = self.work(&step) {
                self.under_way += 1;
                return Next::Work(work);
            }
        }
    }

    fn found(&mut self, work: &Work, found: Found) {
        if matches!(found, Found::Nothing) {
            self.failed = true;
            if let Work::Make(folder) = work {
                self.missing.insert(folder.below.clone(), 0);
            }
        }
        if let (Work::Make(folder), Found::Refused(error)) = (work, found) {
            // It may be there already; it is under way until that is known.
            self.refused.insert(folder.below.clone(), error);
            return self.looks.push(Arc::clone(folder));
        }
        self.under_way = self.under_way.saturating_sub(1);
        self.refused.remove(work.below());
    }

    fn is_absent(&mut self, work: &Work, why: &Error) -> bool {
        let Work::List(folder) = work else { return false };
        let Some(error) = self.refused.remove(&folder.below) else { return false };
        self.under_way = self.under_way.saturating_sub(1);
        // One that may not be looked into is there, and may be written to.
        if why.is_not_found() {
            self.failed = true;
            self.complaints.push(Complaint::unmade(&folder.below, &folder.remote, error, why));
            self.missing.insert(folder.below.clone(), 0);
        }
        true
    }

    fn complaints(&mut self) -> Vec<Complaint> {
        std::mem::take(&mut self.complaints)
    }

    fn same(&mut self) -> u64 {
        0
    }

    fn is_amid(&self) -> bool {
        self.done_here == AT_A_TIME
    }

    fn learn_keeps_times(&mut self, _: bool) {}
}
