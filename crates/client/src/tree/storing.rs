//! A tree that is stored: the folders of this machine are made on the server ahead of the files in them.
//!
//! A folder that could be made is empty, and needs no listing. One that could not is there already, or cannot be had;
//! its listing says which, and what is in it.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, ReadDir};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use wharf_proto::listing::{Entry, Kind};
use wharf_proto::time::Timestamp;
use wharf_proto::{Command, Text};

use super::Deed;
use super::filter::Filter;
use super::ground::{Ground, is_after};
use super::work::{Agenda, Complaint, DEEPEST, Folder, Found, Item, Next, Work, join, local_path};
use crate::Error;
use crate::files::{aside, is_ours, local};

/// How many folders are made ahead.
const AHEAD: usize = 8;
/// How many folders may wait before no more of them are looked for.
const FOLDERS: usize = 10_000;
/// How many folders are open at a time.
const FRAMES: usize = 32;
/// How many large files are put aside for sessions that take them.
const HEAVY: usize = 1000;

/// A folder of this machine that is being read.
struct Frame {
    folder: Arc<Folder>,
    entries: ReadDir,
    /// What the server has in it.
    there: HashMap<Vec<u8>, Entry>,
}

/// A tree that is stored.
pub(crate) struct Storing {
    ground: Arc<Ground>,
    filter: Filter,
    /// Folders to be made.
    folders: Vec<Arc<Folder>>,
    /// Folders that are there, and must be listed.
    listings: Vec<Arc<Folder>>,
    frames: Vec<Frame>,
    /// What the server said to those that it does not make, until their listing tells whether they are there.
    refused: HashMap<Text, Error>,
    /// How many folders are being made or listed.
    ahead: usize,
    /// Files that are to be stored whatever is there.
    named: Vec<Item>,
    /// Large files, for sessions that take them.
    heavy: VecDeque<Item>,
    skip_same: bool,
    /// Whether the server can be told the times of files.
    keeps_times: bool,
    same: u64,
    complaints: Vec<Complaint>,
}

impl Storing {
    /// The tree at `ground`, to be stored below `top`.
    pub(crate) fn new(top: Folder, ground: Arc<Ground>, filter: Filter, skip_same: bool) -> Self {
        Self {
            ground,
            filter,
            folders: vec![Arc::new(top)],
            listings: Vec::new(),
            refused: HashMap::new(),
            frames: Vec::new(),
            ahead: 0,
            named: Vec::new(),
            heavy: VecDeque::new(),
            skip_same,
            keeps_times: false,
            same: 0,
            complaints: Vec::new(),
        }
    }

    /// Only these files of the tree, and what is below these folders, which have a slash at their end.
    pub(crate) fn only(self, below: &[Text]) -> Self {
        let Some(top) = self.folders.first().cloned() else { return self };
        let (folders, named) = top.picked(below.iter().rev());
        let named = named.into_iter().map(|item| self.sized(item)).collect();
        Self { folders, named, ..self }
    }

    /// The file with the size that it has here.
    fn sized(&self, item: Item) -> Item {
        let size =
            fs::metadata(local_path(self.ground.root(), &item.below)).ok().map(|found| found.len());
        Item { size, ..item }
    }

    fn open(&mut self, folder: &Arc<Folder>, there: HashMap<Vec<u8>, Entry>) {
        match fs::read_dir(local_path(self.ground.root(), &folder.below)) {
            Ok(entries) => self.frames.push(Frame { folder: Arc::clone(folder), entries, there }),
            Err(error) => self.cannot_read(folder, error),
        }
    }

    /// A folder of this machine could not be read, or not to its end.
    fn cannot_read(&mut self, folder: &Folder, error: std::io::Error) {
        let path = local_path(self.ground.root(), &folder.below);
        let error = local("read", &path)(error);
        self.complaints.push(Complaint::failed(&folder.below, Deed::List, error));
    }

    /// The next file that is to be stored.
    fn next_file(&mut self) -> Option<Item> {
        while self.folders.len() < FOLDERS {
            let frame = self.frames.last_mut()?;
            let folder = Arc::clone(&frame.folder);
            match frame.entries.next() {
                None => drop(self.frames.pop()),
                Some(Err(error)) => {
                    self.frames.pop();
                    self.cannot_read(&folder, error);
                }
                Some(Ok(entry)) => {
                    if let Some(item) = self.look_at(&folder, &entry) {
                        return Some(item);
                    }
                }
            }
        }
        None
    }

    /// How many files are to be stored below a folder.
    fn count(&self, folder: &Folder) -> u64 {
        let mut folders = vec![folder.clone()];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            let path = local_path(self.ground.root(), &folder.below);
            for entry in fs::read_dir(path).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let name = name.as_bytes();
                let Ok(kind) = entry.file_type() else { continue };
                let below = join(&folder.below, name);
                if !self.filter.takes(below.as_bytes(), kind.is_dir()) || is_ours(name) {
                    continue;
                }
                if kind.is_dir() && folder.depth + 1 < DEEPEST {
                    folders.push(folder.folder(name));
                }
                files += u64::from(kind.is_file());
            }
        }
        files
    }

    /// Tells of the files that are not stored because their folder is not there.
    fn leave_homeless(&mut self, folder: &Folder) {
        match self.count(folder) {
            0 => {}
            files => self.complaints.push(Complaint::homeless(&folder.below, files)),
        }
    }

    fn look_at(&mut self, folder: &Folder, entry: &fs::DirEntry) -> Option<Item> {
        let name = entry.file_name();
        let name = name.as_bytes();
        let item = folder.file(name);
        // What cannot be said of one name cannot be said of what is below it.
        if let Err(unsendable) = Command::Stor(item.remote.clone()).encode() {
            self.complaints.push(Complaint::failed(&item.below, Deed::Store, unsendable.into()));
            return None;
        }
        let found = match entry.metadata() {
            Ok(found) => found,
            Err(error) => {
                let error = local("look at", &entry.path())(error);
                self.complaints.push(Complaint::failed(&item.below, Deed::Store, error));
                return None;
            }
        };
        if !self.filter.takes(item.below.as_bytes(), found.is_dir()) || is_ours(name) {
            return None;
        }
        if found.is_dir() {
            if folder.depth + 1 >= DEEPEST {
                self.complaints.push(Complaint::fault(&item.below, "the tree is too deep"));
            } else {
                self.folders.push(Arc::new(folder.folder(name)));
            }
            return None;
        }
        if !found.is_file() {
            let why = if found.is_symlink() {
                "a symbolic link, not followed"
            } else {
                "neither file nor folder"
            };
            self.complaints.push(Complaint::remark(&item.below, why));
            return None;
        }
        let modified = Timestamp::new(found.mtime(), 0);
        let item = Item {
            size: Some(found.len()),
            modified: Some(modified),
            mode: Some(found.mode() & 0o7777),
            ..item
        };
        let frame = self.frames.last();
        let there = frame.and_then(|frame| frame.there.get(name));
        let changed = Timestamp::new(found.ctime(), 0);
        let is_changed = |there: &Entry| {
            there.modified.is_some_and(|told| is_after(changed, told, there.precision))
        };
        let is_there = |there: &Entry| is_same(&item, there, self.keeps_times || is_changed(there));
        if self.skip_same && there.is_some_and(is_there) {
            self.same += 1;
            return None;
        }
        let old = aside(&name.into());
        let has_old = frame.is_some_and(|frame| frame.there.contains_key(old.as_bytes()));
        // What has one is named step by step.
        Some(Item { has_old, alone: has_old, ..item })
    }
}

/// Whether what the server has is the file `item` of the other side, by size and time. Where the server cannot be told
/// times, its file is as old as its upload; `exact`: it can, or the file was changed since, so that the times must agree.
pub(crate) fn is_same(item: &Item, there: &Entry, exact: bool) -> bool {
    let (Some(ours), Some(theirs)) = (item.modified, there.modified) else { return false };
    let precision = item.precision.max(there.precision);
    let time = precision.allows(theirs, ours) || (!exact && theirs > ours);
    there.kind == Kind::File && there.size.is_some() && there.size == item.size && time
}

impl Agenda for Storing {
    fn next(&mut self, heavy: bool) -> Next {
        if heavy && let Some(item) = self.heavy.pop_front() {
            return Next::Work(Work::Store(item));
        }
        loop {
            if self.ahead < AHEAD && (self.frames.len() < FRAMES || self.folders.len() >= FOLDERS) {
                let work = match self.listings.pop() {
                    Some(folder) => Some(Work::List(folder)),
                    None => self.folders.pop().map(Work::Make),
                };
                if let Some(work) = work {
                    self.ahead += 1;
                    return Next::Work(work);
                }
            }
            while self.heavy.len() < HEAVY {
                let Some(item) = self.named.pop().or_else(|| self.next_file()) else { break };
                if heavy || item.is_light() {
                    return Next::Work(Work::Store(item));
                }
                self.heavy.push_back(item);
            }
            let more = !(self.folders.is_empty() && self.listings.is_empty());
            if !more || self.ahead >= AHEAD || self.heavy.len() >= HEAVY {
                break;
            }
        }
        match (self.heavy.is_empty(), self.ahead) {
            (false, _) => Next::Heavy,
            (true, 0) => Next::Over,
            (true, _) => Next::Wait,
        }
    }

    fn found(&mut self, work: &Work, found: Found) {
        match (work, found) {
            (Work::Make(folder), Found::Done) => {
                self.ahead = self.ahead.saturating_sub(1);
                self.open(folder, HashMap::new());
            }
            (Work::Make(folder), Found::Refused(error)) => {
                self.ahead = self.ahead.saturating_sub(1);
                self.refused.insert(folder.below.clone(), error);
                self.listings.push(Arc::clone(folder));
            }
            (Work::Make(folder), _) => {
                self.ahead = self.ahead.saturating_sub(1);
                self.leave_homeless(folder);
            }
            (Work::List(folder), Found::Listing(spool)) => {
                self.ahead = self.ahead.saturating_sub(1);
                self.refused.remove(&folder.below);
                match spool.by_name() {
                    Ok(there) => self.open(folder, there),
                    Err(error) => self.complaints.push(Complaint::fault(&folder.below, error)),
                }
            }
            (Work::List(folder), _) => {
                self.ahead = self.ahead.saturating_sub(1);
                self.refused.remove(&folder.below);
            }
            (
                Work::Fetch(_)
                | Work::Store(_)
                | Work::Look(_)
                | Work::Copy(_)
                | Work::Check(_)
                | Work::Delete(_)
                | Work::Remove(_),
                _,
            ) => {}
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

    fn is_absent(&mut self, work: &Work, why: &Error) -> bool {
        let Work::List(folder) = work else { return false };
        if !why.is_not_found() {
            return false;
        }
        let Some(error) = self.refused.remove(&folder.below) else { return false };
        self.ahead = self.ahead.saturating_sub(1);
        self.complaints.push(Complaint::unmade(&folder.below, &folder.remote, error, why));
        self.leave_homeless(folder);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_read_here_is_a_failure_that_can_be_tried_again() {
        let here = tempfile::tempdir().unwrap();
        let ground = Arc::new(Ground::new(&here.path().join("gone")));
        let top = Folder::top(&"pub".into());
        let mut agenda = Storing::new(top, ground, Filter::default(), true);
        let Next::Work(make) = agenda.next(true) else { panic!("the top is to be made") };
        agenda.found(&make, Found::Done);
        let complaints = agenda.complaints();
        let [Complaint::Failed { deed: Deed::List, error, .. }] = &complaints[..] else {
            panic!("{complaints:?}");
        };
        assert!(matches!(error, Error::Local { .. }), "{error}");
    }
}
