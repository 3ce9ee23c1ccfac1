//! `wharf cat`: a file's bytes on standard output.

use anyhow::Context;
use wharf_client::{Address, End, Fetched, Pipe};
use wharf_proto::Text;
use wharf_proto::params::Representation;

use crate::args::tree::PaceArgs;
use crate::args::{CatArgs, ConnectionArgs};
use crate::events::Events;
use crate::exit::Exit;
use crate::progress::{Meter, Screen};
use crate::standard::{Behind, Standard};
use crate::terminal;
use crate::visit::{file, form, visit_to_move};

pub(crate) async fn run(arguments: &CatArgs, events: &Events) -> anyhow::Result<Exit> {
    let address = &arguments.url.0;
    let how = form(arguments.form, arguments.connection.plain, address.kind)?;
    let remote = file(address)?;
    // Nobody is shown how far it is: what is in the file is.
    let mut meter = Screen::new(true).meter(remote).telling(events.course("fetch", remote));
    let visit = (address, &arguments.connection, arguments.pace);
    let shown = write(visit, remote, how, &mut meter, events).await?;
    if shown.end == End::Counted && !arguments.connection.quiet {
        terminal::say("the size agrees, but the server did not end TLS in order");
    }
    Ok(Exit::Done)
}

/// Writes a file on standard output, over as many sessions as it takes.
pub(super) async fn write(
    (address, connection, pace): (&Address, &ConnectionArgs, PaceArgs),
    remote: &Text,
    how: Representation,
    meter: &mut Meter,
    events: &Events,
) -> anyhow::Result<Fetched> {
    let mut pipe = Pipe::new(Standard::output().context("standard output")?);
    let written = visit_to_move(pace, address, connection, events, async |session, attempt| {
        let mut hear = |progress| {
            attempt.hear(progress);
            meter.hear(progress);
        };
        let written = session.fetch_piped(remote, how, &mut pipe, &mut hear).await;
        if !pipe.can_go_on() {
            attempt.is_the_last();
        }
        session.with_reason(remote, written).await
    })
    .await;
    let written = Behind::output(pipe.written()).told(written);
    events.file("fetch", remote, written, |written| {
        (meter.all_tries(written.amount()), written.verdict())
    })
}
