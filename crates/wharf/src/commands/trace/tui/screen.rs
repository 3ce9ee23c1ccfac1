//! The terminal: taken when the screen begins, and given back as it was however it ends, by a key, an error, a signal or a
//! panic.

use std::fs::File;
use std::io::{self, IsTerminal, Stdout, Write};
use std::os::fd::AsFd;
use std::panic;
use std::time::Duration;

use anyhow::Context;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, kill_current_process_group};

use crate::exit::{self, Interrupted};

/// The terminal while the screen is ours.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Shown>>,
    /// Where its keys come from.
    keys: File,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn begin() -> anyhow::Result<Self> {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |told| {
            give_back();
            before(told);
        }));
        let keys = keys().context("cannot read from the terminal")?;
        take().context("cannot take the terminal")?;
        blank().map(|terminal| Self { terminal, keys }).inspect_err(|_| give_back())
    }

    /// Whether there is a key or another event, for which it waits so long.
    ///
    /// The library reads on for ever from a terminal that has gone away, so it is asked only while there is one.
    ///
    /// # Errors
    /// `Interrupted`: the terminal has gone away.
    pub(super) fn has_news(&self, wait: Duration) -> anyhow::Result<bool> {
        self.is_there(Duration::ZERO)?;
        // Some may have been read already.
        if event::poll(Duration::ZERO).context("the terminal has gone")? {
            return Ok(true);
        }
        self.is_there(wait)?;
        event::poll(Duration::ZERO).context("the terminal has gone")
    }

    /// Waits so long at most, unless a key is pressed.
    fn is_there(&self, wait: Duration) -> anyhow::Result<()> {
        let wait = Timespec::try_from(wait).context("too long a wait")?;
        let mut asked = [PollFd::new(&self.keys, PollFlags::IN)];
        match poll(&mut asked, Some(&wait)) {
            // A signal, which is looked at elsewhere.
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("cannot wait for the terminal"),
        }
        let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        match asked.iter().any(|one| one.revents().intersects(gone)) {
            true => Err(Interrupted { by: exit::Signal::HangUp }.into()),
            false => Ok(()),
        }
    }

    /// Draws what has changed.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> anyhow::Result<()> {
        match self.terminal.draw(draw) {
            Ok(_) => Ok(()),
            Err(error) => {
                self.is_there(Duration::ZERO)?;
                Err(error).context("cannot draw")
            }
        }
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
fn blank() -> anyhow::Result<Terminal<CrosstermBackend<Shown>>> {
    execute!(Shown(io::stdout()), Clear(ClearType::All)).context("cannot draw")?;
    Terminal::new(CrosstermBackend::new(Shown(io::stdout()))).context("cannot draw")
}

/// Standard output, for as long as it is a terminal: what is written behind that is lost without an error. The library
/// would tell of one on standard error, and panic where that has gone as well; that the terminal has gone is seen where
/// its keys are waited for.
struct Shown(Stdout);

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        unless_gone(self.0.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        unless_gone(self.0.flush(), ())
    }
}

/// What came of writing; `lost` where the terminal has gone away.
fn unless_gone<T>(written: io::Result<T>, lost: T) -> io::Result<T> {
    match written {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::IO) => Ok(lost),
        written => written,
    }
}

/// Where the library reads keys from: standard input, or the terminal where that is none.
fn keys() -> io::Result<File> {
    match io::stdin().is_terminal() {
        true => io::stdin().as_fd().try_clone_to_owned().map(File::from),
        false => File::open("/dev/tty"),
    }
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
