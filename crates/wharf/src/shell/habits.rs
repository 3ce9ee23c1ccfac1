//! Commands that people and scripts know from other clients, and that settle nothing here or are done in another way: each
//! is answered with a line.
//!
//! What a script can pass over is no failure; where it would go on with other names or other bytes than it thinks, it is
//! one.

use super::{Outcome, Shell, classic};
use crate::exit::Usage;

/// What a command is answered with.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// It is so already, or makes no difference.
    So(&'static str),
    /// That is done in another way.
    Otherwise(&'static str),
}

use Answer::{Otherwise, So};

/// The table, in the order of the alphabet.
#[rustfmt::skip]
const HABITS: &[(&[&str], Answer)] = &[
    (&["$", "macdef"], Otherwise("lines that are needed again go into a file, which source reads, or into [alias] of client.toml")),
    (&["alias", "prefs"], Otherwise("aliases and settings of hosts stand in client.toml; help tells the commands")),
    (&["at", "repeat", "sleep"], Otherwise("!sleep waits; what is to happen later, cron and a script of wharf shell do")),
    (&["bell"], So("nothing rings")),
    (&["bget", "bput", "queue"], Otherwise("get FILE & and put FILE & go on beside the shell; jobs lists them")),
    (&["bookmark"], Otherwise("bookmarks lists them, open @NAME goes to one; they stand in client.toml")),
    (&["cache"], So("nothing is listed from memory but for Tab")),
    (&["case", "ntrans", "nmap"], Otherwise("names stay as they are; get FILE LOCAL gives a file another one")),
    (&["cr"], Otherwise("ascii makes line ends those of this machine, binary leaves them")),
    (&["debug", "trace"], So("replies are shown; wharf shell --trace=FILE draws the session")),
    (&["du", "find"], Otherwise("sync --dry-run :FOLDER LOCAL lists a tree, and how many bytes it has")),
    (&["edit"], Otherwise("get it, edit it with !, and put it")),
    (&["epsv", "epsv4", "epsv6"], So("EPSV is asked first, PASV where that does not work; what works is remembered")),
    (&["fget"], Otherwise("source reads a file of get lines")),
    (&["gate", "site-proxy"], Otherwise("wharf shell --proxy ftp://gateway goes through a gateway, socks5:// and http:// through a proxy")),
    (&["glob"], So("patterns mean files in mget, mput and mdelete only")),
    (&["hash", "tick", "progress"], So("how far a file is, is shown at a terminal")),
    (&["history"], So("the arrow keys go through what was typed, Ctrl-R searches it")),
    (&["lpage", "lmore"], Otherwise("!less FILE")),
    (&["mdir", "mls", "pdir", "pls"], Otherwise("ls and dir list one folder; wharf ls URL | less, or > FILE")),
    (&["mirror"], Otherwise("sync :FOLDER LOCAL makes the tree here like the one there, sync LOCAL :FOLDER the other way; get -r fetches")),
    (&["mmv"], Otherwise("mv FROM TO renames one name at a time")),
    (&["pget"], Otherwise("wharf get --segments N URL; the shell fetches a file over its own session")),
    (&["preserve"], So("a file that is fetched has the time of the one on the server")),
    (&["prompt"], So("nothing is asked before each file")),
    (&["proxy"], Otherwise("copy NAME URL moves between this server and another")),
    (&["rate"], Otherwise("wharf shell --limit-rate 2M")),
    (&["restart"], Otherwise("get goes on where a broken one ended by itself, put does with --resume")),
    (&["runique", "sunique"], Otherwise("get FILE LOCAL and put LOCAL FILE say the name; put --atomic keeps the old file until the new one is whole")),
    (&["sendport"], So("in active mode the server is told a port; active and passive say which mode")),
    (&["show"], Otherwise("status tells how things stand")),
    (&["verbose"], So("replies are shown; with -q only what went wrong")),
    (&["rcvbuf", "sndbuf", "xferbuf"], So("the system finds the sizes of buffers out by itself")),
];

/// The names of all of them.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    HABITS.iter().flat_map(|(names, _)| names.iter().copied())
}

/// What this command is answered with, if it is one of these.
pub(super) fn words(name: &str) -> Option<&'static str> {
    let (_, answer) = HABITS.iter().find(|(names, _)| names.contains(&name))?;
    Some(match answer {
        So(words) | Otherwise(words) => words,
    })
}

/// Answers such a command.
pub(super) fn answer(shell: &Shell, name: &str) -> Option<Outcome> {
    let (_, answer) = HABITS.iter().find(|(names, _)| names.contains(&name))?;
    Some(match answer {
        So(words) => classic::told(shell, words),
        Otherwise(words) => Err(Usage(format!("{name}: {words}")).into()),
    })
}
