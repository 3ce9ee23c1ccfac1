//! The `wharf` binary: reads the command line and hands over to the command.
//!
//! What can be asked for is in `args.rs`, what is done about it in `commands/`, how it ends in `exit.rs`.

#![forbid(unsafe_code)]

mod args;
mod commands;
mod config;
mod confine;
mod events;
mod exit;
mod interrupt;
#[cfg(feature = "keyring")]
mod keyring;
mod output;
mod progress;
mod pseudo;
mod remedy;
mod retry;
mod settings;
mod shell;
mod standard;
#[cfg(feature = "sqlite")]
mod store;
mod tap;
mod terminal;
mod trace;
mod visit;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = args::Arguments::try_parse();
    commands::run(arguments.unwrap_or_else(|error| args::redacted(error).exit())).into()
}
