//! Where jobs speak: above the line that is being edited, through a bar, or simply.
//!
//! The line editor may take its time to take a message in, so at a terminal a thread hands them over; no job waits for
//! that.

use std::fmt::Display;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use rustyline::ExternalPrinter;

use crate::commands::explained;
use crate::exit::Exit;
use crate::progress::Screen;
use crate::terminal;

/// Hands on what jobs say. Clones speak in the same place.
#[derive(Clone, Debug)]
pub(super) struct Notices {
    screen: Screen,
    /// To where lines are edited, if they are.
    editor: Option<Sender<String>>,
}

impl Notices {
    /// Notices beside what is on the screen; `printer` is the line editor's.
    pub(super) fn new(
        screen: Screen,
        printer: Option<impl ExternalPrinter + Send + 'static>,
    ) -> Self {
        let editor = printer.and_then(|mut printer| {
            let (sender, lines) = channel::<String>();
            let hand_over = move || {
                for line in lines {
                    if printer.print(format!("{line}\n")).is_err() {
                        terminal::say(line);
                    }
                }
            };
            thread::Builder::new().name("notices".to_owned()).spawn(hand_over).ok()?;
            Some(sender)
        });
        Self { screen, editor }
    }

    /// Says it.
    fn say(&self, line: String) {
        match &self.editor {
            Some(editor) if !self.screen.has_bar() => {
                // It takes lines as long as the program runs.
                let _ = editor.send(line);
            }
            _ => self.screen.say(line),
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

    /// Says what went wrong; gives the exit code for it.
    pub(super) fn fault(&self, error: impl Into<anyhow::Error>) -> Exit {
        let (exit, words) = explained(&error.into(), &format!("wharf: {}", self.name));
        words.into_iter().for_each(|words| self.notices.say(words));
        exit
    }
}
