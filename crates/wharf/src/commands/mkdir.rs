//! `wharf mkdir`: folders on the server.

use wharf_client::{Error, Session};
use wharf_proto::Text;

use crate::args::remote::{MkdirArgs, on_one_server};
use crate::commands::Parts;
use crate::events::Events;
use crate::exit::Exit;
use crate::visit::visit;

pub(crate) async fn run(arguments: &MkdirArgs, events: &Events) -> anyhow::Result<Exit> {
    let addresses = on_one_server(&arguments.url)?;
    let Some(server) = addresses.first() else { return Ok(Exit::Done) };
    let mut parts = Parts::telling(events);
    let made = visit(server, &arguments.connection, async |session| {
        for address in &addresses {
            let made = make(session, &address.path, arguments.parents).await;
            parts.judge("make", &address.path, made)?;
        }
        Ok(())
    })
    .await;
    let next = addresses.get(parts.counted()).map(|address| &address.path);
    parts.ended("make", next, made)
}

/// Makes a folder; `parents`: with those above it.
pub(crate) async fn make(session: &mut Session, path: &Text, parents: bool) -> Result<(), Error> {
    if parents {
        return make_with_parents(session, path).await;
    }
    let made = session.mkdir(path).await.map(drop);
    session.with_reason(path, made).await
}

/// Makes a folder and those above it. Servers refuse to make what is there, and say so in many words: that it can be
/// entered tells more.
async fn make_with_parents(session: &mut Session, path: &Text) -> Result<(), Error> {
    let here = session.pwd().await?;
    let bytes = path.as_bytes().strip_suffix(b"/").unwrap_or(path.as_bytes());
    let ends = bytes.iter().enumerate().filter(|(at, byte)| **byte == b'/' && *at > 0);
    for end in ends.map(|(at, _)| at).chain([bytes.len()]) {
        let folder = Text::from(&bytes[..end]);
        let Err(refusal) = session.mkdir(&folder).await else { continue };
        if !matches!(refusal, Error::Refused { .. }) {
            return Err(refusal);
        }
        if session.cwd(&folder).await.is_err() {
            return Err(refusal);
        }
        session.cwd(&here).await?;
    }
    Ok(())
}
