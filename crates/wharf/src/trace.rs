//! `--trace`: keeps events and draws a ladder for each session when the command is over.
//!
//! What rows there are and how they look is `wharf_ladder`'s business.

use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use wharf_client::Tap;
use wharf_ladder::findings::with_ghosts;
use wharf_ladder::{Ladder, Options, text};
use wharf_proto::tap::{Event, SessionId};

use crate::terminal;

/// How wide a ladder in a file is.
const FILE_WIDTH: usize = 100;

/// Collects events for a ladder.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    events: Arc<Mutex<Vec<Event>>>,
    to: PathBuf,
}

impl Trace {
    /// A trace that will be drawn into the file `to`, `-` being standard error.
    pub(crate) fn new(to: PathBuf) -> Self {
        Self { events: Arc::default(), to }
    }

    /// The tap that feeds it.
    pub(crate) fn tap(&self) -> Tap {
        let events = Arc::clone(&self.events);
        Arc::new(move |event| events.lock().unwrap_or_else(PoisonError::into_inner).push(event))
    }

    /// Draws what happened.
    pub(crate) fn draw(&self) -> anyhow::Result<()> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sessions: Vec<SessionId> = events.iter().map(|event| event.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        let to_terminal = self.to == Path::new("-");
        let options = options(to_terminal);
        let draw = |session: &SessionId| {
            let events = events.iter().filter(|event| event.session == *session);
            let ladder = Ladder::from_events(events);
            let findings = ladder.findings();
            let rows = with_ghosts(&ladder.numbered(), &findings);
            text::render(&rows, ladder.ends(), &options) + &text::verdicts(&findings, &options)
        };
        let text = sessions.iter().map(draw).collect::<Vec<_>>().join("\n");
        if to_terminal {
            terminal::say(text.trim_end());
            return Ok(());
        }
        fs::write(&self.to, text).with_context(|| format!("cannot write {}", self.to.display()))
    }
}

fn options(to_terminal: bool) -> Options {
    let width = if to_terminal { terminal::columns() } else { Some(FILE_WIDTH) };
    let plain = Options::default();
    Options {
        width: width.unwrap_or(plain.width),
        ascii: to_terminal && !terminal::speaks_utf8(),
        colour: to_terminal && io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none(),
        lang: terminal::language(),
        ..plain
    }
}
