//! `wharf mv`: another name, or another folder, on the same server.

use serde_json::json;
use wharf_proto::Text;

use crate::args::remote::{MvArgs, on_one_server};
use crate::events::{Events, spell};
use crate::exit::{Exit, Usage};
use crate::visit::visit;

pub(crate) async fn run(arguments: &MvArgs, events: &Events) -> anyhow::Result<Exit> {
    let addresses = on_one_server([&arguments.from, &arguments.to])?;
    let [from, to] = addresses[..] else { return Ok(Exit::Done) };
    let target = if to.path.as_bytes().ends_with(b"/") {
        let name = from.file_name();
        let name = name.ok_or_else(|| Usage(format!("{from}: the URL names no file")))?;
        Text::from([to.path.as_bytes(), name].concat())
    } else {
        to.path.clone()
    };
    let renamed = visit(from, &arguments.connection, async |session| {
        session.rename(&from.path, &target).await
    });
    events.one("rename", &from.path, renamed.await, |_| {
        let mut facts = json!({});
        spell(&mut facts, "to", target.as_bytes());
        (None, facts)
    })?;
    Ok(Exit::Done)
}
