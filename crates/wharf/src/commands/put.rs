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
use crate::events::Events;
use crate::exit::{Exit, Usage};
use crate::progress::{Meter, Screen};
use crate::standard::{Behind, Standard};
use crate::visit::{form, visit_to_move};

pub(crate) async fn run(arguments: &PutArgs, events: &Events) -> anyhow::Result<Exit> {
    let address = &arguments.url.0;
    let how = form(arguments.form, arguments.connection.plain, address.kind)?;
    let remote = remote(&arguments.local, address)?;
    if arguments.recursive {
        return tree(arguments, &remote, how, events).await;
    }
    let moving = &arguments.moving;
    let screen = Screen::new(arguments.connection.quiet || events.is_on());
    let mut meter = screen.meter(&remote).telling(events.course("store", &remote));
    let (resume, atomic, verify) = (arguments.resume, arguments.is_atomic(), moving.verify);
    let request = Put { how, resume, atomic, verify, times: true };
    let stored = match arguments.comes_in() {
        true => from_standard_input(arguments, &remote, request, &mut meter, events).await,
        false => from_file(arguments, &remote, request, &mut meter, events).await,
    };
    let stored = events.file("store", &remote, stored, |stored| {
        (meter.all_tries(stored.amount()), stored.verdict())
    })?;
    let lacks_a_digest = moving.verify && stored.verdict() != Verdict::Verified;
    meter.done(stored.amount(), &with_digest(verdict(stored), lacks_a_digest));
    Ok(Exit::Done)
}

async fn from_file(
    arguments: &PutArgs,
    remote: &Text,
    request: Put,
    meter: &mut Meter,
    events: &Events,
) -> anyhow::Result<Stored> {
    let PutArgs { local, url, moving, connection, .. } = arguments;
    let how = request.how;
    visit_to_move(moving.pace, &url.0, connection, events, async |session, attempt| {
        let request = Put {
            resume: request.resume
                || (attempt.has_moved() && (passes_through(how) || how.mode.is_framed())),
            ..request
        };
        let mut hear = |progress| {
            attempt.hear(progress);
            meter.hear(progress);
        };
        session.put(local, remote, request, &mut hear).await
    })
    .await
}

/// Stores what comes on standard input. It comes once, so there is another try only as long as nothing has been sent.
async fn from_standard_input(
    arguments: &PutArgs,
    remote: &Text,
    request: Put,
    meter: &mut Meter,
    events: &Events,
) -> anyhow::Result<Stored> {
    let PutArgs { url, moving, connection, .. } = arguments;
    if request.verify || request.resume {
        let why = "--verify and --resume are for files here: standard input comes once";
        return Err(Usage(why.to_owned()).into());
    }
    let mut input = Standard::input().context("standard input")?;
    let stored =
        visit_to_move(moving.pace, &url.0, connection, events, async |session, attempt| {
            let mut hear = |progress| meter.hear(progress);
            let stored = session.store(&mut input, remote, request, &mut hear).await;
            if input.read > 0 {
                attempt.is_the_last();
            }
            stored
        })
        .await;
    Behind::input(input.read).told(stored)
}

/// Stores a tree.
async fn tree(
    arguments: &PutArgs,
    remote: &Text,
    how: Representation,
    events: &Events,
) -> anyhow::Result<Exit> {
    only_bytes(how)?;
    let (connection, moving, tree) = (&arguments.connection, &arguments.moving, &arguments.tree);
    std::fs::read_dir(&arguments.local)
        .with_context(|| format!("{}", arguments.local.display()))?;
    let request = tree.request(moving, !arguments.restart)?;
    let request = TreeRequest { atomic: arguments.is_atomic(), ..request };
    let mut report = Report::new(connection.quiet, tree, events)?;
    let visit =
        Visit::new(&arguments.url.0, connection, moving, |site| tree.pool(site, connection))?;
    let mut hear = |happened| report.hear(happened);
    let tally = visit
        .during(async |pool| pool.put_tree(&arguments.local, remote, &request, &mut hear).await)
        .await;
    let tally = tally.inspect_err(|error| report.cut_short("store", error))?;
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
    let name = local.file_name().filter(|_| local != Path::new("-")).ok_or_else(|| {
        Usage(format!("{}: neither this nor the URL names a file", local.display()))
    })?;
    Ok([path, name.as_bytes()].concat().into())
}
