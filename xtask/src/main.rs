//! `cargo xtask CHORE`: the checks and chores of this repository, as rows of one table.
//!
//! A chore is what people would otherwise do by hand or in a shell script nobody tests. It is not
//! part of the product: nothing depends on this crate. Of ours it sees
//! wharf-proto, whose tables it prints, and wharf-ladder, which draws what the documentation shows.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a chore's result is what it prints")]
#![expect(clippy::print_stderr, reason = "what went wrong is for the person, not the pipe")]

mod bench;
mod map;
mod session;
mod tidy;

use std::error::Error;
use std::process::ExitCode;

/// How a chore ends: done, found something, or could not run at all.
type Ending = Result<ExitCode, Box<dyn Error>>;

/// One row of the table.
struct Chore {
    name: &'static str,
    summary: &'static str,
    run: fn(arguments: &[String]) -> Ending,
}

/// Every chore. A new one is a row here and a module beside this file.
static CHORES: &[Chore] = &[
    Chore { name: "bench", summary: "measure our server beside its peers", run: bench::run },
    Chore {
        name: "bench-client",
        summary: "measure our client beside its peers",
        run: bench::client::run,
    },
    Chore { name: "help", summary: "list the chores", run: help },
    Chore { name: "map", summary: "write docs/COMMANDS.md from the verb table", run: map::run },
    Chore { name: "session", summary: "write docs/session.md from captures", run: session::run },
    Chore { name: "tidy", summary: "check the rules the compiler does not know", run: tidy::run },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, rest) = match arguments.split_first() {
        Some((name, rest)) => (name.as_str(), rest),
        None => ("help", &[][..]),
    };
    let Some(chore) = find(name) else {
        eprintln!("xtask: no chore is named `{name}`; `cargo xtask help` lists them");
        return ExitCode::from(2);
    };
    (chore.run)(rest).unwrap_or_else(|error| {
        eprintln!("xtask {name}: {error}");
        ExitCode::FAILURE
    })
}

/// The chore of that name.
fn find(name: &str) -> Option<&'static Chore> {
    CHORES.iter().find(|chore| chore.name == name)
}

/// `cargo xtask help`.
fn help(arguments: &[String]) -> Ending {
    takes_nothing(arguments)?;
    println!("usage: cargo xtask CHORE\n");
    for Chore { name, summary, .. } in CHORES {
        println!("  {name:<14}{summary}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses arguments on behalf of a chore that has none.
fn takes_nothing(arguments: &[String]) -> Result<(), String> {
    match arguments.first() {
        None => Ok(()),
        Some(word) => Err(format!("takes no arguments, but got `{word}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chore_is_found_by_its_name() {
        for chore in CHORES {
            assert_eq!(find(chore.name).map(|found| found.summary), Some(chore.summary));
        }
        assert!(find("nap").is_none());
    }

    #[test]
    fn a_chore_without_arguments_refuses_them() {
        assert_eq!(takes_nothing(&[]), Ok(()));
        assert!(takes_nothing(&["--fast".to_owned()]).is_err());
    }
}
