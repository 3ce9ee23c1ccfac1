//! `wharf cat`: a file's bytes on standard output.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use anyhow::Context;
use wharf_client::{End, quiet};
use wharf_proto::codec::passes_through;

use crate::args::CatArgs;
use crate::exit::Exit;
use crate::terminal;
use crate::visit::{file, form, visit};

pub(crate) async fn run(arguments: &CatArgs) -> anyhow::Result<Exit> {
    let address = &arguments.url.0;
    let how = form(arguments.form, arguments.connection.plain, address.kind)?;
    let remote = file(address)?;
    let mut out = stdout().context("standard output")?;
    let shown = visit(address, &arguments.connection, async |session| {
        if passes_through(how) {
            session.fetch(remote, 0, &mut out, &mut quiet()).await
        } else {
            session.fetch_as(remote, how, &mut out, &mut quiet()).await
        }
    })
    .await?;
    if shown.end == End::Counted && !arguments.connection.quiet {
        terminal::say("the size agrees, but the server did not end TLS in order");
    }
    Ok(Exit::Done)
}

/// Standard output without the line buffer that std puts before it.
pub(crate) fn stdout() -> io::Result<tokio::fs::File> {
    let out = io::stdout().as_fd().try_clone_to_owned()?;
    Ok(tokio::fs::File::from_std(File::from(out)))
}
