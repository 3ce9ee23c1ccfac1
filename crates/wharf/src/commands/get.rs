//! `wharf get`: a file of the server as a file here, complete or not at all; with `--segments` over several sessions at a
//! time, with `-r` a whole tree.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use wharf_client::{Address, End, Fetched, Get, SegmentRequest};
use wharf_proto::Text;
use wharf_proto::codec::passes_through;
use wharf_proto::params::Representation;

use super::tree::{Report, Visit};
use crate::args::GetArgs;
use crate::args::tree::folder_for;
use crate::exit::{Exit, Usage};
use crate::progress::{Meter, Screen};
use crate::visit::{file, form, visit_to_move};

const BYTES_ALONE: &str = "segments are parts of a file byte by byte: --segments goes with none of --ascii, --ebcdic, \
    --record, --block-mode, --plain and ;type=a";

pub(crate) async fn run(arguments: &GetArgs) -> anyhow::Result<Exit> {
    let address = &arguments.url.0;
    let how = form(arguments.form, arguments.connection.plain, address.kind)?;
    if arguments.recursive {
        return tree(arguments, how).await;
    }
    let remote = file(address)?;
    let target = target(arguments.local.as_deref(), address)?;
    let moving = &arguments.moving;
    let report = Report::new(arguments.connection.quiet, moving, &arguments.tree)?;
    let mut meter = Screen::new(arguments.connection.quiet || moving.json).meter(remote);
    let request = Get { how, resume: !arguments.restart, verify: moving.verify };
    let fetched = match arguments.segments {
        Some(segments) if segments > 1 => {
            in_segments(arguments, segments, (remote, &target), request, &mut meter).await
        }
        _ => in_one(arguments, (remote, &target), request, &mut meter).await,
    };
    let fetched =
        report.one("fetch", remote, fetched, |fetched| (fetched.moved, fetched.verdict()))?;
    meter.done(fetched.moved, &with_digest(verdict(fetched), moving.verify && !fetched.verified));
    Ok(Exit::Done)
}

/// Fetches a file in one stream.
async fn in_one(
    arguments: &GetArgs,
    (remote, target): (&Text, &Path),
    request: Get,
    meter: &mut Meter,
) -> anyhow::Result<Fetched> {
    let (moving, address) = (&arguments.moving, &arguments.url.0);
    visit_to_move(moving, address, &arguments.connection, async |session, attempt| {
        let request = Get { resume: request.resume || attempt.has_moved(), ..request };
        let mut hear = |progress| {
            attempt.hear(progress);
            meter.hear(progress);
        };
        session.get(remote, target, request, &mut hear).await
    })
    .await
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
    let visit = Visit::new(&arguments.url.0, connection, moving, segments.into())?;
    let request = SegmentRequest { resume, verify, retries: moving.retries };
    let mut hear = |progress| meter.hear(progress);
    visit.during(async |pool| pool.get(remote, target, &request, &mut hear).await).await
}

/// Fetches a tree.
async fn tree(arguments: &GetArgs, how: Representation) -> anyhow::Result<Exit> {
    only_bytes(how)?;
    let address = &arguments.url.0;
    let (connection, moving, tree) = (&arguments.connection, &arguments.moving, &arguments.tree);
    let target = folder_for(arguments.local.as_deref(), address.file_name());
    let request = tree.request(moving, !arguments.restart)?;
    let mut report = Report::new(connection.quiet, moving, tree)?;
    let visit = Visit::new(address, connection, moving, tree.jobs.get())?;
    let mut hear = |happened| report.hear(happened);
    let tally = visit
        .during(async |pool| pool.get_tree(&address.path, &target, &request, &mut hear).await)
        .await?;
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

/// The file to write: the one that is named, or in the folder that is named, or here.
fn target(local: Option<&Path>, address: &Address) -> Result<PathBuf, Usage> {
    let named = || {
        let name = address.file_name().map(|name| PathBuf::from(OsStr::from_bytes(name)));
        name.ok_or_else(|| Usage(format!("{address}: the URL names no file")))
    };
    match local {
        None => named(),
        Some(folder) if folder.is_dir() => Ok(folder.join(named()?)),
        Some(file) => Ok(file.to_owned()),
    }
}
