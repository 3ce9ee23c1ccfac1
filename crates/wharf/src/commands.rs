//! The commands, a file each, and how their end is told.
//!
//! A command gives its exit code or an error; it prints its data itself, and its errors are printed here.

pub(crate) mod cat;
pub(crate) mod check;
mod completions;
pub(crate) mod copy;
mod demo;
pub(crate) mod get;
mod ls;
pub(crate) mod mkdir;
mod mv;
pub(crate) mod put;
pub(crate) mod rm;
mod serve;
mod shell;
pub(crate) mod stat;
pub(crate) mod sync;
pub(crate) mod trace;
pub(crate) mod tree;
#[cfg(feature = "sqlite")]
mod user;

use std::future::Future;

use anyhow::Context;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use wharf_client::{AddressError, Error};

pub(crate) use ls::{Form, Printer};

use wharf_proto::Text;

use crate::args::{Arguments, Command};
use crate::events::Events;
use crate::exit::{Exit, Failed, Told};
use crate::interrupt::heeding_signals;
use crate::{remedy, settings, terminal};

/// Does what the command line asks for.
pub(crate) fn run(mut arguments: Arguments) -> Exit {
    let events = arguments.command.events();
    let result = match arguments.command.settle() {
        Ok(()) => carry_out(arguments, &events),
        Err(error) => Err(error.into()),
    };
    let exit = result.as_ref().map_or_else(report, |exit| *exit);
    settings::keep_memory();
    events.end(exit, result.as_ref().err());
    match terminal::lost().filter(|_| exit == Exit::Done) {
        Some(error) => report(&anyhow::Error::from(error).context("standard output")),
        None => exit,
    }
}

fn carry_out(arguments: Arguments, events: &Events) -> anyhow::Result<Exit> {
    match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        #[cfg(feature = "sqlite")]
        Command::User(arguments) => user::run(&arguments),
        Command::Ls(arguments) => alone(ls::run(&arguments, events)),
        Command::Cat(arguments) => alone(cat::run(&arguments, events)),
        Command::Get(arguments) => alone(get::run(&arguments, events)),
        Command::Put(arguments) => alone(put::run(&arguments, events)),
        Command::Rm(arguments) => alone(rm::run(&arguments, events)),
        Command::Mkdir(arguments) => alone(mkdir::run(&arguments, events)),
        Command::Mv(arguments) => alone(mv::run(&arguments, events)),
        Command::Stat(arguments) => alone(stat::run(&arguments, events)),
        Command::Sync(arguments) => alone(sync::run(&arguments, events)),
        Command::Copy(arguments) => alone(copy::run(&arguments, events)),
        Command::Shell(arguments) => shell::run(arguments),
        Command::Check(arguments) => alone(check::run(&arguments, events)),
        Command::Trace(arguments) => trace::run(&arguments),
        Command::Completions(arguments) => completions::completions(&arguments),
        Command::Man(arguments) => completions::man(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
    }
}

/// Runs a command of the client, for which one thread is enough.
fn alone(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let runtime = client_runtime()?;
    let result = runtime.block_on(heeding_signals(command));
    // A write to a pipe that nobody reads must not keep the program from ending.
    runtime.shutdown_background();
    result
}

pub(crate) fn client_runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("cannot begin")
}

/// A command of several parts, of which some may fail.
#[derive(Default)]
pub(crate) struct Parts {
    events: Events,
    done: usize,
    failed: usize,
    /// How the first of them ended that failed.
    first: Option<Exit>,
}

impl Parts {
    /// Parts of which programs are told, too.
    pub(crate) fn telling(events: &Events) -> Self {
        Self { events: events.clone(), ..Self::default() }
    }

    /// Counts a part; what failed is told.
    pub(crate) fn count<E: Into<anyhow::Error>>(&mut self, result: Result<(), E>) {
        self.count_told(result.map_err(|error| report(&error.into())));
    }

    /// Counts what was done with this path.
    pub(crate) fn tell(&mut self, action: &str, path: &Text, result: Result<(), Error>) {
        let result = result.map_err(anyhow::Error::from);
        self.count(self.events.one(action, path, result, |()| (None, json!({}))));
    }

    /// Counts a part of which has been told how it ended.
    pub(crate) fn count_told(&mut self, result: Result<(), Exit>) {
        match result {
            Ok(()) => self.done += 1,
            Err(exit) => {
                self.failed += 1;
                self.first.get_or_insert(exit);
            }
        }
    }

    /// Counts what was done with this path, or refused.
    ///
    /// # Errors
    /// What went wrong otherwise, which concerns the parts behind it as well. Programs are told by [`Parts::ended`].
    pub(crate) fn judge(
        &mut self,
        action: &str,
        path: &Text,
        result: Result<(), Error>,
    ) -> Result<(), Error> {
        match result {
            Ok(()) | Err(Error::Refused { .. } | Error::RefusedFor { .. }) => {
                self.tell(action, path, result);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// How many parts are done with, one way or the other.
    pub(crate) fn counted(&self) -> usize {
        self.done + self.failed
    }

    /// How the command ends, of whose parts this path was the next; tells programs of that what ended all of it.
    ///
    /// # Errors
    /// What ended all of it.
    pub(crate) fn ended(
        &self,
        action: &str,
        next: Option<&Text>,
        all: anyhow::Result<()>,
    ) -> anyhow::Result<Exit> {
        let all = all.inspect_err(|error| {
            if let Some(path) = next {
                self.events.failed(action, path, error);
            }
        });
        all.map(|()| self.end())
    }

    /// How many failed.
    pub(crate) fn failed(&self) -> usize {
        self.failed
    }

    /// What the whole comes to, where nothing else can go wrong with it.
    ///
    /// # Errors
    /// Some of it failed.
    pub(crate) fn outcome(&self) -> Result<(), Failed> {
        match self.failed {
            0 => Ok(()),
            failed => Err(Failed { exit: self.end(), failed, all: self.done + failed }),
        }
    }

    /// How the command ends: as the first part that failed, if nothing was done.
    pub(crate) fn end(&self) -> Exit {
        match self.first {
            None => Exit::Done,
            Some(exit) if self.done == 0 => exit,
            Some(_) => Exit::Failed,
        }
    }
}

/// Says what went wrong, why, and what could help; gives the exit code for it.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    let (exit, words) = explained(error, "wharf");
    words.into_iter().for_each(terminal::say);
    exit
}

/// What went wrong, why, and what could help, a line each, and the exit code for it. `who` begins the first line.
pub(crate) fn explained(error: &anyhow::Error, who: &str) -> (Exit, Option<String>) {
    let exit = Exit::of(error);
    if exit == Exit::Done || error.is::<Told>() {
        return (exit, None);
    }
    let mut words = format!("{who}: {}", words(error));
    if let Some(advice) = remedy::of(error) {
        words.push_str("\n  ");
        words.push_str(advice);
    }
    (exit, Some(words))
}

/// What went wrong, and in the midst of what.
pub(crate) fn words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain() {
        if !words.is_empty() {
            words.push_str(": ");
        }
        words.push_str(&cause.to_string());
        // The library's errors tell their causes themselves.
        if cause.is::<Error>() || cause.is::<AddressError>() {
            break;
        }
    }
    words
}
