//! Many names at once: `mget`, `mput`, `mdelete`, `mls`, with patterns of `*`, `?` and `[...]`.
//!
//! A pattern may stand in the last name of a path. What a server lists is a name only if it leads nowhere else, and a
//! file is put here under that name alone. What fails does not keep the rest from being done.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use wharf_proto::Text;
use wharf_proto::glob::Glob;
use wharf_proto::listing::names::is_plain;

use super::transfer::{get_as, path_of, put_as};
use super::{Call, Flow, Outcome, Shell};
use crate::commands::Parts;
use crate::exit::{Failed, Usage};

/// `mget PATTERN...`.
pub(super) fn mget(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let files = remote_files(shell, call, "mget PATTERN...")?;
    each(files, |path| {
        let name = path.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let target = PathBuf::from(OsStr::from_bytes(name));
        get_as(shell, path, &target)
    })
}

/// `mput PATTERN...`.
pub(super) fn mput(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let mut files = Vec::new();
    for word in call.words_or("mput PATTERN...")? {
        files.extend(local_files(word)?);
    }
    each(files, |path| {
        let name = path_of(path).file_name().unwrap_or_default();
        put_as(shell, path_of(path), &name.as_bytes().into())
    })
}

/// `mdelete PATTERN...`.
pub(super) fn mdelete(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let files = remote_files(shell, call, "mdelete PATTERN...")?;
    let outcome =
        each(files, |path| shell.with(async |session| session.delete(path).await).map(drop));
    shell.link.forget_names();
    outcome
}

/// Does it for each; what fails is told, and the worst is the outcome of all.
fn each(names: Vec<Text>, mut work: impl FnMut(&Text) -> anyhow::Result<()>) -> Outcome {
    let mut parts = Parts::default();
    for name in &names {
        parts.count(work(name));
    }
    match parts.failed() {
        0 => Ok(Flow::On),
        failed => Err(Failed { exit: parts.end(), failed, all: names.len() }.into()),
    }
}

/// The files on the server that the words mean.
fn remote_files(shell: &Shell, call: &Call<'_>, usage: &str) -> anyhow::Result<Vec<Text>> {
    // What was listed for a completion may be old by now.
    shell.link.forget_names();
    let mut files = Vec::new();
    for word in call.words_or(usage)? {
        let Some((folder, pattern)) = Glob::split(word.as_bytes()) else {
            files.push(word.clone());
            continue;
        };
        let names = shell.link.names(folder)?;
        let fits = names
            .iter()
            .filter(|(name, is_folder)| !is_folder && is_plain(name) && pattern.matches(name));
        let before = files.len();
        files.extend(fits.map(|(name, _)| Text::from([folder, name].concat())));
        if files.len() == before {
            return Err(Usage(format!("{word}: no file is called so")).into());
        }
    }
    Ok(files)
}

/// The files here that a word means.
fn local_files(word: &Text) -> anyhow::Result<Vec<Text>> {
    let Some((folder, pattern)) = Glob::split(word.as_bytes()) else {
        return Ok(vec![word.clone()]);
    };
    let place =
        if folder.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(folder)) };
    let entries = fs::read_dir(place).with_context(|| place.display().to_string())?;
    let mut names: Vec<Vec<u8>> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().as_bytes().to_vec())
        .filter(|name| pattern.matches(name))
        .collect();
    names.sort();
    if names.is_empty() {
        return Err(Usage(format!("{word}: no file is called so")).into());
    }
    Ok(names.into_iter().map(|name| Text::from([folder, &name[..]].concat())).collect())
}
