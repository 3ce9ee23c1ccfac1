//! `wharf rm`: names gone from the server, and with `-r` folders with all that is in them.

use crate::args::remote::{RmArgs, on_one_server};
use crate::commands::Parts;
use crate::exit::Exit;
use crate::visit::visit;

pub(crate) async fn run(arguments: &RmArgs) -> anyhow::Result<Exit> {
    let addresses = on_one_server(&arguments.url)?;
    let mut parts = Parts::default();
    let Some(server) = addresses.first() else { return Ok(Exit::Done) };
    visit(server, &arguments.connection, async |session| {
        for address in &addresses {
            if arguments.recursive {
                session.remove_tree(&address.path, &mut |_, result| parts.count(result)).await?;
                continue;
            }
            parts.judge(session.delete(&address.path).await.map(drop))?;
        }
        Ok(())
    })
    .await?;
    Ok(parts.end())
}
