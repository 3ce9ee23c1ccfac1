//! `wharf put`: a file of this machine on the server; with `-r` a whole tree.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Context;
use wharf_client::{Address, Put, Stored, Verdict};
use wharf_proto::Text;
use wharf_proto::codec::{is_exact, passes_through};
use wharf_proto::params::Representation;

use super::get::only_bytes;
use super::tree::{Report, Visit};
use crate::args::PutArgs;
use crate::exit::{Exit, Usage};
use crate::progress::Screen;
use crate::visit::{form, visit_to_move};

pub(crate) async fn run(arguments: &PutArgs) -> anyhow::Result<Exit> {
    let address = &arguments.url.0;
    let how = form(arguments.form, arguments.connection.plain, address.kind)?;
    let remote = remote(&arguments.local, address)?;
    if arguments.recursive {
        return tree(arguments, &remote, how).await;
    }
    let moving = &arguments.moving;
    let report = Report::new(arguments.connection.quiet, moving.json, &arguments.tree)?;
    let mut meter = Screen::new(arguments.connection.quiet || moving.json).meter(&remote);
    let request = Put { how, resume: arguments.resume };
    let local = &arguments.local;
    let stored = visit_to_move(moving, address, &arguments.connection, async |session, attempt| {
        let request = Put {
            resume: request.resume
                || (attempt.has_moved() && (passes_through(how) || how.mode.is_framed())),
            ..request
        };
        let mut hear = |progress| {
            attempt.hear(progress);
            meter.hear(progress);
        };
        let stored = session.put(local, &remote, request, &mut hear).await?;
        let verified = moving.verify && is_exact(how) && session.agrees(&remote, local).await?;
        Ok((stored, if verified { Verdict::Verified } else { stored.verdict() }))
    })
    .await;
    let (stored, proven) =
        report.one("store", &remote, stored, |(stored, verdict)| (stored.moved, *verdict))?;
    meter.done(
        stored.moved,
        if proven == Verdict::Verified { "digest agrees" } else { verdict(stored) },
    );
    Ok(Exit::Done)
}

/// Stores a tree.
async fn tree(arguments: &PutArgs, remote: &Text, how: Representation) -> anyhow::Result<Exit> {
    only_bytes(how)?;
    let (connection, moving, tree) = (&arguments.connection, &arguments.moving, &arguments.tree);
    std::fs::read_dir(&arguments.local)
        .with_context(|| format!("{}", arguments.local.display()))?;
    let request = tree.request(moving, !arguments.restart)?;
    let mut report = Report::new(connection.quiet, moving.json, tree)?;
    let visit = Visit::new(&arguments.url.0, connection, moving, tree.jobs.get())?;
    let mut hear = |happened| report.hear(happened);
    let tally = visit
        .during(async |pool| pool.put_tree(&arguments.local, remote, &request, &mut hear).await)
        .await?;
    report.end(tally)
}

/// What is known of the size of a stored file.
pub(crate) fn verdict(stored: Stored) -> &'static str {
    if stored.verified { "size agrees" } else { "size not compared" }
}

/// The path on the server: the URL's, with the local name behind a slash at its end.
fn remote(local: &Path, address: &Address) -> Result<Text, Usage> {
    let path = address.path.as_bytes();
    if !path.is_empty() && !path.ends_with(b"/") {
        return Ok(address.path.clone());
    }
    let name = local.file_name().ok_or_else(|| {
        Usage(format!("{}: neither this nor the URL names a file", local.display()))
    })?;
    Ok([path, name.as_bytes()].concat().into())
}
