//! A tree that is copied from server to server: each folder is listed at the source, made at the target, and listed
//! there where it could not be made.
//!
//! ```text
//!   folders ──List──▶ listed ──Make──▶ frames ──rows──▶ files to be copied
//!      ▲                 └──Make, Look──▶ │
//!      └────────── folders in them ◀──────┘
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use wharf_proto::Text;
use wharf_proto::listing::Entry;

use super::filter::Filter;
use super::storing::is_same;
use super::walk::{Seen, see};
use super::work::{Agenda, Complaint, Folder, Found, Item, Next, Work, join};
use crate::Error;
use crate::copy::Names;
use crate::files::aside;
use crate::spool::{Rows, Spool};

/// How many folders are listed and made ahead.
const AHEAD: usize = 8;
/// How many listings are held, but for those that must be.
const FRAMES: usize = 32;
/// How many folders may wait before no more rows are read.
const FOLDERS: usize = 10_000;

/// A folder of which the files are being copied.
struct Frame {
    folder: Arc<Folder>,
    rows: Rows,
    /// What the target has in it.
    there: HashMap<Vec<u8>, Entry>,
}

/// A tree that is copied.
pub(crate) struct Copying {
    /// Its top at the target.
    target: Text,
    names: Names,
    filter: Filter,
    folders: Vec<Arc<Folder>>,
    /// Those that are listed, and are to be made, or listed, at the target.
    makes: Vec<Arc<Folder>>,
    looks: Vec<Arc<Folder>>,
    /// What the target said to those that it does not make, until their listing tells whether they are there.
    refused: HashMap<Text, Error>,
    /// Their listings, by where they are below the top.
    listed: HashMap<Text, Spool>,
    frames: Vec<Frame>,
    /// How many folders are on their way to be frames.
    ahead: usize,
    /// Files that are to be copied whatever is there.
    named: Vec<Item>,
    skip_same: bool,
    /// Whether the target can be told the times of files.
    keeps_times: bool,
    same: u64,
    complaints: Vec<Complaint>,
}

impl Copying {
    /// The tree below `top` of the source, to be copied to `target`.
    pub(crate) fn new(
        top: Folder,
        target: Text,
        names: Names,
        filter: Filter,
        skip_same: bool,
    ) -> Self {
        Self {
            target,
            names,
            filter,
            folders: vec![Arc::new(top)],
            makes: Vec::new(),
            looks: Vec::new(),
            refused: HashMap::new(),
            listed: HashMap::new(),
            frames: Vec::new(),
            ahead: 0,
            named: Vec::new(),
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
        Self { folders, named, ..self }
    }

    /// The next thing to do with a folder, if it is time for one.
    fn next_folder(&mut self) -> Option<Work> {
        if let Some(folder) = self.makes.pop() {
            return Some(Work::Make(folder));
        }
        if let Some(folder) = self.looks.pop() {
            return Some(Work::Look(folder));
        }
        let room = self.frames.len() < FRAMES || self.folders.len() >= FOLDERS;
        let folder = if room && self.ahead < AHEAD { self.folders.pop() } else { None };
        folder.map(|folder| {
            self.ahead += 1;
            Work::List(folder)
        })
    }

    /// The next file that the listings tell of.
    fn next_file(&mut self) -> Option<Item> {
        while self.folders.len() < FOLDERS {
            let frame = self.frames.last_mut()?;
            match frame.rows.next() {
                None => drop(self.frames.pop()),
                Some(Ok(entry)) => {
                    if let Some(item) = self.look_at(&entry) {
                        return Some(item);
                    }
                }
                Some(Err(error)) => {
                    self.complaints.push(Complaint::fault(&frame.folder.below, error));
                    self.frames.pop();
                }
            }
        }
        None
    }

    /// The file that a row of the last frame tells of, if it is one to be copied.
    fn look_at(&mut self, entry: &Entry) -> Option<Item> {
        let Frame { folder, there, .. } = self.frames.last()?;
        match see(folder, entry, &self.filter) {
            Seen::Folder(folder) => self.folders.push(Arc::new(folder)),
            Seen::File(item) => {
                let name = self.names.at_target(&entry.name);
                let known = there.get(name.as_bytes()).filter(|_| self.skip_same);
                if !known.is_some_and(|known| is_same(&item, known, self.keeps_times)) {
                    let has_old = there.contains_key(aside(&name).as_bytes());
                    return Some(Item { has_old, ..item });
                }
                self.same += 1;
            }
            Seen::LeftOut(complaint) => self.complaints.push(complaint),
            Seen::Ours | Seen::Nothing => {}
        }
        None
    }

    /// The folder cannot be had.
    fn drop(&mut self, folder: &Folder) {
        self.ahead = self.ahead.saturating_sub(1);
        self.listed.remove(&folder.below);
        self.refused.remove(&folder.below);
    }

    /// The folder is there, with this in it.
    fn open(&mut self, folder: &Arc<Folder>, there: HashMap<Vec<u8>, Entry>) {
        self.ahead = self.ahead.saturating_sub(1);
        match self.listed.remove(&folder.below).map(Spool::rows) {
            Some(Ok(rows)) => self.frames.push(Frame { folder: Arc::clone(folder), rows, there }),
            Some(Err(error)) => self.complaints.push(Complaint::fault(&folder.below, error)),
            None => {}
        }
    }
}

impl Agenda for Copying {
    fn next(&mut self, _: bool) -> Next {
        if let Some(item) = self.named.pop() {
            return Next::Work(Work::Copy(item));
        }
        loop {
            if let Some(work) = self.next_folder() {
                return Next::Work(work);
            }
            if let Some(item) = self.next_file() {
                return Next::Work(Work::Copy(item));
            }
            // The rows may have told of folders.
            if self.folders.is_empty() || self.ahead >= AHEAD {
                break;
            }
        }
        if self.ahead == 0 { Next::Over } else { Next::Wait }
    }

    fn found(&mut self, work: &Work, found: Found) {
        match (work, found) {
            (Work::List(folder), Found::Listing(spool)) => {
                self.listed.insert(folder.below.clone(), spool);
                // The folder that the login leads to is there, and has no name.
                let path = join(&self.target, folder.below.as_bytes());
                let next = if path.is_empty() { &mut self.looks } else { &mut self.makes };
                next.push(Arc::clone(folder));
            }
            (Work::Make(folder), Found::Done) => self.open(folder, HashMap::new()),
            (Work::Make(folder), Found::Refused(error)) => {
                self.refused.insert(folder.below.clone(), error);
                self.looks.push(Arc::clone(folder));
            }
            (Work::Look(folder), Found::Listing(spool)) => {
                self.refused.remove(&folder.below);
                let there = spool.by_name().unwrap_or_else(|error| {
                    self.complaints.push(Complaint::fault(&folder.below, error));
                    HashMap::new()
                });
                self.open(folder, there);
            }
            (Work::List(folder) | Work::Look(folder) | Work::Make(folder), _) => self.drop(folder),
            (
                Work::Fetch(_)
                | Work::Store(_)
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
        let Work::Look(folder) = work else { return false };
        if !why.is_not_found() {
            return false;
        }
        let Some(error) = self.refused.remove(&folder.below) else { return false };
        let path = join(&self.target, self.names.at_target(folder.below.as_bytes()).as_bytes());
        self.complaints.push(Complaint::unmade(&folder.below, &path, error, why));
        self.drop(folder);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::LIMIT;

    fn listing(rows: &str) -> Found {
        let mut spool = Spool::new(true, LIMIT);
        spool.push(rows.as_bytes()).unwrap();
        Found::Listing(spool)
    }

    fn copying(target: &str) -> Copying {
        let top = Folder::top(&"pub".into());
        Copying::new(top, target.into(), Names::default(), Filter::default(), true)
    }

    fn work(agenda: &mut Copying) -> Work {
        match agenda.next(true) {
            Next::Work(work) => work,
            other => panic!("{other:?}"),
        }
    }

    const TIME: &str = "modify=20240501123000";

    #[test]
    fn a_folder_is_listed_then_made_and_only_looked_into_where_it_is_there() {
        let mut agenda = copying("to");
        agenda.learn_keeps_times(true);
        let top = work(&mut agenda);
        assert!(matches!(top, Work::List(_)));
        assert!(matches!(agenda.next(true), Next::Wait));
        let rows = format!(
            "type=file;size=3;{TIME}; same\r\ntype=file;size=4;{TIME}; other\r\ntype=dir; d\r\n\
             type=file;size=9; .x.wharf-part\r\n"
        );
        agenda.found(&top, listing(&rows));
        let made = work(&mut agenda);
        assert!(matches!(made, Work::Make(_)));
        agenda.found(&made, Found::Refused(Error::Stopped));
        let look = work(&mut agenda);
        assert!(matches!(look, Work::Look(_)));
        let there = format!("type=file;size=3;{TIME}; same\r\ntype=file;size=3;{TIME}; other\r\n");
        agenda.found(&look, listing(&there));
        assert_eq!(work(&mut agenda).below().to_string(), "other");
        let inner = work(&mut agenda);
        assert!(matches!(inner, Work::List(_)) && inner.below().to_string() == "d");
        agenda.found(&inner, listing("type=file;size=1; x\r\n"));
        let made = work(&mut agenda);
        agenda.found(&made, Found::Done);
        assert_eq!(work(&mut agenda).below().to_string(), "d/x");
        assert!(matches!(agenda.next(true), Next::Over));
        assert_eq!((agenda.same(), agenda.complaints().len()), (1, 0));
    }

    #[test]
    fn nothing_is_made_at_the_target_of_what_cannot_be_listed_and_the_login_folder_never() {
        let mut agenda = copying("to");
        let top = work(&mut agenda);
        agenda.found(&top, Found::Nothing);
        assert!(matches!(agenda.next(true), Next::Over));
        let mut agenda = copying("");
        let top = work(&mut agenda);
        agenda.found(&top, listing(""));
        assert!(matches!(work(&mut agenda), Work::Look(_)));
    }
}
