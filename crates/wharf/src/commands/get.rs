//! `wharf get`: a file of the server as a file here, complete or not at all; with `--segments` over several sessions at a
//! time, with `-r` a whole tree.

use std::ffi::OsStr;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use wharf_client::{End, Fetched, Get, Pool, SegmentRequest};
use wharf_proto::Text;
use wharf_proto::codec::passes_through;
use wharf_proto::params::Representation;

use super::cat;
use super::tree::{Report, Visit};
use crate::args::GetArgs;
use crate::args::tree::folder_for;
use crate::events::Events;
use crate::exit::{Exit, Usage};
use crate::output::{can_be_made, target};
use crate::progress::{Meter, Screen};
use crate::visit::{file, form, visit_to_move};

const BYTES_ALONE: &str = "segments are parts of a file byte by byte: --segments goes with none of --ascii, --ebcdic, \
    --record, --block-mode, --plain and ;type=a";

pub(crate) async fn run(arguments: &GetArgs, events: &Events) -> anyhow::Result<Exit> {
    let address = &arguments.url.0;
    let how = form(arguments.form, arguments.connection.plain, address.kind)?;
    if arguments.recursive {
        return tree(arguments, how, events).await;
    }
    let remote = file(address)?;
    if arguments.goes_out() {
        return to_standard_output(arguments, remote, how, events).await;
    }
    let (target, _made) = target(arguments.local(), || {
        let name = address.file_name().map(OsStr::from_bytes);
        name.ok_or_else(|| Usage(format!("{address}: the URL names no file")))
    })?;
    let moving = &arguments.moving;
    let screen = Screen::new(arguments.connection.quiet || events.is_on());
    let mut meter = screen.meter(remote).telling(events.course("fetch", remote));
    let request = Get { how, resume: !arguments.restart, verify: moving.verify };
    let fetched = match arguments.segments {
        Some(segments) if segments > 1 => {
            in_segments(arguments, segments, (remote, &target), request, &mut meter).await
        }
        _ => in_one(arguments, (remote, &target), request, &mut meter, events).await,
    };
    let fetched = events.file("fetch", remote, fetched, |fetched| {
        (meter.all_tries(fetched.amount()), fetched.verdict())
    })?;
    meter
        .done(fetched.amount(), &with_digest(verdict(fetched), moving.verify && !fetched.verified));
    Ok(Exit::Done)
}

/// Fetches a file in one stream.
async fn in_one(
    arguments: &GetArgs,
    (remote, target): (&Text, &Path),
    request: Get,
    meter: &mut Meter,
    events: &Events,
) -> anyhow::Result<Fetched> {
    let (moving, address) = (&arguments.moving, &arguments.url.0);
    visit_to_move(moving.pace, address, &arguments.connection, events, async |session, attempt| {
        let request = Get { resume: request.resume || attempt.has_moved(), ..request };
        let mut hear = |progress| {
            attempt.hear(progress);
            meter.hear(progress);
        };
        let fetched = session.get(remote, target, request, &mut hear).await;
        session.with_reason(remote, fetched).await
    })
    .await
}

/// Writes a file on standard output.
async fn to_standard_output(
    arguments: &GetArgs,
    remote: &Text,
    how: Representation,
    events: &Events,
) -> anyhow::Result<Exit> {
    let (moving, connection) = (&arguments.moving, &arguments.connection);
    if moving.verify || arguments.segments.is_some() {
        let why = "--verify and --segments are for files here: standard output gets each byte once";
        return Err(Usage(why.to_owned()).into());
    }
    // A bar would stand in the midst of the file.
    let hidden = connection.quiet || events.is_on() || io::stdout().is_terminal();
    let mut meter = Screen::new(hidden).meter(remote).telling(events.course("fetch", remote));
    let visit = (&arguments.url.0, connection, moving.pace);
    let written = cat::write(visit, remote, how, &mut meter, events).await?;
    meter.done(written.amount(), verdict(written));
    Ok(Exit::Done)
}

/// Fetches a file over several sessions at a time.
async fn in_segments(
    arguments: &GetArgs,
    segments: u8,
    (remote, target): (&Text, &Path),
    Get { how, resume, verify }: Get,
    meter: &mut Meter,
) -> anyhow::Result<Fetched> {
    let (connection, moving) = (&arguments.connection, &arguments.moving);
    if !passes_through(how) || connection.plain {
        return Err(Usage(BYTES_ALONE.to_owned()).into());
    }
    let visit =
        Visit::new(&arguments.url.0, connection, moving, |site| Pool::new(site, segments.into()))?;
    let request = SegmentRequest { resume, verify, retries: moving.pace.retries };
    let mut hear = |progress| meter.hear(progress);
    visit.during(async |pool| pool.get(remote, target, &request, &mut hear).await).await
}

/// Fetches a tree.
async fn tree(arguments: &GetArgs, how: Representation, events: &Events) -> anyhow::Result<Exit> {
    only_bytes(how)?;
    if arguments.goes_out() {
        return Err(Usage("a tree does not go to standard output: name a folder".to_owned()).into());
    }
    let address = &arguments.url.0;
    let (connection, moving, tree) = (&arguments.connection, &arguments.moving, &arguments.tree);
    let target = folder_for(arguments.local(), address.file_name());
    can_be_made(&target)?;
    let request = tree.request(moving, !arguments.restart)?;
    let mut report = Report::new(connection.quiet, tree, events)?;
    let visit = Visit::new(address, connection, moving, |site| tree.pool(site, connection))?;
    let mut hear = |happened| report.hear(happened);
    let tally = visit
        .during(async |pool| pool.get_tree(&address.path, &target, &request, &mut hear).await)
        .await;
    let tally = tally.inspect_err(|error| report.cut_short("fetch", error))?;
    report.end(tally)
}

/// A tree is moved in no other way.
pub(super) fn only_bytes(how: Representation) -> Result<(), Usage> {
    let why = "a tree is moved byte by byte: -r goes with none of --ascii, --ebcdic, --record, --block-mode and --plain";
    if passes_through(how) { Ok(()) } else { Err(Usage(why.to_owned())) }
}

/// What is known of the bytes of a fetched file.
pub(crate) fn verdict(fetched: Fetched) -> &'static str {
    match (fetched.end, fetched.size) {
        _ if fetched.verified => "digest agrees",
        _ if fetched.suspect > 0 => "not proven",
        (End::Counted, _) => "size agrees, but the server did not end TLS in order",
        (End::Said, Some(_)) => "size agrees",
        (End::Said, None) => "size not compared",
    }
}

/// The same, and that there was no digest, where one was asked for.
pub(super) fn with_digest(verdict: &str, lacks_it: bool) -> String {
    let behind = if lacks_it { "; the server told no digest" } else { "" };
    format!("{verdict}{behind}")
}
