//! `wharf put`: a file of this machine on the server.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use wharf_client::{Address, Put, Stored};
use wharf_proto::Text;

use crate::args::PutArgs;
use crate::exit::{Exit, Usage};
use crate::progress::Screen;
use crate::visit::{is_text, visit};

pub(crate) async fn run(arguments: &PutArgs) -> anyhow::Result<Exit> {
    let address = &arguments.url.0;
    let text = is_text(arguments.types, arguments.connection.plain, address.kind)?;
    let remote = remote(&arguments.local, address)?;
    let mut meter = Screen::new(arguments.connection.quiet).meter(&remote);
    let request = Put { text, resume: arguments.resume };
    let stored = visit(address, &arguments.connection, async |session| {
        session.put(&arguments.local, &remote, request, &mut |p| meter.hear(p)).await
    })
    .await?;
    meter.done(stored.moved, verdict(stored));
    Ok(Exit::Done)
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
