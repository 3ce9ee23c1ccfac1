//! What goes: what one tree has and the other has not, and what is in the way of something that comes.
//!
//! The latter is the case where both have another kind of thing under one name. It goes first of all, so only where
//! deleting is asked for, and it counts as what is deleted otherwise.

use std::fs::Metadata;
use std::sync::Arc;

use wharf_proto::Text;
use wharf_proto::listing::{Kind, Role, names};

use super::super::super::walk::described;
use super::super::super::work::{DEEPEST, Folder, join};
use super::super::plan::{Reason, Step, StepKind};
use super::{Comparing, Fate, seen};
use crate::spool::Rows;

/// When something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Going {
    /// First of all: it is in the way of something.
    InTheWay,
    /// Last of all: the other tree does not have it.
    Gone,
}

impl Going {
    /// The step by which a file goes.
    fn file(self) -> (StepKind, Reason) {
        match self {
            Self::InTheWay => (StepKind::Clear, Reason::Kind),
            Self::Gone => (StepKind::Delete, Reason::Gone),
        }
    }

    /// The step by which a folder goes.
    fn folder(self) -> (StepKind, Reason) {
        match self {
            Self::InTheWay => (StepKind::ClearFolder, Reason::Kind),
            Self::Gone => (StepKind::Remove, Reason::Gone),
        }
    }
}

impl Comparing {
    /// Down: what is here alone goes, where that is wanted; folders behind what is in them.
    pub(super) fn drop_local(&mut self, folder: &Folder, name: &[u8], here: &Metadata) {
        if here.is_file() {
            self.count_target();
        }
        if self.request.delete {
            self.goes_here(folder, name, here, Going::Gone);
        }
    }

    /// Down: what is here gives way to another kind of thing, if that is wanted; tells whether it does.
    pub(super) fn gives_way_here(
        &mut self,
        folder: &Folder,
        name: &[u8],
        here: &Metadata,
        to: &str,
    ) -> bool {
        let below = join(&folder.below, name);
        let is = if here.is_dir() { "a folder" } else { "none" };
        let gives_way = self.may_replace(&below, &format!("{to}, and {is} here"));
        if gives_way {
            self.goes_here(folder, name, here, Going::InTheWay);
        }
        gives_way
    }

    /// Whether one kind of thing may take the place of another one, which only deleting allows.
    pub(super) fn may_replace(&mut self, below: &Text, what: &str) -> bool {
        if !self.request.delete {
            self.complain(below, format_args!("{what}: --delete puts one in place of the other"));
        }
        self.request.delete
    }

    fn goes_here(&mut self, folder: &Folder, name: &[u8], here: &Metadata, going: Going) {
        if !here.is_dir() {
            let ((kind, reason), (size, modified)) = (going.file(), seen(here));
            let step = Step::new(kind, reason, &join(&folder.below, name));
            return self.plan(&Step { size, modified, ..step });
        }
        let folder = folder.folder(name);
        if folder.depth >= DEEPEST {
            return self.complain(&folder.below, "the tree is too deep");
        }
        for (name, found) in self.local_entries(&folder) {
            if found.is_file() {
                self.count_target();
            }
            self.goes_here(&folder, &name, &found, going);
        }
        let (kind, reason) = going.folder();
        self.plan(&Step::new(kind, reason, &folder.below));
    }

    /// Up: a folder of the server that goes, with all that is in it.
    pub(super) fn doom(&mut self, folder: &Arc<Folder>, rows: Rows, going: Going) {
        // It is removed when what is in it has gone: the plan has folders of greater depth first.
        let (kind, reason) = going.folder();
        self.plan(&Step::new(kind, reason, &folder.below));
        for row in rows {
            match row {
                Ok(entry) if entry.role != Role::Member => {}
                Ok(entry) if !names::is_plain(&entry.name) => {
                    self.complain(
                        &join(&folder.below, &entry.name),
                        "the name is none that can be deleted",
                    );
                }
                Ok(entry) if entry.kind == Kind::Folder => {
                    let inner = Arc::new(folder.folder(&entry.name));
                    self.folders.push((inner, Fate::Doomed(going)));
                }
                Ok(entry) => {
                    self.count_target_if_file(&entry);
                    let item = described(folder, &entry);
                    let (kind, reason) = going.file();
                    self.plan(&Step::moving(&item, kind, reason));
                }
                Err(error) => return self.complain(&folder.below, error),
            }
        }
    }
}
