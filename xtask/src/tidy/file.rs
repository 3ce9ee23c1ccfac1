//! The files of the repository as the rules see them: a path and its text.
//!
//! Binary files are listed too, without text, so that rules about names still see them.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

/// A file of the repository.
#[derive(Debug)]
pub(super) struct File {
    /// Where it is, from the root of the repository, with `/` between the parts.
    pub(super) path: String,
    /// What it says; empty when it is not text.
    pub(super) text: String,
}

impl File {
    /// A file out of thin air, as the tests make them.
    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// Whether this is Rust source.
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The last part of the path.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The lines with their numbers, from 1. A carriage return stays part of its line.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let body = self.text.strip_suffix('\n').unwrap_or(&self.text);
        (1..).zip(body.split('\n')).filter(|_| !self.text.is_empty())
    }
}

/// Every file that git tracks or would track: what is ignored is left out.
pub(super) fn tracked() -> Result<Vec<File>, Box<dyn Error>> {
    let root = git(&["rev-parse", "--show-toplevel"])?;
    let root = Path::new(root.trim_end());
    let listed = git(&[
        "-C",
        root.to_str().ok_or("the path of the repository is not UTF-8")?,
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--deduplicate",
    ])?;
    let mut files = Vec::new();
    for path in listed.split_terminator('\0') {
        files.extend(read(root, path)?);
    }
    Ok(files)
}

/// Reads one file. Nothing for a link, and for a file that is deleted but still tracked.
fn read(root: &Path, path: &str) -> io::Result<Option<File>> {
    let place = root.join(path);
    match fs::symlink_metadata(&place) {
        Ok(facts) if facts.is_file() => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let text = String::from_utf8(fs::read(place)?).ok().filter(|text| !text.contains('\0'));
    Ok(Some(File::new(path, text.unwrap_or_default())))
}

/// What git answers.
fn git(arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let answer = Command::new("git").args(arguments).output()?;
    if !answer.status.success() {
        return Err(String::from_utf8_lossy(&answer.stderr).trim_end().into());
    }
    Ok(String::from_utf8(answer.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_from_one_and_keep_their_carriage_return() {
        let file = File::new("a", "one\r\n\ntwo");
        assert_eq!(file.lines().collect::<Vec<_>>(), [(1, "one\r"), (2, ""), (3, "two")]);
    }

    #[test]
    fn an_empty_file_has_no_lines() {
        assert_eq!(File::new("a", "").lines().count(), 0);
        assert_eq!(File::new("a", "\n").lines().count(), 1);
    }

    #[test]
    fn the_name_is_the_last_part() {
        assert_eq!(File::new("crates/proto/src/verb.rs", "").name(), "verb.rs");
        assert_eq!(File::new("Cargo.toml", "").name(), "Cargo.toml");
    }
}
