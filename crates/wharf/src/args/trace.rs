//! The options of `wharf trace`.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, ValueEnum};

use wharf_ladder::Hide;
use wharf_ladder::logs::{FORMS, Form};

use super::LangArg;
use crate::commands::trace::filter::Filter;

/// `wharf trace`.
#[derive(Args, Clone, Debug)]
pub(crate) struct TraceArgs {
    /// A capture, pcap or pcapng, the log of another server or client, or the file that --tap or --trace=FILE.jsonl has
    /// written, as it is or packed by gzip or zstd; standard input if nothing is said, or `-`. Or a folder of such files as
    /// --tap writes
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The file is a text log of this form [default: found out from its lines]
    #[arg(
        long = "log",
        value_name = "FORM",
        conflicts_with = "live",
        value_parser = PossibleValuesParser::new(FORMS.iter().map(|form| form.name)).try_map(form)
    )]
    pub(crate) log: Option<&'static Form>,
    /// Capture on this interface, or on `any`, until Ctrl-C: it needs root, or CAP_NET_RAW, and keeps neither
    #[arg(long, value_name = "IFACE", conflicts_with_all = ["file", "follow"])]
    pub(crate) live: Option<String>,
    /// Keep what is captured in this file, pcapng, as it is: with passwords and contents, so
    /// nobody but its owner may read it
    #[arg(long, value_name = "FILE", requires = "live")]
    pub(crate) write: Option<PathBuf>,
    /// What to make of it
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
    /// As `--format json`: an object a line, at the end one with the totals
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
    /// One line a session; with --json an object, with --stats what its transfers came to as well
    #[arg(long)]
    pub(crate) list: bool,
    /// Add what transfers came to: how long they took to begin and in all, their rate, what was sent again, windows; and at
    /// the end the totals. JSON always has them
    #[arg(long)]
    pub(crate) stats: bool,
    /// Only these sessions, by the numbers that --list shows: 3 or 3-7; may be given several times
    #[arg(long = "session", value_name = "N|A-B", value_parser = numbers)]
    pub(crate) sessions: Vec<RangeInclusive<u64>>,
    /// Only sessions in which this address takes part
    #[arg(long, value_name = "IP")]
    pub(crate) host: Option<IpAddr>,
    /// Take connections to this port for control connections, beside 21, 990 and 2121; on any other port they are
    /// known by what is said on them. May be given several times
    #[arg(long = "port", value_name = "PORT")]
    pub(crate) ports: Vec<u16>,
    /// Read what went under TLS with the keys in this file, which SSLKEYLOGFILE has a client write and --tls-key-log
    /// `wharf serve`; those in a pcapng file are used without being told. May be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Vec<PathBuf>,
    /// Only sessions that fit, as `host 10.0.0.0/8 and finding D*`: host, port, verb, code, finding, bytes, longer (seconds),
    /// failed, or any word of the session; and, or, not, and parentheses
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<Filter>,
    /// Look through the sessions on the whole terminal; ? there tells the keys
    #[cfg(feature = "tui")]
    #[arg(long, conflicts_with_all = ["format", "json", "list", "stats", "compare", "beside"])]
    pub(crate) tui: bool,
    /// Keep up to so many rows of a captured session, its beginning and its end [default: 4096; with --packets 100000]
    #[arg(long, value_name = "N")]
    pub(crate) rows: Option<usize>,
    /// Set two sessions side by side, by their numbers: what both have, where they part, and which steps took longer
    #[arg(
        long,
        value_name = "A,B",
        value_parser = two_numbers,
        conflicts_with_all = ["live", "follow", "list", "stats", "filter", "sessions", "host"]
    )]
    pub(crate) compare: Option<(u64, u64)>,
    /// The second session of --compare is in this file
    #[arg(long, value_name = "FILE", requires = "compare")]
    pub(crate) against: Option<PathBuf>,
    /// The same sessions as they were captured at the other end: which packets both saw, what was rewritten or lost on the way,
    /// how addresses are translated, and how far the clocks are apart. Which file is the client's end is found out
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["live", "follow", "list", "stats", "filter", "compare"]
    )]
    pub(crate) beside: Option<PathBuf>,
    /// With --format pcapng: the frames of the sessions as they were captured, with passwords, contents and the keys of TLS
    /// that are known, in place of synthesised ones without
    #[arg(long, conflicts_with_all = ["redact", "live", "follow", "list"])]
    pub(crate) with_secrets: bool,
    /// Put numbers in place of the names of users, or of files and folders, in all that is made: user, names, or user,names.
    /// Passwords are never shown
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',', conflicts_with = "write")]
    pub(crate) redact: Vec<RedactArg>,
    /// Wait for more at the end of a file that still grows, or in a folder of --tap, until Ctrl-C
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) drawing: DrawingArgs,
}

impl TraceArgs {
    /// What is made.
    pub(crate) fn form(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }

    /// What is hidden.
    pub(crate) fn hide(&self) -> Hide {
        let is_asked = |what| self.redact.contains(&what);
        Hide { users: is_asked(RedactArg::User), names: is_asked(RedactArg::Names) }
    }

    /// Whether sessions are set against each other.
    pub(crate) fn is_of_pairs(&self) -> bool {
        self.compare.is_some() || self.beside.is_some()
    }

    /// Whether the sessions are shown on the whole terminal.
    pub(crate) fn is_on_screen(&self) -> bool {
        #[cfg(feature = "tui")]
        return self.tui;
        #[cfg(not(feature = "tui"))]
        false
    }
}

/// How ladders are drawn.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Drawing")]
pub(crate) struct DrawingArgs {
    /// Show every packet: those too that acknowledge and nothing else, and each segment of a transfer by itself
    #[arg(long)]
    pub(crate) packets: bool,
    /// Show all lines of replies that have several
    #[arg(long)]
    pub(crate) whole_replies: bool,
    /// Write a line about each row: beside it where there is room, else below the ladder
    #[arg(long)]
    pub(crate) notes: bool,
    /// The language of all that is not the protocol's [default: that of the environment]
    #[arg(long, value_enum, value_name = "LANG")]
    pub(crate) lang: Option<LangArg>,
    /// Columns [default: those of the terminal, else 80]
    #[arg(long, value_name = "COLUMNS")]
    pub(crate) width: Option<usize>,
    /// How many columns this terminal gives to characters of ambiguous width, such as lines and arrows
    /// (auto asks it)
    #[arg(long, value_enum, value_name = "1|2|auto", default_value = "1")]
    pub(crate) ambiguous: AmbiguousArg,
    /// Draw with ASCII characters only
    #[arg(long)]
    pub(crate) ascii: bool,
    /// Leave out every time, so that two runs of the same session give the same text
    #[arg(long)]
    pub(crate) no_times: bool,
}

/// How wide a terminal draws characters of ambiguous width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AmbiguousArg {
    /// One column.
    #[value(name = "1")]
    One,
    /// Two columns.
    #[value(name = "2")]
    Two,
    /// As the terminal says when it is asked.
    Auto,
}

/// What `wharf trace` hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RedactArg {
    /// The names of users.
    User,
    /// The names of files and folders.
    Names,
}

/// What `wharf trace` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Ladders for a terminal.
    Text,
    /// A picture; one below the other where there are several.
    Svg,
    /// One file with the pictures, the same as tables, and the findings.
    Html,
    /// An object a line: sessions, rows, findings.
    Json,
    /// Sequence diagrams, for wikis.
    Mermaid,
    /// A capture again, of synthesised packets without secrets or contents, with rows and findings as comments.
    Pcapng,
}

/// The form of log of a name.
fn form(name: String) -> Result<&'static Form, String> {
    Form::named(&name).ok_or_else(|| format!("`{name}` is no form of log"))
}

/// Reads `3` or `3-7`.
fn numbers(text: &str) -> Result<RangeInclusive<u64>, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| "a number, or two: 3-7".to_owned());
    match text.split_once('-') {
        Some((first, last)) => Ok(number(first)?..=number(last)?),
        None => number(text).map(|one| one..=one),
    }
}

/// Reads `3,7`.
fn two_numbers(text: &str) -> Result<(u64, u64), String> {
    let wrong = || "two numbers of sessions: 3,7".to_owned();
    let (one, other) = text.split_once(',').ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
    Ok((number(one)?, number(other)?))
}
