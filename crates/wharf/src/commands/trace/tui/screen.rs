//! The terminal: taken when the screen begins, and given back as it was however it ends, by a key, an error, a signal or a
//! panic.

use std::io::{self, Stdout};
use std::panic;

use anyhow::Context;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use rustix::process::{Signal, kill_current_process_group};

/// The terminal while the screen is ours.
pub(super) struct Screen {
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn begin() -> anyhow::Result<Self> {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |told| {
            give_back();
            before(told);
        }));
        take().context("cannot take the terminal")?;
        blank().map(|terminal| Self { terminal }).inspect_err(|_| give_back())
    }

    /// Begins anew on a blank screen: its size has changed.
    pub(super) fn renew(&mut self) -> anyhow::Result<()> {
        self.terminal = blank()?;
        Ok(())
    }

    /// Stops the program, and what it runs together with, until the shell lets them go on.
    pub(super) fn suspend(&mut self) -> anyhow::Result<()> {
        give_back();
        kill_current_process_group(Signal::TSTP).context("cannot stop")?;
        take().context("cannot take the terminal again")?;
        self.renew()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// A blank screen. The library's own way to clear one asks the terminal where its cursor is, and waits for the answer.
fn blank() -> anyhow::Result<Terminal<CrosstermBackend<Stdout>>> {
    execute!(io::stdout(), Clear(ClearType::All)).context("cannot draw")?;
    Terminal::new(CrosstermBackend::new(io::stdout())).context("cannot draw")
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, Hide)
}

/// Nothing can be done about a terminal that has gone away.
fn give_back() {
    let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
    let _ = disable_raw_mode();
}
