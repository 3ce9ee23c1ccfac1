//! What happens, told to programs: `--json`. One object a line, each with its `event`; the last one is always `end`.
//!
//! The grammar is here and nowhere else: which fields every event has, how a path is written, how an error is told. It stands in
//! docs/client.md, for the programs are written by others. Where it goes is the caller's business: a command has standard
//! output, one whose file goes there standard error, a job of the shell its own voice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use wharf_client::{Amount, Deed, Error, Progress, Tally, UnderWay, Verdict};
use wharf_proto::Text;
use wharf_proto::time::Timestamp;

use crate::exit::Exit;
use crate::progress::a_second;
use crate::terminal;

/// How often a program hears how far it is.
const BETWEEN: Duration = Duration::from_secs(1);

/// Where events go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error, because the file itself goes to standard output.
    Err,
}

/// The events of one command; clones tell the same ones. Those of a command that was not asked for any go nowhere.
#[derive(Clone, Default)]
pub(crate) struct Events(Option<Arc<Told>>);

struct Told {
    write: Box<dyn Fn(&Value) + Send + Sync>,
    begun: Instant,
    totals: Mutex<Totals>,
}

/// What all of it comes to, for the last event.
#[derive(Default)]
struct Totals {
    tally: Tally,
    /// How many files have which verdict.
    verdicts: BTreeMap<&'static str, u64>,
    /// What only this command has to say at its end.
    more: Map<String, Value>,
    /// When it was told last how far it is.
    told: Option<Instant>,
}

impl Events {
    /// Events to this stream, if they are `wanted`.
    pub(crate) fn to(stream: Stream, wanted: bool) -> Self {
        if !wanted {
            return Self::default();
        }
        Self::through(move |object| match stream {
            Stream::Out => terminal::give_out(object),
            Stream::Err => terminal::say(object),
        })
    }

    /// Events that are written by this.
    pub(crate) fn through(write: impl Fn(&Value) + Send + Sync + 'static) -> Self {
        let (write, totals) = (Box::new(write), Mutex::default());
        Self(Some(Arc::new(Told { write, begun: Instant::now(), totals })))
    }

    /// Whether anybody wants to hear of anything.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Tells an event of this name, with these facts.
    pub(crate) fn tell(&self, event: &str, facts: impl FnOnce() -> Value) {
        let Some(told) = &self.0 else { return };
        let mut facts = facts();
        facts["event"] = event.into();
        (told.write)(&facts);
    }

    /// Something is done at this path; the facts may name `bytes`.
    pub(crate) fn done(&self, action: &str, path: &Text, facts: impl FnOnce() -> Value) {
        self.tell("done", || with_path(path, with("action", action, facts())));
    }

    /// Something could not be done at this path.
    pub(crate) fn failed(&self, action: &str, path: &Text, error: &anyhow::Error) {
        self.count_failed();
        self.tell("failed", || with_path(path, with("action", action, explained(error))));
    }

    /// The same of an error of the library.
    pub(crate) fn failed_by(&self, action: &str, path: &Text, error: &Error) {
        self.count_failed();
        self.tell("failed", || with_path(path, with("action", action, of_client(error))));
    }

    fn count_failed(&self) {
        if let Some(mut totals) = self.totals() {
            totals.tally.failed += 1;
        }
    }

    /// How something went that is all that was asked for, or one of several such things. Gives the result back.
    pub(crate) fn one<T>(
        &self,
        action: &str,
        path: &Text,
        result: anyhow::Result<T>,
        facts: impl FnOnce(&T) -> (Option<Amount>, Value),
    ) -> anyhow::Result<T> {
        match &result {
            Ok(done) => {
                let (amount, mut facts) = facts(done);
                if let Some(mut totals) = self.totals() {
                    let Amount { bytes, moved } = amount.unwrap_or_default();
                    totals.tally.done += 1;
                    totals.tally.bytes += bytes;
                    totals.tally.moved += moved;
                }
                if let Some(Amount { bytes, moved }) = amount {
                    facts["bytes"] = bytes.into();
                    facts["moved"] = moved.into();
                }
                self.done(action, path, || facts);
            }
            Err(error) => self.failed(action, path, error),
        }
        result
    }

    /// The same of a file: how many bytes it has, how many were moved, and what is known of them.
    pub(crate) fn file<T>(
        &self,
        action: &str,
        path: &Text,
        result: anyhow::Result<T>,
        facts: impl FnOnce(&T) -> (Amount, Verdict),
    ) -> anyhow::Result<T> {
        self.one(action, path, result, |done| {
            let (amount, verdict) = facts(done);
            self.verdict(verdict.name());
            (Some(amount), json!({ "verdict": verdict.name() }))
        })
    }

    /// What a name is, which is what was asked for.
    pub(crate) fn entry(&self, facts: impl FnOnce() -> Value) {
        if let Some(mut totals) = self.totals() {
            totals.tally.done += 1;
        }
        self.tell("entry", facts);
    }

    /// Something would be done at this path.
    pub(crate) fn step(&self, path: &Text, facts: impl FnOnce() -> Value) {
        self.tell("step", || with_path(path, facts()));
    }

    /// Something at this path is left out; `is_fault`: because something is wrong with it.
    pub(crate) fn left_out(&self, path: &Text, why: &str, is_fault: bool) {
        self.tell("left-out", || with_path(path, json!({ "why": why, "fault": is_fault })));
    }

    /// Something is worth knowing.
    pub(crate) fn note(&self, text: &str) {
        self.tell("note", || json!({ "text": text }));
    }

    /// It is tried again after `wait`, for the `number`th time.
    pub(crate) fn retry(&self, number: u32, wait: Duration, why: &Error) {
        self.tell("retry", || {
            let facts = with("number", number, of_client(why));
            with("wait", wait.as_secs_f64(), facts)
        });
    }

    /// How far one file is, from now on.
    pub(crate) fn course(&self, action: &'static str, path: &Text) -> Course {
        let (events, path) = (self.clone(), path.clone());
        Course { events, action, path, from: 0, total: None, begun: Instant::now() }
    }

    /// How far many files are, now and then; `total` bytes are to be moved, where that is known.
    pub(crate) fn progress(&self, tally: Tally, total: Option<u64>, under_way: &[UnderWay]) {
        let Some(begun) = self.is_due() else { return };
        let Tally { done, same, failed, moved, .. } = tally;
        self.tell("progress", || {
            let file = |file: &UnderWay| {
                with_path(&file.path, json!({ "at": file.at, "total": file.total }))
            };
            let files: Vec<Value> = under_way.iter().map(file).collect();
            let facts = json!({ "done": done, "same": same, "failed": failed, "bytes": moved,
                "total": total, "files": files });
            paced(facts, (0, moved), total, begun)
        });
    }

    /// What all of it comes to.
    pub(crate) fn comes_to(&self, tally: Tally, verdicts: &BTreeMap<&'static str, u64>) {
        if let Some(mut totals) = self.totals() {
            totals.tally = tally;
            totals.verdicts.clone_from(verdicts);
        }
    }

    /// One file has this verdict.
    pub(crate) fn verdict(&self, verdict: &'static str) {
        if let Some(mut totals) = self.totals() {
            *totals.verdicts.entry(verdict).or_default() += 1;
        }
    }

    /// Something that the last event is to tell besides.
    pub(crate) fn and_at_the_end(&self, name: &str, value: impl Into<Value>) {
        if let Some(mut totals) = self.totals() {
            totals.more.insert(name.to_owned(), value.into());
        }
    }

    /// Tells the end: with the error, where it ended with one.
    pub(crate) fn end(&self, exit: Exit, error: Option<&anyhow::Error>) {
        if self.is_on() {
            let error = error.filter(|_| exit != Exit::Done);
            self.finish(exit, error.map_or_else(|| json!({}), explained));
        }
    }

    /// The same where it ended with an error of the library.
    pub(crate) fn end_by(&self, error: &Error) {
        if self.is_on() {
            self.finish(Exit::of_client(error), of_client(error));
        }
    }

    fn finish(&self, exit: Exit, mut facts: Value) {
        let Some(told) = &self.0 else { return };
        let Some(totals) = self.totals() else { return };
        let Tally { done, same, failed, deleted, bytes, moved } = totals.tally;
        let counts = [("done", done), ("same", same), ("failed", failed), ("deleted", deleted)];
        let numbers = counts.into_iter().chain([("bytes", bytes), ("moved", moved)]);
        for (name, number) in numbers {
            facts[name] = number.into();
        }
        for (name, value) in &totals.more {
            facts[name] = value.clone();
        }
        facts["verdicts"] = json!(totals.verdicts);
        facts["seconds"] = told.begun.elapsed().as_secs_f64().into();
        facts["exit"] = (exit as u8).into();
        drop(totals);
        self.tell("end", || facts);
    }

    /// Since when it goes on, if it is time to tell how far it is.
    fn is_due(&self) -> Option<Instant> {
        let begun = self.0.as_ref()?.begun;
        let mut totals = self.totals()?;
        let is_due = totals.told.unwrap_or(begun).elapsed() >= BETWEEN;
        is_due.then(|| {
            totals.told = Some(Instant::now());
            begun
        })
    }

    fn totals(&self) -> Option<MutexGuard<'_, Totals>> {
        Some(self.0.as_ref()?.totals.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How far one file is.
#[derive(Clone)]
pub(crate) struct Course {
    events: Events,
    action: &'static str,
    path: Text,
    from: u64,
    total: Option<u64>,
    begun: Instant,
}

impl Course {
    /// Takes in what the transfer tells.
    pub(crate) fn hear(&mut self, progress: Progress) {
        let Self { events, action, path, .. } = self;
        match progress {
            Progress::Begins { at, total } => {
                (self.from, self.total, self.begun) = (at, total, Instant::now());
                let facts = || json!({ "action": action, "at": at, "total": total });
                events.tell("begin", || with_path(path, facts()));
            }
            Progress::At(at) if events.is_due().is_some() => {
                let facts = json!({ "action": action, "at": at, "total": self.total });
                let facts = paced(facts, (self.from, at), self.total, self.begun);
                events.tell("progress", || with_path(path, facts));
            }
            _ => {}
        }
    }

    /// Something is worth knowing of it.
    pub(crate) fn note(&self, text: &str) {
        self.events.note(text);
    }
}

/// What is done to a piece of a tree, in a word.
pub(crate) fn action(deed: Deed) -> &'static str {
    match deed {
        Deed::List => "list",
        Deed::Make => "make",
        Deed::Link => "link",
        Deed::Fetch => "fetch",
        Deed::Store => "store",
        Deed::Copy => "copy",
        Deed::Check => "check",
        Deed::Delete => "delete",
        Deed::Remove => "remove",
        _ => "other",
    }
}

/// With how many bytes a second that is, and how many seconds are left.
fn paced(mut facts: Value, (from, at): (u64, u64), total: Option<u64>, begun: Instant) -> Value {
    let rate = a_second(at.saturating_sub(from), begun.elapsed().as_secs_f64().max(0.1));
    let left = total.filter(|_| rate > 0).map(|total| total.saturating_sub(at).div_ceil(rate));
    facts["rate"] = rate.into();
    facts["left"] = left.into();
    facts
}

fn with(name: &str, value: impl Into<Value>, mut facts: Value) -> Value {
    facts[name] = value.into();
    facts
}

/// With what is told of an error, where there is one; its exit code is that of the whole.
pub(crate) fn with_error(mut facts: Value, error: Option<&Error>) -> Value {
    let of_error = error.map(of_client).unwrap_or_default();
    for (field, value) in
        of_error.as_object().into_iter().flatten().filter(|(field, _)| *field != "exit")
    {
        facts[field] = value.clone();
    }
    facts
}

/// With a path.
fn with_path(path: &Text, mut facts: Value) -> Value {
    spell(&mut facts, "path", path.as_bytes());
    facts
}

/// Adds a name: as text, and where it is not UTF-8 its bytes besides, in hexadecimal, in `FIELD_hex`.
pub(crate) fn spell(facts: &mut Value, field: &str, bytes: &[u8]) {
    let (text, hex) = spelled(bytes);
    facts[field] = text.into();
    if let Some(hex) = hex {
        facts[format!("{field}_hex")] = hex.into();
    }
}

/// A moment as it is written for programs: `2026-11-23T09:46:00Z`.
pub(crate) fn utc(at: Timestamp) -> String {
    let at = at.civil();
    let (year, month, day) = (at.year, at.month, at.day);
    let (hour, minute, second) = (at.hour, at.minute, at.second);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Bytes as text, and where they are not UTF-8 in hexadecimal besides.
pub(crate) fn spelled(bytes: &[u8]) -> (String, Option<String>) {
    let hex = || bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let is_text = std::str::from_utf8(bytes).is_ok();
    (String::from_utf8_lossy(bytes).into_owned(), (!is_text).then(hex))
}

/// What is told of an error: its words and its cause, the last command and reply, what helps, and its exit code.
fn explained(error: &anyhow::Error) -> Value {
    let exit = Exit::of(error);
    let mut facts = match error.chain().find_map(|cause| cause.downcast_ref::<Error>()) {
        Some(error) => of_client(error),
        None => {
            json!({ "cause": exit.cause(), "command": null, "reply": null, "text": null })
        }
    };
    facts["error"] = crate::commands::words(error).into();
    facts["remedy"] = crate::remedy::of(error).into();
    facts["exit"] = (exit as u8).into();
    facts
}

fn of_client(error: &Error) -> Value {
    let command = error.last().map(|last| &last.command).filter(|command| !command.is_empty());
    let reply = error.reply();
    json!({
        "error": error.to_string(), "cause": error.cause(), "exit": Exit::of_client(error) as u8,
        "command": command.map(ToString::to_string),
        "reply": reply.map(|reply| reply.code.value()),
        "text": reply.map(|reply| {
            let lines: Vec<String> = reply.lines.iter().map(ToString::to_string).collect();
            lines.join("\n")
        }),
        "remedy": error.advice(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Usage;
    use wharf_client::Exchange;
    use wharf_proto::reply::Code;
    use wharf_proto::{Reply, Verb};

    fn heard() -> (Events, impl Fn() -> Vec<Value>) {
        let all = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&all);
        let events = Events::through(move |event| kept.lock().unwrap().push(event.clone()));
        (events, move || std::mem::take(&mut *all.lock().unwrap()))
    }

    #[test]
    fn an_error_is_told_with_its_cause_the_last_command_and_reply_and_what_helps() {
        let (events, told) = heard();
        let reply = Code::new(550).map(|code| Reply::line(code, "x: no such file"));
        let last =
            Exchange { verb: Some(Verb::Retr), command: "RETR x".into(), reply, unended: false };
        let error = Error::Refused { last: Box::new(last) };
        let result: anyhow::Result<()> = Err(anyhow::Error::from(error).context("there"));
        let error = events.one("fetch", &b"x\xff"[..].into(), result, |()| (None, json!({})));
        events.end(Exit::NotFound, Some(&error.unwrap_err()));
        let told = told();
        let [failed, end] = &told[..] else { panic!("{told:?}") };
        assert_eq!((&failed["event"], &failed["action"]), (&json!("failed"), &json!("fetch")));
        assert_eq!(failed["path_hex"], "78ff");
        for event in [failed, end] {
            assert_eq!(event["cause"], "not-found");
            assert_eq!((&event["command"], &event["reply"]), (&json!("RETR x"), &json!(550)));
            assert_eq!((&event["text"], &event["exit"]), (&json!("x: no such file"), &json!(5)));
            assert!(event["error"].as_str().unwrap().starts_with("there: RETR x was refused"));
            assert!(event["remedy"].as_str().unwrap().contains("spelling"));
        }
        assert_eq!((&end["event"], &end["failed"]), (&json!("end"), &json!(1)));
    }

    #[test]
    fn what_is_no_error_of_the_library_has_the_same_fields() {
        let (events, told) = heard();
        events.end(Exit::Usage, Some(&Usage("no".to_owned()).into()));
        let end = &told()[0];
        assert_eq!((&end["cause"], &end["reply"]), (&json!("usage"), &Value::Null));
        events.end(Exit::Done, None);
        assert!(told()[0].get("error").is_none());
    }

    #[test]
    fn nobody_who_does_not_ask_is_told_anything() {
        Events::default().tell("done", || panic!("nobody asked"));
        Events::default().end(Exit::Done, None);
    }
}
