//! `cargo xtask bench-client [--only ROW]... [--rounds N]`: our client and its peers at the same work in one run, and the
//! table of it in `docs/benchmarks-client.md`.
//!
//! Each client is a process of its own, as people start it. What counts is the time until it has ended, the CPU seconds
//! that it took, and the most memory that it had. The clients take turns within each round, and the least of the rounds
//! counts. Work over a distance goes over a link of twenty milliseconds (`link.rs`), which takes root; without it
//! those rows are left out, and said to be. What was fetched is counted, so that nobody is fast at doing nothing.
//! With rows named only those run. Each row's figures are kept beside the build (`kept.rs`), and the page is written when all
//! are there, of this very program. It is not a test: no figure makes it fail.

mod clients;
mod grounds;
mod kept;
mod link;
mod page;
mod rows;

use super::reaper::Reaper;
use super::server::{self, Server};
use crate::Ending;
use clients::Setting;
use grounds::Grounds;
use rows::{ROWS, Row};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use std::{io, thread};
use wait4::Wait4;

/// How often each client does each work, unless it is said.
const ROUNDS: usize = 3;
/// How long a client may take, in seconds.
const PATIENCE: &str = "240";
const PAGE: &str = "docs/benchmarks-client.md";

/// What a client has needed.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Figure {
    /// Seconds until it had ended.
    wall: f64,
    /// CPU seconds, user and system.
    cpu: f64,
    /// The most MiB of memory.
    memory: f64,
}

impl Figure {
    fn better(self, other: Self) -> Self {
        Self {
            wall: self.wall.min(other.wall),
            cpu: self.cpu.min(other.cpu),
            memory: self.memory.min(other.memory),
        }
    }
}

/// The figures of one row, in the order of its settings.
struct Result {
    row: &'static Row,
    /// What the server is.
    version: String,
    settings: Vec<(Setting, Option<Figure>)>,
}

/// What the arguments ask for.
#[derive(Debug)]
struct Wanted {
    rows: Vec<&'static Row>,
    rounds: usize,
}

/// Runs the chore.
pub(crate) fn run(arguments: &[String]) -> Ending {
    let mut wanted = wanted(arguments)?;
    let root = super::built()?;
    // A network is a thread's own, and so are the processes that it starts in it.
    let measured = thread::spawn(move || {
        let far = link::enter_own_network().and_then(|()| link::Delay::begin().map(drop));
        if let Err(error) = &far {
            println!("left out, since there is no long link here ({error}): all rows over 20 ms");
            wanted.rows.retain(|row| !row.is_far);
        }
        measure(root, &wanted).map_err(|error| error.to_string())
    });
    measured.join().map_err(|_| "the measurement panicked")??;
    Ok(ExitCode::SUCCESS)
}

/// Reads the arguments.
fn wanted(arguments: &[String]) -> std::result::Result<Wanted, String> {
    let mut wanted = Wanted { rows: Vec::new(), rounds: ROUNDS };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} wants a value"));
        match argument.as_str() {
            "--only" => wanted.rows.push(rows::named(value()?)?),
            "--rounds" => {
                let rounds = value()?;
                wanted.rounds =
                    rounds.parse().ok().filter(|rounds| *rounds > 0).ok_or_else(|| {
                        format!("--rounds wants a number of rounds, and got `{rounds}`")
                    })?;
            }
            _ => return Err(format!("it takes --only ROW and --rounds N, but got `{argument}`")),
        }
    }
    if wanted.rows.is_empty() {
        wanted.rows = ROWS.iter().collect();
    }
    Ok(wanted)
}

fn measure(root: &Path, wanted: &Wanted) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let reaper = Reaper::start()?;
    let wharf = server::our_program(root);
    let grounds = Grounds::make(&reaper, wanted.rows.iter().map(|row| row.work))?;
    let is_wanted = |name: &str| wanted.rows.iter().any(|row| row.server == name);
    let servers = server::all(root, grounds.served(), &reaper, is_wanted)?;
    for row in &wanted.rows {
        let Some(server) = servers.iter().find(|server| server.name == row.server) else {
            println!("left out, since {} is not there: {}", row.server, row.title);
            continue;
        };
        let at = Place { wharf: &wharf, grounds: &grounds, server, reaper: &reaper };
        let result = at.run(row, wanted.rounds)?;
        print!("{}", page::details(&result));
        kept::keep(&wharf, &result)?;
    }
    let results = kept::all(&wharf)?;
    let missing =
        ROWS.iter().filter(|row| results.iter().all(|result| result.row.name != row.name));
    let missing: Vec<&str> = missing.map(|row| row.name).collect();
    if missing.is_empty() {
        std::fs::write(root.join(PAGE), page::page(&wharf, &results)?)?;
        println!("written to {PAGE}");
    } else {
        println!("{PAGE} is written when these rows have been measured too: {}", missing.join(" "));
    }
    Ok(())
}

/// Where a row is run.
struct Place<'a> {
    wharf: &'a Path,
    grounds: &'a Grounds,
    server: &'a Server,
    reaper: &'a Reaper,
}

impl Place<'_> {
    /// All rounds of a row.
    fn run(&self, row: &'static Row, rounds: usize) -> io::Result<Result> {
        let able = row.settings.iter().filter(|setting| setting.is_there());
        let mut settings: Vec<_> = able.map(|setting| (*setting, None)).collect();
        let _delay = row.is_far.then(link::Delay::begin).transpose()?;
        for _ in 0..rounds {
            for (setting, least) in &mut settings {
                match self.once(row, setting) {
                    Ok(figure) => {
                        *least = Some(least.map_or(figure, |least: Figure| least.better(figure)));
                    }
                    Err(error) => println!("{setting} at {}: {error}", row.name),
                }
            }
        }
        Ok(Result { row, version: self.server.version.clone(), settings })
    }

    /// One client at its work.
    fn once(&self, row: &Row, setting: &Setting) -> io::Result<Figure> {
        self.grounds.clear()?;
        let server = match (row.covered, &self.server.covered) {
            (true, Some(covered)) => covered,
            (true, None) => return Err(io::Error::other("the server has no TLS")),
            (false, _) => self.server,
        };
        let words = setting.words(self.wharf, row, server.at, self.grounds);
        let home = self.grounds.home();
        let mut command = Command::new("timeout");
        command.args(["--foreground", PATIENCE]).args(words).current_dir(home);
        command.env("HOME", home).env("LC_ALL", "C.UTF-8").env("TERM", "dumb");
        for variable in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "WHARF_SETTINGS"] {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null()).stdout(self.grounds.said()?).stderr(Stdio::null());
        let begun = Instant::now();
        let ended = self.reaper.spawn(&mut command)?.wait_by(|mut child| child.wait4())?;
        let wall = begun.elapsed().as_secs_f64();
        if !ended.status.success() {
            return Err(io::Error::other(format!("it failed ({})", ended.status)));
        }
        self.grounds.prove(row.work)?;
        let cpu = (ended.rusage.utime + ended.rusage.stime).as_secs_f64();
        Ok(Figure { wall, cpu, memory: ended.rusage.maxrss as f64 / f64::from(1 << 20) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(words: &[&str]) -> std::result::Result<Wanted, String> {
        wanted(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn without_arguments_all_rows_are_wanted() {
        let wanted = wants(&[]).unwrap();
        assert_eq!((wanted.rows.len(), wanted.rounds), (ROWS.len(), ROUNDS));
    }

    #[test]
    fn rows_and_rounds_are_taken_by_name_and_nothing_else_is() {
        let wanted = wants(&["--only", "ls", "--rounds", "1"]).unwrap();
        assert_eq!(wanted.rounds, 1);
        assert_eq!(wanted.rows.iter().map(|row| row.name).collect::<Vec<_>>(), ["ls"]);
        for words in [&["--only", "nap"][..], &["--only"], &["--rounds", "0"], &["ls"]] {
            assert!(wants(words).is_err(), "{words:?}");
        }
    }
}
