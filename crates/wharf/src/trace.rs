//! `--trace`: keeps events and draws a ladder for each session when the command is over, or writes them down.
//!
//! What rows there are and how they look is `wharf_ladder`'s business.

use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use wharf_client::Tap;
use wharf_ladder::findings::with_ghosts;
use wharf_ladder::scene::{Part, join};
use wharf_ladder::{Channel, Ladder, Options, Row, text};
use wharf_proto::tap::{Event, SessionId};

use crate::{tap, terminal};

/// How wide a ladder in a file is.
const FILE_WIDTH: usize = 100;

/// Collects events for a ladder.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    events: Arc<Mutex<Vec<Event>>>,
    to: PathBuf,
    /// Whether a session with each of two servers is one picture.
    joins: bool,
    /// When it was begun, since 1970.
    began: Duration,
}

impl Trace {
    /// A trace that will be drawn into the file `to`, `-` being standard error.
    pub(crate) fn new(to: PathBuf) -> Self {
        Self { events: Arc::default(), to, joins: false, began: tap::since_1970() }
    }

    /// The same for what goes between two servers.
    pub(crate) fn between_servers(to: PathBuf) -> Self {
        Self { joins: true, ..Self::new(to) }
    }

    /// The tap that feeds it.
    pub(crate) fn tap(&self) -> Tap {
        let events = Arc::clone(&self.events);
        Arc::new(move |event| events.lock().unwrap_or_else(PoisonError::into_inner).push(event))
    }

    /// Draws what happened.
    pub(crate) fn draw(&self) -> anyhow::Result<()> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if self.to.extension().is_some_and(|end| end == "jsonl") {
            return tap::write(&self.to, self.began, &events);
        }
        let mut sessions: Vec<SessionId> = events.iter().map(|event| event.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        let to_terminal = self.to == Path::new("-");
        let options = options(to_terminal);
        let of = |session: &SessionId| {
            Ladder::from_events(events.iter().filter(|event| event.session == *session))
        };
        let ladders: Vec<Ladder> = sessions.iter().map(of).collect();
        let draw = |ladder: &Ladder| {
            let findings = ladder.findings();
            let rows = with_ghosts(&ladder.numbered(), &findings);
            text::render(&rows, ladder.ends(), &options) + &text::verdicts(&findings, &options)
        };
        let joined = if self.joins { draw_joined(&ladders, &options) } else { None };
        let text = match joined {
            Some(text) => text,
            None => ladders.iter().map(draw).collect::<Vec<_>>().join("\n"),
        };
        if to_terminal {
            terminal::say(text.trim_end());
            return Ok(());
        }
        fs::write(&self.to, text).with_context(|| format!("cannot write {}", self.to.display()))
    }
}

/// One session with each of two servers, as one picture of three lifelines; data connections with us have no place in
/// it.
fn draw_joined(ladders: &[Ladder], options: &Options) -> Option<String> {
    let [first, second] = ladders else { return None };
    let rows = [first.numbered(), second.numbered()];
    let is_ours = |row: &Row| row.channel != Channel::Control;
    if rows.iter().flatten().any(is_ours) {
        return None;
    }
    let part = |no, ladder: &Ladder, rows| {
        let findings = ladder.findings();
        Some(Part { no, rows, ends: ladder.ends()?, conns: Vec::new(), findings })
    };
    let scene = join(&[part(1, first, &rows[0])?, part(2, second, &rows[1])?])?;
    Some(text::scene(&scene, options) + &text::verdicts(&scene.findings, options))
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
