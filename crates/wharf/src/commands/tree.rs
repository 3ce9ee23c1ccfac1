//! What commands that move trees have in common: the sessions, what is told while they work, and how it ends.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use wharf_client::{Address, Deed, Error, Happened, Pool, Site, Tally, Throttle, Verdict};
use wharf_proto::Text;

use crate::args::ConnectionArgs;
use crate::args::tls::warn;
use crate::args::tree::{MoveArgs, TreeArgs};
use crate::exit::{Exit, Interrupted, Usage};
use crate::interrupt::unless_interrupted;
use crate::progress::a_second;
use crate::terminal;
use crate::trace::Trace;
use crate::visit::{login, options};

/// How often a log hears how far it is.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
/// How often a reader of JSON does.
const BETWEEN_EVENTS: Duration = Duration::from_secs(1);
/// How many failures are told one by one in plain lines; all of them are in `--failed` and `--json`.
pub(crate) const TOLD: u64 = 50;

/// The sessions with one server, and what their ladders are drawn from.
pub(crate) struct Visit {
    pub(crate) pool: Pool,
    trace: Option<Trace>,
}

impl Visit {
    /// Sessions with the server of an address, of which none is open yet.
    pub(crate) fn new(
        address: &Address,
        connection: &ConnectionArgs,
        moving: &MoveArgs,
        jobs: usize,
    ) -> anyhow::Result<Self> {
        let trace = connection.trace.clone().map(Trace::new);
        let mut options = options(connection, address.scheme, trace.as_ref().map(Trace::tap))?;
        options.throttle = moving.limit_rate.map(Throttle::new);
        warn(&options.tls, connection.quiet);
        let site = Site::new(address.host.clone(), address.port, login(address)?, options);
        Ok(Self { pool: Pool::new(site, jobs), trace })
    }

    /// Does something with them, leaves in order, and draws what was to be drawn.
    pub(crate) async fn during<T>(
        self,
        work: impl AsyncFnOnce(&Pool) -> Result<T, Error>,
    ) -> anyhow::Result<T> {
        let result = unless_interrupted(work(&self.pool)).await;
        if result.is_some() {
            // How QUIT went changes nothing: what was done is proven already.
            let _ = unless_interrupted(self.pool.close()).await;
        }
        let drawn = self.trace.map_or(Ok(()), |trace| trace.draw());
        let done = result.ok_or(Interrupted)??;
        drawn.map(|()| done)
    }
}

/// Tells what happens: lines and a bar for people, JSON for programs.
pub(crate) struct Report {
    begun: Instant,
    told: Instant,
    quiet: bool,
    json: bool,
    bar: Option<ProgressBar>,
    failed: Option<(PathBuf, File)>,
    failures: u64,
    /// How many files have which verdict.
    verdicts: BTreeMap<&'static str, u64>,
    /// The one error, as long as there is one only.
    only_error: Option<Error>,
}

impl Report {
    /// A report to where the options want it.
    pub(crate) fn new(quiet: bool, json: bool, tree: &TreeArgs) -> anyhow::Result<Self> {
        let failed = match &tree.failed {
            None => None,
            Some(path) => {
                let file = File::create(path).with_context(|| format!("{}", path.display()))?;
                Some((path.clone(), file))
            }
        };
        let shows_bar = !quiet && !json && io::stderr().is_terminal();
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        let bar = shows_bar.then(|| {
            let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
            ProgressBar::new_spinner().with_style(style)
        });
        let now = Instant::now();
        Ok(Self {
            begun: now,
            told: now,
            quiet,
            json,
            bar,
            failed,
            failures: 0,
            verdicts: BTreeMap::new(),
            only_error: None,
        })
    }

    /// Takes in what happened.
    pub(crate) fn hear(&mut self, happened: Happened) {
        match happened {
            Happened::Done { path, kind, moved, verdict } => {
                let is_file = matches!(kind, Deed::Fetch | Deed::Store | Deed::Copy);
                if is_file {
                    *self.verdicts.entry(verdict.name()).or_default() += 1;
                }
                let verdict = is_file.then(|| verdict.name());
                self.event("done", || {
                    json!({"action": name(kind), "path": path.to_string(), "bytes": moved, "verdict": verdict})
                });
            }
            Happened::Failed { path, kind, error } => {
                let exit = Exit::of_client(&error) as u8;
                self.event("failed", || {
                    json!({"action": name(kind), "path": path.to_string(), "error": error.to_string(),
                           "reply": error.code(), "exit": exit})
                });
                let folder = matches!(kind, Deed::List | Deed::Make | Deed::Remove);
                self.write_failed(&path, folder);
                self.failure(format_args!("{}: {error}", shown(&path)));
                self.only_error = (self.failures == 1).then_some(error);
            }
            Happened::LeftOut { path, why, is_fault } => {
                self.event(
                    "left-out",
                    || json!({"path": path.to_string(), "why": why, "fault": is_fault}),
                );
                if is_fault {
                    self.failure(format_args!("{}: left out: {why}", shown(&path)));
                    self.only_error = None;
                } else {
                    self.line(format_args!("{}: left out: {why}", shown(&path)));
                }
            }
            Happened::Note(note) => {
                self.event("note", || json!({"text": note}));
                self.line(note);
            }
            Happened::Tick(tally) => self.tick(tally),
            _ => {}
        }
    }

    /// Tells the end, and gives the exit code.
    pub(crate) fn end(mut self, tally: Tally) -> anyhow::Result<Exit> {
        self.bar.take().inspect(ProgressBar::finish_and_clear);
        let seconds = self.begun.elapsed().as_secs_f64();
        let exit = end_of(tally, self.only_error.as_ref().map(Exit::of_client));
        let Tally { done, same, failed, moved } = tally;
        let verdicts = &self.verdicts;
        self.event("end", || {
            json!({"done": done, "same": same, "failed": failed, "bytes": moved, "seconds": seconds,
                   "verdicts": verdicts, "exit": exit as u8})
        });
        self.line(summary(tally, seconds, &self.verdicts));
        if let Some((path, mut file)) = self.failed.take() {
            file.flush().with_context(|| format!("{}", path.display()))?;
            if failed == 0 {
                // Nothing to be tried again.
                let _ = fs::remove_file(path);
            }
        }
        Ok(exit)
    }

    /// Tells the end of a command that moves one file, as its only event.
    pub(crate) fn one<T>(
        &self,
        action: &str,
        path: &Text,
        result: anyhow::Result<T>,
        facts: impl FnOnce(&T) -> (u64, Verdict),
    ) -> anyhow::Result<T> {
        self.one_with(action, path, result, |done| {
            let (moved, verdict) = facts(done);
            json!({"bytes": moved, "verdict": verdict.name()})
        })
    }

    /// The same with whatever facts there are.
    pub(crate) fn one_with<T>(
        &self,
        action: &str,
        path: &Text,
        result: anyhow::Result<T>,
        facts: impl FnOnce(&T) -> Value,
    ) -> anyhow::Result<T> {
        match &result {
            Ok(done) => self.event("done", || {
                let mut facts = facts(done);
                if let Value::Object(object) = &mut facts {
                    object.insert("action".to_owned(), action.into());
                    object.insert("path".to_owned(), path.to_string().into());
                }
                facts
            }),
            Err(error) => self.event("failed", || {
                json!({"action": action, "path": path.to_string(), "error": format!("{error:#}"),
                       "exit": Exit::of(error) as u8})
            }),
        }
        result
    }

    fn tick(&mut self, tally: Tally) {
        let Tally { done, same, failed, moved } = tally;
        if let Some(bar) = &self.bar {
            let rate = a_second(moved, self.begun.elapsed().as_secs_f64().max(0.1));
            let seen =
                if same > 0 { format!(", {} the same", HumanCount(same)) } else { String::new() };
            bar.set_message(format!(
                "{} files, {} at {}/s{seen}",
                HumanCount(done),
                HumanBytes(moved),
                HumanBytes(rate)
            ));
            bar.tick();
            return;
        }
        let between = if self.json { BETWEEN_EVENTS } else { BETWEEN_LINES };
        if self.told.elapsed() < between {
            return;
        }
        self.told = Instant::now();
        self.event(
            "progress",
            || json!({"done": done, "same": same, "failed": failed, "bytes": moved}),
        );
        self.line(format_args!("{} files, {} so far", HumanCount(done), HumanBytes(moved)));
    }

    /// Says something, unless it is for a program or nothing is to be said.
    pub(crate) fn line(&self, line: impl std::fmt::Display) {
        if self.quiet || self.json {
            return;
        }
        match &self.bar {
            Some(bar) => bar.suspend(|| terminal::say(line)),
            None => terminal::say(line),
        }
    }

    /// A line of data, on standard output.
    pub(crate) fn data(&self, line: impl std::fmt::Display) {
        if !self.json {
            // Whoever has heard enough need not be told that.
            let _ = writeln!(io::stdout().lock(), "{line}");
        }
    }

    fn failure(&mut self, line: std::fmt::Arguments<'_>) {
        self.failures += 1;
        if self.json || self.failures > TOLD + 1 {
            return;
        }
        let say = || match self.failures > TOLD {
            true => {
                terminal::say("wharf: further failures are only counted; --failed FILE lists all")
            }
            false => terminal::say(format_args!("wharf: {line}")),
        };
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    /// One object an event.
    pub(crate) fn event(&self, event: &str, facts: impl FnOnce() -> Value) {
        if !self.json {
            return;
        }
        let mut facts = facts();
        if let Value::Object(object) = &mut facts {
            object.insert("event".to_owned(), event.into());
        }
        // Whoever has heard enough need not be told that.
        let _ = writeln!(io::stdout().lock(), "{facts}");
    }

    fn write_failed(&mut self, path: &Text, folder: bool) {
        if let Some((_, file)) = &mut self.failed {
            let slash = if folder { "/" } else { "" };
            // A full disk has been told of by then.
            let _ = writeln!(file, "{}{slash}", written(path));
        }
    }
}

fn name(deed: Deed) -> &'static str {
    match deed {
        Deed::List => "list",
        Deed::Make => "make",
        Deed::Fetch => "fetch",
        Deed::Store => "store",
        Deed::Copy => "copy",
        Deed::Check => "check",
        Deed::Delete => "delete",
        Deed::Remove => "remove",
        _ => "other",
    }
}

/// A path as it stands in a list of failed files: what is not printed, and the percent sign, in percent signs.
fn written(path: &Text) -> String {
    let mut out = String::new();
    for chunk in path.as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || c == '%' {
                let mut bytes = [0; 4];
                c.encode_utf8(&mut bytes)
                    .bytes()
                    .for_each(|byte| out.push_str(&format!("%{byte:02X}")));
            } else {
                out.push(c);
            }
        }
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("%{byte:02X}")));
    }
    out
}

/// The paths of such a list.
pub(crate) fn read_failed(path: &Path) -> anyhow::Result<Vec<Text>> {
    let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let read = |line: &str| {
        let bytes: Vec<u8> = percent_decode_str(line).collect();
        let parts = bytes.strip_suffix(b"/").unwrap_or(&bytes).split(|byte| *byte == b'/');
        let fine = bytes == b"/" || parts.into_iter().all(wharf_proto::listing::names::is_plain);
        if fine {
            Ok(Text::from(bytes))
        } else {
            Err(Usage(format!("{}: no path within a tree: {line}", path.display())))
        }
    };
    Ok(text.lines().filter(|line| !line.is_empty()).map(read).collect::<Result<_, _>>()?)
}

/// How a tree ends; `only` is how the one thing failed, where it was one.
pub(crate) fn end_of(tally: Tally, only: Option<Exit>) -> Exit {
    match (tally.failed, tally.done + tally.same, only) {
        (0, ..) => Exit::Done,
        // When nothing could be done because of one thing, that says it.
        (1, 0, Some(exit)) => exit,
        _ => Exit::Failed,
    }
}

/// What came of a tree, in a line.
pub(crate) fn summary(
    tally: Tally,
    seconds: f64,
    verdicts: &BTreeMap<&'static str, u64>,
) -> String {
    let Tally { done, same, failed, moved } = tally;
    let mut line = format!("{} files, {} in {seconds:.1} s", HumanCount(done), HumanBytes(moved));
    for (verdict, count) in verdicts {
        let _ = write!(line, "; {} {verdict}", HumanCount(*count));
    }
    if same > 0 {
        let _ = write!(line, "; {} the same already", HumanCount(same));
    }
    if failed > 0 {
        let _ = write!(line, "; {} failed", HumanCount(failed));
    }
    line
}

/// A path below the top of a tree, and the top itself.
pub(crate) fn shown(path: &Text) -> String {
    if path.is_empty() { ".".to_owned() } else { path.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_failed_files_holds_any_path() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("failed");
        let paths =
            [&b"a b/\xE6\xB8\xAF"[..], b"x%41", b"line\nend", b"\xFF\xFE", b"d/"].map(Text::from);
        let lines: Vec<String> = paths.iter().map(written).collect();
        fs::write(&list, lines.join("\n")).unwrap();
        assert_eq!(read_failed(&list).unwrap(), paths);
        assert_eq!(lines[0], "a b/港");
        for bad in ["../x", "a//b", "/etc/x", "a/../b"] {
            fs::write(&list, bad).unwrap();
            assert!(read_failed(&list).is_err(), "{bad}");
        }
    }
}
