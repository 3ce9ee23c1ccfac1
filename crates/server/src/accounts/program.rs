//! An external program as a source of accounts: JSON on its stdin, JSON on its stdout, no shell.
//!
//! The attempt:
//! `{"name":"ann","password":"...","code":null,"from":"192.0.2.7","secured":true,"certificate":null}`.
//! Where the client has shown a certificate it is asked with `"password":null` first, whether that is enough.
//! The answer: `{"verdict":"in"}` with what is granted beside it, under the keys of [`Said`];
//! `{"verdict":"unknown"}`, and others are asked; `{"verdict":"refused"}`; `{"verdict":"wants-code"}`, and the
//! program is asked again with the code. Whatever else it does lets nobody in: another exit code than 0, an
//! answer that is too long, too late or no such JSON, and terms that make no sense.

use super::{Attempt, Said, Source, Terms, Verdict, Why, hash};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The longest answer.
const LONGEST_ANSWER: usize = 64 * 1024;

/// A program that knows accounts.
#[derive(Clone, Debug)]
pub struct Program {
    /// Which.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How long it may take for an answer.
    pub time: Duration,
}

/// What the program is asked.
#[derive(Serialize)]
struct Question<'a> {
    name: &'a str,
    password: Option<&'a str>,
    code: Option<&'a str>,
    from: String,
    secured: bool,
    certificate: Option<String>,
}

/// What it answers, what is granted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    In,
    Unknown,
    Refused,
    WantsCode,
}

impl Source for Program {
    fn verify(&self, attempt: &Attempt) -> Verdict {
        self.judge(attempt, Some(attempt.password.reveal()))
    }

    fn recognise(&self, attempt: &Attempt) -> Verdict {
        self.judge(attempt, None)
    }
}

impl Program {
    /// The verdict with this password, or before any is asked for.
    fn judge(&self, attempt: &Attempt, password: Option<&[u8]>) -> Verdict {
        let answer = match question(attempt, password) {
            Some(question) => self.ask(&question).and_then(|answer| read(&answer)),
            // JSON has no room for bytes that are no text; nobody is known by such a name.
            None => return Verdict::Refused(Why::Unknown),
        };
        let broken = |error: io::Error| {
            hash::waste(attempt.password.reveal());
            Verdict::Refused(Why::Broken(format!("{}: {error}", self.path.display())))
        };
        match answer {
            Ok((Word::In, terms)) => match terms.admit(attempt, super::now()) {
                Ok(()) => Verdict::In(Box::new(terms.member(&attempt.name))),
                Err(why) => Verdict::Refused(why),
            },
            Ok((Word::Unknown, _)) => Verdict::Refused(Why::Unknown),
            Ok((Word::Refused, _)) => Verdict::Refused(Why::Password),
            // Asked for again and again it would be no factor.
            Ok((Word::WantsCode, _)) if attempt.code.is_some() => Verdict::Refused(Why::Code),
            Ok((Word::WantsCode, _)) => Verdict::WantsCode,
            Err(error) => broken(error),
        }
    }
}

/// The question, if all that was said is text.
fn question(attempt: &Attempt, password: Option<&[u8]>) -> Option<Vec<u8>> {
    let code = attempt.code.as_ref().map(|code| str::from_utf8(code.reveal())).transpose();
    let question = Question {
        name: str::from_utf8(attempt.name.as_bytes()).ok()?,
        password: password.map(str::from_utf8).transpose().ok()?,
        code: code.ok()?,
        from: attempt.from.to_canonical().to_string(),
        secured: attempt.secured,
        certificate: attempt.certificate.map(|shown| shown.to_string()),
    };
    let mut line = serde_json::to_vec(&question).ok()?;
    line.push(b'\n');
    Some(line)
}

/// The word of an answer, and what is granted with it.
fn read(answer: &[u8]) -> io::Result<(Word, Terms)> {
    let malformed =
        |error: &dyn std::fmt::Display| io::Error::other(format!("bad answer: {error}"));
    let mut keys: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(answer).map_err(|error| malformed(&error))?;
    let word = keys.remove("verdict").unwrap_or_default();
    let word = Word::deserialize(word).map_err(|error| malformed(&error))?;
    let said = Said::deserialize(serde_json::Value::Object(keys));
    let said = said.map_err(|error| malformed(&error))?;
    Ok((word, Terms::try_from(&said).map_err(|error| malformed(&error))?))
}

impl Program {
    /// Runs the program on a question; its answer.
    fn ask(&self, question: &[u8]) -> io::Result<Vec<u8>> {
        let deadline = Instant::now() + self.time;
        let child = Command::new(&self.path)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Whom it starts ends with it.
            .process_group(0)
            .spawn()?;
        let mut running = Running { child, ended: false };
        if let Some(mut stdin) = running.child.stdin.take() {
            // A pipe has room for it. A program that answers without reading has its reasons.
            let _ = stdin.write_all(question);
        }
        let answer = running.hear(deadline)?;
        running.end(deadline)?;
        Ok(answer)
    }
}

/// A program that runs. Dropped before its end, it and its whole group are killed.
struct Running {
    child: Child,
    ended: bool,
}

impl Running {
    /// All that it writes.
    fn hear(&mut self, deadline: Instant) -> io::Result<Vec<u8>> {
        let Some(mut stdout) = self.child.stdout.take() else { return Ok(Vec::new()) };
        let (mut answer, mut room) = (Vec::new(), [0; 4096]);
        loop {
            wait_for(&stdout, deadline)?;
            match stdout.read(&mut room)? {
                0 => return Ok(answer),
                n => answer.extend_from_slice(&room[..n]),
            }
            if answer.len() > LONGEST_ANSWER {
                return Err(io::Error::other("its answer is too long"));
            }
        }
    }

    /// Its end, which must be a good one.
    fn end(&mut self, deadline: Instant) -> io::Result<()> {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            wait_for(&pidfd_open(pid, PidfdFlags::empty())?, deadline)?;
        }
        let status = self.child.wait()?;
        self.ended = true;
        if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // The program itself may have ended already, and left others behind. As long as it has not been waited
        // for, its number is nobody else's.
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        // Nothing is left to be done where that fails.
        let _ = self.child.wait();
    }
}

/// Waits until there is something to read, or an end.
fn wait_for(what: &impl AsFd, deadline: Instant) -> io::Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
    match poll(&mut [PollFd::new(what, PollFlags::IN)], Some(&left)) {
        Ok(0) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")),
        Ok(_) => Ok(()),
        Err(rustix::io::Errno::INTR) => wait_for(what, deadline),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
