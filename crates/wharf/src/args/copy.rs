//! The options of `wharf copy`.

use clap::Args;
use wharf_client::{CopyRequest, Passage};

use super::tree::{MoveArgs, TreeArgs, of_trees};
use super::{ConnectionArgs, Url};
use crate::exit::Usage;

const SOURCE: &str = "The file that is to be copied, or the folder with -r: \
    ftp://[user[:password]@]host[:port]/path";
const TARGET: &str = "What it is to be called, on the other server; with a slash at the end, the folder to put it in";

/// `wharf copy`.
#[derive(Args, Debug)]
#[command(mut_args(of_trees))]
pub(crate) struct CopyArgs {
    /// The file that is to be copied.
    #[arg(value_name = "SRC", help = SOURCE)]
    pub(crate) source: Url,
    /// What it is to be called.
    #[arg(value_name = "DST", help = TARGET)]
    pub(crate) target: Url,
    #[command(flatten)]
    pub(crate) how: CopyHow,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// How something is copied.
#[derive(Args, Clone, Debug)]
pub(crate) struct CopyHow {
    /// Copy the folder with all that is below it; what the target has already, of the same size and time, is not
    /// copied again
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// With -r, copy every file, whatever the target has
    #[arg(long, requires = "recursive")]
    pub(crate) restart: bool,
    /// Go on with a file where an earlier copy was broken off, and leave what this one does not finish for the next
    #[arg(long)]
    pub(crate) resume: bool,
    /// Store files under their own names at once, and not under temporary ones first
    #[arg(long)]
    pub(crate) in_place: bool,
    /// Have the data go through this machine, and not between the servers
    #[arg(long)]
    pub(crate) relay: bool,
    /// Fail where the servers refuse to transfer between each other, and do not have the data go through this machine
    #[arg(long, conflicts_with = "relay")]
    pub(crate) no_relay: bool,
    #[command(flatten)]
    pub(crate) moving: MoveArgs,
    #[command(flatten)]
    pub(crate) tree: TreeArgs,
}

impl CopyHow {
    /// How files are to be copied.
    ///
    /// # Errors
    /// A limit on what is not in our hands.
    pub(crate) fn request(&self) -> Result<CopyRequest, Usage> {
        let passage = match (self.relay, self.no_relay) {
            (true, _) => Passage::Relay,
            (false, true) => Passage::Direct,
            (false, false) => Passage::Either,
        };
        if self.moving.pace.limit_rate.is_some() && passage != Passage::Relay {
            let why = "--limit-rate goes with --relay: how fast two servers transfer between each other is not in our \
                       hands";
            return Err(Usage(why.to_owned()));
        }
        let (resume, in_place) = (self.resume, self.in_place);
        Ok(CopyRequest { passage, verify: self.moving.verify, resume, in_place })
    }
}
