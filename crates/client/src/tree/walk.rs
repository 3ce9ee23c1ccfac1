//! The walk through a tree on the server: folders are listed ahead of the files that are fetched from them.
//!
//! ```text
//!   folders ──List──▶ listing on its way ──▶ frames ──rows──▶ files to be fetched
//!      ▲                                        │
//!      └──────────── folders in them ◀──────────┘
//! ```
//!
//! Folders are taken from the end of the queue, so the walk goes into the depth, and what waits is bounded but for
//! trees that nobody has: rows stay in their listing until they are wanted.

use std::collections::VecDeque;
use std::sync::Arc;

use wharf_proto::Text;
use wharf_proto::listing::{Entry, Kind, Role, names};

use super::Deed;
use super::filter::Filter;
use super::ground::Ground;
use super::work::{Agenda, Complaint, DEEPEST, Folder, Found, Item, Next, Work, join};
use crate::files::is_ours;
use crate::spool::Rows;

/// How many folders are listed ahead.
const LISTINGS: usize = 8;
/// How many listings are held, but for those that must be.
const FRAMES: usize = 32;
/// How many folders may wait before no more rows are read.
const FOLDERS: usize = 10_000;
/// How many heavy files may wait.
const HEAVY: usize = 64;

/// A tree that is fetched.
pub(crate) struct Fetching {
    folders: Vec<Arc<Folder>>,
    frames: Vec<(Arc<Folder>, Rows)>,
    /// How many listings are on their way.
    listing: usize,
    heavy: VecDeque<Item>,
    /// Files that are to be fetched whatever the listings tell.
    named: VecDeque<Item>,
    filter: Filter,
    ground: Arc<Ground>,
    /// Whether what is here already, of the same size and time, is passed over.
    skip_same: bool,
    same: u64,
    /// Whether it was said that what other transfers have left stays there.
    said: bool,
    complaints: Vec<Complaint>,
}

impl Fetching {
    /// The tree below `top`, to be fetched to `ground`.
    pub(crate) fn new(top: Folder, ground: Arc<Ground>, filter: Filter, skip_same: bool) -> Self {
        Self {
            folders: vec![Arc::new(top)],
            frames: Vec::new(),
            listing: 0,
            heavy: VecDeque::new(),
            named: VecDeque::new(),
            filter,
            ground,
            skip_same,
            same: 0,
            said: false,
            complaints: Vec::new(),
        }
    }

    /// Only these files of the tree, and what is below these folders, which have a slash at their end.
    pub(crate) fn only(self, below: &[Text]) -> Self {
        let Some(top) = self.folders.first().cloned() else { return self };
        let (folders, named) = top.picked(below.iter());
        Self { folders, named: named.into(), ..self }
    }

    /// Whether a folder can be listed now.
    fn can_list(&self) -> bool {
        let room = self.frames.len() < FRAMES || self.folders.len() >= FOLDERS;
        self.listing < LISTINGS && room && !self.folders.is_empty()
    }

    /// The next folder to be listed, if it is time for one.
    fn next_folder(&mut self) -> Option<Arc<Folder>> {
        if self.can_list() { self.folders.pop() } else { None }
    }

    /// The next file that the listings tell of.
    fn next_file(&mut self) -> Option<Item> {
        while self.folders.len() < FOLDERS {
            let (folder, rows) = self.frames.last_mut()?;
            let folder = Arc::clone(folder);
            match rows.next() {
                None => drop(self.frames.pop()),
                Some(Ok(entry)) => {
                    if let Some(item) = self.look_at(&folder, &entry) {
                        return Some(item);
                    }
                }
                Some(Err(error)) => {
                    self.complaints.push(Complaint::fault(&folder.below, error));
                    self.frames.pop();
                }
            }
        }
        None
    }

    /// The file that a row tells of, if it is one to be fetched; a folder is put into the queue.
    fn look_at(&mut self, folder: &Folder, entry: &Entry) -> Option<Item> {
        match see(folder, entry, &self.filter) {
            Seen::Folder(folder) => self.folders.push(Arc::new(folder)),
            Seen::File(item) if self.skip_same && self.ground.has(&item) => self.same += 1,
            Seen::File(item) => return Some(item),
            Seen::LeftOut(complaint) => self.complaints.push(complaint),
            // Here it would be taken for what is here of another file.
            Seen::Ours if !std::mem::replace(&mut self.said, true) => {
                self.complaints.push(Complaint::Note(
                    "what other transfers have left (.NAME.wharf-part and its like) is not fetched",
                ))
            }
            Seen::Ours | Seen::Nothing => {}
        }
        None
    }
}

/// What a row of a listing tells of.
pub(crate) enum Seen {
    /// A folder of the tree.
    Folder(Folder),
    /// A file of the tree.
    File(Item),
    /// Something that is left out, which is to be told.
    LeftOut(Complaint),
    /// What a transfer of ours has left.
    Ours,
    /// Nothing that is meant.
    Nothing,
}

/// Looks at a row of the listing of a folder.
pub(crate) fn see(folder: &Folder, entry: &Entry, filter: &Filter) -> Seen {
    if entry.role != Role::Member {
        return Seen::Nothing;
    }
    if !names::is_plain(&entry.name) {
        let why = "the name is none that a file in a folder can have";
        return Seen::LeftOut(Complaint::fault(&join(&folder.below, &entry.name), why));
    }
    let item = described(folder, entry);
    if !filter.takes(item.below.as_bytes(), entry.kind == Kind::Folder) {
        return Seen::Nothing;
    }
    if is_ours(&entry.name) {
        return Seen::Ours;
    }
    match entry.kind {
        Kind::Folder if folder.depth + 1 >= DEEPEST => {
            Seen::LeftOut(Complaint::fault(&item.below, "the tree is too deep"))
        }
        Kind::Folder => Seen::Folder(folder.folder(&entry.name)),
        Kind::File => Seen::File(item),
        Kind::Link { .. } => {
            Seen::LeftOut(Complaint::remark(&item.below, "a symbolic link, not followed"))
        }
        Kind::Other => Seen::LeftOut(Complaint::remark(&item.below, "neither file nor folder")),
    }
}

/// The file of a row.
pub(crate) fn described(folder: &Folder, entry: &Entry) -> Item {
    Item {
        size: entry.size,
        modified: entry.modified,
        precision: entry.precision,
        mode: entry.mode,
        ..folder.file(&entry.name)
    }
}

impl Agenda for Fetching {
    fn next(&mut self, heavy: bool) -> Next {
        let named =
            |agenda: &mut Self| agenda.heavy.pop_front().or_else(|| agenda.named.pop_front());
        if heavy && let Some(item) = named(self) {
            return Next::Work(Work::Fetch(item));
        }
        loop {
            if let Some(folder) = self.next_folder() {
                self.listing += 1;
                return Next::Work(Work::List(folder));
            }
            while self.heavy.len() < HEAVY {
                let Some(item) = self.next_file() else { break };
                if heavy || item.is_light() {
                    return Next::Work(Work::Fetch(item));
                }
                self.heavy.push_back(item);
            }
            // The rows may have told of folders.
            if !self.can_list() {
                break;
            }
        }
        if !(self.heavy.is_empty() && self.named.is_empty()) {
            Next::Heavy
        } else if self.listing > 0 {
            Next::Wait
        } else {
            Next::Over
        }
    }

    fn found(&mut self, work: &Work, found: Found) {
        let Work::List(folder) = work else { return };
        self.listing = self.listing.saturating_sub(1);
        let Found::Listing(spool) = found else { return };
        // An empty folder is part of the tree as well.
        if let Err(error) = self.ground.make(&folder.below) {
            self.complaints.push(Complaint::failed(&folder.below, Deed::Make, error));
            return;
        }
        match spool.rows() {
            Ok(rows) => self.frames.push((Arc::clone(folder), rows)),
            Err(error) => self.complaints.push(Complaint::fault(&folder.below, error)),
        }
    }

    fn complaints(&mut self) -> Vec<Complaint> {
        std::mem::take(&mut self.complaints)
    }

    fn same(&mut self) -> u64 {
        std::mem::take(&mut self.same)
    }

    /// Times are only read.
    fn learn_keeps_times(&mut self, _: bool) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::{LIMIT, Spool};

    fn fetching(folder: &std::path::Path) -> Fetching {
        Fetching::new(
            Folder::top(&"pub".into()),
            Arc::new(Ground::new(folder)),
            Filter::default(),
            true,
        )
    }

    fn listing(rows: &str) -> Found {
        let mut spool = Spool::new(true, LIMIT);
        spool.push(rows.as_bytes()).unwrap();
        Found::Listing(spool)
    }

    fn work(agenda: &mut Fetching, heavy: bool) -> Work {
        match agenda.next(heavy) {
            Next::Work(work) => work,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_tree_is_walked_through_and_hostile_names_are_told_and_left() {
        let folder = tempfile::tempdir().unwrap();
        let mut agenda = fetching(folder.path());
        let top = work(&mut agenda, false);
        assert!(matches!(agenda.next(false), Next::Wait));
        agenda.found(
            &top,
            listing(
                "type=cdir; .\r\ntype=file;size=3; a\r\ntype=dir; d\r\ntype=file;size=3; ../x\r\n\
                 type=file;size=9999999; big\r\ntype=OS.unix=slink:/etc; l\r\n",
            ),
        );
        assert_eq!(work(&mut agenda, false).below().to_string(), "a");
        let inner = work(&mut agenda, false);
        assert_eq!(inner.below().to_string(), "d");
        assert!(matches!(agenda.next(false), Next::Heavy));
        assert_eq!(work(&mut agenda, true).below().to_string(), "big");
        assert!(matches!(agenda.next(true), Next::Wait));
        agenda.found(&inner, listing(""));
        assert!(matches!(agenda.next(true), Next::Over));
        assert!(folder.path().join("d").is_dir());
        let complaints = agenda.complaints();
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        let Complaint::LeftOut { below, .. } = &complaints[0] else { panic!("{complaints:?}") };
        assert_eq!(below.to_string(), "../x");
    }

    #[test]
    fn what_other_transfers_have_left_is_not_fetched_and_that_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut agenda = fetching(folder.path());
        let top = work(&mut agenda, true);
        let rows = "type=file;size=3; .x.wharf-part\r\ntype=file;size=3; .y.wharf-old\r\n\
                    type=dir; .z.wharf-note\r\ntype=file;size=3; x\r\n";
        agenda.found(&top, listing(rows));
        assert_eq!(work(&mut agenda, true).below().to_string(), "x");
        assert!(matches!(agenda.next(true), Next::Over));
        let complaints = agenda.complaints();
        assert!(matches!(complaints.as_slice(), [Complaint::Note(_)]), "{complaints:?}");
    }

    #[test]
    fn a_folder_of_very_many_folders_is_walked_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut agenda = fetching(folder.path());
        let top = work(&mut agenda, false);
        let rows: String =
            (0..FOLDERS + 100).map(|number| format!("type=dir; {number}\r\n")).collect();
        agenda.found(&top, listing(&rows));
        let mut seen = 0;
        loop {
            match agenda.next(false) {
                Next::Work(work) => {
                    seen += 1;
                    agenda.found(&work, Found::Nothing);
                }
                Next::Over => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seen, FOLDERS + 100);
    }
}
