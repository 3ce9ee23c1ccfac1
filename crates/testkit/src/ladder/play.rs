//! Plays the steps of a ladder against the server machine, with a [`Watch`] beside it.

use std::sync::Arc;
use std::time::Duration;

use wharf_proto::Moment;
use wharf_proto::server::{Effect, EffectId, Outcome, Output, Session};

use super::file::{Given, Ladder, Step};
use super::words;
use crate::escape::escape;
use crate::watch::Watch;

/// A ladder while it is played.
struct Player {
    session: Session,
    watch: Watch,
    now: Moment,
    /// The last effect that was asked for, besides transfers.
    effect: Option<EffectId>,
    /// The last transfer that was asked for.
    transfer: Option<EffectId>,
    segment: Vec<u8>,
    reads: bool,
    /// The client sends no more.
    over: bool,
    closed: bool,
}

/// Plays a ladder, and gives the whole of it as text.
pub(super) fn play(ladder: &Ladder) -> Result<String, String> {
    let mut player = Player::new(&ladder.given);
    let mut greeting = player.open();
    if let Some(name) = ladder.given.login {
        player.log_in(name);
        greeting.clear();
    }
    let mut answers = Vec::new();
    for row in &ladder.rows {
        let answer = match &row.step {
            Some(step) => player.step(step).map_err(|e| format!("line {}: {e}", row.number))?,
            None => Vec::new(),
        };
        answers.push(answer);
    }
    Ok(ladder.print(&greeting, &answers))
}

impl Player {
    fn new(given: &Given) -> Self {
        let (client, server) = match given.ipv6 {
            false => (([192, 0, 2, 7], 40000).into(), ([192, 0, 2, 1], 21).into()),
            true => {
                let at = |last| [0x2001, 0xdb8, 0, 0, 0, 0, 0, last];
                ((at(7), 40000).into(), (at(1), 21).into())
            }
        };
        Self {
            session: Session::new(Arc::new(given.policy.clone()), client, server, true),
            watch: Watch::new(given.policy.line_cap),
            now: Moment::START,
            effect: None,
            transfer: None,
            segment: Vec::new(),
            reads: true,
            over: false,
            closed: false,
        }
    }

    fn open(&mut self) -> Vec<String> {
        self.session.handle_opened(self.now);
        self.answers()
    }

    /// What ladders call `logged in`, without a trace.
    fn log_in(&mut self, name: &str) {
        self.bytes(format!("USER {name}\r\nPASS secret\r\n").as_bytes());
        self.answers();
        let outcome = words::logged_in(name);
        self.hand_in(self.effect.unwrap_or_default(), outcome);
        self.answers();
    }

    fn step(&mut self, step: &Step) -> Result<Vec<String>, String> {
        match step {
            Step::Bytes { bytes, more } => {
                self.segment.extend_from_slice(bytes);
                if *more {
                    return Ok(Vec::new());
                }
                let segment = std::mem::take(&mut self.segment);
                self.bytes(&segment);
            }
            Step::Outcome(text) => {
                let (kept, text) = match text.strip_prefix("kept, ") {
                    Some(text) => (true, text),
                    None => (false, text.as_str()),
                };
                if kept {
                    self.session.handle_data_kept();
                }
                let outcome = words::outcome(text).ok_or_else(|| format!("no outcome: {text}"))?;
                let of_transfer = words::is_of_transfer(&outcome);
                let id = if of_transfer { self.transfer } else { self.effect };
                self.hand_in(id.ok_or("no effect was asked for")?, outcome);
            }
            Step::Wait(duration) => return self.wait(*duration),
            Step::InputEnd => {
                self.over = true;
                self.watch.input_ended();
                self.session.handle_input_end(self.now);
            }
            Step::Shutdown => self.session.handle_shutdown(self.now),
            Step::Moved(bytes) => self.session.handle_progress(*bytes),
        }
        Ok(self.answers())
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.watch.sent(bytes);
        self.session.handle_bytes(self.now, bytes);
    }

    fn hand_in(&mut self, id: EffectId, outcome: Outcome) {
        self.watch.outcome(id, &outcome);
        self.session.handle_outcome(self.now, id, outcome);
    }

    /// Lets time go by; each deadline on the way comes when it is due.
    fn wait(&mut self, duration: Duration) -> Result<Vec<String>, String> {
        let until = self.now + duration;
        let mut answers = Vec::new();
        while !self.closed
            && let Some(deadline) = self.session.deadline().filter(|deadline| *deadline <= until)
        {
            self.now = self.now.max(deadline);
            self.session.handle_timeout(self.now);
            answers.extend(self.answers());
            if !self.closed && self.session.deadline() == Some(deadline) {
                return Err(format!("the deadline {deadline:?} does not go away"));
            }
        }
        self.now = until;
        Ok(answers)
    }

    /// What the machine has put out, in words.
    fn answers(&mut self) -> Vec<String> {
        let mut answers = Vec::new();
        while let Some(output) = self.session.poll_output() {
            self.watch.output(&output);
            match output {
                Output::Send(bytes) => answers.extend(lines(&bytes)),
                Output::Do(id, effect) => {
                    answers.push(format!("[{}]", words::effect(&effect)));
                    match effect {
                        Effect::Transfer(_) => self.transfer = Some(id),
                        _ => self.effect = Some(id),
                    }
                }
                Output::Cancel(id) if self.effect == Some(id) => {
                    answers.push("[stop the action]".to_owned());
                }
                Output::Cancel(_) => answers.push("[cancel the transfer]".to_owned()),
                Output::Tap(_) => {}
                Output::Close => {
                    (self.over, self.closed) = (true, true);
                    answers.push("(closed)".to_owned());
                }
            }
        }
        self.watch.settled();
        if !self.over && self.reads != self.session.wants_bytes() {
            self.reads = !self.reads;
            let words = if self.reads { "(reads on)" } else { "(reads no more for now)" };
            answers.push(words.to_owned());
        }
        answers
    }
}

/// The lines of a reply; what does not end with CR LF gets a backslash behind it.
fn lines(bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let line = escape(&rest[..at]);
        // A space at the end would not be seen.
        lines.push(match line.strip_suffix(' ') {
            Some(line) => format!("{line}\\x20"),
            None => line,
        });
        rest = &rest[at + 2..];
    }
    if !rest.is_empty() {
        lines.push(format!("{}\\", escape(rest)));
    }
    lines
}
