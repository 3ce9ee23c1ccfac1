//! The options of the shell's commands that move trees: those of the command line, with the words of the shell in place
//! of URLs.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory, Parser};
use wharf_proto::Text;

use super::check::CheckHow;
use super::copy::CopyHow;
use super::sync::AlikeArgs;
use super::tree::{MoveArgs, TreeArgs};
use super::{Url, redacted};
use crate::exit::Usage;

/// How many sessions a tree of a shell has if nothing is said: the shell has one as well, and so have other jobs.
const LANES: &str = "4";

/// One of two trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// On the server: it is written with a colon before it.
    There(Text),
    /// On this machine.
    Here(PathBuf),
}

impl From<OsString> for Side {
    fn from(word: OsString) -> Self {
        match word.as_bytes().strip_prefix(b":") {
            Some(there) => Self::There(there.into()),
            None => Self::Here(word.into()),
        }
    }
}

/// A word that names a tree.
fn side() -> impl TypedValueParser<Value = Side> {
    OsStringValueParser::new().map(Side::from)
}

/// A word that names something on the server.
fn remote() -> impl TypedValueParser<Value = Text> {
    OsStringValueParser::new().map(|word| Text::from(word.into_vec()))
}

/// `sync SRC DST`.
#[derive(Debug, Parser)]
#[command(name = "sync", no_binary_name = true, disable_help_flag = true)]
#[command(mut_arg("jobs", |arg| arg.default_value(LANES)))]
pub(crate) struct SyncWords {
    /// The tree that is to be copied: :FOLDER on the server, or a folder here
    #[arg(value_name = "SRC", value_parser = side())]
    pub(crate) source: Side,
    /// The tree that is to become like it: a folder here, or :FOLDER on the server
    #[arg(value_name = "DST", value_parser = side())]
    pub(crate) target: Side,
    #[command(flatten)]
    pub(crate) how: AlikeArgs,
}

/// `get FILE [LOCAL]`.
#[derive(Debug, Parser)]
#[command(name = "get", no_binary_name = true, disable_help_flag = true, mut_args(of_trees))]
pub(crate) struct GetWords {
    /// The file on the server, or the folder with -r
    #[arg(value_name = "FILE", value_parser = remote())]
    pub(crate) remote: Text,
    /// What it is to be called here, or the folder to put it in; `-` for standard output, `|COMMAND` for a program, to the end
    /// of the line
    pub(crate) local: Option<PathBuf>,
    /// Fetch the folder with all that is below it; what is here already, of the same size and time, is not fetched again
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Begin anew, whatever an earlier try left
    #[arg(long)]
    pub(crate) restart: bool,
    #[command(flatten)]
    pub(crate) moving: MoveArgs,
    #[command(flatten)]
    pub(crate) tree: TreeArgs,
}

/// `put LOCAL [FILE]`.
#[derive(Debug, Parser)]
#[command(name = "put", no_binary_name = true, disable_help_flag = true, mut_args(of_trees))]
#[command(mut_arg("restart", |arg| arg.requires("recursive")))]
pub(crate) struct PutWords {
    /// The file to send, or the folder with -r
    pub(crate) local: PathBuf,
    /// What it is to be called on the server; with a slash at the end, the folder to put it in
    #[arg(value_name = "FILE", value_parser = remote())]
    pub(crate) remote: Option<Text>,
    /// Store the folder with all that is below it; what the server has already, of the same size and time, is not sent
    /// again
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Go on where the server's copy ends; it must be the beginning of this file
    #[arg(long, conflicts_with = "recursive")]
    pub(crate) resume: bool,
    /// With -r, send every file, whatever the server has
    #[arg(long)]
    pub(crate) restart: bool,
    /// Store each file under a temporary name first; it gets its own when it is whole, and what had that before stays
    /// until then
    #[arg(long)]
    pub(crate) atomic: bool,
    /// Store under the own name at once, where the settings of the host say otherwise
    #[arg(long, conflicts_with = "atomic")]
    pub(crate) in_place: bool,
    #[command(flatten)]
    pub(crate) moving: MoveArgs,
    #[command(flatten)]
    pub(crate) tree: TreeArgs,
}

/// `copy SRC DST`.
#[derive(Debug, Parser)]
#[command(name = "copy", no_binary_name = true, disable_help_flag = true)]
pub(crate) struct CopyWords {
    /// What is to be copied: a name on this server, or the URL of one on another
    #[arg(value_name = "SRC", value_parser = place())]
    pub(crate) source: Place,
    /// What it is to be called, on another server or on this one
    #[arg(value_name = "DST", value_parser = place())]
    pub(crate) target: Place,
    #[command(flatten)]
    pub(crate) how: CopyHow,
}

/// A name on this server or another one.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// On the one that the shell is connected to.
    This(Text),
    /// Wherever the URL says.
    Other(Box<Url>),
}

/// A word that names a place.
fn place() -> impl TypedValueParser<Value = Place> {
    OsStringValueParser::new().try_map(|word| match word.to_str() {
        Some(url) if url.contains("://") || url.starts_with('@') => {
            url.parse().map(|url| Place::Other(Box::new(url)))
        }
        _ => Ok(Place::This(word.into_vec().into())),
    })
}

/// `check`.
#[derive(Debug, Parser)]
#[command(name = "check", no_binary_name = true, disable_help_flag = true)]
pub(crate) struct CheckWords {
    #[command(flatten)]
    pub(crate) how: CheckHow,
}

/// What a single file cannot be moved with: it goes over the session of the shell, at the rate of the shell.
fn of_trees(arg: clap::Arg) -> clap::Arg {
    let heading = arg.get_help_heading();
    let arg = match heading {
        Some("Trees" | "Transfer") if arg.get_id() != "verify" => arg.requires("recursive"),
        _ => arg,
    };
    if arg.get_id() == "jobs" { arg.default_value(LANES) } else { arg }
}

/// What these words say.
///
/// # Errors
/// They make no sense.
pub(crate) fn read<W: Parser>(words: &[Text]) -> Result<W, Usage> {
    let words = words.iter().map(|word| OsStr::from_bytes(word.as_bytes()));
    W::try_parse_from(words).map_err(|error| {
        let told = redacted(with_reason(error)).to_string();
        Usage(told.strip_prefix("error: ").unwrap_or(&told).trim_end().to_owned())
    })
}

/// Why a single file of the shell has fewer options than one of the command line.
const OWN_SESSION: &str =
    "the shell fetches a file over its own session: wharf get --segments N URL uses several";
const OF_TREES: &str = "in the shell that is for trees, with -r: a single file goes over its own session, at its rate; \
    wharf get URL and wharf put FILE URL have --json, --limit-rate and --retries for a file as well";

/// The same error, with a word on what the command line has and the shell has not.
fn with_reason(mut error: clap::Error) -> clap::Error {
    let blames = |wanted: &str| match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(arg)) => arg.split(['=', ' ']).next() == Some(wanted),
        Some(ContextValue::Strings(args)) => args.iter().any(|arg| arg.contains(wanted)),
        _ => false,
    };
    let reason = match error.kind() {
        ErrorKind::UnknownArgument if blames("--segments") => OWN_SESSION,
        ErrorKind::MissingRequiredArgument if blames("--recursive") => OF_TREES,
        _ => return error,
    };
    error.remove(ContextKind::SuggestedArg);
    error.remove(ContextKind::TrailingArg);
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![reason.into()]));
    error
}

/// The definition of a command's options.
pub(crate) fn definition<W: CommandFactory>() -> Command {
    W::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<Text> {
        line.split(' ').map(Text::from).collect()
    }

    #[test]
    fn a_mistake_is_told_without_a_password_in_it() {
        let Usage(told) = read::<CopyWords>(&words("a ftp://ann:hunter2@h/x?y")).unwrap_err();
        assert!(told.contains("ann:…@h") && !told.contains("hunter2"), "{told}");
    }

    #[test]
    fn the_definitions_contradict_each_other_nowhere() {
        definition::<SyncWords>().debug_assert();
        definition::<CopyWords>().debug_assert();
        definition::<CheckWords>().debug_assert();
        definition::<GetWords>().debug_assert();
        definition::<PutWords>().debug_assert();
    }

    #[test]
    fn a_colon_says_which_tree_is_on_the_server() {
        let read = |line| read::<SyncWords>(&words(line)).unwrap();
        let down = read("--delete :pub/a pub");
        assert!(down.how.delete);
        assert_eq!(
            (down.source, down.target),
            (Side::There("pub/a".into()), Side::Here("pub".into()))
        );
        let up = read(". :");
        assert_eq!((up.source, up.target), (Side::Here(".".into()), Side::There("".into())));
        assert_eq!(up.how.tree.jobs.map(usize::from), Some(4));
    }

    #[test]
    fn what_a_single_file_cannot_be_moved_with_wants_a_tree() {
        let get = |line| read::<GetWords>(&words(line));
        assert!(get("--verify --restart a").is_ok() && get("-r --json -j 2 a b").is_ok());
        for (line, why) in [
            ("--json a", "with -r"),
            ("--limit-rate 5k a", "with -r"),
            ("--exclude x a", "with -r"),
            ("-j 3 a", "with -r"),
            ("--segments 4 a", "wharf get --segments N"),
            ("--segments=4 a", "wharf get --segments N"),
            ("-r --segments 4 a", "wharf get --segments N"),
            ("a b c", "'c'"),
            ("-x a", "'-x'"),
            ("--json", "<FILE>"),
        ] {
            let Usage(told) = get(line).unwrap_err();
            assert!(!told.starts_with("error") && told.contains(why), "{line}: {told}");
        }
        assert_eq!(get("-- -a").unwrap().remote, "-a".into());
        let put = |line| read::<PutWords>(&words(line));
        assert!(put("--resume a").is_ok() && put("-r --restart a b/").is_ok());
        assert!(put("--restart a").is_err() && put("-r --resume a").is_err());
    }
}
