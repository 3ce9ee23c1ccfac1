//! What moves bytes: `ls`, `dir`, `cat`, `get`, `put`.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use wharf_client::{Get, Put, quiet};
use wharf_proto::Text;
use wharf_proto::listing::names::is_plain;

use super::{Call, Flow, Outcome, Shell};
use crate::commands::{Form, cat, get, print, put};
use crate::exit::Usage;

/// `ls [-l | -1 | --json] [PATH]`.
pub(super) fn ls(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let (form, words) = match call.words {
        [option, rest @ ..] => match option.as_bytes() {
            b"-l" => (Form::Long, rest),
            b"-1" => (Form::Names, rest),
            b"--json" => (Form::Json, rest),
            _ => (Form::Short, call.words),
        },
        [] => (Form::Short, call.words),
    };
    let path = at_most_one(&Call { words, rest: call.rest }, "ls [-l | -1 | --json] [PATH]")?;
    let listing = shell.with(async |session| session.list(path).await)?;
    print(&listing, form, shell.connection.charset.unwrap_or_default())?;
    Ok(Flow::On)
}

/// `dir [PATH]`.
pub(super) fn dir(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let path = at_most_one(call, "dir [PATH]")?;
    let text = shell.with(async |session| session.list_text(path).await)?;
    let mut out = io::stdout().lock();
    for row in text.split_inclusive(|byte| *byte == b'\n') {
        let row = row.strip_suffix(b"\n").unwrap_or(row);
        writeln!(out, "{}", Text::from(row.strip_suffix(b"\r").unwrap_or(row)))?;
    }
    out.flush()?;
    Ok(Flow::On)
}

/// `cat FILE`.
pub(super) fn cat(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [remote] = call.words else { return Err(Usage("cat FILE".to_owned()).into()) };
    let mut out = cat::stdout().context("standard output")?;
    let text = shell.text;
    shell.with(async |session| {
        if text {
            session.fetch_text(remote, &mut out, &mut quiet()).await
        } else {
            session.fetch(remote, 0, &mut out, &mut quiet()).await
        }
    })?;
    Ok(Flow::On)
}

/// `get FILE [LOCAL]`.
pub(super) fn get(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let (remote, local) = match call.words {
        [remote] => (remote, None),
        [remote, local] => (remote, Some(path_of(local))),
        _ => return Err(Usage("get FILE [LOCAL]".to_owned()).into()),
    };
    let target = match local {
        Some(file) if !file.is_dir() => file.to_owned(),
        folder => folder.unwrap_or_else(|| Path::new("")).join(name_of(remote)?),
    };
    get_as(shell, remote, &target)?;
    Ok(Flow::On)
}

/// Fetches a file into this one.
pub(super) fn get_as(shell: &Shell, remote: &Text, target: &Path) -> anyhow::Result<()> {
    let request = Get { text: shell.text, ..Get::default() };
    let mut meter = shell.screen.meter(remote);
    let fetched = shell.with(async |session| {
        session.get(remote, target, request, &mut |progress| meter.hear(progress)).await
    })?;
    meter.done(fetched.moved, get::verdict(fetched));
    Ok(())
}

/// `put LOCAL [FILE]`.
pub(super) fn put(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let (local, remote) = match call.words {
        [local] => (local, name_of(local)?.as_os_str().as_bytes().into()),
        [local, remote] => (local, remote.clone()),
        _ => return Err(Usage("put LOCAL [FILE]".to_owned()).into()),
    };
    put_as(shell, path_of(local), &remote)?;
    Ok(Flow::On)
}

/// Stores this file.
pub(super) fn put_as(shell: &Shell, local: &Path, remote: &Text) -> anyhow::Result<()> {
    shell.link.forget_names();
    let request = Put { text: shell.text, ..Put::default() };
    let mut meter = shell.screen.meter(remote);
    let stored = shell.with(async |session| {
        session.put(local, remote, request, &mut |progress| meter.hear(progress)).await
    })?;
    meter.done(stored.moved, put::verdict(stored));
    Ok(())
}

pub(super) fn path_of(word: &Text) -> &Path {
    Path::new(OsStr::from_bytes(word.as_bytes()))
}

/// The last name of a path, for the copy on the other side.
fn name_of(path: &Text) -> Result<PathBuf, Usage> {
    let name = path.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    if !is_plain(name) {
        return Err(Usage(format!("{path}: not the name of a file")));
    }
    Ok(PathBuf::from(OsStr::from_bytes(name)))
}

fn at_most_one<'a>(call: &Call<'a>, usage: &str) -> Result<Option<&'a Text>, Usage> {
    match call.words {
        [] => Ok(None),
        [path] => Ok(Some(path)),
        _ => Err(Usage(usage.to_owned())),
    }
}
