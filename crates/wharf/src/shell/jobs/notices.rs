//! Where jobs speak: above the line that is being edited, through a bar, or simply.
//!
//! The line editor may take its time to take a message in, so at a terminal a thread hands them over; no job waits for
//! that. The same thread nudges the editor, so that the line of the gauge below what is edited moves on.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use rustyline::ExternalPrinter;

use super::gauge::Gauge;
use crate::commands::explained;
use crate::exit::Exit;
use crate::progress::Screen;
use crate::terminal;

/// How often the line of the gauge is looked at.
const GLANCE: Duration = Duration::from_millis(500);
/// What makes the editor draw its line anew and leaves it where it is. The editor begins behind it on a new line, hence
/// the step up.
const NUDGE: &str = "\x1b[A\n";

/// What is for the line editor.
#[derive(Debug)]
enum Message {
    /// A line that is to stand above what is edited.
    Line(String),
    /// There is a job to be looked at.
    Begun,
}

/// Hands on what jobs say. Clones speak in the same place.
#[derive(Clone, Debug)]
pub(super) struct Notices {
    screen: Screen,
    /// To where lines are edited, if they are.
    editor: Option<Sender<Message>>,
}

impl Notices {
    /// Notices beside what is on the screen; `printer` is the line editor's, `gauge` what it shows below its line, where
    /// it can.
    pub(super) fn new(
        screen: Screen,
        printer: Option<impl ExternalPrinter + Send + 'static>,
        gauge: Option<Arc<Gauge>>,
    ) -> Self {
        let editor = printer.and_then(|printer| {
            let (sender, messages) = channel();
            let hand_over = move || hand_over(printer, &messages, gauge.as_deref());
            thread::Builder::new().name("notices".to_owned()).spawn(hand_over).ok()?;
            Some(sender)
        });
        Self { screen, editor }
    }

    /// Tells the editor's side that there is a job to be looked at.
    pub(super) fn begun(&self) {
        if let Some(editor) = &self.editor {
            // It takes messages as long as the program runs.
            let _ = editor.send(Message::Begun);
        }
    }

    /// Says it.
    fn say(&self, line: String) {
        self.tell(line, Screen::say);
    }

    /// Gives out a line of data.
    fn data(&self, line: String) {
        self.tell(line, Screen::data);
    }

    /// Has it stand above the line that is edited; where none is, `otherwise` writes it.
    fn tell(&self, line: String, otherwise: impl FnOnce(&Screen, String)) {
        match &self.editor {
            Some(editor) if !self.screen.has_bar() => {
                let _ = editor.send(Message::Line(line));
            }
            _ => otherwise(&self.screen, line),
        }
    }
}

/// Hands messages over to the line editor until there can be no more.
fn hand_over(
    mut printer: impl ExternalPrinter,
    messages: &Receiver<Message>,
    gauge: Option<&Gauge>,
) {
    loop {
        let message = match gauge.filter(|gauge| !gauge.is_done()) {
            Some(_) => messages.recv_timeout(GLANCE),
            None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match message {
            Ok(Message::Line(line)) => {
                if let Some(gauge) = gauge {
                    gauge.look();
                }
                if printer.print(format!("{line}\n")).is_err() {
                    terminal::say(line);
                }
            }
            Ok(Message::Begun) => {}
            Err(RecvTimeoutError::Timeout) => {
                if gauge.is_some_and(Gauge::wants_a_nudge) {
                    // A line that is not drawn anew is old, and no harm.
                    let _ = printer.print(NUDGE.to_owned());
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// What one job says.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    notices: Notices,
    /// What stands before it.
    name: String,
}

impl Voice {
    /// The voice of the job of this name.
    pub(super) fn new(notices: Notices, name: String) -> Self {
        Self { notices, name }
    }

    /// Says something, unless quiet is wanted.
    pub(super) fn note(&self, words: impl Display) {
        if !self.notices.screen.is_quiet() {
            self.notices.say(format!("{}: {words}", self.name));
        }
    }

    /// Gives out a line of data.
    pub(super) fn data(&self, line: impl Display) {
        self.notices.data(line.to_string());
    }

    /// Says that something went wrong.
    pub(super) fn complain(&self, words: impl Display) {
        self.notices.say(format!("wharf: {}: {words}", self.name));
    }

    /// Says what went wrong; gives the exit code for it.
    pub(super) fn fault(&self, error: impl Into<anyhow::Error>) -> Exit {
        let (exit, words) = explained(&error.into(), &format!("wharf: {}", self.name));
        words.into_iter().for_each(|words| self.notices.say(words));
        exit
    }
}
