//! The options of `wharf sync`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use wharf_client::Address;

use super::tree::{MoveArgs, TreeArgs};
use super::{ConnectionArgs, Url};

/// What the first tree may be.
const TREE: &str =
    "The tree that is to be copied: a folder, or ftp://[user[:password]@]host[:port]/path";

/// What a plan file has already.
const SHAPES: [&str; 9] = [
    "source",
    "target",
    "plan",
    "delete",
    "compare",
    "exclude",
    "include",
    "ignore_file",
    "no_links",
];

/// What people must know before they let it work on their files.
const AFTERWORD: &str = "\
Files are the same when their sizes and times are, to the second or as exactly as the server tells times; a file of SRC that \
is newer or older than the one of DST is moved, and gets the time of its original. A server that takes no times leaves each \
file as old as its upload: what is newer there is then held to be the same, unless the file here has changed since. \
--compare hash goes by digests alone, of files of the same size.

Without --delete nothing goes. With it, what SRC does not have goes last, and only if both trees could be looked at whole and nothing \
has failed; more than --max-delete, and nothing at all is done.

Exit codes: 0 alike now, or as --dry-run says it would be; 1 some of it failed, or more was to be deleted than may be; others as \
for all commands: see wharf --help.";

/// `wharf sync`.
#[derive(Args, Debug)]
#[command(after_help = AFTERWORD)]
pub(crate) struct SyncArgs {
    /// The tree that is to be copied.
    #[arg(value_name = "SRC", help = TREE, required_unless_present = "apply")]
    pub(crate) source: Option<Place>,
    /// The tree that is to become like it: the other one of the two
    #[arg(value_name = "DST", required_unless_present = "apply")]
    pub(crate) target: Option<Place>,
    /// Write the plan to FILE, a step a line, and do nothing else; - is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub(crate) plan: Option<PathBuf>,
    /// Carry out the steps of the plan in FILE that still hold, and no others; again to go on after a break
    #[arg(long, value_name = "FILE", conflicts_with_all = SHAPES)]
    pub(crate) apply: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) how: AlikeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// How one tree is made like another.
#[derive(Args, Clone, Debug)]
#[command(mut_arg("retry_failed", |arg| arg.hide(true)))]
pub(crate) struct AlikeArgs {
    /// Delete from DST what SRC does not have
    #[arg(long)]
    pub(crate) delete: bool,
    /// Do nothing if more than so many of the target's files would be deleted, or more than such a share of them; of a
    /// share ten may go always, but all of them at 100% only
    #[arg(long, value_name = "N|N%", default_value = "50%", value_parser = share)]
    pub(crate) max_delete: Share,
    /// Say what would be done, and do nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// By what files are held to be the same: size and time, or digests that the server makes
    #[arg(long, value_enum, value_name = "HOW", default_value = "size,time")]
    pub(crate) compare: CompareArg,
    /// Keep the permission bits
    #[arg(long)]
    pub(crate) modes: bool,
    /// Leave symbolic links out; else those that stay within the tree are made on the way down
    #[arg(long)]
    pub(crate) no_links: bool,
    /// Store files under their own names at once, and not under temporary ones first
    #[arg(long)]
    pub(crate) in_place: bool,
    #[command(flatten)]
    pub(crate) moving: MoveArgs,
    #[command(flatten)]
    pub(crate) tree: TreeArgs,
}

/// One of the two trees.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// On a server.
    Remote(Url),
    /// On this machine.
    Local(PathBuf),
}

impl Place {
    fn address_mut(&mut self) -> Option<&mut Address> {
        match self {
            Self::Remote(url) => Some(&mut url.0),
            Self::Local(_) => None,
        }
    }
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains("://") || text.starts_with('@') {
            return Ok(Self::Remote(text.parse()?));
        }
        Ok(Self::Local(text.into()))
    }
}

impl SyncArgs {
    /// Whether the plan goes to standard output.
    pub(crate) fn goes_out(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.as_os_str() == "-")
    }

    /// The addresses of servers that are named, and how to connect to them.
    pub(crate) fn places_mut(&mut self) -> Option<(Vec<&mut Address>, &mut ConnectionArgs)> {
        let Self { source, target, connection, .. } = self;
        let places = [source, target].into_iter().flatten();
        Some((places.filter_map(Place::address_mut).collect(), connection))
    }
}

/// By what files are held to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompareArg {
    /// By size and time.
    #[value(name = "size,time")]
    SizeAndTime,
    /// By digests that the server makes.
    Hash,
}

/// How much may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    Count(u64),
    Percent(u64),
}

impl Share {
    /// Whether so many of so many are within it. Of a share a few may always go, but never all that there are: that is
    /// what a source that is empty, or another one than was meant, comes to.
    pub(crate) fn allows(self, deletes: u64, of: u64) -> bool {
        const FEW: u64 = 10;
        match self {
            Self::Count(most) => deletes <= most,
            Self::Percent(percent) => {
                deletes <= FEW && deletes < of && percent > 0
                    || deletes.saturating_mul(100) <= of.saturating_mul(percent)
            }
        }
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

fn share(text: &str) -> Result<Share, String> {
    let number = |text: &str| {
        text.parse::<u64>().map_err(|_| "a number is wanted, or a share such as 10%".to_owned())
    };
    match text.strip_suffix('%') {
        Some(percent) => match number(percent)? {
            percent @ 0..=100 => Ok(Share::Percent(percent)),
            _ => Err("a share is 100% at most".to_owned()),
        },
        None => number(text).map(Share::Count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_and_kept_to() {
        assert_eq!(share("10%"), Ok(Share::Percent(10)));
        assert_eq!(share("7"), Ok(Share::Count(7)));
        assert!(share("101%").is_err() && share("x").is_err() && share("%").is_err());
        assert!(Share::Count(7).allows(7, 0) && !Share::Count(7).allows(8, 1000));
        assert!(Share::Percent(50).allows(50, 100) && !Share::Percent(50).allows(51, 100));
        assert!(Share::Percent(50).allows(9, 10) && !Share::Percent(0).allows(1, 100));
        assert!(Share::Percent(0).allows(0, 0) && Share::Percent(100).allows(10, 10));
        for all in 1..=20 {
            assert!(!Share::Percent(99).allows(all, all), "{all}");
        }
    }
}
