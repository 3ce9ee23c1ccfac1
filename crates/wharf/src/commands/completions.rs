//! `wharf completions` and `wharf man`: what shells and readers of manuals need, from the one definition of the options.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use clap::{Command, CommandFactory};

use crate::args::{Arguments, CompletionsArgs, ManArgs};
use crate::exit::Exit;

/// Prints the script that completes `wharf` in a shell.
pub(crate) fn completions(arguments: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "wharf", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Exit::Done)
}

/// Writes a manual page for `wharf` and one for each command.
pub(crate) fn man(arguments: &ManArgs) -> anyhow::Result<Exit> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build();
    let folder = &arguments.folder;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    write_page(&command, "wharf", folder)?;
    Ok(Exit::Done)
}

/// The page of a command and of those below it: `wharf.1`, `wharf-user.1`, `wharf-user-add.1`.
fn write_page(command: &Command, name: &str, folder: &Path) -> anyhow::Result<()> {
    let page = folder.join(format!("{name}.1"));
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    fs::write(&page, text).with_context(|| page.display().to_string())?;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_page(below, &format!("{name}-{}", below.get_name()), folder)?;
    }
    Ok(())
}
