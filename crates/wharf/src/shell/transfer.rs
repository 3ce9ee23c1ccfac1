//! What is shown of the server: `ls`, `dir`, `cat`. What moves files is in `haul.rs`.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use anyhow::Context;
use wharf_client::quiet;
use wharf_proto::Text;

use super::{Call, Flow, Outcome, Shell, told};
use crate::commands::{Form, Printer};
use crate::events::{Events, Stream};
use crate::exit::Usage;
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
    let path = at_most_one(&Call { words, rest: call.rest }, "ls [-l | -1 | --json] [-U] [PATH]")?;
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

/// `cat FILE`.
pub(super) fn cat(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [remote] = call.words else { return Err(Usage("cat FILE".to_owned()).into()) };
    let mut out = Standard::output().context("standard output")?;
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

/// `page FILE`: what is in it, a screen at a time. Where nobody looks, all of it.
pub(super) fn page(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [remote] = call.words else { return Err(Usage("page FILE".to_owned()).into()) };
    if !shell.lines.is_terminal() || !io::stdout().is_terminal() {
        return cat(shell, call);
    }
    let pager = env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
    let pager = pager.unwrap_or_else(|| "less".to_owned());
    let mut command = Command::new("sh");
    let mut reader = command.arg("-c").arg(&pager).stdin(Stdio::piped()).spawn().context(pager)?;
    let text = shell.text;
    let shown = match reader.stdin.take() {
        Some(pipe) => {
            let mut pipe = tokio::fs::File::from_std(OwnedFd::from(pipe).into());
            shell.with(async |session| {
                if text {
                    session.fetch_text(remote, &mut pipe, &mut quiet()).await
                } else {
                    session.fetch(remote, 0, &mut pipe, &mut quiet()).await
                }
            })
        }
        None => return Ok(Flow::On),
    };
    // Whoever has read enough leaves before the end.
    reader.wait().context("the pager")?;
    shown.map(|_| Flow::On)
}

fn at_most_one<'a>(call: &Call<'a>, usage: &str) -> Result<Option<&'a Text>, Usage> {
    match call.words {
        [] => Ok(None),
        [path] => Ok(Some(path)),
        _ => Err(Usage(usage.to_owned())),
    }
}
