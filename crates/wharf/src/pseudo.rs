//! Files that are no files: what the kernel shows of itself under `/proc` and the like (S28).
//!
//! Who serves `/` would serve memory, keys and switches of the machine with it. So a folder that is one of these file
//! systems, or has one beneath it, is not served unless the file says so. It is looked at when the server starts.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The types of such file systems.
const TYPES: [&str; 19] = [
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "sysfs",
    "tracefs",
];

/// A file system, and where it is mounted.
struct Mounted {
    at: PathBuf,
    kind: String,
}

/// Refuses these folders where one of them is, or holds, a file system of that kind.
///
/// # Errors
/// Where it is, and what may be done; or that the system does not tell.
pub(crate) fn refuse<'a>(folders: impl Iterator<Item = &'a Path>) -> anyhow::Result<()> {
    let told = std::fs::read("/proc/self/mountinfo");
    let mounted = mounted(&told.context("the system does not tell what is mounted")?);
    for folder in folders {
        // A folder that cannot be entered is told of elsewhere.
        let Ok(whole) = folder.canonicalize() else { continue };
        if let Some(Mounted { at, kind }) = shown_by(&whole, &mounted) {
            bail!(
                "{} shows {}, which is no place for files ({kind}): serve a folder without it, or say \
                 pseudo-file-systems = true",
                folder.display(),
                at.display()
            );
        }
    }
    Ok(())
}

/// The first such file system that is seen in a folder.
fn shown_by<'m>(folder: &Path, mounted: &'m [Mounted]) -> Option<&'m Mounted> {
    let around = mounted.iter().filter(|mount| folder.starts_with(&mount.at));
    // The last of those that are mounted deepest covers the others.
    let own = around.max_by_key(|mount| mount.at.components().count());
    let beneath = mounted.iter().filter(|mount| mount.at.starts_with(folder));
    own.into_iter().chain(beneath).find(|mount| TYPES.contains(&mount.kind.as_str()))
}

/// What `/proc/self/mountinfo` says (proc(5)): the fifth word is the place, and the type stands behind ` - `.
fn mounted(told: &[u8]) -> Vec<Mounted> {
    let read = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        let (about, behind) = line.split_once(" - ")?;
        let at = plain(about.split(' ').nth(4)?.as_bytes());
        let kind = behind.split(' ').next()?.to_owned();
        Some(Mounted { at: OsStr::from_bytes(&at).into(), kind })
    };
    told.split(|byte| *byte == b'\n').filter_map(read).collect()
}

/// A place as it is: spaces and the like are written there as `\040`.
fn plain(written: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written;
    while let Some((first, behind)) = rest.split_first() {
        let octal = behind
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &behind[3..] } else { behind };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &[u8] = b"22 1 254:0 / / rw shared:1 - ext4 /dev/vda rw\n\
        23 22 0:21 / /proc rw - proc proc rw\n\
        24 22 0:22 / /srv/a\\040b/sys rw - sysfs sysfs rw\n\
        25 23 0:23 / /proc/fs rw - ext4 /dev/vdb rw\n";

    fn seen(folder: &str) -> Option<String> {
        shown_by(Path::new(folder), &mounted(TOLD)).map(|mount| mount.at.display().to_string())
    }

    #[test]
    fn s28_what_the_kernel_shows_of_itself_is_found_in_a_folder_and_around_it() {
        assert_eq!(seen("/").as_deref(), Some("/proc"));
        assert_eq!(seen("/proc").as_deref(), Some("/proc"));
        assert_eq!(seen("/proc/1").as_deref(), Some("/proc"));
        assert_eq!(seen("/srv").as_deref(), Some("/srv/a b/sys"));
        for plain in ["/srv/ftp", "/srv/a", "/proc/fs/here", "/process"] {
            assert_eq!(seen(plain), None, "{plain}");
        }
    }

    #[test]
    fn lines_that_make_no_sense_are_passed_over() {
        assert!(mounted(b"x\n - \n1 2 3 4\n\\ - y z\n").is_empty());
        assert_eq!(plain(b"\\04\\999\\040a\\"), b"\\04\\999 a\\");
    }
}
