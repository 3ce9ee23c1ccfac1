//! Ctrl-C, SIGTERM and SIGHUP: what is under way is broken off in order, and a second one ends at once.
//!
//! Who waits for what is decided where [`unless_interrupted`] is called. In a shell Ctrl-C ends what it carries out, and
//! the two others end the program, as the system does it; a single command heeds all three alike ([`heeding_signals`]).
//! They are heard on a thread of their own, because the one that does the work may be stuck: in a write to a pipe that
//! nobody reads, say. Then nobody takes in the first of them, and the second ends the program.

use std::cell::RefCell;
use std::fs;
use std::future::{Future, pending, poll_fn};
use std::process;
use std::sync::{Arc, OnceLock, mpsc as handover};
use std::task::{Context, Poll};
use std::thread;

use anyhow::Context as _;
use tokio::signal::unix::{self, SignalKind, signal};
use tokio::sync::mpsc;
use wharf_client::{Error, Session};

use crate::commands::client_runtime;
use crate::exit::{Interrupted, Signal};

/// What ends a command.
const ENDING: [Signal; 3] = [Signal::Interrupt, Signal::Terminate, Signal::HangUp];

tokio::task_local! {
    /// The signals that the command heeds, from when it first waits for something. Before that they end it at once.
    static HEEDED: RefCell<Option<mpsc::Receiver<Signal>>>;
}

/// Waits for signals. From when it is made none of them ends the program by itself, and none is missed.
struct Listener(Vec<(Signal, unix::Signal)>);

impl Listener {
    /// A listener for them, but for SIGHUP where whoever started the program wants it not heard, as `nohup` does.
    /// That a shell has a program in the background ignore Ctrl-C says nothing of `kill -INT`.
    fn new() -> Self {
        let heard = ENDING.iter().filter_map(|by| {
            let kind = kind(*by);
            // Where one cannot be waited for, it ends the program as usual.
            let is_deaf = *by == Signal::HangUp && is_ignored(kind);
            if is_deaf { None } else { Some((*by, signal(kind).ok()?)) }
        });
        Self(heard.collect())
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Signal> {
        let came = |(by, signal): &mut (Signal, unix::Signal)| {
            signal.poll_recv(context).is_ready().then_some(*by)
        };
        self.0.iter_mut().find_map(came).map_or(Poll::Pending, Poll::Ready)
    }
}

fn kind(signal: Signal) -> SignalKind {
    match signal {
        Signal::Interrupt => SignalKind::interrupt(),
        Signal::Terminate => SignalKind::terminate(),
        Signal::HangUp => SignalKind::hangup(),
    }
}

/// Whether the program was started so that this signal does nothing.
fn is_ignored(kind: SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}

/// Does a command that SIGTERM and SIGHUP end as Ctrl-C does, in order.
pub(crate) async fn heeding_signals<T>(command: impl Future<Output = T>) -> T {
    HEEDED.scope(RefCell::default(), command).await
}

/// The next of those signals. Who is no command, such as a shell, heeds Ctrl-C alone.
async fn told() -> Signal {
    if HEEDED.try_with(|_| ()).is_err() {
        return match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Interrupt,
            // Where no signal can be waited for, none is: Ctrl-C then ends the program as usual.
            Err(_) => pending().await,
        };
    }
    poll_fn(|context| {
        HEEDED.with(|heeded| {
            let mut heeded = heeded.borrow_mut();
            match heeded.get_or_insert_with(told_in_turn).poll_recv(context) {
                Poll::Ready(Some(by)) => Poll::Ready(by),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            }
        })
    })
    .await
}

/// Does `work` until it is done, or somebody tells the program to end.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Result<T, Interrupted> {
    tokio::select! {
        done = work => Ok(done),
        by = told() => Err(Interrupted { by }),
    }
}

/// Does something with a session. When it is to end, the transfer is broken off with ABOR, so that the server
/// knows and the session can go on.
pub(crate) async fn with_session<T>(
    session: &mut Session,
    work: impl AsyncFnOnce(&mut Session) -> Result<T, Error>,
) -> anyhow::Result<T> {
    match unless_interrupted(work(session)).await {
        Ok(result) => Ok(result?),
        Err(interrupted) => {
            // If the server does not go along, closing the connection tells it as well.
            let _ = unless_interrupted(session.abort()).await;
            Err(interrupted.into())
        }
    }
}

/// For who does not wait but goes round: whether somebody has told the program to end, by Ctrl-C or a signal from elsewhere.
pub(crate) fn told_to_end() -> anyhow::Result<Told> {
    let told = Told::default();
    let first = Arc::clone(&told.0);
    hear(move |by| {
        if first.set(by).is_err() {
            end(by);
        }
    })?;
    Ok(told)
}

/// By which signal the program was told to end, if it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<OnceLock<Signal>>);

impl Told {
    /// Whether it was.
    pub(crate) fn is_told(&self) -> bool {
        self.0.get().is_some()
    }

    /// Nothing, as long as it was not.
    ///
    /// # Errors
    /// It was.
    pub(crate) fn heed(&self) -> Result<(), Interrupted> {
        self.0.get().map_or(Ok(()), |by| Err(Interrupted { by: *by }))
    }
}

/// The signals that come from now on, each to be taken in before the next one comes. None where they cannot be heard: then
/// they end the program as usual.
fn told_in_turn() -> mpsc::Receiver<Signal> {
    let (tell, told) = mpsc::channel(1);
    let heard = hear(move |by| {
        if tell.try_send(by).is_err() {
            end(by);
        }
    });
    if let Err(error) = heard {
        tracing::debug!(%error, "signals end the program at once");
    }
    told
}

/// Has `told` hear of every signal that ends a command, on a thread of its own.
fn hear(mut told: impl FnMut(Signal) + Send + 'static) -> anyhow::Result<()> {
    let (ready, begun) = handover::sync_channel(1);
    let wait = move || {
        let Ok(runtime) = client_runtime() else { return };
        let mut listener = runtime.block_on(async { Listener::new() });
        // From here on none is missed.
        let _ = ready.send(());
        loop {
            told(runtime.block_on(poll_fn(|context| listener.poll(context))));
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).context("cannot begin")?;
    begun.recv().context("cannot begin")
}

/// Ends the program, whatever it is in the midst of.
#[expect(clippy::exit, reason = "the thread that could end in order is stuck")]
fn end(by: Signal) {
    process::exit(by.exit() as i32);
}
