//! `wharf rm`: names gone from the server, and with `-r` folders with all that is in them.

use wharf_client::Error;

use crate::args::remote::{RmArgs, on_one_server};
use crate::commands::{ended, report};
use crate::exit::Exit;
use crate::visit::visit;

pub(crate) async fn run(arguments: &RmArgs) -> anyhow::Result<Exit> {
    let addresses = on_one_server(&arguments.url)?;
    let (mut done, mut first) = (0, None);
    let mut judge = |result: Result<(), Error>| match result {
        Ok(()) => done += 1,
        Err(error) => {
            let exit = report(&error.into());
            first.get_or_insert(exit);
        }
    };
    let Some(server) = addresses.first() else { return Ok(Exit::Done) };
    visit(server, &arguments.connection, async |session| {
        for address in &addresses {
            if arguments.recursive {
                session.remove_tree(&address.path, &mut |_, result| judge(result)).await?;
                continue;
            }
            match session.delete(&address.path).await {
                Ok(_) => judge(Ok(())),
                Err(error @ Error::Refused { .. }) => judge(Err(error)),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    })
    .await?;
    Ok(ended(done, first))
}
