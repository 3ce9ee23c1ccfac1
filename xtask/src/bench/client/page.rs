//! What was measured, in words and tables.

use super::clients::{Client, Setting};
use super::rows::Bar;
use super::{Figure, Result};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

/// The figures of a row, for whoever watches.
pub(super) fn details(result: &Result) -> String {
    let mut text = format!("{} ({})\n", result.row.title, result.row.name);
    for (setting, figure) in &result.settings {
        let [wall, cpu, memory] = cells(*figure);
        let setting = setting.to_string();
        text += &format!("  {setting:<32}{wall:>9} s{cpu:>9} CPU s{memory:>8} MiB\n");
    }
    for bar in result.row.bars {
        let [bar, reached, met] = judged(result, *bar);
        text += &format!("  bar: {bar}; {reached}: {met}\n");
    }
    text
}

/// The page, as Markdown.
pub(super) fn page(wharf: &Path, results: &[Result]) -> io::Result<String> {
    let mut page = String::from(
        "# Benchmarks of the client\n\nWritten by `cargo xtask bench-client`; do not edit. Each client is a process of its own, \
         started for the work and ended by it. Client and server share one machine and its memory; over 20 ms means a link \
         on which each packet waits for 10 ms, there and back, and is not held up otherwise. Each figure is the least of several rounds, in which the \
         clients took turns. The servers set no limit to the number of sessions. What was fetched was counted. \
         A dash stands for a client that did not do \
         all of it: curl shows on one connection the TLS ticket of another when it has several at a time, which our server turns away; \
         lftp ends before all of 100,000 rows are written.\n\n",
    );
    page += &format!("- {}\n", super::super::machine()?);
    let clients =
        [Client::Wharf, Client::Lftp, Client::Curl, Client::Wget, Client::Tnftp].into_iter();
    for version in clients.filter_map(|client| client.version(wharf)) {
        page += &format!("- {version}\n");
    }
    let mut versions: Vec<&String> = results.iter().map(|result| &result.version).collect();
    versions.sort();
    versions.dedup();
    for version in versions {
        page += &format!("- as a server: {version}\n");
    }
    page += "\n## What is to be reached\n\n`wharf` here is our client without options; peers are taken at their best setting.\n\n";
    page += "| work | bar | figures | |\n| --- | --- | --- | --- |\n";
    for result in results {
        for bar in result.row.bars {
            let [bar, reached, met] = judged(result, *bar);
            page += &format!("| {} | {bar} | {reached} | {met} |\n", result.row.title);
        }
    }
    page += "\n## All figures\n\n| work | client | seconds | CPU s | MiB |\n| --- | --- | --- | --- | --- |\n";
    for result in results {
        for (setting, figure) in &result.settings {
            let [wall, cpu, memory] = cells(*figure);
            let title = result.row.title;
            // It cannot fail.
            let _ = writeln!(page, "| {title} | {setting} | {wall} | {cpu} | {memory} |");
        }
    }
    Ok(page)
}

fn cells(figure: Option<Figure>) -> [String; 3] {
    figure.map_or_else(
        || ["-"; 3].map(str::to_owned),
        |Figure { wall, cpu, memory }| {
            [format!("{wall:.2}"), format!("{cpu:.2}"), format!("{memory:.0}")]
        },
    )
}

/// A bar in words, the figures that it is about, and whether it is met.
fn judged(result: &Result, bar: Bar) -> [String; 3] {
    let ours = result.settings.first().and_then(|(_, figure)| *figure);
    let least = |client, what: fn(Figure) -> f64| {
        let of = result.settings.iter().filter(|(setting, _)| setting.client == client);
        let of = of.filter_map(|(setting, figure)| Some((*setting, what((*figure)?))));
        of.min_by(|(_, one), (_, other)| one.total_cmp(other))
    };
    let beside = |best: Option<(Setting, f64)>, ours: Option<f64>, share: f64| {
        let (Some((setting, best)), Some(ours)) = (best, ours) else { return nothing() };
        let ratio = format!("{ours:.2} beside {best:.2} ({setting}): {:.2}", ours / best);
        (ratio, ours <= share * best)
    };
    let plain = |ours: Option<f64>, most: f64| match ours {
        Some(ours) => (format!("{ours:.2}"), ours <= most),
        None => nothing(),
    };
    let (bar, (reached, met)) = match bar {
        Bar::Wall(most) => (format!("<= {most} s"), plain(ours.map(|f| f.wall), most)),
        Bar::Memory(most) => (format!("<= {most} MiB"), plain(ours.map(|f| f.memory), most)),
        Bar::WallOf(share, client) => (
            format!("seconds <= {share} x {client}"),
            beside(least(client, |f| f.wall), ours.map(|f| f.wall), share),
        ),
        Bar::CpuOf(share, client) => (
            format!("CPU s <= {share} x {client}"),
            beside(least(client, |f| f.cpu), ours.map(|f| f.cpu), share),
        ),
    };
    [bar, reached, if met { "met".to_owned() } else { "**not met**".to_owned() }]
}

fn nothing() -> (String, bool) {
    ("no figure".to_owned(), false)
}

#[cfg(test)]
mod tests {
    use super::super::rows;
    use super::*;

    fn result(walls: &[f64]) -> Result {
        let row = rows::named("far-vsftpd").unwrap();
        let figure = |wall: &f64| Some(Figure { wall: *wall, cpu: *wall, memory: 10.0 });
        let figures = walls.iter().map(figure).chain([None; 20]);
        let settings = row.settings.iter().copied().zip(figures).collect();
        Result { row, version: String::new(), settings }
    }

    #[test]
    fn a_bar_is_held_to_our_client_without_options_and_the_best_setting_of_the_peer() {
        let bar = Bar::WallOf(0.5, Client::Lftp);
        let [_, _, met] = judged(&result(&[1.0, 0.1, 0.1, 2.0, 2.1]), bar);
        assert_eq!(met, "met");
        let [_, reached, met] = judged(&result(&[1.0, 0.1, 0.1, 2.0, 1.9]), bar);
        assert_eq!(met, "**not met**");
        assert!(reached.contains("1.90"), "{reached}");
    }

    #[test]
    fn without_a_figure_no_bar_is_met() {
        for bar in [Bar::Wall(1e9), Bar::Memory(1e9), Bar::WallOf(1e9, Client::Lftp)] {
            assert_eq!(judged(&result(&[]), bar), {
                let [bar, ..] = judged(&result(&[]), bar);
                [bar, "no figure".to_owned(), "**not met**".to_owned()]
            });
        }
    }
}
