//! The shell's commands: a row each, with its help and its function.
//!
//! What connects is in `connect.rs`, what moves bytes in `transfer.rs`; the rest is small and stands here.

use std::env;
use std::io::{self, Write};

use anyhow::Context;
use wharf_client::Way;
use wharf_proto::{Command, Text, Verb};

use super::transfer::path_of;
use super::{Call, Flow, Outcome, Shell, connect, transfer};
use crate::exit::Usage;
use crate::settings;

/// A command of the shell.
pub(crate) struct Row {
    /// What it is called; the first name is the usual one.
    names: &'static [&'static str],
    /// What stands behind the name.
    usage: &'static str,
    /// What it does, in one line.
    help: &'static str,
    /// Does it.
    pub(crate) run: fn(&mut Shell, &Call<'_>) -> Outcome,
}

/// The table. The order is that of HELP: as one needs them.
#[rustfmt::skip]
static ROWS: &[Row] = &[
    Row { names: &["open", "connect"], usage: "HOST [PORT] | URL | @BOOKMARK", help: "connect to a server", run: connect::open },
    Row { names: &["bookmarks"], usage: "", help: "list the bookmarks, which open takes as @NAME", run: bookmarks },
    Row { names: &["user", "login"], usage: "[NAME [PASSWORD]]", help: "log in", run: connect::user },
    Row { names: &["ls"], usage: "[PATH]", help: "list a folder", run: transfer::ls },
    Row { names: &["dir"], usage: "[PATH]", help: "list a folder as the server words it", run: transfer::dir },
    Row { names: &["cd"], usage: "FOLDER", help: "go to a folder of the server; .. is the one above", run: cd },
    Row { names: &["pwd"], usage: "", help: "tell which folder that is", run: pwd },
    Row { names: &["get"], usage: "FILE [LOCAL]", help: "fetch a file", run: transfer::get },
    Row { names: &["put"], usage: "LOCAL [FILE]", help: "store a file", run: transfer::put },
    Row { names: &["cat"], usage: "FILE", help: "show what is in a file", run: transfer::cat },
    Row { names: &["size"], usage: "FILE", help: "tell how many bytes a file has", run: size },
    Row { names: &["rename", "mv"], usage: "FROM TO", help: "rename a file or folder", run: rename },
    Row { names: &["delete", "rm"], usage: "FILE", help: "delete a file", run: delete },
    Row { names: &["mkdir"], usage: "FOLDER", help: "make a folder", run: mkdir },
    Row { names: &["rmdir"], usage: "FOLDER", help: "remove an empty folder", run: rmdir },
    Row { names: &["lcd"], usage: "FOLDER", help: "go to a folder of this machine", run: lcd },
    Row { names: &["lpwd"], usage: "", help: "tell which folder that is", run: lpwd },
    Row { names: &["binary"], usage: "", help: "move files byte by byte", run: |shell, _| set_text(shell, false) },
    Row { names: &["ascii"], usage: "", help: "move files as text, with the other side's line ends", run: |shell, _| set_text(shell, true) },
    Row { names: &["passive"], usage: "", help: "open data connections from here", run: |shell, _| connect::set_way(shell, Way::Passive) },
    Row { names: &["active"], usage: "", help: "let the server open data connections", run: |shell, _| connect::set_way(shell, Way::Active) },
    Row { names: &["quote"], usage: "COMMAND", help: "send a command of the protocol, such as SYST", run: quote },
    Row { names: &["close"], usage: "", help: "end the session, stay here", run: connect::close },
    Row { names: &["help", "?"], usage: "[COMMAND]", help: "list the commands, or explain one", run: help },
    Row { names: &["quit", "bye", "exit"], usage: "", help: "end the session and leave", run: |_, _| Ok(Flow::Quit) },
];

/// The row of this name.
pub(crate) fn named(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.names.contains(&name))
}

fn bookmarks(_: &mut Shell, _: &Call<'_>) -> Outcome {
    let mut out = io::stdout().lock();
    for (name, address) in settings::bookmarks()? {
        writeln!(out, "@{name} {address}")?;
    }
    Ok(Flow::On)
}

fn cd(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [path] = call.words else { return Err(Usage("cd FOLDER".to_owned()).into()) };
    let plain = shell.connection.plain;
    shell.with(async |session| match path.as_bytes() {
        b".." if !plain => session.cdup().await,
        _ => session.cwd(path).await,
    })?;
    connect::look_around(shell)
}

fn pwd(shell: &mut Shell, _: &Call<'_>) -> Outcome {
    let place = shell.with(async |session| session.pwd().await)?;
    print(place)
}

fn size(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [path] = call.words else { return Err(Usage("size FILE".to_owned()).into()) };
    let size = shell.with(async |session| session.size(path).await)?;
    print(size.with_context(|| format!("{path}: the server does not tell its size"))?)
}

fn rename(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [from, to] = call.words else { return Err(Usage("rename FROM TO".to_owned()).into()) };
    shell.with(async |session| session.rename(from, to).await)?;
    Ok(Flow::On)
}

fn delete(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [path] = call.words else { return Err(Usage("delete FILE".to_owned()).into()) };
    shell.with(async |session| session.delete(path).await)?;
    Ok(Flow::On)
}

fn mkdir(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [path] = call.words else { return Err(Usage("mkdir FOLDER".to_owned()).into()) };
    shell.with(async |session| session.mkdir(path).await)?;
    Ok(Flow::On)
}

fn rmdir(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let [path] = call.words else { return Err(Usage("rmdir FOLDER".to_owned()).into()) };
    shell.with(async |session| session.rmdir(path).await)?;
    Ok(Flow::On)
}

fn lcd(_: &mut Shell, call: &Call<'_>) -> Outcome {
    let [path] = call.words else { return Err(Usage("lcd FOLDER".to_owned()).into()) };
    env::set_current_dir(path_of(path)).with_context(|| path.to_string())?;
    Ok(Flow::On)
}

fn lpwd(_: &mut Shell, _: &Call<'_>) -> Outcome {
    let place = env::current_dir().context("the current folder")?;
    print(Text::from(place.into_os_string().into_encoded_bytes()))
}

fn set_text(shell: &mut Shell, text: bool) -> Outcome {
    shell.text = text;
    shell.screen.note(if text {
        "files are moved as text"
    } else {
        "files are moved byte by byte"
    });
    Ok(Flow::On)
}

/// Sends a line as it is. What opens a data connection has a command of its own here.
fn quote(shell: &mut Shell, call: &Call<'_>) -> Outcome {
    let command = Command::parse(call.rest.as_bytes()).map_err(|error| Usage(error.to_string()))?;
    let verb = command.verb();
    if verb.opens_transfer() {
        return Err(Usage(format!("{verb} moves data; use ls, get or put")).into());
    }
    // The two ends would no longer agree on what is under TLS.
    if matches!(verb, Verb::Auth | Verb::Ccc | Verb::Pbsz | Verb::Prot | Verb::Rein | Verb::Sscn) {
        let why =
            format!("{verb} changes how the session is protected; use close, and open ftpes://...");
        return Err(Usage(why).into());
    }
    shell.with(async |session| session.quote(&command).await)?;
    Ok(Flow::On)
}

fn help(_: &mut Shell, call: &Call<'_>) -> Outcome {
    let mut out = io::stdout().lock();
    match call.words {
        [] => {
            for row in ROWS {
                let call = format!("{} {}", row.names.join(", "), row.usage);
                writeln!(out, "  {call:<32} {}", row.help)?;
            }
        }
        [name, ..] => {
            let row = named(&name.to_string())
                .ok_or_else(|| Usage(format!("{name}: no such command")))?;
            writeln!(out, "{} {}", row.names.join(", "), row.usage)?;
            writeln!(out, "  {}", row.help)?;
        }
    }
    Ok(Flow::On)
}

/// Prints the answer of a command.
fn print(answer: impl std::fmt::Display) -> Outcome {
    writeln!(io::stdout().lock(), "{answer}")?;
    Ok(Flow::On)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_by_each_of_its_names_and_no_name_is_taken_twice() {
        let mut names: Vec<&str> = ROWS.iter().flat_map(|row| row.names.iter().copied()).collect();
        for name in &names {
            assert!(named(name).is_some_and(|row| row.names.contains(name)));
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(named("LS").is_none());
    }
}
