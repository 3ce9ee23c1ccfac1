//! How much is in a local folder: a walk over everything in it, unfinished uploads too.
//!
//! Links are not followed, and a file with several names counts at each. It goes as far as its bounds and not
//! behind them: who has more is told so.

use super::super::Usage;
use super::super::descent::{Descent, Step};
use super::{LocalFolder, Seen, fault, kind_of};
use rustix::fs::{Dir, OFlags};
use rustix::io::Errno;
use wharf_proto::listing::Kind;
use wharf_proto::path::VirtualPath;
use wharf_proto::server::{Cannot, Fault};

/// The most files and folders that are walked through.
const WALKED: u64 = 2_000_000;

/// How many entries are counted between two looks at whether to go on.
const STRIDE: u64 = 1024;

/// Counts what is in a folder.
pub(super) fn of(
    tree: &LocalFolder,
    go_on: &dyn Fn() -> Result<(), Fault>,
) -> Result<Usage, Fault> {
    let (mut usage, mut seen) = (Usage::default(), 0_u64);
    let mut descent = Descent::from(VirtualPath::root());
    while let Some(step) = descent.step()? {
        let Step::Into(path) = step else { continue };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let folder = match tree.beneath(&path, flags) {
            Ok(folder) => folder,
            // It has gone since, or it is not ours to look into: then nobody stores there through us either.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::LOOP) if !path.is_root() => {
                continue;
            }
            Err(errno) => return Err(fault(errno)),
        };
        for entry in Dir::read_from(&folder).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            if seen.is_multiple_of(STRIDE) {
                go_on()?;
            }
            seen += 1;
            if seen > WALKED {
                return Err(Fault::Unsupported(Cannot::TooMuch));
            }
            let Ok(found) = Seen::named(&folder, name) else { continue };
            match kind_of(found.mode) {
                Kind::File => {
                    usage.bytes = usage.bytes.saturating_add(found.size);
                    usage.files += 1;
                }
                Kind::Folder => descent.add(name)?,
                Kind::Link { .. } | Kind::Other => {}
            }
        }
    }
    Ok(usage)
}

#[cfg(test)]
mod tests {
    use super::super::super::Storage;
    use super::*;

    #[test]
    fn files_at_every_depth_and_hidden_ones_are_counted_and_links_are_not() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        std::fs::write(folder.path().join("a/b/deep"), [0; 5]).unwrap();
        std::fs::write(folder.path().join(".wharf-00.part"), [0; 3]).unwrap();
        std::os::unix::fs::symlink("a", folder.path().join("again")).unwrap();
        let storage = LocalFolder::open(folder.path()).unwrap();
        assert_eq!(storage.usage(&|| Ok(())), Ok(Usage { bytes: 8, files: 2 }));
        assert_eq!(storage.usage(&|| Err(Fault::Busy)), Err(Fault::Busy));
    }

    #[test]
    fn a_tree_too_deep_to_be_counted_is_told_and_one_that_is_deep_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let deep = |levels: usize| folder.path().join(vec!["d"; levels].join("/"));
        std::fs::create_dir_all(deep(256)).unwrap();
        std::fs::write(deep(256).join("f"), "12345").unwrap();
        let storage = LocalFolder::open(folder.path()).unwrap();
        assert_eq!(storage.usage(&|| Ok(())), Ok(Usage { bytes: 5, files: 1 }));
        std::fs::create_dir(deep(257)).unwrap();
        assert_eq!(storage.usage(&|| Ok(())), Err(Fault::Unsupported(Cannot::TooMuch)));
    }
}
