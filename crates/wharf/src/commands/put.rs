//! `wharf put`: a file of this machine on the server; with `-r` a whole tree.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Context;
use wharf_client::{Address, Put, Stored, TreeRequest, Verdict};
use wharf_proto::Text;
use wharf_proto::codec::passes_through;
use wharf_proto::params::Representation;

use super::get::{only_bytes, with_digest};
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
    let report = Report::new(arguments.connection.quiet, moving, &arguments.tree)?;
    let mut meter = Screen::new(arguments.connection.quiet || moving.json).meter(&remote);
    let (resume, atomic, verify) = (arguments.resume, arguments.is_atomic(), moving.verify);
    let request = Put { how, resume, atomic, verify };
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
        session.put(local, &remote, request, &mut hear).await
    })
    .await;
    let stored = report.one("store", &remote, stored, |done| (done.moved, done.verdict()))?;
    let lacks_a_digest = moving.verify && stored.verdict() != Verdict::Verified;
    meter.done(stored.moved, &with_digest(verdict(stored), lacks_a_digest));
    Ok(Exit::Done)
}

/// Stores a tree.
async fn tree(arguments: &PutArgs, remote: &Text, how: Representation) -> anyhow::Result<Exit> {
    only_bytes(how)?;
    let (connection, moving, tree) = (&arguments.connection, &arguments.moving, &arguments.tree);
    std::fs::read_dir(&arguments.local)
        .with_context(|| format!("{}", arguments.local.display()))?;
    let request = tree.request(moving, !arguments.restart)?;
    let request = TreeRequest { atomic: arguments.is_atomic(), ..request };
    let mut report = Report::new(connection.quiet, moving, tree)?;
    let visit = Visit::new(&arguments.url.0, connection, moving, tree.jobs.get())?;
    let mut hear = |happened| report.hear(happened);
    let tally = visit
        .during(async |pool| pool.put_tree(&arguments.local, remote, &request, &mut hear).await)
        .await?;
    report.end(tally)
}

/// What is known of the bytes of a stored file.
pub(crate) fn verdict(stored: Stored) -> &'static str {
    match stored.verdict() {
        Verdict::Verified => "digest agrees",
        Verdict::SizeOnly => "size agrees",
        Verdict::Unproven => "size not compared",
    }
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
