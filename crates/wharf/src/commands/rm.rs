//! `wharf rm`: names gone from the server, and with `-r` folders with all that is in them.

use indicatif::HumanCount;
use wharf_client::{Error, Session};
use wharf_proto::Text;

use crate::args::remote::{RmArgs, on_one_server};
use crate::commands::Parts;
use crate::events::{Events, action};
use crate::exit::Exit;
use crate::progress::Screen;
use crate::visit::visit;

pub(crate) async fn run(arguments: &RmArgs, events: &Events) -> anyhow::Result<Exit> {
    let addresses = on_one_server(&arguments.url)?;
    let paths: Vec<Text> = addresses.iter().map(|address| address.path.clone()).collect();
    let (mut parts, mut left) = (Parts::telling(events), &paths[..]);
    let Some(server) = addresses.first() else { return Ok(Exit::Done) };
    let screen = Screen::new(arguments.connection.quiet || events.is_on());
    let removed = visit(server, &arguments.connection, async |session| {
        remove(session, &mut left, arguments.recursive, &mut parts, &screen).await
    })
    .await;
    parts.ended("delete", left.first(), removed)
}

/// Removes these names, and shows how far it is with a tree. What is done with is taken out of `left`, so that another session can go on.
///
/// # Errors
/// What concerns the names behind it as well; a refusal is counted.
pub(crate) async fn remove(
    session: &mut Session,
    left: &mut &[Text],
    recursive: bool,
    parts: &mut Parts,
    screen: &Screen,
) -> Result<(), Error> {
    let mut status = screen.status();
    while let [path, rest @ ..] = *left {
        if recursive {
            let mut told = |deed, path: &Text, result: Result<(), Error>| {
                let action = action(deed);
                match result {
                    Ok(()) => parts.tell(action, path, Ok(())),
                    failed => screen.aside(|| parts.tell(action, path, failed)),
                }
                status.show(&|| how_far(parts), &Vec::new);
            };
            session.remove_tree(path, &mut told).await?;
        } else {
            let deleted = session.delete(path).await.map(drop);
            parts.judge("delete", path, session.with_reason(path, deleted).await)?;
        }
        *left = rest;
    }
    Ok(())
}

/// How many names are gone, and how many are not and should be.
fn how_far(parts: &Parts) -> String {
    let removed = HumanCount((parts.counted() - parts.failed()) as u64);
    match parts.failed() {
        0 => format!("{removed} removed"),
        failed => format!("{removed} removed, {} failed", HumanCount(failed as u64)),
    }
}
