//! A folder of taps as a source: the files that `wharf serve --tap DIR` writes, one a session, or those of several ends.
//!
//! Their events are given in the order of time, over all files, so that sessions that belong together meet. No file
//! stays open: of each some lines are read at a time, since thousands of sessions may be open together.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use wharf_ladder::tap::{self, Error, Line, Reader};
use wharf_proto::Moment;
use wharf_proto::tap::{Event, SessionId};

use super::gathering::Heard;
use super::source::Next;
use super::told::{APART, HEAD};
use crate::exit::Usage;

/// How many lines of a file are read at a time.
const LINES: usize = 128;

/// A folder that is being read.
pub(super) struct Folder {
    path: PathBuf,
    strands: BTreeMap<PathBuf, Strand>,
    /// The files that have events waiting, by the time of the first.
    waiting: BinaryHeap<Reverse<(Duration, PathBuf)>>,
    /// When the first of all events was, which the moments of all count from.
    origin: Option<Duration>,
    /// Which million the next file gets that is not named after its session.
    others: u64,
    pub(super) last: Moment,
    pub(super) full: Vec<String>,
    /// How many lines broke off, in the files where some did.
    pub(super) torn: BTreeMap<String, u64>,
    /// What was not understood: the rest of that file is not read.
    broken: Option<anyhow::Error>,
    follows: bool,
}

/// A file.
struct Strand {
    /// How much of it has been read, in bytes and lines.
    read: u64,
    lines: u64,
    /// When the clock of its events began.
    began: Duration,
    events: VecDeque<(Duration, Event)>,
    /// What is added to the numbers of its sessions.
    numbers: u64,
    is_broken: bool,
}

impl Folder {
    /// Opens a folder in which there are taps, or, where it is followed, there may be.
    pub(super) fn open(path: &Path, follows: bool) -> anyhow::Result<Self> {
        let mut folder = Self {
            path: path.to_owned(),
            strands: BTreeMap::new(),
            waiting: BinaryHeap::new(),
            origin: None,
            others: 0,
            last: Moment::START,
            full: Vec::new(),
            torn: BTreeMap::new(),
            broken: None,
            follows,
        };
        folder.look()?;
        if folder.strands.is_empty() && !follows {
            let why = "holds no tap: files that end in .jsonl, as `wharf serve --tap` writes them";
            return Err(Usage(format!("{} {why}", path.display())).into());
        }
        Ok(folder)
    }

    pub(super) fn began(&self) -> Option<Duration> {
        self.origin
    }

    /// The next event; nothing where there is none just now. Then it is looked for more, where the folder is followed.
    pub(super) fn next(&mut self, take: impl FnOnce(&Heard<'_>)) -> anyhow::Result<Option<Next>> {
        if self.waiting.is_empty() && self.follows {
            self.look()?;
        }
        let Some(Reverse((at, path))) = self.waiting.pop() else {
            return match self.broken.take() {
                Some(broken) => Err(broken),
                None if self.follows => Ok(None),
                None => Ok(Some(Next::End)),
            };
        };
        let Some(strand) = self.strands.get_mut(&path) else { return Ok(Some(Next::More)) };
        if let Some((_, event)) = strand.events.pop_front() {
            let session = SessionId(event.session.0.saturating_add(strand.numbers));
            let origin = *self.origin.get_or_insert(at);
            self.last = Moment::after(at.saturating_sub(origin));
            take(&Heard::Event(&Event { session, at: self.last, ..event }));
        }
        if strand.events.is_empty() {
            self.fill(&path, LINES);
        }
        self.wait_for(path);
        Ok(Some(Next::More))
    }

    /// Looks which files there are, and which of them have more than was read.
    fn look(&mut self) -> anyhow::Result<()> {
        let cannot = || format!("cannot read {}", self.path.display());
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.path).with_context(cannot)? {
            let path = entry.with_context(cannot)?.path();
            if path.extension().is_some_and(|end| end == "jsonl") && path.is_file() {
                paths.push(path);
            }
        }
        paths.sort();
        // Of sessions long over the files go.
        self.strands.retain(|path, _| paths.binary_search(path).is_ok());
        for path in paths {
            // Sessions of long ago may be removed meanwhile.
            let Ok(length) = fs::metadata(&path).map(|file| file.len()) else { continue };
            let known = self.strands.get(&path);
            match known {
                Some(strand) if length == strand.read || strand.is_broken => continue,
                Some(strand) if length > strand.read => {}
                // It is new, or was begun anew for another session.
                Some(_) | None => match Strand::begin(&path) {
                    Some(strand) => {
                        self.strands.insert(path.clone(), strand);
                    }
                    None => continue,
                },
            }
            // The first says when its turn is.
            self.fill(&path, 1);
            self.wait_for(path);
        }
        Ok(())
    }

    /// Reads lines of a file until so many events wait.
    fn fill(&mut self, path: &Path, most: usize) {
        let Some(strand) = self.strands.get_mut(path) else { return };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match strand.fill(path, self.follows, most) {
            Ok(Filled { is_full, torn }) => {
                if torn > 0 {
                    *self.torn.entry(name.clone()).or_default() += torn;
                }
                self.full.extend(is_full.then_some(name));
            }
            Err(error) => {
                strand.is_broken = true;
                let told = anyhow::anyhow!("{name}: {error}");
                self.broken.get_or_insert(told);
            }
        }
        if strand.numbers == u64::MAX && !strand.events.is_empty() {
            let first = strand.events.front().map(|(_, event)| event.session.to_string());
            let is_its = path.file_stem().is_some_and(|stem| first.is_some_and(|id| *stem == *id));
            strand.numbers = if is_its { 0 } else { APART * self.others };
            // The first numbers are those of the files that are named after their session.
            self.others = if is_its { self.others.max(1) } else { self.others + 1 };
        }
    }

    fn wait_for(&mut self, path: PathBuf) {
        let first = self.strands.get(&path).and_then(|strand| strand.events.front());
        if let Some((at, _)) = first {
            self.waiting.push(Reverse((*at, path)));
        }
    }
}

/// What was read of a file besides events.
#[derive(Default)]
struct Filled {
    /// The last line says that the file was full.
    is_full: bool,
    /// How many lines broke off.
    torn: u64,
}

impl Strand {
    /// A file, if it is a tap.
    fn begin(path: &Path) -> Option<Self> {
        let mut head = Vec::new();
        File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
        let began = Duration::ZERO;
        let (read, lines, events, numbers) = (0, 0, VecDeque::new(), u64::MAX);
        tap::begins(&head).then_some(Self { read, lines, began, events, numbers, is_broken: false })
    }

    /// Reads some lines.
    fn fill(&mut self, path: &Path, follows: bool, most: usize) -> Result<Filled, Error> {
        let mut file = match File::open(path) {
            // Of sessions long over the files go.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Filled::default()),
            file => file.map_err(Error::Io)?,
        };
        file.seek(SeekFrom::Start(self.read)).map_err(Error::Io)?;
        let mut reader = Reader::behind(BufReader::new(file), self.lines);
        let mut filled = Filled::default();
        while self.events.len() < most {
            let line = match reader.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                // Who writes it is in the midst of the line.
                Err(Error::Truncated { .. }) if follows => break,
                Err(error) => return Err(error),
            };
            if let Line::Begin(_) = line {
                // The sessions of the run before have their numbers when they are taken from the queue.
                if !self.events.is_empty() {
                    break;
                }
                self.numbers = u64::MAX;
            }
            (self.read, self.lines) = (self.read + reader.length(), reader.lines());
            match line {
                Line::Begin(began) => self.began = began,
                Line::Full => filled.is_full = true,
                Line::Torn => filled.torn += 1,
                Line::Event(event) => {
                    let at = self.began.saturating_add(event.at.since(Moment::START));
                    self.events.push_back((at, event));
                }
            }
        }
        self.events.shrink_to_fit();
        Ok(filled)
    }
}
