//! `cargo xtask bench [LOAD ...]`: our release build and every peer that is installed, under the same loads in
//! one run, and the table of it in `docs/benchmarks.md`.
//!
//! The figure is the server's own CPU time, all its processes counted, because wall time says more about the
//! machine than about the server. Servers take turns within each load, and the least of the rounds counts:
//! what disturbs a round only adds to it. With loads named, only those run and nothing is written. It is not a
//! test: no figure makes it fail. However it ends, what it has started ends with it (`reaper.rs`). It loads servers on loopback only, each for a bounded number of files.

pub(crate) mod client;
mod load;
mod peers;
mod reaper;
mod server;
mod usage;

use crate::Ending;
use load::{Figure, LOADS, Load, Unit};
use reaper::Reaper;
use server::Server;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io};
use wharf_proto::time::Timestamp;

/// How often each load is put on each server.
const ROUNDS: usize = 5;

const PAGE: &str = "docs/benchmarks.md";

/// The least figure of each server under one load, in the order of the servers.
type Figures = Vec<Option<Figure>>;

/// Runs the chore.
pub(crate) fn run(arguments: &[String]) -> Ending {
    let loads: Vec<&Load> = match arguments {
        [] => LOADS.iter().collect(),
        names => names.iter().map(|name| load::named(name)).collect::<Result<_, _>>()?,
    };
    let root = built()?;
    let reaper = Reaper::start()?;
    let tree = load::tree(&reaper)?;
    let servers = server::all(root, tree.path(), &reaper, |_| true)?;
    println!("{}", row("load", servers.iter().map(|server| server.name.clone())));
    let mut table = Vec::new();
    for load in loads {
        let figures = measure(load, &servers, tree.path())?;
        println!("{}", row(load.title, figures.iter().map(|figure| shown(*figure))));
        table.push((load, figures));
    }
    if arguments.is_empty() {
        fs::write(root.join(PAGE), page(&servers, &table)?)?;
        println!("written to {PAGE}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds what is to be measured, and gives the workspace's folder.
fn built() -> Result<&'static Path, Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace")?;
    let built = Command::new(env!("CARGO")).args(["build", "--release", "-p", "wharf"]).status()?;
    if built.success() { Ok(root) } else { Err("the release build failed".into()) }
}

/// The least of all rounds, server after server in each.
fn measure(load: &Load, servers: &[Server], tree: &Path) -> io::Result<Figures> {
    let mut least: Figures = vec![None; servers.len()];
    // Memory is taken once: what a server has had of it before, it need not ask for again.
    let rounds = if load.unit == Unit::KibPerSession { 1 } else { ROUNDS };
    let able = if load.ours_alone { 1 } else { servers.len() };
    for _ in 0..rounds {
        for (server, least) in servers.iter().zip(&mut least).take(able) {
            load::clear(tree)?;
            match load.run(server) {
                Ok(figure) => *least = Some(least.map_or(figure, |least| least.better(figure))),
                Err(error) => println!("{} under {}: {error}", server.name, load.title),
            }
        }
    }
    Ok(least)
}

/// What our figure is of the best peer's.
fn ratio(figures: &Figures) -> Option<f64> {
    let (ours, peers) = figures.split_first()?;
    let best = peers.iter().flatten().map(|figure| figure.each).reduce(f64::min)?;
    Some(ours.as_ref()?.each / best)
}

fn shown(figure: Option<Figure>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{:.3}", figure.each))
}

fn row(title: &str, cells: impl Iterator<Item = String>) -> String {
    cells.fold(format!("{title:<44}"), |row, cell| format!("{row}{cell:>14}"))
}

/// The page, as Markdown.
fn page(
    servers: &[Server],
    table: &[(&Load, Figures)],
) -> Result<String, Box<dyn std::error::Error>> {
    let mut page = String::from(
        "# Benchmarks\n\nWritten by `cargo xtask bench`; do not edit. Figures are CPU seconds of the server, user \
         and system, all of its processes, but where another unit is named. Client and servers share one machine \
         and its loopback, so no figure here is a speed over a network; ratios within a row are what they are \
         for. Each is the least of several rounds, in which the servers took turns. The client has a \
         page of its own: [benchmarks-client.md](benchmarks-client.md).\n\n",
    );
    writeln!(page, "- {}", machine()?)?;
    for server in servers {
        writeln!(page, "- {}", server.version)?;
    }
    let names = servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>();
    writeln!(page, "\n| load | unit | {} | ours / best peer |", names.join(" | "))?;
    writeln!(page, "| --- | --- |{} --- |", " --- |".repeat(servers.len()))?;
    for (load, figures) in table {
        let cells = figures.iter().map(|figure| shown(*figure)).collect::<Vec<_>>();
        let unit = match load.unit {
            Unit::SecondsPerGib => "CPU s/GiB",
            Unit::MillisPerFile => "CPU ms each",
            Unit::KibPerSession => "KiB (PSS)",
        };
        let ratio = ratio(figures).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        writeln!(page, "| {} | {unit} | {} | {ratio} |", load.title, cells.join(" | "))?;
    }
    if let (Some(blocks), Some(streams)) = (rate(table, "block"), rate(table, "small")) {
        let times = blocks / streams;
        writeln!(
            page,
            "\nFiles of 4 KiB a second from wharf: {blocks:.0} over one connection in block mode, {streams:.0} over \
             four sessions in stream mode; {times:.1} times as many."
        )?;
    }
    Ok(page)
}

/// How often we did this load in a second.
fn rate(table: &[(&Load, Figures)], name: &str) -> Option<f64> {
    let (_, figures) = table.iter().find(|(load, _)| load.name == name)?;
    Some(figures.first()?.as_ref()?.per_second)
}

/// The machine and the day.
fn machine() -> io::Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp::new(i64::try_from(now.as_secs()).unwrap_or_default(), 0).print_mdtm();
    let (year, rest) = now.split_at(4);
    let (month, rest) = rest.split_at(2);
    let day = rest.get(..2).unwrap_or_default();
    let model = model.trim_start_matches(|c: char| c.is_whitespace() || c == ':');
    Ok(format!("{year}-{month}-{day}, {model}, {cores} cores, Linux {}", kernel.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(each: f64) -> Option<Figure> {
        Some(Figure { each, per_second: 1.0 })
    }

    #[test]
    fn the_ratio_is_to_the_best_peer_that_has_a_figure() {
        assert_eq!(ratio(&vec![figure(1.0), None, figure(4.0), figure(2.0)]), Some(0.5));
        assert_eq!(ratio(&vec![figure(1.0), None]), None);
        assert_eq!(ratio(&vec![None, figure(1.0)]), None);
    }
}
