//! The files that are moved: what is served, and what is here; all of it in memory, where the system has a place for that.

use super::rows::{ENTRIES, Work};
use crate::bench::load;
use crate::bench::reaper::Reaper;
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const GIB: u64 = 1 << 30;
/// The size of a small file.
const SMALL: usize = 4096;
/// When the files of a tree that is compared were changed, in seconds since 1970; each ten minutes
/// later than the one before.
const BEGAN: u64 = 1_500_000_000;

/// The files, until this is dropped.
pub(super) struct Grounds {
    folder: TempDir,
    served: PathBuf,
    home: PathBuf,
    /// When everything was made.
    made: i64,
}

impl Grounds {
    /// Makes what these kinds of work need.
    pub(super) fn make(reaper: &Reaper, works: impl Iterator<Item = Work>) -> io::Result<Self> {
        let folder = load::folder(reaper)?;
        let open = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
        open(folder.path(), 0o755)?;
        let (served, home) = (folder.path().join("served"), folder.path().join("home"));
        for path in [&served, &home, &served.join("up")] {
            fs::create_dir(path)?;
        }
        open(&served.join("up"), 0o777)?;
        let mut grounds = Self { folder, served, home, made: 0 };
        for work in works {
            grounds.provide(work)?;
        }
        // Times of change are coarse.
        std::thread::sleep(Duration::from_millis(20));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        grounds.made = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        Ok(grounds)
    }

    fn provide(&self, work: Work) -> io::Result<()> {
        match work {
            Work::Fetch(count) | Work::Store(count) => {
                let folder = PathBuf::from(self.given(count));
                if !folder.exists() {
                    fs::create_dir(&folder)?;
                    (0..count)
                        .try_for_each(|n| fs::write(folder.join(n.to_string()), [0x5a; SMALL]))?;
                }
            }
            Work::Big | Work::Parts => {
                let path = self.served.join("big");
                if !path.exists() {
                    let mut big = File::create(path)?;
                    let piece = vec![0x5a; 1 << 20];
                    (0..GIB >> 20).try_for_each(|_| big.write_all(&piece))?;
                }
            }
            Work::List | Work::Dry => entries(&self.served.join("many"))?,
            Work::Same => {
                entries(&self.served.join("many"))?;
                entries(Path::new(&self.same()))?;
            }
        }
        Ok(())
    }

    /// What is served.
    pub(super) fn served(&self) -> &Path {
        &self.served
    }

    /// Where the clients run.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// Where what is fetched goes.
    pub(super) fn taken(&self) -> String {
        self.home.join("taken").display().to_string()
    }

    /// A tree here of so many small files.
    pub(super) fn given(&self, count: usize) -> String {
        self.served.join(format!("small-{count}")).display().to_string()
    }

    /// A tree here that is the same as the one at the server.
    pub(super) fn same(&self) -> String {
        self.home.join("same").display().to_string()
    }

    /// Where what a client says goes.
    pub(super) fn said(&self) -> io::Result<File> {
        File::create(self.home.join("said"))
    }

    /// Removes what was fetched and what was stored.
    pub(super) fn clear(&self) -> io::Result<()> {
        for path in [PathBuf::from(self.taken()), self.served.join("up/tree")] {
            let removed =
                if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })?;
        }
        Ok(())
    }

    /// Whether the work was done.
    pub(super) fn prove(&self, work: Work) -> io::Result<()> {
        let taken = PathBuf::from(self.taken());
        let done = match work {
            Work::Fetch(count) => self.is_tree(&taken, count)?,
            Work::Store(count) => self.is_tree(&self.served.join("up/tree"), count)?,
            Work::Big | Work::Parts => fs::metadata(&taken)?.len() == GIB,
            Work::Same => {
                let changed =
                    |file: &fs::Metadata| file.ctime() * 1_000_000_000 + file.ctime_nsec();
                let files = files(Path::new(&self.same()))?;
                files.len() == ENTRIES && files.iter().all(|file| changed(file) <= self.made)
            }
            Work::Dry => !taken.exists() && self.lines()? >= ENTRIES,
            Work::List => self.lines()? >= ENTRIES,
        };
        if done { Ok(()) } else { Err(io::Error::other("it did not do what it was to do")) }
    }

    fn is_tree(&self, folder: &Path, count: usize) -> io::Result<bool> {
        let files = files(folder)?;
        Ok(files.len() == count && files.iter().all(|file| file.len() == SMALL as u64))
    }

    /// How many lines the client has said.
    fn lines(&self) -> io::Result<usize> {
        Ok(BufReader::new(File::open(self.folder.path().join("home/said"))?).split(b'\n').count())
    }
}

/// Makes a folder of small files, each of a time of its own.
fn entries(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    fs::create_dir(folder)?;
    for n in 0..ENTRIES {
        let file = File::create(folder.join(format!("entry-{n:06}.dat")))?;
        (&file).write_all(b"x")?;
        file.set_modified(UNIX_EPOCH + Duration::from_secs(BEGAN + 600 * n as u64))?;
    }
    Ok(())
}

fn files(folder: &Path) -> io::Result<Vec<fs::Metadata>> {
    fs::read_dir(folder)?.map(|entry| entry?.metadata()).collect()
}
