//! `wharf stat`: what a name on the server is, a line a fact, or as JSON.

use std::io::{self, Write};

use wharf_client::Address;
use wharf_proto::Text;
use wharf_proto::listing::{Entry, Kind};

use super::ls::{json, mode_of, time};
use crate::args::remote::{StatArgs, on_one_server};
use crate::commands::Parts;
use crate::events::Events;
use crate::exit::Exit;
use crate::visit::visit;

pub(crate) async fn run(arguments: &StatArgs, events: &Events) -> anyhow::Result<Exit> {
    let addresses = on_one_server(&arguments.url)?;
    let Some(server) = addresses.first() else { return Ok(Exit::Done) };
    let mut found: Vec<(&Address, Entry)> = Vec::new();
    let mut parts = Parts::telling(events);
    let asked = visit(server, &arguments.connection, async |session| {
        for address in &addresses {
            let told = session.stat(&address.path).await;
            match told {
                // What is known of it is told below.
                Ok(entry) => {
                    found.push((address, entry));
                    parts.count_told(Ok(()));
                }
                Err(error) => parts.judge("stat", &address.path, Err(error))?,
            }
        }
        Ok(())
    })
    .await;
    // Also where it broke off: what has come is known.
    let found = found.iter().map(|(address, entry)| (Some(address.to_string()), entry));
    print(found, events)?;
    let next = addresses.get(parts.counted()).map(|address| &address.path);
    parts.ended("stat", next, asked)
}

/// Prints what is known of names, with their URLs where there are any.
///
/// # Errors
/// Those of standard output.
pub(crate) fn print<'e>(
    found: impl Iterator<Item = (Option<String>, &'e Entry)>,
    events: &Events,
) -> io::Result<()> {
    let mut out = io::stdout();
    for (nth, (url, entry)) in found.enumerate() {
        if events.is_on() {
            events.entry(|| {
                let mut object = json(entry);
                if let Some(url) = url {
                    object["url"] = url.into();
                }
                object
            });
            continue;
        }
        if nth > 0 {
            writeln!(out)?;
        }
        write!(out, "{}", described(url, entry))?;
    }
    out.flush()
}

/// A line for each thing that is known.
fn described(url: Option<String>, entry: &Entry) -> String {
    let kind = match &entry.kind {
        Kind::File => "file".to_owned(),
        Kind::Folder => "folder".to_owned(),
        Kind::Link { target: Some(target) } => format!("link to {}", Text::from(target.as_slice())),
        Kind::Link { target: None } => "link".to_owned(),
        Kind::Other => "neither file nor folder".to_owned(),
    };
    let safe = |bytes: &Vec<u8>| Text::from(bytes.as_slice()).to_string();
    let facts = [
        ("name", Some(safe(&entry.name))),
        ("url", url),
        ("kind", Some(kind)),
        ("size", entry.size.map(|size| size.to_string())),
        ("modified", entry.modified.map(|_| format!("{} UTC", time(entry).trim_end()))),
        ("mode", entry.mode.map(|_| mode_of(entry))),
        ("owner", entry.owner.as_ref().map(safe)),
        ("group", entry.group.as_ref().map(safe)),
    ];
    let known = facts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    known.map(|(name, value)| format!("{name:<9} {value}\n")).collect()
}
