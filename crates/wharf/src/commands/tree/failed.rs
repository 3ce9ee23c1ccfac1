//! The list of what failed, which `--failed` writes and `--retry-failed` reads: a path a line, and behind that of a folder
//! a slash.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use percent_encoding::percent_decode_str;
use wharf_proto::Text;

use crate::exit::Usage;

/// A list that is being written.
pub(super) struct FailedList {
    path: PathBuf,
    file: File,
}

impl FailedList {
    /// An empty list in this file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("{}", path.display()))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds a path, which may be that of a folder.
    pub(super) fn add(&mut self, path: &Text, is_folder: bool) {
        let slash = if is_folder { "/" } else { "" };
        // A full disk has been told of by then.
        let _ = writeln!(self.file, "{}{slash}", written(path));
    }

    /// Ends the list; without failures there is none.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn end(mut self, failures: u64) -> anyhow::Result<()> {
        self.file.flush().with_context(|| format!("{}", self.path.display()))?;
        if failures == 0 {
            // Nothing to be tried again.
            let _ = fs::remove_file(self.path);
        }
        Ok(())
    }
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
    Ok(text.lines().filter(|line| !line.is_empty()).map(read).collect::<Result<_, _>>()?)
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
        for bad in ["../x", "a//b", "/etc/x", "a/../b"] {
            fs::write(&list, bad).unwrap();
            assert!(read_failed(&list).is_err(), "{bad}");
        }
    }
}
