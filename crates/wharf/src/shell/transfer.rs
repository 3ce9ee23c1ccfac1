//! What is shown of the server: `ls`, `dir`, `cat`, and what goes through a pipe: `get FILE -`, `get FILE |COMMAND`. What moves
//! files is in `haul.rs`.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::Context;
use tokio::io::AsyncWrite;
use wharf_client::quiet;
use wharf_proto::Text;

use super::haul::{Fetch, Out};
use super::{Call, Flow, Outcome, Shell, local, told};
use crate::commands::{Form, Printer};
use crate::events::{Events, Stream};
use crate::exit::{Exit, Usage};
use crate::standard::Standard;

/// `ls [-l | -1 | --json] [-U] [PATH]`.
pub(super) fn ls(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let (mut form, mut sorted, mut as_json, mut words) = (Form::Short, true, false, call.words);
    while let [option, rest @ ..] = words {
        match option.as_bytes() {
            b"-l" => form = Form::Long,
            b"-1" => form = Form::Names,
            b"--json" => as_json = true,
            b"-U" => sorted = false,
            _ => break,
        }
        words = rest;
    }
    let path = at_most_one(&Call { words }, "ls [-l | -1 | --json] [-U] [PATH]")?;
    let charset = shell.connection.charset.unwrap_or_default();
    let events = Events::to(Stream::Out, as_json);
    let mut printer = Printer::new(form, charset, sorted, &events);
    let listed =
        shell.with(async |session| session.list_each(path, &mut |row| printer.take(row)).await);
    let listed = printer.judge(listed);
    printer.end()?;
    let folder = path.cloned().unwrap_or_default();
    let listed = listed.inspect_err(|error| events.failed("list", &folder, error));
    told(&events, listed.map(|()| Flow::On))
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

/// `cat FILE`, `cat FILE |COMMAND`.
pub(super) fn cat(_: &mut Shell, call: &Call<'_>, program: Option<&str>) -> anyhow::Result<Fetch> {
    match (call.words, program) {
        ([_], Some("")) | ([] | [_, _, ..], _) => {
            Err(Usage("cat FILE, or cat FILE |COMMAND".to_owned()).into())
        }
        ([remote], _) => {
            Ok(Fetch::Out(Out { remote: remote.clone(), command: program.map(str::to_owned) }))
        }
    }
}

/// `page FILE`: what is in it, a screen at a time. Where nobody looks, all of it.
pub(super) fn page(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [remote] = call.words else { return Err(Usage("page FILE".to_owned()).into()) };
    if !shell.lines.is_terminal() || !io::stdout().is_terminal() {
        return write_out(shell, &Out { remote: remote.clone(), command: None });
    }
    let pager = env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
    let pager = pager.unwrap_or_else(|| "less".to_owned());
    // Whoever has read enough leaves before the end, and how is no matter.
    let (written, _) = write_into(shell, remote, &pager)?;
    written.map(|()| Flow::On)
}

/// Writes a file on standard output, or into a program, which must end well.
pub(super) fn write_out(shell: &Shell, Out { remote, command }: &Out) -> Outcome {
    let Some(command) = command else {
        return write(shell, remote, &mut Standard::output().context("standard output")?)
            .map(|()| Flow::On);
    };
    let (written, status) = write_into(shell, remote, command)?;
    let ended = local::judged(command, status);
    match written {
        // A program need not read to the end.
        Err(error) if Exit::of(&error) != Exit::Done => Err(error),
        _ => ended,
    }
}

/// Writes a file into a program, and awaits its end.
fn write_into(
    shell: &Shell,
    remote: &Text,
    command: &str,
) -> anyhow::Result<(anyhow::Result<()>, ExitStatus)> {
    let mut program = Command::new("sh");
    program.arg("-c").arg(command).stdin(Stdio::piped());
    let mut reader = program.spawn().context("cannot start sh")?;
    let written = match reader.stdin.take() {
        Some(pipe) => {
            let mut pipe = tokio::fs::File::from_std(OwnedFd::from(pipe).into());
            write(shell, remote, &mut pipe)
        }
        None => Ok(()),
    };
    Ok((written, reader.wait().with_context(|| command.to_owned())?))
}

/// Writes what is in a file.
fn write<W: AsyncWrite + Unpin>(shell: &Shell, remote: &Text, to: &mut W) -> anyhow::Result<()> {
    shell.with(async |session| {
        let written = match shell.text {
            true => session.fetch_text(remote, to, &mut quiet()).await,
            false => session.fetch(remote, 0, to, &mut quiet()).await,
        };
        session.with_reason(remote, written.map(drop)).await
    })
}

fn at_most_one<'a>(call: &Call<'a>, usage: &str) -> Result<Option<&'a Text>, Usage> {
    match call.words {
        [] => Ok(None),
        [path] => Ok(Some(path)),
        _ => Err(Usage(usage.to_owned())),
    }
}
