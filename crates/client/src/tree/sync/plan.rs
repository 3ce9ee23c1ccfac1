//! The plan: what is to be done to make one tree like the other, each step with its reason.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use wharf_proto::Text;
use wharf_proto::listing::Precision;
use wharf_proto::time::Timestamp;

use super::super::Tally;
use super::super::work::{Folder, Item};
use crate::Error;

/// What is done in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// A file, or a link, is deleted that is in the way of a folder, or in a folder that is in the way of a file.
    Clear,
    /// A folder is removed that is in the way.
    ClearFolder,
    /// A folder is made.
    Make,
    /// A file is moved that is not there.
    Add,
    /// A file is moved in place of another one.
    Update,
    /// A symbolic link is made.
    Link,
    /// A file is deleted.
    Delete,
    /// A folder is removed.
    Remove,
}

impl StepKind {
    /// All of them, in the order in which they are done.
    pub const ALL: [Self; 8] = [
        Self::Clear,
        Self::ClearFolder,
        Self::Make,
        Self::Add,
        Self::Update,
        Self::Link,
        Self::Delete,
        Self::Remove,
    ];

    /// The sign that stands for it in a list.
    pub fn sign(self) -> char {
        match self {
            Self::Make | Self::Add | Self::Link => '+',
            Self::Update => '~',
            Self::Clear | Self::ClearFolder | Self::Delete | Self::Remove => '-',
        }
    }

    /// Its name, as scripts see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::ClearFolder => "clear-folder",
            Self::Make => "make",
            Self::Add => "add",
            Self::Update => "update",
            Self::Link => "link",
            Self::Delete => "delete",
            Self::Remove => "remove",
        }
    }

    /// Whether it is done with a folder.
    pub fn is_of_folder(self) -> bool {
        matches!(self, Self::Make | Self::ClearFolder | Self::Remove)
    }

    /// Whether something goes by it.
    pub fn is_deletion(self) -> bool {
        matches!(self, Self::Clear | Self::ClearFolder | Self::Delete | Self::Remove)
    }
}

/// Why it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is not there.
    Missing,
    /// The sizes differ.
    Size,
    /// The one to be copied is newer.
    Newer,
    /// The one to be copied is older, and not the one that is there.
    Older,
    /// The digests differ.
    Digest,
    /// The other side cannot say whether it is the same.
    Unknown,
    /// It is something else than a file there.
    Kind,
    /// The other tree does not have it.
    Gone,
    /// It is an old version that an upload which broke off has left aside.
    Left,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Missing,
        Self::Size,
        Self::Newer,
        Self::Older,
        Self::Digest,
        Self::Unknown,
        Self::Kind,
        Self::Gone,
        Self::Left,
    ];

    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Size => "other size",
            Self::Newer => "newer",
            Self::Older => "older",
            Self::Digest => "other digest",
            Self::Unknown => "cannot be compared",
            Self::Kind => "another kind of thing",
            Self::Gone => "not at the source",
            Self::Left => "left by an upload that broke off",
        }
    }
}

/// How a spool tells how exact a time is.
const PRECISIONS: [Precision; 4] =
    [Precision::Second, Precision::Minute, Precision::Day, Precision::LocalDay];

/// A step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub kind: StepKind,
    /// Why.
    pub reason: Reason,
    /// With what, below the top.
    pub path: Text,
    /// How large it is, where that is known: the file that is moved, or the one that goes.
    pub size: Option<u64>,
    /// When that was modified, where that is known.
    pub modified: Option<Timestamp>,
    /// How large the one is that is replaced, where that is known.
    pub old_size: Option<u64>,
    /// When that was modified, where that is known.
    pub old_modified: Option<Timestamp>,
    /// Its permission bits, where they are known.
    pub mode: Option<u32>,
    /// What a symbolic link points to.
    pub target: Text,
    /// How exact that of these times is which the server has told.
    pub told: Precision,
}

impl Step {
    /// A step of which no more is known.
    pub(crate) fn new(kind: StepKind, reason: Reason, path: &Text) -> Self {
        Self {
            kind,
            reason,
            path: path.clone(),
            size: None,
            modified: None,
            old_size: None,
            old_modified: None,
            mode: None,
            target: Text::default(),
            told: Precision::Second,
        }
    }

    /// A step that moves this file.
    pub(crate) fn moving(item: &Item, kind: StepKind, reason: Reason) -> Self {
        let Item { size, modified, mode, precision: told, .. } = *item;
        Self { size, modified, mode, told, ..Self::new(kind, reason, &item.below) }
    }

    /// The same in place of a file of this size and time.
    pub(crate) fn replacing(self, (size, modified): (Option<u64>, Option<Timestamp>)) -> Self {
        Self { old_size: size, old_modified: modified, ..self }
    }

    /// The file that it moves.
    pub(crate) fn item(&self, top: &Folder) -> Item {
        let Self { size, modified, mode, .. } = *self;
        Item { size, modified, mode, ..top.file(self.path.as_bytes()) }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let place = |at: Option<usize>| u8::try_from(at.unwrap_or(0)).unwrap_or(0);
        let kind = StepKind::ALL.iter().position(|kind| *kind == self.kind);
        let reason = Reason::ALL.iter().position(|reason| *reason == self.reason);
        let told = PRECISIONS.iter().position(|told| *told == self.told);
        out.write_all(&[place(kind), place(reason), place(told)])?;
        let seen = [(self.size, self.modified), (self.old_size, self.old_modified)];
        for (size, modified) in seen {
            out.write_all(&size.unwrap_or(u64::MAX).to_le_bytes())?;
            out.write_all(&modified.map_or(i64::MIN, Timestamp::seconds).to_le_bytes())?;
        }
        out.write_all(&self.mode.unwrap_or(u32::MAX).to_le_bytes())?;
        for text in [&self.path, &self.target] {
            let length = u32::try_from(text.as_bytes().len()).map_err(io::Error::other)?;
            out.write_all(&length.to_le_bytes())?;
            out.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut head = [0; 3];
        from.read_exact(&mut head)?;
        let [kind, reason, told] = head.map(usize::from);
        let damaged = || io::Error::other("the plan is damaged");
        let kind = *StepKind::ALL.get(kind).ok_or_else(damaged)?;
        let reason = *Reason::ALL.get(reason).ok_or_else(damaged)?;
        let told = *PRECISIONS.get(told).ok_or_else(damaged)?;
        let mut seen = || {
            let size = u64::from_le_bytes(array(from)?);
            let time = i64::from_le_bytes(array(from)?);
            let modified = (time != i64::MIN).then(|| Timestamp::new(time, 0));
            Ok::<_, io::Error>(((size != u64::MAX).then_some(size), modified))
        };
        let ((size, modified), old) = (seen()?, seen()?);
        let mode = u32::from_le_bytes(array(from)?);
        let mut text = || {
            let mut bytes = vec![0; usize::try_from(u32::from_le_bytes(array(from)?)).unwrap_or(0)];
            from.read_exact(&mut bytes)?;
            Ok::<_, io::Error>(Text::from(bytes))
        };
        Ok(Self {
            kind,
            reason,
            path: text()?,
            target: text()?,
            size,
            modified,
            old_size: old.0,
            old_modified: old.1,
            mode: (mode != u32::MAX).then_some(mode),
            told,
        })
    }
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.kind.is_of_folder() { "/" } else { "" };
        write!(f, "{} {}{slash}  ({})", self.kind.sign(), self.path, self.reason.words())
    }
}

/// A plan that is being made. Steps of a kind stay in their order.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// Steps by kind.
    spools: [Option<io::BufWriter<File>>; 8],
    counts: [u64; 8],
    /// How many of those that go are what an upload has left aside.
    left: u64,
    /// How many bytes are to be moved.
    pub(super) bytes: u64,
    /// How many files the tree has that is to change.
    pub(super) target_files: u64,
    /// Whether something could not be read.
    pub(super) blind: bool,
    /// Why steps could not be kept.
    fault: Option<io::Error>,
}

impl Draft {
    pub(super) fn add(&mut self, step: &Step) {
        let at = StepKind::ALL.iter().position(|kind| *kind == step.kind).unwrap_or(0);
        self.counts[at] += 1;
        self.left += u64::from(step.reason == Reason::Left);
        if matches!(step.kind, StepKind::Add | StepKind::Update) {
            self.bytes += step.size.unwrap_or(0);
        }
        if let Err(error) = self.write(at, step) {
            self.fault.get_or_insert(error);
        }
    }

    fn write(&mut self, at: usize, step: &Step) -> io::Result<()> {
        let spool = match &mut self.spools[at] {
            Some(spool) => spool,
            empty => empty.insert(io::BufWriter::new(tempfile::tempfile()?)),
        };
        step.write(spool)
    }
}

/// What is to be done to make one tree like the other.
#[derive(Debug)]
pub struct Plan {
    spools: [Option<File>; 8],
    counts: [u64; 8],
    left: u64,
    bytes: u64,
    target_files: u64,
    blind: bool,
    same: u64,
    failed: u64,
}

/// The plan that a draft has become.
pub(super) fn finished(draft: Arc<Mutex<Draft>>, tally: Tally) -> Result<Plan, Error> {
    let draft = std::mem::take(&mut *draft.lock().unwrap_or_else(PoisonError::into_inner));
    if let Some(fault) = draft.fault {
        return Err(Error::Sink(fault));
    }
    let mut spools = [const { None }; 8];
    for (spool, written) in spools.iter_mut().zip(draft.spools) {
        *spool = written
            .map(|spool| spool.into_inner().map_err(|e| Error::Sink(e.into_error())))
            .transpose()?;
    }
    let Draft { counts, left, bytes, target_files, blind, .. } = draft;
    let blind = blind || tally.failed > 0;
    let Tally { same, failed, .. } = tally;
    Ok(Plan { spools, counts, left, bytes, target_files, blind, same, failed })
}

impl Plan {
    /// How many steps of a kind there are.
    pub fn count(&self, kind: StepKind) -> u64 {
        StepKind::ALL.iter().position(|other| *other == kind).map_or(0, |at| self.counts[at])
    }

    /// How many files and folders would go.
    pub fn deletes(&self) -> u64 {
        let goes = StepKind::ALL.into_iter().filter(|kind| kind.is_deletion());
        goes.map(|kind| self.count(kind)).sum()
    }

    /// How many files would go, but for those that uploads have left aside ([`Reason::Left`]).
    pub fn deleted_files(&self) -> u64 {
        let files = self.count(StepKind::Delete) + self.count(StepKind::Clear);
        files.saturating_sub(self.left)
    }

    /// How many files the tree has that is to change.
    pub fn target_files(&self) -> u64 {
        self.target_files
    }

    /// How many bytes are to be moved, as far as sizes are known.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many files are the same on both sides.
    pub fn same(&self) -> u64 {
        self.same
    }

    /// How much could not be looked at.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Whether something could not be looked at, so that nothing is deleted.
    pub fn is_blind(&self) -> bool {
        self.blind
    }

    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// The same plan with those steps alone that this takes.
    ///
    /// # Errors
    /// `Sink`, where one cannot be read back, or the other not be kept.
    pub fn only(&self, mut takes: impl FnMut(&Step) -> bool) -> Result<Self, Error> {
        let Self { target_files, blind, same, failed, .. } = *self;
        let mut draft = Draft { target_files, blind, ..Draft::default() };
        for step in self.steps()? {
            let step = step?;
            if takes(&step) {
                draft.add(&step);
            }
        }
        let tally = Tally { same, failed, ..Tally::default() };
        finished(Arc::new(Mutex::new(draft)), tally)
    }

    /// Takes in that so many files cannot be moved as was planned, and so many not be deleted: they have failed. Where
    /// one is not moved nothing is deleted, for what goes may be what it was before.
    pub fn lacks(&mut self, moves: u64, deletes: u64) {
        self.failed += moves + deletes;
        self.blind |= moves > 0;
    }

    /// The steps in the order in which they are done: what is in the way goes, then folders, files and links come, and at
    /// last goes what the other tree does not have.
    ///
    /// # Errors
    /// `Sink`, where the plan cannot be read back.
    pub fn steps(&self) -> Result<Steps, Error> {
        let mut files = Vec::new();
        for (spool, kind) in self.spools.iter().zip(StepKind::ALL) {
            let goes = kind.is_deletion();
            if let Some(spool) = spool.as_ref().filter(|_| !(goes && self.blind)) {
                let file = spool.try_clone().map_err(Error::Sink)?;
                files.push(BufReader::new(FromStart { file, at: 0 }));
            }
        }
        files.reverse();
        Ok(Steps { files })
    }
}

/// The steps of a plan.
#[derive(Debug)]
pub struct Steps {
    /// The next one last.
    files: Vec<BufReader<FromStart>>,
}

/// A file from its beginning on, with a place of its own: that of the file is shared with all who have it open.
#[derive(Debug)]
struct FromStart {
    file: File,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(space, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Iterator for Steps {
    type Item = Result<Step, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match Step::read(self.files.last_mut()?) {
                Ok(step) => return Some(Ok(step)),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    drop(self.files.pop())
                }
                Err(error) => {
                    self.files.clear();
                    return Some(Err(Error::Sink(error)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_back_as_they_were_and_what_goes_comes_last() {
        let mut draft = Draft::default();
        let path = |text: &str| Text::from(text);
        let steps = [
            Step::new(StepKind::Delete, Reason::Gone, &path("old")),
            Step {
                size: Some(7),
                modified: Some(Timestamp::new(-5, 0)),
                mode: Some(0o640),
                old_size: Some(8),
                told: Precision::LocalDay,
                ..Step::new(StepKind::Update, Reason::Newer, &path("a\nb"))
            },
            Step { target: path("x"), ..Step::new(StepKind::Link, Reason::Missing, &path("l")) },
            Step::new(StepKind::Make, Reason::Missing, &path("d")),
        ];
        steps.iter().for_each(|step| draft.add(step));
        let plan = finished(Arc::new(Mutex::new(draft)), Tally::default()).unwrap();
        for _ in 0..2 {
            let read: Vec<Step> = plan.steps().unwrap().map(Result::unwrap).collect();
            assert_eq!(read, [3, 1, 2, 0].map(|at| steps[at].clone()));
        }
        assert_eq!((plan.bytes(), plan.deletes(), plan.count(StepKind::Update)), (7, 1, 1));
        assert_eq!(steps[0].to_string(), "- old  (not at the source)");
        assert_eq!(steps[3].to_string(), "+ d/  (missing)");
    }

    #[test]
    fn a_plan_is_read_twice_at_the_same_time() {
        let mut draft = Draft::default();
        for name in ["a", "b"] {
            draft.add(&Step::new(StepKind::Delete, Reason::Gone, &name.into()));
        }
        let plan = finished(Arc::new(Mutex::new(draft)), Tally::default()).unwrap();
        let both = plan.steps().unwrap().zip(plan.steps().unwrap());
        let paths = both.map(|(one, other)| (one.unwrap().path, other.unwrap().path));
        assert_eq!(paths.collect::<Vec<_>>(), ["a", "b"].map(|name| (name.into(), name.into())));
    }

    #[test]
    fn a_part_of_a_plan_counts_its_own_steps_and_deletes_nothing_without_all_moves() {
        let mut draft = Draft { target_files: 3, ..Draft::default() };
        let add = |name: &str| Step {
            size: Some(5),
            ..Step::new(StepKind::Add, Reason::Missing, &name.into())
        };
        for step in [add("a"), add("b"), Step::new(StepKind::Delete, Reason::Gone, &"c".into())] {
            draft.add(&step);
        }
        let plan = finished(Arc::new(Mutex::new(draft)), Tally::default()).unwrap();
        let mut part = plan.only(|step| step.path.as_bytes() != b"a").unwrap();
        assert_eq!((part.count(StepKind::Add), part.bytes(), part.target_files()), (1, 5, 3));
        part.lacks(0, 1);
        assert_eq!((part.steps().unwrap().count(), part.failed()), (2, 1));
        part.lacks(1, 0);
        assert_eq!((part.steps().unwrap().count(), part.failed()), (1, 2));
    }

    #[test]
    fn a_plan_that_has_not_seen_everything_deletes_nothing() {
        let mut draft = Draft::default();
        draft.add(&Step::new(StepKind::Delete, Reason::Gone, &"old".into()));
        let tally = Tally { failed: 1, ..Tally::default() };
        let plan = finished(Arc::new(Mutex::new(draft)), tally).unwrap();
        assert!(plan.is_blind() && plan.steps().unwrap().next().is_none());
    }
}
