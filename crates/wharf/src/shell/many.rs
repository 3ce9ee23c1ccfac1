//! Many names at once: `mget`, `mput`, `mdelete`, with patterns of `*`, `?` and `[...]`.
//!
//! A pattern may stand in the last name of a path. What a server lists is a name only if it leads nowhere else, and a
//! file is put here under that name alone. What fails does not keep the rest from being done.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use wharf_client::Direction;
use wharf_proto::Text;
use wharf_proto::glob::Glob;
use wharf_proto::listing::names::is_plain;

use super::haul::{Haul, Item, name_of, of_files, path_of};
use super::{Call, Outcome, Shell, server};
use crate::exit::Why;

/// `mget PATTERN...`.
pub(super) fn mget(shell: &mut Shell, call: &Call<'_>) -> anyhow::Result<Haul> {
    let mut items = Vec::new();
    for remote in remote_files(shell, call, "mget PATTERN...")? {
        let local = PathBuf::from(name_of(remote.as_bytes())?);
        items.push(Item { direction: Direction::Down, remote, local });
    }
    Ok(Haul::Files(of_files(shell, items, true, false)))
}

/// `mput PATTERN...`.
pub(super) fn mput(shell: &mut Shell, call: &Call<'_>) -> anyhow::Result<Haul> {
    let mut items = Vec::new();
    for word in call.words_or("mput PATTERN...")? {
        for local in local_files(word)? {
            let remote = name_of(local.as_bytes())?.as_bytes().into();
            let local = path_of(&local).to_owned();
            items.push(Item { direction: Direction::Up, remote, local });
        }
    }
    Ok(Haul::Files(of_files(shell, items, false, false)))
}

/// `mdelete PATTERN...`.
pub(super) fn mdelete(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let files = remote_files(shell, call, "mdelete PATTERN...")?;
    shell.link.forget_names();
    server::delete_all(shell, &files, false)
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
        files.extend(fits.map(|(name, _)| inside(folder, name)));
        if files.len() == before {
            return Err(Why::not_found(format!("{word}: no file is called so")).into());
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
        return Err(Why::not_here(format!("{word}: no file here is called so")).into());
    }
    Ok(names.into_iter().map(|name| inside(folder, &name)).collect())
}

/// The path of a name in the folder that [`Glob::split`] gave, which has no slash at its end but where it is the root.
fn inside(folder: &[u8], name: &[u8]) -> Text {
    let slash: &[u8] = if folder.is_empty() || folder.ends_with(b"/") { b"" } else { b"/" };
    [folder, slash, name].concat().into()
}
