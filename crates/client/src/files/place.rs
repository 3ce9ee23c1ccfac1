//! Where a file that is fetched under a name goes to: behind symbolic links, so that these stay what they are.
//!
//! `/dev/stdout` and its like lead to a descriptor of a process. What is open there is written into, be it a file or not:
//! were it replaced, nobody who has it open would see the file, and the machine would be without `/dev/stdout`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// How many links may lead to each other, as on Linux.
const LINKS: usize = 40;

/// What a fetched file is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file, which another one can replace, or a name that is free; no link leads from it. What it is not told for is
    /// a folder.
    File(PathBuf),
    /// Something that is written into as it is: a pipe, a device, a descriptor of a process.
    Special,
}

impl Place {
    /// Where the name leads.
    ///
    /// # Errors
    /// Its links lead in a circle, or one of them cannot be read.
    pub fn of(name: &Path) -> io::Result<Self> {
        let mut at = name.to_owned();
        for _ in 0..=LINKS {
            if !at.is_symlink() {
                let special = |found: fs::Metadata| !found.is_file() && !found.is_dir();
                let is_special = fs::metadata(&at).is_ok_and(special);
                return Ok(if is_special { Self::Special } else { Self::File(at) });
            }
            if is_descriptor(&at) {
                return Ok(Self::Special);
            }
            // What it leads to counts from where it stands itself.
            let to = fs::read_link(&at)?;
            at.pop();
            at.push(to);
        }
        Err(Errno::LOOP.into())
    }
}

/// Whether this link stands for what a process has open: `/proc/PID/fd/N`, under whatever name.
fn is_descriptor(link: &Path) -> bool {
    let folder = link.parent().and_then(|folder| fs::canonicalize(folder).ok());
    folder.is_some_and(|folder| folder.starts_with("/proc") && folder.ends_with("fd"))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_leads_to_the_file_behind_it_whether_that_is_there_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("d")).unwrap();
        fs::write(at("d/file"), b"x").unwrap();
        symlink("file", at("d/link")).unwrap();
        symlink("d/link", at("to it")).unwrap();
        symlink("d/new", at("to none")).unwrap();
        assert_eq!(Place::of(&at("to it")).unwrap(), Place::File(at("d/file")));
        assert_eq!(Place::of(&at("to none")).unwrap(), Place::File(at("d/new")));
        assert_eq!(Place::of(&at("free")).unwrap(), Place::File(at("free")));
        assert_eq!(Place::of(Path::new("free")).unwrap(), Place::File("free".into()));
    }

    #[test]
    fn devices_and_what_a_process_has_open_are_special_by_whatever_name() {
        let folder = tempfile::tempdir().unwrap();
        let open = File::create(folder.path().join("file")).unwrap();
        for (nth, to) in ["/proc/self/fd", "/dev/fd"].into_iter().enumerate() {
            let to = Path::new(to).join(open.as_raw_fd().to_string());
            let link = folder.path().join(nth.to_string());
            symlink(&to, &link).unwrap();
            assert_eq!(Place::of(&to).unwrap(), Place::Special, "{}", to.display());
            assert_eq!(Place::of(&link).unwrap(), Place::Special, "{}", to.display());
        }
        symlink("/dev/null", folder.path().join("null")).unwrap();
        assert_eq!(Place::of(&folder.path().join("null")).unwrap(), Place::Special);
    }

    #[test]
    fn links_that_lead_in_a_circle_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("link", &link).unwrap();
        assert!(Place::of(&link).is_err());
    }
}
