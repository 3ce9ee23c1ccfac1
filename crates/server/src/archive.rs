//! A folder as one tar file, made while it is sent: `RETR folder.tar` and `folder.tar.zst`.
//!
//! The format is ustar, with pax records (POSIX.1-2001) where that ends: names that are long or not ASCII,
//! sizes from 8 GiB on, times before 1970. Memory is a chunk, and for each folder on the way down one batch of
//! names, down to a depth of 128. Links are stored as links and never followed. Devices, sockets, pipes, owners
//! and what cannot be opened are left out.
//!
//! A file that shrinks while it is read is filled with zeros up to the size in its header, one that grows is
//! cut there; both are counted. Whether an archive may be sent is not decided here, and it has no size before
//! it has been sent, nor can it be resumed.

mod header;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use wharf_proto::Text;
use wharf_proto::listing::{Entry, EntryRef, Kind};
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Fault, Remark};
use zstd::stream::raw::{CParameter, Encoder, InBuffer, Operation, OutBuffer};

use crate::storage::{Folder, Look, Source, Storage};
use header::{BLOCK, FILE, FOLDER, Header, LINK, padding};

/// About how much one call appends.
const CHUNK: usize = 256 * 1024;

/// How much one call reads at most, when it compresses well.
const READ: usize = 4 * CHUNK;

/// The deepest folder that is walked into: each on the way down is held open.
const DEEPEST: usize = 128;

/// zstd's own default: faster than most networks and disks.
const LEVEL: i32 = 3;

/// An archive under way.
pub struct Archive {
    storage: Arc<dyn Storage>,
    /// The header of the folder that is packed, until it has been given.
    begin: Vec<u8>,
    levels: Vec<Level>,
    file: Option<Body>,
    packer: Option<Packer>,
    ended: bool,
    misfits: u64,
    left_out: u64,
}

impl Archive {
    /// Opens a folder to be packed, compressed with zstd or plain.
    ///
    /// # Errors
    /// [`Fault`], where the folder cannot be listed or is none.
    pub fn open(
        storage: Arc<dyn Storage>,
        root: &VirtualPath,
        compress: bool,
    ) -> Result<Self, Fault> {
        let folder = storage.list(root, Look::default())?;
        if !folder.is_folder() {
            return Err(Fault::NotAFolder);
        }
        let packer = match compress {
            true => Some(Packer::new().map_err(|error| fault(&error))?),
            false => None,
        };
        let mut begin = Vec::new();
        let mut name = root.name().unwrap_or_default().to_vec();
        if !name.is_empty() {
            name.push(b'/');
            let facts = storage.facts(root)?;
            let modified = facts.modified.map_or(0, |time| time.seconds());
            Header { mode: facts.mode, modified, ..Header::new(&name, FOLDER) }.write(&mut begin);
        }
        let levels = vec![Level::new(root.clone(), name, folder)];
        let (file, ended, misfits, left_out) = (None, false, 0, 0);
        Ok(Self { storage, begin, levels, file, packer, ended, misfits, left_out })
    }

    /// The folder that a name asks for as an archive, and whether compressed: `/a/b` for `/a/b.tar` and
    /// `/a/b.tar.zst`. Whether there is a file of that name, or such a folder, is not looked at.
    #[must_use]
    pub fn wanted(path: &VirtualPath) -> Option<(VirtualPath, bool)> {
        let name = path.name()?;
        let (stem, compress) = match name.strip_suffix(b".tar.zst") {
            Some(stem) => (stem, true),
            None => (name.strip_suffix(b".tar")?, false),
        };
        if matches!(stem, b"" | b"." | b"..") {
            return None;
        }
        Some((path.parent().join(stem).ok()?, compress))
    }

    /// Appends the next chunk, about 256 KiB, and says whether more follows. A chunk may be smaller, or empty,
    /// where much compresses to little or little can be opened.
    ///
    /// # Errors
    /// [`Fault`], where zstd gives up.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Fault> {
        let end = out.len() + CHUNK;
        let (mut plain, mut worked) = (std::mem::take(&mut self.begin), 0);
        while !self.ended && out.len() < end && worked < READ {
            self.step(&mut plain);
            worked += plain.len() + BLOCK;
            match &mut self.packer {
                Some(packer) => {
                    let packed = packer.pack(&plain, out, self.ended);
                    packed.map_err(|error| fault(&error)).inspect_err(|_| self.ended = true)?;
                }
                None => out.extend_from_slice(&plain),
            }
            plain.clear();
        }
        Ok(!self.ended)
    }

    /// What is not in the archive as it is in the tree, so far.
    pub fn remarks(&self) -> impl Iterator<Item = Remark> {
        let counts = [Remark::LeftOut(self.left_out), Remark::Changed(self.misfits)];
        let some = |remark: &Remark| !matches!(remark, Remark::LeftOut(0) | Remark::Changed(0));
        counts.into_iter().filter(some)
    }

    /// Appends a header, a piece of a file or the end, or looks at the next names.
    fn step(&mut self, out: &mut Vec<u8>) {
        if let Some(file) = &mut self.file {
            if file.pour(out) {
                self.misfits += u64::from(file.misfit);
                self.file = None;
            }
            return;
        }
        let Some(level) = self.levels.last_mut() else {
            out.resize(out.len() + 2 * BLOCK, 0);
            self.ended = true;
            return;
        };
        match level.waiting.pop_front() {
            Some(found) => {
                let name = [level.name.as_slice(), &found.name].concat();
                let added = level
                    .path
                    .join(&found.name)
                    .ok()
                    .and_then(|path| self.add(path, name, &found, out));
                self.left_out += u64::from(added.is_none());
            }
            None if level.more => self.left_out += u64::from(!level.look()),
            None => drop(self.levels.pop()),
        }
    }

    /// Appends the header of an entry and makes ready what follows it. `None` where it, or what is in it, must
    /// be left out.
    fn add(
        &mut self,
        path: VirtualPath,
        mut name: Vec<u8>,
        found: &Found,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let (mode, modified) = (found.mode, found.modified);
        match &found.kind {
            Kind::File => {
                let source = self.storage.read(&path).ok()?;
                let size = source.size();
                Header { mode, modified, size, ..Header::new(&name, FILE) }.write(out);
                self.file = Some(Body { source, at: 0, size, misfit: false });
            }
            Kind::Folder => {
                name.push(b'/');
                Header { mode, modified, ..Header::new(&name, FOLDER) }.write(out);
                if self.levels.len() >= DEEPEST {
                    return None;
                }
                let folder = self.storage.list(&path, Look::default()).ok()?;
                if !folder.is_folder() {
                    return None;
                }
                self.levels.push(Level::new(path, name, folder));
            }
            Kind::Link { target } => {
                let target = target.as_deref()?;
                Header { mode, modified, target, ..Header::new(&name, LINK) }.write(out);
            }
            Kind::Other => return None,
        }
        Some(())
    }
}

/// A folder being walked.
struct Level {
    path: VirtualPath,
    /// Its name in the archive, with a slash at its end; empty for the root of the tree.
    name: Vec<u8>,
    folder: Box<dyn Folder>,
    more: bool,
    waiting: VecDeque<Found>,
}

impl Level {
    fn new(path: VirtualPath, name: Vec<u8>, folder: Box<dyn Folder>) -> Self {
        Self { path, name, folder, more: true, waiting: VecDeque::new() }
    }

    /// Looks at the next batch of names; `false` where the folder cannot be read on.
    fn look(&mut self) -> bool {
        let waiting = &mut self.waiting;
        let read = self.folder.read(&mut |entry| waiting.push_back(Found::of(entry)));
        self.more = matches!(read, Ok(true));
        read.is_ok()
    }
}

/// What a folder tells of an entry.
struct Found {
    name: Vec<u8>,
    kind: Kind,
    modified: i64,
    mode: Option<u32>,
}

impl Found {
    fn of(entry: &EntryRef<'_>) -> Self {
        let modified = entry.modified.map_or(0, |time| time.seconds());
        let Entry { name, kind, mode, .. } = entry.to_owned();
        Self { name, kind, modified, mode }
    }
}

/// A file whose header is out.
struct Body {
    source: Box<dyn Source>,
    at: u64,
    /// The size in the header.
    size: u64,
    /// It turned out to be of another size.
    misfit: bool,
}

impl Body {
    /// Appends the next piece, zeros where the file has ended; `true` after the last one.
    fn pour(&mut self, out: &mut Vec<u8>) -> bool {
        let piece = usize::try_from(self.size - self.at).unwrap_or(CHUNK).min(CHUNK);
        let mut start = out.len();
        let end = start + piece;
        out.resize(end, 0);
        while start < end && !self.misfit {
            let Some(room) = out.get_mut(start..end) else { break };
            let n = self.read(room, self.at + (piece - (end - start)) as u64);
            self.misfit = n == 0;
            start += n;
        }
        self.at += piece as u64;
        if self.at < self.size {
            return false;
        }
        out.resize(out.len() + padding(self.size), 0);
        self.misfit |= self.read(&mut [0], self.size) > 0;
        true
    }

    /// Reads a piece; what cannot be read has ended.
    fn read(&self, room: &mut [u8], at: u64) -> usize {
        self.source.read_at(room, at).unwrap_or(0)
    }
}

/// zstd, a piece at a time.
struct Packer {
    encoder: Encoder<'static>,
    room: Vec<u8>,
}

impl Packer {
    fn new() -> io::Result<Self> {
        let mut encoder = Encoder::new(LEVEL)?;
        encoder.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(Self { encoder, room: vec![0; CHUNK] })
    }

    fn pack(&mut self, plain: &[u8], out: &mut Vec<u8>, last: bool) -> io::Result<()> {
        let mut input = InBuffer::around(plain);
        while input.pos() < plain.len() {
            let mut output = OutBuffer::around(self.room.as_mut_slice());
            self.encoder.run(&mut input, &mut output)?;
            out.extend_from_slice(output.as_slice());
        }
        let mut left = usize::from(last);
        while left > 0 {
            let mut output = OutBuffer::around(self.room.as_mut_slice());
            left = self.encoder.finish(&mut output, true)?;
            out.extend_from_slice(output.as_slice());
        }
        Ok(())
    }
}

fn fault(error: &io::Error) -> Fault {
    Fault::System(Text::from(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::io::Read;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::Path;

    use super::*;
    use crate::storage::local::LocalFolder;

    fn path(text: &str) -> VirtualPath {
        VirtualPath::root().join(text.as_bytes()).unwrap()
    }

    fn archive(tree: &Path, folder: &str, compress: bool) -> Archive {
        let storage = Arc::new(LocalFolder::open(tree).unwrap());
        Archive::open(storage, &path(folder), compress).unwrap()
    }

    /// The whole archive, which never comes in more than about a chunk.
    fn drain(archive: &mut Archive, mut bytes: Vec<u8>) -> Vec<u8> {
        loop {
            let before = bytes.len();
            let more = archive.next(&mut bytes).unwrap();
            assert!(bytes.len() - before <= 2 * CHUNK + 8 * BLOCK, "{}", bytes.len() - before);
            if !more {
                return bytes;
            }
        }
    }

    /// Type, target and bytes by name.
    type Entries = BTreeMap<Vec<u8>, (u8, Vec<u8>, Vec<u8>)>;

    fn read(bytes: &[u8]) -> Entries {
        assert_eq!(bytes.len() % BLOCK, 0);
        let mut reader = tar::Archive::new(bytes);
        let entries = reader.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let target = entry.link_name_bytes().map(|name| name.to_vec()).unwrap_or_default();
            let kind = entry.header().entry_type().as_byte();
            (entry.path_bytes().to_vec(), (kind, target, content))
        });
        entries.collect()
    }

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_le_bytes()[3]
        };
        (0..length).map(|_| next()).collect()
    }

    /// A tree of awkward things, and what its archive must hold.
    fn awkward(tree: &Path) -> Entries {
        let top = tree.join("top");
        let (long, deep) = ("x".repeat(200), "y".repeat(150));
        fs::create_dir_all(top.join("empty folder")).unwrap();
        fs::create_dir_all(top.join(&long)).unwrap();
        let foreign = std::ffi::OsString::from_vec(b"caf\xE9".to_vec());
        std::os::unix::fs::symlink("../no where", top.join("link")).unwrap();
        std::os::unix::fs::symlink("日".repeat(60), top.join("long link")).unwrap();
        let mut expected = Entries::from([
            (b"top/".to_vec(), (FOLDER, vec![], vec![])),
            (b"top/empty folder/".to_vec(), (FOLDER, vec![], vec![])),
            (format!("top/{long}/").into_bytes(), (FOLDER, vec![], vec![])),
            (b"top/link".to_vec(), (LINK, b"../no where".to_vec(), vec![])),
            (b"top/long link".to_vec(), (LINK, "日".repeat(60).into_bytes(), vec![])),
        ]);
        for (name, content) in [
            (b"a b  c".to_vec(), b"spaces".to_vec()),
            ("日本語 é".as_bytes().to_vec(), vec![0; BLOCK]),
            (foreign.as_bytes().to_vec(), b"latin".to_vec()),
            (b"new\nline".to_vec(), b"1".to_vec()),
            (b"nothing".to_vec(), vec![]),
            (b"large".to_vec(), noise(3 * CHUNK + 7)),
            (format!("{long}/{deep}").into_bytes(), b"deep".to_vec()),
        ] {
            fs::write(top.join(std::ffi::OsStr::from_bytes(&name)), &content).unwrap();
            expected.insert([b"top/", name.as_slice()].concat(), (FILE, vec![], content));
        }
        expected
    }

    #[test]
    fn awkward_names_and_sizes_are_read_back_plain_and_compressed() {
        let tree = tempfile::tempdir().unwrap();
        let expected = awkward(tree.path());
        let mut plain = archive(tree.path(), "/top", false);
        let bytes = drain(&mut plain, Vec::new());
        assert!(
            read(&bytes) == expected,
            "{:?}",
            read(&bytes).keys().map(|name| name.escape_ascii().to_string()).collect::<Vec<_>>()
        );
        assert_eq!(plain.remarks().count(), 0);
        let packed = drain(&mut archive(tree.path(), "/top", true), Vec::new());
        assert!(zstd::decode_all(packed.as_slice()).unwrap() == bytes);
    }

    #[test]
    fn the_root_is_packed_without_a_name_of_its_own() {
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("a"), "1").unwrap();
        let bytes = drain(&mut archive(tree.path(), "/", false), Vec::new());
        assert_eq!(read(&bytes).into_keys().collect::<Vec<_>>(), [b"a"]);
    }

    #[test]
    fn mode_and_time_are_those_of_the_file() {
        let tree = tempfile::tempdir().unwrap();
        let file = fs::File::create(tree.path().join("old")).unwrap();
        let before = std::time::UNIX_EPOCH - std::time::Duration::from_secs(86_400);
        file.set_modified(before).unwrap();
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        let bytes = drain(&mut archive(tree.path(), "/", false), Vec::new());
        let mut reader = tar::Archive::new(bytes.as_slice());
        let mut entry = reader.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.header().mode().unwrap(), 0o640);
        let records = entry.pax_extensions().unwrap().unwrap();
        let records: Vec<_> =
            records.map(|record| record.unwrap().value().unwrap().to_owned()).collect();
        assert_eq!(records, ["-86400"]);
    }

    #[test]
    fn a_file_that_shrinks_is_filled_and_one_that_grows_is_cut() {
        for length in [0, 2 * CHUNK + 100, 6 * CHUNK] {
            let tree = tempfile::tempdir().unwrap();
            let content = noise(4 * CHUNK);
            let name = tree.path().join("file");
            fs::write(&name, &content).unwrap();
            let mut archive = archive(tree.path(), "/", false);
            let mut bytes = Vec::new();
            assert!(archive.next(&mut bytes).unwrap());
            fs::OpenOptions::new().write(true).open(&name).unwrap().set_len(length as u64).unwrap();
            let bytes = drain(&mut archive, bytes);
            let read = &read(&bytes)[&b"file"[..]].2;
            assert_eq!(read.len(), content.len());
            // A chunk was read before.
            let kept = length.clamp(CHUNK, content.len());
            assert!(read[..kept] == content[..kept] && read[kept..].iter().all(|&byte| byte == 0));
            assert!(archive.remarks().eq([Remark::Changed(1)]), "{length}");
        }
    }

    #[test]
    fn what_vanishes_or_is_no_file_is_left_out() {
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("a"), noise(CHUNK)).unwrap();
        fs::write(tree.path().join("b"), noise(CHUNK)).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(tree.path().join("socket")).unwrap();
        let mut archive = archive(tree.path(), "/", false);
        let mut bytes = Vec::new();
        assert!(archive.next(&mut bytes).unwrap());
        fs::remove_file(tree.path().join("a")).unwrap();
        fs::remove_file(tree.path().join("b")).unwrap();
        // One was open already.
        assert_eq!(read(&drain(&mut archive, bytes)).len(), 1);
        assert!(archive.remarks().eq([Remark::LeftOut(2)]));
    }

    #[test]
    fn folders_deeper_than_the_bound_are_left_empty() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("d/".repeat(DEEPEST + 5))).unwrap();
        let mut archive = archive(tree.path(), "/", true);
        let bytes = zstd::decode_all(drain(&mut archive, Vec::new()).as_slice()).unwrap();
        assert_eq!(read(&bytes).len(), DEEPEST);
        assert!(archive.remarks().eq([Remark::LeftOut(1)]));
    }

    #[test]
    fn much_that_compresses_to_little_comes_in_bounded_calls() {
        let tree = tempfile::tempdir().unwrap();
        let size = 64 * READ;
        fs::File::create(tree.path().join("zeros")).unwrap().set_len(size as u64).unwrap();
        let mut archive = archive(tree.path(), "/", true);
        let (mut bytes, mut calls) = (Vec::new(), 1);
        while archive.next(&mut bytes).unwrap() {
            calls += 1;
        }
        assert!(calls >= 64, "{calls}");
        assert_eq!(zstd::decode_all(bytes.as_slice()).unwrap().len(), size + 3 * BLOCK);
    }

    #[test]
    fn names_that_ask_for_an_archive_are_known() {
        let wanted =
            |name| Archive::wanted(&path(name)).map(|(path, zstd)| (path.to_string(), zstd));
        assert_eq!(wanted("/a/b.tar"), Some(("/a/b".into(), false)));
        assert_eq!(wanted("/a b.tar.zst"), Some(("/a b".into(), true)));
        assert_eq!(wanted("/b.tar.tar"), Some(("/b.tar".into(), false)));
        for name in
            ["/", "/a", "/.tar", "/a/..tar", "/a/...tar", "/.tar.zst", "/a.tar.gz", "/a.TAR"]
        {
            assert_eq!(wanted(name), None, "{name}");
        }
    }

    #[test]
    fn no_folder_no_archive() {
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("a"), "1").unwrap();
        for (name, fault) in [("/a", Fault::NotAFolder), ("/b", Fault::NotFound)] {
            let storage = Arc::new(LocalFolder::open(tree.path()).unwrap());
            assert_eq!(Archive::open(storage, &path(name), false).err(), Some(fault));
        }
    }

    #[test]
    fn an_archive_may_move_to_another_thread() {
        fn is_send<T: Send>() {}
        is_send::<Archive>();
    }
}
