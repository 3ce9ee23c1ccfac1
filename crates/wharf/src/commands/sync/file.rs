//! The plan file of `wharf sync`: what `--plan` writes and `--apply` reads.
//!
//! A JSON object a line. The first one, the head, says which trees are meant and by what options they were compared, and
//! how many steps there are, so that a file that was cut is known for one; each other line is a step. A name that is not
//! UTF-8 has its bytes besides, in hexadecimal, as in the events of `--json`. No password is ever in it.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wharf_client::{Address, Direction, Plan, Reason, Step, StepKind};
use wharf_proto::Text;
use wharf_proto::listing::Precision;
use wharf_proto::listing::names::is_plain;
use wharf_proto::time::{Timestamp, parse_mdtm};

use crate::args::sync::{AlikeArgs, CompareArg};
use crate::events::{spelled, utc};
use crate::exit::Usage;

/// The form that is written and read here.
const VERSION: u64 = 1;
/// Bytes of a line at most.
const LONGEST: u64 = 1 << 20;

/// The first line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    #[serde(rename = "wharf-plan")]
    version: u64,
    /// When it was made.
    made: String,
    direction: String,
    local: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    local_hex: Option<String>,
    remote: String,
    compare: String,
    delete: bool,
    links: bool,
    exclude: Vec<String>,
    include: Vec<String>,
    /// What the ignore file said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ignore: Option<String>,
    /// How many lines follow.
    steps: u64,
}

/// A step, as a line has it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Row {
    step: String,
    why: String,
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    old_size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    old_modified: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_hex: Option<String>,
}

/// Where the two trees are.
pub(super) struct Places {
    pub(super) direction: Direction,
    pub(super) local: PathBuf,
    pub(super) remote: Address,
}

/// Writes a plan that was made by these options to a file, or to standard output for `-`.
///
/// # Errors
/// The file cannot be written, or the plan not be read back.
pub(super) fn write(
    to: &Path,
    plan: &Plan,
    places: &Places,
    how: &AlikeArgs,
) -> anyhow::Result<()> {
    let name = || shown(to, "standard output");
    let mut out: Box<dyn Write> = match to.as_os_str().as_bytes() {
        b"-" => Box::new(BufWriter::new(io::stdout().lock())),
        _ => Box::new(BufWriter::new(File::create(to).with_context(name)?)),
    };
    let mut line = |object: String| writeln!(out, "{object}").with_context(name);
    line(serde_json::to_string(&Head::new(plan, places, how)?)?)?;
    for step in plan.steps()? {
        line(serde_json::to_string(&Row::of(&step?))?)?;
    }
    out.flush().with_context(name)
}

/// A plan file that was read.
pub(super) struct Planned {
    pub(super) places: Places,
    /// How the trees were compared.
    pub(super) compare: CompareArg,
    pub(super) delete: bool,
    pub(super) links: bool,
    pub(super) exclude: Vec<String>,
    pub(super) include: Vec<String>,
    pub(super) ignore: Option<String>,
    /// What is made or moved, by path.
    pub(super) moves: HashMap<Text, Step>,
    /// What goes, by path.
    pub(super) deletes: HashMap<Text, Step>,
}

impl Planned {
    /// Reads a plan from a file, or from standard input for `-`.
    ///
    /// # Errors
    /// The file cannot be read, or is no plan: told with the line.
    pub(super) fn read(from: &Path) -> anyhow::Result<Self> {
        let name = shown(from, "standard input");
        let input: Box<dyn Read> = match from.as_os_str().as_bytes() {
            b"-" => Box::new(io::stdin().lock()),
            _ => Box::new(File::open(from).with_context(|| name.clone())?),
        };
        let mut lines = Lines { name, from: BufReader::new(input), number: 0 };
        let Some(line) = lines.next()? else { return lines.bad("it is empty, and no plan") };
        let head = Head::parse(&line).or_else(|why| lines.bad(why))?;
        let (compare, places) = head.meaning().or_else(|why| lines.bad(why))?;
        let Head { delete, links, exclude, include, ignore, steps, .. } = head;
        let (moves, deletes) = Default::default();
        let mut plan =
            Self { places, compare, delete, links, exclude, include, ignore, moves, deletes };
        while let Some(line) = lines.next()? {
            let step = Row::parse(&line).or_else(|why| lines.bad(why))?;
            let side = if step.kind.is_deletion() { &mut plan.deletes } else { &mut plan.moves };
            if side.insert(step.path.clone(), step).is_some() {
                return lines.bad("the path has a step already");
            }
        }
        let read = plan.moves.len() + plan.deletes.len();
        if u64::try_from(read) != Ok(steps) {
            let why = format!("it has {read} steps, of {steps}: it was cut or edited");
            return lines.bad(why);
        }
        Ok(plan)
    }
}

/// The lines of a plan file, with their numbers.
struct Lines {
    name: String,
    from: BufReader<Box<dyn Read>>,
    number: u64,
}

impl Lines {
    /// The next line, without its end.
    fn next(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut part = self.from.by_ref().take(LONGEST);
        part.read_until(b'\n', &mut line).with_context(|| self.name.clone())?;
        if line.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        match line.pop() {
            Some(b'\n') => Ok(Some(line)),
            _ => self.bad("it ends in the midst of a line, or is no plan"),
        }
    }

    /// What is wrong with the line that was read last.
    fn bad<T>(&self, why: impl Into<String>) -> anyhow::Result<T> {
        // What a file holds may hold anything.
        let why = Text::from(why.into());
        Err(Usage(format!("{}:{}: {why}", self.name, self.number.max(1))).into())
    }
}

impl Head {
    fn new(plan: &Plan, places: &Places, how: &AlikeArgs) -> anyhow::Result<Self> {
        let local = std::path::absolute(&places.local).context("the tree here")?;
        let (local, local_hex) = spelled(local.as_os_str().as_bytes());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let ignore = how.tree.ignore_file.as_deref();
        let read =
            |path: &Path| fs::read_to_string(path).with_context(|| path.display().to_string());
        // Of a plan that has not seen everything nothing is deleted, and so no deletion is written.
        let written =
            StepKind::ALL.into_iter().filter(|kind| !(plan.is_blind() && kind.is_deletion()));
        Ok(Self {
            version: VERSION,
            made: utc(Timestamp::new(i64::try_from(now).unwrap_or(i64::MAX), 0)),
            direction: direction_name(places.direction).to_owned(),
            local,
            local_hex,
            remote: places.remote.to_string(),
            compare: how
                .compare
                .to_possible_value()
                .map_or_else(String::new, |value| value.get_name().to_owned()),
            delete: how.delete,
            links: !how.no_links,
            exclude: how.tree.exclude.clone(),
            include: how.tree.include.clone(),
            ignore: ignore.map(read).transpose()?,
            steps: written.map(|kind| plan.count(kind)).sum(),
        })
    }

    fn parse(line: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(line).map_err(|_| "it is no plan".to_owned())?;
        match value["wharf-plan"].as_u64() {
            None => Err("it is no plan".to_owned()),
            Some(VERSION) => serde_json::from_value(value).map_err(|error| error.to_string()),
            Some(other) => {
                Err(format!("a plan of version {other}; version {VERSION} is read here"))
            }
        }
    }

    /// How the trees were compared, and where they are.
    fn meaning(&self) -> Result<(CompareArg, Places), String> {
        let compare = CompareArg::from_str(&self.compare, false)
            .map_err(|_| format!("no way to compare: {}", self.compare))?;
        let named = |way: &Direction| direction_name(*way) == self.direction;
        let direction = [Direction::Up, Direction::Down].into_iter().find(named);
        let direction = direction.ok_or_else(|| format!("no direction: {}", self.direction))?;
        let local = bytes_of(&self.local, self.local_hex.as_deref())?;
        let local = PathBuf::from(std::ffi::OsString::from_vec(local));
        if !local.is_absolute() {
            return Err("the folder here is not named from the root on".to_owned());
        }
        let remote = self.remote.parse().map_err(|error| format!("{}: {error}", self.remote))?;
        Ok((compare, Places { direction, local, remote }))
    }
}

impl Row {
    fn of(step: &Step) -> Self {
        let (path, path_hex) = spelled(step.path.as_bytes());
        let target = Some(&step.target).filter(|target| !target.is_empty());
        let target = target.map(|target| spelled(target.as_bytes()));
        let (target, target_hex) = target.map_or((None, None), |(text, hex)| (Some(text), hex));
        Self {
            step: step.kind.name().to_owned(),
            why: step.reason.words().to_owned(),
            path,
            path_hex,
            size: step.size,
            modified: step.modified.map(utc),
            old_size: step.old_size,
            old_modified: step.old_modified.map(utc),
            target,
            target_hex,
        }
    }

    /// The step of a line.
    fn parse(line: &[u8]) -> Result<Step, String> {
        let row: Self = serde_json::from_slice(line).map_err(|error| {
            let why = error.to_string();
            format!("no step of a plan: {}", why.split(" at line ").next().unwrap_or_default())
        })?;
        let kind = StepKind::ALL.into_iter().find(|kind| kind.name() == row.step);
        let kind = kind.ok_or_else(|| format!("no step: {}", row.step))?;
        let reason = Reason::ALL.into_iter().find(|reason| reason.words() == row.why);
        let reason = reason.ok_or_else(|| format!("no reason: {}", row.why))?;
        let path = bytes_of(&row.path, row.path_hex.as_deref())?;
        // The top itself may have to be made.
        let is_top = path.is_empty() && kind == StepKind::Make;
        if !is_top && !path.split(|byte| *byte == b'/').all(is_plain) {
            return Err(format!("no path within a tree: {}", row.path));
        }
        let target = match row.target {
            Some(text) => bytes_of(&text, row.target_hex.as_deref())?,
            None => Vec::new(),
        };
        let moment = |text: Option<String>| text.map(|text| moment(&text)).transpose();
        Ok(Step {
            kind,
            reason,
            path: path.into(),
            size: row.size,
            modified: moment(row.modified)?,
            old_size: row.old_size,
            old_modified: moment(row.old_modified)?,
            mode: None,
            target: target.into(),
            told: Precision::Second,
        })
    }
}

fn shown(path: &Path, stream: &str) -> String {
    if path.as_os_str() == "-" { stream.to_owned() } else { path.display().to_string() }
}

fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}

/// The bytes of a text that [`spelled`] wrote.
fn bytes_of(text: &str, hex: Option<&str>) -> Result<Vec<u8>, String> {
    let Some(hex) = hex else { return Ok(text.as_bytes().to_vec()) };
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(pair).collect();
    bytes.ok_or_else(|| format!("not in hexadecimal: {hex}"))
}

/// The moment that [`utc`] wrote.
fn moment(text: &str) -> Result<Timestamp, String> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
    let read = parse_mdtm(&digits).filter(|at| utc(*at) == text);
    read.ok_or_else(|| format!("no time: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(path: &[u8]) -> Step {
        Step {
            kind: StepKind::Update,
            reason: Reason::Newer,
            path: path.into(),
            size: Some(u64::MAX - 1),
            modified: Some(Timestamp::new(1_700_000_000, 0)),
            old_size: Some(0),
            old_modified: Some(Timestamp::new(-1, 0)),
            mode: None,
            target: Text::default(),
            told: Precision::Second,
        }
    }

    const HEAD: &str = r#"{"wharf-plan":1,"made":"","direction":"up","local":"/t","remote":"ftp://h/t","compare":"size,time","delete":false,"links":true,"exclude":[],"include":[],"steps":"#;

    fn read(text: &str) -> Result<Planned, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan");
        fs::write(&path, text).unwrap();
        let said =
            |error: anyhow::Error| error.to_string().split_once("plan:").unwrap().1.to_owned();
        Planned::read(&path).map_err(said)
    }

    #[test]
    fn a_step_with_any_name_comes_back_as_it_was() {
        for path in [&b"a b/\xE6\xB8\xAF"[..], b"\xFF\xFE", b"line\nend\"", b"x%41"] {
            let link = Step { kind: StepKind::Link, target: path.into(), ..step(path) };
            for step in [step(path), link] {
                let line = serde_json::to_string(&Row::of(&step)).unwrap();
                assert!(!line.contains('\n'), "{line}");
                assert_eq!(Row::parse(line.as_bytes()), Ok(step));
            }
        }
    }

    #[test]
    fn what_is_no_plan_is_told_with_its_line() {
        let row = serde_json::to_string(&Row::of(&step(b"a"))).unwrap();
        assert_eq!(read(&format!("{HEAD}1}}\n{row}\n")).unwrap().moves.len(), 1);
        let out = row.replace(r#""path":"a""#, r#""path":"../a""#);
        let hidden = row.replace(r#""path":"a""#, r#""path":"a","path_hex":"2f61""#);
        for (text, why) in [
            (String::new(), "1: it is empty"),
            ("garbage\n".to_owned(), "1: it is no plan"),
            ("{}\n".to_owned(), "1: it is no plan"),
            (format!("{HEAD}1}}\n").replace("plan\":1", "plan\":2"), "1: a plan of version 2"),
            (format!("{HEAD}1}}\n").replace("\"/t", "\"t"), "1: the folder here"),
            (format!("{HEAD}1}}\n"), "1: it has 0 steps, of 1"),
            (format!("{HEAD}1}}\n{}", &row[..20]), "2: it ends in the midst"),
            (format!("{HEAD}2}}\n{row}\n{row}\n"), "3: the path has a step already"),
            (format!("{HEAD}1}}\n\n"), "2: no step of a plan"),
            (format!("{HEAD}1}}\n{out}\n"), "2: no path within a tree: ../a"),
            (format!("{HEAD}1}}\n{hidden}\n"), "2: no path within a tree"),
            (format!("{HEAD}1}}\n{}\n", row.replace("newer", "\\u001b[2J")), r"2: no reason: \x1b"),
        ] {
            let said = read(&text).map(|_| ()).unwrap_err();
            assert!(said.starts_with(why), "{said}, not {why}");
        }
    }
}
