//! `wharf cat`: a file's bytes on standard output.

use anyhow::Context;
use wharf_client::{Amount, End, Error, Progress, Session, Transfer, Verdict, Watch};
use wharf_proto::Text;
use wharf_proto::codec::passes_through;
use wharf_proto::params::Representation;

use crate::args::CatArgs;
use crate::events::Events;
use crate::exit::Exit;
use crate::progress::Screen;
use crate::standard::Standard;
use crate::terminal;
use crate::visit::{file, form, visit};

pub(crate) async fn run(arguments: &CatArgs, events: &Events) -> anyhow::Result<Exit> {
    let address = &arguments.url.0;
    let how = form(arguments.form, arguments.connection.plain, address.kind)?;
    let remote = file(address)?;
    let mut out = Standard::output().context("standard output")?;
    // Nobody is shown how far it is: what is in the file is.
    let mut meter = Screen::new(true).meter(remote).telling(events.course("fetch", remote));
    let shown = visit(address, &arguments.connection, async |session| {
        let mut hear = |progress| meter.hear(progress);
        let written = write(session, remote, how, &mut out, &mut hear).await;
        session.with_reason(remote, written).await
    })
    .await;
    let (shown, _) = events
        .file("fetch", remote, shown, |(shown, verdict)| (Amount::all(shown.moved), *verdict))?;
    if shown.end == End::Counted && !arguments.connection.quiet {
        terminal::say("the size agrees, but the server did not end TLS in order");
    }
    Ok(Exit::Done)
}

/// Writes a file's bytes, and tells what is known of them.
pub(super) async fn write(
    session: &mut Session,
    remote: &Text,
    how: Representation,
    to: &mut Standard,
    watch: &mut Watch<'_>,
) -> Result<(Transfer, Verdict), Error> {
    let mut verdict = Verdict::Unproven;
    let mut hear = |progress| {
        if let Progress::Begins { total: Some(_), .. } = progress {
            // More or fewer bytes than that are an error.
            verdict = Verdict::SizeOnly;
        }
        watch(progress);
    };
    let transfer = if passes_through(how) {
        session.fetch(remote, 0, to, &mut hear).await?
    } else {
        session.fetch_as(remote, how, to, &mut hear).await?
    };
    Ok((transfer, verdict))
}
