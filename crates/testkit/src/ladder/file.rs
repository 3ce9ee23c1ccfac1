//! The text of a ladder to steps, and steps with their answers to text.

use std::time::Duration;

use wharf_proto::server::{Policy, TlsPolicy};

use super::words;
use crate::escape::unescape;

/// Where the bar stands that parts the columns.
const BAR: usize = 38;

/// A ladder as it is written, the right column left out.
#[derive(Debug)]
pub(super) struct Ladder {
    /// Title and sentences, and the line that heads the columns: kept as they are.
    head: String,
    pub(super) given: Given,
    pub(super) rows: Vec<Row>,
}

/// What is the case before the first row.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Who is logged in.
    pub(super) login: Option<&'static str>,
    /// Whether the control connection is one of IPv6.
    pub(super) ipv6: bool,
    pub(super) policy: Policy,
}

/// A row of the left column.
#[derive(Debug)]
pub(super) struct Row {
    /// Its line in the file, from 1.
    pub(super) number: usize,
    /// As it is written; empty for the greeting, which comes before all steps.
    text: String,
    /// Nothing for what only the reader sees.
    pub(super) step: Option<Step>,
}

/// What happens to the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Bytes come. If more of the same segment follow in the next row, they are handed in with those.
    Bytes { bytes: Vec<u8>, more: bool },
    /// The words of an outcome.
    Outcome(String),
    /// Time goes by.
    Wait(Duration),
    /// The client sends no more.
    InputEnd,
    /// The server shuts down.
    Shutdown,
    /// The transfer has moved so many bytes.
    Moved(u64),
}

impl Ladder {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let heading = text.lines().position(|line| left(line) == "client");
        let heading = heading.ok_or("there is no line `client ... | server` over the columns")?;
        let (mut head, mut rows) = (String::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            if number <= heading {
                head.push_str(line);
                head.push('\n');
            } else if number > heading + 1 {
                let row = Row::parse(number, line).map_err(|error| at(number, &error))?;
                rows.extend(row);
            }
        }
        join_segments(&mut rows)?;
        let given = read_head(&head)?;
        Ok(Self { head, given, rows })
    }

    /// The whole file, each row with what the server answered to it; the first answer is the greeting.
    pub(super) fn print(&self, greeting: &[String], answers: &[Vec<String>]) -> String {
        let mut out = self.head.clone();
        print_row(&mut out, "client", &["server".to_owned()]);
        if !greeting.is_empty() {
            print_row(&mut out, "", greeting);
        }
        for (row, answer) in self.rows.iter().zip(answers) {
            print_row(&mut out, &row.text, answer);
        }
        out
    }
}

impl Row {
    /// Nothing for a row that has only a right column: it is written anew.
    fn parse(number: usize, line: &str) -> Result<Option<Self>, String> {
        let text = left(line).to_owned();
        if text.is_empty() && !line.trim().is_empty() {
            return Ok(None);
        }
        let step = match text.split_at_checked(2) {
            _ if text.is_empty() || text.starts_with('#') => None,
            Some((mark, rest)) => Some(Step::parse(mark, rest)?),
            None if text == ">" => Some(Step::parse("> ", "")?),
            None => return Err(format!("no such step: {text}")),
        };
        Ok(Some(Self { number, text, step }))
    }
}

impl Step {
    fn parse(mark: &str, rest: &str) -> Result<Self, String> {
        match mark {
            "> " | "& " => {
                let (text, end): (_, &[u8]) = match rest.strip_suffix('\\') {
                    Some(open) if !open.ends_with('\\') => (open, b""),
                    _ => (rest, b"\r\n"),
                };
                let bytes = [unescape(text)?.as_slice(), end].concat();
                Ok(Self::Bytes { bytes, more: false })
            }
            "< " => {
                let inside = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
                Ok(Self::Outcome(inside.ok_or("an outcome stands in brackets")?.to_owned()))
            }
            "~ " => read_duration(rest).map(Self::Wait).ok_or_else(|| format!("how long? {rest}")),
            "= " => match rest {
                "input ends" => Ok(Self::InputEnd),
                "server shuts down" => Ok(Self::Shutdown),
                _ => words::number(rest, " bytes moved")
                    .map(Self::Moved)
                    .ok_or_else(|| format!("no such event: {rest}")),
            },
            _ => Err(format!("no such step: {mark}{rest}")),
        }
    }
}

/// Marks the rows whose segment goes on in the next one.
fn join_segments(rows: &mut [Row]) -> Result<(), String> {
    for next in 1..=rows.len() {
        let goes_on = rows.get(next).is_some_and(|row| row.text.starts_with("& "));
        let Some(row) = rows.get_mut(next - 1) else { break };
        match &mut row.step {
            Some(Step::Bytes { more, .. }) => *more = goes_on,
            _ if goes_on => return Err(at(row.number + 1, "`&` goes on after `>` or `&`")),
            _ => {}
        }
    }
    Ok(())
}

/// Reads title, sentences and what is given.
fn read_head(head: &str) -> Result<Given, String> {
    let mut lines = head.lines();
    if !lines.next().is_some_and(|title| title.starts_with("# ") && title.len() > 4) {
        return Err(at(1, "a ladder begins with a title, `# ...`"));
    }
    if !lines.any(|line| line.ends_with('.') && !line.starts_with("Given: ")) {
        return Err("a ladder says what it shows before the columns".to_owned());
    }
    let mut given = Given::default();
    for line in head.lines().filter_map(|line| line.strip_prefix("Given: ")) {
        for item in line.trim_end_matches('.').split(", ") {
            given.read(item).ok_or_else(|| format!("what is given: {item}?"))?;
        }
    }
    Ok(given)
}

impl Given {
    fn read(&mut self, item: &str) -> Option<()> {
        let policy = &mut self.policy;
        match item {
            "logged in" => self.login = Some("bob"),
            "logged in as anonymous" => self.login = Some("anonymous"),
            "over IPv6" => self.ipv6 = true,
            "complete_with_250" => policy.complete_with_250 = true,
            "tls" => policy.tls = Some(TlsPolicy::default()),
            "tls with ccc" => policy.tls = Some(TlsPolicy { ccc: true, ..TlsPolicy::default() }),
            _ => {
                let (name, value) = item.split_once(' ')?;
                let number: u32 = value.parse().ok()?;
                match name {
                    "line_cap" => policy.line_cap = usize::try_from(number).ok()?,
                    "waiting_cap" => policy.waiting_cap = usize::try_from(number).ok()?,
                    "commands_before_login" => policy.commands_before_login = number,
                    "wrong_passwords" => policy.wrong_passwords = number,
                    _ => return None,
                }
            }
        }
        Some(())
    }
}

fn read_duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_once(' ')?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "min" => Some(Duration::from_secs(number * 60)),
        _ => None,
    }
}

/// The left column of a line.
fn left(line: &str) -> &str {
    let at_bar = line.get(BAR - 1..=BAR) == Some(" |");
    line.get(..BAR).filter(|_| at_bar).unwrap_or(line).trim_end()
}

fn at(number: usize, error: &str) -> String {
    format!("line {number}: {error}")
}

/// Writes a row and as many more as its answer needs.
fn print_row(out: &mut String, text: &str, answer: &[String]) {
    let mut left = text;
    if left.len() >= BAR || answer.is_empty() {
        out.push_str(left);
        out.push('\n');
        left = "";
    }
    for line in answer {
        let row = format!("{left:BAR$}| {line}");
        out.push_str(row.trim_end());
        out.push('\n');
        left = "";
    }
}
