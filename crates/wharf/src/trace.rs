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
use wharf_ladder::scene::scenes;
use wharf_ladder::tap::Told;
use wharf_ladder::{Options, Scene, text};
use wharf_proto::tap::Event;

use crate::{tap, terminal};

/// How wide a ladder in a file is.
const FILE_WIDTH: usize = 100;

/// Collects events for a ladder.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    events: Arc<Mutex<Vec<Event>>>,
    to: PathBuf,
    /// When it was begun, since 1970.
    began: Duration,
}

impl Trace {
    /// A trace that will be drawn into the file `to`, `-` being standard error.
    pub(crate) fn new(to: PathBuf) -> Self {
        Self { events: Arc::default(), to, began: tap::since_1970() }
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
        let mut told = Told::default();
        events.iter().for_each(|event| told.push(event));
        let to_terminal = self.to == Path::new("-");
        let options = options(to_terminal);
        let draw = |scene: &Scene| {
            text::scene(scene, &options) + &text::verdicts(&scene.findings, &options)
        };
        let drawn: Vec<String> = told
            .finish()
            .iter()
            .flat_map(|group| scenes(group))
            .map(|scene| draw(&scene))
            .collect();
        let text = drawn.join("\n");
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
