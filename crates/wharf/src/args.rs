//! The command line: each option is defined here, once.
//!
//! Names and meanings are a contract, because scripts use them. What an option does is in the command
//! that takes it; nothing is defined here that does nothing. Those of one theme are in a file of `args/`.

pub(crate) mod check;
pub(crate) mod copy;
pub(crate) mod remote;
pub(crate) mod serve;
pub(crate) mod shell;
pub(crate) mod sync;
pub(crate) mod tls;
pub(crate) mod trace;
pub(crate) mod tree;

mod habits;
mod secrets;
#[cfg(feature = "sqlite")]
mod user;

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use wharf_client::{Address, AddressError, Proxy};
use wharf_ladder::Lang;
use wharf_proto::charset::Charset;

pub(crate) use secrets::redacted;
#[cfg(feature = "sqlite")]
pub(crate) use user::{LimitArgs, UserAction, UserArgs};

use self::check::CheckArgs;
use self::copy::CopyArgs;
use self::remote::{MkdirArgs, MvArgs, RmArgs, StatArgs};
use self::serve::ServeArgs;
use self::sync::SyncArgs;
use self::tls::TlsArgs;
use self::trace::TraceArgs;
use self::tree::{MoveArgs, PaceArgs, TreeArgs, of_trees};
use crate::events::{Events, Stream};
use crate::exit::Usage;
use crate::{settings, terminal};

/// FTP done completely: server, client and session ladder.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, after_help = AFTERWORD)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTERWORD: &str = "\
@NAME and @NAME/PATH stand for bookmarks of ~/.config/wharf/client.toml, which also holds settings of hosts.

URLs: ftp:// is in clear, ftpes:// under TLS from AUTH TLS on or not at all, ftps:// under TLS from the first byte on (port \
990).

A password that the URL does not hold is taken from WHARF_PASSWORD, the settings or ~/.netrc, or asked for at a terminal; that \
of the server that `copy` copies to from WHARF_TARGET_PASSWORD.

Exit codes: 0 done, 1 some of it failed, 2 usage, 3 network, 4 login or TLS, 5 not found, 6 refused by the server, 7 \
verification failed, 8 trouble with a file here, 129, 130 and 143 interrupted (SIGHUP, Ctrl-C, SIGTERM).";

const PROXY_URL: &str = "Go through this proxy: socks5://[user:password@]host[:port], http://..., or an FTP \
    gateway, ftp://host[;login=user|joined|account|site|proxy-user]";
const FILE_URL: &str = "ftp://[user[:password]@]host[:port]/path[;type=a|i]";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a folder
    Serve(ServeArgs),
    /// Manage the users of a server
    #[cfg(feature = "sqlite")]
    User(UserArgs),
    /// List a folder, or one file
    Ls(LsArgs),
    /// Write a file to standard output
    Cat(CatArgs),
    /// Fetch a file or a tree; goes on with what a broken transfer left
    Get(GetArgs),
    /// Store a file or a tree
    Put(PutArgs),
    /// Remove files, and with -r folders
    Rm(RmArgs),
    /// Make folders
    Mkdir(MkdirArgs),
    /// Rename or move a file or folder on a server
    Mv(MvArgs),
    /// Tell what a name on a server is
    Stat(StatArgs),
    /// Make one tree like another, either way
    Sync(Box<SyncArgs>),
    /// Copy a file or a tree from one server to another, the data going between the two
    Copy(Box<CopyArgs>),
    /// Talk to a server line by line
    Shell(ShellArgs),
    /// Find out which ways of talking to a server work from here, and why the others do not
    Check(CheckArgs),
    /// Draw the FTP sessions of a capture, and say what went wrong in them
    Trace(TraceArgs),
    /// Print the script that completes wharf's command lines in a shell
    Completions(CompletionsArgs),
    /// Write manual pages, one for each command
    Man(ManArgs),
    /// Hold the reference session on this machine and draw it
    Demo(DemoArgs),
}

/// What every client command takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Let the server open the data connections, and try nothing else
    #[arg(long, conflicts_with = "passive")]
    pub(crate) active: bool,
    /// Open the data connections from here, and try nothing else; without either, this is tried first
    #[arg(long)]
    pub(crate) passive: bool,
    /// Try only the IPv4 addresses of the server, or of the proxy before it; without -4 or -6, all
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// Try only its IPv6 addresses
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,
    /// Use nothing beyond the minimum of RFC 959, and probe for nothing
    #[arg(long)]
    pub(crate) plain: bool,
    /// Wait this long for a reply, a connection or the next byte of data [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<NonZeroU64>,
    /// Whether the settings of the host want uploads to have a temporary name first.
    #[arg(skip)]
    pub(crate) atomic: Option<bool>,
    /// How many sessions the settings of the host want a tree to have at most.
    #[arg(skip)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Go through this proxy.
    #[arg(long, value_name = "URL", help = PROXY_URL)]
    pub(crate) proxy: Option<Proxy>,
    /// The charset of the server's names, where it is not UTF-8: shift_jis, gbk, windows-1251, ...
    #[arg(long, value_name = "NAME", value_parser = charset)]
    pub(crate) charset: Option<Charset>,
    /// Connect for data to the server's own address, whatever it tells (the default), or to the one that it names
    #[arg(long, value_enum, value_name = "HOST")]
    pub(crate) data_address: Option<DataAddressArg>,
    /// Say how the server is reached and the data connections are made, and why so
    #[arg(long)]
    pub(crate) explain: bool,
    /// Draw the session as a ladder afterwards, on standard error or into FILE: as text, or by its ending .svg, .html,
    /// .json, .mmd or .pcapng; into FILE.jsonl its events are written, for `wharf trace`
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    pub(crate) trace: Option<PathBuf>,
    /// Say nothing but what went wrong
    #[arg(short, long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
}

/// Which host a data connection leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataAddressArg {
    /// The server itself.
    Server,
    /// The one in its reply.
    Named,
}

/// How the bytes of files are represented.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct TypeArgs {
    /// Move text: line ends become those of the other side
    #[arg(long, conflicts_with = "binary")]
    pub(crate) ascii: bool,
    /// Move bytes as they are; the default, but for --plain
    #[arg(long)]
    pub(crate) binary: bool,
}

/// How the bytes of a single file are represented: TYPE, STRU and MODE.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct FormArgs {
    #[command(flatten)]
    pub(crate) types: TypeArgs,
    /// Move text in EBCDIC (TYPE E): here it is UTF-8, its lines end in a newline
    #[arg(long, conflicts_with_all = ["ascii", "binary"])]
    pub(crate) ebcdic: bool,
    /// Move records (STRU R): of text a line is one, other files hold several in a form of their own
    #[arg(long)]
    pub(crate) record: bool,
    /// Move it in blocks (MODE B), as mainframes want it for records; their last one proves the end
    #[arg(long)]
    pub(crate) block_mode: bool,
}

/// `wharf ls`.
#[derive(Args, Debug)]
pub(crate) struct LsArgs {
    /// The folder or file.
    #[arg(help = "ftp://[user[:password]@]host[:port]/path")]
    pub(crate) url: Url,
    /// Names only, one a line
    #[arg(short = '1', long, conflicts_with_all = ["long", "json"])]
    pub(crate) names: bool,
    /// With permissions, owner and group
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) long: bool,
    /// Tell it as JSON, an object an entry, in the server's order
    #[arg(long)]
    pub(crate) json: bool,
    /// In the server's order, each row as it comes; else sorted by name
    #[arg(short = 'U', long)]
    pub(crate) unsorted: bool,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// `wharf cat`.
#[derive(Args, Debug)]
pub(crate) struct CatArgs {
    /// The file on the server.
    #[arg(help = FILE_URL)]
    pub(crate) url: Url,
    /// Tell what happens as JSON on standard error, one object an event
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// `wharf get`.
#[derive(Args, Debug)]
#[command(mut_args(of_trees))]
pub(crate) struct GetArgs {
    /// The file on the server.
    #[arg(help = FILE_URL)]
    pub(crate) url: Url,
    /// The file to write, or the folder to put it in; `-` for standard output; the name in the URL if nothing is said.
    /// With -r the folder that becomes the tree, or, with a slash at its end, the one to put it in
    pub(crate) local: Option<PathBuf>,
    /// The same as LOCAL
    #[arg(short, long, value_name = "LOCAL", conflicts_with = "local")]
    pub(crate) output: Option<PathBuf>,
    /// Begin anew, whatever an earlier try left
    #[arg(long)]
    pub(crate) restart: bool,
    /// Fetch one file over up to N sessions at a time, a part of it each; fewer where the server lets in fewer or the
    /// file is small
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=32))]
    #[arg(conflicts_with_all = ["recursive", "ascii", "ebcdic", "record", "block_mode", "plain"])]
    pub(crate) segments: Option<u8>,
    /// Fetch the folder with all that is below it; what is here already, of the same size and time, is not fetched again
    #[arg(short, long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    #[command(flatten)]
    pub(crate) moving: MoveArgs,
    #[command(flatten)]
    pub(crate) tree: TreeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

impl GetArgs {
    /// Where it is to go, if that was said.
    pub(crate) fn local(&self) -> Option<&Path> {
        self.local.as_deref().or(self.output.as_deref())
    }

    /// Whether that is standard output. A file of that name is written `./-`.
    pub(crate) fn goes_out(&self) -> bool {
        self.local() == Some(Path::new("-"))
    }
}

/// `wharf put`.
#[derive(Args, Debug)]
#[command(mut_args(of_trees))]
pub(crate) struct PutArgs {
    /// The file to send, or the folder with -r; `-` for standard input
    pub(crate) local: PathBuf,
    /// The file on the server, or its folder.
    #[arg(help = format!("{FILE_URL}; with a slash at the end, the folder to put it in"))]
    pub(crate) url: Url,
    /// Go on where the server's copy ends; it must be the beginning of this file
    #[arg(long)]
    pub(crate) resume: bool,
    /// Store the folder with all that is below it; what the server has already, of the same size and time, is not
    /// sent again
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// With -r, send every file, whatever the server has
    #[arg(long, requires = "recursive", conflicts_with = "resume")]
    pub(crate) restart: bool,
    /// Store each file under a temporary name first, `.NAME.wharf-part`; it gets its own when it is whole, and what had
    /// that before stays until then
    #[arg(long)]
    pub(crate) atomic: bool,
    /// Store under the own name at once, where the settings of the host say otherwise
    #[arg(long, conflicts_with = "atomic")]
    pub(crate) in_place: bool,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    #[command(flatten)]
    pub(crate) moving: MoveArgs,
    #[command(flatten)]
    pub(crate) tree: TreeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

impl PutArgs {
    /// Whether it comes from standard input. A file of that name is written `./-`.
    pub(crate) fn comes_in(&self) -> bool {
        self.local == Path::new("-")
    }

    /// Whether files have a temporary name first.
    pub(crate) fn is_atomic(&self) -> bool {
        self.atomic || (!self.in_place && self.connection.atomic.unwrap_or(false))
    }
}

/// `wharf shell`.
#[derive(Args, Debug)]
pub(crate) struct ShellArgs {
    /// Where to connect at once.
    #[arg(help = "Where to connect at once: ftp://[user[:password]@]host[:port]/[folder]")]
    pub(crate) url: Option<Url>,
    /// Stop at the first command that fails, when commands come from a pipe or a file
    #[arg(short = 'e', long)]
    pub(crate) exit_on_error: bool,
    /// Move no more bytes a second than this, all jobs together: 500k, 2M, 1.5Mi
    #[arg(long, value_name = "RATE", value_parser = tree::rate)]
    pub(crate) limit_rate: Option<NonZeroU64>,
    #[command(flatten)]
    pub(crate) types: TypeArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

/// `wharf completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

/// `wharf man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// The folder to write them to, which is made if need be
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
}

/// `wharf demo`.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Show the session in passive mode
    #[arg(long)]
    pub(crate) passive: bool,
    /// Show one client and two servers, the data going between the servers
    #[arg(long, conflicts_with = "passive")]
    pub(crate) third_party: bool,
    /// Write a line about each row: beside it where the terminal is wide enough, else below the ladder
    #[arg(long)]
    pub(crate) notes: bool,
    /// Go through the session row by row: what each one is, what it means, and where the RFC says so
    #[arg(long, conflicts_with = "notes")]
    pub(crate) explain: bool,
    /// The language of all that is not the protocol's [default: that of the environment]
    #[arg(long, value_enum, value_name = "LANG")]
    pub(crate) lang: Option<LangArg>,
    /// Draw with ASCII characters only
    #[arg(long)]
    pub(crate) ascii: bool,
    /// Capture no packets and use no port below 1024, as for an ordinary user
    #[arg(long)]
    pub(crate) no_capture: bool,
}

/// A language that people are spoken to in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LangArg {
    /// English.
    En,
    /// Japanese.
    Ja,
}

/// The language asked for, or that of the environment.
pub(crate) fn language(asked: Option<LangArg>) -> Lang {
    match asked {
        Some(LangArg::En) => Lang::En,
        Some(LangArg::Ja) => Lang::Ja,
        None => terminal::language(),
    }
}

impl DemoArgs {
    /// The language asked for, or that of the environment.
    pub(crate) fn lang(&self) -> Lang {
        language(self.lang)
    }
}

/// A URL on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Url(pub(crate) Address);

impl std::str::FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix('@') {
            Some(bookmark) => {
                settings::bookmark(bookmark).map(Self).map_err(|error| error.to_string())
            }
            None => text.parse().map(Self).map_err(|error: AddressError| error.to_string()),
        }
    }
}

/// A charset by its name.
fn charset(name: &str) -> Result<Charset, &'static str> {
    Charset::named(name).ok_or("no such charset: utf-8, shift_jis, euc-jp, gbk, windows-1252, ...")
}

impl Command {
    /// The addresses that a command of the client speaks with, and how; `None` for other commands, and for a shell
    /// that is to connect later.
    fn places_mut(&mut self) -> Option<(Vec<&mut Address>, &mut ConnectionArgs)> {
        let all = |urls| Vec::from_iter(<[Url]>::iter_mut(urls).map(|url| &mut url.0));
        match self {
            Self::Ls(args) => Some((vec![&mut args.url.0], &mut args.connection)),
            Self::Cat(args) => Some((vec![&mut args.url.0], &mut args.connection)),
            Self::Get(args) => Some((vec![&mut args.url.0], &mut args.connection)),
            Self::Put(args) => Some((vec![&mut args.url.0], &mut args.connection)),
            Self::Rm(args) => Some((all(&mut args.url), &mut args.connection)),
            Self::Mkdir(args) => Some((all(&mut args.url), &mut args.connection)),
            Self::Mv(args) => Some((vec![&mut args.from.0, &mut args.to.0], &mut args.connection)),
            Self::Stat(args) => Some((all(&mut args.url), &mut args.connection)),
            Self::Sync(args) => args.places_mut(),
            // What holds for its two hosts may differ: it settles each for itself.
            Self::Copy(_) => None,
            // It settles what holds for a host whenever it opens one.
            Self::Shell(_) => None,
            Self::Check(_) => None,
            Self::Serve(_) | Self::Demo(_) | Self::Trace(_) => None,
            Self::Completions(_) | Self::Man(_) => None,
            #[cfg(feature = "sqlite")]
            Self::User(_) => None,
        }
    }

    /// Where programs are told what happens, if they are to be told.
    pub(crate) fn events(&self) -> Events {
        match self {
            Self::Ls(args) => Events::to(Stream::Out, args.json),
            Self::Cat(args) => Events::to(Stream::Err, args.json),
            Self::Get(args) if args.goes_out() => Events::to(Stream::Err, args.moving.json),
            Self::Get(args) => Events::to(Stream::Out, args.moving.json),
            Self::Put(args) => Events::to(Stream::Out, args.moving.json),
            Self::Rm(args) => Events::to(Stream::Out, args.json),
            Self::Mkdir(args) => Events::to(Stream::Out, args.json),
            Self::Mv(args) => Events::to(Stream::Out, args.json),
            Self::Stat(args) => Events::to(Stream::Out, args.json),
            Self::Sync(args) if args.goes_out() => Events::to(Stream::Err, args.how.moving.json),
            Self::Sync(args) => Events::to(Stream::Out, args.how.moving.json),
            Self::Copy(args) => Events::to(Stream::Out, args.how.moving.json),
            Self::Check(args) => Events::to(Stream::Out, args.how.json),
            // They have forms of their own.
            Self::Serve(_) | Self::Shell(_) | Self::Demo(_) | Self::Trace(_) => Events::default(),
            Self::Completions(_) | Self::Man(_) => Events::default(),
            #[cfg(feature = "sqlite")]
            Self::User(_) => Events::default(),
        }
    }

    /// Fills in what the settings say of the host.
    ///
    /// # Errors
    /// Settings that make no sense.
    pub(crate) fn settle(&mut self) -> Result<(), Usage> {
        if let Self::Check(args) = self {
            return args.settle();
        }
        let Some((addresses, connection)) = self.places_mut() else { return Ok(()) };
        addresses.into_iter().try_for_each(|address| settings::settle(address, connection))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_contradict_each_other_nowhere() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_stands_behind_the_options_is_folded_by_the_terminal_alone() {
        let all = Arguments::command();
        for command in std::iter::once(&all).chain(all.get_subcommands()) {
            let words = [command.get_after_help(), command.get_after_long_help()];
            for words in words.into_iter().flatten().map(ToString::to_string) {
                let folded = words.split("\n\n").find(|paragraph| paragraph.contains('\n'));
                assert_eq!(folded, None, "{}", command.get_name());
            }
        }
    }

    #[test]
    fn trace_takes_its_file_only_behind_an_equals_sign() {
        let parse = |words: &[&str]| match Arguments::try_parse_from(words).map(|a| a.command) {
            Ok(Command::Cat(cat)) => cat.connection.trace,
            other => panic!("{other:?}"),
        };
        assert_eq!(parse(&["wharf", "cat", "ftp://h/x"]), None);
        assert_eq!(parse(&["wharf", "cat", "--trace", "ftp://h/x"]), Some("-".into()));
        assert_eq!(parse(&["wharf", "cat", "--trace=t", "ftp://h/x"]), Some("t".into()));
    }
}
