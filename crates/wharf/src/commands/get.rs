//! `wharf get`: a file of the server as a file here, complete or not at all.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use wharf_client::{Address, End, Fetched, Get};

use crate::args::GetArgs;
use crate::exit::{Exit, Usage};
use crate::progress::Screen;
use crate::visit::{file, is_text, visit};

pub(crate) async fn run(arguments: &GetArgs) -> anyhow::Result<Exit> {
    let address = &arguments.url.0;
    let text = is_text(arguments.types, arguments.connection.plain, address.kind)?;
    let remote = file(address)?;
    let target = target(arguments.local.as_deref(), address)?;
    let mut meter = Screen::new(arguments.connection.quiet).meter(remote);
    let request = Get { text, resume: !arguments.restart };
    let fetched = visit(address, &arguments.connection, async |session| {
        session.get(remote, &target, request, &mut |progress| meter.hear(progress)).await
    })
    .await?;
    meter.done(fetched.moved, verdict(fetched));
    Ok(Exit::Done)
}

/// What is known of the size of a fetched file.
pub(crate) fn verdict(fetched: Fetched) -> &'static str {
    match (fetched.end, fetched.size) {
        (End::Counted, _) => "size agrees, but the server did not end TLS in order",
        (End::Said, Some(_)) => "size agrees",
        (End::Said, None) => "size not compared",
    }
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
