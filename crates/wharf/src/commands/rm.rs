//! `wharf rm`: names gone from the server, and with `-r` folders with all that is in them.

use wharf_client::{Error, Session};
use wharf_proto::Text;

use crate::args::remote::{RmArgs, on_one_server};
use crate::commands::Parts;
use crate::events::{Events, action};
use crate::exit::Exit;
use crate::visit::visit;

pub(crate) async fn run(arguments: &RmArgs, events: &Events) -> anyhow::Result<Exit> {
    let addresses = on_one_server(&arguments.url)?;
    let paths: Vec<Text> = addresses.iter().map(|address| address.path.clone()).collect();
    let (mut parts, mut left) = (Parts::telling(events), &paths[..]);
    let Some(server) = addresses.first() else { return Ok(Exit::Done) };
    let removed = visit(server, &arguments.connection, async |session| {
        remove(session, &mut left, arguments.recursive, &mut parts).await
    })
    .await;
    parts.ended("delete", left.first(), removed)
}

/// Removes these names. What is done with is taken out of `left`, so that another session can go on.
///
/// # Errors
/// What concerns the names behind it as well; a refusal is counted.
pub(crate) async fn remove(
    session: &mut Session,
    left: &mut &[Text],
    recursive: bool,
    parts: &mut Parts,
) -> Result<(), Error> {
    while let [path, rest @ ..] = *left {
        if recursive {
            session
                .remove_tree(path, &mut |deed, path, result| parts.tell(action(deed), path, result))
                .await?;
        } else {
            let deleted = session.delete(path).await.map(drop);
            parts.judge("delete", path, session.with_reason(path, deleted).await)?;
        }
        *left = rest;
    }
    Ok(())
}
