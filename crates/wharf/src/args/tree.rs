//! The options of commands that move trees: `get -r`, `put -r`, `sync`, `copy -r`.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use wharf_client::{Filter, MOST, Pool, Site, TreeRequest, USUAL};

use super::ConnectionArgs;
use crate::commands::tree::read_failed;
use crate::exit::Usage;

/// How a tree is moved.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Trees")]
pub(crate) struct TreeArgs {
    /// Use up to N sessions at a time; fewer where the server lets in fewer, and one in block mode. If nothing is said,
    /// 16, and with one server up to 50 while many small files wait for the distance alone
    #[arg(short = 'j', long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Leave out what matches, as in an ignore file of git; may be given several times
    #[arg(long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,
    /// Take what matches although it is excluded, or just that where nothing is; may be given several times
    #[arg(long, value_name = "PATTERN")]
    pub(crate) include: Vec<String>,
    /// Leave out what an ignore file of git names
    #[arg(long, value_name = "FILE")]
    pub(crate) ignore_file: Option<PathBuf>,
    /// Move each file over a data connection of its own, even where the server has block mode
    #[arg(long)]
    pub(crate) no_block_mode: bool,
    /// Write what failed into FILE, a path a line, at the end; where nothing did, there is no such file then
    #[arg(long, value_name = "FILE")]
    pub(crate) failed: Option<PathBuf>,
    /// Do only what FILE names, which --failed has written; both may name the same file
    #[arg(long, value_name = "FILE")]
    pub(crate) retry_failed: Option<PathBuf>,
}

impl TreeArgs {
    /// Sessions with one server, as many as are wanted; if nothing is said, as many as the settings of the host have it.
    pub(crate) fn pool(&self, site: Site, connection: &ConnectionArgs) -> Pool {
        match self.jobs.or(connection.jobs) {
            Some(jobs) => Pool::new(site, jobs.get()),
            None => Pool::growing(site, USUAL, MOST),
        }
    }

    /// What the library is asked for. `resume`: what is there already is passed over.
    ///
    /// # Errors
    /// Those of [`filter`](Self::filter), and a list of failed files that cannot be read.
    pub(crate) fn request(&self, moving: &MoveArgs, resume: bool) -> anyhow::Result<TreeRequest> {
        Ok(TreeRequest {
            resume,
            verify: moving.verify,
            retries: moving.pace.retries,
            blocks: !self.no_block_mode,
            filter: self.filter()?,
            only: self.retry_failed.as_deref().map(read_failed).transpose()?,
            ..TreeRequest::default()
        })
    }

    /// Which files are meant.
    ///
    /// # Errors
    /// A pattern is malformed, or the ignore file cannot be read.
    pub(crate) fn filter(&self) -> anyhow::Result<Filter> {
        let bad = |error: wharf_client::BadPattern| Usage(error.to_string());
        let filter = Filter::new(&self.exclude, &self.include).map_err(bad)?;
        let Some(path) = &self.ignore_file else { return Ok(filter) };
        let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
        Ok(filter.behind(&text).map_err(bad)?)
    }
}

/// How well transfers are proven, how fast they go, and how they are told.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Transfer")]
pub(crate) struct MoveArgs {
    /// Compare digests (HASH, XSHA256, XMD5, XCRC ...) where the server makes them
    #[arg(long)]
    pub(crate) verify: bool,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Tell what happens as JSON on standard output, one object an event; on standard error where the file goes to
    /// standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// How fast files are moved, and how often it is tried again.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Transfer")]
pub(crate) struct PaceArgs {
    /// Move no more bytes a second than this, all jobs together: 500k, 2M, 1.5Mi
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) limit_rate: Option<NonZeroU64>,
    /// Try again up to N times in a row after a fault of the network, a little later each time; a file goes on where it was
    #[arg(long, value_name = "N", default_value = "4")]
    pub(crate) retries: u32,
}

/// What is about trees goes with -r only.
pub(super) fn of_trees(arg: clap::Arg) -> clap::Arg {
    if arg.get_help_heading() == Some("Trees") { arg.requires("recursive") } else { arg }
}

/// Reads a number of bytes with a unit.
pub(super) fn rate(text: &str) -> Result<NonZeroU64, String> {
    let wanted = || "a number of bytes a second is wanted, such as 500k, 2M or 1.5Mi".to_owned();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit.to_ascii_lowercase().trim_end_matches('b') {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        "ki" => 1024.0,
        "mi" => 1024.0 * 1024.0,
        "gi" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wanted()),
    };
    let number: f64 = number.parse().map_err(|_| wanted())?;
    let bytes = number * factor;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range")]
    let bytes = if (1.0..1e15).contains(&bytes) { bytes as u64 } else { 0 };
    NonZeroU64::new(bytes).ok_or_else(wanted)
}

/// The name of a local folder for the tree of a URL: what is named, or in that by its own name where a slash ends what
/// is named, or it is `.` or the like. What is on the disk has no say: a second run must find the tree of the first.
pub(crate) fn folder_for(local: Option<&Path>, name: Option<&[u8]>) -> PathBuf {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let name = name.map(OsStr::from_bytes);
    match (local, name) {
        (None, None) => PathBuf::from("."),
        (None, Some(name)) => PathBuf::from(name),
        (Some(local), Some(name)) if holds_trees(local) => local.join(name),
        (Some(local), _) => local.to_owned(),
    }
}

/// Whether a local name is that of a folder to put trees in.
fn holds_trees(local: &Path) -> bool {
    local.file_name().is_none() || local.as_os_str().as_encoded_bytes().ends_with(b"/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_goes_where_it_is_told_and_below_a_slash_by_its_own_name() {
        let folder = |local: Option<&str>| folder_for(local.map(Path::new), Some(b"pub"));
        for (local, wanted) in [
            (None, "pub"),
            (Some("out"), "out"),
            (Some("/tmp"), "/tmp"),
            (Some("out/"), "out/pub"),
            (Some("."), "./pub"),
            (Some(".."), "../pub"),
            (Some("/"), "/pub"),
        ] {
            assert_eq!(folder(local), Path::new(wanted), "{local:?}");
        }
        assert_eq!(folder_for(None, None), Path::new("."));
    }

    #[test]
    fn rates_are_read_with_their_units() {
        for (text, bytes) in [
            ("1", 1),
            ("500k", 500_000),
            ("2M", 2_000_000),
            ("1.5Mi", 1_572_864),
            ("1GB", 1_000_000_000),
        ] {
            assert_eq!(rate(text).map(NonZeroU64::get), Ok(bytes), "{text}");
        }
        for text in ["", "0", "x", "1x", "-1", "1.2.3k", "1e30", "99999999999999G"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
