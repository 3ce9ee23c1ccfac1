//! The desk: a thread that writes small files as they come, so that the network need not wait for the disk.
//!
//! A file is written under a hidden name and takes its own when all of it is there. What is put on the desk is proven
//! already, or has a digest with it, and then it is proven here.

use std::fs::{self, File, FileTimes};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use super::board::Board;
use super::ground::Ground;
use super::work::{Item, Work};
use crate::digest::Digest;
use crate::files::{Part, beside, give_name, is_at, local, system_time};
use crate::{Amount, Error, Proof, Verdict};

/// How many files may lie on the desk.
const ROOM: usize = 64;

/// A small file that has come.
pub(crate) struct Parcel {
    pub(crate) item: Item,
    pub(crate) bytes: Vec<u8>,
    /// What the server says of its bytes.
    pub(crate) digest: Option<Digest>,
}

/// Where files are put to be written.
pub(crate) struct Desk {
    parcels: mpsc::Sender<Parcel>,
    thread: JoinHandle<()>,
}

impl Desk {
    /// A desk that writes into `ground`, and tells `board`. `modes`: whether permission bits are kept.
    pub(crate) fn new(ground: Arc<Ground>, board: Arc<Board>, modes: bool) -> Result<Self, Error> {
        let (parcels, mut coming) = mpsc::channel::<Parcel>(ROOM);
        let work = move || {
            while let Some(parcel) = coming.blocking_recv() {
                let size = parcel.bytes.len() as u64;
                let result = write(&ground, &parcel, modes);
                let work = Work::Fetch(parcel.item);
                match result {
                    Ok(verdict) => board.done(&work, Amount::all(size), verdict),
                    Err(error) => give_up_or_go_on(&board, work, error),
                }
            }
        };
        let thread = std::thread::Builder::new().name("desk".to_owned()).spawn(work);
        Ok(Self { parcels, thread: thread.map_err(Error::Sink)? })
    }

    /// Where to put files.
    pub(crate) fn parcels(&self) -> mpsc::Sender<Parcel> {
        self.parcels.clone()
    }

    /// Waits until all files are written. Whoever has [`parcels`](Self::parcels) must have gone.
    pub(crate) async fn close(self) {
        let Self { parcels, thread } = self;
        drop(parcels);
        // It ends by itself; a panic of it has nothing to tell that the counts do not.
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }
}

/// A full disk is full for all files.
pub(crate) fn give_up_or_go_on(board: &Board, work: Work, error: Error) {
    let full = |error: &io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::ReadOnlyFilesystem
        )
    };
    match &error {
        Error::Local { source, doing, path } if full(source) => {
            let again = Error::Local { doing, path: path.clone(), source: source.kind().into() };
            board.failed(work, error);
            board.stop(again);
        }
        _ => board.failed(work, error),
    }
}

fn write(ground: &Ground, parcel: &Parcel, modes: bool) -> Result<Verdict, Error> {
    let Parcel { item, bytes, digest } = parcel;
    let verdict = match digest {
        None => Verdict::of(item.size),
        Some(digest) if digest.is_of(bytes) => Verdict::Verified,
        Some(digest) => {
            return Err(Error::Unproven {
                missing: Proof::Digest { algorithm: digest.algorithm },
                moved: bytes.len() as u64,
                last: Box::default(),
                source: None,
            });
        }
    };
    let target = ground.place(&item.below)?;
    let part = beside(&target, "wharf-part");
    let file = match File::create_new(&part) {
        Ok(file) => file,
        // What an earlier try left, or another one that runs.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let opened = Part::open_anew(&target, None)?;
            fill(&opened.file, opened.part.path(), item, bytes, modes)?;
            return opened.part.finish(&opened.file).map(|()| verdict);
        }
        Err(error) => return Err(local("make", &part)(error)),
    };
    let named =
        fill(&file, &part, item, bytes, modes).and_then(|()| give_name(&file, &part, &target));
    if named.is_err() && is_at(&file, &part) {
        // The first error is the one to be told.
        let _ = fs::remove_file(&part);
    }
    named.map(|()| verdict)
}

fn fill(mut file: &File, path: &Path, item: &Item, bytes: &[u8], modes: bool) -> Result<(), Error> {
    file.write_all(bytes).map_err(local("write", path))?;
    if let Some(time) = item.modified.and_then(system_time) {
        file.set_times(FileTimes::new().set_modified(time))
            .map_err(local("set the time of", path))?;
    }
    if let Some(mode) = item.mode.filter(|_| modes) {
        let bits = fs::Permissions::from_mode(mode & 0o777);
        file.set_permissions(bits).map_err(local("set the mode of", path))?;
    }
    Ok(())
}
