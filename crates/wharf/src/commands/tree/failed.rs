//! The list of what failed, which `--failed` writes and `--retry-failed` reads: a path a line, and behind that of a folder
//! a slash.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use percent_encoding::percent_decode_str;
use wharf_client::Place;
use wharf_proto::Text;

use crate::exit::Usage;
use crate::output::can_be_replaced;

/// A list that is being written, in a file beside its own: what an earlier run has left stays until this one has come to
/// its end, for it may be what this one tries again.
pub(super) struct FailedList {
    path: PathBuf,
    /// None where what is there is written into: a pipe, a device.
    beside: Option<PathBuf>,
    /// From the first failure on.
    out: Option<BufWriter<File>>,
    /// What was wrong with writing it.
    trouble: Option<io::Error>,
}

impl FailedList {
    /// A list for this file, of which nothing is written yet.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn new(path: &Path) -> anyhow::Result<Self> {
        // A link stays one.
        let (path, beside) = match can_be_replaced(path)? {
            Place::File(file) => {
                let beside = beside(&file);
                (file, Some(beside))
            }
            Place::Special => (path.to_owned(), None),
        };
        Ok(Self { path, beside, out: None, trouble: None })
    }

    /// Adds a path, which may be that of a folder.
    pub(super) fn add(&mut self, path: &Text, is_folder: bool) {
        let slash = if is_folder { "/" } else { "" };
        let line = format!("{}{slash}\n", written(path));
        if let Err(error) = self.write(line.as_bytes()) {
            self.trouble.get_or_insert(error);
        }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let out = match &mut self.out {
            Some(out) => out,
            none => none.insert(BufWriter::new(match &self.beside {
                Some(beside) => File::create(beside)?,
                // What is open there may be a file, to which others have written before.
                None => File::options().append(true).open(&self.path)?,
            })),
        };
        out.write_all(line)
    }

    /// Puts the list in its place. Where nothing is to be tried again there is none.
    ///
    /// # Errors
    /// It cannot be written; then the file is what it was.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        let placed = self.place();
        placed.with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn place(&mut self) -> io::Result<()> {
        if let Some(error) = self.trouble.take() {
            return Err(error);
        }
        let Some(out) = &mut self.out else {
            if self.beside.is_some() {
                // There may be none.
                let _ = fs::remove_file(&self.path);
            }
            return Ok(());
        };
        out.flush()?;
        if let Some(beside) = &self.beside {
            fs::rename(beside, &self.path)?;
        }
        self.out = None;
        Ok(())
    }
}

impl Drop for FailedList {
    fn drop(&mut self) {
        if let (Some(_), Some(beside)) = (&self.out, &self.beside) {
            // Nobody misses a list of half a run.
            let _ = fs::remove_file(beside);
        }
    }
}

/// The name of a file beside this one that no other run has, nor another job of this shell.
fn beside(path: &Path) -> PathBuf {
    static NAMED: AtomicU64 = AtomicU64::new(0);
    let nth = NAMED.fetch_add(1, Ordering::Relaxed);
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{nth}", std::process::id()));
    path.with_file_name(name)
}

/// A path as it stands in a list of failed files: what is not printed, and the percent sign, in percent signs.
fn written(path: &Text) -> String {
    let mut out = String::new();
    for chunk in path.as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || c == '%' {
                let mut bytes = [0; 4];
                c.encode_utf8(&mut bytes)
                    .bytes()
                    .for_each(|byte| out.push_str(&format!("%{byte:02X}")));
            } else {
                out.push(c);
            }
        }
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("%{byte:02X}")));
    }
    out
}

/// The paths of such a list.
///
/// # Errors
/// It cannot be read, names what is in no tree, or names nothing: who has such a list takes what is left to do for done.
pub(crate) fn read_failed(path: &Path) -> anyhow::Result<Vec<Text>> {
    let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let read = |line: &str| {
        let bytes: Vec<u8> = percent_decode_str(line).collect();
        let parts = bytes.strip_suffix(b"/").unwrap_or(&bytes).split(|byte| *byte == b'/');
        let fine = bytes == b"/" || parts.into_iter().all(wharf_proto::listing::names::is_plain);
        if fine {
            Ok(Text::from(bytes))
        } else {
            Err(Usage(format!("{}: no path within a tree: {line}", path.display())))
        }
    };
    let paths: Vec<Text> =
        text.lines().filter(|line| !line.is_empty()).map(read).collect::<Result<_, _>>()?;
    if paths.is_empty() {
        let why =
            "names nothing that could be tried again; --failed leaves no file where nothing failed";
        return Err(Usage(format!("{}: {why}", path.display())).into());
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_failed_files_holds_any_path() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("failed");
        let paths =
            [&b"a b/\xE6\xB8\xAF"[..], b"x%41", b"line\nend", b"\xFF\xFE", b"d/"].map(Text::from);
        let lines: Vec<String> = paths.iter().map(written).collect();
        fs::write(&list, lines.join("\n")).unwrap();
        assert_eq!(read_failed(&list).unwrap(), paths);
        assert_eq!(lines[0], "a b/港");
        for bad in ["", "\n\n", "../x", "a//b", "/etc/x", "a/../b"] {
            fs::write(&list, bad).unwrap();
            assert!(read_failed(&list).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_list_of_an_earlier_run_stays_until_another_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let names = || fs::read_dir(folder.path()).unwrap().count();
        let file = folder.path().join("failed");
        fs::write(&file, "old\n").unwrap();
        let mut cut = FailedList::new(&file).unwrap();
        cut.add(&"new".into(), false);
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), names()), ("old\n", 2));
        drop(cut);
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), names()), ("old\n", 1));
        let mut whole = FailedList::new(&file).unwrap();
        whole.add(&"new".into(), true);
        whole.end().unwrap();
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), names()), ("new/\n", 1));
        FailedList::new(&file).unwrap().end().unwrap();
        assert_eq!(names(), 0, "nothing is to be tried again");
    }

    #[test]
    fn a_list_behind_a_link_that_leads_to_nothing_yet_is_written_where_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("failed", &link).unwrap();
        let mut list = FailedList::new(&link).unwrap();
        list.add(&"new".into(), false);
        list.end().unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(folder.path().join("failed")).unwrap(), "new\n");
    }
}
