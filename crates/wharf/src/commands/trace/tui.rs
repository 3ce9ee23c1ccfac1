//! `wharf trace --tui`: sessions on a screen of their own, to look through, compare and follow.
//!
//! `app.rs` is what the screen is about and what keys do to it, `draw.rs` makes it a buffer, `read.rs` feeds it from a thread,
//! `screen.rs` takes the terminal and gives it back. This file is the loop between them.

pub(super) mod app;
mod diff;
mod draw;
pub(super) mod entries;
mod fit;
mod ladder;
mod pane;
mod read;
mod screen;
#[cfg(test)]
mod tests;
mod words;

use std::io::{self, IsTerminal};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};

use super::source::Source;
use crate::args::trace::TraceArgs;
use crate::exit::{Exit, Interrupted, Usage};
use crate::interrupt;
use app::{Action, App, Update};
use read::Reading;
use screen::Screen;

/// How long is waited for a key before it is looked what else has come.
const WAIT: Duration = Duration::from_millis(50);
/// How long is waited for what comes, while much does, before it is looked whether a key was pressed.
const SLICE: Duration = Duration::from_millis(15);
/// How often open sessions are looked at.
const LOOK: Duration = Duration::from_millis(300);

pub(super) fn run(source: Source, arguments: &TraceArgs) -> anyhow::Result<Exit> {
    if !io::stdout().is_terminal() {
        return Err(Usage("--tui needs a terminal as its standard output".to_owned()).into());
    }
    let told = interrupt::told_to_end()?;
    let mut app = App::new(source.name().to_owned(), super::options(&arguments.drawing));
    app.follows = arguments.follow;
    let dropped = source.dropped();
    let mut reading = Reading::begin(source, arguments, app.lang())?;
    let mut screen = Screen::begin()?;
    let (mut looked, mut drawn) = (Instant::now(), None::<Instant>);
    let mut is_stale = true;
    let mut failed = false;
    loop {
        reading.take_in(if app.is_reading { SLICE } else { Duration::ZERO }, |update| {
            failed |= matches!(update, Update::End(Some(_), _));
            app.take(update);
            is_stale = true;
        });
        if app.is_reading && looked.elapsed() >= LOOK {
            looked = Instant::now();
            let before = std::mem::replace(&mut app.dropped, dropped.load(Ordering::Relaxed));
            is_stale |= before != app.dropped;
            reading.look(|update| {
                app.take(update);
                is_stale = true;
            });
        }
        // What a key has done is seen at once, what comes now and then.
        if is_stale && drawn.is_none_or(|drawn| drawn.elapsed() >= WAIT) {
            screen.draw(|frame| draw::draw(&mut app, frame.buffer_mut()))?;
            (is_stale, drawn) = (false, Some(Instant::now()));
        }
        told.heed()?;
        let wait = if app.is_reading { Duration::ZERO } else { WAIT };
        if !screen.has_news(wait)? {
            continue;
        }
        drawn = None;
        is_stale = true;
        let Some(key) = pressed(&mut screen)? else { continue };
        match app.handle(key) {
            Action::None => {}
            Action::Quit if failed => return Ok(Exit::Failed),
            Action::Quit => return Ok(Exit::Done),
            Action::Interrupt => return Err(Interrupted::default().into()),
            Action::Suspend => screen.suspend()?,
            Action::Fetch(no) => reading.fetch(no, Update::Again, false)?,
            Action::Unfold(no) => reading.fetch(no, Update::Unfolded, true)?,
        }
    }
}

/// The key that was pressed, if that is what the terminal tells.
fn pressed(screen: &mut Screen) -> anyhow::Result<Option<KeyEvent>> {
    Ok(match event::read().context("the terminal has gone")? {
        Event::Key(key) if key.kind != KeyEventKind::Release => Some(key),
        Event::Resize(..) => {
            screen.renew()?;
            None
        }
        _ => None,
    })
}
