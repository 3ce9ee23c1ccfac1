//! Files that a command writes: whether they can be is found out before anybody is connected to, so that nothing is fetched
//! in vain.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf, absolute};

use anyhow::Context;
use rustix::fs::{Access, access};
use rustix::io::Errno;
use wharf_client::Place;

use crate::exit::Usage;

/// That this file can be written, be it there or not. What is there stays as it is; `-` is a standard stream, which can.
///
/// # Errors
/// It cannot.
pub(crate) fn can_be_written(to: &Path) -> anyhow::Result<()> {
    // Who reads from a pipe would take the trial for the end.
    if to.as_os_str().as_bytes() == b"-" || is_special(to) {
        return Ok(());
    }
    let is_new = to.metadata().is_err();
    let opened = File::options().append(true).create(true).open(to);
    opened.with_context(|| format!("cannot write {}", to.display()))?;
    // It was made where a link leads to. If it stays, it is written into.
    let _ = if is_new { to.canonicalize().and_then(fs::remove_file) } else { Ok(()) };
    Ok(())
}

/// The file to write, which can be: the one that is named, or in the folder that is named, or here; there by its name.
/// A folder of which a slash at the end says that it is one is made.
///
/// # Errors
/// It cannot be written, or has no name.
pub(crate) fn target<'n>(
    local: Option<&Path>,
    name: impl FnOnce() -> Result<&'n OsStr, Usage>,
) -> anyhow::Result<(PathBuf, Made)> {
    let target = match local {
        None => PathBuf::from(name()?),
        Some(folder) if folder.is_dir() || names_folder(folder) => folder.join(name()?),
        Some(file) => file.to_owned(),
    };
    let made = match local {
        Some(folder) if names_folder(folder) => Made::folder(folder)?,
        _ => Made::default(),
    };
    can_be_replaced(&target)?;
    Ok((target, made))
}

/// Where this file goes; that another one can take its place, or a new one its name.
///
/// # Errors
/// It cannot: its folder is not there, or nothing may be written into it, or a folder has the name.
pub(crate) fn can_be_replaced(file: &Path) -> anyhow::Result<Place> {
    let cannot = || format!("cannot write {}", file.display());
    let place = Place::of(file).with_context(cannot)?;
    if let Place::File(file) = &place {
        if file.is_dir() {
            return Err(io::Error::from(Errno::ISDIR)).with_context(cannot);
        }
        takes_new_names(file.parent().unwrap_or(file)).with_context(cannot)?;
    }
    Ok(place)
}

/// That this folder is there, or can be made with those above it that are not.
///
/// # Errors
/// It cannot.
pub(crate) fn can_be_made(folder: &Path) -> anyhow::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let is_there = |above: &&Path| above.as_os_str().is_empty() || above.symlink_metadata().is_ok();
    let above = folder.ancestors().find(is_there).unwrap_or(folder);
    takes_new_names(above).with_context(|| format!("cannot make the folder {}", folder.display()))
}

/// Whether this is a folder in which files can be made, as far as that is known before one is.
fn takes_new_names(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if !folder.metadata()?.is_dir() {
        return Err(Errno::NOTDIR.into());
    }
    Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
}

/// Whether this is no file and no folder: a pipe, a device.
fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Whether a name says that it is that of a folder, by a slash at its end.
pub(crate) fn names_folder(path: &Path) -> bool {
    path.as_os_str().as_bytes().ends_with(b"/")
}

/// Folders that were made for what is to come; when this is dropped, those go again into which nothing came.
#[derive(Debug, Default)]
pub(crate) struct Made(Vec<PathBuf>);

impl Made {
    /// Makes a folder, and those above it that are not there.
    ///
    /// # Errors
    /// One cannot be made.
    pub(crate) fn folder(path: &Path) -> anyhow::Result<Self> {
        let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.is_dir();
        let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
        let mut made = Self::default();
        for folder in missing.into_iter().rev() {
            let cannot = || format!("cannot make the folder {}", folder.display());
            match fs::create_dir(folder) {
                // Whoever drops it may be elsewhere by then.
                Ok(()) => made.0.push(absolute(folder).unwrap_or_else(|_| folder.to_owned())),
                // Made by now, be it by another name: `a/../b`.
                Err(_) if folder.is_dir() => {}
                Err(error) => return Err(error).with_context(cannot),
            }
        }
        Ok(made)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // One that is not empty stays, and so do those above it.
        let _ = self.0.iter().rev().try_for_each(fs::remove_dir);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_leaves_nothing_behind_a_link_that_leads_to_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (link, file) = (folder.path().join("link"), folder.path().join("file"));
        std::os::unix::fs::symlink("file", &link).unwrap();
        can_be_written(&link).unwrap();
        assert!(!file.exists() && link.is_symlink());
        fs::write(&file, "there").unwrap();
        can_be_written(&link).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"there");
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("none/file", &file).unwrap();
        can_be_written(&link).unwrap_err();
    }
}
