//! The server's log on standard error, which no session waits for.
//!
//! Whoever reads standard error may stop doing so: a pipe to a program that hangs, a terminal that is held. A write to it
//! then blocks, and a session that writes its own line would stand still with it. So sessions only put their lines
//! into a buffer, and a thread writes them out; what finds no room is dropped and counted, and the log says how many
//! lines are missing at the place where they are. Until that thread has begun, and from that thread, lines are
//! written at once: a process that is yet to be confined has no second thread, and nobody waits for it.
//!
//! There are crates for this. They keep lines one by one, do not say where some are missing, and end after a fixed time,
//! whether somebody still reads or not.

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;
use std::{env, mem};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::args::serve::LogFormat;

/// Bytes of lines that may wait. As many again may be on their way out.
const ROOM: usize = 1 << 20;
/// Bytes that are written at a time.
const PIECE: usize = 1 << 16;
/// How long the end of the program waits for a reader that takes nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where lines wait, shared by those who log and the thread that writes.
#[derive(Clone)]
pub(super) struct Log(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write, or nothing will be any more.
    filled: Condvar,
    /// Something was written, or the thread has ended.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    /// Lines that found no room behind these.
    dropped: u64,
    /// Who writes, as soon as somebody does.
    writer: Option<ThreadId>,
    /// How many pieces were written out.
    pieces: u64,
    ends: bool,
}

/// Lets the log go out, and waits for that when it is dropped.
pub(super) struct Outlet(Log);

/// Begins the log. No thread is started yet.
pub(super) fn start(quiet: bool, format: LogFormat) -> Log {
    let log = Log(Arc::default());
    let level = if quiet { LevelFilter::WARN } else { LevelFilter::INFO };
    // In a journal or a file colours are noise, and a reader could not tell them from what somebody has smuggled in.
    let colours = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
    let subscriber = tracing_subscriber::fmt().with_max_level(level).with_ansi(colours);
    let subscriber = subscriber.with_writer(log.clone());
    match format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().init(),
    }
    log
}

impl Log {
    /// From here on nobody waits who logs. To be called once the process is confined.
    ///
    /// # Errors
    /// No thread could be started.
    pub(super) fn let_out(self) -> io::Result<Outlet> {
        let log = self.clone();
        // Whoever logs before the thread is known to write does so by itself.
        let writer = thread::Builder::new().name("log".into()).spawn(move || log.write_out())?;
        self.state().writer = Some(writer.thread().id());
        Ok(Outlet(self))
    }

    /// Takes a line, or counts it if there is no room. Behind one that was dropped none is taken, so that it is known
    /// where they are missing.
    fn put(&self, line: &[u8]) {
        let mut state = self.state();
        if state.writer.is_none_or(|writer| writer == thread::current().id()) {
            drop(state);
            // There is nobody to tell that the log cannot be written.
            let _ = io::stderr().write_all(line);
            return;
        }
        if state.dropped > 0 || state.lines.len() + line.len() > ROOM {
            state.dropped += 1;
            return;
        }
        state.lines.extend_from_slice(line);
        drop(state);
        self.0.filled.notify_one();
    }

    fn write_out(&self) {
        loop {
            let mut state = self.state();
            while state.lines.is_empty() && !state.ends {
                state = self.0.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let (ends, dropped) = (state.ends, mem::take(&mut state.dropped));
            let lines = mem::take(&mut state.lines);
            drop(state);
            for piece in lines.chunks(PIECE) {
                // As above; and who comes back to read finds a log that goes on.
                let _ = io::stderr().write_all(piece);
                self.state().pieces += 1;
                self.0.emptied.notify_all();
            }
            if dropped > 0 {
                tracing::warn!(lines = dropped, "nobody read the log: lines are missing here");
            }
            let mut state = self.state();
            // What came between the last turn and the end is written before it.
            let over = ends && state.lines.is_empty();
            if over {
                state.writer = None;
            }
            drop(state);
            self.0.emptied.notify_all();
            if over {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let Self(log) = self;
        let mut state = log.state();
        state.ends = true;
        log.0.filled.notify_one();
        while state.writer.is_some() {
            let pieces = state.pieces;
            let waited = log.0.emptied.wait_timeout(state, PATIENCE);
            let (now, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = now;
            if waited.timed_out() && state.pieces == pieces {
                return;
            }
        }
    }
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
