//! The options of the commands that change or describe names on the server: `rm`, `mkdir`, `mv`, `stat`.

use clap::Args;
use wharf_client::Address;

use super::{ConnectionArgs, Url};
use crate::exit::Usage;

/// `wharf rm`.
#[derive(Args, Debug)]
pub(crate) struct RmArgs {
    /// What to remove, all on one server
    #[arg(required = true)]
    pub(crate) url: Vec<Url>,
    /// Remove folders too, with all that is in them; links are removed and not followed
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Tell what happens as JSON on standard output, one object an event
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// `wharf mkdir`.
#[derive(Args, Debug)]
pub(crate) struct MkdirArgs {
    /// The folders to make, all on one server
    #[arg(required = true)]
    pub(crate) url: Vec<Url>,
    /// Make the folders above them too, and take it as done where they are there
    #[arg(short, long)]
    pub(crate) parents: bool,
    /// Tell what happens as JSON on standard output, one object an event
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// `wharf mv`.
#[derive(Args, Debug)]
pub(crate) struct MvArgs {
    /// What to rename or move
    pub(crate) from: Url,
    /// What it is to be called, on the same server; with a slash at the end, the folder to put it in
    pub(crate) to: Url,
    /// Tell what happens as JSON on standard output, one object an event
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// `wharf stat`.
#[derive(Args, Debug)]
pub(crate) struct StatArgs {
    /// What to describe, all on one server
    #[arg(required = true)]
    pub(crate) url: Vec<Url>,
    /// Tell it as JSON, an object a name
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// The addresses, if all are on one server and for one user: one session does for them.
///
/// # Errors
/// Addresses of several servers, or that name nothing there.
pub(crate) fn on_one_server<'u>(
    urls: impl IntoIterator<Item = &'u Url>,
) -> Result<Vec<&'u Address>, Usage> {
    let addresses: Vec<&Address> = urls.into_iter().map(|url| &url.0).collect();
    let place = |address: &Address| {
        (address.scheme, address.host.clone(), address.port, address.user.clone())
    };
    for address in &addresses {
        if address.path.is_empty() {
            return Err(Usage(format!("{address}: the URL names nothing on the server")));
        }
        if addresses.first().is_some_and(|first| place(first) != place(address)) {
            return Err(Usage(format!("{address}: this is another server; one at a time")));
        }
    }
    Ok(addresses)
}
