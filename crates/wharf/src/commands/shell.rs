//! `wharf shell`: the interactive client; see `shell.rs` beside the folder of commands.

use crate::args::ShellArgs;
use crate::exit::Exit;
use crate::shell::Shell;

pub(crate) fn run(arguments: ShellArgs) -> anyhow::Result<Exit> {
    Shell::new(arguments)?.run()
}
