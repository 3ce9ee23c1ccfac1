//! Comparing two trees, folder by folder: what the server lists with what is here.

mod going;

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};

use wharf_proto::Text;
use wharf_proto::listing::{Entry, Kind, Role, names};
use wharf_proto::time::Timestamp;

use self::going::Going;
use super::super::ground::{Ground, is_after};
use super::super::walk::described;
use super::super::work::{
    Agenda, Complaint, DEEPEST, Folder, Found, Item, Next, Work, join, local_path,
};
use super::plan::{Draft, Reason, Step, StepKind};
use super::{Compare, Direction, LEADS_OUT, SyncRequest};
use crate::Error;
use crate::files::{is_ours, stepped_aside};
use crate::spool::Rows;

/// How many folders are listed ahead, and how many digests asked for.
const AHEAD: usize = 16;

/// What is to become of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is in both trees.
    Compared,
    /// It is there alone, or will be: what is in its place here, if anything, goes before it comes.
    New,
    /// It goes, with all that is in it; known for folders of the server, which must be listed for that.
    Doomed(Going),
}

/// Size and time of a file, as far as they are known.
type Seen = (Option<u64>, Option<Timestamp>);

/// Two trees that are compared.
pub(super) struct Comparing {
    request: SyncRequest,
    ground: Arc<Ground>,
    folders: Vec<(Arc<Folder>, Fate)>,
    fates: HashMap<Text, Fate>,
    /// Files of the same size whose digests are to be compared.
    checks: Vec<Item>,
    /// Size and time of those that they may replace.
    replaced: HashMap<Text, Seen>,
    ahead: usize,
    keeps_times: bool,
    draft: Arc<Mutex<Draft>>,
    same: u64,
    complaints: Vec<Complaint>,
}

impl Comparing {
    /// The trees at `top` and `ground`, and the plan that is made of them.
    pub(super) fn new(
        top: Folder,
        ground: Arc<Ground>,
        request: &SyncRequest,
    ) -> (Self, Arc<Mutex<Draft>>) {
        let draft = Arc::new(Mutex::new(Draft::default()));
        let agenda = Self {
            request: request.clone(),
            ground,
            folders: vec![(Arc::new(top), Fate::Compared)],
            fates: HashMap::new(),
            checks: Vec::new(),
            replaced: HashMap::new(),
            ahead: 0,
            keeps_times: false,
            draft: Arc::clone(&draft),
            same: 0,
            complaints: Vec::new(),
        };
        (agenda, draft)
    }

    fn is_up(&self) -> bool {
        self.request.direction == Direction::Up
    }

    fn plan(&self, step: &Step) {
        self.draft.lock().unwrap_or_else(PoisonError::into_inner).add(step);
    }

    fn count_target(&self) {
        self.draft.lock().unwrap_or_else(PoisonError::into_inner).target_files += 1;
    }

    /// A file, or a link, is the same on both sides.
    fn is_same(&mut self, below: &Text) {
        self.same += 1;
        if self.request.tells_same {
            self.complaints.push(Complaint::Same(below.clone()));
        }
    }

    /// Something in the tree that is left out, because it could not be looked at.
    fn complain(&mut self, below: &Text, why: impl ToString) {
        self.complaints.push(Complaint::fault(below, why));
    }

    /// Compares a folder of the server with the one here. `hides_dots`: names that begin with a dot may be there and
    /// not be told.
    fn compare(&mut self, folder: &Arc<Folder>, rows: Rows, hides_dots: bool, fate: Fate) {
        let mut here = match fate {
            Fate::New => HashMap::new(),
            Fate::Compared | Fate::Doomed(_) => self.local_entries(folder),
        };
        if !self.is_up() && folder.below.is_empty() && !self.ground.root().exists() {
            self.plan(&Step::new(StepKind::Make, Reason::Missing, &folder.below));
        }
        for row in rows {
            match row {
                Ok(entry) if entry.role != Role::Member => {}
                Ok(entry) if is_ours(&entry.name) => self.clear_old(folder, &entry, fate),
                Ok(entry) if !names::is_plain(&entry.name) => {
                    let why = "the name is none that a file in a folder can have";
                    self.complain(&join(&folder.below, &entry.name), why);
                }
                Ok(entry) => {
                    let found = here.remove(&entry.name);
                    self.compare_entry(folder, &entry, found.as_ref());
                }
                Err(error) => return self.complain(&folder.below, error),
            }
        }
        // What is left is here alone.
        let mut left: Vec<_> = here.into_iter().collect();
        left.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for (name, found) in left {
            if self.is_up() {
                self.send_new(folder, &name, &found);
            } else if hides_dots && name.starts_with(b".") {
                self.keep_hidden(folder, &name);
            } else {
                self.drop_local(folder, &name, &found);
            }
        }
    }

    /// Down: a name that is here alone, as far as is known, stays.
    fn keep_hidden(&mut self, folder: &Folder, name: &[u8]) {
        if self.request.delete {
            let why =
                "not deleted: the server shows no names that begin with a dot, and may have it";
            self.complaints.push(Complaint::remark(&join(&folder.below, name), why));
        }
    }

    /// What is in the folder here; nothing where it is not there.
    fn local_entries(&mut self, folder: &Folder) -> HashMap<Vec<u8>, Metadata> {
        let mut here = HashMap::new();
        let path = local_path(self.ground.root(), &folder.below);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !self.is_up() => {
                return here;
            }
            Err(error) => {
                self.complain(&folder.below, error);
                return here;
            }
        };
        for entry in entries {
            let read =
                entry.and_then(|entry| entry.metadata().map(|found| (entry.file_name(), found)));
            match read {
                Ok((name, found)) => {
                    let name = name.into_vec();
                    let below = join(&folder.below, &name);
                    let meant = self.request.tree.filter.takes(below.as_bytes(), found.is_dir());
                    if meant && !is_ours(&name) {
                        here.insert(name, found);
                    }
                }
                Err(error) => self.complain(&folder.below, error),
            }
        }
        here
    }

    /// What an upload has left aside of an old file goes when the new one is there.
    fn clear_old(&self, folder: &Arc<Folder>, entry: &Entry, fate: Fate) {
        let Some(name) = stepped_aside(&entry.name) else { return };
        let below = join(&folder.below, name);
        let is_here = || {
            fs::symlink_metadata(local_path(self.ground.root(), &below))
                .is_ok_and(|found| found.is_file())
        };
        if self.is_up()
            && matches!(fate, Fate::Compared)
            && entry.kind == Kind::File
            && self.request.tree.filter.takes(below.as_bytes(), false)
            && is_here()
        {
            let item = described(folder, entry);
            self.plan(&Step::moving(&item, StepKind::Delete, Reason::Left));
        }
    }

    /// Compares what both sides may have under a name.
    fn compare_entry(&mut self, folder: &Arc<Folder>, entry: &Entry, here: Option<&Metadata>) {
        let item = described(folder, entry);
        let is_folder = entry.kind == Kind::Folder;
        if !self.request.tree.filter.takes(item.below.as_bytes(), is_folder) {
            return;
        }
        if is_folder && folder.depth + 1 >= DEEPEST {
            return self.complain(&item.below, "the tree is too deep");
        }
        match (self.is_up(), here) {
            (false, _) => self.bring(folder, entry, item, here),
            (true, Some(found)) => self.send(folder, entry, &item, found),
            (true, None) => {
                self.count_target_if_file(entry);
                if !self.request.delete {
                    return;
                }
                match entry.kind {
                    Kind::Folder => self
                        .folders
                        .push((Arc::new(folder.folder(&entry.name)), Fate::Doomed(Going::Gone))),
                    Kind::File | Kind::Link { .. } | Kind::Other => {
                        self.plan(&Step::moving(&item, StepKind::Delete, Reason::Gone));
                    }
                }
            }
        }
    }

    fn count_target_if_file(&self, entry: &Entry) {
        if entry.kind == Kind::File {
            self.count_target();
        }
    }

    /// Down: what the server has, and what is here.
    fn bring(&mut self, folder: &Arc<Folder>, entry: &Entry, item: Item, here: Option<&Metadata>) {
        if here.is_some_and(Metadata::is_file) {
            self.count_target();
        }
        match &entry.kind {
            Kind::Folder => {
                let fate = match here {
                    Some(found) if found.is_dir() => Fate::Compared,
                    Some(found) if found.is_symlink() => {
                        // Whoever made it has all of that folder elsewhere.
                        let why = "a folder there, and a symbolic link here, which is to be taken away first";
                        return self.complain(&item.below, why);
                    }
                    Some(found) => {
                        if !self.gives_way_here(folder, &entry.name, found, "a folder there") {
                            return;
                        }
                        self.plan(&Step::new(StepKind::Make, Reason::Kind, &item.below));
                        Fate::New
                    }
                    None => {
                        self.plan(&Step::new(StepKind::Make, Reason::Missing, &item.below));
                        Fate::New
                    }
                };
                self.folders.push((Arc::new(folder.folder(&entry.name)), fate));
            }
            Kind::File => match here {
                None => self.plan(&Step::moving(&item, StepKind::Add, Reason::Missing)),
                Some(found) if found.is_dir() => {
                    if self.gives_way_here(folder, &entry.name, found, "a file there") {
                        self.plan(&Step::moving(&item, StepKind::Add, Reason::Kind));
                    }
                }
                Some(found) if !found.is_file() => self.update(&item, Reason::Kind, seen(found)),
                Some(found) => {
                    let theirs = (item.size, item.modified);
                    self.judge(item, theirs, seen(found), true);
                }
            },
            Kind::Link { target } => self.bring_link(folder, &item, target.as_deref(), here),
            Kind::Other => {
                self.complaints.push(Complaint::remark(&item.below, "neither file nor folder"));
            }
        }
    }

    fn bring_link(
        &mut self,
        folder: &Folder,
        item: &Item,
        target: Option<&[u8]>,
        here: Option<&Metadata>,
    ) {
        let Some(target) = target.filter(|_| self.request.links) else {
            self.complaints.push(Complaint::remark(&item.below, "a symbolic link, not followed"));
            return;
        };
        if !stays_within(&item.below, target) || !self.ground.holds(&item.below, target) {
            self.complaints.push(Complaint::remark(&item.below, LEADS_OUT));
            return;
        }
        let path = local_path(self.ground.root(), &item.below);
        let same =
            fs::read_link(path).is_ok_and(|found| found.into_os_string().into_vec() == target);
        let (kind, reason) =
            (StepKind::Link, if here.is_some() { Reason::Kind } else { Reason::Missing });
        let name = item.below.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        match here {
            _ if same => self.is_same(&item.below),
            Some(found)
                if !found.is_symlink()
                    && !self.gives_way_here(folder, name, found, "a symbolic link there") => {}
            _ => self.plan(&Step { target: target.into(), ..Step::new(kind, reason, &item.below) }),
        }
    }

    /// Up: what is here, and what the server has.
    fn send(&mut self, folder: &Arc<Folder>, entry: &Entry, item: &Item, here: &Metadata) {
        self.count_target_if_file(entry);
        let is_folder = entry.kind == Kind::Folder;
        if here.is_dir() && is_folder {
            self.folders.push((Arc::new(folder.folder(&entry.name)), Fate::Compared));
        } else if here.is_dir() {
            if matches!(entry.kind, Kind::Link { .. }) {
                // As on the way down: whoever made it has all of that folder elsewhere.
                let why =
                    "a folder here, and a symbolic link there, which is to be taken away first";
                return self.complain(&item.below, why);
            }
            if self.may_replace(&item.below, "a folder here, and none there") {
                self.plan(&Step::moving(item, StepKind::Clear, Reason::Kind));
                self.send_new_folder(&folder.folder(&entry.name), Reason::Kind);
            }
        } else if here.is_file() {
            let ours = Timestamp::new(here.mtime(), 0);
            let mine = Item {
                size: Some(here.len()),
                modified: Some(ours),
                mode: Some(here.mode() & 0o7777),
                precision: item.precision,
                ..item.clone()
            };
            if is_folder {
                if self.may_replace(&item.below, "a file here, and a folder there") {
                    let fate = Fate::Doomed(Going::InTheWay);
                    self.folders.push((Arc::new(folder.folder(&entry.name)), fate));
                    self.plan(&Step::moving(&mine, StepKind::Add, Reason::Kind));
                }
                return;
            }
            if entry.kind != Kind::File {
                return self.update(&mine, Reason::Kind, (item.size, item.modified));
            }
            let changed = Timestamp::new(here.ctime(), 0);
            let is_changed = |told| is_after(changed, told, item.precision);
            let exact = self.keeps_times || item.modified.is_some_and(is_changed);
            self.judge(mine, (Some(here.len()), Some(ours)), (item.size, item.modified), exact);
        } else {
            self.leave_out(&item.below, here);
        }
    }

    /// Up: what is here alone.
    fn send_new(&mut self, folder: &Folder, name: &[u8], here: &Metadata) {
        let item = folder.file(name);
        if here.is_dir() {
            self.send_new_folder(&folder.folder(name), Reason::Missing);
        } else if here.is_file() {
            let item = Item {
                size: Some(here.len()),
                modified: Some(Timestamp::new(here.mtime(), 0)),
                mode: Some(here.mode() & 0o7777),
                ..item
            };
            self.plan(&Step::moving(&item, StepKind::Add, Reason::Missing));
        } else {
            self.leave_out(&item.below, here);
        }
    }

    fn send_new_folder(&mut self, folder: &Folder, reason: Reason) {
        if folder.depth >= DEEPEST {
            return self.complain(&folder.below, "the tree is too deep");
        }
        self.plan(&Step::new(StepKind::Make, reason, &folder.below));
        let mut entries: Vec<_> = self.local_entries(folder).into_iter().collect();
        entries.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for (name, found) in entries {
            self.send_new(folder, &name, &found);
        }
    }

    fn leave_out(&mut self, below: &Text, here: &Metadata) {
        let why = if here.is_symlink() {
            "a symbolic link, not followed"
        } else {
            "neither file nor folder"
        };
        self.complaints.push(Complaint::remark(below, why));
    }

    /// Plans what to do with a file that is on both sides: `from` is the size and time of the one that may be moved,
    /// `to` of the other one. `exact`: whether one that is older is another one: files that were moved have the time of their
    /// originals, or it was changed since.
    fn judge(&mut self, item: Item, from: Seen, to: Seen, exact: bool) {
        let reason = match (from, to) {
            ((Some(size), _), (Some(other), _)) if size != other => Some(Reason::Size),
            _ if self.request.compare == Compare::Digest => {
                self.replaced.insert(item.below.clone(), to);
                self.checks.push(item);
                return;
            }
            ((_, Some(time)), (_, Some(other))) => {
                let (here, told) = if self.is_up() { (time, other) } else { (other, time) };
                if item.precision.allows(told, here) {
                    None
                } else if time > other {
                    Some(Reason::Newer)
                } else {
                    exact.then_some(Reason::Older)
                }
            }
            _ => Some(Reason::Unknown),
        };
        match reason {
            None => self.is_same(&item.below),
            Some(reason) => self.update(&item, reason, to),
        }
    }

    fn update(&self, item: &Item, reason: Reason, old: Seen) {
        self.plan(&Step::moving(item, StepKind::Update, reason).replacing(old));
    }
}

/// Size and time of what is here.
fn seen(here: &Metadata) -> Seen {
    (Some(here.len()), Some(Timestamp::new(here.mtime(), 0)))
}

/// Whether a link at `below` that points to `target` points into the tree. A name may become a link itself, by this plan
/// or later, and then nobody knows what is above it: so a way goes up at its beginning only, where the folders are known.
fn stays_within(below: &Text, target: &[u8]) -> bool {
    if target.is_empty() || target.starts_with(b"/") || target.contains(&0) {
        return false;
    }
    let mut names = target.split(|byte| *byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
    let depth = below.as_bytes().iter().filter(|byte| **byte == b'/').count();
    let up = names.by_ref().take_while(|name| name == b"..").count();
    up <= depth && names.all(|name| name != b"..")
}

impl Agenda for Comparing {
    fn next(&mut self, heavy: bool) -> Next {
        if self.ahead < AHEAD
            && let Some((folder, fate)) = self.folders.pop()
        {
            self.ahead += 1;
            self.fates.insert(folder.below.clone(), fate);
            return Next::Work(Work::List(folder));
        }
        if heavy && let Some(item) = self.checks.pop() {
            self.ahead += 1;
            return Next::Work(Work::Check(item));
        }
        if !self.checks.is_empty() {
            Next::Heavy
        } else if self.ahead > 0 {
            Next::Wait
        } else {
            Next::Over
        }
    }

    fn found(&mut self, work: &Work, found: Found) {
        self.ahead = self.ahead.saturating_sub(1);
        match (work, found) {
            (Work::List(folder), Found::Listing(spool)) => {
                let hides_dots = spool.hides_dots;
                if spool.may_be_cut && self.request.delete {
                    // So nothing is deleted.
                    self.complain(&folder.below, "its listing ends in the midst of a row");
                }
                match (spool.rows(), self.fates.remove(&folder.below)) {
                    (Ok(rows), Some(Fate::Doomed(going))) => self.doom(folder, rows, going),
                    (Ok(rows), fate) => {
                        self.compare(folder, rows, hides_dots, fate.unwrap_or(Fate::Compared));
                    }
                    (Err(error), _) => self.complain(&folder.below, error),
                }
            }
            // On the way up the top itself may not be there yet.
            (Work::List(folder), _) => drop(self.fates.remove(&folder.below)),
            (Work::Check(item), found) => {
                let old = self.replaced.remove(&item.below).unwrap_or_default();
                match found {
                    Found::Same(Some(true)) => self.is_same(&item.below),
                    Found::Same(Some(false)) => self.update(item, Reason::Digest, old),
                    Found::Same(None) => self.update(item, Reason::Unknown, old),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn complaints(&mut self) -> Vec<Complaint> {
        std::mem::take(&mut self.complaints)
    }

    fn same(&mut self) -> u64 {
        std::mem::take(&mut self.same)
    }

    fn learn_keeps_times(&mut self, keeps_times: bool) {
        self.keeps_times = keeps_times;
    }

    fn is_absent(&mut self, work: &Work, _: &Error) -> bool {
        // A tree that is sent to a place where there is none yet is a new tree.
        match work {
            Work::List(folder) if self.is_up() && folder.below.is_empty() => {
                let folder = Arc::clone(folder);
                self.ahead = self.ahead.saturating_sub(1);
                self.fates.remove(&folder.below);
                self.send_new_folder(&folder, Reason::Missing);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_within_the_tree_or_are_not_made() {
        for (below, target, within) in [
            ("l", "x", true),
            ("a/b/l", "../../x", true),
            ("a/l", "../../x", false),
            ("l", "..", false),
            ("l", "/etc/passwd", false),
            ("l", "a/../../x", false),
            ("l", "", false),
            ("a/l", "./../b", true),
            ("a/l", "b/../c", false),
            ("a/b/c/d", "../../../x", true),
            // Where the one before is there, it leads to what is beside the top.
            ("l", "a/b/c/d/../../../secret", false),
        ] {
            assert_eq!(
                stays_within(&below.into(), target.as_bytes()),
                within,
                "{below} -> {target}"
            );
        }
    }
}
